"""Settings from the environment and `.env`, read once into one frozen value. Every variable is in one table."""

import io
import os
import re
import secrets
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import unquote, urlsplit

from dotenv.parser import Original, parse_stream
from email_validator import EmailNotValidError, validate_email

from mailer.delivery.profiles import PROFILES, Profile, adjusted, guessed
from mailer.delivery.relay import Relay, Security
from mailer.errors import BadInput, Problem

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder: templates/, agenda/, recipients/ and var/ are in it."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One setting: its name, what it means in the operator's words, and what holds when it is not set."""

    name: str
    meaning: str
    default: str = ""


VARIABLES: tuple[Variable, ...] = (
    Variable(
        name="CONVENOR_SMTP_URL",
        meaning="The mail server: smtp://, smtp+starttls:// or smtps://, as host or host:port. "
        "Empty: nothing leaves this machine, every letter goes to the tray",
    ),
    Variable(name="CONVENOR_SMTP_USER", meaning="User name at the mail server, if not in the URL"),
    Variable(name="CONVENOR_SMTP_PASSWORD", meaning="Password at the mail server, if not in the URL"),
    Variable(
        name="CONVENOR_SMTP_PROFILE",
        meaning=f"What the mail server bears: {', '.join(profile.name for profile in PROFILES)}. "
        "Empty: guessed from the host's name, else own, which knows no limits",
    ),
    Variable(
        name="CONVENOR_SMTP_CONNECTIONS",
        meaning="Connections to the mail server at a time, 1 to 100. Empty: the profile's",
    ),
    Variable(
        name="CONVENOR_SMTP_PER_MINUTE",
        meaning="Letters the mail server takes in a minute. Empty: the profile's",
    ),
    Variable(
        name="CONVENOR_SMTP_PER_DAY",
        meaning="Letters the mail server takes in any 24 hours. Empty: the profile's",
    ),
    Variable(
        name="CONVENOR_FROM",
        meaning="From of every letter, as address or Name <address>: a mailbox a person reads. "
        "Empty: the organiser of the agenda file. Taken over when an agenda is published",
    ),
    Variable(
        name="CONVENOR_DATABASE_URL",
        meaning="Where letters are kept: sqlite:///path or postgresql://user@host/name",
        default="sqlite:///var/convenor.db",
    ),
    Variable(
        name="CONVENOR_BASE_URL",
        meaning="Where readers reach the pages that letters link to, such as https://conference.example. "
        "Empty: this machine, which only the organiser can see",
    ),
    Variable(
        name="CONVENOR_SECRET_KEY",
        meaning="Signs personal links, at least 32 characters. Not set: one is made and kept in var/secret.key",
    ),
    Variable(
        name="CONVENOR_OLD_SECRET_KEYS",
        meaning="Keys that CONVENOR_SECRET_KEY held before, the newest first, separated by commas: the links they "
        "signed open as long as they stand here",
    ),
    Variable(name="CONVENOR_PORT", meaning="Port of the page, on 127.0.0.1", default="8400"),
)

_SECURITY = {"smtp": Security.PLAIN, "smtp+starttls": Security.STARTTLS, "smtps": Security.TLS}
_PORTS = {Security.PLAIN: 25, Security.STARTTLS: 587, Security.TLS: 465}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SHORTEST_SECRET = 32
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says. `relay` is None when letters go to the tray. No secret shows in its repr."""

    relay: Relay | None
    sender: tuple[str, str] | None
    database_url: str = field(repr=False)
    base_url: str
    secret_key: bytes = field(repr=False)
    port: int
    var: Path
    old_secret_keys: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(kw_only=True)
class _Reader:
    """The values of all variables as they were written, and what is wrong with them."""

    values: dict[str, str]
    problems: list[Problem]

    def refuse(self, name: str, message: str) -> None:
        self.problems.append(Problem(file="settings", field=name, message=message))


def load(environment: Mapping[str, str] | None = None, *, root: Path = ROOT) -> Settings:
    """Read the environment over `.env` in the project's folder; what is set to nothing is as if it were not set.

    Raises:
        BadInput: every setting that cannot be used, all at once.
    """
    reader = _Reader(values={variable.name: variable.default for variable in VARIABLES}, problems=[])
    if environment is None:
        environment = _env_file(root / ".env", reader.problems) | dict(os.environ)
    _take(environment, reader)
    port, relay = _port(reader), _bearing(_relay(reader), reader)
    sender, base_url = _sender(reader), _base_url(reader, port)
    database_url, secret = _database_url(reader, root), _secret(environment, reader)
    old_secrets = _old_secrets(reader, secret)
    if reader.problems:
        raise BadInput(sorted(reader.problems, key=lambda problem: problem.field or ""))
    var = root / "var"
    return Settings(
        relay=relay,
        sender=sender,
        database_url=database_url,
        base_url=base_url,
        secret_key=secret or _kept_secret(var),
        port=port,
        var=var,
        old_secret_keys=old_secrets,
    )


def example() -> str:
    """What `.env.example` says: every variable with its meaning and default, all of them left as they are."""
    parts = [
        "# Copy this to .env and remove the # before what you set. The environment goes before the file."
    ]
    comment = textwrap.TextWrapper(
        width=100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    for variable in VARIABLES:
        meaning = comment.fill(f"{variable.meaning}.")
        parts.append(f"{meaning}\n#{variable.name}={variable.default}")
    return "\n\n".join(parts) + "\n"


def _env_file(path: Path, problems: list[Problem]) -> dict[str, str]:
    """The names and values of a file of settings; a line that is none is a problem with its row."""
    if not path.exists():
        return {}
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(file=str(path), message=f"cannot be read: {error}"))
        return {}
    bindings = list(parse_stream(io.StringIO(text)))
    problems += [
        Problem(file=str(path), row=_row(binding.original), message="is not a line like NAME=value")
        for binding in bindings
        if binding.error or (binding.key and binding.value is None)
    ]
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def _row(original: Original) -> int:
    """Where a line of settings begins; the blank lines before it are counted with it."""
    blank = original.string[: len(original.string) - len(original.string.lstrip())]
    return original.line + blank.count("\n")


def _take(environment: Mapping[str, str], reader: _Reader) -> None:
    """Every value that was set, if it is one line and of a variable there is."""
    for name, value in environment.items():
        if name not in reader.values:
            if name.startswith("CONVENOR_"):
                reader.refuse(name, f"is no setting; there are {', '.join(reader.values)}")
        elif _BREAKS.search(value):
            reader.refuse(name, "holds a control character or a line break")
        elif value.strip():
            reader.values[name] = value


def _port(reader: _Reader) -> int:
    text = reader.values["CONVENOR_PORT"]
    if re.fullmatch(r"[1-9][0-9]{0,4}", text) and int(text) <= 65535:
        return int(text)
    reader.refuse("CONVENOR_PORT", f"{text!r} is not a port, 1 to 65535")
    return 0


def _bearing(relay: Relay | None, reader: _Reader) -> Relay | None:
    """The mail server with what it bears; the figures are looked at even where there is none."""
    profile = _profile(reader, relay.host if relay else "")
    return replace(relay, profile=profile) if relay else None


def _profile(reader: _Reader, host: str) -> Profile:
    """The profile that was named, or else is guessed; one's own figures go before its."""
    name = reader.values["CONVENOR_SMTP_PROFILE"]
    profile = next((known for known in PROFILES if known.name == name), guessed(host))
    if name and profile.name != name:
        known = ", ".join(each.name for each in PROFILES)
        reader.refuse("CONVENOR_SMTP_PROFILE", f"{name!r} is no profile; there are {known}")
    return adjusted(
        profile,
        connections=_number(reader, "CONVENOR_SMTP_CONNECTIONS", most=100),
        per_minute=_number(reader, "CONVENOR_SMTP_PER_MINUTE", most=1_000_000),
        per_day=_number(reader, "CONVENOR_SMTP_PER_DAY", most=1_000_000_000),
    )


def _number(reader: _Reader, name: str, *, most: int) -> int | None:
    text = reader.values[name]
    if re.fullmatch(r"[1-9][0-9]{0,9}", text) and int(text) <= most:
        return int(text)
    if text:
        reader.refuse(name, f"{text!r} is not a number, 1 to {most}")
    return None


def _relay(reader: _Reader) -> Relay | None:
    """The mail server. What is refused is not shown: the URL may hold a password."""
    values = reader.values
    url = values["CONVENOR_SMTP_URL"]
    if not url:
        return None
    problem = partial(reader.refuse, "CONVENOR_SMTP_URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        problem(f"its host or port (1 to 65535) is none; {_IN_A_URL}")
        return None
    if parts.scheme not in _SECURITY or not _is_host(parts.hostname or ""):
        problem("is not smtp://, smtp+starttls:// or smtps:// with host and port")
        return None
    if parts.path.strip("/") or parts.query or parts.fragment:
        problem(f"goes on after host and port; {_IN_A_URL}")
        return None
    host, security = parts.hostname or "", _SECURITY[parts.scheme]
    user = unquote(parts.username or "") or values["CONVENOR_SMTP_USER"]
    password = unquote(parts.password or "") or values["CONVENOR_SMTP_PASSWORD"]
    if port == 0:
        problem("the port is not 1 to 65535")
    if _BREAKS.search(user + password):
        problem("its user name or password holds a control character or a line break")
    if bool(user) != bool(password):
        problem("a user name and a password go together: one of them is missing")
    if user and security is Security.PLAIN and host not in _LOOPBACK:
        problem("a password would cross the network in clear; use smtp+starttls:// or smtps://")
    return Relay(host=host, port=port or _PORTS[security], security=security, user=user, password=password)


_IN_A_URL = "in a user name or password write % / ? # @ : as %25 %2F %3F %23 %40 %3A"


def _is_host(text: str) -> bool:
    """A name (RFC 1123 2.1; with the underscore that container networks use) or an IP address."""
    if ":" not in text:
        return len(text) <= 253 and bool(_HOST.fullmatch(text))
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _sender(reader: _Reader) -> tuple[str, str] | None:
    """(name, address) of `Name <address>` or `address`."""
    text = reader.values["CONVENOR_FROM"]
    if not text:
        return None
    found = re.fullmatch(r'(?:"?([^"<>]*?)"?\s*<([^<>]+)>|([^<>\s]+))', text)
    try:
        if not found:
            raise EmailNotValidError("write it as address or Name <address>")
        address = validate_email(
            found[2] or found[3], check_deliverability=False, test_environment=True, allow_smtputf8=False
        )
    except EmailNotValidError as error:
        reader.refuse("CONVENOR_FROM", f"{text!r}: {error}")
        return None
    return found[1] or "", address.ascii_email or address.normalized


def _base_url(reader: _Reader, port: int) -> str:
    """Without its last slash. It stands in a header of every letter, and so is ASCII."""
    url = reader.values["CONVENOR_BASE_URL"].rstrip("/")
    if not url:
        return f"http://127.0.0.1:{port}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if (
        not usable
        or parts.username is not None
        or not re.fullmatch(r"[!-~]{1,200}", url)
        or set("?#<>") & set(url)
    ):
        reader.refuse("CONVENOR_BASE_URL", f"{url!r} is not an address such as https://conference.example")
    return url


def _database_url(reader: _Reader, root: Path) -> str:
    """Relative SQLite paths are meant from the project's folder, wherever the command is run."""
    url = reader.values["CONVENOR_DATABASE_URL"]
    if not re.match(r"sqlite:///[^?]+$|postgresql(\+psycopg)?://.", url):
        reader.refuse("CONVENOR_DATABASE_URL", "is neither sqlite:///path nor postgresql://user@host/name")
    path = url.removeprefix("sqlite:///")
    if path not in {url, ":memory:"}:
        return f"sqlite:///{root / path}"
    return re.sub(r"^postgresql://", "postgresql+psycopg://", url)


def _secret(environment: Mapping[str, str], reader: _Reader) -> bytes:
    """The key that was set; nothing when none was. One that is set to nothing is a mistake, not a wish for another."""
    text = reader.values["CONVENOR_SECRET_KEY"]
    if not text and environment.get("CONVENOR_SECRET_KEY") is not None:
        reader.refuse("CONVENOR_SECRET_KEY", "is set, but empty: give it a value, or do not set it at all")
    elif text and len(text) < _SHORTEST_SECRET:
        reader.refuse("CONVENOR_SECRET_KEY", f"is shorter than {_SHORTEST_SECRET} characters")
    return text.encode()


def _old_secrets(reader: _Reader, secret: bytes) -> tuple[bytes, ...]:
    """The keys of before. What is refused is not shown."""
    written = reader.values["CONVENOR_OLD_SECRET_KEYS"].split(",")
    keys = tuple(key.strip().encode() for key in written if key.strip())
    if any(len(key) < _SHORTEST_SECRET for key in keys):
        reader.refuse("CONVENOR_OLD_SECRET_KEYS", f"holds a key shorter than {_SHORTEST_SECRET} characters")
    if secret in keys:
        reader.refuse("CONVENOR_OLD_SECRET_KEYS", "holds the key in force; name the keys of before alone")
    return keys


def _kept_secret(var: Path) -> bytes:
    """The key in var/secret.key, made at the first start, readable by its owner alone.

    It is written beside its place and then linked there: whoever finds it finds all of it, and the same as others.
    """
    path = var / "secret.key"
    try:
        var.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with NamedTemporaryFile(dir=var, prefix="secret.") as file:
                file.write(secrets.token_urlsafe(48).encode())
                file.flush()
                os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(file.name, path)
        kept = path.read_bytes().strip()
    except OSError as error:
        message = f"cannot be read or written ({error.strerror}); make var/ writable"
        raise BadInput([Problem(file=str(path), message=message)]) from None
    if len(kept) < _SHORTEST_SECRET:
        message = (
            "is damaged: put the key back from a copy, or remove the file for a new one (old links then end)"
        )
        raise BadInput([Problem(file=str(path), message=message)])
    return kept

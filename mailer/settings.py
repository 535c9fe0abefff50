"""Settings from the environment and `.env`, read once into one frozen value. Every variable is in one table.

What they say of mail servers, `mailservers` reads.
"""

import io
import os
import re
import secrets
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from dotenv.parser import Original, parse_stream

from mailer import mailservers
from mailer.composition.dkim import DkimKey
from mailer.delivery.profiles import PROFILES
from mailer.delivery.relay import Relay
from mailer.errors import BadInput, Problem
from mailer.inbox.sent import SentFolder
from mailer.keeping import keep
from mailer.mailservers import OAuth
from mailer.written import BREAKS, Written, is_host

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder: templates/, agenda/, recipients/ and var/ are in it."""

EXAMPLE = ROOT / "agenda" / "osce-cybercrime.toml"
"""What is run where no event of one's own is named."""


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
        name="CONVENOR_SMTP_OAUTH",
        meaning="Who gives access tokens in the password's place: google, microsoft:TENANT or the https:// address "
        "of a token endpoint. Empty: one signs in with the password",
    ),
    Variable(name="CONVENOR_SMTP_OAUTH_CLIENT_ID", meaning="The application's id there"),
    Variable(
        name="CONVENOR_SMTP_OAUTH_CLIENT_SECRET", meaning="The application's secret there, if it has one"
    ),
    Variable(
        name="CONVENOR_SMTP_OAUTH_REFRESH_TOKEN",
        meaning="The refresh token of the mailbox. Empty: the application signs in under its own name",
    ),
    Variable(
        name="CONVENOR_SMTP_OAUTH_SCOPE",
        meaning="What the tokens are asked for. Empty: what the provider's mail server wants",
    ),
    Variable(
        name="CONVENOR_SMTP_PROFILE",
        meaning=f"What the mail server bears: {', '.join(profile.name for profile in PROFILES)}. "
        "Empty: guessed from the host's name, else own, which knows no limits",
    ),
    Variable(
        name="CONVENOR_SMTP_CONNECTIONS",
        meaning="Connections to the mail server at a time, 1 to 200. Empty: the profile's",
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
        name="CONVENOR_SMTP_PER_DOMAIN",
        meaning="Letters a minute to the readers of one domain, the part behind the @. Empty: no limit",
    ),
    Variable(
        name="CONVENOR_IMAP_URL",
        meaning="The account's Sent folder, asked about letters in doubt: imaps://user@host, or with /Folder where "
        "the server does not mark it. Empty: no folder is asked",
    ),
    Variable(
        name="CONVENOR_IMAP_PASSWORD",
        meaning="Password there. Empty: the same tokens as at the mail server",
    ),
    Variable(
        name="CONVENOR_INBOX_URL",
        meaning="Where what comes back is read: imaps://user@host/INBOX, or maildir:/path; several are separated by "
        "commas. Empty: nothing is read",
    ),
    Variable(
        name="CONVENOR_INBOX_PASSWORD",
        meaning="Password there, if not in the URL. Empty: the same tokens as at the mail server",
    ),
    Variable(
        name="CONVENOR_INBOX_DAYS",
        meaning="How many days what people wrote is kept; what followed from it stays",
        default="365",
    ),
    Variable(
        name="CONVENOR_QUESTIONS_TO",
        meaning="Whom people's questions are forwarded to, as an address. Empty: the address in From, unless that is "
        "a mailbox that is read",
    ),
    Variable(
        name="CONVENOR_FROM",
        meaning="From of every letter, as address or Name <address>: a mailbox a person reads. "
        "Empty: the organiser of the agenda file. Taken over when an agenda is published",
    ),
    Variable(
        name="CONVENOR_RETURN_PATH",
        meaning="The mailbox for what comes back, as an address; each letter has its own, by + and a sign behind the "
        "mailbox's name. Empty: what comes back goes to From",
    ),
    Variable(
        name="CONVENOR_DKIM_SELECTOR",
        meaning="The name a DKIM key is published under, in the DNS of From's domain; of several, separated by commas",
    ),
    Variable(
        name="CONVENOR_DKIM_KEY",
        meaning="The file with the private key that letters are signed with, PEM; of several, separated by commas. "
        "Empty: letters are not signed here",
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

_SHORTEST_SECRET = 32


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
    oauth: OAuth | None = None
    sent_folder: SentFolder | None = None
    inboxes: tuple[SentFolder | Path, ...] = ()
    inbox_kept_for: timedelta = timedelta(days=365)
    questions_to: str = ""
    return_path: str = ""
    dkim: tuple[DkimKey, ...] = ()


def load(environment: Mapping[str, str] | None = None, *, root: Path = ROOT) -> Settings:
    """Read the environment over `.env` in the project's folder; what is set to nothing is as if it were not set.

    Raises:
        BadInput: every setting that cannot be used, all at once.
    """
    written = Written(values={variable.name: variable.default for variable in VARIABLES}, problems=[])
    if environment is None:
        environment = _env_file(root / ".env", written.problems) | dict(os.environ)
    _take(environment, written)
    port, relay, folder = _port(written), mailservers.relay(written), mailservers.sent_folder(written)
    inbox_days = written.number("CONVENOR_INBOX_DAYS", most=36_500) or 0
    inboxes, questions_to = mailservers.inboxes(written), mailservers.questions_to(written)
    oauth, return_path = mailservers.oauth(written, folder, *inboxes), mailservers.return_path(written)
    sender, dkim = written.mailbox("CONVENOR_FROM"), mailservers.dkim_keys(written, root)
    base_url, database_url = _base_url(written, port), _database_url(written, root)
    secret = _secret(environment, written)
    old_secrets = _old_secrets(written, secret)
    if written.problems:
        raise BadInput(sorted(written.problems, key=lambda problem: problem.field or ""))
    var = root / "var"
    return Settings(
        relay=relay,
        oauth=oauth,
        sent_folder=folder,
        inboxes=inboxes,
        inbox_kept_for=timedelta(days=inbox_days),
        questions_to=questions_to,
        sender=sender,
        return_path=return_path,
        dkim=dkim,
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


def _take(environment: Mapping[str, str], written: Written) -> None:
    """Every value that was set, if it is one line and of a variable there is."""
    for name, value in environment.items():
        if name not in written.values:
            if name.startswith("CONVENOR_"):
                written.refuse(name, f"is no setting; there are {', '.join(written.values)}")
        elif BREAKS.search(value):
            written.refuse(name, "holds a control character or a line break")
        elif value.strip():
            written.values[name] = value


def _port(written: Written) -> int:
    text = written.values["CONVENOR_PORT"]
    if re.fullmatch(r"[1-9][0-9]{0,4}", text) and int(text) <= 65535:
        return int(text)
    written.refuse("CONVENOR_PORT", f"{text!r} is not a port, 1 to 65535")
    return 0


def _base_url(written: Written, port: int) -> str:
    """Without its last slash. It stands in a header of every letter, and so is ASCII."""
    url = written.values["CONVENOR_BASE_URL"].rstrip("/")
    if not url:
        return f"http://127.0.0.1:{port}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if (
        not usable
        or parts.username is not None
        or not re.fullmatch(r"[!-~]{1,200}", url)
        or set("?#<>") & set(url)
    ):
        written.refuse("CONVENOR_BASE_URL", f"{url!r} is not an address such as https://conference.example")
    return url


def _database_url(written: Written, root: Path) -> str:
    """Relative SQLite paths are meant from the project's folder, wherever the command is run."""
    url = written.values["CONVENOR_DATABASE_URL"]
    if not re.match(r"sqlite:///[^?]+$|postgresql(\+psycopg)?://.", url):
        written.refuse("CONVENOR_DATABASE_URL", "is neither sqlite:///path nor postgresql://user@host/name")
    path = url.removeprefix("sqlite:///")
    if path not in {url, ":memory:"}:
        return f"sqlite:///{root / path}"
    return re.sub(r"^postgresql://", "postgresql+psycopg://", url)


def _secret(environment: Mapping[str, str], written: Written) -> bytes:
    """The key that was set; nothing when none was. One that is set to nothing is a mistake, not a wish for another."""
    text = written.values["CONVENOR_SECRET_KEY"]
    if not text and environment.get("CONVENOR_SECRET_KEY") is not None:
        written.refuse("CONVENOR_SECRET_KEY", "is set, but empty: give it a value, or do not set it at all")
    elif text and len(text) < _SHORTEST_SECRET:
        written.refuse("CONVENOR_SECRET_KEY", f"is shorter than {_SHORTEST_SECRET} characters")
    return text.encode()


def _old_secrets(written: Written, secret: bytes) -> tuple[bytes, ...]:
    """The keys of before. What is refused is not shown."""
    keys = tuple(key.encode() for key in written.several("CONVENOR_OLD_SECRET_KEYS"))
    if any(len(key) < _SHORTEST_SECRET for key in keys):
        written.refuse("CONVENOR_OLD_SECRET_KEYS", f"holds a key shorter than {_SHORTEST_SECRET} characters")
    if secret in keys:
        written.refuse("CONVENOR_OLD_SECRET_KEYS", "holds the key in force; name the keys of before alone")
    return keys


def _kept_secret(var: Path) -> bytes:
    """The key in var/secret.key, made at the first start: whoever starts at the same time finds the same."""
    path = var / "secret.key"
    try:
        var.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            keep(path, secrets.token_urlsafe(48), over=False)
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

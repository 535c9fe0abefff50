"""Settings from the environment and `.env`, read once into one frozen value. Every variable is in one table."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from email_validator import EmailNotValidError, validate_email

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
        meaning="Signs personal links and calendar UIDs, at least 32 characters; keep it for the event's whole "
        "life. Empty: one is made and kept in var/secret.key",
    ),
    Variable(name="CONVENOR_PORT", meaning="Port of the page, on 127.0.0.1", default="8400"),
)

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_SECURITY = {"smtp": Security.PLAIN, "smtp+starttls": Security.STARTTLS, "smtps": Security.TLS}
Refuse = Callable[[str, str], None]
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says. `relay` is None when letters go to the tray."""

    relay: Relay | None
    sender: tuple[str, str] | None
    database_url: str
    base_url: str
    secret_key: bytes
    port: int
    var: Path


def load(environment: Mapping[str, str] | None = None, *, root: Path = ROOT) -> Settings:
    """Read the environment over `.env` in the project's folder.

    Raises:
        BadInput: every setting that cannot be used, all at once.
    """
    values = {variable.name: variable.default for variable in VARIABLES}
    if environment is None:
        written = dotenv_values(root / ".env", interpolate=False)
        environment = {name: value for name, value in written.items() if value} | dict(os.environ)
    values |= {name: value for name, value in environment.items() if name in values}
    problems: list[Problem] = []

    def refuse(name: str, message: str) -> None:
        problems.append(Problem(file="settings", field=name, message=message))

    for name in values:
        if re.search(r"[\x00-\x1f\x7f]", values[name]):
            refuse(name, "holds a control character or a line break")
            values[name] = next(v.default for v in VARIABLES if v.name == name)
    for name in environment.keys() - values.keys():
        if name.startswith("CONVENOR_"):
            refuse(name, f"is no setting; there are {', '.join(values)}")
    port = _port(values["CONVENOR_PORT"])
    if port is None:
        refuse("CONVENOR_PORT", f"{values['CONVENOR_PORT']!r} is not a port, 1 to 65535")
    relay = _relay(values, refuse) if values["CONVENOR_SMTP_URL"] else None
    sender = _sender(values["CONVENOR_FROM"], refuse) if values["CONVENOR_FROM"] else None
    base_url = values["CONVENOR_BASE_URL"].rstrip("/") or f"http://127.0.0.1:{port or 0}"
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        refuse("CONVENOR_BASE_URL", f"{base_url!r} is not an address such as https://conference.example")
    if not re.match(r"(sqlite|postgresql(\+psycopg)?)://", values["CONVENOR_DATABASE_URL"]):
        refuse("CONVENOR_DATABASE_URL", "is neither sqlite:///path nor postgresql://user@host/name")
    secret = values["CONVENOR_SECRET_KEY"]
    if secret and len(secret) < 32:
        refuse("CONVENOR_SECRET_KEY", "is shorter than 32 characters")
    if "CONVENOR_SECRET_KEY" in environment and not secret.strip() and secret:
        refuse("CONVENOR_SECRET_KEY", "is blank")
    if problems:
        raise BadInput(sorted(problems, key=lambda problem: problem.field or ""))
    var = root / "var"
    return Settings(
        relay=relay,
        sender=sender,
        database_url=_database_url(values["CONVENOR_DATABASE_URL"], root),
        base_url=base_url,
        secret_key=secret.encode() if secret else _kept_secret(var),
        port=port or 0,
        var=var,
    )


def _port(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9]\d{0,4}", text) and int(text) <= 65535 else None


def _relay(values: Mapping[str, str], refuse: Refuse) -> Relay | None:
    url = values["CONVENOR_SMTP_URL"]
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in _PORTS or not _HOST.fullmatch(parts.hostname or "") or parts.path.strip("/"):
        shown = url.rpartition("@")[2]
        refuse(
            "CONVENOR_SMTP_URL", f"{shown!r} is not smtp://, smtp+starttls:// or smtps:// with host and port"
        )
        return None
    if port == 0:
        refuse("CONVENOR_SMTP_URL", "the port is not 1 to 65535")
        return None
    user = unquote(parts.username or "") or values["CONVENOR_SMTP_USER"]
    password = unquote(parts.password or "") or values["CONVENOR_SMTP_PASSWORD"]
    if (
        user
        and _SECURITY[parts.scheme] is Security.PLAIN
        and parts.hostname not in {"127.0.0.1", "localhost", "::1"}
    ):
        refuse(
            "CONVENOR_SMTP_URL",
            "a password would cross the network in clear; use smtp+starttls:// or smtps://",
        )
    return Relay(
        host=parts.hostname or "",
        port=port or _PORTS[parts.scheme],
        security=_SECURITY[parts.scheme],
        user=user,
        password=password,
    )


def _sender(text: str, refuse: Refuse) -> tuple[str, str] | None:
    """(name, address) of `Name <address>` or `address`."""
    found = re.fullmatch(r'\s*(?:"?([^"<>]*?)"?\s*<([^<>]+)>|([^<>\s]+))\s*', text)
    try:
        if not found:
            raise EmailNotValidError("write it as address or Name <address>")
        address = validate_email(
            found[2] or found[3], check_deliverability=False, test_environment=True, allow_smtputf8=False
        )
    except EmailNotValidError as error:
        refuse("CONVENOR_FROM", f"{text!r}: {error}")
        return None
    return found[1] or "", address.ascii_email or address.normalized


def _database_url(url: str, root: Path) -> str:
    """Relative SQLite paths are meant from the project's folder, wherever the command is run."""
    path = url.removeprefix("sqlite:///")
    if path != url and path and path != ":memory:" and not Path(path).is_absolute():
        return f"sqlite:///{root / path}"
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _kept_secret(var: Path) -> bytes:
    """The key in var/secret.key, made at the first start, readable by its owner alone."""
    path = var / "secret.key"
    try:
        var.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes().strip()
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_urlsafe(48).encode())
        return path.read_bytes().strip()
    except OSError as error:
        raise BadInput(
            [Problem(file=str(path), message=f"cannot be written ({error.strerror}); make var/ writable")]
        ) from None

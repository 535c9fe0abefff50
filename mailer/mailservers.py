"""What the settings say of mail servers: where letters go, as whom we sign in, what is signed, what comes back where.

Reads what was `written`; which variables there are is in `settings`. What is refused is not shown where it may hold
a password.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from mailer.composition.dkim import DkimKey, read_keys
from mailer.composition.links import LONGEST_MAILBOX
from mailer.delivery.profiles import PROFILES, Profile, adjusted, guessed
from mailer.delivery.relay import Relay, Security
from mailer.delivery.token_endpoint import Provider, provider
from mailer.errors import BadInput
from mailer.inbox import sent
from mailer.inbox.sent import SentFolder
from mailer.written import BREAKS, Written, is_host

_SECURITY = {"smtp": Security.PLAIN, "smtp+starttls": Security.STARTTLS, "smtps": Security.TLS}
_PORTS = {Security.PLAIN: 25, Security.STARTTLS: 587, Security.TLS: 465}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_IN_A_URL = "in a user name or password write % / ? # @ : as %25 %2F %3F %23 %40 %3A"


@dataclass(frozen=True, kw_only=True)
class OAuth:
    """What access tokens are asked with (RFC 6749): on behalf of an account by its refresh token (6), or without one
    under the application's own name (4.4). No secret shows in its repr.
    """

    endpoint: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""


# ── where letters go ─────────────────────────────────────────────────────────────────────────────────────────


def relay(written: Written) -> Relay | None:
    """The mail server with what it bears; the figures are looked at even where there is none."""
    found = _relay(written)
    profile = _profile(written, found.host if found else "")
    return replace(found, profile=profile) if found else None


def _relay(written: Written) -> Relay | None:
    url = written.values["CONVENOR_SMTP_URL"]
    if not url:
        return None
    refuse = partial(written.refuse, "CONVENOR_SMTP_URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        refuse(f"its host or port (1 to 65535) is none; {_IN_A_URL}")
        return None
    if parts.scheme not in _SECURITY or not is_host(parts.hostname or ""):
        refuse("is not smtp://, smtp+starttls:// or smtps:// with host and port")
        return None
    if parts.path.strip("/") or parts.query or parts.fragment:
        refuse(f"goes on after host and port; {_IN_A_URL}")
        return None
    if port == 0:
        refuse("the port is not 1 to 65535")
    host, security = parts.hostname or "", _SECURITY[parts.scheme]
    user, password = _credentials(written, parts)
    if user and security is Security.PLAIN and host not in _LOOPBACK:
        refuse("a password would cross the network in clear; use smtp+starttls:// or smtps://")
    return Relay(host=host, port=port or _PORTS[security], security=security, user=user, password=password)


def _credentials(written: Written, parts: SplitResult) -> tuple[str, str]:
    """User and password; a token takes the place of the password."""
    user = unquote(parts.username or "") or written.values["CONVENOR_SMTP_USER"]
    password = unquote(parts.password or "") or written.values["CONVENOR_SMTP_PASSWORD"]
    refuse = partial(written.refuse, "CONVENOR_SMTP_URL")
    if BREAKS.search(user + password):
        refuse("its user name or password holds a control character or a line break")
    if written.values["CONVENOR_SMTP_OAUTH"]:
        if not user:
            refuse("with CONVENOR_SMTP_OAUTH a user name is needed: the mailbox that the token is for")
        if password:
            refuse(
                "a password and CONVENOR_SMTP_OAUTH: the token takes the password's place, set one of them"
            )
    elif bool(user) != bool(password):
        refuse("a user name and a password go together: one of them is missing")
    return user, password


def _profile(written: Written, host: str) -> Profile:
    """The profile that was named, or else is guessed; one's own figures go before its."""
    name = written.values["CONVENOR_SMTP_PROFILE"]
    profile = next((known for known in PROFILES if known.name == name), guessed(host))
    if name and profile.name != name:
        known = ", ".join(each.name for each in PROFILES)
        written.refuse("CONVENOR_SMTP_PROFILE", f"{name!r} is no profile; there are {known}")
    return adjusted(
        profile,
        connections=written.number("CONVENOR_SMTP_CONNECTIONS", most=200),
        per_minute=written.number("CONVENOR_SMTP_PER_MINUTE", most=1_000_000),
        per_day=written.number("CONVENOR_SMTP_PER_DAY", most=1_000_000_000),
        per_domain=written.number("CONVENOR_SMTP_PER_DOMAIN", most=1_000_000),
    )


# ── tokens, and the folder of what was sent ──────────────────────────────────────────────────────────────────


def sent_folder(written: Written) -> SentFolder | None:
    """The Sent folder that is asked about letters in doubt. Without a password one signs in to it by token."""
    url = written.values["CONVENOR_IMAP_URL"]
    if not url:
        return None
    try:
        folder = sent.read_url(url, written.values["CONVENOR_IMAP_PASSWORD"])
    except ValueError as error:
        written.refuse("CONVENOR_IMAP_URL", str(error))
        return None
    if not (folder.password or written.values["CONVENOR_SMTP_OAUTH"]):
        written.refuse("CONVENOR_IMAP_URL", "needs CONVENOR_IMAP_PASSWORD, or CONVENOR_SMTP_OAUTH")
    return folder


def inboxes(written: Written) -> tuple[SentFolder | Path, ...]:
    """Where what comes back is read: folders at servers, and Maildirs by their paths."""
    found = [_inbox(written, url) for url in written.several("CONVENOR_INBOX_URL")]
    return tuple(each for each in found if each is not None)


def _inbox(written: Written, url: str) -> SentFolder | Path | None:
    name = "CONVENOR_INBOX_URL"
    if url.startswith("maildir:"):
        path = Path(url.removeprefix("maildir:"))
        if not path.is_absolute():
            written.refuse(name, "names no folder from the root: write maildir:/path")
        return path
    try:
        folder = sent.read_url(url, written.values["CONVENOR_INBOX_PASSWORD"])
    except ValueError as error:
        written.refuse(name, f"{error}, or maildir:/path")
        return None
    if not (folder.password or written.values["CONVENOR_SMTP_OAUTH"]):
        written.refuse(name, "needs CONVENOR_INBOX_PASSWORD, or CONVENOR_SMTP_OAUTH")
    return folder


def questions_to(written: Written) -> str:
    """Whom people's questions are forwarded to; nothing where nobody is named."""
    found = written.mailbox("CONVENOR_QUESTIONS_TO")
    if found and found[0]:
        written.refuse("CONVENOR_QUESTIONS_TO", "write the address alone, without a name")
    return found[1] if found else ""


def oauth(written: Written, *folders: SentFolder | Path | None) -> OAuth | None:
    """What tokens are asked with, for the folders as well that have no password of their own."""
    values = {name.removeprefix("CONVENOR_SMTP_OAUTH"): value for name, value in written.values.items()}
    if not values[""]:
        return None
    try:
        asked = provider(values[""])
    except ValueError as error:
        written.refuse("CONVENOR_SMTP_OAUTH", str(error))
        return None
    is_for_both = any(isinstance(each, SentFolder) and not each.password for each in folders)
    found = OAuth(
        endpoint=asked.endpoint,
        client_id=values["_CLIENT_ID"],
        client_secret=values["_CLIENT_SECRET"],
        refresh_token=values["_REFRESH_TOKEN"],
        scope=values["_SCOPE"] or _scope(asked, bool(values["_REFRESH_TOKEN"]), is_for_both=is_for_both),
    )
    if not found.client_id:
        written.refuse("CONVENOR_SMTP_OAUTH_CLIENT_ID", "is needed with CONVENOR_SMTP_OAUTH")
    if not found.refresh_token:
        if asked.smtp_scope and not found.scope:
            message = "is needed: this provider lets no application sign in under its own name"
            written.refuse("CONVENOR_SMTP_OAUTH_REFRESH_TOKEN", message)
        elif not found.client_secret:
            message = "is needed with CONVENOR_SMTP_OAUTH, or else CONVENOR_SMTP_OAUTH_CLIENT_SECRET"
            written.refuse("CONVENOR_SMTP_OAUTH_REFRESH_TOKEN", message)
    return found


def _scope(asked: Provider, on_behalf: bool, *, is_for_both: bool) -> str:
    if not on_behalf:
        return asked.app_scope
    words = [*asked.smtp_scope.split(), *(asked.imap_scope.split() if is_for_both else ())]
    return " ".join(dict.fromkeys(words))


# ── who signs, and what comes back ───────────────────────────────────────────────────────────────────────────


def return_path(written: Written) -> str:
    """The mailbox for what comes back, without a name; nothing where none is set."""
    name = "CONVENOR_RETURN_PATH"
    found = written.mailbox(name)
    if not found:
        return ""
    label, address = found
    if label:
        written.refuse(name, f"{written.values[name]!r}: write the address alone, without a name")
    elif len(address.rpartition("@")[0].encode()) > LONGEST_MAILBOX:
        written.refuse(name, f"{address!r}: before the @ there may be {LONGEST_MAILBOX} characters at most")
    return address


def dkim_keys(written: Written, root: Path) -> tuple[DkimKey, ...]:
    """The keys that letters are signed with; relative files are meant from the project's folder."""
    files = [root / file for file in written.several("CONVENOR_DKIM_KEY")]
    try:
        return read_keys(written.several("CONVENOR_DKIM_SELECTOR"), files)
    except BadInput as error:
        for problem in error.problems:
            if problem.file == "DKIM":
                written.refuse("CONVENOR_DKIM_SELECTOR", problem.message)
            else:
                written.problems.append(problem)
        return ()

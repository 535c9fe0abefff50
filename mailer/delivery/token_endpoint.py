"""Where access tokens come from (OAuth 2.0, RFC 6749): the endpoints that are known, one request to one of them.

Nothing is remembered here, and nothing tried twice: when to ask, and what follows, is `oauth`'s.
"""

import http.client
import json
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

PATIENCE_FOR = 20.0
"""Seconds to connect, and for each piece of an answer."""

LONGEST_ANSWER = 64 * 1024
_SHOWN = 300
_TOKEN = re.compile(r"[!-~]+")
_TENANT = re.compile(r"[A-Za-z0-9.-]+")
_PASSING = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A token endpoint and the scopes of its mail servers, with the document that says so. `app_scope` is that of an
    application in its own name (RFC 6749 4.4). A scope that is empty is not asked for: it stays what was granted.
    """

    endpoint: str
    smtp_scope: str = ""
    imap_scope: str = ""
    app_scope: str = ""
    source: str = ""


PROVIDERS: Mapping[str, Provider] = {
    "microsoft": Provider(
        endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        smtp_scope="https://outlook.office.com/SMTP.Send offline_access",
        imap_scope="https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        app_scope="https://outlook.office365.com/.default",
        source="Microsoft: Authenticate an IMAP, POP or SMTP connection using OAuth",
    ),
    "google": Provider(
        endpoint="https://oauth2.googleapis.com/token",
        smtp_scope="https://mail.google.com/",
        imap_scope="https://mail.google.com/",
        source="Google: Using OAuth 2.0 for Web Server Applications; Gmail: IMAP, POP, and SMTP",
    ),
}

_ANY_TENANT = "organizations"


class Refused(Exception):  # noqa: N818 - it names what was met
    """The endpoint will not have us (RFC 6749 5.2); asking again is no use. `code` is its word for it."""

    def __init__(self, message: str, *, code: str) -> None:
        self.code = code
        super().__init__(message)


class Unanswered(Exception):  # noqa: N818
    """The endpoint is away, busy, or talks nonsense; it may be over in a moment."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What an endpoint gave (RFC 6749 5.1). `holds_for` is None where it does not say; `refresh_token` is empty
    unless a new one takes the place of the old.
    """

    access_token: str = field(repr=False)
    holds_for: timedelta | None
    refresh_token: str = field(default="", repr=False)


def provider(text: str) -> Provider:
    """The provider named `google`, `microsoft` or `microsoft:TENANT` (its id or domain), or the https:// address of
    a token endpoint.

    Raises:
        ValueError: it is none of these.
    """
    name, _, tenant = text.partition(":")
    if text.startswith("https://") and urllib.parse.urlsplit(text).hostname:
        return Provider(endpoint=text)
    if name not in PROVIDERS or (tenant and (name != "microsoft" or not _TENANT.fullmatch(tenant))):
        raise ValueError("is not google, microsoft:TENANT or the https:// address of a token endpoint")
    known = PROVIDERS[name]
    return replace(known, endpoint=known.endpoint.replace("{tenant}", tenant or _ANY_TENANT))


def ask(endpoint: str, asked: Mapping[str, str], tls: ssl.SSLContext | None = None) -> Grant:
    """One request with these parameters, those that are empty left out. `tls` is for whom to trust.

    Raises:
        Refused: for good.
        Unanswered: for now.
    """
    body = urllib.parse.urlencode({name: value for name, value in asked.items() if value}).encode()
    request = urllib.request.Request(endpoint, data=body, headers={"Accept": "application/json"})  # noqa: S310
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=tls or ssl.create_default_context()), _NoRedirects()
    )
    host = urllib.parse.urlsplit(endpoint).hostname
    try:
        with opener.open(request, timeout=PATIENCE_FOR) as answer:
            return _read(_object(answer.read(LONGEST_ANSWER)), str(host))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(str(host), error.code, _object(error.read(LONGEST_ANSWER))) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error or type(error).__name__
        raise Unanswered(f"{host} cannot be asked: {_plain(str(why))}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token endpoint is where it is said to be: secrets follow nobody elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(host: str, status: int, said: Mapping[str, Any]) -> Refused | Unanswered:
    """A code of RFC 6749 5.2 speaks of us and does not pass by itself; a busy server's word does."""
    code, described = _plain(said.get("error")), _plain(said.get("error_description"))
    told = ": ".join(filter(None, (code or f"HTTP {status}", described)))
    if status >= 500 or status in {408, 425, 429} or not code or code in _PASSING:
        return Unanswered(f"{host} says {told}")
    return Refused(f"{host} gives no access token, {told}", code=code)


def _plain(value: object) -> str:
    """A word of the server's as one line."""
    text = value if isinstance(value, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SHOWN]


def _read(answer: Mapping[str, Any], host: str) -> Grant:
    """A token goes into a line of AUTH, and so is visible ASCII."""
    token, newer = answer.get("access_token"), answer.get("refresh_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Unanswered(f"{host} answers without an access token")
    try:
        holds_for = max(timedelta(seconds=int(answer["expires_in"])), timedelta(0))
    except (KeyError, TypeError, ValueError, OverflowError):
        holds_for = None
    return Grant(
        access_token=token, holds_for=holds_for, refresh_token=newer if isinstance(newer, str) else ""
    )

"""The gate in front of every page: who may come in, how much they may carry, what leaves with them.

It knows paths by their first word and nothing of what is behind them. The name a browser sends (Host, RFC
9110 7.2) is checked against a list, so that no foreign name can be bound to this machine (DNS rebinding);
personal links answer under any.
"""

import logging
import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer.agenda import attachments
from mailer.web import pages

MAX_BODY_BYTES = 64 * 1024
MAX_LIST_BYTES = 24 * 2**20 + MAX_BODY_BYTES
"""A list of people that is handed in, and the form around it."""

MAX_FILES_BYTES = attachments.LARGEST + MAX_BODY_BYTES
"""Files that are to be attached to a mailing, and the form around them."""

_TAKES_MORE = (
    (re.compile("/people/import|/start/(form|file)"), MAX_LIST_BYTES),
    (re.compile("/mailings/[a-z0-9-]{1,63}/attachments"), MAX_FILES_BYTES),
)
"""Where more may be carried in than a page takes."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

PUBLIC = ("/r/", "/u/", "/f/", "/e/", "/static/", "/favicon", "/health")
"""How paths begin that anybody may ask for."""

_NAMES_PEOPLE = ("/tray",)
_MARKS_OF_A_PROXY = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?", re.IGNORECASE)

_log = logging.getLogger("mailer.web")


class Gate:
    """ASGI middleware. `base_url` is where the organiser's pages may be reached besides this machine."""

    def __init__(self, app: ASGIApp, *, base_url: str) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host_of(urlsplit(base_url).netloc)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        outgoing = _Outgoing(send)
        status = self._refusal(scope)
        try:
            body = b"" if status else await _read(receive, _most_bytes(scope))
        except (
            ClientDisconnect
        ):  # half a form may say the opposite of the whole, and nobody waits for an answer
            return
        if body is None:
            status = 413
        if status:
            await pages.error(status, scope["path"])(scope, receive, outgoing)
            return
        try:
            await self._app(_as_get(scope), _replay(body or b"", receive), outgoing)
        except Exception:
            _log.exception("a page could not be made")
            if outgoing.has_started:
                raise
            await pages.error(500, scope["path"])(scope, receive, outgoing)

    def _refusal(self, scope: Scope) -> int:
        """The status that keeps somebody out, or 0."""
        path, host = scope["path"], host_of(Headers(scope=scope).get("host", ""))
        if path.startswith(PUBLIC):
            return 0
        if host not in self._hosts:
            return 421
        return 404 if path.startswith(_NAMES_PEOPLE) and not is_local(scope) else 0


def host_of(header: str) -> str:
    """The name in a Host header, in lower case and without its port; nothing where it is malformed."""
    found = _HOST.fullmatch(header)
    return found[1].lower().rstrip(".") if found else ""


def is_local(scope: Scope) -> bool:
    """Whether the one who asks sits at this machine: not behind a proxy, and not under a public name."""
    headers, client = Headers(scope=scope), scope.get("client")
    if host_of(headers.get("host", "")) not in LOOPBACK or any(name in headers for name in _MARKS_OF_A_PROXY):
        return False
    try:
        return client is not None and ip_address(client[0]).is_loopback
    except ValueError:
        return False


class _Outgoing:
    """Sends with the headers every response bears."""

    def __init__(self, send: Send) -> None:
        self._send, self.has_started = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            headers = MutableHeaders(raw=list(message["headers"]))
            for name, value in pages.HEADERS.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        await self._send(message)


def _as_get(scope: Scope) -> Scope:
    """HEAD is answered as GET; the server leaves the body out (RFC 9110 9.3.2)."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


def _most_bytes(scope: Scope) -> int:
    """How much may be carried in."""
    more = (most for path, most in _TAKES_MORE if path.fullmatch(scope["path"]))
    return next(more, MAX_BODY_BYTES) if scope["method"] == "POST" else MAX_BODY_BYTES


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body, or None as soon as it is more than a page takes, whatever Content-Length says.

    Raises:
        ClientDisconnect: the line broke before the body was there.
    """
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
        if size > most:
            return None
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever else comes."""
    ready: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        message = next(ready, None)
        return message if message is not None else await receive()

    return replay

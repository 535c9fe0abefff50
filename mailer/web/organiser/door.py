"""The door to the organiser's pages: who comes in, and what they may do there.

Whoever has a session or a token is let in; whoever looks at the example on this machine needs none. What changes
anything must come from our own pages: a browser says where a request comes from (Sec-Fetch-Site, or Origin).
A handler asks `must` for a role; who lacks it is refused, which the audit tells.
"""

from contextvars import ContextVar
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlsplit

from anyio.to_thread import run_sync
from fastapi import HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mailer.accounts import DEMO, SIGNED_IN_FOR, Visitor
from mailer.outbox import audit
from mailer.outbox.roles import Role
from mailer.web import pages
from mailer.web.gate import LOOPBACK, PUBLIC, is_local
from mailer.web.office import Office

COOKIE, MARK = "__Host-convenor", "__Host-convenor-mark"
"""Bound to this name, whole paths and protected lines by its prefix (RFC 6265bis 4.1.3); browsers take a line to one's
own machine for protected.
"""

MARKED_FOR = timedelta(days=90)
"""How long a browser is known as one in which somebody has been let in."""

_OPEN = (*PUBLIC, "/sign-in", "/welcome")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MACHINES = "/api/"
_FORM, _MOST_FIELDS = "application/x-www-form-urlencoded", 200
_BEARER = "bearer "

_visitor: ContextVar[Visitor | None] = ContextVar("visitor", default=None)


class Door:
    """ASGI middleware behind the gate."""

    def __init__(self, app: ASGIApp, *, office: Office) -> None:
        self._app, self._office = app, office

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(PUBLIC):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        bearer = _bearer(headers)
        visitor = await run_sync(known, self._office, scope)
        if visitor is None and scope["path"].startswith(_MACHINES):
            await _unknown(scope)(scope, receive, send)
            return
        if scope["method"] not in _SAFE and not bearer and not _is_ours(headers):
            await pages.error(403, scope["path"])(scope, receive, send)
            return
        if visitor is None and not scope["path"].startswith(_OPEN):
            answer = await _again(scope, receive) or _elsewhere(scope)
            await answer(scope, receive, send)
            return
        reset = _visitor.set(visitor)
        try:
            await self._app(scope, receive, send)
        finally:
            _visitor.reset(reset)


def known(office: Office, scope: Scope) -> Visitor | None:
    """Whoever asks, by what they show, at this moment: a session or a token that was good may have ended since."""
    headers = Headers(scope=scope)
    if bearer := _bearer(headers):
        return office.accounts.machine(bearer)
    session = session_in(headers)
    found = office.accounts.visitor(session, office.clock()) if session else None
    return found or (DEMO if office.is_demo and is_local(scope) else None)


def visitor() -> Visitor:
    """Whoever asks for this page. Raises HTTPException (401) where nobody is known."""
    found = _visitor.get()
    if found is None:
        raise HTTPException(401, "sign in, or show a token")
    return found


def somebody() -> Visitor | None:
    """Whoever asks for this page, if they are known."""
    return _visitor.get()


def must(office: Office, role: Role, to: str) -> Visitor:
    """Whoever asks, if they may do what `role` may. `to` says what they wanted to do, for the audit.

    Raises:
        HTTPException: 403; the audit has a row of it.
    """
    found = visitor()
    if not found.may(role):
        _refused(office, found, to)
        raise HTTPException(403, f"this is for {'an' if role[0] in 'aeiou' else 'a'} {role}")
    return found


def must_be_a_person(office: Office, role: Role, to: str) -> Visitor:
    """As `must`, for what only somebody can answer for: a token's word is nobody's."""
    found = must(office, role, to)
    if not found.is_person:
        _refused(office, found, to)
        raise HTTPException(403, "this is for a person, not for a machine")
    return found


def _refused(office: Office, found: Visitor, to: str) -> None:
    with office.database.writing() as transaction:
        audit.note(transaction, office.clock(), found.name, "was refused", to, event=office.event)


def asked_from(request: Request) -> str:
    """The address that asks, by the word of a proxy on this machine if there is one (the last one it added)."""
    client = request.client.host if request.client else ""
    told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return told if told and client in LOOPBACK else client


def session_in(headers: Headers) -> str:
    """The session a browser shows, or nothing."""
    return _shown(headers, COOKIE)


def mark_in(headers: Headers) -> str:
    """By what a browser is known in which somebody has been let in before, or nothing."""
    return _shown(headers, MARK)


def _shown(headers: Headers, name: str) -> str:
    try:
        shown = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return shown.value if shown else ""


def let_in(request: Request, session: str, mark: str) -> Response:
    """To the timetable, or to where somebody was going, with a session and the account's mark."""
    response = RedirectResponse(_own_path(request.query_params.get("to", "/")), 303)
    for name, value, kept_for in ((COOKIE, session, SIGNED_IN_FOR), (MARK, mark, MARKED_FOR)):
        response.set_cookie(
            name, value, max_age=int(kept_for.total_seconds()), path="/", secure=True, httponly=True, samesite="lax"
        )  # fmt: skip
    return response


def let_out() -> Response:
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _own_path(path: str) -> str:
    """A path of ours, and nothing that a browser takes for another place."""
    parts = urlsplit(path)
    is_ours = (
        path.startswith("/") and not path.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    )
    return path if is_ours and path.isprintable() else "/"


def _unknown(scope: Scope) -> Response:
    return pages.error(401, scope["path"], {"WWW-Authenticate": "Bearer"}, "sign in, or show a token")


async def _again(scope: Scope, receive: Receive) -> Response | None:
    """What somebody sent whose session has ended, to be sent again; nothing where it is no form, or holds passwords."""
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    path = _own_path(scope["path"])
    if scope["method"] != "POST" or kind != _FORM or path in {"/", *_OPEN} or path.startswith("/account"):
        return None
    body = (await Request(scope, receive).body()).decode("utf-8", "replace")
    try:
        fields = parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    asked = scope["query_string"].decode("latin-1")
    return pages.page(
        "again.html", status=401, path=f"{quote(path)}{'?' if asked else ''}{asked}", fields=fields
    )


def _elsewhere(scope: Scope) -> Response:
    to = "" if scope["path"] == "/" or scope["method"] not in _SAFE else f"?to={quote(scope['path'])}"
    return RedirectResponse(f"/sign-in{to}", 303)


def _bearer(headers: Headers) -> str:
    shown = headers.get("authorization", "")
    return shown[len(_BEARER) :].strip() if shown.lower().startswith(_BEARER) else ""


def _is_ours(headers: Headers) -> bool:
    """Whether a browser says that this comes from a page of ours; without a word it does not count as one."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    if origin == "null":  # of forms on pages that send no referrer (Fetch 3.2)
        return site == "same-origin"
    if origin is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    return site is not None

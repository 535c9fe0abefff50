"""The web pages as one application: routes joined, the gate in front.

What the pages show, and to whom, is in organiser/ and delegate/.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.routing import Route

from mailer.errors import StoreError, Unkeepable
from mailer.lately import NotYet
from mailer.outbox import agendas
from mailer.web import pages
from mailer.web.api import routes as api
from mailer.web.delegate import feed, personal, public, unsubscribe
from mailer.web.gate import PUBLIC, Gate
from mailer.web.office import Office
from mailer.web.organiser import (
    account,
    agenda,
    attachments,
    calling_off,
    film,
    handing_in,
    inbox,
    laying_out,
    live,
    mailings,
    outbox,
    people,
    postponing,
    publishing,
    replies,
    start,
    status,
    timetable,
    tray,
    versions,
    wordings,
)
from mailer.web.organiser.door import Door
from mailer.web.organiser.frame import PAGES, framed


def create_app(office: Office) -> FastAPI:
    """All pages for one office. They read the office's clock and no other; GET changes nothing."""
    app = FastAPI(title="Convenor", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    for routed in (
        start,
        timetable,
        agenda,
        calling_off,
        postponing,
        publishing,
        versions,
        handing_in,
        people,
        laying_out,
        mailings,
        attachments,
        wordings,
        outbox,
        replies,
        inbox,
        film,
        tray,
        status,
        api,
        account,
        personal,
        feed,
        public,
        unsubscribe,
    ):
        app.routes.extend(routed.routes(office).routes)
    app.state.live = live.of_office(office)
    app.routes.extend(live.routes(app.state.live, office).routes)
    _add_plumbing(app, office)
    app.mount("/static", StaticFiles(directory=pages.STATIC))
    app.add_exception_handler(AnyHTTPException, _tidy)
    app.add_exception_handler(RequestValidationError, _tidy)
    app.add_exception_handler(StoreError, _tidy)
    app.add_exception_handler(Unkeepable, _tidy)
    app.add_exception_handler(NotYet, _counting(office))
    app.add_middleware(Door, office=office)
    app.add_middleware(Gate, base_url=office.sender.base_url)
    return app


def _add_plumbing(app: FastAPI, office: Office) -> None:
    @app.get("/health", responses={503: {"description": "The database cannot be read."}})
    def health() -> dict[str, str]:
        """Whether the pages and their database answer."""
        with office.database.reading() as transaction:
            agendas.event_keys(transaction)
        return {"status": "ok"}

    @app.get("/favicon", include_in_schema=False)
    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> Response:
        return Response((pages.STATIC / "seal.svg").read_bytes(), media_type="image/svg+xml")


def _counting(office: Office) -> Callable[[Request, Exception], Awaitable[Response]]:
    """A page that asks again by itself until what is being counted is there; machines are told when to come back."""

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, NotYet)  # noqa: S101 - no other is handled here
        if request.url.path.startswith(pages.MACHINES):
            return pages.error(503, request.url.path, {"Retry-After": "2"}, str(error))
        path = request.url.path
        query = f"?{request.url.query}" if request.url.query else ""
        here = next((key for key, begins, _ in PAGES[1:] if path.startswith(begins)), PAGES[0][0])
        return framed(
            office, "organiser/not_yet.html", here=here, path=path + query, done=error.done, of=error.of
        )

    return answer


async def _tidy(request: Request, error: Exception) -> Response:
    """Every refusal as a page in plain words, or as JSON under /api; an address nobody made is not found."""
    path, is_for_machines = request.url.path, request.url.path.startswith(pages.MACHINES)
    if isinstance(error, StoreError):
        return pages.error(503, path)
    if isinstance(error, Unkeepable):  # nothing that is kept has such a name
        is_form = request.method == "POST" and not path.startswith(PUBLIC)
        return pages.error(422 if is_form else 404, path, said=str(error))
    if isinstance(error, RequestValidationError):
        return pages.wrong(_problems(error)) if is_for_machines else _form_or_nothing(path, error)
    assert isinstance(error, AnyHTTPException)  # noqa: S101 - no other is handled here
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    said = error.detail if isinstance(error, HTTPException) else None
    return pages.error(error.status_code, path, headers, said)


def _form_or_nothing(path: str, error: RequestValidationError) -> Response:
    """Addresses are ours to make: a wrong one leads to nothing. What stands in a form is a person's, who is told."""
    fields = [each for each in error.errors() if each["loc"][0] == "body"]
    if len(fields) < len(error.errors()) or path.startswith(PUBLIC):
        return pages.error(404, path)
    said = "; ".join(f"{'.'.join(map(str, each['loc'][1:])) or 'form'}: {each['msg']}" for each in fields)
    return pages.error(422, path, said=said)


def _problems(error: RequestValidationError) -> list[dict[str, str]]:
    return [
        {"place": ".".join(map(str, each["loc"])), "message": str(each["msg"])} for each in error.errors()
    ]


def _methods(request: Request) -> list[str]:
    """Those that any route has for this path (RFC 9110 15.5.6)."""
    found = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }
    return sorted(found | {"HEAD"} if "GET" in found else found)

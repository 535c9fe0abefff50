"""The web pages as one application: routes joined, the gate in front.

What the pages show, and to whom, is in organiser/ and delegate/.
"""

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as AnyHTTPException

from mailer.errors import StoreError
from mailer.outbox import agendas
from mailer.web import pages
from mailer.web.delegate import feed, personal, public, unsubscribe
from mailer.web.gate import Gate
from mailer.web.office import Office
from mailer.web.organiser import account, mailings, replies, status, timetable, tray
from mailer.web.organiser.door import Door


def create_app(office: Office) -> FastAPI:
    """All pages for one office. They read the office's clock and no other; GET changes nothing."""
    app = FastAPI(title="Convenor", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    for routed in (timetable, mailings, replies, tray, status, account, personal, feed, public, unsubscribe):
        app.include_router(routed.routes(office))
    _add_plumbing(app, office)
    app.mount("/static", StaticFiles(directory=pages.STATIC))
    app.add_exception_handler(AnyHTTPException, _tidy)
    app.add_exception_handler(RequestValidationError, _tidy)
    app.add_exception_handler(StoreError, _tidy)
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


async def _tidy(request: Request, error: Exception) -> HTMLResponse | JSONResponse:
    """Every refusal as a page in plain words, or as JSON under /api; an address nobody made is not found."""
    code, headers = 404, None
    if isinstance(error, AnyHTTPException):
        code, headers = error.status_code, error.headers
    elif isinstance(error, StoreError):
        code = 503
    if request.url.path.startswith(("/api/", "/health")):
        detail = error.detail if isinstance(error, HTTPException) else "this cannot be answered"
        return JSONResponse({"detail": detail}, code, headers=dict(headers or {}))
    return pages.error(code, request.url.path, headers)

"""`/e/…`: the agenda as anybody may see it, if the organiser says so in the event's file. It names no recipient."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from mailer.agenda.model import AgendaVersion
from mailer.agenda.rules import EVENT
from mailer.outbox import agendas
from mailer.web import moments, pages
from mailer.web.delegate import calendar, speech
from mailer.web.delegate.personal import PartNumber, agenda_facts
from mailer.web.office import Office

FEED = {"Cache-Control": "no-cache", "Content-Security-Policy": pages.DELEGATE_POLICY}
PAGE = {**FEED, "Vary": "Accept-Language"}


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def shown(key: str) -> AgendaVersion:
        """The agenda in force of an event that is public; 404 for any other."""
        with office.database.reading() as transaction:
            version = agendas.latest(transaction, key)
        if version is None or not version.event.public:
            raise HTTPException(404)
        return version

    Shown = Annotated[AgendaVersion, Depends(shown)]  # noqa: N806 - a type

    def address(version: AgendaVersion) -> str:
        return f"{office.sender.base_url}/e/{version.event.key}"

    @router.get("/e/{key}")
    def public_page(
        version: Shown, request: Request, language: str = "", part: PartNumber = 1
    ) -> HTMLResponse:
        """In the language that is asked for, by a link or by the browser, or else the agenda's own."""
        event = version.event
        wanted = speech.accepted(request.headers.get("accept-language", ""))
        written = [name for name in wanted if name.partition("-")[0] in speech.languages()]
        say = speech.speech_in(language if language in speech.languages() else None, *written, event.language)
        page = address(version)
        return pages.page(
            "delegate/public.html",
            headers=PAGE,
            **agenda_facts(event, None, part),
            asked_language=language if language in speech.languages() else "",
            say=say,
            path=pages.path_of(page),
            feed=f"{page}/feed.ics",
            languages=[(name, moments.language_name(name)) for name in speech.languages()],
        )

    def answered(request: Request, version: AgendaVersion, content: bytes, name: str = "") -> Response:
        file = {"Content-Disposition": f'attachment; filename="{name}"'} if name else {}
        return calendar.answered(request, content, version.published_at, {**FEED, **file})

    @router.get("/e/{key}/feed.ics")
    def feed(version: Shown, request: Request) -> Response:
        return answered(request, version, calendar.public_feed(version, office.sender, address(version)))

    @router.get("/e/{key}/all.ics")
    def whole_agenda(version: Shown, request: Request) -> Response:
        anchors = [session.key for session in version.event.sessions]
        content = calendar.public_entries(version, office.sender, anchors, address(version))
        return answered(request, version, content, "agenda.ics")

    @router.get("/e/{key}/{anchor}.ics")
    def one_entry(version: Shown, request: Request, anchor: str) -> Response:
        if anchor not in {EVENT, *(session.key for session in version.event.sessions)}:
            raise HTTPException(404)
        content = calendar.public_entries(version, office.sender, [anchor], address(version))
        return answered(request, version, content, f"{anchor}.ics")

    return router

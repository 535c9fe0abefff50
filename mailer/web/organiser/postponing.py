"""`/agenda/event/move`: the whole conference is moved in the draft, and which mailings have an hour of their own."""

from datetime import date
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from mailer.agenda import editing
from mailer.agenda.model import Event, Mailing
from mailer.agenda.rules import PUBLICATION
from mailer.drafting import Draft
from mailer.errors import Problem
from mailer.outbox.schema import Role
from mailer.web.office import Office
from mailer.web.organiser import day as drawing
from mailer.web.organiser import door
from mailer.web.organiser.agenda import Posted, edited, looked
from mailer.web.organiser.frame import framed


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/agenda/event/move")
    def page() -> HTMLResponse:
        door.must(office, Role.ORGANISER, "move the conference")
        draft = looked(office)
        return _page(office, draft, str(drawing.days(draft.event)[1]))

    @router.post("/agenda/event/move")
    def move(form: Posted) -> Response:
        typed = form.get("first_day", "")

        def change(event: Event) -> Event:
            return editing.move(event, typed, today=_today(office, event))

        def show(draft: Draft, **more: Any) -> HTMLResponse:
            return _page(office, draft, typed, is_overtaken=more.get("status") == 409, **more)

        return edited(office, form, change, show, "")

    return router


def _today(office: Office, event: Event) -> date:
    return office.clock().astimezone(event.zone).date()


def _page(
    office: Office,
    draft: Draft,
    first_day: str,
    *,
    status: int = 200,
    problems: tuple[Problem, ...] = (),
    is_overtaken: bool = False,
) -> HTMLResponse:
    mailings = draft.event.mailings
    return framed(
        office,
        "organiser/agenda/move.html",
        status=status,
        draft=draft,
        days=list(drawing.days(draft.event).values()),
        today=_today(office, draft.event),
        first_day=first_day,
        follow=sum(map(_follows, mailings)),
        fixed=[each for each in mailings if each.has_fixed_hour],
        problems={each.field: each.message for each in problems if each.field},
        further=[each.message for each in problems if not each.field],
        is_overtaken=is_overtaken,
    )


def _follows(mailing: Mailing) -> bool:
    """Whether its hour hangs on the event, or on a session."""
    return not mailing.rule.instant and mailing.rule.anchor != PUBLICATION

"""`/agenda/event/cancel`: what calling off the whole conference would do, and then it is called off in the draft."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer.agenda import editing
from mailer.agenda.model import Event
from mailer.drafting import Draft, Drafting, Outcome
from mailer.errors import Problem
from mailer.lately import AsOf
from mailer.outbox.schema import Role
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.agenda import Fields, Posted, drafting_of, edited, looked
from mailer.web.organiser.frame import framed
from mailer.web.organiser.publishing import MOST_CHANGES, consequences_of, sample_page


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def drafting() -> Drafting:
        by = door.must(office, Role.ORGANISER, "call off the conference")
        looked(office)
        return drafting_of(office, by.name)

    @router.get("/agenda/event/cancel")
    def page() -> Response:
        this = drafting()
        if looked(office).event.cancelled:
            return RedirectResponse("/agenda/event", 303)
        return _page(office, this.foreseen(_called_off))

    @router.get("/agenda/event/cancel/letter.html")
    def letter() -> HTMLResponse:
        return sample_page(drafting().foreseen(_called_off).value.sample, door.visitor())

    @router.post("/agenda/event/cancel")
    def call_off(form: Posted) -> Response:
        typed = form.get("typed", "")

        def show(_: Draft, **more: Any) -> HTMLResponse:
            found = AsOf(value=drafting().outcome(_called_off), at=office.clock())
            return _page(office, found, values=form, is_overtaken=more.get("status") == 409, **more)

        return edited(office, form, lambda event: editing.call_off(event, typed), show, "")

    return router


def _called_off(event: Event) -> Event:
    """What is foreseen: the conference called off in the draft as it is."""
    return editing.call_off(event, event.title)


def _page(
    office: Office,
    foreseen: AsOf[Outcome],
    *,
    status: int = 200,
    values: Fields | None = None,
    problems: tuple[Problem, ...] = (),
    is_overtaken: bool = False,
) -> HTMLResponse:
    found = foreseen.value
    consequences, minutes = found.difference.consequences, found.draft.event.quiet_minutes
    rows = consequences_of(found)
    return framed(
        office,
        "organiser/agenda/call_off.html",
        status=status,
        foreseen=foreseen,
        found=found,
        draft=found.draft,
        consequences=rows[:MOST_CHANGES],
        further=len(rows) - MOST_CHANGES,
        letters=consequences.letters,
        untold=consequences.untold,
        unsent=[each for each in found.courses if each.was and not each.becomes],
        quiet=f"{minutes} minute{'' if minutes == 1 else 's'}",
        values=values or {},
        problems={each.field: each.message for each in problems if each.field},
        is_overtaken=is_overtaken,
    )

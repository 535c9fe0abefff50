"""`/r/…`: a recipient's own page, the answer given on it, and the entries for their calendar."""

from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer.agenda.rules import EVENT
from mailer.composition import placeholders
from mailer.composition.links import Purpose
from mailer.outbox import people
from mailer.outbox.schema import Answer
from mailer.web import pages
from mailer.web.delegate import calendar, door
from mailer.web.delegate.door import Visitor
from mailer.web.office import Office

CHOICES: tuple[tuple[Answer, str], ...] = (
    (Answer.ACCEPTED, "I will attend"),
    (Answer.TENTATIVE, "I may attend"),
    (Answer.DECLINED, "I cannot attend"),
)
"""The answers offered, in this order, none chosen beforehand."""

_GIVEN = {
    **{str(answer): words for answer, words in CHOICES},
    str(Answer.DELEGATED): "Somebody else will attend for me",
}


async def fields(request: Request) -> list[tuple[str, str]]:
    """The fields of a form as they came, in their order; none where it is no such form."""
    try:
        return parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return []


Fields = Annotated[list[tuple[str, str]], Depends(fields)]


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def visitor(token: str) -> Visitor:
        return door.visitor(office, Purpose.PAGE, token)

    Came = Annotated[Visitor, Depends(visitor)]  # noqa: N806 - a type

    @router.get("/r/{token}")
    def personal_page(came: Came) -> HTMLResponse:
        return _shown(came, office.clock())

    @router.post("/r/{token}/answer")
    def answer(came: Came, request: Request, given: Fields) -> Response:
        """Keep the answer and lead back to the page (303, RFC 9110 15.4.4)."""
        now = office.clock()
        if not door.is_from_our_page(request):
            raise HTTPException(403)
        if now >= came.event.ends_at:
            return _shown(came, now, status=409)
        if given not in [[("answer", str(offered))] for offered, _ in CHOICES]:
            return _shown(came, now, status=422, asks_again=True)
        with office.database.writing() as transaction:
            people.record_answer(
                transaction, came.member.id, EVENT, given[0][1], now, "page",
                sequence=came.version.sequences[EVENT],
            )  # fmt: skip
        return RedirectResponse(request.url.path.removesuffix("/answer"), 303, headers=dict(pages.PERSONAL))

    @router.get("/r/{token}/all.ics")
    def whole_agenda(came: Came) -> Response:
        return _file(calendar.agenda_of(came, office.sender), "agenda.ics")

    @router.get("/r/{token}/{anchor}.ics")
    def one_entry(came: Came, anchor: str) -> Response:
        if anchor not in came.links.entries:
            raise HTTPException(404)
        return _file(calendar.entry_of(came, office.sender, anchor), f"{anchor}.ics")

    return router


def _shown(came: Visitor, now: datetime, *, status: int = 200, asks_again: bool = False) -> HTMLResponse:
    event = came.event
    own = ZoneInfo(came.recipient.timezone or event.timezone)
    starts, ends = (moment.astimezone(event.zone) for moment in (event.starts_at, event.ends_at))
    differs = starts.astimezone(own).utcoffset() != starts.utcoffset()
    return pages.page(
        "delegate/personal.html",
        status=status,
        headers=pages.PERSONAL,
        came=came,
        event=event,
        direction=placeholders.direction_of(event.language),
        own=own if differs else None,
        choices=CHOICES,
        given=_GIVEN.get(came.answer or ""),
        asks_again=asks_again,
        is_over=now >= event.ends_at,
        is_one_day=starts.date() == ends.date(),
    )


def _file(content: bytes, name: str) -> Response:
    headers = {**pages.PERSONAL, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/calendar; charset=utf-8; method=PUBLISH", headers=headers)

"""`/r/…`: a recipient's own page, the answer, sessions and settings given on it, and the entries for their calendar."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer import wallclock
from mailer.agenda.model import Event
from mailer.agenda.rules import EVENT
from mailer.composition import placeholders
from mailer.composition.links import Purpose
from mailer.outbox import people
from mailer.outbox.preferences import Preference
from mailer.outbox.schema import Answer
from mailer.web import moments, pages
from mailer.web.delegate import calendar, chosen, door, elsewhere, forms, parted, zones
from mailer.web.delegate.door import Visitor
from mailer.web.delegate.forms import Given
from mailer.web.office import Office

PartNumber = Annotated[int, Query(ge=1, le=10_000)]
"""Which part of a long agenda is shown."""


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def visitor(token: str) -> Visitor:
        return door.visitor(office, Purpose.PAGE, token)

    def writer(came: Annotated[Visitor, Depends(visitor)], request: Request) -> Visitor:
        """Somebody whose form was sent from their own page."""
        if not door.is_from_our_page(request):
            raise HTTPException(403)
        return came

    Came = Annotated[Visitor, Depends(visitor)]  # noqa: N806 - a type
    Writing = Annotated[Visitor, Depends(writer)]  # noqa: N806 - a type

    @router.get("/r/{token}")
    def personal_page(came: Came, saved: str = "", part: PartNumber = 1) -> HTMLResponse:
        return _shown(office, came, office.clock(), note=saved if saved in _PARTS else "", part=part)

    @router.post("/r/{token}/answer")
    def answer(came: Writing, given: Given) -> Response:
        """Keep the answer for the conference."""
        now, form = office.clock(), forms.answer_in(given)
        if now >= came.event.ends_at or came.event.cancelled:
            return _shown(office, came, now, status=409)
        if form.answer is None or form.problem:
            return _shown(office, came, now, status=422, problem=form.problem, comment=form.comment)
        with office.database.writing() as transaction:
            door.keep_answer(transaction, came, EVENT, form.answer, now, form.comment)
        return _back_to(came, "answer_kept")

    @router.post("/r/{token}/sessions")
    def sessions(came: Writing, given: Given, part: PartNumber = 1) -> Response:
        """Keep which sessions were added and taken off, of those that were shown."""
        now = office.clock()
        offered = {each.key: each for each in came.event.sessions if chosen.is_a_choice(each)}
        toggled = forms.sessions_in(given, offered.keys())
        if toggled is None:
            return _shown(office, came, now, status=422, problem="sessions_unclear", part=part)
        if came.event.cancelled:
            return _shown(office, came, now, status=409, part=part)
        if any(chosen.has_begun(offered[key], now) for key in toggled.added | toggled.taken_off):
            return _shown(office, came, now, status=409, problem="session_has_begun", part=part)
        with office.database.writing() as transaction:
            for key in sorted(toggled.added):
                door.keep_answer(transaction, came, key, Answer.ACCEPTED, now)
            for key in sorted(toggled.taken_off):
                door.keep_answer(transaction, came, key, Answer.DECLINED, now)
        return _back_to(came, "sessions_kept" if toggled else "sessions_as_before", part)

    @router.post("/r/{token}/settings")
    def settings(came: Writing, given: Given) -> Response:
        """Keep the language and the time zone."""
        now = office.clock()
        said = forms.settings_in(given, office.languages, wallclock.zone_names())
        if said is None:
            return _shown(office, came, now, status=422, problem="settings_unclear")
        changed = Preference(
            language=said[0] if said[0] != came.speech.language else None,
            timezone=said[1] if said[1] != came.timezone else None,
        )
        with office.database.writing() as transaction:
            people.prefer(transaction, came.member.id, changed, now)
        return _back_to(came, "settings_kept")

    @router.get("/r/{token}/all.ics")
    def whole_agenda(came: Came) -> Response:
        return _file(calendar.agenda_of(came, office.sender), "agenda.ics")

    @router.get("/r/{token}/{anchor}.ics")
    def one_entry(came: Came, anchor: str) -> Response:
        if anchor not in came.links.entries:
            raise HTTPException(404)
        return _file(calendar.entry_of(came, office.sender, anchor), f"{anchor}.ics")

    return router


_PARTS = {
    "answer_kept": "answer",
    "sessions_kept": "agenda",
    "sessions_as_before": "agenda",
    "settings_kept": "settings",
}
"""What may be said of a form on the page that follows it, by phrase; and where on the page."""


def _back_to(came: Visitor, note: str, part: int = 1) -> RedirectResponse:
    """To the page, so that reloading it sends no form again (303, RFC 9110 15.4.4)."""
    further = f"&part={part}" if part > 1 else ""
    where = f"{pages.path_of(came.links.page)}?saved={note}{further}#{_PARTS[note]}"
    return RedirectResponse(where, 303, headers=dict(pages.PERSONAL))


def _shown(
    office: Office,
    came: Visitor,
    now: datetime,
    *,
    status: int = 200,
    note: str = "",
    problem: str = "",
    comment: str = "",
    part: int = 1,
) -> HTMLResponse:
    event, speech = came.event, came.speech
    theirs = chosen.chosen(event, came.recipient, came.member.answers)
    return pages.page(
        "delegate/personal.html",
        status=status,
        headers=pages.PERSONAL,
        **agenda_facts(came.version.event, came.recipient.timezone, part),
        came=came,
        say=speech,
        path=pages.path_of(came.links.page),
        choices=forms.CHOICES,
        longest_comment=forms.LONGEST_COMMENT,
        note=note,
        problem=problem,
        comment=comment,
        is_over=now >= event.ends_at,
        chosen=theirs,
        offered=_offered(came, now),
        zones=zones.zones(speech, came.timezone),
        languages=[(name, moments.language_name(name)) for name in office.languages],
    )


def agenda_facts(event: Event, timezone: str | None, number: int = 1) -> dict[str, Any]:
    """What every page shows of an event: how its hours are told, one part of a long agenda (the first, where there is
    none of this number), and where else its entries can be added.
    """
    parts = parted.parts(event)
    part = parts[number - 1] if number <= len(parts) else parts[0]
    own = ZoneInfo(timezone or event.timezone)
    starts, ends = (moment.astimezone(event.zone) for moment in (event.starts_at, event.ends_at))
    differs = starts.astimezone(own).utcoffset() != starts.utcoffset()
    return {
        "event": event,
        "direction": placeholders.direction_of(event.language),
        "own": own if differs else None,
        "is_one_day": starts.date() == ends.date(),
        "is_end_assumed": max(event.sessions, key=lambda each: each.ends_at).end_assumed,
        "services": {
            EVENT: elsewhere.services(event, None),
            **{each.key: elsewhere.services(event, each) for each in part.sessions},
        },
        "part": part,
        "all_parts": parts,
    }


def _offered(came: Visitor, now: datetime) -> frozenset[str]:
    """The sessions that may be chosen now."""
    return frozenset(
        each.key
        for each in came.event.sessions
        if chosen.is_a_choice(each) and not (chosen.has_begun(each, now) or came.event.cancelled)
    )


def _file(content: bytes, name: str) -> Response:
    headers = {**pages.PERSONAL, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=f"{calendar.MEDIA_TYPE}; method=PUBLISH", headers=headers)

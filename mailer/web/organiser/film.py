"""`/rehearsal`: the film of the event's whole life, and the inbox and the calendar of one person as they fill."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse

from mailer import film
from mailer.agenda.attachments import megabytes
from mailer.agenda.model import AgendaVersion
from mailer.composition.wording import Wording
from mailer.film import MOST_PLAYERS, Arrived, Film, Playing, Projector, Torn
from mailer.lately import NotYet
from mailer.outbox import agendas, people
from mailer.outbox.roles import Role
from mailer.planning.due import Member
from mailer.rehearsal import Heard
from mailer.releasing import wording_in_force
from mailer.web.office import Office
from mailer.web.organiser import axis as axes
from mailer.web.organiser import door, entry
from mailer.web.organiser.entry import CardOfEntry
from mailer.web.organiser.frame import framed
from mailer.web.organiser.letter import text_as_seen_by

MOST_NAMED = 60
"""Readers of one scene that are named; the others are counted."""

MOST_LETTERS = 40
"""Of one person, shown at a moment."""

FEW_SESSIONS = 60
"""One person's life is played at once where there are no more; else beside, for it takes seconds."""

At = Annotated[int, Query(ge=0, le=100_000)]
As = Annotated[int | None, Query(alias="as", ge=1, le=2**53)]

MOMENT = "organiser/rehearsal_moment.html"

_LENGTH, _SMALLEST, _LARGEST = 1000.0, 4.0, 14.0


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One moment on the axis, in pixels of `_LENGTH`. `look` is `past`, `present` or `ahead`."""

    number: int
    x: float
    radius: float
    look: str


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What somebody has at a moment: letters, the newest first, and entries by the order in which they came; nothing
    while their life `is_playing`. Of many letters the newest are shown, and `more` came before.
    """

    member: Member
    letters: tuple[Arrived, ...] = ()
    entries: tuple[CardOfEntry, ...] = ()
    coming: int = 0
    more: int = 0
    is_playing: bool = False


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    projector = Projector()

    @router.get("/rehearsal")
    def page(at: At = 0, person: As = None) -> HTMLResponse:
        return _shown(office, projector, "organiser/rehearsal.html", at, person)

    @router.get("/rehearsal/moment")
    def moment(at: At = 0, person: As = None) -> HTMLResponse:
        """The part of the page that is another one at another moment. 404 while there is none."""
        return _shown(office, projector, MOMENT, at, person)

    @router.get("/rehearsal/playing")
    def playing() -> HTMLResponse:
        """How far the film is while it is played."""
        return _shown(office, projector, "organiser/rehearsal_playing.html", 0, None)

    return router


def _shown(office: Office, projector: Projector, template: str, at: int, person: int | None) -> HTMLResponse:
    door.must(office, Role.VIEWER, "see the rehearsal")
    with office.database.reading() as transaction:
        version = agendas.latest(transaction, office.event)
        players = people.some(transaction, office.event, after=0, limit=MOST_PLAYERS)
        listed = people.asked(transaction, office.event)
        texts = wording_in_force(transaction, office.event, office.texts)
    if version is None:
        if template == MOMENT:
            raise HTTPException(404)
        return framed(office, template, film=None, playing=None, torn=None, listed=0)

    def play(heard: Heard) -> Film:
        return film.play(version, players, sender=office.sender, texts=texts, heard=heard)

    of = version.number, tuple(each.recipient for each in players), texts.digest
    found = projector.film(office.event, of, play)
    values: dict[str, Any] = {
        "film": found if isinstance(found, Film) else None,
        "playing": found if isinstance(found, Playing) else None,
        "torn": found if isinstance(found, Torn) else None,
        "listed": listed,
        "most": MOST_PLAYERS,
        "zone": version.event.zone,
        "megabytes": megabytes,
    }
    if isinstance(found, Film) and found.moments:
        values |= _moment(office, projector, found, players, at, person, texts=texts)
    elif template == MOMENT:
        raise HTTPException(404)
    return framed(office, template, **values)


def _moment(
    office: Office,
    projector: Projector,
    found: Film,
    players: list[Member],
    at: int,
    person: int | None,
    *,
    texts: Wording,
) -> dict[str, object]:
    number = min(at, len(found.moments) - 1)
    now = found.moments[number]
    member = next((each for each in players if each.id == person), None)
    if person is not None and member is None:
        raise HTTPException(404)
    return {
        "at": number,
        "now": now,
        "scenes": [(scene, _named(found, scene.readers)) for scene in found.at(now)],
        "left": found.until(now),
        "marks": marks(found, number),
        "most_named": MOST_NAMED,
        "desk": _desk(office, projector, found.version, texts, member, now) if member else None,
    }


def _named(found: Film, readers: tuple[int, ...]) -> list[tuple[int, str]]:
    return [(each, found.names[each]) for each in islice(readers, MOST_NAMED)]


def _desk(
    office: Office,
    projector: Projector,
    version: AgendaVersion,
    texts: Wording,
    member: Member,
    now: datetime,
) -> Desk:
    def live() -> tuple[Arrived, ...]:
        return film.life(version, member, sender=office.sender, texts=texts)

    of = (office.event, version.number, texts.digest, member.id, member.recipient)
    try:
        lived = projector.life(of, office.clock(), live, is_long=len(version.event.sessions) > FEW_SESSIONS)
    except NotYet:
        return Desk(member=member, is_playing=True)
    had = [letter for letter in lived if letter.due_at <= now]
    shown = [
        replace(letter, text=text_as_seen_by(door.visitor(), letter.text)) for letter in had[-MOST_LETTERS:]
    ]
    return Desk(
        member=member, letters=tuple(reversed(shown)), entries=held(had), coming=len(lived) - len(had),
        more=max(0, len(had) - MOST_LETTERS),
    )  # fmt: skip


def held(letters: list[Arrived]) -> tuple[CardOfEntry, ...]:
    """The entries that a calendar shows after these letters: the newest of each UID, none that is off."""
    kept: dict[str, CardOfEntry] = {}
    for letter in letters:
        card = entry.read(letter.calendar)
        for each in card.entries:
            if card.method == "CANCEL" or each.status == "CANCELLED":
                kept.pop(each.uid, None)
            else:
                kept[each.uid] = each
    return tuple(kept.values())


def marks(found: Film, number: int) -> tuple[Mark, ...]:
    """Every moment on the axis of the event's life, sized by its letters."""
    moments = found.moments
    span = axes.axis(found.version.event, moments, moments[0])
    letters = [sum(len(scene.readers) for scene in found.at(moment)) for moment in moments]
    most = max(letters, default=0) or 1
    return tuple(
        Mark(
            number=each,
            x=round(20 + (_LENGTH - 40) * span.place(moment), 1),
            radius=round(_SMALLEST + (_LARGEST - _SMALLEST) * (letters[each] / most) ** 0.5, 1),
            look="past" if each < number else "present" if each == number else "ahead",
        )
        for each, moment in enumerate(moments)
    )

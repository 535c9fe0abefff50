"""The agenda's days drawn to scale: where each session's block stands, and what is marked on it. Knows no page.

Lengths down the page are in pixels of a drawing that is not stretched; across, in hundredths of its width.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from mailer.agenda.changes import Change, ChangeKind, carried_along, differences
from mailer.agenda.model import Event, Session
from mailer.web import moments

LEAST = 25.0
"""The height of the shortest block: one line of type."""

BY_THE_MINUTE = (1.5, 3.0)
"""The smallest and the largest scale; in between, the shortest session decides."""

LANE = 150
"""The width that a block needs to be read, beside others."""

_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One session as it is drawn. `marks` say what differs from what is published; one that is `off` is cancelled."""

    key: str
    title: str
    hours: str
    room: str
    kind: str
    off: bool
    marks: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Ghost:
    """Where a session was that is at another hour now."""

    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day, drawn. `hours` are the lines of full hours with their names."""

    number: int
    name: str
    width: int
    height: float
    hours: tuple[tuple[float, str], ...]
    blocks: tuple[Block, ...]
    ghosts: tuple[Ghost, ...]


def days(event: Event) -> dict[int, date]:
    """The days on which something begins, by their number from 1; cancelled sessions count."""
    dates = sorted({_date(each, event.zone) for each in (*event.sessions, *event.called_off)})
    return {(each - dates[0]).days + 1: each for each in dates}


def day_of(event: Event, key: str) -> int:
    """The number of the day on which a session begins. Raises KeyError for a key the agenda does not hold."""
    by_key = {each.key: each for each in (*event.sessions, *event.called_off)}
    begins = _date(by_key[key], event.zone)
    return next(number for number, each in days(event).items() if each == begins)


def cancelled_on(event: Event, number: int) -> list[Session]:
    """The cancelled sessions of a day."""
    return [each for each in event.called_off if _date(each, event.zone) == days(event).get(number)]


def drawn(event: Event, number: int, published: Event | None = None) -> Day | None:
    """A day of the agenda, with what differs from the `published` one marked; None where nothing begins on it.

    What was cancelled since is drawn as well.
    """
    on = days(event).get(number)
    published = carried_along(published, event) if published else None
    before = {each.key: each for each in published.sessions} if published else {}
    off = {each.key for each in event.called_off if each.key in before}
    here = [
        each
        for each in (*event.sessions, *event.called_off)
        if _date(each, event.zone) == on and (each.key in off or each not in event.called_off)
    ]
    if on is None:
        return None
    marks = _marks(differences(published, event), before, event.zone) if published else {}
    were = [
        before[each.key]
        for each in here
        if each.key in before
        and _hours(before[each.key]) != _hours(each)
        and _date(before[each.key], event.zone) == on
    ]
    begins, ends = _span([*here, *were], on, event.zone)
    scale = _scale(here)
    lanes = _lanes(here, timedelta(minutes=LEAST / scale))

    def block(each: Session) -> Block:
        lane, of = lanes[each.key]
        return Block(
            key=each.key, title=each.title, room=each.room or "", kind=each.kind.value, off=each.key in off,
            hours=_clock(each, event.zone), marks=marks.get(each.key, ()),
            x=round(100 * lane / of, 3), width=round(100 / of, 3),
            y=_minutes(begins, each.starts_at) * scale,
            height=max(LEAST, _minutes(each.starts_at, each.ends_at) * scale),
        )  # fmt: skip

    blocks = tuple(block(each) for each in sorted(here, key=lambda s: (s.starts_at, lanes[s.key])))
    return Day(
        number=number,
        name=moments.day(datetime(on.year, on.month, on.day, 12, tzinfo=UTC), UTC),
        width=LANE * max((of for _, of in lanes.values()), default=1),
        height=max([_minutes(begins, ends) * scale, *(each.y + each.height for each in blocks)]) + 1,
        hours=tuple(_full_hours(begins, ends, scale, event.zone)),
        blocks=blocks,
        ghosts=tuple(
            Ghost(y=_minutes(begins, s.starts_at) * scale, height=_minutes(s.starts_at, s.ends_at) * scale)
            for s in were
        ),
    )


_MARKS = {
    ChangeKind.ADDED: "new",
    ChangeKind.CANCELLED: "cancelled",
    ChangeKind.REINSTATED: "reinstated",
    ChangeKind.RELOCATED: "room",
    ChangeKind.RENAMED: "title",
    ChangeKind.REWORDED: "wording",
}


def _marks(
    changes: Sequence[Change], before: Mapping[str, Session], zone: ZoneInfo
) -> dict[str, tuple[str, ...]]:
    marks: dict[str, list[str]] = {}
    for each in changes:
        if each.what != "session":
            continue
        mark = (
            f"was {_clock(before[each.anchor], zone)}" if each.kind is ChangeKind.MOVED else _MARKS[each.kind]
        )
        if mark not in marks.setdefault(each.anchor, []):
            marks[each.anchor].append(mark)
    return {key: tuple(each) for key, each in marks.items()}


def _lanes(sessions: Sequence[Session], least: timedelta) -> dict[str, tuple[int, int]]:
    """By key: the lane a block stands in, and how many there are beside each other where it stands. A session that is
    shorter than `least` takes the room of one that is so long.
    """
    lanes: dict[str, tuple[int, int]] = {}
    group: list[tuple[Session, int]] = []
    free_at: list[datetime] = []

    def close() -> None:
        lanes.update({each.key: (lane, len(free_at)) for each, lane in group})

    for each in sorted(sessions, key=lambda s: (s.starts_at, s.ends_at)):
        if group and each.starts_at >= max(free_at):
            close()
            group, free_at = [], []
        lane = next((n for n, at in enumerate(free_at) if at <= each.starts_at), len(free_at))
        free_at[lane : lane + 1] = [max(each.ends_at, each.starts_at + least)]
        group.append((each, lane))
    close()
    return lanes


def _scale(sessions: Sequence[Session]) -> float:
    """Pixels for a minute: the shortest session should have a line of type."""
    shortest = min((_minutes(each.starts_at, each.ends_at) for each in sessions), default=60)
    least, most = BY_THE_MINUTE
    return min(most, max(least, LEAST / max(shortest, 1)))


def _span(sessions: Sequence[Session], on: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the full hour before the first to the full hour after the last; a day of nothing is nine to five."""
    if not sessions:
        morning = datetime(on.year, on.month, on.day, 9, tzinfo=zone).astimezone(UTC)
        return morning, morning + 8 * _HOUR
    first = min(each.starts_at for each in sessions).astimezone(zone)
    begins = (first - timedelta(minutes=first.minute, seconds=first.second)).astimezone(UTC)
    hours = -((begins - max(each.ends_at for each in sessions)) // _HOUR)
    return begins, begins + hours * _HOUR


def _full_hours(
    begins: datetime, ends: datetime, scale: float, zone: ZoneInfo
) -> Iterator[tuple[float, str]]:
    at = begins
    while at <= ends:
        yield _minutes(begins, at) * scale, moments.hour(at, zone)
        at += _HOUR


def _clock(each: Session, zone: ZoneInfo) -> str:
    if each.end_assumed:
        return moments.hour(each.starts_at, zone)
    return f"{moments.hour(each.starts_at, zone)}–{moments.hour(each.ends_at, zone)}"


def _hours(each: Session) -> tuple[datetime, datetime]:
    return each.starts_at, each.ends_at


def _date(each: Session, zone: ZoneInfo) -> date:
    return each.starts_at.astimezone(zone).date()


def _minutes(since: datetime, until: datetime) -> float:
    return (until - since) / _MINUTE

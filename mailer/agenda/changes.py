"""What differs between two states of an agenda, and whether it matters to a calendar.

Gives sentences for the organiser, SEQUENCE numbers for the calendar, and what an entry says as far as a change of it is
concerned. Who is told, and how, is not decided here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from mailer import wallclock
from mailer.agenda import writing
from mailer.agenda.attachments import megabytes
from mailer.agenda.model import (
    AgendaVersion,
    Attachment,
    Event,
    Mailing,
    Organiser,
    RecipientList,
    Session,
    Venue,
)
from mailer.agenda.rules import EVENT

SIGNIFICANT = ("starts_at", "ends_at", "room")
"""Properties of a session that a calendar must be told of by a higher SEQUENCE (RFC 5546 3.2.2.1)."""

SIGNIFICANT_ELSEWHERE = ("venue", "timezone", "cancelled")
"""Properties of the event that are a change of every session too."""

SIGNIFICANT_OF_EVENT = ("starts_at", "ends_at", *SIGNIFICANT_ELSEWHERE)
"""The same, of the event as a whole."""

WORDED = ("title", "blocks", "points", "chair", "speakers")
"""Properties of a session that its entry says, and for which nobody is asked again."""

WORDED_ELSEWHERE = ("title", "language", "organiser")
"""Properties of the event that the entry of every session says, too."""

WORDED_OF_EVENT = ("summary", *WORDED_ELSEWHERE)

IN_THE_PROGRAMME = ("starts_at", "ends_at", "end_assumed", "title")
"""Properties of every session that the entry of the event says, in the programme."""


Items = Sequence[Session] | Sequence[Mailing]


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CANCELLED = "cancelled"
    REINSTATED = "reinstated"
    MOVED = "moved"
    RELOCATED = "relocated"
    RENAMED = "renamed"
    REWORDED = "reworded"
    CHANGED = "changed"


_KINDS = {
    "starts_at": ChangeKind.MOVED,
    "ends_at": ChangeKind.MOVED,
    "timezone": ChangeKind.MOVED,
    "room": ChangeKind.RELOCATED,
    "venue": ChangeKind.RELOCATED,
    "title": ChangeKind.RENAMED,
}
"""What a change of a field of the event or a session is called; any other is `reworded`, one of a mailing `changed`."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference. `anchor`: `event`, a session's key or a mailing's key; `before`/`after` are for reading."""

    kind: ChangeKind
    what: str
    anchor: str
    field: str = ""
    before: str = ""
    after: str = ""


def differences(old: Event | None, new: Event) -> list[Change]:
    """Everything that differs, in the order of the new agenda; all of it `added` when there is no old one.

    In another zone, and where the whole conference is on other days, a session has moved where the venue's clock shows
    another hour than before, or it is on another of those days.
    """
    here = carried_along(old, new) if old else None
    return [
        *_of_event(old, new),
        *_of_items(
            "session", here.sessions if here else (), new.sessions, new.zone, here.called_off if here else ()
        ),
        *(_of_what_is_off(here, new) if here else ()),
        *_of_items("mailing", old.mailings if old else (), new.mailings, new.zone),
    ]


def on_the_clock_of(event: Event, timezone: str) -> Event:
    """The event in another zone, each session at the hour it had on the venue's clock. An hour that clocks skip there
    is as much later.
    """
    if timezone == event.timezone:
        return event
    zone = ZoneInfo(timezone)

    def there(instant: datetime) -> datetime:
        return instant.astimezone(event.zone).replace(tzinfo=zone).astimezone(UTC)

    def moved(session: Session) -> Session:
        hours = {"starts_at": there(session.starts_at), "ends_at": there(session.ends_at)}
        return session.model_copy(update=hours)

    return event.model_copy(
        update={
            "timezone": timezone,
            "sessions": tuple(map(moved, event.sessions)),
            "called_off": tuple(map(moved, event.called_off)),
        }
    )


def moved_by(event: Event, days: int) -> Event:
    """The event so many days later, each session at the hour it had on the venue's clock. One whose end is assumed
    lasts as long as before; an hour that clocks skip there is as much later.
    """
    if not days:
        return event

    def later(instant: datetime) -> datetime:
        local = instant.astimezone(event.zone)
        return (local + timedelta(days=days)).replace(fold=local.fold).astimezone(UTC)

    def moved(session: Session) -> Session:
        starts_at = later(session.starts_at)
        lasts = session.ends_at - session.starts_at
        ends_at = starts_at + lasts if session.end_assumed else later(session.ends_at)
        return session.model_copy(update={"starts_at": starts_at, "ends_at": ends_at})

    return event.model_copy(
        update={
            "sessions": tuple(map(moved, event.sessions)),
            "called_off": tuple(map(moved, event.called_off)),
        }
    )


def days_moved(old: Event, new: Event) -> int:
    """By how many days the whole conference is later than it was: as many as the first of the sessions that both have,
    if most of them are.
    """
    now = {each.key: each for each in (*new.sessions, *new.called_off)}
    both = sorted(
        (each for each in (*old.sessions, *old.called_off) if each.key in now),
        key=lambda session: session.starts_at,
    )
    by = [(_date(now[each.key], new) - _date(each, old)).days for each in both]
    return by[0] if by and by.count(by[0]) * 2 > len(by) else 0


def carried_along(old: Event, new: Event) -> Event:
    """The old event as it would be, had nothing changed but its zone and its days, which are those of the new one."""
    return moved_by(on_the_clock_of(old, new.timezone), days_moved(old, new))


def _date(session: Session, event: Event) -> date:
    return session.starts_at.astimezone(event.zone).date()


NAMED: Mapping[str, str] = {
    "first_day": "first day",
    "timezone": "time zone",
    "starts_at": "start",
    "ends_at": "end",
    "end_assumed": "end left open",
    "points": "points for discussion",
    "called_off": "cancelled sessions",
    "recipient_lists": "lists of people",
    "quiet_minutes": "quiet minutes",
    "useful_until": "useful until",
    "calendar": "calendar part",
    "again_when_moved": "again when moved",
    "sessions": "order of the sessions",
    "mailings": "order of the mailings",
}
"""What people call a field whose name says it badly."""


def title_of(anchor: str, *events: Event) -> str:
    """What a session, a mailing or the event is called: by the first of these events that has it."""
    for event in events:
        named: tuple[Session | Mailing, ...] = (*event.sessions, *event.called_off, *event.mailings)
        for each in named:
            if each.key == anchor:
                return each.title
    return "the event" if anchor == EVENT else anchor


def in_words(changes: Sequence[Change], *events: Event) -> str:
    """Changes in one line, such as `Opening session: start 10 March 2027, 09:15 -> 10 March 2027, 09:30`."""
    said = []
    for each in changes:
        if each.field == "sessions":  # their order follows their hours
            continue
        if each.field in {"", "cancelled"}:
            what = each.kind.value
        else:
            what = f"{NAMED.get(each.field, each.field)} {each.before or 'none'} -> {each.after or 'none'}"
        said.append(f"{title_of(each.anchor, *events)}: {what}"[:200])
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    return "; ".join(said[:3]) + more


def next_version(
    latest: AgendaVersion | None, event: Event, now: datetime, *, published_by: str = ""
) -> AgendaVersion:
    """The version that publishing `event` at `now` would make."""
    if latest is None:
        sequences = dict.fromkeys((EVENT, *(session.key for session in event.sessions)), 0)
        return AgendaVersion(
            event=event, number=1, published_at=now, first_published_at=now, sequences=sequences,
            clocks=_clocks(event), tzdata=wallclock.tzdata_version(), published_by=published_by,
        )  # fmt: skip
    return AgendaVersion(
        event=event,
        number=latest.number + 1,
        published_at=now,
        first_published_at=latest.first_published_at,
        sequences=_sequences(latest, event),
        clocks=_clocks(event),
        tzdata=wallclock.tzdata_version(),
        published_by=published_by,
    )


def significant(event: Event, anchor: str) -> tuple[object, ...] | None:
    """What an entry says that matters to a calendar; None where nothing takes place: cancelled, or never planned.

    Two states of an agenda whose entries differ in nothing else ask nobody anything.
    """
    if event.cancelled:
        return None
    if anchor == EVENT:
        return tuple(getattr(event, name) for name in SIGNIFICANT_OF_EVENT)
    found = next((session for session in event.sessions if session.key == anchor), None)
    if found is None:
        return None
    here = tuple(getattr(found, name) for name in SIGNIFICANT)
    return *here, *(getattr(event, name) for name in SIGNIFICANT_ELSEWHERE)


def worded(event: Event, anchor: str) -> tuple[object, ...]:
    """What else an entry says. Raises KeyError for a session the agenda does not hold."""
    if anchor == EVENT:
        programme = tuple(
            tuple(getattr(session, name) for name in IN_THE_PROGRAMME) for session in event.sessions
        )
        return programme, *(getattr(event, name) for name in WORDED_OF_EVENT)
    session = event.session(anchor)
    here = tuple(getattr(session, name) for name in WORDED)
    return *here, *(getattr(event, name) for name in WORDED_ELSEWHERE)


def follow_the_clocks(version: AgendaVersion) -> Event:
    """The version's event with every session at the hour the venue's clock showed when it was published.

    The same event, unless the rules of its zone have changed since (a new tzdata); then what was agreed is the hour
    on the wall, and the instant has moved.
    """
    zone = version.event.zone

    def now(session: Session) -> Session:
        if session.key not in version.clocks:
            return session
        shown = _clock(session, zone)
        if shown == version.clocks[session.key]:
            return session
        starts, ends = (
            datetime.fromisoformat(each).replace(tzinfo=zone) for each in version.clocks[session.key]
        )
        return session.model_copy(
            update={"starts_at": starts.astimezone(UTC), "ends_at": ends.astimezone(UTC)}
        )

    return version.event.model_copy(update={"sessions": tuple(map(now, version.event.sessions))})


def _clocks(event: Event) -> dict[str, tuple[str, str]]:
    return {session.key: _clock(session, event.zone) for session in event.sessions}


def _clock(session: Session, zone: ZoneInfo) -> tuple[str, str]:
    starts, ends = (at.astimezone(zone).replace(tzinfo=None) for at in (session.starts_at, session.ends_at))
    return starts.isoformat(), ends.isoformat()


def _sequences(latest: AgendaVersion, event: Event) -> Mapping[str, int]:
    """A session that was dropped keeps its number, one higher: reinstated, it is newer than its cancellation."""
    old = {session.key: session for session in latest.event.sessions}
    new = {session.key: session for session in event.sessions}
    elsewhere = _differ(latest.event, event, SIGNIFICANT_ELSEWHERE)
    sequences = dict(latest.sequences)
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        if key not in sequences:
            sequences[key] = 0
        elif before is None or after is None or elsewhere or _differ(before, after, SIGNIFICANT):
            sequences[key] += 1
    if _differ(latest.event, event, SIGNIFICANT_OF_EVENT):
        sequences[EVENT] += 1
    return dict(sorted(sequences.items()))


def _differ(before: object, after: object, names: tuple[str, ...]) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _of_event(old: Event | None, new: Event) -> Iterator[Change]:
    if old is None:
        yield Change(kind=ChangeKind.ADDED, what="event", anchor=EVENT, after=new.title)
        return
    for name in Event.model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if name == "called_off":
            continue
        if name in {"sessions", "mailings"}:
            before, after = _orders(before, after)
        if before != after:
            kind = _KINDS.get(name, ChangeKind.REWORDED)
            if name == "cancelled":
                kind = ChangeKind.CANCELLED if new.cancelled else ChangeKind.REINSTATED
            yield Change(
                kind=kind, what="event", anchor=EVENT, field=name,
                before=_shown(before, new.zone), after=_shown(after, new.zone),
            )  # fmt: skip
    if days := days_moved(old, new):
        was = writing.first_day(old)
        yield Change(
            kind=ChangeKind.MOVED, what="event", anchor=EVENT, field="first_day",
            before=_shown(was, new.zone), after=_shown(was + timedelta(days=days), new.zone),
        )  # fmt: skip


def _orders(old: Items, new: Items) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys that both hold, as each orders them: all that can differ of a list as such."""
    both = {item.key for item in old} & {item.key for item in new}
    return tuple(o.key for o in old if o.key in both), tuple(n.key for n in new if n.key in both)


def _of_items(what: str, old: Items, new: Items, zone: ZoneInfo, off: Items = ()) -> Iterator[Change]:
    before, were_off = {item.key: item for item in old}, {item.key for item in off}
    for item in new:
        if item.key in before:
            yield from _of_fields(what, before.pop(item.key), item, zone)
        else:
            kind = ChangeKind.REINSTATED if item.key in were_off else ChangeKind.ADDED
            yield Change(kind=kind, what=what, anchor=item.key, after=item.title)
    for item in before.values():
        kind = ChangeKind.CANCELLED if what == "session" else ChangeKind.REMOVED
        yield Change(kind=kind, what=what, anchor=item.key, before=item.title)


def _of_what_is_off(old: Event, new: Event) -> Iterator[Change]:
    """What differs of sessions that were cancelled before and still do not take place; nobody's calendar has them."""
    before = {each.key: each for each in old.called_off}
    planned = {each.key for each in (*old.sessions, *new.sessions)}
    for each in new.called_off:
        if each.key in before:
            yield from _of_fields("session", before.pop(each.key), each, new.zone)
        elif each.key not in planned:
            yield Change(kind=ChangeKind.CANCELLED, what="session", anchor=each.key, before=each.title)
    for each in before.values():
        if each.key not in planned:
            yield Change(kind=ChangeKind.REMOVED, what="session", anchor=each.key, before=each.title)


def _of_fields(what: str, old: Session | Mailing, new: Session | Mailing, zone: ZoneInfo) -> Iterator[Change]:
    for name in type(new).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            kind = _KINDS.get(name, ChangeKind.REWORDED) if isinstance(new, Session) else ChangeKind.CHANGED
            yield Change(
                kind=kind,
                what=what, anchor=new.key, field=name, before=_shown(before, zone), after=_shown(after, zone),
            )  # fmt: skip


def _shown(value: object, zone: ZoneInfo) -> str:  # noqa: PLR0911 - one for each kind of value
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            there = value.astimezone(zone)
            return f"{there.day} {there:%B %Y, %H:%M}"
        case date():
            return f"{value.day} {value:%B %Y}"
        case tuple():
            return "; ".join(_shown(each, zone) for each in value)
        case Venue():
            return value.one_line
        case Organiser():
            return f"{value.name} <{value.address}>"
        case Attachment():
            return f"{value.name} ({megabytes(value.size)}, {value.digest[:8]})"
        case RecipientList():
            return f"{value.file} ({value.role})" if value.role else value.file
    return str(value)

"""What becomes of a mailing's hour when the conference moves: worked out by moving it. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer import wallclock
from mailer.agenda.model import AgendaVersion, Event, Mailing
from mailer.planning import due, timing


@dataclass(frozen=True, kw_only=True)
class Shift:
    """When a mailing would fall due if the conference were `by` later: at `to_at` in the place of `from_at`."""

    by: str
    from_at: datetime
    to_at: datetime

    @property
    def moves(self) -> bool:
        return self.to_at != self.from_at


def shifts(version: AgendaVersion, mailing: Mailing) -> list[Shift]:
    """For an hour and for a week, of the mailing's first occasion for a reader at the venue."""
    if not due.stands(version.event, mailing):
        return []
    anchor = next(due.anchors(version.event, mailing.rule), None)
    if anchor is None:
        return []
    at = timing.instant(mailing.rule, version, anchor, None)
    those = _that_matter(version.event, {anchor, mailing.rule.anchor})
    moved = {"an hour": _later(those, hours=1), "a week": _later(those, days=7)}
    return [
        Shift(
            by=by,
            from_at=at,
            to_at=timing.instant(mailing.rule, version.model_copy(update={"event": event}), anchor, None),
        )
        for by, event in moved.items()
    ]


def _that_matter(event: Event, anchors: Collection[str]) -> Event:
    """The event with those of hundreds of sessions by which it begins and ends, and these."""
    first = min(event.sessions, key=lambda each: each.starts_at)
    last = max(event.sessions, key=lambda each: each.ends_at)
    wanted = {first.key, last.key, *anchors}
    return event.model_copy(update={"sessions": tuple(each for each in event.sessions if each.key in wanted)})


def _later(event: Event, *, days: int = 0, hours: int = 0) -> Event:
    """Days are the venue's calendar days; its clock stays."""

    def moved(at: datetime) -> datetime:
        local = wallclock.same_clock(at, days, event.zone) if days else None
        there = timing.resolve(local, event.zone) if local else at
        return there + timedelta(hours=hours)

    sessions = tuple(
        each.model_copy(update={"starts_at": moved(each.starts_at), "ends_at": moved(each.ends_at)})
        for each in event.sessions
    )
    return event.model_copy(update={"sessions": sessions})

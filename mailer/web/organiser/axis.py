"""The axis of time on which the timetable is drawn: which moment lies where, and what is written along it.

One axis for weeks and for the one day that matters: the event's days are unfolded, the time before and after
them is drawn to one smaller scale. Pure numbers between 0 and 1; pixels are left to `picture`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from mailer.agenda.model import Event
from mailer.web import moments

_UNFOLDED = 0.38
_LEAST = 0.1
_AROUND = timedelta(hours=1)
_MOST_TICKS = 7


@dataclass(frozen=True, kw_only=True)
class Tick:
    place: float
    words: str


@dataclass(frozen=True, kw_only=True)
class Axis:
    """`knots` are (moment, place) pairs in order; between two of them time is drawn to one scale."""

    knots: tuple[tuple[datetime, float], ...]
    zone: ZoneInfo
    unfolded: tuple[datetime, datetime]

    def place(self, moment: datetime) -> float:
        """Where a moment lies, 0 to 1; what lies beyond an end is put at the end."""
        for (start, low), (end, high) in pairwise(self.knots):
            if moment <= end:
                return low + (high - low) * max(0.0, (moment - start) / (end - start))
        return 1.0

    @property
    def band(self) -> tuple[float, float]:
        """The event's days."""
        return self.place(self.unfolded[0]), self.place(self.unfolded[1])

    def ticks(self) -> list[Tick]:
        """Days outside the event, hours within it (days, if it has several)."""
        (first, _), *_, (last, _) = self.knots
        opens, closes = self.unfolded
        outside = [*self._days(first, opens), *self._days(closes, last)]
        is_one_day = closes - opens < timedelta(days=1)
        inside = self._hours(opens, closes) if is_one_day else self._days(opens, closes)
        return [*outside, *inside]

    def _days(self, start: datetime, end: datetime) -> Iterator[Tick]:
        """Mondays, or every so many of them: few enough to be read."""
        step = next(n for n in (1, 7, 14, 28, 56, 112, 10**6) if (end - start).days / n <= _MOST_TICKS)
        day: date = start.astimezone(self.zone).date() + timedelta(days=1)
        if step > 1:
            day += timedelta(days=-day.weekday() % 7)
        while (moment := datetime.combine(day, time(), self.zone)) < end:
            yield Tick(place=self.place(moment), words=moments.short_day(moment, self.zone).partition(" ")[2])
            day += timedelta(days=step)

    def _hours(self, start: datetime, end: datetime) -> Iterator[Tick]:
        step = next(n for n in (1, 2, 3, 6) if (end - start) / timedelta(hours=n) <= _MOST_TICKS or n == 6)
        moment = start.astimezone(self.zone).replace(minute=0, second=0, microsecond=0)
        while moment < end:
            if moment > start and moment.hour % step == 0:
                yield Tick(place=self.place(moment), words=moments.hour(moment, self.zone))
            moment += timedelta(hours=1)


def axis(event: Event, due: Sequence[datetime], now: datetime) -> Axis:
    """An axis that holds the event, everything that falls due, and now if that is not far off."""
    opens, closes = event.starts_at - _AROUND, event.ends_at + _AROUND
    first, last = min([opens, *due]), max([closes, *due])
    margin = max((last - first) * 0.03, timedelta(hours=1))
    first, last = first - margin, last + margin
    if first - (last - first) / 2 < now < last + (last - first) / 2:
        first, last = min(first, now - margin), max(last, now + margin)
    before, after = opens - first, last - closes
    share = (1 - _UNFOLDED) * (before / (before + after))
    share = min(max(share, _LEAST), 1 - _UNFOLDED - _LEAST)
    knots = ((first, 0.0), (opens, share), (closes, share + _UNFOLDED), (last, 1.0))
    return Axis(knots=knots, zone=event.zone, unfolded=(opens, closes))

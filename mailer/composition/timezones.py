"""What a calendar file says of a time zone: at most two yearly rules, taken from the zone's own TZif data.

Knows which instants those rules tell rightly; for any other, the entry is written in UTC, which every reader
gets right. Putting the rules on paper is left to `ical`.
"""

import importlib.resources
import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
LAST = -1
FIRST_YEAR = 1970
"""The year of the first onset we write: readers ask only that it lies before the entry."""

_NAME = r"(<[^>]+>|[A-Za-z]{3,})"
_OFFSET = r"([+-]?\d{1,2}(?::\d{2}){0,2})"
_RULE = r"M(\d+)\.(\d)\.(\d)(?:/([+-]?\d+(?::\d{2}){0,2}))?"
_FOOTER = re.compile(rf"{_NAME}{_OFFSET}(?:{_NAME}{_OFFSET}?,{_RULE},{_RULE})?")
_NO_PLACE = {"UTC0", "<-00>0"}
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Onset:
    """The hour of the year when an offset begins: the `week`th (or `LAST`) `weekday` of a month.

    `weekday` is one of `WEEKDAYS`; `clock` is the wall clock as it was before the change.
    """

    month: int
    week: int
    weekday: str
    clock: time

    def in_year(self, year: int) -> datetime:
        """The naive wall-clock moment of one year."""
        first_weekday, days = monthrange(year, self.month)
        first = (WEEKDAYS.index(self.weekday) - first_weekday - 1) % 7 + 1
        day = first + 7 * (self.week - 1) if self.week != LAST else first + (days - first) // 7 * 7
        return datetime.combine(date(year, self.month, day), self.clock)


@dataclass(frozen=True, kw_only=True)
class Observance:
    """An offset from UTC and when it begins (RFC 5545 3.6.5). `onset` is None where it holds all year."""

    name: str
    daylight: bool
    offset_from: timedelta
    offset_to: timedelta
    onset: Onset | None = None


@lru_cache
def observances(timezone: str) -> tuple[Observance, ...]:
    """The rules of a zone, summer first; none for UTC and where yearly weekday rules cannot say it.

    Raises:
        ZoneInfoNotFoundError: no such zone.
    """
    ZoneInfo(timezone)
    found = _FOOTER.fullmatch(_footer(timezone))
    if not found or found[0] in _NO_PLACE:
        return ()
    standard, offset = found[1].strip("<>"), -_span(found[2])
    if not found[3]:
        return (Observance(name=standard, daylight=False, offset_from=offset, offset_to=offset),)
    other = -_span(found[4]) if found[4] else offset + _HOUR
    begins, ends = _onset(*found.group(5, 6, 7, 8)), _onset(*found.group(9, 10, 11, 12))
    if not begins or not ends:
        return ()
    pair = (_change(found[3].strip("<>"), offset, other, begins), _change(standard, other, offset, ends))
    return tuple(sorted(pair, key=lambda observance: not observance.daylight))


@lru_cache(maxsize=4096)
def tells(timezone: str, instant: datetime) -> bool:
    """Whether the wall clock of a zone at an aware instant, read by our rules, is that instant and no other.

    It is not where the rules differ from the zone's own data, or in the autumn hour that comes twice.
    """
    local = instant.astimezone(ZoneInfo(timezone))
    wall_clock = local.replace(tzinfo=None, fold=0)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return not twice and _readings(observances(timezone), wall_clock) == {instant.astimezone(UTC)}


def offset_at(rules: tuple[Observance, ...], instant: datetime) -> timedelta:
    """The offset from UTC that rules give for an aware instant. `rules` are not empty."""
    if rules[0].onset is None:
        return rules[0].offset_to
    moment = instant.astimezone(UTC).replace(tzinfo=None)
    begun = (
        (rule.onset.in_year(year) - rule.offset_from, rule.offset_to)
        for rule in rules
        for year in (moment.year - 1, moment.year, moment.year + 1)
        if rule.onset
    )
    return max(change for change in begun if change[0] <= moment)[1]


def _readings(rules: tuple[Observance, ...], wall_clock: datetime) -> set[datetime]:
    """Every instant at which a clock that follows the rules shows the naive `wall_clock`."""
    candidates = {((wall_clock - rule.offset_to).replace(tzinfo=UTC), rule.offset_to) for rule in rules}
    return {instant for instant, offset in candidates if offset_at(rules, instant) == offset}


def _footer(timezone: str) -> str:
    """The POSIX TZ string that governs the years after a TZif file's last transition (RFC 9636 3.3)."""
    file = importlib.resources.files("tzdata").joinpath("zoneinfo", *timezone.split("/"))
    try:
        return file.read_bytes().rsplit(b"\n", 2)[-2].decode("ascii")
    except FileNotFoundError:  # a zone only the machine's own data has
        return ""


def _change(name: str, before: timedelta, after: timedelta, onset: Onset) -> Observance:
    """DAYLIGHT is whatever lies ahead, also for Dublin, whose law calls the winter the exception."""
    return Observance(name=name, daylight=after > before, offset_from=before, offset_to=after, onset=onset)


def _onset(month: str, week: str, weekday: str, clock: str | None) -> Onset | None:
    """None for a change before 00:00 or from 24:00 on: its weekday is not the one the rule names."""
    after_midnight = _span(clock) if clock else 2 * _HOUR
    if not timedelta() <= after_midnight < _DAY:
        return None
    return Onset(
        month=int(month),
        week=LAST if week == "5" else int(week),
        weekday=WEEKDAYS[int(weekday)],
        clock=(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) + after_midnight).time(),
    )


def _span(text: str) -> timedelta:
    hours, minutes, seconds = (*map(int, text.lstrip("+-").split(":")), 0, 0)[:3]
    return (-1 if text.startswith("-") else 1) * timedelta(hours=hours, minutes=minutes, seconds=seconds)

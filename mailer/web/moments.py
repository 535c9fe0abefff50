"""Moments as people read them, in English. Every function takes the zone it tells; none reads a clock."""

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from babel.dates import format_date, format_datetime

_LOCALE = "en_GB"
_STEPS = (
    (timedelta(seconds=90), timedelta(seconds=1), "second"),
    (timedelta(minutes=90), timedelta(minutes=1), "minute"),
    (timedelta(hours=36), timedelta(hours=1), "hour"),
    (timedelta.max, timedelta(days=1), "day"),
)


_remembered = lru_cache(maxsize=2048)
"""A page names the same few moments again and again; looking at CLDR for each takes longer than all else it does."""


@_remembered
def hour(moment: datetime, zone: tzinfo) -> str:
    """`09:15`"""
    return format_datetime(moment.astimezone(zone), "HH:mm", locale=_LOCALE)


@_remembered
def day(moment: datetime, zone: tzinfo) -> str:
    """`Wednesday, 10 March 2027`"""
    return format_date(moment.astimezone(zone).date(), "EEEE, d MMMM y", locale=_LOCALE)


@_remembered
def short_day(moment: datetime, zone: tzinfo) -> str:
    """`Wed 10 Mar`"""
    return format_date(moment.astimezone(zone).date(), "EEE d MMM", locale=_LOCALE)


@_remembered
def short(moment: datetime, zone: tzinfo) -> str:
    """`Wed 10 Mar 2027, 09:15`"""
    return format_datetime(moment.astimezone(zone), "EEE d MMM y, HH:mm", locale=_LOCALE)


@_remembered
def exact(moment: datetime, zone: tzinfo) -> str:
    """`10 Mar 2027, 09:15:07`"""
    return format_datetime(moment.astimezone(zone), "d MMM y, HH:mm:ss", locale=_LOCALE)


def away(moment: datetime, now: datetime) -> str:
    """`in 3 days`, `40 minutes ago`: the largest unit that still tells something."""
    distance = abs(moment - now)
    _, unit, name = next(step for step in _STEPS if distance < step[0])
    count = round(distance / unit)
    if not count:
        return "now"
    words = f"{count} {name}" if count == 1 else f"{count} {name}s"
    return f"in {words}" if moment > now else f"{words} ago"

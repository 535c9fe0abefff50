"""Moments as people read them, in English unless another language is asked for; the cities of clocks, and the names of
languages.

Every function takes the zone it tells; none reads a clock. Clocks show 24 hours; digits are European in every language.
"""

import datetime as times
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_skeleton, get_timezone_location

from mailer.composition.placeholders import locale_of
from mailer.recipients.audience import is_language

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
def day(moment: datetime, zone: tzinfo, language: str = "") -> str:
    """`Wednesday, 10 March 2027`, or as another language writes it in full."""
    date = moment.astimezone(zone).date()
    return in_full(date) if language in {"", "en"} else format_date(date, "full", locale=locale_of(language))


def in_full(date: times.date) -> str:
    """`Wednesday, 10 March 2027`, of a date that no clock belongs to."""
    return format_date(date, "EEEE, d MMMM y", locale=_LOCALE)


@_remembered
def short_day(moment: datetime, zone: tzinfo, language: str = "") -> str:
    """`Wed 10 Mar`, or as another language writes it."""
    date = moment.astimezone(zone).date()
    if language in {"", "en"}:
        return format_date(date, "EEE d MMM", locale=_LOCALE)
    return format_skeleton("MMMEd", moment.astimezone(zone), locale=locale_of(language))


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


def apart(distance: timedelta) -> str:
    """`1 hour later`, `5 hours 30 minutes earlier`, `91 days later`: by how much something has moved."""
    hours, minutes = divmod(round(abs(distance) / timedelta(minutes=1)), 60)
    days, hours = divmod(hours, 24)
    named = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    words = [f"{count} {name}" if count == 1 else f"{count} {name}s" for count, name in named if count]
    return f"{' '.join(words)} {'later' if distance > timedelta() else 'earlier'}"


def date(moment: datetime, zone: tzinfo, language: str) -> str:
    """`10 March 2027`, or as another language writes it."""
    return format_date(moment.astimezone(zone).date(), "long", locale=locale_of(language))


def city(timezone: str, language: str) -> str:
    """The place a zone is named by: `Vienna` for Europe/Vienna, `Wien` in German; a zone without one as it stands."""
    found: str = get_timezone_location(timezone, locale=locale_of(language), return_city=True)
    return timezone if timezone == "UTC" else found.rpartition("/")[2]


@lru_cache(maxsize=1)
def languages() -> tuple[tuple[str, str], ...]:
    """Every language with a code of two letters that CLDR can write days in: (code, English name), by name."""
    names = Locale("en").languages.items()
    known = ((code, name) for code, name in names if len(code) == 2 and is_language(code))
    return tuple(sorted(known, key=lambda each: each[1]))


def language_in_english(language: str) -> str:
    """`Arabic`, `Brazilian Portuguese`; the code where CLDR has no name for it."""
    try:
        return Locale.parse(language, sep="-").get_display_name("en") or language
    except (UnknownLocaleError, ValueError):
        return language


def language_name(language: str) -> str:
    """What a language calls itself: `English`, `français`."""
    return locale_of(language).get_language_name() or language

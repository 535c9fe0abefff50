"""How values are put into words, in each language: days, hours, cities, lists. These are the filters of templates.

Clocks show 24 hours; digits are European in every language. How lines are set is in `typesetting`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from babel.dates import format_date, format_skeleton, get_timezone_location
from babel.lists import format_list

from mailer.composition import typesetting
from mailer.composition.placeholders import Moment, locale_of


def filters(language: str) -> dict[str, Callable[..., Any]]:
    """What a template in this language may write after a `|`, by name."""
    locale = locale_of(language)
    rtl = locale.text_direction == "rtl"
    comma = "،" if rtl and locale.language != "he" else ","

    def city(timezone: str) -> str:
        return get_timezone_location(timezone, locale=locale, return_city=True).rpartition("/")[2]

    def listed(items: Iterable[str]) -> str:
        return format_list(list(items), locale=locale)

    def day(moment: Moment) -> str:
        return format_date(moment.venue, "full", locale=locale)

    def date(moment: Moment) -> str:
        return format_date(moment.venue, "long", locale=locale)

    def isolated(text: str) -> str:
        return f"\u2068{text}\u2069" if rtl else str(text)

    def own_clock(moment: Moment) -> str:
        own = moment.own
        if not own:
            return ""
        return f"{own:%H:%M}" if own.date() == moment.venue.date() else dated(own)

    def dated(own: datetime, clocks: str = "") -> str:
        return f"{format_skeleton('MMMEd', own, locale=locale)}{comma} {isolated(clocks or f'{own:%H:%M}')}"

    def own_clock_range(item: Mapping[str, Any], to_end: bool = False) -> str:
        starts, own = item["starts"], item["starts"].own
        if not own:
            return ""
        own_end = item["ends"].own or item["ends"].venue
        if _open_ended(item) and not to_end:
            return own_clock(starts)
        if own_end.date() != own.date():
            return f"{dated(own)} – {dated(own_end)}"
        clocks = f"{own:%H:%M}–{own_end:%H:%M}"
        return isolated(clocks) if own.date() == starts.venue.date() else dated(own, clocks)

    return {
        "at_most": lambda items, most: items[:most],
        "beside": typesetting.beside,
        "city": city,
        "clock": lambda moment: f"{moment.venue:%H:%M}",
        "clock_range": _clock_range,
        "date": date,
        "day": day,
        "isolated": isolated,
        "length": len,
        "listed": listed,
        "own_clock": own_clock,
        "own_clock_range": own_clock_range,
        "underlined": typesetting.underlined,
        "upper": lambda text: str(text).upper(),
        "wrapped": typesetting.wrapped,
    }


def _open_ended(item: Mapping[str, Any]) -> bool:
    return bool(item["end_assumed"]) or item["starts"] == item["ends"]


def _clock_range(item: Mapping[str, Any], to_end: bool = False) -> str:
    """`10:00–11:15` at the venue; only the start where the agenda gives no end, unless asked `to_end`."""
    starts, ends = item["starts"].venue, item["ends"].venue
    open_ended = _open_ended(item) and not to_end
    return f"{starts:%H:%M}" if open_ended else f"{starts:%H:%M}–{ends:%H:%M}"


FILTERS = frozenset(filters("en"))
"""The names of the filters, the same in every language."""

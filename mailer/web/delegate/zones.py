"""The time zones a person may choose from, by region and city, in their language."""

from functools import lru_cache

from mailer import wallclock
from mailer.web.delegate.speech import Speech, speech_in

Zones = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""For each region, in its order: its name, and its zones as (IANA name, what the city is called)."""


def zones(speech: Speech, in_force: str) -> Zones:
    """All that may be chosen; the one in force is among them, whatever older name it goes by."""
    return _zones(speech.language, "" if in_force in wallclock.zone_choices() else in_force)


@lru_cache(maxsize=64)
def _zones(language: str, besides: str) -> Zones:
    speech = speech_in(language)
    regions: dict[str, list[tuple[str, str]]] = {}
    for name in (*wallclock.zone_choices(), *([besides] if besides else [])):
        region = speech.regions.get(name.partition("/")[0], name.partition("/")[0])
        regions.setdefault(region, []).append((name, speech.city(name)))
    return tuple(
        (region, tuple(sorted(regions[region], key=lambda pair: pair[1]))) for region in sorted(regions)
    )

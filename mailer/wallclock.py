"""Wall-clock times in a zone: which zones are real, and which instants a local time can mean."""

import importlib.resources
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import tzdata


@cache
def zone_names() -> frozenset[str]:
    """The IANA zones a person may name: those of the `tzdata` package with a region, and UTC.

    `EST`, `CET`, `Etc/GMT-1` and the like are left out: they are offsets, or ask to be misread.
    """
    names = importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
    regional = (name for name in names if "/" in name and not name.startswith(("Etc/", "SystemV/", "US/")))
    return frozenset({*regional, "UTC"})


def tzdata_version() -> str:
    """Which edition of the zones' rules is read, such as `2026c`."""
    return str(tzdata.IANA_VERSION)


@cache
def zone_choices() -> tuple[str, ...]:
    """The zones to choose from: of those a person may name, one for each city that tells people apart, and UTC."""
    table = importlib.resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8")
    named = {line.split("\t")[2] for line in table.splitlines() if line and not line.startswith("#")}
    return (*sorted(named & zone_names()), "UTC")


def use_packaged_tzdata() -> None:
    """Read zones from the `tzdata` package alone: the system's copy may disagree with it about next year."""
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()


def instants(local: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The UTC instants at which clocks in `zone` show the naive `local` time: none, one or two, in order."""
    both = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return tuple(sorted(i for i in both if i.astimezone(zone).replace(tzinfo=None) == local))


def after_gap(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant for a local time that clocks skip: as long after the gap began as the clock says.

    02:30 in a night when 02:00 becomes 03:00 is 03:30: the reading by the offset before the change.
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def same_clock(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The naive local time `days` calendar days from `instant`, the wall clock unchanged."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(days=days)

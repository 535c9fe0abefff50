"""Which zones are real, and which instants a local time can mean."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import wallclock

VIENNA = ZoneInfo("Europe/Vienna")
ZONES = st.sampled_from(
    ["Europe/Vienna", "America/St_Johns", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
).map(ZoneInfo)
LOCALS = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2028, 12, 31))  # noqa: DTZ001


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("name", ["Europe/Vienna", "America/Argentina/Ushuaia", "Asia/Kolkata", "UTC"])
def test_a_zone_with_a_region_is_known(name: str) -> None:
    assert name in wallclock.zone_names()


@pytest.mark.parametrize(
    "name", ["EST", "CET", "GMT", "Etc/GMT-1", "US/Eastern", "europe/vienna", "", "../x"]
)
def test_an_offset_or_a_word_to_be_misread_is_no_zone(name: str) -> None:
    assert name not in wallclock.zone_names()


@pytest.mark.parametrize(
    ("zone", "at", "instants"),
    [
        ("Europe/Vienna", "2027-03-10 09:00", ["2027-03-10 08:00"]),
        ("Europe/Vienna", "2027-03-28 01:59", ["2027-03-28 00:59"]),
        ("Europe/Vienna", "2027-03-28 02:00", []),
        ("Europe/Vienna", "2027-03-28 02:59", []),
        ("Europe/Vienna", "2027-03-28 03:00", ["2027-03-28 01:00"]),
        ("Europe/Vienna", "2027-10-31 02:30", ["2027-10-31 00:30", "2027-10-31 01:30"]),
        ("Europe/Vienna", "2027-10-31 03:00", ["2027-10-31 02:00"]),
        ("Australia/Lord_Howe", "2027-04-04 01:45", ["2027-04-03 14:45", "2027-04-03 15:15"]),
        ("Pacific/Apia", "2011-12-30 12:00", []),
    ],
)
def test_a_local_time_means_no_one_or_two_instants(zone: str, at: str, instants: list[str]) -> None:
    assert wallclock.instants(local(at), ZoneInfo(zone)) == tuple(map(utc, instants))


@pytest.mark.parametrize(
    ("zone", "at", "shifted"),
    [
        ("Europe/Vienna", "2027-03-28 02:30", "2027-03-28 03:30"),
        ("Australia/Lord_Howe", "2027-10-03 02:10", "2027-10-03 02:40"),
        ("Pacific/Apia", "2011-12-30 12:00", "2011-12-31 12:00"),
    ],
)
def test_a_skipped_time_is_as_long_after_the_gap_as_the_clock_says(zone: str, at: str, shifted: str) -> None:
    found = wallclock.after_gap(local(at), ZoneInfo(zone))
    assert found.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local(shifted)


def test_days_keep_the_wall_clock_over_the_change() -> None:
    assert wallclock.same_clock(utc("2027-03-27 08:00"), 1, VIENNA) == local("2027-03-28 09:00")
    assert wallclock.same_clock(utc("2027-10-31 01:30"), 0, VIENNA) == local("2027-10-31 02:30")


@given(local=LOCALS, zone=ZONES)
def test_every_instant_shows_the_clock_it_was_asked_for(local: datetime, zone: ZoneInfo) -> None:
    found = wallclock.instants(local, zone)
    assert len(found) <= 2
    assert list(found) == sorted(set(found))
    assert all(instant.astimezone(zone).replace(tzinfo=None) == local for instant in found)
    if not found:
        assert wallclock.after_gap(local, zone).astimezone(zone).replace(tzinfo=None) > local


@given(local=LOCALS, zone=ZONES)
def test_no_instant_is_forgotten(local: datetime, zone: ZoneInfo) -> None:
    instant = local.replace(tzinfo=UTC)
    shown = instant.astimezone(zone).replace(tzinfo=None)
    assert instant in wallclock.instants(shown, zone)
    assert abs(shown - local) < timedelta(hours=24)


def test_the_zones_to_choose_from_are_real_and_tell_people_apart() -> None:
    choices = wallclock.zone_choices()
    assert len(set(choices)) == len(choices) > 350
    assert set(choices) <= wallclock.zone_names()
    assert {"Europe/Vienna", "Europe/Ljubljana", "Asia/Tashkent", "UTC"} <= set(choices)
    assert "Asia/Calcutta" not in choices

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest

from mailer.composition.timezones import LAST, Observance, Onset, observances, offset_at, tells

HOUR = timedelta(hours=1)
TRICKY = (
    "Africa/Cairo",
    "America/Havana",
    "Asia/Jerusalem",
    "America/Nuuk",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Asia/Tehran",
    "Asia/Gaza",
)


def test_vienna_has_two_rules_told_in_the_offset_they_end() -> None:
    spring = Onset(month=3, week=LAST, weekday="SU", clock=time(2))
    autumn = Onset(month=10, week=LAST, weekday="SU", clock=time(3))
    assert observances("Europe/Vienna") == (
        Observance(name="CEST", daylight=True, offset_from=HOUR, offset_to=2 * HOUR, onset=spring),
        Observance(name="CET", daylight=False, offset_from=2 * HOUR, offset_to=HOUR, onset=autumn),
    )


def test_the_second_sunday_of_march_is_found_in_any_year() -> None:
    onset = Onset(month=3, week=2, weekday="SU", clock=time(2))
    found = [onset.in_year(year).date().isoformat() for year in (1970, 2026, 2027, 2028)]
    assert found == ["1970-03-08", "2026-03-08", "2027-03-14", "2028-03-12"]


def test_the_last_sunday_is_found_in_months_that_end_on_one_and_that_do_not() -> None:
    onset = Onset(month=10, week=LAST, weekday="SU", clock=time(3))
    assert [onset.in_year(year).day for year in (2027, 2028, 2032)] == [31, 29, 31]


def test_a_zone_without_summer_time_has_one_offset() -> None:
    tashkent = timedelta(hours=5)
    assert observances("Asia/Tashkent") == (
        Observance(name="+05", daylight=False, offset_from=tashkent, offset_to=tashkent),
    )


def test_dublin_is_told_with_summer_ahead() -> None:
    told = [(rule.name, rule.daylight, rule.offset_to) for rule in observances("Europe/Dublin")]
    assert told == [("IST", True, HOUR), ("GMT", False, timedelta())]


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "Etc/Zulu", "Factory"])
def test_what_is_no_place_has_no_rules(zone: str) -> None:
    assert observances(zone) == ()
    assert not tells(zone, datetime(2027, 3, 10, 8, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["Africa/Cairo", "Asia/Jerusalem", "Asia/Gaza", "America/Nuuk"])
def test_a_change_on_another_day_than_its_weekday_is_not_told_by_rules(zone: str) -> None:
    assert observances(zone) == ()


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        observances("Europe/Atlantis")


def test_the_hour_that_comes_twice_is_not_told() -> None:
    told = [tells("Europe/Vienna", datetime(2027, 10, 31, hour, 30, tzinfo=UTC)) for hour in (0, 1, 2)]
    assert told == [False, False, True]
    assert tells("Europe/Vienna", datetime(2027, 10, 30, 23, 30, tzinfo=UTC))


def test_the_hours_around_the_spring_change_are_told() -> None:
    assert all(tells("Europe/Vienna", datetime(2027, 3, 28, hour, tzinfo=UTC)) for hour in range(4))


def test_ramadan_in_casablanca_is_not_told_where_it_differs() -> None:
    """The zone's own data hold each year's dates; the yearly rule knows none of them."""
    zone = ZoneInfo("Africa/Casablanca")
    for day in range(365):
        moment = datetime(2027, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
        right = offset_at(observances(zone.key), moment) == moment.astimezone(zone).utcoffset()
        assert tells(zone.key, moment) == right


@pytest.mark.parametrize("zone", [*TRICKY, *sorted(available_timezones() - {"localtime"})[::12]])
def test_what_is_told_is_right_on_every_day_of_a_year(zone: str) -> None:
    for day in range(0, 365, 3):
        moment = datetime(2027, 1, 1, 9, 30, tzinfo=UTC) + timedelta(days=day)
        if tells(zone, moment):
            assert offset_at(observances(zone), moment) == moment.astimezone(ZoneInfo(zone)).utcoffset()

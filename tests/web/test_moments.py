"""Moments as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mailer.web import moments

NOW = datetime(2027, 3, 9, 23, 30, 5, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


def test_a_moment_is_told_on_the_clock_that_is_asked_for() -> None:
    assert moments.hour(NOW, VIENNA) == "00:30"
    assert moments.day(NOW, VIENNA) == "Wednesday, 10 March 2027"
    assert moments.short_day(NOW, VIENNA) == "Wed 10 Mar"
    assert moments.short(NOW, VIENNA) == "Wed 10 Mar 2027, 00:30"
    assert moments.exact(NOW, UTC) == "9 Mar 2027, 23:30:05"


def test_days_and_places_are_told_in_other_languages_too() -> None:
    assert moments.day(NOW, VIENNA, "en") == moments.day(NOW, VIENNA)
    assert moments.short_day(NOW, VIENNA, "en") == moments.short_day(NOW, VIENNA)
    assert moments.day(NOW, VIENNA, "fr") == "mercredi 10 mars 2027"
    assert moments.short_day(NOW, VIENNA, "fr") == "mer. 10 mars"
    assert [moments.date(NOW, VIENNA, each) for each in ("en", "fr")] == ["10 March 2027", "10 mars 2027"]
    assert [moments.city("Europe/Vienna", each) for each in ("en", "fr", "de")] == [
        "Vienna",
        "Vienne",
        "Wien",
    ]
    assert moments.city("UTC", "fr") == "UTC"
    assert [moments.language_name(each) for each in ("en", "fr", "ar")] == ["English", "français", "العربية"]


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(), "now"),
        (timedelta(seconds=1), "in 1 second"),
        (timedelta(seconds=40), "in 40 seconds"),
        (timedelta(minutes=-5), "5 minutes ago"),
        (timedelta(minutes=89), "in 89 minutes"),
        (timedelta(hours=2), "in 2 hours"),
        (timedelta(hours=-35), "35 hours ago"),
        (timedelta(days=3), "in 3 days"),
        (timedelta(days=-400), "400 days ago"),
    ],
)
def test_how_far_away_it_is(distance: timedelta, words: str) -> None:
    assert moments.away(NOW + distance, NOW) == words

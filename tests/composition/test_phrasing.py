"""Dates, hours and places in the reader's language."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mailer.composition.phrasing import filters
from mailer.composition.placeholders import Moment
from mailer.recipients.model import Recipient
from tests import conference
from tests.composition.writing import rendered, values


@pytest.mark.parametrize(
    ("recipient", "hours"),
    [
        (conference.PRACTITIONER, "11:30–12:45 ()"),
        (conference.FOCAL_POINT, "11:30–12:45 ()"),
        (conference.SPEAKER, "11:30–12:45 (15:30–16:45)"),
        (conference.FAR_AWAY, "11:30–12:45 (02:30–03:45)"),
    ],
)
def test_the_readers_hours_stand_beside_the_venues_only_where_they_differ(
    recipient: Recipient, hours: str
) -> None:
    words = rendered(recipient, txt="{{ session|clock_range }} ({{ session|own_clock_range }})")
    assert words.text == hours + "\n"


def test_the_day_is_told_where_the_readers_differs() -> None:
    words = rendered(
        conference.FAR_AWAY, txt="{{ event.starts|own_clock }}; {{ event|own_clock_range(true) }}"
    )
    assert words.text == "Tue 9 Mar, 23:45; Tue 9 Mar, 23:45 – Wed 10 Mar, 08:00\n"


def test_an_assumed_end_is_not_shown() -> None:
    template = (
        "{% for item in sessions %}{% if item.end_assumed %}{{ item|clock_range }}{% endif %}{% endfor %}"
    )
    assert rendered(txt=template).text == "17:00\n"


def test_hours_change_with_summer_time_at_the_instant_itself() -> None:
    """On 2027-03-21 New York is already on summer time and Vienna not yet: five hours, not six."""
    instant = datetime(2027, 3, 21, 8, 0, tzinfo=UTC)
    there = instant.astimezone(ZoneInfo("America/New_York"))
    moment = Moment(venue=instant.astimezone(ZoneInfo("Europe/Vienna")), own=there)
    known = filters("en")
    assert (known["clock"](moment), known["own_clock"](moment)) == ("09:00", "04:00")


@pytest.mark.parametrize(
    ("language", "day", "city"),
    [
        ("en", "Wednesday, 10 March 2027", "Vienna"),
        ("fr", "mercredi 10 mars 2027", "Vienne"),
        ("ar", "الأربعاء، 10 مارس 2027", "فيينا"),
    ],
)
def test_days_and_cities_are_written_in_the_readers_language(language: str, day: str, city: str) -> None:
    known, starts = filters(language), values()["event"]["starts"]
    assert (known["day"](starts), known["city"]("Europe/Vienna")) == (day, city)

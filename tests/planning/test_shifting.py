"""What becomes of a mailing's hour when the conference moves."""

from datetime import timedelta

import pytest

from mailer.agenda.changes import next_version
from mailer.planning.shifting import shifts
from tests.conference import EVENT, PUBLISHED_AT

VERSION = next_version(None, EVENT, PUBLISHED_AT)
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)


@pytest.mark.parametrize(
    ("when", "an_hour", "a_week"),
    [
        ("as soon as published", timedelta(), timedelta()),
        ("2027-03-01 09:00", timedelta(), timedelta()),
        ("2 hours before the event starts", HOUR, WEEK),
        ("2 days before the event starts, at 09:00", timedelta(), WEEK),
        ("2 days after the event ends", HOUR, WEEK),
    ],
)
def test_a_rule_follows_as_far_as_it_says(when: str, an_hour: timedelta, a_week: timedelta) -> None:
    mailing = EVENT.mailing("report").model_copy(update={"when": when})
    event = EVENT.model_copy(update={"mailings": (mailing,)})
    version = VERSION.model_copy(update={"event": event})

    found = {each.by: each.to_at - each.from_at for each in shifts(version, mailing)}
    assert found == {"an hour": an_hour, "a week": a_week}


def test_the_clock_on_the_wall_stays_when_a_week_changes_the_clocks() -> None:
    """Vienna's clocks go forward on 28 March 2027; the conference moves from the 24th to the 31st."""
    mailing = EVENT.mailing("report").model_copy(update={"when": "1 hour before the event starts"})
    moved = tuple(
        each.model_copy(update={"starts_at": each.starts_at + 2 * WEEK, "ends_at": each.ends_at + 2 * WEEK})
        for each in EVENT.sessions
    )
    event = EVENT.model_copy(update={"sessions": moved, "mailings": (mailing,)})

    _, week = shifts(VERSION.model_copy(update={"event": event}), mailing)
    assert week.to_at - week.from_at == WEEK - HOUR


def test_a_mailing_that_hangs_on_nothing_has_no_hour() -> None:
    mailing = EVENT.mailing("report").model_copy(update={"when": "1 hour after session-9 ends"})

    assert shifts(VERSION, mailing) == []

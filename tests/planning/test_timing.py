"""From a rule to an instant: the two awkward hours, days and hours, weekdays, and whose clock it is."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.agenda import rules
from mailer.agenda.model import AgendaVersion, Session
from mailer.planning import timing
from tests import conference

ZONES = [
    *["Europe/Vienna", "Africa/Cairo", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati"],
    *["Pacific/Pago_Pago", "Asia/Kathmandu", "America/Santiago", "UTC"],
]
MINUTE = timedelta(minutes=1)


def held(starts: str, *, lasts: timedelta = timedelta(hours=2), zone: str = "Europe/Vienna") -> AgendaVersion:
    """An event of two sessions, `one` and `two`, the first from `starts` on the venue's clock (or with an offset)."""
    at = datetime.fromisoformat(starts)
    first = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
    sessions = (
        Session(key="one", title="One", starts_at=first, ends_at=first + lasts / 2),
        Session(key="two", title="Two", starts_at=first + lasts / 2, ends_at=first + lasts),
    )
    published_at = datetime(2027, 1, 11, 8, tzinfo=UTC)
    return conference.version(
        conference.EVENT.model_copy(update={"timezone": zone, "sessions": sessions}),
        published_at=published_at,
    )


def when(rule: str, version: AgendaVersion, *, anchor: str = "event", reader: str | None = None) -> str:
    """The instant, on the clock of the reader it is for."""
    instant = timing.instant(rules.parse(rule), version, anchor, reader)
    assert instant.tzinfo is UTC
    return f"{instant.astimezone(ZoneInfo(reader or version.event.timezone)):%a %m-%d %H:%M%z}"


WEDNESDAY = held("2027-03-10 09:00")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("the event starts", "Wed 03-10 09:00+0100"),
        ("the event ends", "Wed 03-10 11:00+0100"),
        ("one ends", "Wed 03-10 10:00+0100"),
        ("30 minutes after two starts", "Wed 03-10 10:30+0100"),
        ("2 days before the event starts", "Mon 03-08 09:00+0100"),
        ("1 week after the event ends, at 18:00", "Wed 03-17 18:00+0100"),
        ("the event starts, at 00:00", "Wed 03-10 00:00+0100"),
        ("as soon as published", "Mon 01-11 09:00+0100"),
        ("90 seconds after publication", "Mon 01-11 09:01+0100"),
        ("2027-03-01 12:00", "Mon 03-01 12:00+0100"),
        ("2027-03-01 12:00+05:00", "Mon 03-01 08:00+0100"),
        ("2027-07-01 12:00", "Thu 07-01 12:00+0200"),
    ],
)
def test_a_rule_falls_when_it_says(rule: str, expected: str) -> None:
    assert when(rule, WEDNESDAY) == expected


def test_each_session_has_its_own_instant() -> None:
    rule = "15 minutes before each session starts"
    assert [when(rule, WEDNESDAY, anchor=key) for key in ("one", "two")] == [
        "Wed 03-10 08:45+0100",
        "Wed 03-10 09:45+0100",
    ]


def test_publication_is_the_first() -> None:
    again = WEDNESDAY.model_copy(
        update={"published_at": WEDNESDAY.published_at + timedelta(days=9), "number": 2}
    )
    assert when("5 minutes after publication", again) == "Mon 01-11 09:05+0100"


def test_an_instant_that_hangs_on_a_session_that_is_gone_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="three"):
        timing.instant(rules.parse("three starts"), WEDNESDAY, "event", None)


# ── the nights when clocks change ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("zone", "starts", "rule", "expected"),
    [
        ("Europe/Vienna", "2027-03-29 09:00", "1 day before the event starts", "Sun 03-28 09:00+0200"),
        ("Europe/Vienna", "2027-03-28 09:00", "1 day before the event starts", "Sat 03-27 09:00+0100"),
        ("Europe/Vienna", "2027-03-28 09:00", "24 hours before the event starts", "Sat 03-27 08:00+0100"),
        ("Europe/Vienna", "2027-10-31 09:00", "24 hours before the event starts", "Sat 10-30 10:00+0200"),
        ("Europe/Vienna", "2027-03-29 02:30", "1 day before the event starts", "Sun 03-28 03:30+0200"),
        ("Europe/Vienna", "2027-03-29 09:00", "1 day before the event starts, at 02:30", "Sun 03-28 03:30+0200"),
        ("Europe/Vienna", "2027-11-01 09:00", "1 day before the event starts, at 02:30", "Sun 10-31 02:30+0200"),
        ("Australia/Lord_Howe", "2027-10-04 09:00", "1 day before the event starts, at 02:10", "Sun 10-03 02:40+1100"),
        ("Australia/Lord_Howe", "2027-04-05 09:00", "1 day before the event starts, at 01:45", "Sun 04-04 01:45+1100"),
        ("America/New_York", "2027-03-15 02:30", "1 day before the event starts", "Sun 03-14 03:30-0400"),
        ("UTC", "2027-03-29 02:30", "1 day before the event starts", "Sun 03-28 02:30+0000"),
    ],
)  # fmt: skip
def test_days_keep_the_wall_clock_and_hours_are_elapsed(
    zone: str, starts: str, rule: str, expected: str
) -> None:
    assert when(rule, held(starts, zone=zone)) == expected


def test_a_moment_in_the_second_of_two_equal_hours_stays_there() -> None:
    # In Cairo the hour that comes twice lies on a weekday: Thursday 28 October 2027, 23:00.
    second = held("2027-10-28T23:30:00+02:00", zone="Africa/Cairo")
    assert when("the event starts", second) == "Thu 10-28 23:30+0200"
    assert when("the event starts, weekdays only", second) == "Thu 10-28 23:30+0200"
    assert when("5 minutes before the event starts, weekdays only", second) == "Thu 10-28 23:25+0200"


# ── weekdays ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("3 days before the event starts, weekdays only", "Fri 03-05 09:00+0100"),
        ("4 days before the event starts, at 18:00, weekdays only", "Fri 03-05 18:00+0100"),
        ("5 days before the event starts, weekdays only", "Fri 03-05 09:00+0100"),
        ("2 days before the event starts, weekdays only", "Mon 03-08 09:00+0100"),
        ("80 hours before the event starts, weekdays only", "Fri 03-05 01:00+0100"),
        ("3 days after the event ends, weekdays only", "Mon 03-15 11:00+0100"),
        ("4 days after the event ends, at 10:00, weekdays only", "Mon 03-15 10:00+0100"),
        ("72 hours after the event ends, weekdays only", "Mon 03-15 11:00+0100"),
        ("5 days after publication, weekdays only", "Mon 01-18 09:00+0100"),
    ],
)
def test_a_weekend_is_left_away_from_the_anchor(rule: str, expected: str) -> None:
    assert when(rule, WEDNESDAY) == expected


def test_an_event_at_a_weekend_itself_is_followed() -> None:
    assert when("the event ends, weekdays only", held("2027-03-13 09:00")) == "Mon 03-15 11:00+0100"


# ── whose clock ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (None, "Mon 03-08 09:00+0100"),
        ("America/Los_Angeles", "Mon 03-08 09:00-0800"),
        ("Pacific/Kiritimati", "Mon 03-08 09:00+1400"),
        ("Pacific/Pago_Pago", "Mon 03-08 09:00-1100"),
    ],
)
def test_the_hour_is_the_readers_and_the_day_the_venues(reader: str | None, expected: str) -> None:
    rule = "2 days before the event starts, at 09:00 recipient time"
    assert when(rule, WEDNESDAY, reader=reader) == expected
    venues = timing.instant(
        rules.parse("2 days before the event starts, at 09:00"), WEDNESDAY, "event", reader
    )
    assert venues == datetime(2027, 3, 8, 8, tzinfo=UTC)


def test_readers_on_both_sides_of_the_date_line_are_spared_the_same_weekend() -> None:
    late = held("2027-03-09 00:30")
    rule = "2 days before the event starts, at 09:00 recipient time, weekdays only"
    for reader in ("Pacific/Kiritimati", "Pacific/Pago_Pago", None):
        assert when(rule, late, reader=reader).startswith("Fri 03-05 09:00")


def test_a_readers_own_awkward_hours_are_decided_alike() -> None:
    version = held("2027-03-15 09:00")
    rule = "1 day before the event starts, at 02:30 recipient time"
    assert when(rule, version, reader="America/New_York") == "Sun 03-14 03:30-0400"


def test_only_an_hour_on_the_readers_clock_depends_on_them() -> None:
    depending = [
        rule
        for rule in (
            "the event starts, at 09:00 recipient time",
            "the event starts, at 09:00",
            "3 days before the event starts, weekdays only",
            "2027-03-10 09:00",
        )
        if timing.depends_on_reader(rules.parse(rule))
    ]
    assert depending == ["the event starts, at 09:00 recipient time"]


# ── for any rule ─────────────────────────────────────────────────────────────────────────────────────────────

STARTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)).map(str)  # noqa: DTZ001 - the venue's clock


@given(starts=STARTS, zone=st.sampled_from(ZONES), days=st.integers(1, 400), before=st.booleans())
def test_days_show_the_same_clock_or_stand_after_a_gap(
    starts: str, zone: str, days: int, before: bool
) -> None:
    version = held(starts, zone=zone)
    side = "before" if before else "after"
    found = timing.instant(rules.parse(f"{days} days {side} the event starts"), version, "event", None)
    origin = version.event.starts_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    wanted = origin + timedelta(days=-days if before else days)
    shown = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert timedelta() <= shown - wanted <= timedelta(hours=1)
    assert shown == wanted or (found - MINUTE * 61).astimezone(ZoneInfo(zone)).utcoffset() != (
        found.astimezone(ZoneInfo(zone)).utcoffset()
    )


@given(starts=STARTS, zone=st.sampled_from(ZONES), minutes=st.integers(1, 9999))
def test_hours_and_minutes_are_exact(starts: str, zone: str, minutes: int) -> None:
    version = held(starts, zone=zone)
    for side, sign in (("before", -1), ("after", 1)):
        found = timing.instant(rules.parse(f"{minutes} minutes {side} event starts"), version, "event", None)
        assert found == version.event.starts_at + sign * minutes * MINUTE


@given(
    starts=STARTS,
    zone=st.sampled_from(ZONES),
    reader=st.sampled_from([None, *ZONES]),
    days=st.integers(1, 40),
    before=st.booleans(),
    clock=st.times().map(lambda at: f"{at:%H:%M}"),
)
def test_weekdays_only_never_falls_at_a_weekend_and_never_nearer_to_the_anchor(
    starts: str, zone: str, reader: str | None, days: int, before: bool, clock: str
) -> None:
    version = held(starts, zone=zone)
    text = f"{days} days {'before' if before else 'after'} the event starts, at {clock} recipient time"
    any_day = timing.instant(rules.parse(text), version, "event", reader)
    weekday = timing.instant(rules.parse(f"{text}, weekdays only"), version, "event", reader)
    shown = weekday.astimezone(ZoneInfo(reader or zone))
    # A gap at midnight may shift 23:30 on a Friday into the Saturday.
    assert (shown - timedelta(hours=1)).weekday() < 5 or shown.weekday() < 5
    moved = any_day - weekday if before else weekday - any_day
    assert timedelta() <= moved < timedelta(days=3)

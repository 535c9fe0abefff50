"""Where moments lie on the axis."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.web.organiser.axis import axis
from tests.conference import ENDS_AT, EVENT, PUBLISHED_AT, STARTS_AT

DUE = [PUBLISHED_AT, STARTS_AT - timedelta(days=14), STARTS_AT, ENDS_AT + timedelta(days=14)]


def test_the_day_is_unfolded() -> None:
    drawn = axis(EVENT, DUE, PUBLISHED_AT)
    start, end = drawn.band
    assert end - start == pytest.approx(0.38)
    assert (
        drawn.place(PUBLISHED_AT)
        < start
        < drawn.place(STARTS_AT)
        < drawn.place(ENDS_AT)
        < end
        < drawn.place(DUE[-1])
    )


@given(st.integers(-500, 500).map(lambda days: PUBLISHED_AT + timedelta(days=days)))
def test_later_is_never_further_left(moment: datetime) -> None:
    drawn = axis(EVENT, DUE, PUBLISHED_AT)
    assert 0 <= drawn.place(moment) <= drawn.place(moment + timedelta(hours=1)) <= 1


@pytest.mark.parametrize("days", [0, 1, 6, 40, 400, 5000])
def test_ticks_are_few_and_in_order_within_each_part(days: int) -> None:
    drawn = axis(EVENT, [STARTS_AT - timedelta(days=days), STARTS_AT], PUBLISHED_AT)
    assert 1 <= len(drawn.ticks()) <= 24
    assert all(0 <= tick.place <= 1 for tick in drawn.ticks())


def test_hours_stand_in_the_day_and_mondays_around_it() -> None:
    words = [tick.words for tick in axis(EVENT, DUE, PUBLISHED_AT).ticks()]
    assert words == [
        "11 Jan",
        "25 Jan",
        "8 Feb",
        "22 Feb",
        "8 Mar",
        "15 Mar",
        "22 Mar",
        "08:00",
        "10:00",
        "12:00",
        "14:00",
        "16:00",
    ]


@pytest.mark.parametrize(
    ("now", "is_held"), [(PUBLISHED_AT - timedelta(days=10), True), (datetime(2035, 1, 1, tzinfo=UTC), False)]
)
def test_now_is_on_it_unless_it_is_far_off(now: datetime, is_held: bool) -> None:
    (first, _), *_, (last, _) = axis(EVENT, DUE, now).knots
    assert (first <= now <= last) is is_held


def test_an_event_with_nothing_due_has_an_axis() -> None:
    assert axis(EVENT, [], STARTS_AT).place(STARTS_AT) > 0

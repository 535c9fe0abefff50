"""When a letter that was put off is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.retrying import GIVE_UP_AFTER, gave_up, retry_at

NOW = datetime(2027, 2, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 240), (7, 240), (1000, 240)]
)
def test_the_waits_grow_up_to_four_hours(attempts: int, minutes: int) -> None:
    wait = timedelta(minutes=minutes)
    for letter_id in range(100):
        assert wait <= retry_at(attempts=attempts, letter_id=letter_id, now=NOW) - NOW <= wait * 1.25


def test_letters_put_off_together_do_not_come_back_together() -> None:
    assert len({retry_at(attempts=1, letter_id=letter_id, now=NOW) for letter_id in range(100)}) > 90


@given(st.integers(1, 10**6), st.integers(1, 2**63))
def test_the_same_letter_waits_the_same(attempts: int, letter_id: int) -> None:
    first = retry_at(attempts=attempts, letter_id=letter_id, now=NOW)
    assert retry_at(attempts=attempts, letter_id=letter_id, now=NOW) == first
    assert first.tzinfo is UTC


def test_after_five_days_it_is_given_up() -> None:
    assert timedelta(days=5) == GIVE_UP_AFTER
    assert gave_up(first_due_at=NOW, now=NOW + timedelta(days=5))
    assert not gave_up(first_due_at=NOW, now=NOW + timedelta(days=5, microseconds=-1))

"""When a letter that was put off is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.retrying import GIVE_UP_AFTER, NOTICES, deadline, retry_at

NOW = datetime(2027, 2, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    [(1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 240), (7, 240), (1000, 240)],
)
def test_the_waits_grow_up_to_four_hours(attempts: int, minutes: int) -> None:
    wait = timedelta(minutes=minutes)
    for letter_id in range(100):
        assert wait <= retry_at(attempts=attempts, letter_id=letter_id, now=NOW) - NOW <= wait * 1.2


def test_a_server_that_greylists_is_tried_again_after_five_minutes_or_six() -> None:
    waits = [retry_at(attempts=1, letter_id=letter_id, now=NOW) - NOW for letter_id in range(1000)]
    assert timedelta(minutes=5) <= min(waits)
    assert max(waits) <= timedelta(minutes=6)


def test_a_fault_of_the_line_costs_a_letter_a_minute_whatever_went_before() -> None:
    for attempts in (1, 2, 50):
        wait = retry_at(attempts=attempts, letter_id=7, now=NOW, charged=False) - NOW
        assert timedelta(minutes=1) <= wait <= timedelta(minutes=1.2)


def test_letters_put_off_together_do_not_come_back_together() -> None:
    assert len({retry_at(attempts=1, letter_id=letter_id, now=NOW) for letter_id in range(100)}) > 90


@given(st.integers(1, 10**6), st.integers(1, 2**63))
def test_the_same_letter_waits_the_same(attempts: int, letter_id: int) -> None:
    first = retry_at(attempts=attempts, letter_id=letter_id, now=NOW)
    assert retry_at(attempts=attempts, letter_id=letter_id, now=NOW) == first
    assert first.tzinfo is UTC


def test_within_five_days_there_are_some_thirty_tries() -> None:
    now, tries = NOW, 1
    while (now := retry_at(attempts=tries, letter_id=1, now=now)) < deadline(NOW):
        tries += 1
    assert 28 <= tries <= 36


def test_after_five_days_it_is_given_up() -> None:
    assert timedelta(days=5) == GIVE_UP_AFTER
    assert deadline(NOW) == NOW + timedelta(days=5)


def test_the_organiser_is_told_long_before() -> None:
    assert timedelta() < NOTICES[0] < NOTICES[1] < GIVE_UP_AFTER

"""What takes long to count is shown as it was a moment ago, never older than said, and counted once at a time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import thread_time

import pytest

from mailer.errors import ConvenorError, StoreError
from mailer.lately import FRESH_FOR, RESTS_AT_MOST, RESTS_FOR, SHOWN_FOR, AsOf, Beside, Heard, Lately, NotYet

NOW = datetime(2027, 3, 10, 9, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def lately() -> Lately[int]:
    return Lately(lambda counted: counted >= 100)


def nobody() -> int:
    raise AssertionError("it was counted, though it need not have been")


def unreadable() -> int:
    raise StoreError("the database is gone")


def let_counting_end() -> None:
    for thread in threading.enumerate():
        if thread.name == "counting":
            thread.join()


def test_what_was_just_counted_is_not_counted_again(lately: Lately[int]) -> None:
    assert [
        lately.get("letters", NOW, lambda: 100),
        lately.get("letters", NOW + FRESH_FOR, nobody),
    ] == [100, 100]


def test_what_is_a_little_older_is_shown_while_it_is_counted_anew(lately: Lately[int]) -> None:
    lately.get("letters", NOW, lambda: 100)

    shown = lately.get("letters", NOW + SHOWN_FOR, lambda: 200)
    let_counting_end()

    assert (shown, lately.get("letters", NOW + SHOWN_FOR, nobody)) == (100, 200)


def test_nothing_older_than_a_few_seconds_is_shown(lately: Lately[int]) -> None:
    lately.get("letters", NOW, lambda: 100)

    assert lately.get("letters", NOW + SHOWN_FOR + A_MOMENT, lambda: 200) == 200


def test_nothing_is_shown_that_was_counted_later(lately: Lately[int]) -> None:
    lately.get("letters", NOW, lambda: 100)

    assert lately.get("letters", NOW - A_MOMENT, lambda: 50) == 50


def test_what_is_counted_in_no_time_is_counted_each_time(lately: Lately[int]) -> None:
    lately.get("letters", NOW, lambda: 99)

    assert lately.get("letters", NOW, lambda: 3) == 3


def test_one_count_at_a_time_goes_on_beside(lately: Lately[int]) -> None:
    lately.get("letters", NOW, lambda: 100)
    begun, may_end = threading.Event(), threading.Event()

    def slowly() -> int:
        begun.set()
        may_end.wait(10)
        return 200

    at = NOW + SHOWN_FOR
    shown = [lately.get("letters", at, slowly)]
    begun.wait(10)
    shown.append(lately.get("letters", at, nobody))
    may_end.set()
    let_counting_end()

    assert (shown, lately.get("letters", at, nobody)) == ([100, 100], 200)


def test_what_cannot_be_read_now_is_shown_as_it_was_and_asked_for_again(lately: Lately[int]) -> None:
    lately.get("letters", NOW, lambda: 100)
    at = NOW + SHOWN_FOR

    shown = [lately.get("letters", at, unreadable)]
    let_counting_end()
    shown.append(lately.get("letters", at, lambda: 200))
    let_counting_end()

    assert (shown, lately.get("letters", at, nobody)) == ([100, 100], 200)


def test_with_nothing_to_show_the_error_is_the_callers(lately: Lately[int]) -> None:
    with pytest.raises(StoreError):
        lately.get("letters", NOW, unreadable)


# ── what takes seconds ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def beside() -> Beside[int]:
    return Beside(most=2)


def counted(number: int) -> Callable[[Heard], int]:
    return lambda heard: number


def once(beside: Beside[int], what: str = "people", state: object = 1, at: datetime = NOW) -> None:
    """Have it counted."""
    with pytest.raises(NotYet):
        beside.get(what, state, at, counted(100))
    let_counting_end()


def nobody_counts(heard: Heard) -> int:
    raise AssertionError("it was counted, though it need not have been")


def test_nobody_waits_for_what_is_counted_for_the_first_time(beside: Beside[int]) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slowly(heard: Heard) -> int:
        heard(3, 10)
        begun.set()
        may_end.wait(10)
        return 100

    with pytest.raises(NotYet):
        beside.get("people", 1, NOW, slowly)
    begun.wait(10)
    with pytest.raises(NotYet) as told:
        beside.get("people", 1, NOW, nobody_counts)
    may_end.set()
    let_counting_end()

    assert (told.value.done, told.value.of) == (3, 10)
    assert beside.get("people", 1, NOW, nobody_counts) == AsOf(value=100, at=NOW)


def test_of_another_state_the_last_count_is_shown_with_its_moment_while_it_is_counted_anew(
    beside: Beside[int],
) -> None:
    once(beside)
    later = NOW + timedelta(hours=1)

    shown = beside.get("people", 2, later, counted(200))
    let_counting_end()

    assert shown == AsOf(value=100, at=NOW, is_present=False)
    assert beside.get("people", 2, later, nobody_counts) == AsOf(value=200, at=later)


def test_what_changes_all_the_time_is_not_counted_all_the_time(beside: Beside[int]) -> None:
    def with_effort(heard: Heard) -> int:
        until = thread_time() + 0.02
        while thread_time() < until:
            pass
        return 100

    with pytest.raises(NotYet):
        beside.get("people", 1, NOW, with_effort)
    let_counting_end()
    resting = beside.get("people", 2, NOW + timedelta(seconds=0.02 * RESTS_FOR), nobody_counts)
    rested = beside.get("people", 2, NOW + RESTS_AT_MOST + A_MOMENT, counted(200))
    let_counting_end()

    assert [resting.is_present, rested.is_present] == [False, False]
    assert beside.get("people", 2, NOW + RESTS_AT_MOST + A_MOMENT, nobody_counts).value == 200


def test_why_it_cannot_be_counted_is_told_to_whoever_asks(beside: Beside[int]) -> None:
    def impossible(heard: Heard) -> int:
        raise ConvenorError("there is no such session")

    with pytest.raises(NotYet):
        beside.get("people", 1, NOW, impossible)
    let_counting_end()

    with pytest.raises(ConvenorError, match="no such session"):
        beside.get("people", 1, NOW, nobody_counts)
    with pytest.raises(NotYet):
        beside.get("people", 2, NOW + timedelta(minutes=1), counted(100))
    let_counting_end()
    assert beside.get("people", 2, NOW + timedelta(minutes=1), nobody_counts).value == 100


def test_what_was_counted_last_is_told_whatever_has_changed_and_not_counted(beside: Beside[int]) -> None:
    assert beside.last("letters") is None
    beside.at_once("letters", "then", NOW, lambda _: 100)

    assert beside.last("letters") == AsOf(value=100, at=NOW)
    assert beside.last("answers") is None


def test_only_the_last_things_that_were_asked_for_are_kept(beside: Beside[int]) -> None:
    for what in ("one", "two", "three"):
        once(beside, what)

    assert beside.get("three", 1, NOW, nobody_counts).value == 100
    assert beside.at_hand("one", 1, NOW, counted(100)) is None
    let_counting_end()


def test_whoever_waits_is_told_what_is_and_counts_it_once(beside: Beside[int]) -> None:
    assert beside.at_once("people", 1, NOW, counted(100)).value == 100
    assert beside.at_once("people", 1, NOW, nobody_counts).value == 100
    assert beside.at_once("people", 2, NOW, counted(200)).value == 200

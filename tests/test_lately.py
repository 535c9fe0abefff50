"""What takes long to count is shown as it was a moment ago, never older than said, and counted once at a time."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from mailer.errors import StoreError
from mailer.lately import FRESH_FOR, SHOWN_FOR, Lately

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

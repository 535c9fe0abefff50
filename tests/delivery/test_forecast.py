"""When letters will be through: by the rate, by the day's quota, one run after another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.forecast import DAY, RelayInThought, Run, ends
from mailer.delivery.profiles import OWN, guessed

NOW = datetime(2027, 3, 1, 8, tzinfo=UTC)
MICROSOFT, GOOGLE = guessed("smtp.office365.com"), guessed("smtp.gmail.com")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_three_hundred_letters_at_thirty_a_minute_take_ten_minutes() -> None:
    assert ends(MICROSOFT, [Run(due_at=NOW, letters=300)], NOW) == [NOW + 10 * MINUTE]


def test_what_overlaps_shares_the_rate_and_the_earlier_due_goes_first() -> None:
    later = Run(due_at=NOW + MINUTE, letters=30)
    sooner = Run(due_at=NOW, letters=300)
    after_a_pause = Run(due_at=NOW + HOUR, letters=30)

    assert ends(MICROSOFT, [later, after_a_pause, sooner], NOW) == [
        NOW + 11 * MINUTE, NOW + HOUR + MINUTE, NOW + 10 * MINUTE
    ]  # fmt: skip


def test_what_the_quota_does_not_bear_today_goes_tomorrow() -> None:
    (end,) = ends(GOOGLE, [Run(due_at=NOW, letters=5000)], NOW)

    assert end
    assert NOW + timedelta(days=2) < end < NOW + timedelta(days=2, minutes=10)


def test_what_left_yesterday_counts() -> None:
    sent = [(NOW - timedelta(hours=23), 1500), (NOW - HOUR, 500)]
    (end,) = ends(GOOGLE, [Run(due_at=NOW, letters=1000)], NOW, sent=sent)

    assert end
    assert NOW + HOUR <= end <= NOW + HOUR + MINUTE


def test_mailings_of_one_day_share_its_quota() -> None:
    runs = [Run(due_at=NOW + hour * HOUR, letters=1500) for hour in (0, 1)]
    first, second = ends(GOOGLE, runs, NOW)

    assert first
    assert second
    assert first < NOW + 10 * MINUTE
    assert second > NOW + timedelta(days=1)


def test_the_pace_as_it_is_goes_before_the_profiles() -> None:
    assert ends(MICROSOFT, [Run(due_at=NOW, letters=300)], NOW, per_minute=15) == [NOW + 20 * MINUTE]


def test_at_best_only_the_limits_hold_a_letter_up() -> None:
    run = Run(due_at=NOW, letters=100_000)
    (reckoned,) = ends(OWN, [run], NOW)

    assert reckoned
    assert reckoned > NOW + 10 * MINUTE
    assert ends(OWN, [run], NOW, at_best=True) == [NOW]
    assert ends(MICROSOFT, [run], NOW, at_best=True) == ends(MICROSOFT, [run], NOW)


def test_no_letters_are_through_when_they_fall_due() -> None:
    assert ends(MICROSOFT, [Run(due_at=NOW, letters=300), Run(due_at=NOW + MINUTE, letters=0)], NOW)[1] == (
        NOW + MINUTE
    )


def test_what_takes_longer_than_a_century_has_no_end() -> None:
    runs = [Run(due_at=NOW, letters=10_000_000), Run(due_at=NOW, letters=1)]

    assert ends(replace(OWN, per_day=200), runs, NOW) == [None, None]
    assert ends(MICROSOFT, runs, NOW, per_minute=1e-6) == [None, None]


@given(
    runs=st.lists(st.tuples(st.floats(0, 3 * DAY), st.integers(0, 3000)), max_size=10),
    per_second=st.floats(0.01, 100),
    per_day=st.none() | st.integers(50, 5000),
)
def test_nothing_is_through_before_rate_and_quota_allow(
    runs: list[tuple[float, int]], per_second: float, per_day: int | None
) -> None:
    relay, end, given_over = RelayInThought(per_second=per_second, per_day=per_day), 0.0, 0
    asked = sorted((at, letters) for at, letters in runs if letters)
    for at, letters in asked:
        before, end = end, relay.take(letters, at)
        given_over += letters
        assert end >= max(at, before) + letters / per_second * 0.999
        if per_day:
            days = -(-given_over // per_day) - 1
            assert end >= asked[0][0] + days * DAY * 0.999

"""How fast a relay is given letters: never more than it bears, never nothing for ever, less when it complains."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.forecast import DAY, SLOT
from mailer.delivery.pace import LEAST_RATE, Domains, Pace
from mailer.delivery.profiles import OWN, PROFILES, Limit, Profile, guessed

MICROSOFT = guessed("smtp.office365.com")


def limited(letters: int = 30, seconds: float = 60.0, **facts: object) -> Profile:
    return replace(OWN, rate=Limit(letters=letters, seconds=seconds), **facts)  # type: ignore[arg-type]


def play(pace: Pace, until: float, *, at_once: int = 20, start: float = 0.0) -> list[float]:
    """The seconds at which letters go when there are always more, handed over whenever the pace lets one."""
    now, went = start, list[float]()
    while now < until:
        for _ in range(pace.allowance(now, at_once)):
            pace.sent(now)
            went.append(now)
        now += max(pace.may_send(now), 1e-4)
    return went


def most_within(went: Sequence[float], seconds: float) -> int:
    """The most letters in any stretch of time, its end not counted."""
    most, first = 0, 0
    for last, moment in enumerate(went):
        while went[first] <= moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


# ── the limits ───────────────────────────────────────────────────────────────────────────────────────────────


@given(
    letters=st.integers(1, 3000),
    seconds=st.sampled_from([1.0, 60.0]),
    steps=st.lists(st.tuples(st.floats(0, 20), st.integers(1, 200)), min_size=1, max_size=60),
)
def test_no_stretch_of_time_holds_more_than_the_limit(
    letters: int, seconds: float, steps: list[tuple[float, int]]
) -> None:
    pace, now, went = Pace(limited(letters, seconds)), 0.0, list[float]()
    for pause, wanted in steps:
        now += pause
        for _ in range(pace.allowance(now, wanted)):
            pace.sent(now)
            went.append(now)

    assert most_within(went, seconds) <= letters


@given(letters=st.integers(1, 400), seconds=st.sampled_from([1.0, 60.0]))
def test_with_letters_waiting_nearly_the_whole_limit_is_used_and_no_more(
    letters: int, seconds: float
) -> None:
    went = play(Pace(limited(letters, seconds)), until=4 * seconds)

    assert most_within(went, seconds) <= letters
    assert letters * 0.97 * 4 - 1 <= len(went)


@given(
    complaints=st.lists(st.floats(0, 300), max_size=30),
    profile=st.sampled_from(PROFILES),
)
def test_whoever_waits_as_told_is_let_through(complaints: list[float], profile: Profile) -> None:
    """Whatever the server complains of; only the day's quota may take longer than a minute."""
    pace, now = Pace(replace(profile, per_day=None)), 0.0
    for pause in complaints:
        now += pause
        if pace.allowance(now, 1):
            pace.sent(now)
        pace.slower(now)
    wait = pace.may_send(now)

    assert wait <= 1 / LEAST_RATE + 1e-3
    assert pace.allowance(now + wait, 1) == 1
    assert pace.may_send(now + wait) == pytest.approx(0, abs=1e-5)


def test_thirty_a_minute_go_one_every_two_seconds() -> None:
    went = play(Pace(MICROSOFT), until=20)

    assert went == pytest.approx([0, 2, 4, 6, 8, 10, 12, 14, 16, 18], abs=1e-3)


def test_without_limits_as_many_go_as_are_asked_for() -> None:
    pace = Pace(OWN)
    for now in range(100):
        assert pace.allowance(now, 20) == 20
        assert pace.may_send(now) == 0
        pace.sent(now)
    assert pace.lowered(100) is None


# ── the day's quota ──────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.tuples(st.floats(0, 40_000), st.integers(0, 30)), max_size=60))
def test_no_day_holds_more_than_the_quota(steps: list[tuple[float, int]]) -> None:
    pace, now, went = Pace(replace(OWN, per_day=50)), 0.0, list[float]()
    for pause, wanted in steps:
        now += pause
        for _ in range(pace.allowance(now, wanted)):
            pace.sent(now)
            went.append(now)

    assert most_within(went, DAY) <= 50


def test_what_left_before_the_start_counts_until_it_is_a_day_old() -> None:
    now = 1_000_000.0
    before = [(now - DAY + 60, 30), (now - 60, 15)]
    pace = Pace(replace(OWN, per_day=50), sent=before)

    assert pace.allowance(now, 20) == 5
    for _ in range(5):
        pace.sent(now)
    assert pace.may_send(now) == 60
    assert pace.allowance(now + 60, 100) == 30


def test_a_quota_that_is_used_up_comes_back_after_a_day_and_a_slot() -> None:
    pace = Pace(replace(OWN, per_day=3))
    for _ in range(pace.allowance(0, 20)):
        pace.sent(0)

    assert pace.allowance(DAY + SLOT - 1, 20) == 0
    assert pace.may_send(DAY) == SLOT
    assert pace.allowance(DAY + SLOT, 20) == 3


def test_a_server_that_says_its_quota_is_used_up_is_asked_again_in_an_hour() -> None:
    pace = Pace(OWN)
    pace.used_up(0)

    assert pace.allowance(3599, 20) == 0
    assert pace.may_send(600) == 3000
    assert pace.allowance(3600, 20) == 20
    assert pace.allowance(3601, 20) == 20


def test_a_letter_let_go_of_before_its_dot_leaves_its_place_in_the_day() -> None:
    pace = Pace(replace(OWN, per_day=3))
    for _ in range(3):
        pace.sent(0)
    pace.unsent()

    assert pace.allowance(1, 20) == 1


# ── complaints ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_complaint_halves_the_rate_and_each_quiet_minute_gives_a_tenth_back() -> None:
    pace = Pace(MICROSOFT)
    pace.slower(0)

    rates = [pace.lowered(minute * 60.0) for minute in range(6)]
    assert rates[:5] == pytest.approx([15, 18, 21, 24, 27])
    assert rates[5] is None


def test_lines_that_hear_the_same_complaint_lower_the_rate_once() -> None:
    pace = Pace(MICROSOFT)
    for now in (0.0, 0.1, 9.9):
        pace.slower(now)
    assert pace.lowered(9.9) == pytest.approx(15)

    pace.slower(10)
    assert pace.lowered(10) == pytest.approx(7.5)


def test_the_lowered_rate_is_kept_to() -> None:
    pace = Pace(MICROSOFT)
    pace.slower(0)

    assert len(play(pace, until=59)) == 15


def test_a_server_without_limits_gets_half_of_what_it_got_in_the_last_minute() -> None:
    pace = Pace(OWN)
    for tick in range(600):
        pace.sent(tick / 10)
    pace.slower(60)

    assert pace.lowered(60) == pytest.approx(300, rel=0.02)
    assert pace.allowance(61, 20) == 1
    assert pace.lowered(60 + 6 * 60) is None
    assert pace.allowance(60 + 6 * 60, 20) == 20


def test_one_that_complains_before_the_first_letter_gets_half_of_what_one_reckons_with() -> None:
    pace = Pace(OWN)
    pace.slower(0)

    assert pace.lowered(0) == pytest.approx(OWN.reckoned_rate * 60 / 2)


def test_however_often_it_complains_a_letter_a_minute_goes() -> None:
    pace = Pace(MICROSOFT)
    for complaint in range(100):
        pace.slower(complaint * 10.0)

    assert pace.lowered(1000) == pytest.approx(1)


# ── readers' domains ─────────────────────────────────────────────────────────────────────────────────────────

HERE, ELSEWHERE = "ministry.example", "court.example"


def per_domain(letters: int) -> Pace:
    return Pace(replace(OWN, per_domain=Limit(letters=letters, seconds=60.0)))


def at(pace: Pace, now: float) -> Domains:
    domains = pace.domains(now)
    assert domains
    return domains


def test_a_limit_for_each_domain_holds_for_each() -> None:
    pace = per_domain(6)
    domains = at(pace, 0)

    assert [domains.take(HERE), domains.take(HERE), domains.take(ELSEWHERE)] == [True, False, True]
    assert domains.used_up == {HERE, ELSEWHERE}
    assert domains.wait == pytest.approx(10, abs=1e-3)
    assert at(pace, 9.9).used_up == {HERE, ELSEWHERE}
    assert at(pace, 10.1).used_up == set()
    assert (at(pace, 10.1).wait, pace.allowance(10.1, 20), pace.may_send(10.1)) == (0, 20, 0)


def test_where_domains_have_no_limit_nothing_is_kept_of_them() -> None:
    assert Pace(MICROSOFT).domains(0) is None


@given(
    letters=st.integers(1, 300),
    steps=st.lists(st.tuples(st.floats(0, 20), st.integers(0, 40), st.integers(0, 40)), max_size=40),
)
def test_no_stretch_of_time_holds_more_than_the_limit_of_a_domain(
    letters: int, steps: list[tuple[float, int, int]]
) -> None:
    pace, now = per_domain(letters), 0.0
    went: dict[str, list[float]] = {HERE: [], ELSEWHERE: []}
    for pause, here, elsewhere in steps:
        now += pause
        domains = at(pace, now)
        for domain in [HERE] * here + [ELSEWHERE] * elsewhere:
            if domains.take(domain):
                went[domain].append(now)
            else:
                assert domain in domains.used_up

    assert max(most_within(each, 60.0) for each in went.values()) <= letters


def test_a_domain_that_has_rested_is_forgotten() -> None:
    pace = per_domain(60)
    for number in range(500):
        at(pace, number / 100).take(f"court{number}.example")
    assert at(pace, 10)._flows == {}

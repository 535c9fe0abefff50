"""The clock of a running service: it is the machine's, and does not believe a jump at once."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.clock import BELIEVED_AFTER, JUMP, SteadyClock

START = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Machine:
    """A machine whose clock anybody may set."""

    def __init__(self) -> None:
        self.passed = timedelta()
        self.off = timedelta()
        self.clock = SteadyClock(lambda: START + self.passed + self.off, self._seconds)

    def _seconds(self) -> float:
        return self.passed.total_seconds()

    def after(self, time: timedelta) -> datetime:
        self.passed += time
        return self.clock()


# the service's clock


def test_a_clock_that_runs_is_believed() -> None:
    machine = Machine()
    assert [machine.after(SECOND) for _ in range(3)] == [START + n * SECOND for n in (1, 2, 3)]
    assert machine.after(3 * DAY) == START + 3 * DAY + 3 * SECOND
    assert machine.clock.trouble == ""


def test_a_clock_that_is_set_a_little_is_followed() -> None:
    machine = Machine()
    machine.off = -JUMP
    assert machine.after(HOUR) == START + HOUR - JUMP
    machine.off = timedelta()
    assert machine.after(HOUR) == START + 2 * HOUR


@pytest.mark.parametrize(("by", "way"), [(DAY, "1440 minutes ahead"), (-DAY, "1440 minutes back")])
def test_a_jump_is_told_and_not_believed_until_it_has_lasted(by: timedelta, way: str) -> None:
    machine = Machine()
    machine.off = by
    assert machine.after(HOUR) == START + HOUR
    assert way in machine.clock.trouble
    assert machine.after(BELIEVED_AFTER - SECOND) == START + HOUR + BELIEVED_AFTER - SECOND
    assert machine.after(SECOND) == START + HOUR + BELIEVED_AFTER + by
    assert machine.clock.trouble == ""


def test_a_jump_that_is_set_right_in_time_was_never_there() -> None:
    machine = Machine()
    machine.off = DAY
    machine.after(MINUTE)
    machine.off = timedelta()
    assert machine.after(MINUTE) == START + 2 * MINUTE
    assert machine.clock.trouble == ""
    machine.off = DAY
    assert machine.after(BELIEVED_AFTER) == START + 2 * MINUTE + BELIEVED_AFTER


def test_a_clock_that_jumps_to_and_fro_is_believed_when_it_rests() -> None:
    machine = Machine()
    for hours in (1, 2, 3, 4):
        machine.off = hours * HOUR
        assert machine.after(BELIEVED_AFTER - SECOND) < START + 2 * HOUR
    assert machine.after(BELIEVED_AFTER) == START + machine.passed + 4 * HOUR


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(-7200, 7200)), max_size=30))
def test_the_time_told_is_the_machines_or_goes_on_from_what_was_told(steps: list[tuple[int, int]]) -> None:
    machine = Machine()
    before, passed = START, timedelta()
    for seconds, off in steps:
        machine.off = timedelta(seconds=off)
        now = machine.after(timedelta(seconds=seconds))
        wall = START + machine.passed + machine.off
        assert now in {wall, before + machine.passed - passed}
        before, passed = now, machine.passed


def test_threads_may_share_it() -> None:
    clock = SteadyClock(lambda: START, lambda: 0.0)
    told: list[datetime] = []
    threads = [Thread(target=lambda: told.extend(clock() for _ in range(200))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(told) == {START}
    assert len(told) == 800

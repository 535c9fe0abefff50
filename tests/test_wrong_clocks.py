"""The service under wrong clocks: nothing early, nothing twice, nothing skipped without a word.

The clock is set back or ahead, the service was down over the hour, the rules of a zone change in the middle.
"""

import zoneinfo
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailer import wallclock
from mailer.outbox import letters
from mailer.outbox.letter import LetterState
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS, STARTS_AT
from tests.test_clock import START, Machine
from tests.test_service import Stage, stage

__all__ = ["stage"]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def held(stage: Stage) -> Counter[tuple[str, str, str, LetterState]]:
    with stage.database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, limit=10_000)
    return Counter((row.mailing, row.anchor, row.recipient.address, row.state) for row in rows)


def once_each(stage: Stage) -> None:
    """Everybody has each of their letters, once, and the tray as many as the outbox knows."""
    found = held(stage)
    assert set(found.values()) == {1}
    assert {state for *_, state in found} == {LetterState.SENT}
    assert sum(found.values()) == stage.tray.count()


def test_a_clock_set_back_by_a_day_sends_nothing_again(stage: Stage) -> None:
    stage.publish()
    stage.play_until(STARTS_AT - 12 * HOUR)
    before = stage.tray.count()
    for hours in range(25):
        stage.beat(STARTS_AT - 36 * HOUR + hours * HOUR)
    assert stage.tray.count() == before
    stage.play_until(STARTS_AT + 200 * DAY)
    once_each(stage)


def test_a_clock_that_jumps_ahead_for_a_while_sends_nothing_early(stage: Stage) -> None:
    machine = Machine()
    stage.publish()
    stage.play_until(STARTS_AT - 2 * DAY)
    before = stage.tray.count()
    shift = STARTS_AT - 2 * DAY - START
    machine.off = DAY + 12 * HOUR
    for _ in range(10):
        stage.beat(machine.after(MINUTE) + shift)
    assert stage.tray.count() == before
    machine.off = timedelta()
    stage.play_until(machine.after(MINUTE) + shift)
    stage.play_until(STARTS_AT + 200 * DAY)
    once_each(stage)


@pytest.mark.parametrize(("down", "sent"), [(HOUR, True), (3 * DAY, True), (60 * DAY, False)])
def test_what_fell_due_while_nobody_ran_is_sent_while_useful_and_else_missed_for_all_to_see(
    stage: Stage, down: timedelta, sent: bool
) -> None:
    stage.publish(recipients=(PRACTITIONER,))
    stage.beat()
    (due_at,) = {o.due_at for o in stage.timetable() if o.mailing == "agenda"}
    stage.play_until(due_at - MINUTE)
    before = stage.tray.count()
    stage.beat(due_at + down)
    assert stage.states("agenda") == {LetterState.SENT if sent else LetterState.MISSED: 1}
    assert stage.tray.count() >= before + sent


# the rules of a zone


@pytest.fixture
def new_rules(tmp_path: Path) -> Iterator[Path]:
    """A folder that goes before the packaged zones once `zoneinfo` is told to look into it."""
    yield tmp_path / "zones"
    wallclock.use_packaged_tzdata()


def abolish_summer_time(zones: Path, name: str, offset: timedelta) -> None:
    """As an upgrade of tzdata would: from now on `name` has one offset all year (RFC 8536)."""
    hours = int(offset / HOUR)
    header = b"TZif2" + b"\0" * 15 + b"".join(n.to_bytes(4) for n in (0, 0, 0, 0, 1, 4))
    block = int(offset.total_seconds()).to_bytes(4, signed=True) + b"\0\0" + b"XXX\0"
    file = zones / name
    file.parent.mkdir(parents=True)
    file.write_bytes(header + block + header + block + f"\nXXX{-hours}\n".encode())
    zoneinfo.reset_tzpath(to=[str(zones)])
    ZoneInfo.clear_cache()


def test_an_upgrade_of_the_zones_rules_moves_what_is_to_come_and_repeats_nothing(
    stage: Stage, new_rules: Path
) -> None:
    """Vienna stays in summer time from February on: what was due at nine is due at nine by the new rules."""
    stage.publish()
    stage.play_until(PUBLISHED_AT + DAY)
    before = {(o.mailing, o.anchor): o.due_at for o in stage.timetable()}
    abolish_summer_time(new_rules, "Europe/Vienna", 2 * HOUR)
    after = {(o.mailing, o.anchor): o.due_at for o in stage.timetable()}
    assert before["agenda", "event"] - after["agenda", "event"] == HOUR
    assert before["session-reminder", "session-1"] == after["session-reminder", "session-1"]
    stage.play_until(STARTS_AT + 200 * DAY)
    once_each(stage)
    assert stage.states("agenda") == {LetterState.SENT: len(RECIPIENTS)}


def test_an_upgrade_between_an_hour_and_the_same_hour_by_the_new_rules_sends_no_second_letter(
    stage: Stage, new_rules: Path
) -> None:
    stage.publish()
    (due_at,) = {o.due_at for o in stage.timetable() if o.mailing == "practical"}
    stage.play_until(due_at + MINUTE)
    abolish_summer_time(new_rules, "Europe/Vienna", timedelta())
    stage.play_until(STARTS_AT + 200 * DAY)
    assert stage.states("practical") == {LetterState.SENT: len(RECIPIENTS)}

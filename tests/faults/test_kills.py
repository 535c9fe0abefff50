"""Killed at each step of one send (F1), and at random (F2): nothing is lost, nothing comes twice that may not."""

from pathlib import Path

import pytest

from mailer.dispatch.desk import LEASE_FOR
from mailer.outbox.letter import Happening, LetterState
from tests.faults.campaign import CONNECTIONS, Campaign
from tests.faults.driven import Mishap
from tests.faults.invariants import doubts_by_death
from tests.faults.receiver import Receiver, Rule
from tests.faults.scene import Scene
from tests.faults.stage import build

H, S = Happening, LetterState

NONE, ONE, EITHER = {0}, {1}, {0, 1}

SEEN_BY_THE_SERVER = {
    "connect": NONE,
    "greeting": NONE,
    "EHLO": NONE,
    "MAIL": NONE,
    "RCPT": NONE,
    "DATA": NONE,
    "354": NONE,
    "content": EITHER,  # the intent may be on its way to the disk already
    "dot": ONE,
    "kept": ONE,
    "told": EITHER,
}
"""Step -> how many letters may be in doubt when the only line is cut there."""

SEEN_BY_THE_DATABASE = {
    (H.INTENDED, "before"): NONE,
    (H.INTENDED, "after"): ONE,
    (H.ACCEPTED, "before"): ONE,
    (H.ACCEPTED, "after"): EITHER,  # the next letter's intent may be in the same commit
}


@pytest.mark.parametrize(("step", "doubts"), SEEN_BY_THE_SERVER.items())
def test_a_service_killed_at_a_step_of_the_conversation_goes_on_where_it_was(
    scene: Scene, step: str, doubts: set[int]
) -> None:
    service = scene.begin(uncorked=step == "content")
    scene.obey(Rule(step=step, act="kill", pids=(service.pid, *service.carriers), times=1))
    service.go()
    assert service.wait_for_all()
    assert not service.is_done

    assert_so_many_in_doubt(scene, doubts)
    scene.play_out()
    assert_all_is_well(scene, doubts)


@pytest.mark.parametrize(("at", "doubts"), SEEN_BY_THE_DATABASE.items())
def test_a_service_killed_at_a_commit_goes_on_where_it_was(
    scene: Scene, at: tuple[Happening, str], doubts: set[int]
) -> None:
    service = scene.begin(mishap=Mishap(happening=at[0], moment=at[1]))  # type: ignore[arg-type]
    service.go()
    assert service.wait_for_all()
    assert not service.is_done

    assert_so_many_in_doubt(scene, doubts)
    scene.play_out()
    assert_all_is_well(scene, doubts)


@pytest.mark.parametrize(("step", "doubts"), SEEN_BY_THE_SERVER.items())
def test_a_carrier_killed_at_a_step_of_the_conversation_is_replaced_by_the_same_desk(
    scene: Scene, step: str, doubts: set[int]
) -> None:
    service = scene.begin(uncorked=step == "content")
    scene.obey(Rule(step=step, act="kill", pids=tuple(service.carriers), times=1))
    service.go()
    assert service.wait_for_all()

    assert service.is_done
    assert len(service.carriers) == 2
    assert set(scene.states()) <= {S.IN_DOUBT}
    assert_all_is_well(scene, doubts)
    scene.play_out()
    assert_all_is_well(scene, doubts)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("happening", [H.INTENDED, H.ACCEPTED])
def test_a_carrier_killed_at_a_commit_is_replaced_by_the_same_desk(
    scene: Scene, happening: Happening, moment: str
) -> None:
    mishap = Mishap(happening=happening, moment=moment, deed="kill a carrier")  # type: ignore[arg-type]
    service = scene.begin(mishap=mishap)
    service.go()
    assert service.wait_for_all()

    assert service.is_done
    scene.play_out()
    assert_all_is_well(scene, EITHER)


def assert_so_many_in_doubt(scene: Scene, doubts: set[int]) -> None:
    """As soon as the leases have run out."""
    scene.clock.advance(LEASE_FOR)
    scene.recover()
    states = scene.states()
    assert states[S.IN_DOUBT] in doubts
    assert not states.keys() - {S.WAITING, S.DEFERRED, S.IN_DOUBT}


def assert_all_is_well(scene: Scene, doubts: set[int]) -> None:
    found = scene.findings()
    assert found.broken == {}
    assert found.states[S.SENT] + found.states[S.IN_DOUBT] == found.letters
    assert found.states[S.IN_DOUBT] in doubts | {0}
    with scene.database() as database:
        assert doubts_by_death(database) in doubts


def test_killed_at_random_again_and_again_nothing_is_lost_and_nothing_held_comes_twice(
    receiver: Receiver, tmp_path: Path
) -> None:
    stage = build(tmp_path / "stage", 40)
    tally = Campaign(stage, receiver, tmp_path, seed=7).run(5)

    assert tally.broken == []
    assert tally.kills == 5
    assert (tally.lost, tally.held_twice, tally.altered, tally.strangers, tally.unsound) == (0, 0, 0, 0, 0)
    assert tally.doubts_at_once <= CONNECTIONS

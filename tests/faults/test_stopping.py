"""Told to stop while letters leave (F47), and a server that never answers (F18): the dot that is out is waited for."""

import signal
from time import monotonic

from mailer.delivery.line import Timeouts
from mailer.outbox.letter import LetterState
from tests.faults.receiver import Rule
from tests.faults.scene import Scene

S = LetterState

LINES = 4
MUTE = Rule(step="kept", act="mute")
FINISH_WITHIN = 1.0


def test_told_to_stop_it_waits_for_the_dots_that_are_out_and_the_rest_stay_queued(scene: Scene) -> None:
    scene.obey(Rule(step="dot", act="wait", wait_for=0.05))
    service = scene.begin(lines=LINES)
    service.go()
    scene.wait_until_seen(6)
    service.tell(signal.SIGTERM)
    assert service.wait_for_all()

    assert service.exit_code == 0
    states = scene.states()
    assert states.keys() <= {S.WAITING, S.DEFERRED}
    assert states.total() == len(scene.stage.expected) - len(scene.seen("kept")) > 0
    scene.play_out()
    assert scene.findings().broken == {}


def test_told_to_stop_before_a_mute_server_it_ends_in_time_with_one_in_doubt_for_each_line(
    scene: Scene,
) -> None:
    scene.obey(MUTE)
    service = scene.begin(lines=LINES, finish_within=FINISH_WITHIN)
    service.go()
    scene.wait_until_seen(LINES, "dot")
    began = monotonic()
    service.tell(signal.SIGTERM)
    assert service.wait_for_all()

    assert service.exit_code == 0
    assert monotonic() - began < FINISH_WITHIN + 5
    assert scene.states()[S.IN_DOUBT] == LINES
    scene.obey()
    scene.play_out()
    found = scene.findings()
    assert found.broken == {}
    assert found.states[S.IN_DOUBT] + found.repeated == LINES


def test_a_server_that_never_answers_a_dot_leaves_one_in_doubt_for_each_line(scene: Scene) -> None:
    scene.obey(MUTE)
    service = scene.begin(lines=LINES, timeouts=Timeouts(final_for=0.3))
    service.go()
    assert service.wait_for_all()

    assert service.is_done
    assert scene.states()[S.IN_DOUBT] == LINES
    scene.obey()
    scene.play_out()
    found = scene.findings()
    assert found.broken == {}
    assert found.states[S.IN_DOUBT] + found.repeated == LINES

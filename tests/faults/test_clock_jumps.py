"""The clock jumps while letters leave (F36): nothing comes twice, nothing is lost."""

from datetime import timedelta

import pytest

from mailer.outbox.letter import LetterState
from tests.faults.receiver import Rule
from tests.faults.scene import Scene

S = LetterState

SLOWLY = Rule(step="dot", act="wait", wait_for=0.01)
DAY = timedelta(days=1)


@pytest.mark.parametrize("by", [DAY, -DAY], ids=["ahead", "back"])
def test_a_service_whose_clock_jumps_a_day_goes_on_as_if_it_had_not(scene: Scene, by: timedelta) -> None:
    scene.obey(SLOWLY)
    service = scene.begin(lines=4, steady=True)
    service.go()
    scene.wait_until_seen(8)
    scene.clock.advance(by)
    assert service.wait_for_all()

    found = scene.findings()
    assert found.broken == {}
    assert (found.states[S.SENT], found.repeated) == (found.letters, 0)


@pytest.mark.parametrize("by", [DAY, -DAY], ids=["ahead", "back"])
def test_leases_that_lapse_by_a_jump_that_is_believed_cost_no_letter(scene: Scene, by: timedelta) -> None:
    scene.obey(SLOWLY)
    service = scene.begin(lines=4)
    service.go()
    scene.wait_until_seen(8)
    scene.clock.advance(by)
    rival = scene.begin(owner="rival", lines=4)
    rival.go()
    assert service.wait_for_all()
    assert rival.wait_for_all()
    scene.play_out(wait_for=abs(by) + timedelta(minutes=3))

    found = scene.findings()
    assert found.broken == {}
    assert found.states[S.IN_DOUBT] <= 8

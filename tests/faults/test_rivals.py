"""Services at once (F5), and one that wakes up when its letters are another's (F6)."""

import signal
from datetime import timedelta

from mailer.dispatch.desk import LEASE_FOR
from mailer.outbox.letter import LetterState
from tests.faults.receiver import Rule
from tests.faults.scene import Scene

S = LetterState

PAST_THE_LEASE = LEASE_FOR + timedelta(seconds=1)
SLOWLY = Rule(step="dot", act="wait", wait_for=0.01)
LINES = 4


def test_two_services_with_eight_carriers_send_everything_once(scene: Scene) -> None:
    services = [scene.begin(owner=name, lines=LINES, carriers=4) for name in ("one", "other")]
    for service in services:
        service.go()
    for service in services:
        assert service.wait_for_all()

    found = scene.findings()
    assert found.broken == {}
    assert (found.states[S.SENT], found.repeated) == (found.letters, 0)


def test_a_carrier_that_freezes_is_replaced_and_what_it_held_comes_once(scene: Scene) -> None:
    scene.obey(SLOWLY)
    service = scene.begin(lines=LINES)
    service.go()
    scene.wait_until_seen(8)
    (frozen,) = service.carriers
    service.tell_carrier(signal.SIGSTOP, 0)
    for _ in range(10):  # its last words may be heard after the first jump, and count as a sign of life
        scene.clock.advance(PAST_THE_LEASE)
        if service.listen(1.0):  # another is hired: it is not to be taken for frozen as well
            break
    assert service.wait_for_all()

    assert service.is_done
    assert service.carriers[0] == frozen
    assert len(service.carriers) == 2
    found = scene.findings()
    assert found.broken == {}
    assert found.states[S.IN_DOUBT] <= LINES
    assert (found.states[S.SENT] + found.states[S.IN_DOUBT], found.repeated) == (found.letters, 0)


def test_a_service_that_wakes_up_past_its_leases_sends_no_dot_of_a_letter_that_is_anothers(
    scene: Scene,
) -> None:
    scene.obey(SLOWLY)
    frozen = scene.begin(owner="frozen", lines=LINES)
    frozen.go()
    scene.wait_until_seen(8)
    frozen.tell_all(signal.SIGSTOP)
    scene.clock.advance(PAST_THE_LEASE)
    rival = scene.begin(owner="rival", lines=LINES)
    rival.go()
    rival.wait(1.0)
    frozen.tell_all(signal.SIGCONT)
    assert rival.wait_for_all()
    assert frozen.wait_for_all()

    found = scene.findings()
    assert not found.broken.keys() - {"I1"}  # what nobody came back for is still open
    assert found.repeated == 0
    scene.play_out()
    found = scene.findings()
    assert found.broken == {}
    assert found.states[S.IN_DOUBT] <= LINES

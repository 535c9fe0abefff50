"""Another's server that misbehaves: Postfix's `smtp-sink`, step by step (F14, F18, F23)."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mailer.delivery.profiles import OWN, adjusted
from mailer.delivery.relay import Relay
from mailer.outbox.letter import LetterState
from tests.faults.driven import Part, drive
from tests.faults.scene import Scene, wait_until

S = LetterState

LINES = 2
WAITS = {S.WAITING, S.DEFERRED}

MODES: dict[tuple[str, ...], set[LetterState]] = {
    **{("-q", step): WAITS for step in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")},
    **{("-Q", step): WAITS for step in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".")},
    **{("-r", step): WAITS for step in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".")},
    ("-q", "."): WAITS | {S.IN_DOUBT},
    ("-f", "RCPT"): {S.FAILED},
    ("-A", "0"): WAITS | {S.FAILED},
}
"""What `smtp-sink` is told: hang up (-q), say 421 and hang up (-Q), refuse for now (-r) or for good (-f) at a step,
or refuse before the dot (-A); and the states in which letters may be afterwards. None has left.
"""


@contextmanager
def sink(*mode: str) -> Iterator[Relay]:
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("smtp-sink is not installed (Debian: apt install postfix)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen(
        [program, *user, *mode, f"127.0.0.1:{port}", "16"], stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: _listens(port))
            yield Relay(host="127.0.0.1", port=port, profile=adjusted(OWN, connections=LINES))
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("mode", "states"), MODES.items(), ids=map(" ".join, MODES))
def test_whatever_the_sink_does_no_letter_is_said_to_be_sent(
    scene: Scene, mode: tuple[str, ...], states: set[LetterState]
) -> None:
    with sink(*mode) as relay:
        service = drive(Part(url=scene.url, clock=scene.clock.path, relay=relay))
        service.go()
        assert service.wait_for_all()

    assert service.is_done
    found = {row.state for row in scene.rows()}
    assert found <= states
    assert sum(row.state is S.IN_DOUBT for row in scene.rows()) <= LINES
    if S.IN_DOUBT in states:
        scene.play_out()
        after = scene.findings()
        assert after.states[S.SENT] + after.states[S.IN_DOUBT] == after.letters

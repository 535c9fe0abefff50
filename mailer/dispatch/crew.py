"""Carriers and the channels to them: threads for a moment's work, processes for the service's.

A process knows nothing of this one but its socket: it is started anew, not forked, so that no lock and no
connection is shared.
"""

import socket
import subprocess
import sys
from abc import abstractmethod
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Thread
from typing import Protocol

from mailer.dispatch.carrier import carry
from mailer.dispatch.orders import Route, tell
from mailer.settings import ROOT

_BUFFER = 4 * 1024 * 1024
"""Bytes either side may be ahead of the other, so that neither waits while it writes."""


class Hired(Protocol):
    """A carrier at work, seen from the desk."""

    channel: Connection
    room: int

    @abstractmethod
    def end(self, within: float) -> None:
        """Wait until it has ended, and end it if it does not within these seconds."""


class InAThread:
    """A carrier in a thread: it shares the interpreter, and is there at once."""

    def __init__(self, route: Route) -> None:
        self.channel, theirs = channels()
        self.room = route.room
        self._thread = Thread(target=carry, args=(theirs, route), name="carrier", daemon=True)
        self._thread.start()

    def end(self, within: float) -> None:
        self.channel.close()
        self._thread.join(within)


class InAProcess:
    """A carrier with a process of its own."""

    def __init__(self, route: Route) -> None:
        self.channel, theirs = channels()
        self.room = route.room
        command = [sys.executable, "-m", "mailer.dispatch.carrier", str(theirs.fileno())]
        self.process = subprocess.Popen(command, cwd=ROOT, pass_fds=(theirs.fileno(),))  # noqa: S603 - ourselves
        theirs.close()
        tell(self.channel, route)

    def end(self, within: float) -> None:
        self.channel.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(within)
            return
        self.process.kill()
        self.process.wait()


def channels() -> tuple[Connection, Connection]:
    """The two ends of a new channel."""
    one, other = socket.socketpair()
    for end in (one, other):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return Connection(one.detach()), Connection(other.detach())

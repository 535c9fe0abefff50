"""A long line on one machine: carries bytes to a port and back, each direction so many milliseconds late.

Order is kept and bandwidth is not limited. It runs as a process of its own: `python -m benchmarks.proxy PORT DELAY`
prints the port it listens on and ends with its standard input.
"""

import asyncio
import smtplib
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import cast

from benchmarks.started import Started

_TRIED = 15


class _Way(asyncio.Protocol):
    """One end of a line. What comes in here goes out at the other end, `delay_for` seconds later; so does the end."""

    def __init__(self, delay_for: float) -> None:
        self._delay_for = delay_for
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._out: asyncio.Transport | None = None
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._is_waking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def join(self, other: "_Way") -> None:
        """The other end is there; what was to go out before goes now."""
        self._out = other._transport
        self._wake()

    def data_received(self, data: bytes) -> None:
        self._under_way.append((self._loop.time() + self._delay_for, data))
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.data_received(b"")

    def _wake(self) -> None:
        """At the moment the next piece is due, if there is one and somewhere to go with it."""
        if self._out and self._under_way and not self._is_waking:
            self._is_waking = True
            self._loop.call_at(self._under_way[0][0], self._pass_on, self._out)

    def _pass_on(self, out: asyncio.Transport) -> None:
        """Everything that is due; the empty piece is the end."""
        now = self._loop.time()
        while self._under_way and self._under_way[0][0] <= now:
            _, data = self._under_way.popleft()
            if data:
                out.write(data)
            else:
                out.close()
        self._is_waking = False
        self._wake()


async def listen(port: int, delay_for: float) -> asyncio.Server:
    """Serve a line to `port` of this machine from a free port; each direction is late by `delay_for` seconds."""
    loop = asyncio.get_running_loop()
    reaching: set[asyncio.Task[None]] = set()

    async def reach(near: _Way) -> None:
        _, far = await loop.create_connection(lambda: _Way(delay_for), "127.0.0.1", port)
        far.join(near)
        near.join(far)

    def accept() -> _Way:
        near = _Way(delay_for)
        task = loop.create_task(reach(near))
        reaching.add(task)
        task.add_done_callback(reaching.discard)
        return near

    return await loop.create_server(accept, "127.0.0.1", 0, backlog=128)


@contextmanager
def long_line(port: int, delay_ms: float, log: Path) -> Iterator[int]:
    """A line to `port` in a process of its own; gives the port where it begins."""
    command = [sys.executable, "-m", "benchmarks.proxy", str(port), str(delay_ms)]
    with Started(command, log) as process:
        yield int(process.hear())


def round_trip_ms(port: int) -> float:
    """What a command and its reply take over a line to an SMTP server, the median of some."""
    waits = []
    with smtplib.SMTP("127.0.0.1", port) as line:
        for _ in range(_TRIED):
            began = time.perf_counter()
            line.noop()
            waits.append(1000 * (time.perf_counter() - began))
    return median(waits)


async def _main(port: int, delay_ms: float) -> None:
    server = await listen(port, delay_ms / 1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2])))

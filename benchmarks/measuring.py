"""What a process and all its children use, read from outside under /proc: CPU seconds and memory.

Memory is PSS (proc(5), smaps_rollup): a page that several processes share counts once among them all.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

PROC = Path("/proc")
SAMPLED_EVERY = 0.2
"""Seconds between two looks at the memory."""

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """The process, its children, and theirs, as far as they live."""
    yield pid
    try:
        lists = [path.read_text() for path in (PROC / str(pid) / "task").glob("*/children")]
    except OSError:
        return
    for each in lists:
        for child in each.split():
            yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree so far, that of ended children included, in steps of a clock tick."""
    return sum(map(_cpu_seconds, tree(pid)))


def _cpu_seconds(pid: int) -> float:
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def memory(pid: int) -> int:
    """Bytes of PSS of the whole tree."""
    return sum(map(_memory, tree(pid)))


def _memory(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


class PeakMemory:
    """Looks at a tree's memory while the block runs; `peak` is the most it saw, in bytes."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._pid = pid
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.peak = max(self.peak, memory(self._pid))

    def _look(self) -> None:
        wait_for = SAMPLED_EVERY / 4
        while not self._over.wait(wait_for):
            self.peak = max(self.peak, memory(self._pid))
            wait_for = SAMPLED_EVERY

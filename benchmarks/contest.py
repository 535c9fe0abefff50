"""One contender's turn: started, warmed up, given the word, watched from outside until its letters have arrived."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.installing import NODEMAILER, PYTHON
from benchmarks.measuring import PeakMemory, cpu_seconds
from benchmarks.sink import Sink
from benchmarks.started import Started
from benchmarks.turns import Order

_READY_FOR = 300.0
_ARRIVES_FOR = 2.0
_LOOKED_EVERY = 0.005


class ContenderError(RuntimeError):
    """A contender ended before its work; the sentence holds its last words."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One row of the table: how it is started, over how many lines, with how many letters near and far away.

    Letters are those of the full bench and of the quick one; who has none does not take part.
    """

    key: str
    name: str
    command: tuple[str, ...]
    lines_near: int
    lines_far: int
    near: tuple[int, int]
    far: tuple[int, int] = (0, 0)
    options: tuple[str, ...] = ()

    def letters(self, *, far: bool, quick: bool) -> int:
        return (self.far if far else self.near)[quick]

    @property
    def is_convenor(self) -> bool:
        return self.key.startswith("convenor")

    @property
    def is_personal(self) -> bool:
        return self.key != "source"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one turn came to. `first_after` is when the first letter had arrived, in seconds after the word.

    `stopped`: patience ended before the letters did; what had arrived by then counts.
    """

    letters: int
    seconds: float
    cpu_seconds: float
    memory_bytes: int
    first_after: float | None
    stopped: bool = False
    told: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Letters a second; for Convenor without the time it took to write them down, which is told apart."""
        return self.letters / max(1e-9, self.seconds - self.told.get("expanded", 0.0))

    @property
    def cpu_per_thousand(self) -> float:
        return 1000 * self.cpu_seconds / max(1, self.letters)


def _python(module: str) -> tuple[str, ...]:
    return (str(PYTHON), "-m", f"benchmarks.peers.{module}")


CONVENOR = (sys.executable, "-m", "benchmarks.convenor", "carry")

CONTENDERS: tuple[Contender, ...] = (
    Contender(
        key="source", name="smtp-source -d (Postfix, C, canned text)",
        command=(sys.executable, "-m", "benchmarks.peers.source"),
        lines_near=8, lines_far=10, near=(20_000, 5_000), far=(2_000, 300),
    ),
    Contender(
        key="convenor", name="Convenor", command=CONVENOR,
        lines_near=200, lines_far=10, near=(20_000, 5_000), far=(5_000, 1_000),
    ),
    Contender(
        key="convenor-own", name="Convenor, its own invitation", command=CONVENOR,
        lines_near=200, lines_far=10, near=(20_000, 2_000),
    ),
    Contender(
        key="plain", name="EmailMessage + jinja2 + icalendar + smtplib", command=_python("plain"),
        lines_near=1, lines_far=1, near=(1_000, 100), far=(100, 20),
    ),
    Contender(
        key="aiosmtplib", name="aiosmtplib, composing", command=_python("asynchronous"),
        lines_near=10, lines_far=10, near=(2_000, 200), far=(1_000, 100),
    ),
    Contender(
        key="aiosmtplib-prebuilt", name="aiosmtplib, letters prebuilt", command=_python("asynchronous"),
        options=("prebuilt",), lines_near=10, lines_far=10, near=(4_000, 400), far=(1_000, 200),
    ),
    Contender(
        key="django", name="Django send_messages", command=_python("framework"),
        lines_near=1, lines_far=1, near=(1_000, 100), far=(100, 20),
    ),
    Contender(
        key="nodemailer", name="nodemailer pooled + ical-generator",
        command=("node", str(NODEMAILER / "send.mjs")),
        lines_near=10, lines_far=10, near=(5_000, 500), far=(1_000, 200),
    ),
)  # fmt: skip
"""In the order of their turns; the first is what the others are compared with."""


def take_turn(contender: Contender, order: Order, sink: Sink, log: Path, patience_for: float) -> Run:
    """Start it, wait until it is warm, give the word, and measure until it says that all is done.

    Raises:
        ContenderError: it ended before, was never ready, or said so though not all had arrived.
    """
    with Started([*contender.command, order.written(), *contender.options], log) as process:
        if not process.has_spoken(_READY_FOR) or process.hear() != b"ready\n":
            raise ContenderError(f"{contender.name} was not ready: {process.last_words()}")
        try:
            return _measured(process, sink, order.letters, patience_for)
        except ContenderError as error:
            raise ContenderError(f"{contender.name} {error}: {process.last_words()}") from None


def _measured(process: Started, sink: Sink, letters: int, patience_for: float) -> Run:
    """From the word to the last word; a contender that simply ends has done its work if its exit code is 0."""
    before, used = sink.received(), cpu_seconds(process.pid)
    with PeakMemory(process.pid) as watched:
        began = time.monotonic()
        process.say(b"go\n")
        first_after, over = _watch(process, sink, before, patience_for)
        seconds = time.monotonic() - began
        said = process.hear() if over else b""
        used_after = cpu_seconds(process.pid) if said or not over else _used_in_all(process)
    arrived = _arrived(sink, before, letters) if over else sink.received() - before
    if over and arrived < letters:
        raise ContenderError(f"has ended, and {arrived} of {letters} letters arrived")
    return Run(
        letters=arrived,
        seconds=seconds,
        cpu_seconds=used_after - used,
        memory_bytes=watched.peak,
        first_after=first_after,
        stopped=not over,
        told=json.loads(said) if said else {},
    )


def _watch(process: Started, sink: Sink, before: int, patience_for: float) -> tuple[float | None, bool]:
    """Until it speaks or ends: seconds until the first letter had arrived, and whether patience lasted."""
    began, first_after = time.monotonic(), None
    while (passed := time.monotonic() - began) < patience_for:
        if process.has_spoken(_LOOKED_EVERY if first_after is None else patience_for - passed):
            return first_after or time.monotonic() - began, True
        if first_after is None and sink.received() > before:
            first_after = time.monotonic() - began
    return first_after, False


def _arrived(sink: Sink, before: int, expected: int) -> int:
    """With a moment's patience for the counter, which is written after the reply."""
    deadline = time.monotonic() + _ARRIVES_FOR
    while (arrived := sink.received() - before) < expected and time.monotonic() < deadline:
        time.sleep(_LOOKED_EVERY)
    return arrived


def _used_in_all(process: Started) -> float:
    code, used = process.used_in_all()
    if code:
        raise ContenderError(f"has ended with {code}")
    return used


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One contender over all rounds: medians, and `ratio` of its rate to the first row's of the same round."""

    key: str
    name: str
    lines: int
    letters: int
    stopped: bool
    letter_bytes: int
    rate: float
    ratio: float
    cpu_per_thousand: float
    memory_bytes: int


def compare(
    contender: Contender, runs: Sequence[Run], firsts: Sequence[Run], lines: int, letter_bytes: int
) -> Standing:
    """Its place beside the first contender's runs, round by round."""
    return Standing(
        key=contender.key,
        name=contender.name,
        lines=lines,
        letters=round(median(run.letters for run in runs)),
        stopped=any(run.stopped for run in runs),
        letter_bytes=letter_bytes,
        rate=median(run.rate for run in runs),
        ratio=median(run.rate / first.rate for run, first in zip(runs, firsts, strict=True)),
        cpu_per_thousand=median(run.cpu_per_thousand for run in runs),
        memory_bytes=round(median(run.memory_bytes for run in runs)),
    )

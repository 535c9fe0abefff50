"""Mutated mails are read within the limits and judged; what may not happen is counted."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mailer.inbox.bounces import Severity
from mailer.inbox.bounded import BoundedReader, Poison
from mailer.judging import judge
from mailer.outbox.incoming import Held, Reader
from tests.mutations.mutator import ASKED, Mutator

AT = datetime(2027, 1, 14, 9, tzinfo=UTC)
READER = Reader(
    recipient_id=1,
    event="cybercrime-2027",
    address=ASKED.attendee,
    joined_at=datetime(2027, 1, 1, tzinfo=UTC),
)
HELD = Held(reader=READER, anchor="event", sequence_sent=ASKED.sequence)

MOST_SECONDS, MOST_MEGABYTES = 2.0, 128.0


@dataclass(kw_only=True)
class Tally:
    """What became of the mails. `broken` names the mails that broke a promise, by number."""

    mails: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    laid_aside: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    slowest: float = 0
    largest: float = 0
    took_for: float = 0
    broken: list[tuple[int, str]] = field(default_factory=list)


def run(seed: int, mails: int, tell: Callable[[Tally], None] = lambda _: None) -> Tally:
    """So many mails of a seed, one after the other."""
    tally, mutator, began = Tally(), Mutator(seed), time.perf_counter()
    reader = BoundedReader()
    try:
        for number in range(mails):
            _one(reader, mutator.mail(number), number, tally)
            tell(tally)
    finally:
        reader.close()
    tally.took_for = time.perf_counter() - began
    return tally


def _one(reader: BoundedReader, raw: bytes, number: int, tally: Tally) -> None:
    try:
        before = _computed(reader)
        found = reader.read(raw)
        tally.slowest = max(tally.slowest, (_computed(reader) or before) - before)
        if isinstance(found, Poison):
            tally.laid_aside[found.reason] += 1
        else:
            tally.kinds[found.kind] += 1
            held = HELD if found.reply and found.reply.uid == ASKED.uid else None
            judged = judge(found, held=held, reader=None, known=READER, at=AT)
            tally.answers += judged.answer is not None
            if judged.trouble or judged.unsubscribes:
                tally.broken.append((number, "it changed something without a sign of ours"))
            if judged.answer and not held:
                tally.broken.append((number, "an answer to what nobody has was applied"))
            judge(found, held=held, reader=READER, known=None, at=AT)
            assert all(isinstance(report.severity, Severity) for report in found.reports)
    except Exception as error:  # that is what is looked for
        tally.broken.append((number, f"not caught: {type(error).__name__}: {error}"))
    tally.mails += 1
    tally.largest = max(tally.largest, _peak(reader))


def _computed(reader: BoundedReader) -> float:
    """Seconds the process has computed (proc(5), stat), however busy the machine is."""
    process = reader._process
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").split() if process else []
    except OSError:
        fields = []
    return sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")


def _peak(reader: BoundedReader) -> float:
    """Megabytes that the process ever had at once (proc(5), VmHWM)."""
    process = reader._process
    if process is None:
        return 0
    try:
        status = Path(f"/proc/{process.pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0
    line = next((each for each in status.splitlines() if each.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) / 1024

"""Convenor alone: how it grows with the number of letters, how soon it begins, how quickly its pages answer."""

import http.client
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contest import CONTENDERS, ContenderError, take_turn
from benchmarks.sink import Sink, percentile
from benchmarks.stage import WORDS, Prepared, Stage
from benchmarks.started import Started
from benchmarks.turns import Order

PAGES = ("/", "/timetable", "/api/status")
FIRST_DUE_AFTER = 12
"""Seconds from publication to the first of many mailings: enough to start the service in."""

_CONVENOR = next(each for each in CONTENDERS if each.key == "convenor")
LINES = _CONVENOR.lines_near
_LOOKED_EVERY = 0.005
_ASKED_EVERY = 0.02


@dataclass(frozen=True, kw_only=True)
class Size:
    """One mailing of so many letters. `published` is how long its list took to be kept; all times in seconds.

    `expanded` is None when patience ended before it was known; so is `first_after` when nothing arrived.
    """

    asked: int
    letters: int
    stopped: bool
    published: float
    expanded: float | None
    first_after: float | None
    seconds: float
    rate: float
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Beginnings:
    """From due to first dot, in seconds, over many mailings; one that never began counts as all the time waited."""

    mailings: int
    letters_each: int
    p50: float
    p99: float
    worst: float
    never: int


@dataclass(frozen=True, kw_only=True)
class Answering:
    """GETs of the organiser's pages while letters leave, in milliseconds."""

    letters: int
    asked: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    failed: int


def grow(stage: Stage, sink: Sink, letters: int, log: Path, patience_for: float) -> Size:
    """One mailing from due to the last reply."""
    published = stage.prepared(letters)
    order = stage.order(_CONVENOR, letters, sink.port, LINES)
    run = take_turn(_CONVENOR, order, sink, log, patience_for)
    stage.forget(letters)
    return Size(
        asked=letters,
        letters=run.letters,
        stopped=run.stopped,
        published=published.took,
        expanded=run.told.get("expanded"),
        first_after=run.first_after,
        seconds=run.seconds,
        rate=run.letters / run.seconds,
        memory_bytes=run.memory_bytes,
    )


def begin(stage: Stage, sink: Sink, mailings: int, letters_each: int, log: Path) -> Beginnings:
    """The service with so many mailings, one falling due each second: the sink's counter tells when each began."""
    due_after = range(FIRST_DUE_AFTER, FIRST_DUE_AFTER + mailings)
    published = stage.publish(letters_each, 0, due_after)
    before, first_due_at = sink.received(), int(published.published_at) + FIRST_DUE_AFTER
    waits: list[float] = []
    with _service(stage, published, sink, log):
        patience_until = first_due_at + mailings + 30
        while len(waits) < mailings and time.time() < patience_until:
            arrived, now = sink.received() - before, time.time()
            while len(waits) < mailings and arrived > len(waits) * letters_each:
                waits.append(max(0.0, now - (first_due_at + len(waits))))
            time.sleep(_LOOKED_EVERY)
    never = mailings - len(waits)
    waits += [patience_until - (first_due_at + number) for number in range(len(waits), mailings)]
    return Beginnings(
        mailings=mailings,
        letters_each=letters_each,
        p50=percentile(waits, 0.5),
        p99=percentile(waits, 0.99),
        worst=max(waits),
        never=never,
    )


def answer(stage: Stage, sink: Sink, letters: int, log: Path, patience_for: float) -> Answering:
    """The service with one large mailing; its pages are asked for, one after another, as long as letters leave."""
    published = stage.publish(letters, 0, (0,))
    before, failed = sink.received(), 0
    waits: list[float] = []
    with _service(stage, published, sink, log) as port:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        deadline = time.monotonic() + patience_for
        while sink.received() - before < letters and time.monotonic() < deadline:
            began = time.perf_counter()
            failed += not _asked(line, PAGES[len(waits) % len(PAGES)])
            waits.append(1000 * (time.perf_counter() - began))
            time.sleep(_ASKED_EVERY)
        line.close()
        arrived = sink.received() - before
    return Answering(
        letters=arrived,
        asked=len(waits),
        p50_ms=percentile(waits, 0.5),
        p99_ms=percentile(waits, 0.99),
        worst_ms=max(waits),
        failed=failed,
    )


def _asked(line: http.client.HTTPConnection, path: str) -> bool:
    try:
        line.request("GET", path)
        reply = line.getresponse()
        reply.read()
    except (OSError, http.client.HTTPException):
        line.close()
        return False
    return reply.status == http.client.OK


@contextmanager
def _service(stage: Stage, published: Prepared, sink: Sink, log: Path) -> Iterator[int]:
    """The running service; gives the port of its pages."""
    order = Order(
        port=sink.port,
        letters=0,
        warm=0,
        lines=LINES,
        folder=str(stage.fresh(published)),
        words=str(WORDS),
    )
    with Started([sys.executable, "-m", "benchmarks.convenor", "serve", order.written()], log) as process:
        if process.hear() != b"ready\n":
            raise ContenderError(f"the service did not start: {process.last_words()}")
        process.say(b"go\n")
        yield int(json.loads(process.hear())["port"])

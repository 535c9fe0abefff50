"""Asks every page again and again, in rounds, and keeps what each cost. How many, and of whom, its caller says."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from statistics import quantiles
from urllib.parse import urlsplit

from mailer.web.app import create_app
from mailer.web.serving import reserve, serve_app
from tests.scale.asks import Ask, asks
from tests.scale.measuring import Seen, Watch, beside
from tests.scale.stage import Stage

LARGEST = 200_000
"""Bytes of a page, before any compression."""

SLOWEST_MS = 100.0
"""Milliseconds on the server, which all but one in a hundred answers keep to."""

_CALM_WITHIN = 240.0
_HEARS_EVERY = 10

_MOST_DOWNLOADS = 5
"""Times a file is fetched in a round: some are of tens of megabytes."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """So many answers of one page: the middle one and the slowest but one in a hundred, in milliseconds."""

    p50: float
    p99: float
    cpu: float

    @classmethod
    def of(cls, seen: Sequence[Seen], *, is_download: bool) -> "Round":
        walls = [each.first_ms if is_download else each.wall_ms for each in seen]
        hundredths = quantiles(walls, n=100, method="inclusive")
        return cls(
            p50=hundredths[49], p99=hundredths[98], cpu=sorted(each.cpu_ms for each in seen)[len(seen) // 2]
        )


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one page costs. `first_ms` is what the first answer took, when nothing of it was counted yet; `busy` are
    answers while other people's replies come in.
    """

    ask: Ask
    status: int
    size: int
    statements: int
    first_ms: float
    calm: Round
    busy: Round

    @property
    def is_too_large(self) -> bool:
        return not self.ask.why and self.size > LARGEST

    @property
    def is_too_slow(self) -> bool:
        return self.calm.p99 > SLOWEST_MS

    @property
    def is_broken(self) -> bool:
        return self.status not in {200, 303}

    @property
    def holds(self) -> bool:
        return not (self.is_too_large or self.is_too_slow or self.is_broken)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """`load` is the machine's load average at the beginning and the end, `seconds` how long it all took."""

    pages: tuple[Page, ...]
    rounds: int
    times: int
    load: tuple[float, float]
    seconds: float


def run(
    stage: Stage, *, rounds: int, times: int, only: str = "", told: Callable[[Page], None] = lambda page: None
) -> Findings:
    """Ask for every page whose path holds `only`; tell of each when it is known."""
    load, began = os.getloadavg()[0], time.perf_counter()
    app = create_app(stage.office)
    wanted = [each for each in asks(app, stage) if only in each.path]
    watch = Watch(app, stage.database)
    pages = []
    with serve_app(app, reserve(0), around=watch) as address:
        client = _Client(address, watch)
        for ask in wanted:
            page = _measured(stage, client, ask, rounds=rounds, times=times)
            told(page)
            pages.append(page)
    return Findings(
        pages=tuple(pages), rounds=rounds, times=times, load=(load, os.getloadavg()[0]),
        seconds=time.perf_counter() - began,
    )  # fmt: skip


class _Client:
    """A line to the server for each page: one that is idle for seconds is closed by it."""

    def __init__(self, address: str, watch: Watch) -> None:
        self._at, self._watch = urlsplit(address).netloc, watch

    def get(self, path: str) -> Seen:
        with closing(HTTPConnection(self._at, timeout=300)) as line:
            line.request("GET", path, headers={"Accept-Language": "en"})
            line.getresponse().read()
        while not self._watch.seen:  # the last byte is sent a moment before it is noted
            time.sleep(0.0005)
        return self._watch.seen.pop()


def _measured(stage: Stage, client: _Client, ask: Ask, *, rounds: int, times: int) -> Page:
    first = client.get(ask.path)
    times = min(times, _MOST_DOWNLOADS) if ask.why else times
    _wait_until_calm()
    calm = []
    for _ in range(rounds):
        seen = [client.get(ask.path) for _ in range(times)]
        calm.append(Round.of(seen, is_download=bool(ask.why)))
    busy = [_heard(stage, client, ask, number) for number in range(times)] if times > _HEARS_EVERY else seen
    _wait_until_calm()
    return Page(
        ask=ask,
        status=seen[-1].status,
        size=max(each.size for each in seen),
        statements=max(each.statements for each in seen),
        first_ms=first.first_ms if ask.why else first.wall_ms,
        calm=min(calm, key=lambda each: (each.p99, each.p50)),
        busy=Round.of(busy, is_download=bool(ask.why)),
    )


def _heard(stage: Stage, client: _Client, ask: Ask, number: int) -> Seen:
    if number % _HEARS_EVERY == 0:
        stage.hear()
    return client.get(ask.path)


def _wait_until_calm() -> None:
    """Until nothing is counted any more beside the pages."""
    until = time.perf_counter() + _CALM_WITHIN
    while beside() and time.perf_counter() < until:
        time.sleep(0.01)

"""The bench: every contender in turn, near and far away, then Convenor alone. `make bench`, `make bench QUICK=1`.

It prints tables and one line of JSON; the full one writes `docs/benchmarks.md`.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from rich.console import Console

from benchmarks import alone, installing, report
from benchmarks.anatomy import dissect
from benchmarks.contest import CONTENDERS, Contender, ContenderError, Run, Standing, compare, take_turn
from benchmarks.proxy import long_line, round_trip_ms
from benchmarks.sink import MissingPeerError, Sink, open_sink, program, weigh
from benchmarks.stage import Stage, open_stage
from benchmarks.started import ROOT

DELAY_MS = 10.0
DOCUMENT = ROOT / "docs" / "benchmarks.md"
WEIGHED = 20
"""Letters whose bytes are looked at; the tenth that warms up is among those."""
PARTS = frozenset({"text/plain", "text/html", "text/calendar"})


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is measured: rounds, sizes, and how many seconds one turn may take; what has arrived by then counts."""

    quick: bool
    rounds: int
    patience_for: float
    sizes: tuple[int, ...]
    size_patience_for: float
    mailings: int
    page_letters: int


FULL = Scale(
    quick=False, rounds=3, patience_for=180, sizes=(1_000, 10_000, 100_000, 1_000_000),
    size_patience_for=1_200, mailings=100, page_letters=100_000,
)  # fmt: skip
QUICK = Scale(
    quick=True, rounds=1, patience_for=6, sizes=(1_000, 10_000), size_patience_for=6,
    mailings=10, page_letters=10_000,
)  # fmt: skip

_console = Console(width=None if sys.stdout.isatty() else 140)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three minutes, one run, no million")
    parser.add_argument(
        "--only", nargs="*", default=None, metavar="KEY", help=", ".join(c.key for c in CONTENDERS)
    )
    parser.add_argument("--skip-alone", action="store_true", help="only the tables side by side")
    chosen = parser.parse_args(arguments)
    scale = QUICK if chosen.quick else FULL
    try:
        _ = program("smtp-sink"), program("smtp-source")
        installing.install_python_peers()
        missing = {"nodemailer": why} if (why := installing.install_nodemailer()) else {}
        contenders = [c for c in CONTENDERS if c.key not in missing and _is_chosen(c, chosen.only)]
        found = replace(_measure(contenders, scale, chosen.skip_alone), missing=missing)
    except (MissingPeerError, ContenderError) as error:
        print(error, file=sys.stderr)
        return 1
    report.show(found, _console)
    if not scale.quick and chosen.only is None and not chosen.skip_alone:
        DOCUMENT.write_text(report.document(found), "utf-8")
        _console.print(f"Written: {DOCUMENT.relative_to(ROOT)}")
    print(report.line_of(found), flush=True)
    return 0


def _is_chosen(contender: Contender, only: Sequence[str] | None) -> bool:
    return not only or contender.key in {CONTENDERS[0].key, *only}


def _measure(contenders: Sequence[Contender], scale: Scale, skip_alone: bool) -> report.Findings:
    found = report.Findings(quick=scale.quick, rounds=scale.rounds, machine=machine())
    with open_stage() as stage, _folder() as folder, open_sink(folder) as sink:
        bench = Bench(stage=stage, sink=sink, folder=folder, scale=scale)
        weights = {each.key: bench.weigh(each) for each in contenders}
        near = bench.compare(contenders, weights, sink.port, far=False)
        with long_line(sink.port, DELAY_MS, bench.log.with_name("line")) as port:
            found = replace(found, round_trip_ms=round_trip_ms(port))
            far = bench.compare([each for each in contenders if any(each.far)], weights, port, far=True)
        found = replace(found, near=near, far=far, anatomy=dissect(stage.folder))
        return found if skip_alone else bench.watch_alone(found)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One run of it all. `folder` holds the sink's counter and what contenders complained of."""

    stage: Stage
    sink: Sink
    folder: Path
    scale: Scale

    @property
    def log(self) -> Path:
        return self.folder / "complaints"

    def weigh(self, contender: Contender) -> int:
        """The size of its letters as they arrive, in bytes.

        Raises:
            ContenderError: they are not personal, or lack a part.
        """
        with _folder() as folder, open_sink(folder, keep=True) as keeping:
            order = self.stage.order(contender, WEIGHED, keeping.port, contender.lines_near)
            take_turn(contender, order, keeping, self.log, self.scale.patience_for)
            weight = weigh(folder)
        is_whole = weight.parts >= PARTS and weight.readers == weight.letters
        if contender.is_personal and not is_whole:
            raise ContenderError(f"{contender.name}: its letters are not whole: {weight}")
        return weight.average_bytes

    def compare(
        self, contenders: Sequence[Contender], weights: dict[str, int], port: int, *, far: bool
    ) -> tuple[Standing, ...]:
        """Round after round, each contender in turn: every ratio is of the same minute."""
        runs: dict[str, list[Run]] = {each.key: [] for each in contenders}
        for number in range(self.scale.rounds):
            for contender in contenders:
                with _told(f"{'far' if far else 'near'}, round {number + 1}: {contender.name}"):
                    runs[contender.key].append(self._turn(contender, port, far))
        firsts = runs[contenders[0].key]
        return tuple(
            compare(each, runs[each.key], firsts, _lines(each, far), weights[each.key]) for each in contenders
        )

    def _turn(self, contender: Contender, port: int, far: bool) -> Run:
        letters = contender.letters(far=far, quick=self.scale.quick)
        order = self.stage.order(contender, letters, port, _lines(contender, far))
        return take_turn(contender, order, self.sink, self.log, self.scale.patience_for)

    def watch_alone(self, found: report.Findings) -> report.Findings:
        """Convenor by itself: growing, beginning, answering."""
        sizes = []
        for letters in self.scale.sizes:
            with _told(f"alone: {letters:,} letters"):
                sizes.append(
                    alone.grow(self.stage, self.sink, letters, self.log, self.scale.size_patience_for)
                )
        with _told(f"alone: {self.scale.mailings} mailings, one each second"):
            beginnings = alone.begin(self.stage, self.sink, self.scale.mailings, 20, self.log)
        with _told(f"alone: pages during {self.scale.page_letters:,} letters"):
            answering = alone.answer(
                self.stage, self.sink, self.scale.page_letters, self.log, self.scale.size_patience_for
            )
        return replace(found, sizes=tuple(sizes), beginnings=beginnings, answering=answering)


def _lines(contender: Contender, far: bool) -> int:
    return contender.lines_far if far else contender.lines_near


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="convenor-bench-") as folder:
        yield Path(folder)


@contextmanager
def _told(what: str) -> Iterator[None]:
    began = perf_counter()
    yield
    _console.print(f"  {what} ({perf_counter() - began:.1f} s)", style="dim", highlight=False)


def machine() -> report.Machine:
    """This one, without its name."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return report.Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=names[0] if names else platform.machine(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        date=f"{datetime.now(UTC):%-d %B %Y}",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A turn is measured from outside; its place is among those of the same round."""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contest import ContenderError, compare, take_turn
from benchmarks.sink import Sink
from benchmarks.turns import Order
from tests.benchmarks.findings import contender, run

ORDER = Order(port=1, letters=3, warm=0, lines=1)
COUNTS = "import sys; counter = open(sys.argv[1], 'w'); print('ready', flush=True); sys.stdin.readline(); "
"""Somebody who writes the sink's counter, as if letters had arrived."""


def turn(folder: Path, does: str, patience_for: float = 20.0) -> Any:
    counter = folder / "counter"
    counter.touch()
    one = contender("plain")
    program = f"{COUNTS}{does}".replace("sys.argv[1]", repr(str(counter)))
    started = type(one)(
        key=one.key, name="somebody", command=(sys.executable, "-c", program), lines_near=1, lines_far=1, near=(3, 3)
    )  # fmt: skip
    return take_turn(started, ORDER, Sink(port=1, counter=counter), folder / "log", patience_for)


def arrive(count: int) -> str:
    return f"print('sess=0 quit=0 mesg={count}', end='\\r', file=counter, flush=True); "


def test_a_turn_ends_with_the_last_word_and_holds_what_was_told(tmp_path: Path) -> None:
    done = turn(tmp_path, arrive(3) + "print('{\"expanded\": 0.5}', flush=True); sys.stdin.read()")
    assert (done.letters, done.stopped, done.told) == (3, False, {"expanded": 0.5})
    assert 0 < done.seconds < 20
    assert done.memory_bytes > 1_000_000


def test_who_simply_ends_has_done_its_work_and_its_cpu_is_known(tmp_path: Path) -> None:
    done = turn(tmp_path, arrive(3) + "import time\nwhile time.process_time() < 0.3: pass")
    assert done.letters == 3
    assert done.cpu_seconds > 0.1


def test_who_says_done_too_early_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(ContenderError, match="2 of 3 letters arrived"):
        turn(tmp_path, arrive(2) + "print('{}', flush=True); sys.stdin.read()")


def test_who_dies_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ContenderError, match="a disk is full"):
        turn(tmp_path, "sys.exit('a disk is full')")


def test_when_patience_ends_what_has_arrived_counts(tmp_path: Path) -> None:
    done = turn(tmp_path, arrive(2) + "sys.stdin.readline()", patience_for=0.5)
    assert (done.letters, done.stopped) == (2, True)


def test_ratios_are_of_the_same_round_and_figures_are_medians() -> None:
    firsts = [run(100.0), run(1_000.0), run(500.0)]
    place = compare(
        contender("plain"), [run(50.0), run(250.0), run(500.0)], firsts, lines=1, letter_bytes=10_000
    )
    assert place.ratio == pytest.approx(0.5)
    assert place.rate == pytest.approx(250.0)
    assert place.cpu_per_thousand == pytest.approx(0.5)


def test_writing_letters_down_is_told_apart_from_carrying_them() -> None:
    assert run(100.0, letters=1_000, expanded=5.0).rate == pytest.approx(200.0)

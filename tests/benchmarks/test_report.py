"""What is shown is what was measured: tables, targets, the document and the line of JSON."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks.report import document, line_of, show, tables, targets
from tests.benchmarks.findings import FOUND, MACHINE, size


def test_the_table_holds_the_measured_figures() -> None:
    side_by_side = tables(FOUND)[0]
    row = ("Convenor", "8", "20,000", "10,012", "10,500", "0.123", "61.5", "1.050")
    assert side_by_side.heading == (
        "", "Lines", "Letters", "Bytes", "Letters/s", "CPU s/1,000", "Memory MB", "Ratio",
    )  # fmt: skip
    assert side_by_side.rows[1] == row
    assert tables(FOUND)[1].title == "Over a line with round trips of 20.6 ms"


def test_a_row_that_was_stopped_says_so() -> None:
    stopped = replace(FOUND, near=(replace(FOUND.near[1], stopped=True),))
    assert tables(stopped)[0].rows[0][2] == "20,000 (stopped)"


def test_what_is_in_no_part_is_told_as_the_rest() -> None:
    rows = tables(FOUND)[-1].rows
    assert rows[0] == ("Composed", "50.0", "60.0")
    assert rows[-2:] == (
        ("The rest: event loop, sockets, the kernel", "", "57.4"),
        ("All, side by side with the server", "", "123.4"),
    )


def test_each_target_is_judged_by_its_figure() -> None:
    told = [(target.wanted, target.found, target.met) for target in targets(FOUND)]
    assert told == [
        ("at least 1 ×", "1.05 ×", True),
        ("at least 15 ×", "not measured", None),
        ("at least 40 ×", "50.00 ×", True),
        ("at most 0.150 s", "0.123 s", True),
        ("at least 3.5 ×", "4.00 ×", True),
        ("at most 250 MB", "230 MB", True),
        ("at most 10.0 %", "15.0 %", False),
        ("at most 60.0 s", "50.0 s", True),
        ("at most 5.00 s", "1.25 s", True),
        ("at most 100.0 ms", "101.0 ms", False),
    ]


def test_a_size_that_was_stopped_meets_no_target() -> None:
    stopped = replace(FOUND, sizes=(size(1_000_000, megabytes=1, expanded=None, stopped=True),))
    assert {target.met for target in targets(stopped)[5:8]} == {None}


def test_the_document_is_made_of_nothing_else() -> None:
    written = document(FOUND)
    assert "| Memory at 1,000,000 above that at 100,000 | at most 10.0 % | 15.0 % | **not met** |" in written
    assert "| 1,000,000 | 1,000,000 | 1.5 | 50.00 | 0.25 | 200.0 | 5,000 | 230.0 |" in written
    assert "nodemailer did not take part: Node is missing" in written
    assert f"Measured on {MACHINE.date}: A processor, 2 cores, Linux 6.1, Python 3.11.7." in written


def test_the_line_of_json_holds_every_figure() -> None:
    line = line_of(FOUND)
    told = json.loads(line)
    assert "\n" not in line
    assert told.keys() == {
        "quick", "rounds", "machine", "round_trip_ms", "near", "far", "sizes", "beginnings", "answering",
        "anatomy", "missing", "targets",
    }  # fmt: skip
    assert told["near"][1]["rate"] == 10_500.0
    assert told["sizes"][1]["expanded"] == 50.0
    assert told["targets"][6] == {
        "name": "Memory at 1,000,000 above that at 100,000",
        "wanted": "at most 10.0 %",
        "found": "15.0 %",
        "met": False,
    }


def test_the_terminal_shows_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    show(FOUND, Console(width=140))
    shown = capsys.readouterr().out
    assert all(cell in shown for table in tables(FOUND) for row in table.rows for cell in row)

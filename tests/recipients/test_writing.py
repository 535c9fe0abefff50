"""A list that was written is read to the same people, and no spreadsheet runs anything of it."""

import csv
from io import StringIO
from pathlib import Path

import pytest

from mailer.recipients import reading, writing
from mailer.recipients.model import Recipient, Role

HOSTILE = (
    "=cmd()",
    "+1",
    "-1",
    "@SUM(A1)",
    "|x",
    "＝x",
    "'=x",
    "''=x",
    "'＠x",
    "'quoted'",
    'a "b", c',
    "O'Brien",
    "بسم",
    "a;b|c",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_was_written_is_read_to_the_same_person(tmp_path: Path, text: str) -> None:
    person = Recipient(
        address="a.novak@police.example", given_name=text, family_name=text, title=text, institution=text,
        role=Role.EXPERT, state="AT", language="fr", timezone="Europe/Vienna", tags=("a", "b"), sessions=("s-1",),
    )  # fmt: skip
    path = tmp_path / "list.csv"
    path.write_text("".join(writing.of_people([person])), "utf-8", newline="")
    found = reading.read(path)

    assert [str(problem) for problem in found.problems] == []
    assert found.recipients == (person,)


@pytest.mark.parametrize("text", HOSTILE[:9])
def test_no_cell_begins_like_a_formula(text: str) -> None:
    person = Recipient(address="a@police.example", given_name=text, family_name="Novak", role=Role.EXPERT)
    cells = "".join(writing.of_people([person])).splitlines()[1].split(",")

    assert not any(cell.lstrip('"').startswith(tuple("=+-@|＝＋－＠")) for cell in cells)


@pytest.mark.parametrize("text", ["\t=1", "  +1", "\r", "' -1", "\n@x"])
def test_what_was_never_a_cell_of_a_list_is_guarded_too(text: str) -> None:
    ((cell,),) = csv.reader(StringIO("".join(writing.table([[text]])).removeprefix("\ufeff"), newline=""))

    assert cell == f"'{text}"


def test_a_table_comes_in_pieces_and_says_once_that_it_is_utf_8() -> None:
    pieces = list(writing.table([["x" * 60_000]] * 3))

    assert len(pieces) > 1
    assert "".join(pieces) == "\ufeff" + 3 * f"{'x' * 60_000}\r\n"

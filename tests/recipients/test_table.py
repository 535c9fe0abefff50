"""What parts the cells of a list, and how its rows are counted."""

from pathlib import Path

import pytest

from tests.recipients.listing import ANA, reading_of, told


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_detected(people: Path, delimiter: str, newline: str) -> None:
    lines = [["email", "given_name", "family_name"], ["a.horvat@cert.example", "Ana", "Horvat"]]
    text = newline.join(delimiter.join(line) for line in lines)
    reading = reading_of(people, text)
    assert (reading.delimiter, reading.recipients) == (delimiter, (ANA,))


def test_a_row_is_counted_by_the_lines_of_the_file(people: Path) -> None:
    text = (
        '\nemail,given_name,family_name,tags\n\na@x.example,A,B,"one|\ntwo"\n,,,\nb@x.example,B,C\n'
        "c@x.example,C,D,,\nnobody,D,E,\nd@x.example,D,E,\n"
    )
    reading = reading_of(people, text)
    assert told(reading) == [
        (4, "tags", "holds a line break or control character"),
        (7, None, "has 3 cells where the first row has 4"),
        (8, None, "has 5 cells where the first row has 4"),
        (9, "email", "'nobody' is not one valid address: An email address must have an @-sign"),
    ]
    assert reading.rows == (10,)

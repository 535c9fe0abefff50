"""A list's text as rows: which character parts its cells, and on which line each row begins (RFC 4180)."""

import csv
import re
from collections.abc import Iterator
from io import StringIO

from mailer.recipients.cells import COLUMNS, LONGEST_CELL, column
from mailer.recipients.decoding import Refused

_TOO_LONG = f"has a cell of more than {LONGEST_CELL:,} characters"


def delimiter_of(text: str) -> str:
    """The delimiter that makes most columns known in the first row."""
    first = re.split(r"[\r\n]", text.lstrip()[:LONGEST_CELL], maxsplit=1)[0]

    def columns(delimiter: str) -> tuple[int, int]:
        names = [column(name.strip('" ')) for name in first.split(delimiter)]
        return sum(name in COLUMNS for name in names), len(names)

    return max(",;\t|", key=columns)


def rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line of the file it begins on.

    Raises:
        Refused: from some row on, the text is no table.
    """
    lines = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        number = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            cause = _TOO_LONG if "limit" in str(error) else "its quotation marks do not pair"
            raise Refused(f"{cause}; the lines from here on could not be read", row=number) from None
        if any(cell.strip() for cell in cells):
            yield number, cells

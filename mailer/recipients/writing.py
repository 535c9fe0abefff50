"""Tables for a spreadsheet (CSV, RFC 4180); and a list of people as one, which `reading` reads to the same people.

Cells that a spreadsheet would run are guarded, and a byte order mark says that the text is UTF-8.
"""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain

from mailer.recipients.cells import COLUMNS, guarded
from mailer.recipients.model import Recipient

_PIECE = 1 << 16
"""Characters that are handed on together."""


def table(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Its text, piece by piece, so that it may be longer than memory. Nothing but the mark where there is no row."""
    written = StringIO("\ufeff", newline="")
    written.seek(0, 2)
    writer = csv.writer(written)
    for row in rows:
        writer.writerow(guarded(cell) for cell in row)
        if written.tell() >= _PIECE:
            yield written.getvalue()
            written.seek(0)
            written.truncate()
    yield written.getvalue()


def of_people(recipients: Iterable[Recipient]) -> Iterator[str]:
    """A table with every column that a list may have."""
    return table(chain([COLUMNS], (cells(each).values() for each in recipients)))


def cells(recipient: Recipient) -> dict[str, str]:
    """Somebody as a row of a list, by column."""
    return {
        name: cell(recipient.address if name == "email" else getattr(recipient, name)) for name in COLUMNS
    }


def cell(value: object) -> str:
    """A value of somebody's as a cell of a list has it."""
    if isinstance(value, tuple):
        return "|".join(map(str, value))
    return "" if value is None else str(value)

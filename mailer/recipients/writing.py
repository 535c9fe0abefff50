"""From recipients back to a list (RFC 4180): what `reading` reads to the same people."""

import csv
from collections.abc import Iterable
from io import StringIO

from mailer.recipients.cells import COLUMNS, guarded
from mailer.recipients.model import Recipient


def text(recipients: Iterable[Recipient]) -> str:
    """A table with every column; cells that a spreadsheet would run are guarded."""
    written = StringIO(newline="")
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    for each in recipients:
        rows.writerow(guarded(_cell(each, column)) for column in COLUMNS)
    return written.getvalue()


def _cell(recipient: Recipient, column: str) -> str:
    value = getattr(recipient, "address" if column == "email" else column)
    return "|".join(value) if isinstance(value, tuple) else str(value or "")

"""What the tests of lists begin with: a person, and the reading of a few cells or bytes."""

import csv
import io
from pathlib import Path

from mailer.recipients.model import Recipient, Role
from mailer.recipients.reading import Reading, read

HEADER = "email,given_name,family_name,title,role,state,institution,language,timezone,tags,sessions"

ANA = Recipient(address="a.horvat@cert.example", given_name="Ana", family_name="Horvat", role=Role.EXPERT)


def reading_of(path: Path, content: str | bytes, *, encoding: str | None = None) -> Reading:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, default_role=Role.EXPERT, encoding=encoding)


def one(path: Path, **cells: str) -> Reading:
    """The reading of a list with one row of these cells."""
    row = {"email": ANA.address, "given_name": "Ana", "family_name": "Horvat"} | cells
    table = io.StringIO()
    csv.writer(table).writerows([row.keys(), row.values()])
    return reading_of(path, table.getvalue())


def told(reading: Reading) -> list[tuple[int | None, str | None, str]]:
    return [(problem.row, problem.field, problem.message) for problem in reading.problems]

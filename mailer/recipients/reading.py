"""Lists of people: a file is read into recipients, several lists into one roster. Choosing among them is in `audience`.

A list is a table of delimited text (RFC 4180) whose first row names its columns: `email`, `given_name` and
`family_name`, and any of `title`, `role`, `state`, `institution`, `language`, `timezone`, `tags`, `sessions`
(the last two hold several values, separated by `|`, `;` or `,`). All that is wrong with all lists is told at
once, each with its row. `decoding` makes text of bytes, `table` rows of the text, `cells` values of the cells.
What is handed in on a page may be a spreadsheet as well, with headings of its own: `look` shows what it holds, and
`read_handed_in` reads it by the same rules.
Text that a spreadsheet would run as a formula (`=cmd`) is text here, and kept; `writing` guards it by an apostrophe.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from mailer.errors import BadInput, Problem
from mailer.recipients import cells, decoding, headers, sheets, table
from mailer.recipients.audience import nearest
from mailer.recipients.cells import COLUMNS, SYNONYMS, shown
from mailer.recipients.decoding import SAVE_AS, Refused
from mailer.recipients.model import Recipient, Role

MOST_PROBLEMS = 1_000
"""Refusals after which a file is read no further."""

MOST_COLUMNS = 100
"""Headings of a list that is handed in."""

REQUIRED = ("email", "given_name", "family_name")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one file holds. `rows` are the lines its recipients begin on, in the same order, counted from 1.

    `encoding` and `delimiter` are what was detected, for a preview; None when it did not come to that. Where it is not
    `is_whole`, rows were left that nobody has read.
    """

    file: str
    recipients: tuple[Recipient, ...] = ()
    rows: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    is_whole: bool = True

    @property
    def refused(self) -> bool:
        return not all(problem.warning for problem in self.problems)


@dataclass(frozen=True, kw_only=True)
class Roster:
    """Everybody who is asked, each address once, in the order of the lists; and what was doubtful there."""

    recipients: tuple[Recipient, ...]
    warnings: tuple[Problem, ...] = ()


def read_all(lists: Iterable[tuple[Path, Role | None]], *, sessions: Collection[str] | None = None) -> Roster:
    """The recipients of several lists, each a file and the role of those whose row names none.

    Raises:
        BadInput: a row or file is refused; holds every problem and warning of every file.
    """
    return merge([read(path, default_role=role, sessions=sessions) for path, role in lists])


def read(
    path: Path,
    *,
    default_role: Role | None = None,
    sessions: Collection[str] | None = None,
    encoding: str | None = None,
) -> Reading:
    """Read one list. Raises nothing: a file that cannot be read is a `Reading` with that problem.

    `sessions` are the keys that may be chosen (None: any); `encoding` overrules what would be detected.
    """
    sheet = _Sheet(file=str(path))
    with sheet.until_refused():
        rows = _text_rows(sheet, decoding.contents(path), encoding)
        _recipients(sheet, rows, default_role, sessions)
    return sheet.reading()


@dataclass(frozen=True, kw_only=True)
class Look:
    """A list as it was handed in, before it is read: its headings, the columns they seem to mean (nothing where that
    cannot be told), and its first rows. `problem` says why it cannot be read at all.
    """

    header: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    samples: tuple[tuple[str, ...], ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    problem: str = ""


def look(raw: bytes, name: str) -> Look:
    """What a file of this name holds."""
    sheet, samples = _Sheet(file=name), list[tuple[str, ...]]()
    try:
        rows = _rows(sheet, raw)
        _, header = next(rows, (1, []))
    except Refused as refused:
        return Look(problem=str(refused))
    with suppress(Refused):  # of a later row: reading tells of it
        samples.extend(tuple(row) for _, row in islice(rows, 4))
    if not header:
        return Look(problem="holds no rows")
    if len(header) > MOST_COLUMNS:
        return Look(problem=f"has {len(header):,} columns; {MOST_COLUMNS} are the most")
    return Look(
        header=tuple(header), columns=headers.guessed(header), samples=tuple(samples),
        encoding=sheet.encoding, delimiter=sheet.delimiter,
    )  # fmt: skip


def problems_with(columns: Sequence[str]) -> list[str]:
    """What is wrong with columns somebody has chosen for the headings of a list; nothing is one that is not read."""
    chosen = [each for each in columns if each]
    twice = [f"two headings are taken for {each}" for each in COLUMNS if chosen.count(each) > 1]
    return twice + [f"no heading is taken for {each}" for each in REQUIRED if each not in chosen]


def read_handed_in(
    raw: bytes,
    name: str,
    columns: Sequence[str],
    *,
    default_role: Role | None = None,
    sessions: Collection[str] | None = None,
) -> Reading:
    """Read a file of this name, its headings taken for these columns, about which there are no `problems_with`.

    Raises nothing: what cannot be read is told as a problem.
    """
    sheet = _Sheet(file=name)
    with sheet.until_refused():
        rows = _rows(sheet, raw)
        number, header = next(rows, (1, []))
        if len(header) != len(columns):
            raise Refused("its headings are not those that were looked at", row=number)
        _people(sheet, list(columns), rows, default_role, sessions)
    return sheet.reading()


def read_one(
    values: Mapping[str, str], *, sessions: Collection[str] | None = None
) -> tuple[Recipient | None, tuple[Problem, ...]]:
    """One person as somebody typed them, by column; None where something is refused."""
    sheet = _Sheet(file="")
    found = _values(sheet, 1, values.items())
    _check(sheet, 1, found, sessions)
    if sheet.refusals:
        return None, tuple(sheet.problems)
    return Recipient(address=found.pop("email"), **found), tuple(sheet.problems)


def _rows(sheet: "_Sheet", raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """Raises Refused: it cannot be read, or its name says that it is another kind of file than it is."""
    is_named_one = sheet.file.lower().endswith((".xlsx", ".xlsm", ".xls"))
    if sheets.is_spreadsheet(raw):
        if not is_named_one:
            raise Refused("is a spreadsheet, but not named as one; save it anew as .xlsx or as CSV UTF-8")
        return sheets.rows(raw)
    if is_named_one:
        raise Refused("is named as a spreadsheet and is none; give it its right name, or save it anew")
    return _text_rows(sheet, raw)


def _text_rows(sheet: "_Sheet", raw: bytes, encoding: str | None = None) -> Iterator[tuple[int, list[str]]]:
    sheet.encoding = encoding or decoding.declared(raw) or _likeliest(sheet, raw)
    text = decoding.decoded(raw, sheet.encoding)
    sheet.delimiter = table.delimiter_of(text)
    return table.rows(text, sheet.delimiter)


@dataclass(kw_only=True)
class _Sheet:
    """What has been found in a file so far."""

    file: str
    encoding: str | None = None
    delimiter: str | None = None
    found: list[tuple[int, Recipient]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    refusals: int = 0
    is_whole: bool = True

    @contextmanager
    def until_refused(self) -> Iterator[None]:
        """What stops the reading is a problem like any other."""
        try:
            yield
        except Refused as refused:
            self.is_whole = False
            self.problem(str(refused), row=refused.row)

    def problem(
        self, message: str, *, row: int | None = None, field: str | None = None, warning: bool = False
    ) -> None:
        self.refusals += not warning
        self.problems.append(Problem(file=self.file, message=message, row=row, field=field, warning=warning))

    def reading(self) -> Reading:
        return Reading(
            file=self.file,
            recipients=tuple(recipient for _, recipient in self.found),
            rows=tuple(row for row, _ in self.found),
            problems=tuple(self.problems),
            encoding=self.encoding,
            delimiter=self.delimiter,
            is_whole=self.is_whole,
        )


def _likeliest(sheet: _Sheet, raw: bytes) -> str:
    """An older encoding is a guess: a person is asked to look at some words."""
    encoding, words = decoding.likeliest(raw)
    seen = ", ".join(words)
    sheet.problem(
        f"is not UTF-8; it was read as {encoding}. Are these right: {seen}? If not, {SAVE_AS}", warning=True
    )
    return encoding


def _recipients(
    sheet: _Sheet,
    rows: Iterator[tuple[int, list[str]]],
    default_role: Role | None,
    sessions: Collection[str] | None,
) -> None:
    number, header = next(rows, (1, []))
    if not header:
        raise Refused("holds no rows")
    if columns := _columns(sheet, number, header):
        _people(sheet, columns, rows, default_role, sessions)


def _people(
    sheet: _Sheet,
    columns: Sequence[str],
    rows: Iterator[tuple[int, list[str]]],
    default_role: Role | None,
    sessions: Collection[str] | None,
) -> None:
    """Those of the rows; a column of no name is passed over."""
    for number, row in rows:
        if sheet.refusals >= MOST_PROBLEMS:
            raise Refused(
                f"after {sheet.refusals:,} problems the lines from here on were not read", row=number
            )
        if len(row) != len(columns):
            sheet.problem(f"has {len(row)} cells where the first row has {len(columns)}", row=number)
            continue
        told = sheet.refusals
        values = _values(sheet, number, zip(columns, row, strict=True))
        if "role" in values:
            values["role"] = values["role"] or default_role
        _check(sheet, number, values, sessions)
        if sheet.refusals == told:
            sheet.found.append((number, Recipient(address=values.pop("email"), **values)))
    if not sheet.found and not sheet.refusals:
        raise Refused("holds no people")


def _columns(sheet: _Sheet, row: int, header: Sequence[str]) -> list[str]:
    """The columns a first row names; none of them, and the problems told, when it cannot be used."""
    columns = [cells.column(name) for name in header]
    for name, column in zip(header, columns, strict=True):
        if column not in COLUMNS:
            sheet.problem(
                f"there is no column {shown(name)}{nearest(column, {*COLUMNS, *SYNONYMS})}", row=row
            )
    for column in dict.fromkeys(columns):
        if column in COLUMNS and columns.count(column) > 1:
            sheet.problem("this column stands more than once", row=row, field=column)
    for column in REQUIRED:
        if column not in columns:
            sheet.problem("this column is missing", row=row, field=column)
    return [] if sheet.refusals else columns


def _values(sheet: _Sheet, number: int, row: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The values of the cells; a cell that is refused has none, and its problem is told with its column."""
    values: dict[str, Any] = {"role": None}
    for column, cell in row:
        if not column:
            continue
        try:
            values[column] = COLUMNS[column](cells.clean(cell))
        except ValueError as error:
            values.pop(column, None)
            sheet.problem(str(error), row=number, field=column)
        else:
            if cells.holds_invisible(cell):
                sheet.problem("invisible characters were taken out", row=number, field=column, warning=True)
    return values


def _check(sheet: _Sheet, row: int, values: Mapping[str, Any], sessions: Collection[str] | None) -> None:
    """What no cell can know by itself."""
    if values.get("role", "refused") is None:
        sheet.problem(f"has no role; write one of {', '.join(Role)}", row=row, field="role")
    if values.get("given_name") == values.get("family_name") == "":
        sheet.problem("has no name", row=row, field="family_name")
    for key in values.get("sessions", ()):
        if sessions is not None and key not in sessions:
            message = f"the agenda has no session '{key}'{nearest(key, sessions)}"
            sheet.problem(message, row=row, field="sessions")


def merge(readings: Iterable[Reading]) -> Roster:
    """One roster of several readings: an address that comes twice is one recipient and a warning.

    The first to come keeps their data and gains the tags and sessions of the others. Addresses that differ
    only in capitals or in how accents are composed are the same; dots and plus signs tell people apart.

    Raises:
        BadInput: one of the readings is refused; holds the problems of them all.
    """
    readings = tuple(readings)
    problems = tuple(problem for reading in readings for problem in reading.problems)
    if any(reading.refused for reading in readings):
        raise BadInput(problems)
    known: dict[str, tuple[Recipient, str]] = {}
    doubles = []
    for reading in readings:
        for row, recipient in zip(reading.rows, reading.recipients, strict=True):
            key = _same_address(recipient.address)
            first, place = known.get(key, (None, f"{reading.file}:{row}"))
            known[key] = (_joined(first, recipient) if first else recipient, place)
            if first:
                message = f"is the same address as at {place}; one letter{_differing(first, recipient)}"
                doubles.append(
                    Problem(file=reading.file, row=row, field="email", message=message, warning=True)
                )
    recipients = tuple(recipient for recipient, _ in known.values())
    return Roster(recipients=recipients, warnings=(*problems, *doubles))


def _same_address(address: str) -> str:
    return unicodedata.normalize("NFC", address.lower())


def _joined(first: Recipient, other: Recipient) -> Recipient:
    tags = tuple(dict.fromkeys(first.tags + other.tags))
    sessions = tuple(dict.fromkeys(first.sessions + other.sessions))
    return first.model_copy(update={"tags": tags, "sessions": sessions})


def _differing(first: Recipient, other: Recipient) -> str:
    names = [name for name in _PERSONAL if getattr(first, name) != getattr(other, name)]
    return f"; they differ in {', '.join(names)}, and the first stands" if names else ""


_PERSONAL = tuple(name for name in Recipient.model_fields if name not in {"address", "tags", "sessions"})

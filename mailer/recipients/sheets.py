"""Spreadsheets (Office Open XML, ECMA-376) as rows of text: the first sheet that holds something.

An archive is looked at before it is read: how much is in it, under which names, how large its sheets say they are. What
the reader gets is made anew of the parts that were looked at, and of nothing else.
"""

import datetime as dt
import re
import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from mailer.recipients.cells import LONGEST_CELL
from mailer.recipients.decoding import SAVE_AS, Refused

LARGEST_UNPACKED = 64 * 2**20
"""Bytes of all parts that are read."""

MOST_PARTS = 2_000
MOST_CELLS = 2_000_000
"""Of the rectangle that a sheet spans: the reader takes memory for each, empty or not."""

MOST_COLUMNS = 200

_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STEP = 1 << 20
_OVERLAP = 64
_LONG = 6 * LONGEST_CELL
"""Bytes without a tag that no cell of a list has."""

_PARTS = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels"
    r"|xl/(?:workbook|sharedStrings|styles)\.xml|xl/_rels/workbook\.xml\.rels|xl/worksheets/[\w.-]+\.xml"
)
_PLACE = re.compile(rb"\s(?:\w+:)?r\s*=\s*[\"']([A-Za-z]*)([0-9]+)")
_DECLARES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)

_Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def is_spreadsheet(raw: bytes) -> bool:
    """Whether the bytes are an archive or a compound file, whatever their name says."""
    return raw.startswith((_ZIP, _COMPOUND))


def rows(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with its number in the sheet.

    Raises:
        Refused: it is no sound spreadsheet, encrypted, or larger than a list can be.
    """
    if raw.startswith(_COMPOUND):
        raise Refused(
            "is protected by a password, or a spreadsheet of an older kind (.xls); save it as .xlsx without a password"
        )
    looked_at = _looked_at(raw)
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(looked_at))
        for name in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(name)
            if sheet.start is not None:
                yield from _numbered(sheet.start[1], sheet.iter_rows())
                return
    except PasswordError:
        raise Refused("is protected by a password; save it without one") from None
    except (CalamineError, ValueError, OSError) as error:
        raise Refused(f"is damaged or no spreadsheet ({str(error)[:100]}); {SAVE_AS}") from None


def _numbered(before: int, found: Iterator[Sequence[_Cell]]) -> Iterator[tuple[int, list[str]]]:
    """The reader gives the blank rows before a list, and not the blank columns."""
    for number, cells in enumerate(found, 1):
        texts = [*[""] * before, *map(_text, cells)]
        if any(text.strip() for text in texts):
            yield number, texts


def _text(cell: _Cell) -> str:
    """What one reads in the cell, without its format."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, dt.date | dt.time) else str(cell)


def _looked_at(raw: bytes) -> bytes:
    """An archive of the parts that make a list, each as it was found to be."""
    made = BytesIO()
    try:
        with (
            zipfile.ZipFile(BytesIO(raw)) as archive,
            zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as parts,
        ):
            left = LARGEST_UNPACKED
            for part in _wanted(archive):
                content = _content(archive, part, left)
                left -= len(content)
                _refuse_what_is_no_list(part.filename, content)
                parts.writestr(part.filename, content)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"is damaged: the archive cannot be read; save it anew, or {SAVE_AS}") from None
    except zipfile.zlib.error:  # type: ignore[attr-defined]
        raise Refused(f"is damaged: the archive cannot be read; save it anew, or {SAVE_AS}") from None
    return made.getvalue()


def _wanted(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The parts to be read, by the directory alone. Raises Refused."""
    parts = archive.infolist()
    names = [part.filename for part in parts]
    if len(parts) > MOST_PARTS or len(set(names)) < len(names):
        raise Refused("holds more parts than a spreadsheet has")
    if any(name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) for name in names):
        raise Refused("names files outside of itself; it was not made by a spreadsheet program")
    if any(part.flag_bits & 1 for part in parts):
        raise Refused("is protected by a password; save it without one")
    wanted = [part for part in parts if _PARTS.fullmatch(part.filename)]
    if "xl/workbook.xml" not in names:
        raise Refused(f"is an archive and no spreadsheet (.xlsx); {SAVE_AS}")
    if sum(part.file_size for part in wanted) > LARGEST_UNPACKED:
        raise Refused(f"unpacks to more than {LARGEST_UNPACKED // 2**20} MB")
    return wanted


def _content(archive: zipfile.ZipFile, part: zipfile.ZipInfo, most: int) -> bytes:
    """Whatever the directory says of its size, no more than `most` bytes. Raises Refused."""
    with archive.open(part) as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise Refused(f"unpacks to more than {LARGEST_UNPACKED // 2**20} MB")
    return content


def _refuse_what_is_no_list(name: str, content: bytes) -> None:
    if b"\0" in content:
        raise Refused("holds a NUL character, or is in an encoding that spreadsheets do not use")
    if _DECLARES.search(content):
        raise Refused("declares entities of its own; it was not made by a spreadsheet program")
    if not name.startswith("xl/worksheets/") and name != "xl/sharedStrings.xml":
        return
    width = height = 0
    for begin in range(0, len(content), _STEP):
        step = content[max(0, begin - _OVERLAP) : begin + _STEP]
        places = set(_PLACE.findall(step)) if name.startswith("xl/worksheets/") else set()
        width = max([width, *map(_number_of, {column for column, _ in places})])
        height = max([height, *(int(row[:9]) for _, row in places)])
    if width > MOST_COLUMNS or width * height > MOST_CELLS:
        raise Refused(
            f"its sheet goes as far as column {width:,} and row {height:,}; delete what stands far from the list"
        )
    if any(b"<" not in content[at : at + _LONG] for at in range(0, len(content) - _LONG, _LONG)):
        raise Refused(f"has a cell of more than {LONGEST_CELL:,} characters")


def _number_of(column: bytes) -> int:
    """`A` is 1, `AA` is 27; what has more than three letters is far."""
    number = 0
    for letter in column[:4].upper():
        number = number * 26 + letter - 64
    return number

"""Spreadsheets as rows, and what an archive must not do to its reader."""

import io
import struct
import zipfile
from collections.abc import Sequence
from datetime import date

import openpyxl
import pytest

from mailer.recipients import sheets
from mailer.recipients.decoding import Refused

Cell = str | float | bool | date | None


def book(*rows: Sequence[Cell]) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    raw = io.BytesIO()
    made.save(raw)
    return raw.getvalue()


def with_parts(raw: bytes, **parts: bytes) -> bytes:
    """The same archive, these of its parts replaced or added: `sheet` and `strings`, or whatever name."""
    names = {"sheet": "xl/worksheets/sheet1.xml", "strings": "xl/sharedStrings.xml"}
    replaced = {names.get(name, name): content for name, content in parts.items()}
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(raw)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, replaced.pop(name) if name in replaced else old.read(name))
        for name, content in replaced.items():
            new.writestr(name, content)
    return made.getvalue()


SOUND = book(["email", "given_name"], ["a@b.example", "Ana"])


def sheet_of(*cells: str) -> bytes:
    inner = "".join(f'<row><c r="{place}" t="inlineStr"><is><t>x</t></is></c></row>' for place in cells)
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{space}"><sheetData>{inner}</sheetData></worksheet>'.encode()


def test_cells_are_what_one_reads_in_them() -> None:
    raw = book(
        ["email", "n", "f", "b", "d"], [], ["a@b.example", 12, 1.5, True, date(2027, 3, 10)], [None, " "]
    )

    assert list(sheets.rows(raw)) == [
        (1, ["email", "n", "f", "b", "d"]),
        (3, ["a@b.example", "12", "1.5", "TRUE", "2027-03-10"]),
    ]


def test_a_list_may_begin_anywhere() -> None:
    raw = book([], [None, "email"], [None, "a@b.example"])

    assert list(sheets.rows(raw)) == [(2, ["", "email"]), (3, ["", "a@b.example"])]


def test_a_book_without_a_cell_has_no_rows() -> None:
    assert list(sheets.rows(book())) == []


def bomb() -> bytes:
    return with_parts(SOUND, strings=b"<t>" + b"<a/>" * (20 * 2**20))


def lying() -> bytes:
    """The directory says that little is in a part in which there is much."""
    raw = bytearray(bomb())
    size = struct.pack("<I", len(b"<t>") + 80 * 2**20)
    assert raw.count(size) == 2
    return bytes(raw).replace(size, struct.pack("<I", 100))


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><sst><si><t>&b;</t></si></sst>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><sst><si><t>&a;</t></si></sst>'
FLAGGED = SOUND.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")

HOSTILE = {
    "bomb": (bomb(), "unpacks to more than 64 MB"),
    "lying about its size": (lying(), "is damaged"),
    "far cell": (with_parts(SOUND, sheet=sheet_of("A1", "XFD1048576")), "goes as far as column 16,384"),
    "far row": (with_parts(SOUND, sheet=sheet_of("C1", "A1048576")), "row 1,048,576"),
    "far in another order": (with_parts(SOUND, sheet=sheet_of("A9999999", "GR1")), "goes as far as"),
    "billion laughs": (with_parts(SOUND, strings=ENTITIES), "declares entities"),
    "a file of ours": (with_parts(SOUND, strings=OUTSIDE), "declares entities"),
    "UTF-16": (with_parts(SOUND, strings="<sst/>".encode("utf-16")), "NUL character"),
    "a path out of it": (with_parts(SOUND, **{"../../x": b"x"}), "files outside of itself"),
    "an endless cell": (
        with_parts(SOUND, strings=b"<sst><si><t>" + b"x" * 200_000),
        "has a cell of more than",
    ),
    "encrypted": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "protected by a password"),
    "flagged as encrypted": (FLAGGED, "protected by a password"),
    "another archive": (with_parts(b"PK\x05\x06" + b"\0" * 18, hello=b"x"), "no spreadsheet"),
    "truncated": (SOUND[:-200], "is damaged"),
    "no XML": (with_parts(SOUND, sheet=b"\xff<worksheet"), "is damaged"),
    "many parts": (with_parts(SOUND, **{f"p{n}": b"" for n in range(2_001)}), "more parts than"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_sound_list_is_refused(kind: str) -> None:
    raw, why = HOSTILE[kind]

    assert sheets.is_spreadsheet(raw)
    with pytest.raises(Refused, match=why):
        list(sheets.rows(raw))


def test_pictures_and_the_like_are_not_unpacked() -> None:
    raw = with_parts(SOUND, **{"xl/media/image1.png": b"\0" * (70 * 2**20)})

    assert len(list(sheets.rows(raw))) == 2

"""Bytes with open places: what stays the same is encoded once, what differs is put in between.

Knows encodings and their folds, and nothing of letters; what belongs into a place is left to `sheet` and `casting`.
"""

import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from mailer.composition import typesetting
from mailer.composition.message import quoted
from mailer.composition.typesetting import FromTheRight

SOFT_BREAK = b"=\r\n"
"""Within a line of quoted-printable (RFC 2045 6.7)."""

CALENDAR_FOLD = b"\r\n "
"""Within a line of iCalendar (RFC 5545 3.1)."""

_FILLERS = tuple(b"x" * column for column in range(77))


class Place(NamedTuple):
    """Where a value goes, by its number; of a value that a fold parts, the bytes from `start` to `stop`."""

    value: int
    start: int = 0
    stop: int | None = None


Piece = bytes | Place


_LONG = 64 * 1024
"""Octets of a piece that forms share, where each has the shorter ones in one piece of its own."""


class Form:
    """Pieces in their order, ready to be filled."""

    def __init__(self, pieces: Iterable[Piece], values: int) -> None:
        """`values` is how many there will be; every place is of one of them."""
        merged: list[Piece] = []
        for is_short, group in groupby(pieces, _is_short):
            alike = list(group)
            merged += [b"".join(alike)] if is_short else alike  # type: ignore[arg-type]
        merged += [b"", b""]  # so that there is always more than one to get
        self._fixed = tuple(piece for piece in merged if isinstance(piece, bytes))
        parts = {piece for piece in merged if isinstance(piece, Place) and piece != Place(piece.value)}
        self._parts = tuple(sorted(parts, key=lambda part: (part.value, part.start)))
        position = {Place(value): len(self._fixed) + value for value in range(values)}
        position |= {part: len(self._fixed) + values + number for number, part in enumerate(self._parts)}
        fixed = iter(range(len(self._fixed)))
        self._order = itemgetter(
            *(next(fixed) if isinstance(piece, bytes) else position[piece] for piece in merged)
        )

    def filled(self, rows: Iterable[Sequence[bytes]]) -> list[bytes]:
        """The form filled once for each row of values."""
        fixed, order, parts = self._fixed, self._order, self._parts
        if not parts:
            return [b"".join(order((*fixed, *row))) for row in rows]
        return [
            b"".join(order((*fixed, *row, *[row[value][start:stop] for value, start, stop in parts])))
            for row in rows
        ]


def _is_short(piece: Piece) -> bool:
    return isinstance(piece, bytes) and len(piece) < _LONG


def cut(encoded: bytes, marks: Mapping[bytes, Place], fold: bytes = b"") -> list[Piece]:
    """Encoded bytes parted at every mark, each as the place it stands for, even where a `fold` parts a mark."""
    between = b"(?:" + re.escape(fold) + b")?" if fold else b""
    pattern = b"|".join(
        b"(" + between.join(re.escape(mark[n : n + 1]) for n in range(len(mark))) + b")" for mark in marks
    )
    places, pieces, after = list(marks.values()), list[Piece](), 0
    for found in re.finditer(pattern, encoded):
        pieces += [
            encoded[after : found.start()],
            *_parted(found[0], places[(found.lastindex or 1) - 1], fold),
        ]
        after = found.end()
    return [*pieces, encoded[after:]]


def cut_again(pieces: Iterable[Piece], marks: Mapping[bytes, Place], fold: bytes = b"") -> list[Piece]:
    """What is still bytes among the pieces, cut."""
    return [
        part
        for piece in pieces
        for part in (cut(piece, marks, fold) if isinstance(piece, bytes) else [piece])
    ]


def _parted(found: bytes, place: Place, fold: bytes) -> list[Piece]:
    if not fold or fold not in found:
        return [place]
    pieces, start = list[Piece](), 0
    for part in found.split(fold):
        pieces += [Place(place.value, start, start + len(part)), fold]
        start += len(part)
    return pieces[:-1]


class Pattern:
    """A text with stand-ins, to be filled with the texts they stand for."""

    def __init__(self, text: str, stand_ins: Mapping[str, int]) -> None:
        """`stand_ins`: the number of the text that each character stands for; at least one is there."""
        self._order = itemgetter(*(stand_ins[character] for character in text if character in stand_ins))
        escaped = text.replace("%", "%%")
        self._format = escaped.translate({ord(character): "%s" for character in stand_ins})

    def filled(self, rows: Iterable[Sequence[str]]) -> list[str]:
        """The text with each row of texts in it."""
        form, order = self._format, self._order
        return [form % order(row) for row in rows]


Filler = Callable[[Sequence[Sequence[str]]], list[bytes]]
"""From the texts of each reader, a row for each, to the encoded lines that hold them."""


def line_of_html(line: str, stand_ins: Mapping[str, int]) -> tuple[bytes, Filler]:
    """The encoded beginning of a line in quoted-printable, and what encodes the rest of it.

    The texts given to it are escaped already.
    """
    first = next(place for place, character in enumerate(line) if character in stand_ins)
    beginning = quoted(f"{line[:first]}x\r\n")[:-3]
    column = len(beginning) - beginning.rfind(b"\n") - 1
    if column < len("From "):  # whether it begins with that word can only be seen in the whole line
        whole = Pattern(line + "\r\n", stand_ins)
        return b"", lambda rows: [*map(quoted, whole.filled(rows))]
    rest, filler = Pattern(line[first:] + "\r\n", stand_ins), _FILLERS[column]

    def encode(rows: Sequence[Sequence[str]]) -> list[bytes]:
        return [
            binascii.b2a_qp(filler + each.encode("utf-8", "replace"))[column:].replace(
                b"\nFrom ", b"\nFrom=\r\n "
            )
            for each in rest.filled(rows)
        ]

    return beginning, encode


def lines_of_text(lines: str, stand_ins: Mapping[str, int], open_isolates: int | None) -> Filler:
    """What encodes lines of plain text; `open_isolates` before them where they run from the right, else None."""
    if open_isolates is None:
        whole = Pattern(lines.replace("\n", "\r\n") + "\r\n", stand_ins)
        return lambda rows: [*map(quoted, whole.filled(rows))]
    pattern = Pattern(lines, stand_ins)
    return lambda rows: [_set(each, open_isolates) for each in pattern.filled(rows)]


def paragraph_of_text(
    text: str, margin: str, stand_ins: Mapping[str, int], open_isolates: int | None
) -> Filler:
    """What fills and encodes a paragraph of plain text, as `lines_of_text` does lines."""
    pattern = Pattern(text, stand_ins)
    return lambda rows: [
        _set(typesetting.filled(each, margin), open_isolates) for each in pattern.filled(rows)
    ]


class Unfit(Exception):  # noqa: N818 - it names what was met
    """A text that would change more of the letter than the lines it stands in."""


def _set(lines: str, open_isolates: int | None) -> bytes:
    if open_isolates is not None:
        if "://" in lines:
            raise Unfit
        lines = "\n".join(FromTheRight(open_isolates).lines(lines.split("\n")))
    return quoted(lines.replace("\n", "\r\n") + "\r\n")


def escaped(text: str) -> str:
    """A text as HTML has it, in content and in attributes: the entities that Jinja writes."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")

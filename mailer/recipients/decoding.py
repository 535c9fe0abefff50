"""A file's bytes as text: the encoding that they show, or the likeliest of the older ones.

Nothing is read over: what is not text throughout is refused, with what to do about it.
"""

import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import charset_normalizer

from mailer.recipients.cells import alphabets

LARGEST_FILE = 64 * 2**20
"""Bytes."""

SAVE_AS = "save it as CSV UTF-8"

_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LEGACY = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257")

_SAMPLE = 200_000
"""Bytes in which accented words are looked for."""

_ADDRESSES = re.compile(r"[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,255}")

_STROKES = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"})


class Refused(ValueError):  # noqa: N818 - not an error of the program
    """The rest of the file cannot be read."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        self.row = row
        super().__init__(message)


def contents(path: Path) -> bytes:
    """The bytes of a file. Raises Refused where it cannot be read, is too large, or a spreadsheet."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise Refused(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(raw) > LARGEST_FILE:
        raise Refused(f"is larger than {LARGEST_FILE // 2**20} MB")
    if raw.startswith(_SPREADSHEETS):
        raise Refused(f"this is a spreadsheet file; {SAVE_AS}")
    return raw


def decoded(raw: bytes, encoding: str) -> str:
    """The text. Raises Refused where it is not in this encoding throughout, or damaged."""
    try:
        text = raw.decode(encoding)
    except (UnicodeError, LookupError):
        raise Refused(f"is not {encoding} text throughout; {SAVE_AS}") from None
    if (at := text.find("\0")) >= 0:
        raise Refused("holds a NUL character; it is damaged or not a table", row=text.count("\n", 0, at) + 1)
    return text


def declared(raw: bytes) -> str | None:
    """The Unicode encoding the bytes show by their mark or their form, if any."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return encoding
    if raw[:2].count(b"\0") == 1:
        return "utf-16-be" if raw.startswith(b"\0") else "utf-16-le"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def likeliest(raw: bytes) -> tuple[str, list[str]]:
    """The likeliest 8-bit encoding, and what it makes of the first accented words.

    Short lists leave several equally likely; then the addresses that spell their owners' names decide, then
    what the words look like, then the letters that are frequent in a language.

    Raises:
        Refused: it is text in none of them.
    """
    matches = list(charset_normalizer.from_bytes(raw, cp_isolation=list(_LEGACY)))
    likely = [match for match in matches if match.chaos <= matches[0].chaos + 0.02]
    coherence = {name: round(m.coherence, 1) for m in likely for name in m.could_be_from_charset}
    readable = {name: raw[:_SAMPLE].decode(name, "replace") for name in _LEGACY if name in coherence}
    best = max(readable, key=lambda name: (*_spelling(readable[name]), coherence[name]), default=None)
    if best is None:
        raise Refused(f"is text in no encoding that is known here; {SAVE_AS}")
    return best, list(dict.fromkeys(_accented(readable[best])))[:5]


def _accented(text: str) -> list[str]:
    return [word[:100] for word in re.findall(r"\w+", text) if not word.isascii()]


def _spelling(text: str) -> tuple[int, int]:
    """How many accented words an address on their line spells without accents; minus how many look wrong."""
    spelt = wrong = 0
    for line in text.splitlines():
        addresses = " ".join(_ADDRESSES.findall(line.lower()))
        words = _accented(line)
        spelt += sum(_unaccented(word) in addresses for word in words)
        wrong += sum(map(_looks_wrong, words))
    return spelt, -wrong


def _looks_wrong(word: str) -> bool:
    """Two alphabets, a capital after a small letter, or Latin letters with not one plain one among them."""
    scripts = alphabets(word)
    capital_inside = any(a.islower() and b.isupper() for a, b in pairwise(word))
    only_accented = scripts == {"LATIN"} and len(word) > 2 and not re.search("[A-Za-z]", word)
    return len(scripts) > 1 or capital_inside or only_accented


def _unaccented(word: str) -> str:
    letters = unicodedata.normalize("NFD", word.lower()).translate(_STROKES)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))

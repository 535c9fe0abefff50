"""Lists of people as files: bytes -> text -> rows -> recipients. Choosing among them is in `audience`.

A list is a table of delimited text (RFC 4180) whose first row names its columns: `email`, `given_name` and
`family_name`, and any of `title`, `role`, `state`, `institution`, `language`, `timezone`, `tags`, `sessions`
(the last two hold several values, separated by `|`, `;` or `,`). All that is wrong with all lists is told at
once, each with its row; what somebody could have meant is a suggestion and never guessed. Text that a
spreadsheet would run as a formula (`=cmd`) is text here, and kept: whoever writes a table escapes it.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import charset_normalizer
from babel import Locale
from email_validator import EmailNotValidError, validate_email

from mailer.errors import BadInput, Problem
from mailer.recipients.audience import is_language, nearest, states
from mailer.recipients.model import Recipient, Role

LARGEST_FILE = 64 * 2**20
"""Bytes."""

LONGEST_CELL = 10_000
LONGEST_LINE = 300
"""Characters a name, title or institution may have: it stands in a header of a letter."""

MOST_PROBLEMS = 1_000
"""Refusals after which a file is read no further."""

REQUIRED = ("email", "given_name", "family_name")

SYNONYMS = {
    "e_mail": "email",
    "address": "email",
    "email_address": "email",
    "e_mail_address": "email",
    "first_name": "given_name",
    "last_name": "family_name",
    "surname": "family_name",
    "country": "state",
    "time_zone": "timezone",
}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one file holds. `rows` are the lines its recipients begin on, in the same order, counted from 1.

    `encoding` and `delimiter` are what was detected, for a preview; None when it did not come to that.
    """

    file: str
    recipients: tuple[Recipient, ...] = ()
    rows: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None

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
    try:
        text = _text(sheet, _bytes(path), encoding)
        delimiter = sheet.delimiter = _delimiter(text)
        _recipients(sheet, _rows(text, delimiter), default_role, sessions)
    except _Refused as refused:
        sheet.problem(str(refused), row=refused.row)
    return sheet.reading()


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


class _Refused(ValueError):  # noqa: N818 - not an error of the program
    """The rest of the file cannot be read."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        self.row = row
        super().__init__(message)


@dataclass(kw_only=True)
class _Sheet:
    """What has been found in a file so far."""

    file: str
    encoding: str | None = None
    delimiter: str | None = None
    found: list[tuple[int, Recipient]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    refusals: int = 0

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
        )


# bytes -> text

_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LEGACY = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257")
_SAVE_AS = "save it as CSV UTF-8"


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise _Refused(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(raw) > LARGEST_FILE:
        raise _Refused(f"is larger than {LARGEST_FILE // 2**20} MB")
    if raw.startswith(_SPREADSHEETS):
        raise _Refused(f"this is a spreadsheet file; {_SAVE_AS}")
    return raw


def _text(sheet: _Sheet, raw: bytes, encoding: str | None) -> str:
    sheet.encoding = encoding or _declared(raw) or _legacy(sheet, raw)
    try:
        text = raw.decode(sheet.encoding)
    except (UnicodeError, LookupError):
        raise _Refused(f"is not {sheet.encoding} text throughout; {_SAVE_AS}") from None
    if (at := text.find("\0")) >= 0:
        raise _Refused("holds a NUL character; it is damaged or not a table", row=text.count("\n", 0, at) + 1)
    return text


def _declared(raw: bytes) -> str | None:
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


def _legacy(sheet: _Sheet, raw: bytes) -> str:
    """The likeliest 8-bit encoding, with a warning that shows what it makes of the first accented words.

    Short lists leave several equally likely; then the addresses that spell their owners' names decide, then
    what the words look like, then the letters that are frequent in a language.
    """
    matches = list(charset_normalizer.from_bytes(raw, cp_isolation=list(_LEGACY)))
    if not matches:
        raise _Refused(f"is text in no encoding that is known here; {_SAVE_AS}")
    likely = [match for match in matches if match.chaos <= matches[0].chaos + 0.02]
    coherence = {name: round(m.coherence, 1) for m in likely for name in m.could_be_from_charset}
    readable = {name: raw[:_SAMPLE].decode(name, "replace") for name in _LEGACY if name in coherence}
    best = max(readable, key=lambda name: (*_spelling(readable[name]), coherence[name]), default=None)
    if best is None:
        raise _Refused(f"is text in no encoding that is known here; {_SAVE_AS}")
    words = ", ".join(list(dict.fromkeys(_accented(readable[best])))[:5])
    sheet.problem(
        f"is not UTF-8; it was read as {best}. Are these right: {words}? If not, {_SAVE_AS}", warning=True
    )
    return best


_ADDRESSES = re.compile(r"[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,255}")
_SAMPLE = 200_000
"""Bytes in which accented words are looked for."""


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
    scripts = _scripts(word)
    capital_inside = any(a.islower() and b.isupper() for a, b in pairwise(word))
    only_accented = scripts == {"LATIN"} and len(word) > 2 and not re.search("[A-Za-z]", word)
    return len(scripts) > 1 or capital_inside or only_accented


def _unaccented(word: str) -> str:
    letters = unicodedata.normalize("NFD", word.lower()).translate(_STROKES)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


_STROKES = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"})


# text -> rows

_TOO_LONG = f"has a cell of more than {LONGEST_CELL:,} characters"


def _delimiter(text: str) -> str:
    """The delimiter that makes most columns known in the first row."""
    first = re.split(r"[\r\n]", text.lstrip()[:LONGEST_CELL], maxsplit=1)[0]

    def columns(delimiter: str) -> tuple[int, int]:
        names = [_column(name.strip('" ')) for name in first.split(delimiter)]
        return sum(name in _CELLS for name in names), len(names)

    return max(",;\t|", key=columns)


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line of the file it begins on."""
    lines = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        number = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            cause = _TOO_LONG if "limit" in str(error) else "its quotation marks do not pair"
            raise _Refused(f"{cause}; the lines from here on could not be read", row=number) from None
        if any(cell.strip() for cell in cells):
            yield number, cells


# rows -> recipients


def _recipients(
    sheet: _Sheet,
    rows: Iterator[tuple[int, list[str]]],
    default_role: Role | None,
    sessions: Collection[str] | None,
) -> None:
    number, header = next(rows, (1, []))
    if not header:
        raise _Refused("holds no rows")
    columns = _columns(sheet, number, header)
    for number, cells in rows if columns else ():
        if sheet.refusals >= MOST_PROBLEMS:
            raise _Refused(
                f"after {sheet.refusals:,} problems the lines from here on were not read", row=number
            )
        if len(cells) != len(columns):
            sheet.problem(f"has {len(cells)} cells where the first row has {len(columns)}", row=number)
            continue
        told = sheet.refusals
        values = _values(sheet, number, zip(columns, cells, strict=True))
        if "role" in values:
            values["role"] = values["role"] or default_role
        _check(sheet, number, values, sessions)
        if sheet.refusals == told:
            sheet.found.append((number, Recipient(address=values.pop("email"), **values)))
    if not sheet.found and not sheet.refusals:
        raise _Refused("holds no people")


def _columns(sheet: _Sheet, row: int, header: Sequence[str]) -> list[str]:
    """The columns a first row names; none of them, and the problems told, when it cannot be used."""
    columns = [_column(name) for name in header]
    for name, column in zip(header, columns, strict=True):
        if column not in _CELLS:
            sheet.problem(
                f"there is no column {_shown(name)}{nearest(column, {*_CELLS, *SYNONYMS})}", row=row
            )
    for column in dict.fromkeys(columns):
        if column in _CELLS and columns.count(column) > 1:
            sheet.problem("this column stands more than once", row=row, field=column)
    for column in REQUIRED:
        if column not in columns:
            sheet.problem("this column is missing", row=row, field=column)
    return [] if sheet.refusals else columns


def _column(name: str) -> str:
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())[:64]
    return SYNONYMS.get(plain, plain)


def _values(sheet: _Sheet, row: int, cells: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The values of the cells; a cell that is refused has none, and its problem is told with its column."""
    values: dict[str, Any] = {"role": None}
    for column, cell in cells:
        try:
            values[column] = _CELLS[column](_clean(cell))
        except ValueError as error:
            values.pop(column, None)
            sheet.problem(str(error), row=row, field=column)
        else:
            if _INVISIBLE.search(cell):
                sheet.problem("invisible characters were taken out", row=row, field=column, warning=True)
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


# cells -> values

_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Bidi controls and the like: no name needs them. The joiners U+200C and U+200D belong to some spellings."""

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls but the tab, line and paragraph separators, halves of characters."""


def _clean(cell: str) -> str:
    """One line of NFC text without surrounding, repeated or invisible characters."""
    if len(cell) > LONGEST_CELL:
        raise ValueError(f"has {len(cell):,} characters; a cell may have {LONGEST_CELL:,}")
    if _FORBIDDEN.search(cell):
        raise ValueError("holds a line break or control character")
    text = " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", cell)).split())
    if "=?" in text:
        raise ValueError(f"{_shown(text)} looks like an encoded header (RFC 2047), not like text")
    return text


def _line(text: str) -> str:
    if len(text) > LONGEST_LINE:
        raise ValueError(f"has {len(text):,} characters; here {LONGEST_LINE} are the most")
    return text


def _address(text: str) -> str:
    """RFC 5321 with a punycode domain; a local part that is not ASCII stays as it is (RFC 6531)."""
    if not text:
        raise ValueError("has no address")
    try:
        parts = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise ValueError(f"{_shown(text)} is not one valid address: {str(error).rstrip('.')}") from None
    for part in (parts.local_part, *parts.domain.split(".")):
        if len(scripts := _scripts(part)) > 1 and not scripts <= _EAST_ASIAN:
            raise ValueError(f"{_shown(part)} mixes alphabets: {', '.join(sorted(scripts)).title()}")
    return f"{parts.local_part}@{parts.ascii_domain.lower()}"


_EAST_ASIAN = {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"}
"""Scripts that are written together (UTS 39 5.2)."""


def _scripts(text: str) -> set[str]:
    return {unicodedata.name(letter, "unknown").split()[0] for letter in text if letter.isalpha()}


def _role(text: str) -> Role | None:
    word = re.sub(r"[\s_-]+", "_", text.lower())
    if word and word not in set(Role):
        raise ValueError(f"there is no role {_shown(text)}{nearest(word, set(Role))}")
    return Role(word) if word else None


def _state(text: str) -> str | None:
    code = text.upper()
    if code and code not in states():
        names = {name.casefold(): code for code, name in states().items() if len(text) > 3}
        meant = _OTHER_CODES.get(code) or names.get(nearest(text.casefold(), names, "{}"), "")
        raise ValueError(f"{_shown(text)} is not a State's two-letter code{_meant(meant)}")
    return code or None


_OTHER_CODES = {"UK": "GB", "EL": "GR", "USA": "US", "UAE": "AE"}


def _language(text: str) -> str | None:
    tag = text.lower().replace("_", "-")
    if tag and not is_language(tag):
        names = {name.casefold(): code.lower() for code, name in Locale("en").languages.items()}
        plain = tag.partition("-")[0]
        meant = plain if is_language(plain) else names.get(nearest(text.casefold(), names, "{}"), "")
        raise ValueError(f"{_shown(text)} is not a language's code{_meant(meant.replace('_', '-'))}")
    return tag or None


def _timezone(text: str) -> str | None:
    name = _zones().get(text.lower().replace(" ", "_"))
    if text and not name:
        places = {zone.rpartition("/")[2]: zone for zone in _zones() if "/" in zone}
        word = text.lower().replace(" ", "_")
        zone = nearest(word, places.values(), "{}") or places.get(nearest(word, places, "{}"), "")
        meant = _ABBREVIATIONS.get(text.upper()) or _zones().get(zone, "")
        raise ValueError(f"{_shown(text)} is not a place with a time zone{_meant(meant or 'Europe/Vienna')}")
    return name


_ABBREVIATIONS = {
    "BST": "Europe/London",
    "CDT": "America/Chicago",
    "CEST": "Europe/Vienna",
    "CET": "Europe/Vienna",
    "CST": "America/Chicago",
    "EDT": "America/New_York",
    "EEST": "Europe/Sofia",
    "EET": "Europe/Sofia",
    "EST": "America/New_York",
    "GMT": "Europe/London",
    "IST": "Asia/Jerusalem",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "MESZ": "Europe/Vienna",
    "MET": "Europe/Vienna",
    "MEZ": "Europe/Vienna",
    "MSK": "Europe/Moscow",
    "PDT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "WET": "Europe/Lisbon",
}
"""One place of many for each: several zones share an abbreviation, so it is only ever a suggestion."""


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, str]:
    """The IANA names that say where: `europe/vienna -> Europe/Vienna`."""
    names = files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    places = (name for name in names if "/" in name and not name.startswith("Etc/"))
    return {name.lower(): name for name in ("UTC", *places)}


def _tags(text: str) -> tuple[str, ...]:
    return _several(text.casefold())


def _sessions(text: str) -> tuple[str, ...]:
    keys = _several(text.lower())
    for key in keys:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", key):
            raise ValueError(f"{_shown(key)} is not a session's key; write it like session-1")
    return keys


def _several(text: str) -> tuple[str, ...]:
    values = ("-".join(value.split()) for value in re.split("[|;,]", text))
    return tuple(dict.fromkeys(filter(None, values)))


_CELLS: dict[str, Callable[[str], object]] = {
    "email": _address,
    "given_name": _line,
    "family_name": _line,
    "title": _line,
    "role": _role,
    "state": _state,
    "institution": _line,
    "language": _language,
    "timezone": _timezone,
    "tags": _tags,
    "sessions": _sessions,
}


def _shown(text: str) -> str:
    """A stranger's text in a message: short, quoted, and nothing in it that is not printed."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def _meant(word: str) -> str:
    return f"; write it like {word}" if word else ""


# the same person twice


def _same_address(address: str) -> str:
    return unicodedata.normalize("NFC", address.casefold())


def _joined(first: Recipient, other: Recipient) -> Recipient:
    tags = tuple(dict.fromkeys(first.tags + other.tags))
    sessions = tuple(dict.fromkeys(first.sessions + other.sessions))
    return first.model_copy(update={"tags": tags, "sessions": sessions})


def _differing(first: Recipient, other: Recipient) -> str:
    names = [name for name in _PERSONAL if getattr(first, name) != getattr(other, name)]
    return f"; they differ in {', '.join(names)}, and the first stands" if names else ""


_PERSONAL = tuple(name for name in Recipient.model_fields if name not in {"address", "tags", "sessions"})

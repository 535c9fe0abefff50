"""The columns of a list, and one cell: its text made tidy and checked, or refused with the reason.

What could have been meant is a suggestion and never guessed. What no cell can know by itself is in `reading`.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

from babel import Locale
from email_validator import EmailNotValidError, validate_email

from mailer import wallclock
from mailer.recipients.audience import is_language, nearest, states
from mailer.recipients.model import Role

LONGEST_CELL = 10_000
LONGEST_LINE = 300
"""Characters a name, title or institution may have: it stands in a header of a letter."""

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

_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Bidi controls and the like: no name needs them. The joiners U+200C and U+200D belong to some spellings."""

_BEGINS = r"=+\-@|\uff1d\uff0b\uff0d\uff20"
"""How a formula begins, in full width too."""
_FORMULA = re.compile(rf"'* *[{_BEGINS}\t\r\n]")
_GUARDED = re.compile(rf"'+[{_BEGINS}]")

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls but the tab, line and paragraph separators, halves of characters."""


def column(name: str) -> str:
    """The column that a cell of the first row names, in whatever spelling; it may be unknown."""
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())[:64]
    return SYNONYMS.get(plain, plain)


def clean(cell: str) -> str:
    """One line of NFC text without surrounding, repeated or invisible characters."""
    if len(cell) > LONGEST_CELL:
        raise ValueError(f"has {len(cell):,} characters; a cell may have {LONGEST_CELL:,}")
    if _FORBIDDEN.search(cell):
        raise ValueError("holds a line break or control character")
    text = " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", cell)).split())
    if "=?" in text:
        raise ValueError(f"{shown(text)} looks like an encoded header (RFC 2047), not like text")
    return text[1:] if _GUARDED.match(text) else text


def guarded(text: str) -> str:
    """A cell that no spreadsheet runs as a formula; `clean` takes the apostrophe off again."""
    return f"'{text}" if _FORMULA.match(text) else text


def holds_invisible(cell: str) -> bool:
    return bool(_INVISIBLE.search(cell))


def _line(text: str) -> str:
    if len(text) > LONGEST_LINE:
        raise ValueError(f"has {len(text):,} characters; here {LONGEST_LINE} are the most")
    return text


def address_in(text: str) -> str:
    """RFC 5321 with a punycode domain; a local part that is not ASCII stays as it is (RFC 6531)."""
    if not text:
        raise ValueError("has no address")
    try:
        parts = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise ValueError(f"{shown(text)} is not one valid address: {str(error).rstrip('.')}") from None
    for part in (parts.local_part, *parts.domain.split(".")):
        if len(scripts := alphabets(part)) > 1 and not scripts <= _EAST_ASIAN:
            raise ValueError(f"{shown(part)} mixes alphabets: {', '.join(sorted(scripts)).title()}")
    return f"{parts.local_part}@{parts.ascii_domain.lower()}"


def alphabets(text: str) -> set[str]:
    """Those its letters belong to: `LATIN`, `CYRILLIC`, ..."""
    return {unicodedata.name(letter, "unknown").split()[0] for letter in text if letter.isalpha()}


_EAST_ASIAN = {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"}
"""Scripts that are written together (UTS 39 5.2)."""


def _role(text: str) -> Role | None:
    word = re.sub(r"[\s_-]+", "_", text.lower())
    if word and word not in set(Role):
        raise ValueError(f"there is no role {shown(text)}{nearest(word, set(Role))}")
    return Role(word) if word else None


def _state(text: str) -> str | None:
    code = text.upper()
    if code and code not in states():
        if named := _states_by_name().get(folded(text)):
            return named
        names = {name.casefold(): code for code, name in states().items() if len(text) > 3}
        meant = _OTHER_CODES.get(code) or names.get(nearest(text.casefold(), names, "{}"), "")
        raise ValueError(f"{shown(text)} is not a State{_meant(meant) or '; write its two-letter code'}")
    return code or None


_OTHER_CODES = {"UK": "GB", "EL": "GR", "USA": "US", "UAE": "AE"}

NAMES_IN = ("en", "fr", "es", "ru", "ar", "de", "it", "pt")
"""The languages in which a list may name States and languages in words, the official ones of the OSCE among them."""

_OTHER_NAMES = {
    "Czech Republic": "CZ",
    "Holy See": "VA",
    "Republic of Korea": "KR",
    "Republic of Moldova": "MD",
    "Republic of North Macedonia": "MK",
    "Russian Federation": "RU",
    "Turkey": "TR",
    "United States of America": "US",
}
"""What conferences call States that CLDR calls otherwise."""


@lru_cache(maxsize=1)
def _states_by_name() -> Mapping[str, str]:
    """CLDR's names of States, whole, in several languages; none of them means two."""
    names = {folded(name): code for name, code in _OTHER_NAMES.items()}
    for language in NAMES_IN:
        for code, name in Locale(language).territories.items():
            if code in states():
                names[folded(name)] = code
    return names


@lru_cache(maxsize=1)
def _languages_by_name() -> Mapping[str, str]:
    """CLDR's names of the languages that have a code of two letters, in several languages; none means two."""
    return {
        folded(name): code
        for language in NAMES_IN
        for code, name in Locale(language).languages.items()
        if len(code) == 2 and is_language(code)
    }


def folded(name: str) -> str:
    """Without what two spellings of one name differ by."""
    return name.casefold().replace("\u2019", "'").replace(" and ", " & ").removeprefix("the ")


def _language(text: str) -> str | None:
    tag = text.lower().replace("_", "-")
    if tag and not is_language(tag):
        if named := _languages_by_name().get(folded(text)):
            return named
        names = {name.casefold(): code.lower() for code, name in Locale("en").languages.items()}
        plain = tag.partition("-")[0]
        meant = plain if is_language(plain) else names.get(nearest(text.casefold(), names, "{}"), "")
        raise ValueError(
            f"{shown(text)} is not a language{_meant(meant.replace('_', '-')) or '; write its code'}"
        )
    return tag or None


def _timezone(text: str) -> str | None:
    name = _zones().get(text.lower().replace(" ", "_"))
    if text and not name:
        places = {zone.rpartition("/")[2]: zone for zone in _zones() if "/" in zone}
        word = text.lower().replace(" ", "_")
        zone = nearest(word, places.values(), "{}") or places.get(nearest(word, places, "{}"), "")
        meant = _ABBREVIATIONS.get(text.upper()) or _zones().get(zone, "")
        raise ValueError(f"{shown(text)} is not a place with a time zone{_meant(meant or 'Europe/Vienna')}")
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
    "US/ALASKA": "America/Anchorage",
    "US/ARIZONA": "America/Phoenix",
    "US/CENTRAL": "America/Chicago",
    "US/EASTERN": "America/New_York",
    "US/HAWAII": "Pacific/Honolulu",
    "US/MOUNTAIN": "America/Denver",
    "US/PACIFIC": "America/Los_Angeles",
    "WET": "Europe/Lisbon",
}
"""One place of many for each: several zones share a word, so it is only ever a suggestion."""


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, str]:
    """The zones that say where: `europe/vienna -> Europe/Vienna`."""
    return {name.lower(): name for name in sorted(wallclock.zone_names())}


def _tags(text: str) -> tuple[str, ...]:
    return _several(text.casefold())


def _sessions(text: str) -> tuple[str, ...]:
    keys = _several(text.lower())
    for key in keys:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", key):
            raise ValueError(f"{shown(key)} is not a session's key; write it like session-1")
    return keys


def _several(text: str) -> tuple[str, ...]:
    values = ("-".join(value.split()) for value in re.split("[|;,]", text))
    return tuple(dict.fromkeys(filter(None, values)))


COLUMNS: Mapping[str, Callable[[str], object]] = {
    "email": address_in,
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
"""Every column a list may have, and what makes a value of its cells."""


def shown(text: str) -> str:
    """A stranger's text in a message: short, quoted, and nothing in it that is not printed."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def _meant(word: str) -> str:
    return f"; write it like {word}" if word else ""

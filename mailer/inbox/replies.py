"""Answers in the form of calendar objects (iTIP, RFC 5546 3.2.3): who says what to which entry. None is believed here.

Only bytes are read, of a limited size, and only the lines that make an answer: METHOD, UID, ATTENDEE, SEQUENCE,
DTSTAMP and COMMENT. The times in a reply are often wrong and zones are what breaks readers, so both are left out before
anything is parsed. Whether an answer counts is for those who know the ledger.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from icalendar import Calendar

LARGEST = 256 * 1024
"""Bytes of a calendar object that is read; an answer has a hundredth of that."""

ANSWERING = frozenset({"REPLY", "COUNTER"})
"""Methods by which an attendee answers (RFC 5546 3.2.3, 3.2.7)."""

PARTSTATS = frozenset({"ACCEPTED", "TENTATIVE", "DECLINED", "DELEGATED"})

_LONGEST = {"uid": 255, "address": 320, "comment": 2000}
_FOLD = re.compile(rb"\r?\n[ \t]")
_LINE = re.compile(
    rb"(?:BEGIN|END|METHOD|UID|ATTENDEE|SEQUENCE|DTSTAMP|COMMENT|RECURRENCE-ID)[;:]", re.IGNORECASE
)
_BLOCK = re.compile(rb"(BEGIN|END):\s*([A-Z0-9-]+)\s*", re.IGNORECASE)
_READ = frozenset({b"VCALENDAR", b"VEVENT"})
_STAMP = re.compile(r"(\d{8})T(\d{6})Z?")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer as it was written. `trouble` says why it is not to be applied, whatever else is known of it.

    `attendee` and `delegated_to` are addresses without `mailto:`; `stamped_at` is None where there is no DTSTAMP, and
    `sequence` 0 where there is none (RFC 5545 3.8.7.4).
    """

    method: str = ""
    uid: str = ""
    attendee: str = ""
    partstat: str = ""
    sequence: int = 0
    stamped_at: datetime | None = None
    comment: str = ""
    delegated_to: str = ""
    trouble: str = ""


def read(parts: Sequence[bytes]) -> Reply:
    """The one answer that all calendar parts of a mail give: the alternative and the attachment are the same."""
    found = list(dict.fromkeys(_read(part) for part in parts))
    sound = [reply for reply in found if not reply.trouble]
    if len(found) == 1 or (sound and len(sound) < len(found) and len(set(sound)) == 1):
        return sound[0] if sound else found[0]
    if not sound:
        return found[0]
    first, *others = sound
    if any(
        (each.uid, each.attendee, each.partstat) != (first.uid, first.attendee, first.partstat)
        for each in others
    ):
        return Reply(method=first.method, uid=first.uid, trouble="its calendar parts say different things")
    return max(sound, key=lambda each: len(each.comment))


def _read(part: bytes) -> Reply:
    if len(part) > LARGEST:
        return Reply(trouble=f"its calendar part is larger than {LARGEST // 1024} kB")
    essence = b"\r\n".join([*_essence(part), b""])
    try:
        calendars = [each for each in Calendar.from_ical(essence, multiple=True) if each.name == "VCALENDAR"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return Reply(trouble=f"its calendar part cannot be read ({_line(str(error), 100)})")
    if not calendars:
        return Reply(trouble="its calendar part holds no calendar")
    found = [_reply(calendar) for calendar in calendars]
    return found[0] if len(set(found)) == 1 else Reply(trouble="its calendar part holds several calendars")


def _essence(part: bytes) -> Iterator[bytes]:
    """The lines that make an answer, unfolded; whatever stands in a zone, an alarm or another component is left out."""
    skipped, depth = b"", 0
    for line in _FOLD.sub(b"", part.removeprefix(b"\xef\xbb\xbf")).splitlines():
        block = _BLOCK.fullmatch(line)
        if skipped:
            if block and block[2].upper() == skipped:
                depth += 1 if block[1].upper() == b"BEGIN" else -1
            if not depth:
                skipped = b""
        elif block and block[1].upper() == b"BEGIN" and block[2].upper() not in _READ:
            skipped, depth = block[2].upper(), 1
        elif block or _LINE.match(line):
            yield line.strip()


def _reply(calendar: Any) -> Reply:
    method = _line(str(calendar.get("METHOD", "")), 40).upper()
    events = [each for each in calendar.subcomponents if each.name == "VEVENT"]
    if not events:
        return Reply(method=method, trouble="it holds no event")
    found = list(dict.fromkeys(_answer(method, each) for each in events))
    return (
        found[0] if len(found) == 1 else Reply(method=method, trouble="it answers for several events at once")
    )


def _answer(method: str, event: Any) -> Reply:
    attendees = _several(event.get("ATTENDEE"))
    facts: dict[str, Any] = {
        "method": method,
        "uid": _line(_text(event.get("UID")), _LONGEST["uid"]),
        "sequence": _sequence(event.get("SEQUENCE")),
        "stamped_at": _stamp(event),
    }
    if len(attendees) == 1:
        facts |= _attendee(attendees[0], event)
    return Reply(**facts, trouble=_trouble(method, event, facts, len(attendees)))


def _trouble(method: str, event: Any, facts: dict[str, Any], attendees: int) -> str:
    """Why this is no answer that could count; nothing if it may be one."""
    if method not in ANSWERING:
        return f"it is no answer: its METHOD is {method or 'missing'}"
    if not facts["uid"]:
        return "it does not say what it answers: there is no UID"
    if "RECURRENCE-ID" in event:
        return "it answers for one of a series, and there are none here"
    if attendees != 1:
        return f"it answers for {attendees} people at once" if attendees else "it does not say who answers"
    return ""


def _attendee(attendee: Any, event: Any) -> dict[str, Any]:
    params = getattr(attendee, "params", {})
    said = _texts(event.get("COMMENT")) or _texts(params.get("X-RESPONSE-COMMENT"))
    return {
        "attendee": address(str(attendee)),
        "partstat": _line(str(params.get("PARTSTAT", "NEEDS-ACTION")), 40).upper(),
        "comment": _clean("\n".join(said), _LONGEST["comment"]),
        "delegated_to": address(next(iter(_texts(params.get("DELEGATED-TO"))), "")),
    }


def address(text: str) -> str:
    """A calendar address (RFC 5545 3.3.3) as an address: `MAILTO:` in whatever case is taken away."""
    return _line(re.sub(r"^\s*mailto:", "", text, flags=re.IGNORECASE), _LONGEST["address"])


def _several(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def _texts(value: Any) -> list[str]:
    return [str(each) for each in _several(list(value) if isinstance(value, tuple) else value)]


def _text(value: Any) -> str:
    return next(iter(_texts(value)), "")


def _sequence(value: Any) -> int:
    found = re.fullmatch(r"\d{1,9}", _text(value).strip())
    return int(found[0]) if found else 0


def _stamp(event: Any) -> datetime | None:
    """When it was written. A stamp without its Z is in UTC all the same (RFC 5545 3.8.7.2)."""
    value = next(iter(_several(event.get("DTSTAMP"))), None)
    if value is None or not hasattr(value, "to_ical"):
        return None
    try:
        found = _STAMP.fullmatch(value.to_ical().decode())
        return (
            datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC) if found else None
        )
    except (ValueError, AttributeError):
        return None


def _line(text: str, longest: int) -> str:
    """Strangers' text as one line: parameters may hold line breaks (RFC 6868)."""
    return " ".join(_clean(text, longest).split())


def _clean(text: str, longest: int) -> str:
    """Strangers' text without what could hide or break a line, and no longer than it needs to be."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", lines).encode("utf-8", "replace").decode().strip()[:longest]

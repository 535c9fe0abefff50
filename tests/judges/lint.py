"""Our own lint: what makes a calendar file fail in real calendars though parsers let it pass.

Reads the octets itself, so that a mistake of the library that writes them cannot hide here as well. Each rule
is a function of a `File`; the list at the end is the lint.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rrulestr  # type: ignore[import-untyped]

METHODS = {"PUBLISH", "REQUEST", "CANCEL", "REPLY"}
ROLES = {"CHAIR", "REQ-PARTICIPANT", "OPT-PARTICIPANT", "NON-PARTICIPANT"}
PARTSTATS = {"NEEDS-ACTION", "ACCEPTED", "DECLINED", "TENTATIVE", "DELEGATED"}

_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)')
_NAME = re.compile(r"[A-Za-z0-9-]+")
_LOCAL = re.compile(r"\d{8}T\d{6}")
_INSTANT = re.compile(r"\d{8}T\d{6}Z")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?")


@dataclass(frozen=True)
class Property:
    name: str
    value: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass
class Component:
    name: str
    properties: list[Property] = field(default_factory=list)
    children: list["Component"] = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        return [found for found in self.properties if found.name == name]

    def value(self, name: str) -> str | None:
        return next((found.value for found in self.all(name)), None)

    def parts(self, name: str) -> list["Component"]:
        return [child for child in self.children if child.name == name]


@dataclass(frozen=True, kw_only=True)
class File:
    """A calendar file and what the letter around it says: MIME's `method` and the From address."""

    raw: bytes
    calendar: Component
    method: str | None
    sender: str | None

    @property
    def events(self) -> list[Component]:
        return self.calendar.parts("VEVENT")

    @property
    def asks(self) -> str:
        return self.calendar.value("METHOD") or ""


def missing() -> str | None:
    """Nothing ever: it is ours."""
    return None


def judge(raws: Sequence[bytes]) -> list[list[str]]:
    return [lint(raw) for raw in raws]


def lint(raw: bytes, *, method: str | None = None, sender: str | None = None) -> list[str]:
    """Every fault found in a file, [] if none; `method` and `sender` are the letter's, where there is one."""
    try:
        calendar = _parse(raw.decode())
    except ValueError as error:
        return [*_octets(raw), f"not parsed: {error}"]
    file = File(raw=raw, calendar=calendar, method=method, sender=sender)
    return [*_octets(raw), *(fault for rule in RULES for fault in rule(file))]


def _parse(text: str) -> Component:
    """The tree of components. Raises ValueError for what is no content line, or out of place."""
    root = Component("")
    stack = [root]
    for line in filter(None, text.replace("\r\n ", "").replace("\r\n\t", "").split("\r\n")):
        found = _content_line(line)
        if found.name == "BEGIN":
            stack[-1].children.append(Component(found.value))
            stack.append(stack[-1].children[-1])
        elif found.name == "END":
            if stack.pop().name != found.value or not stack:
                raise ValueError(f"END:{found.value} closes nothing")
        else:
            stack[-1].properties.append(found)
    if len(stack) != 1 or [child.name for child in root.children] != ["VCALENDAR"] or root.properties:
        raise ValueError("not one VCALENDAR, closed")
    return root.children[0]


def _content_line(line: str) -> Property:
    name = _NAME.match(line)
    end = name.end() if name else 0
    parameters = {}
    while found := _PARAMETER.match(line, end):
        parameters[found[1].upper()] = found[2]
        end = found.end()
    if not name or line[end : end + 1] != ":":
        raise ValueError(f"no content line: {line[:40]!r}")
    return Property(name[0].upper(), line[end + 1 :], parameters)


def _octets(raw: bytes) -> Iterator[str]:
    if raw.startswith(b"\xef\xbb\xbf"):
        yield "starts with a byte order mark"
    elif not raw.startswith(b"BEGIN:VCALENDAR\r\n"):
        yield "does not start with BEGIN:VCALENDAR"
    if b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
        yield "a line does not end with CRLF"
    if not raw.endswith(b"END:VCALENDAR\r\n"):
        yield "does not end with END:VCALENDAR"
    if b"\r\n\r\n" in raw:
        yield "an empty line"
    if _CONTROL.search(raw):
        yield "a control character"
    for number, line in enumerate(raw.split(b"\r\n"), 1):
        if len(line) > 75:
            yield f"line {number} has {len(line)} octets"
        try:
            line.decode()
        except UnicodeDecodeError:
            yield f"line {number} is not UTF-8, or folded inside a character"


def _calendar(file: File) -> Iterator[str]:
    if file.calendar.value("VERSION") != "2.0":
        yield "VERSION is not 2.0"
    if not file.calendar.value("PRODID"):
        yield "PRODID is missing"
    if not file.events:
        yield "no VEVENT"
    if [child.name for child in file.calendar.children] != sorted(
        (child.name for child in file.calendar.children), key=lambda name: name != "VTIMEZONE"
    ):
        yield "a VTIMEZONE comes after an entry"


def _method(file: File) -> Iterator[str]:
    if file.asks not in METHODS or len(file.calendar.all("METHOD")) != 1:
        yield "METHOD is not one known word in VCALENDAR"
    if any(child.all("METHOD") for child in file.calendar.children):
        yield "METHOD outside VCALENDAR itself"
    if file.method is not None and file.method != file.asks:
        yield f"METHOD is {file.asks}, the MIME parameter {file.method}"


def _one_for_one(file: File) -> Iterator[str]:
    if file.asks in {"REQUEST", "CANCEL"}:
        if len(file.events) > 1:
            yield f"{len(file.events)} entries in a {file.asks}"
        if any(len(event.all("ATTENDEE")) != 1 for event in file.events):
            yield f"not one ATTENDEE in a {file.asks}"
    if file.asks == "PUBLISH" and any(event.all("ATTENDEE") for event in file.events):
        yield "an ATTENDEE in a PUBLISH"


def _identity(file: File) -> Iterator[str]:
    uids = [event.value("UID") or "" for event in file.events]
    if len(set(uids)) != len(uids):
        yield "two entries with one UID"
    for uid in uids:
        if not uid or not uid.isascii() or len(uid) > 255:
            yield f"UID {uid[:20]!r} is not 1 to 255 ASCII characters"
    for event in file.events:
        if any(
            len(event.all(name)) > 1 for name in ("UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY")
        ):
            yield "a property that may stand once stands twice"
        if not re.fullmatch(r"\d+", event.value("SEQUENCE") or ""):
            yield "SEQUENCE is not a number"
        if not event.value("SUMMARY"):
            yield "SUMMARY is missing"
        if not _INSTANT.fullmatch(event.value("DTSTAMP") or "") or event.all("DTSTAMP")[0].parameters:
            yield "DTSTAMP is not in UTC"
        if event.all("RRULE") or event.all("RDATE") or event.all("RECURRENCE-ID"):
            yield "an entry that recurs"


def _people(file: File) -> Iterator[str]:
    for event in file.events:
        if len(event.all("ORGANIZER")) != 1:
            yield "not one ORGANIZER"
        for person in event.all("ORGANIZER") + event.all("ATTENDEE"):
            if not re.fullmatch(r"mailto:[!-~]+@[!-~]+", person.value):
                yield f"{person.name} is not a mailto: URI"
            if '"' in person.parameters.get("CN", ""):
                yield f"{person.name} has a quoted CN"
        for person in event.all("ATTENDEE"):
            if person.parameters.get("PARTSTAT", "NEEDS-ACTION") not in PARTSTATS:
                yield "PARTSTAT has no known value"
            if person.parameters.get("ROLE", "REQ-PARTICIPANT") not in ROLES:
                yield "ROLE has no known value"
            if file.asks == "REQUEST" and person.parameters.get("RSVP") != "TRUE":
                yield "RSVP is not TRUE in a REQUEST"
        if file.sender is not None and event.value("ORGANIZER") != f"mailto:{file.sender}":
            yield "ORGANIZER is not From"


def _status(file: File) -> Iterator[str]:
    for event in file.events:
        is_off = event.value("STATUS") == "CANCELLED"
        if (file.asks == "CANCEL") != is_off and not (file.asks == "PUBLISH" and is_off):  # RFC 5546 3.2.1
            yield "STATUS:CANCELLED belongs to METHOD:CANCEL, and else to PUBLISH alone"
        if event.value("TRANSP") not in {None, "OPAQUE", "TRANSPARENT"}:
            yield "TRANSP has no known value"
        if event.parts("VALARM") and file.asks not in {"REQUEST", "PUBLISH"}:
            yield f"a VALARM in a {file.asks}"
        if any(alarm.value("ACTION") != "DISPLAY" for alarm in event.parts("VALARM")):
            yield "a VALARM that does more than DISPLAY"


def _times(file: File) -> Iterator[str]:
    for event in file.events:
        starts, ends = (_instant(file, event, name) for name in ("DTSTART", "DTEND"))
        if starts is None:
            yield "DTSTART is missing, or no moment"
        if event.all("DTEND") and (starts is None or ends is None or ends <= starts):
            yield "DTEND is not after DTSTART"
        if event.all("DTEND") and event.all("DURATION"):
            yield "DTEND and DURATION"


def _zones(file: File) -> Iterator[str]:
    defined = [zone.value("TZID") for zone in file.calendar.parts("VTIMEZONE")]
    used = {
        found.parameters["TZID"]: found.value
        for event in file.events
        for found in event.properties
        if "TZID" in found.parameters
    }
    if len(defined) != len(set(defined)):
        yield "a VTIMEZONE stands twice"
    for zone in set(defined) - set(used):
        yield f"the VTIMEZONE of {zone} is not used"
    for zone in set(used) - set(defined):
        yield f"TZID {zone} is not defined"
    for event in file.events:
        for name in ("DTSTART", "DTEND"):
            yield from _right_offset(file, event, name)


def _right_offset(file: File, event: Component, name: str) -> Iterator[str]:
    for found in event.all(name):
        tzid = found.parameters.get("TZID", "")
        written, meant = _instant(file, event, name), _by_zoneinfo(tzid, found.value)
        if tzid and written != meant:
            yield f"{name}: the VTIMEZONE of {tzid} says {written}, zoneinfo {meant}"


def _by_zoneinfo(tzid: str, value: str) -> datetime | None:
    try:
        return _moment(value).replace(tzinfo=ZoneInfo(tzid)).astimezone(UTC)
    except (ValueError, ZoneInfoNotFoundError):
        return None


def _instant(file: File, event: Component, name: str) -> datetime | None:
    """The instant a reader finds who knows nothing but the file."""
    found = next(iter(event.all(name)), None)
    try:
        if found is None:
            return None
        if _INSTANT.fullmatch(found.value) and "TZID" not in found.parameters:
            return _moment(found.value[:-1]).replace(tzinfo=UTC)
        tzid = found.parameters["TZID"]
        zone = next(zone for zone in file.calendar.parts("VTIMEZONE") if zone.value("TZID") == tzid)
        return (_moment(found.value) - _offset(zone, _moment(found.value))).replace(tzinfo=UTC)
    except (ValueError, KeyError, StopIteration):
        return None


def _offset(zone: Component, wall_clock: datetime) -> timedelta:
    """The one offset with which a wall clock fits the zone's observances."""
    offsets = {_span(observance.value("TZOFFSETTO")) for observance in zone.children}
    fitting = [offset for offset in offsets if _in_force(zone, wall_clock - offset) == offset]
    if len(fitting) != 1:
        raise ValueError(f"{wall_clock} is no moment of that zone, or two")
    return fitting[0]


def _in_force(zone: Component, moment: datetime) -> timedelta | None:
    """The offset of the observance begun last at a moment in UTC: onsets are told in the offset they end."""
    begun = []
    for observance in zone.children:
        before, after = (_span(observance.value(name)) for name in ("TZOFFSETFROM", "TZOFFSETTO"))
        first, rule = _moment(observance.value("DTSTART")), observance.value("RRULE")
        onset = _onsets(rule, first).before(moment + before, inc=True) if rule else first
        if onset and onset <= moment + before:
            begun.append((onset - before, after))
    return max(begun)[1] if begun else None


@lru_cache
def _onsets(rule: str, first: datetime) -> rrule:
    return rrulestr(rule, dtstart=first, cache=True)


def _moment(text: str | None) -> datetime:
    if not text or not _LOCAL.fullmatch(text):
        raise ValueError(f"no date and time: {text!r}")
    return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall clock


def _span(text: str | None) -> timedelta:
    found = _OFFSET.fullmatch(text or "")
    if not found:
        raise ValueError(f"no offset from UTC: {text!r}")
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    return (-1 if found[1] == "-" else 1) * timedelta(hours=hours, minutes=minutes, seconds=seconds)


RULES: tuple[Callable[[File], Iterator[str]], ...] = (
    _calendar,
    _method,
    _one_for_one,
    _identity,
    _people,
    _status,
    _times,
    _zones,
)

"""The only writer of iCalendar: a `CalendarMessage` in, the octets of its file out (RFC 5545).

Knows text, addresses, folding and zones; what is said to whom was decided in `invitation`. The same message
gives the same octets, for ever.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote
from zoneinfo import ZoneInfo

import icalendar

from mailer.composition import timezones
from mailer.composition.invitation import CalendarMessage, CalendarUser, Entry, Method

PRODID = "-//Convenor//Convenor//EN"
LOOKED_AT_EVERY = "PT6H"
"""How often a calendar that is subscribed to may be looked at (RFC 5545 3.3.6)."""

_NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_NOT_A_NAME = re.compile(r'[",;:^=\\]')
_UNCLEAN_NAME = re.compile(r'[",;:^=\\’]|^ |  | $')
_ESCAPED = {"\\": r"\\", ";": r"\;", ",": r"\,", "\n": r"\n"}
_ADDRESS_CHARACTERS = "!$'*+@"
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_.~!$'*+-]+@[A-Za-z0-9.-]+")
_INVITED = "CUTYPE=INDIVIDUAL;PARTSTAT={};ROLE=REQ-PARTICIPANT"
_ASKED = ";RSVP=TRUE"
_UNANSWERED = "NEEDS-ACTION"
_FOLDED_AT = 74  # octets of content: the library counts the blank of a fold as one of 75, and does so in the first line


class _Text(icalendar.vText):
    """TEXT (RFC 5545 3.3.11); the library's own turns a written backslash and N into a line break."""

    def to_ical(self) -> bytes:
        return "".join(_ESCAPED.get(character, character) for character in self).encode()


class _Plain(icalendar.Parameters):
    """Parameters without the quotes the library puts around every name of two words."""

    quote_also: dict[str, str] = {}  # noqa: RUF012 - declared so by the library


def write(message: CalendarMessage) -> bytes:
    """The file: UTF-8, CRLF, lines of at most 75 octets, the zones it uses before its entries."""
    calendar = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODID)
    calendar.add("CALSCALE", "GREGORIAN")
    calendar.add("METHOD", message.method.value)
    if message.name:
        _name(calendar, clean_text(message.name))
    for timezone in sorted({entry.timezone for entry in message.entries if _told_by_rules(entry)}):
        calendar.add_component(_timezone(timezone))
    for entry in message.entries:
        calendar.add_component(_event(entry, message.method))
    return bytes(calendar.to_ical())


def _name(calendar: icalendar.Calendar, name: str) -> None:
    """What a calendar that is subscribed to is called, and how often it may be looked at (RFC 7986 5.1, 5.7)."""
    for property_ in ("NAME", "X-WR-CALNAME"):
        calendar.add(property_, _Text(name), encode=False)
    often = icalendar.vText(LOOKED_AT_EVERY)
    often.params = icalendar.Parameters({"VALUE": "DURATION"})
    calendar.add("REFRESH-INTERVAL", often, encode=False)
    calendar.add("X-PUBLISHED-TTL", icalendar.vText(LOOKED_AT_EVERY), encode=False)


def clean_text(text: str) -> str:
    """What of a text a calendar can hold: line breaks as LF, a tab as a blank, no other control character.

    Also gone are the line and paragraph separators U+2028 and U+2029, byte order marks and lone surrogates.
    """
    return _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))


def clean_name(name: str) -> str:
    r"""A name as the CN parameter carries it: one line, without `" , ; : ^ = \`, the apostrophe ’ as '.

    Quoting (RFC 5545 3.2) and the circumflex escapes (RFC 6868) would allow them; common calendars do not.
    """
    if name.isprintable() and not _UNCLEAN_NAME.search(name):
        return name
    return " ".join(_NOT_A_NAME.sub("", clean_text(name)).replace("’", "'").split())


def address_uri(address: str) -> str:
    """`mailto:` and the address, SMTPUTF8 or not, percent-encoded where a URI needs it (RFC 6068 2)."""
    return f"mailto:{quote(address, safe=_ADDRESS_CHARACTERS)}"


def attendee_line(name: str, address: str, answer: str = "", method: str = Method.REQUEST) -> bytes:
    """The ATTENDEE line of an entry, folded, with its CRLF: the octets `write` has there, without the library."""
    uri = f"mailto:{address}" if _PLAIN_ADDRESS.fullmatch(address) else address_uri(address)
    common_name = clean_name(name)
    named = f"CN={common_name};" if common_name else ""
    return _folded(f"ATTENDEE;{named}{_invitation(answer, method)}:{uri}".encode())


@lru_cache
def _invitation(answer: str, method: str) -> str:
    return _INVITED.format(_partstat(answer)) + ("" if method == Method.CANCEL else _ASKED)


def _folded(octets: bytes) -> bytes:
    """At most 75 octets to a line, the blank of a fold among them; never within a character (RFC 5545 3.1)."""
    lines = []
    while len(octets) > _FOLDED_AT:
        end = _FOLDED_AT
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        lines.append(octets[:end])
        octets = octets[end:]
    return b"\r\n ".join([*lines, octets]) + b"\r\n"


def _event(entry: Entry, method: Method) -> icalendar.Event:
    event = icalendar.Event()
    event.add("UID", entry.uid)
    event.add("SEQUENCE", entry.sequence)
    event.add("DTSTAMP", entry.stamped_at.astimezone(UTC))
    _add_moment(event, "DTSTART", entry, entry.starts_at)
    if entry.ends_at > entry.starts_at:  # no DTEND: it ends when it starts (RFC 5545 3.6.1)
        _add_moment(event, "DTEND", entry, entry.ends_at)
    for name in ("summary", "description", "location"):
        if text := clean_text(getattr(entry, name)):
            event.add(name, _Text(text), encode=False)
    event.add("STATUS", entry.status.value)
    event.add("TRANSP", "TRANSPARENT" if entry.transparent else "OPAQUE")
    if entry.url:
        event.add("URL", entry.url)
    event.add("ORGANIZER", _user(entry.organiser), encode=False)
    if entry.attendee:
        event.add("ATTENDEE", _invited(entry.attendee, method), encode=False)
    return event


def _told_by_rules(entry: Entry) -> bool:
    return all(timezones.tells(entry.timezone, moment) for moment in (entry.starts_at, entry.ends_at))


def _add_moment(event: icalendar.Event, name: str, entry: Entry, moment: datetime) -> None:
    """In UTC or with the entry's own TZID: left alone, the library puts an equivalent zone of its choice."""
    if _told_by_rules(entry):
        wall_clock = moment.astimezone(ZoneInfo(entry.timezone)).replace(tzinfo=None)
        event.add(name, wall_clock, parameters={"TZID": entry.timezone})
    else:
        event.add(name, moment.astimezone(UTC))


def _user(user: CalendarUser, **parameters: str) -> icalendar.vCalAddress:
    name = clean_name(user.name)
    address = icalendar.vCalAddress(address_uri(user.address))
    address.params = _Plain({"CN": name, **parameters} if name else parameters)
    return address


def _invited(user: CalendarUser, method: Method) -> icalendar.vCalAddress:
    """Nobody answers what is taken back (RFC 5546 3.2.5)."""
    asked = {} if method is Method.CANCEL else {"RSVP": "TRUE"}
    partstat = _partstat(user.answer)
    return _user(user, CUTYPE="INDIVIDUAL", ROLE="REQ-PARTICIPANT", PARTSTAT=partstat, **asked)


def _partstat(answer: str) -> str:
    """RFC 5545 3.2.12."""
    return answer.upper() or _UNANSWERED


@lru_cache
def _timezone(name: str) -> icalendar.Timezone:
    """Built once for all letters; nobody changes it afterwards."""
    component = icalendar.Timezone()
    component.add("TZID", name)
    for observance in timezones.observances(name):
        component.add_component(_observance(observance))
    return component


def _observance(observance: timezones.Observance) -> icalendar.Component:
    part = icalendar.TimezoneDaylight() if observance.daylight else icalendar.TimezoneStandard()
    onset = observance.onset
    if onset:
        part.add("DTSTART", onset.in_year(timezones.FIRST_YEAR))
        part.add("RRULE", {"FREQ": "YEARLY", "BYMONTH": onset.month, "BYDAY": f"{onset.week}{onset.weekday}"})
    else:
        part.add("DTSTART", datetime(timezones.FIRST_YEAR, 1, 1))  # noqa: DTZ001 - a wall clock
    part.add("TZNAME", observance.name)
    part.add("TZOFFSETFROM", observance.offset_from)
    part.add("TZOFFSETTO", observance.offset_to)
    return part

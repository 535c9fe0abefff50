"""Just enough of iCalendar (RFC 5545) to show a person what a calendar would. Writing it is composition's.

It reads what may be anybody's: it never raises, takes time linear in the file, and passes over what it does
not know.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailer.web import moments

MOST_ENTRIES = 100

_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:]*))*):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^";:]*)')
_ESCAPE = re.compile(r"\\([\\;,nN])")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who invites or is invited; `asked` are the parameters that say what is asked of them."""

    name: str
    address: str
    asked: str = ""


@dataclass(frozen=True, kw_only=True)
class CardOfEntry:
    """One VEVENT as people read it; empty text for what it does not say."""

    summary: str
    when: str
    location: str
    status: str
    sequence: str
    uid: str
    description: str
    organiser: Person | None
    attendees: tuple[Person, ...]


@dataclass(frozen=True, kw_only=True)
class CalendarCard:
    """A calendar file. `is_whole` is False when it holds more entries than are shown."""

    method: str
    entries: tuple[CardOfEntry, ...]
    is_whole: bool = True


@dataclass(kw_only=True)
class _Found:
    values: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)
    attendees: list[Person] = field(default_factory=list)

    def text(self, name: str) -> str:
        _, value = self.values.get(name, ({}, ""))
        return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def read(source: str) -> CalendarCard:
    """What a calendar file says."""
    method, inside = "", list[str]()
    found: list[_Found] = []
    for name, parameters, value in _lines(source):
        if name == "BEGIN":
            inside.append(value.upper())
            if inside[-1] == "VEVENT":
                found.append(_Found())
        elif name == "END":
            inside = inside[:-1]
        elif inside == ["VCALENDAR"] and name == "METHOD":
            method = value
        elif inside[-1:] == ["VEVENT"] and found:
            if name == "ATTENDEE":
                found[-1].attendees.append(_person(parameters, value))
            else:
                found[-1].values.setdefault(name, (parameters, value))
    return CalendarCard(
        method=method,
        entries=tuple(_card(each) for each in found[:MOST_ENTRIES]),
        is_whole=len(found) <= MOST_ENTRIES,
    )


def _lines(source: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Content lines, unfolded (RFC 5545 3.1), as (name, parameters, value)."""
    for line in re.split(r"\r?\n", re.sub(r"\r?\n[ \t]", "", source)):
        if found := _LINE.fullmatch(line):
            parameters = {key.upper(): value.strip('"') for key, value in _PARAMETER.findall(found[2])}
            yield found[1].upper(), parameters, found[3]


def _card(found: _Found) -> CardOfEntry:
    organiser = found.values.get("ORGANIZER")
    return CardOfEntry(
        summary=found.text("SUMMARY"),
        when=_when(found),
        location=found.text("LOCATION"),
        status=found.text("STATUS"),
        sequence=found.text("SEQUENCE"),
        uid=found.text("UID"),
        description=found.text("DESCRIPTION"),
        organiser=_person(*organiser) if organiser else None,
        attendees=tuple(found.attendees),
    )


def _person(parameters: dict[str, str], value: str) -> Person:
    asked = [parameters[name] for name in ("ROLE", "PARTSTAT") if name in parameters]
    if parameters.get("RSVP", "").upper() == "TRUE":
        asked.append("an answer is asked for")
    address = re.sub("^mailto:", "", value, flags=re.IGNORECASE)
    return Person(name=parameters.get("CN", ""), address=address, asked=", ".join(asked))


def _when(found: _Found) -> str:
    """`Wednesday, 10 March 2027, 09:15–10:00 (Europe/Vienna)`; as it is written where it cannot be read."""
    starts, ends = (_moment(*found.values.get(name, ({}, ""))) for name in ("DTSTART", "DTEND"))
    if starts is None:
        return found.text("DTSTART")
    zone = starts.tzinfo or UTC
    words = f"{moments.day(starts, zone)}, {moments.hour(starts, zone)}"
    if ends is not None and ends.astimezone(zone).date() == starts.date():
        words += f"–{moments.hour(ends, zone)}"
    elif ends is not None:
        words += f" – {moments.day(ends, zone)}, {moments.hour(ends, zone)}"
    return f"{words} ({getattr(zone, 'key', 'UTC')})"


def _moment(parameters: dict[str, str], value: str) -> datetime | None:
    """The moment with its own zone; None for a date, a floating time and whatever cannot be read."""
    try:
        if value.endswith("Z"):
            return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        local = datetime.strptime(value, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - its zone stands beside it
        moment = local.replace(tzinfo=ZoneInfo(parameters["TZID"]))
        return moment if moment.astimezone(UTC).date() > date.min else None
    except (ValueError, KeyError, OverflowError, OSError, ZoneInfoNotFoundError):
        return None

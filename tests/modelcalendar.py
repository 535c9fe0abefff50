"""A calendar that does what RFC 5546 says with the files it is sent, and nothing else: as a reader's own would."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any

import icalendar

METHOD = re.compile(rb"^METHOD:(.*?)\r?$", re.MULTILINE)

CALENDAR_TYPES = frozenset({"text/calendar", "application/ics"})


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What somebody sees of an entry."""

    summary: str
    starts_at: datetime
    ends_at: datetime
    location: str
    description: str


@dataclass(kw_only=True)
class Item:
    sequence: int
    stamped_at: datetime
    shown: Shown | None
    answer: str


@dataclass
class ModelCalendar:
    """By UID. What is older than what is held changes nothing (RFC 5546 2.1.5), nor a CANCEL of what is not held."""

    items: dict[str, Item] = field(default_factory=dict)
    asked: int = 0

    @property
    def shown(self) -> dict[str, Shown]:
        return {uid: item.shown for uid, item in self.items.items() if item.shown}

    def receive(self, raw: bytes) -> None:
        """A whole message with the calendar files in it, each once."""
        for _, octets in files_in(raw):
            self.apply(octets)

    def apply(self, file: bytes) -> None:
        calendar: Any = icalendar.Calendar.from_ical(file)
        method = str(calendar["METHOD"])
        for event in calendar.walk("VEVENT"):
            uid, number = str(event["UID"]), (int(event["SEQUENCE"]), event["DTSTAMP"].dt)
            held = self.items.get(uid)
            if held and number < (held.sequence, held.stamped_at):
                continue
            cancelled = method == "CANCEL" or str(event["STATUS"]) == "CANCELLED"
            if cancelled and held is None:
                continue
            is_material = held is None or number[0] > held.sequence or (held.shown is None) != cancelled
            self.asked += method == "REQUEST" and is_material
            answer = "NEEDS-ACTION" if is_material or held is None else held.answer
            self.items[uid] = Item(
                sequence=number[0], stamped_at=number[1], answer=answer,
                shown=None if cancelled else Shown(
                    summary=str(event["SUMMARY"]),
                    starts_at=event["DTSTART"].dt.astimezone(UTC),
                    ends_at=(event.get("DTEND") or event["DTSTART"]).dt.astimezone(UTC),
                    location=str(event.get("LOCATION", "")),
                    description=str(event.get("DESCRIPTION", "")),
                ),
            )  # fmt: skip


def files_in(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The calendar files of a message, each once: its method and its octets."""
    parts = message_from_bytes(raw).walk()
    files = [part.get_payload(decode=True) for part in parts if part.get_content_type() in CALENDAR_TYPES]
    for octets in dict.fromkeys(file for file in files if isinstance(file, bytes)):
        (method,) = METHOD.findall(octets)
        yield method.decode(), octets

"""The shape of an agenda file, key by key, as the organiser writes it. Meaning is given to it in `reading`."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from mailer.agenda.attachments import MOST
from mailer.agenda.model import (
    OF_ITSELF,
    Approval,
    Attachment,
    CalendarPart,
    Key,
    Line,
    MailingKind,
    SessionKind,
)

Text = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
"""Text of several lines, without other control characters."""

Number = Annotated[int, Field(strict=True)]
"""A number written as one: neither `"2"` nor `true`."""

Day = Annotated[str, BeforeValidator(lambda day: str(day) if isinstance(day, date) else day)]
"""A day in quotes, or as TOML's own date."""


def _of_the_file(kind: object) -> object:
    """A kind that an agenda file may name."""
    *most, last = (f"'{each}'" for each in MailingKind if each not in OF_ITSELF)
    if kind not in set(MailingKind) - set(OF_ITSELF):
        raise PydanticCustomError(
            "enum", "is none of {expected}", {"expected": f"{', '.join(most)} or {last}"}
        )
    return kind


def _named(file: object) -> object:
    """A path, or what was read of one before: files name paths alone."""
    if not isinstance(file, str | Attachment):
        raise PydanticCustomError("string_type", "is no path")
    return file


Named = Annotated[str | Attachment, PlainValidator(_named)]
"""A file by its path; in tables that no file holds, what is known of it already."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VenueTable(_Table):
    name: Line
    room: Line | None = None
    street: Line
    city: Line


class OrganiserTable(_Table):
    name: Line
    address: Line


class EventTable(_Table):
    key: Key
    title: Line
    summary: Text = ""
    language: Line = "en"
    timezone: Line
    date: Day
    example: Annotated[bool, Field(strict=True)] = False
    public: Annotated[bool, Field(strict=True)] = False
    assumed_minutes: Number = Field(default=15, ge=1, le=24 * 60)
    cancelled: Annotated[bool, Field(strict=True)] = False
    quiet_minutes: Number = Field(default=10, ge=0, le=24 * 60)
    approval: Approval = Approval.NONE
    venue: VenueTable
    organiser: OrganiserTable


class SessionTable(_Table):
    """`day` 1 is the event's date. A session that ends after midnight says so by `end_day`. One that is `cancelled`
    will not take place.
    """

    key: Key
    kind: SessionKind = SessionKind.SESSION
    title: Line
    start: Line
    end: Line | None = None
    day: Number = Field(default=1, ge=1, le=60)
    end_day: Number | None = Field(default=None, ge=1, le=61)
    points: tuple[Line, ...] = Field(default=(), max_length=40)
    room: Line | None = None
    chair: Line | None = None
    speakers: tuple[Line, ...] = Field(default=(), max_length=100)
    cancelled: Annotated[bool, Field(strict=True)] = False


class MailingTable(_Table):
    key: Key
    kind: Annotated[MailingKind, BeforeValidator(_of_the_file)]
    title: Line
    audience: Text
    when: Text
    useful_until: Text
    calendar: CalendarPart = CalendarPart.NONE
    again_when_moved: Annotated[bool, Field(strict=True)] = False
    attachments: tuple[Named, ...] = Field(default=(), max_length=MOST)


class RecipientsTable(_Table):
    file: Line
    role: Line | None = None


TABLES: dict[str, type[_Table]] = {
    "event": EventTable,
    "session": SessionTable,
    "mailing": MailingTable,
    "recipients": RecipientsTable,
}
"""The tables of a file. All but `event` are lists, written `[[session]]`."""

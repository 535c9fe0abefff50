"""The shape of an agenda file, key by key, as the organiser writes it. Meaning is given to it in `reading`."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mailer.agenda.model import CalendarPart, Key, Line, MailingKind, SessionKind


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VenueTable(_Table):
    name: Line
    room: Line | None = None
    street: Line
    city: Line


class OrganiserTable(_Table):
    name: Line
    address: str


class EventTable(_Table):
    key: Key
    title: Line
    summary: str = Field(default="", max_length=4000)
    language: str = "en"
    timezone: str
    date: Annotated[str, BeforeValidator(str)]
    example: bool = False
    assumed_minutes: int = Field(default=15, ge=1, le=24 * 60)
    venue: VenueTable
    organiser: OrganiserTable


class SessionTable(_Table):
    """`day` 1 is the event's date. A session that ends after midnight says so by `end_day`."""

    key: Key
    kind: SessionKind = SessionKind.SESSION
    title: Line
    start: str
    end: str | None = None
    day: int = Field(default=1, ge=1, le=60)
    end_day: int | None = Field(default=None, ge=1, le=61)
    points: tuple[Line, ...] = Field(default=(), max_length=40)
    room: Line | None = None
    chair: Line | None = None
    speakers: tuple[Line, ...] = Field(default=(), max_length=100)


class MailingTable(_Table):
    key: Key
    kind: MailingKind
    title: Line
    audience: str
    when: str
    useful_until: str
    calendar: CalendarPart = CalendarPart.NONE
    again_when_moved: bool = False


class RecipientsTable(_Table):
    file: str
    role: str | None = None


TABLES: dict[str, type[_Table]] = {
    "event": EventTable,
    "session": SessionTable,
    "mailing": MailingTable,
    "recipients": RecipientsTable,
}
"""The tables of a file. All but `event` are lists, written `[[session]]`."""

"""What happens: the event, its sessions and its mailings, as frozen values. Reading files is in `reading`.

Every datetime is aware. Rules and audiences are kept as the organiser wrote them and parsed where they are
used (`rules.parse`, `recipients.audience.parse`): they were checked when the file was read.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from mailer.agenda import rules

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""A stable name: lower-case letters, digits and hyphens."""


def _visible(text: str) -> str:
    """Without what steers the direction of other text or shows nothing at all; the rest must show something."""
    shown = re.sub(r"[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]", "", text).strip()
    if not shown:
        raise ValueError("is empty")
    return shown


Line = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=300, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f\u0085\u2028\u2029]*$"
    ),
    AfterValidator(_visible),
]
"""One line of text, without control characters."""

Instant = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
"""An aware datetime, kept in UTC whatever offset it was written with."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SessionKind(StrEnum):
    REGISTRATION = "registration"
    OPENING = "opening"
    SESSION = "session"
    BREAK = "break"
    CLOSING = "closing"


class Approval(StrEnum):
    """Who must have seen a mailing before it leaves: nobody, one person, or one who had no hand in it."""

    NONE = "none"
    ONE = "one"
    FOUR_EYES = "four eyes"


class CalendarPart(StrEnum):
    """What a mailing carries for the calendar.

    `event`: the whole conference as one REQUEST. `session`: the session the occasion hangs on, as one REQUEST.
    `sessions`: every session as one PUBLISH file.
    """

    NONE = "none"
    EVENT = "event"
    SESSION = "session"
    SESSIONS = "sessions"


class MailingKind(StrEnum):
    """What kind of letter it is; its value names the folder under `templates/`."""

    INVITATION = "invitation"
    AGENDA = "agenda"
    REMINDER = "reminder"
    PRACTICAL = "practical"
    SESSION_REMINDER = "session-reminder"
    REPORT = "report"
    UPDATE = "update"
    CANCELLATION = "cancellation"
    CONFIRMATION = "confirmation"


ABOUT_ENTRIES = (MailingKind.UPDATE, MailingKind.CANCELLATION)
"""Kinds of letters that make calendars right."""

OF_ITSELF = (*ABOUT_ENTRIES, MailingKind.CONFIRMATION)
"""Kinds that no agenda file names: such letters leave because of a change or an answer, when there is one."""

REMINDERS = frozenset({MailingKind.REMINDER, MailingKind.SESSION_REMINDER})
"""Kinds whose moment matters: never sent to somebody who joined after it, held when in doubt."""


class Venue(_Frozen):
    name: Line
    room: Line | None = None
    street: Line
    city: Line

    @property
    def one_line(self) -> str:
        """For a calendar's LOCATION: `Room, Name, Street, City`."""
        return ", ".join(filter(None, (self.room, self.name, self.street, self.city)))


class Organiser(_Frozen):
    """Who invites. The address is From and ORGANIZER alike, read by a person, the same for the event's life."""

    name: Line
    address: str


class Session(_Frozen):
    key: Key
    kind: SessionKind = SessionKind.SESSION
    title: Line
    starts_at: Instant
    ends_at: Instant
    end_assumed: bool = False
    points: tuple[Line, ...] = ()
    room: Line | None = None
    chair: Line | None = None
    speakers: tuple[Line, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether it makes its reader busy: breaks do not."""
        return self.kind is not SessionKind.BREAK


class Attachment(_Frozen):
    """A file that goes with a mailing's letters. `file` is its path below the folder of the agenda file; the content is
    kept elsewhere, by its SHA-256 (`digest`), and has `size` bytes.
    """

    file: str
    media_type: str
    size: int
    digest: str

    @property
    def name(self) -> str:
        """What the reader sees: the last part of the path, composed as other systems write it (UAX 15)."""
        return unicodedata.normalize("NFC", self.file.rpartition("/")[2])


class Mailing(_Frozen):
    """What is sent, to which audience, when.

    `when` and `useful_until` are sentences of `rules`; `audience` one of `recipients.audience`.
    `again_when_moved`: somebody who got it for the old hour gets it again for the new one.
    """

    key: Key
    kind: MailingKind
    title: Line
    audience: str
    when: str
    useful_until: str
    calendar: CalendarPart = CalendarPart.NONE
    again_when_moved: bool = False
    attachments: tuple[Attachment, ...] = ()

    @property
    def rule(self) -> rules.Rule:
        return rules.parse(self.when)

    @property
    def useful_until_rule(self) -> rules.Rule:
        return rules.parse(self.useful_until)

    @property
    def has_fixed_hour(self) -> bool:
        """Whether it leaves, or ceases to be useful, at a day and hour of its own: that moves with nothing."""
        return bool(self.rule.instant or self.useful_until_rule.instant)

    @property
    def is_reminder(self) -> bool:
        return self.kind in REMINDERS


def _of_itself(kind: MailingKind, title: str, calendar: CalendarPart) -> Mailing:
    return Mailing(
        key=kind.value, kind=kind, title=title, audience="everyone", when="as soon as published",
        useful_until="the event ends", calendar=calendar,
    )  # fmt: skip


UNASKED: Mapping[str, Mailing] = {
    mailing.key: mailing
    for mailing in (
        _of_itself(MailingKind.UPDATE, "What has changed", CalendarPart.EVENT),
        _of_itself(MailingKind.CANCELLATION, "What will not take place", CalendarPart.EVENT),
        _of_itself(MailingKind.CONFIRMATION, "Confirmation of an answer", CalendarPart.NONE),
    )
}
"""The mailings of every event that stand in no agenda file, by their key. Whom they reach and when is not said here:
the ledger and the answers say it, letter by letter.
"""


_indexed: dict[int, tuple[tuple[Session, ...], dict[str, Session]]] = {}
_MOST_INDEXED = 16


def _by_key(sessions: tuple[Session, ...]) -> dict[str, Session]:
    """Sessions by their key, for each of the last few agendas: it is asked for every occasion of hundreds."""
    kept = _indexed.get(id(sessions))
    if kept is None or kept[0] is not sessions:
        if len(_indexed) >= _MOST_INDEXED:
            _indexed.clear()
        kept = _indexed[id(sessions)] = sessions, {each.key: each for each in sessions}
    return kept[1]


class RecipientList(_Frozen):
    """One file of people, relative to the agenda file, and the role of those whose row names none."""

    file: str
    role: str | None = None


class Event(_Frozen):
    """The conference. `sessions` are in the order of their start. One that is `public` shows its agenda to anybody.

    `called_off` are sessions that will not take place: no part of the agenda, kept so that they can be reinstated.

    A change waits for `quiet_minutes` after it was published, so that those after it are told with it. `approval` says
    who must have seen a mailing before it leaves.
    """

    key: Key
    title: Line
    summary: str = ""
    language: str
    timezone: str
    venue: Venue
    organiser: Organiser
    sessions: tuple[Session, ...]
    mailings: tuple[Mailing, ...]
    recipient_lists: tuple[RecipientList, ...] = ()
    example: bool = False
    cancelled: bool = False
    quiet_minutes: int = 10
    public: bool = False
    called_off: tuple[Session, ...] = ()
    approval: Approval = Approval.NONE

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def starts_at(self) -> datetime:
        return min(session.starts_at for session in self.sessions)

    @property
    def ends_at(self) -> datetime:
        return max(session.ends_at for session in self.sessions)

    def session(self, key: str) -> Session:
        """Raises KeyError for a key the agenda does not hold."""
        return _by_key(self.sessions)[key]

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Those of all mailings, in their order."""
        return tuple(each for mailing in self.mailings for each in mailing.attachments)

    def mailing(self, key: str) -> Mailing:
        """Raises KeyError for a key the event does not hold; those of `UNASKED` every event does."""
        for mailing in self.mailings:  # asked for every letter: no dictionary is made for it
            if mailing.key == key:
                return mailing
        return UNASKED[key]


class AgendaVersion(_Frozen):
    """An immutable, numbered, published state of the agenda.

    `sequences` maps `event` and each session key to its iCalendar SEQUENCE: the number of material changes
    since it was first published (RFC 5545 3.8.7.4). `clocks` maps each session key to what the venue's clock showed at
    its start and end (ISO 8601, no offset) by the zone rules `tzdata` of the day. `published_by` is whoever did it on
    the organiser's pages; nothing where that was done from files.
    """

    event: Event
    number: int
    published_at: Instant
    first_published_at: Instant
    sequences: Mapping[str, int]
    clocks: Mapping[str, tuple[str, str]] = {}
    tzdata: str = ""
    published_by: str = ""

    @property
    def told_from(self) -> datetime:
        """When those are told whose calendars it has made wrong: the quiet minutes are over."""
        return self.published_at + timedelta(minutes=self.event.quiet_minutes)

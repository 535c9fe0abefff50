"""What `/api` answers and takes, as machines read it. Field by field the words of the pages; datetimes are aware."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mailer.agenda.model import AgendaVersion, CalendarPart, Mailing, MailingKind, Session, SessionKind
from mailer.outbox.incoming import Incoming
from mailer.outbox.letter import LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.pauses import EVERYTHING, Pause
from mailer.outbox.schema import IncomingState, PausedBy
from mailer.planning.due import Member
from mailer.recipients.model import Role

MOST = 500
"""Rows of one answer."""

_KEY = r"^[a-z0-9][a-z0-9-]{0,62}$"

SESSIONS = 200
"""Sessions of one answer: each may say much."""

Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many rows.")]
SessionLimit = Annotated[int, Query(ge=1, le=SESSIONS, description="At most so many sessions.")]
After = Annotated[int, Query(ge=0, le=2**53, description="The `next` of the answer before; 0 begins.")]
Before = Annotated[int | None, Query(ge=1, le=2**53, description="The `next` of the answer before.")]
Number = Annotated[int, Path(ge=1, le=2**53)]
MailingKey = Annotated[str, Path(pattern=_KEY)]
OfMailing = Annotated[str | None, Query(pattern=_KEY, description="Only this mailing's.")]


class Problem(BaseModel):
    """`place` is where in the request: `query.limit`, `body.reason`."""

    place: str
    message: str


class Refusal(BaseModel):
    """Every answer that is none: what to know, and, where the request is wrong, each place where it is."""

    detail: str
    problems: list[Problem] = []


class SessionShape(BaseModel):
    key: str
    kind: SessionKind
    title: str
    starts: AwareDatetime
    ends: AwareDatetime
    room: str | None
    chair: str | None
    speakers: list[str]
    points: list[str]


class MailingShape(BaseModel):
    """`when` and `audience` are the sentences of the agenda file; how it stands is in `/api/status`."""

    key: str
    kind: MailingKind
    title: str
    audience: str
    when: str
    useful_until: str
    calendar: CalendarPart


class EventShape(BaseModel):
    """The event as one version of its agenda says it. `next` is what to ask `after` for the sessions that follow."""

    key: str
    title: str
    summary: str
    language: str
    timezone: str
    starts: AwareDatetime
    ends: AwareDatetime
    venue: str
    organiser: str
    cancelled: bool
    public: bool
    version: int
    published: AwareDatetime
    sessions: list[SessionShape]
    next: int | None


class VersionShape(BaseModel):
    """A published version: what it says is at its number."""

    number: int
    published: AwareDatetime


class Versions(BaseModel):
    """The newest first."""

    versions: list[VersionShape]
    next: int | None


class Mailings(BaseModel):
    mailings: list[MailingShape]


class LetterShape(BaseModel):
    """A letter without its words. `person` is the number of its reader in `/api/people`."""

    id: int
    mailing: str
    anchor: str
    due: AwareDatetime
    person: int
    state: LetterState
    reason: str
    version: int
    attempts: int
    next_attempt: AwareDatetime
    settled: AwareDatetime | None


class Letters(BaseModel):
    """In the order they were written. `next` is what to ask `after`, until it is null."""

    letters: list[LetterShape]
    next: int | None


class PersonShape(BaseModel):
    """Somebody on the list. `answers` are the last ones that hold, by `event` or a session's key."""

    id: int
    address: str
    title: str
    given_name: str
    family_name: str
    role: Role
    state: str | None
    institution: str
    language: str | None
    timezone: str | None
    tags: list[str]
    sessions: list[str]
    joined: AwareDatetime
    unsubscribed: bool
    answers: dict[str, str]


class People(BaseModel):
    """In the order they were first listed."""

    people: list[PersonShape]
    next: int | None


class MailShape(BaseModel):
    """A mail that came in, without its words. `outcome` says what followed."""

    id: int
    received: AwareDatetime
    state: IncomingState
    kind: str
    outcome: str
    sender: str
    subject: str


class Inbox(BaseModel):
    """Mails that need a person, the newest first."""

    mails: list[MailShape]
    next: int | None


class PauseShape(BaseModel):
    """What is held back: a mailing, or everything where `mailing` is null."""

    mailing: str | None
    caused_by: PausedBy
    since: AwareDatetime
    reason: str


class Pauses(BaseModel):
    pauses: list[PauseShape]


class ToPause(BaseModel):
    """A mailing's key, or null for everything; and why."""

    model_config = ConfigDict(extra="forbid")

    mailing: Annotated[str, StringConstraints(pattern=_KEY)] | None = None
    reason: str = Field(default="", max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")


def event_shape(version: AgendaVersion, after: int, limit: int) -> EventShape:
    """With `limit` sessions, those behind the first `after` in the order of the agenda."""
    event, until = version.event, after + limit
    return EventShape(
        key=event.key, title=event.title, summary=event.summary, language=event.language, timezone=event.timezone,
        starts=event.starts_at, ends=event.ends_at, venue=event.venue.name, organiser=event.organiser.name,
        cancelled=event.cancelled, public=event.public, version=version.number, published=version.published_at,
        sessions=[_session(each) for each in event.sessions[after:until]],
        next=until if until < len(event.sessions) else None,
    )  # fmt: skip


def _session(session: Session) -> SessionShape:
    return SessionShape(
        key=session.key, kind=session.kind, title=session.title, starts=session.starts_at, ends=session.ends_at,
        room=session.room, chair=session.chair, speakers=list(session.speakers), points=list(session.points),
    )  # fmt: skip


def mailing_shape(mailing: Mailing) -> MailingShape:
    names = MailingShape.model_fields
    return MailingShape(**{name: getattr(mailing, name) for name in names})


def version_shape(number: int, published_at: datetime) -> VersionShape:
    return VersionShape(number=number, published=published_at)


def letter_shape(row: LetterRow) -> LetterShape:
    return LetterShape(
        id=row.id, mailing=row.mailing, anchor=row.anchor, due=row.due_at, person=row.recipient_id, state=row.state,
        reason=row.reason, version=row.version, attempts=row.attempts, next_attempt=row.next_attempt_at,
        settled=row.settled_at,
    )  # fmt: skip


def person_shape(member: Member) -> PersonShape:
    said = member.recipient.model_dump()
    return PersonShape(
        id=member.id, joined=member.joined_at, unsubscribed=member.unsubscribed, answers=member.answers,
        **{name: said[name] for name in PersonShape.model_fields if name in said},
    )  # fmt: skip


def mail_shape(mail: Incoming) -> MailShape:
    return MailShape(
        id=mail.id, received=mail.received_at, state=mail.state, kind=mail.kind, outcome=mail.outcome,
        sender=mail.sender, subject=mail.subject,
    )  # fmt: skip


def pause_shape(pause: Pause) -> PauseShape:
    return PauseShape(
        mailing=None if pause.mailing == EVERYTHING else pause.mailing, caused_by=pause.caused_by,
        since=pause.paused_at, reason=pause.reason,
    )  # fmt: skip

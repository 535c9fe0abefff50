"""The situations in which a calendar file is written, by name; `NAME.ics` beside this is what it must be."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailer.agenda.model import AgendaVersion, CalendarPart, Event, Session, SessionKind
from mailer.agenda.rules import EVENT as WHOLE_EVENT
from mailer.agenda.upkeep import Cause, Told, Upkeep
from mailer.composition.invitation import (
    CalendarMessage,
    Method,
    calendar_message,
    messages_for,
    published_entry,
)
from mailer.composition.links import Signer
from mailer.recipients.model import Recipient
from tests.conference import EVENT, EXPERT, FOCAL_POINT, PRACTITIONER, PUBLISHED_AT, SESSIONS, links, version

HERE = Path(__file__).parent
SIGNER = Signer(secret=b"known to everybody who reads this")


def carried(
    part: CalendarPart,
    anchor: str = WHOLE_EVENT,
    *,
    recipient: Recipient = PRACTITIONER,
    agenda: AgendaVersion | None = None,
) -> CalendarMessage:
    """What a letter of the tests' conference carries."""
    agenda = agenda or version()
    message = calendar_message(
        version=agenda,
        part=part,
        anchor=anchor,
        recipient=recipient,
        uid_for=lambda anchor: uid(anchor, recipient, agenda.event),
        links=links(agenda.event),
    )
    assert message
    return message


def uid(anchor: str, recipient: Recipient, event: Event = EVENT) -> str:
    return SIGNER.uid(event.key, anchor, recipient.address, "conference.example")


def session(starts_at: datetime, hours: float = 1, **facts: object) -> Session:
    return Session.model_validate(
        {
            "key": "session-1",
            "title": "A session",
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(hours=hours),
            **facts,
        }
    )


def agenda_of(sessions: Iterable[Session], **facts: object) -> AgendaVersion:
    return version(EVENT.model_copy(update={"sessions": tuple(sessions), **facts}))


def moved() -> AgendaVersion:
    """Session II half an hour later, in another room: published a week after, as its second change."""
    later = timedelta(minutes=30)
    sessions = [
        old.model_copy(
            update={"starts_at": old.starts_at + later, "ends_at": old.ends_at + later, "room": "Room 2"}
        )
        if old.key == "session-2"
        else old
        for old in SESSIONS
    ]
    agenda = agenda_of(sessions)
    return agenda.model_copy(
        update={
            "number": 3,
            "published_at": PUBLISHED_AT + timedelta(days=7),
            "sequences": {**agenda.sequences, "session-2": 2},
        }
    )


def two_days_in_french() -> AgendaVersion:
    morning = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)
    return agenda_of(
        (
            session(morning, title="Ouverture", kind=SessionKind.OPENING, key="opening"),
            session(morning + timedelta(hours=2), 2, title="L’état des lieux"),
            session(morning + timedelta(days=1), 3, title="Et après ?", key="session-2"),
        ),
        language="fr",
        title="Lutte contre la cybercriminalité",
        summary="Deux jours à Vienne.",
    )


def cancelled() -> CalendarMessage:
    off = Told(anchor="session-2", version=1, sequence=1, asked=True, cancelled=True)
    (message,) = messages_for(
        upkeep=Upkeep(cause=Cause.AGENDA, since=1, stamped_at=PUBLISHED_AT + timedelta(days=3), told=(off,)),
        earlier={1: version()},
        recipient=PRACTITIONER,
        uid_for=lambda anchor: uid(anchor, PRACTITIONER),
        links=links(),
    )
    return message


def subscribed(page: str = "", title: str = EVENT.title) -> CalendarMessage:
    """A calendar that its reader's program looks at again and again."""
    agenda = agenda_of(SESSIONS, title=title)
    return CalendarMessage(
        method=Method.PUBLISH,
        entries=tuple(
            published_entry(version=agenda, anchor=anchor, uid=uid(anchor, PRACTITIONER), page=page)
            for anchor in (WHOLE_EVENT, *PRACTITIONER.sessions)
        ),
        name=title,
    )


def scenes() -> dict[str, CalendarMessage]:
    spring = session(datetime(2027, 3, 28, 0, 30, tzinfo=UTC), title="From winter into summer time")
    autumn = session(datetime(2027, 10, 31, 0, 30, tzinfo=UTC), title="In the hour that comes twice")
    cairo = session(datetime(2027, 5, 4, 7, 0, tzinfo=UTC), title="A morning in Cairo")
    punctuated = session(
        datetime(2027, 3, 10, 9, 0, tzinfo=UTC),
        title=r'One; two, three: "four" \ five\n six\N ^n END:VEVENT',
        speakers=('Ana "the hawk" Novak; LL.M., PhD',),
    )
    unicode_address = PRACTITIONER.model_copy(
        update={"address": "jürgen.müller@example.example", "given_name": "Jürgen", "family_name": "Müller"}
    )
    request, published = CalendarPart.SESSION, CalendarPart.SESSIONS
    return {
        "invitation-for-a-practitioner": carried(CalendarPart.EVENT),
        "invitation-for-a-name-in-arabic": carried(CalendarPart.EVENT, recipient=EXPERT),
        "invitation-to-two-days-in-french": carried(
            CalendarPart.EVENT, recipient=FOCAL_POINT, agenda=two_days_in_french()
        ),
        "invitation-for-a-non-ascii-address": carried(CalendarPart.EVENT, recipient=unicode_address),
        "all-sessions-published": carried(published),
        "session-request": carried(request, "session-1"),
        "coffee-break-request": carried(request, "break-1"),
        "closing-without-an-end": carried(request, "closing"),
        "moved-session": carried(request, "session-2", agenda=moved()),
        "cancelled-session": cancelled(),
        "session-request-on-the-dst-day": carried(request, "session-1", agenda=agenda_of([spring])),
        "session-request-in-the-hour-that-comes-twice": carried(
            request, "session-1", agenda=agenda_of([autumn])
        ),
        "session-request-in-cairo": carried(
            request, "session-1", agenda=agenda_of([cairo], timezone="Africa/Cairo")
        ),
        "session-request-in-utc": carried(
            request, "session-1", agenda=agenda_of([session(cairo.starts_at)], timezone="UTC")
        ),
        "subscribed-calendar": subscribed(),
        "subscribed-calendar-of-a-public-agenda": subscribed(
            "https://c.example/e/cybercrime-2027", r'Ends; begins, "and" \n more'
        ),
        "session-request-full-of-punctuation": carried(request, "session-1", agenda=agenda_of([punctuated])),
    }

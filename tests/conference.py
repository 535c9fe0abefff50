"""The conference the tests speak of: one day in Vienna, ten items, six mailings, and a few invented people.

Values only: whoever needs another event copies one of these with `model_copy(update=...)`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from mailer.agenda.model import (
    ABOUT_ENTRIES,
    AgendaVersion,
    CalendarPart,
    Event,
    Mailing,
    MailingKind,
    Organiser,
    Session,
    SessionKind,
    Venue,
)
from mailer.agenda.upkeep import Cause, Told, Upkeep
from mailer.composition.links import Links
from mailer.recipients.model import Recipient, Role

PUBLISHED_AT = datetime(2027, 1, 11, 8, 0, tzinfo=UTC)
STARTS_AT = datetime(2027, 3, 10, 7, 45, tzinfo=UTC)
ENDS_AT = datetime(2027, 3, 10, 16, 0, tzinfo=UTC)

ORGANISER = Organiser(name="Conference Secretariat", address="secretariat@conference.example")

VENUE = Venue(
    name="Federal Ministry of the Interior of the Republic of Austria",
    room="Großer Vortragssaal",
    street="Minoritenplatz 9",
    city="1010 Vienna",
)

SUMMARY = (
    "A one-day conference on how to address the growing threat posed by cybercrime and cyber-enabled crime "
    "to public safety and the rule of law: what capacity building achieved in South-Eastern Europe, what "
    "remains to be done there, and what comes next in Central Asia, Eastern Europe and the South Caucasus."
)


def at(clock: str) -> datetime:
    """The instant of a venue's `HH:MM` on the day (Vienna is an hour ahead of UTC in March)."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2027, 3, 10, hour - 1, minute, tzinfo=UTC)


def _break(key: str, title: str, starts: str, ends: str) -> Session:
    return Session(key=key, kind=SessionKind.BREAK, title=title, starts_at=at(starts), ends_at=at(ends))


SESSIONS = (
    Session(
        key="registration",
        kind=SessionKind.REGISTRATION,
        title="Registration",
        starts_at=at("08:45"),
        ends_at=at("09:15"),
    ),
    Session(
        key="opening",
        kind=SessionKind.OPENING,
        title="Opening session",
        starts_at=at("09:15"),
        ends_at=at("10:00"),
    ),
    Session(
        key="session-1",
        title="Session I – Setting the scene: crime in the digital era",
        starts_at=at("10:00"),
        ends_at=at("11:15"),
        points=(
            "Which features do make cybercrime an increasingly potent threat for our societies?",
            "What unique challenges does cybercrime pose for criminal justice system?",
            "How should criminal justice institutions respond to the growing threats posed by cybercrime?",
            (
                "What assistance can multilateral organizations provide to enhance national capacities in "
                "investigating and prosecuting cybercrime?"
            ),
        ),
    ),
    _break("break-1", "Coffee break", "11:15", "11:30"),
    Session(
        key="session-2",
        title="Session II – Responding to the challenge: effective capacity building",
        starts_at=at("11:30"),
        ends_at=at("12:45"),
        points=(
            (
                "What are key elements of effective capacity building for criminal justice institutions "
                "combating cybercrime?"
            ),
            (
                "What are most common challenges when implementing capacity-building programs and projects "
                "in this area?"
            ),
            "How to ensure long-term sustainability and local ownership of capacity-building assistance?",
        ),
    ),
    _break("lunch", "Lunch break", "12:45", "14:00"),
    Session(
        key="session-3",
        title="Session III – Taking the stock: OSCE’s regional initiative on combating cybercrime in "
        "South-Eastern Europe (2017-2019)",
        starts_at=at("14:00"),
        ends_at=at("15:15"),
        points=(
            (
                "What are key outcomes of the OSCE’s regional cybercrime initiative implemented in "
                "South-Eastern Europe in 2017-19?"
            ),
            (
                "What were main achievements and main challenges when implementing training activities at "
                "both the regional and national levels?"
            ),
            "What are key lessons learned for building national training capacities in this area?",
        ),
    ),
    _break("break-2", "Coffee break", "15:15", "15:30"),
    Session(
        key="session-4",
        title="Session IV – Looking ahead: future OSCE’s activities in combating cybercrime",
        starts_at=at("15:30"),
        ends_at=at("17:00"),
        points=(
            "What thematic areas require further capacity-building support in South-Eastern Europe?",
            (
                "How should OSCE support its participating States in other sub-regions of the OSCE area, "
                "namely Central Asia, Eastern Europe and South Caucasus?"
            ),
            (
                "Which new trends in digital technologies may impact criminal activities in the future? What "
                "impact may developments in artificial intelligence have for the work of law enforcement in "
                "this regard?"
            ),
            (
                "How to ensure complementarity of the OSCE’s activities in the area of cybercrime with other "
                "key international players such as the Council of Europe?"
            ),
        ),
    ),
    Session(
        key="closing",
        kind=SessionKind.CLOSING,
        title="Closing remarks",
        starts_at=at("17:00"),
        ends_at=at("17:00"),
        end_assumed=True,
    ),
)

MAILINGS = (
    Mailing(
        key="invitation",
        kind=MailingKind.INVITATION,
        title="Invitation",
        audience="everyone",
        when="as soon as published",
        useful_until="the event starts",
        calendar=CalendarPart.EVENT,
    ),
    Mailing(
        key="agenda",
        kind=MailingKind.AGENDA,
        title="Agenda of the day",
        audience="not answer = declined",
        when="14 days before the event starts, at 09:00 venue time, weekdays only",
        useful_until="the event starts",
        calendar=CalendarPart.SESSIONS,
        again_when_moved=True,
    ),
    Mailing(
        key="reminder",
        kind=MailingKind.REMINDER,
        title="Your answer, please",
        audience="answer = none",
        when="30 days before the event starts, at 09:00 recipient time, weekdays only",
        useful_until="the event starts",
    ),
    Mailing(
        key="practical",
        kind=MailingKind.PRACTICAL,
        title="Practical information for tomorrow",
        audience="not answer = declined",
        when="1 day before the event starts, at 17:00 venue time",
        useful_until="the event starts",
    ),
    Mailing(
        key="session-reminder",
        kind=MailingKind.SESSION_REMINDER,
        title="Your session begins shortly",
        audience="chose this session and not answer = declined",
        when="15 minutes before each session starts",
        useful_until="each session starts",
        calendar=CalendarPart.SESSION,
        again_when_moved=True,
    ),
    Mailing(
        key="report",
        kind=MailingKind.REPORT,
        title="With our thanks",
        audience="not answer = declined",
        when="1 day after the event ends, at 10:00 venue time, weekdays only",
        useful_until="30 days after the event ends",
    ),
)

EVENT = Event(
    key="cybercrime-2027",
    title="Capacity Building for Criminal Justice Practitioners Combating Cybercrime",
    summary=SUMMARY,
    language="en",
    timezone="Europe/Vienna",
    venue=VENUE,
    organiser=ORGANISER,
    sessions=SESSIONS,
    mailings=MAILINGS,
)

FOCAL_POINT = Recipient(
    address="camille.laurent@delegation.example",
    given_name="Camille",
    family_name="Laurent",
    title="Ms",
    role=Role.FOCAL_POINT,
    state="FR",
    institution="Permanent Representation of France to the OSCE",
    language="fr",
)

PRACTITIONER = Recipient(
    address="ana.novak@prosecution.example",
    given_name="Ana",
    family_name="Novak",
    title="Dr",
    role=Role.PRACTITIONER,
    state="SI",
    institution="State Prosecutor's Office",
    language="en",
    timezone="Europe/Ljubljana",
    sessions=("session-2", "session-4"),
)

EXPERT = Recipient(
    address="layla.haddad@institute.example",
    given_name="ليلى",
    family_name="حداد",
    title="الدكتورة",
    role=Role.EXPERT,
    state="JO",
    institution="معهد الدراسات القضائية",
    language="ar",
    timezone="Asia/Amman",
    sessions=("session-1", "session-3"),
)

SPEAKER = Recipient(
    address="d.abenov@cyberpolice.example",
    given_name="Daniyar",
    family_name="Abenov",
    role=Role.SPEAKER,
    state="KZ",
    language="en",
    timezone="Asia/Almaty",
    sessions=("session-1",),
)

FAR_AWAY = Recipient(
    address="robin.tremblay@delegation.example",
    given_name="Robin",
    family_name="Tremblay",
    role=Role.FOCAL_POINT,
    state="CA",
    language="en",
    timezone="America/Los_Angeles",
)

RECIPIENTS = (FOCAL_POINT, PRACTITIONER, EXPERT, SPEAKER, FAR_AWAY)


def version(event: Event = EVENT, *, number: int = 1, published_at: datetime = PUBLISHED_AT) -> AgendaVersion:
    """Version `number` of an event; nothing in it has changed since it was first published."""
    return AgendaVersion(
        event=event,
        number=number,
        published_at=published_at,
        first_published_at=PUBLISHED_AT,
        sequences={"event": 0, **{session.key: 0 for session in event.sessions}},
    )


def _before(event: Event) -> Event:
    """What the event was before it changed to what it is: another session, another hour, another house."""
    first, *others = event.sessions
    moved = first.model_copy(update={"starts_at": first.starts_at - timedelta(minutes=15)})
    gone = Session(key="gone", title="A session that is off", starts_at=event.ends_at, ends_at=event.ends_at)
    venue = event.venue.model_copy(update={"name": "The old house"})
    return event.model_copy(update={"sessions": (moved, *others, gone), "venue": venue})


def facts_of(kind: MailingKind, of: AgendaVersion) -> dict[str, Any]:
    """What composing a letter of this kind takes besides its reader: `mailing`, `anchor`, `upkeep` and `earlier`."""
    if kind is MailingKind.CONFIRMATION:
        answers = (("event", "accepted"), (of.event.sessions[0].key, "accepted"))
        upkeep = Upkeep(
            cause=Cause.CHOICE, since=of.number, stamped_at=PUBLISHED_AT, told=(), answers=answers
        )
        return {"mailing": of.event.mailing(kind.value), "anchor": "event", "upkeep": upkeep}
    if kind not in ABOUT_ENTRIES:
        mailing = next(each for each in of.event.mailings if each.kind is kind)
        return {
            "mailing": mailing,
            "anchor": "session-2" if kind is MailingKind.SESSION_REMINDER else "event",
        }
    off = kind is MailingKind.CANCELLATION
    told = (
        Told(anchor="event", version=0, sequence=1, asked=True, cancelled=off),
        Told(
            anchor=of.event.sessions[0].key,
            version=0 if off else of.number,
            sequence=1,
            asked=False,
            cancelled=off,
        ),
    )
    return {
        "mailing": of.event.mailing(kind.value),
        "anchor": "event",
        "upkeep": Upkeep(cause=Cause.AGENDA, since=0, stamped_at=PUBLISHED_AT, told=told),
        "earlier": {0: version(_before(of.event), number=0)},
    }


def links(event: Event = EVENT) -> Links:
    """Links of the shape `Signer.links` gives, with a token that opens nothing."""
    page = "https://convenor.example/r/AbCdEfGhIjKlMnOpQrStUvWxYz012345678901"
    anchors = ("event", *(session.key for session in event.sessions))
    return Links(
        page=page,
        unsubscribe="https://convenor.example/u/AbCdEfGhIjKlMnOpQrStUvWxYz012345678901",
        entries={anchor: f"{page}/{anchor}.ics" for anchor in anchors},
    )

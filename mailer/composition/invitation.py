"""Which calendar entries a letter carries, and what they say: the iTIP decisions (RFC 5546), as values.

Knows the agenda and its reader. UIDs and links are given; writing the file is left to `ical`, putting it into
a letter to `message`.

One REQUEST is one entry for one person: several entries in one show as one, or none, in some calendars, so a
whole agenda goes out as PUBLISH.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from mailer.agenda.model import AgendaVersion, CalendarPart, Event, Session
from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Told, Upkeep
from mailer.composition.links import Links
from mailer.recipients.model import Recipient


class Method(StrEnum):
    """What the file asks its reader to do; the same word stands in the MIME type (RFC 6047 2.4)."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


class Status(StrEnum):
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, kw_only=True)
class CalendarUser:
    """Who invites or who is invited (RFC 5545 3.3.3). `answer` is what somebody invited is known to have answered."""

    name: str
    address: str
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The calendar object one recipient holds for one session or the whole event.

    `timezone` is the IANA name in which the wall clock is told; `stamped_at` is DTSTAMP. A `transparent`
    entry leaves its reader free. Without an `attendee` nobody is asked to answer.
    """

    uid: str
    sequence: int
    stamped_at: datetime
    summary: str
    description: str
    location: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    organiser: CalendarUser
    attendee: CalendarUser | None
    url: str
    transparent: bool = False
    status: Status = Status.CONFIRMED


@dataclass(frozen=True, kw_only=True)
class CalendarMessage:
    """One calendar file: what is asked, and of which entries. One that is subscribed to has a name."""

    method: Method
    entries: tuple[Entry, ...]
    name: str = ""


class Labels(NamedTuple):
    """The few words of our own in an entry's description."""

    agenda: str
    place: str
    chair: str
    speakers: str
    answer: str


LABELS = {
    "en": Labels("Agenda (venue time, {zone})", "Venue", "Chair", "Speakers", "Please answer here"),
    "fr": Labels(
        "Ordre du jour (heure du lieu, {zone})", "Lieu", "Présidence", "Intervenants", "Merci de répondre ici"
    ),
    "de": Labels("Programm (Ortszeit, {zone})", "Ort", "Vorsitz", "Vortragende", "Bitte antworten Sie hier"),
    "es": Labels(
        "Programa (hora del lugar, {zone})", "Lugar", "Presidencia", "Ponentes", "Responda aquí, por favor"
    ),
    "it": Labels(
        "Programma (ora del luogo, {zone})", "Luogo", "Presidenza", "Relatori", "Si prega di rispondere qui"
    ),
    "ru": Labels(
        "Программа (местное время, {zone})",
        "Место",
        "Председатель",
        "Докладчики",
        "Пожалуйста, ответьте здесь",
    ),
}
"""By the event's language; English for any other."""


def calendar_message(
    *,
    version: AgendaVersion,
    part: CalendarPart,
    anchor: str,
    recipient: Recipient,
    uid_for: Callable[[str], str],
    links: Links,
) -> CalendarMessage | None:
    """What a letter carries for its reader's calendar, or None.

    `anchor` is the occasion's (`event` or a session's key); `uid_for` gives the recipient's UID of one.

    Raises:
        KeyError: `part` is `session` and the agenda has no such session.
    """

    def entry(anchor: str) -> Entry:
        return entry_for(version=version, anchor=anchor, recipient=recipient, uid_for=uid_for, links=links)

    match part:
        case CalendarPart.NONE:
            return None
        case CalendarPart.EVENT:
            return CalendarMessage(method=Method.REQUEST, entries=(entry(EVENT),))
        case CalendarPart.SESSION:
            return CalendarMessage(method=Method.REQUEST, entries=(entry(version.event.session(anchor).key),))
        case CalendarPart.SESSIONS:
            unasked = tuple(replace(entry(session.key), attendee=None) for session in version.event.sessions)
            return CalendarMessage(method=Method.PUBLISH, entries=unasked)


def messages_for(
    *,
    upkeep: Upkeep,
    earlier: Mapping[int, AgendaVersion],
    recipient: Recipient,
    uid_for: Callable[[str], str],
    links: Links,
) -> tuple[CalendarMessage, ...]:
    """What a letter carries that makes its reader's entries right: the one that is asked about or cancelled first, and
    all that ask nobody in one PUBLISH (RFC 5546 3.2.1), those that are off among them as cancelled.

    `earlier` has the versions that `upkeep` names.
    """

    def entry(told: Told) -> Entry:
        made = entry_for(
            version=earlier[told.version],
            anchor=told.anchor,
            recipient=recipient,
            uid_for=uid_for,
            links=links,
        )
        attendee = replace(made.attendee, answer=told.answer) if made.attendee and told.asked else None
        numbered = replace(made, sequence=told.sequence, stamped_at=upkeep.stamped_at, attendee=attendee)
        return replace(numbered, status=Status.CANCELLED, description="") if told.cancelled else numbered

    found = [
        CalendarMessage(method=Method.CANCEL if told.cancelled else Method.REQUEST, entries=(entry(told),))
        for told in upkeep.told
        if told.asked
    ]
    if shown := tuple(entry(told) for told in upkeep.told if not told.asked):
        found.append(CalendarMessage(method=Method.PUBLISH, entries=shown))
    return tuple(found)


def entry_for(
    *, version: AgendaVersion, anchor: str, recipient: Recipient, uid_for: Callable[[str], str], links: Links
) -> Entry:
    """One recipient's entry for one anchor, as this version of the agenda has it.

    Raises:
        KeyError: the agenda has no session of that key.
    """
    asks = f"{_labels(version.event).answer}\n{links.page}"
    attendee = CalendarUser(name=recipient.name, address=recipient.address)
    return _entry(version, anchor, uid_for(anchor), asks, links.page, attendee)


def published_entry(*, version: AgendaVersion, anchor: str, uid: str, page: str) -> Entry:
    """The entry for one anchor as it is published: it names nobody and asks nobody. `page` is its URL, or nothing.

    Raises:
        KeyError: the agenda has no session of that key.
    """
    return _entry(version, anchor, uid, page, page, None)


def _entry(
    version: AgendaVersion, anchor: str, uid: str, last_words: str, url: str, attendee: CalendarUser | None
) -> Entry:
    event = version.event
    session = None if anchor == EVENT else event.session(anchor)
    text = _session_text(event, session, last_words) if session else _event_text(event, last_words)
    return Entry(
        uid=uid,
        sequence=version.sequences.get(anchor, 0),
        stamped_at=version.published_at,
        summary=session.title if session else event.title,
        description=text,
        location=_location(event, session),
        starts_at=session.starts_at if session else event.starts_at,
        ends_at=session.ends_at if session else event.ends_at,
        timezone=event.timezone,
        organiser=CalendarUser(name=event.organiser.name, address=event.organiser.address),
        attendee=attendee,
        url=url,
        transparent=bool(session and not session.blocks),
        status=Status.CANCELLED if event.cancelled else Status.CONFIRMED,
    )


def _location(event: Event, session: Session | None) -> str:
    if session and session.room:
        return event.venue.model_copy(update={"room": session.room}).one_line
    return event.venue.one_line


def _event_text(event: Event, last_words: str) -> str:
    labels = _labels(event)
    agenda = "\n".join((labels.agenda.format(zone=event.timezone), *_programme(event)))
    place = f"{labels.place}\n{event.venue.one_line}"
    return _paragraphs(event.summary, agenda, place, last_words)


def _session_text(event: Event, session: Session, last_words: str) -> str:
    labels = _labels(event)
    return _paragraphs(
        event.title,
        "\n".join(f"– {point}" for point in session.points),
        f"{labels.chair}\n{session.chair}" if session.chair else "",
        "\n".join((labels.speakers, *session.speakers)) if session.speakers else "",
        last_words,
    )


def _programme(event: Event) -> Iterator[str]:
    """Every item with its hours on the venue's clock, under the day it begins on."""
    for day, sessions in groupby(
        event.sessions, lambda session: session.starts_at.astimezone(event.zone).date()
    ):
        yield format_date(day, "full", _locale(event.language))
        yield from (f"{_hours(event, session)}  {session.title}" for session in sessions)


def _hours(event: Event, session: Session) -> str:
    starts, ends = (moment.astimezone(event.zone) for moment in (session.starts_at, session.ends_at))
    return f"{starts:%H:%M}" if session.end_assumed else f"{starts:%H:%M}–{ends:%H:%M}"


def _labels(event: Event) -> Labels:
    return LABELS.get(event.language.partition("-")[0].lower(), LABELS["en"])


def _locale(language: str) -> Locale:
    """How a date is written; `en` alone is the English of international organisations: day before month."""
    try:
        return Locale.parse("en-GB" if language == "en" else language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en", "GB")


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))

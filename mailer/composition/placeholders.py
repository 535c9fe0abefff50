"""What a letter may say: the table of placeholders, and their values for one reader at one occasion.

Every value is plain data (text, a number, yes or no, a list, a `Moment`) and every text is one line without
control characters: printing it can change neither the letter nor its direction. Which words stand around the
values, and how dates are written, is left to `wording`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import cycle
from types import MappingProxyType
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from mailer.agenda.model import (
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
from mailer.agenda.rules import EVENT
from mailer.composition.links import Links
from mailer.recipients.model import Recipient, Role, state_name

Value = object
"""Text, int, bool, None, `Moment`, or a list or dict of these."""

PLACEHOLDERS: Mapping[str, str] = {
    "recipient.name": "The reader's given and family name.",
    "recipient.full_name": "The name with its title: Dr Ana Novak.",
    "recipient.addressed_as": "The name after 'Dear': Dr Novak, or the whole name where no title is known.",
    "recipient.title": "The reader's title, or nothing.",
    "recipient.family_name": "The reader's family name.",
    "recipient.institution": "Where the reader works, or nothing.",
    "recipient.state": "The State's name in the reader's language, or nothing.",
    "recipient.role": "focal_point, practitioner, expert or speaker.",
    "recipient.timezone": "The reader's time zone (the venue's where none is known), such as Asia/Almaty.",
    "recipient.own_time": "Whether the reader's clock shows another hour than the venue's on the day.",
    "answer": "What the reader answered for the conference: accepted, tentative, declined or delegated, or nothing.",
    "event.title": "The conference's title.",
    "event.summary": "What it is about, in one paragraph, or nothing.",
    "event.language": "The language the agenda is written in, such as en.",
    "event.direction": "ltr or rtl: which way that language is written.",
    "event.venue.name": "The building.",
    "event.venue.room": "The room, or nothing.",
    "event.venue.street": "Street and number.",
    "event.venue.city": "City with its postcode.",
    "event.venue.one_line": "The whole place in one line, as the calendar entry has it.",
    "event.organiser.name": "Who invites.",
    "event.organiser.address": "The organiser's e-mail address.",
    "event.starts": "When the first session starts.",
    "event.ends": "When the last session ends.",
    "event.end_assumed": "Whether the agenda leaves that last end open.",
    "event.timezone": "The venue's time zone, such as Europe/Vienna.",
    "event.is_one_day": "Whether it starts and ends on the same day at the venue.",
    "event.entry_link": "The address of the whole conference as a calendar file for this reader.",
    "agenda.number": "The number of the agenda's version, 1 for the first.",
    "agenda.published": "When this version was published.",
    "mailing.title": "The mailing's title, as the event file has it.",
    "mailing.calendar": "What is attached for the calendar: none, event, session or sessions.",
    "mailing.due": "The moment this letter is appointed for.",
    "links.page": "The reader's personal page, where an invitation is answered.",
    "links.unsubscribe": "Where the reader unsubscribes.",
    "sessions": "Every session in the order of time; each has the fields of `session`.",
    "chosen_sessions": "The sessions this reader chose; each has the fields of `session`.",
    "session": "The session this letter is about; nothing where it is about the whole conference.",
    "session.key": "The session's key in the event file.",
    "session.kind": "registration, opening, session, break or closing.",
    "session.title": "The session's title.",
    "session.starts": "When it starts.",
    "session.ends": "When it ends.",
    "session.end_assumed": "Whether the agenda gives it no end.",
    "session.points": "The points for discussion, a list.",
    "session.room": "Its room (the venue's where it names none), or nothing.",
    "session.chair": "Who chairs it, or nothing.",
    "session.speakers": "Who speaks, a list of names.",
    "session.is_break": "Whether it is a break.",
    "session.chosen": "Whether this reader chose it.",
    "session.entry_link": "The address of the session as a calendar file for this reader.",
    "language": "The language this letter is written in, such as fr.",
    "direction": "ltr or rtl: which way that language is written.",
}
"""Every name a template may use, and what it stands for, in the organiser's words."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BIDI = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_TAKES_PART = frozenset({"accepted", "tentative"})


@dataclass(frozen=True, kw_only=True)
class Moment:
    """An instant as clocks show it: the venue's, and the reader's own where it shows another hour."""

    venue: datetime
    own: datetime | None


@lru_cache(maxsize=256)
def locale_of(language: str) -> Locale:
    """What Babel calls a language: British for plain `en`; else its base language, else British again."""
    for name in (language.replace("-", "_"), language.partition("-")[0]):
        try:
            return Locale.parse("en_GB" if name == "en" else name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse("en_GB")


def direction_of(language: str) -> str:
    """`rtl` for languages written from right to left, else `ltr`."""
    return locale_of(language).text_direction


def context(
    *,
    version: AgendaVersion,
    mailing: Mailing,
    anchor: str,
    recipient: Recipient,
    links: Links,
    language: str,
    due_at: datetime,
    answers: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Value]:
    """The value of every placeholder for one reader.

    Args:
        anchor: what the occasion hangs on: `event`, or a session's key.
        answers: the reader's last ones by anchor, for letters that say them; a session's is whether it is chosen.
        language: the one the letter will be written in (`wording.choose_language`).

    Raises:
        KeyError: the agenda holds no session of that key.
    """
    event, zone = version.event, recipient.timezone or version.event.timezone
    clocks = _Clocks(venue=event.zone, own=ZoneInfo(zone))
    sessions = [_session(session, event, recipient, links, clocks, answers) for session in event.sessions]
    hangs_on = None if anchor == EVENT else event.session(anchor)
    starts = clocks.moment(event.starts_at)
    return {
        "recipient": _recipient(recipient, language) | {"timezone": zone, "own_time": starts.own is not None},
        "event": _event(event, links, clocks),
        "agenda": {"number": version.number, "published": clocks.moment(version.published_at)},
        "mailing": {
            "title": _line(mailing.title),
            "calendar": mailing.calendar.value,
            "due": clocks.moment(due_at),
        },
        "links": {"page": links.page, "unsubscribe": links.unsubscribe},
        "sessions": sessions,
        "chosen_sessions": [session for session in sessions if session["chosen"]],
        "session": hangs_on and _session(hangs_on, event, recipient, links, clocks, answers),
        "answer": answers.get(EVENT, ""),
        "language": language,
        "direction": direction_of(language),
    }


@dataclass(frozen=True, kw_only=True)
class _Clocks:
    venue: ZoneInfo
    own: ZoneInfo

    def moment(self, instant: datetime) -> Moment:
        venue, own = instant.astimezone(self.venue), instant.astimezone(self.own)
        return Moment(venue=venue, own=None if own.utcoffset() == venue.utcoffset() else own)


def _addressed_as(recipient: Recipient) -> str:
    title, family_name = _line(recipient.title), _line(recipient.family_name)
    return f"{title} {family_name}" if title and family_name else _line(recipient.name)


@lru_cache(maxsize=1024)
def _state(code: str | None, language: str) -> str:
    return state_name(code, str(locale_of(language))) if code else ""


OWN_TEXTS: Mapping[str, Callable[[Recipient, str], str]] = {
    "name": lambda recipient, _: _line(recipient.name),
    "full_name": lambda recipient, _: _line(recipient.full_name),
    "addressed_as": lambda recipient, _: _addressed_as(recipient),
    "title": lambda recipient, _: _line(recipient.title),
    "family_name": lambda recipient, _: _line(recipient.family_name),
    "institution": lambda recipient, _: _line(recipient.institution),
    "state": lambda recipient, language: _state(recipient.state, language),
}
"""The fields of `recipient` that are text of the reader's own, each from the reader and the letter's language."""


def _recipient(recipient: Recipient, language: str) -> dict[str, Value]:
    own: dict[str, Value] = {field: text(recipient, language) for field, text in OWN_TEXTS.items()}
    return own | {"role": recipient.role.value}


def _event(event: Event, links: Links, clocks: _Clocks) -> dict[str, Value]:
    starts, ends = clocks.moment(event.starts_at), clocks.moment(event.ends_at)
    return {
        "title": _line(event.title),
        "summary": _line(event.summary),
        "language": event.language,
        "direction": direction_of(event.language),
        "venue": {
            "name": _line(event.venue.name),
            "room": _line(event.venue.room or ""),
            "street": _line(event.venue.street),
            "city": _line(event.venue.city),
            "one_line": _line(event.venue.one_line),
        },
        "organiser": {"name": _line(event.organiser.name), "address": _line(event.organiser.address)},
        "starts": starts,
        "ends": ends,
        "end_assumed": max(event.sessions, key=lambda session: session.ends_at).end_assumed,
        "timezone": event.timezone,
        "is_one_day": starts.venue.date() == ends.venue.date(),
        "entry_link": links.entries.get(EVENT, ""),
    }


def takes_part(session: str, recipient: Recipient, answers: Mapping[str, str]) -> bool:
    """Whether a reader chose a session: by what they last answered for it, and else by what the list says."""
    return answers[session] in _TAKES_PART if session in answers else session in recipient.sessions


def _session(
    session: Session,
    event: Event,
    recipient: Recipient,
    links: Links,
    clocks: _Clocks,
    answers: Mapping[str, str],
) -> dict[str, Value]:
    return {
        "key": session.key,
        "kind": session.kind.value,
        "title": _line(session.title),
        "starts": clocks.moment(session.starts_at),
        "ends": clocks.moment(session.ends_at),
        "end_assumed": session.end_assumed,
        "points": [_line(point) for point in session.points],
        "room": _line(session.room or event.venue.room or ""),
        "chair": _line(session.chair or ""),
        "speakers": [_line(speaker) for speaker in session.speakers],
        "is_break": session.kind is SessionKind.BREAK,
        "chosen": takes_part(session.key, recipient, answers),
        "entry_link": links.entries.get(session.key, ""),
    }


def _line(text: str) -> str:
    """Strangers' text as one line: no control characters, nothing that turns the line around (UAX 9 2)."""
    if text.isprintable() and "  " not in text and text == text.strip(" "):
        return text
    return " ".join(_BIDI.sub("", _CONTROLS.sub(" ", text)).split())


def samples(kind: MailingKind, language: str) -> Iterator[dict[str, Value]]:
    """Contexts to try a template on: every role and answer; bare and full values; the venue's clock and others."""
    answered = cycle(_SAMPLE_ANSWERS)
    for role in Role:
        for zone, full in ((None, False), ("Asia/Tashkent", True), ("Pacific/Honolulu", True)):
            version = _sample_version(kind, full=full, days=1 if zone is None else 2)
            anchor = "session-1" if kind is MailingKind.SESSION_REMINDER else EVENT
            recipient = Recipient(
                address="reader@delegation.example",
                given_name="Ana",
                family_name="Novak",
                title="Dr" if full else "",
                role=role,
                state="AT" if full else None,
                institution="Public Prosecutor's Office" if full else "",
                timezone=zone,
                sessions=("session-1",) if full else (),
            )
            links = Links(
                page="https://convenor.example/r/sample",
                unsubscribe="https://convenor.example/u/sample",
                entries={"session-1": "https://convenor.example/r/sample/session-1.ics"} if full else {},
            )
            yield context(
                version=version,
                mailing=version.event.mailings[0],
                anchor=anchor,
                recipient=recipient,
                links=links,
                language=language,
                due_at=_SAMPLE_DAY,
                answers={EVENT: next(answered)} if kind is MailingKind.CONFIRMATION else {},
            )


_SAMPLE_ANSWERS = ("accepted", "tentative", "declined", "delegated", "")
_SAMPLE_DAY = datetime(2030, 6, 4, 8, 0, tzinfo=UTC)


def _sample_version(kind: MailingKind, *, full: bool, days: int) -> AgendaVersion:
    hour = timedelta(hours=1)
    sessions = (
        Session(
            key="registration",
            kind=SessionKind.REGISTRATION,
            title="Registration",
            starts_at=_SAMPLE_DAY - hour,
            ends_at=_SAMPLE_DAY,
        ),
        Session(
            key="session-1",
            title="A session",
            starts_at=_SAMPLE_DAY,
            ends_at=_SAMPLE_DAY + hour,
            points=("A point for discussion?",) if full else (),
            room="Room 1" if full else None,
            chair="A chair" if full else None,
            speakers=("A speaker", "Another speaker") if full else (),
        ),
        Session(
            key="break",
            kind=SessionKind.BREAK,
            title="Break",
            starts_at=_SAMPLE_DAY + hour,
            ends_at=_SAMPLE_DAY + 2 * hour,
        ),
        Session(
            key="closing",
            kind=SessionKind.CLOSING,
            title="Closing",
            starts_at=_SAMPLE_DAY + timedelta(days=days - 1, hours=3),
            ends_at=_SAMPLE_DAY + timedelta(days=days - 1, hours=3),
            end_assumed=full,
        ),
    )
    mailing = Mailing(
        key="sample",
        kind=kind,
        title="A mailing",
        audience="everyone",
        when="as soon as published",
        useful_until="the event ends",
        calendar=CalendarPart.SESSIONS if full else CalendarPart.NONE,
    )
    event = Event(
        key="sample",
        title="A conference",
        summary="What it is about." if full else "",
        language="en",
        timezone="Europe/Vienna",
        venue=Venue(name="A house", room="A room" if full else None, street="A street 1", city="A city"),
        organiser=Organiser(name="A secretariat", address="secretariat@conference.example"),
        sessions=sessions,
        mailings=(mailing,),
    )
    return AgendaVersion(
        event=event,
        number=2 if full else 1,
        published_at=_SAMPLE_DAY,
        first_published_at=_SAMPLE_DAY,
        sequences={},
    )

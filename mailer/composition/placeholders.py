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
from itertools import product
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

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
from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Cause, Told, Upkeep
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
    "upkeep.cause": "Why a letter about entries comes: agenda, choice, left or correction; nothing in other letters.",
    "upkeep.is_asked": "Whether its reader is asked to answer anew.",
    "upkeep.is_reinstated": "Whether it takes place after all, though its reader was told that it is off.",
    "upkeep.has_more": "Whether a second calendar file is attached, agenda.ics, with the sessions that changed.",
    "changes": "What differs from what the reader was last told; empty in letters that tell of no change.",
    "changes.kind": "added, cancelled or changed.",
    "changes.is_event": "Whether it is about the conference as a whole.",
    "changes.moved": "Whether its hours are others.",
    "changes.relocated": "Whether its place is another.",
    "changes.renamed": "Whether its title is another.",
    "changes.reworded": "Whether its points, its chair or its speakers are others.",
    "changes.title": "The title, as it is now (or was, if it is cancelled).",
    "changes.before": "How it was: title, starts, ends, end_assumed and place; nothing if it is new.",
    "changes.before.title": "The title it had.",
    "changes.before.starts": "When it was to start.",
    "changes.before.ends": "When it was to end.",
    "changes.before.end_assumed": "Whether the agenda gave it no end.",
    "changes.before.place": "Where it was to be, in one line.",
    "changes.after": "How it is now; nothing if it is cancelled.",
    "changes.after.title": "The title it has.",
    "changes.after.starts": "When it starts.",
    "changes.after.ends": "When it ends.",
    "changes.after.end_assumed": "Whether the agenda gives it no end.",
    "changes.after.place": "Where it is, in one line.",
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
    upkeep: Upkeep | None = None,
    earlier: Mapping[int, AgendaVersion] = MappingProxyType({}),
) -> dict[str, Value]:
    """The value of every placeholder for one reader.

    Args:
        anchor: what the occasion hangs on: `event`, or a session's key.
        upkeep: what the letter does to entries or says of answers, if it is about them; `earlier` has the versions it
            names.
        language: the one the letter will be written in (`wording.choose_language`).

    Raises:
        KeyError: the agenda holds no session of that key.
    """
    event, zone = version.event, recipient.timezone or version.event.timezone
    clocks = _Clocks(venue=event.zone, own=ZoneInfo(zone))
    answers = dict(upkeep.answers) if upkeep else {}
    sessions = [_session(session, event, recipient, links, clocks, answers) for session in event.sessions]
    hangs_on = None if anchor == EVENT else _found(anchor, version, upkeep, earlier)
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
        "upkeep": _upkeep(upkeep, version, anchor, earlier),
        "changes": _changes(version, anchor, upkeep, earlier, clocks),
        "answer": answers.get(EVENT, ""),
        "language": language,
        "direction": direction_of(language),
    }


def _found(
    anchor: str, version: AgendaVersion, upkeep: Upkeep | None, earlier: Mapping[int, AgendaVersion]
) -> Session:
    """The session as it is, or as its reader knew it if it is off."""
    told = {each.anchor: each.version for each in upkeep.told} if upkeep else {}
    agenda = version
    if all(session.key != anchor for session in version.event.sessions):
        agenda = earlier.get(told.get(anchor, 0), version)
    return agenda.event.session(anchor)


def _upkeep(
    upkeep: Upkeep | None, version: AgendaVersion, anchor: str, earlier: Mapping[int, AgendaVersion]
) -> dict[str, Value]:
    if upkeep is None:
        return {"cause": "", "is_asked": False, "is_reinstated": False, "has_more": False}
    last_told = earlier.get(upkeep.since)
    was_off = last_told is not None and not _takes_place(last_told.event, anchor)
    return {
        "cause": upkeep.cause.value,
        "is_asked": any(each.anew for each in upkeep.told),
        "is_reinstated": upkeep.cause is Cause.AGENDA and was_off and _takes_place(version.event, anchor),
        "has_more": len({each.asked for each in upkeep.told}) > 1,
    }


def _takes_place(event: Event, anchor: str) -> bool:
    return not event.cancelled and (anchor == EVENT or any(each.key == anchor for each in event.sessions))


def _changes(
    version: AgendaVersion,
    anchor: str,
    upkeep: Upkeep | None,
    earlier: Mapping[int, AgendaVersion],
    clocks: "_Clocks",
) -> list[dict[str, Value]]:
    """The event first, where it differs as a whole, then its sessions in the order of time."""
    if upkeep is None or upkeep.since not in earlier:
        return []
    known = {anchor: earlier[number].event for anchor, number in upkeep.later}
    whole = earlier[upkeep.since].event
    states = (
        *(earlier[number].event for number in sorted({upkeep.since, *dict(upkeep.later).values()})),
        version.event,
    )
    starts = {session.key: session.starts_at for event in states for session in event.sessions}
    anchors = [EVENT, *sorted(starts, key=lambda key: (starts[key], key))] if anchor == EVENT else [anchor]
    told = [
        _change(
            *(
                _state_of(event, each, clocks, alone=anchor != EVENT)
                for event in (known.get(each, whole), version.event)
            )
        )
        for each in anchors
    ]
    return [
        {"is_event": each == EVENT, **change} for each, change in zip(anchors, told, strict=True) if change
    ]


class _State(NamedTuple):
    """What a letter shows of one state of an entry, and by what two states differ."""

    shown: dict[str, Value]
    facts: dict[str, object]


_FACTS = ("moved", "relocated", "renamed", "reworded")


def _change(before: _State | None, after: _State | None) -> dict[str, Value] | None:
    now = after or before
    if now is None or (before and after and before.facts == after.facts):
        return None
    kind = "changed" if before and after else "added" if after else "cancelled"
    return {
        "kind": kind,
        "title": now.shown["title"],
        **{fact: bool(before and after and before.facts[fact] != after.facts[fact]) for fact in _FACTS},
        "before": before and before.shown,
        "after": after and after.shown,
    }


def _state_of(event: Event, anchor: str, clocks: "_Clocks", *, alone: bool) -> _State | None:
    """Nothing where nothing takes place. A session told of by itself tells of the venue, too."""
    if event.cancelled:
        return None
    if anchor == EVENT:
        place: object = event.venue.one_line
        return _State(
            _shown(event.title, event.starts_at, event.ends_at, event.venue.one_line, clocks),
            dict(
                zip(
                    _FACTS, ((event.starts_at, event.ends_at), place, event.title, event.summary), strict=True
                )
            ),
        )
    session = next((each for each in event.sessions if each.key == anchor), None)
    if session is None:
        return None
    place = (session.room, event.venue) if alone else session.room
    words = (session.points, session.chair, session.speakers, session.blocks)
    facts = ((session.starts_at, session.ends_at, session.end_assumed), place, session.title, words)
    room = session.room or event.venue.room
    shown = _shown(session.title, session.starts_at, session.ends_at, room or event.venue.name, clocks)
    return _State(shown | {"end_assumed": session.end_assumed}, dict(zip(_FACTS, facts, strict=True)))


def _shown(
    title: str, starts_at: datetime, ends_at: datetime, place: str, clocks: "_Clocks"
) -> dict[str, Value]:
    return {
        "title": _line(title),
        "starts": clocks.moment(starts_at),
        "ends": clocks.moment(ends_at),
        "end_assumed": False,
        "place": _line(place),
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


def samples(kind: MailingKind, language: str) -> Iterator[Iterator[dict[str, Value]]]:
    """Contexts to try a template on: every role and answer; bare and full values; the venue's clock and others; for
    letters about changes, every cause and sort of change. Those of one group differ in the reader's role alone.
    """
    for zone, full in ((None, False), ("Asia/Tashkent", True), ("Pacific/Honolulu", True)):
        version = _sample_version(kind, full=full, days=1 if zone is None else 2)
        for anchor, state, upkeep in _sample_occasions(kind, version):
            yield _sample_readers(state, anchor, upkeep, version, language, zone=zone, full=full)


def _sample_readers(
    state: AgendaVersion,
    anchor: str,
    upkeep: Upkeep | None,
    earlier: AgendaVersion,
    language: str,
    *,
    zone: str | None,
    full: bool,
) -> Iterator[dict[str, Value]]:
    links = Links(
        page="https://convenor.example/r/sample",
        unsubscribe="https://convenor.example/u/sample",
        entries={"session-1": "https://convenor.example/r/sample/session-1.ics"} if full else {},
    )
    for role in Role:
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
        yield context(
            version=state,
            mailing=state.event.mailings[0],
            anchor=anchor,
            recipient=recipient,
            links=links,
            language=language,
            due_at=_SAMPLE_DAY,
            upkeep=upkeep,
            earlier={0: earlier, 1: _called_off(earlier)},
        )


def _sample_occasions(
    kind: MailingKind, version: AgendaVersion
) -> Iterator[tuple[str, AgendaVersion, Upkeep | None]]:
    """Anchor, agenda and upkeep of letters of this kind."""
    if kind is MailingKind.CONFIRMATION:
        for answer in _SAMPLE_ANSWERS:
            confirmed = ((EVENT, answer), ("session-1", answer)) if answer else ()
            yield (
                EVENT,
                version,
                Upkeep(cause=Cause.CHOICE, since=0, stamped_at=_SAMPLE_DAY, told=(), answers=confirmed),
            )
        return
    if kind not in ABOUT_ENTRIES:
        yield "session-1" if kind is MailingKind.SESSION_REMINDER else EVENT, version, None
        return
    cancelled = kind is MailingKind.CANCELLATION
    for anchor, cause in product((EVENT, "session-1"), Cause):
        told = (
            Told(
                anchor=anchor,
                version=0,
                sequence=1,
                asked=True,
                cancelled=cancelled,
                anew=cause is Cause.AGENDA,
            ),
            Told(anchor="break", version=0, sequence=1, asked=False, cancelled=cancelled),
        )
        state = (
            version
            if cause is Cause.LEFT
            else _changed_sample(version, cancelled=cancelled and anchor == EVENT)
        )
        yield anchor, state, Upkeep(cause=cause, since=0, stamped_at=_SAMPLE_DAY, told=told)
        if cause is Cause.AGENDA and not cancelled:  # takes place after all
            yield anchor, state, Upkeep(cause=cause, since=1, stamped_at=_SAMPLE_DAY, told=told)


def _called_off(version: AgendaVersion) -> AgendaVersion:
    return version.model_copy(update={"event": version.event.model_copy(update={"cancelled": True})})


def _changed_sample(version: AgendaVersion, *, cancelled: bool) -> AgendaVersion:
    """Something of everything: a session that moved, one that is off, a new one; another title and another house."""
    event, hour = version.event, timedelta(hours=1)
    registration, session, _, closing = event.sessions
    sessions = (
        registration.model_copy(update={"room": "Room 2"}),
        session.model_copy(
            update={
                "title": "Another",
                "starts_at": session.starts_at + hour,
                "ends_at": session.ends_at + hour,
            }
        ),
        closing,
        closing.model_copy(update={"key": "dinner", "title": "Dinner"}),
    )
    venue = event.venue.model_copy(update={"name": "Another house"})
    changed = event.model_copy(update={"sessions": sessions, "venue": venue, "cancelled": cancelled})
    return version.model_copy(update={"event": changed})


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

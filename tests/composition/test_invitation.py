from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer.agenda.model import CalendarPart
from mailer.agenda.upkeep import Cause, Told, Upkeep
from mailer.composition.invitation import (
    LABELS,
    CalendarMessage,
    CalendarUser,
    Entry,
    Method,
    Status,
    calendar_message,
    entry_for,
    messages_for,
)
from tests.conference import (
    EVENT,
    ORGANISER,
    PRACTITIONER,
    PUBLISHED_AT,
    SESSIONS,
    VENUE,
    at,
    links,
    version,
)
from tests.scenes.calendar import carried, moved, two_days_in_french

UID_FOR: Callable[[str], str] = "uid of {}".format


def entry(anchor: str = "session-1") -> Entry:
    return entry_for(version=version(), anchor=anchor, recipient=PRACTITIONER, uid_for=UID_FOR, links=links())


def test_nothing_is_carried_where_nothing_is_to_be() -> None:
    nothing = calendar_message(
        version=version(),
        part=CalendarPart.NONE,
        anchor="event",
        recipient=PRACTITIONER,
        uid_for=UID_FOR,
        links=links(),
    )
    assert nothing is None


def test_the_whole_event_is_one_request_from_its_first_minute_to_its_last() -> None:
    message = carried(CalendarPart.EVENT)
    (only,) = message.entries
    assert (message.method, only.starts_at, only.ends_at) == (Method.REQUEST, at("08:45"), at("17:00"))
    assert (only.summary, only.location) == (EVENT.title, VENUE.one_line)


def test_an_entry_says_who_asks_whom_about_what() -> None:
    assert entry("session-1") == Entry(
        uid="uid of session-1",
        sequence=0,
        stamped_at=PUBLISHED_AT,
        summary=SESSIONS[2].title,
        description="\n\n".join(
            (
                EVENT.title,
                "\n".join(f"– {point}" for point in SESSIONS[2].points),
                f"Please answer here\n{links().page}",
            )
        ),
        location=VENUE.one_line,
        starts_at=at("10:00"),
        ends_at=at("11:15"),
        timezone="Europe/Vienna",
        organiser=CalendarUser(name=ORGANISER.name, address=ORGANISER.address),
        attendee=CalendarUser(name="Ana Novak", address=PRACTITIONER.address),
        url=links().page,
    )


def test_the_event_tells_the_day_in_venue_time() -> None:
    lines = entry("event").description.splitlines()
    first = lines.index("Agenda (venue time, Europe/Vienna)")
    assert lines[first + 1 : first + 4] == [
        "Wednesday, 10 March 2027",
        "08:45–09:15  Registration",
        "09:15–10:00  Opening session",
    ]
    assert "17:00  Closing remarks" in lines
    assert lines[-2:] == ["Please answer here", links().page]


def test_two_days_are_told_day_by_day_in_the_events_language() -> None:
    told = carried(CalendarPart.EVENT, agenda=two_days_in_french()).entries[0].description
    assert "mercredi 10 mars 2027\n09:00–10:00  Ouverture\n" in told
    assert "jeudi 11 mars 2027\n09:00–12:00  Et après ?" in told
    assert "Merci de répondre ici" in told


@pytest.mark.parametrize("language", ["tlh", "x", "no such language"])
def test_a_language_without_words_of_ours_is_told_in_english(language: str) -> None:
    agenda = version(EVENT.model_copy(update={"language": language}))
    told = carried(CalendarPart.EVENT, agenda=agenda).entries[0].description
    assert LABELS["en"].answer in told


def test_chair_and_speakers_are_named() -> None:
    session = SESSIONS[2].model_copy(update={"chair": "Maria Rossi", "speakers": ("A. One", "B. Two")})
    agenda = version(EVENT.model_copy(update={"sessions": (session,)}))
    told = carried(CalendarPart.SESSION, session.key, agenda=agenda).entries[0].description
    assert "Chair\nMaria Rossi\n\nSpeakers\nA. One\nB. Two\n\n" in told


def test_a_session_request_is_for_its_session_alone() -> None:
    message = carried(CalendarPart.SESSION, "session-2")
    assert (message.method, [found.summary for found in message.entries]) == (
        Method.REQUEST,
        [EVENT.session("session-2").title],
    )


@pytest.mark.parametrize("anchor", ["event", "session-9"])
def test_a_session_request_hangs_on_a_session(anchor: str) -> None:
    with pytest.raises(KeyError):
        carried(CalendarPart.SESSION, anchor)


def test_all_sessions_are_published_and_ask_nobody() -> None:
    message = carried(CalendarPart.SESSIONS)
    assert message.method is Method.PUBLISH
    assert [found.summary for found in message.entries] == [session.title for session in SESSIONS]
    assert {found.attendee for found in message.entries} == {None}


def test_a_published_session_is_the_entry_its_request_would_be() -> None:
    for published in carried(CalendarPart.SESSIONS).entries:
        key = next(session.key for session in SESSIONS if session.starts_at == published.starts_at)
        (requested,) = carried(CalendarPart.SESSION, key).entries
        assert published == replace(requested, attendee=None)


def test_breaks_leave_their_reader_free() -> None:
    free = [found.summary for found in carried(CalendarPart.SESSIONS).entries if found.transparent]
    assert free == ["Coffee break", "Lunch break", "Coffee break"]


def test_a_moved_session_carries_its_number_its_stamp_and_its_room() -> None:
    (found,) = carried(CalendarPart.SESSION, "session-2", agenda=moved()).entries
    assert (found.sequence, found.stamped_at) == (2, PUBLISHED_AT + timedelta(days=7))
    assert found.location.startswith("Room 2, Federal Ministry")


def told(anchor: str = "session-1", **facts: object) -> Told:
    return Told.model_validate({"anchor": anchor, "version": 1, "sequence": 5, "asked": True, **facts})


def messages(*what: Told) -> tuple[CalendarMessage, ...]:
    upkeep = Upkeep(cause=Cause.AGENDA, since=1, stamped_at=NOW, told=what)
    return messages_for(
        upkeep=upkeep, earlier={1: version()}, recipient=PRACTITIONER, uid_for=UID_FOR, links=links()
    )


NOW = datetime(2027, 2, 1, tzinfo=UTC)


def test_a_cancellation_is_the_same_entry_with_its_number_and_nothing_to_read() -> None:
    held = replace(entry(), sequence=5, stamped_at=NOW)
    cancelled = replace(held, status=Status.CANCELLED, description="")
    assert messages(told(cancelled=True)) == (CalendarMessage(method=Method.CANCEL, entries=(cancelled,)),)


def test_an_update_says_what_its_reader_has_answered() -> None:
    ((message,)) = messages(told(answer="tentative"))
    attendee = CalendarUser(name=PRACTITIONER.name, address=PRACTITIONER.address, answer="tentative")
    assert message.method is Method.REQUEST
    assert message.entries == (replace(entry(), sequence=5, stamped_at=NOW, attendee=attendee),)


def test_what_asks_nobody_goes_into_one_file_beside_what_asks() -> None:
    found = messages(
        told("event"), told("session-1", asked=False), told("session-2", asked=False, cancelled=True)
    )
    assert [(m.method, [(e.status, e.attendee is None) for e in m.entries]) for m in found] == [
        (Method.REQUEST, [(Status.CONFIRMED, False)]),
        (Method.PUBLISH, [(Status.CONFIRMED, True), (Status.CANCELLED, True)]),
    ]

"""The situations in which a calendar has to be put right, by name; the files of each are in `changes/` beside this.

A situation plays what happens and gives the files of it: `held-N.ics` is what calendars were last told, `sent-N.ics`
what left because of the change, both whole and in the order in which they left. Its sentence says what must happen.
"""

import os
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from mailer.agenda.model import Event, Session, Venue
from mailer.collecting import Collector
from mailer.inbox.bounded import BoundedReader
from mailer.inbox.mailbox import Maildir
from mailer.outbox import incoming, people
from mailer.recipients.model import Recipient, Role
from tests.conference import at
from tests.modelcalendar import files_in
from tests.secretariat import DAY, HOUR, MINUTE, SENDER, Arrived, Secretariat, event, person

CHANGES = Path(__file__).with_name("changes")

VENUE = Venue(name="Palais", room="Room 1", street="Minoritenplatz 9", city="1010 Vienna")

SESSIONS = (
    Session(key="session-1", title="Setting the scene", starts_at=at("10:00"), ends_at=at("11:15")),
    Session(
        key="session-2",
        title="Taking stock",
        starts_at=at("11:30"),
        ends_at=at("12:45"),
        points=("What was achieved?", "What remains to be done?"),
    ),
)

ANA = person("Ana")
CAMILLE, LUC = (
    Recipient(
        address=f"{name.lower()}@delegation.example",
        given_name=name,
        family_name=family,
        role=Role.FOCAL_POINT,
        state="FR",
        language="en",
    )
    for name, family in (("Camille", "Laurent"), ("Luc", "Moreau"))
)

Sent = list[Arrived]
Files = dict[str, bytes]
Situation = Callable[[Secretariat, Path], Files]


def agenda(*sessions: Session, **facts: object) -> Event:
    """A morning of two sessions: an invitation at once, and the sessions in one file some minutes later."""
    of = {"title": "Capacity Building", "summary": "A morning in Vienna.", "venue": VENUE, **facts}
    return event(*(sessions or SESSIONS), **of)


def opened(office: Secretariat, *listed: Recipient, of: Event | None = None) -> Sent:
    """The agenda is published, and everybody has their letters."""
    office.publish(of or agenda(), listed or (ANA,))
    return office.wait()


def chosen(office: Secretariat) -> Sent:
    """The same, and Ana has chosen Session II on her page: it is an entry of its own."""
    before = opened(office)
    office.choose(ANA, "session-2")
    return before + office.wait()


def shifted(by: timedelta, sessions: Iterable[Session] = SESSIONS) -> tuple[Session, ...]:
    return tuple(
        each.model_copy(update={"starts_at": each.starts_at + by, "ends_at": each.ends_at + by})
        for each in sessions
    )


def files(held: Sent, sent: Sent) -> Files:
    return _numbered("held", held) | _numbered("sent", sent)


def _numbered(name: str, letters: Sent) -> Files:
    octets = [file for letter in letters for _, file in files_in(letter.raw)]
    return {f"{name}-{number}.ics": file for number, file in enumerate(octets, 1)}


# ── a session ────────────────────────────────────────────────────────────────────────────────────────────────


def session_moved_twice_before_the_first_update_left(office: Secretariat, _: Path) -> Files:
    """The last hour alone is told: as a question where it was chosen, with the programme in the event's own letter."""
    held = chosen(office)
    office.change("session-2", starts_at=at("11:45"), ends_at=at("13:00"))
    assert office.wait(5 * MINUTE) == []
    office.change("session-2", starts_at=at("12:00"), ends_at=at("13:15"))
    return files(held, office.wait(HOUR))


def session_moved_twice_with_an_update_in_between(office: Secretariat, _: Path) -> Files:
    """Each hour is told, the second as newer than the first."""
    held = chosen(office)
    office.change("session-2", starts_at=at("11:45"), ends_at=at("13:00"))
    first = office.wait(HOUR)
    office.change("session-2", starts_at=at("12:00"), ends_at=at("13:15"))
    return files(held, first + office.wait(HOUR))


def session_moved_and_moved_back(office: Secretariat, _: Path) -> Files:
    """Nothing leaves: before the quiet period is over, all is as it was told."""
    held = chosen(office)
    office.change("session-2", starts_at=at("11:45"), ends_at=at("13:00"))
    assert office.wait(5 * MINUTE) == []
    office.publish(agenda())
    assert office.wait(3 * HOUR) == []
    return files(held, [])


def session_moved_and_moved_back_after_it_was_told(office: Secretariat, _: Path) -> Files:
    """The old hour is told again, as newer than what was told last: its number never goes down."""
    before = chosen(office)
    office.change("session-2", starts_at=at("11:45"), ends_at=at("13:00"))
    moved = office.wait(HOUR)
    office.publish(agenda())
    return files([*before, *moved], office.wait(HOUR))


def session_cancelled_then_reinstated(office: Secretariat, _: Path) -> Files:
    """It is taken out with a CANCEL as it was, and asked about anew with a higher number than the CANCEL's."""
    held = chosen(office)
    office.drop("session-2")
    off = office.wait(HOUR)
    office.publish(agenda())
    return files(held, off + office.wait(HOUR))


def session_cancelled_then_reinstated_before_it_was_told(office: Secretariat, _: Path) -> Files:
    """Nothing leaves."""
    held = chosen(office)
    office.drop("session-2")
    assert office.wait(5 * MINUTE) == []
    office.publish(agenda())
    assert office.wait(3 * HOUR) == []
    return files(held, [])


# ── the event ────────────────────────────────────────────────────────────────────────────────────────────────


def event_cancelled_then_reinstated(office: Secretariat, _: Path) -> Files:
    """One letter takes out the event, by a CANCEL, and its sessions; the next brings all back, with higher numbers."""
    held = opened(office)
    office.publish(agenda(cancelled=True))
    off = office.wait(HOUR)
    office.publish(agenda())
    return files(held, off + office.wait(HOUR))


def event_moves_a_day(office: Secretariat, _: Path) -> Files:
    """The event is asked about anew, its sessions are told, all with the next number."""
    held = opened(office)
    office.publish(agenda(*shifted(DAY)))
    return files(held, office.wait(HOUR))


def venue_room_changes(office: Secretariat, _: Path) -> Files:
    """The place is all that differs, and it is a change of everything: who accepted the old room is asked again."""
    held = opened(office)
    office.answer(ANA, "accepted")
    office.publish(agenda(venue=VENUE.model_copy(update={"room": "Room 2"})))
    return files(held, office.wait(HOUR))


def wording_only(office: Secretariat, _: Path) -> Files:
    """Told with the number it had and a newer stamp; who accepted is not asked again, and the file says so."""
    held = opened(office)
    office.answer(ANA, "accepted")
    office.change("session-2", title="Taking the stock", points=("What was achieved?",))
    return files(held, office.wait(HOUR))


def event_moves_to_the_day_that_lacks_an_hour(office: Secretariat, _: Path) -> Files:
    """From Saturday to the Sunday on which summer time begins: the same hours on the wall, 23 hours later."""
    by = datetime(2027, 3, 27) - datetime(2027, 3, 10)  # noqa: DTZ001 - days between two dates
    saturday = shifted(by)
    held = opened(office, of=agenda(*saturday))
    office.publish(agenda(*shifted(23 * HOUR, saturday)))
    return files(held, office.wait(HOUR))


def session_moves_across_the_hour_that_is_lacking(office: Secretariat, _: Path) -> Files:
    """From 01:30 to 03:30 on the night of summer time, which is an hour later: each end is told on its own clock."""
    night = datetime.fromisoformat("2027-03-28T00:30:00+00:00")
    early = SESSIONS[0].model_copy(update={"starts_at": night, "ends_at": night + HOUR / 3})
    held = opened(office, of=agenda(early))
    office.change("session-1", starts_at=night + HOUR, ends_at=night + 2 * HOUR)
    return files(held, office.wait(HOUR))


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────


def person_added_late(office: Secretariat, _: Path) -> Files:
    """Who was not there is told how it is, not what has changed; who was there is told nothing."""
    opened(office)
    office.change("session-2", starts_at=at("11:45"), ends_at=at("13:00"))
    held = office.wait(HOUR)
    office.publish(listed=(ANA, person("Ida")))
    sent = office.wait(HOUR)
    assert {each.address for each in sent} == {"ida@prosecution.example"}
    return files(held, sent)


def person_removed(office: Secretariat, _: Path) -> Files:
    """All that they hold is taken out, with the next number: the event by a CANCEL, the sessions beside it."""
    held = chosen(office)
    office.publish(listed=(person("Ben"),))
    return files(held, [each for each in office.wait(HOUR) if each.address == ANA.address])


def person_changes_address(office: Secretariat, _: Path) -> Files:
    """The old address's entries are void; the new one is asked as somebody new, under UIDs of its own."""
    held = opened(office)
    office.publish(listed=(ANA.model_copy(update={"address": "ana.novak@ministry.example"}),))
    return files(held, office.wait(HOUR))


def two_delegates_of_one_delegation(office: Secretariat, _: Path) -> Files:
    """Each gets a file of their own, with one ATTENDEE and a UID of their own; neither is in the other's."""
    held = opened(office, CAMILLE, LUC)
    office.answer(LUC, "accepted")
    office.publish(agenda(*shifted(HOUR)))
    sent = office.wait(HOUR)
    for one, other in ((CAMILLE, LUC), (LUC, CAMILLE)):
        theirs = [each.raw for each in held + sent if each.address == one.address]
        assert theirs
        assert not any(other.address.encode() in file for raw in theirs for _, file in files_in(raw))
    return files(held, sent)


# ── what comes back ──────────────────────────────────────────────────────────────────────────────────────────


def reply_to_an_old_version(office: Secretariat, folder: Path) -> Files:
    """It stands among the answers as one to an earlier version, and does not hold; nothing leaves."""
    held = opened(office)
    office.publish(agenda(*shifted(DAY)))
    held += office.wait(HOUR)
    return files(held, []) | answered(office, folder, held, sequence=0)


def reply_to_the_version_before_a_rewording(office: Secretariat, folder: Path) -> Files:
    """It counts: what was reworded has the number that was answered. Nothing leaves."""
    held = opened(office)
    office.publish(agenda(summary="A long morning in Vienna."))
    held += office.wait(HOUR)
    return files(held, []) | answered(office, folder, held, sequence=0)


def answered(office: Secretariat, folder: Path, held: Sent, sequence: int) -> Files:
    """Ana's calendar accepts the first version of the event; her reply, and what became of it."""
    request = next(file for letter in held for method, file in files_in(letter.raw) if method == "REQUEST")
    office.now += MINUTE
    reply = replied(request, sequence, office.now)
    mail = (
        f"From: Ana Novak <{ANA.address}>\r\nTo: secretariat@conference.example\r\n"
        "Subject: Accepted: Capacity Building\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/calendar; charset=utf-8; method=REPLY\r\n\r\n"
    ).encode() + reply
    for each in ("new", "cur", "tmp"):
        (folder / each).mkdir()
    file = folder / "new" / "1.mail.example"
    file.write_bytes(mail)
    os.utime(file, (office.now.timestamp(), office.now.timestamp()))
    reader = BoundedReader()
    try:
        Collector(
            database=office.database, event=office.agenda.key, sender=SENDER, compose=office.service.compose,
            mailboxes=(Maildir(path=folder),), reader=reader,
        ).collect(office.now)  # fmt: skip
    finally:
        reader.close()
    assert office.wait(HOUR) == []
    number = office.ids[ANA.address]
    with office.database.reading() as c:
        (came,) = incoming.search(c, office.agenda.key)
        holds = people.standing_answers(c, [number]).get(number, {})
    became = (
        f"{came.kind}, {came.state}: {came.outcome}\nholds for the event: {holds.get('event', 'nothing')}\n"
    )
    return {"reply.ics": reply, "became.txt": became.encode()}


def replied(request: bytes, sequence: int, now: datetime) -> bytes:
    """What a calendar answers to a REQUEST it had (RFC 5546 3.2.3): the number is the one it knows."""
    lines = request.decode().replace("\r\n ", "").split("\r\n")
    kept = [line for line in lines if line.startswith(("UID:", "ORGANIZER;", "SUMMARY:"))]
    who = next(line for line in lines if line.startswith("ATTENDEE;"))
    reply = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//A calendar//EN", "METHOD:REPLY", "BEGIN:VEVENT",
        *kept, who.replace("NEEDS-ACTION", "ACCEPTED").replace(";RSVP=TRUE", ""),
        f"SEQUENCE:{sequence}", f"DTSTAMP:{now:%Y%m%dT%H%M%SZ}", "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(reply).encode()


SITUATIONS: tuple[Situation, ...] = (
    session_moved_twice_before_the_first_update_left,
    session_moved_twice_with_an_update_in_between,
    session_moved_and_moved_back,
    session_moved_and_moved_back_after_it_was_told,
    session_cancelled_then_reinstated,
    session_cancelled_then_reinstated_before_it_was_told,
    event_cancelled_then_reinstated,
    event_moves_a_day,
    event_moves_to_the_day_that_lacks_an_hour,
    session_moves_across_the_hour_that_is_lacking,
    venue_room_changes,
    wording_only,
    person_added_late,
    person_removed,
    person_changes_address,
    two_delegates_of_one_delegation,
    reply_to_an_old_version,
    reply_to_the_version_before_a_rewording,
)

SILENT = frozenset(
    {
        session_moved_and_moved_back,
        session_cancelled_then_reinstated_before_it_was_told,
        reply_to_an_old_version,
        reply_to_the_version_before_a_rewording,
    }
)
"""Where nothing may leave."""


def name(situation: Situation) -> str:
    """The folder of its files."""
    return situation.__name__.replace("_", "-")

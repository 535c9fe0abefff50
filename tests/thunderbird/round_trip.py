"""The round trip with a real client: Thunderbird opens what Convenor wrote, a button is pressed, and its answer counts.

A check before a release, collected by name alone: `make thunderbird`. What Thunderbird said is printed. The letters are
those that the service writes of its own accord when an agenda is published and changed; the answers are collected from
the secretariat's mailbox.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import icalendar
import pytest

from mailer.agenda.model import Event
from mailer.agenda.rules import EVENT
from mailer.collecting import Collector
from mailer.delivery.tray import Tray, TrayServer, parsed
from mailer.inbox.bounded import BoundedReader
from mailer.inbox.mailbox import ImapMailbox
from mailer.outbox import people
from mailer.outbox.database import open_database
from tests import conference
from tests.databases import empty_sqlite
from tests.inbox.dovecot import Dovecot, running
from tests.modelcalendar import files_in
from tests.secretariat import DAY, HOUR, MINUTE, SENDER, Arrived, Secretariat, event
from tests.thunderbird import program
from tests.thunderbird.program import Held, Thunderbird, awaited

ANA = conference.PRACTITIONER.model_copy(update={"sessions": ()})

AHEAD_FOR = timedelta(days=60)
"""How far ahead the conference lies: Thunderbird goes by the clock, and so does this check."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The secretariat and its mailbox; Ana's Thunderbird, her mailbox, and the mail server for her answers."""

    office: Secretariat
    collector: Collector
    answers_to: Dovecot
    thunderbird: Thunderbird
    mailbox: Dovecot
    sent: Tray
    pictures: Path

    def open(self, name: str, letter: Arrived, button: str) -> str:
        """Deliver a letter and open it; what its bar says once it offers the button. The window is taken as `name`."""
        self.mailbox.deliver(letter.raw)
        return self.look(name, letter, button)

    def look(self, name: str, letter: Arrived, button: str) -> str:
        """The same of a letter that was delivered before."""
        self.thunderbird.fetch(str(message_from_bytes(letter.raw)["Message-ID"]))
        try:
            bar = self.thunderbird.bar(button)
        finally:
            self.thunderbird.picture(self.pictures / f"{name}.png")
        print(f"  It says: {bar.says}\n  It offers: {', '.join(bar.offers)}")
        return bar.says

    def answer(self, button: str) -> dict[str, object]:
        """Press a button; what the letter says that leaves for the organiser and comes to the secretariat's mailbox."""
        before = self.sent.count()
        self.thunderbird.press(button)
        awaited(lambda: self.sent.count() > before, lambda: f"an answer after {button}")
        *_, (caught, raw) = self.sent.everything()
        assert caught.recipient == conference.ORGANISER.address
        self.answers_to.deliver(raw)
        return told(raw)

    def collected(self) -> list[tuple[str, str, int]]:
        """What Ana answered by the ledger, once her answers are collected: of what, which, and to which SEQUENCE."""
        found = self.collector.collect(self.office.now)
        assert (dict(found.kinds), found.troubles) == ({"answer": 1}, ())
        with self.office.database.reading() as c:
            given = people.answers(c, self.office.ids[ANA.address])
        return [(each.anchor, each.answer.value, each.sequence) for each in given]

    def answered(self, session: str) -> tuple[str, str, int]:
        """The last of these that is about a session: to say again what one said on the page adds nothing."""
        return [each for each in self.collected() if each[0] == session][-1]

    def held(self, uid: str, sequence: int) -> Held:
        """What the calendar holds, once it has this number."""

        def found() -> Held | None:
            entry = self.thunderbird.entry(uid)
            return entry if entry and entry.sequence == sequence else None

        return awaited(
            found, lambda: f"{uid} with SEQUENCE {sequence}; there is {self.thunderbird.entry(uid)}"
        )

    def take_out(self, name: str, letter: Arrived) -> None:
        """Open a cancellation, and delete what it is about."""
        assert "cancel" in self.open(name, letter, "imipDeleteButton")
        self.thunderbird.press("imipDeleteButton")
        uid = self.uid(letter.anchor)
        awaited(lambda: self.thunderbird.entry(uid) is None, lambda: f"a calendar without {letter.anchor}")

    def uid(self, anchor: str) -> str:
        domain = conference.ORGANISER.address.rpartition("@")[2]
        return SENDER.signer.uid(self.office.agenda.key, anchor, ANA.address, domain)

    def hours(self) -> dict[str, tuple[datetime, datetime]]:
        """When each session begins and ends in the calendar, of those that stand there."""
        entries = {
            session.key: self.thunderbird.entry(self.uid(session.key)) for session in conference.SESSIONS
        }
        return {anchor: (entry.starts_at, entry.ends_at) for anchor, entry in entries.items() if entry}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if program.program() is None:
        pytest.fail("Thunderbird is not installed: install the Debian package thunderbird")
    home = tmp_path_factory.mktemp("thunderbird")
    now = datetime.now(UTC).replace(microsecond=0)
    tray = Tray(home / "tray.sqlite", durable=False)
    server = TrayServer(tray, clock=lambda: now)
    relay = server.start()
    database = open_database(empty_sqlite(home))
    office = Secretariat(
        database, now=now - DAY, agenda=ahead(event(*conference.SESSIONS), now), listed=[ANA]
    )
    print(f"\n{program.version()}; pictures of its window are in {home}")
    try:
        with (
            running(ANA.address) as mailbox,
            running(conference.ORGANISER.address) as answers_to,
            closing(BoundedReader()) as reader,
            program.running(
                home / "ana", owner=ANA, inbox=mailbox.folder, relay=relay, authority=mailbox.authority
            ) as thunderbird,
        ):
            collector = Collector(
                database=database, event=office.agenda.key, sender=SENDER, compose=office.service.compose,
                mailboxes=(ImapMailbox(folder=replace(answers_to.folder, name="INBOX"), tls=answers_to.tls),),
                reader=reader,
            )  # fmt: skip
            yield Desk(
                office=office, collector=collector, answers_to=answers_to, thunderbird=thunderbird,
                mailbox=mailbox, sent=tray, pictures=home,
            )  # fmt: skip
    finally:
        server.stop()
        database.close()


def ahead(this: Event, now: datetime) -> Event:
    """The event on a day that is still to come."""
    return later(this, timedelta(days=(now + AHEAD_FOR - this.starts_at).days))


def later(this: Event, by: timedelta) -> Event:
    moved = tuple(
        session.model_copy(update={"starts_at": session.starts_at + by, "ends_at": session.ends_at + by})
        for session in this.sessions
    )
    return this.model_copy(update={"sessions": moved})


def told(letter: bytes) -> dict[str, object]:
    """What a reader of answers looks at in one."""
    (part,) = (each for each in parsed(letter).walk() if each.get_content_type() == "text/calendar")
    assert part.get_param("method") == "REPLY"
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    reply = icalendar.Calendar.from_ical(content)
    event: Any
    (event,) = reply.walk("VEVENT")
    facts: dict[str, object] = {
        "METHOD": str(reply["METHOD"]),
        "UID": str(event["UID"]),
        "SEQUENCE": int(event["SEQUENCE"]),
        "ATTENDEE": str(event["ATTENDEE"]).lower(),
        "PARTSTAT": str(event["ATTENDEE"].params["PARTSTAT"]),
    }
    print(f"  It answers: {', '.join(f'{name} {value}' for name, value in facts.items() if name != 'UID')}")
    assert abs(event["DTSTAMP"].dt - datetime.now(UTC)) < timedelta(hours=1)
    return facts


def answer(uid: str, sequence: int, partstat: str) -> dict[str, object]:
    return {
        "METHOD": "REPLY",
        "UID": uid,
        "SEQUENCE": sequence,
        "ATTENDEE": f"mailto:{ANA.address}",
        "PARTSTAT": partstat,
    }


def meant(this: Event) -> dict[str, tuple[datetime, datetime]]:
    return {session.key: (session.starts_at, session.ends_at) for session in this.sessions}


def sort_of(letter: Arrived) -> tuple[str, str, list[str]]:
    """Its mailing, what it is about, and the methods of its calendar files."""
    return letter.mailing, letter.anchor, [method for method, _ in files_in(letter.raw)]


def test_an_event_is_followed_from_its_invitation_to_its_cancellation(desk: Desk) -> None:
    """One story, for a calendar remembers."""
    desk.office.publish()
    invitation, agenda = desk.office.wait()
    an_invitation_is_accepted(desk, invitation)
    an_agenda_is_added(desk, agenda)
    the_day_moves(desk)
    the_title_changes(desk)
    what_is_older_changes_nothing(desk, invitation)
    sessions_are_chosen(desk)
    a_chosen_session_moves(desk)
    a_session_is_off(desk)
    all_is_off(desk)


def an_invitation_is_accepted(desk: Desk, invitation: Arrived) -> None:
    print("\nAn invitation:")
    assert "invitation" in desk.open("invited", invitation, "imipAcceptButton")
    assert desk.answer("imipAcceptButton") == answer(desk.uid(EVENT), 0, "ACCEPTED")
    assert desk.held(desk.uid(EVENT), 0).starts_at == desk.office.agenda.starts_at
    assert desk.collected() == [(EVENT, "accepted", 0)]


def an_agenda_is_added(desk: Desk, agenda: Arrived) -> None:
    print("An agenda of ten sessions:")
    desk.open("agenda", agenda, "imipAddButton")
    desk.thunderbird.press("imipAddButton")
    awaited(lambda: desk.hours() == meant(desk.office.agenda), lambda: "all sessions in the calendar")


def the_day_moves(desk: Desk) -> None:
    """The event is asked about anew. What asks nobody is a mere file beside it, for its reader to open."""
    print("The day begins an hour later:")
    before = desk.office.agenda
    desk.office.publish(later(before, HOUR))
    (update,) = desk.office.wait()
    assert sort_of(update) == ("update", EVENT, ["REQUEST", "PUBLISH"])
    assert "update" in desk.open("moved", update, "imipAcceptButton")
    assert desk.answer("imipAcceptButton") == answer(desk.uid(EVENT), 1, "ACCEPTED")
    held = desk.held(desk.uid(EVENT), 1)
    assert (held.starts_at, held.ends_at) == (desk.office.agenda.starts_at, desk.office.agenda.ends_at)
    assert desk.collected() == [(EVENT, "accepted", 0), (EVENT, "accepted", 1)]
    assert desk.hours() == meant(before)


def the_title_changes(desk: Desk) -> None:
    """Nobody is asked, and what was answered stays."""
    print("It has another title:")
    desk.office.publish(desk.office.agenda.model_copy(update={"title": "Capacity Building"}))
    (update,) = desk.office.wait()
    assert sort_of(update) == ("update", EVENT, ["REQUEST", "PUBLISH"])
    assert "update" in desk.open("reworded", update, "imipUpdateButton")
    answers, uid = desk.sent.count(), desk.uid(EVENT)
    desk.thunderbird.press("imipUpdateButton")
    awaited(lambda: desk.held(uid, 1).summary == "Capacity Building", lambda: "the new title in the calendar")
    assert desk.held(uid, 1).partstats == {f"mailto:{ANA.address}": "ACCEPTED"}
    assert desk.sent.count() == answers


def what_is_older_changes_nothing(desk: Desk, invitation: Arrived) -> None:
    print("The first letter, opened again:")
    assert "already been processed" in desk.look("outdated", invitation, "imipDetailsButton")
    assert desk.held(desk.uid(EVENT), 1).starts_at == desk.office.agenda.starts_at


def sessions_are_chosen(desk: Desk) -> None:
    """On the personal page: each comes as an invitation of its own, in the place of what came with the agenda."""
    office = desk.office
    for session in ("session-2", "session-4"):
        office.choose(ANA, session)
    letters = {letter.anchor: letter for letter in office.wait() if letter.mailing == "update"}
    answered = {"session-2": ("Accept", "ACCEPTED"), "session-4": ("Tentative", "TENTATIVE")}
    assert letters.keys() == answered.keys()
    for session, (button, partstat) in answered.items():
        print(f"A session that was chosen, {partstat.lower()}:")
        assert sort_of(letters[session]) == ("update", session, ["REQUEST"])
        assert "update" in desk.open(partstat.lower(), letters[session], f"imip{button}Button")
        assert desk.answer(f"imip{button}Button") == answer(desk.uid(session), 1, partstat)
        assert desk.held(desk.uid(session), 1).starts_at == office.agenda.session(session).starts_at
        assert desk.answered(session) == (session, partstat.lower(), 1)


def a_chosen_session_moves(desk: Desk) -> None:
    print("A session that was chosen moves:")
    starts_at = desk.office.agenda.session("session-2").starts_at - 10 * MINUTE
    desk.office.change("session-2", starts_at=starts_at)
    letters = {letter.anchor: letter for letter in desk.office.wait()}
    assert sort_of(letters["session-2"]) == ("update", "session-2", ["REQUEST"])
    assert "update" in desk.open("session-moved", letters["session-2"], "imipDeclineButton")
    assert desk.answer("imipDeclineButton") == answer(desk.uid("session-2"), 2, "DECLINED")
    assert desk.held(desk.uid("session-2"), 2).starts_at == starts_at
    assert desk.answered("session-2") == ("session-2", "declined", 2)


def a_session_is_off(desk: Desk) -> None:
    """It came with the agenda, which asked nobody; a CANCEL of its own takes it out."""
    print("A session that came with the agenda is off:")
    desk.office.drop("break-2")
    letters = {letter.anchor: letter for letter in desk.office.wait()}
    assert sort_of(letters["break-2"]) == ("cancellation", "break-2", ["CANCEL"])
    desk.take_out("session-cancelled", letters["break-2"])


def all_is_off(desk: Desk) -> None:
    """What was asked about is taken out. What was not is in the file beside it, for its reader to open."""
    print("It does not take place:")
    office = desk.office
    office.publish(office.agenda.model_copy(update={"cancelled": True}))
    letters = {letter.anchor: letter for letter in office.wait()}
    assert {anchor: sort_of(letter)[2] for anchor, letter in letters.items()} == {
        EVENT: ["CANCEL", "PUBLISH"], "session-2": ["CANCEL"], "session-4": ["CANCEL"]
    }  # fmt: skip
    for anchor, letter in letters.items():
        desk.take_out(f"cancelled-{anchor}", letter)
    stays = {session.key for session in office.agenda.sessions} - letters.keys()
    assert desk.hours().keys() == stays

"""The round trip with a real client: Thunderbird opens what Convenor wrote, a button is pressed, and its answer comes.

A check before a release, collected by name alone: `make thunderbird`. What Thunderbird said is printed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import pytest

from mailer import dossier
from mailer.agenda.changes import next_version
from mailer.agenda.model import AgendaVersion, CalendarPart, Event, Session
from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Cause, Told, Upkeep
from mailer.composition import ical, message
from mailer.composition.composing import Composed, Sender, compose
from mailer.composition.invitation import messages_for
from mailer.composition.links import Signer
from mailer.composition.message import CalendarFile, Mailbox, Message
from mailer.composition.wording import Wording
from mailer.delivery.tray import Tray, TrayServer, parsed
from mailer.settings import ROOT
from tests import conference
from tests.inbox.dovecot import Dovecot, running
from tests.thunderbird import program
from tests.thunderbird.program import Held, Thunderbird, awaited

ANA = conference.PRACTITIONER
SENDER = Sender(signer=Signer(b"a secret key for the tests alone"), base_url="https://convenor.example")
FIRST = conference.version()
LATER = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Ana's Thunderbird, her mailbox, and the mail server through which her answers leave."""

    thunderbird: Thunderbird
    mailbox: Dovecot
    sent: Tray
    pictures: Path

    def open(self, name: str, raw: bytes, message_id: str, button: str) -> str:
        """Deliver a letter and open it; what its bar says once it offers the button. The window is taken as `name`."""
        self.mailbox.deliver(raw)
        return self.look(name, message_id, button)

    def look(self, name: str, message_id: str, button: str) -> str:
        """The same of a letter that was delivered before."""
        self.thunderbird.fetch(message_id)
        try:
            bar = self.thunderbird.bar(button)
        finally:
            self.thunderbird.picture(self.pictures / f"{name}.png")
        print(f"  It says: {bar.says}\n  It offers: {', '.join(bar.offers)}")
        return bar.says

    def answer(self, button: str) -> bytes:
        """Press a button; the letter that leaves for the organiser, as it came to the mail server."""
        before = self.sent.count()
        self.thunderbird.press(button)
        awaited(lambda: self.sent.count() > before, lambda: f"an answer after {button}")
        *_, (caught, raw) = self.sent.everything()
        assert caught.recipient == conference.ORGANISER.address
        return raw

    def held(self, uid: str, sequence: int) -> Held:
        """What the calendar holds, once it has this number."""

        def found() -> Held | None:
            entry = self.thunderbird.entry(uid)
            return entry if entry and entry.sequence == sequence else None

        return awaited(
            found, lambda: f"{uid} with SEQUENCE {sequence}; there is {self.thunderbird.entry(uid)}"
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if program.program() is None:
        pytest.fail("Thunderbird is not installed: install the Debian package thunderbird")
    home = tmp_path_factory.mktemp("thunderbird")
    tray = Tray(home / "tray.sqlite", durable=False)
    server = TrayServer(tray, clock=lambda: datetime.now(UTC))
    relay = server.start()
    print(f"\n{program.version()}; pictures of its window are in {home}")
    try:
        with (
            running(ANA.address) as mailbox,
            program.running(
                home / "ana", owner=ANA, inbox=mailbox.folder, relay=relay, authority=mailbox.authority
            ) as thunderbird,
        ):
            yield Desk(thunderbird=thunderbird, mailbox=mailbox, sent=tray, pictures=home)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def texts() -> Wording:
    """The templates as they are shipped."""
    agenda = ROOT / "agenda" / "osce-cybercrime.toml"
    return dossier.read(agenda, today=conference.PUBLISHED_AT.date(), templates=ROOT / "templates").texts


def composed(
    texts: Wording, part: CalendarPart, *, version: AgendaVersion = FIRST, anchor: str = EVENT
) -> Composed:
    """The letter of the first mailing that carries such a part."""
    return compose(
        version=version,
        mailing=next(each for each in version.event.mailings if each.calendar is part),
        anchor=anchor,
        recipient=ANA,
        due_at=version.published_at,
        dated_at=version.published_at,
        texts=texts,
        sender=SENDER,
    )


def cancelling(version: AgendaVersion, *anchors: str, asked: bool = True) -> tuple[bytes, str]:
    """The letter that takes the event or a session of it back, or several that ask nobody; and its Message-ID."""
    domain = conference.ORGANISER.address.rpartition("@")[2]
    off = tuple(
        Told(
            anchor=each,
            version=version.number,
            sequence=version.sequences[each] + 1,
            asked=asked,
            cancelled=True,
        )
        for each in anchors
    )
    stamped_at = version.published_at + timedelta(days=1)
    (cancelled,) = messages_for(
        upkeep=Upkeep(cause=Cause.AGENDA, since=version.number, stamped_at=stamped_at, told=off),
        earlier={version.number: version},
        recipient=ANA,
        uid_for=lambda anchor: SENDER.signer.uid(version.event.key, anchor, ANA.address, domain),
        links=conference.links(version.event),
    )
    message_id = f"<cancelled-{len(anchors)}-{anchors[0]}@{domain}>"
    raw = message.write(
        Message(
            sender=Mailbox(name=conference.ORGANISER.name, address=conference.ORGANISER.address),
            reader=Mailbox(name=ANA.name, address=ANA.address),
            subject="It does not take place",
            dated_at=stamped_at,
            message_id=message_id,
            text="It does not take place.\n",
            html="<p>It does not take place.</p>",
            language="en",
            seed="cancelled",
            calendar=CalendarFile(method=cancelled.method, content=ical.write(cancelled), name="cancel.ics"),
        )
    )
    return raw, message_id


def an_hour_later(event: Event) -> Event:
    moved = tuple(
        session.model_copy(
            update={"starts_at": session.starts_at + LATER, "ends_at": session.ends_at + LATER}
        )
        for session in event.sessions
    )
    return event.model_copy(update={"sessions": moved})


def with_a_reception_for_a_break(event: Event) -> Event:
    """Session II a quarter of an hour shorter, the second coffee break gone, a reception in the evening."""
    kept = [session for session in event.sessions if session.key != "break-2"]
    shorter = [
        session.model_copy(update={"ends_at": session.ends_at - timedelta(minutes=15)})
        if session.key == "session-2"
        else session
        for session in kept
    ]
    reception = Session(
        key="reception", title="Reception", starts_at=event.ends_at, ends_at=event.ends_at + LATER
    )
    return event.model_copy(update={"sessions": (*shorter, reception)})


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


def test_an_invitation_is_accepted_moved_reworded_and_taken_back(desk: Desk, texts: Wording) -> None:
    print("\nAn invitation:")
    letter = composed(texts, CalendarPart.EVENT)
    ((_, uid, *_),) = letter.entries
    assert "invitation" in desk.open("invited", letter.raw, letter.message_id, "imipAcceptButton")
    assert told(desk.answer("imipAcceptButton")) == answer(uid, 0, "ACCEPTED")
    held = desk.held(uid, 0)
    assert (held.starts_at, held.ends_at) == (conference.STARTS_AT, conference.ENDS_AT)

    print("The conference begins an hour later:")
    moved = next_version(FIRST, an_hour_later(FIRST.event), FIRST.published_at + timedelta(days=1))
    update = composed(texts, CalendarPart.EVENT, version=moved)
    assert [entry[:3] for entry in update.entries] == [(EVENT, uid, 1)]
    assert "update" in desk.open("moved", update.raw, update.message_id, "imipAcceptButton")
    assert told(desk.answer("imipAcceptButton")) == answer(uid, 1, "ACCEPTED")
    held = desk.held(uid, 1)
    assert (held.starts_at, held.ends_at) == (conference.STARTS_AT + LATER, conference.ENDS_AT + LATER)

    print("It has another title:")
    title = moved.event.model_copy(update={"title": "Capacity Building"})
    reworded = next_version(moved, title, moved.published_at + timedelta(days=1))
    rewording = composed(texts, CalendarPart.EVENT, version=reworded)
    assert [entry[:3] for entry in rewording.entries] == [(EVENT, uid, 1)]
    assert "update" in desk.open("reworded", rewording.raw, rewording.message_id, "imipUpdateButton")
    answers = desk.sent.count()
    desk.thunderbird.press("imipUpdateButton")
    awaited(lambda: desk.held(uid, 1).summary == "Capacity Building", lambda: "the new title in the calendar")
    assert desk.held(uid, 1).partstats == {f"mailto:{ANA.address}": "ACCEPTED"}
    assert desk.sent.count() == answers

    print("The first letter, opened again:")
    assert "already been processed" in desk.look("outdated", letter.message_id, "imipDetailsButton")
    assert desk.held(uid, 1).starts_at == conference.STARTS_AT + LATER

    print("It does not take place:")
    raw, message_id = cancelling(reworded, EVENT)
    assert "cancel" in desk.open("cancelled", raw, message_id, "imipDeleteButton")
    desk.thunderbird.press("imipDeleteButton")
    awaited(lambda: desk.thunderbird.entry(uid) is None, lambda: "an empty calendar")


def test_an_agenda_is_added_whole_and_follows(desk: Desk, texts: Wording) -> None:
    print("\nAn agenda of ten sessions:")
    letter = composed(texts, CalendarPart.SESSIONS)
    uids = {anchor: uid for anchor, uid, *_ in letter.entries}
    desk.open("agenda", letter.raw, letter.message_id, "imipAddButton")
    desk.thunderbird.press("imipAddButton")
    awaited(lambda: hours(desk, uids) == meant(FIRST.event), lambda: "all sessions in the calendar")

    print("One session is shorter, one is new, one is gone:")
    event = with_a_reception_for_a_break(FIRST.event)
    changed = next_version(FIRST, event, FIRST.published_at + timedelta(days=1))
    update = composed(texts, CalendarPart.SESSIONS, version=changed)
    held = uids | {anchor: uid for anchor, uid, *_ in update.entries}
    desk.open("agenda-changed", update.raw, update.message_id, "imipUpdateButton")
    desk.thunderbird.press("imipUpdateButton")
    gone = {"break-2": meant(FIRST.event)["break-2"]}
    awaited(lambda: hours(desk, held) == meant(event) | gone, lambda: "the new hours, and still what is gone")

    print("One session has another title, and the number it had:")
    sessions = (event.sessions[0].model_copy(update={"title": "Another title"}), *event.sessions[1:])
    renamed = event.model_copy(update={"sessions": sessions})
    reworded = next_version(changed, renamed, changed.published_at + timedelta(days=1))
    rewording = composed(texts, CalendarPart.SESSIONS, version=reworded)
    first = event.sessions[0].key
    assert reworded.sequences[first] == changed.sequences[first]
    desk.open("agenda-reworded", rewording.raw, rewording.message_id, "imipUpdateButton")
    desk.thunderbird.press("imipUpdateButton")
    awaited(
        lambda: desk.held(held[first], reworded.sequences[first]).summary == "Another title",
        lambda: "the new title in the calendar",
    )

    print("What is gone is taken back by itself:")
    raw, message_id = cancelling(FIRST, "break-2")
    desk.open("session-cancelled", raw, message_id, "imipDeleteButton")
    desk.thunderbird.press("imipDeleteButton")
    awaited(lambda: hours(desk, held) == meant(event), lambda: "no coffee break any more")

    print("All of it is off, as it came, in one PUBLISH:")
    anchors = [session.key for session in renamed.sessions]
    raw, message_id = cancelling(reworded, *anchors, asked=False)
    desk.open("agenda-cancelled", raw, message_id, "imipUpdateButton")
    desk.thunderbird.press("imipUpdateButton")
    awaited(
        lambda: all(
            desk.held(held[each], reworded.sequences[each] + 1).status == "CANCELLED" for each in anchors
        ),
        lambda: "every session struck out",
    )


def hours(desk: Desk, uids: Mapping[str, str]) -> dict[str, tuple[datetime, datetime]]:
    """When each session begins and ends in the calendar, of those that stand there."""
    entries = {anchor: desk.thunderbird.entry(uid) for anchor, uid in uids.items()}
    return {anchor: (entry.starts_at, entry.ends_at) for anchor, entry in entries.items() if entry}


def meant(event: Event) -> dict[str, tuple[datetime, datetime]]:
    return {session.key: (session.starts_at, session.ends_at) for session in event.sessions}


@pytest.mark.parametrize(
    ("anchor", "button", "partstat"),
    [
        ("session-2", "imipDeclineButton", "DECLINED"),
        ("session-4", "imipTentativeButton", "TENTATIVE"),
    ],
)
def test_a_session_is_answered(desk: Desk, texts: Wording, anchor: str, button: str, partstat: str) -> None:
    print(f"\nA session, {partstat.lower()}:")
    another = conference.version(FIRST.event.model_copy(update={"key": "another-2027"}))
    letter = composed(texts, CalendarPart.SESSION, version=another, anchor=anchor)
    ((_, uid, *_),) = letter.entries
    desk.open(partstat.lower(), letter.raw, letter.message_id, button)
    assert told(desk.answer(button)) == answer(uid, 0, partstat)
    assert desk.held(uid, 0).partstats == {f"mailto:{ANA.address}": partstat}

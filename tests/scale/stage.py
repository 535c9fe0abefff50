"""The congress as it stands after weeks of work: published, approved, its letters sent and answered, a draft in hand.

Through the same functions as the service wherever those are quick enough; answers and the tray are filled by rows.
"""

import csv
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

from sqlalchemy import insert

from mailer.accounts import DEMO, digest
from mailer.agenda import changes, editing
from mailer.agenda.model import AgendaVersion, Event
from mailer.agenda.rules import EVENT
from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Purpose, Signer
from mailer.delivery.profiles import TRAY
from mailer.delivery.tray import Tray
from mailer.drafting import Drafting
from mailer.outbox import (
    accounts,
    agendas,
    attachments,
    audit,
    claims,
    drafts,
    editions,
    incoming,
    people,
    uploads,
)
from mailer.outbox.claimed import Change, ClaimedLetter, SentEntry
from mailer.outbox.database import Database, open_database
from mailer.outbox.letter import Happening
from mailer.outbox.schema import Answer, IncomingState, Role, Trouble
from mailer.outbox.schema import answer as answers
from mailer.recipients.cells import COLUMNS
from mailer.recipients.writing import cells
from mailer.releasing import Releasing
from mailer.service import Service
from mailer.settings import ROOT
from mailer.starting import Setup
from mailer.web.office import Office
from tests.scale.congress import ATTACHED, CONTENT, KEY, NOW, PUBLISHED_AT, People, Size, event, person

BASE_URL = "https://congress.example"
UPLOAD = "a-list-that-was-handed-in"
"""The token of a list that waits to be taken over: the whole one, with a change in every hundredth row."""

STANDS = "it-stands"
"""The file that says that all is there."""

WELCOME = "a-link-for-one-more-colleague"

_APPROVER = "Jana Weber"
_OWNER = "the stage"
_AT_ONCE = 5_000
_H = Happening
_KINDS = (
    ("bounce", IncomingState.SORTED), ("out_of_office", IncomingState.SORTED), ("question", IncomingState.SORTED),
    ("unknown", IncomingState.OPEN), ("answer", IncomingState.SORTED), ("automatic", IncomingState.SORTED),
)  # fmt: skip
_GIVEN = (
    Answer.ACCEPTED,
    Answer.ACCEPTED,
    Answer.ACCEPTED,
    Answer.TENTATIVE,
    Answer.DECLINED,
    Answer.DELEGATED,
)


class Clock:
    """Stands still until it is set; an answer that comes in moves it on by a second."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One congress, its database and its tray in a folder of their own."""

    size: Size
    database: Database
    office: Office
    clock: Clock

    @property
    def version(self) -> AgendaVersion:
        with self.database.reading() as transaction:
            found = agendas.latest(transaction, KEY)
        assert found is not None
        return found

    def token(self, purpose: Purpose, number: int) -> str:
        signer = self.office.sender.signer
        return signer.token(purpose, signer.handle(KEY, person(self.size, number).address))

    def hear(self) -> None:
        """One more answer comes in: what was counted before is old."""
        self.clock.now += timedelta(seconds=1)
        number = 1 + int(self.clock.now.timestamp()) % self.size.people
        with self.database.writing() as transaction:
            given = Answer.TENTATIVE if int(self.clock.now.timestamp()) % 2 else Answer.ACCEPTED
            people.record_answer(
                transaction, number, EVENT, given, self.clock.now, "reply", sequence=0, comment=str(self.clock.now)
            )  # fmt: skip


@contextmanager
def open_stage(folder: Path, size: Size) -> Iterator[Stage]:
    """Everything that is there, in `folder`: built there, which takes minutes for a hundred thousand people, unless it
    stands already.
    """
    stands = (folder / STANDS).exists()
    database = open_database(f"sqlite:///{folder}/convenor.db", durable=False)
    sender = Sender(signer=Signer(b"a secret key for this campaign alone"), base_url=BASE_URL)
    texts = wording.load(ROOT / "templates")
    clock = Clock()
    service = Service(database=database, event=KEY, sender=sender, texts=texts)
    with closing(database):
        tray = Tray(folder / "tray.db", durable=False)
        if not stands:
            _publish(service, size)
            _send(service, size)
            _answer(database, size)
            _come_back(database, size)
            _work(database, service, size)
            _catch(folder / "tray.db", size)
            (folder / STANDS).touch()
        setup = Setup(
            path=folder / "agenda" / "congress.toml", shown="agenda/congress.toml",
            example=ROOT / "agenda" / "osce-cybercrime.toml", templates=ROOT / "templates",
        )  # fmt: skip
        office = Office(
            database=database, event=KEY, sender=sender, tray=tray, clock=clock, is_demo=True, texts=texts,
            setup=setup,
        )  # fmt: skip
        yield Stage(size=size, database=database, office=office, clock=clock)


def _publish(service: Service, size: Size) -> None:
    """Versions that each rename a session or two; the list comes with the last."""
    agenda, version = event(size), None
    at = PUBLISHED_AT - timedelta(days=size.versions)
    with service.database.writing() as transaction:
        attachments.keep(transaction, {ATTACHED.digest: CONTENT}, PUBLISHED_AT)
        for number in range(size.versions - 1):
            version = changes.next_version(version, _renamed(agenda, number), at + timedelta(days=number))
            agendas.publish(transaction, version, {("Omar Haddad", editions.AGENDA)})
    service.publish(agenda, People(size), PUBLISHED_AT)


def _renamed(agenda: Event, number: int) -> Event:
    """Every session by another title in every other version, so that two compared differ everywhere."""
    titled = (each.model_copy(update={"title": f"{each.title} ({number})"}) for each in agenda.sessions)
    return agenda.model_copy(update={"sessions": tuple(titled)})


# ── what leaves ──────────────────────────────────────────────────────────────────────────────────────────────


def _send(service: Service, size: Size) -> None:
    """Everything that is due by now, approved before; some of it fails, is in doubt or put off."""
    releasing = Releasing(database=service.database, event=KEY)
    for mailing in ("invitation", "agenda", "programme"):
        releasing.approve(mailing, _APPROVER, PUBLISHED_AT)
    agenda = event(size)
    for now in (PUBLISHED_AT + timedelta(seconds=10), NOW - timedelta(minutes=5)):
        service.plan(now)
        _carry(service, agenda, now)


def _carry(service: Service, agenda: Event, now: datetime) -> None:
    """Hand everything that waits to nobody, and write down what a mail server would have said."""
    while True:
        with service.database.writing() as transaction:
            claimed = claims.claim(transaction, _OWNER, now, _AT_ONCE, timedelta(minutes=5), event=KEY)
            if not claimed:
                return
            claims.happen(transaction, [_intended(each) for each in claimed], now)
            claims.happen(transaction, [_ended(service, agenda, each, now) for each in claimed], now)


def _intended(letter: ClaimedLetter) -> Change:
    digest = f"{letter.id:064x}"
    return Change(letter, _H.INTENDED, digest=digest)


def _ended(service: Service, agenda: Event, letter: ClaimedLetter, now: datetime) -> Change:
    if letter.id % 199 == 3:
        return Change(letter, _H.REFUSED, reply="550 5.1.1 there is no such mailbox here")
    if letter.id % 499 == 4:
        return Change(letter, _H.LOST, reply="the line was closed before a reply came")
    if letter.id % 499 == 5:
        return Change(
            letter, _H.PUT_OFF, reply="451 4.7.1 try again later", retry_at=now + timedelta(days=60)
        )
    return Change(
        letter, _H.ACCEPTED, reply="250 2.0.0 taken", entries=tuple(_entries(service, agenda, letter))
    )


def _entries(service: Service, agenda: Event, letter: ClaimedLetter) -> Iterator[SentEntry]:
    if letter.mailing == "invitation":
        anchors, is_asked = [EVENT], True
    elif letter.mailing == "programme":
        anchors, is_asked = [each.key for each in agenda.sessions], False
    else:
        return
    signer = service.sender.signer
    for anchor in anchors:
        uid = signer.uid(KEY, anchor, letter.address, "congress.example")
        yield anchor, uid, 0, is_asked, False, letter.dated_at.replace(microsecond=0)


# ── what comes back ──────────────────────────────────────────────────────────────────────────────────────────


def _answer(database: Database, size: Size) -> None:
    """Six in ten have answered, one in twenty has chosen sessions on their page."""
    with database.writing() as transaction:
        rows = []
        for number in range(1, size.people + 1):
            at = PUBLISHED_AT + timedelta(minutes=1 + number * 40_000 // max(1, size.people))
            common = {"recipient_id": number, "at": at, "sequence": 0, "comment": ""}
            if number % 10 < 6:
                rows.append({**common, "anchor": EVENT, "answer": _GIVEN[number % 6], "source": "reply"})
            if number % 20 == 1:
                key = f"session-{number % size.sessions}"
                rows.append({**common, "anchor": key, "answer": Answer.ACCEPTED, "source": "page"})
        for first in range(0, len(rows), 10_000):
            transaction.execute(insert(answers), rows[first : first + 10_000])
        people.record_answer(
            transaction, 1, EVENT, Answer.ACCEPTED, NOW, "reply", sequence=0, comment="with joy"
        )
        for number in range(7, size.people, max(10, size.people // 50)):
            people.unsubscribe(transaction, number, NOW - timedelta(days=1))


def _come_back(database: Database, size: Size) -> None:
    """Mails of each kind; most bounces say that an address is wrong."""
    with database.writing() as transaction:
        for number in range(1, size.mails + 1):
            kind, state = _KINDS[number % len(_KINDS)]
            whose = None if kind == "unknown" else 1 + number * 13 % size.people
            raw = (
                f"From: somebody-{number}@far.example\r\nTo: secretariat@conference.example\r\n"
                f"Subject: About the congress {number}\r\n\r\nA few words, and the number {number}.\r\n"
            ).encode()
            at = NOW - timedelta(minutes=number)
            incoming.keep(transaction, "the mailbox", str(number), raw, at)
            said = {"sender": f"somebody-{number}@far.example", "subject": f"About the congress {number}",
                    "text": f"A few words, and the number {number}."}  # fmt: skip
            incoming.end(
                transaction, number, state, "what followed was done", kind=kind, said=said, recipient_id=whose
            )
            if kind == "bounce" and whose:
                trouble = Trouble.SOFT if number % 30 == 0 else Trouble.HARD
                incoming.note_trouble(
                    transaction, number, whose, at, trouble=trouble, status="5.1.1", words="no such mailbox"
                )


# ── what people do at the desk ───────────────────────────────────────────────────────────────────────────────


def _work(database: Database, service: Service, size: Size) -> None:
    """A draft that moves the whole congress to another hall, a list handed in, colleagues, a long audit."""
    drafting = Drafting(
        database=database, event=KEY, now=NOW, by="Omar Haddad", sender=service.sender, texts=service.texts,
        profile=TRAY,
    )  # fmt: skip
    draft = drafting.edit(
        drafting.look().seen, lambda e: editing.change_event(e, {"venue.room": "Small Hall"})
    )
    with database.writing() as transaction:
        changed = draft.event
        for number in range(min(40, size.sessions)):
            moved = editing.change_session(changed, f"session-{number}", {"room": "Hall 9"})
            if moved != changed:
                drafts.add(
                    transaction, moved, draft.version.number, NOW, "Omar Haddad", f"moved session {number}"
                )
            changed = moved
        uploads.keep(transaction, UPLOAD, KEY, DEMO.name, name="everybody.csv", raw=_list(size), now=NOW)
        for number in range(20):
            accounts.add(transaction, f"Colleague {number}", Role.ORGANISER, "no password", NOW)
        accounts.keep_welcome(transaction, digest(WELCOME), Role.VIEWER, NOW)
        for number in range(size.deeds):
            audit.note(transaction, NOW, f"Colleague {number % 20}", "corrected", f"row {number}", event=KEY)


def _list(size: Size) -> bytes:
    """Everybody as a CSV file; each hundredth is with another institution by now."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number in range(size.people):
        said = person(size, number)
        if number % 100 == 0:
            said = said.model_copy(update={"institution": "Court of Appeal"})
        writer.writerow(cells(said).values())
    return text.getvalue().encode()


def _catch(path: Path, size: Size) -> None:
    """So many letters in the tray, each with a small file: short ones, for what is searched are their words."""
    rows = []
    file = b64encode(CONTENT).decode()
    for number in range(size.tray):
        who = person(size, number % size.people)
        text = f"Dear {who.full_name}, you are invited to the World Congress on Cybercrime. " * 8
        raw = (
            f"From: Conference Secretariat <secretariat@conference.example>\r\nTo: <{who.address}>\r\n"
            f"Subject: Invitation\r\nMessage-ID: <{number}@congress.example>\r\n"
            f"Feedback-ID: invitation:{KEY}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=part\r\n"
            f"\r\n--part\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{text}</p>\r\n--part\r\n"
            f"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename={ATTACHED.file}\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{file}\r\n--part--\r\n"
        ).encode()
        words = f"{who.address} {who.full_name} invitation {text}".casefold()
        at = (PUBLISHED_AT + timedelta(seconds=number)).isoformat()
        rows.append(
            (at, "", who.address, f"<{number}@congress.example>", "Invitation", who.full_name, words, raw)
        )
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO letter (received_at, sender, recipient, message_id, subject, reader, words, raw)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

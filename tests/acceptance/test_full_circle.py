"""The full circle: two hundred are invited over SMTP and answer in eight dialects over IMAP, while the agenda moves.

In the end the ledger, every reader's calendar, the letters and the counts agree exactly. All peers are real; only the
clock is the test's.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import pytest

from mailer.collecting import Collected, Collector, decide
from mailer.delivery.relay import Relay
from mailer.delivery.tray import Tray, TrayServer
from mailer.inbox.bounded import BoundedReader
from mailer.inbox.mailbox import ImapMailbox
from mailer.outbox import incoming, ledger, letters, people
from mailer.outbox.database import Database
from mailer.outbox.letter import LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.schema import Answer, IncomingState
from mailer.recipients.model import Recipient
from tests import conference
from tests.inbox.dialects import DIALECTS, Asked, Said, read
from tests.inbox.dovecot import Dovecot, dovecot
from tests.modelcalendar import ModelCalendar, files_in
from tests.secretariat import DAY, HOUR, MINUTE, SENDER, Arrived, Fate, Secretariat, person

__all__ = ["dovecot"]

PUBLISHED_AT = datetime(2025, 6, 2, 8, tzinfo=UTC)
"""Long past: no mail server keeps a mail that comes tomorrow."""

LANGUAGES = ("en", "fr", "ar")
EVERYBODY = tuple(
    person(f"Reader{n:03}", language=LANGUAGES[n % len(LANGUAGES)], sessions=()) for n in range(200)
)
AGENDA = conference.EVENT.mailing("agenda").model_copy(
    update={"when": "2 days after publication", "again_when_moved": False}
)
MOVED, CANCELLED, CHOSEN = "registration", "session-3", "session-1"
"""Registration is where the day begins: if it moves, the whole event does."""
SESSIONS = tuple(map(conference.EVENT.session, (MOVED, "opening", CHOSEN, CANCELLED, "closing")))
EVENT = conference.EVENT.model_copy(
    update={
        "sessions": SESSIONS,
        "mailings": (conference.EVENT.mailing("invitation"), AGENDA, conference.EVENT.mailing("reminder")),
    }
)

PARTSTATS = {Answer.ACCEPTED: "ACCEPTED", Answer.TENTATIVE: "TENTATIVE", Answer.DECLINED: "DECLINED"}


@dataclass
class Circle(Secretariat):
    """A secretariat with a real way out and a real mailbox: letters leave over SMTP, and what comes back is fetched."""

    tray: Tray = field(kw_only=True)
    relay: Relay = field(kw_only=True)
    dovecot: Dovecot = field(kw_only=True)
    folder: str = field(kw_only=True)
    collector: Collector = field(init=False)
    asked: dict[tuple[str, str], list[Asked]] = field(default_factory=lambda: defaultdict(list))
    """What was asked of whom, by address and UID, the newest last."""

    def carry(self, fate: Callable[[], Fate] = lambda: Fate.SENT) -> None:
        """Over SMTP; each reader's calendar takes in what came to the mail server for them."""
        self.service.deliver(self.relay, lambda: self.now)
        if self.tray.count() == len(self.arrived):
            return
        new = list(islice(self.tray.everything(), len(self.arrived), None))
        for caught, raw in new:
            self.arrived.append(Arrived("", "", caught.recipient, raw))
            calendar = self.readers.setdefault(caught.recipient, ModelCalendar())
            for method, octets in files_in(raw):
                calendar.apply(octets)
                for asked in read(raw) if method == "REQUEST" else ():
                    self.asked[caught.recipient, asked.uid].append(asked)

    def question(self, who: Recipient, anchor: str = "event", number: int = -1) -> Asked:
        """What the last REQUEST for this entry asked them, or an earlier one."""
        return self.asked[who.address, self.uid(who, anchor)][number]

    def uid(self, who: Recipient, anchor: str) -> str:
        domain = self.agenda.organiser.address.partition("@")[2]
        return SENDER.signer.uid(self.agenda.key, anchor, who.address, domain)

    def receive(self, mails: Iterable[bytes]) -> Collected:
        """Mails come into the mailbox, and are collected."""
        with self.dovecot.signed_in() as client:
            for raw in mails:
                client.append(self.folder, raw, msg_time=self.now)
        return self.collector.collect(self.now)

    @property
    def counts(self) -> people.RosterCounts:
        with self.database.reading() as c:
            return people.counts(c, self.agenda.key)

    def letters(self) -> list[LetterRow]:
        with self.database.reading() as c:
            return letters.search(c, self.agenda.key, limit=10_000)

    def declined(self) -> set[str]:
        """Whose last word on the event is no."""
        with self.database.reading() as c:
            given = people.standing_answers(c, list(self.ids.values()))
        return {
            address for address, each in self.ids.items() if given.get(each, {}).get("event") == "declined"
        }

    def held(self) -> dict[str, dict[str, tuple[int, datetime, bool]]]:
        """What the ledger says that everybody holds: by address and UID the numbers, and whether it is off."""
        with self.database.reading() as c:
            rows = ledger.ledger(c, self.agenda.key)
            named = ledger.addresses(c, {row.recipient_id for row in rows})
        found: dict[str, dict[str, tuple[int, datetime, bool]]] = {}
        for row in rows:
            numbers = (row.sequence_sent, row.stamped_at, row.cancelled)
            found.setdefault(named[row.recipient_id], {})[row.uid] = numbers
        return found

    def in_calendars(self) -> dict[str, dict[str, tuple[int, datetime, bool]]]:
        """The same of what everybody's calendar took in."""
        return {
            address: {
                uid: (item.sequence, item.stamped_at, item.shown is None)
                for uid, item in reader.items.items()
            }
            for address, reader in self.readers.items()
        }


@pytest.fixture
def circle(database: Database, dovecot: Dovecot, tmp_path: Path) -> Iterator[Circle]:
    tray = Tray(tmp_path / "tray.db", durable=False)
    folder = tmp_path.name
    with dovecot.signed_in() as client:
        client.create_folder(folder)
    mailbox = ImapMailbox(folder=replace(dovecot.folder, name=folder), tls=dovecot.tls)
    server = TrayServer(tray, clock=lambda: PUBLISHED_AT)
    with closing(BoundedReader()) as reader:
        circle = Circle(
            database=database, now=PUBLISHED_AT, agenda=EVENT, listed=EVERYBODY,
            tray=tray, relay=server.start(), dovecot=dovecot, folder=folder,
        )  # fmt: skip
        circle.collector = Collector(
            database=database, event=EVENT.key, sender=SENDER, compose=circle.service.compose,
            mailboxes=(mailbox,), reader=reader,
        )  # fmt: skip
        try:
            yield circle
        finally:
            server.stop()


A, T, D = Answer.ACCEPTED, Answer.TENTATIVE, Answer.DECLINED

Answers = dict[int, Answer]
"""By the last figure of a reader's number: so each of ten sorts of people is twenty."""

INVITED: Answers = {0: A, 1: A, 2: A, 3: A, 4: T, 5: D, 6: D}
MOVED_TO: Answers = {0: A, 1: A, 3: D, 4: A, 5: A, 9: T}
AT_LAST: Answers = {2: A, 8: A}
CHOSEN_BY = {0: MOVED, 1: CANCELLED, 8: CHOSEN}
"""On their pages."""


LETTERS = {
    "invitation": 200,
    "agenda": 160 + 20,  # to all but those who declined, and then to those of them who come after all
    "confirmation": 70,  # of what was chosen on pages, and of what was taken off again
    "update": 60 + 220 + 160 + 200,  # chosen; moved, with sessions of their own; new words; reinstated
    "cancellation": 10 + 160,  # taken off; cancelled
    "reminder": 20,
}


def sort(figure: int) -> tuple[Recipient, ...]:
    return EVERYBODY[figure::10]


def written(
    circle: Circle, answers: Answers, anchor: str = "event", *, first_asked: bool = False
) -> list[bytes]:
    """What all people of these sorts answer, as calendars write it, one dialect after the other."""
    said = Said(partstat="", at=circle.now, comment="Thank you; see you there, or not")
    everybody = [(who, answer) for figure, answer in answers.items() for who in sort(figure)]
    return [
        dialect(
            circle.question(who, anchor, 0 if first_asked else -1),
            replace(said, partstat=PARTSTATS[answer]),
        )
        for dialect, (who, answer) in zip(cycle(DIALECTS), everybody, strict=False)
    ]


def counted(answers: Answers) -> dict[Answer, int]:
    return dict(Counter(answer for figure, answer in answers.items() for _ in sort(figure)))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the stores' own tests run on both
def test_a_full_circle(circle: Circle) -> None:
    circle.publish()
    circle.wait(20 * MINUTE)
    assert_all_agree(circle)
    assert {address: len(reader.shown) for address, reader in circle.readers.items()} == {
        who.address: 1 for who in EVERYBODY
    }

    took = circle.receive([*written(circle, INVITED), written(circle, INVITED)[0]])
    assert (took.kinds, took.troubles) == ({"answer": 140}, ()), "the same twice is one"
    assert circle.counts.answers == {"event": counted(INVITED)}
    somebody_else_answers(circle, sort(7)[0])

    choose_on_their_pages(circle)
    moved(circle)
    cancelled_and_reinstated(circle)
    reminded(circle)
    assert_letters_agree(circle)


def somebody_else_answers(circle: Circle, who: Recipient) -> None:
    """It waits, counts for nobody, and a person takes it for nobody's."""
    before = circle.counts
    asked = replace(circle.question(who), attendee="assistant@prosecution.example")
    circle.receive([DIALECTS[0](asked, Said(partstat="ACCEPTED", at=circle.now))])
    with circle.database.reading() as c:
        came = incoming.search(c, EVENT.key, limit=1)[0]
    assert (came.state, came.outcome) == (
        IncomingState.OPEN, "somebody answers for an entry that is another's"
    )  # fmt: skip
    assert circle.counts == before
    assert decide(circle.database, EVENT.key, came.id, circle.now).state is IncomingState.DECIDED
    assert circle.counts == before


def choose_on_their_pages(circle: Circle) -> None:
    """Once they have the agenda, of which whoever declined is told nothing; some think better of it."""
    circle.wait(2 * DAY)
    declined = {who.address for figure in (5, 6) for who in sort(figure)}
    assert {address for address, reader in circle.readers.items() if len(reader.shown) == 1} == declined
    for figure, session in CHOSEN_BY.items():
        for who in sort(figure):
            circle.choose(who, session)
    circle.wait(20 * MINUTE)
    assert_all_agree(circle)
    for who in sort(8)[:10]:
        circle.choose(who, CHOSEN, wanted=False)
    circle.wait(20 * MINUTE)
    assert_all_agree(circle)
    assert circle.counts.answers == {
        "event": counted(INVITED), MOVED: {A: 20}, CANCELLED: {A: 20}, CHOSEN: {A: 10, D: 10}
    }  # fmt: skip


def moved(circle: Circle) -> None:
    """Everybody is told after the quiet minutes, and asked anew; an answer to what was before does not count."""
    moved = EVENT.session(MOVED)
    circle.change(MOVED, starts_at=moved.starts_at - 15 * MINUTE)
    assert circle.wait(9 * MINUTE) == []
    circle.wait(20 * MINUTE)
    assert_all_agree(circle)
    assert circle.counts.answers["event"] == {D: 40}, "who declined is not asked to do so again"

    circle.receive(written(circle, {2: A}, first_asked=True))
    assert circle.counts.answers["event"] == {D: 40}
    circle.now += HOUR
    circle.receive([*written(circle, MOVED_TO), *written(circle, {0: A}, MOVED)])
    assert circle.counts.answers["event"] == counted(MOVED_TO | {6: D})
    assert circle.counts.answers[MOVED] == {A: 20}


def cancelled_and_reinstated(circle: Circle) -> None:
    before = circle.agenda
    circle.drop(CANCELLED)
    circle.wait(30 * MINUTE)
    assert_all_agree(circle)
    off = {circle.uid(who, CANCELLED) for who in EVERYBODY}
    assert not any(off & reader.shown.keys() for reader in circle.readers.values())

    circle.publish(before)
    circle.wait(30 * MINUTE)
    assert_all_agree(circle)
    assert sum(bool(off & reader.shown.keys()) for reader in circle.readers.values()) == 180

    circle.receive([*written(circle, AT_LAST), *written(circle, {1: T}, CANCELLED)])
    circle.wait(30 * MINUTE)
    assert_all_agree(circle)
    final = MOVED_TO | {6: D} | AT_LAST
    assert circle.counts.answers == {
        "event": counted(final), MOVED: {A: 20}, CANCELLED: {T: 20}, CHOSEN: {A: 10, D: 10}
    }  # fmt: skip
    silent = len(EVERYBODY) - sum(circle.counts.answers["event"].values())
    assert (circle.counts.asked, silent) == (200, len(sort(7)))


def reminded(circle: Circle) -> None:
    """Those who are silent, and nobody else."""
    before = len(circle.arrived)
    circle.now = EVENT.starts_at - 30 * DAY
    circle.wait(DAY)
    assert {each.address for each in circle.arrived[before:]} == {who.address for who in sort(7)}


def assert_all_agree(circle: Circle) -> None:
    """The ledger and every calendar, number by number; and what they show is the agenda in force, no more and no less.

    Whoever declined is not troubled with new words.
    """
    held = circle.held()
    assert held == circle.in_calendars()
    declined = circle.declined()
    for who in EVERYBODY:
        stands = {uid for uid, (_, _, cancelled) in held[who.address].items() if not cancelled}
        meant = {uid: shown for uid, (_, shown) in circle.agenda_for(who).items() if uid in stands}
        shown = dict(circle.readers[who.address].shown)
        if who.address in declined:
            event = circle.uid(who, "event")
            meant[event] = replace(meant[event], description=shown[event].description)
        assert shown == meant


def assert_letters_agree(circle: Circle) -> None:
    """Every letter that was written down left once, as the bytes that it is composed to again."""
    rows = circle.letters()
    assert Counter((row.mailing, row.state) for row in rows) == {
        (mailing, LetterState.SENT): count for mailing, count in LETTERS.items()
    }
    with circle.database.reading() as c:
        counted = sum((Counter(each.counts) for each in letters.progress(c, EVENT.key)), Counter())
    assert counted == {LetterState.SENT: circle.tray.count()}
    written_down = sorted(circle.service.compose(row).raw for row in rows)
    assert written_down == sorted(each.raw for each in circle.arrived)

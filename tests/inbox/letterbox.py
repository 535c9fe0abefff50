"""A conference whose invitations have left, and a Maildir that answers come into: where tests of collecting begin."""

import os
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from mailer.collecting import Collected, Collector
from mailer.composition import wording
from mailer.composition.composing import Composed, Sender
from mailer.composition.links import Signer
from mailer.inbox.bounded import BoundedReader
from mailer.inbox.mailbox import Maildir
from mailer.judging import Answerer
from mailer.outbox import claims, incoming, letters, people
from mailer.outbox.database import Database
from mailer.outbox.incoming import Incoming
from mailer.outbox.letter import Happening
from mailer.outbox.letters import LetterRow
from mailer.outbox.people import AnswerGiven
from mailer.service import Service
from mailer.settings import ROOT
from tests.conference import EVENT, PUBLISHED_AT, RECIPIENTS
from tests.databases import Contents, contents, put
from tests.inbox.dialects import Asked, read
from tests.outbox.world import told

TEXTS = wording.load(ROOT / "templates")
SENDER = Sender(
    signer=Signer(b"k" * 32), base_url="https://conference.example", return_path="returns@conference.example"
)
NOW = PUBLISHED_AT + timedelta(days=3)
LEASE = timedelta(minutes=1)
THROUGH = "smtps://mail.conference.example:465"


_sent: dict[Hashable, tuple[list[LetterRow], Contents]] = {}


@dataclass
class Letterbox:
    """One event's letters, and the mailbox that is read for it."""

    database: Database
    path: Path
    reader: BoundedReader
    now: datetime = NOW
    questions_to: str = ""
    published_at: datetime = PUBLISHED_AT
    service: Service = field(init=False)
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.service = Service(database=self.database, event=EVENT.key, sender=SENDER, texts=TEXTS)
        for folder in ("new", "cur", "tmp"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)

    @property
    def collector(self) -> Collector:
        return Collector(
            database=self.database,
            event=EVENT.key,
            sender=SENDER,
            compose=self.service.compose,
            mailboxes=(Maildir(path=self.path),),
            reader=self.reader,
            answerer=Answerer(named=self.questions_to),
        )

    def send_invitations(self, *happenings: Happening) -> list[LetterRow]:
        """Publish, and let this happen to every invitation: they are accepted, if nothing else is said.

        It takes a third of a second, and the same is kept each time: an empty database is given what came of it.
        """
        what = self.database.engine.dialect.name, self.published_at, happenings, RECIPIENTS
        if what in _sent and put(self.database, _sent[what][1]):
            return _sent[what][0]
        was_empty = not any(contents(self.database).values())
        rows = self._send_invitations(happenings)
        if was_empty:
            _sent[what] = rows, contents(self.database)
        return rows

    def _send_invitations(self, happenings: tuple[Happening, ...]) -> list[LetterRow]:
        self.service.publish(EVENT, RECIPIENTS, self.published_at)
        self.service.plan(self.published_at)
        with self.database.writing() as c:
            claimed = claims.claim(c, "one", self.published_at, 100, LEASE)
        rows = {row.id: row for row in self.letters()}
        for each in claimed:
            composed = self.service.compose(rows[each.id])
            changes = [told(each, Happening.INTENDED, digest="a" * 64, reply=THROUGH)]
            for happening in happenings or (Happening.ACCEPTED,):
                entries = composed.entries if happening is Happening.ACCEPTED else ()
                changes.append(told(each, happening, reply="250", entries=entries))
            with self.database.writing() as c:
                claims.happen(c, changes, self.published_at)
        return [rows[each.id] for each in claimed]

    def letters(self) -> list[LetterRow]:
        with self.database.reading() as c:
            return letters.search(c, EVENT.key, limit=1000)

    def letter(self, address: str) -> LetterRow:
        return next(row for row in self.letters() if row.recipient.address == address)

    def composed(self, address: str) -> Composed:
        return self.service.compose(self.letter(address))

    def asked(self, address: str) -> Asked:
        """What the invitation to this person asks."""
        return read(self.composed(address).raw)[0]

    def return_path(self, address: str) -> str:
        return SENDER.return_path_of(self.letter(address).id)

    def deliver(self, raw: bytes, at: datetime | None = None) -> Path:
        """A mail comes into the mailbox."""
        file = self.path / "new" / f"{next(self._numbers):06}.mail.example"
        file.write_bytes(raw)
        moment = (at or self.now).timestamp()
        os.utime(file, (moment, moment))
        return file

    def collect(self) -> Collected:
        return self.collector.collect(self.now)

    def came(self) -> list[Incoming]:
        """What is kept, the oldest first."""
        with self.database.reading() as c:
            return incoming.search(c, EVENT.key, limit=1000)[::-1]

    def receive(self, raw: bytes, at: datetime | None = None) -> Incoming:
        """A mail comes and is looked into."""
        self.deliver(raw, at)
        self.collect()
        return self.came()[-1]

    def answers(self, address: str) -> list[AnswerGiven]:
        with self.database.reading() as c:
            reader = incoming.reader_at(c, EVENT.key, address)
            assert reader
            return people.answers(c, reader.recipient_id)

    def standing(self, address: str) -> dict[str, str]:
        """What of the answers holds, by anchor."""
        with self.database.reading() as c:
            reader = incoming.reader_at(c, EVENT.key, address)
            assert reader
            return people.standing_answers(c, [reader.recipient_id]).get(reader.recipient_id, {})


@contextmanager
def reading() -> Iterator[BoundedReader]:
    reader = BoundedReader()
    try:
        yield reader
    finally:
        reader.close()

"""What comes back is taken in: fetched, kept as it came, looked into, and what follows is done. It decides nothing.

Each step is committed before the next begins, and each can be done again: a mail is kept once by its content, ended
once by its state, an answer recorded once by what it says. So a crash at any point loses nothing and doubles nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from threading import Event as Signal
from threading import Lock

from mailer import judging
from mailer.composition.composing import Composed, Sender
from mailer.errors import ConvenorError, StoreError, UnsafeLetter, WordingError
from mailer.inbox.bounded import BoundedReader, Poison
from mailer.inbox.mailbox import Cursor, Fetched, Mailbox, MailboxTrouble
from mailer.inbox.sorting import Kind, Mail, told
from mailer.judging import Answerer, Given, Judgement, Noted
from mailer.outbox import agendas, audit, doubts, flags, incoming, letters, people
from mailer.outbox.database import Database, Transaction
from mailer.outbox.incoming import Held, Incoming, Reader
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.schema import Forward, IncomingState

TAKEN_AT_A_TIME = 200
"""Mails that are kept before any of them is looked into."""

LETTERS_LOOKED_AT = 200
"""Letters on their way or in doubt whose entries an answer is compared with."""

CLOCKS_DIFFER_BY = timedelta(hours=1)
"""A mailbox is read from when the agenda was first published; what it held before is none of our business."""

SETTLED_WITHIN = timedelta(minutes=15)
"""How long an answer waits for the outcome of the letter it answers."""

Compose = Callable[[LetterRow], Composed]


@dataclass(frozen=True, kw_only=True)
class Collected:
    """How many mails were new, how many of them are what, and what troubles the mailboxes."""

    new: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    settled: int = 0
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Collector:
    """Takes in what comes back for one event, and for whatever other event of the database it is about.

    Where `answerer` names nobody that questions are to be forwarded to, a person reads the mailbox anyway.
    """

    database: Database
    event: str
    sender: Sender
    compose: Compose
    mailboxes: tuple[Mailbox, ...]
    reader: BoundedReader
    answerer: Answerer = field(default_factory=Answerer)
    _turn: Lock = field(default_factory=Lock, repr=False, compare=False)

    def collect(self, now: datetime, stop: Signal | None = None) -> Collected:
        """Take in everything that has come, until `stop`.

        Raises:
            StoreError: the database cannot be used; what was taken until then stays taken.
        """
        with self._turn:
            kinds: Counter[str] = Counter()
            new, troubles = 0, []
            for mailbox in self.mailboxes:
                while not (stop and stop.is_set()):
                    taken, kept, trouble = self._take(mailbox, now)
                    new += kept
                    troubles += [trouble] if trouble else []
                    kinds += self._look_into(now, stop)
                    if taken < TAKEN_AT_A_TIME:
                        break
            return Collected(
                new=new, kinds=dict(kinds), settled=self._settle(now), troubles=tuple(dict.fromkeys(troubles))
            )

    # ── keeping ──────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, mailbox: Mailbox, now: datetime) -> tuple[int, int, str]:
        """Keep what a mailbox has that is new: how many mails were there, how many of them new, what went wrong."""
        name, taken, kept = mailbox.name, 0, 0
        with self.database.reading() as transaction:
            version = agendas.latest(transaction, self.event)
            read_to = incoming.cursor(transaction, name)
        if version is None:
            return 0, 0, ""
        cursor = Cursor(validity=read_to[0], uid=read_to[1]) if read_to else None
        since = version.first_published_at - CLOCKS_DIFFER_BY
        fetching = mailbox.fetch(cursor, since, partial(self._known, name))
        try:
            with closing(fetching):  # type: ignore[type-var]
                for mail in islice(fetching, TAKEN_AT_A_TIME):
                    taken += 1
                    kept += self._keep(name, mail, now)
        except MailboxTrouble as error:
            return taken if taken == TAKEN_AT_A_TIME else 0, kept, str(error)
        return taken, kept, ""

    def _known(self, mailbox: str, places: Sequence[str]) -> set[str]:
        with self.database.reading() as transaction:
            return incoming.known_places(transaction, mailbox, places)

    def _keep(self, name: str, mail: Fetched, now: datetime) -> bool:
        with self.database.writing() as transaction:
            received_at = min(mail.received_at, now)
            size = (
                len(mail.raw) if mail.is_whole else mail.size
            )  # what a server says of a size may be a guess
            is_new = incoming.keep(transaction, name, mail.place, mail.raw, received_at, size)
            if mail.cursor:
                incoming.move_cursor(transaction, name, mail.cursor.validity, mail.cursor.uid)
        return is_new

    # ── looking into it ──────────────────────────────────────────────────────────────────────────────────────

    def _look_into(self, now: datetime, stop: Signal | None) -> Counter[str]:
        kinds: Counter[str] = Counter()
        composed: dict[int, Composed | None] = {}
        last = 0
        while not (stop and stop.is_set()):
            with self.database.reading() as transaction:
                found = incoming.next_new(transaction, last)
            if found is None:
                break
            mail, raw = found
            last = mail.id
            kinds += Counter([kind] if (kind := self._end(mail, raw, composed, now)) else [])
        return kinds

    def _end(self, mail: Incoming, raw: bytes, composed: dict[int, Composed | None], now: datetime) -> str:
        """Look into one mail and do what follows; its kind, or nothing if it is for later."""
        read = self.reader.read(raw) if mail.size <= len(raw) else Poison(reason=_too_large(mail.size))
        if isinstance(read, Poison):
            return self._lay_aside(mail, read.reason)
        try:
            on_its_way = self._letter_on_its_way(read, composed)
            with self.database.writing() as transaction:
                return self._apply(transaction, mail, read, on_its_way, now)
        except StoreError:
            raise
        except Exception as error:  # whatever it is, the mails behind this one are not to wait
            return self._lay_aside(mail, f"it cannot be dealt with ({type(error).__name__})")

    def _lay_aside(self, mail: Incoming, reason: str) -> str:
        with self.database.writing() as transaction:
            incoming.end(transaction, mail.id, IncomingState.QUARANTINED, reason)
        return IncomingState.QUARANTINED

    def _apply(
        self,
        transaction: Transaction,
        mail: Incoming,
        read: Mail,
        on_its_way: tuple[LetterRow, Composed] | None,
        now: datetime,
    ) -> str:
        """One transaction: the mail is ended, and everything that follows from it done, or nothing is."""
        letter_id, reader = self._letter(transaction, read)
        if on_its_way:
            row, composed = on_its_way
            if incoming.leaving(transaction, row.id) and now - mail.received_at < SETTLED_WITHIN:
                return ""
            _found(transaction, row.id, composed, Kind.ANSWER, now)
            letter_id = letter_id or row.id
        held = incoming.holder(transaction, read.reply.uid) if read.reply and read.reply.uid else None
        known = self._known_reader(transaction, read)
        judged = judging.judge(read, held=held, reader=reader, known=known, at=mail.received_at)
        organiser = self._organiser(transaction)
        if judging.is_ours(read, organiser):
            judged = Judgement(state=IncomingState.SORTED, outcome="we wrote it ourselves")
        forward = Forward.WAITING if judged.is_question and self.answerer.address(organiser) else Forward.NOT
        first = incoming.end(
            transaction, mail.id, judged.state, judged.outcome, kind=read.kind, said=told(read),
            letter_id=letter_id, recipient_id=judged.recipient_id, forward=forward,
        )  # fmt: skip
        if first:
            self._follow(transaction, mail, judged, now)
        return read.kind

    def _follow(self, transaction: Transaction, mail: Incoming, judged: Judgement, now: datetime) -> None:
        if judged.answer:
            record(transaction, judged.answer, now)
        if judged.trouble:
            _note(transaction, mail, judged.trouble)
        if judged.unsubscribes and judged.recipient_id:
            people.unsubscribe(transaction, judged.recipient_id, now)

    def _letter(self, transaction: Transaction, read: Mail) -> tuple[int | None, Reader | None]:
        """The letter whose genuine sign a mail bears: in the address it was brought to, or else anywhere in it."""
        for token in (*read.addressed, *read.mentioned):
            letter_id = self.sender.signer.letter_of(f"+{token}")
            reader = incoming.reader_of_letter(transaction, letter_id) if letter_id is not None else None
            if reader:
                return letter_id, reader
        return None, None

    def _known_reader(self, transaction: Transaction, read: Mail) -> Reader | None:
        """Who on the list has the address a mail is from, or, if it is a report, speaks of."""
        addresses = [report.address for report in read.reports] or [read.sender]
        found = (incoming.reader_at(transaction, self.event, each) for each in addresses[:5] if each)
        return next(filter(None, found), None)

    def _organiser(self, transaction: Transaction) -> str:
        version = agendas.latest(transaction, self.event)
        return version.event.organiser.address if version else ""

    # ── letters whose outcome is not known ───────────────────────────────────────────────────────────────────

    def _letter_on_its_way(
        self, read: Mail, remembered: dict[int, Composed | None]
    ) -> tuple[LetterRow, Composed] | None:
        """The letter that an answer is to, where the ledger has no such entry yet: it is on its way or in doubt.

        What was composed to find it is remembered: made-up answers shall not cost it again and again.
        """
        uid = read.reply.uid if read.reply and not read.reply.trouble else ""
        if not judging.OUR_UID.fullmatch(uid):
            return None
        with self.database.reading() as transaction:
            if incoming.holder(transaction, uid):
                return None
            rows = [
                row
                for state in (LetterState.LEAVING, LetterState.IN_DOUBT)
                for row in letters.search(transaction, self.event, state=state, limit=LETTERS_LOOKED_AT)
            ]
        for row in rows:
            if row.id not in remembered:
                remembered[row.id] = self._composed(row)
            composed = remembered[row.id]
            if composed and any(entry[1] == uid for entry in composed.entries):
                return row, composed
        return None

    def _settle(self, now: datetime) -> int:
        """End the doubts about letters of which a mail shows that they left: a report, or an answer."""
        with self.database.reading() as transaction:
            doubtful = {doubt.letter.id: doubt.letter for doubt in doubts.doubts(transaction, self.event)}
            reported = incoming.reported(transaction, list(doubtful)) if doubtful else {}
        settled = 0
        for letter_id, kind in reported.items():
            composed = self._composed(doubtful[letter_id])
            with self.database.writing() as transaction:
                settled += _found(transaction, letter_id, composed, kind, now)
        return settled

    def _composed(self, row: LetterRow) -> Composed | None:
        try:
            return self.compose(row)
        except (WordingError, UnsafeLetter):
            return None


EVIDENCE = {
    Kind.ANSWER: "its reader's answer",
    Kind.BOUNCE: "a delivery report",
    Kind.OUT_OF_OFFICE: "a note of absence",
}
"""What shows that a letter left, in the words of its history; any other mail that bears its sign does, too."""


def _found(
    transaction: Transaction, letter_id: int, composed: Composed | None, kind: str, now: datetime
) -> bool:
    """A letter in doubt has left: whatever came of it, somebody had it."""
    note = f"found by {EVIDENCE.get(Kind(kind), 'a mail that bears its sign') if kind else 'a mail'}"
    return doubts.settle(
        transaction,
        letter_id,
        Happening.FOUND,
        now,
        note,
        composed.entries if composed else (),
    )


def record(transaction: Transaction, given: Given, now: datetime, source: str = "calendar") -> None:
    """Add an answer to its reader's; one to an earlier version stands among them and does not count."""
    people.record_answer(
        transaction, given.recipient_id, given.anchor, given.answer, given.at, source,
        sequence=given.sequence, comment=given.comment, noted_at=now,
    )  # fmt: skip


def _note(transaction: Transaction, mail: Incoming, noted: Noted) -> None:
    incoming.note_trouble(
        transaction,
        mail.id,
        noted.recipient_id,
        mail.received_at,
        trouble=noted.trouble,
        status=noted.status,
        words=noted.words,
    )


def _too_large(size: int) -> str:
    return f"it is too large to be read, {size // 1024 // 1024} MB; look at it in the mailbox"


def decide(
    database: Database,
    event: str,
    incoming_id: int,
    now: datetime,
    *,
    accept_as: str = "",
    by: str = audit.COMMAND_LINE,
) -> Incoming:
    """What a person says of a mail that waits for one: whose answer, report or wish it is, or nothing is to follow.
    The audit tells that it was `by` them.

    Raises:
        ConvenorError: there is no such mail, it does not wait, nobody has that address, or nothing can follow from it.
    """
    with database.writing() as transaction:
        found = incoming.one(transaction, incoming_id)
        if found is None:
            raise ConvenorError(f"there is no mail {incoming_id}; `convenor inbox` shows what came")
        mail, _ = found
        if mail.state not in incoming.NEEDS_A_PERSON:
            raise ConvenorError(f"mail {incoming_id} waits for nobody: {mail.outcome}")
        if not accept_as:
            incoming.decide(transaction, incoming_id, f"dismissed: {mail.outcome}", now)
        else:
            reader = incoming.reader_at(transaction, event, accept_as)
            if reader is None:
                raise ConvenorError(f"{accept_as} is on no list of this event")
            outcome = _accept(transaction, mail, reader, now)
            incoming.decide(transaction, incoming_id, outcome, now, reader.recipient_id)
        what = f"mail {incoming_id}: {f'taken for {accept_as}' if accept_as else 'dismissed'}"
        audit.note(transaction, now, by, "decided", what, event=event)
        ended = incoming.one(transaction, incoming_id)
    assert ended  # noqa: S101 - it was there a moment ago
    return ended[0]


def clear_flag(
    database: Database, event: str, address: str, now: datetime, *, by: str = audit.COMMAND_LINE
) -> None:
    """A person says that an address is right after all: letters go to it again.

    Raises:
        ConvenorError: it was not reported as wrong.
    """
    with database.writing() as transaction:
        if not flags.clear(transaction, event, address):
            raise ConvenorError(
                f"{address} was not reported as wrong; `convenor inbox` names the addresses that were"
            )
        audit.note(transaction, now, by, "cleared", f"the address {address}: it is right", event=event)


def _accept(transaction: Transaction, mail: Incoming, reader: Reader, now: datetime) -> str:
    """Do for this reader what the mail asks for; in words, what that was."""
    given, wish = judging.accepted_as(mail, reader, _held(transaction, mail)), mail.kind
    if given:
        record(transaction, given, now, source="organiser")
        return f"{given.answer}, taken for {reader.address}"
    if wish == Kind.UNSUBSCRIBE:
        people.unsubscribe(transaction, reader.recipient_id, now)
        return f"unsubscribed {reader.address}"
    if noted := judging.reported_as(mail, reader):
        _note(transaction, mail, noted)
        return f"noted at {reader.address}"
    raise ConvenorError(f"mail {mail.id} holds nothing that could be taken for anybody; --dismiss ends it")


def _held(transaction: Transaction, mail: Incoming) -> Held | None:
    uid = (mail.said.get("reply") or {}).get("uid", "")
    return incoming.holder(transaction, uid) if uid else None

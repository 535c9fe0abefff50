"""What came in: kept as it came before anybody looks into it, then with what it is and what followed.

Each mail is kept once, whatever it came as: again, out of order, or from a mailbox that was numbered anew. What a mail
is and what follows from it is not decided here. Every function works in its caller's transaction.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, update

from mailer.outbox.database import insert
from mailer.outbox.letter import LetterState
from mailer.outbox.moving import chunks
from mailer.outbox.schema import (
    Forward,
    IncomingState,
    Trouble,
    address_trouble,
    answer,
    entry,
    in_states,
    incoming,
    incoming_place,
    letter,
    mailbox_cursor,
    recipient,
    recipient_revision,
)
from mailer.recipients.model import Recipient, Role

NEEDS_A_PERSON = (IncomingState.OPEN, IncomingState.QUARANTINED)


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A mail that came in. `said` is what it says of itself; empty until it was looked into."""

    id: int
    mailbox: str
    received_at: datetime
    size: int
    state: IncomingState
    kind: str
    outcome: str
    sender: str
    subject: str
    said: Mapping[str, Any] = field(default_factory=dict)
    letter_id: int | None = None
    recipient_id: int | None = None
    forward: Forward = Forward.NOT
    forwarded_at: datetime | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Somebody who was ever asked, with the address that stands in the list now; `joined_at` they came onto it."""

    recipient_id: int
    event: str
    address: str
    joined_at: datetime


@dataclass(frozen=True, kw_only=True)
class Held:
    """An entry in somebody's calendar, by its UID."""

    reader: Reader
    anchor: str
    sequence_sent: int


@dataclass(frozen=True, kw_only=True)
class TroubledAddress:
    """An address that reports speak of: its last hard bounce, unless its owner has answered since, and the soft ones.

    `others` are people of the same delegation, or else the same institution, who have no such trouble.
    """

    address: str
    name: str
    hard_at: datetime | None
    soft: int
    status: str
    words: str
    others: tuple[str, ...] = ()


# ── as it came ───────────────────────────────────────────────────────────────────────────────────────────────


def keep(
    c: Connection, mailbox: str, place: str, raw: bytes, received_at: datetime, size: int | None = None
) -> bool:
    """Keep a mail as it came, and that it was found at this place; returns whether it is new."""
    digest = hashlib.sha256(raw).hexdigest()
    row = {
        "mailbox": mailbox, "digest": digest, "received_at": received_at,
        "size": len(raw) if size is None else size, "raw": raw, "state": IncomingState.NEW, "kind": "",
        "outcome": "", "sender": "", "subject": "", "said": "", "forward": Forward.NOT,
    }  # fmt: skip
    adding = insert(c, incoming).values(row).on_conflict_do_nothing(index_elements=["digest"])
    added = c.execute(adding.returning(incoming.c.id)).scalar_one_or_none()
    incoming_id = added or c.scalar(select(incoming.c.id).where(incoming.c.digest == digest))
    found = insert(c, incoming_place).values(mailbox=mailbox, place=place, incoming_id=incoming_id)
    c.execute(found.on_conflict_do_nothing())
    return added is not None


def known_places(c: Connection, mailbox: str, places: Sequence[str]) -> set[str]:
    """Those of these places whose mail was kept already."""
    this = select(incoming_place.c.place).where(incoming_place.c.mailbox == mailbox)
    return {
        place for part in chunks(places) for place in c.scalars(this.where(incoming_place.c.place.in_(part)))
    }


def cursor(c: Connection, mailbox: str) -> tuple[int, int] | None:
    """How far a mailbox has been read, as (UIDVALIDITY, UID)."""
    query = select(mailbox_cursor.c.validity, mailbox_cursor.c.uid).where(mailbox_cursor.c.mailbox == mailbox)
    row = c.execute(query).one_or_none()
    return (row.validity, row.uid) if row else None


def move_cursor(c: Connection, mailbox: str, validity: int, uid: int) -> None:
    """Note how far it has been read now: on, never back, unless it was numbered anew."""
    moving = insert(c, mailbox_cursor).values(mailbox=mailbox, validity=validity, uid=uid)
    on = or_(
        mailbox_cursor.c.validity != moving.excluded.validity, mailbox_cursor.c.uid < moving.excluded.uid
    )
    values = {"validity": moving.excluded.validity, "uid": moving.excluded.uid}
    c.execute(moving.on_conflict_do_update(index_elements=["mailbox"], set_=values, where=on))


# ── what it is, and what followed ────────────────────────────────────────────────────────────────────────────


def next_new(c: Connection, after: int = 0) -> tuple[Incoming, bytes] | None:
    """The next mail that nobody has looked into, behind the one with this id."""
    query = select(incoming).where(incoming.c.state == IncomingState.NEW, incoming.c.id > after)
    row = c.execute(query.order_by(incoming.c.id).limit(1)).one_or_none()
    return (_incoming(row), row.raw) if row else None


def end(
    c: Connection,
    incoming_id: int,
    state: IncomingState,
    outcome: str,
    *,
    kind: str = "",
    said: Mapping[str, Any] | None = None,
    letter_id: int | None = None,
    recipient_id: int | None = None,
    forward: Forward = Forward.NOT,
) -> bool:
    """Write down what a new mail is and what became of it; whether it was still new. To be called before anything
    follows from it in the same transaction: whoever is second does nothing.
    """
    this = update(incoming).where(incoming.c.id == incoming_id, incoming.c.state == IncomingState.NEW)
    facts = said or {}
    values = {
        "state": state, "outcome": outcome, "kind": kind, "said": json.dumps(facts) if facts else "",
        "sender": facts.get("sender", ""), "subject": facts.get("subject", ""), "letter_id": letter_id,
        "recipient_id": recipient_id, "forward": forward,
    }  # fmt: skip
    return c.execute(this.values(**values)).rowcount == 1


def decide(
    c: Connection, incoming_id: int, outcome: str, now: datetime, recipient_id: int | None = None
) -> bool:
    """Write down what a person decided of a mail that waits for one; whether it did."""
    this = update(incoming).where(incoming.c.id == incoming_id, incoming.c.state.in_(NEEDS_A_PERSON))
    whose = {"recipient_id": recipient_id} if recipient_id else {}
    return (
        c.execute(this.values(state=IncomingState.DECIDED, outcome=outcome, decided_at=now, **whose)).rowcount
        == 1
    )


def one(c: Connection, incoming_id: int) -> tuple[Incoming, bytes] | None:
    """A mail by its number, with its bytes."""
    row = c.execute(select(incoming).where(incoming.c.id == incoming_id)).one_or_none()
    return (_incoming(row), row.raw) if row else None


def search(
    c: Connection,
    event: str,
    *,
    kind: str | None = None,
    states: Sequence[IncomingState] = (),
    before: int | None = None,
    limit: int = 100,
) -> list[Incoming]:
    """Mails of this event's people, and of those nobody knows, whose number is below `before`; the newest first."""
    query = _rows().where(_of_event(event))
    query = query.where(incoming.c.id < before) if before is not None else query
    query = query.where(incoming.c.kind == kind) if kind else query
    query = query.where(incoming.c.state.in_(list(states))) if states else query
    return [_incoming(row) for row in c.execute(query.order_by(incoming.c.id.desc()).limit(limit))]


def counts(c: Connection, event: str) -> dict[tuple[str, IncomingState], int]:
    """How many came, by (kind, state); the kind is empty where nothing is known of it."""
    return _counted(c, _of_event(event))


def waiting(c: Connection, event: str) -> dict[tuple[str, IncomingState], int]:
    """As `counts`, of those that need a person: it takes no longer when many others came."""
    return _counted(c, and_(incoming.c.state.in_(NEEDS_A_PERSON), _of_event(event)))


def _counted(c: Connection, those: ColumnElement[bool]) -> dict[tuple[str, IncomingState], int]:
    query = select(incoming.c.kind, incoming.c.state, func.count().label("mails")).where(those)
    rows = c.execute(query.group_by(incoming.c.kind, incoming.c.state).order_by(incoming.c.kind))
    return {(row.kind, row.state): row.mails for row in rows}


def _of_event(event: str) -> Any:
    ours = select(recipient.c.id).where(recipient.c.event == event)
    return or_(incoming.c.recipient_id.is_(None), incoming.c.recipient_id.in_(ours))


def _rows() -> Select[Any]:
    return select(*(column for column in incoming.c if column.name not in {"raw", "digest"}))


def _incoming(row: Row[Any]) -> Incoming:
    known = {name: value for name, value in row._mapping.items() if name not in {"raw", "digest"}}
    said = known.pop("said")
    return Incoming(said=json.loads(said) if said else {}, **known)


# ── whom it is about ─────────────────────────────────────────────────────────────────────────────────────────


def _readers() -> Select[Any]:
    newest = and_(
        recipient_revision.c.recipient_id == recipient.c.id,
        recipient_revision.c.number == recipient.c.revision,
    )
    columns = (recipient.c.id, recipient.c.event, recipient.c.joined_at, recipient_revision.c.document)
    return select(*columns).join(recipient_revision, newest)


def _reader(row: Row[Any]) -> Reader:
    return Reader(
        recipient_id=row.id,
        event=row.event,
        address=Recipient.model_validate_json(row.document).address,
        joined_at=row.joined_at,
    )


def reader_of_letter(c: Connection, letter_id: int) -> Reader | None:
    """Whose letter it is; None for one that this database does not know."""
    query = _readers().join(letter, letter.c.recipient_id == recipient.c.id).where(letter.c.id == letter_id)
    row = c.execute(query).one_or_none()
    return _reader(row) if row else None


def reader_at(c: Connection, event: str, address: str) -> Reader | None:
    """Who has this address on the event's list, now or before."""
    query = _readers().where(recipient.c.event == event, recipient.c.address_key == address.lower())
    row = c.execute(query).one_or_none()
    return _reader(row) if row else None


def holder(c: Connection, uid: str) -> Held | None:
    """Whose entry this is."""
    query = _readers().add_columns(entry.c.anchor, entry.c.sequence_sent)
    query = query.join(entry, entry.c.recipient_id == recipient.c.id).where(entry.c.uid == uid)
    row = c.execute(query).one_or_none()
    return Held(reader=_reader(row), anchor=row.anchor, sequence_sent=row.sequence_sent) if row else None


def sequence_at(c: Connection, recipient_id: int, anchor: str) -> int:
    """The SEQUENCE that a recipient's calendar has of this; 0 where it has nothing."""
    query = select(entry.c.sequence_sent).where(
        entry.c.recipient_id == recipient_id, entry.c.anchor == anchor
    )
    return c.scalar(query) or 0


def reported(c: Connection, letter_ids: Sequence[int]) -> dict[int, str]:
    """Those of these letters of which a mail came that only somebody can have sent who had them: letter -> its kind."""
    query = select(incoming.c.letter_id, incoming.c.kind).where(incoming.c.state != IncomingState.NEW)
    return {
        row.letter_id: row.kind
        for part in chunks(letter_ids)
        for row in c.execute(query.where(incoming.c.letter_id.in_(part)).order_by(incoming.c.id.desc()))
    }


def leaving(c: Connection, letter_id: int) -> bool:
    """Whether a letter is on its way at this moment, its end not known yet."""
    this = select(letter.c.id).where(letter.c.id == letter_id, in_states({LetterState.LEAVING}))
    return c.execute(this).first() is not None


# ── addresses that have trouble ──────────────────────────────────────────────────────────────────────────────


def note_trouble(
    c: Connection,
    incoming_id: int,
    recipient_id: int,
    at: datetime,
    *,
    trouble: Trouble,
    status: str,
    words: str,
) -> None:
    """Write down what a report says of somebody's address, once."""
    row = {"incoming_id": incoming_id, "recipient_id": recipient_id, "at": at}
    noting = insert(c, address_trouble).values(**row, trouble=trouble, status=status, words=words)
    c.execute(noting.on_conflict_do_nothing())


def troubled(c: Connection, event: str) -> list[TroubledAddress]:
    """Addresses on the list that reports speak of, those that are wrong first."""
    query = (
        select(address_trouble, recipient_revision.c.document)
        .join(recipient, recipient.c.id == address_trouble.c.recipient_id)
        .join(
            recipient_revision,
            and_(
                recipient_revision.c.recipient_id == recipient.c.id,
                recipient_revision.c.number == recipient.c.revision,
            ),
        )
        .where(recipient.c.event == event, recipient.c.left_at.is_(None))
        .order_by(address_trouble.c.at, address_trouble.c.incoming_id)
    )
    told: dict[int, list[Row[Any]]] = {}
    for row in c.execute(query):
        told.setdefault(row.recipient_id, []).append(row)
    if not told:
        return []
    answered = _answered(c, list(told))
    hard = {whose: last for whose, rows in told.items() if (last := _last_hard(rows, answered.get(whose)))}
    contacts = _contacts(c, event, hard.keys())
    found = [_troubled(rows, hard.get(whose), contacts) for whose, rows in told.items()]
    return sorted(found, key=lambda each: (each.hard_at is None, each.address))


def _answered(c: Connection, ids: Sequence[int]) -> dict[int, datetime]:
    query = select(answer.c.recipient_id, func.max(answer.c.at).label("at")).group_by(answer.c.recipient_id)
    return {
        row.recipient_id: row.at
        for part in chunks(ids)
        for row in c.execute(query.where(answer.c.recipient_id.in_(part)))
    }


def _last_hard(rows: Sequence[Row[Any]], answered_at: datetime | None) -> Row[Any] | None:
    """A report that the address is wrong, unless its owner has answered since."""
    last = next((row for row in reversed(rows) if row.trouble is Trouble.HARD), None)
    return last if last and not (answered_at and answered_at > last.at) else None


def _contacts(c: Connection, event: str, without: Any) -> list[Recipient]:
    """Everybody on the list who may be written to and whose address is not wrong."""
    query = _readers().where(recipient.c.event == event, recipient.c.left_at.is_(None))
    query = query.where(recipient.c.unsubscribed_at.is_(None)).order_by(recipient.c.id)
    return [Recipient.model_validate_json(row.document) for row in c.execute(query) if row.id not in without]


def _troubled(
    rows: Sequence[Row[Any]], hard: Row[Any] | None, contacts: Sequence[Recipient]
) -> TroubledAddress:
    this = Recipient.model_validate_json(rows[0].document)
    last = hard or rows[-1]
    return TroubledAddress(
        address=this.address,
        name=this.full_name,
        hard_at=hard.at if hard else None,
        soft=sum(row.trouble is Trouble.SOFT for row in rows),
        status=last.status,
        words=last.words,
        others=tuple(each.address for each in contacts if hard and _stands_in_for(this, each))[:3],
    )


def _stands_in_for(this: Recipient, other: Recipient) -> bool:
    """Whether the other is a contact of the same delegation, or else works in the same house."""
    if other.address == this.address:
        return False
    if this.role is Role.FOCAL_POINT and this.state:
        return other.role is Role.FOCAL_POINT and other.state == this.state
    return bool(this.institution) and other.institution == this.institution


# ── questions on their way to a person ───────────────────────────────────────────────────────────────────────


def next_question(c: Connection) -> tuple[Incoming, bytes] | None:
    """The oldest question that waits to be forwarded."""
    query = select(incoming).where(incoming.c.forward == Forward.WAITING).order_by(incoming.c.id).limit(1)
    row = c.execute(query).one_or_none()
    return (_incoming(row), row.raw) if row else None


def forwarded_since(c: Connection, since: datetime) -> int:
    """How many were forwarded, or may have been, since then."""
    gone = (Forward.LEAVING, Forward.SENT)
    query = select(func.count()).select_from(incoming)
    return c.scalar(query.where(incoming.c.forward.in_(gone), incoming.c.forwarded_at > since)) or 0


def move_forward(
    c: Connection,
    incoming_id: int,
    before: Forward,
    after: Forward,
    now: datetime,
    outcome: str | None = None,
) -> bool:
    """Let a question go one step on its way, with what is to be read of it; whether it was where it was thought to be.

    One that could not be forwarded waits for a person.
    """
    this = update(incoming).where(incoming.c.id == incoming_id, incoming.c.forward == before)
    values: dict[str, Any] = {"forward": after, "forwarded_at": now}
    values |= {"outcome": outcome} if outcome is not None else {}
    values |= {"state": IncomingState.OPEN} if after is Forward.FAILED else {}
    return c.execute(this.values(**values)).rowcount == 1


def lost_questions(c: Connection, before: datetime) -> list[int]:
    """Those that were to leave before then, and of which nobody knows whether they have."""
    query = select(incoming.c.id).where(
        incoming.c.forward == Forward.LEAVING, incoming.c.forwarded_at < before
    )
    return list(c.scalars(query.order_by(incoming.c.id)))

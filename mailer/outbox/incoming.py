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

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, or_, select, update

from mailer.outbox import flags
from mailer.outbox.database import insert
from mailer.outbox.letter import LetterState
from mailer.outbox.moving import chunks
from mailer.outbox.people import IS_NEWEST, said_of
from mailer.outbox.schema import (
    Forward,
    IncomingState,
    Trouble,
    address_trouble,
    entry,
    flag,
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

FORGOTTEN = "its words are not kept any more"


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


def look_up(c: Connection, event: str, incoming_id: int) -> Incoming | None:
    """A mail of this event's people, or of somebody nobody knows, by its number."""
    row = c.execute(_rows().where(incoming.c.id == incoming_id, _of_event(event))).one_or_none()
    return _incoming(row) if row else None


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
    ours = select(recipient.c.id).where(recipient.c.id == incoming.c.recipient_id, recipient.c.event == event)
    return or_(incoming.c.recipient_id.is_(None), ours.exists())


def _rows() -> Select[Any]:
    return select(*(column for column in incoming.c if column.name not in {"raw", "digest"}))


def _incoming(row: Row[Any]) -> Incoming:
    known = {name: value for name, value in row._mapping.items() if name not in {"raw", "digest"}}
    said = known.pop("said")
    return Incoming(said=json.loads(said) if said else {}, **known)


def forget(c: Connection, before: datetime) -> int:
    """Let go of the words of mails that came before then and concern nobody any more; how many those were.

    What they were and what followed stays, and none of them is taken in again.
    """
    over = (
        incoming.c.received_at < before,
        incoming.c.outcome != FORGOTTEN,
        incoming.c.state.in_((IncomingState.SORTED, IncomingState.DECIDED)),
        incoming.c.forward.not_in((Forward.WAITING, Forward.LEAVING)),
    )
    empty = {"raw": b"", "said": "", "sender": "", "subject": "", "outcome": FORGOTTEN}
    return c.execute(update(incoming).where(*over).values(**empty)).rowcount


# ── whom it is about ─────────────────────────────────────────────────────────────────────────────────────────


def _readers() -> Select[Any]:
    columns = (recipient.c.id, recipient.c.event, recipient.c.joined_at, recipient_revision.c.document)
    return select(*columns).join(recipient_revision, IS_NEWEST)


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
    """Write down what a report says of somebody's address, once; one that is wrong is flagged."""
    row = {"incoming_id": incoming_id, "recipient_id": recipient_id, "at": at}
    noting = insert(c, address_trouble).values(**row, trouble=trouble, status=status, words=words)
    noted = c.execute(noting.on_conflict_do_nothing().returning(address_trouble.c.incoming_id)).first()
    if noted and trouble is Trouble.HARD:
        flags.flag(c, recipient_id, at)


def troubled(c: Connection, event: str) -> list[TroubledAddress]:
    """Addresses on the list that reports speak of, those that are flagged first, with the words of the last report.

    Of one that was shown to be right only what is soft counts.
    """
    is_flagged, is_hard = flag.c.at.is_not(None), address_trouble.c.trouble == Trouble.HARD
    own, heaviest = address_trouble.c.recipient_id, case((is_hard, 0), else_=1)
    in_order = (heaviest, address_trouble.c.at.desc(), address_trouble.c.incoming_id.desc())
    told = (
        select(
            own, address_trouble.c.status, address_trouble.c.words, flag.c.at.label("flagged_at"),
            func.sum(heaviest).over(partition_by=own).label("soft"),
            func.row_number().over(partition_by=own, order_by=in_order).label("place"),
        )
        .join(recipient, recipient.c.id == own)
        .outerjoin(flag, flag.c.recipient_id == own)
        .where(recipient.c.event == event, recipient.c.left_at.is_(None), or_(is_flagged, ~is_hard))
        .subquery()
    )  # fmt: skip
    last = select(told, recipient_revision.c.document).join(recipient, recipient.c.id == told.c.recipient_id)
    rows = c.execute(last.join(recipient_revision, IS_NEWEST).where(told.c.place == 1)).all()
    found = [(row, Recipient.model_validate_json(row.document)) for row in rows]
    contacts = _contacts(c, event, [each for row, each in found if row.flagged_at])
    troubles = [
        TroubledAddress(
            address=each.address, name=each.full_name, hard_at=row.flagged_at, soft=row.soft,
            status=row.status, words=row.words,
            others=tuple(contacts.get(_represents(each), ()))[:3] if row.flagged_at else (),
        )
        for row, each in found
    ]  # fmt: skip
    return sorted(troubles, key=lambda each: (each.hard_at is None, each.address))


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one delivery report says of somebody's address."""

    incoming_id: int
    at: datetime
    trouble: Trouble
    status: str
    words: str


def reports_of(c: Connection, recipient_id: int) -> list[Report]:
    """What delivery reports say of one person's address, the newest first."""
    query = select(address_trouble).where(address_trouble.c.recipient_id == recipient_id)
    rows = c.execute(query.order_by(address_trouble.c.at.desc(), address_trouble.c.incoming_id.desc()))
    return [
        Report(
            incoming_id=row.incoming_id, at=row.at, trouble=row.trouble, status=row.status, words=row.words
        )
        for row in rows
    ]


def wrong_addresses(c: Connection, ids: Sequence[int]) -> set[int]:
    """Those of these people whose address is flagged as wrong."""
    return set(c.scalars(select(flag.c.recipient_id).where(flag.c.recipient_id.in_(ids))))


def _represents(this: Recipient) -> tuple[str, str]:
    """Whom somebody stands for: as a focal point their State, or else the house they work in."""
    if this.role is Role.FOCAL_POINT and this.state:
        return "state", this.state
    return "institution", this.institution


def _contacts(c: Connection, event: str, flagged: Sequence[Recipient]) -> dict[tuple[str, str], list[str]]:
    """Who may be written to in these people's place: by what they stand for together, in the order of the list.

    The database looks for them: a list may be long, and few of it are asked for.
    """
    document = recipient_revision.c.document
    role, state, house = (said_of(c, document, name) for name in ("role", "state", "institution"))
    free = (
        recipient.c.left_at.is_(None),
        recipient.c.unsubscribed_at.is_(None),
        recipient.c.id.not_in(select(flag.c.recipient_id)),
    )
    query = _readers().where(recipient.c.event == event, *free).order_by(recipient.c.id)
    found: dict[tuple[str, str], list[str]] = {}
    for wanted in chunks(sorted({each for each in map(_represents, flagged) if each[1]})):
        states, houses = ([what for by, what in wanted if by == kind] for kind in ("state", "institution"))
        fits = or_(and_(role == Role.FOCAL_POINT, state.in_(states)), house.in_(houses))
        for row in c.execute(query.where(fits)):
            this = Recipient.model_validate_json(row.document)
            for common in {_represents(this), ("institution", this.institution)}.intersection(wanted):
                found.setdefault(common, []).append(this.address)
    return found


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

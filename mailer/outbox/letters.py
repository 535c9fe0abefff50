"""Occasions and their letters: opening, claiming, what happens to them, and what the organiser sees of it.

`letter` says what can happen; this module only makes it happen to rows, and writes each happening down. Every
function works in its caller's transaction. What is done to many letters is done a chunk at a time, the rows
locked in the order of their ids, so that no two transactions wait for each other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    func,
    literal,
    select,
    true,
    update,
)

from mailer.outbox.database import insert
from mailer.outbox.letter import CLAIMABLE, FINAL, Happening, LetterState, after, states_before
from mailer.outbox.schema import (
    entry,
    in_states,
    letter,
    letter_history,
    occasion,
    recipient,
    recipient_revision,
)
from mailer.planning.due import Occasion
from mailer.recipients.model import Recipient

S, H = LetterState, Happening

T = TypeVar("T")

_CHUNK = 1000
UNSUBSCRIBED = "unsubscribed"
LEFT = "no longer on the list"

OWNED = frozenset({S.CLAIMED, S.LEAVING})
TOLD_BY_OWNER = frozenset({H.RELEASED, H.INTENDED, H.ACCEPTED, H.PUT_OFF, H.REFUSED, H.LOST})
TOLD_OF_DOUBT = frozenset({H.FOUND, H.NOT_FOUND, H.REPEATED})
_ENDS_AN_ATTEMPT = frozenset({H.ACCEPTED, H.PUT_OFF, H.REFUSED, H.LOST})


@dataclass(frozen=True, kw_only=True)
class StoredOccasion:
    """An occasion as it was opened. `reason` says why it was withdrawn or missed."""

    id: int
    event: str
    mailing: str
    anchor: str
    due_at: datetime
    useful_until: datetime
    opened_at: datetime
    withdrawn_at: datetime | None
    missed_at: datetime | None
    reason: str

    @property
    def identity(self) -> tuple[str, str, datetime]:
        return self.mailing, self.anchor, self.due_at


@dataclass(frozen=True, kw_only=True)
class NewLetter:
    """What an occasion holds for one member: to be sent (`waiting`), or `suppressed` or `missed` and why."""

    member_id: int
    version: int
    wording: str
    dated_at: datetime
    state: LetterState = S.WAITING
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ClaimedLetter:
    """A letter and all that composing it needs; it is `owner`'s until the lease ends.

    `fence` grows with every claim. `attempts` are those that ended earlier. `repeats` is set when this copy
    may be the second: the SHA-256 that its bytes must have.
    """

    id: int
    fence: int
    owner: str
    event: str
    version: int
    mailing: str
    anchor: str
    due_at: datetime
    useful_until: datetime
    dated_at: datetime
    wording: str
    attempts: int
    recipient_id: int
    handle: str
    recipient: Recipient
    repeats: str | None


class SentEntry(NamedTuple):
    """A calendar object that a letter carries: `event` or a session's key, its UID and SEQUENCE."""

    anchor: str
    uid: str
    sequence: int


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the owner of a claim says happened. `digest` (SHA-256 of the bytes) goes with INTENDED,
    `retry_at` with PUT_OFF, `entries` with ACCEPTED.
    """

    letter_id: int
    fence: int
    owner: str
    happening: Happening
    reply: str = ""
    retry_at: datetime | None = None
    digest: str | None = None
    entries: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """How many letters went back to waiting, and how many may have left."""

    released: int = 0
    in_doubt: int = 0


@dataclass(frozen=True, kw_only=True)
class OccasionProgress:
    """Letters by state, and when the first and the last of them came to their end."""

    occasion: StoredOccasion
    counts: Mapping[LetterState, int] = field(default_factory=dict)
    first_settled_at: datetime | None = None
    last_settled_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True)
class LetterRow:
    """A letter as the organiser sees it; the recipient as it was written to."""

    id: int
    occasion_id: int
    event: str
    mailing: str
    anchor: str
    due_at: datetime
    recipient_id: int
    handle: str
    recipient: Recipient
    version: int
    wording: str
    dated_at: datetime
    state: LetterState
    reason: str
    attempts: int
    next_attempt_at: datetime
    intent_at: datetime | None
    settled_at: datetime | None
    repeated_at: datetime | None
    content: str | None
    reply: str


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One line of a letter's history: what happened, and the state it led to."""

    at: datetime
    happening: Happening
    state: LetterState
    note: str


# Occasions


def occasions(c: Connection, event: str) -> list[StoredOccasion]:
    """All that were ever opened, in the order they fell due."""
    query = select(occasion).where(occasion.c.event == event).order_by(occasion.c.due_at, occasion.c.id)
    return [StoredOccasion(**row) for row in c.execute(query).mappings()]


def open_occasion(c: Connection, event: str, due: Occasion, now: datetime) -> int:
    """The occasion's id, new or not. One opened before is opened anew, even if it was withdrawn: then it
    takes letters again, also for those whose letters were withdrawn unsent.

    Whoever else opens it waits for this transaction's end.
    """
    values = {
        "event": event,
        "mailing": due.mailing,
        "anchor": due.anchor,
        "due_at": due.due_at,
        "useful_until": due.useful_until,
        "opened_at": now,
        "reason": "",
    }
    opening = insert(c, occasion).values(values)
    opening = opening.on_conflict_do_update(
        index_elements=["event", "mailing", "anchor", "due_at"],
        set_={
            "useful_until": opening.excluded.useful_until,
            "opened_at": now,
            "withdrawn_at": None,
            "missed_at": None,
            "reason": "",
        },
    )
    opened: int = c.execute(opening.returning(occasion.c.id)).scalar_one()
    return opened


def miss_occasion(c: Connection, occasion_id: int, reason: str, now: datetime) -> int:
    """It was not sent while it was useful. Returns how many waiting letters are missed with it."""
    c.execute(update(occasion).where(occasion.c.id == occasion_id).values(missed_at=now, reason=reason))
    return move(c, letter.c.occasion_id == occasion_id, H.EXPIRED, now, reason)


def withdraw_occasion(c: Connection, occasion_id: int, reason: str, now: datetime) -> int:
    """It moved or was cancelled. Returns how many letters stay unsent because of it."""
    c.execute(update(occasion).where(occasion.c.id == occasion_id).values(withdrawn_at=now, reason=reason))
    return move(c, letter.c.occasion_id == occasion_id, H.WITHDRAWN, now, reason)


def add_letters(c: Connection, occasion_id: int, new: Iterable[NewLetter]) -> int:
    """Write an occasion's letters, as many as are not there yet, and return how many those were.

    Each is written for what the list says of its reader now. A withdrawn occasion takes none.
    """
    due_at, withdrawn_at = c.execute(
        select(occasion.c.due_at, occasion.c.withdrawn_at).where(occasion.c.id == occasion_id)
    ).one()
    if withdrawn_at is not None:
        return 0
    added = 0
    for chunk in chunks(new):
        alike: dict[NewLetter, list[int]] = {}
        for each in chunk:
            alike.setdefault(replace(each, member_id=0), []).append(each.member_id)
        added += sum(_add_alike(c, occasion_id, due_at, each, ids) for each, ids in alike.items())
    return added


def _add_alike(c: Connection, occasion_id: int, due_at: datetime, new: NewLetter, ids: Sequence[int]) -> int:
    """Letters that differ in their readers only, in one statement whatever their number."""
    same = {
        "occasion_id": occasion_id,
        "version": new.version,
        "wording": new.wording,
        "dated_at": new.dated_at,
        "state": new.state,
        "reason": new.reason,
        "attempts": 0,
        "next_attempt_at": due_at,
        "fence": 0,
        "reply": "",
    }
    values = [literal(value, letter.c[name].type) for name, value in same.items()]
    readers = select(recipient.c.id, recipient.c.revision, *values).where(recipient.c.id.in_(ids))
    adding = insert(c, letter).from_select(
        ["recipient_id", "revision", *same], readers.order_by(recipient.c.id)
    )
    counted = {"preserve_rowcount": True}
    return c.execute(adding.on_conflict_do_nothing(), execution_options=counted).rowcount


def follow_version(c: Connection, event: str, number: int, wording: str) -> int:
    """Have every unsent letter written from this version and wording; returns how many there are.

    A letter that is a repetition keeps its own: its bytes may not change.
    """
    unsent = and_(_of_event(event), in_states(CLAIMABLE), letter.c.repeated_at.is_(None))
    return sum(rewrite(c, ids, {"version": number, "wording": wording}) for ids in locked(c, unsent))


# Owners: claim, tell, renew, let go


def claim(
    c: Connection, owner: str, now: datetime, limit: int, lease_for: timedelta, *, event: str | None = None
) -> list[ClaimedLetter]:
    """Up to `limit` letters (of one event, if it is named) that may be sent now, leased to `owner`.

    The earliest due come first.

    Not those past their usefulness, put off until later, or of a withdrawn occasion. A letter whose reader
    has meanwhile unsubscribed or left is suppressed or withdrawn instead. On PostgreSQL what somebody else
    is claiming at this moment is passed over.
    """
    claimed: list[ClaimedLetter] = []
    while len(claimed) < limit:
        wanted = min(limit - len(claimed), _CHUNK)
        rows = c.execute(_ready(now, event).limit(wanted)).all()
        asked = [row for row in rows if row.left_at is None and row.unsubscribed_at is None]
        _stop(c, [row for row in rows if row.left_at or row.unsubscribed_at], now)
        ids = [row.id for row in asked]
        lease = {"owner": owner, "lease_until": now + lease_for, "fence": letter.c.fence + 1}
        rewrite(c, ids, {"state": S.CLAIMED} | lease)
        _write_down(c, [(each, H.CLAIMED, S.CLAIMED, owner) for each in ids], now)
        claimed += [_claimed(row, owner) for row in asked]
        if len(rows) < wanted:
            break
    return claimed


def _ready(now: datetime, event: str | None) -> Select[Any]:
    ready = _letters_with_readers().where(
        true() if event is None else occasion.c.event == event,
        in_states(CLAIMABLE),
        letter.c.next_attempt_at <= now,
        occasion.c.useful_until > now,
        occasion.c.withdrawn_at.is_(None),
    )
    return ready.order_by(letter.c.next_attempt_at, letter.c.id).with_for_update(of=letter, skip_locked=True)


def _stop(c: Connection, rows: Sequence[Row[Any]], now: datetime) -> None:
    unsubscribed = [row.id for row in rows if row.unsubscribed_at]
    left = [row.id for row in rows if not row.unsubscribed_at]
    if unsubscribed:
        move(c, letter.c.id.in_(unsubscribed), H.SUPPRESSED, now, UNSUBSCRIBED)
    if left:
        move(c, letter.c.id.in_(left), H.WITHDRAWN, now, LEFT)


def _claimed(row: Row[Any], owner: str) -> ClaimedLetter:
    return ClaimedLetter(
        id=row.id,
        fence=row.fence + 1,
        owner=owner,
        event=row.event,
        version=row.version,
        mailing=row.mailing,
        anchor=row.anchor,
        due_at=row.due_at,
        useful_until=row.useful_until,
        dated_at=row.dated_at,
        wording=row.wording,
        attempts=row.attempts,
        recipient_id=row.recipient_id,
        handle=row.handle,
        recipient=Recipient.model_validate_json(row.document),
        repeats=row.content if row.repeated_at else None,
    )


def happen(c: Connection, changes: Sequence[Change], now: datetime) -> list[int]:
    """Apply what owners say of their letters, many at once; returns the ids of those for whom it holds.

    It does not hold for whoever is fenced out: the letter has another fence or owner, or is in a state in
    which this cannot happen. INTENDED moreover needs a lease still running and a reader who has not
    unsubscribed: no dot may be sent for a letter whose id is not returned. ACCEPTED enters `entries` into
    the ledger.

    Raises:
        ValueError: a happening that is not an owner's to tell.
    """
    rows = _held(c, {change.letter_id for change in changes})
    told: list[tuple[Change, LetterState]] = []
    for change in changes:
        row = rows.get(change.letter_id)
        if row is None or not _holds(row, change, now):
            continue
        rows[change.letter_id] = row | _consequences(row, change, now)
        told.append((change, rows[change.letter_id]["state"]))
    _write(c, [rows[letter_id] for letter_id in {change.letter_id for change, _ in told}])
    _write_down(c, [(change.letter_id, change.happening, state, change.reply) for change, state in told], now)
    accepted = [change for change, _ in told if change.happening is H.ACCEPTED]
    _enter(c, [(rows[change.letter_id], each) for change in accepted for each in change.entries], now)
    return [change.letter_id for change, _ in told]


def _held(c: Connection, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    query = (
        select(letter, recipient.c.unsubscribed_at)
        .join(recipient, recipient.c.id == letter.c.recipient_id)
        .order_by(letter.c.id)
        .with_for_update(of=letter)
    )
    return {
        row["id"]: dict(row)
        for chunk in chunks(sorted(ids))
        for row in c.execute(query.where(letter.c.id.in_(chunk))).mappings()
    }


def _holds(row: Mapping[str, Any], change: Change, now: datetime) -> bool:
    if change.happening not in TOLD_BY_OWNER:
        raise ValueError(f"{change.happening} is not for the owner of a letter to tell")
    if (row["owner"], row["fence"]) != (change.owner, change.fence):
        return False
    if change.happening is H.INTENDED and (row["lease_until"] <= now or row["unsubscribed_at"] is not None):
        return False
    return row["state"] in states_before(change.happening)


def _consequences(row: Mapping[str, Any], change: Change, now: datetime) -> dict[str, Any]:
    state = after(row["state"], change.happening)
    new: dict[str, Any] = {"state": state, "reply": change.reply or row["reply"]}
    if change.happening in _ENDS_AN_ATTEMPT:
        new["attempts"] = row["attempts"] + 1
    if change.happening is H.INTENDED:
        new |= {"intent_at": now, "content": change.digest}
    if change.happening is H.PUT_OFF:
        new["next_attempt_at"] = change.retry_at or now
    return new | _left_behind(state, now)


def _left_behind(state: LetterState, now: datetime) -> dict[str, Any]:
    """What every letter that comes into this state has in common."""
    free: dict[str, Any] = {} if state in OWNED else {"owner": None, "lease_until": None}
    return free | ({"settled_at": now} if state in FINAL else {})


_TOLD_COLUMNS = (
    "state",
    "reply",
    "attempts",
    "intent_at",
    "content",
    "next_attempt_at",
    "owner",
    "lease_until",
    "settled_at",
)


def _write(c: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    writing = update(letter).where(letter.c.id == bindparam("this"))
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _TOLD_COLUMNS}
    c.execute(
        writing.values(values),
        [{"this": row["id"]} | {f"new_{name}": row[name] for name in _TOLD_COLUMNS} for row in rows],
    )


def _enter(
    c: Connection, sent: Sequence[tuple[Mapping[str, Any], tuple[str, str, int]]], now: datetime
) -> None:
    """Into the ledger goes the newest version sent; a late success of an older one changes nothing."""
    if not sent:
        return
    entering = insert(c, entry)
    told = entering.excluded
    entering = entering.on_conflict_do_update(
        index_elements=["recipient_id", "anchor"],
        set_={name: told[name] for name in ("uid", "sequence_sent", "version_sent", "sent_at")},
        where=entry.c.version_sent <= told.version_sent,
    )
    c.execute(
        entering,
        [
            {
                "recipient_id": row["recipient_id"],
                "anchor": anchor,
                "uid": uid,
                "sequence_sent": sequence,
                "version_sent": row["version"],
                "sent_at": now,
            }
            for row, (anchor, uid, sequence) in sent
        ],
    )


def renew(c: Connection, owner: str, now: datetime, lease_for: timedelta) -> int:
    """Prolong the owner's running leases; returns how many. One that has run out stays so."""
    running = and_(letter.c.owner == owner, letter.c.lease_until > now)
    return sum(rewrite(c, ids, {"lease_until": now + lease_for}) for ids in locked(c, running))


def recover(c: Connection, now: datetime) -> Recovered:
    """Free what is leased to owners not heard of in time: back to waiting, or in doubt if it was leaving.

    Rows that somebody holds locked at this moment are left for the next time.
    """
    return _free(c, and_(letter.c.owner > "", letter.c.lease_until <= now), now, "its lease ran out")


def release_owner(c: Connection, owner: str, now: datetime) -> Recovered:
    """Free what is leased to an owner that has stopped, or is known to be dead, whatever its leases say."""
    return _free(c, letter.c.owner == owner, now, f"{owner} stopped")


def _free(c: Connection, leased: ColumnElement[bool], now: datetime, note: str) -> Recovered:
    return Recovered(
        released=move(c, leased, H.RELEASED, now, note, wait=False),
        in_doubt=move(c, leased, H.LOST, now, note, wait=False),
    )


def expire(c: Connection, now: datetime) -> int:
    """Letters whose occasion is no longer useful are missed, visibly; returns how many."""
    useless = select(occasion.c.id).where(occasion.c.useful_until <= now)
    return move(c, letter.c.occasion_id.in_(useless), H.EXPIRED, now, "no longer useful", wait=False)


# Doubt


def in_doubt(c: Connection, event: str | None = None) -> list[LetterRow]:
    """Letters of which nobody knows whether the server has them, the longest in doubt first."""
    query = _letters_with_readers().where(in_states({S.IN_DOUBT}))
    if event is not None:
        query = query.where(occasion.c.event == event)
    return [_letter_row(row) for row in c.execute(query.order_by(letter.c.intent_at, letter.c.id))]


def settle(
    c: Connection,
    letter_id: int,
    happening: Happening,
    now: datetime,
    note: str = "",
    entries: Sequence[tuple[str, str, int]] = (),
) -> bool:
    """End a doubt: FOUND (`entries` go into the ledger), NOT_FOUND, or REPEATED, once in a letter's life.

    Returns whether it took effect. Raises ValueError for any other happening.
    """
    if happening not in TOLD_OF_DOUBT:
        raise ValueError(f"{happening} does not end a doubt")
    this = letter.c.id == letter_id
    more: dict[str, Any] = {}
    if happening is H.REPEATED:
        this, more = and_(this, letter.c.repeated_at.is_(None)), {"repeated_at": now}
    settled = move(c, this, happening, now, note, more=more) == 1
    if settled and happening is H.FOUND:
        row = dict(c.execute(select(letter).where(letter.c.id == letter_id)).mappings().one())
        _enter(c, [(row, each) for each in entries], now)
    return settled


# What the organiser sees


def progress(c: Connection, event: str) -> list[OccasionProgress]:
    """Every occasion of the event in the order they fall due, with its letters counted."""
    first, last = func.min(letter.c.settled_at).label("first"), func.max(letter.c.settled_at).label("last")
    query = select(letter.c.occasion_id, letter.c.state, func.count().label("letters"), first, last).where(
        _of_event(event)
    )
    found: dict[int, list[Row[Any]]] = {}
    for row in c.execute(query.group_by(letter.c.occasion_id, letter.c.state)):
        found.setdefault(row.occasion_id, []).append(row)
    return [_progress(each, found.get(each.id, [])) for each in occasions(c, event)]


def _progress(opened: StoredOccasion, rows: Sequence[Row[Any]]) -> OccasionProgress:
    return OccasionProgress(
        occasion=opened,
        counts={row.state: row.letters for row in rows},
        first_settled_at=min((row.first for row in rows if row.first), default=None),
        last_settled_at=max((row.last for row in rows if row.last), default=None),
    )


def have_been_told(c: Connection, event: str, words: str) -> bool:
    """Whether a server's reply to any letter of the event that was sent holds these words."""
    query = select(letter.c.id).where(_of_event(event), in_states({S.SENT}), letter.c.reply.contains(words))
    return c.execute(query.limit(1)).first() is not None


def next_attempt_at(c: Connection) -> datetime | None:
    """When the next letter can be claimed; it may lie in the past. None when all is done."""
    earliest: datetime | None = c.scalar(
        select(func.min(letter.c.next_attempt_at)).where(in_states(CLAIMABLE))
    )
    return earliest


def search(
    c: Connection,
    event: str,
    *,
    mailing: str | None = None,
    state: LetterState | None = None,
    address: str | None = None,
    limit: int = 100,
    after: int = 0,
) -> list[LetterRow]:
    """Letters in the order they were written: those whose id is above `after`, at most `limit`.

    `address` is any part of an address, in either case.
    """
    query = _letters_with_readers().where(occasion.c.event == event, letter.c.id > after)
    if mailing is not None:
        query = query.where(occasion.c.mailing == mailing)
    if state is not None:
        query = query.where(in_states({state}))
    if address is not None:
        query = query.where(recipient.c.address_key.contains(address.lower(), autoescape=True))
    return [_letter_row(row) for row in c.execute(query.order_by(letter.c.id).limit(limit))]


def history(c: Connection, letter_id: int) -> list[Happened]:
    """All that happened to a letter, in order; nothing, if it was never to be sent (`reason` says why)."""
    told = letter_history.c
    query = select(told.at, told.happening, told.state, told.note).where(told.letter_id == letter_id)
    return [Happened(**row) for row in c.execute(query.order_by(told.id)).mappings()]


# Many rows at once


def move(
    c: Connection,
    which: ColumnElement[bool],
    happening: Happening,
    now: datetime,
    note: str,
    *,
    more: Mapping[str, Any] | None = None,
    wait: bool = True,
) -> int:
    """Let this happen to all those letters to which it can; returns how many that were.

    `more` is written along with the new state. Without `wait`, rows somebody holds locked are left alone.
    """
    (state,) = {after(before, happening) for before in states_before(happening)}
    values: dict[str, Any] = {"state": state, **_left_behind(state, now), **(more or {})}
    if state not in CLAIMABLE:
        values["reason"] = note
    if happening in _ENDS_AN_ATTEMPT:
        values["attempts"] = letter.c.attempts + 1
    moved = 0
    for ids in locked(c, and_(which, in_states(states_before(happening))), wait=wait):
        moved += rewrite(c, ids, values)
        _write_down(c, [(each, happening, state, note) for each in ids], now)
    return moved


def locked(c: Connection, which: ColumnElement[bool], *, wait: bool = True) -> Iterator[list[int]]:
    """The ids of those letters, in chunks; they are ours until the transaction ends."""
    in_order = (
        letter.c.id + 0
    )  # asked for the bare id, SQLite walks through the whole table instead of an index
    query = select(letter.c.id).where(which).order_by(in_order).with_for_update(skip_locked=not wait)
    return chunks(c.scalars(query).all())


def rewrite(c: Connection, ids: Sequence[int], values: Mapping[str, Any]) -> int:
    """Write the same columns of a chunk of letters; returns how many there were."""
    if not ids:
        return 0
    return c.execute(update(letter).where(letter.c.id.in_(ids)).values(**values)).rowcount


def _write_down(
    c: Connection, lines: Sequence[tuple[int, Happening, LetterState, str]], now: datetime
) -> None:
    if lines:
        names = ("letter_id", "happening", "state", "note")
        c.execute(
            letter_history.insert(), [dict(zip(names, line, strict=True)) | {"at": now} for line in lines]
        )


def _of_event(event: str) -> ColumnElement[bool]:
    return letter.c.occasion_id.in_(select(occasion.c.id).where(occasion.c.event == event))


def _letters_with_readers() -> Select[Any]:
    revision = recipient_revision.c
    its_revision = and_(revision.recipient_id == letter.c.recipient_id, revision.number == letter.c.revision)
    of_occasion = (
        occasion.c.event,
        occasion.c.mailing,
        occasion.c.anchor,
        occasion.c.due_at,
        occasion.c.useful_until,
    )
    of_reader = (recipient.c.handle, recipient.c.left_at, recipient.c.unsubscribed_at, revision.document)
    return (
        select(letter, *of_occasion, *of_reader)
        .join(occasion, occasion.c.id == letter.c.occasion_id)
        .join(recipient, recipient.c.id == letter.c.recipient_id)
        .join(recipient_revision, its_revision)
    )


def _letter_row(row: Row[Any]) -> LetterRow:
    known = row._mapping
    shown = {name: known[name] for name in LetterRow.__dataclass_fields__ if name != "recipient"}
    return LetterRow(**shown, recipient=Recipient.model_validate_json(row.document))


def chunks(values: Iterable[T], size: int = _CHUNK) -> Iterator[list[T]]:
    """The values in lists of at most `size`, asked for only when they are needed."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk

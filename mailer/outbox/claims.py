"""What the owners of letters do: claim them under a lease, tell what happened, renew, let go.

A lease keeps others away for a while, a fence whoever wakes up after it. `letter` says what can happen; every
function works in its caller's transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, select, true, update

from mailer.outbox.ledger import SentEntry, enter
from mailer.outbox.letter import CLAIMABLE, ENDS_AN_ATTEMPT, Happening, LetterState, after, states_before
from mailer.outbox.letters import with_readers
from mailer.outbox.moving import CHUNK, chunks, left_behind, locked, move, rewrite, write_down
from mailer.outbox.people import LEFT, UNSUBSCRIBED
from mailer.outbox.schema import in_states, letter, occasion, recipient
from mailer.recipients.model import Recipient

S, H = LetterState, Happening

TOLD_BY_OWNER = frozenset({H.RELEASED, H.INTENDED, H.ACCEPTED, H.PUT_OFF, H.REFUSED, H.LOST})


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
    revision: int
    attempts: int
    recipient_id: int
    handle: str
    recipient: Recipient
    repeats: str | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the owner of a claim says happened. `digest` (SHA-256 of the bytes) goes with INTENDED, and so does
    `written_from` (version, revision and wording that were read); `retry_at` with PUT_OFF, `entries` with ACCEPTED.
    """

    letter_id: int
    fence: int
    owner: str
    happening: Happening
    reply: str = ""
    retry_at: datetime | None = None
    digest: str | None = None
    written_from: tuple[int, int, str] | None = None
    entries: tuple[SentEntry, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """How many letters went back to waiting, and how many may have left."""

    released: int = 0
    in_doubt: int = 0


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
        wanted = min(limit - len(claimed), CHUNK)
        rows = c.execute(_ready(now, event).limit(wanted)).all()
        asked = [row for row in rows if row.left_at is None and row.unsubscribed_at is None]
        _stop(c, [row for row in rows if row.left_at or row.unsubscribed_at], now)
        ids = [row.id for row in asked]
        lease = {"owner": owner, "lease_until": now + lease_for, "fence": letter.c.fence + 1}
        rewrite(c, ids, {"state": S.CLAIMED} | lease)
        write_down(c, [(each, H.CLAIMED, S.CLAIMED, owner) for each in ids], now)
        claimed += [_claimed(row, owner) for row in asked]
        if len(rows) < wanted:
            break
    return claimed


def _ready(now: datetime, event: str | None) -> Select[Any]:
    ready = with_readers().where(
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
        revision=row.revision,
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
    unsubscribed, and a letter written from what it still stands for: no dot may be sent for a letter whose
    id is not returned. ACCEPTED enters `entries` into
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
    write_down(c, [(change.letter_id, change.happening, state, change.reply) for change, state in told], now)
    accepted = [change for change, _ in told if change.happening is H.ACCEPTED]
    enter(c, [(rows[change.letter_id], each) for change in accepted for each in change.entries], now)
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
    if change.written_from not in {None, (row["version"], row["revision"], row["wording"])}:
        return False
    return row["state"] in states_before(change.happening)


def _consequences(row: Mapping[str, Any], change: Change, now: datetime) -> dict[str, Any]:
    state = after(row["state"], change.happening)
    new: dict[str, Any] = {"state": state, "reply": change.reply or row["reply"]}
    if change.happening in ENDS_AN_ATTEMPT:
        new["attempts"] = row["attempts"] + 1
    if change.happening is H.INTENDED:
        new |= {"intent_at": now, "content": change.digest}
    if change.happening is H.PUT_OFF:
        new["next_attempt_at"] = change.retry_at or now
    return new | left_behind(state, now)


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

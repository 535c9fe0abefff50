"""What the owners of letters do: claim them under a lease, tell what happened, renew, let go.

A lease keeps others away for a while, a fence whoever wakes up after it. `letter` says what can happen; every
function works in its caller's transaction. Claiming and telling are done for every letter: they go to the
database as plain rows, many at a time.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, and_

from mailer.agenda.model import MailingKind
from mailer.errors import StoreError
from mailer.outbox.approvals import APPROVED
from mailer.outbox.claimed import Change, ClaimedLetter
from mailer.outbox.database import as_moment, as_stored, fetch, many, run
from mailer.outbox.ledger import enter
from mailer.outbox.letter import (
    CLAIMABLE,
    ENDS_AN_ATTEMPT,
    FINAL,
    OWNED,
    Happening,
    LetterState,
    after,
    states_before,
)
from mailer.outbox.moving import CHUNK, chunks, locked, move, rewrite, write_down
from mailer.outbox.pauses import NOT_HELD
from mailer.outbox.people import LEFT, UNSUBSCRIBED
from mailer.outbox.schema import letter

S, H = LetterState, Happening

CANCELLATION = MailingKind.CANCELLATION.value

TOLD_BY_OWNER = frozenset({H.RELEASED, H.INTENDED, H.ACCEPTED, H.PUT_OFF, H.REFUSED, H.LOST})
_AFTER = {happening: after(min(states_before(happening)), happening) for happening in TOLD_BY_OWNER}
"""Each leads to one state, whatever it was told of."""


def _written(states: Iterable[LetterState]) -> str:
    return ", ".join(f"'{state.value}'" for state in sorted(states))


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """How many letters went back to waiting, and how many may have left."""

    released: int = 0
    in_doubt: int = 0


class Shares(Protocol):
    """How much each reader's domain may be given at this moment."""

    @property
    def used_up(self) -> Collection[str]:
        """Domains that may be given nothing."""

    def take(self, domain: str, /) -> bool:
        """Take a place for one letter to this domain; whether there was one. Without another it is `used_up`."""


def claim(
    c: Connection,
    owner: str,
    now: datetime,
    limit: int,
    lease_for: timedelta,
    *,
    event: str | None = None,
    shares: Shares | None = None,
) -> list[ClaimedLetter]:
    """Up to `limit` letters (of one event, if it is named) that may be sent now, leased to `owner`.

    The earliest due come first. Where domains have `shares`, letters beyond those are passed over and stay as they
    are, and the next come in their place.

    Not those past their usefulness, put off until later, of a withdrawn occasion, paused, or unapproved. A
    letter whose reader has meanwhile unsubscribed or left is suppressed or withdrawn instead. On PostgreSQL what
    somebody else is claiming at this moment is passed over.
    """
    claimed: list[ClaimedLetter] = []
    alike: dict[Any, _Alike] = {}
    while len(claimed) < limit:
        wanted = min(limit - len(claimed), CHUNK)
        rows = [_Ready._make(row) for row in fetch(c, *_ready(c, now, wanted, event, shares))]
        asked = [row for row in rows if row.is_asked]
        if len(asked) < len(rows):
            _stop(c, [row for row in rows if not row.is_asked], now)
        if shares:
            asked = [row for row in asked if shares.take(row.domain)]
        if asked:
            ids = ",".join([str(row.id) for row in asked])
            run(c, _LEASE.format(ids=ids), (owner, as_stored(c, now + lease_for)))
        claimed += [_claimed(row, owner, alike) for row in asked]
        if len(rows) < wanted:
            break
    return claimed


class _Ready(NamedTuple):
    """A letter that may be sent now, as the driver gives it."""

    id: int
    fence: int
    event: str
    version: int
    mailing: str
    anchor: str
    due_at: datetime | str
    dated_at: datetime | str
    wording: str
    recipient_id: int
    revision: int
    attempts: int
    handle: str
    address: str
    document: str
    content: str | None
    repeated_at: datetime | str | None
    left_at: datetime | str | None
    unsubscribed_at: datetime | str | None
    upkeep: str | None

    @property
    def domain(self) -> str:
        return self.address[self.address.find("@") + 1 :]

    @property
    def is_asked(self) -> bool:
        """Whether its reader may have it: who has left is only told that the entries they hold are void."""
        return self.unsubscribed_at is None and (self.left_at is None or self.mailing == CANCELLATION)


_READY = f"""
SELECT l.id, l.fence, o.event, l.version, o.mailing, o.anchor, o.due_at, l.dated_at, l.wording,
       l.recipient_id, l.revision, l.attempts, r.handle, r.address_key, v.document, l.content, l.repeated_at, r.left_at,
       r.unsubscribed_at, l.upkeep
FROM letter l
JOIN occasion o ON o.id = l.occasion_id
JOIN recipient r ON r.id = l.recipient_id
JOIN recipient_revision v ON v.recipient_id = l.recipient_id AND v.number = l.revision
WHERE l.state IN ({_written(CLAIMABLE)}) AND l.next_attempt_at <= ? AND o.useful_until > ?
  AND o.withdrawn_at IS NULL AND o.event = coalesce(?, o.event) AND {NOT_HELD}
  AND {APPROVED}"""  # noqa: S608 - the states are ours
_FIRST = "\nORDER BY l.next_attempt_at, l.id LIMIT ?"
_BUT_TO = {
    "sqlite": """
  AND substr(r.address_key, instr(r.address_key, '@') + 1) NOT IN (SELECT value FROM json_each(?))""",
    "postgresql": """
  AND substr(r.address_key, strpos(r.address_key, '@') + 1) NOT IN (SELECT json_array_elements_text(?))""",
}
"""SQL: whether the reader's domain is none of these, a list in JSON."""


_LEASE = f"""
UPDATE letter SET state = '{S.CLAIMED}', owner = ?, lease_until = ?, fence = fence + 1
WHERE id IN ({{ids}}) AND state IN ({_written(CLAIMABLE)})"""  # noqa: S608 - the states are ours


def _ready(
    c: Connection, now: datetime, limit: int, event: str | None, shares: Shares | None
) -> tuple[str, tuple[datetime | str | int | None, ...]]:
    at = as_stored(c, now)
    passing_over = " FOR UPDATE OF l SKIP LOCKED" if c.dialect.name == "postgresql" else ""
    if shares and shares.used_up:
        but_to = json.dumps(list(shares.used_up))
        return _READY + _BUT_TO[c.dialect.name] + _FIRST + passing_over, (at, at, event, but_to, limit)
    return _READY + _FIRST + passing_over, (at, at, event, limit)


def _stop(c: Connection, rows: Sequence[_Ready], now: datetime) -> None:
    unsubscribed = [row.id for row in rows if row.unsubscribed_at]
    left = [row.id for row in rows if not row.unsubscribed_at]
    if unsubscribed:
        move(c, letter.c.id.in_(unsubscribed), H.SUPPRESSED, now, UNSUBSCRIBED)
    if left:
        move(c, letter.c.id.in_(left), H.WITHDRAWN, now, LEFT)


_Alike = tuple[str, int, str, str, datetime, datetime, str]


def _claimed(row: _Ready, owner: str, alike: dict[Any, _Alike]) -> ClaimedLetter:
    """What it has in common with others is one object for all of them: so it is told to their carrier once."""
    common = alike.get(row[2:9])
    if common is None:
        common = (
            row.event,
            row.version,
            row.mailing,
            row.anchor,
            as_moment(row.due_at),
            as_moment(row.dated_at),
            row.wording,
        )
        alike[row[2:9]] = common
    repeats = row.content if row.repeated_at else None
    return ClaimedLetter(row.id, row.fence + 1, owner, *common, *row[9:15], repeats, row.upkeep)


def happen(c: Connection, changes: Sequence[Change], now: datetime) -> list[Change]:
    """Apply what owners say of their letters, many at once; returns what of it holds.

    It does not hold for whoever is fenced out: the letter has another fence or owner, or is in a state in
    which this cannot happen. INTENDED moreover needs a lease still running, an occasion still useful, a reader who
    has not unsubscribed, and a letter `written_from` what it still stands for: no dot may be sent for an intent that
    is not returned. Told again, for nobody knew whether it was kept, it holds again. ACCEPTED enters `entries` into
    the ledger.

    Raises:
        ValueError: a happening that is not an owner's to tell.
    """
    _lock(c, changes)
    run(c, "SAVEPOINT told")
    if _write(c, changes, now):
        run(c, "RELEASE told")
        return list(changes)
    run(c, "ROLLBACK TO told")
    known, new = _sound(c, changes, now)
    if not _write(c, new, now):
        raise StoreError("letters changed though their rows are locked; look at the database")
    return known


def _lock(c: Connection, changes: Iterable[Change]) -> None:
    """Rows are locked in the order of their ids, so that no two transactions wait for each other."""
    if c.dialect.name == "postgresql":
        ids = sorted({change.letter.id for change in changes})
        fetch(c, "SELECT id FROM letter WHERE id = ANY(?) ORDER BY id FOR UPDATE", (ids,))


_INTEND = f"""
UPDATE letter SET state = '{_AFTER[H.INTENDED]}', intent_at = ?, content = ?, through = ?, reply = ''
WHERE id = ? AND fence = ? AND owner = ? AND state IN ({_written(states_before(H.INTENDED))}) AND lease_until > ?
  AND version = ? AND revision = ? AND wording = ?
  AND EXISTS (SELECT 1 FROM occasion o WHERE o.id = occasion_id AND o.useful_until > ?)
  AND NOT EXISTS (SELECT 1 FROM recipient r WHERE r.id = recipient_id AND r.unsubscribed_at IS NOT NULL)"""  # noqa: S608
_NEXT = ", next_attempt_at = coalesce(?, next_attempt_at)"
_END = """
UPDATE letter SET state = '{state}', reply = coalesce(?, reply), attempts = attempts + ?{when},
       owner = NULL, lease_until = NULL
WHERE id = ? AND fence = ? AND owner = ? AND state IN ({before})"""
_ENDS = {
    happening: _END.format(
        state=_AFTER[happening],
        when=", settled_at = ?" if _AFTER[happening] in FINAL else _NEXT,
        before=_written(states_before(happening)),
    )
    for happening in sorted(TOLD_BY_OWNER - {H.INTENDED})
}


def _write(c: Connection, changes: Sequence[Change], now: datetime) -> bool:
    """Write all these down at once; whether each of them held. If not, nothing of it may stay."""
    at = as_stored(c, now)
    told: dict[Happening, list[Change]] = {}
    for change in changes:
        told.setdefault(change.happening, []).append(change)
    if unknown := told.keys() - TOLD_BY_OWNER:
        raise ValueError(f"{min(unknown)} is not for the owner of a letter to tell")
    intended, accepted = told.pop(H.INTENDED, []), told.get(H.ACCEPTED, [])
    if many(c, _INTEND, [_intent(change.letter, change, at) for change in intended]) < len(intended):
        return False
    write_down(
        c,
        [
            (change.letter.id, happening, _AFTER[happening], change.reply)
            for happening, ended in told.items()
            if happening is not H.ACCEPTED
            for change in ended
        ],
        now,
    )
    for happening, ended in told.items():
        is_final = _AFTER[happening] in FINAL
        default = at if happening is H.PUT_OFF else None
        rows = [
            (
                change.reply or None,
                int(change.charged and happening in ENDS_AN_ATTEMPT),
                at if is_final else as_stored(c, change.retry_at) if change.retry_at else default,
                *change.letter[:3],
            )
            for change in ended
        ]
        if many(c, _ENDS[happening], rows) < len(ended):
            return False
    enter(
        c,
        [
            (change.letter.recipient_id, change.letter.version, each)
            for change in accepted
            for each in change.entries
        ],
        now,
    )
    return True


def _intent(this: ClaimedLetter, change: Change, at: datetime | str) -> tuple[Any, ...]:
    return (
        at,
        change.digest,
        change.reply,
        this.id,
        this.fence,
        this.owner,
        at,
        this.version,
        this.revision,
        this.wording,
        at,
    )


class _Held(NamedTuple):
    """A letter as the database has it."""

    id: int
    owner: str | None
    fence: int
    state: str
    may_be_intended: bool | None
    version: int
    revision: int
    wording: str
    content: str | None


_HOLD = """
SELECT l.id, l.owner, l.fence, l.state, l.lease_until > ? AND o.useful_until > ? AND r.unsubscribed_at IS NULL,
       l.version, l.revision, l.wording, l.content
FROM letter l JOIN recipient r ON r.id = l.recipient_id JOIN occasion o ON o.id = l.occasion_id WHERE l.id IN ({ids})"""


def _sound(c: Connection, changes: Sequence[Change], now: datetime) -> tuple[list[Change], list[Change]]:
    """What of it holds, and of that what is still to be written."""
    held = _held(c, {change.letter.id for change in changes}, now)
    known: list[Change] = []
    new: list[Change] = []
    for change in changes:
        row = held.get(change.letter.id)
        if row is None or not _holds(row, change):
            continue
        known.append(change)
        if (row.state, change.happening) != (S.LEAVING, H.INTENDED):
            new.append(change)
            state = after(S(row.state), change.happening)
            owner = row.owner if state in OWNED else None
            held[row.id] = row._replace(state=state, owner=owner, content=change.digest or row.content)
    return known, new


def _held(c: Connection, ids: Iterable[int], now: datetime) -> dict[int, _Held]:
    found: dict[int, _Held] = {}
    for chunk in chunks(sorted(ids)):
        query = _HOLD.format(ids=",".join(map(str, chunk)))
        for row in fetch(c, query, (as_stored(c, now), as_stored(c, now))):
            found[row[0]] = _Held._make(row)
    return found


def _holds(row: _Held, change: Change) -> bool:
    if (row.owner, row.fence) != (change.letter.owner, change.letter.fence):
        return False
    if change.happening is H.INTENDED:
        if not row.may_be_intended:
            return False
        if row.state == S.LEAVING:
            return row.content == change.digest
        if change.letter.written_from != (row.version, row.revision, row.wording):
            return False
    return row.state in states_before(change.happening)


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

"""Many letters at once: one happening or one change of columns, written to rows and into their history.

`letter` says what can happen; this module only makes it happen, a chunk at a time, the rows locked in the order
of their ids, so that no two transactions wait for each other. Which letters, and why, is for those who call.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, select, update

from mailer.outbox.database import as_stored, many
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
from mailer.outbox.schema import in_states, letter

T = TypeVar("T")

CHUNK = 1000
"""Rows written or locked by one statement."""

_WRITE_DOWN = "INSERT INTO letter_history (letter_id, at, happening, state, note) VALUES (?, ?, ?, ?, ?)"
_WRITE_INTENT = f"""
INSERT INTO letter_history (letter_id, at, happening, state, note)
SELECT id, intent_at, '{Happening.INTENDED}', '{LetterState.LEAVING}', through FROM letter
WHERE id = ? AND state = '{LetterState.LEAVING}' AND through IS NOT NULL"""  # noqa: S608 - the words are ours


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
    values: dict[str, Any] = {"state": state, **left_behind(state, now), **(more or {})}
    if state not in CLAIMABLE:
        values["reason"] = note
    if happening in ENDS_AN_ATTEMPT:
        values["attempts"] = letter.c.attempts + 1
    moved = 0
    for ids in locked(c, and_(which, in_states(states_before(happening))), wait=wait):
        write_down(c, [(each, happening, state, note) for each in ids], now)
        moved += rewrite(c, ids, values)
    return moved


def left_behind(state: LetterState, now: datetime) -> dict[str, Any]:
    """What every letter that comes into this state has in common."""
    free: dict[str, Any] = {} if state in OWNED else {"owner": None, "lease_until": None}
    return free | ({"settled_at": now} if state in FINAL else {})


def locked(c: Connection, which: ColumnElement[bool], *, wait: bool = True) -> Iterator[list[int]]:
    """The ids of those letters, in chunks; they are ours until the transaction ends."""
    # asked for the bare id, SQLite walks through the whole table instead of an index
    in_order = letter.c.id + 0
    query = select(letter.c.id).where(which).order_by(in_order).with_for_update(skip_locked=not wait)
    return chunks(c.scalars(query).all())


def rewrite(c: Connection, ids: Sequence[int], values: Mapping[str, Any]) -> int:
    """Write the same columns of a chunk of letters; returns how many there were."""
    if not ids:
        return 0
    return c.execute(update(letter).where(letter.c.id.in_(ids)).values(**values)).rowcount


def write_down(
    c: Connection, lines: Sequence[tuple[int, Happening, LetterState, str]], now: datetime
) -> None:
    """Add to the history, for each letter: what happened, the state it led to, and a note. Before its row is changed:
    of one that was leaving only that says so, and through what; it is told first.
    """
    at = as_stored(c, now)
    many(c, _WRITE_INTENT, [(line[0],) for line in lines if LetterState.LEAVING in states_before(line[1])])
    many(
        c,
        _WRITE_DOWN,
        [(letter_id, at, what.value, state.value, note) for letter_id, what, state, note in lines],
    )


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """The values in lists of at most `CHUNK`, asked for only when they are needed."""
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk

"""Letters in doubt: after the dot, the server may or may not have them (RFC 1047). They are ended by evidence.

Where a doubt comes from is in `claims`; who has evidence, and what it says, is for those who call.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, select

from mailer.outbox.ledger import SentEntry, enter
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow, letter_row, with_readers
from mailer.outbox.moving import move
from mailer.outbox.schema import in_states, letter, occasion

TOLD_OF_DOUBT = frozenset({Happening.FOUND, Happening.NOT_FOUND, Happening.REPEATED})


def in_doubt(c: Connection, event: str | None = None) -> list[LetterRow]:
    """Letters of which nobody knows whether the server has them, the longest in doubt first."""
    query = with_readers().where(in_states({LetterState.IN_DOUBT}))
    if event is not None:
        query = query.where(occasion.c.event == event)
    return [letter_row(row) for row in c.execute(query.order_by(letter.c.intent_at, letter.c.id))]


def settle(
    c: Connection,
    letter_id: int,
    happening: Happening,
    now: datetime,
    note: str = "",
    entries: Sequence[SentEntry] = (),
) -> bool:
    """End a doubt: FOUND (`entries` go into the ledger), NOT_FOUND, or REPEATED, once in a letter's life.

    Returns whether it took effect. Raises ValueError for any other happening.
    """
    if happening not in TOLD_OF_DOUBT:
        raise ValueError(f"{happening} does not end a doubt")
    this = letter.c.id == letter_id
    more: dict[str, Any] = {}
    if happening is Happening.REPEATED:
        this, more = and_(this, letter.c.repeated_at.is_(None)), {"repeated_at": now}
    settled = move(c, this, happening, now, note, more=more) == 1
    if settled and happening is Happening.FOUND:
        row = dict(c.execute(select(letter).where(letter.c.id == letter_id)).mappings().one())
        enter(c, [(row, each) for each in entries], now)
    return settled

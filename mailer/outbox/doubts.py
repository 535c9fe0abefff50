"""Letters in doubt: after the dot, the server may or may not have them (RFC 1047). They are ended by evidence.

Where a doubt comes from is in `claims`; who else has evidence, and what may be done without, is for those who call.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from mailer.agenda.model import MailingKind
from mailer.outbox.claimed import SentEntry
from mailer.outbox.ledger import enter
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow, letter_row, with_readers
from mailer.outbox.moving import chunks, move
from mailer.outbox.occasions import of_event
from mailer.outbox.schema import answer, in_states, letter, letter_history, occasion

TOLD_OF_DOUBT = frozenset({Happening.FOUND, Happening.NOT_FOUND, Happening.REPEATED})

FROM_A_LETTER = ("page", "calendar")
"""Sources of answers that nobody can give who has not had a letter: its links, its entry."""

MAY_HAVE_ARRIVED = frozenset({LetterState.SENT, LetterState.LEAVING, LetterState.IN_DOUBT})


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A letter in doubt, and what the database itself can say of it.

    `through` is what it was last to leave through, `doubted_at` when it was lost sight of. `is_asked`: its occasion
    stands, and its reader is on the list and subscribed. `answered_at` is the reader's first answer that no other
    letter can have brought about.
    """

    letter: LetterRow
    useful_until: datetime
    through: str
    doubted_at: datetime
    is_asked: bool
    answered_at: datetime | None


def doubts(c: Connection, event: str, *, only: int | None = None) -> list[Doubt]:
    """Letters of which nobody knows whether the server has them, the longest in doubt first; `only` the one with this
    id, if that is given and it is one of them.
    """
    query = _doubtful(event)
    rows = c.execute(query if only is None else query.where(letter.c.id == only)).all()
    if not rows:
        return []
    ids = [row.id for row in rows]
    through = _last(c, ids, Happening.INTENDED)
    lost = _last(c, ids, Happening.LOST)
    answered = _answered(c, event, rows)
    return [
        Doubt(
            letter=letter_row(row),
            useful_until=row.useful_until,
            through=through[row.id].note if row.id in through else "",
            doubted_at=lost[row.id].at if row.id in lost else row.intent_at,
            is_asked=_is_asked(row),
            answered_at=answered.get(row.id),
        )
        for row in rows
    ]


def _is_asked(row: Any) -> bool:
    """Who has left is told all the same that what they hold is void."""
    has_left = row.left_at and row.mailing != MailingKind.CANCELLATION
    return not (row.withdrawn_at or has_left or row.unsubscribed_at)


def _doubtful(event: str) -> Select[Any]:
    query = with_readers().add_columns(occasion.c.withdrawn_at)
    query = query.where(in_states({LetterState.IN_DOUBT}), of_event(event))
    return query.order_by(letter.c.intent_at, letter.c.id)


def _last(c: Connection, ids: Iterable[int], happening: Happening) -> dict[int, Any]:
    """The last time this happened to each of the letters, as (letter_id, at, note)."""
    told = letter_history.c
    query = select(told.letter_id, told.at, told.note).where(told.happening == happening).order_by(told.id)
    return {
        row.letter_id: row
        for chunk in chunks(ids)
        for row in c.execute(query.where(told.letter_id.in_(chunk)))
    }


def _answered(c: Connection, event: str, doubtful: Sequence[Any]) -> dict[int, datetime]:
    """When the readers of these letters first gave an answer that only the letter can have brought about."""
    query = (
        select(letter.c.id, letter.c.recipient_id, answer.c.at)
        .join(answer, answer.c.recipient_id == letter.c.recipient_id)
        .where(answer.c.at > letter.c.intent_at, answer.c.source.in_(FROM_A_LETTER))
        .order_by(answer.c.at.desc())
    )
    ids = [row.id for row in doubtful]
    given = [row for chunk in chunks(ids) for row in c.execute(query.where(letter.c.id.in_(chunk)))]
    others = _others(c, event, {row.recipient_id for row in given})
    return {
        row.id: row.at
        for row in given
        if not any(intent_at < row.at for other, intent_at in others[row.recipient_id] if other != row.id)
    }


def _others(c: Connection, event: str, readers: Iterable[int]) -> dict[int, list[tuple[int, datetime]]]:
    """All letters that may have reached these readers, as (id, when it was to leave)."""
    query = select(letter.c.id, letter.c.recipient_id, letter.c.intent_at).where(
        of_event(event),
        letter.c.intent_at.is_not(None),
        or_(in_states(MAY_HAVE_ARRIVED), letter.c.repeated_at.is_not(None)),
    )
    found: dict[int, list[tuple[int, datetime]]] = {}
    for chunk in chunks(readers):
        for row in c.execute(query.where(letter.c.recipient_id.in_(chunk))):
            found.setdefault(row.recipient_id, []).append((row.id, row.intent_at))
    return found


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
    if settled and happening is Happening.FOUND and entries:
        query = select(letter.c.recipient_id, letter.c.version).where(letter.c.id == letter_id)
        whose, number = c.execute(query).one()
        enter(c, [(whose, number, each) for each in entries], now)
    return settled

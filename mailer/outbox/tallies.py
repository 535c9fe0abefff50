"""Letters counted by time: how many left lately, how many have been put off for long. It reads and changes nothing.

Which quota the first count against, and who is told of the second, is for those who ask.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Text, func, select, type_coerce

from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.moving import chunks
from mailer.outbox.occasions import of_event
from mailer.outbox.schema import in_states, letter, letter_history, occasion

SLOT = timedelta(minutes=10)
"""What left within it is counted together."""

_ATTEMPTS = (Happening.INTENDED, Happening.PUT_OFF, Happening.REFUSED)


def sent_lately(
    c: Connection, now: datetime, within: timedelta = timedelta(days=1)
) -> list[tuple[datetime, int]]:
    """(moment by which they had left, letters) in the time before `now`, the earliest first; every event's."""
    slot = _slot(c)
    query = select(slot, func.count()).where(_sent_since(now - within)).group_by(slot).order_by(slot)
    return [(_ends(text), letters) for text, letters in c.execute(query)]


def sent_since(c: Connection, since: datetime) -> int:
    """How many letters have left since then; every event's."""
    return c.scalar(select(func.count()).select_from(letter).where(_sent_since(since))) or 0


def put_off_for(c: Connection, event: str, now: datetime, times: Sequence[timedelta]) -> list[int]:
    """For each of the times, how many letters wait to be tried again that were first put off so long ago or longer."""
    told = letter_history.c
    query = (
        select(func.min(told.at))
        .join(letter, letter.c.id == told.letter_id)
        .where(of_event(event), in_states({LetterState.DEFERRED}), told.happening == Happening.PUT_OFF)
        .where(_is_of_this_life())
        .group_by(letter.c.id)
    )
    first = c.scalars(query).all()
    return [sum(now - at >= time for at in first) for time in times]


def first_tried_at(c: Connection, letter_ids: Collection[int]) -> dict[int, datetime]:
    """When each of these letters was first tried; those that never were are left out. For one that failed and is sent
    again, it begins anew.
    """
    told = letter_history.c
    before = select(told.letter_id, func.min(told.at)).where(
        told.happening.in_(_ATTEMPTS), _is_of_this_life()
    )
    now = select(letter.c.id, letter.c.intent_at).where(in_states({LetterState.LEAVING}))
    return {
        letter_id: at
        for chunk in chunks(letter_ids)
        for query in (
            now.where(letter.c.id.in_(chunk)),
            before.where(told.letter_id.in_(chunk)).group_by(told.letter_id),
        )
        for letter_id, at in c.execute(query)
    }


def _is_of_this_life() -> ColumnElement[bool]:
    """Whether something happened to a letter since it was last sent again, if ever it was."""
    before = letter_history.alias()
    again = before.c.happening == Happening.RETRIED
    newer = select(before.c.id).where(
        before.c.letter_id == letter_history.c.letter_id, again, before.c.id > letter_history.c.id
    )
    return ~newer.exists()


def _sent_since(since: datetime) -> ColumnElement[bool]:
    """By way of their occasions, for there an index tells when each was sent."""
    return (
        letter.c.occasion_id.in_(select(occasion.c.id))
        & in_states({LetterState.SENT})
        & (letter.c.settled_at > since)
    )


def _slot(c: Connection) -> ColumnElement[str]:
    """The moment a letter was sent at as far as the tens of its minute, in UTC: `2027-03-01 08:3`."""
    if c.dialect.name == "sqlite":
        return func.substr(type_coerce(letter.c.settled_at, Text), 1, 15)
    return func.substr(func.to_char(func.timezone("UTC", letter.c.settled_at), "YYYY-MM-DD HH24:MI"), 1, 15)


def _ends(slot: str) -> datetime:
    return datetime.strptime(f"{slot}0", "%Y-%m-%d %H:%M").replace(tzinfo=UTC) + SLOT

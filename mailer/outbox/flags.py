"""Addresses that were reported as wrong: no letter leaves to one until its owner answers or a person says it is right.

A flag changes no letter that waits: claiming passes over it (`NOT_HELD` in `pauses`), and it leaves once the flag is
gone, or is missed for all to see. What a report says is not judged here; every function works in its caller's
transaction.
"""

from datetime import datetime

from sqlalchemy import Connection, Select, and_, delete, func, select

from mailer.outbox.database import insert
from mailer.outbox.letter import UNSENT, Happening
from mailer.outbox.moving import move
from mailer.outbox.schema import answer, holds_place, in_states, letter, occasion, recipient
from mailer.outbox.schema import flag as kept_flag

REPORTED_WRONG = "its address was reported as wrong"


def flag(c: Connection, recipient_id: int, at: datetime) -> bool:
    """Note that somebody's address was reported as wrong; whether that was news. Whoever has answered since has a right
    one.

    A letter of theirs that is claimed waits again: only one that is leaving is not held up.
    """
    since = select(answer.c.id).where(answer.c.recipient_id == recipient_id, answer.c.at > at)
    if c.execute(since.limit(1)).first():
        return False
    flagging = insert(c, kept_flag).values(recipient_id=recipient_id, at=at)
    later = flagging.excluded.at
    flagging = flagging.on_conflict_do_update(
        index_elements=["recipient_id"], set_={"at": later}, where=kept_flag.c.at < later
    )
    if c.execute(flagging.returning(kept_flag.c.at)).first() is None:
        return False
    theirs = and_(letter.c.owner > "", letter.c.recipient_id == recipient_id)
    move(c, theirs, Happening.RELEASED, at, REPORTED_WRONG)
    return True


def clear(c: Connection, event: str, address: str) -> bool:
    """Let letters go to this address again, however it is written; whether it was flagged."""
    theirs = _recipients(event).where(recipient.c.address_key == address.lower())
    return bool(c.execute(delete(kept_flag).where(kept_flag.c.recipient_id.in_(theirs))).rowcount)


def flagged(c: Connection, event: str) -> set[str]:
    """The addresses that were reported as wrong, in lower case."""
    query = select(recipient.c.address_key).join(kept_flag, kept_flag.c.recipient_id == recipient.c.id)
    return set(c.scalars(query.where(recipient.c.event == event)))


def held_letters(c: Connection, event: str) -> dict[str, int]:
    """How many letters wait because their reader's address is flagged, by mailing."""
    ours = select(recipient.c.id).where(
        recipient.c.id == kept_flag.c.recipient_id, recipient.c.event == event
    )
    theirs = select(kept_flag.c.recipient_id).where(ours.exists())
    if c.execute(theirs.limit(1)).first() is None:
        return {}
    of_event = select(occasion.c.id).where(occasion.c.event == event)
    query = (
        select(occasion.c.mailing, func.count())
        .join(letter, letter.c.occasion_id == occasion.c.id)
        .where(letter.c.occasion_id.in_(of_event), letter.c.recipient_id.in_(theirs), holds_place())
        .where(in_states(UNSENT))
        .group_by(occasion.c.mailing)
    )
    return {row.mailing: row[1] for row in c.execute(query)}


def _recipients(event: str) -> Select[tuple[int]]:
    return select(recipient.c.id).where(recipient.c.event == event)

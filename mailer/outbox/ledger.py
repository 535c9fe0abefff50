"""The ledger: what each recipient's calendar was last told of the event or a session.

What a letter carries, composition decides; that it has arrived, `claims` and `doubts` say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from mailer.outbox.database import insert
from mailer.outbox.schema import entry, recipient

SentEntry = tuple[str, str, int]
"""A calendar object that a letter carries: `event` or a session's key, its UID and SEQUENCE."""


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """What a recipient's calendar was last told of `anchor` (`event` or a session's key)."""

    recipient_id: int
    anchor: str
    uid: str
    sequence_sent: int
    version_sent: int
    sent_at: datetime


def enter(c: Connection, sent: Sequence[tuple[Mapping[str, Any], SentEntry]], now: datetime) -> None:
    """Enter what these letters, as rows, carried. The newest version stays: a late success of an older one
    changes nothing.
    """
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


def ledger(c: Connection, event: str) -> list[LedgerEntry]:
    """What the calendars of everybody ever listed hold, by recipient and anchor."""
    query = (
        select(entry)
        .join(recipient, recipient.c.id == entry.c.recipient_id)
        .where(recipient.c.event == event)
    )
    rows = c.execute(query.order_by(entry.c.recipient_id, entry.c.anchor)).mappings()
    return [LedgerEntry(**row) for row in rows]

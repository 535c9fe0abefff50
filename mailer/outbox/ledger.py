"""The ledger: what each recipient's calendar was last told of the event or a session.

What a letter carries, composition decides; that it has arrived, `claims` and `doubts` say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from mailer.outbox.claimed import SentEntry
from mailer.outbox.database import as_stored, many
from mailer.outbox.schema import entry, recipient


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """What a recipient's calendar was last told of `anchor` (`event` or a session's key)."""

    recipient_id: int
    anchor: str
    uid: str
    sequence_sent: int
    version_sent: int
    sent_at: datetime


_ENTER = """
INSERT INTO entry (recipient_id, version_sent, anchor, uid, sequence_sent, sent_at)
SELECT recipient_id, version, ?, ?, ?, ? FROM letter WHERE id = ?
ON CONFLICT (recipient_id, anchor) DO UPDATE SET uid = excluded.uid, sequence_sent = excluded.sequence_sent,
    version_sent = excluded.version_sent, sent_at = excluded.sent_at
WHERE entry.version_sent <= excluded.version_sent"""


def enter(c: Connection, sent: Sequence[tuple[int, SentEntry]], now: datetime) -> None:
    """Enter what letters carried, each by its id. The newest version stays: a late success of an older one
    changes nothing.
    """
    at = as_stored(c, now)
    many(c, _ENTER, [(*entry, at, letter_id) for letter_id, entry in sent])


def ledger(c: Connection, event: str) -> list[LedgerEntry]:
    """What the calendars of everybody ever listed hold, by recipient and anchor."""
    query = (
        select(entry)
        .join(recipient, recipient.c.id == entry.c.recipient_id)
        .where(recipient.c.event == event)
    )
    rows = c.execute(query.order_by(entry.c.recipient_id, entry.c.anchor)).mappings()
    return [LedgerEntry(**row) for row in rows]

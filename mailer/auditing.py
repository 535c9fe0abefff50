"""Whether the audit is whole, for the page: a long one is read through beside it, and whenever it has grown again.

What the chain is, and how it is read, is `outbox.audit`'s.
"""

from datetime import datetime

from mailer.lately import AsOf, Beside
from mailer.outbox import audit
from mailer.outbox.database import Database

LONG = 2_000
"""Rows: reading more through takes longer than a page may."""


def broken_at(database: Database, now: datetime) -> AsOf[int | None] | None:
    """The number of the first row that is not as it was written, or nothing while all are; of a moment ago while a long
    audit is read again. None while it is read for the first time.
    """
    with database.reading() as transaction:
        newest = audit.deeds(transaction, limit=1)
        if not newest or newest[0].number <= LONG:
            return AsOf(value=audit.broken_at(transaction), at=now)

    def read(heard: object) -> int | None:
        with database.reading() as transaction:
            return audit.broken_at(transaction)

    return _read.at_hand(database.engine, newest[0].digest, now, read)


_read: Beside[int | None] = Beside()

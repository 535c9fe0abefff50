"""Servers that asked for fewer letters, as whoever sends noted it: for those who look from elsewhere.

What the pace is, `pace` of delivery says; it is kept here only while it is lowered. Every function works in its
caller's transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from mailer.outbox.database import insert
from mailer.outbox.schema import slowdown

STALE_AFTER = timedelta(minutes=15)
"""A pace goes up again every minute: who has not noted it for so long has stopped."""


@dataclass(frozen=True, kw_only=True)
class Slowdown:
    """A relay is given `per_minute` letters; `reason` are its last words of complaint."""

    relay: str
    per_minute: float
    noted_at: datetime
    reason: str


def note(c: Connection, relay: str, per_minute: float | None, reason: str, now: datetime) -> None:
    """Note what a relay is given; None when it is as usual again. Without a reason, the one noted before stays."""
    if per_minute is None:
        c.execute(delete(slowdown).where(slowdown.c.relay == relay))
        return
    noting = insert(c, slowdown).values(relay=relay, per_minute=per_minute, noted_at=now, reason=reason)
    told = {
        name: noting.excluded[name] for name in ("per_minute", "noted_at", *(["reason"] if reason else []))
    }
    c.execute(noting.on_conflict_do_update(index_elements=["relay"], set_=told))


def slowdowns(c: Connection, now: datetime) -> list[Slowdown]:
    """What is lowered at this moment, the slowest first."""
    query = select(slowdown).where(slowdown.c.noted_at > now - STALE_AFTER)
    rows = c.execute(query.order_by(slowdown.c.per_minute, slowdown.c.relay)).mappings()
    return [Slowdown(**row) for row in rows]

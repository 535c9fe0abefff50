"""Addresses that reports call wrong: how many, which, and that one is trusted again.

How a report is noted, and who else might be written to, is in `incoming`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, exists, func, select

from mailer.outbox.schema import Trouble, address_trouble, answer, recipient, recipient_revision
from mailer.recipients.model import Recipient


@dataclass(frozen=True, kw_only=True)
class WrongAddress:
    """Somebody on the list whose address a server called wrong, and who has not answered since."""

    recipient_id: int
    incoming_id: int
    name: str
    address: str
    at: datetime
    status: str
    words: str


def count_wrong(c: Connection, event: str) -> int:
    """How many addresses on the event's list are wrong."""
    return c.scalar(select(func.count()).select_from(_wrong(event).subquery())) or 0


def wrong(c: Connection, event: str, *, before: int | None = None, limit: int = 50) -> list[WrongAddress]:
    """The addresses that are wrong, the last to be reported first; `before` is the number of a report."""
    last = _wrong(event).subquery()
    report, revision = address_trouble.c, recipient_revision.c
    query = (
        select(
            report.incoming_id, report.recipient_id, report.at, report.status, report.words, revision.document
        )
        .join(last, last.c.incoming_id == report.incoming_id)
        .join(recipient, recipient.c.id == report.recipient_id)
        .join(
            recipient_revision,
            and_(revision.recipient_id == recipient.c.id, revision.number == recipient.c.revision),
        )
        .order_by(report.incoming_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(report.incoming_id < before)
    return [_shown(row) for row in c.execute(query)]


def forget(c: Connection, recipient_id: int) -> int:
    """Count nothing any more that reports say of somebody's address; how many those are. The reports stay."""
    return c.execute(delete(address_trouble).where(address_trouble.c.recipient_id == recipient_id)).rowcount


def _wrong(event: str) -> Select[Any]:
    """For each of them the number of the last report that says so."""
    since = exists().where(
        answer.c.recipient_id == address_trouble.c.recipient_id, answer.c.at > address_trouble.c.at
    )
    return (
        select(func.max(address_trouble.c.incoming_id).label("incoming_id"))
        .join(recipient, recipient.c.id == address_trouble.c.recipient_id)
        .where(recipient.c.event == event, recipient.c.left_at.is_(None))
        .where(address_trouble.c.trouble == Trouble.HARD, ~since)
        .group_by(address_trouble.c.recipient_id)
    )


def _shown(row: Any) -> WrongAddress:
    said = Recipient.model_validate_json(row.document)
    return WrongAddress(
        recipient_id=row.recipient_id,
        incoming_id=row.incoming_id,
        name=said.full_name,
        address=said.address,
        at=row.at,
        status=row.status,
        words=row.words,
    )

"""Addresses that were reported as wrong, for a page: how many, whose, and in which words. It reads and changes nothing.

How a report is noted, and who else might be written to, is in `incoming`; what a flag does, in `flags`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from mailer.outbox.people import IS_NEWEST
from mailer.outbox.schema import Trouble, address_trouble, flag, recipient, recipient_revision
from mailer.recipients.model import Recipient


@dataclass(frozen=True, kw_only=True)
class WrongAddress:
    """Somebody on the list to whom no letter leaves, with the last report: its mail's number, its code, its words."""

    recipient_id: int
    name: str
    address: str
    at: datetime
    incoming_id: int | None
    status: str
    words: str


def count_wrong(c: Connection, event: str) -> int:
    """How many addresses on the event's list were reported as wrong, and not shown to be right since."""
    listed = select(recipient.c.id).where(recipient.c.id == flag.c.recipient_id)
    listed = listed.where(recipient.c.event == event, recipient.c.left_at.is_(None))
    return c.scalar(select(func.count()).select_from(flag).where(listed.exists())) or 0


def wrong(
    c: Connection, event: str, limit: int = 50, *, after: tuple[datetime, int] | None = None
) -> list[WrongAddress]:
    """Those addresses, the last to be reported first. `after`: when the one to go on behind was reported, and whose it
    is.
    """
    theirs = address_trouble.alias().c
    last = (
        select(func.max(theirs.incoming_id))
        .where(theirs.recipient_id == flag.c.recipient_id, theirs.trouble == Trouble.HARD)
        .scalar_subquery()
    )
    report = address_trouble.c
    query = (
        select(flag, report.incoming_id, report.status, report.words, recipient_revision.c.document)
        .join(recipient, recipient.c.id == flag.c.recipient_id)
        .join(recipient_revision, IS_NEWEST)
        .outerjoin(
            address_trouble, and_(report.recipient_id == flag.c.recipient_id, report.incoming_id == last)
        )
        .where(recipient.c.event == event, recipient.c.left_at.is_(None))
        .order_by(flag.c.at.desc(), flag.c.recipient_id)
    )
    if after:
        at, whose = after
        query = query.where(or_(flag.c.at < at, and_(flag.c.at == at, flag.c.recipient_id > whose)))
    found = []
    for row in c.execute(query.limit(limit)):
        said = Recipient.model_validate_json(row.document)
        found.append(
            WrongAddress(
                recipient_id=row.recipient_id, name=said.full_name, address=said.address, at=row.at,
                incoming_id=row.incoming_id, status=row.status or "", words=row.words or "",
            )
        )  # fmt: skip
    return found

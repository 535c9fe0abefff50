"""What tests of counted answers begin with: people who answer, are told something newer, bounce."""

import hashlib
from datetime import timedelta

from sqlalchemy import Connection, select

from mailer.outbox import incoming, people
from mailer.outbox.database import insert
from mailer.outbox.schema import Trouble, entry
from mailer.outbox.schema import incoming as mails
from mailer.recipients.model import Recipient
from tests.outbox.world import EVENT, NOW


def listed(c: Connection, *recipients: Recipient, event: str = EVENT) -> list[int]:
    """Make this the list; the ids of those on it, in the order they were first listed."""
    people.save_roster(c, event, recipients, NOW, lambda address: f"{event}/{address}")
    return [member.id for member in people.roster(c, event)]


def told(c: Connection, recipient_id: int, sequence: int, anchor: str = "event") -> None:
    """As if their calendar had been told this state of the entry."""
    row = {
        "recipient_id": recipient_id, "anchor": anchor, "uid": f"{recipient_id}-{anchor}", "version_sent": 1,
        "sent_at": NOW, "asked": True, "cancelled": False, "stamped_at": NOW, "right_for": 1,
        "sequence_sent": sequence,
    }  # fmt: skip
    same = ["recipient_id", "anchor"]
    adding = insert(c, entry).values(**row)
    c.execute(adding.on_conflict_do_update(index_elements=same, set_={"sequence_sent": sequence}))


def said(
    c: Connection,
    recipient_id: int,
    answer: str,
    anchor: str = "event",
    *,
    after: timedelta = timedelta(),
    sequence: int = 0,
) -> None:
    """They answered then; we learnt of it long after, in whatever order."""
    learnt_at = NOW + timedelta(days=365)
    people.record_answer(
        c, recipient_id, anchor, answer, NOW + after, "page", sequence=sequence, noted_at=learnt_at
    )


def reported(
    c: Connection, recipient_id: int, trouble: Trouble = Trouble.HARD, *, after: timedelta = timedelta()
) -> None:
    """A delivery report speaks of their address."""
    raw = f"{recipient_id} {trouble} {after}".encode()
    incoming.keep(c, "box", raw.decode(), raw, NOW)
    digest = hashlib.sha256(raw).hexdigest()
    number = c.execute(select(mails.c.id).where(mails.c.digest == digest)).scalar_one()
    incoming.note_trouble(
        c, number, recipient_id, NOW + after, trouble=trouble, status="5.1.1", words="no such user"
    )

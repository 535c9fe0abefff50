"""What each event's people and entries are named by: one key, made when the event is first published, kept for good.

It stands beside the people, their handles and the UIDs they hold, tells nobody more than these do, and signs nothing.
So it lies here in clear, and calendars can still be told of changes when the secret key is lost. How names are made
of it is composition's to say.
"""

from sqlalchemy import Connection, func, select

from mailer.errors import StoreError
from mailer.outbox.database import insert
from mailer.outbox.schema import event_key, recipient, revocation

generation_of = (
    select(func.coalesce(func.max(revocation.c.generation), 0))
    .where(revocation.c.recipient_id == recipient.c.id)
    .scalar_subquery()
    .label("generation")
)
"""How often a person's links were revoked: which handle of theirs is the one in force."""


def naming_key(c: Connection, event: str) -> bytes | None:
    """The event's naming key; None before its first publication, or while it is named as before there were any."""
    kept = c.scalar(select(event_key.c.naming).where(event_key.c.event == event))
    return None if kept is None else bytes.fromhex(kept)


def keep_naming_key(c: Connection, event: str, naming: bytes) -> None:
    """Keep what the event is named by from now on.

    Raises:
        StoreError: somebody else, with another secret key, has begun the event at this moment.
    """
    c.execute(insert(c, event_key).values(event=event, naming=naming.hex()).on_conflict_do_nothing())
    if naming_key(c, event) != naming:
        raise StoreError(
            f"the names of '{event}' were made with another secret key meanwhile; "
            "give every service the same CONVENOR_SECRET_KEY, and start again"
        )


def somebody_named(c: Connection, event: str) -> tuple[str, str, int] | None:
    """The address, in lower case, the handle and its generation of somebody ever listed; None while nobody was."""
    query = select(recipient.c.address_key, recipient.c.handle, generation_of)
    query = query.where(recipient.c.event == event).limit(1)
    found = c.execute(query.order_by(recipient.c.id)).one_or_none()
    return None if found is None else (found.address_key, found.handle, found.generation)

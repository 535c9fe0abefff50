"""People found by words: of their name, their address, the house they work in. It reads and changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from mailer.outbox.people import IS_NEWEST
from mailer.outbox.schema import recipient, recipient_revision
from mailer.recipients.model import Recipient

MOST = 50
"""People of whom it is worth showing a list; who looks for one of more writes more words."""

_LOOKED_AT = 2_000
_WRITTEN_OTHERWISE = frozenset('"\\%_')


@dataclass(frozen=True, kw_only=True)
class Found:
    """Somebody who is or was on the list, as it says of them now."""

    id: int
    recipient: Recipient
    left_at: datetime | None


def known(c: Connection, recipient_id: int) -> Found | None:
    """Somebody by their number."""
    row = c.execute(_people().where(recipient.c.id == recipient_id)).one_or_none()
    if row is None:
        return None
    said = Recipient.model_validate_json(row.document)
    return Found(id=row.id, recipient=said, left_at=row.left_at)


def found(c: Connection, event: str, words: str, limit: int = MOST) -> list[Found]:
    """Those whose name, address or house holds every one of the words, in either case; the first on the list first.

    The database looks for the words in all that is kept of a person, and of at most two thousand whom it finds it is
    looked at closely.
    """
    wanted = words.casefold().split()
    if not wanted:
        return []
    query = (
        _people()
        .where(recipient.c.event == event)
        .where(*(recipient_revision.c.document.ilike(_pattern(each)) for each in wanted))
        .order_by(recipient.c.id)
        .limit(_LOOKED_AT)
    )
    people: list[Found] = []
    for row in c.execute(query):
        said = Recipient.model_validate_json(row.document)
        names = f"{said.full_name} {said.address} {said.institution}".casefold()
        if all(word in names for word in wanted):
            people.append(Found(id=row.id, recipient=said, left_at=row.left_at))
            if len(people) == limit:
                break
    return people


def _people() -> Select[Any]:
    """Everybody, with what was last said of them."""
    columns = (recipient.c.id, recipient.c.left_at, recipient_revision.c.document)
    return select(*columns).join(recipient_revision, IS_NEWEST)


def _pattern(word: str) -> str:
    """Any character stands for one that is not ASCII: databases differ in what is the same letter in lower case. Any
    few stand for what JSON or LIKE writes in another way.
    """
    return f"%{''.join('%' if each in _WRITTEN_OTHERWISE else each if each.isascii() else '_' for each in word)}%"

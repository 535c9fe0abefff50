"""What organisers have changed and not published yet: a row for each edit, the whole agenda in it.

Every function works in its caller's transaction. The rows go when what they led to is published, or given up.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, delete, func, select, update

from mailer.agenda.model import Event
from mailer.errors import StoreError
from mailer.outbox.database import insert
from mailer.outbox.editions import Hand
from mailer.outbox.schema import draft

_IS_IN_FORCE = draft.c.taken_back_at.is_(None)


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One edit: `what` in words for people, by whom, and the version in force that it was begun on. `hands` are all who
    had one in the agenda as it is after it, since that version.
    """

    number: int
    based_on: int
    at: datetime
    by: str
    what: str
    hands: frozenset[Hand] = frozenset()


def add(
    c: Connection,
    event: Event,
    based_on: int,
    at: datetime,
    by: str,
    what: str,
    *,
    hands: Collection[Hand] = (),
) -> int:
    """Keep the agenda as it is after an edit, with all who had a hand in it; its number, above all before it.

    Raises:
        StoreError: somebody else has added one at the same time.
    """
    last = c.scalar(select(func.max(draft.c.number)).where(draft.c.event == event.key)) or 0
    row = {
        "event": event.key, "number": last + 1, "document": event.model_dump_json(), "based_on": based_on,
        "at": at, "by": by, "what": what, "hands": json.dumps(sorted(hands), ensure_ascii=False),
    }  # fmt: skip
    taken = insert(c, draft).values(row).on_conflict_do_nothing().returning(draft.c.number)
    if c.scalar(taken) is None:
        raise StoreError("somebody else has changed the agenda at the same time; look at it again")
    return last + 1


def edits(c: Connection, event: str) -> list[Edit]:
    """Those that stand, in their order."""
    columns = (draft.c.number, draft.c.based_on, draft.c.at, draft.c.by, draft.c.what, draft.c.hands)
    query = select(*columns).where(draft.c.event == event, _IS_IN_FORCE).order_by(draft.c.number)
    return [Edit(**{**row._mapping, "hands": _hands(row.hands)}) for row in c.execute(query)]


def _hands(kept: str) -> frozenset[Hand]:
    return frozenset((who, what) for who, what in json.loads(kept))


def document(c: Connection, event: str, number: int) -> Event:
    """The agenda after an edit. Raises KeyError for a number that is not there."""
    found = c.scalar(select(draft.c.document).where(draft.c.event == event, draft.c.number == number))
    if found is None:
        raise KeyError((event, number))
    return _read(found)


@lru_cache(maxsize=4)
def _read(found: str) -> Event:
    """What an edit has made of an agenda never changes, and is looked at again and again."""
    return Event.model_validate_json(found)


def take_back(c: Connection, event: str, number: int, at: datetime) -> None:
    """An edit does not stand any more. Its number is not given again."""
    rows = update(draft).where(draft.c.event == event, draft.c.number == number)
    c.execute(rows.values(taken_back_at=at))


def forget(c: Connection, event: str, *, based_on: int | None = None) -> None:
    """Take out all edits of an event, or those begun on one version."""
    rows = delete(draft).where(draft.c.event == event)
    c.execute(rows if based_on is None else rows.where(draft.c.based_on == based_on))

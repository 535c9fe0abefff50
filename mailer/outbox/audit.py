"""Who did what on the organiser's pages: rows that are added and never altered, each bound to all before it.

Every function works in its caller's transaction, so that nothing is done without its row, and no row tells of what was
not done.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, text

from mailer.outbox.schema import audit

COMMAND_LINE = "convenor"
"""Who acts where there is no account: whoever may give commands on this machine."""

_FIRST = "0" * 64
_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One row. `did` is a short verb, such as `published`; `what` says to what, in words for people."""

    number: int
    at: datetime
    event: str
    who: str
    did: str
    what: str
    digest: str = ""


def note(c: Connection, at: datetime, who: str, did: str, what: str = "", *, event: str = "") -> None:
    """Add a row behind the last."""
    if c.dialect.name == "postgresql":
        c.execute(text("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"))
    last = c.execute(select(audit.c.number, audit.c.digest).order_by(audit.c.number.desc()).limit(1)).first()
    number, before = (last.number + 1, last.digest) if last else (1, _FIRST)
    deed = Deed(number=number, at=at, event=event, who=who, did=did, what=what)
    c.execute(
        insert(audit).values(
            number=number, at=at, event=event, who=who, did=did, what=what, digest=_digest(deed, before)
        )
    )


def deeds(c: Connection, *, before: int | None = None, limit: int = 100) -> list[Deed]:
    """The newest rows first, those below the number `before` if it is given."""
    query = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.number < before)
    return [Deed(**row._mapping) for row in c.execute(query)]


def last(c: Connection, did: str, *, event: str) -> Deed | None:
    """The newest row of such a deed for this event."""
    query = select(audit).where(audit.c.did == did, audit.c.event == event)
    row = c.execute(query.order_by(audit.c.number.desc()).limit(1)).first()
    return Deed(**row._mapping) if row else None


def moments(c: Connection, who: str, did: str, *, since: datetime | None = None) -> list[datetime]:
    """When somebody did such a deed, after `since` if it is given; in the order of the rows."""
    query = select(audit.c.at).where(audit.c.who == who, audit.c.did == did).order_by(audit.c.number)
    return list(c.scalars(query if since is None else query.where(audit.c.at > since)))


def broken_at(c: Connection) -> int | None:
    """The number of the first row that is not as it was written, or is missing; None while the chain is whole.

    What was cut off behind the last row cannot be seen from inside: keep the last digest elsewhere.
    """
    before, expected = _FIRST, 1
    for deed in _all(c):
        if deed.number != expected or deed.digest != _digest(deed, before):
            return expected
        before, expected = deed.digest, expected + 1
    return None


def _all(c: Connection) -> Iterator[Deed]:
    last = 0
    query = select(audit).order_by(audit.c.number).limit(_AT_ONCE)
    while rows := c.execute(query.where(audit.c.number > last)).all():
        yield from (Deed(**row._mapping) for row in rows)
        last = rows[-1].number


def _digest(deed: Deed, before: str) -> str:
    at = deed.at.astimezone(UTC).isoformat(timespec="microseconds")
    row = [before, deed.number, at, deed.event, deed.who, deed.did, deed.what]
    return hashlib.sha256(json.dumps(row, ensure_ascii=False).encode()).hexdigest()

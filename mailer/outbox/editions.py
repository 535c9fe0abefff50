"""Editions: every change of what letters are made of, numbered, with who made it. Approvals are bound to them.

The agenda, the list and the wording each raise the number where they are changed, in the same transaction: so that an
approval is known to be stale at once, long before anybody has looked what the change was.
"""

from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, text

from mailer.outbox.schema import edition

Hand = tuple[str, str]
"""Who had a hand in something, and in which part of it."""

AGENDA = "agenda"
RECIPIENTS = "recipients"
_MAILING = "mailing:"
_WORDING = "wording:"


def mailing_of(key: str) -> str:
    """What has changed when the agenda says something else of this mailing, and nothing else."""
    return f"{_MAILING}{key}"


def wording_of(folder: str) -> str:
    """What has changed when texts in this folder of the wording have: a kind of letter, or `layout`."""
    return f"{_WORDING}{folder}"


def raised(
    c: Connection, event: str, what: str, by: str, at: datetime, *, needs_approval: bool | None = None
) -> None:
    """Note a change. `by` is nobody where no person is known; `needs_approval` stays as it was where it is not said."""
    if c.dialect.name == "postgresql":
        c.execute(text("LOCK TABLE edition IN SHARE ROW EXCLUSIVE MODE"))
    last = c.execute(
        select(edition.c.number, edition.c.needs_approval)
        .where(edition.c.event == event)
        .order_by(edition.c.number.desc())
        .limit(1)
    ).first()
    number, needed = (last.number + 1, last.needs_approval) if last else (1, False)
    needs = needed if needs_approval is None else needs_approval
    c.execute(
        insert(edition).values(event=event, number=number, what=what, by=by, at=at, needs_approval=needs)
    )


def present(c: Connection, event: str) -> int:
    """The number of the present edition, 0 while there is none."""
    return begun_at(c, event)[0]


def begun_at(c: Connection, event: str) -> tuple[int, datetime | None]:
    """The present edition with its moment: another edition that takes the number of one that was not kept differs."""
    query = select(edition.c.number, edition.c.at).where(edition.c.event == event)
    row = c.execute(query.order_by(edition.c.number.desc()).limit(1)).first()
    return (row.number, row.at) if row else (0, None)


def edits(c: Connection, event: str, mailing: str, kind: str) -> list[tuple[int, str]]:
    """The last edition in which each has changed what a mailing of this kind is made of, with who it was, as far as
    that is known. What nobody did, such as following the clocks, is nobody's.
    """
    parts = (AGENDA, mailing_of(mailing), RECIPIENTS, wording_of(kind), wording_of("layout"))
    query = select(func.max(edition.c.number).label("number"), edition.c.by).where(
        edition.c.event == event, edition.c.by != "", or_(*(edition.c.what == each for each in parts))
    )
    return [(row.number, row.by) for row in c.execute(query.group_by(edition.c.by))]

"""What was approved, and what may not leave because it is not. What is approved, and by whom, is for `approving`.

An approval holds for the edition it was last looked at under: when that is no longer the present one, nothing of the
mailing leaves until somebody has looked whether it still says the same. Every function works in its caller's
transaction.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from mailer.outbox import editions
from mailer.outbox.database import fetch
from mailer.outbox.schema import approval

_TAKEN_BACK = "taken back by "

_UNAPPROVED = """
FROM edition e CROSS JOIN occasion held
WHERE e.needs_approval AND e.number = (SELECT max(latest.number) FROM edition latest WHERE latest.event = e.event)
  AND held.event = e.event AND NOT EXISTS (
    SELECT 1 FROM approval a
    WHERE a.event = e.event AND a.mailing = held.mailing AND a.ended_at IS NULL AND a.edition = e.number)"""

APPROVED = f"l.occasion_id NOT IN (SELECT held.id{_UNAPPROVED})"
"""SQL: whether the letter `l` may be claimed. Where no approval is asked for, one look at an empty set."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Three digests and who approved them. `reason` says why it ended, if it has."""

    id: int
    mailing: str
    agenda: str
    wording: str
    recipients: str
    by: str
    at: datetime
    edition: int
    ended_at: datetime | None
    reason: str


def last(c: Connection, event: str, mailing: str) -> Approval | None:
    """The newest approval of a mailing, ended or not."""
    found = _approvals(c, event, mailing, limit=1)
    return found[0] if found else None


def given(c: Connection, event: str, mailing: str) -> list[tuple[int, str]]:
    """The last edition under which each has approved a mailing, with who it was. An approval that was taken back has
    approved nothing.
    """
    query = select(func.max(approval.c.edition).label("edition"), approval.c.by).where(
        approval.c.event == event,
        approval.c.mailing == mailing,
        approval.c.reason.not_like(f"{_TAKEN_BACK}%"),
    )
    return [(row.edition, row.by) for row in c.execute(query.group_by(approval.c.by))]


def standing(c: Connection, event: str) -> dict[str, Approval]:
    """The approvals that have not ended, by mailing."""
    query = select(approval).where(approval.c.event == event, approval.c.ended_at.is_(None))
    return {row["mailing"]: _approval(row) for row in c.execute(query).mappings()}


def _approvals(c: Connection, event: str, mailing: str, *, limit: int) -> list[Approval]:
    query = select(approval).where(approval.c.event == event, approval.c.mailing == mailing)
    return [_approval(row) for row in c.execute(query.order_by(approval.c.id.desc()).limit(limit)).mappings()]


def _approval(row: object) -> Approval:
    values = dict(row)  # type: ignore[call-overload]
    values.pop("event")
    return Approval(**values)


def approve(
    c: Connection, event: str, mailing: str, digests: tuple[str, str, str], by: str, at: datetime
) -> None:
    """Note that somebody approved this: agenda, wording and recipients, as digests, as they are in this edition."""
    end(c, event, mailing, "approved anew", at)
    edition = editions.present(c, event)
    agenda, wording, recipients = digests
    row = {"event": event, "mailing": mailing, "agenda": agenda, "wording": wording, "recipients": recipients}
    c.execute(insert(approval).values(**row, by=by, at=at, edition=edition, reason=""))


def still_holds(c: Connection, approval_id: int, edition: int) -> None:
    """It was looked at again, and says the same."""
    c.execute(update(approval).where(approval.c.id == approval_id).values(edition=edition))


def end(c: Connection, event: str, mailing: str, reason: str, at: datetime) -> bool:
    """It holds no longer: taken back, or something has changed. Whether there was one."""
    ending = update(approval).where(
        approval.c.event == event, approval.c.mailing == mailing, approval.c.ended_at.is_(None)
    )
    return bool(c.execute(ending.values(ended_at=at, reason=reason)).rowcount)


def take_back(c: Connection, event: str, mailing: str, by: str, at: datetime) -> bool:
    """Somebody wants it to hold no longer. Whether there was one."""
    return end(c, event, mailing, f"{_TAKEN_BACK}{by}", at)


def held(c: Connection, event: str) -> frozenset[str]:
    """The mailings whose letters may not leave at this moment, among those that have any."""
    query = f"SELECT DISTINCT held.mailing{_UNAPPROVED} AND e.event = ?"
    return frozenset(mailing for (mailing,) in fetch(c, query, (event,)))

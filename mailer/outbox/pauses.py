"""What is held back, and what was stopped: a mailing or a whole event, by a person or because of a server's words.

A pause changes no letter: claiming passes over what is paused, and who has claimed it lets go of it. A stop ends
the unsent letters for good. Carrying letters, and what a reply means, is for others; every function works in its
caller's transaction.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, true

from mailer.outbox.database import fetch, insert
from mailer.outbox.letter import UNSENT, Happening
from mailer.outbox.moving import move
from mailer.outbox.schema import PausedBy, in_states, letter, occasion, refusal, stopped_occasion
from mailer.outbox.schema import pause as kept_pause

EVERYTHING = ""
"""In place of a mailing's key: the whole event."""

EQUAL_REFUSALS = 3
"""Letters of one mailing, refused in the same words, after which the others need not be tried."""

STOPPED = "stopped by a person"

NOT_HELD = """l.occasion_id NOT IN (
    SELECT held.id FROM occasion held JOIN pause p ON p.event = held.event AND p.mailing IN ('', held.mailing))
  AND l.recipient_id NOT IN (SELECT recipient_id FROM flag)"""
"""SQL: whether the letter `l` may be claimed: neither paused nor to an address that is flagged (`flags`). The few
occasions and people that are held are looked up once for a statement.
"""

_ADDRESS_OR_LINK = re.compile(r"\S*@\S+|\w+://\S+")
_CODE = re.compile(r"\d{3}(?:[ -]\d\.\d{1,3}\.\d{1,3})?")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Why a mailing does not leave. A `mailing` of nothing: the whole event. `reason` is a person's, or the server's
    last words.
    """

    mailing: str
    caused_by: PausedBy
    paused_at: datetime
    reason: str


def pause(
    c: Connection,
    event: str,
    mailing: str,
    reason: str,
    now: datetime,
    *,
    caused_by: PausedBy = PausedBy.PERSON,
) -> bool:
    """Hold a mailing back, or EVERYTHING; whether that was news. What was paused for the same cause stays as it was."""
    row = {
        "event": event,
        "mailing": mailing,
        "caused_by": caused_by,
        "paused_at": now,
        "reason": reason,
    }
    kept = insert(c, kept_pause).values(row).on_conflict_do_nothing().returning(kept_pause.c.event)
    return c.execute(kept).first() is not None


def resume(c: Connection, event: str, mailing: str = EVERYTHING) -> list[Pause]:
    """Let a mailing go on, whatever held it; or EVERYTHING: the event, and each of its mailings. What it was that
    held them. The refusals counted so far are forgotten.
    """
    found = [each for each in paused(c, event) if mailing in {EVERYTHING, each.mailing}]
    for table in (kept_pause, refusal):
        named = true() if mailing == EVERYTHING else table.c.mailing == mailing
        c.execute(delete(table).where(table.c.event == event, named))
    return found


def paused(c: Connection, event: str) -> list[Pause]:
    """What is held back at this moment, the longest first."""
    query = select(kept_pause).where(kept_pause.c.event == event)
    rows = c.execute(query.order_by(kept_pause.c.paused_at, kept_pause.c.mailing, kept_pause.c.caused_by))
    return [
        Pause(mailing=row.mailing, caused_by=row.caused_by, paused_at=row.paused_at, reason=row.reason)
        for row in rows
    ]


def held(c: Connection, event: str) -> frozenset[str]:
    """The keys of the mailings that are paused, EVERYTHING among them if the whole event is: for `is_held`."""
    return frozenset(
        mailing for (mailing,) in fetch(c, "SELECT mailing FROM pause WHERE event = ?", (event,))
    )


def is_held(mailing: str, held_back: Collection[str]) -> bool:
    """Whether a letter of this mailing may not be intended."""
    return bool(held_back) and (EVERYTHING in held_back or mailing in held_back)


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────


def refused(c: Connection, event: str, mailing: str, reply: str, now: datetime) -> bool:
    """Count a refusal of what a letter says; the third in the same words pauses its mailing. Whether it did."""
    words = words_of(reply)
    row = {"event": event, "mailing": mailing, "words": words, "letters": 1}
    counting = insert(c, refusal).values(row)
    counting = counting.on_conflict_do_update(
        index_elements=["event", "mailing", "words"], set_={"letters": refusal.c.letters + 1}
    )
    letters = c.execute(counting.returning(refusal.c.letters)).scalar_one()
    if letters < EQUAL_REFUSALS:
        return False
    return pause(c, event, mailing, reply, now, caused_by=PausedBy.CONTENT)


def words_of(reply: str) -> str:
    """A server's reply without what differs from letter to letter: addresses, links, and words with a digit in them.

    The code, and the enhanced one (RFC 3463), stay.
    """
    code = _CODE.match(reply)
    told = _ADDRESS_OR_LINK.sub(" ", reply[code.end() if code else 0 :])
    words = (word.strip(".,:;!?()[]<>\"'") for word in told.lower().split())
    return " ".join([code[0].replace("-", " ") if code else "", *filter(_WORD.fullmatch, words)])[:200]


# ── stopping ─────────────────────────────────────────────────────────────────────────────────────────────────


def unsent(c: Connection, event: str, mailing: str = EVERYTHING) -> int:
    """How many letters of a mailing, or of EVERYTHING, a stop would withdraw."""
    query = select(func.count()).select_from(letter).join(occasion, occasion.c.id == letter.c.occasion_id)
    return c.scalar(query.where(_is_open(event, mailing), in_states(UNSENT))) or 0


def stop(c: Connection, event: str, mailing: str, now: datetime) -> int:
    """Withdraw the unsent letters of a mailing's open occasions, or EVERYTHING's, for good; how many they were.

    Those occasions take no letters any more, whoever joins later. What is leaving is not held up.
    """
    ids = list(c.scalars(select(occasion.c.id).where(_is_open(event, mailing)).order_by(occasion.c.id)))
    if not ids:
        return 0
    rows = [{"occasion_id": each, "stopped_at": now, "reason": STOPPED} for each in ids]
    c.execute(insert(c, stopped_occasion).on_conflict_do_nothing(), rows)
    return move(c, letter.c.occasion_id.in_(ids), Happening.WITHDRAWN, now, STOPPED)


def is_stopped(c: Connection, occasion_id: int) -> bool:
    """Whether an occasion takes no letters any more."""
    return (
        c.execute(select(stopped_occasion.c.occasion_id).where(stopped_occasion.c.occasion_id == occasion_id))
    ).first() is not None


def _is_open(event: str, mailing: str) -> ColumnElement[bool]:
    named = true() if mailing == EVERYTHING else occasion.c.mailing == mailing
    return and_(occasion.c.event == event, named, occasion.c.withdrawn_at.is_(None))

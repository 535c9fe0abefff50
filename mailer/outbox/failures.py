"""Letters that failed: of what, whether they could still be of use, and how they come back to wait.

Whether one may be sent again is for those who call. Every function works in its caller's transaction.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, false, or_, select

from mailer.agenda.model import ABOUT_ENTRIES, OF_ITSELF, AgendaVersion, MailingKind
from mailer.outbox import agendas, people, wordings
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.moving import chunks, move
from mailer.outbox.pauses import words_of
from mailer.outbox.schema import flag, holds_place, in_states, letter, occasion, recipient, stopped_occasion
from mailer.planning import due

MOST_LOOKED_AT = 2000
"""Of so many letters that failed last, the causes are told."""

_OVER = frozenset({LetterState.FAILED, LetterState.SUPPRESSED, LetterState.WITHDRAWN, LetterState.MISSED})


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A letter that failed, and what stands in the way of another try. `cause` is the server's words without what
    differs from letter to letter.

    `may_have_arrived`: it was in doubt once and left twice, so that its reader may have the first. `is_withdrawn`: the
    agenda in force has no such occasion, for what it is about has moved or is off. `is_void`: it tells
    of calendar entries or answers that a later letter told of, or as the agenda no longer has it.
    """

    id: int
    mailing: str
    cause: str
    may_have_arrived: bool
    useful_until: datetime
    is_withdrawn: bool
    is_stopped: bool
    has_left: bool
    has_unsubscribed: bool
    is_flagged: bool
    is_void: bool


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What letters of a mailing failed of: the server's words, once as it `said` them, and how many letters."""

    cause: str
    said: str
    letters: int


def causes(c: Connection, event: str, mailing: str) -> list[Cause]:
    """What the letters of a mailing that failed last failed of, the most frequent first."""
    query = select(letter.c.reply).where(*_failed(event), occasion.c.mailing == mailing)
    query = query.join(occasion, occasion.c.id == letter.c.occasion_id)
    counted: dict[str, tuple[str, int]] = {}
    for (reply,) in c.execute(query.order_by(letter.c.id.desc()).limit(MOST_LOOKED_AT)):
        cause = words_of(reply)
        said, letters = counted.get(cause, (reply, 0))
        counted[cause] = said, letters + 1
    found = [Cause(cause=cause, said=said, letters=letters) for cause, (said, letters) in counted.items()]
    return sorted(found, key=lambda each: (-each.letters, each.cause))


def of_letters(c: Connection, event: str, ids: Iterable[int]) -> list[Failure]:
    """Those of these letters that failed, in the order of their ids."""
    return [
        each for chunk in chunks(sorted(set(ids))) for each in _failures(c, event, letter.c.id.in_(chunk))
    ]


def of_mailing(c: Connection, event: str, mailing: str, cause: str | None = None) -> Iterator[Failure]:
    """The letters of a mailing that failed, of one cause or of any."""
    for each in _failures(c, event, occasion.c.mailing == mailing):
        if cause is None or each.cause == cause:
            yield each


def send_again(c: Connection, event: str, ids: Iterable[int], now: datetime, note: str = "") -> int:
    """Have letters that failed wait as if they had never been tried: written for their reader as they are now, from the
    agenda and the wording in force. Returns how many that were; whoever else has sent one again was first.
    """
    latest, choice = agendas.latest(c, event), wordings.in_force(c, event)
    newest = select(recipient.c.revision).where(recipient.c.id == letter.c.recipient_id).scalar_subquery()
    anew: dict[str, Any] = {
        "attempts": 0, "next_attempt_at": now, "settled_at": None, "reason": "", "reply": "", "revision": newest,
        **({"version": latest.number} if latest else {}),
        **({"wording": choice.digest} if choice else {}),
    }  # fmt: skip
    return sum(
        move(c, letter.c.id.in_(chunk), Happening.RETRIED, now, note, more=anew) for chunk in chunks(ids)
    )


def _failed(event: str) -> tuple[ColumnElement[bool], ...]:
    return in_states({LetterState.FAILED}), occasion.c.event == event


def _failures(c: Connection, event: str, which: ColumnElement[bool]) -> Iterator[Failure]:
    latest = agendas.latest(c, event)
    planned = _planned(c, latest) if latest else None
    query = (
        select(
            letter.c.id,
            letter.c.reply,
            letter.c.repeated_at,
            letter.c.upkeep,
            letter.c.version,
            occasion.c.mailing,
            occasion.c.anchor,
            occasion.c.due_at,
            occasion.c.useful_until,
            occasion.c.withdrawn_at,
            recipient.c.left_at,
            recipient.c.unsubscribed_at,
            stopped_occasion.c.stopped_at,
            flag.c.at.label("flagged_at"),
            _told_later().label("told_later"),
        )
        .join(occasion, occasion.c.id == letter.c.occasion_id)
        .join(recipient, recipient.c.id == letter.c.recipient_id)
        .outerjoin(stopped_occasion, stopped_occasion.c.occasion_id == occasion.c.id)
        .outerjoin(flag, flag.c.recipient_id == letter.c.recipient_id)
        .where(*_failed(event), which)
        .order_by(letter.c.id)
    )
    for row in c.execute(query):
        is_old = latest is not None and row.version < latest.number
        yield Failure(
            id=row.id,
            mailing=row.mailing,
            cause=words_of(row.reply),
            may_have_arrived=row.repeated_at is not None,
            useful_until=row.useful_until,
            is_withdrawn=row.withdrawn_at is not None
            or (planned is not None and row.mailing not in OF_ITSELF and _identity(row) not in planned),
            is_stopped=row.stopped_at is not None,
            has_left=row.left_at is not None and row.mailing != MailingKind.CANCELLATION,
            has_unsubscribed=row.unsubscribed_at is not None,
            is_flagged=row.flagged_at is not None,
            is_void=row.upkeep is not None and (is_old or bool(row.told_later)),
        )


def _planned(c: Connection, latest: AgendaVersion) -> set[tuple[str, str, datetime]]:
    """What the agenda in force has: an occasion that had nothing left to send was not withdrawn when it moved."""
    return {each.identity for each in due.occasions(latest, people.zones(c, latest.event.key))}


def _identity(row: Any) -> tuple[str, str, datetime]:
    return row.mailing, row.anchor, row.due_at


def _told_later() -> ColumnElement[bool]:
    """Whether the same reader was written to later about the same; of what tells of no entries it is not asked.

    By occasion first: that is how letters are indexed.
    """
    later, its = letter.alias(), occasion.alias()
    entries = [kind.value for kind in ABOUT_ENTRIES]
    is_alike = or_(
        its.c.mailing == occasion.c.mailing,
        and_(its.c.mailing.in_(entries), occasion.c.mailing.in_(entries)),
    )
    those = select(its.c.id).where(
        its.c.event == occasion.c.event, its.c.anchor == occasion.c.anchor, is_alike
    )
    there_is = (
        select(later.c.id)
        .where(
            later.c.occasion_id.in_(those.correlate(occasion)),
            later.c.recipient_id == letter.c.recipient_id,
            holds_place(later),
            later.c.id > letter.c.id,
            later.c.state.not_in([each.value for each in _OVER]),
        )
        .correlate(letter, occasion)
        .exists()
    )
    return case((letter.c.upkeep.is_(None), false()), else_=there_is)

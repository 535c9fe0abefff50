"""Occasions as they were opened, and the letters they hold: added, rewritten, withdrawn, missed.

What is due, and for whom, is planning's to say; carrying the letters is for those who hold `claims`. Every
function works in its caller's transaction.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, and_, literal, select, update

from mailer.agenda.model import ABOUT_ENTRIES
from mailer.outbox.database import insert
from mailer.outbox.letter import UNSENT, Happening, LetterState
from mailer.outbox.moving import chunks, locked, move, rewrite
from mailer.outbox.pauses import is_stopped
from mailer.outbox.schema import in_states, letter, occasion, recipient
from mailer.planning.due import Occasion, Verdict

STATE_OF = {
    Verdict.SEND: LetterState.WAITING,
    Verdict.SUPPRESS: LetterState.SUPPRESSED,
    Verdict.MISS: LetterState.MISSED,
}
"""The state in which a letter is written down, by what planning says of it; who is skipped gets none."""


@dataclass(frozen=True, kw_only=True)
class StoredOccasion:
    """An occasion as it was opened. `reason` says why it was withdrawn or missed."""

    id: int
    event: str
    mailing: str
    anchor: str
    due_at: datetime
    useful_until: datetime
    opened_at: datetime
    withdrawn_at: datetime | None
    missed_at: datetime | None
    reason: str

    @property
    def identity(self) -> tuple[str, str, datetime]:
        return self.mailing, self.anchor, self.due_at

    @property
    def planned(self) -> Occasion:
        """As planning knows it."""
        return Occasion(
            due_at=self.due_at, mailing=self.mailing, anchor=self.anchor, useful_until=self.useful_until
        )


@dataclass(frozen=True, kw_only=True)
class NewLetter:
    """What an occasion holds for one member: to be sent (`waiting`), or `suppressed` or `missed` and why.

    `upkeep` is the digest of what it does to entries that are held, if that is not what its mailing says.
    """

    member_id: int
    version: int
    wording: str
    dated_at: datetime
    state: LetterState = LetterState.WAITING
    reason: str = ""
    upkeep: str | None = None


def occasions(c: Connection, event: str) -> list[StoredOccasion]:
    """All that were ever opened, in the order they fell due."""
    query = select(occasion).where(occasion.c.event == event).order_by(occasion.c.due_at, occasion.c.id)
    return [StoredOccasion(**row) for row in c.execute(query).mappings()]


def open_occasion(c: Connection, event: str, due: Occasion, now: datetime) -> int:
    """The occasion's id, new or not. One opened before is opened anew, even if it was withdrawn: then it
    takes letters again, also for those whose letters were withdrawn unsent.

    Whoever else opens it waits for this transaction's end.
    """
    values = {
        "event": event,
        "mailing": due.mailing,
        "anchor": due.anchor,
        "due_at": due.due_at,
        "useful_until": due.useful_until,
        "opened_at": now,
        "reason": "",
    }
    opening = insert(c, occasion).values(values)
    opening = opening.on_conflict_do_update(
        index_elements=["event", "mailing", "anchor", "due_at"],
        set_={
            "useful_until": opening.excluded.useful_until,
            "opened_at": now,
            "withdrawn_at": None,
            "missed_at": None,
            "reason": "",
        },
    )
    opened: int = c.execute(opening.returning(occasion.c.id)).scalar_one()
    return opened


def write_down(c: Connection, event: str, new: Mapping[Occasion, Sequence[NewLetter]], now: datetime) -> int:
    """Open occasions and add the letters that they do not hold yet; how many those were."""
    return sum(
        add_letters(c, open_occasion(c, event, due, now), letters) for due, letters in sorted(new.items())
    )


def withdraw_occasion(c: Connection, occasion_id: int, reason: str, now: datetime) -> int:
    """It moved or was cancelled. Returns how many letters stay unsent because of it; one whose letters are
    all sent or otherwise done stays what it was.
    """
    stopped = move(c, letter.c.occasion_id == occasion_id, Happening.WITHDRAWN, now, reason)
    if stopped:
        marked = update(occasion).where(occasion.c.id == occasion_id)
        c.execute(marked.values(withdrawn_at=now, reason=reason))
    return stopped


def withdraw_letters(
    c: Connection, occasion_id: int, recipient_ids: Sequence[int], reason: str, now: datetime
) -> int:
    """These readers are no longer asked; returns how many letters stay unsent because of it."""
    return sum(
        move(
            c,
            and_(letter.c.occasion_id == occasion_id, letter.c.recipient_id.in_(ids)),
            Happening.WITHDRAWN,
            now,
            reason,
        )
        for ids in chunks(recipient_ids)
    )


def withdraw_upkeep(c: Connection, event: str, reason: str, now: datetime) -> int:
    """What was to be told of entries by an agenda that is no longer in force stays unsaid; how many letters that is."""
    about_entries = and_(occasion.c.event == event, occasion.c.mailing.in_(ABOUT_ENTRIES))
    ids = c.scalars(select(occasion.c.id).where(about_entries, _has_unsent()))
    return sum(withdraw_occasion(c, each, reason, now) for each in ids.all())


def _has_unsent() -> ColumnElement[bool]:
    """Occasion by occasion: that is how letters are indexed."""
    return select(letter.c.id).where(letter.c.occasion_id == occasion.c.id, in_states(UNSENT)).exists()


def with_unsent(c: Connection, event: str) -> list[StoredOccasion]:
    """The occasions of which letters wait to be sent."""
    query = select(occasion).where(occasion.c.event == event, _has_unsent())
    return [StoredOccasion(**row) for row in c.execute(query.order_by(occasion.c.id)).mappings()]


def set_useful_until(c: Connection, occasion_id: int, useful_until: datetime) -> None:
    """The agenda moved what it is useful for, but not its own hour."""
    c.execute(update(occasion).where(occasion.c.id == occasion_id).values(useful_until=useful_until))


def add_letters(c: Connection, occasion_id: int, new: Iterable[NewLetter]) -> int:
    """Write an occasion's letters, as many as are not there yet, and return how many those were.

    Each is written for what the list says of its reader now. A withdrawn occasion takes none, nor one that was stopped.
    """
    due_at, withdrawn_at = c.execute(
        select(occasion.c.due_at, occasion.c.withdrawn_at).where(occasion.c.id == occasion_id)
    ).one()
    if withdrawn_at is not None or is_stopped(c, occasion_id):
        return 0
    added = 0
    for chunk in chunks(new):
        alike: dict[Hashable, list[NewLetter]] = {}
        for each in chunk:
            alike.setdefault(_all_but_the_reader(each), []).append(each)
        added += sum(_add_alike(c, occasion_id, due_at, letters) for letters in alike.values())
    return added


_all_but_the_reader = attrgetter("version", "wording", "dated_at", "state", "reason", "upkeep")


def _add_alike(c: Connection, occasion_id: int, due_at: datetime, letters: Sequence[NewLetter]) -> int:
    """Letters that differ in their readers only, in one statement whatever their number."""
    new, ids = letters[0], [each.member_id for each in letters]
    same = {
        "occasion_id": occasion_id,
        "version": new.version,
        "wording": new.wording,
        "dated_at": new.dated_at,
        "state": new.state,
        "reason": new.reason,
        "attempts": 0,
        "next_attempt_at": due_at,
        "fence": 0,
        "reply": "",
        "upkeep": new.upkeep,
    }
    values = [literal(value, letter.c[name].type) for name, value in same.items()]
    readers = select(recipient.c.id, recipient.c.revision, *values).where(recipient.c.id.in_(ids))
    adding = insert(c, letter).from_select(
        ["recipient_id", "revision", *same], readers.order_by(recipient.c.id)
    )
    counted = {"preserve_rowcount": True}
    return c.execute(adding.on_conflict_do_nothing(), execution_options=counted).rowcount


def follow_version(c: Connection, event: str, number: int, wording: str) -> int:
    """Have every unsent letter written from this version and wording; returns how many there are.

    A letter that is a repetition keeps its own: its bytes may not change. One that is claimed follows too: its
    owner, who has read the old version, will find that it may not send it.
    """
    unsent = and_(of_event(event), in_states(UNSENT), letter.c.repeated_at.is_(None))
    return sum(rewrite(c, ids, {"version": number, "wording": wording}) for ids in locked(c, unsent))


def follow(c: Connection, letter_id: int, number: int) -> None:
    """One letter that came back to wait is written from this version, too."""
    rewrite(c, [letter_id], {"version": number})


def expire(c: Connection, now: datetime) -> int:
    """Letters whose occasion is no longer useful are missed, visibly; returns how many."""
    useless = select(occasion.c.id).where(occasion.c.useful_until <= now)
    return move(c, letter.c.occasion_id.in_(useless), Happening.EXPIRED, now, "no longer useful", wait=False)


def of_event(event: str) -> ColumnElement[bool]:
    """Whether a letter is one of this event's."""
    return letter.c.occasion_id.in_(select(occasion.c.id).where(occasion.c.event == event))

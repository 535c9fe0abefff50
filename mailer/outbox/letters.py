"""What can be seen of letters: rows, their history, how many an occasion has. It reads and changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from mailer.outbox.letter import OWNED, UNSENT, Happening, LetterState
from mailer.outbox.occasions import StoredOccasion, occasions, of_event
from mailer.outbox.schema import (
    APART,
    flag,
    holds_place,
    in_states,
    is_apart,
    letter,
    letter_history,
    occasion,
    recipient,
    recipient_revision,
)
from mailer.recipients.model import Recipient

S, H = LetterState, Happening


@dataclass(frozen=True, kw_only=True)
class LetterRow:
    """A letter as the organiser sees it; the recipient as it was written to. Where their address was reported as wrong
    since (`flagged_at`), it waits.
    """

    id: int
    occasion_id: int
    event: str
    mailing: str
    anchor: str
    due_at: datetime
    recipient_id: int
    handle: str
    recipient: Recipient
    version: int
    wording: str
    dated_at: datetime
    state: LetterState
    reason: str
    attempts: int
    next_attempt_at: datetime
    intent_at: datetime | None
    settled_at: datetime | None
    repeated_at: datetime | None
    content: str | None
    reply: str
    upkeep: str | None
    flagged_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One line of a letter's history: what happened, and the state it led to."""

    at: datetime
    happening: Happening
    state: LetterState
    note: str


@dataclass(frozen=True, kw_only=True)
class OccasionProgress:
    """An occasion, and its letters by state."""

    occasion: StoredOccasion
    counts: Mapping[LetterState, int]


def search(
    c: Connection,
    event: str,
    *,
    mailing: str | None = None,
    state: LetterState | None = None,
    address: str | None = None,
    limit: int = 100,
    after: int = 0,
) -> list[LetterRow]:
    """Letters in the order they were written: those whose id is above `after`, at most `limit`.

    `address` is any part of an address, in either case.
    """
    query = with_readers().where(letter.c.id > after)
    if mailing is not None:
        query = query.where(occasion.c.event == event, occasion.c.mailing == mailing)
    else:  # not by way of its occasions: the next ones are found quickest by walking on
        of_event = select(occasion.c.id).where(occasion.c.event == event)
        query = query.where((letter.c.occasion_id + 0).in_(of_event))
    if state is not None:
        query = query.where(in_states({state}))
    if address is not None:
        query = query.where(recipient.c.address_key.contains(address.lower(), autoescape=True))
    return [letter_row(row) for row in c.execute(query.order_by(letter.c.id).limit(limit))]


def newest(
    c: Connection,
    event: str,
    *,
    mailing: str | None = None,
    state: LetterState | None = None,
    readers: Sequence[int] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[LetterRow]:
    """The letters that were written last, at most `limit` of those whose id is below `before`.

    `readers` are the ids of those whose letters are looked for; each of the ways goes along an index.
    """
    wanted = [letter.c.id < before] if before is not None else []
    wanted += _in_state(state)
    # a mailing's letters are together in an index; all of an event's are found quickest by walking back
    of_event = occasion.c.event == event
    occasion_id = (
        letter.c.occasion_id if mailing is not None or readers is not None else letter.c.occasion_id + 0
    )
    named = and_(of_event, occasion.c.mailing == mailing) if mailing is not None else of_event
    wanted.append(occasion_id.in_(select(occasion.c.id).where(named)))
    if state is LetterState.WAITING and readers is None:
        ids = _last_that_wait(c, named, before, limit)
    else:
        ways = [wanted]
        if readers is not None:
            theirs = letter.c.recipient_id.in_(readers)
            ways = [[*wanted, theirs, holds_place()], [*wanted, theirs, *_in_state(LetterState.WITHDRAWN)]]
        # of those that somebody holds there are few: they are sorted, not walked to
        in_order = letter.c.id + 0 if state in OWNED else letter.c.id
        found = (select(letter.c.id).where(*way).order_by(in_order.desc()).limit(limit) for way in ways)
        ids = {each for query in found for each in c.scalars(query)}
    chosen = sorted(ids, reverse=True)[:limit]
    query = with_readers().where(letter.c.id.in_(chosen)).order_by(letter.c.id.desc())
    return [letter_row(row) for row in c.execute(query)] if chosen else []


def _last_that_wait(c: Connection, named: ColumnElement[bool], before: int | None, limit: int) -> set[int]:
    """The last letters that wait of each of these occasions: all may, or none of a million, so that neither walking
    back nor sorting finds them at once.
    """
    here = letter.alias("here")
    wanted = [
        here.c.occasion_id == occasion.c.id,
        here.c.state == LetterState.WAITING,
        here.c.settled_at.is_(None),
    ]
    wanted += [here.c.id < before] if before is not None else []
    last = select(here.c.id).where(*wanted).order_by(here.c.id.desc()).limit(limit).correlate(occasion)
    query = select(letter.c.id).select_from(occasion).join(letter, letter.c.id.in_(last)).where(named)
    return set(c.scalars(query.order_by(letter.c.id.desc()).limit(limit)))


def _in_state(state: LetterState | None) -> list[ColumnElement[bool]]:
    """With the condition of the index that has letters in such a state, if one has: few are in most of them."""
    if state is None:
        return []
    found = [in_states({state})]
    if state in APART:
        found.append(is_apart())
    if state in OWNED:
        found.append(letter.c.owner > "")
    return found


def one(c: Connection, event: str, letter_id: int) -> LetterRow | None:
    """A letter of the event by its id."""
    row = c.execute(with_readers().where(letter.c.id == letter_id, occasion.c.event == event)).one_or_none()
    return letter_row(row) if row else None


def of_person(c: Connection, event: str, recipient_id: int) -> list[LetterRow]:
    """What somebody has had or is to have, in the order in which it fell due; not what was withdrawn unsent.

    By occasion first: that is how letters are indexed.
    """
    of_theirs = occasion.c.id.in_(select(occasion.c.id).where(occasion.c.event == event))
    query = with_readers().where(of_theirs, letter.c.recipient_id == recipient_id, holds_place())
    return [letter_row(row) for row in c.execute(query.order_by(occasion.c.due_at, letter.c.id))]


def history(c: Connection, letter_id: int) -> list[Happened]:
    """All that happened to a letter, in order; nothing, if it was never to be sent (`reason` says why).

    Claims are not told. That a letter is leaving, or left and was accepted, which is the end of nearly all, it alone
    says.
    """
    told = letter_history.c
    query = select(told.at, told.happening, told.state, told.note).where(told.letter_id == letter_id)
    lines = [Happened(**row) for row in c.execute(query.order_by(told.id)).mappings()]
    if lines and lines[-1].state is S.SENT:
        return lines
    return [*lines, *_told_by_itself(c, letter_id, was_told_of=bool(lines))]


def _told_by_itself(c: Connection, letter_id: int, *, was_told_of: bool) -> Iterator[Happened]:
    """What a letter's own row says. One that left with an older release names in it nothing that it left through: its
    history was told of the intent.
    """
    of = letter.c
    query = select(of.state, of.intent_at, of.through, of.settled_at, of.reply).where(of.id == letter_id)
    row = c.execute(query.where(in_states({S.LEAVING, S.SENT}))).one_or_none()
    if row and row.through is not None:
        yield Happened(at=row.intent_at, happening=H.INTENDED, state=S.LEAVING, note=row.through)
    if row and row.state is S.SENT and (was_told_of or row.through is not None):
        yield Happened(at=row.settled_at, happening=H.ACCEPTED, state=S.SENT, note=row.reply)


def behind(c: Connection, event: str, number: int) -> list[LetterRow]:
    """Letters yet to leave that are written from a version before this one."""
    query = with_readers().where(of_event(event), in_states(UNSENT), letter.c.version < number)
    return [letter_row(row) for row in c.execute(query.order_by(letter.c.id))]


def progress(c: Connection, event: str) -> list[OccasionProgress]:
    """Every occasion of the event in the order they fall due, with its letters counted."""
    query = select(letter.c.occasion_id, letter.c.state, func.count().label("letters"))
    found: dict[int, dict[LetterState, int]] = {}
    for row in c.execute(query.where(of_event(event)).group_by(letter.c.occasion_id, letter.c.state)):
        found.setdefault(row.occasion_id, {})[row.state] = row.letters
    return [OccasionProgress(occasion=each, counts=found.get(each.id, {})) for each in occasions(c, event)]


def last_wording(c: Connection, event: str) -> str | None:
    """The digest of the wording that the event's newest letter is written from; None while it has no letter."""
    query = select(letter.c.wording).where(of_event(event)).order_by(letter.c.id.desc()).limit(1)
    return c.scalar(query)


def have_been_told(c: Connection, event: str, words: str) -> bool:
    """Whether a server's reply to any letter of the event that was sent holds these words."""
    query = select(letter.c.id).where(
        of_event(event), in_states({LetterState.SENT}), letter.c.reply.contains(words)
    )
    return c.execute(query.limit(1)).first() is not None


def with_readers() -> Select[Any]:
    """Every letter with its occasion, and its reader as the letter has them."""
    revision = recipient_revision.c
    its_revision = and_(revision.recipient_id == letter.c.recipient_id, revision.number == letter.c.revision)
    of_occasion = (
        occasion.c.event,
        occasion.c.mailing,
        occasion.c.anchor,
        occasion.c.due_at,
        occasion.c.useful_until,
    )
    of_reader = (
        recipient.c.handle,
        recipient.c.left_at,
        recipient.c.unsubscribed_at,
        flag.c.at.label("flagged_at"),
        revision.document,
    )
    return (
        select(letter, *of_occasion, *of_reader)
        .join(occasion, occasion.c.id == letter.c.occasion_id)
        .join(recipient, recipient.c.id == letter.c.recipient_id)
        .join(recipient_revision, its_revision)
        .outerjoin(flag, flag.c.recipient_id == letter.c.recipient_id)
    )


def letter_row(row: Row[Any]) -> LetterRow:
    """One row of `with_readers`."""
    known = row._mapping
    shown = {name: known[name] for name in LetterRow.__dataclass_fields__ if name != "recipient"}
    return LetterRow(**shown, recipient=Recipient.model_validate_json(row.document))

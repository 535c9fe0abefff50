"""The ledger: what each recipient's calendar was last told of the event or a session, and who may have to be told more.

What a letter carries, composition decides; that it has arrived, `claims` and `doubts` say; whether an entry is right,
planning. Every function works in its caller's transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, false, func, not_, or_, select, update

from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Upkeep
from mailer.outbox.claimed import SentEntry
from mailer.outbox.database import as_stored, insert, many
from mailer.outbox.letter import FINAL, UNSENT, LetterState
from mailer.outbox.moving import CHUNK, chunks
from mailer.outbox.occasions import STATE_OF, NewLetter
from mailer.outbox.people import standing_answers
from mailer.outbox.schema import Answer, answer, entry, in_states, letter, occasion, recipient
from mailer.outbox.schema import upkeep as upkeeps
from mailer.planning import due
from mailer.planning.due import Occasion
from mailer.planning.entries import Choice, Held, Holder

ON_ITS_WAY = UNSENT | {LetterState.LEAVING}
"""Letters whose end is near, or which are written from the agenda in force."""

UNDER_WAY = ON_ITS_WAY | {LetterState.IN_DOUBT}
"""Letters that may still change what a calendar holds."""

ENDED_UNSENT = FINAL - {LetterState.SENT}
"""Letters that told nobody anything; but one that was to be repeated may have arrived the first time."""

FROM_THE_PAGE = "page"
"""The source of answers by which sessions are chosen and taken off again."""


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """What a recipient's calendar was last told of `anchor` (`event` or a session's key)."""

    recipient_id: int
    anchor: str
    uid: str
    sequence_sent: int
    version_sent: int
    sent_at: datetime
    asked: bool
    cancelled: bool
    stamped_at: datetime
    right_for: int


Kind = tuple[str, int, bool]
"""Entries that say the same to whoever holds them: anchor, version last told, whether cancelled."""


class UnderWay(NamedTuple):
    """A letter that may still change what its reader's calendar holds, or may have. `upkeep` is a digest."""

    recipient_id: int
    state: LetterState
    version: int
    mailing: str
    anchor: str
    upkeep: str | None


_ENTER = """
INSERT INTO entry
    (recipient_id, version_sent, right_for, anchor, uid, sequence_sent, asked, cancelled, stamped_at, sent_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (recipient_id, anchor) DO UPDATE SET uid = excluded.uid, sequence_sent = excluded.sequence_sent,
    version_sent = excluded.version_sent, right_for = excluded.right_for,
    asked = entry.asked OR (excluded.asked AND NOT excluded.cancelled),
    cancelled = excluded.cancelled, stamped_at = excluded.stamped_at, sent_at = excluded.sent_at
WHERE entry.version_sent <= excluded.version_sent AND entry.sequence_sent <= excluded.sequence_sent"""


def enter(c: Connection, sent: Iterable[tuple[int, int, SentEntry]], now: datetime) -> None:
    """Enter what letters carried: whose, written from which agenda version, what. The newest stays: a late success of
    an older one changes nothing.

    Whether what was cancelled should be is looked at once more: its reader may have come back meanwhile.
    """
    at = as_stored(c, now)
    many(
        c,
        _ENTER,
        [
            (
                whose,
                number,
                number - cancelled,
                anchor,
                uid,
                sequence,
                asked,
                cancelled,
                as_stored(c, stamped_at),
                at,
            )
            for whose, number, (anchor, uid, sequence, asked, cancelled, stamped_at) in sent
        ],
    )


def ledger(c: Connection, event: str) -> list[LedgerEntry]:
    """What the calendars of everybody ever listed hold, by recipient and anchor."""
    query = select(entry).join(recipient, recipient.c.id == entry.c.recipient_id).where(_of(event))
    rows = c.execute(query.order_by(entry.c.recipient_id, entry.c.anchor)).mappings()
    return [LedgerEntry(**row) for row in rows]


def held_by(c: Connection, recipient_id: int) -> list[LedgerEntry]:
    """What one person's calendar holds, by anchor."""
    query = select(entry).where(entry.c.recipient_id == recipient_id).order_by(entry.c.anchor)
    return [LedgerEntry(**row) for row in c.execute(query).mappings()]


def _of(event: str) -> ColumnElement[bool]:
    return recipient.c.event == event


# ── who may have to be told more ─────────────────────────────────────────────────────────────────────────────


def unchecked(c: Connection, event: str, number: int) -> list[Kind]:
    """The kinds of entries of which it is not known whether they are right for agenda version `number`."""
    query = (
        select(entry.c.anchor, entry.c.version_sent, entry.c.cancelled)
        .join(recipient, recipient.c.id == entry.c.recipient_id)
        .where(_of(event), entry.c.right_for < number)
        .distinct()
    )
    return [
        (row.anchor, row.version_sent, row.cancelled)
        for row in c.execute(query.order_by(*query.selected_columns))
    ]


def mark_right(c: Connection, event: str, kind: Kind, number: int) -> None:
    """All entries of one kind say what agenda version `number` has."""
    anchor, version_sent, cancelled = kind
    theirs = select(recipient.c.id).where(_of(event))
    which = and_(
        entry.c.recipient_id.in_(theirs), entry.c.anchor == anchor, entry.c.version_sent == version_sent,
        entry.c.cancelled == cancelled, entry.c.right_for < number,
    )  # fmt: skip
    c.execute(update(entry).where(which).values(right_for=number))


def leave_as_they_are(c: Connection, recipient_ids: Iterable[int], number: int) -> None:
    """Nothing is to be told these people for this version, whatever their entries say."""
    for ids in chunks(recipient_ids):
        c.execute(update(entry).where(entry.c.recipient_id.in_(ids)).values(right_for=number))


def suspects(c: Connection, event: str, number: int, kinds: Sequence[Kind] | None = None) -> list[int]:
    """Who may hold an entry that is not right for agenda version `number`, or lack one that they chose; by id.

    `kinds` are those known not to be right, where others are known to be.
    """
    of_version = entry.c.right_for < number
    if kinds is not None:
        told = [
            and_(entry.c.anchor == anchor, entry.c.version_sent == version, entry.c.cancelled == cancelled)
            for anchor, version, cancelled in kinds
        ]
        of_version = or_(false(), *told)
    stale = or_(of_version, and_(recipient.c.left_at.is_not(None), not_(entry.c.cancelled)))
    holding = (
        select(recipient.c.id).join(entry, entry.c.recipient_id == recipient.c.id).where(_of(event), stale)
    )
    choices = _last_choices().subquery()
    held = and_(entry.c.recipient_id == choices.c.recipient_id, entry.c.anchor == choices.c.anchor)
    has = and_(entry.c.asked, not_(entry.c.cancelled))
    unlike = or_(
        and_(choices.c.answer == Answer.ACCEPTED, or_(entry.c.recipient_id.is_(None), not_(has))),
        and_(choices.c.answer != Answer.ACCEPTED, has),
    )
    choosing = (
        select(choices.c.recipient_id)
        .join(recipient, recipient.c.id == choices.c.recipient_id)
        .outerjoin(entry, held)
        .where(_of(event), recipient.c.left_at.is_(None), choices.c.age == 1, unlike)
    )
    doubted = (
        select(letter.c.recipient_id)
        .join(occasion, occasion.c.id == letter.c.occasion_id)
        .join(recipient, recipient.c.id == letter.c.recipient_id)
        .where(occasion.c.event == event, _may_have_arrived())
        .where(or_(letter.c.version < number, recipient.c.left_at.is_not(None)))
    )
    return sorted({*c.scalars(holding), *c.scalars(choosing), *c.scalars(doubted)})


def _may_have_arrived() -> ColumnElement[bool]:
    return or_(
        in_states({LetterState.IN_DOUBT}), and_(letter.c.repeated_at.is_not(None), in_states(ENDED_UNSENT))
    )


def holders(c: Connection, event: str, ids: Iterable[int] | None = None) -> Iterator[Holder]:
    """What these people hold, answered and chose; everybody who holds anything, without `ids`. By id."""
    if ids is None:
        holding = select(entry.c.recipient_id).join(recipient, recipient.c.id == entry.c.recipient_id)
        ids = sorted(set(c.scalars(holding.where(_of(event)))))
    for chunk in chunks(ids):
        held: dict[int, dict[str, Held]] = {}
        for row in c.execute(select(entry).where(entry.c.recipient_id.in_(chunk))):
            held.setdefault(row.recipient_id, {})[row.anchor] = Held(
                version=row.version_sent,
                sequence=row.sequence_sent,
                asked=row.asked,
                cancelled=row.cancelled,
                stamped_at=row.stamped_at,
            )
        chosen = _chosen(c, chunk)
        answers = standing_answers(c, chunk)
        for row in c.execute(select(recipient).where(recipient.c.id.in_(chunk)).order_by(recipient.c.id)):
            yield Holder(
                id=row.id,
                joined_at=row.joined_at,
                left_at=row.left_at,
                unsubscribed=row.unsubscribed_at is not None,
                held=held.get(row.id, {}),
                answers=answers.get(row.id, {}),
                choices=chosen.get(row.id, {}),
            )


def _chosen(c: Connection, ids: Sequence[int]) -> dict[int, dict[str, Choice]]:
    choices = _last_choices().where(answer.c.recipient_id.in_(ids)).subquery()
    found: dict[int, dict[str, Choice]] = {}
    for row in c.execute(select(choices).where(choices.c.age == 1)):
        choice = Choice(wanted=row.answer is Answer.ACCEPTED, at=row.at)
        found.setdefault(row.recipient_id, {})[row.anchor] = choice
    return found


def _last_choices() -> Any:
    """What everybody said last on their page of each session, as `age` 1."""
    age = func.row_number().over(
        partition_by=(answer.c.recipient_id, answer.c.anchor),
        order_by=(answer.c.at.desc(), answer.c.id.desc()),
    )
    return select(
        answer.c.recipient_id, answer.c.anchor, answer.c.answer, answer.c.at, age.label("age")
    ).where(answer.c.source == FROM_THE_PAGE, answer.c.anchor != EVENT)


def uneven(c: Connection, event: str, sequences: Mapping[str, int]) -> set[int]:
    """Who holds an entry that was cancelled for them, or that has a higher SEQUENCE than everybody else's."""
    above = [
        and_(entry.c.anchor == anchor, entry.c.sequence_sent > number) for anchor, number in sequences.items()
    ]
    query = select(entry.c.recipient_id).join(recipient, recipient.c.id == entry.c.recipient_id)
    return set(c.scalars(query.where(_of(event), or_(entry.c.cancelled, *above))))


# ── what is under way ────────────────────────────────────────────────────────────────────────────────────────


def under_way(c: Connection, event: str, ids: Iterable[int]) -> list[UnderWay]:
    """Letters to these people that may still change what they hold, or may have without anybody knowing.

    Of an event there are few such letters but while a mailing leaves: of many people, all are read and theirs kept.
    """
    whose = frozenset(ids)
    wanted = [letter.c.recipient_id.in_(whose)] if len(whose) <= CHUNK else []
    query = (
        select(
            letter.c.recipient_id, letter.c.state, letter.c.version, occasion.c.mailing, occasion.c.anchor,
            letter.c.upkeep,
        )
        .join(occasion, occasion.c.id == letter.c.occasion_id)
        .where(occasion.c.event == event, or_(in_states(UNDER_WAY), _may_have_arrived()), *wanted)
    )  # fmt: skip
    return [UnderWay(*row) for row in c.execute(query) if row.recipient_id in whose]


def ended_at(c: Connection, event: str, of: Occasion) -> dict[int, str]:
    """Whose letter of this occasion ended without telling them anything, and how: by recipient."""
    query = (
        select(letter.c.recipient_id, letter.c.state, letter.c.reason, letter.c.reply)
        .join(occasion, occasion.c.id == letter.c.occasion_id)
        .where(occasion.c.event == event, occasion.c.mailing == of.mailing, occasion.c.anchor == of.anchor)
        .where(occasion.c.due_at == of.due_at, in_states(ENDED_UNSENT))
    )
    return {row.recipient_id: f"{row.state.value}: {row.reason or row.reply}" for row in c.execute(query)}


def addresses(c: Connection, ids: Iterable[int]) -> dict[int, str]:
    """By id, in lower case."""
    query = select(recipient.c.id, recipient.c.address_key)
    return {
        row.id: row.address_key
        for chunk in chunks(ids)
        for row in c.execute(query.where(recipient.c.id.in_(chunk)))
    }


def ids_of(c: Connection, event: str, wanted: Iterable[str]) -> list[int]:
    """Who has these addresses, however they are written."""
    query = select(recipient.c.id).where(_of(event))
    keys = [address.lower() for address in wanted]
    return sorted(
        each for chunk in chunks(keys) for each in c.scalars(query.where(recipient.c.address_key.in_(chunk)))
    )


def sequence_told(c: Connection, recipient_id: int, anchor: str) -> int:
    """The SEQUENCE that somebody's calendar was last told of an entry; 0 where it was told of none."""
    query = select(entry.c.sequence_sent).where(
        entry.c.recipient_id == recipient_id, entry.c.anchor == anchor
    )
    return c.scalar(query) or 0


def counted(c: Connection, event: str, number: int) -> dict[str, tuple[int, int]]:
    """By anchor, how many entries stand in calendars, and how many of those are known to be right for this version."""
    is_right = func.count().filter(entry.c.right_for >= number)
    query = (
        select(entry.c.anchor, func.count(), is_right)
        .join(recipient, recipient.c.id == entry.c.recipient_id)
        .where(_of(event), not_(entry.c.cancelled))
        .group_by(entry.c.anchor)
    )
    return {anchor: (all_of_them, right) for anchor, all_of_them, right in c.execute(query)}


def new_letter(
    c: Connection, holder: Holder, of: Occasion, upkeep: Upkeep, now: datetime, *, version: int, wording: str
) -> NewLetter:
    """A letter about somebody's entries as it is to be written down; what it does to them is kept."""
    judgement = due.judge_letter(of, now, unsubscribed=holder.unsubscribed)
    return NewLetter(
        member_id=holder.id,
        state=STATE_OF[judgement.verdict],
        reason=judgement.reason,
        version=version,
        wording=wording,
        dated_at=due.dated_at(of, now),
        upkeep=keep_upkeep(c, upkeep),
    )


def keep_upkeep(c: Connection, upkeep: Upkeep) -> str:
    """Keep what letters do to entries, once; returns its digest."""
    row = {"digest": upkeep.digest, "document": upkeep.document}
    c.execute(insert(c, upkeeps).values(row).on_conflict_do_nothing())
    return upkeep.digest


def kept_upkeep(c: Connection, digest: str) -> Upkeep:
    """Raises KeyError for a digest never kept."""
    document = c.scalar(select(upkeeps.c.document).where(upkeeps.c.digest == digest))
    if document is None:
        raise KeyError(digest)
    return Upkeep.model_validate_json(document)

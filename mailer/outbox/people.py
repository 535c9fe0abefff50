"""Who is asked, and what they answered. Whom a mailing is for is planning's to judge.

Nobody is ever deleted: who is missing from a new list has left, and may come back. Every function works
in its caller's transaction.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    or_,
    select,
    true,
    update,
)

from mailer.agenda.rules import EVENT
from mailer.errors import StoreError
from mailer.outbox import editions, finding
from mailer.outbox.database import insert
from mailer.outbox.letter import UNSENT, Happening, LetterState
from mailer.outbox.moving import CHUNK, chunks, locked, move, rewrite
from mailer.outbox.naming import generation_of
from mailer.outbox.preferences import Preference, as_preferred, keep
from mailer.outbox.schema import (
    Answer,
    entry,
    flag,
    holds_place,
    in_states,
    letter,
    occasion,
    recipient,
    recipient_revision,
    revocation,
)
from mailer.outbox.schema import (
    answer as answered,
)
from mailer.outbox.schema import (
    roster as rosters,
)
from mailer.planning.due import Member
from mailer.recipients.model import Recipient

LONG_LIST = 2_000
"""People. What is to be said of everybody on a list as long as this is worked out beside the pages, for it takes
seconds.
"""

_IS_LISTED = recipient.c.left_at.is_(None)
_ANYBODY = true()

UNSUBSCRIBED = "unsubscribed"
LEFT = "no longer on the list"
"""Why a letter stays unsent."""


@dataclass(frozen=True, kw_only=True)
class RosterChange:
    """What a new list changed, by address; who came back is among the added."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    unchanged: int = 0


@dataclass(frozen=True, kw_only=True)
class AnswerGiven:
    """One line of a recipient's answers; `source` says how it came, `sequence` to which state of the entry."""

    anchor: str
    answer: Answer
    at: datetime
    source: str
    sequence: int
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class RosterCounts:
    """`asked` are on the list, `unsubscribed` some of them; `answers` counts their last ones by anchor."""

    asked: int
    unsubscribed: int
    left: int
    answers: Mapping[str, Mapping[Answer, int]] = field(default_factory=dict)


def save_roster(
    c: Connection,
    event: str,
    recipients: Sequence[Recipient],
    now: datetime,
    handle_of: Callable[[str], str],
    *,
    by: str = "",
) -> RosterChange:
    """Make this the event's list. `handle_of` gives a new address its name in links; `by` is whoever saves it, where
    that is known.

    Unsent letters follow to what the list now says of their readers; those of readers who left are withdrawn. What
    somebody chose on their page stands above the list.

    Raises:
        StoreError: an address stands twice in the list, or somebody else saved a list at this moment.
    """
    return _change(c, event, recipients, _known(c, event), now, handle_of, by=by)


def save_some(
    c: Connection,
    event: str,
    said: Sequence[Recipient],
    gone: Sequence[str],
    now: datetime,
    handle_of: Callable[[str], str],
    *,
    by: str = "",
) -> RosterChange:
    """As `save_roster`, of these people alone: `said` are on the list from now on, as this says; whoever has one of
    the addresses `gone` is on it no more; everybody else stays as they are.

    Raises:
        StoreError: an address stands in `said` twice, or somebody else saved a list at this moment.
    """
    keys = {_key(each.address) for each in said} | set(map(_key, gone))
    return _change(c, event, said, _known(c, event, keys), now, handle_of, by=by)


def _change(
    c: Connection,
    event: str,
    recipients: Sequence[Recipient],
    known: Mapping[str, Row[Any]],
    now: datetime,
    handle_of: Callable[[str], str],
    *,
    by: str,
) -> RosterChange:
    """Make `recipients` all that is listed of those who are `known`, and of those who are new."""
    listed = _by_key(as_preferred(c, event, recipients))
    new = [each for key, each in listed.items() if key not in known]
    kept = [(known[key], each) for key, each in listed.items() if key in known]
    back = [(row, each) for row, each in kept if row.left_at is not None]
    changed = [(row, each) for row, each in kept if not _says(row.document, each)]
    left = [row for key, row in known.items() if key not in listed and row.left_at is None]

    finding.add(c, event, _add(c, event, new, now, handle_of))
    _revise(c, changed, now)
    _mark(c, [row.id for row, _ in back], {"joined_at": now, "left_at": None})
    _have_back(c, [row.id for row, _ in back], now)
    finding.keep(c, event, list({row.id: each for row, each in [*changed, *back]}.items()))
    _mark(c, [row.id for row in left], {"left_at": now})
    for ids in chunks([row.id for row in left]):
        move(c, _letters_of(ids), Happening.WITHDRAWN, now, LEFT)
    if new or back or changed or left:
        _touch(c, event, now)
        editions.raised(c, event, editions.RECIPIENTS, by, now)
    came_back = {row.id for row, _ in back}
    return RosterChange(
        added=tuple(each.address for each in [*new, *(each for _, each in back)]),
        changed=tuple(each.address for row, each in changed if row.id not in came_back),
        left=tuple(Recipient.model_validate_json(row.document).address for row in left),
        unchanged=len(listed) - len(new) - len({row.id for row, _ in [*back, *changed]}),
    )


def changed_at(c: Connection, event: str) -> datetime:
    """When the event's list, or one of the answers, last changed; the first of days if neither did."""
    at: datetime | None = c.scalar(select(rosters.c.changed_at).where(rosters.c.event == event))
    return at or datetime.min.replace(tzinfo=UTC)


def sign_of_list(c: Connection, event: str) -> str:
    """What is another word whenever somebody joins, leaves, or is said something else of; answers leave it as it is."""
    query = select(
        func.count(),
        func.sum(recipient.c.revision),
        func.max(recipient.c.joined_at),
        func.max(recipient.c.left_at),
    )
    count, revisions, joined_at, left_at = c.execute(query.where(recipient.c.event == event)).one()
    moments = (f"{each.timestamp():.6f}" if each else "" for each in (joined_at, left_at))
    return "-".join((str(count), str(revisions or 0), *moments))


def is_long_list(c: Connection, event: str, length: int | None = None) -> bool:
    """Whether so many were ever listed that what is said of everybody takes long. Found at once, however many."""
    this = select(recipient.c.id).where(recipient.c.event == event).order_by(recipient.c.id)
    return c.scalar(this.offset((length or LONG_LIST) - 1).limit(1)) is not None


def _touch(c: Connection, event: str, at: datetime) -> None:
    touching = insert(c, rosters).values(event=event, changed_at=at)
    later = touching.excluded.changed_at
    c.execute(
        touching.on_conflict_do_update(
            index_elements=["event"], set_={"changed_at": later}, where=rosters.c.changed_at < later
        )
    )


def _by_key(recipients: Sequence[Recipient]) -> dict[str, Recipient]:
    listed: dict[str, Recipient] = {}
    for each in recipients:
        if listed.setdefault(_key(each.address), each) is not each:
            raise StoreError(f"{each.address} stands in the list twice; keep one of the rows")
    return listed


def _key(address: str) -> str:
    return address.lower()


def _known(c: Connection, event: str, keys: Collection[str] | None = None) -> dict[str, Row[Any]]:
    """Everybody ever listed, or those with these keys."""
    query = _people().where(recipient.c.event == event)
    queries = [query] if keys is None else (query.where(recipient.c.address_key.in_(k)) for k in chunks(keys))
    return {row.address_key: row for each in queries for row in c.execute(each)}


def _says(document: str, said: Recipient) -> bool:
    """Whether the list says what is kept. The texts may differ between releases; the values decide."""
    return document == said.model_dump_json() or Recipient.model_validate_json(document) == said


def _add(
    c: Connection, event: str, new: Sequence[Recipient], now: datetime, handle_of: Callable[[str], str]
) -> list[tuple[int, Recipient]]:
    """Everybody who is new, each with the id they were given."""
    added: list[tuple[int, Recipient]] = []
    for chunk in chunks(new):
        rows = [
            {
                "event": event,
                "address_key": _key(each.address),
                "handle": handle_of(each.address),
                "timezone": each.timezone,
                "revision": 1,
                "joined_at": now,
            }
            for each in chunk
        ]
        adding = insert(c, recipient).on_conflict_do_nothing()
        ids = {
            row.address_key: row.id
            for row in c.execute(adding.returning(recipient.c.id, recipient.c.address_key), rows)
        }
        if len(ids) < len(chunk):
            raise StoreError(
                "somebody else saved a list of recipients at the same moment; look at it, then try again"
            )
        said = [(ids[_key(each.address)], each) for each in chunk]
        c.execute(recipient_revision.insert(), [_revision(whose, 1, each, now) for whose, each in said])
        added += said
    return added


def _revision(recipient_id: int, number: int, said: Recipient, now: datetime) -> dict[str, Any]:
    return {"recipient_id": recipient_id, "number": number, "document": said.model_dump_json(), "since": now}


def _revise(c: Connection, changed: Sequence[tuple[Row[Any], Recipient]], now: datetime) -> None:
    """A new revision each; unsent letters follow, but for repetitions, whose bytes may not change."""
    for chunk in chunks(changed):
        rows = [_revision(row.id, row.revision + 1, said, now) for row, said in chunk]
        c.execute(recipient_revision.insert(), rows)
        now_says = update(recipient).where(recipient.c.id == bindparam("this"))
        now_says = now_says.values(revision=bindparam("number"), timezone=bindparam("zone"))
        c.execute(
            now_says,
            [{"this": row.id, "number": row.revision + 1, "zone": said.timezone} for row, said in chunk],
        )
        newest = select(recipient.c.revision).where(recipient.c.id == letter.c.recipient_id).scalar_subquery()
        unsent = and_(in_states(UNSENT), letter.c.repeated_at.is_(None))
        for ids in locked(c, and_(_letters_of([row.id for row, _ in chunk]), unsent)):
            rewrite(c, ids, {"revision": newest})


def _letters_of(ids: Sequence[int]) -> ColumnElement[bool]:
    """By occasion first: that is how letters are indexed."""
    events = select(recipient.c.event).where(recipient.c.id.in_(ids))
    theirs = select(occasion.c.id).where(occasion.c.event.in_(events))
    return and_(letter.c.occasion_id.in_(theirs), letter.c.recipient_id.in_(ids), holds_place())


def _mark(c: Connection, ids: Sequence[int], values: Mapping[str, Any]) -> None:
    for chunk in chunks(ids):
        c.execute(update(recipient).where(recipient.c.id.in_(chunk)).values(**values))


def _have_back(c: Connection, returned: Sequence[int], now: datetime) -> None:
    """They are not told that their entries are void, and what was cancelled for them is looked at again."""
    for ids in chunks(returned):
        move(c, _letters_of(ids), Happening.WITHDRAWN, now, "on the list again")
        c.execute(update(entry).where(entry.c.recipient_id.in_(ids)).values(right_for=0))


def _people() -> Select[Any]:
    """Everybody ever listed, with what was last said of them."""
    return select(recipient, recipient_revision.c.document).join(recipient_revision, IS_NEWEST)


IS_NEWEST = and_(
    recipient_revision.c.recipient_id == recipient.c.id, recipient_revision.c.number == recipient.c.revision
)
"""Whether a revision is what was last said of its recipient."""


def said_of(c: Connection, document: ColumnElement[str], name: str) -> ColumnElement[str]:
    """A value of somebody's document, as text, found by the database."""
    if c.dialect.name == "sqlite":
        return func.json_extract(document, f"$.{name}", type_=Text)
    return func.json_extract_path_text(cast(document, JSON), name, type_=Text)


def roster(c: Connection, event: str) -> list[Member]:
    """Everybody on the list now, in the order they were first listed."""
    return list(each_listed(c, event))


def each_listed(c: Connection, event: str, after: int = 0) -> Iterator[Member]:
    """As `roster`, one after the other: a list may be longer than memory. Those whose id is above `after`."""
    for rows in _listed(c, event, after):
        for row, answers in _with_answers(c, rows):
            yield _member(row, answers)


def some(c: Connection, event: str, after: int, limit: int = CHUNK) -> list[Member]:
    """As `roster`, those behind the one with the id `after`."""
    query = _people().where(recipient.c.event == event, recipient.c.left_at.is_(None), recipient.c.id > after)
    rows = c.execute(query.order_by(recipient.c.id).limit(limit)).all()
    return [_member(row, answers) for row, answers in _with_answers(c, rows)] if rows else []


def these(c: Connection, ids: Sequence[int]) -> list[Member]:
    """As `roster`, those with these ids who are on a list."""
    if not ids:
        return []
    query = _people().where(recipient.c.id.in_(ids), recipient.c.left_at.is_(None)).order_by(recipient.c.id)
    given = standing_answers(c, ids)
    return [_member(row, given.get(row.id, {})) for row in c.execute(query)]


def members(c: Connection, event: str, of: Collection[tuple[str, str]]) -> Iterator[Member]:
    """As `roster`, but one after the other and with what each has already of these mailings and anchors.

    A thousand are read at a time, in three statements; what the caller writes in between is no obstacle.
    """
    return _members(c, event, of, _ANYBODY)


def choosers(c: Connection, event: str, session: str, of: Collection[tuple[str, str]]) -> Iterator[Member]:
    """As `members`, those who may have chosen this session, or have answered for it."""
    chosen = recipient_revision.c.document.contains(f'"{session}"', autoescape=True)
    have_answered = select(answered.c.recipient_id).where(answered.c.anchor == session)
    return _members(c, event, of, or_(chosen, recipient.c.id.in_(have_answered)))


def waiting_for(c: Connection, event: str, occasion_id: int) -> Iterator[Member]:
    """As `members`, those whose letters of this occasion wait to be sent; what they have is not told."""
    unsent = select(letter.c.recipient_id).where(letter.c.occasion_id == occasion_id, in_states(UNSENT))
    return _members(c, event, (), recipient.c.id.in_(unsent))


def returning(
    c: Connection, event: str, addresses: Collection[str], of: Collection[tuple[str, str]]
) -> Iterator[Member]:
    """As `members`, those of these addresses who are on the list no more."""
    for keys in chunks(sorted(map(_key, addresses))):
        yield from _members(c, event, of, recipient.c.address_key.in_(keys), recipient.c.left_at.is_not(None))


def _members(
    c: Connection,
    event: str,
    of: Collection[tuple[str, str]],
    wanted: ColumnElement[bool],
    listed: ColumnElement[bool] = _IS_LISTED,
) -> Iterator[Member]:
    named = select(occasion).where(
        occasion.c.event == event, occasion.c.mailing.in_({each for each, _ in of})
    )
    theirs = {row.id: row for row in c.execute(named) if (row.mailing, row.anchor) in of} if of else {}
    for rows in _listed(c, event, wanted=and_(listed, wanted)):
        had, waiting = _had(c, theirs, rows) if theirs else ({}, {})
        for row, answers in _with_answers(c, rows):
            yield _member(row, answers, had.get(row.id), waiting.get(row.id))


_Had = dict[int, dict[tuple[str, str], tuple[datetime, ...]]]


def _had(c: Connection, theirs: Mapping[int, Row[Any]], rows: Sequence[Row[Any]]) -> tuple[_Had, _Had]:
    """When those letters of these occasions fell due that these people have; and those of them that wait."""
    had, waiting = _Had(), _Had()
    query = select(letter.c.recipient_id, letter.c.occasion_id, letter.c.state).where(
        letter.c.occasion_id.in_(theirs), _among(letter.c.recipient_id, rows), holds_place(),
        letter.c.state != LetterState.MISSED,
    )  # fmt: skip
    for each in c.execute(query.order_by(letter.c.occasion_id)):
        one = theirs[each.occasion_id]
        this = one.mailing, one.anchor
        for found in (had, waiting) if each.state in UNSENT else (had,):
            of_reader = found.setdefault(each.recipient_id, {})
            of_reader[this] = (*of_reader.get(this, ()), one.due_at)
    return had, waiting


def _among(column: ColumnElement[int], rows: Sequence[Row[Any]]) -> ColumnElement[bool]:
    """Whether it is the id of one of these people, who are in the order of their ids; of somebody between them, it may
    be where they are close together.
    """
    first, last = rows[0].id, rows[-1].id
    is_close = last - first < 2 * len(rows)
    return column.between(first, last) if is_close else column.in_([row.id for row in rows])


def _listed(
    c: Connection, event: str, after: int = 0, wanted: ColumnElement[bool] = _IS_LISTED
) -> Iterator[Sequence[Row[Any]]]:
    query = _people().where(recipient.c.event == event, wanted)
    query, last = query.order_by(recipient.c.id).limit(CHUNK), after
    while rows := c.execute(query.where(recipient.c.id > last)).all():
        yield rows
        last = rows[-1].id


def _with_answers(c: Connection, rows: Sequence[Row[Any]]) -> Iterator[tuple[Row[Any], dict[str, str]]]:
    given = _standing(c, _among(answered.c.recipient_id, rows))
    return ((row, given.get(row.id, {})) for row in rows)


def standing_answers(c: Connection, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """The answers of these people that hold, by anchor."""
    return _standing(c, answered.c.recipient_id.in_(ids))


def _standing(c: Connection, whose: ColumnElement[bool]) -> dict[int, dict[str, str]]:
    given: dict[int, dict[str, str]] = {}
    query = select(answered, entry.c.sequence_sent.label("asked")).outerjoin(entry, ITS_ENTRY).where(whose)
    for each in c.execute(query.order_by(answered.c.at, answered.c.id)):
        if still_holds(each.answer, each.anchor, each.sequence, each.asked):
            given.setdefault(each.recipient_id, {})[each.anchor] = each.answer.value
    return given


ITS_ENTRY = and_(entry.c.recipient_id == answered.c.recipient_id, entry.c.anchor == answered.c.anchor)


HOLDS = or_(
    answered.c.sequence >= func.coalesce(entry.c.sequence_sent, 0),
    answered.c.answer == Answer.DECLINED,
    answered.c.anchor != EVENT,
)
"""`still_holds`, as the database judges it: of an answer that is joined to `ITS_ENTRY`, from outside."""


def still_holds(answer: Answer, anchor: str, sequence: int, asked: int | None) -> bool:
    """Whether an answer to this SEQUENCE is one to what was last asked (RFC 5546 2.1.5).

    A refusal holds until it is taken back: who was asked again and is silent is not pressed. A session that somebody
    chose stays chosen when it moves.
    """
    return sequence >= (asked or 0) or answer is Answer.DECLINED or anchor != EVENT


def _member(
    row: Row[Any],
    answers: dict[str, str],
    had: Mapping[tuple[str, str], tuple[datetime, ...]] | None = None,
    waiting: Mapping[tuple[str, str], tuple[datetime, ...]] | None = None,
) -> Member:
    return Member(
        id=row.id,
        recipient=Recipient.model_validate_json(row.document),
        joined_at=row.joined_at,
        answers=answers,
        unsubscribed=row.unsubscribed_at is not None,
        had=had or {},
        waiting=waiting or {},
    )


def member_by_handle(c: Connection, handle: str) -> tuple[str, Member] | None:
    """The event and the person a link names, without what they have; None for nobody, or somebody who left."""
    row = c.execute(
        _people().where(recipient.c.handle == handle, recipient.c.left_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    ((_, answers),) = _with_answers(c, [row])
    return row.event, _member(row, answers)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Somebody who is, or was, on the list of an event. `revision` is the number of what was last said of them."""

    member: Member
    handle: str
    revision: int
    left_at: datetime | None
    unsubscribed_at: datetime | None
    revoked_at: datetime | None


def somebody(c: Connection, event: str, recipient_id: int) -> Listed | None:
    """One person of this event, on the list or not, without what they have."""
    revoked_at = select(func.max(revocation.c.at)).where(revocation.c.recipient_id == recipient_id)
    query = _people().add_columns(revoked_at.scalar_subquery().label("revoked_at"))
    row = c.execute(query.where(recipient.c.event == event, recipient.c.id == recipient_id)).one_or_none()
    if row is None:
        return None
    ((_, answers),) = _with_answers(c, [row])
    return Listed(
        member=_member(row, answers), handle=row.handle, revision=row.revision, left_at=row.left_at,
        unsubscribed_at=row.unsubscribed_at, revoked_at=row.revoked_at,
    )  # fmt: skip


def zones(c: Connection, event: str) -> set[str | None]:
    """The time zones of those on the list; None stands for the venue's. Found by going from each to the next: there are
    few, however many people.
    """
    listed = (recipient.c.event == event, recipient.c.left_at.is_(None))
    first = select(func.min(recipient.c.timezone).label("zone")).where(*listed).cte("zones", recursive=True)
    behind = select(func.min(recipient.c.timezone)).where(*listed, recipient.c.timezone > first.c.zone)
    each = first.union_all(select(behind.scalar_subquery()).where(first.c.zone.is_not(None)))
    found: set[str | None] = set(c.scalars(select(each.c.zone).where(each.c.zone.is_not(None))))
    of_the_venue = select(recipient.c.id).where(*listed, recipient.c.timezone.is_(None)).limit(1)
    return found | ({None} if c.scalar(of_the_venue) is not None else set())


def asked(c: Connection, event: str) -> int:
    """How many are on the list."""
    query = select(func.count()).select_from(recipient)
    return c.scalar(query.where(recipient.c.event == event, recipient.c.left_at.is_(None))) or 0


def counts(c: Connection, event: str) -> RosterCounts:
    """How many are asked, and what those answered; numbers only, fit to be shown to anybody."""
    people = select(
        func.count().filter(recipient.c.left_at.is_(None)),
        func.count().filter(recipient.c.left_at.is_(None), recipient.c.unsubscribed_at.is_not(None)),
        func.count().filter(recipient.c.left_at.is_not(None)),
    )
    asked, unsubscribed, left = c.execute(people.where(recipient.c.event == event)).one()
    return RosterCounts(asked=asked, unsubscribed=unsubscribed, left=left, answers=_answer_counts(c, event))


def unsubscribed(c: Connection, event: str) -> int:
    """How many have unsubscribed, on the list or not: a number that changes when one does, found at once."""
    query = select(func.count()).select_from(recipient)
    return c.scalar(query.where(recipient.c.event == event, recipient.c.unsubscribed_at.is_not(None))) or 0


def _answer_counts(c: Connection, event: str) -> dict[str, dict[Answer, int]]:
    """The last answer of each that holds."""
    by_age = func.row_number().over(
        partition_by=(answered.c.recipient_id, answered.c.anchor),
        order_by=(answered.c.at.desc(), answered.c.id.desc()),
    )
    last = (
        select(answered.c.anchor, answered.c.answer, by_age.label("age"))
        .join(recipient, recipient.c.id == answered.c.recipient_id)
        .outerjoin(entry, ITS_ENTRY)
        .where(recipient.c.event == event, recipient.c.left_at.is_(None), HOLDS)
        .subquery()
    )
    query = select(last.c.anchor, last.c.answer, func.count()).where(last.c.age == 1)
    counted: dict[str, dict[Answer, int]] = {}
    for anchor, given, count in c.execute(query.group_by(last.c.anchor, last.c.answer)):
        counted.setdefault(anchor, {})[given] = count
    return counted


def record_answer(
    c: Connection,
    recipient_id: int,
    anchor: str,
    answer: str,
    at: datetime,
    source: str,
    *,
    sequence: int,
    comment: str = "",
    noted_at: datetime | None = None,
) -> bool:
    """Add to a recipient's answers, unless it says what the last one says; returns whether it was added.

    `at` is when it was given, `noted_at` when we learnt of it, if later; `sequence` is that of the entry it answers.
    The last answer is the one given last, in whatever order they come in; what a clock that was ahead wrote down as
    given later than now, counts as given now, before this one. An answer shows that an address reported as wrong before
    is right. Raises ValueError for a word that is no answer.
    """
    given = Answer(answer)
    this = select(recipient.c.event).where(recipient.c.id == recipient_id)
    event = c.execute(this.with_for_update()).scalar_one()
    same = select(answered).where(answered.c.recipient_id == recipient_id, answered.c.anchor == anchor)
    last = c.execute(same.order_by(answered.c.at.desc(), answered.c.id.desc()).limit(1)).one_or_none()
    says = (given, sequence, comment)
    heard = same.where(answered.c.at == at, answered.c.answer == given)
    if (last is not None and (last.answer, last.sequence, last.comment) == says) or c.execute(
        heard
    ).first() is not None:
        return False
    now = noted_at or at
    theirs = and_(answered.c.recipient_id == recipient_id, answered.c.anchor == anchor)
    c.execute(update(answered).where(theirs, answered.c.at > now).values(at=now))
    row = {
        "recipient_id": recipient_id, "anchor": anchor, "answer": given, "at": at, "source": source,
        "sequence": sequence, "comment": comment,
    }  # fmt: skip
    c.execute(answered.insert(), row)
    c.execute(delete(flag).where(flag.c.recipient_id == recipient_id, flag.c.at < at))
    _touch(c, event, now)
    return True


def unconfirmed(c: Connection, event: str, mailing: str, source: str) -> dict[int, datetime]:
    """Who answered by `source`, and for whom no letter of this mailing was written that fell due later: when last."""
    told = (
        select(letter.c.recipient_id, func.max(occasion.c.due_at).label("due_at"))
        .join(occasion, occasion.c.id == letter.c.occasion_id)
        .where(occasion.c.event == event, occasion.c.mailing == mailing)
        .group_by(letter.c.recipient_id)
        .subquery()
    )
    query = (
        select(answered.c.recipient_id, func.max(answered.c.at).label("at"))
        .join(recipient, recipient.c.id == answered.c.recipient_id)
        .outerjoin(told, told.c.recipient_id == answered.c.recipient_id)
        .where(recipient.c.event == event, recipient.c.left_at.is_(None))
        .where(answered.c.source == source)
        .where(or_(told.c.due_at.is_(None), answered.c.at >= told.c.due_at))
        .group_by(answered.c.recipient_id)
    )
    return {row.recipient_id: row.at for row in c.execute(query)}


def answers(c: Connection, recipient_id: int) -> list[AnswerGiven]:
    """All that a recipient answered, the oldest first."""
    said = answered.c
    query = select(said.anchor, said.answer, said.at, said.source, said.sequence, said.comment)
    query = query.where(answered.c.recipient_id == recipient_id).order_by(answered.c.at, answered.c.id)
    return [AnswerGiven(**row) for row in c.execute(query).mappings()]


def prefer(c: Connection, recipient_id: int, chosen: Preference, at: datetime) -> bool:
    """Have somebody's letters follow what they chose; returns whether that is another thing than before."""
    if not chosen:
        return False
    keep(c, recipient_id, chosen, at)
    row = c.execute(_people().where(recipient.c.id == recipient_id).with_for_update(of=recipient)).one()
    said = chosen.applied(Recipient.model_validate_json(row.document))
    if _says(row.document, said):
        return False
    _revise(c, [(row, said)], at)
    _touch(c, row.event, at)
    return True


def links_of(c: Connection, event: str, address: str) -> tuple[str, int] | None:
    """The handle in somebody's links and its generation, however the address is written; None for nobody."""
    query = select(recipient.c.handle, generation_of)
    row = c.execute(query.where(recipient.c.event == event, recipient.c.address_key == _key(address))).first()
    return None if row is None else (row.handle, row.generation)


def number_of(c: Connection, handle: str) -> int:
    """The id of whom a handle names."""
    number: int = c.execute(select(recipient.c.id).where(recipient.c.handle == handle)).scalar_one()
    return number


def revoke(
    c: Connection, event: str, address: str, now: datetime, handle_of: Callable[[str, int], str]
) -> int | None:
    """Make every link that somebody was ever sent lead nowhere; the new generation, or None for nobody.

    Unsent letters are written anew, with links of the new generation. A repetition is not: its bytes may not change,
    so that a letter in doubt is held for a person instead.
    """
    this = _people().where(recipient.c.event == event, recipient.c.address_key == _key(address))
    row = c.execute(this.with_for_update(of=recipient)).one_or_none()
    if row is None:
        return None
    generation: int = 1 + c.execute(select(generation_of).where(recipient.c.id == row.id)).scalar_one()
    c.execute(revocation.insert(), {"recipient_id": row.id, "generation": generation, "at": now})
    _mark(c, [row.id], {"handle": handle_of(row.address_key, generation)})
    _revise(c, [(row, Recipient.model_validate_json(row.document))], now)
    return generation


def unsubscribe(c: Connection, recipient_id: int, at: datetime) -> int:
    """Write to this person no more; returns how many letters that stops.

    A letter whose intent was committed before is on its way and not stopped; the first date stands.
    """
    query = update(recipient).where(recipient.c.id == recipient_id, recipient.c.unsubscribed_at.is_(None))
    c.execute(query.values(unsubscribed_at=at))
    return move(c, _letters_of([recipient_id]), Happening.SUPPRESSED, at, UNSUBSCRIBED)

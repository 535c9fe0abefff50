"""Answers counted by the database: by whose they are, by session, by the time they were given.

It groups, and leaves adding up to `replies`. Nobody's document is read but `each`'s; for a list of a hundred thousand
each statement takes one to three seconds. Every function works in its caller's transaction, and what is counted in
one snapshot agrees.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    Connection,
    Integer,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    select,
    true,
    type_coerce,
    union_all,
)

from mailer.agenda.rules import EVENT
from mailer.outbox import people
from mailer.outbox.people import HOLDS, ITS_ENTRY
from mailer.outbox.schema import (
    Answer,
    answer,
    entry,
    flag,
    recipient,
    recipient_revision,
)
from mailer.planning.due import Member

QUARTER = timedelta(minutes=15)
"""Answers are counted by the quarter of an hour: every clock on earth begins its day with one."""


class Response(StrEnum):
    """How somebody stands to a question: the answer that holds; or none, given once to what has changed since."""

    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"
    DELEGATED = "delegated"
    EARLIER = "earlier"
    SILENT = "silent"


@dataclass(frozen=True, kw_only=True)
class Counted:
    """So many people of one role and State, with the same tags, respond to the event as a whole in one way.

    `unsubscribed` and `troubled` are some of them: who wants no letters, and whose address is wrong.
    """

    role: str
    state: str | None
    tags: tuple[str, ...]
    response: Response
    people: int
    unsubscribed: int
    troubled: int


@dataclass(frozen=True, kw_only=True)
class CountedBySession:
    """So many people have a session in their list, or not, answered it so, and respond to the event so.

    Whoever has it not in their list and did not answer it is not counted.
    """

    session: str
    listed: bool
    answer: Answer | None
    response: Response
    people: int


@dataclass(frozen=True, kw_only=True)
class CountedByTime:
    """So many answers to the event, of those that hold, were given in the quarter of an hour that begins then."""

    begins_at: datetime
    answer: Answer
    people: int


@dataclass(frozen=True, kw_only=True)
class PersonalResponse:
    """One person and their response to the event; `at` is when they gave it, if they did."""

    member: Member
    response: Response
    at: datetime | None
    troubled: bool


def everybody(c: Connection, event: str) -> list[Counted]:
    """Everybody on the list, each counted once."""
    this = _people(event)
    said = [people.said_of(c, this.c.document, name).label(name) for name in ("role", "state", "tags")]
    counts = (
        func.count().label("people"),
        func.sum(this.c.unsubscribed).label("unsubscribed"),
        func.sum(this.c.troubled).label("troubled"),
    )
    query = select(*said, this.c.response, *counts).group_by(*said, this.c.response)
    return [
        Counted(
            role=row.role, state=row.state, tags=tuple(json.loads(row.tags)), response=Response(row.response),
            people=row.people, unsubscribed=row.unsubscribed, troubled=row.troubled,
        ) for row in c.execute(query)
    ]  # fmt: skip


def by_session(c: Connection, event: str, sessions: Sequence[str]) -> list[CountedBySession]:
    """Whoever has one of these sessions in their list, or answered it."""
    this, last = _people(event), _last_answers(event, answer.c.anchor.in_(sessions), "of_sessions")
    each = _each_said(c, this.c.document, "sessions")
    in_list = select(
        this.c.id, type_coerce(each.c.value, Text).label("session"), literal(1).label("listed"),
        _nothing(Text).label("said"),
    ).select_from(this.join(each, true())).where(each.c.value.in_(sessions))  # fmt: skip
    told = union_all(
        in_list,
        select(last.c.recipient_id, last.c.anchor, literal(0), cast(last.c.answer, Text)),
        select(this.c.id, literal(_WHOLE), literal(0), this.c.response),
    ).subquery()
    once = (
        select(
            told.c.id, told.c.session, func.max(told.c.listed).label("listed"), func.max(told.c.said).label("said")
        )
        .group_by(told.c.id, told.c.session)
        .subquery()
    )  # fmt: skip
    of_event = func.max(case((once.c.session == _WHOLE, once.c.said))).over(partition_by=once.c.id)
    beside = select(once, of_event.label("response")).subquery()
    groups = (beside.c.session, beside.c.listed, beside.c.said, beside.c.response)
    query = select(*groups, func.count().label("people")).where(beside.c.session != _WHOLE).group_by(*groups)
    return [
        CountedBySession(
            session=row.session, listed=bool(row.listed), answer=Answer(row.said) if row.said else None,
            response=Response(row.response), people=row.people,
        ) for row in c.execute(query)
    ]  # fmt: skip


def by_time(c: Connection, event: str) -> list[CountedByTime]:
    """The answers to the event that hold, the earliest first."""
    last = _last_answers(event, answer.c.anchor == EVENT)
    minute = _minute(c, last.c.at)
    hour, quarter = func.substr(minute, 1, 13), cast(func.substr(minute, 15, 2), Integer) / 15
    quarter = func.floor(quarter) if c.dialect.name != "sqlite" else cast(quarter, Integer)
    query = select(hour.label("hour"), quarter.label("quarter"), last.c.answer, func.count().label("people"))
    found = [
        CountedByTime(
            begins_at=datetime.strptime(row.hour, "%Y-%m-%d %H").replace(tzinfo=UTC) + int(row.quarter) * QUARTER,
            answer=row.answer, people=row.people,
        ) for row in c.execute(query.where(last.c.holds).group_by(hour, quarter, last.c.answer))
    ]  # fmt: skip
    return sorted(found, key=lambda each: (each.begins_at, each.answer))


def each(c: Connection, event: str) -> Iterator[PersonalResponse]:
    """Everybody on the list by name, in the order they were first listed: for the organiser alone."""
    this = _people(event)
    found = {row.id: row for row in c.execute(select(this.c.id, this.c.response, this.c.at, this.c.troubled))}
    for member in people.each_listed(c, event):
        row = found[member.id]
        response = Response(row.response)
        at = row.at if response not in {Response.EARLIER, Response.SILENT} else None
        yield PersonalResponse(member=member, response=response, at=at, troubled=bool(row.troubled))


# ── what the groups are made of ──────────────────────────────────────────────────────────────────────────────


_WHOLE = ""
"""What stands for the event among sessions; no session has this key."""


def _people(event: str) -> CTE:
    """Everybody on the list, once: what is said of them, their response, and the remarks as 0 or 1.

    Put side by side by grouping: a planner that knows nothing yet of a new list would join them row by row.
    """
    last = _last_answers(event, answer.c.anchor == EVENT)
    said = case((last.c.holds, cast(last.c.answer, Text)), else_=Response.EARLIER.value)
    unsubscribed = case((recipient.c.unsubscribed_at.is_(None), 0), else_=1)
    troubled = case((flag.c.at.is_(None), 0), else_=1)
    no_time = _nothing(answer.c.at.type)
    told = union_all(
        select(
            recipient.c.id, recipient_revision.c.document, _nothing(Text).label("response"), no_time.label("at"),
            unsubscribed.label("unsubscribed"), troubled.label("troubled"),
        )
        .join(recipient_revision, people.IS_NEWEST)
        .outerjoin(flag, flag.c.recipient_id == recipient.c.id)
        .where(recipient.c.event == event, recipient.c.left_at.is_(None)),
        select(last.c.recipient_id, _nothing(Text), said, last.c.at, literal(0), literal(0)),
    ).subquery()  # fmt: skip
    return (
        select(
            told.c.id,
            func.max(told.c.document).label("document"),
            func.coalesce(func.max(told.c.response), Response.SILENT.value).label("response"),
            func.max(told.c.at).label("at"),
            func.max(told.c.unsubscribed).label("unsubscribed"),
            func.max(told.c.troubled).label("troubled"),
        )
        .group_by(told.c.id)
        .having(func.count(told.c.document) == 1)
        .cte("people")
        .prefix_with("MATERIALIZED")
    )


def _nothing(kind: Any) -> ColumnElement[Any]:
    return cast(null(), kind)


def _last_answers(event: str, which: ColumnElement[bool], name: str = "given") -> CTE:
    """Of each person and anchor the last answer that `holds`, or else the last.

    A planner that may take it apart looks for each person through all answers again.
    """
    by_age = func.row_number().over(
        partition_by=(answer.c.recipient_id, answer.c.anchor),
        order_by=(case((HOLDS, 0), else_=1), answer.c.at.desc(), answer.c.id.desc()),
    )
    columns = (answer.c.recipient_id, answer.c.anchor, answer.c.answer, answer.c.at)
    given = (
        select(*columns, HOLDS.label("holds"), by_age.label("age"))
        .join(recipient, recipient.c.id == answer.c.recipient_id)
        .outerjoin(entry, ITS_ENTRY)
        .where(recipient.c.event == event, recipient.c.left_at.is_(None), which)
        .subquery()
    )
    return select(given).where(given.c.age == 1).cte(name).prefix_with("MATERIALIZED")


def _each_said(c: Connection, document: ColumnElement[str], name: str) -> Any:
    """Every value of a list in somebody's document, as a table to be joined."""
    if c.dialect.name == "sqlite":
        return func.json_each(document, f"$.{name}").table_valued("value", name="said")
    part = func.json_extract_path(cast(document, JSON), name)
    return func.json_array_elements_text(part).table_valued("value", name="said").render_derived()


def _minute(c: Connection, at: ColumnElement[Any]) -> ColumnElement[str]:
    """A moment as far as its minute, in UTC: `2027-03-01 08:35`."""
    if c.dialect.name == "sqlite":
        return func.substr(type_coerce(at, Text), 1, 16)
    return func.to_char(func.timezone("UTC", at), "YYYY-MM-DD HH24:MI")

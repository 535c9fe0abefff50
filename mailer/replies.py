"""How people answered, added up: the event, each audience, delegation and session, and day after day.

One answer for page, terminal and command line alike. Whatever it is counted by, the five categories of a tally add up
to those who were asked; remarks are beside them. It counts; names are `outbox.responses.each`'s to tell.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import reduce
from operator import add

from mailer.agenda.model import AgendaVersion, Session, SessionKind
from mailer.lately import AsOf, Beside
from mailer.outbox import agendas, people, responses
from mailer.outbox.database import Database, Transaction
from mailer.outbox.pulse import pulse
from mailer.outbox.responses import Counted, CountedBySession, CountedByTime, PersonalResponse, Response
from mailer.outbox.schema import Answer
from mailer.recipients.model import Role

R = Response

CATEGORIES = ("accepted", "tentative", "delegated", "declined", "silent")
"""Everybody who is asked is in exactly one of these, in the order in which they are shown."""

_STAYS_AWAY = frozenset({R.DECLINED, R.DELEGATED})
_COMES = frozenset({Answer.ACCEPTED, Answer.TENTATIVE})


@dataclass(frozen=True, kw_only=True)
class Tally:
    """People by their answer. `earlier` are some of the silent: they answered what has changed since.

    `unsubscribed` and `troubled` are some of all: who wants no letters, and whose address is wrong.
    """

    accepted: int = 0
    tentative: int = 0
    delegated: int = 0
    declined: int = 0
    silent: int = 0
    earlier: int = 0
    unsubscribed: int = 0
    troubled: int = 0

    @property
    def asked(self) -> int:
        """Everybody: the sum of the categories."""
        return sum(getattr(self, category) for category in CATEGORIES)

    @property
    def answered(self) -> int:
        return self.asked - self.silent

    def __add__(self, other: "Tally") -> "Tally":
        names = [each.name for each in fields(Tally)]
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, kw_only=True)
class Group:
    """Those of one role, tag or State; `key` is None for those of no State."""

    key: str | None
    tally: Tally

    @property
    def is_silent(self) -> bool:
        """Whether nobody of it has answered."""
        return not self.tally.answered


@dataclass(frozen=True, kw_only=True)
class SessionReplies:
    """Everybody who is asked, by what they answered to one session.

    `listed` have it in their list. `coming` are expected in the room: who accepted it, perhaps, or has it in their
    list and said nothing of it; but for those who declined the whole event, or send somebody else.
    """

    key: str
    title: str
    starts_at: datetime
    tally: Tally
    listed: int
    coming: int


@dataclass(frozen=True, kw_only=True)
class Day:
    """The answers given on one day of the venue that hold today; `so_far` are those until its end."""

    on: date
    tally: Tally
    so_far: int


@dataclass(frozen=True, kw_only=True)
class Replies:
    """How people answered. Roles and delegations have everybody once; somebody may bear several tags, or none.

    Delegations are in the order of their codes, those of no State last; `days` without an answer are left out.
    """

    version: AgendaVersion
    event: Tally
    roles: tuple[Group, ...]
    tags: tuple[Group, ...]
    delegations: tuple[Group, ...]
    sessions: tuple[SessionReplies, ...]
    days: tuple[Day, ...]

    @property
    def silent_delegations(self) -> tuple[str, ...]:
        """The States of which nobody has answered."""
        return tuple(each.key for each in self.delegations if each.key and each.is_silent)


def replies(database: Database, event: str) -> Replies | None:
    """How people answered by now; None while nothing is published. Of a long list that takes seconds."""
    with database.reading() as transaction:
        version = agendas.latest(transaction, event)
        return _counted(transaction, version) if version else None


def lately(database: Database, event: str, now: datetime) -> AsOf[Replies | None]:
    """As `replies`, at once: for a long list as it was counted last, while it is counted anew beside.

    Raises:
        NotYet: a long list is being counted for the first time.
    """
    with database.reading() as transaction:
        is_long = people.is_long_list(transaction, event)
        state = pulse(transaction), people.unsubscribed(transaction, event)
    if not is_long:
        return AsOf(value=replies(database, event), at=now)
    return _kept.get((database.engine, event), state, now, lambda heard: replies(database, event))


_kept: Beside[Replies | None] = Beside()


def _counted(transaction: Transaction, version: AgendaVersion) -> Replies:
    event = version.event
    chosen = [each for each in event.sessions if each.kind is SessionKind.SESSION]
    return added_up(
        version,
        responses.everybody(transaction, event.key),
        responses.by_session(transaction, event.key, [each.key for each in chosen]),
        responses.by_time(transaction, event.key),
    )


def named(database: Database, event: str) -> list[PersonalResponse]:
    """Everybody on the list by name: for the organiser's own screen, never for a page."""
    with database.reading() as transaction:
        return list(responses.each(transaction, event))


def added_up(
    version: AgendaVersion,
    everybody: Sequence[Counted],
    of_sessions: Sequence[CountedBySession],
    given: Sequence[CountedByTime],
) -> Replies:
    """What the database counted, as people look at it."""
    event = version.event
    whole = reduce(add, map(_tally, everybody), Tally())
    roles = _groups(everybody, lambda each: (each.role,))
    states = _groups(everybody, lambda each: (each.state,))
    tags = _groups(everybody, lambda each: {tag.casefold() for tag in each.tags})
    return Replies(
        version=version,
        event=whole,
        roles=tuple(sorted(roles, key=lambda each: list(Role).index(Role(each.key or "")))),
        tags=tuple(sorted(tags, key=lambda each: each.key or "")),
        delegations=tuple(sorted(states, key=lambda each: (each.key is None, each.key))),
        sessions=tuple(
            _session(each, whole, [counted for counted in of_sessions if counted.session == each.key])
            for each in event.sessions
            if each.kind is SessionKind.SESSION
        ),
        days=_days(given, lambda moment: moment.astimezone(event.zone).date()),
    )


def _tally(counted: Counted) -> Tally:
    remarks = {"unsubscribed": counted.unsubscribed, "troubled": counted.troubled}
    if counted.response is R.EARLIER:
        return Tally(silent=counted.people, earlier=counted.people, **remarks)
    return Tally(**{counted.response.value: counted.people}, **remarks)


def _groups(counted: Sequence[Counted], keys_of: Callable[[Counted], Collection[str | None]]) -> list[Group]:
    tallies: dict[str | None, Tally] = {}
    for each in counted:
        for key in keys_of(each):
            tallies[key] = tallies.get(key, Tally()) + _tally(each)
    return [Group(key=key, tally=tally) for key, tally in tallies.items()]


def _session(session: Session, whole: Tally, counted: Sequence[CountedBySession]) -> SessionReplies:
    said = {each.value: sum(found.people for found in counted if found.answer is each) for each in Answer}
    silent = whole.asked - sum(said.values())
    return SessionReplies(
        key=session.key,
        title=session.title,
        starts_at=session.starts_at,
        tally=Tally(**said, silent=silent, unsubscribed=whole.unsubscribed, troubled=whole.troubled),
        listed=sum(each.people for each in counted if each.listed),
        coming=sum(each.people for each in counted if _is_coming(each)),
    )


def _is_coming(each: CountedBySession) -> bool:
    return each.response not in _STAYS_AWAY and (each.answer in _COMES if each.answer else each.listed)


def _days(given: Sequence[CountedByTime], day_of: Callable[[datetime], date]) -> tuple[Day, ...]:
    by_day: dict[date, Tally] = {}
    for each in given:
        on = day_of(each.begins_at)
        by_day[on] = by_day.get(on, Tally()) + Tally(**{each.answer.value: each.people})
    days: list[Day] = []
    for on in sorted(by_day):
        before = days[-1].so_far if days else 0
        days.append(Day(on=on, tally=by_day[on], so_far=before + by_day[on].answered))
    return tuple(days)

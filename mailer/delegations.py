"""Where the delegations stand: of every State and Partner, who is asked, who answered, who comes by name, what failed.

Counted by the database in `mailer/outbox/responses.py`, added up here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from mailer.lately import AsOf, Beside, Heard
from mailer.outbox import people, responses
from mailer.outbox.database import Database
from mailer.outbox.pulse import pulse
from mailer.outbox.responses import Counted, Response
from mailer.recipients.model import Role, state_name
from mailer.recipients.osce import PARTICIPATING_STATES, PARTNERS

_NOT_HEARD_OF = frozenset({Response.SILENT, Response.EARLIER})


class Stand(StrEnum):
    """How a delegation stands, by what is most urgent about it."""

    NOT_INVITED = "not invited"
    BOUNCED = "bounced"  # nobody of it has answered, and some address is wrong
    SILENT = "silent"
    ANSWERED = "answered"


class Circle(StrEnum):
    """What a State is to the organisation."""

    STATE = "participating States"
    PARTNER = "Partners for Co-operation"
    OTHER = "others"


@dataclass(frozen=True, kw_only=True)
class Delegation:
    """`invited` are its focal points, `answered` and `bounced` some of them; `nominated` those who come by name."""

    state: str
    circle: Circle
    invited: int = 0
    answered: int = 0
    bounced: int = 0
    nominated: int = 0

    @property
    def name(self) -> str:
        return state_name(self.state, "en")

    @property
    def stand(self) -> Stand:
        if not self.invited:
            return Stand.NOT_INVITED
        if self.answered:
            return Stand.ANSWERED
        return Stand.BOUNCED if self.bounced else Stand.SILENT


@dataclass(frozen=True, kw_only=True)
class ByName:
    """Everybody of one role who is asked by name: how many, how many of them answered, how many addresses are wrong."""

    role: Role
    invited: int = 0
    answered: int = 0
    bounced: int = 0


@dataclass(frozen=True, kw_only=True)
class Board:
    """All delegations by their names, and those who come by name."""

    delegations: tuple[Delegation, ...]
    by_name: tuple[ByName, ...]

    @property
    def asked(self) -> int:
        """People on the list who are of some delegation or come by name."""
        return sum(each.invited for each in self.delegations) + sum(each.invited for each in self.by_name)

    def of(self, circle: Circle, stand: Stand | None = None) -> list[Delegation]:
        """Those of one circle, and of one stand where that is given."""
        return [each for each in self.delegations if each.circle is circle and stand in {None, each.stand}]

    def count(self, stand: Stand) -> int:
        return sum(each.stand is stand for each in self.delegations)

    def delegation(self, state: str) -> Delegation | None:
        return next((each for each in self.delegations if each.state == state), None)


def board(database: Database, event: str, now: datetime) -> AsOf[Board]:
    """How all stand by `now`; for a long list as it was counted last, while it is counted anew beside.

    Raises:
        NotYet: a long list is being counted for the first time.
    """
    with database.reading() as transaction:
        if not people.is_long_list(transaction, event):
            return AsOf(value=added_up(responses.everybody(transaction, event)), at=now)
        state = pulse(transaction), people.unsubscribed(transaction, event)
    return _counted.get((database.engine, event), state, now, partial(_board, database, event))


def _board(database: Database, event: str, heard: Heard) -> Board:
    with database.reading() as transaction:
        return added_up(responses.everybody(transaction, event))


_counted: Beside[Board] = Beside()


def added_up(counted: Iterable[Counted]) -> Board:
    """What the database counted, by delegation and by role. A focal point of no State is of no delegation."""
    states = dict.fromkeys([*PARTICIPATING_STATES, *PARTNERS])
    found: dict[str, dict[str, int]] = {state: {} for state in states}
    named = {role: dict[str, int]() for role in Role if role is not Role.FOCAL_POINT}
    for each in counted:
        role, numbers = Role(each.role), _numbers(each)
        if each.state and role is Role.FOCAL_POINT:
            _add(found.setdefault(each.state, {}), numbers)
        elif role is not Role.FOCAL_POINT:
            _add(named[role], numbers)
            if each.state:
                _add(found.setdefault(each.state, {}), {"nominated": each.people})
    delegations = [
        Delegation(state=state, circle=_circle(state), **numbers) for state, numbers in found.items()
    ]
    return Board(
        delegations=tuple(sorted(delegations, key=lambda each: each.name)),
        by_name=tuple(ByName(role=role, **numbers) for role, numbers in named.items()),
    )


def _numbers(each: Counted) -> dict[str, int]:
    answered = 0 if each.response in _NOT_HEARD_OF else each.people
    return {"invited": each.people, "answered": answered, "bounced": each.troubled}


def _add(to: dict[str, int], numbers: dict[str, int]) -> None:
    for name, count in numbers.items():
        to[name] = to.get(name, 0) + count


def _circle(state: str) -> Circle:
    if state in PARTICIPATING_STATES:
        return Circle.STATE
    return Circle.PARTNER if state in PARTNERS else Circle.OTHER

"""What holds letters up, and when those that are leaving will be through: pauses, complaints, delays, the end.

One answer for page, terminal and command line alike, as `standing` gives one of what was counted. It names nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from mailer.agenda.model import Approval
from mailer.delivery import forecast
from mailer.delivery.forecast import Run
from mailer.delivery.profiles import Profile
from mailer.delivery.retrying import NOTICES
from mailer.lately import Lately
from mailer.outbox import approvals, flags, pauses, slowdowns, tallies
from mailer.outbox.database import Database, Transaction
from mailer.outbox.letter import UNSENT, LetterState
from mailer.outbox.pauses import Pause, is_held
from mailer.outbox.schema import PausedBy
from mailer.outbox.slowdowns import Slowdown
from mailer.standing import LONG_LIST, OccasionStanding, Stage, Standing

S = LetterState

ABOUT_TO_LEAVE = frozenset({S.WAITING, S.CLAIMED, S.LEAVING})

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Unapproved:
    """A mailing that fell due and leaves when somebody has approved it; `letters` it would bring, or has waiting."""

    mailing: str
    title: str
    fell_due_at: datetime
    letters: int


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """`put_off` has, for each of `NOTICES`, how many letters have been put off for so long or longer. `ends_at` has,
    for each mailing that is leaving, when it will be through; None: not within a century. `held` are letters that wait
    because the address they go to was reported as wrong. `left_lately` is how many letters left in the last minute, of
    every event; it is not counted while none is leaving.
    """

    pauses: tuple[Pause, ...] = ()
    slowdowns: tuple[Slowdown, ...] = ()
    put_off: tuple[int, ...] = (0,) * len(NOTICES)
    ends_at: Mapping[str, datetime | None] = field(default_factory=dict)
    held: int = 0
    left_lately: int | None = None
    unapproved: tuple[Unapproved, ...] = ()

    @property
    def alerts(self) -> tuple[Pause, ...]:
        """Pauses that no person made: somebody must see to what caused them, and resume."""
        return tuple(each for each in self.pauses if each.caused_by is not PausedBy.PERSON)

    def asks_about(self, mailing: str) -> bool:
        """Whether a mailing waits to be approved."""
        return any(each.mailing == mailing for each in self.unapproved)

    def holds(self, mailing: str) -> bool:
        """Whether a mailing is paused, by itself or with everything."""
        return is_held(mailing, {each.mailing for each in self.pauses})


def outlook(database: Database, profile: Profile, found: Standing, now: datetime) -> Outlook:
    """How it looks at `now` for what stands as `found`, through a mail server of this profile."""
    event = found.version.event.key
    with database.reading() as transaction:
        paused = pauses.paused(transaction, event)
        slowed = slowdowns.slowdowns(transaction, now)
        put_off = tallies.put_off_for(transaction, event, now, NOTICES)
        unapproved = _unapproved(transaction, found, now)
        held = {each.mailing for each in paused} | {each.mailing for each in unapproved}
        pace = partial(_per_minute, database, profile, slowed, now)
        staying = flags.held_letters(transaction, event)
        leaving = _leaving(found, held, staying)
        ends_at = _ends_at(transaction, profile, leaving, pace, now)
    return Outlook(
        pauses=tuple(paused), slowdowns=tuple(slowed), put_off=tuple(put_off), ends_at=ends_at,
        held=sum(staying.values()), left_lately=_left_lately(database, now) if ends_at else None,
        unapproved=tuple(unapproved),
    )  # fmt: skip


def _leaving(found: Standing, paused: set[str], held: Mapping[str, int]) -> list[tuple[str, Run]]:
    """What is about to leave, by mailing. What is paused takes nobody's place, nor what is held for its address."""
    leaving = []
    for mailing in found.mailings:
        staying = held.get(mailing.mailing, 0)
        for occasion in mailing.occasions if not is_held(mailing.mailing, paused) else ():
            waiting = sum(occasion.counts.get(state, 0) for state in ABOUT_TO_LEAVE)
            letters = max(0, waiting - staying)
            staying -= waiting - letters
            if letters:
                leaving.append((mailing.mailing, Run(due_at=occasion.due_at, letters=letters)))
    return leaving


def _unapproved(transaction: Transaction, found: Standing, now: datetime) -> list[Unapproved]:
    """What is due and not approved, the longest first."""
    version = found.version
    if version.event.approval is Approval.NONE:
        return []
    approved = approvals.standing(transaction, version.event.key)
    waiting = []
    for mailing in found.mailings:
        late = [o for o in mailing.occasions if _waits(o, now)] if mailing.mailing not in approved else []
        if late:
            letters = sum(o.expected + sum(o.counts.get(state, 0) for state in UNSENT) for o in late)
            waiting.append(
                Unapproved(
                    mailing=mailing.mailing, title=mailing.title, fell_due_at=late[0].due_at, letters=letters
                )
            )
    return sorted(waiting, key=lambda each: each.fell_due_at)


def _waits(occasion: OccasionStanding, now: datetime) -> bool:
    """Whether it is due and useful, and has letters that have not left, or none yet."""
    is_unsent = occasion.stage is Stage.PLANNED or any(occasion.counts.get(state, 0) for state in UNSENT)
    return occasion.due_at <= now < occasion.useful_until and is_unsent


def _ends_at(
    transaction: Transaction,
    profile: Profile,
    leaving: Sequence[tuple[str, Run]],
    per_minute: Callable[[], float | None],
    now: datetime,
) -> dict[str, datetime | None]:
    """When each mailing that is leaving will be through."""
    if not leaving:
        return {}
    ends = forecast.ends(
        profile,
        [run for _, run in leaving],
        now,
        sent=tallies.sent_lately(transaction, now) if profile.per_day else (),
        per_minute=per_minute(),
    )
    ends_at: dict[str, datetime | None] = {}
    for (mailing, _), end in zip(leaving, ends, strict=True):
        before = ends_at.get(mailing, now)
        ends_at[mailing] = max(before, end) if before and end else None
    return ends_at


def _per_minute(database: Database, profile: Profile, slowed: list[Slowdown], now: datetime) -> float | None:
    """The pace as the server asked for it, or, where it has no limit, as it was in the last minute; if known."""
    if slowed:
        return slowed[0].per_minute
    if profile.rate:
        return None
    return float(_left_lately(database, now)) or None


def _left_lately(database: Database, now: datetime) -> int:
    return _lately.get(database.engine, now, partial(_sent_since, database, now - _MINUTE))


def _sent_since(database: Database, since: datetime) -> int:
    with database.reading() as transaction:
        return tallies.sent_since(transaction, since)


_lately = Lately[int](lambda sent: sent >= LONG_LIST)
"""How many letters left in the last minute: where they are many, it takes as long as all the rest of a page."""

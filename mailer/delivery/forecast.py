"""When letters will be through: a relay in thought, which takes run after run as its limits allow.

Pure arithmetic over seconds; nothing is sent and nobody waits. What the limits are is in `profiles`; `pace` keeps
to them.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.delivery.profiles import Profile

DAY = 86_400.0
"""Seconds over which a daily quota counts, whenever they begin."""

SLOT = 600.0
"""Seconds whose letters are counted together; they leave the quota when the last of them is a day old."""

_NO_LIMIT = 10**12
_FOR_EVER = 3e9  # seconds: a century, after which nobody asks


class RelayInThought:
    """Letters handed over one run after the other, in the order in which they fall due.

    Args:
        per_second: letters a second, or infinity.
        per_day: letters in any 24 hours; None for as many as one likes.
        sent: (second by which they had left, letters) of the last day, the earliest first.
    """

    def __init__(
        self, *, per_second: float, per_day: int | None, sent: Iterable[tuple[float, int]] = ()
    ) -> None:
        self._per_second, self._per_day = per_second, per_day
        self._sent = deque(sent)
        self._in_a_day = sum(count for _, count in self._sent)
        self._free_at = float("-inf")

    def take(self, letters: int, at: float) -> float:
        """The second at which the last of so many is through, if they may leave from `at` on; infinity after a
        century.
        """
        moment = max(at, self._free_at) if letters else at
        while letters > 0:
            if moment - at > _FOR_EVER:
                moment = float("inf")
                break
            portion = min(letters, self._room(moment))
            if portion:
                letters -= portion
                moment += portion / self._per_second
                self._count(portion, moment)
            else:
                moment = max(moment, self._sent[0][0] + DAY)
        self._free_at = max(self._free_at, moment)
        return moment

    def _room(self, now: float) -> int:
        """How many may leave from now on in one go."""
        if self._per_day is None:
            return _NO_LIMIT
        while self._sent and self._sent[0][0] + DAY <= now:
            self._in_a_day -= self._sent.popleft()[1]
        at_once = min(max(1.0, self._per_second * SLOT), float(_NO_LIMIT))
        return max(0, min(self._per_day - self._in_a_day, int(at_once)))

    def _count(self, letters: int, by: float) -> None:
        if self._per_day is not None:
            self._sent.append((by, letters))
            self._in_a_day += letters


@dataclass(frozen=True, kw_only=True)
class Run:
    """Letters that may leave from `due_at` on."""

    due_at: datetime
    letters: int


def ends(
    profile: Profile,
    runs: Sequence[Run],
    now: datetime,
    *,
    sent: Iterable[tuple[datetime, int]] = (),
    per_minute: float | None = None,
    at_best: bool = False,
) -> list[datetime | None]:
    """When each run will be through, in the order given; None: not within a century.

    They share rate and quota: what is due first goes first.

    Args:
        sent: (moment by which they had left, letters) of the last 24 hours, the earliest first.
        per_minute: the pace as it is now, if it is known.
        at_best: reckon with nothing but the profile's limits, as if the server answered at once.
    """
    relay = RelayInThought(
        per_second=_rate(profile, per_minute, at_best=at_best),
        per_day=profile.per_day,
        sent=[((at - now).total_seconds(), letters) for at, letters in sent],
    )
    through: dict[int, datetime | None] = {}
    for place, run in sorted(enumerate(runs), key=lambda each: each[1].due_at):
        through[place] = _moment(now, relay.take(run.letters, max(0.0, (run.due_at - now).total_seconds())))
    return [through[place] for place in range(len(runs))]


def _rate(profile: Profile, per_minute: float | None, *, at_best: bool) -> float:
    if per_minute is not None:
        return per_minute / 60
    if at_best:
        return profile.rate.per_second if profile.rate else float("inf")
    return profile.reckoned_rate


def _moment(now: datetime, seconds: float) -> datetime | None:
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return None

"""How fast one relay may be given letters at this moment: its rate, its day's quota, what each reader's domain may be
given through it, and what it asked for itself.

Pure: time is passed in, as seconds from any one origin. The figures are `profiles`'; whoever hands letters over
asks here first, and nobody waits in here. A server that says it has had enough (421, 4.7.x: RFC 5321 4.2.1,
RFC 3463 3.8) is given half as many; each minute in which it says nothing gives a tenth back.
"""

from collections import deque
from collections.abc import Iterable
from typing import Self

from mailer.delivery.forecast import DAY, SLOT
from mailer.delivery.profiles import Limit, Profile

MINUTE = 60.0
LEAST_RATE = 1 / MINUTE
"""Letters a second that even a server which complains of everything is given."""

ASKED_AGAIN_AFTER = 3600.0
"""Seconds until a server is asked again that says its day's quota is used up, whatever we have counted."""

_ONE_COMPLAINT = 10.0  # seconds in which several lines may hear the same one
_GIVEN_BACK = 0.1  # of the rate, for each quiet minute
_BEAT = 10.0  # seconds counted together when the rate is measured
_HAIR = 1e-6  # what sums of floats may be off, in seconds or as a share


class _Flow:
    """A token bucket, kept as the moment from which on it is full again; and the rate it was lowered to.

    A fiftieth of the limit may go in one burst; so that no stretch of time ever holds more than the limit, the
    rest is spaced a little wider.
    """

    __slots__ = (
        "_burst",
        "_complained_at",
        "_full_at",
        "_interval",
        "_limit",
        "_quiet_since",
        "_usual",
        "lowered",
    )

    def __init__(self, limit: Limit | None) -> None:
        self._limit = limit
        self._burst, self._interval = _spaced(limit) if limit else (1, 0.0)
        self._full_at = self._complained_at = float("-inf")
        self._usual = limit.per_second if limit else float("inf")
        self._quiet_since = 0.0
        self.lowered: float | None = None
        """Letters a second, while they are fewer than usual."""

    @property
    def is_open(self) -> bool:
        return self._limit is None and self.lowered is None

    def wait(self, now: float) -> float:
        """Seconds until the next letter may go."""
        self._recover(now)
        return max(0.0, self._full_at - (self._burst - 1) * self._interval - now)

    def room(self, now: float) -> int:
        """Letters that may go at this moment."""
        self._recover(now)
        if not self._interval or self._full_at <= now:
            return self._burst if self._interval else 10**9
        behind = self._full_at - (self._burst - 1) * self._interval - now
        return 0 if behind > _HAIR else int((_HAIR - behind) / self._interval) + 1

    def is_rested(self, now: float) -> bool:
        """Whether it has all it can hold."""
        return self._full_at <= now

    def take(self, now: float) -> None:
        self._full_at = max(self._full_at, now) + self._interval

    def lower(self, now: float, measured: float) -> None:
        """Halve the rate; where there is no limit, from the one measured."""
        self._recover(now)
        if now - self._complained_at < _ONE_COMPLAINT:
            return
        if self.lowered is None and self._limit is None:
            self._usual = max(measured, 2 * LEAST_RATE)
        self._complained_at = self._quiet_since = now
        self._slow_to(max((self.lowered or self._usual) / 2, LEAST_RATE))

    def _slow_to(self, rate: float) -> None:
        self.lowered, self._burst, self._interval = rate, 1, 1 / rate

    def _recover(self, now: float) -> None:
        if self.lowered is None or now - self._quiet_since < MINUTE:
            return
        minutes = int((now - self._quiet_since) / MINUTE)
        self._quiet_since += minutes * MINUTE
        rate = self.lowered + minutes * _GIVEN_BACK * self._usual
        if rate < self._usual * (1 - _HAIR):
            self._slow_to(rate)
            return
        self.lowered = None
        self._burst, self._interval = _spaced(self._limit) if self._limit else (1, 0.0)


def _spaced(limit: Limit) -> tuple[int, float]:
    """(letters in one burst, seconds between two letters) by which a limit is never passed."""
    burst = max(1, limit.letters // 50)
    return burst, limit.seconds / (limit.letters - burst + 1) + _HAIR


class _Quota:
    """Letters of the last 24 hours by slots of ten minutes. A slot is forgotten when all of it is a day old."""

    __slots__ = ("_left", "_per_day", "slots")

    def __init__(self, per_day: int, sent: Iterable[tuple[float, int]]) -> None:
        self._per_day = per_day
        self.slots: deque[tuple[float, int]] = deque(sent)
        self._left = per_day - sum(count for _, count in self.slots)

    def room(self, now: float) -> int:
        while self.slots and self.slots[0][0] + DAY <= now:
            self._left += self.slots.popleft()[1]
        return max(0, self._left)

    def wait(self, now: float) -> float:
        return 0.0 if self.room(now) else self.slots[0][0] + DAY - now

    def take(self, now: float) -> None:
        self._left -= 1
        by, count = self.slots[-1] if self.slots else (float("-inf"), 0)
        if now < by:
            self.slots[-1] = by, count + 1
        else:
            self.slots.append((now + SLOT, 1))

    def give_back(self) -> None:
        if self.slots and self.slots[-1][1]:
            by, count = self.slots[-1]
            self.slots[-1] = by, count - 1
            self._left += 1


class Domains:
    """What each reader's domain may be given at one moment, `at`: a bucket for each.

    A bucket that is full again is forgotten, for a new one is the same.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._flows: dict[str, _Flow] = {}
        self._now = 0.0
        self.used_up: set[str] = set()
        """Domains that may be given nothing now."""

    def at(self, now: float) -> Self:
        self._now = now
        self._flows = {domain: flow for domain, flow in self._flows.items() if not flow.is_rested(now)}
        self.used_up = {domain for domain, flow in self._flows.items() if not flow.room(now)}
        return self

    def take(self, domain: str) -> bool:
        """Take a place for one letter to this domain; whether there was one. It is not given back."""
        if domain in self.used_up:
            return False
        flow = self._flows.get(domain) or self._flows.setdefault(domain, _Flow(self._limit))
        flow.take(self._now)
        if not flow.room(self._now):
            self.used_up.add(domain)
        return True

    @property
    def wait(self) -> float:
        """Seconds until the first of those used up may be given a letter again; 0 where none is."""
        return min((self._flows[domain].wait(self._now) for domain in self.used_up), default=0.0)


class Pace:
    """What one relay may be given, by one service.

    `allowance` says how many letters may be taken up; each that is handed over is told to `sent`, and to `unsent`
    if it was let go of after all. Without limits and complaints this costs a comparison and a count.

    Args:
        profile: the relay's limits.
        sent: (second by which they had left, letters) of the last 24 hours, the earliest first: what was sent
            before this service started counts in the day's quota.
    """

    def __init__(self, profile: Profile, *, sent: Iterable[tuple[float, int]] = ()) -> None:
        self._profile = profile
        self._flow = _Flow(profile.rate)
        self._quota = _Quota(profile.per_day, sent) if profile.per_day else None
        self._domains = Domains(profile.per_domain) if profile.per_domain else None
        self._beats: deque[tuple[float, int]] = deque()
        self._beat_ends = float("-inf")
        self._rests_until = float("-inf")
        self._open = self._flow.is_open and not self._quota

    def allowance(self, now: float, most: int) -> int:
        """How many letters may be taken up at this moment, at most `most`."""
        if self._open:
            return most
        if now < self._rests_until:
            return 0
        room = min(most, self._flow.room(now))
        if self._quota:
            room = min(room, self._quota.room(now))
        self._open = self._flow.is_open and not self._quota
        return room

    def may_send(self, now: float) -> float:
        """Seconds until the next letter may be handed over; 0 for at once."""
        if self._open:
            return 0.0
        waits = [self._flow.wait(now), self._rests_until - now]
        if self._quota:
            waits.append(self._quota.wait(now))
        return max(waits)

    def domains(self, now: float) -> Domains | None:
        """What each reader's domain may be given at this moment; None where none has a limit of its own."""
        return self._domains.at(now) if self._domains else None

    def sent(self, now: float, letters: int = 1) -> None:
        """Letters were handed over: they count, whatever becomes of them."""
        if now >= self._beat_ends:
            self._next_beat(now)
        began, count = self._beats[-1]
        self._beats[-1] = began, count + letters
        if self._open:
            return
        for _ in range(letters):
            self._flow.take(now)
            if self._quota:
                self._quota.take(now)

    def unsent(self) -> None:
        """A letter that was handed over has been let go of before its dot: the day's quota has it again."""
        if self._quota:
            self._quota.give_back()

    def slower(self, now: float) -> None:
        """The server says it has had enough."""
        self._flow.lower(now, self.measured(now) or self._profile.reckoned_rate)
        self._open = False

    def used_up(self, now: float) -> None:
        """The server says that nothing more may be sent today: it is left alone, and asked again in an hour."""
        self._rests_until, self._open = now + ASKED_AGAIN_AFTER, False

    def lowered(self, now: float) -> float | None:
        """Letters a minute, while they are fewer than the profile would allow; else None."""
        self._flow.wait(now)
        return None if self._flow.lowered is None else self._flow.lowered * MINUTE

    def measured(self, now: float) -> float:
        """Letters a second over the last minute, or since the first of them."""
        lately = [(began, count) for began, count in self._beats if began > now - MINUTE - _BEAT]
        counted = sum(count for _, count in lately)
        return counted / max(1.0, now - lately[0][0]) if counted else 0.0

    def _next_beat(self, now: float) -> None:
        self._beats.append((now, 0))
        self._beat_ends = now + _BEAT
        while self._beats[0][0] < now - MINUTE - _BEAT:
            self._beats.popleft()

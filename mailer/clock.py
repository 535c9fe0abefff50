"""The clock of a running service: the machine's, but for jumps, which it does not believe at once.

A clock that is set a day ahead by mistake would send tomorrow's reminders today. So a jump is held against the time
that has really passed, told, and believed only when it has lasted. What the time is for is others' business.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

JUMP = timedelta(minutes=2)
"""What the clock may be off at one look and still be believed: more than it drifts, less than anybody notices."""

BELIEVED_AFTER = timedelta(minutes=15)
"""How long a jump must last: time to set a clock right again, and nothing is late by more."""


class SteadyClock:
    """Called, it tells the time. `wall` is the machine's clock; `elapsed` counts seconds and is never set.

    Threads may share one. `trouble` is what a person should read while a jump is not believed, or nothing.
    """

    def __init__(self, wall: Callable[[], datetime], elapsed: Callable[[], float]) -> None:
        self._wall, self._elapsed, self._lock = wall, elapsed, Lock()
        self._told_at, self._told_after = wall(), elapsed()
        self._jumped_by: timedelta | None = None
        self._jumped_after = 0.0

    def __call__(self) -> datetime:
        """The time, in the zone that `wall` tells it in."""
        with self._lock:
            wall, after = self._wall(), self._elapsed()
            steady = self._told_at + timedelta(seconds=after - self._told_after)
            off = wall - steady
            if abs(off) > JUMP and not self._has_lasted(off, after):
                return steady
            self._told_at, self._told_after, self._jumped_by = wall, after, None
            return wall

    def _has_lasted(self, off: timedelta, after: float) -> bool:
        if self._jumped_by is None or abs(off - self._jumped_by) > JUMP:
            self._jumped_by, self._jumped_after = off, after
        return timedelta(seconds=after - self._jumped_after) >= BELIEVED_AFTER

    @property
    def trouble(self) -> str:
        with self._lock:
            if self._jumped_by is None:
                return ""
            minutes = abs(self._jumped_by) / timedelta(minutes=1)
            way = "ahead" if self._jumped_by > timedelta() else "back"
            return (
                f"the clock of this machine jumped {minutes:.0f} minutes {way}: set it right; "
                f"if it stays so, it is believed after {BELIEVED_AFTER / timedelta(minutes=1):.0f} minutes"
            )

"""What takes long to count, as it was a moment ago: it is shown while a thread counts anew.

Knows nothing of what is counted, nor of the clock: every moment comes from who asks.
"""

from collections.abc import Callable, Hashable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock, Thread
from typing import Generic, TypeVar

from mailer.errors import StoreError

T = TypeVar("T")

FRESH_FOR = timedelta(seconds=0.5)
"""How long nobody counts again."""

SHOWN_FOR = timedelta(seconds=3)
"""How old what is shown may be. Whoever asks later waits until it is counted."""


class Lately(Generic[T]):
    """Counts by what was counted, such as a database and an event; threads may share it.

    `is_long` says of what was counted whether it is worth keeping: what is counted in no time is counted each time.
    """

    def __init__(self, is_long: Callable[[T], bool]) -> None:
        self._is_long = is_long
        self._kept: dict[Hashable, tuple[datetime, T]] = {}
        self._being_counted: set[Hashable] = set()
        self._lock = Lock()

    def get(self, what: Hashable, now: datetime, count: Callable[[], T]) -> T:
        """What `count` gives, or gave at most `SHOWN_FOR` before `now`.

        Raises:
            StoreError: as `count`, which is called here unless there is something to show.
        """
        kept = self._kept.get(what)
        if kept is None or not timedelta(0) <= now - kept[0] <= SHOWN_FOR:
            return self._count(what, now, count)
        if now - kept[0] > FRESH_FOR:
            self._count_beside(what, now, count)
        return kept[1]

    def forget(self) -> None:
        """Nothing that was counted is shown any more."""
        self._kept.clear()

    def _count(self, what: Hashable, now: datetime, count: Callable[[], T]) -> T:
        counted = count()
        if self._is_long(counted):
            self._kept[what] = (now, counted)
        else:
            self._kept.pop(what, None)
        return counted

    def _count_beside(self, what: Hashable, now: datetime, count: Callable[[], T]) -> None:
        with self._lock:
            if what in self._being_counted:
                return
            self._being_counted.add(what)
        Thread(target=self._beside, args=(what, now, count), name="counting", daemon=True).start()

    def _beside(self, what: Hashable, now: datetime, count: Callable[[], T]) -> None:
        """What cannot be read now is asked for again."""
        try:
            with suppress(StoreError):
                self._count(what, now, count)
        finally:
            self._being_counted.discard(what)

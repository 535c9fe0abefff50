"""What takes long to count, as it was a moment ago: it is shown while a thread counts anew.

`Lately` is for what takes tens of milliseconds, and whoever is first waits for it; `Beside` for what takes seconds, and
nobody waits. They know nothing of what is counted, nor of the clock: every moment comes from who asks.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock, Thread
from time import thread_time
from typing import Generic, TypeVar

from mailer.errors import ConvenorError, StoreError

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


# ── what takes seconds ───────────────────────────────────────────────────────────────────────────────────────

Heard = Callable[[int, int], None]
"""Is told how many are done, and of how many, while something is counted."""

RESTS_FOR, RESTS_AT_MOST = 2, timedelta(seconds=20)
"""Whatever was counted is not counted again for so many times the processor time that it took, but for no longer than
this: answers may come in every second.
"""


class NotYet(ConvenorError):  # noqa: N818 - it says what to come back for
    """It is being counted for the first time: `done` of `of` by now, 0 of 0 where that is not known."""

    def __init__(self, done: int, of: int) -> None:
        self.done, self.of = done, of
        super().__init__("this is still being counted")


@dataclass(frozen=True, kw_only=True)
class AsOf(Generic[T]):
    """What was counted, and when; `is_present` unless something has changed since."""

    value: T
    at: datetime
    is_present: bool = True


@dataclass(kw_only=True)
class _Count:
    """One that is going on, or has ended and nobody has looked since."""

    begun_at: datetime
    done: int = 0
    of: int = 0
    took: timedelta = timedelta(0)
    has_ended: bool = False


@dataclass(frozen=True, kw_only=True)
class _Kept(Generic[T]):
    state: object
    at: datetime
    value: T | None
    error: ConvenorError | None = None


class Beside(Generic[T]):
    """The last count of each of the `most` things that were asked for last, made in threads beside whoever asks."""

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, _Kept[T]] = OrderedDict()
        self._counts: dict[Hashable, _Count] = {}
        self._rest_until: dict[Hashable, datetime] = {}
        self._lock = Lock()

    def get(self, what: Hashable, state: object, now: datetime, count: Callable[[Heard], T]) -> AsOf[T]:
        """What was counted last, at once; if that was of another `state`, or never, it is counted anew beside.

        Raises:
            NotYet: it is being counted for the first time.
            ConvenorError: as `count`, for what is of this state.
        """
        with self._lock:
            kept = self._kept.get(what)
            if kept is not None:
                self._kept.move_to_end(what)
            is_present = kept is not None and kept.state == state
            if not is_present and self._is_free(what, now):
                self._counts[what] = going_on = _Count(begun_at=now)
                Thread(
                    target=self._count, args=(what, state, going_on, count), name="counting", daemon=True
                ).start()
            if kept is None or (kept.error is not None and not is_present):
                going_on = self._counts.get(what, _Count(begun_at=now))
                raise NotYet(going_on.done, going_on.of)
        if kept.error is not None:
            raise kept.error
        return AsOf(value=kept.value, at=kept.at, is_present=is_present)  # type: ignore[arg-type]

    def at_hand(
        self, what: Hashable, state: object, now: datetime, count: Callable[[Heard], T]
    ) -> AsOf[T] | None:
        """As `get`; None while it is counted for the first time."""
        try:
            return self.get(what, state, now, count)
        except NotYet:
            return None

    def at_once(self, what: Hashable, state: object, now: datetime, count: Callable[[Heard], T]) -> AsOf[T]:
        """As `get`, but whoever asks waits; what was counted of this state is not counted again.

        Raises:
            ConvenorError: as `count`.
        """
        kept = self._kept.get(what)
        if kept is None or kept.state != state or kept.value is None:
            kept = _Kept(state=state, at=now, value=count(nobody))
            self._keep(what, kept)
        return AsOf(value=kept.value, at=kept.at)  # type: ignore[arg-type]

    def last(self, what: Hashable) -> AsOf[T] | None:
        """What was counted last, of whatever state; None where that was never, or failed. Nothing is counted anew."""
        kept = self._kept.get(what)
        if kept is None or kept.error is not None:
            return None
        return AsOf(value=kept.value, at=kept.at)  # type: ignore[arg-type]

    def forget(self) -> None:
        """Nothing that was counted is shown any more."""
        with self._lock:
            self._kept.clear()
            self._counts.clear()
            self._rest_until.clear()

    def _is_free(self, what: Hashable, now: datetime) -> bool:
        """Whether it may be counted now: nobody does, and it has rested."""
        before = self._counts.get(what)
        if before is not None:
            if not before.has_ended:
                return False
            del self._counts[what]
            self._rest_until[what] = before.begun_at + min(RESTS_AT_MOST, (1 + RESTS_FOR) * before.took)
        return not now < self._rest_until.get(what, now) <= now + RESTS_AT_MOST

    def _count(self, what: Hashable, state: object, going_on: _Count, count: Callable[[Heard], T]) -> None:
        """What cannot be read now is asked for again."""

        def heard(done: int, of: int) -> None:
            going_on.done, going_on.of = done, of

        began = thread_time()
        try:
            with suppress(StoreError):
                try:
                    kept = _Kept(state=state, at=going_on.begun_at, value=count(heard))
                except StoreError:
                    raise
                except ConvenorError as error:
                    kept = _Kept(state=state, at=going_on.begun_at, value=None, error=error)
                if self._counts.get(what) is going_on:
                    self._keep(what, kept)
        finally:
            going_on.took = timedelta(seconds=thread_time() - began)
            going_on.has_ended = True

    def _keep(self, what: Hashable, kept: _Kept[T]) -> None:
        with self._lock:
            self._kept[what] = kept
            self._kept.move_to_end(what)
            while len(self._kept) > self._most:
                gone, _ = self._kept.popitem(last=False)
                self._rest_until.pop(gone, None)


def nobody(done: int, of: int) -> None:
    """Nobody waits to hear how far it is."""

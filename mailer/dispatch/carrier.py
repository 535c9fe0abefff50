"""A carrier composes letters and carries them over several lines at once; before each dot it asks the desk.

It knows neither the database nor the clock. One carrier is one event loop, in a thread or in a process of its
own; whoever ends it loses nothing but what it had in hand, and that the desk knows.
"""

import asyncio
import hashlib
import os
import signal
import sys
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from mailer import wallclock
from mailer.agenda.model import AgendaVersion
from mailer.agenda.upkeep import Upkeep
from mailer.composition.casting import Reader
from mailer.composition.composing import Composer
from mailer.composition.wording import Wording
from mailer.delivery.admission import RelayUnreachable
from mailer.delivery.envelope import Parcel
from mailer.delivery.line import Line
from mailer.delivery.outcome import Outcome
from mailer.dispatch.orders import Key, Order, Report, Route, hear, tell
from mailer.errors import UnsafeLetter, WordingError
from mailer.outbox.claimed import ClaimedLetter, SentEntry
from mailer.outbox.letter import Happening

QUIET_FOR = 5.0
"""Seconds after which a line without a letter is closed, and a carrier at work says that it lives."""


COMPOSED_TOGETHER = 64
"""Letters composed in one go."""

COMPOSED_BYTES = 8 * 1024 * 1024
"""After so many bytes no more are composed in one go, though they were fewer letters: those with files are large."""


class Carrier:
    """Obeys the desk's orders over one channel until it is told to finish, or the desk is gone."""

    def __init__(self, channel: Connection, route: Route) -> None:
        self._channel, self._route = channel, route
        self._composer = Composer(route.sender)
        self._versions: dict[tuple[str, int], AgendaVersion] = {}
        self._wordings: dict[str, Wording] = {}
        self._upkeeps: dict[str, Upkeep] = {}
        self._contents: dict[str, bytes] = {}
        self._stock: deque[ClaimedLetter] = deque()
        self._composed: deque[Parcel] = deque()
        self._weighed: tuple[object, int] = (None, COMPOSED_BYTES)
        self._in_hand: dict[Key, tuple[str, tuple[SentEntry, ...]]] = {}
        self._lines: set[Line] = set()
        self._proven: set[Line] = set()
        self._asking: dict[Key, Line] = {}
        self._opening = 0
        self._most = route.lines  # as many as the server lets us have
        self._asked: list[tuple[Key, str]] = []
        self._accepted: list[tuple[Key, str, tuple[SentEntry, ...]]] = []
        self._ended: list[tuple[Key, Outcome]] = []
        self._wants = 0
        self._trouble: tuple[str, ...] = ()
        self._token = ""
        self._is_telling = self._has_asked = False
        self._resting: dict[Line, int] = {}  # how many letters each had taken by then
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until the desk says finish, or is gone: then nothing more leaves."""
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[float | None] = self._loop.create_future()
        self._loop.add_reader(self._channel.fileno(), self._hear)
        try:
            self._give_a_sign()
            within = await self._finished
            if within is None:
                return
            self._let_go()
            await asyncio.gather(*(line.close(within=within) for line in tuple(self._lines)))
            self._report()
        finally:
            self._finish(None)
            self._channel.close()

    # ── what the desk says ───────────────────────────────────────────────────────────────────────────────────

    def _hear(self) -> None:
        try:
            self._obey(hear(self._channel))
        except (EOFError, OSError):
            self._finish(None)

    def _obey(self, order: Order) -> None:
        self._versions.update(order.versions)
        self._wordings.update({digest: Wording(texts=texts) for digest, texts in order.wordings.items()})
        self._upkeeps.update(order.upkeeps)
        self._contents.update(order.contents)
        self._token = order.token or self._token
        for key in order.go:
            if line := self._asking.pop(key, None):
                line.go(key)
        for key in order.withhold:
            if line := self._asking.pop(key, None):
                line.withhold(key)
        if order.letters:
            self._stock.extend(order.letters)
            self._has_asked = False
            self._set_to_work()
        if order.let_go:
            self._let_go()
        if order.finish_within is not None:
            self._finish(order.finish_within)

    def _finish(self, within: float | None) -> None:
        if not self._finished.done():
            self._loop.remove_reader(self._channel.fileno())  # or it would be called without end
            self._finished.set_result(within)

    def _let_go(self) -> None:
        """Give back what no line has begun with."""
        for parcel in self._composed:
            del self._in_hand[parcel.key]
        for key in (*(parcel.key for parcel in self._composed), *(letter.key for letter in self._stock)):
            self._end(key, Outcome(happening=Happening.RELEASED, reply=""))
        self._composed.clear()
        self._stock.clear()
        self._ask_for_letters()

    # ── what the lines ask ───────────────────────────────────────────────────────────────────────────────────

    def _set_to_work(self) -> None:
        """Wake the lines that rest, and open more where they do not do."""
        for line in tuple(self._lines):
            if not self._in_store:
                return
            line.wake()
        missing = min(self._most - len(self._lines), self._in_store) - self._opening
        for _ in range(missing):
            self._opening += 1
            self._spawn(self._open(self._token))

    async def _open(self, token: str) -> None:
        """A line that is signed in with this token; where a newer one has come meanwhile, a refusal is no news. If the
        server lets us have some lines and no more, those will do.
        """
        try:
            line = await Line.open(self._route.relay, self, timeouts=self._route.timeouts, token=token)
        except RelayUnreachable as error:
            if error.kind == "auth" and token != self._token:
                self._loop.call_soon(self._set_to_work)
            elif error.kind == "auth" or not (self._lines or self._opening > 1):
                self._give_up(str(error), error.kind)
            else:
                self._most = max(1, self._most - 1)
            return
        finally:
            self._opening -= 1
        if self._finished.done():
            await line.close(within=0)
            return
        self._lines.add(line)

    def take(self, line: Line) -> Parcel | None:
        """The next letter, composed; one that cannot be is ended on the way."""
        if line.taken >= self._route.relay.profile.letters_per_connection:
            self._loop.call_soon(self._retire, line)
            return None
        while self._stock and not self._composed:
            self._compose()
        parcel = self._composed.popleft() if self._composed else None
        if not self._has_asked and self._in_store <= self._route.room // 2:
            self._ask_for_letters()
        return parcel

    def _compose(self) -> None:
        """The next letters of one occasion together; if one of them cannot be, each by itself."""
        batch = self._next_of_an_occasion()
        try:
            self._composed += self._parcels(batch)
        except Exception:  # one letter must not keep the others
            for letter in batch:
                self._compose_alone(letter)

    def _next_of_an_occasion(self) -> list[ClaimedLetter]:
        """As many as may be held in memory together, if they are as large as the last one; of an occasion that is new,
        one.
        """
        occasion = self._stock[0].of_occasion
        size = self._weighed[1] if self._weighed[0] == occasion else COMPOSED_BYTES
        most = min(COMPOSED_TOGETHER, max(1, COMPOSED_BYTES // size))
        batch = list[ClaimedLetter]()
        while len(batch) < most and self._stock and self._stock[0].of_occasion == occasion:
            batch.append(self._stock.popleft())
        return batch

    def _compose_alone(self, letter: ClaimedLetter) -> None:
        try:
            self._composed += self._parcels([letter])
        except WordingError as error:
            self._end(letter.key, Outcome(happening=Happening.PUT_OFF, reply=f"not composed: {error}"))
        except UnsafeLetter as error:
            self._end(letter.key, Outcome(happening=Happening.REFUSED, reply=f"not composed: {error}"))
        except Exception as error:
            reply = f"not composed: {type(error).__name__}: {error}"
            self._end(letter.key, Outcome(happening=Happening.PUT_OFF, reply=reply))

    @property
    def _in_store(self) -> int:
        """Letters that no line has begun with."""
        return len(self._stock) + len(self._composed)

    def _parcels(self, letters: Sequence[ClaimedLetter]) -> list[Parcel]:
        """Letters of one occasion, composed."""
        first, readers = letters[0], [letter.recipient for letter in letters]
        version = self._versions[first.event, first.version]
        upkeep = self._upkeeps[first.upkeep] if first.upkeep else None
        composed = self._composer.together(
            [
                Reader(reader, letter.dated_at, letter.handle)
                for reader, letter in zip(readers, letters, strict=True)
            ],
            version=version,
            mailing=version.event.mailing(first.mailing),
            anchor=first.anchor,
            due_at=first.due_at,
            texts=self._wordings[first.wording],
            upkeep=upkeep,
            earlier=upkeep.earlier(lambda number: self._versions[first.event, number]) if upkeep else {},
            contents=self._contents,
        )
        self._weighed = (first.of_occasion, len(composed[-1].raw))
        parcels = list[Parcel]()
        for letter, reader, each in zip(letters, readers, composed, strict=True):
            digest = hashlib.sha256(each.raw).hexdigest()
            if letter.repeats not in {None, digest}:
                raise UnsafeLetter("a repetition must be byte-identical, and this one is not")
            self._in_hand[letter.key] = digest, each.entries
            sender = self._route.sender.return_path_of(letter.id) or each.return_path
            envelope_id = each.message_id[1:].partition("@")[0]
            parcels.append(Parcel(letter.key, sender, reader.address, each.raw, envelope_id))
        return parcels

    def intend(self, line: Line, parcel: Parcel) -> None:
        self._asking[parcel.key] = line
        self._asked.append((parcel.key, self._in_hand[parcel.key][0]))
        self._report_soon()

    def ended(self, line: Line, parcel: Parcel, outcome: Outcome) -> None:
        key = parcel.key
        _, entries = self._in_hand.pop(key)
        if outcome.happening is Happening.ACCEPTED:
            self._accepted.append((key, outcome.reply, entries))
            self._report_soon()
            self._proven.add(line)
        else:
            self._asking.pop(key, None)
            self._end(key, outcome)

    def closed(self, line: Line, reason: Outcome | None) -> None:
        """A line that was closed from this side, or breaks having carried letters, is opened anew if there is work;
        one that has carried none, lost one, or is told to slow down is trouble.
        """
        self._lines.discard(line)
        has_carried = line in self._proven
        self._proven.discard(line)
        if self._finished.done():
            return
        if reason is None or (
            has_carried and reason.happening is not Happening.LOST and not reason.slow_down
        ):
            self._set_to_work()
        else:
            self._give_up(f"{self._route.relay}: {reason.reply}", "line")

    def _retire(self, line: Line) -> None:
        """Say goodbye over a line that has nothing more to do; another is opened if there is work."""
        if line.idle and line in self._lines:
            self._spawn(line.close(within=0))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _give_up(self, trouble: str, kind: str) -> None:
        """The relay is to be left alone for a while: what is begun goes on, the rest goes back."""
        self._trouble = (trouble, kind, self._token)
        self._let_go()
        self._report_soon()

    # ── what the desk is told ────────────────────────────────────────────────────────────────────────────────

    def _ask_for_letters(self) -> None:
        """Once, until some have come."""
        if not self._has_asked:
            self._has_asked = True
            self._wants = self._route.room - self._in_store
            self._report_soon()

    def _end(self, key: Key, outcome: Outcome) -> None:
        self._ended.append((key, outcome))
        self._report_soon()

    def _give_a_sign(self) -> None:
        """Once in a while, so that the desk knows a carrier that has nothing to say from one that is frozen. Lines
        that had no letter since the last time are closed.
        """
        if not self._finished.done():
            self._report()
            for line in tuple(self._lines):
                if line.idle and self._resting.get(line) == line.taken:
                    self._retire(line)
            self._resting = {line: line.taken for line in self._lines if line.idle}
            self._most = min(self._route.lines, self._most + 1)
            self._loop.call_later(QUIET_FOR, self._give_a_sign)

    def _report_soon(self) -> None:
        """With everything else that happens in this turn of the loop."""
        if not self._is_telling:
            self._is_telling = True
            self._loop.call_soon(self._report)

    def _report(self) -> None:
        self._is_telling = False
        report = Report(
            tuple(self._asked), tuple(self._accepted), tuple(self._ended), self._wants, *self._trouble
        )
        self._asked.clear()
        self._accepted.clear()
        self._ended.clear()
        self._wants, self._trouble = 0, ()
        try:
            tell(self._channel, report)
        except OSError:
            self._finish(None)


def carry(channel: Connection, route: Route) -> None:
    """A carrier's life, for the thread or process that is given to it."""
    asyncio.run(Carrier(channel, route).run())


COURTESY = 5
"""How much a carrier's process gives way (nice, POSIX 1003.1): a person waits for a page, nobody for one letter."""


def main() -> None:
    """A carrier in a process of its own: the number of its socket is the one argument, its route comes first."""
    os.nice(COURTESY)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the desk says when; without a desk the channel ends
    wallclock.use_packaged_tzdata()
    channel = Connection(int(sys.argv[1]))
    with suppress(EOFError, OSError):
        carry(channel, hear(channel))


if __name__ == "__main__":
    main()

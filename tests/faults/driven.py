"""A service that is there to be killed: the real service, desk and carriers, in processes that start at once.

They are forked from a server that has everything loaded already. What is not the product's own here: the clock, which
is shared, and the database's commits, at which a mishap may be waiting.
"""

import os
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic, sleep
from typing import Literal, NoReturn

from mailer import wallclock
from mailer.clock import SteadyClock
from mailer.delivery import line as lines
from mailer.delivery.line import Timeouts
from mailer.delivery.relay import Relay
from mailer.dispatch import desk as desks
from mailer.dispatch.carrier import carry
from mailer.dispatch.crew import channels
from mailer.dispatch.desk import Clock, Desk
from mailer.dispatch.orders import PATIENT, Route
from mailer.errors import StoreError
from mailer.outbox import claims, letters
from mailer.outbox.claimed import Change
from mailer.outbox.database import Database, Transaction, open_database
from mailer.outbox.letter import Happening, LetterState
from mailer.service import Service
from tests.faults.stage import EVENT, SharedClock, service_on

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.driven"])

_PATIENCE_FOR = 60.0
_BEATS = 10

Deed = Literal["kill", "kill a carrier", "fail"]


@dataclass(frozen=True, kw_only=True)
class Mishap:
    """What befalls a commit that writes down such a happening, `before` or `after` it is durable.

    The service kills itself or its first carrier; or the commit is said to have failed. So many such commits are let
    pass first.
    """

    happening: Happening
    moment: Literal["before", "after"]
    deed: Deed = "kill"
    passes: int = 0


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a driven service is given. A `steady` one does not believe its clock at once when that jumps; told to
    stop, it waits `finish_within` seconds for the reply to a dot. `uncorked`, its content goes ahead of the dot to the
    last byte, as it does where there is no TCP_CORK.
    """

    url: str
    clock: Path
    relay: Relay
    owner: str = "driven"
    carriers: int = 1
    timeouts: Timeouts = PATIENT
    mishap: Mishap | None = None
    steady: bool = False
    finish_within: float = desks.FINISH_WITHIN
    uncorked: bool = False


class MishapDatabase(Database):
    """A database with a mishap waiting; `kill` is called with what is to be killed."""

    def __init__(self, opened: Database, mishap: Mishap, pids: list[int]) -> None:
        super().__init__(engine=opened.engine)
        object.__setattr__(self, "_mishap", mishap)
        object.__setattr__(self, "_pids", pids)
        object.__setattr__(self, "_passes", [mishap.passes])

    _mishap: Mishap
    _pids: list[int]
    _passes: list[int]

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with noted() as told:
            with Database.writing(self) as transaction:
                yield transaction
                is_due = self._is_due(told)
                if is_due and self._mishap.moment == "before":
                    self._befall()
            if is_due and self._mishap.moment == "after":
                self._befall()

    def _is_due(self, told: set[Happening]) -> bool:
        if self._mishap.happening not in told:
            return False
        self._passes[0] -= 1
        return self._passes[0] == -1

    def _befall(self) -> None:
        match self._mishap.deed:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "kill a carrier":
                os.kill(self._pids[0], signal.SIGKILL)
            case "fail":
                raise StoreError("the line to the database broke")


_told = threading.local()
_happen = claims.happen


@contextmanager
def noted() -> Iterator[set[Happening]]:
    """The happenings that are written down meanwhile, in this thread."""
    _told.happenings = set()
    claims.happen = _noting
    yield _told.happenings


def _noting(c: Transaction, changes: Sequence[Change], now: datetime) -> list[Change]:
    _told.happenings |= {change.happening for change in changes}
    return _happen(c, changes, now)


class InAFork:
    """A carrier in a process of its own that has everything loaded, and nothing else of who hired it."""

    def __init__(self, route: Route) -> None:
        self.channel, theirs = channels()
        self.room = route.room
        self.pid = os.fork()
        if not self.pid:
            _carry(theirs, route)
        theirs.close()

    def end(self, within: float) -> None:
        self.channel.close()
        until = monotonic() + within
        while not self._has_ended(os.WNOHANG):
            if monotonic() >= until:
                os.kill(self.pid, signal.SIGKILL)
                self._has_ended(0)
                return
            sleep(0.002)

    def _has_ended(self, how: int) -> bool:
        try:
            return os.waitpid(self.pid, how)[0] != 0
        except ChildProcessError:
            return True


def _carry(channel: Connection, route: Route) -> NoReturn:
    try:
        os.closerange(3, channel.fileno())
        os.closerange(channel.fileno() + 1, 1024)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        with suppress(EOFError, OSError):
            carry(channel, route)
    finally:
        os._exit(0)


def _serve(part: Part, channel: Connection) -> None:
    """A service's life. An error ends it at once, as a crash does: nobody waits for its carriers."""
    try:
        _work(part, channel)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _work(part: Part, channel: Connection) -> None:
    """It tells of its carriers, waits for a word, and works until nothing is left to do at this hour."""
    wallclock.use_packaged_tzdata()
    desks.FINISH_WITHIN = part.finish_within
    lines.CORK = None if part.uncorked else lines.CORK
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    shared = SharedClock(part.clock)
    clock: Clock = SteadyClock(shared, monotonic) if part.steady else shared
    pids: list[int] = []

    def hire(route: Route) -> InAFork:
        hired = InAFork(replace(route, timeouts=part.timeouts))
        pids.append(hired.pid)
        with suppress(OSError):
            channel.send(hired.pid)
        return hired

    database = open_database(part.url, check=False)
    if part.mishap:
        database = MishapDatabase(database, part.mishap, pids)
    service = service_on(database, part.owner)
    with closing(service.desk(part.relay, clock, hire, carriers=part.carriers)) as desk:
        channel.send("ready")
        channel.recv()
        _beat(service, desk, clock, stop)
    channel.send("done")


def _beat(service: Service, desk: Desk, clock: Clock, stop: threading.Event) -> None:
    """What the heartbeat does, until there is nothing left for it to do now."""
    for _ in range(_BEATS):
        is_over = False
        with suppress(StoreError):
            service.recover(clock())
            service.settle(clock())
            done = desk.work(stop)
            with service.database.reading() as transaction:
                is_over = bool(done.unreachable) or not letters.search(
                    transaction, EVENT.key, state=LetterState.WAITING, limit=1
                )
        if is_over or stop.is_set():
            return


@dataclass(kw_only=True)
class Driven:
    """A driven service as those see it who kill it. `carriers` are the processes it has told of."""

    process: BaseProcess
    channel: Connection
    pid: int
    carriers: list[int] = field(default_factory=list)
    is_ready: bool = False
    is_done: bool = False

    def listen(self, within: float = 0.0) -> bool:
        """Take in what it has told; whether it said anything within these seconds."""
        has_spoken = False
        with suppress(EOFError, OSError):
            while self.channel.poll(0.0 if has_spoken else within):
                said = self.channel.recv()
                has_spoken = True
                if isinstance(said, int):
                    self.carriers.append(said)
                self.is_ready |= said == "ready"
                self.is_done |= said == "done"
        return has_spoken

    @property
    def exit_code(self) -> int | None:
        """What it ended with; the negative number of the signal that killed it."""
        self.process.join(_PATIENCE_FOR)
        return self.process.exitcode

    def go(self) -> None:
        with suppress(OSError):
            self.channel.send("go")

    def tell(self, number: int) -> None:
        """Send it a signal; it may be gone."""
        send(number, self.pid)

    def kill(self) -> None:
        """It alone: its carriers are left to find out by themselves."""
        self.tell(signal.SIGKILL)

    def kill_carrier(self, which: int) -> None:
        self.tell_carrier(signal.SIGKILL, which)

    def tell_carrier(self, number: int, which: int) -> None:
        send(number, self.carriers[which])

    def kill_all(self) -> None:
        self.tell_all(signal.SIGKILL)

    def tell_all(self, number: int) -> None:
        """The service first, then its carriers."""
        self.listen()
        for pid in (self.pid, *self.carriers):
            send(number, pid)

    def wait(self, within: float = _PATIENCE_FOR) -> bool:
        """Until it has ended; whether it did. Whether it came to its end is `is_done`."""
        until = monotonic() + within
        while is_there(self.pid) and monotonic() < until:
            self.listen(0.02)
        self.listen()
        return not is_there(self.pid)

    def wait_for_all(self, within: float = _PATIENCE_FOR) -> bool:
        """Until its carriers have ended as well, after which nothing more can leave."""
        ended = self.wait(within)
        until = monotonic() + within
        while any(map(is_there, self.carriers)) and monotonic() < until:
            sleep(0.005)
        return ended and not any(map(is_there, self.carriers))


def send(number: int, pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def is_there(pid: int) -> bool:
    """Whether the process lives; one that is dead and not yet buried (Z, X) does not."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] not in "ZX"
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


def drive(part: Part) -> Driven:
    """A driven service whose carriers are hired, and which waits for `go`."""
    ours, theirs = Pipe()
    process = FORKS.Process(target=_serve, args=(part, theirs), name="service")
    process.start()
    theirs.close()
    driven = Driven(process=process, channel=ours, pid=process.pid or 0)
    until = monotonic() + _PATIENCE_FOR
    while not driven.is_ready and monotonic() < until and is_there(driven.pid):
        driven.listen(0.05)
    assert driven.is_ready or not is_there(driven.pid), "the service did not start"
    return driven

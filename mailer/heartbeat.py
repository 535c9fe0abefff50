"""What makes the service move: a tick every two seconds, and a wake-up at the next due time.

APScheduler only wakes; what is due is in the database. So nothing is lost when a wake-up is late, doubled or
never comes: the next tick finds the same work.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Condition, Thread
from threading import Event as Signal

from apscheduler.schedulers.background import BackgroundScheduler

from mailer.dispatch.desk import Clock
from mailer.errors import ConvenorError, StoreError
from mailer.outbox import incoming
from mailer.outbox.identity import Finding
from mailer.parts import Parts

TICK = 2
"""Seconds between two looks at the database."""

LOOK = 10
"""Seconds between two looks whether it is still ours to send from."""

SETTLING = 10
"""Seconds between two looks at letters in doubt."""

COLLECTING = 30
"""Seconds between two looks at the mailbox, where it does not say itself that something came."""

FORGETTING = 3600
"""Seconds between two looks for mails that have been kept long enough."""

RELAY_RESTS_FOR = timedelta(seconds=15)
"""How long a relay that could not be used is left alone at first; twice as long each time it takes no letter."""

RELAY_RESTS_AT_MOST = timedelta(minutes=15)

_log = logging.getLogger("convenor")


class Heartbeat:
    """The jobs of one service. `trouble` is what a person should read, or nothing."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        self._parts, self._clock = parts, clock
        self._stop = Signal()
        self._idle, self._beating = Condition(), 0
        self._finding: Finding | None = None
        self._relay_rests_until: datetime | None = None
        self._troubles = 0
        self._said: set[str] = set()
        self.trouble = ""
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        beats = (
            (self.plan, TICK), (self.deliver, TICK), (self.look, LOOK), (self.settle, SETTLING),
            (self.forget, FORGETTING),
        )  # fmt: skip
        collector = self._parts.collector
        for job, seconds in (*beats, *([(self.collect, COLLECTING)] if collector else [])):
            self._scheduler.add_job(
                self._guarded(job), "interval", seconds=seconds, id=job.__name__, next_run_time=self._clock()
            )
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler.start()
        if collector:
            heard = self._guarded(self.collect)
            for mailbox in collector.mailboxes:
                Thread(target=mailbox.listen, args=(heard, self._stop), name="listener", daemon=True).start()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """It beats until the block ends."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Finish the letters whose dot is out, let the rest wait.

        The scheduler itself would wait with its locks held, and a beat that adds a wake-up would wait for those.
        """
        self._stop.set()
        with self._idle:
            self._idle.wait_for(lambda: not self._beating)
        self._scheduler.shutdown(wait=True)

    def plan(self) -> None:
        self._parts.service.recover(self._clock())
        next_due_at = self._parts.service.plan(self._clock())
        if next_due_at and not self._stop.is_set():
            self._scheduler.add_job(
                self._guarded(self.plan), "date", run_date=next_due_at, id="wake-up", replace_existing=True
            )

    def look(self) -> Finding:
        """Whether letters may leave from this database; none do while that cannot be known."""
        self._finding = None
        self._finding = self._parts.installation.beat(self._clock())
        return self._finding

    def deliver(self) -> None:
        finding = self._finding or self.look()
        if not finding.may_send:
            self.trouble = finding.told
            return
        if self._relay_rests_until and self._clock() < self._relay_rests_until:
            return
        done = self._parts.desk.work(self._stop)
        self.trouble = done.unreachable
        before = 0 if done.sent else self._troubles
        self._troubles = min(before + 1, 10) if done.unreachable else 0
        rests_for = (
            min(RELAY_RESTS_FOR * 2 ** (self._troubles - 1), RELAY_RESTS_AT_MOST) if self._troubles else None
        )
        self._relay_rests_until = self._clock() + rests_for if rests_for else None

    def settle(self) -> None:
        for trouble in self._parts.service.settle(self._clock()).troubles:
            self._say(trouble)

    def collect(self) -> None:
        """Take in what came; questions are passed on where letters may leave."""
        collector, forwarder = self._parts.collector, self._parts.forwarder
        if collector:
            for trouble in collector.collect(self._clock(), self._stop).troubles:
                self._say(trouble)
        if forwarder and (self._finding or self.look()).may_send:
            try:
                forwarder.forward(self._clock(), self._stop)
            except StoreError:
                raise
            except ConvenorError as error:
                self._say(str(error))

    def forget(self) -> None:
        """Let go of what people wrote, where it has been kept long enough."""
        with self._parts.database.writing() as transaction:
            incoming.forget(transaction, self._clock() - self._parts.settings.inbox_kept_for)

    def _say(self, trouble: str) -> None:
        """Tell of it once."""
        if trouble and trouble not in self._said:
            _log.warning("%s", trouble)
            self._said.add(trouble)

    def _guarded(self, job: Callable[[], object]) -> Callable[[], None]:
        """A database that is away for a moment ends this beat, not the heart; it is said once."""

        def beat() -> None:
            with self._idle:
                if self._stop.is_set():
                    return
                self._beating += 1
            try:
                job()
            except StoreError as error:
                if self.trouble != str(error):
                    _log.warning("%s", error)
                self.trouble = str(error)
            finally:
                with self._idle:
                    self._beating -= 1
                    self._idle.notify_all()

        return beat

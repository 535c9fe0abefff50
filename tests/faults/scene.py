"""One play by hand: a stage, the judge, a clock, and services that somebody starts, kills and starts again."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

from mailer.outbox import letters
from mailer.outbox.database import Database, open_database
from mailer.outbox.letter import LetterState
from mailer.outbox.letters import LetterRow
from tests.faults.campaign import SETTLES_WITHIN
from tests.faults.driven import Driven, Part, drive
from tests.faults.invariants import Findings, examine, open_letters
from tests.faults.receiver import Receiver, Rule, Seen, only
from tests.faults.stage import EVENT, Name, SharedClock, Stage, service_on

_TURNS = 20
_PATIENCE_FOR = 60.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """`url` is the database of this play alone."""

    stage: Stage
    judge: Receiver
    clock: SharedClock
    url: str

    def obey(self, *rules: Rule, seed: int = 0) -> None:
        """The judge's rules from now on; its log goes on."""
        self.judge.obey(self.judge.log, *rules, seed=seed)

    def begin(self, *, lines: int = 1, owner: str = "first", **given: Any) -> Driven:
        """A service whose carriers are hired, and which waits for `go`."""
        relay = self.judge.relay(lines)
        return drive(Part(url=self.url, clock=self.clock.path, relay=relay, owner=owner, **given))

    def play_out(self, *, wait_for: timedelta = SETTLES_WITHIN) -> None:
        """Start services that nobody disturbs until nothing can happen any more."""
        before = self.states()
        for number in range(_TURNS if before else 0):
            self.clock.advance(wait_for)
            service = self.begin(owner=f"later-{number}", lines=4)
            service.go()
            assert service.wait_for_all()
            states = self.states()
            if not states or (states == before and states.keys() == {LetterState.IN_DOUBT}):
                return
            before = states

    @contextmanager
    def database(self) -> Iterator[Database]:
        with closing(open_database(self.url, check=False)) as database:
            yield database

    def recover(self) -> None:
        with self.database() as database:
            service_on(database).recover(self.clock())

    def states(self) -> Counter[LetterState]:
        """Those letters that are neither sent nor failed."""
        with self.database() as database:
            return open_letters(database)

    def rows(self) -> list[LetterRow]:
        with self.database() as database, database.reading() as transaction:
            return letters.search(transaction, EVENT.key, limit=100_000)

    def findings(
        self, expected: Mapping[Name, str] | None = None, former: Mapping[Name, str] | None = None
    ) -> Findings:
        """What the invariants say, of the stage's letters or of those as they are expected meanwhile."""
        with self.database() as database:
            return examine(database, self.judge.saw(), expected or self.stage.expected, former=former)

    def seen(self, what: str) -> list[Seen]:
        return list(only(self.judge.saw(), what))

    def wait_until_seen(self, count: int, what: str = "kept") -> None:
        wait_until(lambda: len(self.seen(what)) >= count)


def wait_until(happens: Callable[[], object], within: float = _PATIENCE_FOR) -> None:
    """Look again and again; what other processes do cannot be waited for otherwise."""
    until = monotonic() + within
    while not happens():
        assert monotonic() < until, "it did not come"
        sleep(0.002)

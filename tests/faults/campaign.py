"""The campaign: services killed and frozen at random, started again until all is settled, and judged.

Each play begins with a fresh stage and ends when nothing can happen any more. All chance comes from one seed. What a
kill finds under way differs from run to run all the same, for the machine's speed does.
"""

import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from time import monotonic, sleep

from mailer.dispatch.desk import LEASE_FOR
from mailer.outbox.database import open_database
from mailer.outbox.letter import LetterState
from tests.faults.driven import Driven, Part, drive
from tests.faults.invariants import Findings, doubts_by_death, examine, open_letters
from tests.faults.receiver import Receiver, Rule
from tests.faults.stage import SharedClock, Stage, service_on

CONNECTIONS = 4
"""Lines of one service, over all its carriers."""

LETTERS_PER_CONNECTION = 50

KILLS_IN_A_PLAY = 8
_TURNS_IN_A_PLAY = 80

SETTLES_WITHIN = timedelta(minutes=3)
"""Evidence of a letter in doubt is waited for no longer."""

_PAST_THE_LEASES = LEASE_FOR + timedelta(seconds=1)
_NEXT_TRY_WITHIN = timedelta(hours=5)
_RIVALS_ARE_AWAITED_FOR = 1.5  # seconds: who was frozen may hold the database's lock


class Deed(StrEnum):
    SERVICE = "the service"
    EVERYTHING = "the service and its carriers"
    CARRIER = "one carrier"
    ONE_OF_TWO = "one of two services"
    FREEZE = "frozen past its leases"


DEEDS: dict[Deed, int] = {
    Deed.SERVICE: 4,
    Deed.EVERYTHING: 3,
    Deed.CARRIER: 3,
    Deed.ONE_OF_TWO: 3,
    Deed.FREEZE: 1,
}
"""What is done, and how often in comparison. All but the last are kills."""

TEMPERS: dict[str, tuple[Rule, ...]] = {
    "calm": (),
    "slow": (
        Rule(step="dot", act="wait", wait_for=0.004),
        Rule(step="RCPT", act="wait", wait_for=0.002, chance=0.5),
    ),
    "hostile": (
        *(
            Rule(step=step, act="drop", chance=0.004)
            for step in ("connect", "EHLO", "MAIL", "RCPT", "DATA", "354", "content", "dot", "kept")
        ),
        Rule(step="MAIL", act="reply", words="421 4.4.2 come back later", chance=0.01),
        Rule(step="RCPT", act="reply", words="451 4.2.2 the mailbox is full", chance=0.02),
        Rule(step="RCPT", act="reply", words="550 5.1.1 nobody of that name", chance=0.005),
        Rule(step="dot", act="reply", words="452 4.3.1 no room", chance=0.01),
        Rule(step="kept", act="wait", wait_for=0.01, chance=0.1),
    ),
}
"""How the server behaves, a play long."""


@dataclass(kw_only=True)
class Tally:
    """What a campaign has come to."""

    plays: int = 0
    letters: int = 0
    deeds: Counter[Deed] = field(default_factory=Counter)
    states: Counter[LetterState] = field(default_factory=Counter)
    lost: int = 0
    held_twice: int = 0
    repeated: int = 0
    altered: int = 0
    strangers: int = 0
    unsound: int = 0
    doubts: int = 0
    doubts_at_once: int = 0
    took_for: float = 0.0
    broken: list[tuple[str, str]] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.deeds.total() - self.deeds[Deed.FREEZE]

    @property
    def holds(self) -> bool:
        return not self.broken

    def add(self, play: str, found: Findings) -> None:
        self.plays += 1
        self.letters += found.letters
        self.states += found.states
        self.lost += found.lost
        self.held_twice += found.held_twice
        self.repeated += found.repeated
        self.altered += found.altered
        self.strangers += found.strangers
        self.unsound += not found.is_sound
        self.broken += [
            (promise, f"{play}: {said}") for promise, each in found.broken.items() for said in each
        ]


class Campaign:
    """`run` plays until there were so many kills; `tell` is told after each play."""

    def __init__(self, stage: Stage, receiver: Receiver, folder: Path, seed: int) -> None:
        self._stage, self._receiver, self._folder = stage, receiver, folder
        self._seed = seed
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._clock = SharedClock(folder / "clock")
        self._owners = 0
        self.tally = Tally()

    def run(self, kills: int, tell: Callable[[Tally], None] = lambda _: None) -> Tally:
        began = monotonic()
        self._whole_for = self._measure()
        while self.tally.kills < kills:
            self._play(min(KILLS_IN_A_PLAY, kills - self.tally.kills))
            self.tally.took_for = monotonic() - began
            tell(self.tally)
        return self.tally

    def _measure(self) -> float:
        """Seconds that a whole play takes where nothing goes wrong."""
        folder = self._set("measured", ())
        began = monotonic()
        (service,) = self._start(_url(folder), 1)
        service.wait_for_all()
        return monotonic() - began

    def _set(self, name: str, rules: Sequence[Rule]) -> Path:
        folder = self._folder / name
        self._stage.play(folder)
        self._receiver.obey(folder / "log", *rules, seed=self._seed + self.tally.plays)
        return folder

    def _start(self, url: str, count: int) -> list[Driven]:
        services = []
        for _ in range(count):
            self._owners += 1
            part = Part(
                url=url,
                clock=self._clock.path,
                relay=self._receiver.relay(CONNECTIONS, letters_per_connection=LETTERS_PER_CONNECTION),
                owner=f"service-{self._owners}",
                carriers=self._chance.choice((1, 1, 2)),
                uncorked=self._chance.choice((True, False)),
            )
            services.append(drive(part))
        for service in services:
            service.go()
        return services

    # ── one play ─────────────────────────────────────────────────────────────────────────────────────────────

    def _play(self, most: int) -> None:
        temper = self._chance.choice(tuple(TEMPERS))
        name = f"play {self.tally.plays}, {temper}"
        folder = self._set(f"play-{self.tally.plays}", TEMPERS[temper])
        url = _url(folder)
        left, doubted, is_open = most, 0, True
        before: Counter[LetterState] = Counter()
        for _ in range(_TURNS_IN_A_PLAY):
            is_disturbed = left > 0 and is_open and self._disturb(url)
            left -= is_disturbed
            if not (left and is_open):
                self._turn(url)
            self._clock.advance(_PAST_THE_LEASES)
            now, doubts = self._look(url)
            self._count(name, doubts - doubted)
            is_open = bool(now.keys() - {LetterState.IN_DOUBT})
            if not (is_disturbed or is_open) and now == before:
                break
            before, doubted = now, doubts
            self._clock.advance(_NEXT_TRY_WITHIN if now.keys() == {LetterState.DEFERRED} else SETTLES_WITHIN)
        self._judge(name, folder)

    def _turn(self, url: str) -> None:
        """A service that nobody disturbs."""
        (service,) = self._start(url, 1)
        service.wait_for_all()

    def _disturb(self, url: str) -> bool:
        """Start, wait for the moment, do the deed, and wait until all is quiet; whether there was time for it."""
        (deed,) = self._chance.choices(list(DEEDS), list(DEEDS.values()))
        services = self._start(url, 2 if deed is Deed.ONE_OF_TWO else 1)
        target = services[0]
        is_in_time = not self._is_done_within(target, self._chance.uniform(0, self._whole_for))
        if is_in_time:
            self.tally.deeds[deed] += 1
            self._do(deed, target, url)
        for service in services:
            service.wait_for_all()
        return is_in_time

    def _is_done_within(self, service: Driven, seconds: float) -> bool:
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0 and not service.is_done:
            service.listen(left)
        return service.is_done

    def _do(self, deed: Deed, target: Driven, url: str) -> None:
        match deed:
            case Deed.SERVICE | Deed.ONE_OF_TWO:
                target.kill()
            case Deed.EVERYTHING:
                target.kill_all()
            case Deed.CARRIER:
                target.kill_carrier(self._chance.randrange(len(target.carriers)))
            case Deed.FREEZE:
                self._freeze(target, url)

    def _freeze(self, target: Driven, url: str) -> None:
        """Its leases run out, another does its work, and then it wakes up."""
        target.tell_all(signal.SIGSTOP)
        sleep(0.01)
        self._clock.advance(_PAST_THE_LEASES)
        (rival,) = self._start(url, 1)
        rival.wait(_RIVALS_ARE_AWAITED_FOR)
        target.tell_all(signal.SIGCONT)
        rival.wait_for_all()

    # ── what came of it ──────────────────────────────────────────────────────────────────────────────────────

    def _look(self, url: str) -> tuple[Counter[LetterState], int]:
        """What is open, and how many letters came into doubt so far; those of the dead among them."""
        with closing(open_database(url, check=False)) as database:
            service_on(database).recover(self._clock())
            return open_letters(database), doubts_by_death(database)

    def _count(self, play: str, doubts: int) -> None:
        self.tally.doubts += doubts
        self.tally.doubts_at_once = max(self.tally.doubts_at_once, doubts)
        if doubts > CONNECTIONS:
            self.tally.broken.append(
                ("doubts", f"{play}: {doubts} letters in doubt, over {CONNECTIONS} lines")
            )

    def _judge(self, play: str, folder: Path) -> None:
        """What holds is not kept."""
        with closing(open_database(_url(folder), check=False)) as database:
            found = examine(database, self._receiver.saw(), self._stage.expected)
        self.tally.add(play, found)
        if not any(said.startswith(play) for _, said in self.tally.broken):
            shutil.rmtree(folder)


def _url(folder: Path) -> str:
    return f"sqlite:///{folder}/convenor.db"

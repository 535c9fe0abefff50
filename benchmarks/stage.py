"""What contenders find when they come on: a folder on the project's own disk, people, a published event.

Lists and databases are made once for each size; a turn gets a copy, so that each begins the same.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import crowd
from benchmarks.contest import Contender, ContenderError
from benchmarks.installing import HERE
from benchmarks.started import ROOT
from benchmarks.turns import Order

WARM = 200
"""Letters before the word is given, at most; where fewer are measured, a tenth of those."""

WORDS = HERE / "words"
_OWN_WORDS = {"convenor-own": ROOT / "templates"}
_PREPARED_FOR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A published event: its database's folder, when it was published (seconds since 1970), and how long that took."""

    folder: Path
    published_at: float
    took: float


@dataclass(frozen=True, kw_only=True)
class Stage:
    folder: Path
    _prepared: dict[int, Prepared] = field(default_factory=dict)

    def order(self, contender: Contender, letters: int, port: int, lines: int) -> Order:
        """What a contender is asked for; Convenor's has a fresh copy of its published event."""
        people, folder, warm = "", "", warm_for(letters)
        if contender.is_convenor:
            kept = self.prepared(letters)
            folder = str(self.fresh(kept))
        elif contender.is_personal:
            people = str(self._people(letters + warm))
        return Order(
            port=port,
            letters=letters,
            warm=warm,
            lines=lines,
            people=people,
            folder=folder,
            words=str(_OWN_WORDS.get(contender.key, WORDS)),
        )

    def prepared(self, letters: int) -> Prepared:
        """One mailing, due at once, for so many people, and a small one to warm up with."""
        if letters not in self._prepared:
            self._prepared[letters] = self.publish(letters, warm_for(letters), (0,))
        return self._prepared[letters]

    def publish(self, letters: int, warm: int, due_after: Sequence[int]) -> Prepared:
        """An event whose mailings are due so many seconds after its publication, in a process of its own.

        Raises:
            ContenderError: it could not be published.
        """
        folder = Path(tempfile.mkdtemp(prefix="published-", dir=self.folder))
        order = Order(port=1, letters=letters, warm=warm, lines=1, folder=str(folder), words=str(WORDS))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.convenor", "prepare", order.written(), *map(str, due_after)],
            cwd=ROOT, capture_output=True, text=True, timeout=_PREPARED_FOR, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ContenderError(f"nothing could be published: {done.stderr.strip()[-600:]}")
        return Prepared(folder=folder, **json.loads(done.stdout))

    def fresh(self, prepared: Prepared) -> Path:
        """A copy in the one place where copies are: the last one makes way."""
        place = self.folder / "turn"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(prepared.folder, place)
        return place

    def forget(self, letters: int) -> None:
        """A large database is not kept for nothing."""
        if found := self._prepared.pop(letters, None):
            shutil.rmtree(found.folder)

    def _people(self, count: int) -> Path:
        path = self.folder / f"people-{count}.jsonl"
        if not path.exists():
            crowd.write(path, count)
        return path


def warm_for(letters: int) -> int:
    return min(WARM, letters // 10)


@contextmanager
def open_stage() -> Iterator[Stage]:
    """On the disk the project is on, not in a memory that forgets: commits must cost what they cost."""
    (ROOT / "var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "var") as folder:
        yield Stage(folder=Path(folder))

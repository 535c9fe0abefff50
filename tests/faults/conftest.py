"""What a test of faults begins with: the judge and the stage for all of them, a play of its own for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.receiver import Receiver, open_receiver
from tests.faults.scene import Scene
from tests.faults.stage import SharedClock, Stage, build

READERS = 30


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with open_receiver() as opened:
        yield opened


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return build(tmp_path_factory.mktemp("stage"), READERS)


@pytest.fixture
def scene(receiver: Receiver, stage: Stage, tmp_path: Path) -> Iterator[Scene]:
    receiver.obey(tmp_path / "log")
    clock = SharedClock(tmp_path / "clock")
    url = f"sqlite:///{stage.play(tmp_path)}"
    yield Scene(stage=stage, judge=receiver, clock=clock, url=url)
    clock.close()

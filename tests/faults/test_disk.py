"""The disk fills, or the line to the database breaks, while letters leave (F9, F11): no dot without its intent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from mailer.dispatch.crew import InAThread
from mailer.errors import StoreError
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from tests.faults.driven import Mishap
from tests.faults.invariants import doubts_by_death
from tests.faults.scene import Scene
from tests.faults.stage import service_on

H, S = Happening, LetterState

LINES = 4
PAGES_LEFT = 1


@contextmanager
def nearly_full(database: Database) -> Iterator[None]:
    """The file may grow by a few pages yet, and SQLite itself says when there is no room."""
    with database.reading() as c:
        most = int(c.scalar(text("PRAGMA page_count")) or 0) + PAGES_LEFT

    def limit(c: Connection) -> None:
        cursor: Any = c.connection.cursor()
        cursor.execute(f"PRAGMA max_page_count = {most}")
        cursor.close()

    event.listen(database.engine, "begin", limit)
    try:
        yield
    finally:
        event.remove(database.engine, "begin", limit)
        database.close()


def test_a_disk_that_fills_while_letters_leave_stops_them_and_with_room_each_leaves_once(
    scene: Scene,
) -> None:
    with scene.database() as database:
        service = service_on(database)
        desk = service.desk(scene.judge.relay(LINES), scene.clock, InAThread)
        with nearly_full(database):
            with pytest.raises(StoreError, match="full"):
                desk.work()
            seen_when_full = len(scene.seen("dot"))
            with pytest.raises(StoreError, match="full"):
                desk.work()
        assert 0 < seen_when_full < len(scene.stage.expected)
        assert len(scene.seen("dot")) <= seen_when_full + LINES
        desk.work()
        desk.close()
    scene.play_out()

    found = scene.findings()
    assert found.broken == {}
    assert (found.states[S.SENT], found.repeated) == (found.letters, 0)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("happening", [H.INTENDED, H.ACCEPTED])
def test_a_commit_that_fails_or_only_seems_to_costs_no_letter_and_doubles_none(
    scene: Scene, happening: Happening, moment: str
) -> None:
    mishap = Mishap(happening=happening, moment=moment, deed="fail", passes=3)  # type: ignore[arg-type]
    service = scene.begin(lines=LINES, mishap=mishap)
    service.go()
    assert service.wait_for_all()
    assert service.is_done
    scene.play_out()

    found = scene.findings()
    assert found.broken == {}
    assert (found.states[S.SENT], found.repeated) == (found.letters, 0)
    with scene.database() as database:
        assert doubts_by_death(database) == 0

"""The terminal, as a person sees it: rendered at a width, read as text."""

import re
from datetime import timedelta
from threading import Event as Signal
from threading import Thread

import pytest
from rich.console import Console

from mailer import terminal
from mailer.errors import StoreError
from mailer.outbox.database import Database
from mailer.service import Service
from mailer.standing import Standing, standing
from tests.conference import EVENT, PUBLISHED_AT, RECIPIENTS
from tests.test_service import SENDER, TEXTS


@pytest.fixture
def stands(database: Database) -> Standing:
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    service.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    service.plan(PUBLISHED_AT)
    found = standing(database, EVENT.key, PUBLISHED_AT)
    assert found is not None
    return found


def test_the_timetable_shows_each_mailing_with_its_letters(stands: Standing) -> None:
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(terminal.timetable(stands, PUBLISHED_AT - timedelta(seconds=10)))
    lines = console.export_text().splitlines()

    assert re.search(r"mailing\s+due \(venue time\)\s+letters\s+sent\s+failed", lines[0])
    assert re.search(
        rf"▸\s+invitation\s+Mon 11 Jan 2027 09:00\s+in 10 s\s+{len(RECIPIENTS)}\s+0\s+0", lines[1]
    )
    assert re.search(r"·\s+practical .* ~5", "\n".join(lines))


def test_into_a_pipe_it_is_a_line_for_each_change(
    stands: Standing, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = Signal()
    looks = []

    def look(_: object) -> Standing:
        looks.append(1)
        if len(looks) == 2:
            stop.set()
        return stands

    thread = Thread(
        target=terminal.watch, args=(look, lambda: PUBLISHED_AT, stop),
        kwargs={"address": "", "trouble": lambda: "the relay is away"},
    )  # fmt: skip
    thread.start()
    thread.join(timeout=20)

    assert capsys.readouterr().out.splitlines() == [
        "08:00:00 the relay is away",
        f"08:00:00 invitation: 0 of {len(RECIPIENTS)} sent",
    ]


def test_a_database_that_is_away_does_not_end_it(
    stands: Standing, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = Signal()
    looks = []

    def look(_: object) -> Standing:
        looks.append(1)
        if len(looks) == 1:
            raise StoreError("the database is locked")
        stop.set()
        return stands

    terminal.watch(look, lambda: PUBLISHED_AT, stop, address="", trouble=lambda: "")

    assert len(looks) == 2
    assert "invitation: 0 of" in capsys.readouterr().out

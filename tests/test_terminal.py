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
from mailer.outbox.pauses import Pause
from mailer.outbox.schema import PausedBy
from mailer.outbox.slowdowns import Slowdown
from mailer.outlook import Outlook
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


def test_what_is_paused_and_when_the_rest_is_through_is_shown(stands: Standing) -> None:
    held = Pause(mailing="report", caused_by=PausedBy.PERSON, paused_at=PUBLISHED_AT, reason="")
    looks = Outlook(pauses=(held,), ends_at={"invitation": PUBLISHED_AT + timedelta(minutes=12)})
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(terminal.timetable(stands, PUBLISHED_AT, looks))
    text = console.export_text()

    assert re.search(r"▸\s+invitation .* through in 12 min", text)
    assert re.search(r"‖\s+report .* paused", text)
    assert re.search(r"·\s+practical .* in 57 days", text)


def test_what_holds_letters_up_is_a_line_each(stands: Standing, capsys: pytest.CaptureFixture[str]) -> None:
    looks = Outlook(
        pauses=(
            Pause(mailing="", caused_by=PausedBy.AUTH, paused_at=PUBLISHED_AT, reason="535 5.7.8 unknown"),
        ),
        slowdowns=(
            Slowdown(relay="smtp://m.example:25", per_minute=15, noted_at=PUBLISHED_AT, reason="421 slower"),
        ),
        put_off=(3, 1),
    )
    terminal.print_standing(stands, looks, PUBLISHED_AT)

    assert capsys.readouterr().out.splitlines()[-4:] == [
        "the event: paused, for the mail server does not know us, since Mon 11 Jan 2027 09:00: 535 5.7.8 unknown",
        "smtp://m.example:25 asked for fewer letters: 15 a minute. 421 slower",
        "3 letters put off for more than 4 hours",
        "1 letter put off for more than 24 hours",
    ]


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

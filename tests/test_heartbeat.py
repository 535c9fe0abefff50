"""The heart: it wakes at the due time, survives a database that is away, and leaves a dead relay alone."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import pytest

from mailer.delivery.relay import Relay
from mailer.dispatch.crew import InAThread
from mailer.errors import StoreError
from mailer.heartbeat import RELAY_RESTS_FOR, Heartbeat
from mailer.outbox import incoming
from mailer.outbox.database import open_database
from mailer.outbox.schema import IncomingState, database_identity
from mailer.parts import Parts, open_parts, utc_now
from mailer.settings import load
from tests.conference import EVENT, RECIPIENTS
from tests.inbox import mails
from tests.test_service import TEXTS


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    settings = load({}, root=tmp_path)
    database = open_database(settings.database_url)
    with open_parts(settings, database, EVENT.key, TEXTS, utc_now) as made:
        yield made
    database.close()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def soon(event_in: timedelta) -> object:
    """The conference, laid so that it starts `event_in` from now; its invitation is due when published."""
    shift = utc_now() + event_in - EVENT.starts_at
    sessions = tuple(
        s.model_copy(update={"starts_at": s.starts_at + shift, "ends_at": s.ends_at + shift})
        for s in EVENT.sessions
    )
    return EVENT.model_copy(update={"sessions": sessions})


def test_it_sends_what_is_due_and_stops_cleanly(parts: Parts) -> None:
    parts.service.publish(soon(timedelta(days=60)), RECIPIENTS, utc_now())  # type: ignore[arg-type]
    heart = Heartbeat(parts, utc_now)
    heart.start()
    assert parts.tray is not None
    wait_until(lambda: parts.tray.count() == len(RECIPIENTS))  # type: ignore[union-attr]
    heart.stop()

    assert heart.trouble == ""


def test_a_relay_that_is_away_is_left_alone_for_a_while_and_then_tried_again(parts: Parts) -> None:
    moment: list[datetime] = [utc_now()]
    parts.service.publish(soon(timedelta(days=60)), RECIPIENTS, moment[0])  # type: ignore[arg-type]
    parts.service.plan(moment[0] + timedelta(seconds=1))
    nowhere = parts.service.desk(Relay(host="127.0.0.1", port=9), lambda: moment[0], InAThread)
    heart = Heartbeat(replace(parts, desk=nowhere), lambda: moment[0])
    moment[0] += timedelta(seconds=2)
    heart.deliver()
    assert "127.0.0.1:9" in heart.trouble

    heart._parts = parts
    heart.deliver()
    assert parts.tray is not None
    assert parts.tray.count() == 0

    moment[0] += RELAY_RESTS_FOR
    heart.deliver()
    assert parts.tray.count() == len(RECIPIENTS)
    assert heart.trouble == ""


def test_a_beat_that_adds_a_wake_up_does_not_keep_it_from_stopping(parts: Parts) -> None:
    heart = Heartbeat(parts, utc_now)
    under_way, may_go_on = Signal(), Signal()

    def beat() -> None:
        under_way.set()
        may_go_on.wait(20)
        heart._scheduler.add_job(print, "date", run_date=utc_now() + timedelta(days=1))

    heart._scheduler.add_job(heart._guarded(beat))
    heart.start()
    assert under_way.wait(20)
    stopping = Thread(target=heart.stop, daemon=True)
    stopping.start()
    wait_until(heart._stop.is_set)
    time.sleep(0.2)  # until it waits for the beat
    may_go_on.set()
    stopping.join(20)

    assert not stopping.is_alive()


def test_a_database_that_is_away_ends_one_beat_and_is_said(parts: Parts) -> None:
    heart = Heartbeat(parts, utc_now)
    beats = []

    def beat() -> None:
        beats.append(1)
        raise StoreError("the database is locked")

    heart._guarded(beat)()
    heart._guarded(beat)()

    assert len(beats) == 2
    assert heart.trouble == "the database is locked"


def test_a_relay_that_fails_again_rests_twice_as_long(parts: Parts) -> None:
    moment: list[datetime] = [utc_now()]
    parts.service.publish(soon(timedelta(days=60)), RECIPIENTS, moment[0])  # type: ignore[arg-type]
    parts.service.plan(moment[0] + timedelta(seconds=1))
    nowhere = parts.service.desk(Relay(host="127.0.0.1", port=9), lambda: moment[0], InAThread)
    heart = Heartbeat(replace(parts, desk=nowhere), lambda: moment[0])
    moment[0] += timedelta(seconds=2)
    heart.deliver()
    moment[0] += RELAY_RESTS_FOR
    heart.deliver()

    heart._parts = parts
    assert parts.tray is not None
    moment[0] += RELAY_RESTS_FOR * 1.5
    heart.deliver()
    assert parts.tray.count() == 0
    moment[0] += RELAY_RESTS_FOR / 2
    heart.deliver()
    assert parts.tray.count() == len(RECIPIENTS)


def test_from_a_copy_of_the_database_nothing_leaves_until_a_person_says_so(parts: Parts) -> None:
    parts.service.publish(soon(timedelta(days=60)), RECIPIENTS, utc_now())  # type: ignore[arg-type]
    parts.service.plan(utc_now() + timedelta(seconds=1))
    parts.installation.beat(utc_now())
    with parts.database.writing() as transaction:
        transaction.execute(database_identity.update().values(place="elsewhere"))
    heart = Heartbeat(parts, lambda: utc_now() + timedelta(seconds=2))
    heart.deliver()
    assert parts.tray is not None
    assert parts.tray.count() == 0
    assert "is a copy" in heart.trouble

    parts.installation.take_over(utc_now())
    heart.look()
    heart.deliver()
    assert parts.tray.count() == len(RECIPIENTS)


def test_what_comes_back_is_taken_in_and_questions_are_passed_on(tmp_path: Path) -> None:
    for folder in ("new", "cur"):
        (tmp_path / "mail" / folder).mkdir(parents=True)
    told = {
        "CONVENOR_INBOX_URL": f"maildir:{tmp_path}/mail",
        "CONVENOR_QUESTIONS_TO": "help@conference.example",
    }
    settings = load(told, root=tmp_path)
    database = open_database(settings.database_url)
    with open_parts(settings, database, EVENT.key, TEXTS, utc_now) as made:
        made.service.publish(soon(timedelta(days=60)), (), utc_now())  # type: ignore[arg-type]
        question = mails.written(
            "ana@prosecution.example", "secretariat@conference.example", "Where", "is it?"
        )
        (tmp_path / "mail" / "new" / "1.mail.example").write_bytes(question)
        heart = Heartbeat(made, utc_now)
        heart.start()
        assert made.tray is not None
        wait_until(lambda: made.tray.count() == 1)  # type: ignore[union-attr]
        heart.stop()
    database.close()
    assert heart.trouble == ""


def test_a_mailbox_that_cannot_be_read_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = load({"CONVENOR_INBOX_URL": f"maildir:{tmp_path}/nowhere"}, root=tmp_path)
    database = open_database(settings.database_url)
    with open_parts(settings, database, EVENT.key, TEXTS, utc_now) as made:
        made.service.publish(soon(timedelta(days=60)), (), utc_now())  # type: ignore[arg-type]
        heart = Heartbeat(made, utc_now)
        heart.collect()
        heart.collect()
    database.close()
    assert [record.message for record in caplog.records if "cannot be read" in record.message] == [
        f"maildir:{tmp_path}/nowhere cannot be read: No such file or directory"
    ]


def test_what_people_wrote_is_kept_for_as_many_days_as_are_set(parts: Parts) -> None:
    received_at = utc_now()
    with parts.database.writing() as c:
        incoming.keep(c, "box", "1", b"Dear all", received_at)
        incoming.end(c, 1, IncomingState.SORTED, "a person wrote it")
    for days, octets in ((364, b"Dear all"), (366, b"")):
        moment = received_at + timedelta(days=days)
        Heartbeat(parts, lambda moment=moment: moment).forget()  # type: ignore[misc]
        with parts.database.reading() as c:
            found = incoming.one(c, 1)
        assert found
        assert found[1] == octets

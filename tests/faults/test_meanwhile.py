"""What people do while letters leave (F38, F39): those that have not left follow, or stop."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

import pytest

from mailer.dispatch.crew import InAThread
from mailer.errors import StoreError
from mailer.outbox import pauses, people
from mailer.outbox.database import Database
from mailer.outbox.letter import LetterState
from mailer.service import Service
from tests.faults.receiver import Rule
from tests.faults.scene import Scene, wait_until
from tests.faults.stage import EVENT, INVITATION, REMINDER, contents, readers, service_on

S = LetterState

LINES = 4
SLOWLY = Rule(step="dot", act="wait", wait_for=0.03)
SOON = 5.0
"""Seconds within which what was decided must be seen."""


@contextmanager
def letters_leaving(scene: Scene) -> Iterator[Service]:
    """Somebody else's service is at work, and some letters have left; at the end it has done all it can."""
    scene.obey(SLOWLY)
    with scene.database() as database, scene.database() as theirs:
        desk = service_on(theirs, "at-work").desk(scene.judge.relay(LINES), scene.clock, InAThread)
        work = threading.Thread(target=desk.work, daemon=True)
        work.start()
        try:
            scene.wait_until_seen(6)
            yield service_on(database, "meanwhile")
            work.join(30)
            assert not work.is_alive()
        finally:
            desk.close()


def test_letters_that_have_not_left_when_the_agenda_is_published_follow_it_within_seconds(
    scene: Scene,
) -> None:
    renamed = EVENT.model_copy(update={"title": "Another name for it"})
    with letters_leaving(scene) as service:
        service.publish(renamed, readers(len(scene.stage.expected) // 2), scene.clock())
        left_before, began = len(scene.seen("dot")), monotonic()
        expected = contents(service)
        new = set(expected.values()) - set(scene.stage.expected.values())
        wait_until(lambda: any(each.content in new for each in scene.seen("dot")))
        assert monotonic() - began < SOON
    scene.play_out()

    old = [each for each in scene.seen("dot") if each.content not in new]
    assert len(old) <= left_before + LINES
    found = scene.findings(expected=expected, former=scene.stage.expected)
    assert found.broken == {}
    assert (found.states[S.SENT], found.repeated) == (found.letters, 0)


def test_letters_of_a_mailing_that_is_dropped_stop_within_seconds(scene: Scene) -> None:
    without = EVENT.model_copy(update={"mailings": EVENT.mailings[:1]})
    with letters_leaving(scene) as service:
        service.publish(without, readers(len(scene.stage.expected) // 2), scene.clock())
        left = {(each.reader, REMINDER) for each in scene.seen("dot")}
    scene.play_out()

    reminded = [each for each in scene.seen("dot") if is_of(scene, each.content, REMINDER)]
    assert len(reminded) <= len(left) + LINES
    states = {(row.mailing, row.state) for row in scene.rows()}
    assert (REMINDER, S.WITHDRAWN) in states
    assert states <= {(INVITATION, S.SENT), (REMINDER, S.SENT), (REMINDER, S.WITHDRAWN)}


def is_of(scene: Scene, content: str, mailing: str) -> bool:
    return content in {digest for (_, key), digest in scene.stage.expected.items() if key == mailing}


def test_who_unsubscribes_while_letters_leave_is_sent_none_that_had_no_intent(scene: Scene) -> None:
    with letters_leaving(scene) as service:
        leaving = [row for row in scene.rows() if row.state in {S.WAITING, S.CLAIMED}][-3:]
        with service.database.writing() as transaction:
            stopped = sum(people.unsubscribe(transaction, row.recipient_id, scene.clock()) for row in leaving)
    scene.play_out()

    gone = {row.recipient.address for row in leaving}
    states = [row.state for row in scene.rows() if row.recipient.address in gone]
    assert states.count(S.SUPPRESSED) == stopped > 0
    assert len([each for each in scene.seen("dot") if each.reader in gone]) == len(states) - stopped
    assert scene.findings().broken == {}


def test_a_pause_stops_the_next_dots_within_seconds_and_nothing_is_lost_by_it(scene: Scene) -> None:
    with letters_leaving(scene) as service:
        hold(service.database, scene)
        dots = len(scene.seen("dot"))
    assert len(scene.seen("dot")) <= dots + LINES
    held = scene.states()
    assert held[S.WAITING] + held[S.DEFERRED] > 0

    with scene.database() as database, database.writing() as transaction:
        pauses.resume(transaction, EVENT.key)
    scene.play_out()
    found = scene.findings()
    assert found.broken == {}
    assert (found.states[S.SENT], found.repeated) == (found.letters, 0)


def hold(database: Database, scene: Scene) -> None:
    with database.writing() as transaction:
        pauses.pause(transaction, EVENT.key, pauses.EVERYTHING, "a moment", scene.clock())


def test_of_two_who_publish_what_they_saw_while_letters_leave_one_is_told(scene: Scene) -> None:
    everybody = readers(len(scene.stage.expected) // 2)
    with letters_leaving(scene) as service:
        with service.database.reading() as transaction:
            seen = 1, people.changed_at(transaction, EVENT.key)
        renamed = EVENT.model_copy(update={"title": "Another name for it"})
        service.publish(renamed, everybody, scene.clock(), seen=seen)
        other = EVENT.model_copy(update={"title": "A third name"})
        with pytest.raises(StoreError, match="somebody else has published"):
            service.publish(other, everybody, scene.clock() + timedelta(seconds=1), seen=seen)
        expected = contents(service)
    scene.play_out()

    found = scene.findings(expected=expected, former=scene.stage.expected)
    assert found.broken == {}
    assert found.states[S.SENT] == found.letters

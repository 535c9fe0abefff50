"""Mishaps at the desk: carriers that freeze or die asking, commits of which nobody knows, a letter nobody can write."""

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from mailer.delivery.outcome import Outcome
from mailer.delivery.relay import Relay
from mailer.delivery.tray import Tray, TrayServer
from mailer.dispatch import desk as desks
from mailer.dispatch.carrier import Carrier
from mailer.dispatch.crew import Hired, InAProcess, InAThread
from mailer.dispatch.desk import LEASE_FOR
from mailer.dispatch.orders import Order, Report, Route, hear, tell
from mailer.errors import StoreError
from mailer.outbox import pauses
from mailer.outbox.database import Database, Transaction
from mailer.outbox.letter import Happening, LetterState
from tests.conference import EVENT, PUBLISHED_AT
from tests.delivery.hostile import HostileServer, Talk, keep_silent
from tests.dispatch.floor import crowd, desk_of, over, rows, written

H, S = Happening, LetterState

SOON = 20.0
"""Seconds after which something that ought to end does not."""


@pytest.fixture
def tray(tmp_path: Path) -> Iterator[tuple[Tray, Relay]]:
    tray = Tray(tmp_path / "tray.db", durable=False)
    server = TrayServer(tray, clock=lambda: PUBLISHED_AT)
    yield tray, server.start()
    server.stop()


def copies(tray: Tray) -> set[int]:
    return set(Counter(letter.recipient for letter, _ in tray.everything()).values())


def test_a_line_whose_letter_was_withheld_is_opened_anew_and_the_rest_leaves(database: Database) -> None:
    """Published in the middle, the letters in hand are withheld; the same turn sends them as they are now."""
    service = written(database, 60)
    renamed = EVENT.model_copy(update={"mailings": EVENT.mailings[:1], "title": "Another name for it"})
    published = threading.Lock()

    def publish(talk: Talk) -> None:
        if talk.server.dots > 10 and published.acquire(blocking=False):
            replace(service, owner="other").publish(renamed, crowd(60), PUBLISHED_AT)
        talk.say(b"250 kept\r\n")

    with HostileServer({"dot": publish}) as server, desk_of(service, over(server.relay(), 4)) as desk:
        work = threading.Thread(target=desk.work, daemon=True)
        work.start()
        work.join(SOON)
        assert not work.is_alive()

    assert published.locked()
    assert {row.state for row in rows(service)} == {S.SENT}
    assert len(server.kept) == 60


def test_an_idle_carrier_that_froze_holds_no_stop_up(
    database: Database, tray: tuple[Tray, Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "FINISH_WITHIN", 0.2)
    monkeypatch.setattr(desks, "_GRACE", 0.5)
    service = written(database, 5)
    hired: list[InAProcess] = []

    def hire(route: Route) -> InAProcess:
        hired.append(InAProcess(route))
        return hired[-1]

    desk = service.desk(over(tray[1], 1), lambda: PUBLISHED_AT, hire)
    desk.work()
    os.kill(hired[0].process.pid, signal.SIGSTOP)
    closing = threading.Thread(target=desk.close, daemon=True)
    closing.start()
    closing.join(SOON)
    is_closed = not closing.is_alive()
    hired[0].process.kill()
    closing.join(SOON)

    assert is_closed
    assert {row.state for row in rows(service)} == {S.SENT}


class DiesAsking:
    """A carrier that asks for its first letter's intent, and is gone before it hears anything."""

    def __init__(self, route: Route) -> None:
        ours, theirs = socket.socketpair()
        self.channel, self.room = Connection(ours.detach()), route.room
        self.life = threading.Thread(target=self._live, args=(Connection(theirs.detach()),), daemon=True)
        self.life.start()

    def _live(self, channel: Connection) -> None:
        order = hear(channel)
        while not order.letters:
            order = hear(channel)
        tell(channel, Report(asked=((order.letters[0].key, "0" * 64),)))
        channel.close()

    def end(self, within: float) -> None:
        self.channel.close()


def test_what_a_carrier_asked_that_is_gone_is_not_written_down_and_nobody_is_in_doubt(
    database: Database, tray: tuple[Tray, Relay]
) -> None:
    service = written(database, 5)
    hired: list[Hired] = []

    def hire(route: Route) -> Hired:
        hired.append(InAThread(route) if hired else DiesAsking(route))
        return hired[-1]

    with desk_of(service, over(tray[1], 1), hire=hire) as desk:
        desk._turn(desk._listen(0.0))
        assert isinstance(hired[0], DiesAsking)
        hired[0].life.join(SOON)
        desk.work()
        assert {row.state for row in rows(service)} <= {S.WAITING, S.SENT}
        desk.work()

    assert {row.state for row in rows(service)} == {S.SENT}
    assert copies(tray[0]) == {1}


class EndsAsking(DiesAsking):
    """One that is told to go while it ends: it has given the letter back, and hears nothing more."""

    def __init__(self, route: Route) -> None:
        self.may_end = threading.Event()
        super().__init__(route)

    def _live(self, channel: Connection) -> None:
        order = hear(channel)
        while not order.letters:
            order = hear(channel)
        key = order.letters[0].key
        tell(channel, Report(asked=((key, "0" * 64),)))
        self.may_end.wait(SOON)
        put_off = Outcome(happening=H.PUT_OFF, reply="the line was closed", recipient_charged=False)
        tell(channel, Report(ended=((key, put_off),)))
        channel.close()


class Interrupted(Database):
    """Between a commit and what follows from it something happens."""

    meanwhile: Callable[[], None]

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with Database.writing(self) as transaction:
            yield transaction
        self.meanwhile()


def test_the_last_words_of_a_carrier_that_ended_before_it_was_answered_are_heard(
    database: Database, tray: tuple[Tray, Relay]
) -> None:
    """It gave the letter back, so nobody is in doubt."""
    service = written(database, 5)
    hired: list[Hired] = []
    commits = iter(range(1, 1000))

    def hire(route: Route) -> Hired:
        hired.append(InAThread(route) if hired else EndsAsking(route))
        return hired[-1]

    def end_after_the_intent() -> None:
        if next(commits) == 2 and isinstance(hired[0], EndsAsking):
            hired[0].may_end.set()
            hired[0].life.join(SOON)

    interrupted = Interrupted(engine=database.engine)
    object.__setattr__(interrupted, "meanwhile", end_after_the_intent)
    with desk_of(replace(service, database=interrupted), over(tray[1], 1), hire=hire) as desk:
        for _ in range(2):
            desk._turn(desk._listen(0.5))
        for _ in range(2):
            desk.work()

    assert Counter(row.state for row in rows(service)) == {S.SENT: 4, S.DEFERRED: 1}
    assert copies(tray[0]) == {1}


class Forgetful(Database):
    """Of its commits one is kept, and said to have failed: which, is in `left`."""

    left: list[int]

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with Database.writing(self) as transaction:
            yield transaction
        self.left[0] -= 1
        if self.left[0] == 0:
            raise StoreError("the line to the database broke during the commit")


@pytest.mark.parametrize("which", range(1, 7))
def test_whichever_commit_was_kept_and_said_to_have_failed_each_letter_leaves_once(
    database: Database, tray: tuple[Tray, Relay], which: int
) -> None:
    """Intents, outcomes, and claims: letters that the desk does not know are its own come back by their leases."""
    service = written(database, 40)
    forgetful = Forgetful(engine=database.engine)
    object.__setattr__(forgetful, "left", [which])
    now, failed = PUBLISHED_AT, 0
    with desk_of(replace(service, database=forgetful), over(tray[1], 2), clock=lambda: now) as desk:
        for _ in range(3):
            try:
                desk.work()
            except StoreError:
                failed += 1
                desk.work()
            now += LEASE_FOR + timedelta(minutes=2)
            service.recover(now)

    assert failed <= 1
    assert {row.state for row in rows(service)} == {S.SENT}
    assert copies(tray[0]) == {1}


@pytest.mark.parametrize("which", ["min", "max"])
def test_a_letter_that_cannot_be_written_whatever_the_reason_keeps_no_other_from_leaving(
    database: Database, tray: tuple[Tray, Relay], which: str
) -> None:
    """Neither as the first, which is composed alone, nor among those that are composed together."""
    service = written(database, 20)
    with database.writing() as transaction:
        transaction.execute(
            text(
                "UPDATE recipient_revision SET document = replace(document, :sound, :unsound) "  # noqa: S608
                f"WHERE recipient_id = (SELECT {which}(recipient_id) FROM recipient_revision)"
            ),
            {"sound": '"timezone":"Europe/Ljubljana"', "unsound": '"timezone":17'},
        )
    with desk_of(service, over(tray[1], 2)) as desk:
        work = threading.Thread(target=desk.work, daemon=True)
        work.start()
        work.join(SOON)
        assert not work.is_alive()

    with database.reading() as transaction:
        found = transaction.execute(
            text("SELECT state, count(*), max(reply) FROM letter GROUP BY state")
        ).all()
    counted = {state: (count, reply) for state, count, reply in found}
    assert counted["sent"][0] == 19
    assert counted["deferred"][0] == 1
    assert counted["deferred"][1].startswith("not composed: ")


def test_whatever_goes_wrong_in_a_commit_leaves_no_line_waiting_for_its_answer(
    database: Database, tray: tuple[Tray, Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, looks, held = written(database, 40), list[None](), pauses.held

    def fail_once(*asked: Any) -> frozenset[str]:
        looks.append(None)
        if len(looks) == 4:
            raise RuntimeError("a mistake of our own")
        return held(*asked)

    monkeypatch.setattr(pauses, "held", fail_once)
    with desk_of(service, over(tray[1], 4)) as desk:
        with pytest.raises(RuntimeError, match="of our own"):
            desk.work()
        work = threading.Thread(target=desk.work, daemon=True)
        work.start()
        work.join(SOON)
        assert not work.is_alive()

    assert {row.state for row in rows(service)} == {S.SENT}
    assert copies(tray[0]) == {1}


def test_a_carrier_that_is_told_to_finish_is_called_about_nothing_that_comes_then(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that nobody reads any more would wake its loop without end, as long as a dot waits for its reply."""
    calls, told, hired = list[None](), threading.Event(), list[InAThread]()
    hear_more, finish = getattr(Carrier, "_hear"), getattr(Carrier, "_finish")  # noqa: B009 - to count them

    def counted(carrier: Carrier) -> None:
        calls.append(None)
        hear_more(carrier)

    def finishing(carrier: Carrier, within: float | None) -> None:
        finish(carrier, within)
        told.set()

    def hire(route: Route) -> InAThread:
        hired.append(InAThread(route))
        return hired[-1]

    monkeypatch.setattr(Carrier, "_hear", counted)
    monkeypatch.setattr(Carrier, "_finish", finishing)
    monkeypatch.setattr(desks, "FINISH_WITHIN", 0.5)
    service, stop = written(database, 1), threading.Event()
    with (
        HostileServer({"dot": keep_silent}) as server,
        desk_of(service, over(server.relay(), 1), hire=hire) as desk,
    ):
        work = threading.Thread(target=desk.work, args=[stop], daemon=True)
        work.start()
        while not server.dots:
            work.join(0.01)
        stop.set()
        assert told.wait(SOON)
        tell(hired[0].channel, Order())
        work.join(SOON)

    assert 0 < len(calls) < 100

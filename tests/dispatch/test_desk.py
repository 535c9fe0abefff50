"""The desk: intents before dots, one commit for many lines, carriers that die, a database that goes away."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from multiprocessing.connection import Connection, wait
from pathlib import Path

import pytest

from mailer.agenda.attaching import HandedIn, attach, contents_of
from mailer.delivery.profiles import Limit
from mailer.delivery.relay import Relay
from mailer.delivery.tray import Tray, TrayServer
from mailer.dispatch import carrier as carriers
from mailer.dispatch import desk as desks
from mailer.dispatch.carrier import COMPOSED_BYTES, COURTESY, Carrier
from mailer.dispatch.crew import InAProcess, InAThread
from mailer.dispatch.desk import LEASE_FOR
from mailer.dispatch.hand import Hand
from mailer.dispatch.orders import Order, Report, Route, hear, tell
from mailer.errors import StoreError
from mailer.outbox import claims, letters
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.service import Service
from tests.conference import EVENT, PUBLISHED_AT
from tests.delivery.hostile import (
    EXTENSIONS,
    Act,
    HostileServer,
    Talk,
    hang_up,
    keep_and_hang_up,
    keep_silent,
    say,
    say_and_hang_up,
)
from tests.dispatch.floor import (
    SENDER,
    TEXTS,
    counted_commits,
    crowd,
    desk_of,
    over,
    rows,
    written,
    written_to,
)

S, H = LetterState, Happening


@pytest.fixture
def tray(tmp_path: Path) -> Iterator[tuple[Tray, Relay]]:
    tray = Tray(tmp_path / "tray.db", durable=False)
    server = TrayServer(tray, clock=lambda: PUBLISHED_AT)
    yield tray, server.start()
    server.stop()


def test_every_letter_leaves_once_over_many_lines(database: Database, tray: tuple[Tray, Relay]) -> None:
    service = written(database, 60)
    with desk_of(service, over(tray[1], 8)) as desk:
        done = desk.work()

    assert (done.sent, done.put_off, done.failed, done.unreachable) == (60, 0, 0, "")
    assert set(Counter(letter.recipient for letter, _ in tray[0].everything()).values()) == {1}
    assert {row.state for row in rows(service)} == {S.SENT}


def test_a_server_that_reports_deliveries_is_told_what_to_call_the_letter(database: Database) -> None:
    """RFC 3461 4.4: what comes back then names the letter by its Message-ID."""
    service = written(database, 1)
    with (
        HostileServer(extensions=(*EXTENSIONS, "DSN")) as server,
        desk_of(service, over(server.relay(), 1)) as desk,
    ):
        desk.work()

    (letter,) = server.kept
    message_id = message_from_bytes(letter)["Message-ID"]
    assert f" ENVID={message_id[1:].partition('@')[0]}\r\n".encode() in server.in_clear
    assert b" ORCPT=rfc822;" in server.in_clear


class Played:
    """A carrier whose part the test plays."""

    def __init__(self, room: int) -> None:
        ours, theirs = socket.socketpair()
        self.room, self.channel, self.mine = room, Connection(ours.detach()), Connection(theirs.detach())

    def end(self, within: float) -> None:
        self.channel.close()


def test_whoever_asks_under_a_claim_that_ran_out_is_not_told_go_for_anothers_letter(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ask at once: the answer is for the claim, not for the letter."""
    at_once = threading.Event()
    monkeypatch.setattr(desks, "wait", lambda *asked: r if len(r := wait(*asked)) > at_once.is_set() else [])
    service, now = written(database, 1), [PUBLISHED_AT]
    first, second = played = [Played(1), Played(0)]
    cast, stop = iter(played), threading.Event()
    relay = Relay(host="mx.example", port=25)
    with desk_of(service, relay, hire=lambda _: next(cast), carriers=2, clock=lambda: now[0]) as desk:
        work = threading.Thread(target=desk.work, args=[stop], daemon=True)
        work.start()
        (before,) = hear(first.mine).letters
        now[0] += LEASE_FOR
        service.recover(now[0])
        tell(second.mine, Report(wants=1))
        (again,) = hear(second.mine).letters
        at_once.set()
        for each, letter in ((first, before), (second, again)):
            tell(each.mine, Report(asked=((letter.key, "0" * 64),)))
        answers = [hear(each.mine) for each in played]
        at_once.clear()
        stop.set()
        for each in played:
            each.mine.close()
        work.join(LEASE_FOR.seconds)

    assert (answers[0].go, answers[0].withhold) == ((), (before.key,))
    assert (answers[1].go, answers[1].withhold) == ((again.key,), ())


def test_what_leaves_is_what_the_preview_shows(database: Database, tray: tuple[Tray, Relay]) -> None:
    service = written(database, 3)
    with desk_of(service, tray[1]) as desk:
        desk.work()

    previews = {composed.message_id: composed.raw for composed in map(service.compose, rows(service))}
    assert {letter.message_id: raw for letter, raw in tray[0].everything()} == previews


def test_no_dot_leaves_before_its_intent_is_durable(database: Database) -> None:
    service = written(database, 1)
    seen: list[LetterState] = []

    def look(talk: Talk) -> None:
        seen.append(rows(service)[0].state)
        talk.say(b"250 OK\r\n")

    with HostileServer({"dot": look}) as server, desk_of(service, over(server.relay(), 1)) as desk:
        desk.work()

    assert seen == [S.LEAVING]


def test_many_lines_share_a_commit(database: Database, tray: tuple[Tray, Relay]) -> None:
    service = written(database, 200)
    with desk_of(service, over(tray[1], 40)) as desk, counted_commits(database) as commits:
        desk.work()

    assert (
        commits[0] < 2 * 200
    )  # of its own, each letter would need one for the intent and one for the outcome


def test_a_carrier_that_is_killed_leaves_at_most_one_doubt_a_line_and_the_others_go_on(
    database: Database, tray: tuple[Tray, Relay]
) -> None:
    service = written(database, 200)
    lines = 4
    first: list[InAProcess] = []

    class Killed(InAProcess):
        def __init__(self, route: Route) -> None:
            super().__init__(route)
            if not first:
                first.append(self)

    with desk_of(service, over(tray[1], 2 * lines), hire=Killed, carriers=2) as desk:
        with done_after(tray[0], 20, lambda: os.kill(first[0].process.pid, signal.SIGKILL)):
            desk.work()
        done = Counter(row.state for row in rows(service))

    assert done[S.SENT] + done[S.IN_DOUBT] == 200
    assert done[S.IN_DOUBT] <= lines
    assert set(Counter(letter.recipient for letter, _ in tray[0].everything()).values()) == {1}


@contextmanager
def done_after(tray: Tray, letters: int, do: Callable[[], None]) -> Iterator[None]:
    """Do something as soon as so many letters have been kept."""
    keep = tray.keep

    def counting(*args: object, **facts: object) -> int:
        number = keep(*args, **facts)  # type: ignore[arg-type]
        if number == letters:
            do()
        return number

    tray.keep = counting  # type: ignore[method-assign]
    yield


def test_carriers_give_way_to_whoever_looks_at_a_page(database: Database, tray: tuple[Tray, Relay]) -> None:
    service = written(database, 20)
    hired: list[InAProcess] = []
    courtesies: list[int] = []

    def hire(route: Route) -> InAProcess:
        hired.append(InAProcess(route))
        return hired[0]

    def look() -> None:
        courtesies.append(os.getpriority(os.PRIO_PROCESS, hired[0].process.pid))

    with desk_of(service, over(tray[1], 2), hire=hire) as desk, done_after(tray[0], 1, look):
        desk.work()

    assert courtesies == [min(os.getpriority(os.PRIO_PROCESS, 0) + COURTESY, 19)]


def test_a_carrier_that_does_not_start_is_trouble_and_not_started_for_ever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = written(database, 3)
    started: list[Route] = []

    def stillborn(route: Route) -> InAThread:
        started.append(route)
        hired = InAThread(route)
        hired.end(5)
        return hired

    monkeypatch.setattr("mailer.dispatch.crew.carry", lambda channel, route: channel.close())
    with desk_of(service, Relay(host="127.0.0.1", port=9), hire=InAThread) as desk:
        done = desk.work()

    assert done.kind == "carrier"
    assert {row.state for row in rows(service)} == {S.WAITING}


def test_without_a_database_no_dot_leaves_and_afterwards_each_letter_leaves_once(
    database: Database, tray: tuple[Tray, Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = written(database, 30)
    with desk_of(service, over(tray[1], 4)) as desk:
        with monkeypatch.context() as patched:
            patched.setattr(claims, "happen", no_space)
            with pytest.raises(StoreError, match="disk"):
                desk.work()
        assert tray[0].count() == 0
        later = PUBLISHED_AT + LEASE_FOR
        desk._clock = lambda: later
        service.recover(later)
        desk.work()

    assert {row.state for row in rows(service)} == {S.SENT}
    assert set(Counter(letter.recipient for letter, _ in tray[0].everything()).values()) == {1}


def no_space(*_: object) -> list[int]:
    raise StoreError("the disk is full")


def test_a_reply_that_is_lost_after_the_dot_leaves_a_doubt_and_trouble(database: Database) -> None:
    service = written(database, 5)
    with (
        HostileServer({"dot": keep_and_hang_up}) as server,
        desk_of(service, over(server.relay(), 1)) as desk,
    ):
        done = desk.work()

    assert done.unreachable
    assert Counter(row.state for row in rows(service)) == {S.IN_DOUBT: 1, S.WAITING: 4}
    assert len(server.kept) == 1


def test_a_relay_that_hangs_up_before_the_content_charges_nobody(database: Database) -> None:
    service = written(database, 5)
    with HostileServer({"MAIL": hang_up}) as server, desk_of(service, over(server.relay(), 2)) as desk:
        done = desk.work()

    assert done.unreachable
    assert {row.state for row in rows(service)} <= {S.WAITING, S.DEFERRED}
    assert {row.attempts for row in rows(service)} == {0}
    assert server.kept == []


def test_a_relay_that_is_back_is_used_again_whatever_was_said_of_it_before(database: Database) -> None:
    service = written(database, 40)
    script: dict[str, Act] = {"connect": say_and_hang_up(b"421 4.3.2 not now\r\n")}
    with HostileServer(script) as server, desk_of(service, over(server.relay(), 8)) as desk:
        assert desk.work().unreachable
        time.sleep(0.3)  # the other lines fail as well, and are heard of when nobody listens
        script.clear()
        done = desk.work()

    assert (done.sent, done.unreachable) == (40, "")


def test_a_server_that_takes_few_connections_is_content_with_those(database: Database) -> None:
    """The others are refused before the first letter leaves, and are no reason to leave the server alone."""
    service, admitted = written(database, 60), threading.Semaphore(3)

    def admit(talk: Talk) -> None:
        if not admitted.acquire(blocking=False):
            say_and_hang_up(b"421 4.7.0 too many connections\r\n")(talk)
        talk.say(b"220 mx.example\r\n")

    with HostileServer({"connect": admit}) as server, desk_of(service, over(server.relay(), 12)) as desk:
        done = desk.work()

    assert (done.sent, done.unreachable) == (60, "")


def test_a_line_that_has_carried_its_share_says_goodbye_and_another_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "QUIET_FOR", 3600)  # or it would be closed for its rest
    service, stop = written(database, 25), threading.Event()
    in_vain = threading.Timer(10, stop.set)
    in_vain.start()
    with HostileServer() as server:
        relay = over(server.relay(), 1)
        relay = replace(relay, profile=replace(relay.profile, letters_per_connection=10))
        with desk_of(service, relay) as desk:
            done = desk.work(stop)
    in_vain.cancel()

    assert (done.sent, done.put_off) == (25, 0)
    conversations = [line.split()[0] for line in server.commands if line[:4] in {"EHLO", "QUIT"}]
    assert conversations == ["EHLO", "QUIT"] * 3


def test_a_line_that_has_had_no_letter_for_a_while_says_goodbye(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "QUIET_FOR", 0.05)
    service = written(database, 1)
    with HostileServer() as server, desk_of(service, over(server.relay(), 1)) as desk:
        desk.work()
        for _ in range(100):
            if "QUIT" not in server.commands:
                time.sleep(0.05)
        assert server.commands[-1] == "QUIT"


def test_a_refused_reader_fails_and_the_others_get_theirs(database: Database) -> None:
    service = written(database, 3)
    refusals = iter([b"550 5.1.1 no such user\r\n"])

    def answer(talk: Talk) -> None:
        say(next(refusals, b"250 OK\r\n"))(talk)

    script = {"RCPT": answer}
    with HostileServer(script) as server, desk_of(service, over(server.relay(), 1)) as desk:
        done = desk.work()

    assert (done.sent, done.failed) == (2, 1)
    (failed,) = rows(service, S.FAILED)
    assert failed.reply.startswith("550 5.1.1")


def test_a_letter_is_given_up_after_five_days(database: Database) -> None:
    service = written(database, 1)
    now = PUBLISHED_AT
    with (
        HostileServer({"RCPT": say(b"451 4.2.2 full\r\n")}) as server,
        desk_of(service, over(server.relay(), 1), clock=lambda: now) as desk,
    ):
        desk.work()
        now += timedelta(days=5)
        desk.work()

    (failed,) = rows(service)
    assert (failed.state, failed.reply) == (S.FAILED, "given up: 451 4.2.2 full")


def test_a_desk_that_closes_waits_for_no_mute_server(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reply to a dot is waited for a while; then the letter is in doubt, and the others wait."""
    monkeypatch.setattr(desks, "FINISH_WITHIN", 0.2)
    service = written(database, 20)
    stop = threading.Event()

    def be_mute(talk: Talk) -> None:
        stop.set()
        keep_silent(talk)

    with HostileServer({"dot": be_mute}) as server:
        with desk_of(service, over(server.relay(), 1)) as desk:
            desk.work(stop)
        states = Counter(row.state for row in rows(service))

    assert states == {S.IN_DOUBT: 1, S.WAITING: 19}


def sharing(relay: Relay, letters: int, seconds: float) -> Relay:
    """The relay with a limit for each domain."""
    profile = replace(relay.profile, per_domain=Limit(letters=letters, seconds=seconds))
    return replace(relay, profile=profile)


def readers(server: HostileServer) -> list[str]:
    """Whom letters came for, in the order in which they came."""
    return [line.partition("<")[2].partition(">")[0] for line in server.commands if line[:4] == "RCPT"]


def test_a_domain_that_has_had_its_share_waits_and_holds_up_nobody_else(database: Database) -> None:
    """Two at once, and one more every 36 seconds; the others' letters are behind those that wait."""
    many, few = crowd(40), crowd(2, "court.example")
    service = written_to(database, (*many, *few))
    now = PUBLISHED_AT
    with (
        HostileServer() as server,
        desk_of(service, sharing(over(server.relay(), 2), 100, 3600.0), clock=lambda: now) as desk,
    ):
        first = desk.work()
        assert (first.sent, first.put_off, first.unreachable) == (4, 0, "")
        assert {*readers(server)} == {each.address for each in (*many[:2], *few)}
        waiting = rows(service, S.WAITING)
        assert [row.recipient.address for row in waiting] == [each.address for each in many[2:]]
        with database.reading() as transaction:
            assert [letters.history(transaction, row.id) for row in waiting] == [[]] * 38

        now += timedelta(seconds=37)
        assert desk.work().sent == 1
        now += timedelta(hours=1)
        assert desk.work().sent == 2

    assert readers(server)[4] == many[2].address
    assert {*readers(server)[5:]} == {each.address for each in many[3:5]}


def test_a_domains_next_letter_is_waited_for_if_it_may_leave_soon(database: Database) -> None:
    many, other = crowd(3), crowd(1, "court.example")
    service = written_to(database, (*many, *other))
    began, came = time.monotonic(), list[float]()

    def note(talk: Talk) -> None:
        came.append(time.monotonic() - began)
        talk.say(b"250 OK\r\n")

    with (
        HostileServer({"dot": note}) as server,
        desk_of(
            service,
            sharing(over(server.relay(), 1), 98, 60.0),
            clock=lambda: PUBLISHED_AT + timedelta(seconds=time.monotonic() - began),
        ) as desk,
    ):
        assert desk.work().sent == 4

    assert readers(server) == [each.address for each in (many[0], *other, *many[1:])]
    assert came[3] - came[0] > 1


def test_the_history_of_a_sent_letter_says_through_what_it_left(
    database: Database, tray: tuple[Tray, Relay]
) -> None:
    service = written(database, 1)
    with desk_of(service, tray[1]) as desk:
        desk.work()

    (row,) = rows(service)
    with database.reading() as transaction:
        told = [(each.happening, each.note) for each in letters.history(transaction, row.id)]
    assert told == [(H.INTENDED, str(tray[1])), (H.ACCEPTED, row.reply)]


def test_a_carrier_is_told_a_file_once_and_composes_no_more_than_it_can_hold(
    database: Database, tray: tuple[Tray, Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content of a file crosses to each carrier once, and is read from the database for that alone."""
    file = HandedIn(given="programme.pdf", content=os.urandom(1_500_000))
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    event = attach(EVENT.model_copy(update={"mailings": EVENT.mailings[:1]}), "invitation", [file])
    service.publish(event, crowd(30), PUBLISHED_AT, contents=contents_of([file]))
    service.plan(PUBLISHED_AT)
    told: list[Order] = []
    most: list[int] = []
    real_tell, real_compose = Hand.tell, Carrier._compose

    def heard(hand: Hand, order: Order) -> None:
        told.append(order)
        real_tell(hand, order)

    def composed(carrier: Carrier) -> None:
        real_compose(carrier)
        most.append(sum(len(each.content) for each in carrier._composed))

    monkeypatch.setattr(Hand, "tell", heard)
    monkeypatch.setattr(Carrier, "_compose", composed)
    with desk_of(service, over(tray[1], 1), carriers=2) as desk:
        assert desk.work().sent == 30
        renamed = event.model_copy(update={"title": "The same file in another version"})
        service.publish(renamed, crowd(36), PUBLISHED_AT)
        service.plan(PUBLISHED_AT)
        assert desk.work().sent == 6

    assert sum(bool(order.letters) for order in told) > 2
    carried = [order.contents for order in told if order.contents]
    assert carried == [{digest: file.content} for digest in contents_of([file]) for _ in carried]
    assert 1 <= len(carried) <= 2
    assert max(most) < COMPOSED_BYTES + 2_200_000
    for _, raw in tray[0].everything():
        (content,) = (
            part.get_payload(decode=True)
            for part in message_from_bytes(raw).walk()
            if part.get_filename() == "programme.pdf"
        )
        assert content == file.content


def test_a_carrier_in_a_process_has_the_file_too(database: Database, tray: tuple[Tray, Relay]) -> None:
    file = HandedIn(given="programme.pdf", content=os.urandom(6_000_000))
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    event = attach(EVENT.model_copy(update={"mailings": EVENT.mailings[:1]}), "invitation", [file])
    service.publish(event, crowd(3), PUBLISHED_AT, contents=contents_of([file]))
    service.plan(PUBLISHED_AT)
    with desk_of(service, over(tray[1], 1), hire=InAProcess) as desk:
        assert desk.work().sent == 3

    (row, *_) = rows(service)
    assert service.compose(row).raw in {raw for _, raw in tray[0].everything()}

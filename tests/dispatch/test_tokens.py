"""Access tokens at the desk: carriers sign in with the one that holds now; one that is refused is replaced, or told of
to a person, once. The token endpoint and the mail server are real, the clock is ours.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailer.delivery.oauth import TokenSource
from mailer.delivery.relay import Relay
from mailer.dispatch.crew import InAProcess
from mailer.dispatch.desk import Desk
from mailer.dispatch.orders import Route
from mailer.outbox import pauses
from mailer.outbox.database import Database
from mailer.outbox.letter import LetterState
from mailer.outbox.pauses import Pause
from mailer.outbox.schema import PausedBy
from mailer.service import Service
from tests.conference import EVENT, PUBLISHED_AT
from tests.delivery.certificates import Authority
from tests.delivery.hostile import EXTENSIONS, HostileServer, Talk
from tests.delivery.token_server import TokenServer, serving
from tests.dispatch.floor import desk_of, over, rows, written

S = LetterState
MAILBOX = "secretariat@conference.example"
REFUSAL = "535 5.7.3 Authentication unsuccessful"


@dataclass
class Office:
    """An endpoint, a mail server that takes the tokens it is told to take, and the hands of the clock."""

    endpoint: TokenServer
    authority: Authority
    mail: HostileServer
    taken: set[str]
    now: datetime = PUBLISHED_AT

    def relay(self, lines: int = 1, *, letters_per_connection: int = 1000) -> Relay:
        relay = over(self.mail.relay(user=MAILBOX), lines)
        profile = replace(relay.profile, letters_per_connection=letters_per_connection)
        return replace(relay, profile=profile)

    @contextmanager
    def desk(self, service: Service, relay: Relay) -> Iterator[Desk]:
        with desk_of(service, relay, clock=lambda: self.now, tokens=self.tokens()) as desk:
            yield desk

    def tokens(self) -> TokenSource:
        return TokenSource(
            endpoint=self.endpoint.url, client_id="convenor", refresh_token="first", clock=lambda: self.now,
            tls=self.authority.client(),
        )  # fmt: skip

    def signed_in_with(self) -> list[str]:
        assert {user for user, _ in self.mail.logins} <= {MAILBOX}
        return [token for _, token in self.mail.logins]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("no_proxy", "*")
    authority, taken = Authority(tmp_path), {"one", "two"}

    def admit(talk: Talk) -> None:
        _, token = talk.server.logins[-1]
        talk.say(b"235 2.7.0 welcome\r\n" if token in taken else f"{REFUSAL}\r\n".encode())

    with (
        serving(authority) as endpoint,
        HostileServer({"AUTH": admit}, extensions=(*EXTENSIONS, "AUTH XOAUTH2")) as mail,
    ):
        endpoint.gives("one")
        yield Office(endpoint=endpoint, authority=authority, mail=mail, taken=taken)


def paused(service: Service) -> list[Pause]:
    with service.database.reading() as transaction:
        return pauses.paused(transaction, EVENT.key)


def resume(service: Service) -> None:
    with service.database.writing() as transaction:
        pauses.resume(transaction, EVENT.key)


def test_every_line_signs_in_with_the_token(database: Database, office: Office) -> None:
    service = written(database, 12)
    with office.desk(service, office.relay(3)) as desk:
        done = desk.work()

    assert (done.sent, done.unreachable) == (12, "")
    assert set(office.signed_in_with()) == {"one"}
    assert len(office.endpoint.asked) == 1


def as_time_goes_by(office: Office, after: int = 0, happens: Callable[[], None] = lambda: None) -> None:
    """Eleven seconds with each letter, less than a lease; after so many letters something happens."""

    def keep(talk: Talk) -> None:
        office.now += timedelta(seconds=11)
        if talk.server.dots == after:
            happens()
        talk.say(b"250 kept\r\n")

    office.mail.script = {**office.mail.script, "dot": keep}


def test_a_token_is_replaced_while_letters_leave_before_it_has_run_out(
    database: Database, office: Office
) -> None:
    service = written(database, 20)
    as_time_goes_by(office)
    office.endpoint.says = [
        (200, {"access_token": token, "token_type": "Bearer", "expires_in": 300}) for token in ("one", "two")
    ]
    with office.desk(service, office.relay(letters_per_connection=1)) as desk:
        done = [desk.work(), desk.work()]

    assert [each.unreachable for each in done] == ["", ""]
    assert {row.state for row in rows(service)} == {S.SENT}
    assert list(dict.fromkeys(office.signed_in_with())) == ["one", "two"]


def test_a_token_that_ends_before_its_time_is_replaced_and_nothing_is_paused(
    database: Database, office: Office
) -> None:
    service = written(database, 40)

    def expire() -> None:
        office.taken.remove("one")
        office.endpoint.gives("two")

    as_time_goes_by(office, 30, expire)
    with office.desk(service, office.relay(letters_per_connection=1)) as desk:
        first, second, third = desk.work(), desk.work(), desk.work()

    assert (first.kind, first.sent, first.put_off + first.failed) == ("auth", 30, 0)
    assert (second.unreachable, second.sent + third.sent) == ("", 10)
    assert Counter(office.signed_in_with()) == {"one": 31, "two": 10}
    assert paused(service) == []


def test_who_gets_no_token_any_more_is_paused_once_and_asks_no_more_until_resumed(
    database: Database, office: Office
) -> None:
    service = written(database, 5)
    office.endpoint.refuses("invalid_grant", error_description="The refresh token has ended.")
    with office.desk(service, office.relay(3)) as desk:
        done = [desk.work() for _ in range(5)]

        assert [each.kind for each in done] == ["auth", "", "", "", ""]
        (pause,) = paused(service)
        assert (pause.mailing, pause.caused_by) == (pauses.EVERYTHING, PausedBy.AUTH)
        assert "invalid_grant" in pause.reason
        assert len(office.endpoint.asked) == 1
        assert office.mail.logins == []
        assert {row.state for row in rows(service)} == {S.WAITING}

        resume(service)
        office.endpoint.gives("two")
        assert desk.work().sent == 5
    assert paused(service) == []


def test_a_mail_server_that_refuses_a_fresh_token_is_not_asked_again_until_resumed(
    database: Database, office: Office
) -> None:
    service = written(database, 9)
    office.taken.clear()
    with office.desk(service, office.relay()) as desk:
        done = [desk.work() for _ in range(5)]

        assert [each.kind for each in done] == ["auth", "", "", "", ""]
        assert office.signed_in_with() == ["one"]
        (pause,) = paused(service)
        assert (pause.caused_by, REFUSAL in pause.reason) == (PausedBy.AUTH, True)
        assert {row.state for row in rows(service)} == {S.WAITING}

        resume(service)
        office.taken.add("two")
        office.endpoint.gives("two")
        assert desk.work().sent == 9
    assert office.signed_in_with() == ["one", "two"]


def test_an_endpoint_that_is_away_pauses_nothing(database: Database, office: Office) -> None:
    service = written(database, 3)
    office.endpoint.says = [(503, {}), (200, {"access_token": "one", "expires_in": 3600})]
    with office.desk(service, office.relay()) as desk:
        done = desk.work()
        assert (done.kind, done.sent) == ("token", 0)
        assert paused(service) == []
        office.now += timedelta(minutes=1)
        assert desk.work().sent == 3


def test_a_carrier_that_takes_anothers_place_is_told_the_token(database: Database, office: Office) -> None:
    service = written(database, 4)
    hired: list[InAProcess] = []

    def hire(route: Route) -> InAProcess:
        hired.append(InAProcess(route))
        return hired[-1]

    as_time_goes_by(office, 1, lambda: os.kill(hired[0].process.pid, signal.SIGKILL))
    tokens = office.tokens()
    with desk_of(service, office.relay(), hire=hire, clock=lambda: office.now, tokens=tokens) as desk:
        desk.work()
        desk.work()

    assert len(hired) == 2
    assert Counter(row.state for row in rows(service)) == {S.IN_DOUBT: 1, S.SENT: 3}
    assert office.signed_in_with() == ["one", "one"]


def test_an_endpoint_that_takes_its_time_holds_up_no_letter_while_the_token_at_hand_holds(
    database: Database, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.dispatch.signing_in.AWAITED_FOR", 0.1)
    service = written(database, 20)
    as_time_goes_by(office, 2, office.endpoint.may_answer.clear)
    office.endpoint.gives("one", holds_for=300)
    with office.desk(service, office.relay()) as desk:
        done = desk.work()
        asked = len(office.endpoint.asked)
        office.endpoint.may_answer.set()

    assert (done.sent, done.unreachable) == (20, "")
    assert asked == 2


def test_without_a_token_nothing_is_claimed_and_the_next_turn_of_work_goes_on(
    database: Database, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.dispatch.signing_in.AWAITED_FOR", 0.1)
    service = written(database, 2)
    office.endpoint.may_answer.clear()
    with office.desk(service, office.relay()) as desk:
        waiting = desk.work()
        assert {row.state for row in rows(service)} == {S.WAITING}
        monkeypatch.setattr("mailer.dispatch.signing_in.AWAITED_FOR", 20.0)
        office.endpoint.may_answer.set()
        done = desk.work()

    assert (waiting.sent, waiting.kind, waiting.unreachable) == (
        0,
        "token",
        "the token endpoint takes its time",
    )
    assert (done.sent, len(office.endpoint.asked)) == (2, 1)

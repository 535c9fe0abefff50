"""One letter over a line of its own: what becomes of it is told, and the line is left in order."""

from pathlib import Path

import pytest

from mailer.delivery.admission import RelayUnreachable
from mailer.delivery.envelope import Parcel
from mailer.delivery.line import Timeouts
from mailer.delivery.outcome import Outcome
from mailer.delivery.single import send_one
from mailer.delivery.tray import Tray, TrayServer
from mailer.outbox.letter import Happening
from tests.conference import PUBLISHED_AT
from tests.delivery.hostile import HostileServer, keep_and_hang_up, keep_silent, say, say_and_hang_up

CONTENT = b"Subject: one\r\nMessage-ID: <1@conference.example>\r\n\r\n.a line\r\n"
LETTER = Parcel(0, "secretariat@conference.example", "ana@prosecution.example", CONTENT)
HASTY = Timeouts(command_for=0.2, final_for=0.2)


def test_it_arrives_as_it_is(tmp_path: Path) -> None:
    tray = Tray(tmp_path / "tray.db", durable=False)
    server = TrayServer(tray, clock=lambda: PUBLISHED_AT)
    outcome = send_one(server.start(), LETTER)
    server.stop()
    assert outcome == Outcome(happening=Happening.ACCEPTED, reply="250 2.0.0 in the tray as 1")
    assert [raw for _, raw in tray.everything()] == [CONTENT]


def test_one_letter_is_carried_and_goodbye_is_said() -> None:
    with HostileServer() as server:
        send_one(server.relay(), LETTER)
        server.settle()
        assert [line.split()[0] for line in server.commands] == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


def test_a_refusal_is_told_with_the_servers_words() -> None:
    with HostileServer({"RCPT": say(b"550 5.1.1 no such user\r\n")}) as server:
        outcome = send_one(server.relay(), LETTER)
        server.settle()
    assert (outcome.happening, outcome.reply) == (Happening.REFUSED, "550 5.1.1 no such user")
    assert server.dots == 0


def test_a_reply_that_does_not_come_leaves_it_in_doubt() -> None:
    for act in (keep_and_hang_up, keep_silent):
        with HostileServer({"dot": act}) as server:
            assert send_one(server.relay(), LETTER, timeouts=HASTY).happening is Happening.LOST


def test_a_server_that_closes_at_once_has_nothing() -> None:
    with HostileServer({"MAIL": say_and_hang_up(b"421 4.3.2 closing\r\n")}) as server:
        assert send_one(server.relay(), LETTER).happening is Happening.PUT_OFF
    with (
        HostileServer({"connect": say_and_hang_up(b"421 4.3.2 closing\r\n")}) as server,
        pytest.raises(RelayUnreachable, match="421"),
    ):
        send_one(server.relay(), LETTER)


def test_it_signs_in_with_a_token() -> None:
    with HostileServer(extensions=("PIPELINING", "AUTH XOAUTH2")) as server:
        outcome = send_one(server.relay(user="clerk@conference.example"), LETTER, token="t0ken")
    assert outcome.happening is Happening.ACCEPTED
    assert server.logins == [("clerk@conference.example", "t0ken")]

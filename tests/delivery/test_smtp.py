"""One letter over one line, to servers that behave and servers that do not."""

import ssl
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from itertools import count, product
from pathlib import Path

import pytest

from mailer.composition import message
from mailer.composition.message import Mailbox
from mailer.delivery.outcome import Outcome
from mailer.delivery.relay import Relay, Security
from mailer.delivery.smtp import LONGEST_REPLY, Connection, Envelope, RelayUnreachable, Timeouts
from mailer.delivery.tray import Tray, TrayServer
from mailer.errors import LeaseLost, UnsafeLetter
from mailer.outbox.letter import Happening
from tests.delivery import hostile
from tests.delivery.certificates import Authority
from tests.delivery.hostile import Act, HostileServer, drip, hang_up, keep_silent, reset, say, say_and_hang_up

LONG_BEFORE_THE_STANDARDS = 60.0
"""Seconds: far above what these tests set, far below the minutes of RFC 5321 4.5.3.2."""

BRISK = Timeouts(greeting_for=3, command_for=3, content_for=3, final_for=3, goodbye_for=3)
HASTY = Timeouts(greeting_for=0.2, command_for=0.2, content_for=0.2, final_for=0.2, goodbye_for=0.2)
HASTY_AFTER_THE_DOT = Timeouts(greeting_for=3, command_for=3, content_for=3, final_for=0.2, goodbye_for=3)

CONTENT = b"Subject: A letter\r\n\r\n" + b"Dear colleague, this is a line of the letter.\r\n" * 20
LETTER = Envelope(
    sender="secretariat@conference.example", recipient="ana@prosecution.example", content=CONTENT
)

BEFORE_THE_DOT = ("MAIL", "RCPT", "DATA", "body")
ACCEPTED = Outcome(happening=Happening.ACCEPTED, reply="250 kept")


class Intent:
    """Notes how often the intent was recorded, and that no dot had been seen by then.

    It takes as long as the server needs to do in the middle of the content whatever it is going to do there.
    """

    def __init__(self, server: HostileServer) -> None:
        self._server, self.recorded = server, 0

    def __call__(self) -> None:
        assert self._server.dots == self.recorded
        if "body" in self._server.script:
            assert self._server.interrupted.wait(3)
        self.recorded += 1


def carry(
    server: HostileServer, letter: Envelope = LETTER, timeouts: Timeouts = BRISK
) -> tuple[Outcome, int]:
    """Carry one letter over a line of its own; the outcome, and how often the intent was recorded."""
    intent = Intent(server)
    with Connection(server.relay(), timeouts=timeouts) as line:
        outcome = line.deliver(letter, before_dot=intent)
    server.settle()
    return outcome, intent.recorded


def broken(happening: Happening, reply: str) -> Outcome:
    return Outcome(happening=happening, reply=reply, recipient_charged=False, line_is_usable=False)


def test_a_letter_arrives_as_it_is() -> None:
    with HostileServer() as server:
        assert carry(server) == (ACCEPTED, 1)
        assert server.kept == [CONTENT]
        assert server.commands == [
            "ehlo [127.0.0.1]",
            f"MAIL FROM:<secretariat@conference.example> SIZE={len(CONTENT)}",
            "RCPT TO:<ana@prosecution.example>",
            "DATA",
            "QUIT",
        ]


def test_several_letters_share_a_line() -> None:
    with HostileServer() as server:
        with Connection(server.relay(), timeouts=BRISK) as line:
            intent = Intent(server)
            assert [line.deliver(LETTER, before_dot=intent) for _ in range(3)] == [ACCEPTED] * 3
        assert len(server.kept) == 3
        assert sum(command.startswith("ehlo") for command in server.commands) == 1


def test_dots_are_doubled_and_the_last_line_is_ended() -> None:
    letter = Envelope(
        sender=LETTER.sender, recipient=LETTER.recipient, content=b"A: b\r\n\r\n.\r\n..\r\n.x\r\nend"
    )
    with HostileServer() as server:
        assert carry(server, letter)[0] == ACCEPTED
        assert server.kept == [b"A: b\r\n\r\n..\r\n...\r\n..x\r\nend\r\n"]


def test_nobody_listens() -> None:
    server = HostileServer()
    relay = server.relay()
    server.close()
    with pytest.raises(RelayUnreachable, match=r"127\.0\.0\.1.*refused"), Connection(relay):
        pass


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_host_that_is_none(host: str) -> None:
    with pytest.raises(RelayUnreachable, match=host[:20]), Connection(Relay(host=host, port=25)):
        pass


@pytest.mark.parametrize("step", ["connect", "EHLO"])
@pytest.mark.parametrize(
    "act",
    [
        hang_up,
        reset,
        keep_silent,
        say(b"nonsense\r\n"),
        say(b"\r\n"),
        say(b"999 no such code\r\n"),
        say(b"250"),
        say(b"421 4.3.2 too busy\r\n"),
        say(b"554 no\r\n"),
        say(b"554-" + b"x" * 100_000 + b"\r\n554 no\r\n"),
        hostile.forever(b"250-more\r\n"),
        hostile.forever(b"x" * 1000),
    ],
)
def test_no_usable_line(step: str, act: Act) -> None:
    with HostileServer({step: act, "HELO": act}) as server:
        with pytest.raises(RelayUnreachable, match=r"^smtp://127\.0\.0\.1:\d+: .") as raised:
            carry(server, timeouts=HASTY)
        assert len(str(raised.value)) < 600
        assert server.dots == 0
        assert not [command for command in server.commands if command.startswith("MAIL")]


@pytest.mark.parametrize(
    ("step", "act"),
    [
        *product(BEFORE_THE_DOT, (hang_up, reset, say_and_hang_up(b"250"), say(b"nonsense\r\n"))),
        *product(("MAIL", "RCPT", "DATA"), (keep_silent,)),
    ],
)
def test_a_line_that_breaks_before_the_dot_puts_the_letter_off(step: str, act: Act) -> None:
    with HostileServer({step: act}) as server:
        outcome, _ = carry(server, timeouts=HASTY)
        assert outcome == broken(Happening.PUT_OFF, outcome.reply)
        assert outcome.reply
        assert server.dots == 0
        assert server.kept == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_the_intent_is_not_recorded_before_the_content_has_left(step: str) -> None:
    for act in (hang_up, say(b"451 later\r\n"), say(b"550 no\r\n")):
        with HostileServer({step: act}) as server:
            assert carry(server)[1] == 0


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", [b"451 4.7.1 come back later", b"432 4.3.2 rate limit"])
def test_a_temporary_refusal_puts_the_letter_off(step: str, reply: bytes) -> None:
    with HostileServer({step: say(reply + b"\r\n")}) as server:
        assert carry(server)[0] == Outcome(happening=Happening.PUT_OFF, reply=reply.decode())
        assert server.dots == 0


@pytest.mark.parametrize("reply", [b"530 5.7.0 Authentication required", b"550 5.7.1 not you", b"553 no"])
def test_a_server_that_will_not_have_us_charges_no_reader(reply: bytes) -> None:
    with HostileServer({"MAIL": say(reply + b"\r\n")}) as server:
        assert carry(server)[0] == Outcome(
            happening=Happening.PUT_OFF, reply=reply.decode(), recipient_charged=False, line_is_usable=False
        )


def test_a_letter_too_large_for_the_server_is_refused_at_mail() -> None:
    with HostileServer({"MAIL": say(b"552 5.3.4 too large\r\n")}) as server:
        assert carry(server)[0] == Outcome(happening=Happening.REFUSED, reply="552 5.3.4 too large")


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_lasting_refusal_refuses_the_letter(step: str) -> None:
    with HostileServer({step: say(b"550-5.1.1 nobody\r\n550 of this name\r\n")}) as server:
        assert carry(server) == (
            Outcome(happening=Happening.REFUSED, reply="550 5.1.1 nobody of this name"), 0
        )  # fmt: skip
        assert server.dots == 0


def test_a_refusal_leaves_the_line_for_the_next_letter() -> None:
    script: dict[str, Act] = {"RCPT": say(b"550 nobody\r\n")}
    with HostileServer(script) as server:
        with Connection(server.relay(), timeouts=BRISK) as line:
            assert line.deliver(LETTER, before_dot=Intent(server)).happening is Happening.REFUSED
            del script["RCPT"]
            assert line.deliver(LETTER, before_dot=Intent(server)) == ACCEPTED
        assert [command[:4] for command in server.commands[1:]] == [
            "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "QUIT",
        ]  # fmt: skip


@pytest.mark.parametrize("act", [hang_up, reset, say(b"500 what\r\n")])
def test_a_refusal_stays_one_when_the_line_ends_with_it(act: Act) -> None:
    with HostileServer({"RCPT": say(b"550 nobody\r\n"), "RSET": act}) as server:
        refused = Outcome(happening=Happening.REFUSED, reply="550 nobody", line_is_usable=False)
        assert carry(server) == (refused, 0)


@pytest.mark.parametrize("step", [*BEFORE_THE_DOT, "dot"])
@pytest.mark.parametrize("then", [say, say_and_hang_up])
def test_421_closes_the_line_and_charges_nobody(step: str, then: Callable[[bytes], Act]) -> None:
    with HostileServer({step: then(b"421 4.3.2 going down\r\n")}) as server:
        intent = Intent(server)
        with Connection(server.relay(), timeouts=BRISK) as line:
            outcome = line.deliver(LETTER, before_dot=intent)
        assert outcome == broken(Happening.PUT_OFF, "421 4.3.2 going down")
        assert intent.recorded == (step == "dot") or step == "body"


def test_a_refusal_that_cannot_wait_for_the_dot() -> None:
    with HostileServer({"body": say_and_hang_up(b"552 5.3.4 too big\r\n")}) as server:
        outcome, _ = carry(server)
        assert outcome == Outcome(
            happening=Happening.REFUSED, reply="552 5.3.4 too big", line_is_usable=False
        )
        assert server.dots == 0


@pytest.mark.parametrize(
    ("reply", "happening"),
    [
        (b"250 2.0.0 queued as 1A\r\n", Happening.ACCEPTED),
        (b"451 4.3.0 try again\r\n", Happening.PUT_OFF),
        (b"554 5.7.1 it is spam\r\n", Happening.REFUSED),
    ],
)
def test_the_reply_to_the_dot_decides(reply: bytes, happening: Happening) -> None:
    with HostileServer({"dot": say(reply)}) as server:
        assert carry(server) == (Outcome(happening=happening, reply=reply.decode().strip()), 1)
        assert server.dots == 1
        assert server.commands[-1] == "QUIT"


@pytest.mark.parametrize(
    "act",
    [
        hang_up,
        reset,
        hostile.keep_and_hang_up,
        keep_silent,
        say(b"nonsense\r\n"),
        say(b"354 go on\r\n"),
        say(b"250-first\r\n451 second\r\n"),
        say_and_hang_up(b"250"),
        say_and_hang_up(b"250 accepted"),
        say_and_hang_up(b"250-accepted\r\n"),
        drip(b"250 accepted but so slowly\r\n", every=0.05),
        hostile.forever(b"250-more\r\n"),
        hostile.forever(b"250 x"),
    ],
)
def test_without_a_reply_to_the_dot_the_letter_is_lost(act: Act) -> None:
    with HostileServer({"dot": act}) as server:
        outcome, intended = carry(server, timeouts=HASTY_AFTER_THE_DOT)
        assert outcome == broken(Happening.LOST, outcome.reply)
        assert intended == 1
        assert server.dots == 1
        assert server.commands[-1] == "DATA"


@pytest.mark.parametrize("error", [LeaseLost("not ours"), OSError("the disk is full"), KeyboardInterrupt()])
def test_without_the_intent_no_dot_is_sent(error: BaseException) -> None:
    def refuse() -> None:
        raise error

    with HostileServer() as server:
        with Connection(server.relay(), timeouts=BRISK) as line:
            with pytest.raises(type(error)):
                line.deliver(LETTER, before_dot=refuse)
            after = line.deliver(LETTER, before_dot=Intent(server))
        server.settle()
        assert server.dots == 0
        assert server.kept == []
        assert server.in_clear.endswith(CONTENT)
        assert after == broken(Happening.PUT_OFF, "the line is closed")


def test_the_dot_is_the_last_thing_sent() -> None:
    seen: list[bytes] = []
    with HostileServer() as server:
        with Connection(server.relay(), timeouts=BRISK) as line:

            def look() -> None:
                patience = time.monotonic() + 3
                while not server.in_clear.endswith(CONTENT[-40:]) and time.monotonic() < patience:
                    time.sleep(0.005)
                seen.append(bytes(server.in_clear))

            line.deliver(LETTER, before_dot=look)
        assert seen[0].endswith(CONTENT)
        assert server.in_clear.partition(CONTENT)[2] == b".\r\nQUIT\r\n"


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_354_out_of_its_place_is_no_consent(step: str) -> None:
    with HostileServer({step: say(b"354 go on\r\n")}) as server:
        assert carry(server)[0].happening is Happening.PUT_OFF
        assert b"Dear colleague" not in server.in_clear


def test_a_server_that_does_not_say_354_gets_no_content() -> None:
    with HostileServer({"DATA": say(b"250 fine\r\n")}) as server:
        outcome, intended = carry(server)
        assert outcome == broken(Happening.PUT_OFF, "250 fine is no reply to DATA")
        assert intended == 0
        assert b"Dear colleague" not in server.in_clear


def test_an_acceptance_before_the_dot_is_none() -> None:
    with HostileServer({"DATA": say(b"354 go on\r\n250 kept already\r\n")}) as server:
        outcome, intended = carry(server)
        assert outcome == broken(Happening.PUT_OFF, "250 kept already came before the dot")
        assert intended == 0
        assert server.dots == 0


@pytest.mark.parametrize(
    ("act", "reply"),
    [
        (drip(b"250-one\r\n250 two\r\n"), "250 one two"),
        (say(b"250-one\r\n", b"250-\r\n", b"250 three\r\n"), "250 one three"),
        (say(b"250\r\n"), "250"),
        (say(b"250 without a CR\n"), "250 without a CR"),
        (say("250 gr\u00fc\u00df Gott\r\n".encode()), "250 grüß Gott"),
        (say(b"250 \xff\x1b[2J\x00\r\n"), "250 \ufffd?[2J?"),
        (say(b"250 " + b"x" * 20_000 + b"\r\n"), "250 " + "x" * 500),
    ],
)
def test_replies_of_every_shape_are_read(act: Act, reply: str) -> None:
    with HostileServer({"dot": act}) as server:
        assert carry(server)[0] == Outcome(happening=Happening.ACCEPTED, reply=reply)


@pytest.mark.parametrize("part", [b"250-" + b"x" * 500 + b"\r\n", b"250 " + b"x" * 10_000])
def test_an_endless_reply_takes_no_memory(part: bytes) -> None:
    with HostileServer({"RCPT": hostile.forever(part)}) as server:
        tracemalloc.start()
        outcome, _ = carry(server)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert outcome == broken(Happening.PUT_OFF, f"a reply of more than {LONGEST_REPLY} bytes")
        assert most < 2_000_000
        assert server.poured < 50_000_000


def test_a_reply_that_drips_does_not_outlast_its_time() -> None:
    with HostileServer({"RCPT": hostile.forever(b"2", every=0.02)}) as server:
        began = time.monotonic()
        outcome, _ = carry(server, timeouts=HASTY)
        assert outcome == broken(Happening.PUT_OFF, "the server took too long")
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


def test_what_is_left_of_the_time_is_what_is_waited_for() -> None:
    seconds = count(step=4.7)
    timeouts = Timeouts(greeting_for=5, command_for=5)
    with HostileServer({"RCPT": keep_silent}) as server:
        began = time.monotonic()
        with Connection(server.relay(), timeouts=timeouts, stopwatch=lambda: next(seconds)) as line:
            outcome = line.deliver(LETTER, before_dot=Intent(server))
        assert outcome == broken(Happening.PUT_OFF, "the server took too long")
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


def test_the_reply_to_the_dot_has_a_time_of_its_own() -> None:
    with HostileServer({"dot": keep_silent}) as server:
        began = time.monotonic()
        assert carry(server, timeouts=HASTY_AFTER_THE_DOT)[0].happening is Happening.LOST
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


def test_after_the_dot_a_command_has_its_own_time_again() -> None:
    script: dict[str, Act] = {}
    timeouts = Timeouts(greeting_for=3, command_for=0.3, content_for=3, final_for=5)
    with HostileServer(script) as server, Connection(server.relay(), timeouts=timeouts) as line:
        assert line.deliver(LETTER, before_dot=Intent(server)) == ACCEPTED
        script["MAIL"] = keep_silent
        began = time.monotonic()
        assert line.deliver(LETTER, before_dot=lambda: None).happening is Happening.PUT_OFF
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


def test_an_interrupted_letter_is_not_ended_by_a_goodbye() -> None:
    def interrupt() -> float:
        if "DATA" in server.commands:
            raise KeyboardInterrupt
        return 0

    with HostileServer() as server:
        with (
            pytest.raises(KeyboardInterrupt),
            Connection(server.relay(), timeouts=BRISK, stopwatch=interrupt) as line,
        ):
            line.deliver(LETTER, before_dot=Intent(server))
        server.settle()
        assert "DATA" in server.commands
        assert b"QUIT" not in server.in_clear


def test_the_standard_says_how_long_to_wait() -> None:
    assert Timeouts() == Timeouts(greeting_for=300, command_for=300, content_for=180, final_for=600)


def test_a_goodbye_is_not_waited_for() -> None:
    timeouts = Timeouts(greeting_for=3, command_for=3, content_for=3, final_for=3, goodbye_for=0.2)
    with HostileServer({"QUIT": keep_silent}) as server:
        began = time.monotonic()
        assert carry(server, timeouts=timeouts)[0] == ACCEPTED
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


def test_greylisting_meets_the_same_sender_again() -> None:
    script: dict[str, Act] = {"RCPT": say(b"450 4.2.0 greylisted\r\n")}
    with HostileServer(script) as server:
        assert carry(server)[0].happening is Happening.PUT_OFF
        del script["RCPT"]
        assert carry(server)[0] == ACCEPTED
        offers = [command for command in server.commands if command.startswith("MAIL")]
        assert len(offers) == 2
        assert offers[0] == offers[1]
        assert server.kept == [CONTENT]


# ── what the server can do ───────────────────────────────────────────────────────────────────────────────────

UNICODE = Envelope(sender=LETTER.sender, recipient="jürgen@institute.example", content=CONTENT)
EIGHT_BITS = Envelope(sender=LETTER.sender, recipient=LETTER.recipient, content="A: ü\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("extensions", "letter", "reply"),
    [
        (("SIZE 100",), LETTER, "the server takes letters up to 100 bytes (RFC 1870)"),
        (("8BITMIME",), UNICODE, "the server does not take SMTPUTF8 addresses (RFC 6531)"),
        (("SMTPUTF8",), EIGHT_BITS, "the server takes no 8-bit letters (RFC 6152)"),
    ],
)
def test_what_a_server_cannot_take_is_not_offered(
    extensions: tuple[str, ...], letter: Envelope, reply: str
) -> None:
    with HostileServer(extensions=extensions) as server:
        assert carry(server, letter) == (Outcome(happening=Happening.REFUSED, reply=reply), 0)
        assert not [command for command in server.commands if command.startswith("MAIL")]


def test_what_a_server_can_is_asked_of_every_line() -> None:
    with HostileServer(extensions=("SIZE 100",)) as server:
        assert carry(server)[0].happening is Happening.REFUSED
        server.extensions = ("SIZE 0",)
        assert carry(server)[0] == ACCEPTED


@pytest.mark.parametrize("extensions", [("SIZE",), ("SIZE x",), ("SIZE " + "9" * 5000,), ()])
def test_a_size_that_says_nothing_limits_nothing(extensions: tuple[str, ...]) -> None:
    with HostileServer(extensions=("PIPELINING", *extensions)) as server:
        assert carry(server)[0] == ACCEPTED


def test_a_non_ascii_address_goes_as_utf8() -> None:
    with HostileServer() as server:
        assert carry(server, UNICODE)[0] == ACCEPTED
        assert server.commands[1].endswith(" SMTPUTF8")
        assert server.commands[2] == "RCPT TO:<jürgen@institute.example>"


def test_eight_bits_are_announced() -> None:
    with HostileServer() as server:
        assert carry(server, EIGHT_BITS)[0] == ACCEPTED
        assert server.commands[1].endswith(" BODY=8BITMIME")


# ── what is not sent at all ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "address",
    [
        "a@x>\r\nRCPT TO:<e@x",
        "a@x, b@y",
        "<a@x>b@y",
        "a,b@x.example",
        "a(comment)@x.example",
        '"a b"@x.example',
        "a@b@x.example",
        "a\u2028@x.example",
        "a\x00@x.example",
        "a@",
        "@x.example",
        "",
    ],
)
def test_an_address_that_is_not_one_is_never_offered(address: str) -> None:
    with HostileServer() as server, Connection(server.relay(), timeouts=BRISK) as line:
        for letter in (
            Envelope(sender=LETTER.sender, recipient=address, content=CONTENT),
            Envelope(sender=address, recipient=LETTER.recipient, content=CONTENT),
        ):
            with pytest.raises(UnsafeLetter):
                line.deliver(letter, before_dot=Intent(server))
        assert line.deliver(LETTER, before_dot=Intent(server)) == ACCEPTED
        assert [command for command in server.commands if command.startswith("RCPT")] == [
            "RCPT TO:<ana@prosecution.example>"
        ]


@pytest.mark.parametrize("content", [b"a\n.\nMAIL FROM:<e@x>\r\n", b"a\r.\r\n", b"a\x00\r\n", b"\n", b"a\r"])
def test_content_that_could_smuggle_is_refused(content: bytes) -> None:
    with HostileServer() as server:
        letter = Envelope(sender=LETTER.sender, recipient=LETTER.recipient, content=content)
        with pytest.raises(UnsafeLetter, match="bare"):
            carry(server, letter)
        server.settle()
        assert server.commands == ["ehlo [127.0.0.1]", "QUIT"]


# ── who one speaks to ────────────────────────────────────────────────────────────────────────────────────────

PASSWORD = "correct horse – battery"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


PROTECTED = pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])


@PROTECTED
@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN CRAM-MD5", "LOGIN"])
def test_a_protected_line_hides_everything(authority: Authority, security: Security, mechanisms: str) -> None:
    extensions = (f"AUTH {mechanisms}", "8BITMIME")
    with HostileServer(security=security, tls=authority.server(), extensions=extensions) as server:
        relay = server.relay(user="clerk", password=PASSWORD)
        with Connection(relay, tls=authority.client(), timeouts=BRISK) as line:
            assert line.deliver(LETTER, before_dot=Intent(server)) == ACCEPTED
        assert server.logins == [("clerk", PASSWORD)]
        assert server.kept == [CONTENT]
        assert bytes(server.in_clear) in {b"", b"ehlo [127.0.0.1]\r\nSTARTTLS\r\n"}


@PROTECTED
@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (lambda authority: authority.server("DNS:elsewhere.example"), "IP address mismatch"),
        (lambda authority: authority.server(days=-1), "has expired"),
        (lambda authority: authority.self_signed(), "self-signed"),
    ],
    ids=["another's name", "expired", "self-signed"],
)
def test_a_wrong_certificate_ends_it(
    authority: Authority, security: Security, certificate: Callable[[Authority], ssl.SSLContext], reason: str
) -> None:
    with HostileServer(security=security, tls=certificate(authority), extensions=("AUTH PLAIN",)) as server:
        relay = server.relay(user="clerk", password=PASSWORD)
        with (
            pytest.raises(RelayUnreachable, match=rf"certificate is not to be trusted: .*{reason}"),
            Connection(relay, tls=authority.client(), timeouts=BRISK),
        ):
            pass
        server.settle()
        assert_nothing_was_told(server)


def test_an_authority_nobody_knows_is_not_trusted(authority: Authority) -> None:
    with (
        HostileServer(security=Security.TLS, tls=authority.server()) as server,
        pytest.raises(RelayUnreachable, match="not to be trusted"),
        Connection(server.relay()),
    ):
        pass


@pytest.mark.parametrize(
    "script",
    [
        {"EHLO": say(b"250-mx.example\r\n250 AUTH PLAIN\r\n")},
        {"EHLO": say(b"500 what\r\n")},
        {"STARTTLS": say(b"454 not now\r\n")},
        {"STARTTLS": say_and_hang_up(b"220 go on\r\n")},
        {"STARTTLS": say_and_hang_up(b"220 go on\r\n250-mx.example\r\n250 AUTH PLAIN\r\n")},
        {"STARTTLS": hang_up},
    ],
)
def test_without_starttls_nothing_is_said_in_clear(authority: Authority, script: dict[str, Act]) -> None:
    with HostileServer(script, security=Security.STARTTLS, extensions=("AUTH PLAIN",)) as server:
        relay = server.relay(user="clerk", password=PASSWORD)
        with pytest.raises(RelayUnreachable), Connection(relay, tls=authority.client(), timeouts=BRISK):
            pass
        server.settle()
        assert_nothing_was_told(server)


def test_what_came_in_clear_with_the_220_is_not_believed(authority: Authority) -> None:
    inject = say(b"220 go on\r\n250-mx.example\r\n250 AUTH PLAIN\r\n")
    with HostileServer({"STARTTLS": inject}, security=Security.STARTTLS, tls=authority.server()) as server:
        relay = server.relay(user="clerk", password=PASSWORD)
        with (
            pytest.raises(RelayUnreachable, match="went on in clear"),
            Connection(relay, tls=authority.client(), timeouts=BRISK),
        ):
            pass
        server.settle()
        assert_nothing_was_told(server)


def assert_nothing_was_told(server: HostileServer) -> None:
    assert server.logins == []
    assert server.kept == []
    assert b"AUTH" not in server.in_clear
    assert b"MAIL" not in server.in_clear


@pytest.mark.parametrize(
    ("extensions", "script", "reason"),
    [
        (("AUTH PLAIN",), {"AUTH": say(b"535 5.7.8 wrong password\r\n")}, "535 5.7.8 wrong password"),
        (("AUTH LOGIN",), {"AUTH": say(b"535 5.7.8 wrong password\r\n")}, "535 5.7.8 wrong password"),
        (("AUTH PLAIN",), {"AUTH": say(b"250 fine\r\n")}, "250 fine"),
        (("AUTH PLAIN",), {"AUTH": hang_up}, "hung up"),
        (("AUTH CRAM-MD5",), {}, "neither AUTH PLAIN nor AUTH LOGIN"),
        ((), {}, "neither AUTH PLAIN nor AUTH LOGIN"),
    ],
)
def test_a_login_that_fails_is_told_without_its_password(
    extensions: tuple[str, ...], script: dict[str, Act], reason: str
) -> None:
    with HostileServer(script, extensions=("8BITMIME", *extensions)) as server:
        relay = server.relay(user="clerk", password=PASSWORD)
        with pytest.raises(RelayUnreachable, match=reason) as raised, Connection(relay, timeouts=BRISK):
            pass
        assert PASSWORD not in str(raised.value)
        server.settle()
        assert b"MAIL" not in server.in_clear


def test_a_line_that_could_not_be_used_is_closed() -> None:
    with HostileServer({"AUTH": say(b"535 no\r\n")}, extensions=("AUTH PLAIN",)) as server:
        relay = server.relay(user="clerk", password=PASSWORD)
        connection = Connection(relay, timeouts=BRISK)
        with pytest.raises(RelayUnreachable):
            connection.__enter__()
        server.settle()


def test_a_line_in_the_middle_of_a_letter_says_no_goodbye() -> None:
    with HostileServer({"RCPT": keep_silent}) as server:
        with Connection(server.relay(), timeouts=HASTY) as line:
            assert line.deliver(LETTER, before_dot=Intent(server)).happening is Happening.PUT_OFF
        server.settle()
        assert "QUIT" not in server.commands
        assert b"QUIT" not in server.in_clear


# ── the whole way ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        ".\r\n",
        "..\r\n.\r\n...\r\n",
        ".\r\nQUIT\r\n",
        "x" * 900 + "\r\n" + ".y" * 400 + "\r\n",
        "\r\n\r\n\r\n",
        "",
        " trailing  \r\nFrom here\r\n",
    ],
)
def test_what_arrives_in_the_tray_is_what_was_sent(tmp_path: Path, body: str) -> None:
    content = f"Subject: dots\r\nMessage-ID: <1@x.example>\r\n\r\n{body}".encode()
    assert arrived(tmp_path, content) == content


def test_a_composed_letter_arrives_byte_for_byte(tmp_path: Path) -> None:
    text = "\n".join(
        [".", "..", "x" * 10_000, "\U0001f600" * 500, "bare\rCR", "\u202eright to left", "From me", "."]
    )
    content = message.write(
        message.Message(
            sender=Mailbox(name="The Secretariat", address=LETTER.sender),
            reader=Mailbox(name="Ana Novak", address=LETTER.recipient),
            subject="\U0001f600 dots",
            dated_at=datetime(2027, 1, 11, tzinfo=UTC),
            message_id="<1@conference.example>",
            text=text,
            html=f"<p>{text}</p>",
            language="en",
            seed="0",
        )
    )
    assert arrived(tmp_path, content) == content
    part = message_from_bytes(content, policy=default).get_body(("plain",))
    assert part
    assert part.get_content() == text.replace("\r", "\n").replace("\n", "\r\n") + "\r\n"


def arrived(folder: Path, content: bytes) -> bytes:
    """The bytes in the tray of a letter that was carried there."""
    tray = Tray(folder / "tray.db")
    mail_server = TrayServer(tray, clock=lambda: datetime(2027, 1, 11, tzinfo=UTC))
    try:
        with Connection(mail_server.start(), timeouts=BRISK) as line:
            letter = Envelope(sender=LETTER.sender, recipient=LETTER.recipient, content=content)
            assert line.deliver(letter, before_dot=lambda: None).happening is Happening.ACCEPTED
    finally:
        mail_server.stop()
    ((_, raw),) = tray.everything()
    return raw

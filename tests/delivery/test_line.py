"""Letters over real lines, to servers that behave and servers that do not."""

import asyncio
import errno
import os
import socket
import ssl
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from itertools import product
from pathlib import Path

import pytest

from mailer.composition import message
from mailer.composition.message import Mailbox
from mailer.delivery.admission import RelayUnreachable
from mailer.delivery.envelope import Parcel
from mailer.delivery.line import Line, Timeouts
from mailer.delivery.outcome import Outcome
from mailer.delivery.relay import Relay, Security
from mailer.delivery.reply import LONGEST_REPLY
from mailer.delivery.tray import Tray, TrayServer
from mailer.outbox.letter import Happening
from tests.delivery import hostile
from tests.delivery.certificates import Authority
from tests.delivery.hostile import (
    EXTENSIONS,
    Act,
    HostileServer,
    Talk,
    drip,
    hang_up,
    keep_silent,
    reset,
    say,
    say_and_hang_up,
)

LONG_BEFORE_THE_STANDARDS = 60.0
"""Seconds: far above what these tests set, far below the minutes of RFC 5321 4.5.3.2."""

BRISK = Timeouts(greeting_for=5, command_for=5, data_for=5, content_for=5, final_for=5, goodbye_for=5)
HASTY = Timeouts(
    greeting_for=0.2, command_for=0.2, data_for=0.2, content_for=0.2, final_for=0.2, goodbye_for=0.2
)
HASTY_AFTER_THE_DOT = Timeouts(greeting_for=5, command_for=5, data_for=5, content_for=5, final_for=0.2)

STEPWISE = tuple(each for each in EXTENSIONS if each != "PIPELINING")
BOTH_WAYS = pytest.mark.parametrize("extensions", [EXTENSIONS, STEPWISE], ids=["pipelined", "step by step"])

CONTENT = b"Subject: A letter\r\n\r\n" + b"Dear colleague, this is a line of the letter.\r\n" * 20
SENDER, READER = "secretariat@conference.example", "ana@prosecution.example"
BEFORE_THE_DOT = ("MAIL", "RCPT", "DATA", "body")
ACCEPTED = Outcome(happening=Happening.ACCEPTED, reply="250 kept")


def parcel(
    key: int = 1, content: bytes = CONTENT, *, recipient: str = READER, sender: str = SENDER
) -> Parcel:
    return Parcel(key, sender, recipient, content)


Decide = Callable[["Pile", Line, Parcel], Awaitable[None]]


async def allow(pile: "Pile", line: Line, letter: Parcel) -> None:
    """The dot may go; but first the server does in the middle of the content whatever it is going to do there."""
    if "body" in pile.server.script:
        assert await asyncio.to_thread(pile.server.interrupted.wait, 5)
        for _ in range(10):  # turns of the loop: what was said by then is heard
            await asyncio.sleep(0)
    line.go(letter.key)


class Pile:
    """Letters and what became of them, in order; `decide` answers to intents."""

    def __init__(self, server: HostileServer, letters: list[Parcel], decide: Decide = allow) -> None:
        self.server, self._letters, self._decide = server, letters, decide
        self.intended: list[int] = []
        self.outcomes: dict[int, Outcome] = {}
        self.order: list[int] = []
        self.reasons: list[Outcome | None] = []
        self.is_done = asyncio.Event()
        self._left = len(letters)
        self._tasks: list[asyncio.Task[None]] = []

    def take(self, line: Line) -> Parcel | None:
        return self._letters.pop(0) if self._letters else None

    def add(self, letter: Parcel) -> None:
        self._letters.append(letter)
        self._left += 1
        self.is_done.clear()

    def intend(self, line: Line, letter: Parcel) -> None:
        self.intended.append(letter.key)
        self._tasks.append(asyncio.ensure_future(self._decide(self, line, letter)))

    def ended(self, line: Line, letter: Parcel, outcome: Outcome) -> None:
        assert letter.key not in self.outcomes
        assert not self.reasons
        self.outcomes[letter.key] = outcome
        self.order.append(letter.key)
        if len(self.outcomes) == self._left:
            self.is_done.set()

    def closed(self, line: Line, reason: Outcome | None) -> None:
        self.reasons.append(reason)
        self.is_done.set()

    async def finish(self) -> None:
        async with asyncio.timeout(20):
            await self.is_done.wait()
            await asyncio.gather(*self._tasks)


def send(
    server: HostileServer,
    *letters: Parcel,
    timeouts: Timeouts = BRISK,
    decide: Decide = allow,
    relay: Relay | None = None,
    tls: ssl.SSLContext | None = None,
    token: str = "",
) -> Pile:
    """Carry the letters (one, if none are named) over one line, as far as it goes."""

    async def carry() -> Pile:
        pile = Pile(server, list(letters) or [parcel()], decide)
        line = await Line.open(relay or server.relay(), pile, timeouts=timeouts, tls=tls, token=token)
        await pile.finish()
        await line.close(within=5)
        return pile

    pile = asyncio.run(carry())
    server.settle()
    assert len(pile.reasons) == 1
    return pile


def carry(
    server: HostileServer, letter: Parcel | None = None, timeouts: Timeouts = BRISK
) -> tuple[Outcome, int]:
    """Carry one letter over a line of its own; the outcome, and how often the intent was asked for."""
    pile = send(server, letter or parcel(), timeouts=timeouts)
    return pile.outcomes[1], len(pile.intended)


def broken(happening: Happening, reply: str) -> Outcome:
    return Outcome(happening=happening, reply=reply, recipient_charged=False, line_is_usable=False)


# ── one letter and several


@BOTH_WAYS
def test_a_letter_arrives_as_it_is(extensions: tuple[str, ...]) -> None:
    with HostileServer(extensions=extensions) as server:
        assert carry(server) == (ACCEPTED, 1)
        assert server.kept == [CONTENT]
        assert server.commands == [
            "EHLO [127.0.0.1]",
            f"MAIL FROM:<{SENDER}> SIZE={len(CONTENT)}",
            f"RCPT TO:<{READER}>",
            "DATA",
            "QUIT",
        ]


@BOTH_WAYS
def test_several_letters_share_a_line(extensions: tuple[str, ...]) -> None:
    letters = [parcel(n, b"N: %d\r\n" % n) for n in range(10)]
    with HostileServer(extensions=extensions) as server:
        pile = send(server, *letters)
        assert pile.outcomes == dict.fromkeys(range(10), ACCEPTED)
        assert pile.order == pile.intended == list(range(10))
        assert server.kept == [letter.content for letter in letters]
        assert sum(command.startswith("EHLO") for command in server.commands) == 1
        assert pile.reasons == [None]


def test_the_dot_leaves_with_the_next_envelope() -> None:
    with HostileServer() as server:
        send(server, parcel(1), parcel(2))
        mail = f"MAIL FROM:<{SENDER}>".encode()
        assert server.in_clear.count(CONTENT + b".\r\n" + mail) == 1


@BOTH_WAYS
def test_letters_that_come_later_are_woken_for(extensions: tuple[str, ...]) -> None:
    async def trickle() -> None:
        pile = Pile(server, [])
        line = await Line.open(server.relay(), pile, timeouts=BRISK)
        for key in range(3):
            pile.add(parcel(key))
            assert line.idle
            line.wake()
            assert not line.idle
            await pile.finish()
        await line.close(within=5)
        assert pile.outcomes == dict.fromkeys(range(3), ACCEPTED)

    with HostileServer(extensions=extensions) as server:
        asyncio.run(trickle())


def test_a_letter_that_comes_while_the_dot_is_out_is_offered_behind_it() -> None:
    asked = asyncio.Event()

    async def one_then_another() -> None:
        async def allow_and_add(pile: Pile, line: Line, letter: Parcel) -> None:
            line.go(letter.key)
            if letter.key == 1:
                pile.add(parcel(2))
                line.wake()
                asked.set()

        pile = Pile(server, [parcel(1)], allow_and_add)
        line = await Line.open(server.relay(), pile, timeouts=BRISK)
        await asked.wait()
        await pile.finish()
        await line.close(within=5)
        assert pile.outcomes == {1: ACCEPTED, 2: ACCEPTED}

    with HostileServer() as server:
        asyncio.run(one_then_another())


def test_dots_are_doubled_and_the_last_line_is_ended() -> None:
    with HostileServer() as server:
        assert carry(server, parcel(content=b"A: b\r\n\r\n.\r\n..\r\n.x\r\nend"))[0] == ACCEPTED
        assert server.kept == [b"A: b\r\n\r\n..\r\n...\r\n..x\r\nend\r\n"]


def test_a_large_letter_waits_for_the_network_and_arrives_whole() -> None:
    content = b"".join(b"%075d\r\n" % n for n in range(100_000))
    with HostileServer(extensions=("PIPELINING",)) as server:
        assert carry(server, parcel(content=content)) == (ACCEPTED, 1)
        assert server.kept == [content]


def test_a_large_letter_that_is_not_taken_is_not_waited_for_for_ever() -> None:
    def listen_no_more(talk: Talk) -> None:
        server.done.wait(10)

    content = b"x" * 70 + b"\r\n"
    with HostileServer({"body": listen_no_more}, extensions=("PIPELINING",)) as server:
        pile = asyncio.run(stuck(server, parcel(content=content * 400_000)))
        assert pile.outcomes[1] == broken(Happening.PUT_OFF, "the server took too long")
        assert pile.intended == []


async def stuck(server: HostileServer, letter: Parcel) -> Pile:
    pile = Pile(server, [letter])
    await Line.open(server.relay(), pile, timeouts=HASTY)
    await pile.finish()
    server.done.set()
    return pile


# ── who cannot be reached


def test_nobody_listens() -> None:
    server = HostileServer()
    relay = server.relay()
    server.close()
    with pytest.raises(RelayUnreachable, match=r"127\.0\.0\.1.*refused") as raised:
        send(server, relay=relay)
    assert raised.value.kind == "network"


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_host_that_is_none(host: str) -> None:
    with HostileServer() as server, pytest.raises(RelayUnreachable, match=host[:20]):
        send(server, relay=Relay(host=host, port=25))


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
            send(server, timeouts=HASTY)
        assert len(str(raised.value)) < 600
        assert raised.value.kind in {"network", "protocol"}
        assert server.dots == 0
        assert not [command for command in server.commands if command.startswith("MAIL")]


def test_a_line_that_could_not_be_used_is_closed() -> None:
    with HostileServer({"AUTH": say(b"535 no\r\n")}, extensions=("AUTH PLAIN",)) as server:
        with pytest.raises(RelayUnreachable):
            send(server, relay=server.relay(user="clerk", password=PASSWORD))
        server.settle()


def test_whoever_gives_up_opening_leaves_nothing_open() -> None:
    async def give_up() -> None:
        async with asyncio.timeout(0.1):
            await Line.open(server.relay(), Pile(server, []), timeouts=BRISK)

    with HostileServer({"EHLO": keep_silent}) as server:
        with pytest.raises(TimeoutError):
            asyncio.run(give_up())
        server.settle()


# ── a line that breaks


@BOTH_WAYS
@pytest.mark.parametrize(
    ("step", "act"),
    [
        *product(BEFORE_THE_DOT, (hang_up, reset, say_and_hang_up(b"250"), say(b"nonsense\r\n"))),
        *product(("MAIL", "RCPT", "DATA"), (keep_silent,)),
    ],
)
def test_a_line_that_breaks_before_the_dot_puts_the_letter_off(
    step: str, act: Act, extensions: tuple[str, ...]
) -> None:
    with HostileServer({step: act}, extensions=extensions) as server:
        outcome, _ = carry(server, timeouts=HASTY)
        assert outcome == broken(Happening.PUT_OFF, outcome.reply)
        assert outcome.reply
        assert server.dots == 0
        assert server.kept == []


@BOTH_WAYS
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_the_intent_is_not_asked_for_before_the_content_has_left(
    step: str, extensions: tuple[str, ...]
) -> None:
    for act in (hang_up, say(b"451 later\r\n"), say(b"550 no\r\n")):
        with HostileServer({step: act}, extensions=extensions) as server:
            assert carry(server)[1] == 0


LOSSES: list[Act] = [
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
]


@BOTH_WAYS
@pytest.mark.parametrize("act", LOSSES)
def test_without_a_reply_to_the_dot_the_letter_is_lost(act: Act, extensions: tuple[str, ...]) -> None:
    with HostileServer({"dot": act}, extensions=extensions) as server:
        outcome, intended = carry(server, timeouts=HASTY_AFTER_THE_DOT)
        assert outcome == broken(Happening.LOST, outcome.reply)
        assert intended == 1
        assert server.dots == 1
        assert server.commands[-1] == "DATA"


@pytest.mark.parametrize("act", LOSSES)
def test_of_a_line_only_one_letter_is_in_doubt(act: Act) -> None:
    with HostileServer({"dot": act}) as server:
        pile = send(server, *map(parcel, range(5)), timeouts=HASTY_AFTER_THE_DOT)
        happenings = {key: outcome.happening for key, outcome in pile.outcomes.items()}
        assert happenings == {0: Happening.LOST, 1: Happening.RELEASED}
        assert not pile.outcomes[1].recipient_charged
        assert pile.intended == [0]
        assert server.dots == 1
        assert pile.reasons[0] is not None


def test_the_letter_that_was_fetched_ahead_is_given_back() -> None:
    async def hesitate(pile: Pile, line: Line, letter: Parcel) -> None:
        assert await asyncio.to_thread(server.interrupted.wait, 5)

    with HostileServer({"body": hang_up}) as server:
        pile = send(server, parcel(1), parcel(2), decide=hesitate)
        assert pile.outcomes[1] == broken(Happening.PUT_OFF, "the server hung up")
        assert pile.outcomes[2] == broken(Happening.RELEASED, "the server hung up")


def test_an_idle_line_that_breaks_says_so() -> None:
    async def wait_idle() -> Pile:
        pile = Pile(server, [])
        await Line.open(server.relay(), pile, timeouts=BRISK)
        await pile.finish()
        return pile

    with HostileServer({"EHLO": say_and_hang_up(b"250 mx.example\r\n")}) as server:
        assert asyncio.run(wait_idle()).reasons == [broken(Happening.PUT_OFF, "the server hung up")]


# ── refusals


@BOTH_WAYS
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_temporary_refusal_puts_the_letter_off(step: str, extensions: tuple[str, ...]) -> None:
    with HostileServer({step: say(b"451 4.3.0 come back later\r\n")}, extensions=extensions) as server:
        assert carry(server)[0] == Outcome(happening=Happening.PUT_OFF, reply="451 4.3.0 come back later")
        assert server.dots == 0


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "dot"])
def test_a_rate_limit_slows_us_down_and_charges_nobody(step: str) -> None:
    with HostileServer({step: say(b"432 4.3.2 rate limit\r\n")}) as server:
        assert carry(server)[0] == Outcome(
            happening=Happening.PUT_OFF, reply="432 4.3.2 rate limit", recipient_charged=False, slow_down=True
        )


@pytest.mark.parametrize("reply", [b"530 5.7.0 Authentication required", b"550 5.7.1 not you", b"553 no"])
def test_a_server_that_will_not_have_us_charges_no_reader(reply: bytes) -> None:
    with HostileServer({"MAIL": say(reply + b"\r\n")}) as server:
        pile = send(server, parcel(1), parcel(2))
        outcome = pile.outcomes[1]
        assert (outcome.happening, outcome.reply) == (Happening.PUT_OFF, reply.decode())
        assert (outcome.recipient_charged, outcome.line_is_usable) == (False, False)
        assert (outcome.auth, outcome.sender_refused) == (reply[:3] == b"530", reply[:3] != b"530")
        assert pile.reasons == [outcome]
        assert 2 not in pile.outcomes


def test_a_letter_too_large_for_the_server_is_refused_at_mail() -> None:
    with HostileServer({"MAIL": say(b"552 5.3.4 too large\r\n")}) as server:
        assert carry(server)[0] == Outcome(
            happening=Happening.REFUSED, reply="552 5.3.4 too large", content_refused=True
        )


@BOTH_WAYS
@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_lasting_refusal_refuses_the_letter(step: str, extensions: tuple[str, ...]) -> None:
    script = {step: say(b"550-5.1.1 nobody\r\n550 of this name\r\n")}
    with HostileServer(script, extensions=extensions) as server:
        refused = Outcome(happening=Happening.REFUSED, reply="550 5.1.1 nobody of this name")
        assert carry(server) == (refused, 0)
        assert server.dots == 0


def test_a_refusal_leaves_the_line_for_the_next_letter() -> None:
    commands = {
        EXTENSIONS: ["MAIL", "RCPT", "DATA", "RSET", "MAIL", "RCPT", "DATA", "QUIT"],
        STEPWISE: ["MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "QUIT"],
    }
    for extensions, expected in commands.items():
        with HostileServer({"RCPT": refuse_the_first}, extensions=extensions) as server:
            pile = send(server, parcel(1), parcel(2))
            assert pile.outcomes[1] == Outcome(happening=Happening.REFUSED, reply="550 nobody")
            assert pile.outcomes[2] == ACCEPTED
            assert [command[:4] for command in server.commands[1:]] == expected


def refuse_the_first(talk: Talk) -> None:
    is_first = sum(command.startswith("RCPT") for command in talk.server.commands) == 1
    talk.say(b"550 nobody\r\n" if is_first else b"250 fine\r\n")


def test_content_that_is_wanted_for_no_reader_is_a_lone_dot() -> None:
    script: dict[str, Act] = {"RCPT": refuse_the_first, "DATA": say(b"354 go on\r\n")}
    with HostileServer(script) as server:
        pile = send(server, parcel(1), parcel(2))
        assert pile.outcomes == {1: Outcome(happening=Happening.REFUSED, reply="550 nobody"), 2: ACCEPTED}
        assert server.kept == [b"", CONTENT]
        assert pile.intended == [2]


@pytest.mark.parametrize("act", [hang_up, reset, say(b"500 what\r\n")])
def test_a_refusal_stays_one_when_the_line_ends_with_it(act: Act) -> None:
    with HostileServer({"RCPT": say(b"550 nobody\r\n"), "RSET": act}) as server:
        pile = send(server, parcel(1), parcel(2))
        assert pile.outcomes[1] == Outcome(happening=Happening.REFUSED, reply="550 nobody")
        assert pile.outcomes[2].happening is Happening.PUT_OFF
        assert not pile.outcomes[2].recipient_charged


@BOTH_WAYS
@pytest.mark.parametrize("step", [*BEFORE_THE_DOT, "dot"])
@pytest.mark.parametrize("then", [say, say_and_hang_up])
def test_421_closes_the_line_and_charges_nobody(
    step: str, then: Callable[[bytes], Act], extensions: tuple[str, ...]
) -> None:
    with HostileServer({step: then(b"421 4.3.2 going down\r\n")}, extensions=extensions) as server:
        pile = send(server)
        assert pile.outcomes[1] == broken(Happening.PUT_OFF, "421 4.3.2 going down")
        assert pile.reasons == [pile.outcomes[1]]
        assert len(pile.intended) == (step == "dot") or step == "body"


def test_a_refusal_that_cannot_wait_for_the_dot() -> None:
    with HostileServer({"body": say_and_hang_up(b"552 5.3.4 too big\r\n")}) as server:
        outcome, _ = carry(server)
        assert outcome == Outcome(
            happening=Happening.REFUSED, reply="552 5.3.4 too big", line_is_usable=False, content_refused=True
        )
        assert server.dots == 0


@pytest.mark.parametrize(
    ("reply", "happening", "is_about_content"),
    [
        (b"250 2.0.0 queued as 1A\r\n", Happening.ACCEPTED, False),
        (b"451 4.3.0 try again\r\n", Happening.PUT_OFF, False),
        (b"554 5.7.1 it is spam\r\n", Happening.REFUSED, True),
        (b"554 5.2.2 mailbox full\r\n", Happening.REFUSED, False),
    ],
)
@BOTH_WAYS
def test_the_reply_to_the_dot_decides(
    reply: bytes, happening: Happening, is_about_content: bool, extensions: tuple[str, ...]
) -> None:
    with HostileServer({"dot": say(reply)}, extensions=extensions) as server:
        outcome = Outcome(happening=happening, reply=reply.decode().strip(), content_refused=is_about_content)
        assert carry(server) == (outcome, 1)
        assert server.dots == 1
        assert server.commands[-1] == "QUIT"


def test_greylisting_meets_the_same_sender_again() -> None:
    script: dict[str, Act] = {"RCPT": say(b"450 4.2.0 greylisted\r\n")}
    with HostileServer(script) as server:
        assert carry(server)[0] == Outcome(
            happening=Happening.PUT_OFF, reply="450 4.2.0 greylisted", greylisted=True
        )
        del script["RCPT"]
        assert carry(server)[0] == ACCEPTED
        offers = [command for command in server.commands if command.startswith("MAIL")]
        assert offers == offers[:1] * 2
        assert server.kept == [CONTENT]


def test_letters_that_are_not_to_be_offered_end_at_once_and_the_line_goes_on() -> None:
    bad = (
        parcel(1, recipient="a@x>\r\nRCPT TO:<e@x"),
        parcel(2, b"a\n.\nMAIL FROM:<e@x>\r\n"),
        parcel(3, b"x" * 2000),
    )
    with HostileServer(extensions=("PIPELINING", "SIZE 1500")) as server:
        pile = send(server, *bad, parcel(4))
        assert [pile.outcomes[key].happening for key in (1, 2, 3)] == [Happening.REFUSED] * 3
        assert pile.outcomes[3].reply == "the server takes letters up to 1500 bytes (RFC 1870)"
        assert pile.outcomes[4] == ACCEPTED
        assert sum(command.startswith("RCPT") for command in server.commands) == 1


def test_what_a_server_can_is_asked_of_every_line() -> None:
    with HostileServer(extensions=("PIPELINING", "SIZE 100")) as server:
        assert carry(server)[0].happening is Happening.REFUSED
        server.extensions = ("SIZE 0",)
        assert carry(server)[0] == ACCEPTED


# ── the intent


def test_without_the_intent_no_dot_is_sent() -> None:
    async def refuse(pile: Pile, line: Line, letter: Parcel) -> None:
        line.withhold(letter.key)
        line.go(letter.key)

    with HostileServer() as server:
        pile = send(server, parcel(1), parcel(2), decide=refuse)
        assert {outcome.happening for outcome in pile.outcomes.values()} == {Happening.RELEASED}
        assert pile.reasons == [None]
        assert server.dots == 0
        assert server.kept == []
        assert server.in_clear.endswith(CONTENT)


def test_the_dot_is_the_last_thing_sent() -> None:
    seen: list[bytes] = []

    async def look(pile: Pile, line: Line, letter: Parcel) -> None:
        async with asyncio.timeout(5):
            while not server.in_clear.endswith(CONTENT[-40:]):
                await asyncio.sleep(0.002)
        seen.append(bytes(server.in_clear))
        line.go(letter.key)

    with HostileServer() as server:
        send(server, decide=look)
        assert seen[0].endswith(CONTENT)
        assert server.in_clear.partition(CONTENT)[2] == b".\r\nQUIT\r\n"


@pytest.mark.parametrize("keys", [[0], [2], [1, 1], [2, 1, 2, 3]])
def test_consent_counts_once_and_for_the_letter_it_is_about(keys: list[int]) -> None:
    async def consent(pile: Pile, line: Line, letter: Parcel) -> None:
        for key in keys:
            line.go(key)
            line.withhold(key + 10)
        if letter.key not in keys:
            assert server.dots == 0
            line.go(letter.key)

    with HostileServer() as server:
        pile = send(server, decide=consent)
        assert pile.outcomes == {1: ACCEPTED}
        assert server.dots == 1


def test_consent_may_come_at_once() -> None:
    class Trusting(Pile):
        def intend(self, line: Line, letter: Parcel) -> None:
            self.intended.append(letter.key)
            line.go(letter.key)

    async def trust() -> Pile:
        pile = Trusting(server, [parcel(n) for n in range(5)])
        line = await Line.open(server.relay(), pile, timeouts=BRISK)
        await pile.finish()
        await line.close(within=5)
        return pile

    with HostileServer() as server:
        assert asyncio.run(trust()).outcomes == dict.fromkeys(range(5), ACCEPTED)


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
@BOTH_WAYS
def test_354_out_of_its_place_is_no_consent(step: str, extensions: tuple[str, ...]) -> None:
    with HostileServer({step: say(b"354 go on\r\n")}, extensions=extensions) as server:
        assert carry(server)[0].happening is Happening.PUT_OFF
        assert b"Dear colleague" not in server.in_clear


def test_a_server_that_does_not_say_354_gets_no_content() -> None:
    with HostileServer({"DATA": say(b"250 fine\r\n")}) as server:
        outcome, intended = carry(server)
        assert outcome == broken(Happening.PUT_OFF, "250 fine is no reply to DATA")
        assert intended == 0
        assert b"Dear colleague" not in server.in_clear


@BOTH_WAYS
def test_an_acceptance_before_the_dot_is_none(extensions: tuple[str, ...]) -> None:
    with HostileServer({"DATA": say(b"354 go on\r\n250 kept already\r\n")}, extensions=extensions) as server:
        outcome, intended = carry(server)
        assert outcome == broken(Happening.PUT_OFF, "250 kept already came before the dot")
        assert intended == 0
        assert server.dots == 0


# ── replies of every shape


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
        pile = send(server, parcel(1), parcel(2))
        accepted = Outcome(happening=Happening.ACCEPTED, reply=reply)
        assert pile.outcomes == {1: accepted, 2: accepted}


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


# ── time


def test_a_reply_that_drips_does_not_outlast_its_time() -> None:
    with HostileServer({"RCPT": hostile.forever(b"2", every=0.02)}) as server:
        began = time.monotonic()
        outcome, _ = carry(server, timeouts=HASTY)
        assert outcome == broken(Happening.PUT_OFF, "the server took too long")
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_command_is_not_waited_for_for_ever(step: str) -> None:
    with HostileServer({step: keep_silent}) as server:
        assert carry(server, timeouts=HASTY)[0] == broken(Happening.PUT_OFF, "the server took too long")


def test_the_reply_to_the_dot_has_a_time_of_its_own() -> None:
    with HostileServer({"dot": keep_silent}) as server:
        began = time.monotonic()
        assert carry(server, timeouts=HASTY_AFTER_THE_DOT)[0] == broken(
            Happening.LOST, "the server took too long"
        )
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


def test_after_the_dot_a_command_has_its_own_time_again() -> None:
    def once(talk: Talk) -> None:
        talk.say(b"250 kept\r\n")
        server.script = {"MAIL": keep_silent}

    timeouts = Timeouts(
        greeting_for=5, command_for=0.3, data_for=5, content_for=5, final_for=LONG_BEFORE_THE_STANDARDS
    )
    with HostileServer({"dot": once}, extensions=STEPWISE) as server:
        began = time.monotonic()
        pile = send(server, parcel(1), parcel(2), timeouts=timeouts)
        assert pile.outcomes[1] == ACCEPTED
        assert pile.outcomes[2] == broken(Happening.PUT_OFF, "the server took too long")
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


def test_nobody_hurries_whoever_records_the_intent() -> None:
    async def take_long(pile: Pile, line: Line, letter: Parcel) -> None:
        await asyncio.sleep(0.5)  # longer than any reply is waited for
        line.go(letter.key)

    with HostileServer() as server:
        assert send(server, timeouts=HASTY, decide=take_long).outcomes[1] == ACCEPTED


def test_the_standard_says_how_long_to_wait() -> None:
    assert Timeouts() == Timeouts(
        greeting_for=300, command_for=300, data_for=120, content_for=180, final_for=600, goodbye_for=5
    )


# ── closing


def test_a_goodbye_is_not_waited_for() -> None:
    timeouts = Timeouts(greeting_for=5, command_for=5, content_for=5, final_for=5, goodbye_for=0.2)
    with HostileServer({"QUIT": keep_silent}) as server:
        began = time.monotonic()
        assert carry(server, timeouts=timeouts)[0] == ACCEPTED
        assert time.monotonic() - began < LONG_BEFORE_THE_STANDARDS


def closing(server: HostileServer, *, at: str, within: float = 5) -> Pile:
    """What becomes of four letters when the line is closed as the first one is at that point."""

    async def close_in_the_middle() -> Pile:
        reached = asyncio.Event()

        async def stop(pile: Pile, line: Line, letter: Parcel) -> None:
            if at == "dot":
                line.go(letter.key)
            reached.set()

        pile = Pile(server, [parcel(n) for n in range(4)], stop)
        line = await Line.open(server.relay(), pile, timeouts=BRISK)
        if at == "envelope":
            line.wake()
        else:
            await reached.wait()
        await line.close(within=within)
        line.go(0)
        await line.close(within=within)
        assert len(pile.reasons) == 1
        return pile

    pile = asyncio.run(close_in_the_middle())
    server.settle()
    return pile


def test_closing_waits_for_the_reply_to_a_dot_and_gives_the_rest_back() -> None:
    with HostileServer({"dot": drip(b"250 kept\r\n", every=0.02)}) as server:
        pile = closing(server, at="dot")
        assert pile.outcomes == {0: ACCEPTED, 1: broken(Happening.RELEASED, "the line was closed")}
        assert pile.reasons == [None]


def test_closing_does_not_wait_for_ever() -> None:
    with HostileServer({"dot": keep_silent}) as server:
        pile = closing(server, at="dot", within=0.1)
        assert pile.outcomes[0] == broken(Happening.LOST, "no answer within 0.1 seconds")
        assert pile.outcomes[1].happening is Happening.RELEASED


def test_closing_between_content_and_dot_puts_the_letter_off_and_says_no_goodbye() -> None:
    with HostileServer() as server:
        pile = closing(server, at="content")
        assert pile.outcomes[0] == broken(Happening.PUT_OFF, "the line was closed")
        assert pile.outcomes[1].happening is Happening.RELEASED
        assert server.dots == 0
        assert b"QUIT" not in server.in_clear


def test_closing_in_an_envelope_gives_the_letter_back_and_says_no_goodbye() -> None:
    with HostileServer() as server:
        pile = closing(server, at="envelope")
        assert pile.outcomes == {0: broken(Happening.RELEASED, "the line was closed")}
        assert b"QUIT" not in server.in_clear
        assert server.dots == 0


def test_the_intent_is_not_asked_for_while_the_network_holds_content_back() -> None:

    async def consent(pile: Pile, line: Line, letter: Parcel) -> None:
        raise AssertionError

    with HostileServer({"body": hang_up}, extensions=("PIPELINING",)) as server:
        pile = send(server, parcel(content=b"x" * 70 + b"\r\n" + b"y\r\n" * 10_000_000), decide=consent)
        assert pile.outcomes[1].happening is Happening.PUT_OFF
        assert pile.intended == []


def test_an_owner_that_fails_to_record_the_intent_gets_its_letter_back() -> None:
    class Failing(Pile):
        def intend(self, line: Line, letter: Parcel) -> None:
            raise OSError("the disk is full")

    async def fail() -> Pile:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        pile = Failing(server, [parcel(1), parcel(2)])
        line = await Line.open(server.relay(), pile, timeouts=BRISK)
        await pile.finish()
        await line.close(within=5)
        return pile

    with HostileServer() as server:
        pile = asyncio.run(fail())
        server.settle()
        assert pile.outcomes == {1: broken(Happening.PUT_OFF, "the intent could not be asked for")}
        assert len(pile.reasons) == 1
        assert server.dots == 0
        assert b"QUIT" not in server.in_clear


class Clogged(asyncio.Transport):
    """A transport that passes on so many bytes and holds back the rest: no loopback can be made to, byte by byte."""

    def __init__(self, passes: int, *, breaks: bool = False) -> None:
        super().__init__({"sockname": ("192.0.2.1", 25), "socket": self})
        self.corks: list[bool] = []
        self._passes, self._breaks, self._held, self._is_closing = passes, breaks, 0, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._breaks and data[:1] == b".":
            self._is_closing = True
        if data[:1] == b".":
            self._held = max(0, len(data) - self._passes)

    def setsockopt(self, level: int, option: int, value: bool) -> None:
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_CORK)
        self.corks.append(value)

    def get_write_buffer_size(self) -> int:
        return self._held

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (0, 0)

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        self._is_closing = True


def hung_up_behind_the_dot(transport: Clogged, *letters: Parcel) -> Pile:
    async def converse() -> Pile:
        pile = Pile(HostileServer(), list(letters))
        line = Line(Relay(host="mx.example", port=25), pile, BRISK, with_token=False)
        line.connection_made(transport)
        for said in (b"220 mx\r\n", b"250-mx\r\n250 PIPELINING\r\n"):
            hear(line, said)
        line.wake()
        hear(line, b"250 fine\r\n250 fine\r\n354 go on\r\n")
        line.go(1)
        line.eof_received()
        pile.server.close()
        return pile

    return asyncio.run(converse())


def test_the_last_of_the_content_waits_for_the_dot_and_then_both_leave() -> None:
    class Corked(Clogged):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            super().write(data)
            left.append((bytes(data), *self.corks[-1:]))

    left: list[tuple[object, ...]] = []
    transport = Corked(10)
    hung_up_behind_the_dot(transport, parcel(1))
    content, dot = left[-2:]
    assert content == (parcel(1).content, True)
    assert dot == (b".\r\n", True)
    assert transport.corks == [True, False]


def test_a_socket_that_is_closed_before_the_line_hears_of_it_breaks_only_that_line() -> None:
    class Closed(Clogged):
        def setsockopt(self, level: int, option: int, value: bool) -> None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    pile = hung_up_behind_the_dot(Closed(4), parcel(1))
    assert pile.outcomes[1] == broken(Happening.LOST, "the server hung up")


def hear(line: Line, said: bytes) -> None:
    line.get_buffer(-1)[: len(said)] = said
    line.buffer_updated(len(said))


def test_a_large_letter_is_handed_over_in_blocks_as_the_network_takes_them() -> None:
    class Narrow(Clogged):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            written.append(bytes(data))
            if len(data) > 1000:
                lines[0].pause_writing()

    async def converse() -> None:
        pile = Pile(HostileServer(), [letter], ignore)
        line = Line(Relay(host="mx.example", port=25), pile, BRISK, with_token=False)
        lines.append(line)
        line.connection_made(Narrow(0))
        for said in (b"220 mx\r\n", b"250 mx\r\n", b"250 fine\r\n", b"250 fine\r\n", b"354 go on\r\n"):
            hear(line, said)
            line.wake()
        before = len(written)
        assert len(b"".join(written)) < 300_000
        while not pile.intended:
            assert len(written) == before
            line.resume_writing()
            before += 1
        pile.server.close()

    async def ignore(pile: Pile, line: Line, letter: Parcel) -> None:
        pass

    written, lines = list[bytes](), list[Line]()
    letter = parcel(content=b"x" * 998 + b"\r\n" + b"y\r\n" * 400_000)
    asyncio.run(converse())
    assert b"".join(written).endswith(b"DATA\r\n" + letter.content)


@pytest.mark.parametrize(
    ("passed", "happening"),
    [
        (0, Happening.PUT_OFF),
        (1, Happening.PUT_OFF),
        (2, Happening.PUT_OFF),
        (3, Happening.LOST),
        (4, Happening.LOST),
    ],
)
def test_a_dot_that_has_not_wholly_left_leaves_no_doubt(passed: int, happening: Happening) -> None:
    for letters in ([parcel(1)], [parcel(1), parcel(2)]):
        pile = hung_up_behind_the_dot(Clogged(passed), *letters)
        assert pile.outcomes[1] == broken(happening, "the server hung up")
        assert [pile.outcomes[2].happening for _ in letters[1:]] == [Happening.RELEASED for _ in letters[1:]]


def test_a_dot_that_the_network_would_not_take_leaves_no_doubt() -> None:
    pile = hung_up_behind_the_dot(Clogged(0, breaks=True), parcel(1), parcel(2))
    assert pile.outcomes[1] == broken(Happening.PUT_OFF, "the line broke before the dot")
    assert pile.outcomes[2].happening is Happening.RELEASED


# ── who one speaks to

PASSWORD = "correct horse – battery"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


PROTECTED = pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])


@PROTECTED
@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN CRAM-MD5", "LOGIN"])
@pytest.mark.parametrize("others", [("8BITMIME",), ("PIPELINING",)])
def test_a_protected_line_hides_everything(
    authority: Authority, security: Security, mechanisms: str, others: tuple[str, ...]
) -> None:
    extensions = (f"AUTH {mechanisms}", *others)
    with HostileServer(security=security, tls=authority.server(), extensions=extensions) as server:
        relay = server.relay(user="clerk", password=PASSWORD)
        pile = send(server, *map(parcel, range(5)), relay=relay, tls=authority.client())
        assert pile.outcomes == dict.fromkeys(range(5), ACCEPTED)
        assert server.logins == [("clerk", PASSWORD)]
        assert server.kept == [CONTENT] * 5
        assert bytes(server.in_clear) in {b"", b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n"}


@PROTECTED
def test_a_large_letter_arrives_whole_in_tls(authority: Authority, security: Security) -> None:
    content = b"".join(b"%075d\r\n" % n for n in range(100_000))
    with HostileServer(security=security, tls=authority.server(), extensions=("PIPELINING",)) as server:
        pile = send(server, parcel(1, content), parcel(2), tls=authority.client())
        assert pile.outcomes == {1: ACCEPTED, 2: ACCEPTED}
        assert server.kept == [content, CONTENT]


@PROTECTED
@pytest.mark.parametrize("act", [hang_up, reset, keep_silent, say(b"nonsense\r\n")])
def test_a_protected_line_that_breaks_behind_the_dot_leaves_one_doubt(
    authority: Authority, security: Security, act: Act
) -> None:
    with HostileServer({"dot": act}, security=security, tls=authority.server()) as server:
        pile = send(
            server, parcel(1), parcel(2), timeouts=HASTY_AFTER_THE_DOT, tls=authority.client()
        )  # fmt: skip
        happenings = {key: outcome.happening for key, outcome in pile.outcomes.items()}
        assert happenings == {1: Happening.LOST, 2: Happening.RELEASED}


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
        with pytest.raises(
            RelayUnreachable, match=rf"certificate is not to be trusted: .*{reason}"
        ) as raised:
            send(server, relay=server.relay(user="clerk", password=PASSWORD), tls=authority.client())
        assert raised.value.kind == "tls"
        server.settle()
        assert_nothing_was_told(server)


def test_an_authority_nobody_knows_is_not_trusted(authority: Authority) -> None:
    with (
        HostileServer(security=Security.TLS, tls=authority.server()) as server,
        pytest.raises(RelayUnreachable, match="not to be trusted"),
    ):
        send(server)


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
        with pytest.raises(RelayUnreachable):
            send(server, relay=server.relay(user="clerk", password=PASSWORD), tls=authority.client())
        server.settle()
        assert_nothing_was_told(server)


def test_what_came_in_clear_with_the_220_is_not_believed(authority: Authority) -> None:
    inject = say(b"220 go on\r\n250-mx.example\r\n250 AUTH PLAIN\r\n")
    with HostileServer({"STARTTLS": inject}, security=Security.STARTTLS, tls=authority.server()) as server:
        with pytest.raises(RelayUnreachable, match="went on in clear") as raised:
            send(server, relay=server.relay(user="clerk", password=PASSWORD), tls=authority.client())
        assert raised.value.kind == "tls"
        server.settle()
        assert_nothing_was_told(server)


def test_a_server_without_tls_is_not_spoken_to_where_it_is_wanted() -> None:
    with HostileServer(extensions=("AUTH PLAIN",)) as server:
        relay = Relay(
            host="127.0.0.1", port=server.port, security=Security.TLS, user="clerk", password=PASSWORD
        )
        with pytest.raises(RelayUnreachable) as raised:
            send(server, relay=relay)
        assert raised.value.kind == "tls"
        server.settle()
        assert_nothing_was_told(server)


def assert_nothing_was_told(server: HostileServer) -> None:
    assert server.logins == []
    assert server.kept == []
    assert b"AUTH" not in server.in_clear
    assert b"MAIL" not in server.in_clear


@pytest.mark.parametrize(
    ("extensions", "script", "kind", "reason"),
    [
        (("AUTH PLAIN",), {"AUTH": say(b"535 5.7.8 wrong password\r\n")}, "auth", "535 5.7.8 wrong password"),
        (("AUTH LOGIN",), {"AUTH": say(b"535 5.7.8 wrong password\r\n")}, "auth", "535 5.7.8 wrong password"),
        (("AUTH PLAIN",), {"AUTH": say(b"454 4.7.0 not now\r\n")}, "protocol", "454 4.7.0 not now"),
        (("AUTH PLAIN",), {"AUTH": say(b"250 fine\r\n")}, "protocol", "250 fine"),
        (("AUTH PLAIN",), {"AUTH": hang_up}, "network", "hung up"),
        (("AUTH CRAM-MD5",), {}, "auth", "neither AUTH PLAIN nor AUTH LOGIN"),
        ((), {}, "auth", "neither AUTH PLAIN nor AUTH LOGIN"),
    ],
)
def test_a_login_that_fails_is_told_without_its_password(
    extensions: tuple[str, ...], script: dict[str, Act], kind: str, reason: str
) -> None:
    with HostileServer(script, extensions=("8BITMIME", *extensions)) as server:
        with pytest.raises(RelayUnreachable, match=reason) as raised:
            send(server, relay=server.relay(user="clerk", password=PASSWORD))
        assert PASSWORD not in str(raised.value)
        assert raised.value.kind == kind
        assert (raised.value.outcome is not None and raised.value.outcome.auth) == (kind == "auth")
        server.settle()
        assert b"MAIL" not in server.in_clear


def test_a_token_logs_in() -> None:
    with HostileServer(extensions=("PIPELINING", "AUTH PLAIN XOAUTH2")) as server:
        pile = send(server, relay=server.relay(user="clerk"), token="t0ken")
        assert pile.outcomes[1] == ACCEPTED
        assert server.logins == [("clerk", "t0ken")]


def test_a_token_that_is_not_taken_is_an_auth_failure() -> None:
    def challenge(talk: Talk) -> None:
        talk.say(b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n")
        assert talk.upto(b"\r\n") == b"\r\n"
        talk.say(b"535 5.7.8 no such token\r\n")

    with HostileServer({"AUTH": challenge}, extensions=("AUTH XOAUTH2",)) as server:
        with pytest.raises(RelayUnreachable, match="no such token") as raised:
            send(server, relay=server.relay(user="clerk"), token="t0ken")
        assert (raised.value.kind, raised.value.reply) == ("auth", "535 5.7.8 no such token")
        assert "t0ken" not in str(raised.value)


# ── the whole way


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
            sender=Mailbox(name="The Secretariat", address=SENDER),
            reader=Mailbox(name="Ana Novak", address=READER),
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
        with HostileServer() as unused:
            pile = send(unused, parcel(content=content), relay=mail_server.start())
        assert pile.outcomes[1].happening is Happening.ACCEPTED
    finally:
        mail_server.stop()
    ((_, raw),) = tray.everything()
    return raw

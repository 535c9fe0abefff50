"""The way in, as bytes alone: greeting, EHLO, STARTTLS, AUTH, and what ends it."""

import base64
from collections.abc import Iterable

import pytest

from mailer.delivery.admission import Capabilities, Cue, RelayUnreachable
from mailer.delivery.conversation import Broken, Conversation, Event, Say
from mailer.delivery.relay import Relay, Security
from mailer.delivery.reply import Reply

NAME = "[192.0.2.1]"
EHLO = Say(b"EHLO [192.0.2.1]\r\n")
PLAIN = Relay(host="mx.example", port=25)
SECRET = Relay(host="mx.example", port=25, user="clerk", password="correct horse – battery")
OPPORTUNE = Relay(host="mx.example", port=587, security=Security.STARTTLS, user="clerk", password="x")
IMPLICIT = Relay(host="mx.example", port=465, security=Security.TLS)


def base64_of(text: str) -> bytes:
    return base64.b64encode(text.encode())


def talk(relay: Relay, answers: Iterable[bytes], *, token: str = "") -> tuple[Conversation, list[Event]]:
    """All that happens when a server answers so; TLS and the token come when they are asked for."""
    conversation = Conversation(relay, name=NAME, with_token=bool(token))
    events = list[Event]()

    def note(more: list[Event]) -> None:
        events.extend(more)
        if more and more[-1] is Cue.SECURE:
            note(conversation.secured())
        elif more and more[-1] is Cue.TOKEN:
            note(conversation.bring(token))

    note(conversation.begin())
    for answer in answers:
        note(conversation.receive(answer))
    return conversation, events


def ending(relay: Relay, answers: Iterable[bytes], *, token: str = "") -> Broken:
    _, events = talk(relay, answers, token=token)
    assert isinstance(events[-1], Broken)
    assert Cue.READY not in events
    return events[-1]


def ehlo(*extensions: str) -> bytes:
    lines = ["mx.example", *extensions]
    return ("".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n").encode()


GREETING = b"220 mx.example ESMTP\r\n"


def test_a_plain_line_says_ehlo_and_is_ready() -> None:
    conversation, events = talk(PLAIN, [GREETING, ehlo("PIPELINING", "SIZE 1000")])
    assert events == [EHLO, Cue.READY]
    assert conversation.can == Capabilities(pipelining=True, size=True, largest=1000)


def test_a_server_of_the_old_kind_is_told_helo() -> None:
    conversation, events = talk(PLAIN, [GREETING, b"502 what\r\n", b"250 mx.example\r\n"])
    assert events == [EHLO, Say(b"HELO [192.0.2.1]\r\n"), Cue.READY]
    assert conversation.can == Capabilities()


@pytest.mark.parametrize(
    ("lines", "can"),
    [
        (["mx"], Capabilities()),
        (["mx", "8BITMIME", "SMTPUTF8", "DSN"], Capabilities(eight_bit=True, utf8=True, dsn=True)),
        (["mx", "STARTTLS"], Capabilities(starttls=True)),
        (["mx", "pipelining", "auth plain LOGIN"], Capabilities(pipelining=True, auth=frozenset({"PLAIN", "LOGIN"}))),
        (["mx", "AUTH=LOGIN"], Capabilities(auth=frozenset({"LOGIN"}))),
        (["mx", "SIZE"], Capabilities(size=True)),
        (["mx", "SIZE 0"], Capabilities(size=True)),
        (["mx", "SIZE x"], Capabilities(size=True)),
        (["mx", "SIZE 35 x"], Capabilities(size=True, largest=35)),
        (["mx", "SIZE " + "9" * 5000], Capabilities(size=True, largest=10**18 - 1)),
        (["PIPELINING is my name", "", "HELP"], Capabilities()),
    ],
)  # fmt: skip
def test_what_a_server_says_it_can_is_understood(lines: list[str], can: Capabilities) -> None:
    assert Capabilities.of(Reply(250, "\n".join(lines).encode())) == can


@pytest.mark.parametrize(
    ("answers", "kind", "reply"),
    [
        ([b"554 no\r\n"], "protocol", "554 no"),
        ([b"421 4.3.2 too busy\r\n"], "protocol", "421 4.3.2 too busy"),
        ([b"250 hello\r\n"], "protocol", "250 hello is no reply to the connection"),
        ([b"nonsense\r\n"], "protocol", "no reply of SMTP: nonsense"),
        ([GREETING, b"421 gone\r\n"], "protocol", "421 gone"),
        ([GREETING, b"554 no\r\n", b"554 never\r\n"], "protocol", "554 never"),
        ([GREETING, b"354 what\r\n"], "protocol", "354 what is no reply to EHLO"),
    ],
)
def test_a_server_that_will_not_have_us_says_so(answers: list[bytes], kind: str, reply: str) -> None:
    broken = ending(PLAIN, answers)
    assert (broken.kind, broken.outcome.reply) == (kind, reply)
    assert not broken.outcome.recipient_charged


def test_a_busy_servers_word_is_kept_for_the_pace() -> None:
    assert ending(PLAIN, [b"421 4.7.28 too many\r\n"]).outcome.slow_down


# ── in TLS


def test_starttls_forgets_what_was_said_in_clear() -> None:
    conversation, events = talk(
        OPPORTUNE,
        [
            GREETING,
            ehlo("STARTTLS", "SIZE 5", "AUTH LOGIN"),
            b"220 go\r\n",
            ehlo("AUTH PLAIN"),
            b"235 in\r\n",
        ],
    )
    assert events == [
        EHLO, Say(b"STARTTLS\r\n"), Cue.SECURE, EHLO,
        Say(b"AUTH PLAIN " + base64_of("\0clerk\0x") + b"\r\n"), Cue.READY,
    ]  # fmt: skip
    assert conversation.can == Capabilities(auth=frozenset({"PLAIN"}))


def test_implicit_tls_comes_before_the_first_word() -> None:
    assert talk(IMPLICIT, [GREETING, ehlo()])[1] == [Cue.SECURE, EHLO, Cue.READY]


@pytest.mark.parametrize(
    ("answers", "reply"),
    [
        ([GREETING, ehlo("AUTH PLAIN")], "the server does not offer STARTTLS"),
        ([GREETING, b"500 what\r\n", b"250 mx\r\n"], "the server does not offer STARTTLS"),
        ([GREETING, ehlo("STARTTLS"), b"454 4.7.0 not now\r\n"], "454 4.7.0 not now"),
        (
            [GREETING, ehlo("STARTTLS"), b"220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n"],
            "the server went on in clear where TLS was to begin",
        ),
        (
            [GREETING, ehlo("STARTTLS"), b"220 go\r\n250-m"],
            "the server went on in clear where TLS was to begin",
        ),
    ],
)
def test_without_tls_nothing_goes_on(answers: list[bytes], reply: str) -> None:
    broken = ending(OPPORTUNE, answers)
    assert (broken.kind, broken.outcome.reply) == ("tls", reply)


@pytest.mark.parametrize("relay", [IMPLICIT, OPPORTUNE])
def test_what_comes_in_clear_while_tls_begins_ends_it(relay: Relay) -> None:
    conversation = Conversation(relay, name=NAME)
    events = conversation.begin()
    for answer in (GREETING, ehlo("STARTTLS"), b"220 go\r\n"):
        if Cue.SECURE not in events:
            events = conversation.receive(answer)
    (broken,) = conversation.receive(b"2")
    assert isinstance(broken, Broken)
    assert broken.kind == "tls"
    assert conversation.secured() == []


# ── as whom


def test_plain_tells_user_and_password_at_once() -> None:
    _, events = talk(SECRET, [GREETING, ehlo("AUTH LOGIN PLAIN"), b"235 in\r\n"])
    said = Say(b"AUTH PLAIN " + base64_of(f"\0clerk\0{SECRET.password}") + b"\r\n")
    assert events == [EHLO, said, Cue.READY]


def test_login_tells_them_one_by_one() -> None:
    _, events = talk(
        SECRET, [GREETING, ehlo("AUTH LOGIN"), b"334 VXNlcg==\r\n", b"334 UGFzcw==\r\n", b"235 in\r\n"]
    )
    told = [Say(base64_of(each) + b"\r\n") for each in ("clerk", SECRET.password)]
    assert events == [EHLO, Say(b"AUTH LOGIN\r\n"), *told, Cue.READY]


def test_a_token_is_asked_for_when_it_is_needed() -> None:
    _, events = talk(SECRET, [GREETING, ehlo("AUTH PLAIN XOAUTH2"), b"235 in\r\n"], token="t0k")
    said = Say(b"AUTH XOAUTH2 " + base64_of("user=clerk\x01auth=Bearer t0k\x01\x01") + b"\r\n")
    assert events == [EHLO, Cue.TOKEN, said, Cue.READY]


def test_the_reason_a_token_fails_is_taken_note_of() -> None:
    answers = [GREETING, ehlo("AUTH XOAUTH2"), b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n", b"535 5.7.8 no\r\n"]
    _, events = talk(SECRET, answers, token="t0k")
    assert events[-2] == Say(b"\r\n")
    assert isinstance(events[-1], Broken)
    assert (events[-1].kind, events[-1].said, events[-1].outcome.auth) == ("auth", "535 5.7.8 no", True)


@pytest.mark.parametrize(
    ("extensions", "answers", "token", "kind", "reply"),
    [
        (["AUTH PLAIN"], [b"535 5.7.8 no\r\n"], "", "auth", "535 5.7.8 no"),
        (["AUTH LOGIN"], [b"334 \r\n", b"535 5.7.8 no\r\n"], "", "auth", "535 5.7.8 no"),
        (["AUTH PLAIN"], [b"454 4.7.0 later\r\n"], "", "protocol", "454 4.7.0 later"),
        (["AUTH PLAIN"], [b"421 4.7.0 later\r\n"], "", "protocol", "421 4.7.0 later"),
        (["AUTH PLAIN"], [b"250 fine\r\n"], "", "protocol", "250 fine is no reply to AUTH"),
        (["AUTH CRAM-MD5"], [], "", "auth", "the server offers neither AUTH PLAIN nor AUTH LOGIN"),
        ([], [], "", "auth", "the server offers neither AUTH PLAIN nor AUTH LOGIN"),
        (["AUTH PLAIN"], [], "t0k", "auth", "the server does not offer AUTH XOAUTH2"),
    ],
)
def test_a_login_that_fails_says_whether_we_are_unknown(
    extensions: list[str], answers: list[bytes], token: str, kind: str, reply: str
) -> None:
    broken = ending(SECRET, [GREETING, ehlo(*extensions), *answers], token=token)
    assert (broken.kind, broken.outcome.reply) == (kind, reply)
    assert broken.outcome.auth == (kind == "auth")
    assert not broken.outcome.recipient_charged
    assert SECRET.password not in repr(broken)


def test_the_error_a_caller_sees_carries_its_facts() -> None:
    error = RelayUnreachable("smtp://mx.example:25: 535 no", kind="auth", reply="535 no")
    assert isinstance(error, ConnectionError)
    assert (str(error), error.kind, error.reply) == ("smtp://mx.example:25: 535 no", "auth", "535 no")

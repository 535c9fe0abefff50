"""How a connection to a mail server becomes one that takes letters: greeting, EHLO, STARTTLS, AUTH.

Words only: what is to be said comes out, what was answered goes in. The conversation hands them over and knows of
letters; TLS itself and the token are its owner's.
"""

import base64
from collections.abc import Generator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, NamedTuple, Self

from mailer.delivery.outcome import UNKNOWN_TO_THE_SERVER, Outcome, of_reply
from mailer.delivery.relay import Relay, Security
from mailer.delivery.reply import Reply, Step, shown
from mailer.errors import ConvenorError

Kind = Literal["network", "tls", "auth", "protocol"]


class RelayUnreachable(ConvenorError, ConnectionError):  # noqa: N818
    """No usable connection, and no letter charged.

    `kind` is "network" (refused, no such host, silence), "tls", "auth" (the server does not know us: nobody but a
    person, or a fresh token, can help) or "protocol" (it answered, but would not have us, or made no sense).
    `reply` is what the server said, if it was that, and `outcome` what it means.
    """

    def __init__(
        self, message: str, *, kind: Kind = "network", reply: str = "", outcome: Outcome | None = None
    ) -> None:
        self.kind, self.reply, self.outcome = kind, reply, outcome
        super().__init__(message)


class Cue(Enum):
    """What the owner of a conversation is to do, or may do from now on."""

    SECURE = "go on in TLS"
    TOKEN = "bring a token"  # noqa: S105
    READY = "offer letters"
    GOODBYE = "hang up"


class Command(NamedTuple):
    """What is to be said, and what its reply will answer. At the greeting nothing is said."""

    step: Step
    words: str


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a server can do on one connection (RFC 5321 4.1.1.1). `largest` is in bytes, 0 if it sets no limit."""

    pipelining: bool = False
    eight_bit: bool = False
    utf8: bool = False
    dsn: bool = False
    starttls: bool = False
    size: bool = False
    largest: int = 0
    auth: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """What the reply to EHLO says; its first line is the server's name."""
        lines = [
            shown(line).upper().replace("AUTH=", "AUTH ").split() for line in reply.text.split(b"\n")[1:]
        ]
        known = {words[0]: words[1:] for words in lines if words}
        limit = (known.get("SIZE") or [""])[0]
        return cls(
            pipelining="PIPELINING" in known,
            eight_bit="8BITMIME" in known,
            utf8="SMTPUTF8" in known,
            dsn="DSN" in known,
            starttls="STARTTLS" in known,
            size="SIZE" in known,
            largest=int(limit[:18]) if limit.isdecimal() else 0,
            auth=frozenset(known.get("AUTH", ())),
        )


Admission = Generator[Command | Cue, Any, Capabilities]
"""Sent a `Reply` for each command, None for `Cue.SECURE` and the token for `Cue.TOKEN`."""

_Answered = Generator[Command | Cue, Any, Reply]


def admission(relay: Relay, *, name: str, with_token: bool) -> Admission:
    """The way to a line that is protected and logged in as the relay asks for; `name` is what we call ourselves.

    Raises:
        RelayUnreachable: in it, where the server ends it or cannot do what the relay asks for.
    """
    if relay.security is Security.TLS:
        yield Cue.SECURE
    _want(220, (yield from _ask(Step.GREETING, "")), Step.GREETING)
    can = yield from _introduce(name)
    if relay.security is Security.STARTTLS:
        yield from _protect(can)
        can = yield from _introduce(name)  # what was said in clear counts no more (RFC 3207 4.2)
    if relay.user:
        yield from _log_in(relay, can, with_token=with_token)
    return can


def _ask(step: Step, words: str) -> _Answered:
    reply: Reply = yield Command(step, words)
    return reply


def _introduce(name: str) -> Admission:
    """EHLO, or HELO to a server that does not know it (RFC 5321 3.2)."""
    reply = yield from _ask(Step.EHLO, f"EHLO {name}")
    if reply.code == 250:
        return Capabilities.of(reply)
    if reply.code // 100 == 5:
        reply = yield from _ask(Step.EHLO, f"HELO {name}")
    _want(250, reply, Step.EHLO)
    return Capabilities()


def _protect(can: Capabilities) -> Generator[Command | Cue, Any, None]:
    """STARTTLS (RFC 3207), or nothing at all."""
    if not can.starttls:
        raise RelayUnreachable("the server does not offer STARTTLS", kind="tls")
    _want(220, (yield from _ask(Step.STARTTLS, "STARTTLS")), Step.STARTTLS, kind="tls")
    yield Cue.SECURE


def _log_in(relay: Relay, can: Capabilities, *, with_token: bool) -> Generator[Command | Cue, Any, None]:
    """XOAUTH2 with a token, else PLAIN (RFC 4616), or LOGIN where the server has only that."""
    if with_token:
        _offered("XOAUTH2" in can.auth, "the server does not offer AUTH XOAUTH2")
        token: str = yield Cue.TOKEN
        answers = [_base64(f"user={relay.user}\x01auth=Bearer {token}\x01\x01")]
        reply = yield from _ask(Step.AUTH, f"AUTH XOAUTH2 {answers[0]}")
        if reply.code == 334:  # the reason, in base64; the refusal comes when it has been taken note of
            reply = yield from _ask(Step.AUTH, "")
    elif "PLAIN" in can.auth:
        reply = yield from _ask(Step.AUTH, "AUTH PLAIN " + _base64(f"\0{relay.user}\0{relay.password}"))
    else:
        _offered("LOGIN" in can.auth, "the server offers neither AUTH PLAIN nor AUTH LOGIN")
        reply = yield from _ask(Step.AUTH, "AUTH LOGIN")
        for secret in (relay.user, relay.password):
            _want(334, reply, Step.AUTH)
            reply = yield from _ask(Step.AUTH, _base64(secret))
    _want(235, reply, Step.AUTH)


def _want(code: int, reply: Reply, step: Step, *, kind: Kind = "protocol") -> None:
    if reply.code == code:
        return
    if reply.code < 400:
        raise RelayUnreachable(f"{reply} is no reply to {step}", kind=kind, reply=str(reply))
    meaning = of_reply(reply.code, shown(reply.text), at=step)
    outcome = replace(meaning, recipient_charged=False, line_is_usable=False)
    raise RelayUnreachable(
        outcome.reply, kind="auth" if outcome.auth else kind, reply=outcome.reply, outcome=outcome
    )


def _offered(mechanism: bool, lacking: str) -> None:
    if not mechanism:
        raise RelayUnreachable(lacking, kind="auth", outcome=replace(UNKNOWN_TO_THE_SERVER, reply=lacking))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

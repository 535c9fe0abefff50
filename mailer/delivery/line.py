"""One connection to a relay on the running event loop: sockets, TLS and time, for a conversation that has none of them.

Letters are the `Post`'s, which gives one when asked, records the intent between content and dot, and is told how each
ended. What is said, and what an answer means for which letter, is the conversation's.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any, Protocol, Self, cast

from mailer.delivery.admission import Cue, Kind, RelayUnreachable
from mailer.delivery.conversation import LONE_DOT, Broken, Conversation, Ended, Event, Invited, Say
from mailer.delivery.envelope import Offer, Parcel, offer_of
from mailer.delivery.outcome import Outcome, given_back
from mailer.delivery.relay import Relay
from mailer.delivery.reply import Step

_BLOCK = 256 * 1024
"""Bytes of content handed over at once; each block has its own time (RFC 5321 4.5.3.2.5)."""

CORK: int | None = getattr(socket, "TCP_CORK", None)

_HEARD_AT_ONCE = 4096
"""Bytes: a genuine reply has a few hundred. A buffer of its own spares the loop one of 256 kB for each."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds to wait for the server (RFC 5321 4.5.3.2): each for the whole reply, however slowly it drips."""

    greeting_for: float = 300
    command_for: float = 300
    data_for: float = 120
    content_for: float = 180
    final_for: float = 600
    goodbye_for: float = 5

    def patience(self) -> dict[Step | None, float]:
        """Seconds for each reply; for ever while none is due, or while whoever says goodbye looks at the clock."""
        every: dict[Step | None, float] = dict.fromkeys(Step, self.command_for)
        return every | {
            None: inf,
            Step.GREETING: self.greeting_for,
            Step.DATA: self.data_for,
            Step.DOT: self.final_for,
            Step.LONE_DOT: self.final_for,
            Step.QUIT: inf,
        }


class Post(Protocol):
    """Who owns the letters. Nothing here may block: it runs on the event loop."""

    def take(self, line: "Line", /) -> Parcel | None:
        """The next letter for this line, or None; it is asked again after `Line.wake`, and when a letter ends."""

    def intend(self, line: "Line", parcel: Parcel, /) -> None:
        """All but the dot is the network's. Record the intent durably, then `line.go(key)`; or `line.withhold(key)`."""

    def ended(self, line: "Line", parcel: Parcel, outcome: Outcome, /) -> None:
        """Said once of each letter that was taken."""

    def closed(self, line: "Line", reason: Outcome | None, /) -> None:
        """The line is gone, and its letters have ended; `reason` is None if it was closed from this side."""


class Line(asyncio.BufferedProtocol):
    """One connection, made by `open`. It takes letters by itself until it is closed from either side.

    `taken` is how many it has taken so far.
    """

    taken = 0

    def __init__(self, relay: Relay, post: Post, timeouts: Timeouts, *, with_token: bool) -> None:
        self._relay, self._post, self._timeouts, self._with_token = relay, post, timeouts, with_token
        self._next: Offer | None = None
        self._poured_to = self._behind_dot = 0
        self._asked_for: Any = None
        self._cue: Cue | None = None
        self._failure: RelayUnreachable | None = None
        self._heard = memoryview(bytearray(_HEARD_AT_ONCE))
        self._is_admitted = self._is_secure = self._is_clogged = False
        self._is_taking = self._is_leaving = self._is_over = False
        self._stirred, self._gone = asyncio.Event(), asyncio.Event()
        self._abort: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._patience = timeouts.patience()
        self._shortest = min(timeouts.content_for, *self._patience.values())
        self._awaited: Step | None = None
        self._deadline = inf
        self._timer = self._loop.call_later(self._shortest, self._look_at_the_clock)

    # ── opening

    @classmethod
    async def open(
        cls,
        relay: Relay,
        post: Post,
        *,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
        token: str = "",
    ) -> Self:
        """A line that is protected and logged in as the relay asks for; from the next turn of the loop on it takes
        letters. With `token` it logs in by XOAUTH2.

        Raises:
            RelayUnreachable: refused, no such host, TLS or AUTH failed, or the server made no sense.
        """
        line = cls(relay, post, timeouts or Timeouts(), with_token=bool(token))
        try:
            async with asyncio.timeout(line._timeouts.greeting_for):
                await line._loop.create_connection(lambda: line, relay.host, relay.port)
            await line._be_admitted(tls, token)
        except RelayUnreachable:
            raise
        except (OSError, UnicodeError) as error:
            kind: Kind = "tls" if isinstance(error, ssl.SSLError) else "network"
            raise line._failure or RelayUnreachable(f"{relay}: {_said(error)}", kind=kind) from error
        finally:
            if not line._is_admitted:
                line._hang_up()
        line._loop.call_soon(line.wake)
        return line

    async def _be_admitted(self, tls: ssl.SSLContext | None, token: str) -> None:
        while (cue := await self._next_cue()) is not Cue.READY:
            if cue is Cue.SECURE:
                await self._protect(tls or _trusted())
                self._act(self._conversation.secured())
            else:
                self._act(self._conversation.bring(token))
        self._is_admitted = True

    async def _next_cue(self) -> Cue | None:
        await self._stirred.wait()
        self._stirred.clear()
        if self._failure:
            raise self._failure
        return self._cue

    async def _protect(self, context: ssl.SSLContext) -> None:
        """TLS, with the server's certificate checked for the relay's name."""
        protected = await self._loop.start_tls(
            self._transport,
            self,
            context,
            server_hostname=self._relay.host,
            ssl_handshake_timeout=self._timeouts.greeting_for,
        )
        self._is_secure = True
        self._use(cast("asyncio.Transport", protected))

    def _use(self, transport: asyncio.Transport) -> None:
        """Speak through it, and be told whenever it cannot pass everything on at once."""
        self._transport, self._abort = transport, transport.abort
        self._socket: socket.socket = transport.get_extra_info("socket")
        transport.set_write_buffer_limits(
            high=1 if self._is_secure else 0, low=0
        )  # TLS halts at its mark, not above

    # ── what the owner of the letters says

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and nothing waits to be."""
        return self._next is None and self._conversation.is_quiet

    def wake(self) -> None:
        """There may be letters now."""
        if self._asked_for is not None:
            self._next = self._next or self._taken()
        elif self._conversation.may_offer:
            offer, self._next = self._next or self._taken(), None
            if offer:
                self._say(self._conversation.offer(offer))

    def go(self, key: Any) -> None:
        """The intent is recorded: the dot may leave, and behind it the next letter's envelope.

        A key whose intent was not asked for, or whose letter has ended since, is passed over.
        """
        conversation, transport = self._conversation, self._transport
        if key != self._asked_for or transport.is_closing():
            return
        following, self._asked_for = None, None
        if conversation.can.pipelining:
            following, self._next = self._next, None
        words = conversation.finish(following)
        self._behind_dot = len(words) - len(LONE_DOT)
        transport.write(words)
        self._cork(False)
        if transport.is_closing():  # nothing was waiting before it: not a byte of it has left
            self._act(conversation.lose("the line broke before the dot", dot_left=False))
        else:
            self._await(Step.DOT)

    def withhold(self, key: Any) -> None:
        """The letter shall not leave. Its content is out, so the line is closed without the dot."""
        if key == self._asked_for:
            self._act(self._conversation.withhold("withheld before the dot"))
            self._close(None)

    async def close(self, *, within: float) -> None:
        """Take no more letters, wait at most `within` seconds for the reply to a dot, and say goodbye.

        A letter whose dot is out and has no reply by then is lost. The others are given back, or put off without
        charge where the intent was asked for.
        """
        if self._is_over:
            return
        self._is_leaving, self._asked_for = True, None
        self._give_back("the line was closed")
        self._act(self._conversation.leave("the line was closed"))
        await self._until_settled(within)
        if not self._conversation.is_settled:
            self._lose(f"no answer within {within:g} seconds")
        elif self._conversation.is_quiet:
            self._say(self._conversation.quit())
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeouts.goodbye_for):
                    await self._gone.wait()
        self._close(None)

    async def _until_settled(self, within: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._conversation.is_settled:
                    await self._stirred.wait()
                    self._stirred.clear()

    # ── what the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._use(cast("asyncio.Transport", transport))
        name = _address_literal(transport.get_extra_info("sockname")[0])
        self._conversation = Conversation(self._relay, name=name, with_token=self._with_token)
        self._act(self._conversation.begin())
        self._await(self._conversation.awaits)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._heard

    def buffer_updated(self, nbytes: int) -> None:
        conversation = self._conversation
        self._act(conversation.receive(bytes(self._heard[:nbytes])))
        if (step := conversation.awaits) is not self._awaited:
            self._await(step)
        if self._asked_for is None and conversation.may_offer:
            self.wake()

    def eof_received(self) -> None:
        self._lose("the server hung up")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(_said(exc) if exc else "the server hung up")

    def pause_writing(self) -> None:
        self._is_clogged = True

    def resume_writing(self) -> None:
        self._is_clogged = False
        if self._asked_for is None:
            self._pour()

    # ── what the conversation says

    def _act(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Ended):
                self._post.ended(self, event.parcel, event.outcome)
                if self._is_leaving:
                    self._stirred.set()
            elif isinstance(event, Invited):
                self._poured_to = 0
                self._pour()
            elif isinstance(event, Say):
                self._say(event.words)
            elif isinstance(event, Broken):
                self._fall(event)
            elif event is Cue.GOODBYE:
                self._close(None)
            else:
                self._cue = event
                self._stirred.set()

    def _say(self, words: bytes) -> None:
        self._behind_dot += len(words)
        self._transport.write(words)
        self._await(self._conversation.awaits)

    def _pour(self) -> None:
        """The content, as far as the network takes it; when it has all of it, the intent may be recorded."""
        offer = self._conversation.poured
        if offer is None:
            return
        transport, content, size = self._transport, offer.content, len(offer.content)
        if not self._poured_to:
            self._cork(True)
        while self._poured_to < size and not (self._is_clogged or transport.is_closing()):
            end = self._poured_to + _BLOCK
            transport.write(content if size <= _BLOCK else content[self._poured_to : end])
            self._poured_to = end
        self._awaited = None
        if self._is_clogged or transport.is_closing():
            self._deadline = self._loop.time() + self._timeouts.content_for
            return
        self._deadline, self._asked_for = inf, offer.parcel.key
        try:
            self._post.intend(self, offer.parcel)
        except BaseException:
            self._lose("the intent could not be asked for")
            raise
        self.wake()

    def _cork(self, is_in: bool) -> None:
        """While it is in, the last bytes of the content wait for the dot, a fifth of a second at most (Linux, tcp(7)):
        the server reads both at once. Under TLS the socket may be closed a moment before the line hears of it.
        """
        if CORK:
            try:
                self._socket.setsockopt(socket.IPPROTO_TCP, CORK, is_in)
            except OSError:
                return

    def _taken(self) -> Offer | None:
        """The next letter that can be offered here; those that cannot end at once."""
        if self._is_taking:
            return None
        self._is_taking = True
        try:
            while (parcel := self._post.take(self)) is not None:
                self.taken += 1
                offer = offer_of(parcel, self._conversation.can)
                if isinstance(offer, Offer):
                    return offer
                self._post.ended(self, parcel, offer)
            return None
        finally:
            self._is_taking = False

    # ── time and the end

    def _await(self, step: Step | None) -> None:
        self._awaited = step
        self._deadline = self._loop.time() + self._patience[step]

    def _look_at_the_clock(self) -> None:
        """One timer for the line, so that no letter needs its own. It turns so often that no deadline passes it by."""
        now = self._loop.time()
        if now >= self._deadline:
            self._lose("the server took too long")
        else:
            self._timer = self._loop.call_at(
                min(self._deadline, now + self._shortest), self._look_at_the_clock
            )

    def _lose(self, reason: str) -> None:
        if not self._is_over:
            is_held = not self._is_secure and self._transport.get_write_buffer_size() > self._behind_dot
            self._act(self._conversation.lose(reason, dot_left=not is_held))

    def _fall(self, broken: Broken) -> None:
        outcome = broken.outcome
        if not self._is_admitted:
            reason = f"{self._relay}: {outcome.reply}"
            self._failure = RelayUnreachable(reason, kind=broken.kind, reply=broken.said, outcome=outcome)
        self._give_back(outcome.reply)
        self._close(outcome)

    def _give_back(self, reason: str) -> None:
        """The letter that was fetched ahead."""
        offer, self._next = self._next, None
        if offer:
            self._post.ended(self, offer.parcel, given_back(reason))

    def _close(self, reason: Outcome | None) -> None:
        if self._is_over:
            return
        self._give_back("the line was closed")
        self._hang_up()
        if self._is_admitted:
            self._post.closed(self, reason)

    def _hang_up(self) -> None:
        self._is_over, self._asked_for = True, None
        self._timer.cancel()
        self._abort()
        self._stirred.set()
        self._gone.set()


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def _address_literal(host: str) -> str:
    """What a client calls itself that has no name of its own (RFC 5321 4.1.3)."""
    return f"[IPv6:{host.partition('%')[0]}]" if ":" in host else f"[{host}]"


def _said(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "the server took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted: {error.verify_message}"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__

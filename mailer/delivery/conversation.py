"""One SMTP connection without its socket (RFC 5321): bytes in, events out, knowing at each step what the server knows.

Everything before the final dot may be tried again; a reply lost after it leaves the letter in doubt. So the content
goes out without its dot, the intent is recorded by whoever owns the letters, and the dot goes out together with the
envelope of the next letter (RFC 2920 3.1): one round trip for each letter, and at most one of them in doubt.

It has no clock and no socket, which are the line's, and decides nothing about letters that come back.
"""

import re
from dataclasses import replace
from typing import NamedTuple

from mailer.delivery.admission import Capabilities, Command, Cue, Kind, RelayUnreachable, admission
from mailer.delivery.envelope import Offer, Parcel
from mailer.delivery.outcome import Outcome, accepted, given_back, of_broken_line, of_reply
from mailer.delivery.relay import Relay
from mailer.delivery.reply import OutOfStep, Reply, ReplyReader, Step, shown

_CLOSING = 421
_ENVELOPE = (Step.MAIL, Step.RCPT, Step.DATA)
_DOT = (Step.DOT,)
_DOT_AND_ENVELOPE = (Step.DOT, *_ENVELOPE)
LONE_DOT = b".\r\n"

_ALL_WELL = re.compile(rb"(250 [ -~]{0,400})\r\n250 [ -~]{0,400}\r\n250 [ -~]{0,400}\r\n354 [ -~]{0,400}\r\n")
"""What a server nearly always says to a dot and the next envelope: read at one glance, it is read as by line."""


class Say(NamedTuple):
    """To be sent as it is."""

    words: bytes


class Invited(NamedTuple):
    """The server waits for this letter's content: send it without the dot, then record the intent."""

    offer: Offer


class Ended(NamedTuple):
    """This letter is no longer the conversation's."""

    parcel: Parcel
    outcome: Outcome


class Broken(NamedTuple):
    """The connection can carry nothing more, and its letters have ended. `said` are the server's words, if any."""

    outcome: Outcome
    kind: Kind
    said: str


Event = Say | Cue | Invited | Ended | Broken


class Conversation:
    """What was said, what is awaited, which letters are under way: at most one whose dot is out, and one behind it.

    `name` is what we call ourselves. `can` is what the server can do, since `Cue.READY`.
    """

    def __init__(self, relay: Relay, *, name: str, with_token: bool = False) -> None:
        self.can = Capabilities()
        self._admission = admission(relay, name=name, with_token=with_token)
        self._reader = ReplyReader()
        self._events: list[Event] = []
        self._due: tuple[Step, ...] = ()
        self._unsaid: list[tuple[Step, bytes]] = []
        self._departing: Offer | None = None
        self._current: Offer | None = None
        self._is_poured = self._is_reader_refused = self._needs_reset = False
        self._is_ready = self._is_leaving = self._is_mute = self._is_over = self._is_in_clear = False

    # ── what its owner may ask

    @property
    def awaits(self) -> Step | None:
        """What the next reply will answer; None while the server has nothing to say."""
        return self._due[0] if self._due else None

    @property
    def may_offer(self) -> bool:
        """Whether the next letter can be offered now; behind a dot only to a server that has PIPELINING."""
        return (
            self._is_ready
            and self._current is None
            and not (self._is_over or self._is_leaving)
            and (not self._due or (self.can.pipelining and self._due == _DOT))
        )

    @property
    def poured(self) -> Offer | None:
        """The letter that lacks nothing but its dot."""
        return self._current if self._is_poured else None

    @property
    def is_quiet(self) -> bool:
        """Whether no letter is under way and no reply awaited."""
        return self._is_ready and not (self._is_mute or self._is_over or self._due or self._current)

    @property
    def is_settled(self) -> bool:
        """Whether no letter waits for the reply to its dot."""
        return self._departing is None

    # ── what its owner does

    def begin(self) -> list[Event]:
        """The connection stands."""
        return self._go_on(None)

    def secured(self) -> list[Event]:
        """TLS stands."""
        self._is_in_clear = False
        return self._go_on(None)

    def bring(self, token: str) -> list[Event]:
        """The token that was wanted."""
        return self._go_on(token)

    def offer(self, offer: Offer) -> bytes:
        """What to say to offer a letter, when `may_offer`: all of its envelope, or the beginning of it."""
        self._current, self._is_poured, self._is_reader_refused = offer, False, False
        resetting, self._needs_reset = self._needs_reset, False
        if self.can.pipelining:
            self._due += (Step.RESET, *_ENVELOPE) if resetting else _ENVELOPE
            return b"RSET\r\n" + offer.envelope if resetting else offer.envelope
        self._unsaid = [(Step.RESET, b"RSET\r\n")] if resetting else []
        self._unsaid += zip(_ENVELOPE, offer.envelope.splitlines(keepends=True), strict=True)
        return self._next_words()

    def finish(self, following: Offer | None) -> bytes:
        """The dot of the letter that is `poured`, and behind it, where the server has PIPELINING, an envelope."""
        self._departing, self._current, self._is_poured, self._due = self._current, None, False, _DOT
        if following is None:
            return LONE_DOT
        self._current, self._is_reader_refused, self._due = following, False, _DOT_AND_ENVELOPE
        return LONE_DOT + following.envelope

    def leave(self, reason: str) -> list[Event]:
        """Offer nothing more and give back what has not got its dot; only the reply to a dot is still listened to.

        A letter whose intent may have been recorded is put off, uncharged; one that was only offered is given back.
        """
        self._events = []
        self._is_leaving = True
        if self._current:
            put_off = of_broken_line(reason, dot_sent=False)
            self._end(self._current, put_off if self._is_poured else given_back(reason))
            self._is_mute = True  # whatever were said now could become content
            self._current, self._unsaid, self._due = None, [], _DOT if self._departing else ()
            self._is_poured = False
        return self._events

    def withhold(self, reason: str) -> list[Event]:
        """The letter that is `poured` shall not leave: it is given back, and the connection is good for nothing."""
        self._events = []
        if self._current:
            self._end(self._current, given_back(reason))
        self._current, self._is_poured, self._is_over = None, False, True
        return self._events

    def quit(self) -> bytes:
        """A goodbye, when the conversation `is_quiet`."""
        self._due, self._is_leaving = (Step.QUIT,), True
        return b"QUIT\r\n"

    def lose(self, reason: str, *, dot_left: bool = True, kind: Kind = "network") -> list[Event]:
        """The connection is gone. `dot_left` is False if the last dot is known never to have left this machine."""
        self._events = []
        if not self._is_over:
            self._break(reason, dot_left=dot_left, kind=kind)
        return self._events

    def receive(self, data: bytes) -> list[Event]:
        """What the server's bytes, cut anywhere, amount to; nothing follows `Broken`."""
        departing, current = self._departing, self._current
        well = _ALL_WELL.fullmatch(data) if self._due == _DOT_AND_ENVELOPE else None
        if well and departing and current and not self._reader.is_within_a_reply:
            self._departing, self._due, self._is_poured = None, (), True
            return [Ended(departing.parcel, accepted(shown(well[1]))), Invited(current)]
        return self._listen(data)

    # ── replies, one after the other

    def _listen(self, data: bytes) -> list[Event]:
        self._events = []
        if self._is_over:
            return self._events
        try:
            for reply in self._reader.read(data):
                self._hear(reply)
                if self._is_over:
                    return self._events
            self._mind_the_clear(self._reader.is_within_a_reply)
        except OutOfStep as error:
            self._break(str(error))
        return self._events

    def _hear(self, reply: Reply) -> None:
        if self._is_in_clear:
            self._mind_the_clear(True)
            return
        if not self._due:
            self._hear_unasked(reply)
            return
        step, self._due = self._due[0], self._due[1:]
        if not self._is_ready:
            self._go_on(reply)
        elif reply.code == _CLOSING and step is not Step.QUIT:
            self._close(of_reply(reply.code, shown(reply.text), at=step))
        else:
            self._hear_answer(step, reply)
            if self._unsaid and not (self._due or self._is_over):
                self._events.append(Say(self._next_words()))

    def _hear_answer(self, step: Step, reply: Reply) -> None:
        match step:
            case Step.DOT if reply.code // 100 != 3:
                self._settle(of_reply(reply.code, shown(reply.text), at=step))
            case Step.DATA if reply.code == 354:
                self._pour()
            case Step.MAIL | Step.RCPT | Step.RESET if reply.code // 100 == 2:
                pass
            case Step.MAIL | Step.RCPT | Step.DATA if reply.code >= 400:
                self._is_reader_refused |= step is Step.RCPT
                self._refuse(of_reply(reply.code, shown(reply.text), at=step))
            case Step.LONE_DOT:
                pass  # whatever it is about, it is about no letter
            case Step.QUIT:
                self._events.append(Cue.GOODBYE)
            case _:
                raise OutOfStep(f"{reply} is no reply to {step}")

    def _settle(self, outcome: Outcome) -> None:
        if not outcome.line_is_usable:
            self._close(outcome)
        elif self._departing:
            self._end(self._departing, outcome)
            self._departing = None

    def _pour(self) -> None:
        """354. After a refusal of its only reader a server may still wait for content (RFC 2920 3.1): it gets none."""
        if self._current:
            self._is_poured = True
            self._events.append(Invited(self._current))
        elif self._is_reader_refused:
            self._due = (Step.LONE_DOT,)
            self._events.append(Say(LONE_DOT))
        else:
            raise OutOfStep("354 without a reader")

    def _refuse(self, outcome: Outcome) -> None:
        """The first refusal is the letter's; what follows in its envelope is about nothing."""
        self._needs_reset = True
        self._unsaid = []
        if self._current and not outcome.line_is_usable:
            self._close(outcome)
        elif self._current:
            self._end(self._current, outcome)
            self._current = None

    def _hear_unasked(self, reply: Reply) -> None:
        if self._is_leaving:
            return
        if reply.code == _CLOSING:
            self._close(of_reply(reply.code, shown(reply.text), at=Step.GREETING))
        elif self._is_poured and reply.code >= 400:  # it could not wait for the dot
            outcome = of_reply(reply.code, shown(reply.text), at=Step.DOT)
            self._close(replace(outcome, line_is_usable=False))
        else:
            raise OutOfStep(
                f"{reply} came before the dot" if self._is_poured else f"nobody asked for {reply}"
            )

    def _next_words(self) -> bytes:
        step, words = self._unsaid.pop(0)
        self._due = (step,)
        return words

    # ── the way in

    def _go_on(self, told: Reply | str | None) -> list[Event]:
        if not isinstance(told, Reply):
            self._events = []
        if self._is_over:
            return self._events
        try:
            asked = self._admission.send(told)
        except StopIteration as admitted:
            self.can, self._is_ready = admitted.value, True
            self._events.append(Cue.READY)
        except RelayUnreachable as error:
            self._refuse_admission(error)
        else:
            self._ask(asked)
        return self._events

    def _ask(self, asked: Command | Cue) -> None:
        if isinstance(asked, Cue):
            self._is_in_clear = asked is Cue.SECURE
            self._events.append(asked)
            return
        self._due = (asked.step,)
        if asked.step is not Step.GREETING:
            self._events.append(Say(f"{asked.words}\r\n".encode()))

    def _refuse_admission(self, error: RelayUnreachable) -> None:
        outcome = error.outcome or of_broken_line(str(error), dot_sent=False)
        self._close(outcome, kind=error.kind, said=error.reply)

    def _mind_the_clear(self, has_spoken: bool) -> None:
        """What comes in clear when TLS is to begin could be anybody's (RFC 3207 6)."""
        if self._is_in_clear and has_spoken:
            self._break("the server went on in clear where TLS was to begin", kind="tls")

    # ── the end

    def _end(self, offer: Offer, outcome: Outcome) -> None:
        self._events.append(Ended(offer.parcel, outcome))

    def _break(self, reason: str, *, dot_left: bool = True, kind: Kind = "protocol") -> None:
        """Nobody said so, it came so: a letter whose dot is out is in doubt (RFC 1047), unless it never left."""
        lost = of_broken_line(reason, dot_sent=dot_left) if self._departing else None
        self._close(of_broken_line(reason, dot_sent=False), lost, kind=kind, said="")

    def _close(
        self,
        outcome: Outcome,
        of_letter: Outcome | None = None,
        *,
        kind: Kind = "protocol",
        said: str | None = None,
    ) -> None:
        """The last word is the older letter's; the one behind its dot is given back."""
        older, other = (self._departing, self._current) if self._departing else (self._current, None)
        self._events[:] = [event for event in self._events if isinstance(event, Ended)]
        if older:
            self._end(older, of_letter or outcome)
        if other:
            self._end(other, given_back(outcome.reply))
        self._departing = self._current = None
        self._due, self._is_poured, self._is_over = (), False, True
        self._events.append(Broken(outcome, kind, outcome.reply if said is None else said))

"""One letter over one SMTP connection (RFC 5321), knowing at each step what the server can know.

Everything before the final dot may be tried again; a reply lost after it leaves the letter in doubt. The intent
is recorded by the caller between the content and the dot. What to do with an outcome is not decided here.

`smtplib` opens the line and reads what the server can do. Replies are read here, for it waits for each byte
anew and keeps as many lines as come; commands are written here, for it reads an address as a list of addresses;
and so is AUTH, for its passwords are ASCII.
"""

import base64
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar

from mailer.delivery.outcome import Outcome, of_broken_line, of_refused_sender, of_reply
from mailer.delivery.relay import Relay, Security
from mailer.errors import ConvenorError, UnsafeLetter
from mailer.outbox.letter import Happening

LONGEST_REPLY = 32 * 1024
"""Bytes of one reply, all its lines together: a genuine one has a few hundred."""

_SHOWN = 500
_ABOUT_THE_LETTER = frozenset({552, 555})
"""Replies to MAIL that speak of this letter's size or parameters (RFC 1870 6, RFC 5321 4.1.1.11)."""

_ADDRESS = re.compile(r'[^\s\x00-\x20\x7f()<>\[\]\\,:;"@]+@[^\s\x00-\x20\x7f()<>\[\]\\,:;"@]+')
_REPLY_LINE = re.compile(rb"[2-5][0-9]{2}(?:[ -].*)?", re.DOTALL)

Stopwatch = Callable[[], float]
_T = TypeVar("_T")


class RelayUnreachable(ConvenorError, ConnectionError):  # noqa: N818
    """No usable connection: refused, no such host, TLS or AUTH failed. No letter was charged."""


class _OutOfStepError(ConnectionError):
    """The server said something that is no answer to what was asked."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """One recipient per transaction, always."""

    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds to wait for the server (RFC 5321 4.5.3.2): each for the whole reply, however slowly it drips."""

    greeting_for: float = 300
    command_for: float = 300
    content_for: float = 180
    final_for: float = 600
    goodbye_for: float = 5


class _Line(smtplib.SMTP):
    """A connection whose replies are bounded in length and time. Whatever breaks that closes it."""

    def __init__(self, relay: Relay, timeouts: Timeouts, stopwatch: Stopwatch, **security: Any) -> None:
        self._heard = bytearray()
        self._stopwatch = stopwatch
        self._content_for = timeouts.content_for
        self.patience_for = timeouts.greeting_for
        super().__init__(
            relay.host, relay.port, local_hostname="localhost", timeout=timeouts.greeting_for, **security
        )
        self.patience_for = timeouts.command_for
        self.open_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the lone dot must not wait
        self.local_hostname = _address_literal(self.open_socket.getsockname()[0])

    @property
    def open_socket(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the line is closed")
        return self.sock

    def send(self, s: Any) -> None:
        """All of it, or the line is closed."""
        try:
            self.open_socket.settimeout(self._content_for)
            self.open_socket.sendall(s.encode() if isinstance(s, str) else s)
        except OSError:
            self.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """One whole reply (RFC 5321 4.2), its lines joined by LF.

        Raises:
            OSError: nothing came in time, the server hung up, or what it said is no reply.
        """
        until = self._stopwatch() + self.patience_for
        lines: list[bytes] = []
        size = 0
        try:
            while not lines or lines[-1][3:4] == b"-":
                lines.append(self._hear_line(until, LONGEST_REPLY - size))
                size += len(lines[-1]) + 1
                if not _REPLY_LINE.fullmatch(lines[-1]) or lines[-1][:3] != lines[0][:3]:
                    raise _OutOfStepError(f"no reply of SMTP: {_shown(lines[-1])}")
        except OSError:
            self.close()
            raise
        return int(lines[0][:3]), b"\n".join(line[4:] for line in lines)

    def has_spoken(self) -> bool:
        """Whether the server said something that nobody has asked for."""
        if not self._heard:
            self.open_socket.settimeout(0)
            with suppress(BlockingIOError, ssl.SSLWantReadError):
                self._hear()
        return bool(self._heard)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """STARTTLS (RFC 3207). What came in clear together with its 220 could be anybody's (its section 6)."""
        self.starttls(context=context)
        if self._heard:
            raise _OutOfStepError("the server went on in clear after STARTTLS")

    def _hear_line(self, until: float, most: int) -> bytes:
        while (end := self._heard.find(b"\n")) < 0 and len(self._heard) <= most:
            left_for = until - self._stopwatch()
            if left_for <= 0:
                raise TimeoutError
            self.open_socket.settimeout(left_for)
            self._hear()
        if not 0 <= end <= most:
            raise _OutOfStepError(f"a reply of more than {LONGEST_REPLY} bytes")
        line = bytes(self._heard[:end]).removesuffix(b"\r")
        del self._heard[: end + 1]
        return line

    def _hear(self) -> None:
        came = self.open_socket.recv(4096)
        if not came:
            raise smtplib.SMTPServerDisconnected("the server hung up")
        self._heard += came


class _TlsLine(_Line, smtplib.SMTP_SSL):
    """The same, protected from the first byte (RFC 8314 3)."""


class Connection:
    """A connection to one relay, opened on entering; carries one letter at a time.

    `stopwatch` measures how long the server takes, in seconds from any beginning.
    """

    def __init__(
        self,
        relay: Relay,
        *,
        tls: ssl.SSLContext | None = None,
        timeouts: Timeouts | None = None,
        stopwatch: Stopwatch = time.monotonic,
    ) -> None:
        self._relay = relay
        self._tls = tls
        self._timeouts = timeouts or Timeouts()
        self._stopwatch = stopwatch
        self._dot_sent = False

    def __enter__(self) -> Self:
        try:
            self._line = self._open()
        except (OSError, UnicodeError) as error:
            raise RelayUnreachable(f"{self._relay}: {_said(error)}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line.sock:
            self._line.patience_for = self._timeouts.goodbye_for
            with suppress(OSError):
                self._line.docmd("QUIT")
        self._line.close()

    def _open(self) -> _Line:
        """A line that is protected and logged in, as the relay asks for."""
        if self._relay.security is Security.TLS:
            line: _Line = _TlsLine(self._relay, self._timeouts, self._stopwatch, context=self._context())
        else:
            line = _Line(self._relay, self._timeouts, self._stopwatch)
        try:
            if self._relay.security is Security.STARTTLS:
                line.start_tls(self._context())
            line.ehlo_or_helo_if_needed()
            if self._relay.user:
                _log_in(line, self._relay.user, self._relay.password)
        except BaseException:
            line.close()
            raise
        return line

    def _context(self) -> ssl.SSLContext:
        return self._tls or ssl.create_default_context()

    def deliver(self, envelope: Envelope, *, before_dot: Callable[[], None]) -> Outcome:
        """Carry one letter. `before_dot` records the intent; if it raises, the dot is never sent.

        Raises:
            UnsafeLetter: the content or an address holds what could be read as SMTP commands.
        """
        _check(envelope)
        content = envelope.content if envelope.content.endswith(b"\r\n") else envelope.content + b"\r\n"
        try:
            return self._carry(envelope, content, before_dot)
        except BaseException:  # where the conversation stands is unknown, and a QUIT could become content
            self._line.close()
            raise

    def _carry(self, envelope: Envelope, content: bytes, before_dot: Callable[[], None]) -> Outcome:
        self._dot_sent = False
        ended = self._attempt(lambda: self._offer(envelope, content) or self._pour(content))
        if ended:
            return ended
        before_dot()
        return self._attempt(self._finish)

    def _attempt(self, step: Callable[[], _T]) -> _T | Outcome:
        """A part of the conversation; when the line breaks in it, what that means for the letter."""
        try:
            return step()
        except OSError as error:
            self._line.close()
            return of_broken_line(_said(error), dot_sent=self._dot_sent)

    def _offer(self, envelope: Envelope, content: bytes) -> Outcome | None:
        """MAIL, RCPT and DATA, step by step; the refusal that ended it, or None at the 354."""
        options, lacking = self._options(envelope, content)
        if lacking:
            return Outcome(happening=Happening.REFUSED, reply=lacking)
        commands = (
            ("MAIL", f"FROM:<{envelope.sender}>{options}", range(200, 300)),
            ("RCPT", f"TO:<{envelope.recipient}>", range(200, 300)),
            ("DATA", "", range(354, 355)),
        )
        for command, arguments, wanted in commands:
            code, text = self._line.docmd(command, arguments)
            if code in wanted:
                continue
            if code < 400:
                raise _OutOfStepError(f"{code} {_shown(text)} is no reply to {command}")
            refusal = of_reply(code, _shown(text))
            if command == "MAIL" and code >= 500 and code not in _ABOUT_THE_LETTER:
                refusal = of_refused_sender(refusal)
            return replace(refusal, line_is_usable=refusal.line_is_usable and self._reset())
        return None

    def _options(self, envelope: Envelope, content: bytes) -> tuple[str, str]:
        """The parameters of MAIL, or what this server cannot do that the letter needs."""
        can = self._line.has_extn
        limit = self._line.esmtp_features.get("size", "").split(" ")[0]
        if limit.isdecimal() and 0 < int(limit[:18]) < len(content):
            return "", f"the server takes letters up to {limit} bytes (RFC 1870)"
        options = f" SIZE={len(content)}" if can("size") else ""
        if not content.isascii():
            if not can("8bitmime"):
                return "", "the server takes no 8-bit letters (RFC 6152)"
            options += " BODY=8BITMIME"
        if not (envelope.sender + envelope.recipient).isascii():
            if not can("smtputf8"):
                return "", "the server does not take SMTPUTF8 addresses (RFC 6531)"
            options += " SMTPUTF8"
        return options, ""

    def _reset(self) -> bool:
        """Whether the line is ready for the next letter after a refusal."""
        try:
            if self._line.docmd("RSET")[0] == 250:
                return True
        except OSError:
            pass
        self._line.close()
        return False

    def _pour(self, content: bytes) -> Outcome | None:
        self._line.send(_dot_stuffed(content))
        return self._interruption()

    def _interruption(self) -> Outcome | None:
        """The refusal of a server that could not wait for the dot."""
        if not self._line.has_spoken():
            return None
        code, text = self._line.getreply()
        if code < 400:
            raise _OutOfStepError(f"{code} {_shown(text)} came before the dot")
        self._line.close()
        return replace(of_reply(code, _shown(text)), line_is_usable=False)

    def _finish(self) -> Outcome:
        """The dot, unless the server has gone while the intent was recorded; and what it says to it."""
        if interruption := self._interruption():
            return interruption
        self._line.patience_for = self._timeouts.final_for
        self._dot_sent = True
        self._line.send(b".\r\n")
        code, text = self._line.getreply()
        self._line.patience_for = self._timeouts.command_for
        if 300 <= code < 400:
            raise _OutOfStepError(f"{code} {_shown(text)} is no reply to a letter")
        return of_reply(code, _shown(text))


def _log_in(line: _Line, user: str, password: str) -> None:
    """AUTH PLAIN (RFC 4616), or LOGIN where the server has only that."""
    offered = line.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        steps = ["AUTH PLAIN " + _base64("\0".join(("", user, password)))]
    elif "LOGIN" in offered:
        steps = ["AUTH LOGIN", _base64(user), _base64(password)]
    else:
        raise smtplib.SMTPNotSupportedError("the server offers neither AUTH PLAIN nor AUTH LOGIN")
    for step in steps[:-1]:
        code, text = line.docmd(step)
        if code != 334:
            raise smtplib.SMTPAuthenticationError(code, text)
    code, text = line.docmd(steps[-1])
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _address_literal(host: str) -> str:
    """What a client calls itself that has no name of its own (RFC 5321 4.1.3)."""
    return f"[IPv6:{host.partition('%')[0]}]" if ":" in host else f"[{host}]"


def _check(envelope: Envelope) -> None:
    for address in (envelope.sender, envelope.recipient):
        if not _ADDRESS.fullmatch(address):
            raise UnsafeLetter(f"an envelope address that is not one plain address: {address!r}")
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", envelope.content):
        raise UnsafeLetter("the content holds a bare CR, a bare LF or a NUL (RFC 5321 2.3.8)")


def _dot_stuffed(content: bytes) -> bytes:
    """RFC 5321 4.5.2."""
    return re.sub(rb"(?m)^\.", b"..", content)


def _shown(text: bytes) -> str:
    """A server's words on one line, without what a terminal could take for a command."""
    words = " ".join(text.decode("utf-8", "replace").split())
    return "".join(each if each.isprintable() else "?" for each in words)[:_SHOWN]


def _said(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {_shown(said) if isinstance(said, bytes) else said}"
    if isinstance(error, TimeoutError):
        return "the server took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted: {error.verify_message}"
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__

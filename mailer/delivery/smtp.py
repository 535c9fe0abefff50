"""One letter over one SMTP connection (RFC 5321), knowing at each step what the server can know.

Everything before the final dot may be tried again; a reply lost after it leaves the letter in doubt. The intent
is recorded by the caller between the content and the dot. What to do with an outcome is not decided here.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mailer.delivery.outcome import Outcome, of_broken_line, of_reply
from mailer.delivery.relay import Relay, Security
from mailer.errors import ConvenorError, UnsafeLetter
from mailer.outbox.letter import Happening

COMMAND_TIMEOUT_FOR = 300.0
"""Seconds to wait for a reply to a command (RFC 5321 4.5.3.2)."""

FINAL_TIMEOUT_FOR = 600.0
"""Seconds to wait for the reply after the dot (RFC 5321 4.5.3.2.6)."""


class RelayUnreachable(ConvenorError, ConnectionError):  # noqa: N818
    """No usable connection: refused, no such host, TLS or AUTH failed. No letter was charged."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """One recipient per transaction, always."""

    sender: str
    recipient: str
    content: bytes


class Connection:
    """A connection to one relay, opened on entering; carries one letter at a time."""

    def __init__(self, relay: Relay, *, tls: ssl.SSLContext | None = None) -> None:
        self._relay = relay
        self._tls = tls or ssl.create_default_context()

    def __enter__(self) -> Self:
        relay = self._relay
        try:
            if relay.security is Security.TLS:
                self._smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    relay.host, relay.port, timeout=COMMAND_TIMEOUT_FOR, context=self._tls
                )
            else:
                self._smtp = smtplib.SMTP(relay.host, relay.port, timeout=COMMAND_TIMEOUT_FOR)
            if self._smtp.sock:  # the lone dot must not wait for the acknowledgement of the content
                self._smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if relay.security is Security.STARTTLS:
                self._smtp.starttls(context=self._tls)
            self._smtp.ehlo_or_helo_if_needed()
            if relay.user:
                self._smtp.login(relay.user, relay.password)
        except (OSError, smtplib.SMTPException) as error:
            raise RelayUnreachable(f"{relay}: {_said(error)}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self._smtp.quit()

    def deliver(self, envelope: Envelope, *, before_dot: Callable[[], None]) -> Outcome:
        """Carry one letter. `before_dot` records the intent; if it raises, the dot is never sent.

        Raises:
            UnsafeLetter: the content or an address holds what could be read as SMTP commands.
        """
        _check(envelope)
        dot_sent = False
        try:
            refusal = self._offer(envelope)
            if refusal:
                self._smtp.rset()
                return refusal
            self._smtp.send(_dot_stuffed(envelope.content))
            try:
                before_dot()
            except BaseException:
                self._smtp.close()
                raise
            dot_sent = True
            self._await_final_reply()
            self._smtp.send(b".\r\n")
            code, text = self._reply()
            if code // 100 not in {2, 4, 5}:
                return of_broken_line(f"no reply to the letter, but {code} {text}", dot_sent=True)
            return of_reply(code, text)
        except (OSError, smtplib.SMTPException) as error:
            return of_broken_line(_said(error), dot_sent=dot_sent)

    def _offer(self, envelope: Envelope) -> Outcome | None:
        """MAIL, RCPT and DATA, step by step; the refusal that ended it, or None at the 354."""
        options = ["SMTPUTF8"] if not (envelope.recipient + envelope.sender).isascii() else []
        if options and not self._smtp.has_extn("smtputf8"):
            return Outcome(
                happening=Happening.REFUSED, reply="the server does not take SMTPUTF8 addresses (RFC 6531)"
            )
        limit = self._smtp.esmtp_features.get("size", "").split(" ")[0]
        if limit.isdigit() and 0 < int(limit) < len(envelope.content):
            return Outcome(
                happening=Happening.REFUSED, reply=f"the server takes letters up to {limit} bytes (RFC 1870)"
            )
        if self._smtp.has_extn("size"):
            options.append(f"SIZE={len(envelope.content)}")
        commands: tuple[Callable[[], tuple[int, bytes]], ...] = (
            lambda: self._smtp.mail(envelope.sender, options),
            lambda: self._smtp.rcpt(envelope.recipient),
            self._data,
        )
        for command in commands:
            code, text = command()
            if not (200 <= code < 300 or code == 354):
                return of_reply(code, text.decode("utf-8", "replace"))
        return None

    def _data(self) -> tuple[int, bytes]:
        self._smtp.putcmd("DATA")
        return self._smtp.getreply()

    def _await_final_reply(self) -> None:
        if self._smtp.sock:
            self._smtp.sock.settimeout(FINAL_TIMEOUT_FOR)

    def _reply(self) -> tuple[int, str]:
        code, text = self._smtp.getreply()
        if self._smtp.sock:
            self._smtp.sock.settimeout(COMMAND_TIMEOUT_FOR)
        return code, text.decode("utf-8", "replace")


def _check(envelope: Envelope) -> None:
    if re.search(r"[\x00-\x20\x7f<>]", envelope.sender + envelope.recipient):
        raise UnsafeLetter(
            f"an envelope address holds what could be read as a command: {envelope.recipient!r}"
        )
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", envelope.content):
        raise UnsafeLetter("the content holds a bare CR, a bare LF or a NUL (RFC 5321 2.3.8)")


def _dot_stuffed(content: bytes) -> bytes:
    """RFC 5321 4.5.2, and the CRLF that the dot must follow."""
    ended = content if content.endswith(b"\r\n") else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended)


def _said(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = (
            error.smtp_error.decode("utf-8", "replace")
            if isinstance(error.smtp_error, bytes)
            else error.smtp_error
        )
        return f"{error.smtp_code} {text}"
    return str(error) or type(error).__name__

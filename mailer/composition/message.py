"""From words and a calendar part to the bytes of one message (RFC 5322, RFC 2045). Knows nothing of events.

The same values give the same bytes: Date, Message-ID and boundaries are given, never made up. The body is put
together here, for the standard library takes milliseconds over it and turns CRLF in a calendar to LF; headers
are left to it, for it knows how names are encoded and folded.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_string
from email.headerregistry import Address, HeaderRegistry
from email.policy import SMTP, SMTPUTF8, EmailPolicy, compat32
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from mailer.errors import UnsafeLetter


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class CalendarFile:
    """An iCalendar object as a part of the message. An `invitation` stands among the alternatives too."""

    method: str
    content: bytes
    name: str

    @property
    def is_invitation(self) -> bool:
        return self.method != "PUBLISH"


@dataclass(frozen=True, kw_only=True)
class Message:
    """Everything a message says. `seed` determines the MIME boundaries; `headers` are put in as they are."""

    sender: Mailbox
    reader: Mailbox
    subject: str
    dated_at: datetime
    message_id: str
    text: str
    html: str
    language: str
    seed: str
    calendar: CalendarFile | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def write(message: Message) -> bytes:
    """The message as it goes over the line, CRLF throughout.

    Raises:
        UnsafeLetter: read back, its headers are not exactly those intended.
    """
    policy = SMTP if message.reader.address.isascii() else SMTPUTF8
    headers = {
        "From": _address_line("From", message.sender, policy),
        "To": _address_line("To", message.reader, policy),
        "Subject": _folded("Subject", message.subject, policy),
        "Date": _verbatim("Date", format_datetime(message.dated_at)),
        "Message-ID": _verbatim("Message-ID", message.message_id),
        "Content-Language": _verbatim("Content-Language", message.language),
        **{name: _verbatim(name, value) for name, value in message.headers.items()},
        "MIME-Version": b"MIME-Version: 1.0\r\n",
    }
    body = _body(message)
    head = b"".join(headers.values()) + body[: body.index(b"\r\n\r\n") + 4]
    _check(head, message, [*headers, "Content-Type"])
    return b"".join(headers.values()) + body


def _body(message: Message) -> bytes:
    """The MIME tree: text, HTML and invitation are alternatives; a file stands beside them."""
    alternatives = [_words("plain", message.text), _words("html", message.html)]
    if not message.calendar:
        return _multipart("alternative", f"=_0_{message.seed}", alternatives)
    attached = _attached(message.calendar)
    if message.calendar.is_invitation:
        kind = f'text/calendar; method={message.calendar.method}; charset="UTF-8"'
        alternatives.append(_base64(kind, message.calendar.content))
    return _multipart(
        "mixed",
        f"=_0_{message.seed}",
        [_multipart("alternative", f"=_1_{message.seed}", alternatives), attached],
    )


def _attached(calendar: CalendarFile) -> bytes:
    if calendar.is_invitation:
        kind = f'application/ics; name="{calendar.name}"'
    else:
        kind = f'text/calendar; method={calendar.method}; charset="UTF-8"; name="{calendar.name}"'
    return _base64(kind, calendar.content, f'attachment; filename="{calendar.name}"')


def _words(subtype: str, text: str) -> bytes:
    """A text part in quoted-printable (RFC 2045 6.7)."""
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    kind = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return kind.encode() + binascii.b2a_qp(lines.encode())


def _base64(kind: str, content: bytes, disposition: str = "") -> bytes:
    """A calendar part: base64 alone keeps CRLF through every relay."""
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
    if disposition:
        head += f"Content-Disposition: {disposition}\r\n"
    return head.encode() + b"\r\n" + base64.encodebytes(content).replace(b"\n", b"\r\n")


def _multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    """RFC 2046 5.1. A boundary that begins with `=_` can stand in no quoted-printable or base64 text."""
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    dashes = b"--" + boundary.encode()
    return head + b"".join(dashes + b"\r\n" + part + b"\r\n" for part in parts) + dashes + b"--\r\n"


@lru_cache(maxsize=64)
def _address_line(name: str, mailbox: Mailbox, policy: "EmailPolicy[Any]") -> bytes:
    return _folded(name, Address(display_name=mailbox.name, addr_spec=mailbox.address), policy)


_registry = HeaderRegistry()


def _folded(name: str, value: str | Address, policy: "EmailPolicy[Any]") -> bytes:
    line: str = _registry(name, value).fold(policy=policy)
    return line.encode("utf-8" if policy.utf8 else "ascii")


def _verbatim(name: str, value: str) -> bytes:
    """A value that is ASCII and must not be folded or encoded: the standard library's policy turns a long
    List-Unsubscribe into encoded words, which breaks one-click (cpython#85725)."""
    if not value.isascii() or not value.isprintable():
        raise UnsafeLetter(f"{name}: {value!r} is not a line of printable ASCII")
    return f"{name}: {value}\r\n".encode("ascii")


def _check(head: bytes, message: Message, intended: list[str]) -> None:
    """A hostile name can become a header line of its own on some patch levels: what was built is read back."""
    found = message_from_string(head.decode(), policy=compat32)
    if found.keys() != intended:
        raise UnsafeLetter(f"the headers of the letter to {message.reader.address} are not those intended")
    for name, mailbox in (("From", message.sender), ("To", message.reader)):
        if _addresses(str(found[name])) != (mailbox.address,):
            raise UnsafeLetter(f"{name} does not read back as {mailbox.address}")


@lru_cache(maxsize=64)
def _addresses(value: str) -> tuple[str, ...]:
    unfolded = _registry("To", "".join(value.splitlines()))
    return tuple(address.addr_spec for address in unfolded.addresses)  # type: ignore[attr-defined]

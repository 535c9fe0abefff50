"""From words and a calendar part to the bytes of one message (RFC 5322, MIME). Knows nothing of events.

The same values give the same bytes: Date, Message-ID and boundaries are given, never made up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy, compat32
from email.utils import format_datetime
from typing import Self

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


class _Verbatim(str):
    """A header value that is ASCII and must not be folded or encoded: `policy.SMTP` turns a long
    List-Unsubscribe into encoded words, which breaks one-click (cpython#85725)."""

    name: str
    max_count = None

    def __new__(cls, name: str, value: str) -> Self:
        if not value.isascii() or not value.isprintable():
            raise UnsafeLetter(f"{name}: {value!r} is not a line of printable ASCII")
        made = super().__new__(cls, value)
        made.name = name
        return made

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def write(message: Message) -> bytes:
    """The message as it goes over the line, CRLF throughout.

    Raises:
        UnsafeLetter: read back, its headers are not exactly those intended.
    """
    policy = SMTP if message.reader.address.isascii() else SMTPUTF8
    root = EmailMessage(policy=policy)
    root["From"] = _address(message.sender)
    root["To"] = _address(message.reader)
    root["Subject"] = message.subject
    root["Date"] = _Verbatim("Date", format_datetime(message.dated_at))
    root["Message-ID"] = _Verbatim("Message-ID", message.message_id)
    for name, value in message.headers.items():
        root[name] = _Verbatim(name, value)
    root.set_content(message.text, cte="quoted-printable")
    root.add_alternative(message.html, subtype="html", cte="quoted-printable")
    if message.calendar:
        _add_calendar(root, message.calendar)
    root["Content-Language"] = _Verbatim("Content-Language", message.language)
    for number, part in enumerate(root.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{number}_{message.seed}")
        if part is not root:
            del part["MIME-Version"]
    raw = root.as_bytes()
    _check(raw, message, list(root.keys()))
    return raw


def _add_calendar(root: EmailMessage, calendar: CalendarFile) -> None:
    """base64 for both parts: it alone keeps CRLF through every relay."""
    parameters = {"method": calendar.method, "charset": "UTF-8"}
    if calendar.is_invitation:
        root.add_alternative(calendar.content, "text", "calendar", cte="base64", params=parameters)
        root.add_attachment(calendar.content, "application", "ics", cte="base64", filename=calendar.name)
        attached = list(root.iter_parts())[-1]
        attached.set_param("name", calendar.name)
    else:
        root.add_attachment(
            calendar.content, "text", "calendar", cte="base64", filename=calendar.name,
            params=parameters | {"name": calendar.name},
        )  # fmt: skip


def _address(mailbox: Mailbox) -> Address:
    return Address(display_name=mailbox.name, addr_spec=mailbox.address)


def _check(raw: bytes, message: Message, intended: list[str]) -> None:
    """A hostile name can become a header line of its own on some patch levels: what was built is read back."""
    head = raw[: raw.index(b"\r\n\r\n") + 4]
    if message_from_bytes(head, policy=compat32).keys() != intended:
        raise UnsafeLetter(f"the headers of the letter to {message.reader.address} are not those intended")
    decoded = message_from_bytes(head, policy=SMTP)
    for name, mailbox in (("From", message.sender), ("To", message.reader)):
        addresses = decoded[name].addresses
        if [address.addr_spec for address in addresses] != [mailbox.address]:
            raise UnsafeLetter(f"{name} does not read back as {mailbox.address}")

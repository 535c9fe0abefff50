"""One letter ready to leave, and what one server is told and sent of it: the envelope's commands (RFC 5321 3.3) and the
content with its dots doubled. What could be read as commands, or is more than the server can take, goes no further.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from io import IncrementalNewlineDecoder
from typing import Any, NamedTuple

from mailer.delivery.admission import Capabilities
from mailer.delivery.outcome import Outcome
from mailer.outbox.letter import Happening

_ADDRESS = re.compile(r'[^\s\x00-\x20\x7f()<>\[\]\\,:;"@]+@[^\s\x00-\x20\x7f()<>\[\]\\,:;"@]+')
_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]")
_LONGEST_ENVELOPE_ID = 100


@dataclass(slots=True)
class Parcel:
    """One letter ready to leave, for one recipient. `key` is its owner's; `envelope_id` comes back in delivery reports
    (RFC 3461 4.4), if there is one and the server knows it.
    """

    key: Any
    sender: str
    recipient: str
    content: bytes
    envelope_id: str = ""


class Offer(NamedTuple):
    """A parcel in one server's terms: MAIL, RCPT and DATA in one piece, and the content up to its dot."""

    parcel: Parcel
    envelope: bytes
    content: bytes


def offer_of(parcel: Parcel, can: Capabilities) -> Offer | Outcome:
    """How a server that `can` do so much is offered a parcel, or the refusal if it is not to be offered at all."""
    content = parcel.content
    text = content.decode("latin-1")  # a character for each octet, searched in less time than bytes are
    if unsafe := _unsafe(parcel, text):
        return Outcome(happening=Happening.REFUSED, reply=f"not composed: {unsafe}")
    options = report = ""
    if can.size:
        if 0 < can.largest < len(content):
            return _too_much(f"the server takes letters up to {can.largest} bytes (RFC 1870)")
        options = f" SIZE={len(content)}"
    if not text.isascii():
        if not can.eight_bit:
            return _too_much("the server takes no 8-bit letters (RFC 6152)")
        options += " BODY=8BITMIME"
    if not (parcel.sender.isascii() and parcel.recipient.isascii()):
        if not can.utf8:
            reply = "the server does not take SMTPUTF8 addresses (RFC 6531)"
            return Outcome(happening=Happening.REFUSED, reply=reply)
        options += " SMTPUTF8"
    elif can.dsn and parcel.envelope_id:
        options += f" ENVID={_xtext(parcel.envelope_id)}"
        report = f" ORCPT=rfc822;{_xtext(parcel.recipient)}"
    commands = f"MAIL FROM:<{parcel.sender}>{options}\r\nRCPT TO:<{parcel.recipient}>{report}\r\nDATA\r\n"
    return Offer(parcel, commands.encode(), _dot_stuffed(content))


def _unsafe(parcel: Parcel, text: str) -> str:
    """Why a parcel with this `text` could be read as more than a letter, or nothing."""
    if not _is_plain(parcel.sender):
        return f"an envelope address that is not one plain address: {parcel.sender!r}"
    if not _ADDRESS.fullmatch(parcel.recipient):
        return f"an envelope address that is not one plain address: {parcel.recipient!r}"
    seen = IncrementalNewlineDecoder(None, translate=False)  # a third of the time that counting takes
    seen.decode(text, final=True)
    if seen.newlines not in {None, "\r\n"} or "\0" in text:
        return "the content holds a bare CR, a bare LF or a NUL (RFC 5321 2.3.8)"
    if len(parcel.envelope_id) > _LONGEST_ENVELOPE_ID:
        return f"an envelope id of more than {_LONGEST_ENVELOPE_ID} characters (RFC 3461 4.4)"
    return ""


@lru_cache(maxsize=1)
def _is_plain(address: str) -> bool:
    """Asked of senders, who are the same for letter after letter."""
    return bool(_ADDRESS.fullmatch(address))


def _too_much(reply: str) -> Outcome:
    return Outcome(happening=Happening.REFUSED, reply=reply, content_refused=True)


def _dot_stuffed(content: bytes) -> bytes:
    """RFC 5321 4.5.2, with the last line ended."""
    content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _xtext(text: str) -> str:
    """RFC 3461 4."""
    return _NOT_XTEXT.sub(lambda found: "".join(f"+{byte:02X}" for byte in found[0].encode()), text)

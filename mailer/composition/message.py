"""From words and a calendar part to the bytes of one message (RFC 5322, RFC 2045), and back. Knows nothing of events.

The same values give the same bytes: Date, Message-ID and boundaries are given, never made up. The message is
put together here, for the standard library takes milliseconds over a body and turns CRLF in a calendar to LF,
and in a header takes `=?utf-8?q?..?=` for something encoded already. It writes the encoded words of whatever is
out of the ordinary, and it reads back what was built.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_string
from email.header import Header, decode_header, make_header
from email.message import Message as Parsed
from email.policy import compat32
from email.utils import format_datetime, getaddresses
from functools import cached_property, lru_cache
from urllib.parse import quote

from mailer.errors import UnsafeLetter

LONGEST_LINE = 998
"""Bytes of a line without its CRLF (RFC 5322 2.1.1)."""

FOLDED_AT = 76

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,60}(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,60})*")
_WORDS = re.compile(r"[!-~]{1,60}(?: [!-~]{1,60})*")
_ADDRESS = re.compile(r'[^\s\x00-\x20\x7f()<>\[\]\\,:;"@]+@[^\s\x00-\x20\x7f()<>\[\]\\,:;"@]+')
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|\n")
_DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_ADDRESS = re.compile(rf"{_DOT_ATOM}(?:\.{_DOT_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")

LONGEST_WORD = 60
"""Octets of an encoded word in the first line of To, without `=?utf-8?q?` and `?=`."""

_Q_WORD = {octet: f"={octet:02X}" for octet in range(256)} | {
    ord(safe): safe for safe in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-!*+/"
}
_Q_WORD[ord(" ")] = "_"

LONGEST_PIECE = 54
"""Characters of a file's name in one line."""

_AROUND_A_WORD = len("=?utf-8?q??=")
_COLUMNS = 76


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
class AttachedFile:
    """A file that goes with the message, encoded once, however many messages it goes with. `name` is without what could
    break a line; `media_type` is as the header has it.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)

    @cached_property
    def part(self) -> bytes:
        """The file as a part of the message (RFC 2045, RFC 2183)."""
        head = (
            f"{_DISPOSITION}attachment;\r\n {file_name(self.name)}\r\n"
            f"Content-Type: {self.media_type}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        )
        return head.encode("ascii") + base64_lines(self.content)


_DISPOSITION = "Content-Disposition: "
"""How an attached file's part begins, and no other part."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """Everything a message says. `seed` determines the MIME boundaries; `headers` are put in as they are; `beside` is a
    second calendar file, for what asks nobody; `attached` come last.
    """

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
    beside: CalendarFile | None = None
    attached: tuple[AttachedFile, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def write(message: Message) -> bytes:
    """The message as it goes over the line, CRLF throughout.

    Raises:
        UnsafeLetter: a name or the subject holds what could break a line; or, read back, the headers are not
            exactly those intended.
    """
    headers = {
        "From": _address_line("From", message.sender),
        "To": _address_line("To", message.reader),
        "Subject": subject_line(message.subject),
        "Date": date_line(message.dated_at),
        "Message-ID": _verbatim("Message-ID", message.message_id),
        "Content-Language": _verbatim("Content-Language", message.language),
        **{name: _verbatim(name, value) for name, value in message.headers.items()},
        "MIME-Version": b"MIME-Version: 1.0\r\n",
    }
    body = _body(message)
    head = b"".join(headers.values()) + body[: body.index(b"\r\n\r\n") + 4]
    check(head, message.sender, message.reader, [*headers, "Content-Type"])
    return b"".join(headers.values()) + body


def subject_line(subject: str) -> bytes:
    """The Subject header, as it is or in encoded words (RFC 2047).

    Raises:
        UnsafeLetter: it holds what could break a line.
    """
    plain = _WORDS.fullmatch(_one_line("Subject", subject)) and "=?" not in subject
    return f"Subject: {_folded('Subject', subject, 'us-ascii' if plain else 'utf-8')}\r\n".encode()


def quick_subject_line(subject: str) -> bytes | None:
    """The Subject header where it needs no check, else None: as `quick_reader_line`, and the same bytes again."""
    if not subject or (not subject.isprintable() and _BREAKS.search(subject)):
        return None
    if not _WORDS.fullmatch(subject):
        if subject != subject.strip():
            return None
        words = "\r\n ".join(_encoded_words(subject, FOLDED_AT - len("Subject: ") - _AROUND_A_WORD))
        return f"Subject: {words}\r\n".encode() if words else None
    if "=?" in subject or ";" in subject or "," in subject:
        return None
    lines, line = list[str](), f"Subject: {subject}\r\n"
    while len(line) - 2 > FOLDED_AT:
        end = line.rfind(" ", 1, FOLDED_AT + 1)
        lines.append(line[:end])
        line = line[end:]
    return "\r\n".join([*lines, line]).encode()


def date_line(dated_at: datetime) -> bytes:
    """The Date header (RFC 5322 3.6.1)."""
    return _verbatim("Date", format_datetime(dated_at))


def reader_line(reader: Mailbox) -> bytes:
    """The To header, as `write` has it; nothing is read back yet.

    Raises:
        UnsafeLetter: the name holds what could break a line, or the address is not one.
    """
    return quick_reader_line(reader.name, reader.address) or _address_line("To", reader)


def quick_reader_line(name: str, address: str) -> bytes | None:
    """The To header where it needs no check, else None: its form is the proof that it reads back as it went in.

    The name is atoms, a quoted string or encoded words of our own making (RFC 5322 3.2, RFC 2047 5), the address plain
    ASCII. The bytes are those the standard library would have written.
    """
    if not _PLAIN_ADDRESS.fullmatch(address) or "=?" in address or not name or len(name) > LONGEST_WORD:
        return None
    if not _WORDS.fullmatch(name) or "=?" in name:
        if (not name.isprintable() and _BREAKS.search(name)) or not (words := list(_encoded_words(name))):
            return None
        phrase = "\r\n ".join(words)
        last = len(words[-1]) + (len("To: ") if len(words) == 1 else 1)
    else:
        phrase = name if _ATOMS.fullmatch(name) else _quoted_string(name)
        last = len("To: ") + len(phrase)
        if last > FOLDED_AT - 4:
            return None
    space = " " if last + len(address) + 3 <= FOLDED_AT else "\r\n "
    return f"To: {phrase}{space}<{address}>\r\n".encode()


def _encoded_words(text: str, room: int = LONGEST_WORD) -> Iterator[str]:
    """A text in UTF-8 as encoded words, Q or base64, whichever is shorter. `room` is for the octets of the first."""
    octets = text.encode()
    in_q = octets.decode("latin-1").translate(_Q_WORD)
    if (len(octets) + 2) // 3 * 4 >= len(in_q):
        while len(in_q) > room:
            end = _whole_characters(in_q, room)
            yield f"=?utf-8?q?{in_q[:end]}?="
            in_q, room = in_q[end:], FOLDED_AT - 1 - _AROUND_A_WORD
        yield f"=?utf-8?q?{in_q}?="
        return
    while octets:
        end = min(room // 4 * 3, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        yield f"=?utf-8?b?{binascii.b2a_base64(octets[:end], newline=False).decode()}?="
        octets, room = octets[end:], FOLDED_AT - 1 - _AROUND_A_WORD


def _whole_characters(in_q: str, room: int) -> int:
    """How much of a longer text in Q fits without parting an octet, or the octets of a character."""
    end = in_q.find("=", room - 2, room)
    end = room if end < 0 else end
    while in_q[end] == "=" and in_q[end + 1] in "89AB":
        end -= 3
    return end


def _body(message: Message) -> bytes:
    """The MIME tree: text, HTML and invitation are alternatives; files stand beside them."""
    alternatives = [_words("plain", message.text), _words("html", message.html)]
    if not (message.calendar or message.attached):
        return _multipart("alternative", f"=_0_{message.seed}", alternatives)
    attached = [_attached(message.calendar)] if message.calendar else []
    if message.beside:
        attached.append(_beside(message.beside))
    attached += [each.part for each in message.attached]
    if message.calendar and message.calendar.is_invitation:
        kind = f'text/calendar; method={message.calendar.method}; charset="UTF-8"'
        alternatives.append(_base64(kind, message.calendar.content))
    return _multipart(
        "mixed",
        f"=_0_{message.seed}",
        [_multipart("alternative", f"=_1_{message.seed}", alternatives), *attached],
    )


def _attached(calendar: CalendarFile) -> bytes:
    if calendar.is_invitation:
        kind = f'application/ics; name="{calendar.name}"'
    else:
        kind = f'text/calendar; method={calendar.method}; charset="UTF-8"; name="{calendar.name}"'
    return _base64(kind, calendar.content, f'attachment; filename="{calendar.name}"')


def _beside(calendar: CalendarFile) -> bytes:
    """Not as text/calendar: of two such parts Thunderbird shows the last alone, and the other asks in vain."""
    kind = f'application/ics; method={calendar.method}; name="{calendar.name}"'
    return _base64(kind, calendar.content, f'attachment; filename="{calendar.name}"')


def file_name(name: str) -> str:
    """The parameter of a file's name: as it is, or percent-encoded UTF-8 where it is not short ASCII (RFC 2231 4), in
    several pieces where one would be too long for a line (RFC 2231 3). No piece parts a character.
    """
    if name.isascii() and len(name) <= LONGEST_PIECE:
        return f"filename={_quoted_string(name)}"
    pieces = [""]
    for character in name:
        encoded = quote(character, safe="!#$&+-.^_`|~")
        if len(pieces[-1]) + len(encoded) > LONGEST_PIECE:
            pieces.append("")
        pieces[-1] += encoded
    if len(pieces) == 1:
        return f"filename*=utf-8''{pieces[0]}"
    pieces[0] = f"utf-8''{pieces[0]}"
    return ";\r\n ".join(f"filename*{number}*={piece}" for number, piece in enumerate(pieces))


def _words(subtype: str, text: str) -> bytes:
    """A text part in quoted-printable (RFC 2045 6.7)."""
    lines = _LINE_END.sub("\r\n", text)
    if not lines.endswith("\r\n"):
        lines += "\r\n"
    kind = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return kind.encode() + quoted(lines)


def quoted(lines: str) -> bytes:
    """Whole lines, each with its CRLF, in quoted-printable: each by itself is what it is among the others."""
    encoded = binascii.b2a_qp(lines.encode("utf-8", "replace"))
    # a mailbox file would make `>From ` of it; a soft break leaves no line that begins so
    encoded = encoded.replace(b"\nFrom ", b"\nFrom=\r\n ")
    return b"From=\r\n " + encoded[5:] if encoded.startswith(b"From ") else encoded


def base64_lines(octets: bytes) -> bytes:
    """Base64 in lines of 76, each with its CRLF (RFC 2045 6.8)."""
    encoded = binascii.b2a_base64(octets, newline=False)
    lines = [encoded[start : start + _COLUMNS] for start in range(0, len(encoded), _COLUMNS)]
    return b"\r\n".join([*lines, b""])


def _base64(kind: str, content: bytes, disposition: str = "") -> bytes:
    """A calendar part: base64 alone keeps CRLF through every relay."""
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
    if disposition:
        head += f"Content-Disposition: {disposition}\r\n"
    return head.encode() + b"\r\n" + base64_lines(content)


def _multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    """RFC 2046 5.1. A boundary that begins with `=_` can stand in no quoted-printable or base64 text."""
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    dashes = b"--" + boundary.encode()
    return head + b"".join(dashes + b"\r\n" + part + b"\r\n" for part in parts) + dashes + b"--\r\n"


@lru_cache(maxsize=64)
def _address_line(name: str, mailbox: Mailbox) -> bytes:
    """A header of one mailbox (RFC 5322 3.4); an address that is not ASCII stays as it is (RFC 6532)."""
    if not _ADDRESS.fullmatch(_one_line(name, mailbox.address)):
        raise UnsafeLetter(f"{name} is not one plain address: {mailbox.address!r}")
    line, address = f"{name}: {_phrase(name, mailbox.name)}", f"<{mailbox.address}>"
    space = " " if len(line.rpartition("\n")[2]) + 1 + len(address) <= FOLDED_AT else "\r\n "
    return f"{line.rstrip(' ')}{space}{address}\r\n".encode()


def _phrase(header: str, name: str) -> str:
    """A name in front of an address: as it is, in quotes, or in encoded words."""
    if not _WORDS.fullmatch(_one_line(header, name)) or "=?" in name:
        return _folded(header, name, "utf-8") if name else ""
    return _folded(header, name if _ATOMS.fullmatch(name) else _quoted_string(name), "us-ascii")


def _quoted_string(name: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return f'"{escaped}"'


def _folded(name: str, text: str, charset: str) -> str:
    """Words as they are, or as encoded words (RFC 2047), on several lines where one does not do."""
    return Header(text, charset, header_name=name, maxlinelen=FOLDED_AT).encode(linesep="\r\n")


def _one_line(name: str, text: str) -> str:
    if found := _BREAKS.search(text):
        raise UnsafeLetter(f"{name} holds {found[0]!r}, which could break its line: {text!r}")
    return text


def _verbatim(name: str, value: str) -> bytes:
    """A value that is ASCII and must not be folded or encoded: an encoded List-Unsubscribe breaks one-click."""
    line = f"{name}: {value}"
    if not line.isascii() or not line.isprintable() or len(line) > LONGEST_LINE:
        raise UnsafeLetter(f"{name}: {value!r} is not a line of printable ASCII")
    return f"{line}\r\n".encode("ascii")


def check(head: bytes, sender: Mailbox, reader: Mailbox, intended: list[str]) -> None:
    """A hostile name can become a header line of its own for some readers: what was built is read back.

    Raises:
        UnsafeLetter: the names of the headers are not those intended, or From or To reads back as somebody else.
    """
    found = message_from_string(head.decode(), policy=compat32)
    if found.keys() != intended:
        raise UnsafeLetter(f"the headers of the letter to {reader.address} are not those intended")
    for name, mailbox in (("From", sender), ("To", reader)):
        if _mailboxes(str(found[name])) != (mailbox,):
            raise UnsafeLetter(f"{name} does not read back as {mailbox.name} <{mailbox.address}>")


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """What a message that `write` wrote says. Line breaks are LF in `text` and `html`."""

    subject: str
    language: str
    text: str
    html: str
    calendar: CalendarFile | None
    beside: CalendarFile | None = None


_BOUNDARY = re.compile(rb'^Content-Type: multipart/mixed; boundary="(=_0_[^"]+)"', re.MULTILINE)
_IN_AN_INVITATION = 2  # parts that hold it: among the alternatives, and as a file


@lru_cache(maxsize=2)
def read_back(raw: bytes) -> ReadBack:
    """A message as its reader will see it, but for the files that are attached; `raw` is what `write` gave."""
    message = message_from_string(_without_files(raw).decode(), policy=compat32)
    text, html, *others = (part for part in message.walk() if not part.is_multipart())
    return ReadBack(
        subject=str(make_header(decode_header(_LINE_END.sub("", str(message["Subject"]))))),
        language=str(message["Content-Language"]),
        text=_read_words(text),
        html=_read_words(html),
        calendar=_read_calendar(others[:_IN_AN_INVITATION]) if others else None,
        beside=_read_calendar(others[_IN_AN_INVITATION:]) if others[_IN_AN_INVITATION:] else None,
    )


def _without_files(raw: bytes) -> bytes:
    """The message up to the first attached file: those are long, and are the last of its parts."""
    found = _BOUNDARY.search(raw)
    if found is None:
        return raw
    end = raw.find(b"\r\n--" + found[1] + b"\r\n" + _DISPOSITION.encode())
    return raw if end < 0 else raw[:end] + b"\r\n--" + found[1] + b"--\r\n"


def _read_words(part: "Parsed[str, str]") -> str:
    return _octets(part).decode().replace("\r\n", "\n")


def _read_calendar(parts: "list[Parsed[str, str]]") -> CalendarFile:
    """From the alternative, which names the method, and the file, which has a name; one part may be both."""
    return CalendarFile(
        method=str(parts[0].get_param("method")),
        content=_octets(parts[-1]),
        name=str(parts[-1].get_filename()),
    )


def _octets(part: "Parsed[str, str]") -> bytes:
    octets = part.get_payload(decode=True)
    return octets if isinstance(octets, bytes) else b""


@lru_cache(maxsize=64)
def _mailboxes(value: str) -> tuple[Mailbox, ...]:
    """A folded header of addresses as its reader sees it."""
    return tuple(
        Mailbox(name=str(make_header(decode_header(name))), address=address)
        for name, address in getaddresses([_LINE_END.sub("", value)])
    )

"""A person's question, passed on to whoever answers it: a message of ours with theirs enclosed (RFC 2046 5.2.1).

It says that no person sent it (RFC 3834 5), so that no machine answers it and nobody forwards it again; an answer goes
to whoever asked. Bytes of a stranger's that could break a line go as a file.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from mailer.composition import message
from mailer.composition.dkim import DkimKey, signatures, signers
from mailer.composition.message import Mailbox
from mailer.errors import UnsafeLetter

_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,240}>")
_MOST_REFERENCES = 3
_QUOTED_LINES = 60


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a person asked. All of it is a stranger's text; `raw` the mail as it came."""

    asker: Mailbox
    subject: str
    text: str
    message_id: str
    references: tuple[str, ...]
    raw: bytes


def forwarded(
    question: Question,
    *,
    sender: Mailbox,
    reader: Mailbox,
    message_id: str,
    dated_at: datetime,
    dkim: tuple[DkimKey, ...] = (),
) -> bytes:
    """The message that passes it on: the same values give the same bytes.

    Raises:
        UnsafeLetter: an address or a name would break a header.
    """
    if not _PLAIN_ADDRESS.fullmatch(question.asker.address):
        raise UnsafeLetter("whoever asks has no plain address")
    thread = [each for each in (*question.references, question.message_id) if _MESSAGE_ID.fullmatch(each)]
    headers = {
        "From": message.reader_line(sender).replace(b"To:", b"From:", 1),
        "To": message.reader_line(reader),
        "Reply-To": message.reader_line(Mailbox(name="", address=question.asker.address)).replace(
            b"To:", b"Reply-To:", 1
        ),
        "Subject": message.subject_line(_subject(question.subject)),
        "Date": message.date_line(dated_at),
        "Message-ID": f"Message-ID: {message_id}\r\n".encode("ascii"),
    }
    if thread:
        references = "\r\n ".join(thread[-_MOST_REFERENCES:])
        headers["In-Reply-To"] = f"In-Reply-To: {thread[-1]}\r\n".encode("ascii")
        headers["References"] = f"References: {references}\r\n".encode("ascii")
    headers["Auto-Submitted"] = b"Auto-Submitted: auto-generated\r\n"
    headers["X-Auto-Response-Suppress"] = b"X-Auto-Response-Suppress: All\r\n"
    headers["MIME-Version"] = b"MIME-Version: 1.0\r\n"
    boundary = f"=_0_{message_id[1:25]}"
    head = b"".join(headers.values())
    head += f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'.encode("ascii")
    message.check(head, sender, reader, [*headers, "Content-Type"])
    body = _body(boundary.encode("ascii"), question)
    by = signers(sender.address.rpartition("@")[2], dkim)
    return signatures(by, head, body, dated_at) + head + body if by else head + body


def _subject(subject: str) -> str:
    one_line = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    return f"Fwd: {one_line[:200] or 'a question'}"


def _body(boundary: bytes, question: Question) -> bytes:
    parts = (_words(question), _enclosed(question.raw))
    return (
        b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    )


def _words(question: Question) -> bytes:
    lines = [line[:500] for line in question.text.splitlines()[:_QUOTED_LINES]]
    told = [
        f"{question.asker.name or question.asker.address} wrote to the conference. Whoever answers this message",
        f"answers {question.asker.address}. What was written is also enclosed as it came.",
        "",
        *(f"> {line}".rstrip() for line in lines),
    ]
    kind = b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return kind + message.quoted("".join(f"{line}\r\n" for line in told))


def _enclosed(raw: bytes) -> bytes:
    """The mail as it came, if it can stand in another (RFC 2046 5.2.1), else as a file."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    if lines.isascii() and b"\0" not in lines and max(map(len, lines.split(b"\r\n"))) <= message.LONGEST_LINE:
        kind = b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"
        return kind + (lines if lines.endswith(b"\r\n") else lines + b"\r\n")
    kind = b'Content-Type: application/octet-stream; name="question.eml"\r\nContent-Transfer-Encoding: base64\r\n'
    return (
        kind + b'Content-Disposition: attachment; filename="question.eml"\r\n\r\n' + message.base64_lines(raw)
    )

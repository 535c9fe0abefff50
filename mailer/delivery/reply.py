"""What a mail server answers, byte for byte (RFC 5321 4.2): whole replies, bounded in length. Their meaning is not
known here, nor which command they answer.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

LONGEST_REPLY = 32 * 1024
"""Bytes of one reply, all its lines together: a genuine one has a few hundred."""

_SHOWN = 500
_LINE = re.compile(rb"[2-5][0-9]{2}(?:[ -].*)?", re.DOTALL)


class Step(StrEnum):
    """What a reply answers."""

    GREETING = "the connection"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "a letter"
    LONE_DOT = "a lone dot"
    RESET = "RSET"
    QUIT = "QUIT"


class Reply(NamedTuple):
    """One reply; the texts of its lines are joined by LF."""

    code: int
    text: bytes

    def __str__(self) -> str:
        return f"{self.code} {shown(self.text)}".strip()


class OutOfStep(ConnectionError):  # noqa: N818
    """The server said something that is no answer to what was asked."""


class ReplyReader:
    """Puts replies together from whatever pieces the network makes of them."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def is_within_a_reply(self) -> bool:
        return bool(self._rest or self._lines)

    def read(self, data: bytes) -> Iterator[Reply]:
        """The replies that are whole now, in order. A line may end in LF alone.

        Raises:
            OutOfStep: a line is no reply, the lines of one differ in code, or it is longer than `LONGEST_REPLY`.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._add(line)
            if line[3:4] != b"-":
                reply = Reply(int(line[:3]), b"\n".join(each[4:] for each in self._lines))
                self._lines, self._size = [], 0
                yield reply
        self._bound(len(self._rest))

    def _add(self, line: bytes) -> None:
        self._bound(len(line) + 1)
        self._size += len(line) + 1
        line = line.removesuffix(b"\r")
        self._lines.append(line)
        if not _LINE.fullmatch(line) or line[:3] != self._lines[0][:3]:
            raise OutOfStep(f"no reply of SMTP: {shown(line)}")

    def _bound(self, more: int) -> None:
        if self._size + more > LONGEST_REPLY:
            raise OutOfStep(f"a reply of more than {LONGEST_REPLY} bytes")


def shown(text: bytes) -> str:
    """A server's words on one line, without what a terminal could take for a command."""
    words = " ".join(text.decode("utf-8", "replace").split())
    if not words.isprintable():
        words = "".join(each if each.isprintable() else "?" for each in words)
    return words[:_SHOWN]

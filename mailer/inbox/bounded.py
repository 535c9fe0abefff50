"""Mail taken apart within limits of time and memory, by a process of its own that is begun anew when it dies.

What a mail is, `sorting` says, over there; here only comes back what it said, or why it said nothing.
"""

import json
import select
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from mailer.inbox.parser import LENGTH
from mailer.inbox.sorting import Mail, heard

LARGEST = 8 * 1024 * 1024
"""Bytes of a mail that is read."""

COMPUTES_FOR = 2.0
"""Seconds of computing for one mail."""

ANSWERS_WITHIN = 30.0
"""Seconds until a process that says nothing is ended, however little it computes."""

MAILS = 1000
"""Mails a process reads before a fresh one takes its place: what libraries remember ends with it."""

_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Poison:
    """A mail that could not be read within the limits, and why."""

    reason: str


class BoundedReader:
    """Reads mails one after the other; whoever made it closes it. May be called from several threads."""

    def __init__(
        self,
        *,
        computes_for: float = COMPUTES_FOR,
        answers_within: float = ANSWERS_WITHIN,
        mails: int = MAILS,
    ) -> None:
        self._computes_for, self._answers_within, self._mails = computes_for, answers_within, mails
        self._process: subprocess.Popen[bytes] | None = None
        self._read, self._lock = 0, Lock()

    def read(self, raw: bytes) -> Mail | Poison:
        """What the mail is. Never raises for what a mail holds."""
        if len(raw) > LARGEST:
            return Poison(reason=f"it is larger than {LARGEST // 1024 // 1024} MB")
        with self._lock:
            if self._process and self._read >= self._mails:
                self._end()
            was_fresh = self._process is None
            answer = self._answer(raw)
            if answer is None and not was_fresh:  # it may have died of something else
                answer = self._answer(raw)
        if answer is None:
            return Poison(reason="it takes too long to read, or ends whoever reads it")
        told = json.loads(answer)
        return Poison(reason=told["poison"]) if "poison" in told else heard(told["mail"])

    def close(self) -> None:
        with self._lock:
            self._end()

    def _answer(self, raw: bytes) -> bytes | None:
        """What the process says; nothing, and no process, if it dies or is silent."""
        process = self._process or self._start()
        self._read += 1
        try:
            answer = self._asked(process, raw)
        except OSError:
            answer = None
        if answer is None:
            self._end()
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "mailer.inbox.parser", str(self._computes_for)],
            cwd=_PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self._read = 0
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        process.wait()

    def _asked(self, process: subprocess.Popen[bytes], raw: bytes) -> bytes | None:
        assert process.stdin  # noqa: S101 - it was opened with pipes
        rest = memoryview(LENGTH.pack(len(raw)) + raw)
        while rest:
            rest = rest[process.stdin.write(rest) or 0 :]
        head = self._exactly(process, LENGTH.size)
        return self._exactly(process, LENGTH.unpack(head)[0]) if head else None

    def _exactly(self, process: subprocess.Popen[bytes], length: int) -> bytes | None:
        assert process.stdout  # noqa: S101
        octets = b""
        while len(octets) < length:
            ready, _, _ = select.select([process.stdout], [], [], self._answers_within)
            piece = process.stdout.read(length - len(octets)) if ready else b""
            if not piece:
                return None
            octets += piece
        return octets

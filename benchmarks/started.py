"""A process that the bench started and talks to line by line. What is said is `turns`'."""

import os
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
_ENDS_FOR = 3.0


class Started:
    """Ends with the block: by a closed input, and if that is not understood, by force, its children too.

    What it complains of goes to the file `log`.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                start_new_session=True,
            )
        if self._process.stdin is None or self._process.stdout is None:
            raise BrokenPipeError("a process without its pipes")
        self._in, self._out = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in.close()
        if self._process.returncode is None:
            try:
                self._process.wait(timeout=_ENDS_FOR)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
        self._out.close()

    def has_spoken(self, patience_for: float) -> bool:
        """Whether there is a line, or its end, within so many seconds."""
        return bool(select.select([self._out], [], [], patience_for)[0])

    def hear(self) -> bytes:
        """Its next line, waited for; nothing when it has ended."""
        return self._out.readline()

    def say(self, line: bytes) -> None:
        self._in.write(line)

    def used_in_all(self) -> tuple[int, float]:
        """Of one that ends: its exit code, and the CPU seconds of it and of the children it waited for."""
        _, status, usage = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode, usage.ru_utime + usage.ru_stime

    def last_words(self) -> str:
        return self._log.read_text("utf-8", errors="replace").strip()[-600:]

"""The mail server that every contender writes to: Postfix's `smtp-sink`, which takes all and keeps nothing.

It writes a running counter, so what arrived is known from the receiving side. One more, with a folder, keeps a few
letters to be weighed.
"""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

_COUNTED = re.compile(rb"mesg=(\d+)\s")
_LONGEST_COUNT = 200
_PATIENCE_FOR = 10.0


class MissingPeerError(FileNotFoundError):
    """Something from outside that the bench cannot do without; the sentence says how to get it."""


@dataclass(frozen=True, kw_only=True)
class Sink:
    """A running `smtp-sink`. `counter` is the file it writes its counters to."""

    port: int
    counter: Path

    def received(self) -> int:
        """How many letters have come so far."""
        with self.counter.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_COUNT))
            found = _COUNTED.findall(file.read())
        return int(found[-1]) if found else 0


def program(name: str) -> str:
    """Where one of Postfix's test programs is.

    Raises:
        MissingPeerError: nowhere.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise MissingPeerError(
            f"{name} is missing; it comes with Postfix, which need not run. On Debian: "
            "DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends postfix"
        )
    return found


@contextmanager
def open_sink(folder: Path, *, keep: bool = False) -> Iterator[Sink]:
    """A sink on a free port of this machine. With `keep`, each letter becomes a file in `folder`."""
    port, counter = free_port(), folder / "counter"
    counter.touch()
    command = [program("smtp-sink"), "-c", "-m", "256"]
    if os.geteuid() == 0:
        folder.chmod(0o777)
        command += ["-u", "nobody"]
    if keep:
        command += ["-d", f"{folder}/letter."]
    with (
        counter.open("wb") as out,
        subprocess.Popen([*command, f"127.0.0.1:{port}", "128"], stdout=out) as process,
    ):
        try:
            await_port(port)
            yield Sink(port=port, counter=counter)
        finally:
            process.terminate()


@dataclass(frozen=True, kw_only=True)
class Weight:
    """Letters as they arrived: bytes over the line on average, and what parts all of them have."""

    letters: int
    average_bytes: int
    parts: frozenset[str]
    readers: int


def weigh(folder: Path) -> Weight:
    """The letters that a sink kept in `folder`; `readers` counts distinct recipients."""
    kept = [_letter(path.read_bytes()) for path in sorted(folder.glob("letter.*"))]
    found = [message_from_bytes(raw) for raw in kept]
    parts = [frozenset(part.get_content_type() for part in letter.walk()) for letter in found]
    return Weight(
        letters=len(kept),
        average_bytes=sum(len(raw) + raw.count(b"\n") for raw in kept) // max(1, len(kept)),
        parts=frozenset.intersection(*parts) if parts else frozenset(),
        readers=len({letter["To"] for letter in found}),
    )


def _letter(dumped: bytes) -> bytes:
    """Without what the sink puts around it: its own lines, a Received header of several lines, an empty line."""
    head, _, rest = dumped.removesuffix(b"\n").partition(b"\nReceived: ")
    if not rest:
        return head
    return re.sub(rb"\A[^\n]*\n(?:[ \t][^\n]*\n)*", b"", rest)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def await_port(port: int) -> None:
    """Until somebody listens there.

    Raises:
        MissingPeerError: nobody does, for ten seconds.
    """
    deadline = time.monotonic() + _PATIENCE_FOR
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise MissingPeerError(f"nobody listens on port {port}, though it was just started")


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank: the smallest value that is not below `share` of all, such as 0.99."""
    ranked = sorted(values)
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)]

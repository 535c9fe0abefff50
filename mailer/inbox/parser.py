"""The process in which strangers' mail is taken apart: it may die of a mail, and nothing else dies with it.

A mail comes as its length in four bytes and its bytes, what it is goes back the same way, in JSON. For each mail there
are seconds of computing and a room of memory; who exceeds the one is ended by the kernel, and of the other told.
Started by `bounded`, as `python -m mailer.inbox.parser SECONDS`.
"""

import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from mailer.inbox import sorting

ROOM = 88 * 1024 * 1024
"""Bytes for one mail, beside those the program itself takes: 128 MB together."""

LENGTH = struct.Struct(">I")


def main(computes_for: float) -> None:
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not spoil the answers
    sorting.sort(b"Subject: x\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    _limit()
    while (raw := _read(incoming)) is not None:
        signal.setitimer(signal.ITIMER_PROF, computes_for)
        answer = json.dumps(_sorted(raw)).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        outgoing.write(LENGTH.pack(len(answer)) + answer)
        outgoing.flush()


def _sorted(raw: bytes) -> dict[str, Any]:
    try:
        return {"mail": sorting.told(sorting.sort(raw))}
    except sorting.Unreadable as error:
        return {"poison": str(error)}
    except MemoryError:
        return {"poison": "it takes too much memory to read"}
    except RecursionError:
        return {"poison": "it is nested too deeply"}
    except Exception as error:  # a mail may be anything
        return {"poison": f"it cannot be read ({type(error).__name__})"}


def _read(incoming: BinaryIO) -> bytes | None:
    """The next mail; nothing when whoever sends them is gone."""
    head = incoming.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return incoming.read(length)


def _limit() -> None:
    """Room for one mail beside what is taken now. A process that cannot see its own size has half a gigabyte."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        taken = pages * resource.getpagesize()
    except OSError:
        taken = 512 * 1024 * 1024 - ROOM
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(float(sys.argv[1]))

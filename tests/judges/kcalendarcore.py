"""KCalendarCore as judge, reader and answerer: the calendar of KMail and Kontact, from Debian.

Our little C++ program around it is compiled once for what stands in it, and kept in `.built/`.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.judges import program
from tests.judges.reading import Reading, Understood

COMPILED_WITHIN = 180.0
SOURCE = Path(__file__).with_name("kcalendarcore.cpp")
_BUILT = Path(__file__).with_name(".built")
_HEADERS = Path("/usr/include/KF5/KCalendarCore")
_LIBRARIES = ("-lKF5CalendarCore", "-lQt5Core")


def missing() -> str | None:
    if shutil.which("g++") and _HEADERS.is_dir() and _qt():
        return None
    return "KCalendarCore is not installed: install the Debian packages g++ and libkf5calendarcore-dev"


def judge(raws: Sequence[bytes]) -> list[list[str]]:
    return program.faults(program.ask([str(built(SOURCE))], raws))


def understand(raws: Sequence[bytes]) -> list[tuple[Understood, ...]]:
    return [
        tuple(Understood.from_json(answer["method"], event) for event in _in_order(raw, answer["events"]))
        for raw, answer in zip(raws, program.ask([str(built(SOURCE))], raws), strict=True)
    ]


def read(raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
    return [tuple(event.reading for event in events) for events in understand(raws)]


def reply(request: bytes, *, address: str, name: str, partstat: str) -> bytes:
    return program.reply([str(built(SOURCE))], request, address=address, name=name, partstat=partstat)


def _in_order(raw: bytes, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they stand in the file: the library hands them out in an order of its own."""
    return sorted(events, key=lambda event: raw.find(f"UID:{event['uid']}".encode()))


def built(source: Path) -> Path:
    """The program of this source: compiled if it is not there yet, and put in place all at once."""
    qt = _qt()
    assert qt, missing()
    places = (_HEADERS, qt, qt / "QtCore", qt / "QtGui")
    command = ["g++", "-std=c++17", "-O1", "-fPIC", *(f"-I{place}" for place in places)]
    digest = hashlib.sha256(source.read_bytes() + repr((command, _LIBRARIES)).encode()).hexdigest()[:16]
    made = _BUILT / f"kcalendarcore-{digest}"
    if not made.exists():
        _BUILT.mkdir(exist_ok=True)
        unfinished = made.with_suffix(f".{os.getpid()}")
        command += [str(source), "-o", str(unfinished), *_LIBRARIES]
        subprocess.run(command, timeout=COMPILED_WITHIN, check=True)
        unfinished.replace(made)
    return made


def _qt() -> Path | None:
    return next(Path("/usr/include").glob("*/qt5"), None)

"""KCalendarCore as judge, reader and answerer: the calendar of KMail and Kontact, from Debian.

Our little C++ program around it is compiled once for what stands in it, and kept in `.built/`.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.judges.reading import Reading, Understood

PATIENCE_FOR = 60.0
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
    return [[answer["fault"]] if answer["fault"] else [] for answer in _ask(raws)]


def understand(raws: Sequence[bytes]) -> list[tuple[Understood, ...]]:
    return [
        tuple(Understood.from_json(answer["method"], event) for event in _in_order(raw, answer["events"]))
        for raw, answer in zip(raws, _ask(raws), strict=True)
    ]


def read(raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
    return [tuple(event.reading for event in events) for events in understand(raws)]


def reply(request: bytes, *, address: str, name: str, partstat: str) -> bytes:
    (answer,) = _ask([request], {"address": address, "name": name, "partstat": partstat})
    if not answer:
        raise ValueError("KCalendarCore does not take this for a REQUEST")
    return str(answer).encode()


def _ask(raws: Sequence[bytes], answer: Mapping[str, str] | None = None) -> list[Any]:
    texts = [raw.decode(errors="replace") for raw in raws]
    done = subprocess.run(
        [str(built(SOURCE))],
        input=json.dumps({"texts": texts, "answer": answer}),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_FOR,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


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
    program = _BUILT / f"kcalendarcore-{digest}"
    if not program.exists():
        _BUILT.mkdir(exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        command += [str(source), "-o", str(unfinished), *_LIBRARIES]
        subprocess.run(command, timeout=COMPILED_WITHIN, check=True)
        unfinished.replace(program)
    return program


def _qt() -> Path | None:
    return next(Path("/usr/include").glob("*/qt5"), None)

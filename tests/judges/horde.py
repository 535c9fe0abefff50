"""Horde as judge, reader and answerer: the PHP libraries of its webmail, from Debian. Its replies tell wrong times."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.judges.reading import Reading, Understood

PATIENCE_FOR = 60.0
_PROGRAM = Path(__file__).with_name("horde.php")
_LIBRARY = Path("/usr/share/php/Horde/Itip.php")


def missing() -> str | None:
    if shutil.which("php") and _LIBRARY.exists():
        return None
    return "Horde's calendar is not installed: install the Debian packages php-cli, php-mbstring and php-horde-itip"


def misread(text: str) -> str:
    """What Horde makes of a text: a backslash and an n after it are a line break, however they were written."""
    return re.sub(r"\\[nN]", "\\\\\r\n", text)


def judge(raws: Sequence[bytes]) -> list[list[str]]:
    return [[answer["fault"]] if answer["fault"] else [] for answer in _ask(raws)]


def understand(raws: Sequence[bytes]) -> list[tuple[Understood, ...]]:
    return [
        tuple(Understood.from_json(answer["method"], event) for event in answer["events"])
        for answer in _ask(raws)
    ]


def read(raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
    return [tuple(event.reading for event in events) for events in understand(raws)]


def reply(request: bytes, *, address: str, name: str, partstat: str) -> bytes:
    (answer,) = _ask([request], {"address": address, "name": name, "partstat": partstat})
    if not answer:
        raise ValueError("Horde does not take this for a REQUEST")
    return str(answer).encode()


def _ask(raws: Sequence[bytes], answer: Mapping[str, str] | None = None) -> list[Any]:
    texts = [raw.decode(errors="replace") for raw in raws]
    done = subprocess.run(
        ["php", str(_PROGRAM)],
        input=json.dumps({"texts": texts, "answer": answer}),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_FOR,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers

"""Horde as judge, reader and answerer: the PHP libraries of its webmail, from Debian. Its replies tell wrong times."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.judges import program
from tests.judges.reading import Reading, Understood

_COMMAND = ("php", str(Path(__file__).with_name("horde.php")))
_LIBRARY = Path("/usr/share/php/Horde/Itip.php")


def missing() -> str | None:
    if shutil.which("php") and _LIBRARY.exists():
        return None
    return "Horde's calendar is not installed: install the Debian packages php-cli, php-mbstring and php-horde-itip"


def misread(text: str) -> str:
    """What Horde makes of a text: a backslash and an n after it are a line break, however they were written."""
    return re.sub(r"\\[nN]", "\\\\\r\n", text)


def judge(raws: Sequence[bytes]) -> list[list[str]]:
    return program.faults(program.ask(_COMMAND, raws))


def understand(raws: Sequence[bytes]) -> list[tuple[Understood, ...]]:
    return [
        tuple(Understood.from_json(answer["method"], event) for event in answer["events"])
        for answer in program.ask(_COMMAND, raws)
    ]


def read(raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
    return [tuple(event.reading for event in events) for events in understand(raws)]


def reply(request: bytes, *, address: str, name: str, partstat: str) -> bytes:
    return program.reply(_COMMAND, request, address=address, name=name, partstat=partstat)

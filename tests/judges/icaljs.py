"""ical.js as judge and reader: the parser of Thunderbird and Nextcloud, one Node process for many files."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.judges.reading import Reading

_HERE = Path(__file__).parent
_NODE_NAMES = ("node", "nodejs")


def missing() -> str | None:
    if not _node():
        return "Node.js is not installed: install the Debian package nodejs"
    if not (_HERE / "node_modules" / "ical.js").is_dir():
        return "the npm package ical.js is not installed: run 'npm ci' in tests/judges"
    return None


def judge(raws: Sequence[bytes]) -> list[list[str]]:
    return [answer["faults"] for answer in _ask(raws)]


def read(raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
    return [tuple(map(_reading, answer["events"])) for answer in _ask(raws)]


def _reading(event: dict[str, Any]) -> Reading:
    return Reading(
        uid=event["uid"],
        sequence=event["sequence"],
        summary=event["summary"],
        starts_at=datetime.fromisoformat(event["startsAt"]),
    )


def _ask(raws: Sequence[bytes]) -> list[dict[str, Any]]:
    texts = json.dumps([raw.decode(errors="replace") for raw in raws])
    node = _node()
    assert node, missing()
    done = subprocess.run(
        [node, str(_HERE / "icaljs.mjs")],
        input=texts,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def _node() -> str | None:
    return next(filter(None, map(shutil.which, _NODE_NAMES)), None)

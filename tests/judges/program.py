"""What judges that are programs have in common: files in, what they make of them out, both as JSON; and replies."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

PATIENCE_FOR = 60.0


def ask(command: Sequence[str], raws: Sequence[bytes], answer: Mapping[str, str] | None = None) -> list[Any]:
    """What the program says of each file; with `answer`, what it replies to each."""
    texts = [raw.decode(errors="replace") for raw in raws]
    done = subprocess.run(
        command,
        input=json.dumps({"texts": texts, "answer": answer}),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_FOR,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


def faults(answers: Sequence[Mapping[str, str]]) -> list[list[str]]:
    return [[answer["fault"]] if answer["fault"] else [] for answer in answers]


def reply(command: Sequence[str], request: bytes, **who: str) -> bytes:
    """What the program answers to a REQUEST. Raises ValueError if it takes it for none."""
    (answer,) = ask(command, [request], who)
    if not answer:
        raise ValueError(f"{command[0]} does not take this for a REQUEST")
    return str(answer).encode()

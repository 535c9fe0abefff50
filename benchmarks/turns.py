"""What the bench and a contender say to each other: an order, `ready`, `go`, and one line of JSON when all is done.

A contender warms up before `ready` (imports, templates, lines, first letters), so that only letters are measured;
after its last word it waits, so that what it used can still be read.
"""

import json
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of a contender: so many letters over so many lines to this port of this machine.

    `people` is a file of `crowd.write` with `warm` people more than `letters`, those to warm up with first;
    `folder` is the contender's own, `words` the templates.
    """

    port: int
    letters: int
    warm: int
    lines: int
    people: str = ""
    folder: str = ""
    words: str = ""

    def written(self) -> str:
        return json.dumps(asdict(self))


def read_order(text: str) -> Order:
    return Order(**json.loads(text))


def await_go() -> bool:
    """Say that everything is warm and wait for the word; False when the bench has gone."""
    print("ready", flush=True)
    return sys.stdin.readline() == "go\n"


def tell_done(**facts: float) -> None:
    """The last word, and then silence until the bench has read what it wants to read."""
    print(json.dumps(facts), flush=True)
    sys.stdin.read()

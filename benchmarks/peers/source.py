"""Postfix's own load generator: becomes `smtp-source -d` at the bench's word; a canned text, nothing personal."""

import os
import sys

from benchmarks import turns
from benchmarks.sink import program

CANNED_BYTES = 10_000


def main(order: turns.Order) -> None:
    command = [program("smtp-source"), "-d", "-s", str(order.lines), "-l", str(CANNED_BYTES)]
    command += ["-m", str(order.letters), f"127.0.0.1:{order.port}"]
    if turns.await_go():
        os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(turns.read_order(sys.argv[1]))

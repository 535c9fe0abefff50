"""The plain way: EmailMessage and smtplib, over one line, one letter after another."""

import smtplib
import sys
from pathlib import Path

from benchmarks import crowd, turns
from benchmarks.peers.letter import Desk


def main(order: turns.Order) -> None:
    people, desk = crowd.read(Path(order.people)), Desk(order.words)
    with smtplib.SMTP("127.0.0.1", order.port) as line:
        for person in people[order.letters :]:
            line.send_message(desk.compose(person))
        if turns.await_go():
            for person in people[: order.letters]:
                line.send_message(desk.compose(person))
            turns.tell_done()


if __name__ == "__main__":
    main(turns.read_order(sys.argv[1]))

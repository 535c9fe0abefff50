"""aiosmtplib over several lines: letters composed one by one as they leave, or all before the word is given."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from email.policy import SMTP
from pathlib import Path

import aiosmtplib

from benchmarks import crowd, turns
from benchmarks.crowd import Person
from benchmarks.peers.letter import ORGANISER, Desk


async def _carry(lines: Sequence[aiosmtplib.SMTP], people: Sequence[Person], desk: Desk) -> None:
    async def one(line: aiosmtplib.SMTP) -> None:
        for person in waiting:
            await line.send_message(desk.compose(person))

    waiting = iter(people)
    await asyncio.gather(*map(one, lines))


async def _carry_ready(lines: Sequence[aiosmtplib.SMTP], letters: Iterator[tuple[str, bytes]]) -> None:
    async def one(line: aiosmtplib.SMTP) -> None:
        for address, raw in letters:
            await line.sendmail(ORGANISER[1], [address], raw)

    await asyncio.gather(*map(one, lines))


async def main(order: turns.Order, prebuilt: bool) -> None:
    people, desk = crowd.read(Path(order.people)), Desk(order.words)
    lines = [aiosmtplib.SMTP(hostname="127.0.0.1", port=order.port) for _ in range(order.lines)]
    await asyncio.gather(*(line.connect() for line in lines))
    await _carry(lines, people[order.letters :], desk)
    people = people[: order.letters]
    letters = (
        [(each.address, desk.compose(each).as_bytes(policy=SMTP)) for each in people] if prebuilt else []
    )
    if turns.await_go():
        await (_carry_ready(lines, iter(letters)) if prebuilt else _carry(lines, people, desk))
        turns.tell_done()


if __name__ == "__main__":
    asyncio.run(main(turns.read_order(sys.argv[1]), "prebuilt" in sys.argv))

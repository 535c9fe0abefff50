"""The long line: late by as much as it says, in order, whole, and broad enough."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from benchmarks.proxy import listen

DELAY_FOR = 0.05
"""Seconds in each direction: long beside anything else that happens on loopback."""

Spoken = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def line(
    spoken: Spoken, delay_for: float
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """One connection through a proxy to somebody who speaks so."""
    server = await asyncio.start_server(spoken, "127.0.0.1", 0)
    proxy = await listen(server.sockets[0].getsockname()[1], delay_for)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.sockets[0].getsockname()[1])
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()
        proxy.close()
        server.close()


async def round_trip(delay_for: float) -> float:
    """Seconds, of the second exchange: the first also waits for the line to be made."""
    async with line(echo, delay_for) as (reader, writer):
        for _ in range(2):
            began = time.perf_counter()
            writer.write(b"NOOP\r\n")
            assert await reader.readline() == b"NOOP\r\n"
        return time.perf_counter() - began


def test_a_round_trip_takes_twice_the_delay_and_hardly_anything_without() -> None:
    late = asyncio.run(round_trip(DELAY_FOR))
    prompt = asyncio.run(round_trip(0.0))
    assert late >= 2 * DELAY_FOR
    assert prompt < DELAY_FOR


@pytest.mark.parametrize("delay_for", [0.0, 0.01])
def test_all_that_goes_in_comes_out_in_order(delay_for: float) -> None:
    sent = b"".join(b"%09d\n" % number for number in range(200_000))

    async def through() -> bytes:
        async with line(echo, delay_for) as (reader, writer):
            writer.write(sent)
            return await reader.readexactly(len(sent))

    assert asyncio.run(through()) == sent


def test_many_pieces_are_under_way_at_once() -> None:
    """A delay is no limit to bandwidth: a hundred pieces one after another are late once, not a hundred times."""

    async def through() -> float:
        async with line(echo, DELAY_FOR) as (reader, writer):
            began = time.perf_counter()
            for _ in range(100):
                writer.write(b"NOOP\r\n")
                await writer.drain()
                await asyncio.sleep(0)
            await reader.readexactly(600)
            return time.perf_counter() - began

    assert asyncio.run(through()) < 20 * DELAY_FOR


def test_the_end_comes_after_the_last_word() -> None:
    async def parting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"221 2.0.0 Bye\r\n")
        writer.close()

    async def through() -> bytes:
        async with line(parting, DELAY_FOR) as (reader, _):
            return await reader.read()

    assert asyncio.run(through()) == b"221 2.0.0 Bye\r\n"

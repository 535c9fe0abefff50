"""Serving the pages: a port of one's own, whose answers leave at once."""

import asyncio
import gc
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailer.errors import ConvenorError
from mailer.web.serving import reserve, serve
from tests.web.desk import open_desk


def test_a_port_that_is_taken_is_refused_with_advice() -> None:
    with (
        reserve(0) as listener,
        pytest.raises(ConvenorError, match=r"cannot be used .* is Convenor running already"),
    ):
        reserve(listener.getsockname()[1])


def test_while_pages_are_served_the_collector_leaves_alone_what_was_there_before(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        gc.unfreeze()
        with serve(desk.office, reserve(0)):
            assert gc.get_freeze_count() > len(gc.get_objects())
        assert gc.get_freeze_count() == 0


def test_an_answer_in_two_pieces_does_not_wait_for_the_reader_to_confirm_the_first() -> None:
    async def accepted(listener: socket.socket) -> int:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[int] = loop.create_future()

        def made(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            found.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        server = await asyncio.start_server(made, sock=listener)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            return await found
        finally:
            writer.close()
            server.close()

    with ThreadPoolExecutor(1) as beside:  # the browser of other tests has its loop in this thread
        assert beside.submit(lambda: asyncio.run(accepted(reserve(0)))).result(10)

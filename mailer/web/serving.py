"""Serving the pages beside the service: one loopback port, one thread. What is served is `app`'s."""

import gc
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn
from fastapi import FastAPI

from mailer.errors import ConvenorError
from mailer.web.app import create_app
from mailer.web.office import Office


def reserve(port: int) -> socket.socket:
    """The page's port, taken before anything else begins.

    Raises:
        ConvenorError: somebody else has it; the sentence says what to do.
    """
    # named as TCP, so that asyncio sends small pieces at once: a page is two, and would wait 40 ms for the second
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConvenorError(
            f"port {port} cannot be used ({error.strerror}): is Convenor running already? "
            "CONVENOR_PORT=8401 make run takes another"
        ) from None
    return listener


TURNS_OF = 0.0001
"""Seconds that a thread keeps the interpreter when another waits: a page waits several times, for each of its queries,
while letters are planned and handed out beside it.
"""


ENDS_WITHIN = 3
"""Seconds that are left to whoever is being answered when the service stops."""


@contextmanager
def serve(office: Office, listener: socket.socket) -> Iterator[str]:
    """Answer on `listener` until the block ends; gives the address to open."""
    with serve_app(create_app(office), listener) as address:
        yield address


@contextmanager
def serve_app(
    app: FastAPI, listener: socket.socket, *, around: Callable[..., Any] | None = None
) -> Iterator[str]:
    """As `serve`, an application that is there already. `around` stands in front of it, such as one that measures.

    What there is by now stays for good: the collector does not look at it again, which took a tenth of a second each
    time, and some page waited for it.
    """
    port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(
            around or app,
            log_level="error",
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=ENDS_WITHIN,
        )
    )
    sys.setswitchinterval(TURNS_OF)
    gc.collect()
    gc.freeze()
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="pages", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        app.state.live.end()
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()
        gc.unfreeze()

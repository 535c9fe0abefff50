"""What each answer costs the server: milliseconds from the request to the last byte, processor time, statements, bytes.

Seen from inside, around the application: neither the client nor the loopback is in it. What is counted beside the
pages, in threads of its own, is not a page's.
"""

import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from threading import get_ident
from typing import Any

from sqlalchemy import event

from mailer.outbox.database import Database

Message = MutableMapping[str, Any]

_ANSWERING = ("pages", "AnyIO", "asyncio")
"""How the threads are called in which requests are answered."""

_NO_QUESTIONS = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE", "--")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One answer: milliseconds from the request to the first and to the last byte, and of the processor."""

    path: str
    status: int
    size: int
    first_ms: float
    wall_ms: float
    cpu_ms: float
    statements: int


class Watch:
    """An ASGI application around another, which sees what its answers cost. One request at a time.

    The database is to be an SQLite file; what is asked of it is counted from the next connection on.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], database: Database) -> None:
        self._app = app
        self._asked: Counter[int] = Counter()
        self.seen: list[Seen] = []
        database.close()
        event.listen(database.engine, "connect", self._listen)

    def _listen(self, connection: Any, _record: object) -> None:
        connection.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        if not statement.lstrip().upper().startswith(_NO_QUESTIONS):
            self._asked[get_ident()] += 1

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, size, first_at = 0, 0, 0.0

        async def seeing(message: Message) -> None:
            nonlocal status, size, first_at
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and message.get("body"):
                first_at = first_at or time.perf_counter()
                size += len(message["body"])
            await send(message)

        cpu, asked, began = _cpu_ms(), self._questions(), time.perf_counter()
        await self._app(scope, receive, seeing)
        ended = time.perf_counter()
        query = scope["query_string"].decode()
        self.seen.append(
            Seen(
                path=scope["path"] + (f"?{query}" if query else ""),
                status=status,
                size=size,
                first_ms=((first_at or ended) - began) * 1000,
                wall_ms=(ended - began) * 1000,
                cpu_ms=_cpu_ms() - cpu,
                statements=self._questions() - asked,
            )
        )

    def _questions(self) -> int:
        return sum(self._asked[thread.ident or 0] for thread in _answering())


def _answering() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith(_ANSWERING)]


def _cpu_ms() -> float:
    """What all threads that answer have had of the processor so far."""
    spent = 0.0
    for thread in _answering():
        with suppress(OSError):  # it has ended meanwhile
            spent += time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0))
    return spent * 1000


def beside() -> list[str]:
    """The names of threads in which something is counted beside the pages at this moment."""
    return [each.name for each in threading.enumerate() if each.name in {"counting", "rehearsing"}]

"""`/live`: a word to open pages whenever something has changed, as server-sent events (HTML Living Standard 9.2).

The database is asked once a second while anybody listens, however many they are; listeners wait in the event loop
and hold no thread. What has changed is not said: pages look again. A line ends when whoever listens may not any more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from threading import Lock

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from mailer.errors import StoreError
from mailer.outbox.pulse import pulse
from mailer.web.office import Office
from mailer.web.organiser import door

MOST_LISTENERS = 200
LOOKS_EVERY = 1.0
SPEAKS_EVERY = 15.0
"""Seconds. A line on which nothing is said for long is cut by whoever stands between. So often, too, one looks whether
whoever listens still may.
"""

MOST_WORDS = 200
"""After so many a line ends, and the browser comes again: with the session it has then."""

CHANGED = "event: changed\ndata:\n\n"
STILL_HERE = ": nothing new\n\n"


class Live:
    """Tells listeners in one event loop that `look` gives another value than before, until `end` is called."""

    def __init__(self, look: Callable[[], object]) -> None:
        self._look = look
        self._listeners: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._lock = Lock()
        self._watch: asyncio.Task[None] | None = None
        self._has_ended = False

    @property
    def is_full(self) -> bool:
        return len(self._listeners) >= MOST_LISTENERS

    async def words(self, is_let_in: Callable[[], bool]) -> AsyncIterator[str]:
        """What one listener is sent, while they are let in. The first word is that something has changed: since the
        page was made it may.
        """
        news = asyncio.Event()
        with self._lock:
            self._listeners[news] = asyncio.get_running_loop()
            if (
                self._watch is None
                or self._watch.done()
                or self._watch.get_loop() is not self._listeners[news]
            ):
                self._watch = asyncio.create_task(self._keep_looking())
        try:
            yield CHANGED
            looked_at = asyncio.get_running_loop().time()
            for _ in range(MOST_WORDS):
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), SPEAKS_EVERY)
                at = asyncio.get_running_loop().time()
                if not news.is_set() or at - looked_at >= SPEAKS_EVERY:
                    looked_at = at
                    if not await asyncio.to_thread(_is_still, is_let_in):
                        return
                if self._has_ended:
                    return
                word = CHANGED if news.is_set() else STILL_HERE
                news.clear()  # before it is said: what changes while it is being sent is said next
                yield word
        finally:
            with self._lock:
                self._listeners.pop(news, None)

    def end(self) -> None:
        """Send everybody away, at once; may be called from any thread."""
        self._has_ended = True
        self._tell()

    async def _keep_looking(self) -> None:
        seen: object = None
        while self._listeners and not self._has_ended:
            with suppress(StoreError):
                found = await asyncio.to_thread(self._look)
                if seen not in {None, found}:
                    self._tell()
                seen = found
            await asyncio.sleep(LOOKS_EVERY)

    def _tell(self) -> None:
        with self._lock:
            for news, loop in self._listeners.items():
                with suppress(RuntimeError):  # a loop that has ended has nobody who listens
                    loop.call_soon_threadsafe(news.set)


def _is_still(let_in: Callable[[], bool]) -> bool:
    """Nobody is sent away because the database could not be asked: it is asked again at the next beat."""
    try:
        return let_in()
    except StoreError:
        return True


def of_office(office: Office) -> Live:
    """What listens to an office's database."""

    def look() -> object:
        with office.database.reading() as transaction:
            return pulse(transaction)

    return Live(look)


def routes(live: Live, office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/live")
    async def listen(request: Request) -> StreamingResponse:
        """Says `changed` at the beginning and whenever it is so, until the session it was opened with ends."""
        if live.is_full:
            raise HTTPException(503)

        def is_let_in() -> bool:
            return door.known(office, request.scope) is not None

        return StreamingResponse(live.words(is_let_in), media_type="text/event-stream")

    return router

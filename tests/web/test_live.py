"""Pages are told that something has changed: soon, once for all who listen, and until the service stops."""

import asyncio
import http.client
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from mailer.holding import Hold
from mailer.outbox.pulse import pulse
from mailer.web.organiser import live
from mailer.web.organiser.live import CHANGED, STILL_HERE, Live
from mailer.web.serving import reserve, serve
from tests.web.desk import Desk

T = TypeVar("T")


@contextmanager
def listening(address: str) -> Iterator[http.client.HTTPResponse]:
    line = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    try:
        line.request("GET", "/live")
        yield line.getresponse()
    finally:
        line.close()


def word(response: http.client.HTTPResponse) -> str:
    """The next event or comment; nothing at the end."""
    lines = []
    while line := response.readline().decode():
        lines.append(line)
        if line == "\n":
            break
    return "".join(lines)


def test_a_listener_hears_of_each_change(desk: Desk, address: str) -> None:
    hold = Hold(database=desk.database, event=desk.office.event)
    with listening(address) as response:
        assert response.status == 200
        assert response.getheader("content-type") == "text/event-stream; charset=utf-8"
        assert response.getheader("cache-control") == "no-store"
        assert word(response) == CHANGED
        time.sleep(0.3)  # the first look is taken before anything changes
        hold.pause(None, "", desk.clock())
        assert word(response) == CHANGED
        hold.resume(None, desk.clock())
        assert word(response) == CHANGED


def test_everybody_is_sent_away_when_the_service_stops(desk: Desk) -> None:
    with serve(desk.office, reserve(0)) as address:
        lines = [listening(address) for _ in range(50)]
        responses = [line.__enter__() for line in lines]
        assert [word(each) for each in responses] == [CHANGED] * 50
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert [word(each) for each in responses] == [""] * 50
    for line in lines:
        line.__exit__(None, None, None)


def test_many_listeners_cost_one_look_and_no_thread() -> None:
    looks = 0

    def look() -> int:
        nonlocal looks
        looks += 1
        return looks

    async def listen(hub: Live, words: int) -> list[str]:
        heard = []
        async for each in hub.words():
            heard.append(each)
            if len(heard) == words:
                break
        return heard

    async def all_listen() -> list[list[str]]:
        hub = Live(look)
        return await asyncio.gather(*(listen(hub, 2) for _ in range(100)))

    assert run(all_listen()) == [[CHANGED, CHANGED]] * 100
    assert looks <= 3


def test_where_nothing_changes_a_sign_of_life_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SPEAKS_EVERY", 0.01)
    monkeypatch.setattr(live, "MOST_WORDS", 3)

    async def listen() -> list[str]:
        return [each async for each in Live(lambda: 1).words()]

    assert run(listen()) == [CHANGED, STILL_HERE, STILL_HERE, STILL_HERE]


def test_no_more_than_so_many_may_listen(desk: Desk, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_LISTENERS", 1)
    with listening(address) as first:
        assert word(first) == CHANGED
        with listening(address) as second:
            assert second.status == 503


def test_whoever_may_not_see_the_pages_may_not_listen(calm_desk: Desk) -> None:
    assert calm_desk.browser(peer="192.0.2.7").get("/live").status_code == 303


def test_what_leaves_and_who_decides_is_noticed(empty_desk: Desk) -> None:
    seen = [_pulse(empty_desk)]
    empty_desk.publish()
    seen.append(_pulse(empty_desk))
    empty_desk.service.plan(empty_desk.clock())
    seen.append(_pulse(empty_desk))
    empty_desk.work()
    seen.append(_pulse(empty_desk))
    empty_desk.browser().post(f"/r/{empty_desk.token()}/answer", data={"answer": "accepted"})
    seen.append(_pulse(empty_desk))
    assert len(set(seen)) == len(seen)
    assert _pulse(empty_desk) == seen[-1]


def _pulse(desk: Desk) -> tuple[object, ...]:
    with desk.database.reading() as transaction:
        return pulse(transaction)


def run(what: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: the browser of other tests has its loop in this one."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(lambda: asyncio.run(what)).result(30)

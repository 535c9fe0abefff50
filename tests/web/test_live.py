"""Pages are told that something has changed: soon, once for all who listen, and until the service stops."""

import asyncio
import http.client
import itertools
import time
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pytest

from mailer.accounts import SIGNED_IN_FOR, Accounts
from mailer.errors import StoreError
from mailer.holding import Hold
from mailer.outbox.pulse import pulse
from mailer.outbox.roles import Role
from mailer.web.organiser import live
from mailer.web.organiser.door import COOKIE
from mailer.web.organiser.live import CHANGED, STILL_HERE, Live
from mailer.web.serving import reserve, serve
from tests.passwords import QUICK
from tests.web.desk import Desk, open_desk

T = TypeVar("T")
NOTHING: Mapping[str, str] = MappingProxyType({})


@contextmanager
def listening(address: str, shown: Mapping[str, str] = NOTHING) -> Iterator[http.client.HTTPResponse]:
    line = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    try:
        line.request("GET", "/live", headers=dict(shown))
        yield line.getresponse()
    finally:
        line.close()


def always() -> bool:
    return True


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
        async for each in hub.words(always):
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
        return [each async for each in Live(lambda: 1).words(always)]

    assert run(listen()) == [CHANGED, STILL_HERE, STILL_HERE, STILL_HERE]


def test_no_more_than_so_many_may_listen(desk: Desk, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_LISTENERS", 1)
    with listening(address) as first:
        assert word(first) == CHANGED
        with listening(address) as second:
            assert second.status == 503


def test_whoever_may_not_see_the_pages_may_not_listen(calm_desk: Desk) -> None:
    assert calm_desk.browser(peer="192.0.2.7").get("/live").status_code == 303


@contextmanager
def _listening_by(real: Desk, shown: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
    with serve(real.office, reserve(0)) as address, listening(address, shown) as response:
        assert word(response) == CHANGED
        assert word(response) == STILL_HERE
        yield response


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk of a real event, on which beats are short."""
    monkeypatch.setattr(live, "SPEAKS_EVERY", 0.1)
    with open_desk(tmp_path, is_demo=False) as desk:
        desk.publish()
        yield desk


@pytest.fixture
def accounts(real: Desk) -> Accounts:
    return Accounts(database=real.database, passwords=QUICK)


def _session(accounts: Accounts, now: datetime) -> str:
    return accounts.join(
        accounts.welcome(Role.VIEWER, now, "convenor"), "maria", "correct horse battery", now
    )


def test_a_line_ends_with_the_session_it_was_opened_with(real: Desk, accounts: Accounts) -> None:
    session = _session(accounts, real.clock())
    with _listening_by(real, {"Cookie": f"{COOKIE}={session}"}) as response:
        accounts.sign_out(session, real.clock(), "maria")
        assert _ends(response)


def test_a_line_ends_when_its_session_has_lasted_long_enough(real: Desk, accounts: Accounts) -> None:
    session = _session(accounts, real.clock())
    with _listening_by(real, {"Cookie": f"{COOKIE}={session}"}) as response:
        real.clock.now += SIGNED_IN_FOR
        assert _ends(response)


def test_a_line_ends_with_the_token_it_was_opened_with(real: Desk, accounts: Accounts) -> None:
    token = accounts.make_token("wall", Role.VIEWER, real.clock(), "convenor")
    with _listening_by(real, {"Authorization": f"Bearer {token}"}) as response:
        (one,) = accounts.tokens()
        accounts.revoke_token(one.id, real.clock(), "convenor")
        assert _ends(response)


def _ends(response: http.client.HTTPResponse) -> bool:
    """Whether the line does, within a few beats."""
    return any(word(response) == "" for _ in range(10))


def test_a_line_ends_though_something_changes_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SPEAKS_EVERY", 0.2)
    monkeypatch.setattr(live, "LOOKS_EVERY", 0.01)
    monkeypatch.setattr(live, "MOST_WORDS", 1000)
    changes = itertools.count()
    asked = []

    def once() -> bool:
        asked.append(True)
        return len(asked) < 3

    async def listen() -> list[str]:
        return [each async for each in Live(lambda: next(changes)).words(once)]

    heard = run(listen())
    assert len(asked) == 3
    assert 6 < len(heard) < 100


def test_nobody_is_sent_away_because_the_database_could_not_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SPEAKS_EVERY", 0.01)
    monkeypatch.setattr(live, "MOST_WORDS", 2)

    def unknown() -> bool:
        raise StoreError("the disk is full")

    async def listen() -> list[str]:
        return [each async for each in Live(lambda: 1).words(unknown)]

    assert run(listen()) == [CHANGED, STILL_HERE, STILL_HERE]


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


def test_what_changes_while_a_word_is_being_sent_is_said_next() -> None:
    """Whoever reads slowly misses nothing."""
    tables = itertools.count()
    found = [next(tables)]

    async def listen() -> list[str]:
        words = Live(lambda: found[0]).words(always)
        said = [await anext(words)]
        for _ in range(2):
            await asyncio.sleep(0.1)
            found[0] = next(tables)
            await asyncio.sleep(0.1)
            said.append(await asyncio.wait_for(anext(words), 5))
        return said

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(live, "LOOKS_EVERY", 0.02)
        assert asyncio.run(listen()) == [CHANGED] * 3

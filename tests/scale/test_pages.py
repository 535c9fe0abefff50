"""No page costs more because more people are listed or more sessions planned: work is counted here, and not seconds.

The pages are found from the application's routes, so that a new one is measured too. `make scale` has the seconds.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from mailer.web.app import create_app
from tests.scale.asks import DOWNLOADS, Ask, asks
from tests.scale.campaign import LARGEST
from tests.scale.congress import Size
from tests.scale.measuring import Seen, Watch, beside
from tests.scale.stage import open_stage

FEW = Size(people=150, sessions=100, days=2, mails=330, versions=5, tray=120, deeds=120)
MORE_PEOPLE = Size(people=450, sessions=100, days=2, mails=660, versions=9, tray=360, deeds=360)
MORE_SESSIONS = Size(people=150, sessions=200, days=4, mails=330, versions=5, tray=120, deeds=120)

ASKED = 3
"""Ways of asking for each route, of those that `asks` knows."""

MOST_ANSWERS = 10
"""Answers after which a page costs what it costs, though never twice the same."""

A_LITTLE = 20_000
"""Bytes: longer numbers, more days to choose from, the rest of a page that was not quite full."""

AS_LONG_AS_ASKED = "limit="
"""An answer of which somebody says how long it is to be is not measured against another one."""

AS_LONG_AS_THE_AGENDA = {
    "/api/replies": 400,
}
"""What tells of every session at once, for machines: at most so many bytes of each."""

Found = Mapping[str, list[Seen]]


@pytest.fixture(scope="module", autouse=True)
def _lists_are_long() -> Iterator[None]:
    """Few people are as many as a hundred thousand to whoever decides what is worked out beside the pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailer.outbox.people.LONG_LIST", 100)
        patch.setattr("mailer.standing.LONG_LIST", 100)
        patch.setattr("mailer.auditing.LONG", 100)
        patch.setattr("mailer.web.organiser.versions.CHANGES", 50)
        patch.setattr("mailer.web.organiser.film.MOST_PLAYERS", 2)  # all of whose letters are written
        patch.setattr("mailer.web.organiser.handing_in.READ_AT_ONCE", 0)
        yield


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return _asked(tmp_path_factory.mktemp("few"), FEW)


@pytest.fixture(scope="module")
def more_people(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return _asked(tmp_path_factory.mktemp("people"), MORE_PEOPLE)


@pytest.fixture(scope="module")
def more_sessions(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return _asked(tmp_path_factory.mktemp("sessions"), MORE_SESSIONS)


def _asked(folder: Path, size: Size) -> Found:
    """What each route cost, once what is worked out beside it was there."""
    found: dict[str, list[Seen]] = {}
    with open_stage(folder, size) as stage:
        app = create_app(stage.office)
        watch = Watch(app, stage.database)
        with TestClient(
            watch, base_url="http://127.0.0.1:8400", client=("127.0.0.1", 40000), follow_redirects=False
        ) as browser:
            for ask in asks(app, stage):
                of_route = found.setdefault(ask.route, [])
                if len(of_route) < ASKED and AS_LONG_AS_ASKED not in ask.path:
                    of_route.append(_seen(browser, watch, ask))
    return found


def _seen(browser: TestClient, watch: Watch, ask: Ask) -> Seen:
    """The answer when nothing is worked out beside it any more: the second of two that cost the same."""
    costs: list[tuple[int, int]] = []
    while len(costs) < MOST_ANSWERS and (len(costs) < 2 or costs[-1] != costs[-2]):
        browser.get(ask.path)
        costs.append((watch.seen[-1].statements, watch.seen[-1].size))
        while beside():
            time.sleep(0.002)
    return watch.seen[-1]


def test_every_page_answers(few: Found, more_people: Found, more_sessions: Found) -> None:
    found = [each for those in (few, more_people, more_sessions) for seen in those.values() for each in seen]

    assert {(each.path, each.status) for each in found if each.status not in {200, 303}} == set()


def test_no_page_asks_the_database_more_because_more_people_are_listed(
    few: Found, more_people: Found
) -> None:
    assert _more_statements(few, more_people) == {}


def test_no_page_asks_the_database_more_because_more_sessions_are_planned(
    few: Found, more_sessions: Found
) -> None:
    assert _more_statements(few, more_sessions) == {}


def test_no_page_is_longer_because_more_people_are_listed(few: Found, more_people: Found) -> None:
    assert _longer(few, more_people) == {}


def test_no_page_is_longer_because_more_sessions_are_planned(few: Found, more_sessions: Found) -> None:
    assert _longer(few, more_sessions) == {}


def test_what_is_as_long_as_the_agenda_fits_for_five_hundred_sessions(more_sessions: Found) -> None:
    sizes = {route: max(each.size for each in more_sessions[route]) for route in AS_LONG_AS_THE_AGENDA}
    allowed = {route: most * MORE_SESSIONS.sessions for route, most in AS_LONG_AS_THE_AGENDA.items()}

    assert {route: size for route, size in sizes.items() if size > allowed[route]} == {}


def test_no_page_is_larger_than_a_page_may_be(few: Found, more_people: Found, more_sessions: Found) -> None:
    found = [
        each
        for those in (few, more_people, more_sessions)
        for route, seen in those.items()
        if route not in DOWNLOADS
        for each in seen
    ]

    assert {each.path: each.size for each in found if each.size > LARGEST} == {}


def test_every_route_is_asked_for(few: Found, tmp_path: Path) -> None:
    assert len(few) > 70
    assert set(DOWNLOADS) <= set(few)


def _more_statements(few: Found, more: Found) -> dict[str, tuple[int, int]]:
    counted = {route: (_statements(few[route]), _statements(more[route])) for route in few}
    return {route: both for route, both in counted.items() if both[1] > both[0]}


def _statements(seen: list[Seen]) -> int:
    return max(each.statements for each in seen)


def _longer(few: Found, more: Found) -> dict[str, tuple[int, int]]:
    """Routes whose longest answer has grown by more than a little."""
    sizes = {
        route: (max(each.size for each in few[route]), max(each.size for each in more[route]))
        for route in few
        if route not in DOWNLOADS and route not in AS_LONG_AS_THE_AGENDA
    }
    return {route: both for route, both in sizes.items() if both[1] > both[0] * 1.15 + A_LITTLE}

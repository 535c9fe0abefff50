"""What the campaign asks for: every GET route of the application, found from its routes, with keys that are there.

A route with a parameter of which nothing is said here is an error: so no new page is forgotten.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from starlette.routing import Route

from mailer.composition.links import Purpose
from mailer.outbox import failures
from mailer.outbox.letter import LetterState
from mailer.outbox.schema import letter
from mailer.web.app import create_app
from tests.scale.congress import ATTACHED, KEY, person
from tests.scale.stage import UPLOAD, WELCOME, Stage

NEVER_ENDS = frozenset({"/live"})
"""Server-sent events: no page, and no end to measure."""

DOWNLOADS: Mapping[str, str] = {
    "/replies/answers.csv": "everybody's answers, a row for each",
    "/e/{key}/feed.ics": "a calendar of all sessions, fetched by programs",
    "/e/{key}/all.ics": "a calendar of all sessions",
    "/r/{token}/all.ics": "a calendar of all sessions",
    "/f/{token}.ics": "a calendar of all sessions, fetched by programs",
    "/outbox/{number}/letter.eml": "a letter as it left",
    "/tray/{number}/letter.eml": "a letter as it came",
    "/outbox/{number}/files/{part}": "a file that left with a letter",
    "/tray/{number}/files/{part}": "a file that came with a letter",
    "/inbox/{number}/mail.eml": "a mail as it came",
    "/mailings/{key}/attachments/{digest}": "a file that goes with letters",
}
"""Files, and why each is one: as long as what is in it, and measured to its first byte."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One address to be asked for; `route` is whose it is. `why` says of a download why it is one."""

    route: str
    path: str
    why: str = ""


def asks(app: FastAPI, stage: Stage) -> list[Ask]:
    """Everything there is to ask for. Raises LookupError for a route of which nobody has said with what keys."""
    found = [
        Ask(route=route, path=path, why=DOWNLOADS.get(route, ""))
        for route in routes(app)
        for path in _paths(route, stage)
    ]
    return list(dict.fromkeys(found))


def routes(app: FastAPI) -> list[str]:
    """The paths of all GET routes, as they are written down."""
    paths = [each.path for each in app.routes if isinstance(each, Route) and "GET" in (each.methods or ())]
    return [path for path in dict.fromkeys(paths) if path not in NEVER_ENDS]


def _paths(route: str, stage: Stage) -> Iterator[str]:
    ways = {**_SEARCHES, **_WITH_KEYS}.get(route)
    if "{" not in route and route not in _NOT_WITHOUT_A_QUERY:
        yield route
    if "{" in route and ways is None:
        raise LookupError(f"nobody has said what to ask for at {route}: add it to tests/scale/asks.py")
    yield from ways(stage) if ways else ()


_NOT_WITHOUT_A_QUERY = frozenset({"/agenda/compare", "/agenda/publish/people", "/outbox/retry"})


def _of(*paths: str) -> Callable[[Stage], Sequence[str]]:
    return lambda stage: paths


def _with_query(path: str, *queries: str) -> Callable[[Stage], Sequence[str]]:
    return lambda stage: [f"{path}?{query}" for query in queries]


def _far(path: str, *queries: str) -> Callable[[Stage], Sequence[str]]:
    """`{middle}` and `{last}` are numbers of people."""
    return lambda stage: [
        f"{path}?{each.format(middle=stage.size.people // 2, last=stage.size.people - 10)}"
        for each in queries
    ]


def _failed(stage: Stage) -> list[str]:
    """Letters of a mailing that failed of one cause, as the outbox leads to them."""
    with stage.database.reading() as transaction:
        return [
            urlencode({"mailing": mailing, "cause": each.cause})
            for mailing in ("invitation", "agenda")
            for each in failures.causes(transaction, KEY, mailing)[:1]
        ]


_SEARCHES: Mapping[str, Callable[[Stage], Sequence[str]]] = {
    "/agenda": _with_query("/agenda", "day=2"),
    "/agenda/new": _with_query("/agenda/new", "day=2"),
    "/agenda/publish/people": _with_query(
        "/agenda/publish/people", "anchor=event&effect=request", "anchor=event&effect=request&after=delegate-5"
    ),
    "/agenda/compare": _with_query("/agenda/compare", "old=1&new=2"),
    "/agenda/versions": _with_query("/agenda/versions", "before=2"),
    "/people": _with_query("/people", "show=silent", "show=answered"),
    "/people/list": _far(
        "/people/list", "q=n", "q=nov", "q=ana+nov", "q=delegate-77", "q=nobody-is-called-so", "q=ministry+of+justice",
        "role=by_name", "role=speaker", "state=at", "q=ana&role=expert&state=at", "after={middle}", "after={last}",
    ),
    "/outbox": _far(
        "/outbox", "q=nov", "q=delegate-77", "q=nobody-is-called-so", "state=failed", "state=in_doubt",
        "state=sent", "state=deferred", "state=waiting", "state=claimed", "state=suppressed", "mailing=agenda",
        "mailing=agenda&state=failed", "mailing=session-reminder", "mailing=agenda&q=ana", "before={middle}",
        "before=60",
    ),
    "/outbox/retry": lambda stage: [f"/outbox/retry?{each}" for each in _failed(stage)],
    "/outbox/hold": _with_query("/outbox/hold", "mailing=agenda", "mailing=session-reminder"),
    "/inbox": _with_query(
        "/inbox", "show=bounce", "show=unknown", "show=answer", "show=out_of_office", "show=question",
        "show=automatic", "show=bounce&before=100", "before=100",
    ),
    "/rehearsal": _with_query("/rehearsal", "at=2", "at=2&as=1", "at=100000&as=1"),
    "/rehearsal/moment": _with_query("/rehearsal/moment", "at=2", "at=2&as=1", "at=100000&as=1"),
    "/tray": _far("/tray", "q=novak", "q=nobody-is-called-so", "q=cybercrime+dear", "before={middle}"),
    "/audit": _with_query("/audit", "before=150"),
    "/replies": _with_query("/replies", "sessions=61"),
    "/api/letters": _far(
        "/api/letters", "limit=500", "state=failed", "state=sent&limit=500", "mailing=programme",
        "mailing=session-reminder", "after={middle}", "state=in_doubt&mailing=agenda",
    ),
    "/api/people": _far("/api/people", "limit=500", "after={middle}", "after={last}"),
    "/api/event": _with_query("/api/event", "limit=200", "limit=200&after=100"),
    "/api/inbox": _with_query("/api/inbox", "limit=500", "before=100"),
    "/api/agenda/versions": _with_query("/api/agenda/versions", "limit=500"),
}  # fmt: skip
"""Beside the route as it stands."""


def _mailings(tail: str = "", *queries: str) -> Callable[[Stage], Sequence[str]]:
    keys = ("invitation", "programme", "session-reminder", "update")
    asked = ("", *(f"?{query}" for query in queries))
    return lambda stage: [f"/mailings/{key}{tail}{query}" for key in keys for query in asked]


def _letters(tail: str) -> Callable[[Stage], Sequence[str]]:
    return lambda stage: [f"/outbox/{number}{tail}" for number in _numbers(stage)]


def _numbers(stage: Stage) -> list[int]:
    """A letter that was sent, one with every session in it, one that failed, one in doubt."""
    with stage.database.reading() as transaction:
        states = (LetterState.SENT, LetterState.FAILED, LetterState.IN_DOUBT)
        wanted = [select(letter.c.id).where(letter.c.state == state).limit(1) for state in states]
        newest = select(letter.c.id).order_by(letter.c.id.desc()).limit(1)
        return [number for query in (*wanted, newest) if (number := transaction.scalar(query))]


def _tray(tail: str) -> Callable[[Stage], Sequence[str]]:
    return lambda stage: [f"/tray/{max(1, stage.size.tray // 2)}{tail}"]


def _files(stage: Stage, place: str, number: int) -> list[str]:
    """The files of one letter, as its page links to them."""
    page = TestClient(create_app(stage.office), base_url="http://127.0.0.1:8400", client=("127.0.0.1", 40000))
    found = re.findall(rf'href="({place}/{number}/files/[0-9]+)"', page.get(f"{place}/{number}").text)
    return list(dict.fromkeys(found))


def _reader(purpose: Purpose, *shapes: str) -> Callable[[Stage], Sequence[str]]:
    """For somebody with one entry, and for somebody whose calendar holds every session."""
    return lambda stage: [
        shape.format(token=stage.token(purpose, number)) for shape in shapes for number in (1, 0)
    ]


_WITH_KEYS: Mapping[str, Callable[[Stage], Sequence[str]]] = {
    "/timetable/{mailing}": _of("/timetable/session-reminder", "/timetable/agenda"),
    "/agenda/sessions/{key}": _of("/agenda/sessions/session-7"),
    "/agenda/versions/{number}": lambda stage: [f"/agenda/versions/{stage.size.versions}?day=2"],
    "/agenda/versions/{new}/since/{old}": lambda stage: [
        f"/agenda/versions/{stage.size.versions}/since/1{further}" for further in ("", "?first=201")
    ],
    "/people/delegations/{code}": _of("/people/delegations/AT", "/people/delegations/US"),
    "/people/{number}": lambda stage: [f"/people/{number}" for number in (1, 2, stage.size.people)],
    "/people/import/{token}": _of(f"/people/import/{UPLOAD}"),
    "/mailings/{key}": _mailings("", "after=50"),
    "/mailings/{key}/people": _mailings(
        "/people", "audience=tag+%3D+nobody", "audience=role+%3D+speaker", "audience=everyone&after=50"
    ),
    "/mailings/{key}/letter.html": lambda stage: [
        f"/mailings/{key}/letter.html?to={person(stage.size, 0).address}"
        for key in ("invitation", "programme")
    ],
    "/mailings/{key}/hours": _mailings("/hours", "when=1+day+before+each+session+starts"),
    "/mailings/{key}/wording": _mailings("/wording"),
    "/mailings/{key}/wording/{language}": _mailings("/wording/en"),
    "/mailings/{key}/attachments": _of("/mailings/report/attachments"),
    "/mailings/{key}/attachments/{digest}": _of(f"/mailings/report/attachments/{ATTACHED.digest}"),
    "/outbox/{number}": _letters(""),
    "/outbox/{number}/letter.html": _letters("/letter.html"),
    "/outbox/{number}/letter.eml": _letters("/letter.eml"),
    "/outbox/{number}/files/{part}": lambda stage: _files(stage, "/outbox", _numbers(stage)[0]),
    "/inbox/{number}": _of("/inbox/1", "/inbox/3", "/inbox/3?who=nov"),
    "/inbox/{number}/mail.eml": _of("/inbox/1/mail.eml"),
    "/tray/{number}": _tray(""),
    "/tray/{number}/letter.html": _tray("/letter.html"),
    "/tray/{number}/letter.eml": _tray("/letter.eml"),
    "/tray/{number}/files/{part}": lambda stage: _files(stage, "/tray", max(1, stage.size.tray // 2)),
    "/welcome/{token}": _of(f"/welcome/{WELCOME}"),
    "/api/agenda/versions/{number}": lambda stage: [
        f"/api/agenda/versions/{stage.size.versions}{limit}" for limit in ("", "?limit=200")
    ],
    "/e/{key}": _of(f"/e/{KEY}", f"/e/{KEY}?language=ar", f"/e/{KEY}?part=3"),
    "/e/{key}/feed.ics": _of(f"/e/{KEY}/feed.ics"),
    "/e/{key}/all.ics": _of(f"/e/{KEY}/all.ics"),
    "/e/{key}/{anchor}.ics": _of(f"/e/{KEY}/session-1.ics", f"/e/{KEY}/event.ics"),
    "/f/{token}.ics": _reader(Purpose.FEED, "/f/{token}.ics"),
    "/r/{token}": _reader(Purpose.PAGE, "/r/{token}", "/r/{token}?part=3"),
    "/r/{token}/all.ics": _reader(Purpose.PAGE, "/r/{token}/all.ics"),
    "/r/{token}/{anchor}.ics": _reader(Purpose.PAGE, "/r/{token}/session-1.ics"),
    "/u/{token}": _reader(Purpose.UNSUBSCRIBE, "/u/{token}"),
}
"""With the keys, numbers and tokens of the stage."""

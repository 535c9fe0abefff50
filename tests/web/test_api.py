"""`/api` as machines meet it: what it answers, to whom, and that nothing they send finds it unprepared."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.python.asgi import HOST

from mailer.accounts import Accounts
from mailer.outbox import audit
from mailer.outbox.roles import Role
from mailer.web.app import create_app
from tests.conference import EVENT, RECIPIENTS
from tests.web.desk import Desk, invited, open_desk


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Desk]:
    with invited(tmp_path, is_demo=False) as desk:
        yield desk


def _token(desk: Desk, role: Role = Role.VIEWER) -> dict[str, str]:
    made = Accounts(database=desk.database).make_token("wall", role, desk.clock(), "convenor")
    return {"Authorization": f"Bearer {made}"}


def _machine(desk: Desk, role: Role = Role.VIEWER) -> TestClient:
    browser = desk.browser()
    browser.headers.update(_token(desk, role))
    return browser


def _get(desk: Desk, path: str) -> Any:
    answer = _machine(desk).get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_event_and_its_versions(real: Desk) -> None:
    event = _get(real, "/api/event")

    assert (event["key"], event["version"]) == (EVENT.key, 1)
    assert [each["key"] for each in event["sessions"]] == [each.key for each in EVENT.sessions]
    assert [each["number"] for each in _get(real, "/api/agenda/versions")["versions"]] == [1]
    assert _get(real, "/api/agenda/versions/1") == event
    assert _machine(real).get("/api/agenda/versions/2").status_code == 404


def test_lists_are_told_page_by_page(real: Desk) -> None:
    pages, after = [], 0
    while after is not None:
        found = _get(real, f"/api/people?limit=2&after={after}")
        pages.append([each["address"] for each in found["people"]])
        after = found["next"]

    assert [address for page in pages for address in page] == [each.address for each in RECIPIENTS]
    assert {len(page) for page in pages[:-1]} == {2}


def test_letters_are_told_without_their_words_or_names(real: Desk) -> None:
    found = _machine(real).get("/api/letters?mailing=invitation&state=sent")

    assert len(found.json()["letters"]) == len(RECIPIENTS)
    assert not [each for each in RECIPIENTS if each.address in found.text or each.family_name in found.text]
    assert _get(real, "/api/letters?mailing=other")["letters"] == []


def test_the_queue_of_what_came_back_is_empty_at_first(real: Desk) -> None:
    assert _get(real, "/api/inbox") == {"mails": [], "next": None}


def test_a_mailing_is_paused_and_goes_on(real: Desk) -> None:
    machine = _machine(real, Role.ORGANISER)

    made = machine.post("/api/pauses", json={"mailing": "agenda", "reason": "the venue is not certain"})
    assert (made.status_code, made.json()["pauses"][0]["mailing"]) == (201, "agenda")
    assert machine.post("/api/pauses", json={"mailing": "agenda"}).json() == made.json()
    assert machine.delete("/api/pauses/agenda").status_code == 204
    assert machine.post("/api/pauses", json={}).json()["pauses"][0]["mailing"] is None
    assert machine.delete("/api/pauses").status_code == 204
    assert machine.get("/api/pauses").json() == {"pauses": []}
    assert machine.post("/api/pauses", json={"mailing": "other"}).status_code == 404
    with real.database.reading() as transaction:
        deeds = [(each.who, each.did, each.what) for each in audit.deeds(transaction)]
    assert ("token wall", "paused", "agenda: the venue is not certain") in deeds


@pytest.mark.parametrize(("verb", "path"), [("post", "/api/pauses"), ("delete", "/api/pauses/agenda")])
def test_a_viewer_pauses_nothing(real: Desk, verb: str, path: str) -> None:
    given = {"json": {"mailing": "agenda"}} if verb == "post" else {}
    assert getattr(_machine(real), verb)(path, **given).status_code == 403
    assert _get(real, "/api/pauses") == {"pauses": []}


WRONG = [
    (b"{", 422),
    (b"[" * 10_000, 400),
    (b'{"reason": NaN}', 400),
    (b'{"reason": "a", "reason": "b"}', 400),
    (b'{"reasons": "a"}', 422),
    (b'{"reason": "a\\u0000"}', 422),
    (b" " * 65_537, 413),
    (b"", 422),
]


@pytest.mark.parametrize(("body", "code"), WRONG)
def test_a_body_that_cannot_be_meant_is_refused_in_json(real: Desk, body: bytes, code: int) -> None:
    answer = _machine(real, Role.ORGANISER).post(
        "/api/pauses", content=body, headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.headers["content-type"]) == (code, "application/json")
    assert set(answer.json()) == {"detail", "problems"}
    assert _get(real, "/api/pauses") == {"pauses": []}


def test_every_wrong_place_is_named(real: Desk) -> None:
    answer = _machine(real).get("/api/letters?limit=0&after=x&state=lost")

    assert answer.status_code == 422
    assert [each["place"] for each in answer.json()["problems"]] == [
        "query.state",
        "query.after",
        "query.limit",
    ]


def test_what_is_there_but_not_for_this_method_says_for_which(real: Desk) -> None:
    answer = _machine(real).put("/api/pauses")

    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, POST")


@pytest.fixture(scope="module")
def interface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of the interface and the program behind it: a real event, asked with an organiser's token."""
    with open_desk(tmp_path_factory.mktemp("api"), base_url=f"http://{HOST}", is_demo=False) as desk:
        desk.publish()
        desk.work()
        headers = _token(desk, Role.ORGANISER)
        config = SchemathesisConfig.from_dict({"headers": headers})
        app = create_app(desk.office)
        yield schemathesis.openapi.from_asgi("/api/openapi.json", app, config=config, headers=headers)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_that_is_sent_finds_it_unprepared(interface: Any, mode: GenerationMode) -> None:
    """Every operation, with all checks that schemathesis has."""
    for found in interface.get_all_operations():
        operation = found.ok()
        try:
            strategy = operation.as_strategy(mode)
        except Unsatisfiable:
            continue

        @given(case=strategy)
        @settings(max_examples=15, deadline=None, derandomize=True, database=None, phases=(Phase.generate,),
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        def ask(case: Any) -> None:
            case.call_and_validate()

        try:
            ask()
        except Unsatisfiable:  # nothing wrong can be sent to an operation that takes nothing
            assert mode is GenerationMode.NEGATIVE

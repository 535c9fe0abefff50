"""Who may come in by which name, how much they may carry, and what every response bears."""

import asyncio

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from mailer.composition.links import Purpose
from mailer.web.gate import Gate, host_of
from mailer.web.pages import HEADERS
from tests.web.desk import LOCAL, Desk

PATHS = [
    "/",
    "/timetable",
    "/tray",
    "/tray/1",
    "/api/status",
    "/health",
    "/favicon",
    "/static/site.css",
    "/nothing",
]


@pytest.mark.parametrize("path", [*PATHS, "/r/nobody", "/u/nobody", "/f/nobody.ics", "/e/nobody"])
def test_every_response_bears_the_security_headers(calm_desk: Desk, path: str) -> None:
    response = calm_desk.browser().get(path)
    assert {name for name in HEADERS if name.lower() not in response.headers} == set()
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(calm_desk: Desk, path: str) -> None:
    browser = calm_desk.browser()
    got, head = browser.get(path), browser.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8400", "localhost:9", "[::1]:8400", "LOCALHOST", "conference.example"]
)
def test_organisers_pages_answer_to_this_machine_and_the_base_url(calm_desk: Desk, host: str) -> None:
    assert calm_desk.browser().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "a b", "127.0.0.1@evil.example"]
)
@pytest.mark.parametrize("path", ["/", "/tray", "/api/status", "/timetable", "/replies", "/api/replies"])
def test_organisers_pages_answer_to_no_other_name(calm_desk: Desk, host: str, path: str) -> None:
    response = calm_desk.browser().get(path, headers={"Host": host})
    assert response.status_code == 421
    assert "Combating" not in response.text


def test_a_personal_link_answers_under_any_name(calm_desk: Desk) -> None:
    for path in (f"/r/{calm_desk.token()}", f"/f/{calm_desk.token(Purpose.FEED)}.ics"):
        response = calm_desk.browser().get(path, headers={"Host": "proxy.internal.example"})
        assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "conference.example"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Forwarded-Host": "127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
)
def test_the_tray_is_shown_at_this_machine_alone(calm_desk: Desk, headers: dict[str, str]) -> None:
    assert calm_desk.browser().get("/tray").status_code == 200
    assert calm_desk.browser().get("/tray", headers=headers).status_code == 404
    assert (
        calm_desk.browser(peer="203.0.113.9").get("/tray", headers={"Host": "127.0.0.1"}).status_code == 404
    )


@pytest.mark.parametrize(
    "path", ["/r/{token}/answer", "/r/{token}/sessions", "/r/{token}/settings", "/u/{token}", "/"]
)
def test_a_megabyte_is_too_much(calm_desk: Desk, path: str) -> None:
    response = calm_desk.browser().post(
        path.format(token=calm_desk.token()), content=b"answer=" + b"x" * 1_000_000
    )
    assert response.status_code == 413


def test_a_body_without_a_length_is_measured_all_the_same(calm_desk: Desk) -> None:
    chunks = (b"x" * 16_384 for _ in range(8))
    response = calm_desk.browser().post(f"/r/{calm_desk.token()}/answer", content=chunks)
    assert response.status_code == 413


def test_half_a_form_reaches_no_page() -> None:
    """A line that breaks in the middle of it: what did arrive may say that sessions were added that were not."""
    came: list[Message] = [
        {
            "type": "http.request",
            "body": b"session=session-1&was=session-1&session=session-2",
            "more_body": True,
        },
        {"type": "http.disconnect"},
    ]
    reached: list[Scope] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def receive() -> Message:
        return came.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "path": "/r/somebody/sessions", "headers": []}
    asyncio.run(Gate(page, base_url=LOCAL)(scope, receive, send))
    assert (came, reached) == ([], [])


def test_what_goes_wrong_inside_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    secret = "the password is swordfish"

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError(secret)

    response = TestClient(Gate(broken, base_url=LOCAL), base_url=LOCAL).get("/")
    assert response.status_code == 500
    assert secret not in response.text
    assert "Traceback" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert secret in caplog.text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("LocalHost:80", "localhost"),
        ("[::1]:8400", "[::1]"),
        ("conference.example.", "conference.example"),
        ("a/b", ""),
        ("127.0.0.1:99999999", ""),
    ],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_of(header) == name

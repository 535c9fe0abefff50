"""One request to a token endpoint, and what each answer means."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.delivery.token_endpoint import PROVIDERS, Grant, Provider, Refused, Unanswered, ask, provider
from tests.acceptance.conftest import free_port
from tests.delivery.certificates import Authority
from tests.delivery.token_server import TokenServer, serving


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    monkeypatch.setenv("no_proxy", "*")
    with serving(authority) as told:
        yield told


def test_what_is_empty_is_not_asked_for(server: TokenServer, authority: Authority) -> None:
    server.gives("a-token")
    asked = {"grant_type": "refresh_token", "refresh_token": "r+/ =", "client_secret": ""}

    granted = ask(server.url, asked, authority.client())

    assert granted == Grant(access_token="a-token", holds_for=timedelta(hours=1))
    assert server.asked == [{"grant_type": "refresh_token", "refresh_token": "r+/ ="}]


@pytest.mark.parametrize(
    ("said", "holds_for"),
    [("3599", timedelta(seconds=3599)), (None, None), ("soon", None), (-5, timedelta(0)), (10**30, None)],
)
def test_how_long_a_token_holds(
    server: TokenServer, authority: Authority, said: object, holds_for: timedelta | None
) -> None:
    server.gives("a-token", said)

    assert ask(server.url, {}, authority.client()).holds_for == holds_for


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_grant"),
        (401, "invalid_client"),
        (400, "unauthorized_client"),
        (400, "invalid_scope"),
        (400, "interaction_required"),
        (403, "access_denied"),
    ],
)
def test_what_speaks_of_us_is_a_refusal(
    server: TokenServer, authority: Authority, status: int, code: str
) -> None:
    server.refuses(code, status, error_description="The token\r\nhas expired.\x00")

    with pytest.raises(Refused) as refused:
        ask(server.url, {}, authority.client())

    assert refused.value.code == code
    assert str(refused.value) == f"127.0.0.1 gives no access token, {code}: The token has expired."


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (503, b"<html>", "HTTP 503"),
        (500, {"error": "invalid_grant"}, "invalid_grant"),
        (429, {"error": "invalid_request"}, "invalid_request"),
        (400, {"error": "temporarily_unavailable"}, "temporarily_unavailable"),
        (404, b"", "HTTP 404"),
        (400, b"[" * 50_000, "HTTP 400"),
        (200, b"", "without an access token"),
        (200, b"[]", "without an access token"),
        (200, {"access_token": 7}, "without an access token"),
        (200, {"access_token": "a\r\nQUIT"}, "without an access token"),
        (200, {"access_token": "a\x01auth=Bearer b"}, "without an access token"),
        (200, b" " * 70_000 + b'{"access_token": "late"}', "without an access token"),
    ],
)
def test_what_may_pass_is_no_refusal(
    server: TokenServer, authority: Authority, status: int, said: bytes, words: str
) -> None:
    server.says = [(status, said)]

    with pytest.raises(Unanswered, match=words):
        ask(server.url, {}, authority.client())


def test_secrets_follow_no_redirect(server: TokenServer, authority: Authority) -> None:
    server.says = [(302, b"")]
    server.headers = {"Location": server.url.replace("token", "elsewhere")}

    with pytest.raises(Unanswered, match="HTTP 302"):
        ask(server.url, {"client_secret": "s"}, authority.client())

    assert len(server.asked) == 1


def test_nothing_is_told_to_a_server_nobody_vouches_for(server: TokenServer) -> None:
    server.gives("a-token")

    with pytest.raises(Unanswered, match="CERTIFICATE_VERIFY_FAILED"):
        ask(server.url, {"client_secret": "s"})

    assert server.asked == []


def test_an_endpoint_that_is_away_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(Unanswered, match=r"127\.0\.0\.1 cannot be asked: .*refused"):
        ask(f"https://127.0.0.1:{free_port()}/", {})


def test_no_token_shows_in_a_repr() -> None:
    shown = repr(Grant(access_token="first", holds_for=None, refresh_token="second"))
    assert "first" not in shown
    assert "second" not in shown


def test_providers_are_known_by_name() -> None:
    assert provider("google") == PROVIDERS["google"]
    own = provider("microsoft:ministry.example")
    assert own.endpoint == "https://login.microsoftonline.com/ministry.example/oauth2/v2.0/token"
    assert own.smtp_scope == PROVIDERS["microsoft"].smtp_scope
    assert (
        provider("microsoft").endpoint == "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"
    )
    assert provider("https://id.ministry.example/token") == Provider(
        endpoint="https://id.ministry.example/token"
    )


@pytest.mark.parametrize(
    "text",
    ["", "yahoo", "google:tenant", "microsoft:a/b", "http://id.example/token", "https://", "https:///x"],
)
def test_what_names_no_provider_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not google"):
        provider(text)


def test_every_provider_has_its_source_and_is_asked_over_https() -> None:
    assert all(each.source and each.endpoint.startswith("https://") for each in PROVIDERS.values())

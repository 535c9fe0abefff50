"""When a token is asked for, who shares it, what follows when none comes; the endpoint is real, the clock is ours."""

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailer.delivery.oauth import FRESH_FOR, AuthFailed, KeptRefreshToken, TokenSource, TokenUnavailable
from tests.delivery.certificates import Authority
from tests.delivery.token_server import PATIENCE_FOR, TokenServer, serving

NOW = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TOKEN_HOLDS_FOR = timedelta(hours=1)


@dataclass
class Account:
    """A source, its endpoint, and the hands of the clock."""

    server: TokenServer
    authority: Authority
    now: datetime = NOW

    def source(self, **facts: Any) -> TokenSource:
        given = {
            "client_id": "convenor",
            "client_secret": "s3cret",
            "refresh_token": "first",
            "scope": "send",
        }
        return TokenSource(
            endpoint=self.server.url, tls=self.authority.client(), clock=lambda: self.now, **(given | facts)
        )


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("no_proxy", "*")
    authority = Authority(tmp_path)
    with serving(authority) as server:
        server.gives("one")
        yield Account(server=server, authority=authority)


def test_a_token_is_asked_for_once_and_refreshed_five_minutes_ahead(account: Account) -> None:
    source = account.source()
    assert [source.token_now(), source.token_now()] == ["one", "one"]

    account.server.gives("two")
    account.now = NOW + TOKEN_HOLDS_FOR - 5 * MINUTE - SECOND
    assert source.token_now() == "one"
    account.now += SECOND
    assert [source.token_now(), source.token_now()] == ["two", "two"]

    assert account.server.asked == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "first",
            "client_id": "convenor",
            "client_secret": "s3cret",
            "scope": "send",
        }
    ] * 2  # fmt: skip


def test_a_short_lived_token_is_refreshed_when_half_its_life_is_over(account: Account) -> None:
    account.server.gives("one", 300)
    source = account.source()
    source.token_now()
    account.now = NOW + timedelta(seconds=149)
    source.token_now()
    assert len(account.server.asked) == 1
    account.now = NOW + timedelta(seconds=150)
    source.token_now()
    assert len(account.server.asked) == 2


def test_an_application_may_sign_in_under_its_own_name(account: Account) -> None:
    assert account.source(refresh_token="").token_now() == "one"
    assert account.server.asked[0]["grant_type"] == "client_credentials"
    assert "refresh_token" not in account.server.asked[0]


def test_many_threads_ask_and_one_request_is_made(account: Account) -> None:
    source = account.source()
    account.server.may_answer.clear()
    with ThreadPoolExecutor(10) as pool:
        told = [pool.submit(source.token_now) for _ in range(10)]
        account.server.came.wait(PATIENCE_FOR)
        account.server.may_answer.set()
        assert [each.result(PATIENCE_FOR) for each in told] == ["one"] * 10
    assert len(account.server.asked) == 1


def test_while_it_is_refreshed_the_token_at_hand_serves(account: Account) -> None:
    source = account.source()
    source.token_now()
    account.now = NOW + TOKEN_HOLDS_FOR - MINUTE
    account.server.gives("two")
    account.server.came.clear()
    account.server.may_answer.clear()
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(source.token_now)
        account.server.came.wait(PATIENCE_FOR)
        assert source.token_now() == "one"
        account.server.may_answer.set()
        assert refreshing.result(PATIENCE_FOR) == "two"


def test_an_endpoint_that_is_away_stops_nobody_while_the_token_holds(account: Account) -> None:
    source = account.source()
    source.token_now()
    account.server.says = [(503, b"")]
    account.now = NOW + TOKEN_HOLDS_FOR - SECOND
    assert source.token_now() == "one"
    account.now += SECOND
    with pytest.raises(TokenUnavailable, match="HTTP 503"):
        source.token_now()


def test_an_endpoint_that_is_away_is_left_alone_longer_each_time(account: Account) -> None:
    account.server.says = [(503, b"")]
    source = account.source()
    rests: list[float] = []
    for asked in range(1, 10):
        with pytest.raises(TokenUnavailable) as away:
            source.token_now()
        with pytest.raises(TokenUnavailable, match="HTTP 503") as again:
            source.token_now()
        assert away.value.retry_at
        assert (away.value.retry_at, len(account.server.asked)) == (again.value.retry_at, asked)
        rests.append((away.value.retry_at - account.now).total_seconds())
        account.now = away.value.retry_at
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]

    account.server.gives("one")
    assert source.token_now() == "one"


def test_a_token_that_holds_for_no_time_is_trouble_and_not_asked_for_at_once_again(account: Account) -> None:
    account.server.gives("one", 0)
    source = account.source()
    for _ in range(2):
        with pytest.raises(TokenUnavailable, match="holds for no time"):
            source.token_now()
    assert len(account.server.asked) == 1


def test_who_is_refused_for_good_asks_no_more_until_a_person_has_seen_to_it(account: Account) -> None:
    account.server.refuses("invalid_grant", error_description="The refresh token has expired.")
    source = account.source()
    for _ in range(3):
        with pytest.raises(AuthFailed, match="invalid_grant: The refresh token has expired") as refused:
            source.token_now()
        account.now += 60 * MINUTE
    assert refused.value.code == "invalid_grant"
    assert len(account.server.asked) == 1

    account.server.gives("two")
    source.try_again()
    assert source.token_now() == "two"


def test_an_old_token_that_a_mail_server_refuses_is_refreshed_once_and_a_fresh_one_is_not(
    account: Account,
) -> None:
    source = account.source()
    assert source.token_now() == "one"
    account.now += FRESH_FOR
    account.server.gives("two")

    assert source.refused("one")
    assert source.token_now() == "two"
    assert source.refused("one"), "another line was refused with the token before"
    assert source.token_now() == "two"
    assert not source.refused("two")
    assert not source.refused("one")
    with pytest.raises(AuthFailed, match="the mail server refuses") as refused:
        source.token_now()

    assert refused.value.code == "refused"
    assert len(account.server.asked) == 2


def test_a_refresh_token_that_is_replaced_is_used_from_then_on_and_outlives_the_process(
    account: Account, tmp_path: Path
) -> None:
    kept = KeptRefreshToken(path=tmp_path / "smtp.token")
    account.server.gives("one", refresh_token="second")
    source = account.source(kept=kept)
    source.token_now()
    source.refused("one")
    source.try_again()
    source.token_now()
    account.source(kept=kept).token_now()
    account.source(kept=kept, refresh_token="set anew").token_now()

    asked = [each["refresh_token"] for each in account.server.asked]
    assert asked == ["first", "second", "second", "set anew"]
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert "first" not in kept.path.read_text()
    assert sorted(each.name for each in tmp_path.glob("smtp.token*")) == ["smtp.token"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"given": 1}', "\x00"])
def test_a_kept_token_that_cannot_be_read_is_as_none(tmp_path: Path, text: str) -> None:
    kept = KeptRefreshToken(path=tmp_path / "smtp.token")
    assert kept.newest("first") == "first"
    kept.path.write_text(text)
    assert kept.newest("first") == "first"


def test_a_refresh_token_that_cannot_be_kept_serves_all_the_same(account: Account, tmp_path: Path) -> None:
    account.server.gives("one", refresh_token="second")
    kept = KeptRefreshToken(path=tmp_path / "nowhere" / "smtp.token")
    assert account.source(kept=kept).token_now() == "one"


def test_tokens_are_asked_for_over_https_alone() -> None:
    with pytest.raises(ValueError, match="over https alone"):
        TokenSource(endpoint="http://id.example/token", client_id="c", clock=lambda: NOW)


def test_no_secret_shows(account: Account) -> None:
    account.server.gives("an-access-token")
    source = account.source()
    source.token_now()
    shown = f"{source!r} {[repr(value) for value in vars(source).values() if 'Token' in repr(value)]}"
    assert "_Token(" in shown
    assert "an-access-token" not in shown
    assert "s3cret" not in shown

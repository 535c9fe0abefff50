"""Access tokens of one account, in its password's place: how long one holds, when to ask for the next, and with what.

One source serves all threads of a process; they may hand its tokens to other processes. How the endpoint is asked is
`token_endpoint`'s, how a token goes into AUTH the conversation's; whether to wait or to stop when there is none is for
those who call.
"""

import hashlib
import json
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from mailer.delivery.token_endpoint import Refused, Unanswered, ask
from mailer.errors import ConvenorError
from mailer.keeping import keep

REFRESHED_AHEAD = timedelta(minutes=5)
"""A token that ends sooner is refreshed: a line that signs in now must not find it ended on the way."""

FRESH_FOR = timedelta(minutes=5)
"""A token this young that a mail server refuses is not too old: the account itself is refused."""

HOLDS_FOR = timedelta(minutes=10)
"""A token of which nobody says how long it holds."""

RESTS_FOR = timedelta(seconds=5)
RESTS_AT_MOST = timedelta(minutes=5)
"""How long an endpoint that cannot be used is left alone: twice as long each time."""


class AuthFailed(ConvenorError, PermissionError):  # noqa: N818 - it names what was met
    """The provider, or the mail server, will not have us, and only a person can mend that. `code` is the provider's
    word (RFC 6749 5.2), or `refused` where it was the mail server.
    """

    def __init__(self, message: str, *, code: str) -> None:
        self.code = code
        super().__init__(message)


class TokenUnavailable(ConvenorError, ConnectionError):  # noqa: N818
    """No token at this moment, for the endpoint cannot be used; before `retry_at`, if any, it is not asked again."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        self.retry_at = retry_at
        super().__init__(message)


@dataclass(frozen=True, kw_only=True)
class KeptRefreshToken:
    """The newest refresh token in a file that its owner alone can read: a provider may replace it at each use, and
    the one that was set then ends (RFC 6749 6). One that is set anew goes before what was kept.
    """

    path: Path

    def newest(self, given: str) -> str:
        """The last one that came in the place of `given`; `given` itself while none did."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            if kept["given"] == _digest(given):
                return str(kept["newest"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return given

    def keep(self, given: str, newest: str) -> None:
        """Raises OSError where it cannot be written."""
        keep(self.path, json.dumps({"given": _digest(given), "newest": newest}))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class _Token:
    text: str = field(repr=False)
    since: datetime
    until: datetime

    @property
    def refreshed_at(self) -> datetime:
        """Some minutes ahead of its end; one that is short-lived, when half its life is over."""
        return self.until - min(REFRESHED_AHEAD, (self.until - self.since) / 2)


class TokenSource:
    """Access tokens of one account. Any number of threads may ask at once: one request is made for all.

    With an empty `refresh_token` the application signs in under its own name (RFC 6749 4.4). `kept` remembers refresh
    tokens that a provider replaces; `tls` is for whom to trust. Its repr tells no secret.

    Raises:
        ValueError: `endpoint` is not https.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        client_id: str,
        clock: Callable[[], datetime],
        client_secret: str = "",
        refresh_token: str = "",
        scope: str = "",
        kept: KeptRefreshToken | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not endpoint.startswith("https://"):
            raise ValueError(f"a token endpoint is asked over https alone, not at {endpoint}")
        self._endpoint, self._client_id, self._client_secret = endpoint, client_id, client_secret
        self._given, self._scope, self._kept = refresh_token, scope, kept
        self._refresh_token = kept.newest(refresh_token) if kept else refresh_token
        self._clock, self._tls = clock, tls
        self._lock = Lock()
        self._token: _Token | None = None
        self._flight: Future[str] | None = None
        self._failed: AuthFailed | None = None
        self._rests_until: datetime | None = None
        self._trouble, self._troubles = "", 0

    def __repr__(self) -> str:
        return f"TokenSource({self._endpoint!r}, client_id={self._client_id!r})"

    def token_now(self) -> str:
        """A token that holds for some minutes yet, refreshed if need be.

        Raises:
            AuthFailed: we were refused for good; nobody is asked again until `try_again`.
            TokenUnavailable: the endpoint cannot be used, and no token is left that still holds.
        """
        flight, is_ours = self._board()
        if is_ours:
            self._fly(flight)
        return flight.result()

    def refused(self, token: str) -> bool:
        """A mail server has refused this token (535): whether another one is worth a try.

        It is not when the token was fresh: then the account itself is refused, and asking for more tokens would go
        round in circles; from then on everybody is told so.
        """
        with self._lock:
            if self._failed or self._token is None or self._token.text != token:
                return self._failed is None
            if self._clock() - self._token.since < FRESH_FOR:
                self._failed = AuthFailed(
                    "the mail server refuses an access token that was just made: see that the account exists, "
                    "may send through it, and has agreed to the scope",
                    code="refused",
                )
                return False
            self._token = None
            return True

    def try_again(self) -> None:
        """A person has seen to it: forget that we were refused, and ask anew."""
        with self._lock:
            self._failed, self._token, self._rests_until, self._troubles = None, None, None, 0

    def _board(self) -> tuple[Future[str], bool]:
        """The flight that brings the answer, and whether it is the caller who must fly it."""
        with self._lock:
            now = self._clock()
            token = self._token
            if self._flight and not self._failed and not (token and now < token.until):
                return self._flight, False
            flight: Future[str] = Future()
            flight.set_running_or_notify_cancel()
            is_soon_enough = self._flight or (self._rests_until and now < self._rests_until)
            if self._failed:
                flight.set_exception(self._failed)
            elif is_soon_enough or (token and now < token.refreshed_at):
                self._land(flight, now)
            else:
                self._flight = flight
                return flight, True
            return flight, False

    def _fly(self, flight: "Future[str]") -> None:
        """Ask the endpoint once, for everybody who waits (RFC 6749 6, or 4.4.2 in the application's own name)."""
        asked = {
            "grant_type": "refresh_token" if self._refresh_token else "client_credentials",
            "refresh_token": self._refresh_token,
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "scope": self._scope,
        }
        try:
            granted = ask(self._endpoint, asked, self._tls)
        except Refused as error:
            self._end(flight, failed=AuthFailed(str(error), code=error.code))
        except Unanswered as error:
            self._end(flight, trouble=str(error))
        except BaseException as error:
            self._end(flight, trouble=type(error).__name__)
            raise
        else:
            self._remember(granted.refresh_token)
            holds_for = HOLDS_FOR if granted.holds_for is None else granted.holds_for
            trouble = "" if holds_for else "the token that came holds for no time"
            self._end(flight, token=granted.access_token, holds_for=holds_for, trouble=trouble)

    def _remember(self, newest: str) -> None:
        if self._given and newest not in {"", self._refresh_token}:
            self._refresh_token = newest
            if self._kept:
                with suppress(OSError):  # it is good as long as we run; the next start may want a new one
                    self._kept.keep(self._given, newest)

    def _end(
        self,
        flight: "Future[str]",
        *,
        token: str = "",
        holds_for: timedelta = timedelta(0),
        failed: AuthFailed | None = None,
        trouble: str = "",
    ) -> None:
        with self._lock:
            now = self._clock()
            if token:
                self._token = _Token(text=token, since=now, until=now + holds_for)
            self._flight, self._failed, self._trouble = None, failed, trouble
            self._troubles = min(self._troubles + 1, 10) if trouble else 0
            rests_for = min(RESTS_FOR * 2 ** max(self._troubles - 1, 0), RESTS_AT_MOST)
            self._rests_until = now + rests_for if trouble else None
            if failed:
                flight.set_exception(failed)
            else:
                self._land(flight, now)

    def _land(self, flight: "Future[str]", now: datetime) -> None:
        """With the token at hand while it holds at all: an endpoint that is away for a moment stops nobody."""
        if self._token and now < self._token.until:
            flight.set_result(self._token.text)
        else:
            retry_at = self._rests_until or now
            flight.set_exception(TokenUnavailable(f"no access token: {self._trouble}", retry_at=retry_at))

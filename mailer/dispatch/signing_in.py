"""What the carriers sign in with: the access token that holds now, and whether the server knows us at all.

Where tokens come from is `oauth`'s; what a person is told is the desk's. Who signs in with a password has none of this.
"""

from concurrent.futures import Future
from threading import Thread

from mailer.delivery.oauth import TokenSource, TokenUnavailable
from mailer.outbox import pauses
from mailer.outbox.database import Database
from mailer.outbox.schema import PausedBy

AWAITED_FOR = 5.0
"""Seconds that the desk waits for a token: outcomes are to be kept, leases renewed. The request goes on beside it."""


class SigningIn:
    """`token` is the one to sign in with, or nothing. Once `is_locked_out`, nobody is asked for another until a person
    has ended the pause that came of it.
    """

    def __init__(self, database: Database, event: str, tokens: TokenSource | None) -> None:
        self._database, self._event, self._tokens = database, event, tokens
        self.token = ""
        self.is_locked_out = self._is_wanted = False
        self._flight: Future[str] | None = None

    def begin(self) -> None:
        """A turn of work begins: the token is looked at again, and so is the pause of whoever is locked out."""
        self._is_wanted = True
        if not (self._tokens and self.is_locked_out):
            return
        with self._database.reading() as transaction:
            paused = pauses.paused(transaction, self._event)
        if not any(each.caused_by is PausedBy.AUTH for each in paused):
            self._tokens.try_again()
            self.is_locked_out = False

    def renew(self, *, is_stale: bool) -> bool:
        """See that `token` holds for a while yet; whether it is another one now. While the next one is awaited, the
        one at hand goes on.

        Raises:
            AuthFailed, TokenUnavailable: as `TokenSource.token_now`; the latter too where the first takes its time.
        """
        if not self._tokens or self.is_locked_out or not (is_stale or self._is_wanted):
            return False
        self._is_wanted = False
        before, self.token = self.token, self._newest(self._tokens)
        return self.token != before

    def _newest(self, tokens: TokenSource) -> str:
        patience = 0.0 if self.token and self._flight else AWAITED_FOR
        flight = self._flight = self._flight or _flown(tokens)
        try:
            token = flight.result(patience)
        except TimeoutError:
            if self.token:
                return self.token
            raise TokenUnavailable("the token endpoint takes its time") from None
        finally:
            if flight.done():
                self._flight = None
        return token

    def is_refused_for_good(self, token: str) -> bool:
        """The server has refused us, with this token or a password: whether only a person can help."""
        return not (self._tokens and self._tokens.refused(token))

    def lock_out(self) -> None:
        """A person is told."""
        self.is_locked_out = self._tokens is not None


def _flown(tokens: TokenSource) -> Future[str]:
    """The next token, asked for in a thread of its own."""
    flight: Future[str] = Future()

    def fly() -> None:
        try:
            flight.set_result(tokens.token_now())
        except Exception as error:
            flight.set_exception(error)

    Thread(target=fly, name="token", daemon=True).start()
    return flight

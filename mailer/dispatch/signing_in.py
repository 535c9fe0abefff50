"""What the carriers sign in with: the access token that holds now, and whether the server knows us at all.

Where tokens come from is `oauth`'s; what a person is told is the desk's. Who signs in with a password has none of this.
"""

from mailer.delivery.oauth import TokenSource
from mailer.outbox import pauses
from mailer.outbox.database import Database
from mailer.outbox.schema import PausedBy


class SigningIn:
    """`token` is the one to sign in with, or nothing. Once `is_locked_out`, nobody is asked for another until a person
    has ended the pause that came of it.
    """

    def __init__(self, database: Database, event: str, tokens: TokenSource | None) -> None:
        self._database, self._event, self._tokens = database, event, tokens
        self.token = ""
        self.is_locked_out = self._is_wanted = False

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
        """See that `token` holds for a while yet; whether it is another one now.

        Raises:
            AuthFailed, TokenUnavailable: as `TokenSource.token_now`.
        """
        if not self._tokens or self.is_locked_out or not (is_stale or self._is_wanted):
            return False
        self._is_wanted = False
        before, self.token = self.token, self._tokens.token_now()
        return self.token != before

    def is_refused_for_good(self, token: str) -> bool:
        """The server has refused us, with this token or a password: whether only a person can help."""
        return not (self._tokens and self._tokens.refused(token))

    def lock_out(self) -> None:
        """A person is told."""
        self.is_locked_out = self._tokens is not None

"""What a server's words about one letter mean for the others: a slower pace, a pause, an end for today.

What the words mean is `outcome`'s table; how fast one may go on is `pace`'s, what is paused `pauses`'.
"""

from datetime import datetime

from mailer.delivery.outcome import Outcome
from mailer.delivery.pace import Pace
from mailer.outbox import pauses, slowdowns
from mailer.outbox.claimed import ClaimedLetter
from mailer.outbox.database import Transaction
from mailer.outbox.schema import PausedBy


class Lessons:
    """Drawn as letters end, and written down in the next transaction."""

    def __init__(self, event: str, relay: str, pace: Pace) -> None:
        self._event, self._relay, self._pace = event, relay, pace
        self._refusals: list[tuple[str, str]] = []
        self._complaint = self._unknown = ""
        self._is_lowered = False

    @property
    def any(self) -> bool:
        return bool(self._refusals or self._complaint or self._unknown)

    @property
    def are_for_a_person(self) -> bool:
        """Whether the server does not know us."""
        return bool(self._unknown)

    def draw(self, letter: ClaimedLetter, outcome: Outcome, now: datetime) -> None:
        """From how one letter ended."""
        if outcome.slow_down:
            self._pace.slower(now.timestamp())
            self._complaint, self._is_lowered = outcome.reply, True
        if outcome.quota:
            self._pace.used_up(now.timestamp())
            self._complaint = outcome.reply
        if outcome.content_refused:
            self._refusals.append((letter.mailing, outcome.reply))
        if outcome.auth:
            self.unknown(outcome.reply)

    def unknown(self, reply: str) -> None:
        """The server does not know us: nothing more leaves until a person has seen to it."""
        self._unknown = reply

    def keep(self, transaction: Transaction, now: datetime) -> None:
        """Write them down; call `forget` when they are durable."""
        for mailing, reply in self._refusals:
            pauses.refused(transaction, self._event, mailing, reply, now)
        if self._unknown:
            pauses.pause(
                transaction, self._event, pauses.EVERYTHING, self._unknown, now, caused_by=PausedBy.AUTH
            )
        if self._is_lowered:
            lowered = self._pace.lowered(now.timestamp())
            slowdowns.note(transaction, self._relay, lowered, self._complaint, now)
            self._is_lowered = lowered is not None

    def forget(self) -> None:
        self._refusals.clear()
        self._complaint = self._unknown = ""

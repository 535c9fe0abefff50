"""Holding letters back by hand: what an organiser may pause, resume and stop, by the names they know.

Keeping it is the outbox's; a running service obeys within moments, for it asks there before each dot.
"""

from dataclasses import dataclass
from datetime import datetime

from mailer.errors import ConvenorError
from mailer.outbox import agendas, occasions, pauses
from mailer.outbox.database import Database, Transaction
from mailer.outbox.pauses import EVERYTHING, Pause


@dataclass(frozen=True, kw_only=True)
class Hold:
    """One event's letters, and somebody who holds them back or lets them go. Without a mailing, it is all of them.

    Each raises ConvenorError for a mailing that there is not.
    """

    database: Database
    event: str

    def pause(self, mailing: str | None, reason: str, now: datetime) -> tuple[Pause, ...]:
        """Hold a mailing back; what is paused now."""
        with self.database.writing() as transaction:
            key = self._key(transaction, mailing)
            pauses.pause(transaction, self.event, key, reason, now)
            return tuple(pauses.paused(transaction, self.event))

    def resume(self, mailing: str | None) -> tuple[tuple[Pause, ...], tuple[Pause, ...]]:
        """Let a mailing go on; what had held it, and what is still paused."""
        with self.database.writing() as transaction:
            ended = pauses.resume(transaction, self.event, self._key(transaction, mailing))
            return tuple(ended), tuple(pauses.paused(transaction, self.event))

    def unsent(self, mailing: str | None) -> int:
        """How many letters a stop would withdraw."""
        with self.database.reading() as transaction:
            return pauses.unsent(transaction, self.event, self._key(transaction, mailing))

    def stop(self, mailing: str | None, now: datetime) -> int:
        """Withdraw what is written and unsent, for good; how many letters that were."""
        with self.database.writing() as transaction:
            return pauses.stop(transaction, self.event, self._key(transaction, mailing), now)

    def _key(self, transaction: Transaction, mailing: str | None) -> str:
        """The mailing's key: of the agenda in force, or of one whose letters are still there."""
        if mailing is None:
            return EVERYTHING
        version = agendas.latest(transaction, self.event)
        keys = [each.key for each in version.event.mailings] if version else []
        keys += [
            each.mailing for each in occasions.occasions(transaction, self.event) if each.mailing not in keys
        ]
        if mailing not in keys:
            raise ConvenorError(
                f"there is no mailing '{mailing}'; there are {', '.join(dict.fromkeys(keys))}"
            )
        return mailing

"""Holding letters back by hand: what an organiser may pause, resume and stop, by the names they know.

Keeping it is the outbox's; a running service obeys within moments, for it asks there before each dot.
"""

from dataclasses import dataclass
from datetime import datetime

from mailer.errors import ConvenorError
from mailer.outbox import agendas, audit, occasions, pauses
from mailer.outbox.database import Database, Transaction
from mailer.outbox.pauses import EVERYTHING, Pause


@dataclass(frozen=True, kw_only=True)
class Hold:
    """One event's letters, and somebody who holds them back or lets them go: the audit tells that it was `by` them.
    Without a mailing, it is all letters.

    Each raises ConvenorError for a mailing that there is not.
    """

    database: Database
    event: str
    by: str = audit.COMMAND_LINE

    def pause(self, mailing: str | None, reason: str, now: datetime) -> tuple[Pause, ...]:
        """Hold a mailing back; what is paused now."""
        with self.database.writing() as transaction:
            key = self._key(transaction, mailing)
            if pauses.pause(transaction, self.event, key, reason, now):
                self._note(transaction, now, "paused", f"{_named(key)}{': ' if reason else ''}{reason}")
            return tuple(pauses.paused(transaction, self.event))

    def resume(self, mailing: str | None, now: datetime) -> tuple[tuple[Pause, ...], tuple[Pause, ...]]:
        """Let a mailing go on; what had held it, and what is still paused."""
        with self.database.writing() as transaction:
            key = self._key(transaction, mailing)
            if ended := pauses.resume(transaction, self.event, key):
                self._note(transaction, now, "resumed", _named(key))
            return tuple(ended), tuple(pauses.paused(transaction, self.event))

    def unsent(self, mailing: str | None) -> int:
        """How many letters a stop would withdraw."""
        with self.database.reading() as transaction:
            return pauses.unsent(transaction, self.event, self._key(transaction, mailing))

    def stop(self, mailing: str | None, now: datetime) -> int:
        """Withdraw what is written and unsent, for good; how many letters that were."""
        with self.database.writing() as transaction:
            key = self._key(transaction, mailing)
            stopped = pauses.stop(transaction, self.event, key, now)
            letters = f"{stopped} unsent letter{'' if stopped == 1 else 's'}"
            self._note(transaction, now, "stopped", f"{_named(key)}: {letters} withdrawn")
            return stopped

    def _note(self, transaction: Transaction, now: datetime, did: str, what: str) -> None:
        audit.note(transaction, now, self.by, did, what, event=self.event)

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


def _named(key: str) -> str:
    return "everything" if key == EVERYTHING else key

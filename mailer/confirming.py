"""Whoever answers on their page is sent a word that the answer is there: one for all they said within a few minutes.

Says for whom such a letter is due and what it confirms, and writes it down; its words are the templates'.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from mailer.agenda.model import AgendaVersion, MailingKind
from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Cause, Upkeep
from mailer.outbox import ledger, occasions, people
from mailer.outbox.database import Transaction
from mailer.outbox.occasions import NewLetter
from mailer.planning.due import Occasion
from mailer.planning.entries import Holder

CONFIRMATION = MailingKind.CONFIRMATION.value

MAY_CHANGE_FOR = timedelta(minutes=2)
"""How long one waits after an answer: who answers again within that time is sent one letter."""

USEFUL_FOR = timedelta(days=1)
"""A confirmation that is later than this confuses more than it confirms: it is missed."""


def occasion_after(answered_at: datetime) -> Occasion:
    """When an answer is confirmed: at a whole minute, so that many share an occasion."""
    due_at = answered_at.replace(second=0, microsecond=0) + timedelta(minutes=1) + MAY_CHANGE_FOR
    return Occasion(due_at=due_at, mailing=CONFIRMATION, anchor=EVENT, useful_until=due_at + USEFUL_FOR)


def confirm(transaction: Transaction, version: AgendaVersion, wording: str, now: datetime) -> datetime | None:
    """Write down the confirmations that are due; when the next one will be."""
    event = version.event.key
    waiting = people.unconfirmed(transaction, event, CONFIRMATION, ledger.FROM_THE_PAGE)
    planned = {each: occasion_after(at) for each, at in waiting.items()}
    ready = sorted(each for each, occasion in planned.items() if occasion.due_at <= now)
    new: dict[Occasion, list[NewLetter]] = {}
    for holder in ledger.holders(transaction, event, ready):
        occasion = planned[holder.id]
        upkeep = upkeep_of(version, holder, occasion.due_at)
        written = ledger.new_letter(
            transaction, holder, occasion, upkeep, now, version=version.number, wording=wording
        )
        new.setdefault(occasion, []).append(written)
    occasions.write_down(transaction, event, new, now)
    return min((each.due_at for each in planned.values() if each.due_at > now), default=None)


def upkeep_of(version: AgendaVersion, holder: Holder, due_at: datetime) -> Upkeep:
    """What their confirmation confirms: all that holds of what they answered."""
    return Upkeep(
        cause=Cause.CHOICE,
        since=version.number,
        stamped_at=due_at,
        told=(),
        answers=tuple(_said(version, holder)),
    )


def _said(version: AgendaVersion, holder: Holder) -> Iterator[tuple[str, str]]:
    """What they answered, in the order of the agenda."""
    for anchor in (EVENT, *(session.key for session in version.event.sessions)):
        if answer := holder.answers.get(anchor):
            yield anchor, answer

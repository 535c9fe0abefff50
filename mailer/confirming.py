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
from mailer.outbox.letter import LetterState
from mailer.outbox.occasions import NewLetter
from mailer.planning.due import Occasion
from mailer.planning.entries import Holder

CONFIRMATION = MailingKind.CONFIRMATION.value

MAY_CHANGE_FOR = timedelta(minutes=2)
"""How long one waits after an answer: who answers again within that time is sent one letter."""

USEFUL_FOR = timedelta(days=1)
"""A confirmation that is later than this confuses more than it confirms."""


def due_after(answered_at: datetime) -> datetime:
    """When the confirmation of an answer falls due: at a whole minute, so that many share an occasion."""
    return answered_at.replace(second=0, microsecond=0) + timedelta(minutes=1) + MAY_CHANGE_FOR


def confirm(transaction: Transaction, version: AgendaVersion, wording: str, now: datetime) -> datetime | None:
    """Write down the confirmations that are due; when the next one will be."""
    event = version.event.key
    waiting = people.unconfirmed(transaction, event, CONFIRMATION, ledger.FROM_THE_PAGE, now - USEFUL_FOR)
    due = {each: due_after(at) for each, at in waiting.items()}
    ready = [each for each, at in due.items() if at <= now]
    new: dict[datetime, list[NewLetter]] = {}
    for holder in ledger.holders(transaction, event, sorted(ready)):
        letter = _letter(transaction, version, holder, due[holder.id], wording)
        new.setdefault(due[holder.id], []).append(letter)
    for due_at, letters in sorted(new.items()):
        occasion = Occasion(
            due_at=due_at, mailing=CONFIRMATION, anchor=EVENT, useful_until=due_at + USEFUL_FOR
        )
        occasions.add_letters(
            transaction, occasions.open_occasion(transaction, event, occasion, now), letters
        )
    return min((at for at in due.values() if at > now), default=None)


def _letter(
    transaction: Transaction, version: AgendaVersion, holder: Holder, due_at: datetime, wording: str
) -> NewLetter:
    upkeep = upkeep_of(version, holder, due_at)
    return NewLetter(
        member_id=holder.id,
        version=version.number,
        wording=wording,
        dated_at=due_at,
        state=LetterState.SUPPRESSED if holder.unsubscribed else LetterState.WAITING,
        reason=people.UNSUBSCRIBED if holder.unsubscribed else "",
        upkeep=ledger.keep_upkeep(transaction, upkeep),
    )


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

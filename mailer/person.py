"""One person, as far as Convenor knows them: what they got, hold, answered and will get, and what came back.

Read in one snapshot and put together; it changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.agenda.model import AgendaVersion
from mailer.agenda.rules import EVENT
from mailer.outbox import agendas, incoming, ledger, letters, people, preferences
from mailer.outbox.database import Database, Transaction
from mailer.outbox.incoming import Report
from mailer.outbox.ledger import LedgerEntry
from mailer.outbox.letter import FINAL, LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.people import AnswerGiven, Listed
from mailer.outbox.preferences import Preference
from mailer.outbox.schema import Trouble
from mailer.planning import due
from mailer.planning.due import Occasion, Verdict


@dataclass(frozen=True, kw_only=True)
class Coming:
    """A letter that is to come; `reason` says why it will not, where it will not though its time comes."""

    occasion: Occasion
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Person:
    """`letters` are those they have or will have, the newest first; `coming` what is not written yet, in order.

    `reports` are what delivery reports say of the address, the newest first; `is_wrong` if it is not to be trusted.
    `standing` has the answers that hold, by anchor.
    """

    version: AgendaVersion | None
    listed: Listed
    chosen: Preference
    letters: tuple[LetterRow, ...]
    holds: tuple[LedgerEntry, ...]
    answers: tuple[AnswerGiven, ...]
    coming: tuple[Coming, ...]
    reports: tuple[Report, ...]
    is_wrong: bool

    @property
    def answer(self) -> str:
        """Their answer to the event that holds, or nothing."""
        return self.listed.member.answers.get(EVENT, "")

    @property
    def why_silent(self) -> str:
        """Why nothing has been heard of somebody, as far as that can be known; nothing if they answered."""
        if self.answer or self.listed.left_at:
            return ""
        if self.listed.unsubscribed_at:
            return "They wish to have no letters of this event."
        if self.is_wrong:
            hard = next((each.words for each in self.reports if each.trouble is Trouble.HARD), "")
            said = f": a letter came back, with the words “{hard}”" if hard else ", as was reported"
            return f"The address does not work{said}."
        return self._why_unread()

    def _why_unread(self) -> str:
        had = [each for each in self.letters if each.state is LetterState.SENT]
        failed = next((each for each in self.letters if each.state is LetterState.FAILED), None)
        if not had and failed:
            return f"No letter was accepted; the mail server said “{failed.reply or failed.reason}”."
        if not had and any(each.state not in FINAL for each in self.letters):
            return "The first letter has not left yet."
        if not had:
            return "No letter has been sent to them."
        if self.answers:
            return "They answered, but what they answered to has changed since."
        return "Their letters were accepted, and no answer has come."


def person(database: Database, event: str, number: int, now: datetime) -> Person | None:
    """Everything that is known of the person with this number; None where there is nobody at this event."""
    with database.reading() as transaction:
        found = people.somebody(transaction, event, number)
        if found is None:
            return None
        version = agendas.latest(transaction, event)
        had = letters.of_person(transaction, event, number)
        reports = incoming.reports_of(transaction, number)
        return Person(
            version=version,
            listed=found,
            chosen=preferences.chosen_by(transaction, number),
            letters=tuple(reversed(had)),
            holds=tuple(ledger.held_by(transaction, number)),
            answers=tuple(people.answers(transaction, number)),
            coming=tuple(_coming(transaction, version, found, had, now)) if version else (),
            reports=tuple(reports),
            is_wrong=number in incoming.wrong_addresses(transaction, [number]),
        )


def _coming(
    transaction: Transaction, version: AgendaVersion, found: Listed, had: Sequence[LetterRow], now: datetime
) -> Iterator[Coming]:
    """Whatever is planned for them and not written yet, as things are now."""
    if found.left_at:
        return
    written = {(each.mailing, each.anchor, each.due_at) for each in had}
    for occasion in due.occasions(version, {found.member.recipient.timezone}):
        if occasion.identity in written or occasion.useful_until <= now:
            continue
        due_at = tuple(
            each.due_at for each in had
            if (each.mailing, each.anchor) == (occasion.mailing, occasion.anchor)
            and each.state is not LetterState.MISSED
        )  # fmt: skip
        member = replace(found.member, had={(occasion.mailing, occasion.anchor): due_at})
        judgement = due.judge(version, occasion, member, max(now, occasion.due_at))
        if judgement.verdict is Verdict.SEND:
            yield Coming(occasion=occasion)
        elif judgement.verdict is Verdict.SUPPRESS:
            yield Coming(occasion=occasion, reason=judgement.reason)

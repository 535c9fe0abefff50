"""Calendars by hand: what a draft would do to them, how they stand, what makes them right; and the letters about it.

For the command line and the desk. What is right is decided in planning, by `calendars`; words are composition's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mailer import calendars, confirming
from mailer.agenda import changes
from mailer.agenda.model import ABOUT_ENTRIES, AgendaVersion, MailingKind
from mailer.agenda.upkeep import Upkeep
from mailer.calendars import Consequences, Overview
from mailer.composition.composing import Composed, Sender, compose
from mailer.composition.wording import Wording
from mailer.errors import ConvenorError
from mailer.lately import Heard, nobody
from mailer.outbox import agendas, ledger, people
from mailer.outbox.database import Database, Transaction
from mailer.planning.due import Occasion
from mailer.recipients.model import Recipient
from mailer.releasing import wording_in_force
from mailer.service import Service

EVERYONE = "everyone"


@dataclass(frozen=True, kw_only=True)
class HeldEntry:
    """What one calendar was last told of one entry, and the last answer to it: whence it came, whether it holds."""

    anchor: str
    uid: str
    sequence: int
    version: int
    stamped_at: datetime
    sent_at: datetime
    asked: bool
    cancelled: bool
    answer: str
    answered_at: datetime | None
    answered_by: str
    answer_holds: bool


@dataclass(frozen=True, kw_only=True)
class Mending:
    """One look at the calendars of one event at one moment."""

    database: Database
    sender: Sender = field(repr=False)
    texts: Wording = field(repr=False)
    now: datetime

    def consequences(
        self,
        draft: AgendaVersion,
        leaving: Sequence[str],
        heard: Heard = nobody,
    ) -> Consequences:
        """What publishing `draft` would do to calendars, with these addresses off the list; `heard` is told how far one
        is.
        """
        with self.database.reading() as transaction:
            version_of = calendars.versions_in(transaction, draft.event.key)
            return calendars.consequences(transaction, draft, version_of, leaving, heard)

    def letter(
        self, draft: AgendaVersion, mailing: str, recipient: Recipient, session: str | None
    ) -> Composed:
        """The letter of a kind that leaves by itself, as this person would get it if `draft` were published.

        Raises:
            ConvenorError: they would get none.
        """
        event = draft.event.key
        with self.database.reading() as transaction:
            ids = ledger.ids_of(transaction, event, [recipient.address])
            version_of = calendars.versions_in(transaction, event)
            if mailing == MailingKind.CONFIRMATION:
                found = self._confirmation(transaction, draft, ids)
            else:
                those = calendars.entries(draft, version_of)
                letters = [
                    (each.occasion, each.upkeep)
                    for wanting in calendars.wanting(transaction, event, those, ids)
                    for each in wanting.letters
                    if each.occasion.mailing == mailing and session in {None, each.occasion.anchor}
                ]
                found = next(iter(letters), None)
            if found is None:
                raise ConvenorError(
                    f"publishing the files as they are would send {recipient.address} no letter of kind '{mailing}'"
                )
        return self._composed(draft, recipient, *found)

    def sample(self, draft: AgendaVersion, found: Consequences) -> Composed | None:
        """One of the letters that publishing would send, as its reader would have it; None where they left before."""
        if found.sample is None:
            return None
        address, letter = found.sample
        with self.database.reading() as transaction:
            links = people.links_of(transaction, draft.event.key, address)
            reader = people.member_by_handle(transaction, links[0]) if links else None
        return self._composed(draft, reader[1].recipient, letter.occasion, letter.upkeep) if reader else None

    def _composed(
        self, draft: AgendaVersion, recipient: Recipient, occasion: Occasion, upkeep: Upkeep
    ) -> Composed:
        event = draft.event.key
        with self.database.reading() as transaction:
            version_of = calendars.versions_in(transaction, event)
            earlier = upkeep.earlier(lambda number: draft if number == draft.number else version_of(number))
            links = people.links_of(transaction, event, recipient.address)
        return compose(
            version=draft, mailing=draft.event.mailing(occasion.mailing), anchor=occasion.anchor,
            recipient=recipient, due_at=occasion.due_at, dated_at=occasion.due_at, texts=self.texts,
            sender=self.sender, handle=links[0] if links else None, upkeep=upkeep, earlier=earlier,
        )  # fmt: skip

    def _confirmation(
        self, transaction: Transaction, draft: AgendaVersion, ids: Sequence[int]
    ) -> tuple[Occasion, Upkeep] | None:
        occasion = confirming.occasion_after(self.now)
        for holder in ledger.holders(transaction, draft.event.key, ids):
            return occasion, confirming.upkeep_of(draft, holder, occasion.due_at)
        return None

    # ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────

    def overview(self, event: str) -> Overview:
        """How all calendars stand. Raises ConvenorError when nothing of the event is published."""
        with self.database.reading() as transaction:
            latest = _latest(transaction, event)
            version_of = calendars.versions_in(transaction, event)
            return calendars.overview(transaction, latest, version_of, self.now)

    def held_by(self, event: str, address: str) -> list[HeldEntry]:
        """What one person's calendar was told, entry by entry in the agenda's order, and what they answered last.

        Raises:
            ConvenorError: nobody of that address was ever on a list of this event.
        """
        with self.database.reading() as transaction:
            ids = ledger.ids_of(transaction, event, [address])
            if not ids:
                raise ConvenorError(f"{address} is on no list of this event")
            rows = [row for row in ledger.ledger(transaction, event) if row.recipient_id == ids[0]]
            those = calendars.entries(_latest(transaction, event), calendars.versions_in(transaction, event))
            given = {each.anchor: each for each in people.answers(transaction, ids[0])}
            holding = people.standing_answers(transaction, ids).get(ids[0], {})
        return [
            HeldEntry(
                anchor=row.anchor, uid=row.uid, sequence=row.sequence_sent, version=row.version_sent,
                stamped_at=row.stamped_at, sent_at=row.sent_at, asked=row.asked, cancelled=row.cancelled,
                answer=answer.answer.value if (answer := given.get(row.anchor)) else "",
                answered_at=answer.at if answer else None,
                answered_by=answer.source if answer else "",
                answer_holds=answer is not None and holding.get(row.anchor) == answer.answer,
            )
            for row in sorted(rows, key=lambda row: those.place(row.anchor))
        ]  # fmt: skip

    def heal(self, event: str, seen: Overview) -> int:
        """Send once more what makes stale entries right; how many letters that is. Those alone that were seen and are
        stale still: somebody else may have healed them meanwhile. Where a zone's rules have moved sessions, the agenda
        is published at the hours that were agreed, and everybody is told by that.

        Raises:
            ConvenorError: the agenda has changed since it was looked at.
        """
        if seen.moved_by_rules:
            self._publish_by_the_clock(seen)
        with self.database.writing() as transaction:
            latest = _latest(transaction, event)
            if not seen.moved_by_rules and latest.number != seen.version.number:
                raise ConvenorError("the agenda has changed meanwhile: look at the ledger again")
            texts = self._in_force(transaction, event)
            version_of = calendars.versions_in(transaction, event)
            now_stale = calendars.overview(transaction, latest, version_of, self.now).stale
            both = [each for each in now_stale if each in seen.stale]
            return calendars.heal(transaction, latest, both, texts.digest, self.now)

    def _in_force(self, transaction: Transaction, event: str) -> Wording:
        """The words such letters are sent in, and which are kept."""
        texts = wording_in_force(transaction, event, self.texts)
        agendas.keep_wording(transaction, texts.digest, texts.texts)
        return texts

    def _publish_by_the_clock(self, seen: Overview) -> None:
        event = seen.version.event.key
        with self.database.reading() as transaction:
            listed = [member.recipient for member in people.roster(transaction, event)]
            known = (seen.version.number, people.changed_at(transaction, event))
        service = Service(database=self.database, event=event, sender=self.sender, texts=self.texts)
        service.publish(changes.follow_the_clocks(seen.version), listed, self.now, seen=known)

    def correct(self, event: str, address: str) -> int:
        """Tell one person, or everyone, anew all that they hold, as newer than anything before; how many letters.

        Raises:
            ConvenorError: nobody of that address holds anything, or takes letters.
        """
        with self.database.writing() as transaction:
            latest = _latest(transaction, event)
            ids = ledger.ids_of(transaction, event, [address])
            if address == EVERYONE:
                ids = [holder.id for holder in ledger.holders(transaction, event) if holder.left_at is None]
            texts = self._in_force(transaction, event)
            version_of = calendars.versions_in(transaction, event)
            letters = calendars.correct(
                transaction, latest, version_of, ids, wording=texts.digest, now=self.now
            )
        if not letters:
            raise ConvenorError(f"{address} holds no entry of this event, or has unsubscribed")
        return letters


def is_about_entries(mailing: str) -> bool:
    """Whether letters of this mailing leave by themselves."""
    return mailing in {*ABOUT_ENTRIES, MailingKind.CONFIRMATION}


def _latest(transaction: Transaction, event: str) -> AgendaVersion:
    latest = agendas.latest(transaction, event)
    if latest is None:
        raise ConvenorError("nothing of this event is published yet")
    return latest

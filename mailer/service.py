"""The imperative shell: joins agenda, planning, outbox, composition and delivery. It decides nothing.

`publish` makes an agenda the world's; `plan` writes down who gets what as it falls due; `deliver` carries what
is written down; `recover` finds letters whose carrier died, `settle` ends doubts. Each may be called at any time,
by several services on one database: the database's constraints, leases and fences make everything happen once.
"""

import os
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from typing import Self

from mailer import calendars, confirming, listing, releasing
from mailer.agenda import changes
from mailer.agenda.model import AgendaVersion, Event
from mailer.agenda.upkeep import Upkeep
from mailer.composition.composing import NO_FILES, Composed, Contents, Sender, compose
from mailer.composition.wording import Wording
from mailer.delivery.oauth import TokenSource
from mailer.delivery.pace import Pace
from mailer.delivery.relay import Relay
from mailer.dispatch.crew import Hired, InAThread
from mailer.dispatch.desk import Clock, Delivered, Desk
from mailer.dispatch.orders import Route
from mailer.errors import StoreError
from mailer.outbox import agendas, attachments, claims, ledger, naming, occasions, people, tallies, wordings
from mailer.outbox.claimed import ClaimedLetter
from mailer.outbox.database import Database, Transaction
from mailer.outbox.editions import Hand
from mailer.outbox.letters import LetterRow
from mailer.outbox.occasions import STATE_OF, NewLetter
from mailer.outbox.people import RosterChange
from mailer.planning import due
from mailer.planning.due import Judge, Occasion, Verdict
from mailer.recipients.model import Recipient
from mailer.settling import Settled, settle_doubts
from mailer.witnesses import THE_TRAY, TrayWitness, Witness

SECOND = timedelta(seconds=1)
"""A version's time is kept in whole seconds (DTSTAMP has no others): it may have been published this much later."""

CALENDARS_EVERY = timedelta(minutes=1)
"""How often one looks whether every calendar is right though nothing has changed."""

CALENDARS_SOON = timedelta(seconds=5)
"""How soon after an answer or a new list: what follows from those is due a minute later at the earliest."""

UNAPPROVED = "was not approved in time"


def owner_name() -> str:
    """This process's name on the letters it claims."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


@dataclass(kw_only=True)
class _Looked:
    """When the calendars were last looked at, after which change, and when the next letter about them is due."""

    looked_at: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))
    version: int = 0
    changed_at: datetime | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service's view of one event, named by its key; other events in the database are none of its business.

    `witnesses` may know of letters in doubt whether they arrived.
    """

    database: Database
    event: str
    sender: Sender
    texts: Wording
    owner: str = field(default_factory=owner_name)
    witnesses: tuple[Witness, ...] = ()
    _versions: dict[tuple[str, int], AgendaVersion] = field(default_factory=dict, repr=False, compare=False)
    _wordings: dict[str, Wording] = field(default_factory=dict, repr=False, compare=False)
    _followed: dict[str, datetime] = field(default_factory=dict, repr=False, compare=False)
    _calendars: _Looked = field(default_factory=_Looked, repr=False, compare=False)

    @classmethod
    def of_what_is_kept(cls, database: Database, event: str, sender: Sender) -> Self:
        """One that composes what is written down, from the wordings kept with it, and writes nothing new."""
        return cls(database=database, event=event, sender=sender, texts=Wording(texts={}))

    # ── publishing ───────────────────────────────────────────────────────────────────────────────────────────

    def publish(
        self,
        event: Event,
        recipients: Sequence[Recipient],
        now: datetime,
        *,
        seen: tuple[int, datetime] | None = None,
        by: str = "",
        takes_files: bool = False,
        contents: Contents = NO_FILES,
    ) -> tuple[AgendaVersion, RosterChange]:
        """Make the event's agenda and its list of people the ones in force, in one transaction.

        A version is only made when the agenda differs from the one in force. `seen`: the version's number (0 for
        none) and the moment of the list's last change, as whoever decided to publish saw them. `by` is their name,
        where it is known. `takes_files`: the service's texts are the files', and to be in force from now on; they are
        at the first publication. `contents` are those of attached files that are not kept yet.

        Raises:
            StoreError: somebody else published at the same time.
        """
        with self.database.writing() as transaction:
            found = agendas.latest(transaction, event.key)
            known = (found.number if found else 0, people.changed_at(transaction, event.key))
            if seen not in {None, known}:
                raise StoreError("somebody else has published meanwhile: look at the difference again")
            attachments.keep(transaction, contents, now)
            return self.publish_in(transaction, event, recipients, now, by=by, takes_files=takes_files)

    def publish_in(
        self,
        transaction: Transaction,
        event: Event,
        recipients: Sequence[Recipient] | None,
        now: datetime,
        *,
        by: str = "",
        published_by: str = "",
        hands: Collection[Hand] = (),
        takes_files: bool = False,
    ) -> tuple[AgendaVersion, RosterChange]:
        """`publish` in a transaction of the caller's, who has looked whether somebody else published meanwhile.

        `published_by` is whoever publishes on the desk, `hands` are those who had a hand in the agenda before. Where
        `recipients` are not told, the list stays as it is.
        """
        version, by = agendas.latest(transaction, event.key), by or published_by
        is_renewed, choice = False, wordings.in_force(transaction, event.key)
        if choice is None or (takes_files and choice.digest != self.texts.digest):
            digest, kept = self.texts.digest, self.texts.texts
            is_renewed = wordings.choose(
                transaction, event.key, digest, kept, by or wordings.FROM_FILES, now, from_files=True
            )
        texts = releasing.wording_in_force(transaction, event.key, self.texts)
        if version is None or version.event != event:
            is_renewed, at, old = True, now.replace(microsecond=0), version.event if version else None
            version = changes.next_version(version, event, at, published_by=published_by)
            agendas.publish(transaction, version, {*hands, *releasing.hands_in(old, event, by)})
            occasions.withdraw_upkeep(transaction, event.key, "the agenda has changed again", now)
            calendars.catch_up(transaction, event.key, now)
        if is_renewed:
            occasions.follow_version(transaction, event.key, version.number, texts.digest)
        if key := self.sender.signer.naming_to_keep:
            naming.keep_naming_key(transaction, event.key, key)
        roster = RosterChange()
        if recipients is not None:
            roster = people.save_roster(
                transaction, event.key, recipients, now, lambda a: self.sender.signer.handle(event.key, a), by=by
            )  # fmt: skip
        listing.follow(transaction, version, now)
        return version, roster

    def choose_wording(self, texts: Wording, by: str, now: datetime, *, from_files: bool = False) -> bool:
        """Have letters written in these words from now on, those among them that have not left; whether that differs.

        Who has looked at the words is not asked here: whoever chooses them has.
        """
        with self.database.writing() as transaction:
            return self.put_in_force(transaction, texts, by, now, from_files=from_files)

    def put_in_force(
        self, transaction: Transaction, texts: Wording, by: str, now: datetime, *, from_files: bool = False
    ) -> bool:
        """As `choose_wording`, in a transaction that does more."""
        chosen = wordings.choose(
            transaction, self.event, texts.digest, texts.texts, by, now, from_files=from_files
        )
        version = agendas.latest(transaction, self.event)
        if chosen and version:
            occasions.follow_version(transaction, self.event, version.number, texts.digest)
        return chosen

    def wording(self) -> Wording:
        """The wording in force."""
        with self.database.reading() as transaction:
            return releasing.wording_in_force(transaction, self.event, self.texts)

    # ── planning ─────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, now: datetime) -> datetime | None:
        """Write down the letters of everything that is due at `now`; the next moment something will be."""
        with self.database.writing() as transaction:
            version = agendas.latest(transaction, self.event)
            if version is None:
                return None
            timetable = due.occasions(version, people.zones(transaction, self.event))
            changed_at = max(version.published_at + SECOND, people.changed_at(transaction, self.event))
            texts = self._texts(transaction)
            released = releasing.look_again(transaction, version, texts, now)
            listing.follow_timetable(transaction, self.event, timetable, now)
            if self._followed.get(self.event) != changed_at:
                self._withdraw_unasked(transaction, version, now)
            opened = occasions.occasions(transaction, self.event)
            opened_at = {stored.identity: stored.opened_at for stored in opened if not stored.withdrawn_at}
            for occasion in timetable:
                if due.is_to_be_opened(version, occasion, now, opened_at.get(occasion.identity), changed_at):
                    is_released = occasion.mailing in released
                    if is_released or now >= occasion.useful_until:
                        self._expand(transaction, version, occasion, texts, now, is_released=is_released)
            if self._is_time_for_calendars(version, changed_at, now):
                self._keep_calendars_right(transaction, version, changed_at, texts, now)
            occasions.expire(transaction, now)
        self._followed[self.event] = changed_at
        moments = (due.next_due_at(timetable, now), self._calendars.next_at)
        return min(filter(None, moments), default=None)

    def _texts(self, transaction: Transaction) -> Wording:
        """The wording in force: what was chosen last, here or at the desk."""
        choice = wordings.in_force(transaction, self.event)
        if choice is None:
            agendas.keep_wording(transaction, self.texts.digest, self.texts.texts)
        if choice is None or choice.digest == self.texts.digest:
            return self.texts
        if choice.digest not in self._wordings:
            self._wordings[choice.digest] = Wording(texts=agendas.wording(transaction, choice.digest))
        return self._wordings[choice.digest]

    def _is_time_for_calendars(self, version: AgendaVersion, changed_at: datetime, now: datetime) -> bool:
        """After every publication, when a letter is due, soon after answers, and once in a while: doubts end, and
        refusals come.
        """
        seen = self._calendars
        if seen.version != version.number or now < seen.looked_at:
            return True
        is_due = seen.next_at is not None and now >= seen.next_at
        rests_for = CALENDARS_EVERY if seen.changed_at == changed_at else CALENDARS_SOON
        return is_due or now >= seen.looked_at + rests_for

    def _keep_calendars_right(
        self,
        transaction: Transaction,
        version: AgendaVersion,
        changed_at: datetime,
        texts: Wording,
        now: datetime,
    ) -> None:
        those = calendars.entries(version, calendars.versions_in(transaction, self.event, self._versions))
        moments = (
            calendars.keep_right(transaction, self.event, those, texts.digest, now),
            confirming.confirm(transaction, version, texts.digest, now),
        )
        self._calendars.next_at = min(filter(None, moments), default=None)
        self._calendars.version = version.number
        self._calendars.changed_at, self._calendars.looked_at = changed_at, now

    def _withdraw_unasked(self, transaction: Transaction, version: AgendaVersion, now: datetime) -> None:
        """Letters not yet sent to people who are no longer in the audience, or have answered since."""
        sound = {m.key for m in version.event.mailings if due.stands(version.event, m)}
        for stored in occasions.with_unsent(transaction, self.event):
            if stored.mailing in sound:
                here = Judge(version, stored.planned)
                waiting = people.waiting_for(transaction, self.event, stored.id)
                unasked = [member.id for member in waiting if not here.is_for(member)]
                occasions.withdraw_letters(transaction, stored.id, unasked, "no longer in the audience", now)

    def _expand(
        self,
        transaction: Transaction,
        version: AgendaVersion,
        occasion: Occasion,
        texts: Wording,
        now: datetime,
        *,
        is_released: bool,
    ) -> None:
        """The letters of one occasion, all or none of them. What was not released while it was useful is missed."""
        occasion_id = occasions.open_occasion(transaction, version.event.key, occasion, now)
        here, this = Judge(version, occasion), (occasion.mailing, occasion.anchor)
        members = (
            people.choosers(transaction, version.event.key, occasion.anchor, {this})
            if here.is_for_choosers
            else people.members(transaction, version.event.key, {this})
        )
        version_of = calendars.versions_in(transaction, version.event.key, self._versions)
        upkeep = calendars.upkeep_of_mailing(transaction, version, version_of, occasion, now)
        dated_at = due.dated_at(occasion, now)

        def judged() -> Iterator[NewLetter]:
            for member in members:
                judgement = here.judge(member, now)
                if judgement.verdict is not Verdict.SKIP:
                    is_missed = judgement.verdict is Verdict.MISS
                    yield NewLetter(
                        member_id=member.id,
                        state=STATE_OF[judgement.verdict],
                        reason=judgement.reason if is_released or not is_missed else UNAPPROVED,
                        version=version.number,
                        wording=texts.digest,
                        dated_at=dated_at,
                        upkeep=upkeep.get(member.id),
                    )

        occasions.add_letters(transaction, occasion_id, judged())

    # ── delivery ─────────────────────────────────────────────────────────────────────────────────────────────

    def desk(
        self,
        relay: Relay,
        clock: Clock,
        hire: Callable[[Route], Hired],
        *,
        carriers: int = 1,
        tokens: TokenSource | None = None,
    ) -> Desk:
        """Where letters are handed to carriers, who sign in with `tokens` if there are any; whoever opens it closes
        it.
        """
        lines = max(1, relay.profile.connections // carriers)
        route = Route(relay=relay, sender=self.sender, lines=lines)
        return Desk(
            self.database,
            self.event,
            owner=self.owner,
            through=THE_TRAY if any(isinstance(each, TrayWitness) for each in self.witnesses) else str(relay),
            hire=lambda: hire(route),
            carriers=carriers,
            pace=self._pace(relay, clock()),
            clock=clock,
            tokens=tokens,
        )

    def _pace(self, relay: Relay, now: datetime) -> Pace:
        """What the relay may be given: where it counts by the day, what it has had of us lately counts as well."""
        if not relay.profile.per_day:
            return Pace(relay.profile)
        with self.database.reading() as transaction:
            sent = tallies.sent_lately(transaction, now)
        return Pace(relay.profile, sent=[(by.timestamp(), letters) for by, letters in sent])

    def deliver(self, relay: Relay, clock: Clock, *, stop: Signal | None = None) -> Delivered:
        """Carry every letter that may leave now, by one carrier in a thread; until none is left or `stop` is set."""
        with closing(self.desk(relay, clock, InAThread)) as desk:
            return desk.work(stop)

    def compose(self, letter: ClaimedLetter | LetterRow) -> Composed:
        """The bytes of a letter as it is written down: the delivery function, and so the preview."""
        version, texts = self._kept(letter.event, letter.version, letter.wording)
        upkeep = self._kept_upkeep(letter.upkeep) if letter.upkeep else None
        return compose(
            version=version,
            mailing=version.event.mailing(letter.mailing),
            anchor=letter.anchor,
            recipient=letter.recipient,
            due_at=letter.due_at,
            dated_at=letter.dated_at,
            texts=texts,
            sender=self.sender,
            upkeep=upkeep,
            earlier=upkeep.earlier(lambda n: self._kept(letter.event, n, letter.wording)[0])
            if upkeep
            else {},
            handle=letter.handle,
            contents=self._contents(letter),
        )

    def _contents(self, letter: ClaimedLetter | LetterRow) -> Contents:
        """What is in the files that a letter carries."""
        with self.database.reading() as transaction:
            return attachments.of_mailings(transaction, [(letter.event, letter.version, letter.mailing)])

    def _kept_upkeep(self, digest: str) -> Upkeep:
        with self.database.reading() as transaction:
            return ledger.kept_upkeep(transaction, digest)

    def _kept(self, event: str, number: int, digest: str) -> tuple[AgendaVersion, Wording]:
        """A published version and a kept wording. Neither ever changes, so each is read once."""
        if (event, number) not in self._versions or digest not in self._wordings:
            with self.database.reading() as transaction:
                self._versions[event, number] = agendas.version(transaction, event, number)
                self._wordings[digest] = Wording(texts=agendas.wording(transaction, digest))
        return self._versions[event, number], self._wordings[digest]

    # ── after a crash ────────────────────────────────────────────────────────────────────────────────────────

    def recover(self, now: datetime) -> None:
        """Free the letters of carriers not heard of in time."""
        with self.database.writing() as transaction:
            claims.recover(transaction, now)

    def settle(self, now: datetime) -> Settled:
        """Settle the letters in doubt: by evidence, then as their kind allows. Witnesses may take minutes."""
        return settle_doubts(self.database, self.event, self.compose, self.witnesses, now)

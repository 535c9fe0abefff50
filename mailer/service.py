"""The imperative shell: joins agenda, planning, outbox, composition and delivery. It decides nothing.

`publish` makes an agenda the world's; `plan` writes down who gets what as it falls due; `deliver` carries what
is written down; `recover` finds letters whose worker died. Each may be called at any time, by several services
on one database: the database's constraints, leases and fences make everything happen once.
"""

import hashlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event as Signal

from mailer.agenda import changes
from mailer.agenda.model import AgendaVersion, Event
from mailer.composition.composing import Composed, Sender, compose
from mailer.composition.wording import Wording
from mailer.delivery import retrying
from mailer.delivery.outcome import Outcome
from mailer.delivery.relay import Relay
from mailer.delivery.smtp import Connection, Envelope, RelayUnreachable
from mailer.errors import LeaseLost, StoreError, UnsafeLetter, WordingError
from mailer.outbox import agendas, claims, doubts, letters, occasions, people
from mailer.outbox.claims import Change, ClaimedLetter
from mailer.outbox.database import Database, Transaction
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.occasions import NewLetter
from mailer.outbox.people import RosterChange
from mailer.planning import due
from mailer.planning.due import Occasion, Verdict
from mailer.recipients.model import Recipient

TRAY = "the tray"
"""Where a letter was going, in the note of its intent, when no mail server was set."""

LEASE_FOR = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
"""A version's time is kept in whole seconds (DTSTAMP has no others): it may have been published this much later."""

CHUNK = 20
"""Letters claimed at a time: as many as a crash may leave waiting for a lease to run out."""

_STATE_OF = {
    Verdict.SEND: LetterState.WAITING,
    Verdict.SUPPRESS: LetterState.SUPPRESSED,
    Verdict.MISS: LetterState.MISSED,
}

Clock = Callable[[], datetime]
Evidence = Callable[[str], bool]
"""Whether a Message-ID is known to have arrived. Only who keeps every letter, as the tray does, can say no."""


def owner_name() -> str:
    """This process's name on the letters it claims."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What one call of `deliver` did. `unreachable` says why the relay could not be used, if it could not."""

    sent: int = 0
    put_off: int = 0
    failed: int = 0
    unreachable: str = ""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One worker's view of one event, named by its key; other events in the database are none of its business.

    `evidence` settles letters in doubt at once, where somebody can give it.
    """

    database: Database
    event: str
    sender: Sender
    texts: Wording
    owner: str = field(default_factory=owner_name)
    evidence: Evidence | None = None
    _versions: dict[tuple[str, int], AgendaVersion] = field(default_factory=dict, repr=False, compare=False)
    _wordings: dict[str, Wording] = field(default_factory=dict, repr=False, compare=False)
    _followed: dict[str, datetime] = field(default_factory=dict, repr=False, compare=False)

    # ── publishing ───────────────────────────────────────────────────────────────────────────────────────────

    def publish(
        self,
        event: Event,
        recipients: Sequence[Recipient],
        now: datetime,
        *,
        seen: tuple[int, datetime] | None = None,
    ) -> tuple[AgendaVersion, RosterChange]:
        """Make the event's agenda and its list of people the ones in force, in one transaction.

        A version is only made when the agenda differs from the one in force. `seen`: the version's number (0 for
        none) and the moment of the list's last change, as whoever decided to publish saw them.

        Raises:
            StoreError: somebody else published at the same time.
        """
        with self.database.writing() as transaction:
            version = agendas.latest(transaction, event.key)
            found = (version.number if version else 0, people.changed_at(transaction, event.key))
            if seen not in {None, found}:
                raise StoreError("somebody else has published meanwhile: look at the difference again")
            if version is None or version.event != event:
                version = changes.next_version(version, event, now.replace(microsecond=0))
                agendas.publish(transaction, version)
                agendas.keep_wording(transaction, self.texts.digest, self.texts.texts)
                occasions.follow_version(transaction, event.key, version.number, self.texts.digest)
            roster = people.save_roster(
                transaction, event.key, recipients, now, lambda a: self.sender.signer.handle(event.key, a)
            )
            zones = people.zones(transaction, event.key)
            self._follow(transaction, due.occasions(version, zones), now)
        return version, roster

    # ── planning ─────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, now: datetime) -> datetime | None:
        """Write down the letters of everything that is due at `now`; the next moment something will be."""
        with self.database.writing() as transaction:
            version = agendas.latest(transaction, self.event)
            if version is None:
                return None
            timetable = due.occasions(version, people.zones(transaction, self.event))
            changed_at = max(version.published_at + SECOND, people.changed_at(transaction, self.event))
            self._follow(transaction, timetable, now)
            if self._followed.get(self.event) != changed_at:
                self._withdraw_unasked(transaction, version, now)
            opened = occasions.occasions(transaction, self.event)
            opened_at = {stored.identity: stored.opened_at for stored in opened if not stored.withdrawn_at}
            for occasion in timetable:
                if due.is_to_be_opened(version, occasion, now, opened_at.get(occasion.identity), changed_at):
                    self._expand(transaction, version, occasion, now)
            occasions.expire(transaction, now)
        self._followed[self.event] = changed_at
        return due.next_due_at(timetable, now)

    def _follow(self, transaction: Transaction, timetable: Sequence[Occasion], now: datetime) -> None:
        """Have what was opened before follow the timetable as it is now."""
        planned = {occasion.identity: occasion for occasion in timetable}
        for stored in occasions.occasions(transaction, self.event):
            occasion = planned.get(stored.identity)
            if occasion is None and not stored.withdrawn_at:
                occasions.withdraw_occasion(transaction, stored.id, "the agenda has moved", now)
            elif occasion and occasion.useful_until != stored.useful_until:
                occasions.set_useful_until(transaction, stored.id, occasion.useful_until)

    def _withdraw_unasked(self, transaction: Transaction, version: AgendaVersion, now: datetime) -> None:
        """Letters not yet sent to people who are no longer in the audience, or have answered since."""
        sound = {m.key for m in version.event.mailings if due.stands(version.event, m)}
        for stored in occasions.with_unsent(transaction, self.event):
            if stored.mailing in sound:
                members = people.members(transaction, self.event, stored.mailing, stored.anchor)
                unasked = [
                    m.id for m in members if not due.is_asked(version, stored.mailing, stored.anchor, m)
                ]
                occasions.withdraw_letters(transaction, stored.id, unasked, "no longer in the audience", now)

    def _expand(
        self, transaction: Transaction, version: AgendaVersion, occasion: Occasion, now: datetime
    ) -> None:
        """The letters of one occasion, all or none of them."""
        agendas.keep_wording(transaction, self.texts.digest, self.texts.texts)
        occasion_id = occasions.open_occasion(transaction, version.event.key, occasion, now)
        members = people.members(transaction, version.event.key, occasion.mailing, occasion.anchor)

        def judged() -> Iterator[NewLetter]:
            for member in members:
                judgement = due.judge(version, occasion, member, now)
                if judgement.verdict is not Verdict.SKIP:
                    yield NewLetter(
                        member_id=member.id,
                        state=_STATE_OF[judgement.verdict],
                        reason=judgement.reason,
                        version=version.number,
                        wording=self.texts.digest,
                        dated_at=due.dated_at(occasion, now),
                    )

        occasions.add_letters(transaction, occasion_id, judged())

    # ── delivery ─────────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, relay: Relay, clock: Clock, *, stop: Signal | None = None) -> Delivered:
        """Carry every letter that may leave now, one after another, until none is left or `stop` is set."""
        done = Delivered()
        while not (stop and stop.is_set()):
            with self.database.writing() as transaction:
                claimed = claims.claim(transaction, self.owner, clock(), CHUNK, LEASE_FOR, event=self.event)
            if not claimed:
                return done
            done = self._carry(claimed, relay, clock, stop, done)
            if done.unreachable:
                return done
        return done

    def _carry(
        self,
        claimed: Sequence[ClaimedLetter],
        relay: Relay,
        clock: Clock,
        stop: Signal | None,
        done: Delivered,
    ) -> Delivered:
        """One connection's worth: what it could not carry is let go of, uncharged.

        A letter's outcome is written down together with the intent of the next, in one commit: never more than
        one letter of a connection can be in doubt.
        """
        told: list[Change] = []
        carried: set[int] = set()
        through = TRAY if self.evidence else str(relay)
        try:
            with Connection(relay) as line:
                for letter in claimed:
                    if stop and stop.is_set():
                        break
                    outcome = self._send(letter, line, clock, told, through)
                    carried.add(letter.id)
                    if outcome is None:  # fenced in mid-letter: the line was closed without the dot
                        break
                    done = _counted(done, outcome)
                    if not outcome.recipient_charged:
                        done = replace(done, unreachable=f"{relay}: {outcome.reply}")
                    if not outcome.line_is_usable:
                        break
        except RelayUnreachable as error:
            done = replace(done, unreachable=str(error))
        finally:
            told += [_change(letter, Happening.RELEASED) for letter in claimed if letter.id not in carried]
            self._record(told, clock())
        return done

    def _send(
        self, letter: ClaimedLetter, line: Connection, clock: Clock, told: list[Change], through: str
    ) -> Outcome | None:
        """Compose and carry one letter, adding its outcome to `told`; None when it was not ours to send."""

        def intend() -> None:
            read = (letter.version, letter.revision, letter.wording)
            intent = _change(letter, Happening.INTENDED, digest=digest, reply=through, written_from=read)
            intended = self._record([*told, intent], clock())
            told.clear()
            if letter.id not in intended:
                raise LeaseLost(f"letter {letter.id} is no longer {self.owner}'s")

        entries: tuple[tuple[str, str, int], ...] = ()
        try:
            composed = self.compose(letter)
            digest = hashlib.sha256(composed.raw).hexdigest()
            if letter.repeats and letter.repeats != digest:
                raise UnsafeLetter("a repetition must be byte-identical, and this one is not")
            outcome = line.deliver(
                Envelope(
                    sender=composed.return_path, recipient=letter.recipient.address, content=composed.raw
                ),
                before_dot=intend,
            )
            if outcome.happening is Happening.ACCEPTED:
                entries = composed.entries
        except WordingError as error:
            outcome = Outcome(happening=Happening.PUT_OFF, reply=f"not composed: {error}")
        except UnsafeLetter as error:
            outcome = Outcome(happening=Happening.REFUSED, reply=f"not composed: {error}")
        except LeaseLost:
            told.append(_change(letter, Happening.RELEASED))
            return None
        now = clock()
        attempts = letter.attempts + 1 if outcome.recipient_charged else 1
        if outcome.happening is Happening.PUT_OFF and retrying.gave_up(first_due_at=letter.due_at, now=now):
            outcome = replace(outcome, happening=Happening.REFUSED, reply=f"given up: {outcome.reply}")
        retry_at = retrying.retry_at(attempts=attempts, letter_id=letter.id, now=now)
        told.append(
            _change(letter, outcome.happening, reply=outcome.reply, retry_at=retry_at, entries=entries)
        )
        return outcome

    def compose(self, letter: ClaimedLetter | LetterRow) -> Composed:
        """The bytes of a letter as it is written down: the delivery function, and so the preview."""
        version, texts = self._kept(letter.event, letter.version, letter.wording)
        return compose(
            version=version,
            mailing=version.event.mailing(letter.mailing),
            anchor=letter.anchor,
            recipient=letter.recipient,
            due_at=letter.due_at,
            dated_at=letter.dated_at,
            texts=texts,
            sender=self.sender,
        )

    def _kept(self, event: str, number: int, digest: str) -> tuple[AgendaVersion, Wording]:
        """A published version and a kept wording. Neither ever changes, so each is read once."""
        if (event, number) not in self._versions or digest not in self._wordings:
            with self.database.reading() as transaction:
                self._versions[event, number] = agendas.version(transaction, event, number)
                self._wordings[digest] = Wording(texts=agendas.wording(transaction, digest))
        return self._versions[event, number], self._wordings[digest]

    def _record(self, happened: Sequence[Change], now: datetime) -> list[int]:
        """Write down what happened; a 250 that came after our lease ran out is evidence all the same."""
        if not happened:
            return []
        with self.database.writing() as transaction:
            known = claims.happen(transaction, happened, now)
            for late in happened:
                if late.happening is Happening.ACCEPTED and late.letter_id not in known:
                    doubts.settle(transaction, late.letter_id, Happening.FOUND, now, late.reply, late.entries)
        return known

    # ── after a crash ────────────────────────────────────────────────────────────────────────────────────────

    def recover(self, now: datetime) -> None:
        """Free the letters of workers not heard of in time; settle those in doubt that evidence can settle."""
        with self.database.writing() as transaction:
            claims.recover(transaction, now)
        if not self.evidence:
            return
        with self.database.reading() as transaction:
            doubted = doubts.in_doubt(transaction, self.event)
            to_the_tray = [letter for letter in doubted if _went(transaction, letter.id) == TRAY]
        for letter in to_the_tray:
            composed = self.compose(letter)
            happening = Happening.FOUND if self.evidence(composed.message_id) else Happening.NOT_FOUND
            with self.database.writing() as transaction:
                doubts.settle(transaction, letter.id, happening, now, "the tray was asked", composed.entries)

    def stop(self, now: datetime) -> None:
        """Let go of everything this worker holds."""
        with self.database.writing() as transaction:
            claims.release_owner(transaction, self.owner, now)


def _went(transaction: Transaction, letter_id: int) -> str:
    """Through what a letter was last meant to leave."""
    notes = [
        each.note for each in letters.history(transaction, letter_id) if each.happening is Happening.INTENDED
    ]
    return notes[-1] if notes else ""


def _change(letter: ClaimedLetter, happening: Happening, **facts: object) -> Change:
    return Change(letter_id=letter.id, fence=letter.fence, owner=letter.owner, happening=happening, **facts)  # type: ignore[arg-type]


def _counted(done: Delivered, outcome: Outcome) -> Delivered:
    match outcome.happening:
        case Happening.ACCEPTED:
            return replace(done, sent=done.sent + 1)
        case Happening.REFUSED:
            return replace(done, failed=done.failed + 1)
    return replace(done, put_off=done.put_off + 1)

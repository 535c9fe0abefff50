"""The list of an event changed by hand: somebody corrected, taken off, their links revoked; a whole file taken over.

Beside `Service.publish`, which takes files over, and through the same functions of the store. Every deed is one
transaction with its row in the audit, and refuses to undo what somebody else has done since it was looked at.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailer.agenda.model import OF_ITSELF, AgendaVersion
from mailer.errors import ConvenorError
from mailer.importing import Missing, Proposal, proposal
from mailer.outbox import agendas, audit, flags, occasions, people, preferences
from mailer.outbox.database import Database, Transaction
from mailer.outbox.people import Listed, RosterChange
from mailer.planning import due
from mailer.planning.due import Member, Occasion
from mailer.recipients import cells, writing
from mailer.recipients.model import Recipient
from mailer.recipients.reading import Reading


class Overtaken(ConvenorError):  # noqa: N818 - it says what happened
    """Somebody else has changed this since it was looked at. Nothing was done."""


class Unknown(ConvenorError, LookupError):  # noqa: N818
    """There is nobody of this number at the event."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One event's list, in the hands of `who`. `handle_of` names an address in links; its generation goes with it."""

    database: Database
    event: str
    handle_of: Callable[[str, str, int], str] = field(repr=False)
    who: str
    now: datetime

    def correct(self, number: int, seen: int, said: Recipient) -> int:
        """Have the list say this of somebody whose revision was `seen`; the number of the person who is listed now.

        Another address is another reader: the old one leaves, and the new one gets what is still useful.

        Raises:
            Overtaken: something else is said of them by now.
            Unknown: there is no such person on the list.
            ConvenorError: somebody else has the new address.
        """
        with self.database.writing() as transaction:
            before = self._seen(transaction, number, seen)
            old = before.member.recipient
            moved = old.address.lower() != said.address.lower()
            if moved and self._is_listed(transaction, said.address):
                raise ConvenorError(f"{said.address} is on the list already, as somebody else")
            change = self._change(transaction, [said], [old.address] if moved else [])
            if change.added or change.changed or change.left:
                what = f"{old.address} is now {said.address}" if moved else said.address
                self._note(transaction, "corrected", what)
            found = people.links_of(transaction, self.event, said.address)
            return people.number_of(transaction, found[0]) if found else number

    def readdress(self, number: int, written: str) -> None:
        """Have the list name somebody at the address that was `written`, and say all else of them as it does.

        Raises:
            Overtaken: they are on the list no more.
            Unknown: there is no such person.
            ConvenorError: it is no address, or theirs already, or somebody else's.
        """
        try:
            address = cells.address_in(cells.clean(written))
        except ValueError as error:
            said = str(error)
            raise ConvenorError(f"it {said}" if said.startswith(("has ", "holds ")) else said) from None
        with self.database.reading() as transaction:
            found = people.somebody(transaction, self.event, number)
        if found is None:
            raise Unknown("there is nobody here")
        if address.lower() == found.member.recipient.address.lower():
            raise ConvenorError(f"{address} is the address that stands in the list")
        said_now = found.member.recipient.model_copy(update={"address": address})
        self.correct(number, found.revision, said_now)

    def take_off(self, number: int, seen: int) -> None:
        """Take somebody off the list: what was not sent is withdrawn, what their calendar holds is cancelled.

        Raises:
            Overtaken: something else is said of them by now.
            Unknown: there is no such person on the list.
        """
        with self.database.writing() as transaction:
            address = self._seen(transaction, number, seen).member.recipient.address
            self._change(transaction, [], [address])
            self._note(transaction, "took off the list", address)

    def put_back(self, number: int, seen: int) -> None:
        """Have somebody on the list again, as they were.

        Raises:
            Overtaken, Unknown: as `take_off`.
        """
        with self.database.writing() as transaction:
            found = people.somebody(transaction, self.event, number)
            if found is None:
                raise Unknown("there is nobody here")
            if found.left_at is None or found.revision != seen:
                raise Overtaken("somebody else has changed this person meanwhile")
            self._change(transaction, [found.member.recipient], [])
            self._note(transaction, "put back on the list", found.member.recipient.address)

    def revoke(self, number: int) -> None:
        """Make every link that somebody was sent lead nowhere. Raises Unknown."""
        with self.database.writing() as transaction:
            found = people.somebody(transaction, self.event, number)
            if found is None:
                raise Unknown("there is nobody here")
            address = found.member.recipient.address
            people.revoke(
                transaction, self.event, address, self.now, lambda a, g: self.handle_of(self.event, a, g)
            )
            self._note(transaction, "revoked the links of", address)

    def clear(self, number: int) -> None:
        """An address that was reported as wrong is right: what waits for it may leave. Raises Unknown."""
        with self.database.writing() as transaction:
            found = people.somebody(transaction, self.event, number)
            if found is None:
                raise Unknown("there is nobody here")
            address = found.member.recipient.address
            if flags.clear(transaction, self.event, address):
                self._note(transaction, "cleared", f"{address}, which was reported as wrong")

    def take_over(
        self,
        reading: Reading,
        missing: Missing,
        columns: Sequence[str],
        *,
        seen: str,
        without_refused: bool,
    ) -> Proposal:
        """Write the good rows of a file to the list, all of them or none; what that changed.

        Raises:
            Overtaken: the list has changed since its sign was `seen`.
            ConvenorError: rows are refused and nobody said to go on without them, or the file was not read to its end.
        """
        with self.database.writing() as transaction:
            if people.sign_of_list(transaction, self.event) != seen:
                raise Overtaken("the list has changed meanwhile: look at the difference again")
            found = difference(transaction, self.event, reading, missing, columns)
            if not found.may_be_taken:
                raise ConvenorError("the file could not be read to its end")
            if found.refused and not without_refused:
                raise ConvenorError("some rows are refused: correct the file, or go on without them")
            self._change(transaction, found.said, found.gone)
            self._note(transaction, "took over a list", f"{reading.file}: {found.summary}")
        return found

    def export(self) -> Iterator[str]:
        """The whole list as a table, piece by piece. That somebody took it with them stands in the audit before."""
        with self.database.writing() as transaction:
            self._note(transaction, "exported the people", "the whole list")
        return writing.of_people(member.recipient for member in everybody(self.database, self.event))

    def _seen(self, transaction: Transaction, number: int, seen: int) -> Listed:
        found = people.somebody(transaction, self.event, number)
        if found is None:
            raise Unknown("there is nobody here")
        if found.left_at is not None or found.revision != seen:
            raise Overtaken("somebody else has changed this person meanwhile")
        return found

    def _is_listed(self, transaction: Transaction, address: str) -> bool:
        links = people.links_of(transaction, self.event, address)
        return links is not None and people.member_by_handle(transaction, links[0]) is not None

    def _change(
        self, transaction: Transaction, said: Sequence[Recipient], gone: Sequence[str]
    ) -> RosterChange:
        change = people.save_some(
            transaction,
            self.event,
            said,
            gone,
            self.now,
            lambda a: self.handle_of(self.event, a, 0),
            by=self.who,
        )
        version = agendas.latest(transaction, self.event)
        if version is not None:
            follow(transaction, version, self.now)
        return change

    def _note(self, transaction: Transaction, did: str, what: str) -> None:
        audit.note(transaction, self.now, self.who, did, what, event=self.event)


def everybody(database: Database, event: str) -> Iterator[Member]:
    """Who is on the list, a thousand in each transaction: whoever goes through it slowly holds nothing up."""
    after = 0
    while True:
        with database.reading() as transaction:
            members = people.some(transaction, event, after)
        if not members:
            return
        yield from members
        after = members[-1].id


def difference(
    transaction: Transaction, event: str, reading: Reading, missing: Missing, columns: Sequence[str]
) -> Proposal:
    """What taking a file over would change. What people chose on their pages stands above it, as above any list."""
    listed = (member.recipient for member in people.each_listed(transaction, event))
    chosen = preferences.as_preferred(transaction, event, reading.recipients)
    return proposal(listed, replace(reading, recipients=tuple(chosen)), missing, columns)


def follow(transaction: Transaction, version: AgendaVersion, now: datetime) -> None:
    """Have the occasions that are open follow the timetable of this version, for the list as it is."""
    zones = people.zones(transaction, version.event.key)
    follow_timetable(transaction, version.event.key, due.occasions(version, zones), now)


def follow_timetable(
    transaction: Transaction, event: str, timetable: Sequence[Occasion], now: datetime
) -> None:
    """Have what was opened before follow the timetable as it is now."""
    planned = {occasion.identity: occasion for occasion in timetable}
    for stored in occasions.occasions(transaction, event):
        occasion = planned.get(stored.identity)
        if stored.mailing in OF_ITSELF:
            continue
        if occasion is None and not stored.withdrawn_at:
            occasions.withdraw_occasion(transaction, stored.id, "the agenda has moved", now)
        elif occasion and occasion.useful_until != stored.useful_until:
            occasions.set_useful_until(transaction, stored.id, occasion.useful_until)

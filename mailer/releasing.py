"""Approving mailings: joins what they are made of, what was approved, and the audit. Who may do so decides `approving`.

`look_again` is the service's: an approval that says something else than what would leave now ends, before anything of
its mailing leaves. `Releasing` is for people, at the desk and at the command line alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from mailer import approving
from mailer.agenda.model import UNASKED, AgendaVersion, Approval, Event, Mailing
from mailer.approving import Matter
from mailer.composition.wording import Wording
from mailer.errors import ConvenorError
from mailer.lately import Beside, Heard, NotYet, nobody
from mailer.outbox import agendas, approvals, audit, editions, occasions, people, wordings
from mailer.outbox.approvals import Approval as Approved
from mailer.outbox.database import Database, Transaction
from mailer.outbox.editions import Hand
from mailer.planning import due
from mailer.recipients.model import Recipient

_Edition = tuple[int, datetime | None]
_known: WeakKeyDictionary[object, dict[str, tuple[_Edition, Mapping[str, Matter]]]] = WeakKeyDictionary()
"""What was last worked out for each database and event, and under which edition: the same while that is."""


_TOLD_EVERY = 1_000
"""People after whom one is told how far it is."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A mailing as whoever approves it sees it. `last` is its newest approval, ended or not; `hands` who has changed
    what it is made of, and nobody else has approved that since; `fell_due_at` when it should have left, if it waits for
    nothing else.
    """

    mailing: Mailing
    policy: Approval
    matter: Matter
    last: Approved | None
    hands: tuple[str, ...]
    fell_due_at: datetime | None

    @property
    def is_asked(self) -> bool:
        return self.policy is not Approval.NONE

    def refuses(self, by: str) -> str:
        """Why somebody may not approve it; nothing if they may."""
        return approving.refusal(self.policy, by, self.hands)

    @property
    def is_approved(self) -> bool:
        return self.last is not None and self.last.ended_at is None and self.says(self.last) == self.matter

    @property
    def changed(self) -> list[str]:
        """What is not as it was approved the last time."""
        return self.matter.differs(self.says(self.last)) if self.last else []

    @staticmethod
    def says(approved: Approved) -> Matter:
        return Matter(agenda=approved.agenda, wording=approved.wording, recipients=approved.recipients)


def every_mailing(version: AgendaVersion) -> tuple[Mailing, ...]:
    """Those of the agenda, and those that leave by themselves: what is approved is everything that leaves."""
    return *version.event.mailings, *UNASKED.values()


def hands_in(old: Event | None, new: Event, by: str) -> frozenset[Hand]:
    """In which parts of what is approved somebody had a hand who made the new agenda of the old one."""
    of_all, mailings = approving.edited(old, new) if old else (True, frozenset[str]())
    parts = [editions.AGENDA] if of_all else map(editions.mailing_of, mailings)
    return frozenset((by, part) for part in parts)


def wording_in_force(c: Transaction, event: str, otherwise: Wording) -> Wording:
    """What letters are written with; `otherwise` before any wording was chosen."""
    choice = wordings.in_force(c, event)
    if choice is None or choice.digest == otherwise.digest:
        return otherwise
    return Wording(texts=agendas.wording(c, choice.digest))


def matters(
    c: Transaction, version: AgendaVersion, texts: Wording, heard: Heard = nobody
) -> Mapping[str, Matter]:
    """What each mailing is made of under the present edition; `heard` is told of how many people it is known."""
    event = version.event.key
    edition = editions.begun_at(c, event)
    if _is_known(c, event, edition):
        return _known[c.engine][event][1]

    def listed() -> Iterator[Recipient]:
        of = people.asked(c, event)
        for number, member in enumerate(people.each_listed(c, event)):
            if number % _TOLD_EVERY == 0:
                heard(number, of)
            yield member.recipient

    found = approving.matters(version.event, every_mailing(version), texts, listed())
    _known.setdefault(c.engine, {})[event] = edition, found
    return found


def _is_known(c: Transaction, event: str, edition: _Edition) -> bool:
    kept = _known.get(c.engine, {}).get(event)
    return bool(kept and kept[0] == edition and edition[1])


def look_again(c: Transaction, version: AgendaVersion, texts: Wording, now: datetime) -> frozenset[str]:
    """The mailings that may leave. An approval from an earlier edition ends, unless it says the same as ever."""
    keys = frozenset(mailing.key for mailing in every_mailing(version))
    if version.event.approval is Approval.NONE:
        return keys
    event, edition = version.event.key, editions.present(c, version.event.key)
    standing = approvals.standing(c, event)
    for key, approved in standing.items():
        if approved.edition == edition:
            continue
        matter = matters(c, version, texts).get(key)
        changed = matter.differs(Sight.says(approved)) if matter else ["the agenda"]
        if not changed:
            approvals.still_holds(c, approved.id, edition)
            continue
        reason = f"{' and '.join(changed)} changed"
        approvals.end(c, event, key, reason, now)
        audit.note(c, now, "Convenor", "asks again for approval", f"{key}: {reason}", event=event)
    return frozenset(approvals.standing(c, event)) & keys


_worked_out: Beside[Mapping[str, Matter]] = Beside()
"""What the mailings of each event are made of, where the list is long: seconds of work."""


@dataclass(frozen=True, kw_only=True)
class Releasing:
    """One event's mailings, and somebody who approves them. Each method raises ConvenorError for what may not be.

    Who `waits` is told everything; who does not is told NotYet while what a long list is made of is worked out beside.
    """

    database: Database
    event: str
    waits: bool = True

    def sights(self, now: datetime) -> list[Sight]:
        """Every mailing with its approval, in the order of the agenda. Nothing is changed."""
        with self.database.reading() as transaction:
            return self._sights(transaction, now)

    def sight(self, mailing: str, now: datetime) -> Sight:
        return self._named(self.sights(now), mailing)

    def waiting(self, now: datetime) -> list[Sight]:
        """Mailings that are due, and leave only when somebody has approved them."""
        return [each for each in self.sights(now) if each.fell_due_at is not None]

    def approve(self, mailing: str, by: str, now: datetime, *, seen: str | None = None) -> Sight:
        """Approve a mailing as it is now, or as it was `seen`: the digest of what somebody looked at."""
        with self.database.writing() as transaction:
            found = self._named(self._sights(transaction, now), mailing)
            if refused := found.refuses(by):
                raise ConvenorError(f"'{mailing}' cannot be approved by {by}: {refused}")
            if seen is not None and seen != found.matter.digest:
                raise ConvenorError(
                    f"'{mailing}' has changed since you looked at it: look again, then approve it"
                )
            matter = found.matter
            digests = (matter.agenda, matter.wording, matter.recipients)
            approvals.approve(transaction, self.event, mailing, digests, by, now)
            audit.note(
                transaction, now, by, "approved", f"{mailing} ({matter.digest[:12]})", event=self.event
            )
            return self._named(self._sights(transaction, now), mailing)

    def take_back(self, mailing: str, by: str, now: datetime) -> None:
        """End an approval: what has not left is held."""
        with self.database.writing() as transaction:
            self._named(self._sights(transaction, now), mailing)
            if not approvals.take_back(transaction, self.event, mailing, by, now):
                raise ConvenorError(f"'{mailing}' is not approved")
            audit.note(transaction, now, by, "took an approval back", mailing, event=self.event)

    def _sights(self, c: Transaction, now: datetime) -> list[Sight]:
        version = agendas.latest(c, self.event)
        if version is None:
            raise ConvenorError("nothing of this event is published yet")
        policy = version.event.approval
        made_of = self._matters(c, version, now)
        free = frozenset(made_of) if policy is Approval.NONE else self._free(c, made_of)
        waits_since = _overdue(c, version, now, free)
        return [
            Sight(
                mailing=mailing,
                policy=policy,
                matter=made_of[mailing.key],
                last=approvals.last(c, self.event, mailing.key),
                hands=self._hands(c, mailing),
                fell_due_at=waits_since.get(mailing.key),
            )
            for mailing in every_mailing(version)
        ]

    def _matters(self, c: Transaction, version: AgendaVersion, now: datetime) -> Mapping[str, Matter]:
        """What each mailing is made of; of nothing, where nobody has to approve it."""
        if version.event.approval is Approval.NONE:
            return {
                mailing.key: Matter(agenda="", wording="", recipients="")
                for mailing in every_mailing(version)
            }
        edition = editions.begun_at(c, self.event)
        if self.waits or _is_known(c, self.event, edition) or not people.is_long_list(c, self.event):
            return matters(c, version, wording_in_force(c, self.event, Wording(texts={})))

        def work_out(heard: Heard) -> Mapping[str, Matter]:
            with self.database.reading() as transaction:
                texts = wording_in_force(transaction, self.event, Wording(texts={}))
                return matters(transaction, version, texts, heard)

        found = _worked_out.get((c.engine, self.event), edition, now, work_out)
        if not found.is_present:
            raise NotYet(0, 0)
        return found.value

    def _free(self, c: Transaction, made_of: Mapping[str, Matter]) -> frozenset[str]:
        standing = approvals.standing(c, self.event)
        return frozenset(key for key, each in standing.items() if Sight.says(each) == made_of.get(key))

    def _hands(self, c: Transaction, mailing: Mailing) -> tuple[str, ...]:
        """The people among them: a folder of templates that was taken in has no eyes."""
        edits = editions.edits(c, self.event, mailing.key, mailing.kind)
        found = approving.unseen(edits, approvals.given(c, self.event, mailing.key))
        return tuple(each for each in found if each != wordings.FROM_FILES)

    def _named(self, sights: list[Sight], mailing: str) -> Sight:
        for each in sights:
            if each.mailing.key == mailing:
                return each
        keys = ", ".join(each.mailing.key for each in sights)
        raise ConvenorError(f"there is no mailing '{mailing}'; there are {keys}")


def _overdue(
    c: Transaction, version: AgendaVersion, now: datetime, free: frozenset[str]
) -> dict[str, datetime]:
    """Since when mailings that may not leave should have: those never opened, and those with letters that wait."""
    event = version.event.key
    opened = {each.identity for each in occasions.occasions(c, event) if not each.withdrawn_at}
    since: dict[str, datetime] = {}
    for waiting in occasions.with_unsent(c, event):
        if waiting.mailing not in free and waiting.due_at <= now < waiting.useful_until:
            since.setdefault(waiting.mailing, waiting.due_at)
    for each in due.occasions(version, people.zones(c, event)):
        if (
            each.identity not in opened
            and each.due_at <= now < each.useful_until
            and each.mailing not in free
        ):
            since[each.mailing] = min(each.due_at, since.get(each.mailing, each.due_at))
    return since

"""What publishing would do, before anything is done: the difference, the letters it causes, what stands against it.

For the command line, whose proposals come from files, and for the desk, whose come from a draft.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mailer import planned
from mailer.agenda.changes import Change, differences
from mailer.agenda.model import AgendaVersion
from mailer.calendars import Consequences
from mailer.composition.composing import Composed, Sender
from mailer.delivery.profiles import Profile
from mailer.dossier import Proposal
from mailer.errors import Problem
from mailer.lately import Heard, nobody
from mailer.mending import Mending
from mailer.outbox import occasions, people
from mailer.outbox.database import Database, Transaction
from mailer.outbox.people import RosterChange
from mailer.planned import Planned
from mailer.planning import due
from mailer.planning.due import Member, Occasion

NOTHING = Consequences()

TOLD_EVERY = 200
"""People after whom one is told how far it is."""

SOON = timedelta(minutes=1)
"""What falls due this soon after publishing leaves at once, in a person's eyes."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What publishing would change: the agenda, the people by address, and the letters that are due at once."""

    version: int
    seen: tuple[int, datetime]
    changes: tuple[Change, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    left: tuple[str, ...]
    due_at_once: dict[str, int]
    consequences: Consequences = NOTHING
    wording: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.changes or self.added or self.changed or self.left or self.wording)


@dataclass(frozen=True, kw_only=True)
class ToCome:
    """What is still to come of a mailing: so many letters, at so many hours, the first at `first_at`."""

    letters: int
    hours: int
    first_at: datetime


@dataclass(frozen=True, kw_only=True)
class Course:
    """A mailing whose letters publishing changes: what is to come of it as it `was` and as it `becomes`.

    `withdrawn` letters are written down already, and would not leave any more.
    """

    mailing: str
    title: str
    was: ToCome | None
    becomes: ToCome | None
    withdrawn: int = 0


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What publishing would do: what differs, what becomes of mailings, and what stands against it or is doubtful;
    places are those of an agenda's tables.
    """

    difference: Difference
    courses: tuple[Course, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """One look at the event at one moment. `profile` is what the mail server bears; `heard` is told how far it is, of
    how many steps.
    """

    database: Database
    sender: Sender = field(repr=False)
    profile: Profile
    now: datetime
    heard: Heard = field(default=nobody, repr=False)

    def foresee(self, proposal: Proposal, latest: AgendaVersion | None) -> Foreseen:
        """What publishing this now would do. Those on the list are looked at one after the other."""
        version, event = proposal.version(latest, self.now), proposal.event
        with self.database.reading() as transaction:
            seen = (latest.number if latest else 0, people.changed_at(transaction, event.key))
            listed = people.asked(transaction, event.key)
            look = self._looked(transaction, proposal, version, latest, listed)
            expected = look.becomes.expected()
            rows = planned.planned(transaction, self.profile, version, expected, self.now)
        mending, change = self._mending(proposal), look.change
        difference = Difference(
            version=version.number,
            seen=seen,
            changes=tuple(differences(latest.event if latest else None, event)),
            added=change.added,
            changed=change.changed,
            left=change.left,
            due_at_once=look.becomes.due_at_once(),
            consequences=mending.consequences(
                version, change.left, lambda done, of: self.heard(listed + done, listed + of)
            ),
        )
        return Foreseen(
            difference=difference,
            courses=tuple(_courses(look)),
            problems=(*of_timetable(version, rows), *not_to_be_changed(proposal, latest)),
        )

    def sample(
        self, proposal: Proposal, latest: AgendaVersion | None, difference: Difference
    ) -> Composed | None:
        """One of the letters about changes that publishing would send."""
        return self._mending(proposal).sample(proposal.version(latest, self.now), difference.consequences)

    def too_late(self, proposal: Proposal, latest: AgendaVersion | None) -> list[Problem]:
        """Mailings that the mail server cannot take in time: refused where its limits say so, doubtful where that
        is a guess or they have begun already.
        """
        version = proposal.version(latest, self.now)
        return of_timetable(version, self.planned(proposal, version))

    def planned(self, proposal: Proposal, version: AgendaVersion) -> list[Planned]:
        """Every occasion of the timetable in the order of time, with all the letters that it has or would have."""
        event = version.event.key
        with self.database.reading() as transaction:
            timetable = due.occasions(version, _zones(transaction, proposal))
            opened = (each.identity for each in occasions.occasions(transaction, event))
            listed = people.members(transaction, event, due.moved(timetable, opened))
            both = _beside(listed, lambda _: (), proposal, self.now)
            proposed = (member for _, member in both if member)
            expected = due.expected(version, timetable, proposed, self.now)
            counted = dict(zip(timetable, expected, strict=True))
            return planned.planned(transaction, self.profile, version, counted, self.now)

    def _mending(self, proposal: Proposal) -> Mending:
        return Mending(database=self.database, sender=self.sender, texts=proposal.texts, now=self.now)

    def _looked(
        self,
        transaction: Transaction,
        proposal: Proposal,
        version: AgendaVersion,
        latest: AgendaVersion | None,
        listed: int,
    ) -> "_Look":
        """Everybody looked at once. So many are `listed`."""
        event = version.event.key
        opened = occasions.occasions(transaction, event)
        written = {each.identity for each in opened if not each.withdrawn_at}
        pairs = {each.identity[:2] for each in opened}
        before = due.occasions(latest, people.zones(transaction, event)) if latest else []
        after = due.occasions(version, _zones(transaction, proposal))
        touched = _touched(latest, before, version, after) if latest else ()
        these = [each for each in before if each.mailing in touched]
        was = _Timetable(latest or version, these, written, self.now)
        becomes = _Timetable(version, after, written, self.now)
        added, changed, left = [], [], []
        those = people.members(transaction, event, pairs)

        def back(addresses: Collection[str]) -> Iterator[Member]:
            return people.returning(transaction, event, addresses, pairs)

        for number, (listed_as, comes_as) in enumerate(_beside(those, back, proposal, self.now)):
            if number % TOLD_EVERY == 0:
                self.heard(number, 2 * listed)
            if listed_as:
                was.see(listed_as)
            if comes_as:
                becomes.see(comes_as)
            if listed_as is None and comes_as:
                added.append(comes_as.recipient.address.lower())
            elif listed_as and comes_as is None:
                left.append(listed_as.recipient.address.lower())
            elif listed_as and comes_as and listed_as.recipient != comes_as.recipient:
                changed.append(listed_as.recipient.address.lower())
        change = RosterChange(
            added=tuple(sorted(added)), changed=tuple(sorted(changed)), left=tuple(sorted(left))
        )
        return _Look(was=was, becomes=becomes, touched=touched, change=change)


def _zones(transaction: Transaction, proposal: Proposal) -> set[str | None]:
    """The time zones of those who would be listed."""
    if proposal.recipients is None:
        return people.zones(transaction, proposal.event.key)
    return {recipient.timezone for recipient in proposal.recipients}


def _beside(
    listed: Iterable[Member],
    back: Callable[[Collection[str]], Iterable[Member]],
    proposal: Proposal,
    now: datetime,
) -> Iterator[tuple[Member | None, Member | None]]:
    """Everybody as they are listed, and as they would be; None where they are not, or would not be. `back` knows those
    of some addresses who were listed once.
    """
    if proposal.recipients is None:
        yield from ((member, member) for member in listed)
        return
    wanted = {recipient.address.lower(): recipient for recipient in proposal.recipients}
    for member in listed:
        said = wanted.pop(member.recipient.address.lower(), None)
        yield member, replace(member, recipient=said) if said else None
    for member in back(wanted.keys()) if wanted else ():
        said = wanted.pop(member.recipient.address.lower())
        yield None, replace(member, recipient=said, joined_at=now)
    yield from ((None, Member(id=0, recipient=said, joined_at=now)) for said in wanted.values())


class _Timetable:
    """Occasions of one version, and how many letters each would still bring to those who are seen: those that wait and
    stay, and those that are not written down yet. `written` are the occasions that were opened, by identity.
    """

    def __init__(
        self,
        version: AgendaVersion,
        occasions: Sequence[Occasion],
        written: Collection[tuple[str, str, datetime]],
        now: datetime,
    ) -> None:
        self.version, self._written, self._now = version, written, now
        self._occasions = occasions
        self._open = [each for each in occasions if not self._is_over(each)]
        self._new = due.Expected(version, self._open, now)
        self._judges = {each.identity: due.Judge(version, each) for each in occasions}
        self._waiting = Counter[tuple[str, str, datetime]]()

    def see(self, member: Member) -> None:
        """A letter that waits stays while its occasion does, and its reader is meant; else it is withdrawn, and is none
        that they have had.
        """
        gone: dict[tuple[str, str], set[datetime]] = {}
        for this, waiting in member.waiting.items():
            for due_at in waiting:
                judge = self._judges.get((*this, due_at))
                if judge and judge.is_for(member):
                    self._waiting[*this, due_at] += 1
                else:
                    gone.setdefault(this, set()).add(due_at)
        if gone:
            had = {
                this: tuple(each for each in those if each not in gone.get(this, ()))
                for this, those in member.had.items()
            }
            member = replace(member, had=had)
        self._new.see(member)

    def _is_over(self, occasion: Occasion) -> bool:
        """Whether nobody gets a letter of it any more who has none: so it is with reminders."""
        return occasion.identity in self._written and self.version.event.mailing(occasion.mailing).is_reminder

    def expected(self) -> dict[Occasion, int]:
        """Letters that are not written down yet, of each occasion in the order of time."""
        counted = dict(zip(self._open, self._new.letters, strict=True))
        return {each: counted.get(each, 0) for each in self._occasions}

    def due_at_once(self) -> dict[str, int]:
        """Letters by mailing that would leave within a minute."""
        counts = Counter[str]()
        for each, letters_of in self.expected().items():
            counts[each.mailing] += letters_of if each.due_at <= self._now + SOON else 0
        return {mailing: count for mailing, count in counts.items() if count}

    def by_mailing(self) -> dict[str, dict[Occasion, int]]:
        found: dict[str, dict[Occasion, int]] = {}
        for each, letters_of in self.expected().items():
            found.setdefault(each.mailing, {})[each] = letters_of
        return found

    def waiting(self, mailing: str) -> int:
        """Letters of a mailing that are written down, and wait and stay."""
        return sum(count for (key, _, _), count in self._waiting.items() if key == mailing)

    def to_come(self, expected: Mapping[Occasion, int]) -> ToCome | None:
        """Of one mailing; None where nothing of it is to come."""
        counts = {each: count + self._waiting[each.identity] for each, count in expected.items()}
        ahead = [each for each, count in counts.items() if count or each.due_at > self._now]
        if not ahead:
            return None
        hours = {each.due_at for each in ahead}
        return ToCome(letters=sum(counts.values()), hours=len(hours), first_at=min(hours))


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What was counted: of the mailings that are `touched` what they `was` to bring, of all what it `becomes`; and who
    joins, changes and leaves.
    """

    was: _Timetable
    becomes: _Timetable
    touched: tuple[str, ...]
    change: RosterChange


def _touched(
    latest: AgendaVersion, before: Sequence[Occasion], version: AgendaVersion, after: Sequence[Occasion]
) -> tuple[str, ...]:
    """The mailings whose hours, people or words would be others, for the agenda is."""
    old, new = ({each.key: each for each in of.event.mailings} for of in (latest, version))
    moved = {each.mailing for each in {*before} ^ {*after}}
    return tuple(key for key in dict.fromkeys((*new, *old)) if key in moved or new.get(key) != old.get(key))


def _courses(look: _Look) -> Iterator[Course]:
    """What becomes of the mailings whose hours or number of letters would be others."""
    was, becomes = look.was, look.becomes
    old, new = ({each.key: each for each in of.version.event.mailings} for of in (was, becomes))
    before, after = was.by_mailing(), becomes.by_mailing()
    for key in look.touched:
        those, these = before.get(key, {}), after.get(key, {})
        course = Course(
            mailing=key,
            title=(new.get(key) or old[key]).title,
            was=was.to_come(those),
            becomes=becomes.to_come(these),
            withdrawn=max(0, was.waiting(key) - becomes.waiting(key)),
        )
        if course.was != course.becomes:
            yield course


def of_timetable(version: AgendaVersion, rows: Sequence[Planned]) -> list[Problem]:
    """What is wrong or doubtful with occasions that come too late."""
    numbers = {mailing.key: number for number, mailing in enumerate(version.event.mailings)}
    return [
        Problem(
            file="", field=f"mailing[{numbers[row.mailing]}].useful_until", message=row.trouble,
            warning=not row.is_refused,
        )
        for row in rows
        if row.trouble
    ]  # fmt: skip


def not_to_be_changed(proposal: Proposal, latest: AgendaVersion | None) -> Iterator[Problem]:
    """What may not differ from what was published: calendars take changes only from whoever sent the invitation
    (RFC 5546 2.1.2).
    """
    if latest and latest.event.organiser.address != proposal.event.organiser.address:
        was = latest.event.organiser.address
        said = (
            f"was {was} when it was published, and must stay so: calendars take no change from anybody else"
        )
        yield Problem(file="", field="event.organiser.address", message=said)

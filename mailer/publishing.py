"""What publishing would do, before anything is done: the difference, the letters it causes, what stands against it.

For the command line, whose proposals come from files, and for the desk, whose come from a draft.
"""

from collections.abc import Iterator, Mapping, Sequence
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
from mailer.outbox import letters, people
from mailer.outbox.database import Database, Transaction
from mailer.outbox.letter import UNSENT
from mailer.outbox.letters import OccasionProgress
from mailer.planned import Planned
from mailer.planning import due
from mailer.planning.due import Member, Occasion

NOTHING = Consequences()

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
class Publishing:
    """One look at the event at one moment. `profile` is what the mail server bears; `heard` is told how many people are
    looked at, and of how many.
    """

    database: Database
    sender: Sender = field(repr=False)
    profile: Profile
    now: datetime
    heard: Heard = field(default=nobody, repr=False)

    def difference(self, proposal: Proposal, latest: AgendaVersion | None) -> Difference:
        """What publishing this now would change, and which letters would leave at once because of it."""
        version, event = proposal.version(latest, self.now), proposal.event
        with self.database.reading() as transaction:
            old = {m.recipient.address.lower(): m.recipient for m in people.roster(transaction, event.key)}
            seen = (latest.number if latest else 0, people.changed_at(transaction, event.key))
            at_once = self._due_at_once(transaction, proposal, version)
        new = {recipient.address.lower(): recipient for recipient in proposal.recipients}
        left = tuple(sorted(old.keys() - new.keys()))
        return Difference(
            version=version.number,
            seen=seen,
            changes=tuple(differences(latest.event if latest else None, event)),
            added=tuple(sorted(new.keys() - old.keys())),
            changed=tuple(sorted(a for a in new.keys() & old.keys() if new[a] != old[a])),
            left=left,
            due_at_once=at_once,
            consequences=self._mending(proposal).consequences(version, left, self.heard),
        )

    def difference_of_agenda(self, proposal: Proposal, latest: AgendaVersion) -> Difference:
        """As `difference`, of the agenda alone: the list stays as it is, and is read one after the other."""
        version, event = proposal.version(latest, self.now), proposal.event
        with self.database.reading() as transaction:
            seen = latest.number, people.changed_at(transaction, event.key)
            at_once = self._due_at_once_to_the_listed(transaction, version)
        return Difference(
            version=version.number,
            seen=seen,
            changes=tuple(differences(latest.event, event)),
            added=(),
            changed=(),
            left=(),
            due_at_once=at_once,
            consequences=self._mending(proposal).consequences(version, (), self.heard),
        )

    def courses(self, proposal: Proposal, latest: AgendaVersion) -> list[Course]:
        """What becomes of the mailings whose hours, people or number of letters would be others."""
        version = proposal.version(latest, self.now)
        with self.database.reading() as transaction:
            zones = people.zones(transaction, version.event.key)
        before, after = _by_mailing(latest, zones), _by_mailing(version, zones)
        old, new = ({each.key: each for each in of.event.mailings} for of in (latest, version))
        touched = [
            key
            for key in dict.fromkeys((*new, *old))
            if new.get(key) != old.get(key) or before.get(key) != after.get(key)
        ]
        found = []
        with self.database.reading() as transaction:
            counting = _Counting(
                transaction=transaction,
                now=self.now,
                listed=people.roster(transaction, version.event.key) if touched else [],
                opened={
                    each.occasion.identity: each
                    for each in letters.progress(transaction, version.event.key)
                    if not each.occasion.withdrawn_at
                },
            )
            for key in touched:
                stay = {each.identity for each in after.get(key, [])}
                withdrawn = sum(
                    counting.unsent(each) for each in before.get(key, []) if each.identity not in stay
                )
                becomes = counting.to_come(version, after.get(key, []))
                if becomes and not new[key].again_when_moved:  # whose letter is withdrawn has none
                    becomes = replace(becomes, letters=becomes.letters + withdrawn)
                course = Course(
                    mailing=key,
                    title=(new.get(key) or old[key]).title,
                    was=counting.to_come(latest, before.get(key, [])),
                    becomes=becomes,
                    withdrawn=withdrawn,
                )
                if course.was != course.becomes:
                    found.append(course)
        return found

    def sample(
        self, proposal: Proposal, latest: AgendaVersion | None, difference: Difference
    ) -> Composed | None:
        """One of the letters about changes that publishing would send."""
        return self._mending(proposal).sample(proposal.version(latest, self.now), difference.consequences)

    def problems(self, proposal: Proposal, latest: AgendaVersion | None) -> list[Problem]:
        """What stands against publishing, and what is doubtful; places are those of an agenda's tables."""
        return [*self.too_late(proposal, latest), *not_to_be_changed(proposal, latest)]

    def problems_of_agenda(self, proposal: Proposal, latest: AgendaVersion) -> list[Problem]:
        """As `problems`, of the agenda alone."""
        version, event = proposal.version(latest, self.now), proposal.event.key
        with self.database.reading() as transaction:
            listed, zones = people.each_listed(transaction, event), people.zones(transaction, event)
            rows = planned.planned(transaction, self.profile, version, listed, zones, self.now)
        return [*of_timetable(version, rows), *not_to_be_changed(proposal, latest)]

    def too_late(self, proposal: Proposal, latest: AgendaVersion | None) -> list[Problem]:
        """Mailings that the mail server cannot take in time: refused where its limits say so, doubtful where that
        is a guess or they have begun already.
        """
        version = proposal.version(latest, self.now)
        return of_timetable(version, self.planned(proposal, version))

    def planned(self, proposal: Proposal, version: AgendaVersion) -> list[Planned]:
        """Every occasion of the timetable in the order of time."""
        members = self._members(proposal)
        zones = {member.recipient.timezone for member in members}
        with self.database.reading() as transaction:
            return planned.planned(transaction, self.profile, version, members, zones, self.now)

    def _mending(self, proposal: Proposal) -> Mending:
        return Mending(database=self.database, sender=self.sender, texts=proposal.texts, now=self.now)

    def _members(self, proposal: Proposal) -> list[Member]:
        """The lists' people with what the database knows of them; those who are new join when published."""
        with self.database.reading() as transaction:
            known = {m.recipient.address: m for m in people.roster(transaction, proposal.event.key)}
        return [
            known.get(r.address) or Member(id=0, recipient=r, joined_at=self.now) for r in proposal.recipients
        ]

    def _due_at_once(
        self, transaction: Transaction, proposal: Proposal, version: AgendaVersion
    ) -> dict[str, int]:
        """Letters by mailing that would leave within a minute of publishing: nobody has them yet."""
        listed = {recipient.address.lower(): recipient for recipient in proposal.recipients}
        counts: dict[str, int] = {}
        for occasion in due.occasions(version, {recipient.timezone for recipient in proposal.recipients}):
            if occasion.due_at > self.now + SOON:
                continue
            known = people.members(transaction, version.event.key, occasion.mailing, occasion.anchor)
            stay = {
                key: replace(member, recipient=listed[key])
                for member in known
                if (key := member.recipient.address.lower()) in listed
            }
            come = [
                Member(id=0, recipient=recipient, joined_at=self.now)
                for key, recipient in listed.items()
                if key not in stay
            ]
            (letters,) = due.expected(version, [occasion], [*stay.values(), *come], self.now)
            if letters:
                counts[occasion.mailing] = counts.get(occasion.mailing, 0) + letters
        return counts

    def _due_at_once_to_the_listed(self, transaction: Transaction, version: AgendaVersion) -> dict[str, int]:
        """As `_due_at_once`, for those who are listed: they are seen once."""
        event = version.event.key
        soon = [
            each
            for each in due.occasions(version, people.zones(transaction, event))
            if each.due_at <= self.now + SOON
        ]
        counts: dict[str, int] = {}
        for member, had in people.with_what_they_had(
            transaction, event, {(o.mailing, o.anchor) for o in soon}
        ):
            for each in soon:
                one = replace(member, had_due_at=had.get((each.mailing, each.anchor), ()))
                if due.judge(version, each, one, max(self.now, each.due_at)).verdict is due.Verdict.SEND:
                    counts[each.mailing] = counts.get(each.mailing, 0) + 1
        return counts


@dataclass(frozen=True, kw_only=True)
class _Counting:
    """Counts letters to come, for those who are listed. `opened` are the occasions with letters, by identity."""

    transaction: Transaction
    now: datetime
    listed: Sequence[Member]
    opened: Mapping[tuple[str, str, datetime], OccasionProgress]

    def unsent(self, occasion: Occasion) -> int:
        found = self.opened.get(occasion.identity)
        return sum(found.counts.get(state, 0) for state in UNSENT) if found else 0

    def to_come(self, version: AgendaVersion, occasions: Sequence[Occasion]) -> ToCome | None:
        """Of one mailing; None where nothing of it is to come."""
        anchors: dict[str, list[Occasion]] = {}
        for each in occasions:
            anchors.setdefault(each.anchor, []).append(each)
        counts = {
            each: count + self.unsent(each)
            for anchor, those in anchors.items()
            for each, count in self._expected(version, anchor, those)
        }
        ahead = [each for each, count in counts.items() if count or each.due_at > self.now]
        if not ahead:
            return None
        hours = {each.due_at for each in ahead}
        return ToCome(letters=sum(counts.values()), hours=len(hours), first_at=min(hours))

    def _expected(
        self, version: AgendaVersion, anchor: str, occasions: Sequence[Occasion]
    ) -> Iterator[tuple[Occasion, int]]:
        """Letters that are not written down yet: for those who have none of this mailing and anchor."""
        mailing, event = version.event.mailing(occasions[0].mailing), version.event.key
        had_some = any((key, of) == (mailing.key, anchor) for key, of, _ in self.opened)
        members = people.members(self.transaction, event, mailing.key, anchor) if had_some else self.listed
        those = [each for each in occasions if not (mailing.is_reminder and each.identity in self.opened)]
        expected = due.expected(version, those, members, self.now)
        yield from ((each, 0) for each in occasions if each not in those)
        yield from zip(those, expected, strict=True)


def _by_mailing(version: AgendaVersion, zones: set[str | None]) -> dict[str, list[Occasion]]:
    found: dict[str, list[Occasion]] = {}
    for each in due.occasions(version, zones):
        found.setdefault(each.mailing, []).append(each)
    return found


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

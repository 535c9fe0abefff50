"""What falls due: rules + agenda + roster + now -> occasions, and who gets a letter of each.

Pure: no clock, no database, no letters. The service asks `occasions` for the timetable, opens each one that
is due, and has `judge` say, person by person, what becomes of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from mailer.agenda.model import AgendaVersion, Event, Mailing, SessionKind
from mailer.agenda.rules import ANCHORS, EVENT, PUBLICATION, Rule
from mailer.keyed import Keyed, itself
from mailer.planning import timing
from mailer.recipients import audience
from mailer.recipients.model import Recipient

ON_TIME_FOR = timedelta(minutes=10)
"""How late a letter may be made and still bear its due time as its date."""


@dataclass(frozen=True, kw_only=True, order=True)
class Occasion:
    """One mailing falling due once. `anchor` is `event` or a session's key; (mailing, anchor, due_at) is unique."""

    due_at: datetime
    mailing: str
    anchor: str
    useful_until: datetime

    @property
    def identity(self) -> tuple[str, str, datetime]:
        return self.mailing, self.anchor, self.due_at


@dataclass(frozen=True, kw_only=True)
class Member:
    """A recipient with what planning must know: when they joined, what they answered, what they already have.

    `answers` maps an anchor (`event` or session key) to the last answer; `had` maps a mailing and an anchor to the due
    times of the letters of it that they already have (not those withdrawn or missed): of those at hand. `waiting` are
    those among them that have not left.
    """

    id: int
    recipient: Recipient
    joined_at: datetime
    answers: dict[str, str] = field(default_factory=dict)
    unsubscribed: bool = False
    had: Mapping[tuple[str, str], Sequence[datetime]] = field(default_factory=dict)
    waiting: Mapping[tuple[str, str], Sequence[datetime]] = field(default_factory=dict)


class Verdict(StrEnum):
    SEND = "send"
    SUPPRESS = "suppress"
    MISS = "miss"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What becomes of one member at one occasion. `SKIP` leaves no row; the others a letter in that state."""

    verdict: Verdict
    reason: str = ""


def anchors(event: Event, rule: Rule) -> Iterator[str]:
    """What a mailing hangs on: the event, or each item of kind `session`."""
    if rule.per_session:
        yield from (session.key for session in event.sessions if session.kind is SessionKind.SESSION)
    else:
        yield EVENT


def stands(event: Event, mailing: Mailing) -> bool:
    """Whether the agenda holds every session the mailing's rules name: one that was dropped has no moment."""
    named = {rule.anchor for rule in (mailing.rule, mailing.useful_until_rule) if rule.instant is None}
    is_about_each = mailing.rule.per_session or not mailing.useful_until_rule.per_session
    return is_about_each and named <= {*ANCHORS, *(session.key for session in event.sessions)}


def occasions(version: AgendaVersion, zones: Iterable[str | None]) -> list[Occasion]:
    """The whole timetable, by due time: every occasion of every mailing for readers in these zones.

    A rule in the recipient's time gives one occasion for each instant at which it falls somewhere. A mailing
    that does not stand gives none: the others go on. Of what is cancelled nobody is reminded.
    """
    return list(_occasions(itself(version), frozenset(zones) or frozenset({None})))


@lru_cache(maxsize=8)
def _occasions(this: Keyed[AgendaVersion], zones: frozenset[str | None]) -> tuple[Occasion, ...]:
    """Kept, for every page asks for those of the version in force."""
    version, found = this.value, set[Occasion]()
    for mailing in () if version.event.cancelled else version.event.mailings:
        if stands(version.event, mailing):
            here = zones if timing.depends_on_reader(mailing.rule) else {None}
            for anchor in anchors(version.event, mailing.rule):
                found |= {occasion(version, mailing, anchor, zone) for zone in here}
    return tuple(sorted(found))


def occasion(version: AgendaVersion, mailing: Mailing, anchor: str, zone: str | None) -> Occasion:
    """The occasion at which a reader in `zone` gets this mailing for this anchor.

    A reminder of what is to come is of no use once that has begun, whatever its mailing says.

    Raises:
        KeyError: the mailing names a session the agenda does not hold.
    """
    due_at = timing.instant(mailing.rule, version, anchor, zone)
    useful_until = timing.instant(mailing.useful_until_rule, version, anchor, None)
    begins_at = _starts_at(version.event, anchor)
    if mailing.is_reminder and due_at < begins_at:
        useful_until = min(useful_until, begins_at)
    return Occasion(due_at=due_at, mailing=mailing.key, anchor=anchor, useful_until=useful_until)


def _starts_at(event: Event, anchor: str) -> datetime:
    return event.starts_at if anchor == EVENT else event.session(anchor).starts_at


class Judge:
    """Judges one person after the other at one occasion: the hours of each time zone are worked out once."""

    def __init__(self, version: AgendaVersion, opened: Occasion) -> None:
        self.opened, self.mailing = opened, version.event.mailing(opened.mailing)
        self._version = version
        self._in_zone: dict[str | None, bool] = {}

    @property
    def is_for_choosers(self) -> bool:
        """Whether nobody is meant who has not chosen, or answered for, the session it hangs on."""
        return audience.is_chosen(audience.parse(self.mailing.audience))

    def judge(self, member: Member, now: datetime) -> Judgement:
        """What becomes of this member at the occasion, which is due at `now`.

        Whoever joined after a reminder's moment is not reminded; every other mailing still reaches late joiners
        while it is useful. Whoever already had it for another hour gets it again only if the mailing says so.
        """
        if not self.falls_in(member.recipient.timezone):
            return Judgement(verdict=Verdict.SKIP, reason="falls at another hour in their zone")
        opened, mailing = self.opened, self.mailing
        if not self.is_for(member):
            return Judgement(verdict=Verdict.SKIP, reason="is not in the audience")
        had = member.had.get((opened.mailing, opened.anchor), ())
        if opened.due_at in had or (had and not mailing.again_when_moved):
            return Judgement(verdict=Verdict.SKIP, reason="already has it")
        if mailing.is_reminder and member.joined_at > opened.due_at:
            return Judgement(verdict=Verdict.SKIP, reason="joined after its moment")
        if member.joined_at >= opened.useful_until:
            return Judgement(verdict=Verdict.SKIP, reason="joined when it was no longer useful")
        return judge_letter(opened, now, unsubscribed=member.unsubscribed)

    def falls_in(self, zone: str | None) -> bool:
        """Whether this occasion is the one for readers in `zone`."""
        if zone not in self._in_zone:
            rule, anchor = self.mailing.rule, self.opened.anchor
            self._in_zone[zone] = (
                not timing.depends_on_reader(rule)
                or timing.instant(rule, self._version, anchor, zone) == self.opened.due_at
            )
        return self._in_zone[zone]

    def is_for(self, member: Member) -> bool:
        return is_for(self.mailing, self.opened.anchor, member)


def is_for(mailing: Mailing, anchor: str, member: Member) -> bool:
    """Whether a member is in the audience, as they have answered; nobody is reminded of what they declined."""
    answers = member.answers
    if mailing.is_reminder and "declined" in {answers.get(EVENT), answers.get(anchor)}:
        return False
    wanted = audience.parse(mailing.audience)
    return audience.matches(wanted, member.recipient, answers=answers, anchor=anchor)


def judge(version: AgendaVersion, opened: Occasion, member: Member, now: datetime) -> Judgement:
    """As `Judge.judge`, of one member."""
    return Judge(version, opened).judge(member, now)


class Expected:
    """Counts, member by member, how many letters each of these occasions would bring if it fell due with the people
    and answers that were seen, not before `now`.

    Of mailings for those who chose a session, each of which has an occasion, only those that somebody chose or
    answered are looked at.
    """

    def __init__(self, version: AgendaVersion, planned: Sequence[Occasion], now: datetime) -> None:
        self._judges = [Judge(version, each) for each in planned]
        self._at = [max(now, each.due_at) for each in planned]
        self._for_all = list[int]()
        self._for_choosers: dict[str, list[int]] = {}
        self._in_zone: dict[str | None, list[int]] = {}
        self.letters = [0] * len(planned)
        for number, each in enumerate(self._judges):
            chosen = self._for_choosers.setdefault(each.opened.anchor, []) if each.is_for_choosers else None
            (self._for_all if chosen is None else chosen).append(number)

    def see(self, member: Member) -> None:
        zone = member.recipient.timezone
        if zone not in self._in_zone:
            self._in_zone[zone] = [each for each in self._for_all if self._judges[each].falls_in(zone)]
        chosen = {*member.recipient.sessions, *member.answers} if self._for_choosers else ()
        theirs = [number for key in chosen for number in self._for_choosers.get(key, ())]
        for number in (*self._in_zone[zone], *theirs):
            if self._judges[number].judge(member, self._at[number]).verdict is Verdict.SEND:
                self.letters[number] += 1


def expected(
    version: AgendaVersion, planned: Sequence[Occasion], members: Iterable[Member], now: datetime
) -> list[int]:
    """As `Expected`, of all these members; they are seen once, one after the other."""
    counting = Expected(version, planned, now)
    for member in members:
        counting.see(member)
    return counting.letters


def judge_letter(opened: Occasion, now: datetime, *, unsubscribed: bool) -> Judgement:
    """What becomes at `now` of a letter that somebody is to have, whatever it is about."""
    if unsubscribed:
        return Judgement(verdict=Verdict.SUPPRESS, reason="unsubscribed")
    if opened.due_at >= opened.useful_until:
        return Judgement(verdict=Verdict.MISS, reason="fell due when it was no longer useful")
    if now >= opened.useful_until:
        return Judgement(verdict=Verdict.MISS, reason="was due while the service was not running")
    return Judgement(verdict=Verdict.SEND)


def moved(timetable: Iterable[Occasion], opened: Iterable[tuple[str, str, datetime]]) -> set[tuple[str, str]]:
    """The mailings and anchors that have an hour at which no letters were written down, and had some at another."""
    known = set(opened)
    anew = {each.identity[:2] for each in timetable if each.identity not in known}
    return anew & {identity[:2] for identity in known}


def next_due_at(timetable: Iterable[Occasion], now: datetime) -> datetime | None:
    """The next moment at which something falls due, strictly after `now`."""
    return min((occasion.due_at for occasion in timetable if occasion.due_at > now), default=None)


def is_to_be_opened(
    version: AgendaVersion,
    occasion: Occasion,
    now: datetime,
    opened_at: datetime | None,
    changed_at: datetime,
) -> bool:
    """Whether an occasion's letters are to be written down at `now`.

    `opened_at`: when that was last done, if ever; `changed_at`: when the agenda, the roster or an answer last
    changed. A reminder is opened once; the others again for late joiners, while they are useful.
    """
    if occasion.due_at > now:
        return False
    if opened_at is None:
        return True
    if version.event.mailing(occasion.mailing).is_reminder or now >= occasion.useful_until:
        return False
    return changed_at >= opened_at


def dated_at(opened: Occasion, now: datetime) -> datetime:
    """The Date of a letter made at `now`: its due time when it is on time, for then it can be foretold."""
    return opened.due_at if now - opened.due_at <= ON_TIME_FOR else now


def problems(version: AgendaVersion) -> Iterator[tuple[int, str]]:
    """Mailings that come too late to be useful to anybody, as (index, sentence)."""
    for index, mailing in enumerate(version.event.mailings):
        if _is_too_late(version, mailing, None):
            yield index, f"is useful until {mailing.useful_until!r}, which is not after it falls due"


def doubts(version: AgendaVersion, zones: Iterable[str | None]) -> Iterator[tuple[int, str]]:
    """Mailings that come too late for readers in some zones only, as (index, sentence)."""
    zones = sorted(filter(None, zones))
    for index, mailing in enumerate(version.event.mailings):
        if timing.depends_on_reader(mailing.rule) and not _is_too_late(version, mailing, None):
            late = [zone for zone in zones if _is_too_late(version, mailing, zone)]
            if late:
                yield index, f"falls due when it is no longer useful for readers in {', '.join(late)}"


def _is_too_late(version: AgendaVersion, mailing: Mailing, zone: str | None) -> bool:
    """Not judged: a moment that hangs on publication against one that does not, for that is known only then."""
    on_publication = {rule.anchor == PUBLICATION for rule in (mailing.rule, mailing.useful_until_rule)}
    if len(on_publication) > 1 or not stands(version.event, mailing):
        return False
    planned = (occasion(version, mailing, anchor, zone) for anchor in anchors(version.event, mailing.rule))
    return any(each.useful_until <= each.due_at for each in planned)

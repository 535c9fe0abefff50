"""Which calendar entries are no longer right, and what makes them so: held + agenda + choices -> what to tell whom.

Pure, and level-triggered: it does not ask what was done, but compares what each calendar holds with what it should.
So it is right after any sequence of edits and any loss of letters. What an entry says is composition's; who holds
what, the outbox knows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from mailer.agenda.changes import significant, worded
from mailer.agenda.model import AgendaVersion, CalendarPart, Event, Mailing, MailingKind
from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Cause, Told, Upkeep
from mailer.planning.due import Occasion

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
_Facts = tuple[object, ...]

_NEVER = datetime.min.replace(tzinfo=UTC)

ACCEPTED, DECLINED = "accepted", "declined"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a calendar was last told of one entry: from which version, with which SEQUENCE and DTSTAMP, and how.

    One `in_doubt` may not have arrived: nobody knows.
    """

    version: int
    sequence: int
    asked: bool
    cancelled: bool = False
    in_doubt: bool = False
    stamped_at: datetime = _NEVER


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a person said on their page of a session: that they want it, or no longer do."""

    wanted: bool
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Somebody with entries. `answers` are those that still hold, by anchor, `choices` the last ones, by session."""

    id: int
    joined_at: datetime
    left_at: datetime | None = None
    unsubscribed: bool = False
    held: Mapping[str, Held] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)


class Effect(StrEnum):
    """What a change does to one entry in one calendar."""

    REQUEST = "request"  # its reader is told, and asked
    CANCEL = "cancel"
    REWORD = "reword"  # its reader is told, and not asked again
    CHANGE = "change"  # of an entry that asks nobody


@dataclass(frozen=True, kw_only=True)
class Step:
    """One entry to be told, why, and when."""

    told: Told
    effect: Effect
    cause: Cause
    due_at: datetime
    since: int


@dataclass(frozen=True, kw_only=True)
class EntryLetter:
    """A letter that somebody is to get because of their entries, and the occasion it belongs to."""

    occasion: Occasion
    upkeep: Upkeep
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Entries:
    """The agenda in force, and by number those that people may have been told of."""

    latest: AgendaVersion
    earlier: Mapping[int, AgendaVersion]
    _said: dict[tuple[int, str], tuple[_Facts | None, _Facts | None]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _ends: dict[int, dict[str, datetime]] = field(default_factory=dict, repr=False, compare=False)
    _places: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._places.update({session.key: place for place, session in enumerate(self.event.sessions)})

    @property
    def event(self) -> Event:
        return self.latest.event

    def are_right(self, anchor: str, version: int, *, cancelled: bool) -> bool:
        """Whether all entries last told of from `version` say what is in force, whoever holds them and wants them."""
        if cancelled or not self._takes_place(anchor):
            return cancelled and not self._takes_place(anchor)
        return self._says(version, anchor) == self._says(self.latest.number, anchor)

    def with_doubts(self, holder: Holder, doubted: Iterable[Mapping[str, Held]]) -> Holder:
        """The holder with what letters may have brought of which nobody knows. One that is right will be settled,
        unless it is over (`in_doubt` for good); of the others all is told anew.
        """
        held = dict(holder.held)
        for letter in doubted:
            is_right = all(
                self.are_right(a, each.version, cancelled=each.cancelled) for a, each in letter.items()
            )
            is_over = any(each.in_doubt for each in letter.values())
            if is_right and not is_over and holder.left_at is None:
                continue
            for anchor, may_hold in letter.items():
                known = held.get(anchor)
                if known is None or (known.version, known.sequence) < (may_hold.version, may_hold.sequence):
                    asked = may_hold.asked or (known is not None and known.asked)
                    held[anchor] = replace(may_hold, asked=asked, in_doubt=True)
        return replace(holder, held=held)

    def steps(self, holder: Holder) -> Iterator[Step]:
        """What makes this person's entries right, in the agenda's order; nothing where they are."""
        chosen = [key for key, choice in holder.choices.items() if choice.wanted]
        for anchor in sorted({*holder.held, *chosen, *self._new(holder)}, key=self.place):
            if step := self._step(holder, anchor, holder.held.get(anchor)):
                yield step

    def _new(self, holder: Holder) -> Iterator[str]:
        """Sessions that came into the agenda after this person was shown all of it."""
        shown = [
            held
            for anchor, held in holder.held.items()
            if anchor != EVENT and not (held.asked or held.cancelled)
        ]
        if shown and holder.left_at is None:
            latest = max(held.version for held in shown)
            yield from (
                session.key
                for session in self.event.sessions
                if session.key not in holder.held
                and self._significant(latest, session.key) is None
                and session.key not in holder.choices
            )

    def letters(self, holder: Holder) -> list[EntryLetter]:
        """The letters that tell it: each asks about one entry at most; what asks nobody goes with the event's."""
        letters = self._gathered(holder, self.steps(holder))
        return [each for each in letters if each.occasion.due_at < each.occasion.useful_until]

    def correction(self, holder: Holder, now: datetime) -> list[EntryLetter]:
        """The letters that tell everything they hold anew, as a newer state, whatever the ledger says was told.

        For a calendar that is known to be wrong though the ledger calls it right.
        """
        steps = []
        for anchor in sorted(holder.held, key=self.place):
            held = holder.held[anchor]
            step = self._step(holder, anchor, held) or self._again(holder, anchor, held)
            asks = step.told.asked and not step.told.cancelled
            anew = {"sequence": max(step.told.sequence, held.sequence + 1), "answer": "", "anew": asks}
            told = step.told.model_copy(update=anew)
            steps.append(replace(step, told=told, cause=Cause.CORRECTION, due_at=now))
        return self._gathered(holder, steps)

    def for_mailing(
        self, holder: Holder, part: CalendarPart, anchor: str, stamped_at: datetime
    ) -> Upkeep | None:
        """What a mailing's own calendar part has to tell this person instead of the usual, if it is not the usual:
        an entry that was cancelled for them needs a newer number, and one they took off stays off.
        """
        anchors = _carried(self.event, part, anchor)
        if all(self._is_usual(holder.held.get(each), each) for each in anchors):
            return None
        told = tuple(
            Told(anchor=each, version=self.latest.number, asked=part is not CalendarPart.SESSIONS,
                 sequence=self._number(each, holder.held.get(each)))
            for each in anchors
            if self._is_wanted(holder, each, holder.held.get(each))
        )  # fmt: skip
        stamped_at = max((stamped_at, *self._newer_stamps(holder, told)))
        return Upkeep(cause=Cause.AGENDA, since=self.latest.number, stamped_at=stamped_at, told=told)

    # ── one entry ────────────────────────────────────────────────────────────────────────────────────────────

    def _step(self, holder: Holder, anchor: str, held: Held | None) -> Step | None:
        if not self._is_wanted(holder, anchor, held):
            is_gone = held is None or (held.cancelled and not held.in_doubt)
            return None if held is None or is_gone else self._cancelling(holder, anchor, held)
        if held is None:
            effect = Effect.REQUEST if anchor in holder.choices else Effect.CHANGE
            return self._telling(holder, anchor, held, effect)
        after = self._significant(self.latest.number, anchor)
        before = None if held.cancelled else self._significant(held.version, anchor)
        if before != after:
            return self._telling(holder, anchor, held, Effect.REQUEST if held.asked else Effect.CHANGE)
        if held.in_doubt or self._worded(held.version, anchor) != self._worded(self.latest.number, anchor):
            if held.asked and holder.answers.get(anchor) == DECLINED:
                return None
            effect = Effect.REWORD if held.asked else Effect.CHANGE
            return self._telling(holder, anchor, held, effect, is_material=False)
        choice = holder.choices.get(anchor)
        if choice and choice.wanted and not held.asked:
            return self._telling(holder, anchor, held, Effect.REWORD, is_material=False)
        return None

    def _is_wanted(self, holder: Holder, anchor: str, held: Held | None) -> bool:
        """Whether the entry should be in this person's calendar."""
        if holder.left_at is not None or not self._takes_place(anchor):
            return False
        choice = holder.choices.get(anchor)
        return choice is None or choice.wanted or (held is not None and not (held.asked or held.cancelled))

    def _telling(
        self, holder: Holder, anchor: str, held: Held | None, effect: Effect, *, is_material: bool = True
    ) -> Step:
        choice = holder.choices.get(anchor)
        answer = holder.answers.get(anchor, "") if effect is Effect.REWORD else ""
        cause, due_at = Cause.AGENDA, self.latest.told_from
        if held and held.cancelled and holder.joined_at > self.latest.published_at:  # they came back
            due_at = _next_second(holder.joined_at) + self._quiet
        if choice and choice.wanted and self._is_because_of(choice, held):
            cause, due_at, answer = Cause.CHOICE, _minute_after(choice.at), ACCEPTED
        told = Told(
            anchor=anchor,
            version=self.latest.number,
            sequence=held.sequence if held and not is_material else self._number(anchor, held, is_new=True),
            asked=(held is not None and held.asked) or (choice is not None and choice.wanted),
            anew=effect is Effect.REQUEST and not answer,
            answer=answer,
        )
        since = self._since(held) if held else self.latest.number
        return Step(told=told, effect=effect, cause=cause, due_at=due_at, since=since)

    def _is_because_of(self, choice: Choice, held: Held | None) -> bool:
        """Whether it is the person who moved, and not the agenda since."""
        return held is None or (choice.at >= self.latest.published_at and (held.cancelled or not held.asked))

    def _cancelling(self, holder: Holder, anchor: str, held: Held) -> Step:
        """One session that is off is taken out by a CANCEL of its own, however it came: calendars keep what a PUBLISH
        no longer has. Where everything is off, what asked nobody goes beside the CANCEL of the event.
        """
        is_alone = holder.left_at is None and not self.event.cancelled
        since = self._since(held)
        told = Told(
            anchor=anchor,
            version=self._last_that_holds(anchor, since),
            sequence=self._number(anchor, held, is_new=True),
            asked=held.asked or is_alone,
            cancelled=True,
        )
        if holder.left_at is not None:
            cause, due_at = Cause.LEFT, _next_second(holder.left_at) + self._quiet
        elif not self._takes_place(anchor):
            cause, due_at = Cause.AGENDA, self.latest.told_from
        else:
            cause, due_at = Cause.CHOICE, _minute_after(holder.choices[anchor].at)
        return Step(told=told, effect=Effect.CANCEL, cause=cause, due_at=due_at, since=since)

    def _again(self, holder: Holder, anchor: str, held: Held) -> Step:
        """What is right by the ledger, told once more."""
        if held.cancelled:
            return self._cancelling(holder, anchor, held)
        return self._telling(holder, anchor, held, Effect.REQUEST if held.asked else Effect.CHANGE)

    def _number(self, anchor: str, held: Held | None, *, is_new: bool = False) -> int:
        """The SEQUENCE to tell: the version's, or what is above all that this calendar was told (RFC 5546 2.1.4)."""
        usual = self.latest.sequences.get(anchor, 0)
        if held is None:
            return usual
        return max(usual, held.sequence + (1 if is_new or held.cancelled else 0))

    def _is_usual(self, held: Held | None, anchor: str) -> bool:
        return held is None or (not held.cancelled and held.sequence <= self.latest.sequences.get(anchor, 0))

    # ── letters ─────────────────────────────────────────────────────────────────────────────────────────────

    def _gathered(self, holder: Holder, steps: Iterable[Step]) -> list[EntryLetter]:
        grouped: dict[str, list[Step]] = {}
        for step in steps:
            grouped.setdefault(step.told.anchor if step.told.asked else EVENT, []).append(step)
        return [self._letter(holder, anchor, steps) for anchor, steps in grouped.items()]

    def _letter(self, holder: Holder, anchor: str, steps: Sequence[Step]) -> EntryLetter:
        ends = all(step.told.cancelled for step in steps) and (
            anchor != EVENT or holder.left_at is not None or self.event.cancelled
        )
        due_at = max(step.due_at for step in steps)
        first = next((step for step in steps if step.told.asked), steps[0])
        told = tuple(step.told for step in steps)
        since, later = self._known(holder, anchor, steps)
        return EntryLetter(
            occasion=Occasion(
                due_at=due_at,
                mailing=(MailingKind.CANCELLATION if ends else MailingKind.UPDATE).value,
                anchor=anchor,
                useful_until=self._useful_until(anchor, told),
            ),
            upkeep=Upkeep(
                cause=first.cause,
                since=since,
                later=later,
                stamped_at=max(due_at, self.latest.published_at, *self._newer_stamps(holder, told)),
                told=told,
            ),
            steps=tuple(steps),
        )

    def _known(
        self, holder: Holder, anchor: str, steps: Sequence[Step]
    ) -> tuple[int, tuple[tuple[str, int], ...]]:
        """The version the reader was last told of, and by anchor that of what they were told of since.

        Whoever was told of the event was told of all its sessions, as they then were.
        """
        if anchor != EVENT:
            return steps[0].since, ()
        told = {key: self._since(each) for key, each in holder.held.items()}
        since = told.get(EVENT, min(step.since for step in steps))
        return since, tuple(sorted((key, version) for key, version in told.items() if version > since))

    def _newer_stamps(self, holder: Holder, told: Iterable[Told]) -> Iterator[datetime]:
        """What is newer than the stamps these calendars hold, whatever the clock said then (RFC 5546 2.1.5)."""
        held = (holder.held.get(each.anchor) for each in told)
        yield from (each.stamped_at + SECOND for each in held if each)

    def _useful_until(self, anchor: str, told: Iterable[Told]) -> datetime:
        """The later end of what was told before and of what is told now."""
        now = self.latest.number
        ends = [self._end(now, EVENT)] if anchor == EVENT else []
        ends += [self._end(version, each.anchor) for each in told for version in (now, each.version)]
        return max(filter(None, ends), default=None) or self.event.ends_at

    # ── what an agenda says ──────────────────────────────────────────────────────────────────────────────────

    @property
    def _quiet(self) -> timedelta:
        return timedelta(minutes=self.event.quiet_minutes)

    def place(self, anchor: str) -> tuple[int, str]:
        """To sort by: the event first, then its sessions in their order, then those that are none any more."""
        after_all = len(self._places)
        return -1 if anchor == EVENT else self._places.get(anchor, after_all), anchor

    def _since(self, held: Held) -> int:
        """The version that a calendar was last told of; the one in force where a damaged row names none there was."""
        return held.version if self.earlier.get(held.version) else self.latest.number

    def _last_that_holds(self, anchor: str, number: int) -> int:
        """The newest version up to this one in which the entry takes place: a cancellation shows it as it was."""
        return next(
            (each for each in range(number, 0, -1) if self._significant(each, anchor) is not None), number
        )

    def _says(self, version: int, anchor: str) -> tuple[_Facts | None, _Facts | None]:
        """What matters of an entry, and its words: worked out once, for everybody holds it."""
        this = version, anchor
        if this not in self._said:
            known = self._known_as(version)
            matters = significant(known.event, anchor) if known else None
            self._said[this] = matters, worded(known.event, anchor) if known and matters else None
        return self._said[this]

    def _significant(self, version: int, anchor: str) -> _Facts | None:
        return self._says(version, anchor)[0]

    def _worded(self, version: int, anchor: str) -> _Facts | None:
        return self._says(version, anchor)[1]

    def _end(self, version: int, anchor: str) -> datetime | None:
        """When what an entry is about ends; None where the version does not hold it."""
        if version not in self._ends:
            known = self._known_as(version)
            ends = {session.key: session.ends_at for session in known.event.sessions} if known else {}
            self._ends[version] = {EVENT: known.event.ends_at, **ends} if known else {}
        return self._ends[version].get(anchor)

    def _known_as(self, version: int) -> AgendaVersion | None:
        return self.latest if version == self.latest.number else self.earlier.get(version)

    def _takes_place(self, anchor: str) -> bool:
        return self._significant(self.latest.number, anchor) is not None


def _carried(event: Event, part: CalendarPart, anchor: str) -> tuple[str, ...]:
    """The entries that a mailing's calendar part brings."""
    match part:
        case CalendarPart.NONE:
            return ()
        case CalendarPart.EVENT:
            return (EVENT,)
        case CalendarPart.SESSION:
            return (anchor,)
        case CalendarPart.SESSIONS:
            return tuple(session.key for session in event.sessions)


def carried(version: AgendaVersion, mailing: Mailing, anchor: str, upkeep: Upkeep | None) -> dict[str, Held]:
    """What a letter that was written from this version makes its reader hold."""
    if upkeep:
        return {
            each.anchor: Held(
                version=version.number,
                sequence=each.sequence,
                asked=each.asked,
                cancelled=each.cancelled,
                stamped_at=upkeep.stamped_at,
            )
            for each in upkeep.told
        }
    asked = mailing.calendar is not CalendarPart.SESSIONS
    return {
        each: Held(
            version=version.number,
            sequence=version.sequences.get(each, 0),
            asked=asked,
            stamped_at=version.published_at,
        )
        for each in _carried(version.event, mailing.calendar, anchor)
    }


def _minute_after(at: datetime) -> datetime:
    """The next whole minute: those who choose within one share an occasion."""
    return at.replace(second=0, microsecond=0) + MINUTE


def _next_second(at: datetime) -> datetime:
    """The next whole second, for DTSTAMP has no others."""
    return at if not at.microsecond else at.replace(microsecond=0) + SECOND

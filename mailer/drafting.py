"""The agenda as organisers change it on the desk: kept edit by edit, taken back, compared, published.

What an edit makes of an agenda is `agenda.editing`'s; what publishing would do is `publishing`'s.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from mailer.agenda import editing
from mailer.agenda.changes import Change, days_moved, differences, in_words, on_the_clock_of
from mailer.agenda.model import OF_ITSELF, AgendaVersion, Event
from mailer.composition import wording
from mailer.composition.composing import NO_FILES, Composed, Contents, Sender
from mailer.composition.wording import Wording
from mailer.delivery.profiles import Profile
from mailer.dossier import Proposal, out_of_time
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.lately import AsOf, Beside, Heard, nobody
from mailer.outbox import agendas, attachments, audit, drafts, editions, people
from mailer.outbox.database import Database, Transaction
from mailer.outbox.drafts import Edit
from mailer.outbox.editions import Hand
from mailer.outbox.pulse import pulse
from mailer.publishing import Course, Difference, Publishing
from mailer.releasing import hands_in, wording_in_force
from mailer.service import Service


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The agenda as it would be published. `edits` made it of `version`, which is in force.

    `behind` are edits that were begun on an earlier version and wait to be carried over, or given up.
    """

    version: AgendaVersion
    event: Event
    edits: tuple[Edit, ...] = ()
    behind: tuple[Edit, ...] = ()

    @property
    def number(self) -> int:
        """The number of the last edit; 0 while there is none."""
        return self.edits[-1].number if self.edits else 0

    @property
    def seen(self) -> str:
        """Names this state of the draft: who has another in hand has not seen it."""
        return f"{self.version.number}.{self.number}"

    @property
    def hands(self) -> frozenset[Hand]:
        """Who had a hand in it since that version, and in which part."""
        return self.edits[-1].hands if self.edits else frozenset()

    @property
    def changes(self) -> list[Change]:
        return differences(self.version.event, self.event)

    @property
    def calls_off(self) -> bool:
        """Whether publishing it would call the whole conference off."""
        return self.event.cancelled and not self.version.event.cancelled

    @property
    def reinstates(self) -> bool:
        """Whether by publishing it the conference would take place after all."""
        return self.version.event.cancelled and not self.event.cancelled

    @property
    def clock_moves_by(self) -> timedelta:
        """By how much later every session takes place for its hour being told in another time zone."""
        was = self.version.event
        return on_the_clock_of(was, self.event.timezone).starts_at - was.starts_at

    @property
    def days_moved(self) -> int:
        """By how many days later the whole conference takes place."""
        return days_moved(self.version.event, self.event)

    @property
    def is_for_an_administrator(self) -> bool:
        """Whether it would have others see mailings before they leave than those who must now."""
        return self.event.approval is not self.version.event.approval

    def is_known(self, key: str) -> bool:
        """Whether a session was ever published: then it is cancelled and not taken out."""
        return key in self.version.sequences


class Overtaken(ConvenorError):  # noqa: N818 - it names what happened meanwhile
    """Somebody else has changed or published the agenda since it was looked at. `draft` is how it is now."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        super().__init__("somebody else has changed the agenda meanwhile")


class NotToBePublished(BadInput):
    """What stands against publishing, all at once."""


class ForAnAdministrator(ConvenorError):  # noqa: N818 - it names whose it is
    """The draft changes who must have seen a mailing before it leaves, and who publishes it may not."""

    def __init__(self) -> None:
        super().__init__("an administrator alone may change who approves mailings")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What publishing the draft would do, and what stands against it."""

    draft: Draft
    difference: Difference
    courses: tuple[Course, ...]
    sample: Composed | None
    problems: tuple[Problem, ...]

    @property
    def is_sound(self) -> bool:
        return all(problem.warning for problem in self.problems)


_foreseen: Beside[Outcome] = Beside(most=4)
"""What publishing each draft would do, for long lists: seconds of work."""

HOLDS_FOR = timedelta(minutes=5)
"""How long it is taken for what it would do now, if nothing but the time has changed: what falls due meanwhile leaves
at once, or comes too late.
"""

_BEGINNING = datetime.min.replace(tzinfo=UTC)


def _as_it_is(event: Event) -> Event:
    return event


@dataclass(frozen=True, kw_only=True)
class Drafting:
    """One event's draft at one moment. `by` is who works on it."""

    database: Database
    event: str
    now: datetime
    by: str
    sender: Sender = field(repr=False)
    texts: Wording = field(repr=False)
    profile: Profile

    def look(self) -> Draft:
        """The draft as it is. Raises ConvenorError while nothing is published."""
        with self.database.reading() as transaction:
            return self._draft(transaction)

    def edit(self, seen: str, change: Callable[[Event], Event], contents: Contents = NO_FILES) -> Draft:
        """Keep one edit of the draft that was `seen`. `contents` are those of files that it attaches, by SHA-256.

        Raises:
            Overtaken: another came meanwhile.
            BadInput, KeyError: as `change`.
        """
        with self.database.writing() as transaction:
            draft = self._as_seen(transaction, seen)
            changed = change(draft.event)
            attachments.keep(transaction, contents, self.now)
            if changed != draft.event:
                what = in_words(differences(draft.event, changed), draft.event, changed)
                self._keep(transaction, draft, changed, what)
            return self._draft(transaction)

    def undo(self, seen: str) -> Draft:
        """Take back the last edit, if there is one. Raises Overtaken."""
        with self.database.writing() as transaction:
            draft = self._as_seen(transaction, seen)
            if draft.edits:
                last = draft.edits[-1]
                drafts.take_back(transaction, self.event, last.number, self.now)
                audit.note(transaction, self.now, self.by, "took back an edit", last.what, event=self.event)
            return self._draft(transaction)

    def carry_over(self, seen: str) -> Draft:
        """What was begun on an earlier version, on the one in force. Raises Overtaken."""
        with self.database.writing() as transaction:
            draft = self._as_seen(transaction, seen)
            if draft.behind:
                last = draft.behind[-1]
                base = agendas.version(transaction, self.event, last.based_on).event
                theirs = drafts.document(transaction, self.event, last.number)
                carried = editing.carry_over(base, theirs, draft.event)
                editing.doubts(carried)
                what = f"what was begun on version {last.based_on}"
                self._keep(transaction, draft, carried, what, last.hands)
                self._forget_behind(transaction, draft)
            return self._draft(transaction)

    def give_up(self, seen: str) -> Draft:
        """Throw away what was begun on an earlier version. Raises Overtaken."""
        with self.database.writing() as transaction:
            draft = self._as_seen(transaction, seen)
            if draft.behind:
                self._forget_behind(transaction, draft)
                what = "; ".join(each.what for each in draft.behind)
                audit.note(transaction, self.now, self.by, "gave up edits", what, event=self.event)
            return self._draft(transaction)

    def outcome(self, change: Callable[[Event], Event] = _as_it_is) -> Outcome:
        """What publishing the draft now would do, with `change` made to it; nothing is kept of that. With a long list,
        whoever asks waits.

        Raises:
            ConvenorError: nothing is published yet.
            BadInput, KeyError: as `change`.
        """
        if not self._is_long():
            return self._outcome(change, nobody)
        what, state = self._where(change)
        return _foreseen.at_once(what, state, self.now, partial(self._outcome, change)).value

    def foreseen(self, change: Callable[[Event], Event] = _as_it_is) -> AsOf[Outcome]:
        """As `outcome`, at once: for a long list it is worked out beside, and may be of a moment ago.

        Raises:
            NotYet: it is being worked out for the first time.
            ConvenorError, BadInput, KeyError: as `outcome`.
        """
        if not self._is_long():
            return AsOf(value=self._outcome(change, nobody), at=self.now)
        what, state = self._where(change)
        return _foreseen.get(what, state, self.now, partial(self._outcome, change))

    def _foreseen_lately(self) -> Outcome | None:
        what, _ = self._where(_as_it_is)
        found = _foreseen.last(what)
        return found.value if found and self.now - found.at < HOLDS_FOR else None

    def _is_long(self) -> bool:
        with self.database.reading() as transaction:
            return people.is_long_list(transaction, self.event)

    def _where(self, change: Callable[[Event], Event]) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """Which agenda it is, for which list and in which words; and the state of all else that what publishing it does
        depends on.
        """
        with self.database.reading() as transaction:
            draft = self._draft(transaction)
            state = (
                pulse(transaction),
                people.unsubscribed(transaction, self.event),
                wording_in_force(transaction, self.event, self.texts).digest,
                (self.now - _BEGINNING) // HOLDS_FOR,
            )
            edited = editions.begun_at(transaction, self.event)
        return (self.database.engine, self.event, edited, draft.seen, change(draft.event)), state

    def _outcome(self, change: Callable[[Event], Event], heard: Heard) -> Outcome:
        with self.database.reading() as transaction:
            draft = self._draft(transaction)
            draft = replace(draft, event=change(draft.event))
            texts = wording_in_force(transaction, self.event, self.texts)
            zones = people.zones(transaction, self.event)
        publishing = Publishing(
            database=self.database, sender=self.sender, profile=self.profile, now=self.now, heard=heard
        )
        proposal = Proposal(event=draft.event, recipients=None, texts=texts)
        foreseen = publishing.foresee(proposal, draft.version)
        problems = [*_unwritten(draft, texts), *_out_of_order(draft.event, zones, foreseen.problems)]
        return Outcome(
            draft=draft,
            difference=foreseen.difference,
            courses=foreseen.courses,
            sample=publishing.sample(proposal, draft.version, foreseen.difference),
            problems=tuple(_named(each, draft.event) for each in problems),
        )

    def publish(self, seen: str, *, is_administrator: bool = False) -> AgendaVersion:
        """Put the draft that was `seen` in force, for the people who are on the list now.

        With a long list, it is judged by what was foreseen of it in the last minutes, if anybody has looked and nobody
        has edited words or list since: whatever was answered changes nothing that would stand against it.

        Raises:
            ForAnAdministrator: it changes who approves mailings.
            Overtaken: somebody has changed or published the agenda meanwhile.
            NotToBePublished: what stands against it.
        """
        outcome = self._foreseen_lately() or self.outcome()
        if outcome.draft.seen != seen:
            raise Overtaken(outcome.draft)
        if not outcome.is_sound:
            raise NotToBePublished([each for each in outcome.problems if not each.warning])
        service = Service(database=self.database, event=self.event, sender=self.sender, texts=self.texts)
        with self.database.writing() as transaction:
            draft = self._as_seen(transaction, seen)
            if draft.is_for_an_administrator and not is_administrator:
                raise ForAnAdministrator
            version, _ = service.publish_in(
                transaction, draft.event, None, self.now, published_by=self.by, hands=draft.hands
            )
            drafts.forget(transaction, self.event, based_on=draft.version.number)
            what = f"agenda version {version.number}"
            audit.note(transaction, self.now, self.by, "published", what, event=self.event)
        return version

    def _draft(self, transaction: Transaction) -> Draft:
        version = agendas.latest(transaction, self.event)
        if version is None:
            raise ConvenorError("nothing of this event is published yet")
        standing = drafts.edits(transaction, self.event)
        edits = tuple(each for each in standing if each.based_on == version.number)
        return Draft(
            version=version,
            event=drafts.document(transaction, self.event, edits[-1].number) if edits else version.event,
            edits=edits,
            behind=tuple(each for each in standing if each.based_on != version.number),
        )

    def _as_seen(self, transaction: Transaction, seen: str) -> Draft:
        draft = self._draft(transaction)
        if draft.seen != seen:
            raise Overtaken(draft)
        return draft

    def _keep(
        self,
        transaction: Transaction,
        draft: Draft,
        event: Event,
        what: str,
        others: frozenset[Hand] = frozenset(),
    ) -> None:
        hands = draft.hands | others | hands_in(draft.event, event, self.by)
        drafts.add(transaction, event, draft.version.number, self.now, self.by, what, hands=hands)
        audit.note(transaction, self.now, self.by, "changed the agenda's draft", what, event=self.event)

    def _forget_behind(self, transaction: Transaction, draft: Draft) -> None:
        for number in {each.based_on for each in draft.behind}:
            drafts.forget(transaction, self.event, based_on=number)


def _out_of_order(
    event: Event, zones: Collection[str | None], foreseen: Sequence[Problem]
) -> Sequence[Problem]:
    """What is wrong or doubtful with the agenda itself; with what is `foreseen`, unless it is wrong."""
    try:
        doubts = editing.doubts(event)
    except BadInput as error:
        return error.problems
    return [*doubts, *out_of_time(event, zones), *foreseen]


def _unwritten(draft: Draft, texts: Wording) -> list[Problem]:
    """Kinds of letters that are not written in the language that the event is to be in."""
    if draft.event.language == draft.version.event.language:
        return []
    kinds = dict.fromkeys((*(each.kind for each in draft.event.mailings), *OF_ITSELF))
    return [
        replace(each, field=f"letters of kind {each.file.rstrip('/')}")
        for each in wording.unwritten(texts, kinds, draft.event.language)
    ]


def _named(problem: Problem, event: Event) -> Problem:
    """With the key of a mailing in the place of its number."""
    place, _, name = (problem.field or "").partition(".")
    if place.startswith("mailing[") and place.endswith("]"):
        mailing = event.mailings[int(place[len("mailing[") : -1])]
        return Problem(
            file="", field=f"{mailing.title}: {name}", message=problem.message, warning=problem.warning
        )
    return problem

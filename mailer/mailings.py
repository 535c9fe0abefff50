"""Mailings as organisers work on them: as the draft has them, whom they reach, in which words; tried, reworded.

Joins what the outbox keeps with planning and composition, for the desk. What a form makes of a mailing is
`agenda.rewriting`'s, what may leave `releasing`'s.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial

from mailer.agenda import changes
from mailer.agenda.model import OF_ITSELF, UNASKED, AgendaVersion, Event, Mailing
from mailer.agenda.rules import EVENT
from mailer.composition import wording
from mailer.composition.composing import NO_FILES, Composed, Contents, Sender, compose
from mailer.composition.wording import FALLBACK, PARTS, Wording
from mailer.delivery.envelope import Parcel
from mailer.delivery.outcome import Outcome
from mailer.drafting import Draft
from mailer.errors import BadInput, ConvenorError
from mailer.keyed import Keyed, itself
from mailer.lately import AsOf, Beside, Heard
from mailer.outbox import agendas, attachments, audit, editions, occasions, people
from mailer.outbox.database import Database, Transaction
from mailer.outbox.letter import Happening
from mailer.planning import due
from mailer.planning.due import Member, Occasion
from mailer.recipients.cells import address_in
from mailer.recipients.model import Recipient, Role
from mailer.releasing import wording_in_force
from mailer.service import Service

AT_ONCE = 25
"""People of an audience on one page."""

_TOLD_EVERY = 1_000
"""People after whom one is told how far it is."""

MOST_COUNTED = 32
"""Audiences whose count is kept: some are only typed and never kept."""

MOST_SHOWN = 16
"""Letters that are kept to be shown again."""

Post = Callable[[Parcel], tuple[Outcome, str]]
"""Sends one letter that is in no outbox; the outcome, and through what."""

TESTED = "sent a test letter"
ASKED = "asked for a test letter"
MOST_TESTS = 20
"""Test letters that one account may send within an hour: every mailing of an event in three languages."""

TESTS_ARE_COUNTED_FOR = timedelta(hours=1)
MARK = "[Test] "
"""What the subject of a test letter begins with, in every language."""

_THROUGH = " through "


class TooManyTests(ConvenorError):  # noqa: N818 - it says what happened
    """Somebody has sent as many test letters as one may; the next can be sent after `after`."""

    def __init__(self, after: timedelta) -> None:
        self.after = after
        minutes = max(1, math.ceil(after / timedelta(minutes=1)))
        super().__init__(
            f"{MOST_TESTS} test letters within an hour are the most that one account may send; "
            f"the next in {minutes} minute{'' if minutes == 1 else 's'}"
        )


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Whom an audience reaches now: how many, in which languages, and the address of the first of them. `ids` are
    theirs, in the order of the list, 8 bytes each; `edition` is that under which they were counted.
    """

    languages: frozenset[str]
    first: str = ""
    ids: Sequence[int] = ()
    edition: tuple[int, datetime | None] = (0, None)

    @property
    def people(self) -> int:
        return len(self.ids)


_counted: Beside[Reach] = Beside(most=MOST_COUNTED)
"""Whom each audience reaches, by the agenda, the list and the answers of then: with a long list, seconds of work."""


class Overtaken(ConvenorError):  # noqa: N818 - it names what happened meanwhile
    """Somebody else has changed it since it was looked at."""


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """A mailing as the draft has it. `version` is the agenda it is looked at in: the one in force, or the draft's where
    the mailing is not published like this. `published` is the mailing in force, if there is one; `is_out`: the draft
    has it no more.
    """

    mailing: Mailing
    version: AgendaVersion
    published: Mailing | None
    is_out: bool = False

    @property
    def is_new(self) -> bool:
        return self.published is None

    @property
    def is_changed(self) -> bool:
        return self.published is not None and self.mailing != self.published

    @property
    def is_as_published(self) -> bool:
        return not (self.is_new or self.is_changed or self.is_out)


def drafted(draft: Draft, key: str, now: datetime) -> Drafted:
    """One mailing, one that the draft has taken out as well. Raises KeyError for a key that neither has."""
    in_force, in_draft = draft.version.event, draft.event
    if key in UNASKED:
        return Drafted(mailing=UNASKED[key], version=draft.version, published=UNASKED[key])
    published = next((each for each in in_force.mailings if each.key == key), None)
    mailing = next((each for each in in_draft.mailings if each.key == key), None)
    if mailing is None:
        if published is None:
            raise KeyError(key)
        return Drafted(mailing=published, version=draft.version, published=published, is_out=True)
    if mailing == published:
        return Drafted(mailing=mailing, version=draft.version, published=published)
    return Drafted(mailing=mailing, version=as_drafted(draft, now), published=published)


def every_drafted(draft: Draft, now: datetime) -> list[Drafted]:
    """All of them: those of the draft, those it has taken out, those that leave by themselves."""
    keys = (each.key for each in (*draft.event.mailings, *draft.version.event.mailings, *UNASKED.values()))
    return [drafted(draft, key, now) for key in dict.fromkeys(keys)]


def as_drafted(draft: Draft, now: datetime) -> AgendaVersion:
    """The version that publishing the draft would make."""
    if draft.event == draft.version.event:
        return draft.version
    return changes.next_version(draft.version, draft.event, now.replace(microsecond=0))


@dataclass(frozen=True, kw_only=True)
class Mailings:
    """One event's mailings at one moment. `by` is whoever works on them."""

    database: Database
    event: str
    sender: Sender = field(repr=False)
    now: datetime
    by: str = ""

    def keys_ever(self) -> frozenset[str]:
        """The keys of mailings of which letters were ever written down."""
        with self.database.reading() as transaction:
            return frozenset(each.mailing for each in occasions.occasions(transaction, self.event))

    def texts(self) -> Wording:
        """The wording in force."""
        with self.database.reading() as transaction:
            return wording_in_force(transaction, self.event, Wording(texts={}))

    # ── whom ─────────────────────────────────────────────────────────────────────────────────────────────────

    def reach(self, version: AgendaVersion, mailing: Mailing) -> AsOf[Reach]:
        """Whom the mailing would reach now: counted anew when the list or an answer has changed; for a long list
        beside, so that it may be of a moment ago.

        Raises:
            NotYet: it is being counted for the first time.
        """
        anchors, language = _anchors(version.event, mailing), version.event.language
        with self.database.reading() as transaction:
            state = people.changed_at(transaction, self.event), people.unsubscribed(transaction, self.event)
            is_long = people.is_long_list(transaction, self.event)
        what = (self.database.engine, self.event, mailing.audience, mailing.kind, anchors, language)
        count = partial(self._reach, mailing, anchors, language)
        return (_counted.get if is_long else _counted.at_once)(what, state, self.now, count)

    def _reach(self, mailing: Mailing, anchors: Collection[str], language: str, heard: Heard) -> Reach:
        languages, first, ids = set[str](), "", array("q")
        with self.database.reading() as transaction:
            of, edition = people.asked(transaction, self.event), editions.begun_at(transaction, self.event)
            for number, member in enumerate(people.each_listed(transaction, self.event)):
                if number % _TOLD_EVERY == 0:
                    heard(number, of)
                if _is_reached(mailing, anchors, member):
                    ids.append(member.id)
                    first = first or member.recipient.address
                    languages.add(member.recipient.language or language)
        return Reach(languages=frozenset(languages), first=first, ids=ids, edition=edition)

    def is_as_edited(self, counted: AsOf[Reach]) -> bool:
        """Whether nobody has edited whom it reaches since that was counted; answers may have come in."""
        with self.database.reading() as transaction:
            return counted.is_present or counted.value.edition == editions.begun_at(transaction, self.event)

    def audience(self, reach: Reach, after: int = 0) -> tuple[list[Member], int | None]:
        """Some of those who are reached, from behind the id `after`; and where to go on, if there are more."""
        begins = bisect_right(reach.ids, after)
        ids = reach.ids[begins : begins + AT_ONCE + 1]
        with self.database.reading() as transaction:
            found = people.these(transaction, list(ids[:AT_ONCE]))
        return found, ids[AT_ONCE - 1] if len(ids) > AT_ONCE else None

    # ── how it looks ─────────────────────────────────────────────────────────────────────────────────────────

    def reader(self, address: str) -> Recipient:
        """Somebody on the list. Raises ConvenorError for anybody else."""
        with self.database.reading() as transaction:
            links = people.links_of(transaction, self.event, address)
            found = people.member_by_handle(transaction, links[0]) if links else None
        if found is None:
            raise ConvenorError(f"{address} is on no list of this event")
        return found[1].recipient

    def letter(
        self,
        version: AgendaVersion,
        mailing: Mailing,
        reader: Recipient,
        texts: Wording,
        *,
        language: str = "",
        anchor: str = "",
    ) -> Composed:
        """The letter somebody would get, by the delivery function, in these words; in another language if it is named.

        Raises:
            WordingError: a template cannot be rendered for this reader.
            ConvenorError: the letter hangs on a session that is not there.
        """
        with self.database.reading() as transaction:
            links = people.links_of(transaction, self.event, reader.address)
        contents = self._contents(mailing)
        if language:
            reader = reader.model_copy(update={"language": language})
        handle = links[0] if links else None
        occasion = _occasion(version, mailing, reader, anchor, self.now)
        if contents:
            return _composed(version, mailing, occasion, reader, texts, self.sender, handle, contents)
        return _shown(
            itself(version), mailing, occasion, reader, Keyed(texts.digest, texts), itself(self.sender), handle
        )  # fmt: skip

    def send_test(
        self, version: AgendaVersion, mailing: Mailing, address: str, post: Post, *, language: str = ""
    ) -> tuple[Outcome, str]:
        """Send a test letter of the mailing, and note it; the outcome, and through what.

        Raises:
            TooManyTests: as many as one may have been sent.
            ConvenorError: it is no address, there is no letter to send, or no way to send it.
        """
        try:
            address = address_in(address.strip())
        except ValueError as error:
            raise ConvenorError(str(error)) from None
        parcel = letter_to_try(
            version, mailing, address, self.texts(), self.sender, self.now, language=language,
            contents=self._contents(mailing),
        )  # fmt: skip
        self._may_test(f"{mailing.key} to {address}")
        outcome, through = post(parcel)
        did = TESTED if outcome.happening is Happening.ACCEPTED else "sent a test letter in vain"
        with self.database.writing() as transaction:
            what = f"{mailing.key} to {address}{_THROUGH}{through}"
            audit.note(transaction, self.now, self.by, did, what, event=self.event)
        return outcome, through

    def _may_test(self, what: str) -> None:
        """Note that a test letter is asked for, before it leaves. The row comes first, and is counted among the others:
        whoever asks twice at the same moment is counted twice. Raises TooManyTests.
        """
        since = self.now - TESTS_ARE_COUNTED_FOR
        try:
            with self.database.writing() as transaction:
                audit.note(transaction, self.now, self.by, ASKED, what, event=self.event)
                asked = audit.moments(transaction, self.by, ASKED, since=since)
                if len(asked) > MOST_TESTS:
                    raise TooManyTests(asked[-1 - MOST_TESTS] - since)
        except TooManyTests:
            with self.database.writing() as transaction:
                refused = f"send a test letter: {what}, after {MOST_TESTS} within an hour"
                audit.note(transaction, self.now, self.by, "was refused", refused, event=self.event)
            raise

    def _contents(self, mailing: Mailing) -> Contents:
        """What is in the files that go with its letters."""
        with self.database.reading() as transaction:
            return attachments.contents(transaction, (each.digest for each in mailing.attachments))

    def tested(self) -> str:
        """What the last test letter went through that was accepted; nothing if there was none."""
        with self.database.reading() as transaction:
            last = audit.last(transaction, TESTED, event=self.event)
        return last.what.rpartition(_THROUGH)[2] if last else ""

    # ── in which words ───────────────────────────────────────────────────────────────────────────────────────

    def reword(
        self, mailing: Mailing, language: str, parts: Mapping[str, str], seen: str, *, phrases: str = ""
    ) -> bool:
        """Put other words in force for one language of a mailing's kind, which may be a new one; whether they differ.

        Args:
            parts: the text of each of `PARTS`.
            seen: the digest of the wording that was edited.
            phrases: what all letters in this language share; nothing leaves it as it is.

        Raises:
            BadInput: everything wrong with the texts; nothing is changed.
            Overtaken: somebody else has changed these very texts meanwhile.
        """
        changed = {f"{mailing.kind}/{language}.{part}": _lines(parts[part]) for part in PARTS}
        shared = wording.phrases_of(language)
        with self.database.writing() as transaction:
            texts = wording_in_force(transaction, self.event, Wording(texts={}))
            if phrases and texts.texts.get(shared) != _lines(phrases):
                changed[shared] = _lines(phrases)
            self._not_touched(transaction, texts, changed, seen)
            new = texts.with_texts(changed)
            if new == texts:
                return False
            is_new = language not in wording.languages_of(texts, mailing.kind)
            problems = (
                wording.check_language(new, language)
                if shared in changed
                else wording.check_letter(new, mailing.kind, language)
            )
            if problems:
                raise BadInput(problems)
            what = f"{mailing.kind} in {language}"
            self._put_in_force(
                transaction, texts, new, "added the wording of" if is_new else "reworded", what
            )
        return True

    def take_out_language(self, event: Event, mailing: Mailing, language: str, seen: str) -> None:
        """Have a mailing's kind written in one language less: its readers get the event's from now on.

        Raises:
            ConvenorError: it cannot be done without, or is not there.
            Overtaken: somebody else has changed its texts meanwhile.
        """
        with self.database.writing() as transaction:
            texts = wording_in_force(transaction, self.event, Wording(texts={}))
            there = wording.languages_of(texts, mailing.kind)
            if language not in there:
                raise ConvenorError(f"{mailing.kind} is not written in {language}")
            if why := needed(event, there, language):
                raise ConvenorError(f"{language} cannot be taken out: {why}")
            paths = [f"{mailing.kind}/{language}.{part}" for part in PARTS]
            self._not_touched(transaction, texts, paths, seen)
            what = f"{mailing.kind} in {language}"
            self._put_in_force(transaction, texts, texts.without(paths), "took out the wording of", what)

    def _put_in_force(
        self, transaction: Transaction, old: Wording, new: Wording, did: str, what: str
    ) -> None:
        service = Service(database=self.database, event=self.event, sender=self.sender, texts=old)
        service.put_in_force(transaction, new, self.by, self.now)
        audit.note(transaction, self.now, self.by, did, what, event=self.event)

    def _not_touched(
        self, transaction: Transaction, texts: Wording, changed: Collection[str], seen: str
    ) -> None:
        if texts.digest == seen:
            return
        try:
            before = agendas.wording(transaction, seen)
        except KeyError:
            before = {}
        if not before or any(before.get(path) != texts.texts.get(path) for path in changed):
            raise Overtaken("somebody else has changed these words meanwhile")


def needed(event: Event, languages: Collection[str], language: str) -> str:
    """Why a kind of letter cannot do without one of the languages it is written in; nothing if it can."""
    if language == event.language:
        return "it is the event's own"
    if language == FALLBACK:
        return "letters are written in it when there is no other"
    return "" if len(languages) > 1 else "it is the only one"


def letter(
    version: AgendaVersion,
    mailing: Mailing,
    reader: Recipient,
    texts: Wording,
    sender: Sender,
    now: datetime,
    *,
    anchor: str = "",
    handle: str | None = None,
    contents: Contents = NO_FILES,
) -> Composed:
    """The letter somebody would get, by the delivery function: about `anchor`, or the first session it can be about.

    Raises:
        WordingError: a template cannot be rendered for this reader.
        ConvenorError: the letter hangs on a session that is not there.
    """
    occasion = _occasion(version, mailing, reader, anchor, now)
    return _composed(version, mailing, occasion, reader, texts, sender, handle, contents)


def _composed(  # noqa: PLR0917 - all that a letter is made of
    version: AgendaVersion,
    mailing: Mailing,
    occasion: Occasion,
    reader: Recipient,
    texts: Wording,
    sender: Sender,
    handle: str | None,
    contents: Contents,
) -> Composed:
    return compose(
        version=version, mailing=mailing, anchor=occasion.anchor, recipient=reader, due_at=occasion.due_at,
        dated_at=occasion.due_at, texts=texts, sender=sender, handle=handle, contents=contents,
    )  # fmt: skip


@lru_cache(maxsize=MOST_SHOWN)
def _shown(  # noqa: PLR0917 - as `_composed`
    version: Keyed[AgendaVersion],
    mailing: Mailing,
    occasion: Occasion,
    reader: Recipient,
    texts: Keyed[Wording],
    sender: Keyed[Sender],
    handle: str | None,
) -> Composed:
    """The same letter is shown in a frame, looked over, and shown again, and one with hundreds of entries takes long to
    compose. Those that carry files are not kept: they are large.
    """
    return _composed(version.value, mailing, occasion, reader, texts.value, sender.value, handle, NO_FILES)


def letter_to_try(
    version: AgendaVersion,
    mailing: Mailing,
    address: str,
    texts: Wording,
    sender: Sender,
    now: datetime,
    *,
    language: str = "",
    contents: Contents = NO_FILES,
) -> Parcel:
    """The letter to an invented reader at `address`: it is in no outbox and in no count, its links lead nowhere, and
    its subject says that it is a test.
    """
    folder, subject = f"{mailing.kind}/", f".{PARTS[0]}"
    marked = texts.with_texts(
        {
            path: MARK + text
            for path, text in texts.texts.items()
            if path.startswith(folder) and path.endswith(subject)
        }
    )
    reader = Recipient(
        address=address, given_name="Test", family_name="Reader", role=Role.FOCAL_POINT,
        language=language or None,
    )  # fmt: skip
    composed = letter(version, mailing, reader, marked, sender, now, contents=contents)
    return Parcel(0, sender.return_path_of(0) or composed.return_path, address, composed.raw)


def first_mailing(version: AgendaVersion) -> Mailing:
    """The one of which a test letter is sent. Raises ConvenorError where the agenda has none."""
    if not version.event.mailings:
        raise ConvenorError("the agenda has no mailing whose letter could be sent")
    return version.event.mailings[0]


def _occasion(
    version: AgendaVersion, mailing: Mailing, reader: Recipient, anchor: str, now: datetime
) -> Occasion:
    if mailing.kind in OF_ITSELF:
        return Occasion(due_at=now, mailing=mailing.key, anchor=EVENT, useful_until=version.event.ends_at)
    anchors = list(due.anchors(version.event, mailing.rule))
    if not due.stands(version.event, mailing) or not anchors:
        raise ConvenorError(f"'{mailing.key}' hangs on a session that the agenda does not hold")
    return due.occasion(version, mailing, anchor if anchor in anchors else anchors[0], reader.timezone)


def _anchors(event: Event, mailing: Mailing) -> tuple[str, ...]:
    return (EVENT,) if mailing.kind in OF_ITSELF else tuple(due.anchors(event, mailing.rule))


def _is_reached(mailing: Mailing, anchors: Collection[str], member: Member) -> bool:
    """Whether they get it, for one of its sessions if it hangs on each."""
    if member.unsubscribed:
        return False
    theirs = {
        *member.recipient.sessions,
        *member.answers,
    }  # of hundreds of sessions; all others are alike to them
    another = next((anchor for anchor in anchors if anchor not in theirs), None)
    return any(
        due.is_for(mailing, anchor, member)
        for anchor in (*theirs.intersection(anchors), *([] if another is None else [another]))
    )


def _lines(text: str) -> str:
    """As files have it: LF, and one at the end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"

"""Mailings as organisers work on them: whom they reach, when, in which words; looked at, tried, reworded.

Joins what the outbox keeps with planning and composition, for the desk. What may leave is `releasing`'s.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

from mailer.agenda.model import OF_ITSELF, AgendaVersion, Event, Mailing
from mailer.agenda.rules import EVENT
from mailer.composition import wording
from mailer.composition.composing import Composed, Sender, compose
from mailer.composition.wording import PARTS, Wording
from mailer.delivery.envelope import Parcel
from mailer.delivery.outcome import Outcome
from mailer.errors import BadInput, ConvenorError
from mailer.outbox import agendas, audit, editions, people
from mailer.outbox.database import Database, Transaction
from mailer.outbox.letter import Happening
from mailer.planning import due
from mailer.planning.due import Member, Occasion
from mailer.recipients import audience
from mailer.recipients.cells import address_in
from mailer.recipients.model import Recipient, Role
from mailer.releasing import wording_in_force
from mailer.service import Service

AT_ONCE = 25
"""People of an audience on one page."""

MOST_COUNTED = 200
"""Audiences whose count is kept: some are only typed and never kept."""

Post = Callable[[Parcel], tuple[Outcome, str]]
"""Sends one letter that is in no outbox; the outcome, and through what."""

TESTED = "sent a test letter"
_THROUGH = " through "

_counted: WeakKeyDictionary[object, dict[object, tuple[object, "Reach"]]] = WeakKeyDictionary()
"""What was last counted for each database, event and audience, and from which agenda, list and answers."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Whom an audience reaches now: how many, in which languages, and the address of the first of them."""

    people: int
    languages: frozenset[str]
    first: str = ""


class Overtaken(ConvenorError):  # noqa: N818 - it names what happened meanwhile
    """Somebody else has changed it since it was looked at."""


@dataclass(frozen=True, kw_only=True)
class Mailings:
    """One event's mailings at one moment. `by` is whoever works on them."""

    database: Database
    event: str
    sender: Sender = field(repr=False)
    now: datetime
    by: str = ""

    def version(self) -> AgendaVersion:
        """The agenda in force. Raises ConvenorError while there is none."""
        with self.database.reading() as transaction:
            return self._version(transaction)

    def texts(self) -> Wording:
        """The wording in force."""
        with self.database.reading() as transaction:
            return wording_in_force(transaction, self.event, Wording(texts={}))

    # ── whom ─────────────────────────────────────────────────────────────────────────────────────────────────

    def reach(self, mailing: Mailing) -> Reach:
        """How many the mailing would reach now: counted anew when the agenda, the list or an answer has changed."""
        key = (self.event, mailing.audience, mailing.when, mailing.kind)
        with self.database.reading() as transaction:
            version = self._version(transaction)
            changed_at = people.changed_at(transaction, self.event)
            state = version.number, changed_at, people.unsubscribed(transaction, self.event)
            kept = _counted.setdefault(self.database.engine, {})
            if len(kept) > MOST_COUNTED:
                kept.clear()
            if key not in kept or kept[key][0] != state:
                kept[key] = state, self._reach(transaction, version, mailing)
        return kept[key][1]

    def _reach(self, transaction: Transaction, version: AgendaVersion, mailing: Mailing) -> Reach:
        reached, languages, first = 0, set[str](), ""
        for member in people.each_listed(transaction, self.event):
            if _is_reached(version.event, mailing, member):
                reached += 1
                first = first or member.recipient.address
                languages.add(member.recipient.language or version.event.language)
        return Reach(people=reached, languages=frozenset(languages), first=first)

    def audience(self, mailing: Mailing, after: int = 0) -> tuple[list[Member], int | None]:
        """Some of the people a mailing would reach, those whose id is above `after`; and where to go on, if there
        are more. The list is read until the page is full.
        """
        found: list[Member] = []
        with self.database.reading() as transaction:
            event = self._version(transaction).event
            for member in people.each_listed(transaction, self.event, after):
                if _is_reached(event, mailing, member):
                    if len(found) == AT_ONCE:
                        return found, found[-1].id
                    found.append(member)
        return found, None

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
        self, mailing: Mailing, reader: Recipient, texts: Wording, *, language: str = "", anchor: str = ""
    ) -> Composed:
        """The letter somebody would get, by the delivery function, in these words; in another language if it is named.

        Raises:
            WordingError: a template cannot be rendered for this reader.
            ConvenorError: the letter hangs on a session that is not there.
        """
        with self.database.reading() as transaction:
            version = self._version(transaction)
            links = people.links_of(transaction, self.event, reader.address)
        if language:
            reader = reader.model_copy(update={"language": language})
        handle = links[0] if links else None
        return letter(version, mailing, reader, texts, self.sender, self.now, anchor=anchor, handle=handle)

    def send_test(
        self, address: str, post: Post, *, mailing: Mailing | None = None, language: str = ""
    ) -> tuple[Outcome, str]:
        """Send a test letter of the mailing, or of the first, and note it; the outcome, and through what.

        Raises:
            ConvenorError: it is no address, there is no letter to send, or no way to send it.
        """
        version, texts = self.version(), self.texts()
        try:
            address = address_in(address.strip())
        except ValueError as error:
            raise ConvenorError(str(error)) from None
        mailing = mailing or first(version)
        outcome, through = post(
            letter_to_try(version, mailing, address, texts, self.sender, self.now, language=language)
        )
        did = TESTED if outcome.happening is Happening.ACCEPTED else "sent a test letter in vain"
        with self.database.writing() as transaction:
            what = f"{mailing.key} to {address}{_THROUGH}{through}"
            audit.note(transaction, self.now, self.by, did, what, event=self.event)
        return outcome, through

    def tested(self) -> str:
        """What the last test letter went through that was accepted; nothing if there was none."""
        with self.database.reading() as transaction:
            last = audit.last(transaction, TESTED, event=self.event)
        return last.what.rpartition(_THROUGH)[2] if last else ""

    # ── in which words ───────────────────────────────────────────────────────────────────────────────────────

    def reword(self, mailing: Mailing, language: str, parts: Mapping[str, str], seen: str) -> bool:
        """Put other words in force for one language of a mailing's kind; whether they differ.

        Args:
            parts: the text of each of `PARTS`.
            seen: the digest of the wording that was edited.

        Raises:
            BadInput: everything wrong with the texts; nothing is changed.
            Overtaken: somebody else has changed these very texts meanwhile.
        """
        changed = {f"{mailing.kind}/{language}.{part}": _lines(parts[part]) for part in PARTS}
        with self.database.writing() as transaction:
            texts = wording_in_force(transaction, self.event, Wording(texts={}))
            if texts.digest != seen and self._touched(transaction, texts, changed, seen):
                raise Overtaken("somebody else has changed these words meanwhile")
            new = texts.with_texts(changed)
            if new == texts:
                return False
            if problems := wording.check_letter(new, mailing.kind, language):
                raise BadInput(problems)
            service = Service(database=self.database, event=self.event, sender=self.sender, texts=texts)
            service.put_in_force(transaction, new, self.by, self.now)
            audit.note(
                transaction, self.now, self.by, "reworded", f"{mailing.kind} in {language}", event=self.event
            )
        return True

    def _touched(
        self, transaction: Transaction, texts: Wording, changed: Mapping[str, str], seen: str
    ) -> bool:
        try:
            before = agendas.wording(transaction, seen)
        except KeyError:
            return True
        return any(before.get(path) != texts.texts.get(path) for path in changed)

    def rewrite(self, event: Event, seen: int) -> None:
        """Publish the agenda with a mailing that was changed, if version `seen` is still in force.

        Raises:
            Overtaken: another version has been published meanwhile.
        """
        with self.database.reading() as transaction:
            version = self._version(transaction)
            known = (version.number, people.changed_at(transaction, self.event))
            listed = [member.recipient for member in people.roster(transaction, self.event)]
        if version.number != seen:
            raise Overtaken("somebody else has published the agenda meanwhile")
        texts = Wording(texts={})
        service = Service(database=self.database, event=self.event, sender=self.sender, texts=texts)
        service.publish(event, listed, self.now, seen=known, by=self.by)
        with self.database.writing() as transaction:
            what = f"agenda version {version.number + 1}"
            audit.note(transaction, self.now, self.by, "published", what, event=self.event)

    def edition(self) -> int:
        with self.database.reading() as transaction:
            return editions.present(transaction, self.event)

    def _version(self, transaction: Transaction) -> AgendaVersion:
        version = agendas.latest(transaction, self.event)
        if version is None:
            raise ConvenorError("nothing of this event is published yet")
        return version


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
) -> Composed:
    """The letter somebody would get, by the delivery function: about `anchor`, or the first session it can be about.

    Raises:
        WordingError: a template cannot be rendered for this reader.
        ConvenorError: the letter hangs on a session that is not there.
    """
    occasion = _occasion(version, mailing, reader, anchor, now)
    return compose(
        version=version, mailing=mailing, anchor=occasion.anchor, recipient=reader, due_at=occasion.due_at,
        dated_at=occasion.due_at, texts=texts, sender=sender, handle=handle,
    )  # fmt: skip


def letter_to_try(
    version: AgendaVersion,
    mailing: Mailing,
    address: str,
    texts: Wording,
    sender: Sender,
    now: datetime,
    *,
    language: str = "",
) -> Parcel:
    """The letter to an invented reader at `address`: it is in no outbox and in no count, and its links lead nowhere."""
    reader = Recipient(
        address=address, given_name="Test", family_name="Reader", role=Role.FOCAL_POINT,
        language=language or None,
    )  # fmt: skip
    composed = letter(version, mailing, reader, texts, sender, now)
    return Parcel(0, sender.return_path_of(0) or composed.return_path, address, composed.raw)


def first(version: AgendaVersion) -> Mailing:
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


def _is_reached(event: Event, mailing: Mailing, member: Member) -> bool:
    """Whether they get it, for one of its sessions if it hangs on each."""
    if member.unsubscribed:
        return False
    asked = audience.parse(mailing.audience)
    answers = member.answers
    anchors: Iterator[str] | Sequence[str] = (
        due.anchors(event, mailing.rule) if mailing.kind not in OF_ITSELF else (EVENT,)
    )
    return any(
        audience.matches(asked, member.recipient, answers=answers, anchor=anchor)
        and not (mailing.is_reminder and "declined" in {answers.get(EVENT), answers.get(anchor)})
        for anchor in anchors
    )


def _lines(text: str) -> str:
    """As files have it: LF, and one at the end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"

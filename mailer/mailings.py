"""Mailings as organisers work on them: whom they reach, when, in which words; looked at, tried, reworded.

Joins what the outbox keeps with planning and composition, for the desk. What may leave is `releasing`'s.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from mailer.agenda.model import OF_ITSELF, AgendaVersion, Event, Mailing
from mailer.agenda.rules import EVENT
from mailer.composition import wording
from mailer.composition.composing import Composed, Sender, compose
from mailer.composition.wording import PARTS, Wording
from mailer.delivery.envelope import Parcel
from mailer.errors import BadInput, ConvenorError
from mailer.lately import AsOf, Beside, Heard
from mailer.outbox import agendas, audit, editions, people
from mailer.outbox.database import Database, Transaction
from mailer.planning import due
from mailer.planning.due import Member, Occasion
from mailer.recipients import audience
from mailer.recipients.model import Recipient, Role
from mailer.releasing import wording_in_force
from mailer.service import Service

AT_ONCE = 25
"""People of an audience on one page."""

_TOLD_EVERY = 1_000
"""People after whom one is told how far it is."""

MOST_COUNTED = 32
"""Audiences whose count is kept: some are only typed and never kept."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Whom an audience reaches now: how many, in which languages, and the address of the first of them. `ids` are
    theirs, in the order of the list, 8 bytes each.
    """

    languages: frozenset[str]
    first: str = ""
    ids: Sequence[int] = ()

    @property
    def people(self) -> int:
        return len(self.ids)


_counted: Beside[Reach] = Beside(most=MOST_COUNTED)
"""Whom each audience reaches, by the agenda, the list and the answers of then: with a long list, seconds of work."""


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

    def reach(self, mailing: Mailing) -> AsOf[Reach]:
        """Whom the mailing would reach now: counted anew when the agenda, the list or an answer has changed; for a long
        list beside, so that it may be of a moment ago.

        Raises:
            NotYet: it is being counted for the first time.
        """
        with self.database.reading() as transaction:
            version = self._version(transaction)
            changed_at = people.changed_at(transaction, self.event)
            state = version.number, changed_at, people.unsubscribed(transaction, self.event)
            is_long = people.is_long_list(transaction, self.event)
        what = (self.database.engine, self.event, mailing.audience, mailing.when, mailing.kind)
        count = partial(self._reach, version, mailing)
        return (_counted.get if is_long else _counted.at_once)(what, state, self.now, count)

    def _reach(self, version: AgendaVersion, mailing: Mailing, heard: Heard) -> Reach:
        languages, first, ids = set[str](), "", array("q")
        with self.database.reading() as transaction:
            of = people.asked(transaction, self.event)
            for number, member in enumerate(people.each_listed(transaction, self.event)):
                if number % _TOLD_EVERY == 0:
                    heard(number, of)
                if _is_reached(version.event, mailing, member):
                    ids.append(member.id)
                    first = first or member.recipient.address
                    languages.add(member.recipient.language or version.event.language)
        return Reach(languages=frozenset(languages), first=first, ids=ids)

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
        occasion = self._occasion(version, mailing, reader, anchor)
        return compose(
            version=version, mailing=mailing, anchor=occasion.anchor, recipient=reader, due_at=occasion.due_at,
            dated_at=occasion.due_at, texts=texts, sender=self.sender, handle=links[0] if links else None,
        )  # fmt: skip

    def test_letter(self, mailing: Mailing, address: str, texts: Wording, language: str = "") -> Parcel:
        """The mailing's letter to an invented reader at `address`; it is in no outbox, and its links lead nowhere."""
        reader = Recipient(
            address=address,
            given_name="Test",
            family_name="Reader",
            role=Role.FOCAL_POINT,
            language=language or None,
        )
        composed = self.letter(mailing, reader, texts)
        with self.database.writing() as transaction:
            audit.note(
                transaction, self.now, self.by, "sent a test", f"{mailing.key} to {address}", event=self.event
            )
        return Parcel(0, self.sender.return_path_of(0) or composed.return_path, address, composed.raw)

    def _occasion(self, version: AgendaVersion, mailing: Mailing, reader: Recipient, anchor: str) -> Occasion:
        if mailing.kind in OF_ITSELF:
            return Occasion(
                due_at=self.now, mailing=mailing.key, anchor=EVENT, useful_until=version.event.ends_at
            )
        anchors = list(due.anchors(version.event, mailing.rule))
        if not due.stands(version.event, mailing) or not anchors:
            raise ConvenorError(f"'{mailing.key}' hangs on a session that the agenda does not hold")
        return due.occasion(version, mailing, anchor if anchor in anchors else anchors[0], reader.timezone)

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


def _is_reached(event: Event, mailing: Mailing, member: Member) -> bool:
    """Whether they get it, for one of its sessions if it hangs on each."""
    if member.unsubscribed:
        return False
    asked = audience.parse(mailing.audience)
    answers = member.answers
    anchors: Iterable[str] = due.anchors(event, mailing.rule) if mailing.kind not in OF_ITSELF else (EVENT,)
    if audience.is_chosen(asked):  # of hundreds of sessions, they have chosen a few
        anchors = {*member.recipient.sessions, *answers}.intersection(anchors)
    return any(
        audience.matches(asked, member.recipient, answers=answers, anchor=anchor)
        and not (mailing.is_reminder and "declined" in {answers.get(EVENT), answers.get(anchor)})
        for anchor in anchors
    )


def _lines(text: str) -> str:
    """As files have it: LF, and one at the end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"

"""A conference in its first weeks, without a network: what is published, who is listed, and every reader's calendar.

Letters are claimed, composed and told of as carriers do it; what becomes of each is the test's to say.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from mailer import calendars
from mailer.agenda.model import AgendaVersion, Event, Session
from mailer.composition import wording
from mailer.composition.composing import Composer, Sender
from mailer.composition.ical import clean_text
from mailer.composition.invitation import entry_for
from mailer.composition.links import Signer
from mailer.outbox import agendas, claims, doubts, ledger, people
from mailer.outbox.claimed import Change, ClaimedLetter
from mailer.outbox.database import Database, open_database
from mailer.outbox.letter import Happening
from mailer.recipients.model import Recipient, Role
from mailer.service import Service
from mailer.settings import ROOT
from mailer.settling import settle_by_hand
from tests import conference
from tests.conference import PUBLISHED_AT
from tests.databases import empty_sqlite
from tests.modelcalendar import ModelCalendar, Shown

H = Happening
TEXTS = wording.load(ROOT / "templates")
SENDER = Sender(signer=Signer(b"k" * 32), base_url="https://conference.example")
COMPOSER = Composer(SENDER)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEASE = timedelta(minutes=5)


class Fate(StrEnum):
    """What becomes of a letter behind its dot."""

    SENT = "sent"
    REFUSED = "refused"
    LOST_ARRIVED = "lost, but it arrived"
    LOST = "lost"


def person(name: str, **facts: object) -> Recipient:
    given = {"given_name": name, "family_name": "Novak", "role": Role.PRACTITIONER, "language": "en", **facts}
    return Recipient.model_validate({"address": f"{name.lower()}@prosecution.example", **given})


EVERYBODY = ANA, BEN, EVA = person("Ana"), person("Ben"), person("Eva")

SESSIONS = tuple(conference.EVENT.session(key) for key in ("session-1", "session-2", "session-3"))


def event(*sessions: Session, **facts: object) -> Event:
    """Three sessions in one day; an invitation at once, and the agenda's sessions some minutes later."""
    invitation = conference.EVENT.mailing("invitation")
    agenda = conference.EVENT.mailing("agenda").model_copy(
        update={"when": "5 minutes after publication", "audience": "everyone", "again_when_moved": False}
    )
    update = {"sessions": sessions or SESSIONS, "mailings": (invitation, agenda), **facts}
    return conference.EVENT.model_copy(update=update)


@dataclass(frozen=True)
class Arrived:
    """A letter that reached somebody."""

    mailing: str
    anchor: str
    address: str
    raw: bytes


@dataclass
class Secretariat:
    database: Database
    now: datetime = PUBLISHED_AT
    readers: dict[str, ModelCalendar] = field(default_factory=dict)
    arrived: list[Arrived] = field(default_factory=list)
    came: set[int] = field(default_factory=set)
    agenda: Event = field(default_factory=event)
    listed: Sequence[Recipient] = (ANA, BEN, EVA)

    def __post_init__(self) -> None:
        self.service = Service(database=self.database, event=self.agenda.key, sender=SENDER, texts=TEXTS)

    def publish(
        self, agenda: Event | None = None, listed: Sequence[Recipient] | None = None
    ) -> AgendaVersion:
        self.agenda, self.listed = agenda or self.agenda, self.listed if listed is None else listed
        version, _ = self.service.publish(self.agenda, self.listed, self.now)
        return version

    def change(self, key: str, **facts: object) -> AgendaVersion:
        """Publish the agenda with one session changed."""
        sessions = [s.model_copy(update=facts) if s.key == key else s for s in self.agenda.sessions]
        in_order = tuple(sorted(sessions, key=lambda s: (s.starts_at, s.key)))
        return self.publish(self.agenda.model_copy(update={"sessions": in_order}))

    def drop(self, key: str) -> AgendaVersion:
        kept = tuple(session for session in self.agenda.sessions if session.key != key)
        return self.publish(self.agenda.model_copy(update={"sessions": kept}))

    def choose(self, who: Recipient, key: str, *, wanted: bool = True) -> None:
        answer = "accepted" if wanted else "declined"
        number = self.latest.sequences.get(key, 0)
        with self.database.writing() as c:
            people.record_answer(c, self.ids[who.address], key, answer, self.now, "page", sequence=number)

    def say_on_page(self, who: Recipient, answer: str, key: str = "event") -> None:
        with self.database.writing() as c:
            told = ledger.sequence_told(c, self.ids[who.address], key)
            number = max(told, self.latest.sequences.get(key, 0))
            people.record_answer(c, self.ids[who.address], key, answer, self.now, "page", sequence=number)

    def answer(self, who: Recipient, answer: str, key: str = "event", sequence: int = 0) -> None:
        with self.database.writing() as c:
            people.record_answer(
                c, self.ids[who.address], key, answer, self.now, "calendar", sequence=sequence
            )

    @property
    def ids(self) -> dict[str, int]:
        with self.database.reading() as c:
            known = ledger.addresses(c, range(1, 1000))
        return {address: each for each, address in known.items()}

    @property
    def latest(self) -> AgendaVersion:
        with self.database.reading() as c:
            found = agendas.latest(c, self.agenda.key)
        assert found
        return found

    def wait(
        self, for_: timedelta = 20 * MINUTE, fate: Callable[[], Fate] = lambda: Fate.SENT
    ) -> list[Arrived]:
        """Let time pass, a few ticks of it, and every letter meet its fate; what arrived in that time."""
        before, end, step = len(self.arrived), self.now + for_, max(10 * MINUTE, for_ / 5)
        while self.now < end:
            self.now = min(end, self.now + step)
            self.service.plan(self.now)
            self.carry(fate)
            self.service.settle(self.now)
        return self.arrived[before:]

    def carry(self, fate: Callable[[], Fate] = lambda: Fate.SENT) -> None:
        with self.database.writing() as c:
            claimed = claims.claim(c, "one", self.now, 1000, LEASE, event=self.agenda.key)
        for letter in claimed:
            self._carry(letter, fate())

    def _carry(self, letter: ClaimedLetter, fate: Fate) -> None:
        composed = self.service.compose(letter)
        digest = hashlib.sha256(composed.raw).hexdigest()
        assert letter.repeats in {None, digest}, "a repetition is what it was"
        told = {
            Fate.SENT: Change(letter, H.ACCEPTED, "250", entries=composed.entries),
            Fate.REFUSED: Change(letter, H.REFUSED, "550"),
        }.get(fate, Change(letter, H.LOST, "no reply"))
        intent = Change(letter, H.INTENDED, digest=digest)
        with self.database.writing() as c:
            assert claims.happen(c, [intent], self.now)
        with self.database.writing() as c:
            assert claims.happen(c, [told], self.now)
        if fate in {Fate.SENT, Fate.LOST_ARRIVED}:
            self.readers.setdefault(letter.address, ModelCalendar()).receive(composed.raw)
            self.came.add(letter.id)
            self.arrived.append(Arrived(letter.mailing, letter.anchor, letter.address, composed.raw))

    def settle_as_it_was(self) -> None:
        """A person looks into the relay's log and says of every letter in doubt what became of it."""
        with self.database.reading() as c:
            doubted = [doubt.letter.id for doubt in doubts.doubts(c, self.agenda.key)]
        said = {each: H.FOUND if each in self.came else H.NOT_FOUND for each in doubted}
        settle_by_hand(self.database, self.agenda.key, self.service.compose, said, self.now)

    def heal(self) -> int:
        with self.database.writing() as c:
            latest = agendas.latest(c, self.agenda.key)
            assert latest
            seen = calendars.overview(c, latest, calendars.versions_in(c, self.agenda.key), self.now)
            return calendars.heal(c, latest, seen.stale, TEXTS.digest, self.now)

    def overview(self) -> calendars.Overview:
        with self.database.reading() as c:
            return calendars.overview(c, self.latest, calendars.versions_in(c, self.agenda.key), self.now)

    # ── what should be in a calendar ─────────────────────────────────────────────────────────────────────────

    def agenda_for(self, recipient: Recipient) -> dict[str, tuple[str, Shown]]:
        """Every entry that this person may hold, by UID: what it hangs on, and what it is to show."""
        latest = self.latest
        if latest.event.cancelled or recipient not in self.listed:
            return {}
        domain = latest.event.organiser.address.partition("@")[2]
        handle = SENDER.signer.handle(latest.event.key, recipient.address)
        anchors = ("event", *(session.key for session in latest.event.sessions))
        links = SENDER.signer.links(SENDER.base_url, handle, anchors)

        def uid(anchor: str) -> str:
            return SENDER.signer.uid(latest.event.key, anchor, recipient.address, domain)

        made = {
            anchor: entry_for(version=latest, anchor=anchor, recipient=recipient, uid_for=uid, links=links)
            for anchor in anchors
        }
        return {
            entry.uid: (
                anchor,
                Shown(
                    summary=entry.summary, starts_at=entry.starts_at, ends_at=entry.ends_at,
                    location=clean_text(entry.location), description=clean_text(entry.description),
                ),
            )
            for anchor, entry in made.items()
        }  # fmt: skip

    def faults(self) -> list[tuple[str, str, str]]:
        """What is wrong in anybody's calendar, as (who, about what, how): nothing, if all is well.

        What was told and should stand must stand as the agenda in force has it, and nothing else may.
        """
        with self.database.reading() as c:
            told = {(row.recipient_id, row.anchor): row for row in ledger.ledger(c, self.agenda.key)}
            holders = {holder.id: holder for holder in ledger.holders(c, self.agenda.key)}
        found = []
        for recipient in {r.address: r for r in (*EVERYBODY, *self.listed)}.values():
            shown = self.readers[recipient.address].shown if recipient.address in self.readers else {}
            agenda, number = self.agenda_for(recipient), self.ids.get(recipient.address, 0)
            for uid, (anchor, entry) in agenda.items():
                row = told.get((number, anchor))
                choice = holders[number].choices.get(anchor) if row else None
                is_off = (
                    row is not None
                    and (row.asked or row.cancelled)
                    and choice is not None
                    and not choice.wanted
                )
                if row and not is_off and uid not in shown:
                    found.append((recipient.given_name, anchor, "is missing"))
                if uid in shown and (is_off or shown[uid] != entry):
                    found.append(
                        (recipient.given_name, anchor, "should not be there" if is_off else "is wrong")
                    )
            found += [(recipient.given_name, uid, "is void") for uid in shown if uid not in agenda]
        return found

    def shown(self) -> Mapping[str, Mapping[str, Shown]]:
        return {address: calendar.shown for address, calendar in self.readers.items()}


@contextmanager
def begun(folder: Path) -> Iterator[Secretariat]:
    """A conference in a database of its own; everybody has the invitation and the agenda."""
    with closing(open_database(empty_sqlite(folder))) as database:
        office = Secretariat(database)
        office.publish()
        office.wait()
        yield office

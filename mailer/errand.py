"""One thing an organiser wants done by hand: which event, by which settings, at which moment.

Joins files, database and composition for the command line. What is printed is left to `terminal`.
"""

import getpass
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from mailer import approving, exporting, mailings, publishing, wallclock
from mailer.accounts import Accounts
from mailer.agenda import reading as agenda_reading
from mailer.agenda.model import AgendaVersion, Event, Mailing
from mailer.composition import wording
from mailer.composition.composing import Composed, Sender
from mailer.composition.wording import Wording
from mailer.delivery.outcome import Outcome
from mailer.delivery.profiles import TRAY, Profile
from mailer.dossier import Dossier
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.exporting import TEMPLATES_ALONE, InForce, Written
from mailer.holding import Hold
from mailer.mending import Mending, is_about_entries
from mailer.opening import key_in, read_dossier, shown
from mailer.outbox import agendas, attachments, audit, drafts, flags, people
from mailer.outbox.database import Database, open_database
from mailer.outlook import Outlook, outlook
from mailer.parts import TEMPLATES, send_by_hand, sender_of, utc_now
from mailer.planned import Planned
from mailer.planning import due
from mailer.publishing import Difference, Foreseen, Publishing
from mailer.releasing import Releasing, wording_in_force
from mailer.replies import Replies, replies
from mailer.service import Service
from mailer.settings import EXAMPLE, Settings
from mailer.settings import load as load_settings
from mailer.standing import Standing, standing

EXAMPLE_BEGINS_ON = datetime(2027, 1, 4, 8, tzinfo=UTC)
"""When the rehearsal of an example that is not published begins, so that its letters are the same every day."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """`file` is the agenda file; `now` the moment the errand began."""

    file: Path
    settings: Settings
    database: Database
    now: datetime
    sender: Sender = field(repr=False)

    def read(self) -> tuple[Dossier, AgendaVersion | None]:
        """The event's files, and its version in force. Raises BadInput."""
        return read_dossier(self.file, self.settings, self.database, self.now)

    @property
    def profile(self) -> Profile:
        """What the mail server bears that is set, or else the tray."""
        return self.settings.relay.profile if self.settings.relay else TRAY

    def hold(self) -> Hold:
        """The event's letters, to be held back or let go. Raises ConvenorError when nothing is published."""
        return Hold(database=self.database, event=self.event_key())

    def zone(self) -> ZoneInfo:
        """The venue's. Raises ConvenorError when nothing of the event is published."""
        return self.standing().version.event.zone

    def outlook(self, found: Standing) -> Outlook:
        """What holds the letters up, and when those that are leaving will be through."""
        return outlook(self.database, self.profile, found, self.now)

    def standing(self) -> Standing:
        """How the event stands. Raises ConvenorError when nothing of it is published."""
        found = standing(self.database, self.event_key(), self.now)
        assert found is not None  # noqa: S101 - event_key() has looked
        return found

    def replies(self) -> Replies:
        """How people answered. Raises ConvenorError when nothing of the event is published."""
        found = replies(self.database, self.event_key())
        assert found is not None  # noqa: S101 - event_key() has looked
        return found

    def event_key(self) -> str:
        """The file's event in the database. Raises ConvenorError when nothing of it is published."""
        with self.database.reading() as transaction:
            published = agendas.event_keys(transaction)
        key = key_in(self.file)
        if key in published:
            return key
        name = shown(self.file)
        if not self.file.exists():
            raise ConvenorError(f"there is no file {name}")
        raise ConvenorError(f"nothing of {name} is published yet: `convenor apply {name}` does it")

    def in_force(self, *, draft: bool = False) -> InForce:
        """The event as it is published, or as its draft says. Raises ConvenorError when nothing of it is published."""
        event = self.event_key()
        with self.database.reading() as transaction:
            latest = agendas.latest(transaction, event)
            assert latest is not None  # noqa: S101 - event_key() has looked
            edits = [each for each in drafts.edits(transaction, event) if each.based_on == latest.number]
            drafted = (
                drafts.document(transaction, event, edits[-1].number) if draft and edits else latest.event
            )
            listed = tuple(member.recipient for member in people.roster(transaction, event))
            contents = attachments.contents(transaction, (each.digest for each in drafted.attachments))
        return InForce(
            version=latest, event=drafted, recipients=listed, texts=self.wording(), contents=contents
        )

    def export(self, folder: Path, written: Mapping[str, Written]) -> None:
        """Write what `exporting` made of what is in force. What is the templates folder's then is in force from there.

        Raises:
            ConvenorError: a file cannot be written.
        """
        exporting.write(folder, written)
        if (folder / "templates").resolve() == TEMPLATES.resolve() and not self.wording_differs():
            self._service().choose_wording(self.wording(), by_hand(), self.now, from_files=True)

    def publishing(self) -> Publishing:
        """What publishing would do, at this moment."""
        return Publishing(database=self.database, sender=self.sender, profile=self.profile, now=self.now)

    def foresee(self, found: Dossier, latest: AgendaVersion | None) -> Foreseen:
        """What publishing the files now would do; what stands against it comes with its line."""
        foreseen = self.publishing().foresee(found, latest)
        with self.database.reading() as transaction:
            in_force = wording_in_force(transaction, found.event.key, found.texts).texts
        difference = replace(foreseen.difference, wording=found.texts.differs(in_force))
        return replace(foreseen, difference=difference, problems=tuple(self._placed(list(foreseen.problems))))

    def mending(self, found: Dossier | None = None) -> Mending:
        """The event's calendars, with the words of its files. Raises BadInput when those are wrong."""
        texts = (found or self.read()[0]).texts
        return Mending(database=self.database, sender=self.sender, texts=texts, now=self.now)

    def sample(self, found: Dossier, latest: AgendaVersion | None, difference: Difference) -> Composed | None:
        """One of the letters about changes that publishing would send."""
        return self.publishing().sample(found, latest, difference)

    def publish(self, found: Dossier, seen: tuple[int, datetime], *, by: str = "") -> AgendaVersion:
        """Put the files in force, if nobody else has published since the difference was shown. `by` is who does it,
        where that is not whoever is at the command line.

        Raises:
            StoreError: somebody has.
        """
        service = Service(
            database=self.database, event=found.event.key, sender=self.sender, texts=found.texts
        )
        version, _ = service.publish(
            found.event,
            found.recipients,
            utc_now(),
            seen=seen,
            by=by or by_hand(),
            takes_files=True,
            contents=found.contents,
        )
        return version

    def releasing(self) -> Releasing:
        """The event's mailings, to be approved. Raises ConvenorError when nothing is published."""
        return Releasing(database=self.database, event=self.event_key())

    def wording(self) -> Wording:
        """What letters are written with. Raises ConvenorError when nothing of the event is published."""
        return self._service().wording()

    def export_wording(self) -> tuple[str, ...]:
        """Write the wording in force into the templates folder; the files that were others. Raises as `export`."""
        changed = self.wording_differs()
        self.export(TEMPLATES.parent, exporting.files(self.in_force(), self.file.name, TEMPLATES_ALONE))
        return changed

    def wording_differs(self) -> tuple[str, ...]:
        """The files of the templates folder that are others than the wording in force."""
        there = wording.load(TEMPLATES).texts if wording.files(TEMPLATES) else {}
        return self.wording().differs(there)

    def take_wording(self) -> tuple[str, ...]:
        """Put the wording of the folder in force in the place of the desk's; the files that differ.

        Raises:
            BadInput: the folder's is not sound.
        """
        texts = wording.load(TEMPLATES)
        problems = wording.check(texts)
        if any(not problem.warning for problem in problems):
            raise BadInput(problems)
        changed = texts.differs(self.wording().texts)
        self._service().choose_wording(texts, by_hand(), self.now, from_files=True)
        return changed

    def _service(self) -> Service:
        return Service.of_what_is_kept(self.database, self.event_key(), self.sender)

    def plan(self) -> tuple[list[Planned], ZoneInfo, list[Problem]]:
        """Every occasion of the timetable in the order of time, the venue's zone, and what comes too late."""
        found, latest = self.read()
        version = found.version(latest, self.now)
        rows = self.publishing().planned(found, version)
        problems = [*self._placed(publishing.of_timetable(version, rows)), *self._flagged(found)]
        return rows, version.event.zone, problems

    def too_late(self, found: Dossier, latest: AgendaVersion | None) -> list[Problem]:
        """Mailings that the mail server cannot take in time: refused where its limits say so, doubtful where that
        is a guess or they have begun already.
        """
        return self._placed(self.publishing().too_late(found, latest))

    def _flagged(self, found: Dossier) -> Iterator[Problem]:
        """Addresses to which letters will wait."""
        with self.database.reading() as transaction:
            flagged = flags.flagged(transaction, found.event.key)
        count = sum(each.address.lower() in flagged for each in found.recipients)
        if count:
            words = "an address was" if count == 1 else f"{count} addresses were"
            message = f"{words} reported as wrong, and letters wait; `convenor inbox` says more"
            yield Problem(file="the lists of people", message=message, warning=True)

    def _placed(self, problems: Sequence[Problem]) -> list[Problem]:
        """With the lines of the agenda file."""
        if not problems:
            return []
        places = agenda_reading.read(self.file, today=self.now.date()).places
        return [places.problem(each.field or "", each.message, warning=each.warning) for each in problems]

    def letter(self, mailing_key: str, address: str, session: str | None) -> Composed:
        """One person's letter of one mailing, exactly as it will be sent.

        Raises:
            ConvenorError: no such mailing, person or session.
        """
        found, latest = self.read()
        version = found.version(latest, self.now)
        mailing = _mailing(version.event, mailing_key)
        recipient = next((r for r in found.recipients if r.address.lower() == address.lower()), None)
        if recipient is None:
            raise ConvenorError(f"{address} is on no list of this event")
        if is_about_entries(mailing_key):
            return self.mending(found).letter(version, mailing_key, recipient, session)
        anchor = _anchor(version.event, mailing, session)
        with self.database.reading() as transaction:
            links = people.links_of(transaction, version.event.key, recipient.address)
        handle = links[0] if links else None
        return mailings.letter(
            version, mailing, recipient, found.texts, self.sender, self.now, anchor=anchor, handle=handle,
            contents=found.contents,
        )  # fmt: skip

    def revoke_links(self, address: str) -> int:
        """Take the links of one person out of force; the generation of those that come.

        Raises:
            ConvenorError: nobody of that address was ever on a list of this event.
        """
        key = self.event_key()
        with self.database.writing() as transaction:
            generation = people.revoke(
                transaction, key, address, self.now, lambda a, g: self.sender.signer.handle(key, a, g)
            )
        if generation is None:
            raise ConvenorError(f"{address} is on no list of this event")
        return generation

    def send_test(self, address: str) -> tuple[Outcome, str]:
        """Send a test letter of the first mailing, published or not; the outcome, and through what.

        Raises:
            ConvenorError: there is no mailing, no token to sign in with, or no line to the mail server.
        """
        found, latest = self.read()
        version = found.version(latest, self.now)
        mailing = mailings.first_mailing(version)
        parcel = mailings.letter_to_try(
            version, mailing, address, found.texts, self.sender, self.now, contents=found.contents
        )
        return send_by_hand(self.settings, parcel)

    def rehearsal_version(self) -> tuple[Dossier, AgendaVersion]:
        """What is rehearsed: the version in force or the one publishing would make, from a moment that stays.

        Nothing published: an example begins on a fixed day; a real event at the start of today, so that the
        same file gives the same letters all day.
        """
        found, latest = self.read()
        if latest:
            return found, found.version(latest, latest.published_at)
        if found.event.example:
            found, _ = read_dossier(self.file, self.settings, self.database, EXAMPLE_BEGINS_ON)
            return found, found.version(None, EXAMPLE_BEGINS_ON)
        midnight = datetime.combine(self.now.astimezone(found.event.zone), time(), tzinfo=found.event.zone)
        return found, found.version(None, midnight.astimezone(UTC))


def by_hand() -> str:
    """Who acts at the command line: the system's name of the person, where it has one."""
    try:
        return approving.by_hand(getpass.getuser())
    except (OSError, KeyError, ImportError):
        return "the command line"


def _mailing(event: Event, key: str) -> Mailing:
    try:
        return event.mailing(key)
    except KeyError:
        keys = ", ".join(mailing.key for mailing in event.mailings)
        raise ConvenorError(f"there is no mailing '{key}'; there are {keys}") from None


def _anchor(event: Event, mailing: Mailing, session: str | None) -> str:
    """What the letter hangs on: for a mailing about each session the one named, or the first."""
    anchors = list(due.anchors(event, mailing.rule))
    if session is not None and session not in anchors:
        raise ConvenorError(
            f"'{mailing.key}' has no letter about '{session}'; there are {', '.join(anchors)}"
        )
    return session or anchors[0]


@dataclass(frozen=True, kw_only=True)
class DeskErrand:
    """What is about those who use the pages, and about no event."""

    settings: Settings
    database: Database
    now: datetime
    by: str = audit.COMMAND_LINE

    @property
    def accounts(self) -> Accounts:
        return Accounts(database=self.database)


@contextmanager
def desk_errand() -> Iterator[DeskErrand]:
    """Settings, database and clock for one command that is about no event. Raises as `errand`."""
    wallclock.use_packaged_tzdata()
    settings = load_settings()
    database = open_database(settings.database_url, check=False)
    try:
        yield DeskErrand(settings=settings, database=database, now=utc_now())
    finally:
        database.close()


@contextmanager
def errand(file: Path | None) -> Iterator[Errand]:
    """Settings, database and clock for one command.

    Raises:
        BadInput: settings that cannot be used.
        StoreError: a database that cannot be used.
    """
    wallclock.use_packaged_tzdata()
    settings = load_settings()
    database = open_database(settings.database_url, check=False)
    try:
        yield errand_with(usual(file), settings, database)
    finally:
        database.close()


def errand_with(file: Path, settings: Settings, database: Database) -> Errand:
    """For whoever has settings and database already."""
    sender = sender_of(settings, database, key_in(file))
    return Errand(file=file, settings=settings, database=database, now=utc_now(), sender=sender)


def usual(file: Path | None) -> Path:
    """The named file; else the only one of one's own in agenda/; else the example.

    Raises:
        ConvenorError: there are several of one's own.
    """
    if file:
        return file
    own = sorted(path for path in EXAMPLE.parent.glob("*.toml") if path != EXAMPLE)
    if len(own) > 1:
        raise ConvenorError(
            f"which event? Name its file: {' or '.join(f'agenda/{path.name}' for path in own)}"
        )
    return own[0] if own else EXAMPLE

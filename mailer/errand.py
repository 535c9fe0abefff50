"""One thing an organiser wants done by hand: which event, by which settings, at which moment.

Joins files, database and composition for the command line. What is printed is left to `terminal`.
"""

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from mailer import planned, wallclock
from mailer.agenda import reading as agenda_reading
from mailer.agenda.changes import Change, differences
from mailer.agenda.model import AgendaVersion, Event, Mailing
from mailer.calendars import Consequences
from mailer.composition import wording
from mailer.composition.composing import Composed, Sender, compose
from mailer.composition.wording import Wording
from mailer.delivery.envelope import Parcel
from mailer.delivery.outcome import Outcome
from mailer.delivery.profiles import TRAY, Profile
from mailer.dossier import Dossier
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.holding import Hold
from mailer.mending import Mending, is_about_entries
from mailer.opening import key_in, read_dossier, shown
from mailer.outbox import agendas, people
from mailer.outbox.database import Database, Transaction, open_database
from mailer.outlook import Outlook, outlook
from mailer.parts import TEMPLATES, send_by_hand, sender_of, utc_now
from mailer.planned import Planned
from mailer.planning import due
from mailer.planning.due import Member, Occasion
from mailer.recipients.model import Recipient, Role
from mailer.releasing import Releasing, wording_in_force
from mailer.replies import Replies, replies
from mailer.service import Service
from mailer.settings import EXAMPLE, Settings
from mailer.settings import load as load_settings
from mailer.standing import Standing, standing

EXAMPLE_BEGINS_ON = datetime(2027, 1, 4, 8, tzinfo=UTC)
"""When the rehearsal of an example that is not published begins, so that its letters are the same every day."""

NOTHING = Consequences()

SOON = timedelta(minutes=1)
"""What falls due this soon after publishing leaves at once, in a person's eyes."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What publishing would change: the agenda, the people by address, the files of the wording, and the letters that
    are due at once.
    """

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
        found = replies(self.database, self.event_key(), self.now)
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

    def difference(self, found: Dossier, latest: AgendaVersion | None) -> Difference:
        """What publishing the files now would change, and which letters would leave at once because of it."""
        version = found.version(latest, self.now)
        with self.database.reading() as transaction:
            old = {
                m.recipient.address.lower(): m.recipient for m in people.roster(transaction, found.event.key)
            }
            seen = (latest.number if latest else 0, people.changed_at(transaction, found.event.key))
            at_once = self._due_at_once(transaction, found, version)
            in_force = wording_in_force(transaction, found.event.key, found.texts).texts
        new = {recipient.address.lower(): recipient for recipient in found.recipients}
        return Difference(
            version=version.number,
            seen=seen,
            changes=tuple(differences(latest.event if latest else None, found.event)),
            added=tuple(sorted(new.keys() - old.keys())),
            changed=tuple(sorted(a for a in new.keys() & old.keys() if new[a] != old[a])),
            left=tuple(sorted(old.keys() - new.keys())),
            due_at_once=at_once,
            consequences=self.mending(found).consequences(version, sorted(old.keys() - new.keys())),
            wording=found.texts.differs(in_force),
        )

    def mending(self, found: Dossier | None = None) -> Mending:
        """The event's calendars, with the words of its files. Raises BadInput when those are wrong."""
        texts = (found or self.read()[0]).texts
        return Mending(database=self.database, sender=self.sender, texts=texts, now=self.now)

    def sample(self, found: Dossier, latest: AgendaVersion | None, difference: Difference) -> Composed | None:
        """One of the letters about changes that publishing would send."""
        return self.mending(found).sample(found.version(latest, self.now), difference.consequences)

    def not_to_be_changed(self, found: Dossier, latest: AgendaVersion | None) -> list[Problem]:
        """What may not differ from what was published: calendars take changes only from whoever sent the invitation
        (RFC 5546 2.1.2).
        """
        if latest is None or latest.event.organiser.address == found.event.organiser.address:
            return []
        places = agenda_reading.read(self.file, today=self.now.date()).places
        said = f"was {latest.event.organiser.address} when it was published, and must stay so: calendars take no change"
        return [places.problem("event.organiser.address", f"{said} from anybody else")]

    def _due_at_once(
        self, transaction: Transaction, found: Dossier, version: AgendaVersion
    ) -> dict[str, int]:
        """Letters by mailing that would leave within a minute of publishing: nobody has them yet."""
        listed = {recipient.address.lower(): recipient for recipient in found.recipients}
        counts: dict[str, int] = {}
        for occasion in due.occasions(version, {recipient.timezone for recipient in found.recipients}):
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

    def publish(self, found: Dossier, seen: tuple[int, datetime]) -> AgendaVersion:
        """Put the files in force, if nobody else has published since the difference was shown.

        Raises:
            StoreError: somebody has.
        """
        service = Service(
            database=self.database, event=found.event.key, sender=self.sender, texts=found.texts
        )
        version, _ = service.publish(
            found.event, found.recipients, utc_now(), seen=seen, by=by_hand(), takes_files=True
        )
        return version

    def releasing(self) -> Releasing:
        """The event's mailings, to be approved. Raises ConvenorError when nothing is published."""
        return Releasing(database=self.database, event=self.event_key())

    def export_wording(self, folder: Path) -> tuple[str, ...]:
        """Write the wording in force into the folder of templates; the files that were another before.

        Raises:
            ConvenorError: nothing of the event is published, or a file cannot be written.
        """
        service = self._service(Wording(texts={}))
        texts = service.wording()
        try:
            there = wording.load(folder) if folder.is_dir() else Wording(texts={})
            changed = texts.differs(there.texts)
            for path in changed:
                wording.write(folder, path, texts.texts.get(path))
        except OSError as error:
            raise ConvenorError(f"{folder} cannot be written: {error.strerror}") from None
        if folder.resolve() == TEMPLATES.resolve():
            service.choose_wording(texts, by_hand(), self.now, from_files=True)
        return changed

    def wording_differs(self) -> tuple[str, ...]:
        """The files of the folder that are others than the wording in force."""
        return self._service(Wording(texts={})).wording().differs(wording.load(TEMPLATES).texts)

    def take_wording(self) -> tuple[str, ...]:
        """Put the wording of the folder in force in the place of the desk's; the files that differ.

        Raises:
            BadInput: the folder's is not sound.
        """
        texts = wording.load(TEMPLATES)
        problems = wording.check(texts)
        if any(not problem.warning for problem in problems):
            raise BadInput(problems)
        service = self._service(texts)
        changed = texts.differs(service.wording().texts)
        service.choose_wording(texts, by_hand(), self.now, from_files=True)
        return changed

    def _service(self, texts: Wording) -> Service:
        return Service(database=self.database, event=self.event_key(), sender=self.sender, texts=texts)

    def plan(self) -> tuple[list[Planned], ZoneInfo, list[Problem]]:
        """Every occasion of the timetable in the order of time, the venue's zone, and what comes too late."""
        found, latest = self.read()
        version = found.version(latest, self.now)
        rows = self._planned(found, version)
        return rows, version.event.zone, self._problems(version, rows)

    def too_late(self, found: Dossier, latest: AgendaVersion | None) -> list[Problem]:
        """Mailings that the mail server cannot take in time: refused where its limits say so, doubtful where that
        is a guess or they have begun already.
        """
        version = found.version(latest, self.now)
        return self._problems(version, self._planned(found, version))

    def _planned(self, found: Dossier, version: AgendaVersion) -> list[Planned]:
        members = self._members(found)
        with self.database.reading() as transaction:
            return planned.planned(transaction, self.profile, version, members, self.now)

    def _problems(self, version: AgendaVersion, rows: Sequence[Planned]) -> list[Problem]:
        """With the lines of the agenda file."""
        if not any(row.trouble for row in rows):
            return []
        places = agenda_reading.read(self.file, today=self.now.date()).places
        numbers = {mailing.key: number for number, mailing in enumerate(version.event.mailings)}
        return [
            places.problem(
                f"mailing[{numbers[row.mailing]}].useful_until", row.trouble, warning=not row.is_refused
            )
            for row in rows
            if row.trouble
        ]

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
        occasion = due.occasion(
            version, mailing, _anchor(version.event, mailing, session), recipient.timezone
        )
        with self.database.reading() as transaction:
            links = people.links_of(transaction, version.event.key, recipient.address)
        return self._compose(version, found, mailing, recipient, occasion, links[0] if links else None)

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
        """Send the first mailing's letter to `address` as to an invented reader; the outcome, and through what.

        It is in no outbox and in no count; its personal links lead nowhere.

        Raises:
            ConvenorError: there is no mailing, no token to sign in with, or no line to the mail server.
        """
        found, latest = self.read()
        version = found.version(latest, self.now)
        if not version.event.mailings:
            raise ConvenorError(f"{shown(self.file)} has no mailing whose letter could be sent")
        mailing = version.event.mailings[0]
        reader = Recipient(address=address, given_name="Test", family_name="Reader", role=Role.FOCAL_POINT)
        occasion = due.occasion(version, mailing, _anchor(version.event, mailing, None), None)
        composed = self._compose(version, found, mailing, reader, occasion)
        parcel = Parcel(0, self.sender.return_path_of(0) or composed.return_path, address, composed.raw)
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

    def _compose(
        self,
        version: AgendaVersion,
        found: Dossier,
        mailing: Mailing,
        recipient: Recipient,
        occasion: Occasion,
        handle: str | None = None,
    ) -> Composed:
        return compose(
            version=version, mailing=mailing, anchor=occasion.anchor, recipient=recipient,
            due_at=occasion.due_at, dated_at=occasion.due_at, texts=found.texts, sender=self.sender,
            handle=handle,
        )  # fmt: skip

    def _members(self, found: Dossier) -> list[Member]:
        """The lists' people with what the database knows of them; those who are new join when published."""
        with self.database.reading() as transaction:
            known = {m.recipient.address: m for m in people.roster(transaction, found.event.key)}
        return [
            known.get(r.address) or Member(id=0, recipient=r, joined_at=self.now) for r in found.recipients
        ]


def by_hand() -> str:
    """Who acts at the command line: the system's name of the person, where it has one."""
    try:
        return f"{getpass.getuser()} (command line)"
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
        yield Errand(
            file=usual(file),
            settings=settings,
            database=database,
            now=utc_now(),
            sender=sender_of(settings, database, key_in(usual(file))),
        )
    finally:
        database.close()


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

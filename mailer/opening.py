"""What the service does with the organiser's files when it starts.

The first time, into the tray, it publishes them. Ever after the published version is in force: a file that has
changed waits for `convenor apply`, and one that is broken does not stop tonight's reminders.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from mailer import dossier
from mailer.agenda.model import AgendaVersion
from mailer.composition import wording
from mailer.composition.wording import Wording
from mailer.delivery.tray import IN_THE_TRAY
from mailer.dossier import Dossier
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.outbox import agendas, letters, people, preferences, wordings
from mailer.outbox.database import Database, Transaction
from mailer.outbox.wordings import Choice
from mailer.parts import TEMPLATES
from mailer.recipients.model import Recipient
from mailer.service import Service
from mailer.settings import EXAMPLE, ROOT, Settings
from mailer.starting import Hands, Setup


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The event the service runs. `dossier` is what waits to be published: only at the very first start."""

    event: str
    texts: Wording
    is_example: bool
    dossier: Dossier | None = None
    notes: tuple[str, ...] = ()

    def publish_if_first(self, service: Service, now: datetime) -> None:
        """Publish what waits; or have templates that changed since the last start be the ones in force."""
        if self.dossier:
            service.publish(self.dossier.event, self.dossier.recipients, now, contents=self.dossier.contents)
        elif service.wording() != self.texts:
            service.choose_wording(self.texts, wordings.FROM_FILES, now, from_files=True)


def read_dossier(
    path: Path, settings: Settings, database: Database, now: datetime
) -> tuple[Dossier, AgendaVersion | None]:
    """The files of an event, and its version in force. An example keeps the date of its first publication, and people
    have the language and the time zone they chose on their pages.

    Raises:
        BadInput: everything wrong in any of the files.
    """
    found = dossier.read(path, today=now.date(), templates=TEMPLATES, sender=settings.sender)
    with database.reading() as transaction:
        latest = agendas.latest(transaction, found.event.key)
    if latest and found.event.example:
        begun_on = latest.first_published_at.date()
        found = dossier.read(path, today=begun_on, templates=TEMPLATES, sender=settings.sender)
    with database.reading() as transaction:
        listed = preferences.as_preferred(transaction, found.event.key, found.recipients)
        choice = wordings.in_force(transaction, found.event.key)
        found = _with_wording(transaction, found, choice) if choice else found
    return replace(found, recipients=tuple(listed)), latest


def _with_wording(transaction: Transaction, found: Dossier, choice: Choice) -> Dossier:
    """What was edited at the desk stands, until the folder is changed; what was not, gives way to the folder.

    Where both were changed, the desk's stands, and a person is to bring them together.
    """
    files = found.texts.digest
    if files == choice.digest or not (choice.is_edited or files == choice.files):
        return found
    texts = Wording(texts=agendas.wording(transaction, choice.digest))
    if files == choice.files:
        return replace(found, texts=texts)
    both = Problem(
        file=shown(TEMPLATES),
        message=f"has changed, and so has the wording at the desk ({choice.by}), which stands: {_BOTH}",
        warning=True,
    )
    return replace(found, texts=texts, warnings=(*found.warnings, both))


_BOTH = "`convenor wording --export` writes the desk's into the folder, `convenor wording --take` takes the folder's"


def open_event(path: Path, settings: Settings, database: Database, now: datetime) -> Opened:
    """Decide what the service runs.

    Raises:
        BadInput: the files are wrong and nothing is published that could go on without them.
        ConvenorError: letters would leave for real that nobody has looked at yet.
    """
    try:
        found, latest = read_dossier(path, settings, database, now)
    except BadInput as error:
        opened, latest = _go_on_without(path, database, error)
    else:
        opened = _opened(path, database, found, latest)
    if settings.relay:
        _refuse_to_leave(path, database, opened, latest)
    return opened


def _opened(path: Path, database: Database, found: Dossier, latest: AgendaVersion | None) -> Opened:
    if latest is None:
        return Opened(event=found.event.key, texts=found.texts, is_example=found.event.example, dossier=found)
    with database.reading() as transaction:
        listed = [member.recipient for member in people.roster(transaction, found.event.key)]
    notes = tuple(str(each) for each in found.warnings if each.file == shown(TEMPLATES))
    if latest.event == found.event and same_people(listed, found.recipients):
        return Opened(event=found.event.key, texts=found.texts, is_example=latest.event.example, notes=notes)
    with database.reading() as transaction:
        note = _drift(transaction, path, found, latest)
    return Opened(
        event=found.event.key, texts=found.texts, is_example=latest.event.example, notes=(note, *notes)
    )


def _drift(transaction: Transaction, path: Path, found: Dossier, latest: AgendaVersion) -> str:
    """Which is newer, the files or what is in force, and what to do about it.

    Files that say what an earlier version said are as they were applied; what differs came from the desk.
    """
    name, number = shown(path), latest.number
    if latest.event == found.event:
        parts = "--lists" if found.event.recipient_lists else "--agenda --lists"
        return (
            f"the lists of {name} are not those in force: `convenor apply {name}` shows the difference, "
            f"`convenor export {parts} .` writes those in force to the files"
        )
    if latest.published_by and agendas.was_published(transaction, found.event, before=number):
        return (
            f"the desk has published version {number} since {name} was applied: "
            "`convenor export --agenda .` writes it to the file"
        )
    if latest.published_by:
        return (
            f"{name} has changed, and the desk has published version {number} besides: `convenor apply {name}` shows "
            "the difference, `convenor export --agenda .` writes what is in force to the file"
        )
    return f"{name} has changed since version {number} was published: `convenor apply {name}` shows the difference"


def _refuse_to_leave(path: Path, database: Database, opened: Opened, latest: AgendaVersion | None) -> None:
    """What must not go out through a real mail server: an example, the unseen, and what the tray has had."""
    event = opened.dossier.event if opened.dossier else latest.event if latest else None
    if event and event.example:
        raise ConvenorError(
            "the example is for the tray alone: empty CONVENOR_SMTP_URL, or run your own event "
            "with EVENT=agenda/mine.toml"
        )
    if latest is None:
        raise ConvenorError(
            f"nothing of this event is published yet: `convenor apply {shown(path)}` "
            "shows what would leave, and asks"
        )
    with database.reading() as transaction:
        if letters.have_been_told(transaction, latest.event.key, IN_THE_TRAY):
            raise ConvenorError(
                "letters of this event went to the tray, and count as sent: give the real sending a database "
                "of its own, such as CONVENOR_DATABASE_URL=sqlite:///var/real.db, and apply again"
            )


class Notes:
    """What the organiser should know of the files as they are at this moment: read again when one changed."""

    def __init__(self, path: Path, settings: Settings, database: Database, opened: Opened) -> None:
        self._path, self._settings, self._database = path, settings, database
        self._event, self._notes = opened.event, opened.notes
        self._seen = self._state()

    def __call__(self, now: datetime) -> tuple[str, ...]:
        state = self._state()
        if state != self._seen:
            self._seen = state
            try:
                self._notes = open_event(self._path, self._settings, self._database, now).notes
            except ConvenorError:
                self._notes = (f"{shown(self._path)} cannot be used; `convenor check` shows why",)
        return self._notes

    def _state(self) -> tuple[object, ...]:
        """What the notes depend on: when each file was written, and what is published."""
        with self._database.reading() as transaction:
            latest = agendas.latest(transaction, self._event)
            changed_at = people.changed_at(transaction, self._event)
        lists, attached = (latest.event.recipient_lists, latest.event.attachments) if latest else ((), ())
        named = (*(each.file for each in lists), *(each.file for each in attached))
        files = (self._path, *(self._path.parent / each for each in named))
        written = tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
        return (*written, latest.number if latest else 0, changed_at)


def setup_of(path: Path, settings: Settings, hands: Callable[[], Hands] | None = None) -> Setup:
    """For beginning an event at this path; beside the example, at agenda/mine.toml. `hands` publish it, where that is
    not done unseen.
    """
    own = path if path.resolve() != EXAMPLE else EXAMPLE.parent / "mine.toml"
    return Setup(
        path=own, shown=shown(own), example=EXAMPLE, templates=TEMPLATES, sender=settings.sender, relay=settings.relay,
        return_path=settings.return_path, dkim=settings.dkim, hands=hands,
        is_reachable=urlsplit(settings.base_url).hostname not in {"127.0.0.1", "localhost", "::1"},
    )  # fmt: skip


def is_there(path: Path, settings: Settings, database: Database) -> bool:
    """Whether there is an event that the service can run: a file, and, where letters would leave for real, a published
    version of it.
    """
    if not path.exists() or settings.relay is None:
        return path.exists()
    with database.reading() as transaction:
        return key_in(path) in agendas.event_keys(transaction)


def same_people(one: Sequence[Recipient], other: Sequence[Recipient]) -> bool:
    return {r.address: r for r in one} == {r.address: r for r in other}


def shown(path: Path) -> str:
    """A path as a person would type it."""
    resolved = path.resolve()
    return str(resolved.relative_to(ROOT)) if resolved.is_relative_to(ROOT) else str(path)


def _go_on_without(path: Path, database: Database, error: BadInput) -> tuple[Opened, AgendaVersion | None]:
    """A published event goes on though its file is broken, if the file still says which one it is."""
    key = key_in(path)
    with database.reading() as transaction:
        latest = agendas.latest(transaction, key)
    if latest is None:
        raise error
    texts = _sound_wording(database, key, error)
    note = (
        f"{shown(path)} cannot be used, and what was published goes on: "
        f"`convenor check {shown(path)}` shows what is wrong"
    )
    return Opened(event=key, texts=texts, is_example=latest.event.example, notes=(note,)), latest


def _sound_wording(database: Database, event: str, error: BadInput) -> Wording:
    """The templates as they are, or, where one is broken, as the last letter was written from them."""
    try:
        texts = wording.load(TEMPLATES)
        if all(problem.warning for problem in wording.check(texts)):
            return texts
    except BadInput:
        pass
    with database.reading() as transaction:
        choice = wordings.in_force(transaction, event)
        kept = choice.digest if choice else letters.last_wording(transaction, event)
        if kept is None:
            raise error
        return Wording(texts=agendas.wording(transaction, kept))


def key_in(path: Path) -> str:
    """The key of the event an agenda file is about; nothing when it cannot even be read for that."""
    try:
        return str(tomllib.loads(path.read_text("utf-8-sig"))["event"]["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""

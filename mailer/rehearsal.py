"""The rehearsal: an event's whole timetable of mailings, played in virtual time against a tray of its own.

The same planning, composition and delivery as on the day, over real SMTP; only the clock is ours. It begins
when the agenda is published, assumes that nobody answers, and ends when nothing more falls due.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mailer.agenda.model import AgendaVersion, Approval, Mailing
from mailer.composition.composing import NO_FILES, Contents, Sender, message_id_of
from mailer.composition.wording import Wording
from mailer.delivery.relay import Relay
from mailer.delivery.tray import Tray, TrayServer
from mailer.errors import ConvenorError
from mailer.outbox import agendas, attachments, letters, occasions, people
from mailer.outbox.database import open_database
from mailer.outbox.letter import LetterState
from mailer.outbox.occasions import StoredOccasion
from mailer.recipients.model import Recipient
from mailer.service import Service

EVERYTHING = 2**31 - 1
Heard = Callable[[datetime, int], None]
_WRITTEN_HERE = re.compile(r"\d{8}T\d{6}Z-.*@.*\.eml")


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """One occasion as it went. `unsent` counts letters that did not leave, by state and reason."""

    mailing: str
    title: str
    anchor: str
    due_at: datetime
    audience: str
    letters: int
    sent: int
    unsent: dict[str, int]
    sample_subject: str


@dataclass(frozen=True, kw_only=True)
class PersonalLetter:
    """One letter of the rehearsal: to whom, when, and its bytes."""

    mailing: str
    anchor: str
    due_at: datetime
    address: str
    subject: str
    raw: bytes

    @property
    def file_name(self) -> str:
        """Unique, and in the order of time: `20270223T170000Z-practical-event-a.novak@uni.example.eml`."""
        return f"{self.due_at:%Y%m%dT%H%M%SZ}-{self.mailing}-{self.anchor}-{self.address}.eml".replace(
            "/", "_"
        )

    def described(self) -> dict[str, object]:
        """What it is, without its bytes."""
        return {name: getattr(self, name) for name in ("mailing", "anchor", "due_at", "address", "subject")}


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    version: AgendaVersion
    occasions: tuple[Rehearsed, ...]
    letters: tuple[PersonalLetter, ...]


def _nobody(_moment: datetime, _letters: int) -> None:
    pass


def rehearse(
    version: AgendaVersion,
    recipients: Sequence[Recipient],
    *,
    sender: Sender,
    texts: Wording,
    heard: Heard = _nobody,
    contents: Contents = NO_FILES,
) -> Rehearsal:
    """Play the timetable of a version, published or not, for these recipients.

    `contents` are those of the files that it attaches. `heard` is told how far it is: the moment played, and the
    letters so far.

    Raises:
        ConvenorError: a letter cannot be composed, or the embedded server does not answer.
    """
    with _stage(version, recipients, sender, texts, contents) as (service, tray, relay):
        now: datetime | None = version.published_at
        while now is not None:
            moment = now
            now = service.plan(moment)
            done = service.deliver(relay, lambda at=moment: at)  # type: ignore[misc]
            if done.unreachable:
                raise ConvenorError(done.unreachable)
            heard(moment, tray.count())
        return _report(version, service, tray)


def without_files(version: AgendaVersion) -> AgendaVersion:
    """The version with nothing attached: what its letters say is the same, and a rehearsal keeps all of them."""
    bare = tuple(mailing.model_copy(update={"attachments": ()}) for mailing in version.event.mailings)
    return version.model_copy(update={"event": version.event.model_copy(update={"mailings": bare})})


@contextmanager
def _stage(
    version: AgendaVersion,
    recipients: Sequence[Recipient],
    sender: Sender,
    texts: Wording,
    contents: Contents,
) -> Iterator[tuple[Service, Tray, Relay]]:
    """A database and a tray that vanish with the curtain. Nobody is asked to approve anything."""
    released = version.event.model_copy(update={"approval": Approval.NONE})
    version = version.model_copy(update={"event": released})
    with tempfile.TemporaryDirectory(prefix="convenor-rehearsal-") as folder:
        database = open_database(f"sqlite:///{folder}/rehearsal.db", durable=False)
        tray = Tray(Path(folder) / "tray.db", durable=False)
        server = TrayServer(tray, clock=lambda: version.published_at)
        relay = server.start()
        try:
            with database.writing() as transaction:
                attachments.keep(transaction, contents, version.published_at)
                agendas.publish(transaction, version)
                people.save_roster(
                    transaction, version.event.key, recipients, version.published_at,
                    lambda address: sender.signer.handle(version.event.key, address),
                )  # fmt: skip
            yield Service(database=database, event=version.event.key, sender=sender, texts=texts), tray, relay
        finally:
            server.stop()
            database.close()


def write(played: Rehearsal, folder: Path) -> None:
    """Every letter as one file in `folder`: a new one, or one that an earlier rehearsal wrote.

    Raises:
        ConvenorError: the folder holds something else, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = list(folder.iterdir())
        if not all(_WRITTEN_HERE.fullmatch(path.name) for path in earlier):
            raise ConvenorError(f"{folder} holds other things; name a new folder")
        for path in earlier:
            path.unlink()
        for letter in played.letters:
            (folder / letter.file_name).write_bytes(letter.raw)
    except OSError as error:
        raise ConvenorError(f"{folder} cannot be written: {error.strerror}") from None


def _report(version: AgendaVersion, service: Service, tray: Tray) -> Rehearsal:
    event, signer = version.event, service.sender.signer
    caught = {letter.message_id: (letter, raw) for letter, raw in tray.everything()}
    with service.database.reading() as transaction:
        rows = letters.search(transaction, event.key, limit=EVERYTHING)
        opened = occasions.occasions(transaction, event.key)
    unsent: dict[tuple[str, str, datetime], Counter[str]] = {}
    found: list[PersonalLetter] = []
    for row in rows:
        identity = (row.mailing, row.anchor, row.due_at)
        if row.state is not LetterState.SENT:
            why = ": ".join(filter(None, (row.state.value, row.reason or row.reply)))
            unsent.setdefault(identity, Counter())[why] += 1
            continue
        message_id = message_id_of(signer, event, row.mailing, row.anchor, row.due_at, row.recipient)
        letter, raw = caught[message_id]
        found.append(
            PersonalLetter(
                mailing=row.mailing, anchor=row.anchor, due_at=row.due_at, address=row.recipient.address,
                subject=letter.subject, raw=raw,
            )
        )  # fmt: skip
    found.sort(key=lambda letter: (letter.due_at, letter.mailing, letter.anchor, letter.address))
    familiar = {row.recipient.address for row in rows if row.recipient.language in {None, event.language}}
    by_occasion: dict[tuple[str, str, datetime], list[PersonalLetter]] = {}
    for personal in found:
        by_occasion.setdefault((personal.mailing, personal.anchor, personal.due_at), []).append(personal)
    rehearsed = tuple(
        _rehearsed(
            event.mailing(stored.mailing),
            stored,
            by_occasion.get(stored.identity, []),
            unsent.get(stored.identity, Counter()),
            familiar,
        )
        for stored in opened
    )
    return Rehearsal(version=version, occasions=rehearsed, letters=tuple(found))


def _rehearsed(
    mailing: Mailing,
    stored: StoredOccasion,
    sent: Sequence[PersonalLetter],
    unsent: Counter[str],
    familiar: Set[str],
) -> Rehearsed:
    """Its sample is a letter in the event's language, if there is one."""
    sample = next((letter for letter in sent if letter.address in familiar), next(iter(sent), None))
    return Rehearsed(
        mailing=mailing.key,
        title=mailing.title,
        anchor=stored.anchor,
        due_at=stored.due_at,
        audience=mailing.audience,
        letters=len(sent) + unsent.total(),
        sent=len(sent),
        unsent=dict(unsent),
        sample_subject=sample.subject if sample else "",
    )

"""What the organiser's files say, read together: the agenda file, the lists it names, and the letters' wording.

Each reader reports all of its problems; here those of all files are joined, so that one look shows everything.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from mailer.agenda import changes
from mailer.agenda import reading as agenda_reading
from mailer.agenda.model import AgendaVersion, Event, Organiser
from mailer.composition import wording
from mailer.composition.composing import Contents
from mailer.composition.wording import Wording
from mailer.errors import BadInput, Problem
from mailer.planning import due
from mailer.recipients import reading as recipient_reading
from mailer.recipients.model import Recipient, Role
from mailer.recipients.reading import Roster

_Read = TypeVar("_Read")
_ROLES = f"roles: {', '.join(Role)}"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What may be published: an agenda, everybody on its lists, the templates its letters are written from, and what is
    in the files that it attaches, by SHA-256. Without `recipients` the list stays as it is.
    """

    event: Event
    recipients: tuple[Recipient, ...] | None
    texts: Wording
    contents: Contents = field(default_factory=dict, repr=False)

    def version(self, latest: AgendaVersion | None, now: datetime) -> AgendaVersion:
        """The version in force if it says the same, else the one that publishing would make."""
        if latest and latest.event == self.event:
            return latest
        return changes.next_version(latest, self.event, now.replace(microsecond=0))


@dataclass(frozen=True, kw_only=True)
class Dossier(Proposal):
    """A sound event as its files say it."""

    recipients: tuple[Recipient, ...]
    path: Path
    warnings: tuple[Problem, ...]


def read(path: Path, *, today: date, templates: Path, sender: tuple[str, str] | None = None) -> Dossier:
    """Read an agenda file and all it names.

    Args:
        today: the day from which an example counts its date.
        templates: the folder of the letters' wording.
        sender: (name, address) that stand for the organiser's, from the settings.

    Raises:
        BadInput: everything wrong in any of the files, and what is doubtful besides.
    """
    problems: list[Problem] = []
    texts = _collected(lambda: wording.load(templates), problems)
    agenda = _collected(lambda: agenda_reading.read(path, today=today), problems)
    roster = _collected(lambda: _lists(path, agenda), problems) if agenda else None
    if agenda:
        late = out_of_time(agenda.event, {each.timezone for each in roster.recipients} if roster else ())
        placed = (
            agenda.places.problem(each.field or "", each.message, warning=each.warning) for each in late
        )
        problems += [*agenda.warnings, *placed]
    if roster:
        problems += roster.warnings
    if texts:
        problems += wording.check(texts, agenda.event.language if agenda else None)
    if not (agenda and roster and texts and all(problem.warning for problem in problems)):
        raise BadInput(problems)
    return Dossier(
        path=path,
        event=_as_sender(agenda.event, sender),
        recipients=roster.recipients,
        texts=texts,
        contents=agenda.contents,
        warnings=tuple(problems),
    )


def _collected(read: Callable[[], _Read], problems: list[Problem]) -> _Read | None:
    try:
        return read()
    except BadInput as error:
        problems += error.problems
        return None


def _lists(path: Path, agenda: agenda_reading.Reading) -> Roster:
    """Raises BadInput: a role nobody has, a list that is missing or refused."""
    event = agenda.event
    unknown = [
        agenda.places.problem(f"recipients[{index}].role", f"there is no role '{each.role}'; {_ROLES}")
        for index, each in enumerate(event.recipient_lists)
        if each.role and each.role not in set(Role)
    ]
    if unknown:
        raise BadInput(unknown)
    lists = [
        (path.parent / each.file, Role(each.role) if each.role else None) for each in event.recipient_lists
    ]
    return recipient_reading.read_all(
        lists, sessions=[each.key for each in (*event.sessions, *event.called_off)]
    )


def out_of_time(event: Event, zones: Iterable[str | None]) -> Iterator[Problem]:
    """Mailings that fall due when they are no longer useful: refused, or doubtful where it is so only for readers in
    some of these zones. Places are those of an agenda's tables.
    """
    draft = changes.next_version(None, event, event.starts_at)
    for index, message in due.problems(draft):
        yield Problem(file="", field=f"mailing[{index}].useful_until", message=message)
    for index, message in due.doubts(draft, zones):
        yield Problem(file="", field=f"mailing[{index}].when", message=message, warning=True)


def _as_sender(event: Event, sender: tuple[str, str] | None) -> Event:
    """From and ORGANIZER are one: whoever is set as the sender is the organiser of what is published."""
    if sender is None:
        return event
    organiser = Organiser(name=sender[0] or event.organiser.name, address=sender[1])
    return event.model_copy(update={"organiser": organiser})

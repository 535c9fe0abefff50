"""What the organiser's files say, read together: the agenda file, the lists it names, and the letters' wording.

Each reader reports all of its problems; here those of all files are joined, so that one look shows everything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

from mailer.agenda import changes, places
from mailer.agenda import reading as agenda_reading
from mailer.agenda.model import AgendaVersion, Event, Organiser
from mailer.composition import wording
from mailer.composition.wording import Wording
from mailer.errors import BadInput, Problem
from mailer.planning import due
from mailer.recipients import reading as recipient_reading
from mailer.recipients.model import Recipient, Role

_Read = TypeVar("_Read")


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """A sound event: its agenda, everybody on its lists, and the templates its letters are written from."""

    path: Path
    event: Event
    recipients: tuple[Recipient, ...]
    texts: Wording
    warnings: tuple[Problem, ...]

    def version(self, latest: AgendaVersion | None, now: datetime) -> AgendaVersion:
        """The version in force if it says what the files say, else the one that publishing would make."""
        if latest and latest.event == self.event:
            return latest
        return changes.next_version(latest, self.event, now.replace(microsecond=0))


def read(path: Path, *, today: date, templates: Path, sender: tuple[str, str] | None = None) -> Dossier:
    """Read an agenda file and all it names.

    Args:
        today: the day from which an example counts its date.
        templates: the folder of the letters' wording.
        sender: (name, address) that stand for the organiser's, from the settings.

    Raises:
        BadInput: everything wrong in any of the files.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    texts = _collected(lambda: wording.load(templates), problems)
    agenda = _collected(lambda: agenda_reading.read(path, today=today), problems)
    recipients: tuple[Recipient, ...] = ()
    if agenda:
        warnings += agenda.warnings
        roster = _collected(lambda: _lists(path, agenda.event), problems)
        if roster:
            recipients, warnings = roster.recipients, [*warnings, *roster.warnings]
        problems += _never_useful(path, agenda.event)
    if texts:
        language = agenda.event.language if agenda else None
        found = wording.check(texts, language)
        problems += (problem for problem in found if not problem.warning)
        warnings += (problem for problem in found if problem.warning)
    if problems or not (agenda and texts):
        raise BadInput(problems)
    return Dossier(
        path=path,
        event=_as_sender(agenda.event, sender),
        recipients=recipients,
        texts=texts,
        warnings=tuple(warnings),
    )


def _collected(read: Callable[[], _Read], problems: list[Problem]) -> _Read | None:
    try:
        return read()
    except BadInput as error:
        problems += error.problems
        return None


def _lists(path: Path, event: Event) -> recipient_reading.Roster:
    lists = [
        (path.parent / each.file, Role(each.role) if each.role else None) for each in event.recipient_lists
    ]
    return recipient_reading.read_all(lists, sessions=[session.key for session in event.sessions])


def _never_useful(path: Path, event: Event) -> Sequence[Problem]:
    """Mailings that fall due when they are no longer useful, with their lines."""
    lines = places.lines_of(path.read_text("utf-8-sig"))
    draft = changes.next_version(None, event, datetime.min.replace(tzinfo=UTC))
    return [
        Problem(file=path.name, row=places.line_of(field, lines), field=field, message=message)
        for index, message in due.problems(draft)
        for field in [f"mailing[{index}].useful_until"]
    ]


def _as_sender(event: Event, sender: tuple[str, str] | None) -> Event:
    """From and ORGANIZER are one: whoever is set as the sender is the organiser of what is published."""
    if sender is None:
        return event
    organiser = Organiser(name=sender[0] or event.organiser.name, address=sender[1])
    return event.model_copy(update={"organiser": organiser})

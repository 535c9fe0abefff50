"""Files attached to a mailing, and taken off again: an Event in, the changed Event out. Nothing is kept here.

The rules are those of `attachments`, as for files that an agenda file names.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailer.agenda import attachments
from mailer.agenda.model import Attachment, Event
from mailer.errors import BadInput, Problem


@dataclass(frozen=True, kw_only=True)
class HandedIn:
    """A file that somebody chose, under the name that their browser gave."""

    given: str
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Without folders, of whatever system, and composed (UAX 15)."""
        return unicodedata.normalize("NFC", self.given.replace("\\", "/").rpartition("/")[2])


def contents_of(files: Sequence[HandedIn]) -> Mapping[str, bytes]:
    """What is in them, by SHA-256."""
    return {hashlib.sha256(each.content).hexdigest(): each.content for each in files}


def attach(event: Event, mailing: str, files: Sequence[HandedIn]) -> Event:
    """The event with these files attached to a mailing; one of a name that is there takes the place of that.

    Raises:
        BadInput: everything that is wrong with them.
        KeyError: the event has no such mailing that can be changed.
    """
    there = list(_attached(event, mailing))
    problems = [] if files else ["choose a file: nothing came"]
    names = Counter(each.name.casefold() for each in files)
    problems += [f"{name[:60]!r} came {times} times" for name, times in names.items() if times > 1]
    for each in files:
        wrong = [*attachments.problems_of_path(each.name), *([] if each.content else ["is empty"])]
        problems += [f"{each.name[:60]!r} {problem}" for problem in wrong]
        if not wrong:
            place = attachments.place_for(event, mailing, each.name)
            new = attachments.attachment(place, each.content)
            _put(there, new)
    return _changed(event, mailing, there, problems)


def take_off(event: Event, mailing: str, file: str) -> Event:
    """The event without the file of this path on a mailing. Raises KeyError: it is not there."""
    there = _attached(event, mailing)
    kept = [each for each in there if each.file != file]
    if len(kept) == len(there):
        raise KeyError(file)
    return _changed(event, mailing, kept, [])


def _attached(event: Event, mailing: str) -> tuple[Attachment, ...]:
    return {each.key: each for each in event.mailings}[mailing].attachments


def _put(there: list[Attachment], new: Attachment) -> None:
    """In the place of one of the same name, or as the last."""
    for number, each in enumerate(there):
        if each.name.casefold() == new.name.casefold():
            there[number] = new
            return
    there.append(new)


def _changed(event: Event, mailing: str, attached: Sequence[Attachment], problems: Sequence[str]) -> Event:
    all_of_them = {each.key: each.attachments for each in event.mailings} | {mailing: tuple(attached)}
    found = [*problems, *(f"these {problem}" for problem in attachments.problems_of(attached))]
    found += [problem for place, problem in attachments.problems_among(all_of_them) if place == mailing]
    if found:
        raise BadInput([Problem(file="", field="attachments", message=each) for each in found])
    mailings = tuple(
        each.model_copy(update={"attachments": all_of_them[each.key]}) for each in event.mailings
    )
    return event.model_copy(update={"mailings": mailings})

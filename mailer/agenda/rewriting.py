"""A mailing as an organiser changes it in a form: the same rules as for a file, every problem at once with its field.

Pure: gives another event. Keeping and publishing that is for others.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from mailer.agenda import checking
from mailer.agenda.document import MailingTable
from mailer.agenda.model import Event, Mailing
from mailer.errors import BadInput, Problem

FIELDS = ("title", "kind", "audience", "when", "useful_until", "calendar", "again_when_moved")
"""What may be changed of a mailing; its key is its name for ever."""

_LABELS = {
    "title": "Title",
    "kind": "Kind",
    "audience": "Audience",
    "when": "When",
    "useful_until": "Useful until",
    "calendar": "Calendar part",
    "again_when_moved": "Again when moved",
}


def rewritten(event: Event, key: str, changed: Mapping[str, object]) -> Event:
    """The event with one of its mailings changed.

    Raises:
        BadInput: everything wrong with the mailing, each with the name of its field.
        KeyError: the event has no such mailing that can be changed.
    """
    number = [each.key for each in event.mailings].index(key) if _has(event, key) else -1
    if number < 0:
        raise KeyError(key)
    written = {**dict(event.mailings[number]), **changed}
    try:
        table = MailingTable.model_validate(written)
    except ValidationError as error:
        raise BadInput(
            [_problem(str(each["loc"][0]), _said(each["msg"])) for each in error.errors()]
        ) from None
    path = f"mailing[{number}]"
    tables = [(f"mailing[{n}]", _table(each)) for n, each in enumerate(event.mailings)]
    tables[number] = (path, table)
    kinds = {session.key: session.kind.value for session in event.sessions}
    found = [
        _problem(place.removeprefix(f"{path}."), message)
        for place, message in checking.of_mailings(tables, kinds, event.zone)
        if place.startswith(f"{path}.")
    ]
    if found:
        raise BadInput(found)
    mailings = list(event.mailings)
    mailings[number] = Mailing(**dict(table))
    return event.model_copy(update={"mailings": tuple(mailings)})


def _has(event: Event, key: str) -> bool:
    return any(each.key == key for each in event.mailings)


def _table(mailing: Mailing) -> MailingTable:
    return MailingTable.model_construct(**dict(mailing))


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def _problem(field: str, message: str) -> Problem:
    return Problem(file=_LABELS.get(field, field), field=field, message=message)

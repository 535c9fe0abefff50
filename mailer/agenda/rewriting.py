"""A mailing as organisers lay it out in a form: begun, changed, taken out, put back. An Event in, the changed one out.

As in `editing`, each change is made to the tables of a file and those are read again: the same rules, and every problem
at once, with the name of its field. Nothing is kept here.
"""

from collections.abc import Collection, Mapping
from typing import Any

from mailer.agenda import checking, editing, writing
from mailer.agenda.model import UNASKED, CalendarPart, Event, Mailing, MailingKind
from mailer.errors import BadInput, Problem

FIELDS = ("title", "kind", "audience", "when", "useful_until", "calendar", "again_when_moved")
"""What may be said of a mailing in a form; its key is its name for ever."""

Written = Mapping[str, Any]
"""Values by field, as a file has them; one that is nothing is left out."""

_BEFORE = "the event starts"
_COMING = "not answer = declined"

BEGINNINGS: Mapping[MailingKind, Written] = {
    MailingKind.INVITATION: {
        "title": "Invitation",
        "audience": "everyone",
        "when": "as soon as published",
        "useful_until": _BEFORE,
        "calendar": CalendarPart.EVENT.value,
    },
    MailingKind.AGENDA: {
        "title": "Agenda of the day",
        "audience": _COMING,
        "when": "14 days before the event starts, at 09:00, weekdays only",
        "useful_until": _BEFORE,
        "calendar": CalendarPart.SESSIONS.value,
        "again_when_moved": True,
    },
    MailingKind.REMINDER: {
        "title": "Reminder to those who have not answered",
        "audience": "answer = none",
        "when": "10 days before the event starts, at 09:00, weekdays only",
        "useful_until": "3 days before the event starts, at 18:00",
    },
    MailingKind.PRACTICAL: {
        "title": "Practical information",
        "audience": _COMING,
        "when": "1 day before the event starts, at 17:00",
        "useful_until": _BEFORE,
    },
    MailingKind.SESSION_REMINDER: {
        "title": "Reminder before each session",
        "audience": "chose this session and not answer = declined",
        "when": "15 minutes before each session starts",
        "useful_until": "each session starts",
        "calendar": CalendarPart.SESSION.value,
        "again_when_moved": True,
    },
    MailingKind.REPORT: {
        "title": "Notice of the conference report",
        "audience": _COMING,
        "when": "14 days after the event ends, at 10:00, weekdays only",
        "useful_until": "90 days after the event ends",
    },
}
"""What a new mailing of each kind begins with: usual, sound for any event, and all of it to be changed."""

_ANY = {
    "title": "-",
    "kind": MailingKind.PRACTICAL.value,
    "audience": "everyone",
    "when": "1 hour before each session starts",
    "useful_until": "the event ends",
    "calendar": CalendarPart.NONE.value,
}
"""What stands in for a value that is wrong while the others are looked at, and leaves them every freedom."""


def begun(kind: MailingKind) -> Mailing:
    """A mailing of this kind as it begins. Raises KeyError for a kind that leaves by itself."""
    return Mailing(key=kind.value, kind=kind, **BEGINNINGS[kind])


def rewritten(event: Event, key: str, written: Written) -> Event:
    """The event with one of its mailings changed; whatever is not named stays as it is.

    Raises:
        BadInput: everything wrong with the mailing.
        KeyError: the event has no such mailing that can be changed.
    """
    number = _number(event, key)
    return _placed(event, number, {**dict(event.mailings[number]), **written, "key": key}, is_new=False)


def added(event: Event, key: str, written: Written) -> Event:
    """One mailing more, after all others. Raises BadInput."""
    return _placed(event, len(event.mailings), {**written, "key": key}, is_new=True)


def taken_out(event: Event, key: str) -> Event:
    """The event without one of its mailings. Raises KeyError."""
    number = _number(event, key)
    return event.model_copy(update={"mailings": event.mailings[:number] + event.mailings[number + 1 :]})


def put_back(event: Event, published: Event, key: str, written: Written) -> Event:
    """A mailing that was taken out, where it stood in what is `published`, as it is now written.

    Raises:
        BadInput: everything wrong with it.
        KeyError: it was not published.
    """
    number = _number(published, key)
    before = {each.key for each in published.mailings[:number]}
    place = max((at + 1 for at, each in enumerate(event.mailings) if each.key in before), default=0)
    return _placed(event, place, {**dict(published.mailings[number]), **written, "key": key}, is_new=True)


def tried(event: Event, mailing: Mailing, written: Written) -> tuple[Mailing, list[Problem]]:
    """A mailing with everything of a half-filled form in it that can be understood, and what cannot."""
    alone = event.model_copy(update={"mailings": (mailing,)})
    try:
        return rewritten(alone, mailing.key, written).mailings[0], []
    except BadInput as error:
        wrong = {each.field for each in error.problems}
        sound = {name: value for name, value in written.items() if name not in wrong}
        try:
            return rewritten(alone, mailing.key, sound).mailings[0], list(error.problems)
        except BadInput:  # what is sound by itself is not, beside what was there before
            return mailing, list(error.problems)


def key_of(title: str, event: Event, taken: Collection[str] = ()) -> str:
    """The key of a new mailing, from its title. `taken` are those that mailings had once: whoever got a letter of
    theirs would be held to have this one.
    """
    keys = {checking.NEW, *UNASKED, *taken, *(each.key for each in event.mailings)}
    return editing.key_from(title, keys, "mailing")


def _placed(event: Event, number: int, written: Written, *, is_new: bool) -> Event:
    tables = writing.mailings(event)
    table = {name: value for name, value in written.items() if value not in (None, "")}
    tables[number : number if is_new else number + 1] = [table]
    try:
        return editing.with_mailings(event, tables, _place(number))
    except BadInput as error:
        raise BadInput([*error.problems, *_hidden_by(error.problems, event, tables, number)]) from None


def _hidden_by(
    told: Collection[Problem], event: Event, tables: list[writing.Document], number: int
) -> list[Problem]:
    """What is wrong with the other fields: a value without any meaning hides it."""
    wrong = {each.field for each in told}
    tables[number] |= {name: value for name, value in _ANY.items() if name in wrong}
    try:
        editing.with_mailings(event, tables, _place(number))
    except BadInput as further:
        return [each for each in further.problems if each.field and each.field not in wrong]
    return []


def _place(number: int) -> str:
    return f"mailing[{number}]"


def _number(event: Event, key: str) -> int:
    keys = [each.key for each in event.mailings]
    if key not in keys:
        raise KeyError(key)
    return keys.index(key)

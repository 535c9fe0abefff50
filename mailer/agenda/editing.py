"""Changes of an agenda, one at a time: an Event in, the changed Event out. Nothing is kept here, and nobody told.

Each change is made to the tables that `writing` gives, and those are read again, so that what may be said on a page is
what may be said in a file. What is wrong is told with the name of its field: those of `document.SessionTable`, or of
`document.EventTable` with the venue's as `venue.city`.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar

from mailer import wallclock
from mailer.agenda import checking, reading, writing
from mailer.agenda.changes import days_moved, moved_by, on_the_clock_of
from mailer.agenda.document import SessionTable, VenueTable
from mailer.agenda.model import Approval, Event, Mailing, Session
from mailer.agenda.places import Places
from mailer.agenda.rules import EVENT
from mailer.errors import BadInput, Problem

SESSION_FIELDS = tuple(name for name in SessionTable.model_fields if name != "cancelled")
EVENT_FIELDS = (
    "title",
    "summary",
    "language",
    "timezone",
    *(f"venue.{name}" for name in VenueTable.model_fields),
)

Given = Mapping[str, Any]
"""Values by field, as a file has them; one that is None or nothing is left out, and understood as if it were."""

_NOWHERE = Places(file="", lines={})
_LONGEST_KEY = 40
_HOURS = ("starts_at", "ends_at", "end_assumed")


def session_fields(event: Event, key: str) -> dict[str, Any]:
    """What a file would say of a session, cancelled or not. Raises KeyError for a key the agenda does not hold."""
    tables = writing.document(event, today=writing.first_day(event))
    by_key: dict[str, dict[str, Any]] = {each["key"]: each for each in tables["session"]}
    return by_key[key]


def event_fields(event: Event) -> dict[str, Any]:
    """What a file would say of the event, by the names of `EVENT_FIELDS`."""
    about = writing.document(event, today=writing.first_day(event))["event"]
    venue = {f"venue.{name}": value for name, value in about["venue"].items()}
    flat = {"language": event.language, **about, **venue}
    return {name: flat[name] for name in EVENT_FIELDS if name in flat}


def change_session(event: Event, key: str, given: Given) -> Event:
    """The session as `given` says, its key excepted; whatever is not named stays as it is.

    Raises:
        BadInput: everything that is wrong with it.
        KeyError: the agenda does not hold it.
    """
    session_fields(event, key)

    def change(tables: writing.Document) -> None:
        index = _index(tables, key)
        tables["session"][index] = _with(tables["session"][index], {**given, "key": key})

    return _changed(event, change, key)


def add_session(event: Event, given: Given) -> Event:
    """One session more; without a key it gets one from its title. Raises BadInput."""
    key = key_of(given, event)

    def add(tables: writing.Document) -> None:
        tables["session"].append(_with({}, {**given, "key": key}))

    return _changed(event, add, key, is_new=True)


def cancel_session(event: Event, key: str, *, is_known: bool) -> Event:
    """The session will not take place. What was published once (`is_known`) stays in the agenda as cancelled.

    Raises:
        BadInput: it is the last one.
        KeyError: the agenda does not hold it.
    """
    session_fields(event, key)

    def cancel(tables: writing.Document) -> None:
        index = _index(tables, key)
        if is_known:
            tables["session"][index] = {**tables["session"][index], "cancelled": True}
        else:
            del tables["session"][index]

    return _changed(event, cancel, key)


def reinstate_session(event: Event, key: str) -> Event:
    """A session that was cancelled takes place after all. Raises KeyError for a key the agenda does not hold."""
    return change_session(event, key, {"cancelled": None})


def change_event(event: Event, given: Given) -> Event:
    """The event as `given` says, by the names of `EVENT_FIELDS`. In another time zone every session keeps its hour on
    the venue's clock, and so takes place at another instant. Raises BadInput.
    """

    def change(tables: writing.Document) -> None:
        venue = {
            name.removeprefix("venue."): value for name, value in given.items() if name.startswith("venue.")
        }
        about = {name: value for name, value in given.items() if "." not in name}
        old = tables["event"]
        tables["event"] = {**_with(old, about), "venue": _with(old["venue"], venue)}

    return _changed(event, change, EVENT)


def move(event: Event, first_day: str, *, today: date) -> Event:
    """The whole conference on other days, of which `first_day` is the first, as `2027-03-10`. Each session, cancelled
    or not, keeps its hour on the venue's clock; of one that comes twice there it is the first. `today` is the venue's.

    Raises:
        BadInput: there is no such day, or it is past; or clocks skip an hour of a session there.
    """
    try:
        day = reading.day(first_day.strip())
    except ValueError as error:
        raise BadInput([Problem(file="", field="first_day", message=str(error))]) from None
    if day < today:
        raise BadInput([Problem(file="", field="first_day", message=f"{day} is past")])
    days = (day - writing.first_day(event)).days
    if skipped := list(_skipped(event, days)):
        raise BadInput(skipped)
    return read_again(writing.document(moved_by(event, days), today=day), "", day)


def _skipped(event: Event, days: int) -> Iterator[Problem]:
    """Hours of sessions that do not exist so many days later."""
    for each in (*event.sessions, *event.called_off):
        hours = {"start": each.starts_at} | ({} if each.end_assumed else {"end": each.ends_at})
        for name, instant in hours.items():
            local = wallclock.same_clock(instant, days, event.zone)
            if not wallclock.instants(local, event.zone):
                for problem in checking.of_wall_clock(local, event.zone):
                    message = f"session '{each.key}': {name}: {problem}; change its hour first"
                    yield Problem(file="", message=message)


def call_off(event: Event, typed: str) -> Event:
    """The whole conference will not take place. `typed` is its title, written out by whoever calls it off; signs and
    capitals do not count.

    Raises:
        BadInput: it is not the title.
    """
    if _spelled(typed) != _spelled(event.title):
        raise BadInput([Problem(file="", field="typed", message="is not the title of the conference")])
    return event.model_copy(update={"cancelled": True})


def hold_after_all(event: Event) -> Event:
    """The conference that was called off takes place."""
    return event.model_copy(update={"cancelled": False})


def ask_approval(event: Event, policy: str) -> Event:
    """Who must have seen a mailing before it leaves, by one of the words of `Approval`. Raises BadInput."""
    try:
        return event.model_copy(update={"approval": Approval(policy)})
    except ValueError:
        *most, last = (f"'{each}'" for each in Approval)
        message = f"{policy[:60]!r} is none of {', '.join(most)} or {last}"
        raise BadInput([Problem(file="", field="approval", message=message)]) from None


def _spelled(text: str) -> str:
    """Letters and digits alone: few keyboards have every dash of a title."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, plain)) or plain.strip()


def doubts(event: Event) -> tuple[Problem, ...]:
    """What its organiser should know all the same, such as two sessions at the same time in one room.

    Raises:
        BadInput: it is an agenda that no file could hold.
    """
    return _doubts(event)


@lru_cache(maxsize=4)
def _doubts(event: Event) -> tuple[Problem, ...]:
    """The same agenda is looked at again and again; one of hundreds of sessions takes a tenth of a second to read."""
    since = writing.first_day(event)
    tables = writing.document(event, today=since)
    found = reading.of_document(tables, _NOWHERE, today=since).warnings
    return tuple(replace(_of_the_form(each, "", tables), warning=True) for each in found)


def carry_over(base: Event, draft: Event, latest: Event) -> Event:
    """What `draft` changed of `base`, changed of `latest`: field by field, the draft's where both changed one. Hours
    are those of the venue's clock, days those of the conference.
    """
    timezone = draft.timezone if draft.timezone != base.timezone else latest.timezone
    by_draft, by_latest = days_moved(base, draft), days_moved(base, latest)
    days = by_draft or by_latest
    base, draft, latest = (
        moved_by(on_the_clock_of(each, timezone), days - already)
        for each, already in ((base, 0), (draft, by_draft), (latest, by_latest))
    )
    was, now = _by_key(base), _by_key(draft)
    gone = was.keys() - now.keys()
    merged = {
        key: _merged(was.get(key, there), now.get(key, there), there)
        for key, there in _by_key(latest).items()
        if key not in gone
    }
    merged |= {key: new for key, new in now.items() if key not in was and key not in merged}
    fields = {
        name: getattr(draft, name)
        for name in Event.model_fields
        if name not in {"sessions", "called_off", "mailings"} and getattr(draft, name) != getattr(base, name)
    }
    in_order = sorted(merged.values(), key=lambda each: (each[0].starts_at, each[0].ends_at))
    fields["sessions"] = tuple(session for session, is_off in in_order if not is_off)
    fields["called_off"] = tuple(session for session, is_off in in_order if is_off)
    fields["mailings"] = _mailings_carried(base, draft, latest)
    return latest.model_copy(update=fields)


_Item = TypeVar("_Item", Session, Mailing)
_Placed = tuple[Session, bool]
"""A session, and whether it is called off."""


def _merged(base: _Placed, draft: _Placed, latest: _Placed) -> _Placed:
    changed = _changed_of(base[0], draft[0])
    if changed.keys() & set(_HOURS):  # an hour is a whole
        changed |= {name: getattr(draft[0], name) for name in _HOURS}
    is_off = draft[1] if draft[1] != base[1] else latest[1]
    return latest[0].model_copy(update=changed), is_off


def _mailings_carried(base: Event, draft: Event, latest: Event) -> tuple[Mailing, ...]:
    was, now, there = ({each.key: each for each in event.mailings} for event in (base, draft, latest))
    gone = was.keys() - now.keys()
    merged = {
        key: each.model_copy(update=_changed_of(was.get(key, each), now.get(key, each)))
        for key, each in there.items()
        if key not in gone
    }
    merged |= {key: new for key, new in now.items() if key not in was and key not in merged}
    return tuple(merged.values())


def _changed_of(base: _Item, draft: _Item) -> dict[str, Any]:
    """The fields that a draft has changed, with what it says of them."""
    both = ((name, getattr(base, name), getattr(draft, name)) for name in type(base).model_fields)
    return {name: now for name, was, now in both if now != was}


def _by_key(event: Event) -> dict[str, _Placed]:
    return {each.key: (each, False) for each in event.sessions} | {
        each.key: (each, True) for each in event.called_off
    }


def _changed(
    event: Event, change: Callable[[writing.Document], None], key: str, *, is_new: bool = False
) -> Event:
    """The event as its changed tables say. `key` is what the change is about."""
    since = writing.first_day(event)
    tables = writing.document(event, today=since)
    change(tables)
    place = (
        "event"
        if key == EVENT
        else f"session[{len(tables['session']) - 1 if is_new else _index(tables, key)}]"
    )
    return read_again(tables, place, since)


def read_again(tables: writing.Document, place: str, since: date) -> Event:
    """The event that changed tables say. `place`: where the change stands, such as `session[2]`; `since`: the day from
    which an example counts its date.

    Raises:
        BadInput: everything that is wrong; of that place by the names of its fields.
    """
    try:
        return reading.of_document(tables, _NOWHERE, today=since).event
    except BadInput as error:
        raise _in_the_form(error, place, tables) from None


def with_mailings(event: Event, tables: list[writing.Document], place: str) -> Event:
    """The event with the mailings that changed tables say. `place`: where the change stands, such as `mailing[2]`.

    Raises:
        BadInput: as `read_again`.
    """
    try:
        return reading.with_mailings(event, tables, _NOWHERE)
    except BadInput as error:
        raise _in_the_form(error, place, {"mailing": tables}) from None


def _in_the_form(error: BadInput, place: str, tables: writing.Document) -> BadInput:
    refused = (each for each in error.problems if not each.warning)
    return BadInput([_of_the_form(each, place, tables) for each in refused])


def _of_the_form(problem: Problem, place: str, tables: writing.Document) -> Problem:
    """A problem of what is changed, by the name of its field; any other with the key of where it is."""
    path = problem.field or ""
    if place and (path == place or path.startswith(f"{place}.")):
        message = re.sub(r" (?:without|in) quotes", "", problem.message)
        return Problem(file="", field=path[len(place) + 1 :] or None, message=message)
    found = re.match(r"(session|mailing)\[([0-9]+)\]\.?(.*)", path)
    if not found:
        return Problem(file="", message=": ".join(filter(None, (path, problem.message))))
    where = f"{found[1]} '{tables[found[1]][int(found[2])]['key']}'"
    return Problem(file="", message=": ".join(filter(None, (where, found[3], problem.message))))


def _with(table: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """The table with what is given in it; what is given as nothing is taken out."""
    both = {
        **table,
        **{name: list(each) if isinstance(each, tuple) else each for name, each in given.items()},
    }
    return {name: each for name, each in both.items() if each not in (None, "", [])}


def _index(tables: writing.Document, key: str) -> int:
    """Where a session stands; where it would stand, if it is gone."""
    keys = [each["key"] for each in tables["session"]]
    return keys.index(key) if key in keys else len(keys)


def key_of(given: Given, event: Event) -> str:
    """The key that a new session is given, or one from its title: `Séance I – Les droits` gives `seance-i-les-droits`,
    with a number behind it where that is taken.
    """
    if given.get("key"):
        return str(given["key"])
    return key_from(str(given.get("title") or ""), {EVENT, "publication", *_by_key(event)}, "session")


def key_from(title: str, taken: Collection[str], otherwise: str) -> str:
    """A key that is not taken, from a title; `otherwise` where that has neither letters nor digits of ASCII."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_KEY].strip("-") or otherwise
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in numbered if each not in taken)

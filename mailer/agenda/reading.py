"""From an agenda file (TOML) to an Event: every problem at once, each with its key and line.

Gives wall-clock times their instants; what makes sense across sessions and mailings is asked of `checking`.
"""

import re
import tomllib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from posixpath import normpath
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ValidationError

from mailer import wallclock
from mailer.agenda import attachments, checking
from mailer.agenda.document import TABLES, EventTable, MailingTable, RecipientsTable, SessionTable
from mailer.agenda.folder import Folder
from mailer.agenda.model import Attachment, Event, Mailing, Organiser, RecipientList, Session, Venue
from mailer.agenda.places import Places, lines_of
from mailer.errors import BadInput, Problem
from mailer.recipients.audience import nearest

MAX_BYTES = 1_000_000

MOST_ROWS = 500
"""Tables of one kind that a file may hold."""

MOST_PROBLEMS = 20
"""Problems told of one table."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DATE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_DAYS_FROM_TODAY = re.compile(rf"in ([0-9]{{1,3}}) days?(?:, on a ({'|'.join(_WEEKDAYS)}))?")
_TIME = re.compile(r"([0-9]|[01][0-9]|2[0-3]):([0-5][0-9])(?: ?([+-](?:0[0-9]|1[0-4]):[0-5][0-9]))?")
_Table = TypeVar("_Table", bound=BaseModel)
Find = Callable[[str], Attachment]
"""What is known of the file of a path. Raises ValueError: why it cannot be attached."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A readable agenda file: the event, what its organiser should know all the same, and where its keys stand.

    `contents` are those of the files it attaches, by their SHA-256.
    """

    event: Event
    warnings: tuple[Problem, ...] = ()
    places: Places
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class _Report:
    """Collects the problems of one file."""

    places: Places
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: str, message: str, *, warning: bool = False) -> None:
        self.problems.append(self.places.problem(path, message, warning=warning))

    @property
    def by_line(self) -> tuple[Problem, ...]:
        return tuple(sorted(self.problems, key=lambda problem: (problem.row or 0, problem.field or "")))

    def refuse(self) -> None:
        """Raises BadInput if anything but warnings was found."""
        if not all(problem.warning for problem in self.problems):
            raise BadInput(self.by_line)


def read(path: Path, *, today: date) -> Reading:
    """Read and check an agenda file. `today`: the day from which an example counts its date.

    Raises:
        BadInput: everything that is wrong, and what is doubtful with it, sorted by line.
    """
    text = _text(path)
    places, folder = Places(file=path.name, lines=lines_of(text)), Folder(path.parent)
    found = of_document(_document(path.name, text), places, today=today, find=folder)
    return replace(found, contents=folder.contents)


def _nowhere(_file: str) -> Attachment:
    raise ValueError("is not there")


def of_document(
    document: Mapping[str, Any], places: Places, *, today: date, find: Find = _nowhere
) -> Reading:
    """Check the tables of an agenda, wherever they were written. Raises BadInput as `read` does."""
    report = _Report(places=places)
    event = _event(document, report, today, find)
    return Reading(event=event, warnings=report.by_line, places=places)


def with_mailings(event: Event, tables: Sequence[Mapping[str, Any]], places: Places) -> Event:
    """An event with the mailings that these tables say, looked at beside all else it holds. Raises BadInput."""
    report = _Report(places=places)
    kinds = {each.key: each.kind.value for each in (*event.sessions, *event.called_off)}
    people = {normpath(each.file) for each in event.recipient_lists}
    mailings = _mailings({"mailing": tables}, report, kinds, event.zone, people, _nowhere)
    report.refuse()
    return event.model_copy(update={"mailings": mailings})


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput([Problem(file=str(path), message=f"cannot be read: {error.strerror}")]) from None
    if len(raw) > MAX_BYTES:
        raise BadInput([Problem(file=path.name, message=f"is larger than {MAX_BYTES:,} bytes")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = Problem(file=path.name, row=line, message="is not UTF-8 text; save it as UTF-8")
        raise BadInput([problem]) from None


def _document(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise BadInput([Problem(file=file, message="is nested too deeply")]) from None
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        found = re.match(r"line ([0-9]+)", place)
        row = int(found[1]) if found else text.count("\n") + 1 if place else None
        hint = next((hint for words, hint in _SLIPS if words in message), "")
        raise BadInput([Problem(file=file, row=row, message=message + hint)]) from None
    except ValueError:
        raise BadInput([Problem(file=file, message="holds a number of thousands of digits")]) from None


_SLIPS = (
    ("Illegal character '\\n'", ": is the quotation mark at the end missing?"),
    ("Invalid value", ': text stands between straight quotation marks, like "this"'),
    ("Expected newline or end of document", ': put the value between quotation marks, like "10:00"'),
    ("Cannot overwrite a value", ": this key stands twice"),
    ("Expected '=' after a key", ': is this an agenda file? It holds lines like title = "..."'),
)
"""What the parser says of the commonest slips, and what an organiser makes of it."""


def _event(document: Mapping[str, Any], report: _Report, today: date, find: Find) -> Event:
    for name in sorted(document.keys() - TABLES.keys())[:MOST_PROBLEMS]:
        report.add(name, f"is not a table of an agenda file{nearest(name, TABLES)}")
    event = _table(EventTable, document.get("event"), "event", report)
    sessions = list(_list(SessionTable, document, "session", report))
    lists = list(_list(RecipientsTable, document, "recipients", report))
    if not document.get("session"):
        report.add("session", "the agenda holds no session")
    zone = _checked(event, report)
    first_day = _first_day(event, today, report) if event else None
    timed = []
    if event and zone and first_day:
        clock = _VenueClock(first_day=first_day, zone=zone, report=report)
        timed = list(_timed(sessions, clock, timedelta(minutes=event.assumed_minutes)))
        _look_at_the_hours(document, {path for path, _ in sessions}, clock)
    is_off = {path: table.cancelled for path, table in sessions}
    if sessions and all(is_off.values()):
        report.add("session", "every session is cancelled: write cancelled = true under [event] instead")
    for path, problem in checking.overlaps([(path, each) for path, each in timed if not is_off[path]]):
        report.add(path, problem, warning=True)
    for path, problem in checking.of_keys(sessions):
        report.add(path, problem)
    people = {normpath(table.file) for _, table in lists}
    mailings = _mailings(document, report, _kinds(document), zone, people, find)
    report.refuse()
    assert event is not None  # noqa: S101 - one that is missing has been refused
    return Event(
        key=event.key,
        title=event.title,
        summary=" ".join(event.summary.split()),
        language=event.language,
        timezone=event.timezone,
        venue=Venue(**event.venue.model_dump()),
        organiser=Organiser(name=event.organiser.name, address=_mailbox(event.organiser.address)),
        sessions=_in_order(each for path, each in timed if not is_off[path]),
        mailings=mailings,
        recipient_lists=tuple(RecipientList(**table.model_dump()) for _, table in lists),
        example=event.example,
        cancelled=event.cancelled,
        quiet_minutes=event.quiet_minutes,
        approval=event.approval,
        public=event.public,
        called_off=_in_order(each for path, each in timed if is_off[path]),
    )


def _mailings(
    document: Mapping[str, Any],
    report: _Report,
    kinds: Mapping[str, str],
    zone: ZoneInfo | None,
    people: Container[str],
    find: Find,
) -> tuple[Mailing, ...]:
    """Those whose tables are understood. `kinds` are those of sessions by key, `people` the files of lists."""
    tables = list(_list(MailingTable, document, "mailing", report))
    for path, problem in checking.of_mailings(tables, kinds, zone):
        report.add(path, problem)
    attached = {path: tuple(_attached(table, path, find, people, report)) for path, table in tables}
    for path, problem in attachments.problems_among(attached):
        report.add(f"{path}.attachments", problem)
    return tuple(
        Mailing(**table.model_dump(exclude={"attachments"}), attachments=attached[path])
        for path, table in tables
    )


def _attached(
    table: MailingTable, path: str, find: Find, people: Container[str], report: _Report
) -> Iterator[Attachment]:
    """The files that a mailing's letters carry; those that are refused are left out. `people` are the lists of them."""
    found = list[Attachment]()
    for named in table.attachments:
        file = named if isinstance(named, str) else named.file
        problems = list(attachments.problems_of_path(file))
        if normpath(file) in people:
            problems.append("is a list of people, and nobody's to have")
        try:
            if not problems:
                found.append(find(named) if isinstance(named, str) else named)
        except ValueError as error:
            problems.append(str(error))
        for problem in problems:
            report.add(f"{path}.attachments", f"{_written(file)} {problem}")
    for problem in attachments.problems_of(found):
        report.add(f"{path}.attachments", f"these {problem}")
    yield from found


def _look_at_the_hours(document: Mapping[str, Any], sound: Container[str], clock: "_VenueClock") -> None:
    """Tell what is wrong with the hours of sessions that are refused for something else, too."""
    rows = _rows(document, "session")
    for index, row in enumerate(rows if len(rows) <= MOST_ROWS else ()):
        path = f"session[{index}]"
        if path not in sound and isinstance(row, dict):
            for name in ("start", "end"):
                if isinstance(text := row.get(name), str) and text.strip() and not _TIME.fullmatch(text):
                    clock.instant(text, f"{path}.{name}", 1)


def _in_order(sessions: Iterable[Session]) -> tuple[Session, ...]:
    return tuple(sorted(sessions, key=lambda each: (each.starts_at, each.ends_at)))


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────


def _list(
    shape: type[_Table], document: Mapping[str, Any], name: str, report: _Report
) -> Iterator[tuple[str, _Table]]:
    if not isinstance(document.get(name, []), list):
        report.add(name, f"is a list: write [[{name}]] with two brackets")
        return
    rows = _rows(document, name)
    if len(rows) > MOST_ROWS:
        report.add(name, f"an agenda has at most {MOST_ROWS} of these, not {len(rows)}")
        return
    for index, row in enumerate(rows):
        path = f"{name}[{index}]"
        if table := _table(shape, row, path, report):
            yield path, table


def _rows(document: Mapping[str, Any], name: str) -> Sequence[Any]:
    """The tables of a list, sound or not; one that was written with single brackets is one."""
    found = document.get(name, [])
    return found if isinstance(found, list) else [found]


def _kinds(document: Mapping[str, Any]) -> dict[str, str]:
    """Session key -> kind, also of sessions refused for something else: a rule may name them all the same."""
    rows = [row for row in _rows(document, "session") if isinstance(row, dict)]
    return {str(row.get("key")): str(row.get("kind", "session")) for row in rows}


def _table(shape: type[_Table], row: object, path: str, report: _Report) -> _Table | None:
    if row is None:
        report.add(path, "is missing")
        return None
    try:
        return shape.model_validate(row)
    except ValidationError as error:
        for detail in error.errors(include_url=False)[:MOST_PROBLEMS]:
            place = ".".join((path, *(part for part in detail["loc"] if isinstance(part, str))))
            report.add(place, _in_words(detail, shape))
    return None


_WORDS = {
    "missing": "is missing",
    "model_type": "must be one table, with keys of its own",
    "string_type": "must be text in quotes, not {given}",
    "int_type": "must be a whole number without quotes, not {given}",
    "bool_type": "must be true or false without quotes, not {given}",
    "tuple_type": "must be a list in square brackets, not {given}",
    "enum": "{given} is none of {expected}",
    "string_pattern_mismatch": "holds a control character or a line break",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is empty",
    "too_long": "holds {actual_length}, more than {max_length}",
    "greater_than_equal": "must be at least {ge}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "value_error": "{error}",
}
"""What pydantic finds, as an organiser would put it."""


def _in_words(detail: Any, shape: type[BaseModel]) -> str:
    facts = {"given": _written(detail["input"]), **detail.get("ctx", {})}
    if detail["type"] == "extra_forbidden":
        return f"is not a known key{_known_key(detail['loc'], shape)}"
    if "a-z0-9" in facts.get("pattern", ""):
        return f"{facts['given']}: a key is made of lower-case letters, digits and hyphens"
    words = _WORDS.get(detail["type"])
    return words.format_map(facts) if words else str(detail["msg"])


def _known_key(place: Sequence[object], shape: type[BaseModel]) -> str:
    """The nearest key that is known in that place, which may be a table within the table."""
    *tables, key = map(str, place)
    for name in tables:
        inner = shape.model_fields[name].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            shape = inner
    return nearest(key, shape.model_fields)


def _written(value: object) -> str:
    """A value as a message may quote it."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return repr(value if isinstance(value, str | int | float) else str(value))[:60]
    except ValueError:
        return "a number of thousands of digits"


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────


def _checked(event: EventTable | None, report: _Report) -> ZoneInfo | None:
    """The venue's zone, if it is one; reports what is wrong with the event's own values."""
    if event is None:
        return None
    for problem in checking.of_zone(event.timezone):
        report.add("event.timezone", problem)
    for problem in checking.of_language(event.language):
        report.add("event.language", problem)
    try:
        _mailbox(event.organiser.address)
    except EmailNotValidError as error:
        report.add("event.organiser.address", f"{event.organiser.address!r}: {error}")
    return ZoneInfo(event.timezone) if event.timezone in wallclock.zone_names() else None


def _mailbox(address: str) -> str:
    """The address with a lower-case punycode domain. Raises EmailNotValidError."""
    valid = validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    return valid.ascii_email or valid.normalized


def _first_day(event: EventTable, today: date, report: _Report) -> date | None:
    """The event's first day; None, and a problem, when it cannot be known."""
    text = " ".join(event.date.split())
    found = _DAYS_FROM_TODAY.fullmatch(text.lower())
    if found and event.example:
        first = today + timedelta(days=int(found[1]))
        wanted = _WEEKDAYS.index(found[2]) if found[2] else first.weekday()
        return first + timedelta(days=(wanted - first.weekday()) % 7)
    if found:
        report.add("event.date", "a real event states its date, like 2027-03-10; only an example counts days")
        return None
    try:
        return _stated(day(text), event, today, report)
    except ValueError as error:
        report.add("event.date", str(error))
        return None


def day(text: str) -> date:
    """A day as `2027-03-10`. Raises ValueError for anything else."""
    if _DATE.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise ValueError(f"{_written(text)} is not a date; write it like 2027-03-10")


def _stated(stated: date, event: EventTable, today: date, report: _Report) -> date:
    if event.example:
        report.add("event.example", "is for an event without a date of its own: take out this line")
    if stated < today:
        report.add("event.date", f"{stated} is past; hardly a letter would leave", warning=True)
    return stated


@dataclass(frozen=True, kw_only=True)
class _VenueClock:
    """The wall clock on the event's days. What is unclear on it is reported, never guessed."""

    first_day: date
    zone: ZoneInfo
    report: _Report

    def instant(self, text: str, path: str, day: int) -> datetime | None:
        """The instant of `HH:MM` (or `HH:MM+01:00`) on a day, of which the first is 1."""
        found = _TIME.fullmatch(text)
        if not found:
            hint = " (midnight is 00:00, with end_day one later)" if text.startswith("24:") else ""
            self.report.add(path, f"{_written(text)} is not a time of day, 00:00 to 23:59{hint}")
            return None
        local = datetime.combine(self.first_day + timedelta(days=day - 1), time(int(found[1]), int(found[2])))
        if found[3]:
            return self._stated(local, found[3], path)
        problems = list(checking.of_wall_clock(local, self.zone))
        for problem in problems:
            self.report.add(path, problem)
        return None if problems else wallclock.instants(local, self.zone)[0]

    def _stated(self, local: datetime, offset: str, path: str) -> datetime | None:
        stated = datetime.fromisoformat(f"{local.isoformat()}{offset}")
        if stated not in wallclock.instants(local, self.zone):
            self.report.add(path, f"{self.zone.key} is not at {offset} at {local:%H:%M} on {local:%Y-%m-%d}")
            return None
        return stated


def _timed(
    sessions: Sequence[tuple[str, SessionTable]], clock: _VenueClock, assumed: timedelta
) -> Iterator[tuple[str, Session]]:
    """The sessions with their instants; one whose times are refused is left out."""
    for path, table in sessions:
        starts_at = clock.instant(table.start, f"{path}.start", table.day)
        if table.end is not None:
            ends_at = clock.instant(table.end, f"{path}.end", table.end_day or table.day)
        else:
            ends_at = starts_at and starts_at + assumed
        if not (starts_at and ends_at):
            continue
        if ends_at <= starts_at:
            what = "is when it starts" if ends_at == starts_at else "is before its start"
            hint = f"{table.end} {what}, {table.start}; a session past midnight says end_day"
            clock.report.add(f"{path}.end", hint)
            continue
        yield path, Session(
            starts_at=starts_at, ends_at=ends_at, end_assumed=table.end is None,
            **table.model_dump(exclude={"start", "end", "day", "end_day", "cancelled"}),
        )  # fmt: skip

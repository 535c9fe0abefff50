"""From an agenda file (TOML) to an Event: every problem at once, each with its key and line.

Gives wall-clock times their instants; what makes sense across sessions and mailings is asked of `checking`.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ValidationError

from mailer.agenda import checking, places, wallclock
from mailer.agenda.document import TABLES, EventTable, MailingTable, RecipientsTable, SessionTable
from mailer.agenda.model import Event, Mailing, Organiser, RecipientList, Session, Venue
from mailer.errors import BadInput, Problem

MAX_BYTES = 1_000_000
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?: ?([+-]\d{2}:\d{2}))?")
_OFFSET_DATE = re.compile(
    r"in (\d{1,3}) days?(?:, on a (monday|tuesday|wednesday|thursday|friday|saturday|sunday))?"
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_Table = TypeVar("_Table", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A readable agenda file: the event, and what its organiser should know all the same."""

    event: Event
    warnings: tuple[Problem, ...] = ()


@dataclass
class _Report:
    """Collects problems of one file and knows their lines."""

    file: str
    lines: dict[str, int]
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: str, message: str, *, warning: bool = False) -> None:
        line = places.line_of(path, self.lines)
        self.problems.append(
            Problem(file=self.file, row=line, field=path or None, message=message, warning=warning)
        )

    def refuse(self) -> None:
        """Raises BadInput if anything but warnings was found."""
        if refused := [problem for problem in self.problems if not problem.warning]:
            raise BadInput(sorted(refused, key=lambda problem: (problem.row or 0, problem.field or "")))


def read(path: Path, *, today: date) -> Reading:
    """Read and check an agenda file. `today`: the day from which an example counts its date.

    Raises:
        BadInput: everything that is wrong, sorted by line.
    """
    text = _text(path)
    report = _Report(file=path.name, lines=places.lines_of(text))
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"\(at line (\d+)", str(error))
        message = re.sub(r" \(at .*\)", "", str(error)) or "nested too deeply"
        raise BadInput(
            [Problem(file=path.name, row=int(found[1]) if found else None, message=message)]
        ) from None
    return _reading(document, report, today)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_BYTES:
            raise BadInput([Problem(file=path.name, message=f"larger than {MAX_BYTES:,} bytes")])
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise BadInput([Problem(file=str(path), message=f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput(
            [Problem(file=path.name, row=line, message="is not UTF-8 text; save it as UTF-8")]
        ) from None


def _reading(document: Mapping[str, Any], report: _Report, today: date) -> Reading:
    for name in document.keys() - TABLES.keys():
        report.add(name, f"is not a table of an agenda file{_nearest(name, TABLES)}")
    event = _table(EventTable, document.get("event"), "event", report)
    sessions = list(_list(SessionTable, document, "session", report))
    mailings = list(_list(MailingTable, document, "mailing", report))
    lists = list(_list(RecipientsTable, document, "recipients", report))
    if not document.get("session"):
        report.add("session", "the agenda holds no session")
    zone = first_day = None
    timed: list[tuple[str, Session]] = []
    if event:
        _check_event(event, report)
        zone = ZoneInfo(event.timezone) if event.timezone in wallclock.zone_names() else None
        first_day = _date(event, today, report)
        if zone and first_day:
            read = [(path, _session(table, path, event, first_day, zone, report)) for path, table in sessions]
            timed = [(path, session) for path, session in read if session]
    for path, problem in checking.doubled(sessions):
        report.add(path, problem)
    for path, problem in checking.overlaps(timed):
        report.add(path, problem, warning=True)
    for path, problem in checking.of_mailings(mailings, [table for _, table in sessions]):
        report.add(path, problem)
    report.refuse()
    if not (event and zone and first_day):  # pragma: no cover - refuse() has raised
        raise AssertionError
    return Reading(
        event=Event(
            key=event.key,
            title=event.title,
            summary=" ".join(event.summary.split()),
            language=event.language,
            timezone=event.timezone,
            venue=Venue(**event.venue.model_dump()),
            organiser=Organiser(name=event.organiser.name, address=_mailbox(event.organiser.address)),
            sessions=tuple(sorted((s for _, s in timed), key=lambda s: (s.starts_at, s.ends_at))),
            mailings=tuple(Mailing(**table.model_dump()) for _, table in mailings),
            recipient_lists=tuple(RecipientList(**table.model_dump()) for _, table in lists),
            example=event.example,
        ),
        warnings=tuple(report.problems),
    )


def _list(
    shape: type[_Table], document: Mapping[str, Any], name: str, report: _Report
) -> Iterator[tuple[str, _Table]]:
    rows = document.get(name, [])
    if not isinstance(rows, list):
        report.add(name, f"is a list: write [[{name}]] with two brackets")
        return
    for index, row in enumerate(rows):
        path = f"{name}[{index}]"
        if table := _table(shape, row, path, report):
            yield path, table


def _table(shape: type[_Table], row: object, path: str, report: _Report) -> _Table | None:
    if row is None:
        report.add(path, "is missing")
        return None
    try:
        return shape.model_validate(row)
    except ValidationError as error:
        for detail in error.errors():
            place = ".".join((path, *(str(part) for part in detail["loc"] if isinstance(part, str))))
            report.add(place, _in_words(detail, shape))
    return None


def _in_words(detail: Any, shape: type[BaseModel]) -> str:
    """Pydantic's finding as an organiser would put it."""
    given = detail.get("input")
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return f"is not a known key{_nearest(str(detail['loc'][-1]), shape.model_fields)}"
        case "string_type":
            return f"must be text in quotes, not {given!r}"
        case "enum":
            return f"{given!r} is none of {detail['ctx']['expected'].replace(' or ', ', ')}"
        case "string_pattern_mismatch" if "a-z0-9" in detail["ctx"]["pattern"]:
            return f"{given!r}: a key is made of lower-case letters, digits and hyphens"
        case "string_pattern_mismatch":
            return "holds a control character or a line break"
        case "string_too_long":
            return f"is longer than {detail['ctx']['max_length']} characters"
        case "string_too_short":
            return "is empty"
    return str(detail["msg"])


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _check_event(event: EventTable, report: _Report) -> None:
    for problem in checking.of_zone(event.timezone):
        report.add("event.timezone", problem)
    for problem in checking.of_language(event.language):
        report.add("event.language", problem)
    try:
        _mailbox(event.organiser.address)
    except EmailNotValidError as error:
        report.add("event.organiser.address", f"{event.organiser.address!r}: {error}")


def _mailbox(address: str) -> str:
    """The address with a lower-case punycode domain. Raises EmailNotValidError."""
    valid = validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    return valid.ascii_email or valid.normalized


def _date(event: EventTable, today: date, report: _Report) -> date | None:
    """The event's first day; None, and a problem, when it cannot be known."""
    with suppress(ValueError):
        return date.fromisoformat(event.date)
    found = _OFFSET_DATE.fullmatch(event.date.lower())
    if found and not event.example:
        report.add(
            "event.date", "a real event states its date, such as 2027-03-10; only an example counts days"
        )
    elif found:
        day = today + timedelta(days=int(found[1]))
        wanted = _WEEKDAYS.index(found[2]) if found[2] else day.weekday()
        return day + timedelta(days=(wanted - day.weekday()) % 7)
    else:
        report.add("event.date", f"{event.date!r} is not a date; write it like 2027-03-10")
    return None


def _session(
    table: SessionTable, path: str, event: EventTable, first_day: date, zone: ZoneInfo, report: _Report
) -> Session | None:
    start = _instant(table.start, f"{path}.start", first_day + timedelta(days=table.day - 1), zone, report)
    assumed = table.end is None
    last_day = first_day + timedelta(days=(table.end_day or table.day) - 1)
    end = _instant(table.end, f"{path}.end", last_day, zone, report) if table.end is not None else None
    if start and assumed:
        end = start + timedelta(minutes=event.assumed_minutes)
    if not (start and end):
        return None
    if end <= start:
        what = "is when it starts" if end == start else "is before its start"
        report.add(f"{path}.end", f"{table.end} {what}, {table.start}; a session past midnight says end_day")
        return None
    return Session(
        starts_at=start, ends_at=end, end_assumed=assumed,
        **table.model_dump(exclude={"start", "end", "day", "end_day"}),
    )  # fmt: skip


def _instant(text: str, path: str, day: date, zone: ZoneInfo, report: _Report) -> datetime | None:
    """The instant of `HH:MM` (or `HH:MM+01:00`) on a day in the venue's zone; what is unclear is asked."""
    found = _TIME.fullmatch(text.strip())
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        hint = " (midnight is 00:00, with end_day one later)" if text.strip().startswith("24:") else ""
        report.add(path, f"{text!r} is not a time of day, 00:00 to 23:59{hint}")
        return None
    local = datetime.combine(day, time(int(found[1]), int(found[2])))
    if found[3]:
        stated = datetime.fromisoformat(f"{local.isoformat()}{found[3]}")
        if stated.astimezone(zone).utcoffset() != stated.utcoffset():
            report.add(path, f"{text!r}: {zone.key} is not at {found[3]} at that hour")
        return stated
    possible = wallclock.instants(local, zone)
    if len(possible) == 1:
        return possible[0]
    if possible:
        offsets = " or ".join(_with_offset(text, at, zone) for at in possible)
        report.add(path, f"{text} comes twice on {day}, when the clocks change; write {offsets}")
    else:
        report.add(path, f"{text} does not exist on {day} in {zone.key}: the clocks skip it")
    return None


def _with_offset(text: str, instant: datetime, zone: ZoneInfo) -> str:
    offset = instant.astimezone(zone).strftime("%z")
    return f"{text}{offset[:3]}:{offset[3:]}"

"""From an Event back to an agenda file (TOML): what `reading` reads to the same Event.

The tables are those of `document`, with only what differs from what is understood when left out.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from mailer import wallclock
from mailer.agenda.document import EventTable, MailingTable, RecipientsTable, SessionTable
from mailer.agenda.model import Attachment, Event, Mailing, Session

Document = dict[str, Any]

_HEADINGS = {"event": "", "recipients": "the people", "session": "the sessions", "mailing": "the mailings"}


def document(event: Event, *, today: date) -> Document:
    """The tables of the file that says this. `today`: the day from which an example counts its date."""
    first = first_day(event)
    assumed = _assumed_minutes(event)
    about = {
        "key": event.key,
        "title": event.title,
        "summary": event.summary,
        "language": event.language,
        "timezone": event.timezone,
        "date": f"in {(first - today).days} days" if event.example else first.isoformat(),
        "example": event.example,
        "public": event.public,
        "cancelled": event.cancelled,
        "quiet_minutes": event.quiet_minutes,
        "approval": event.approval.value,
        "assumed_minutes": assumed,
    }
    off = {each.key for each in event.called_off}
    sessions = sorted((*event.sessions, *event.called_off), key=lambda each: (each.starts_at, each.ends_at))
    return {
        "event": {
            **_without_defaults(EventTable, about),
            "venue": event.venue.model_dump(exclude_none=True),
            "organiser": event.organiser.model_dump(),
        },
        "recipients": [_table(RecipientsTable, each) for each in event.recipient_lists],
        "session": [_session(each, event.zone, first, assumed, is_off=each.key in off) for each in sessions],
        "mailing": mailings(event),
    }


def mailings(event: Event) -> list[Document]:
    """The tables of its mailings alone."""
    return [_mailing(each) for each in event.mailings]


def text(tables: Document, *, heading: str = "") -> str:
    """The tables as TOML. `heading` goes on top, each of its lines a remark."""
    lines = [f"# {line}" for line in heading.splitlines()]
    for name, words in _HEADINGS.items():
        if name == "event":
            lines += ["", *_lines("[event]", tables["event"])]
            continue
        if tables[name]:
            lines += ["", f"# ── {words} ──"]
        for each in tables[name]:
            lines += ["", *_lines(f"[[{name}]]", each)]
    return "\n".join(lines).lstrip("\n") + "\n"


def first_day(event: Event) -> date:
    """Day 1, by the venue's clock: that of the first session, though it may be cancelled."""
    return min(_local(each.starts_at, event.zone).date() for each in (*event.sessions, *event.called_off))


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """`09:15`, or `02:30+02:00` where the clocks show that hour twice."""
    local = _local(instant, zone)
    is_clear = len(wallclock.instants(local.replace(tzinfo=None, fold=0), zone)) == 1
    return f"{local:%H:%M}" if is_clear else f"{local:%H:%M}{local.isoformat()[-6:]}"


def _session(each: Session, zone: ZoneInfo, first: date, assumed: int, *, is_off: bool) -> Document:
    minutes = (each.ends_at - each.starts_at).total_seconds() / 60
    day = (_local(each.starts_at, zone).date() - first).days + 1
    end_day = (_local(each.ends_at, zone).date() - first).days + 1
    is_open = each.end_assumed and minutes == assumed
    written = {
        "key": each.key,
        "kind": each.kind.value,
        "title": each.title,
        "day": day,
        "start": clock(each.starts_at, zone),
        "end": None if is_open else clock(each.ends_at, zone),
        "end_day": None if is_open or end_day == day else end_day,
        "room": each.room,
        "chair": each.chair,
        "speakers": list(each.speakers),
        "points": list(each.points),
        "cancelled": is_off,
    }
    return _without_defaults(SessionTable, written)


def _mailing(each: Mailing) -> Document:
    """What is known of its files stays with it; `text` writes their paths."""
    known = {"attachments": list(each.attachments)} if each.attachments else {}
    return _table(MailingTable, each) | known


def _assumed_minutes(event: Event) -> int:
    """The length that sessions without an end were given."""
    usual = int(EventTable.model_fields["assumed_minutes"].default)
    given = Counter(
        int((each.ends_at - each.starts_at).total_seconds() / 60)
        for each in (*event.sessions, *event.called_off)
        if each.end_assumed
    )
    return given.most_common(1)[0][0] if given else usual


def _table(shape: type[BaseModel], value: BaseModel) -> Document:
    return _without_defaults(shape, value.model_dump(mode="json"))


def _without_defaults(shape: type[BaseModel], written: Mapping[str, Any]) -> Document:
    """What would be understood otherwise, and what must be said."""
    fields = shape.model_fields
    return {
        name: value
        for name, value in written.items()
        if fields[name].is_required()
        or (list(value) if isinstance(value, list) else value) not in _usual(fields[name].default)
    }


def _usual(default: object) -> tuple[object, ...]:
    return (default, list(default)) if isinstance(default, tuple) else (default,)


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone)


def _lines(heading: str, table: Mapping[str, Any]) -> Iterator[str]:
    """A table, then those within it."""
    yield heading
    for key, value in table.items():
        if not isinstance(value, dict):
            yield f"{key} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield ""
            yield from _lines(f"{heading[:-1]}.{key}]", value)


def _value(value: object) -> str:
    if isinstance(value, list):
        if not value:
            return "[]"
        return "\n".join(("[", *(f"    {_value(each)}," for each in value), "]"))
    if isinstance(value, Attachment):
        value = value.file
    # JSON's strings are TOML's basic strings, but for DEL, which those must escape (TOML 1.0, String)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

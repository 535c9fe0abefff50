"""Three Python readers: `ical` with strict types, `vobject` with its cardinalities, and icalendar itself."""

import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import icalendar
import vobject
from ical.calendar_stream import IcsCalendarStream
from ical.exceptions import CalendarError
from vobject.base import VObjectError

from tests.judges.reading import Reading


def missing() -> str | None:
    """Nothing ever: both come with the test dependencies."""
    return None


def judge(raws: Sequence[bytes]) -> list[list[str]]:
    return [
        [fault for check in (_read_ical, _validate_vobject) if (fault := _complaint(check, raw))]
        for raw in raws
    ]


def read_ical(raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
    return [_read_ical(raw) for raw in raws]


def read_vobject(raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
    return [tuple(map(_read_vevent, vobject.readOne(raw.decode()).vevent_list)) for raw in raws]


def read_icalendar(raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
    return [tuple(map(_read_event, icalendar.Calendar.from_ical(raw).walk("VEVENT"))) for raw in raws]


def _complaint(check: Callable[[bytes], object], raw: bytes) -> str | None:
    try:
        check(raw)
    except (CalendarError, VObjectError, ValueError) as error:
        return f"{type(error).__module__.partition('.')[0]}: {error}"
    return None


def _read_ical(raw: bytes) -> tuple[Reading, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calendar = IcsCalendarStream.calendar_from_ics(raw.decode())
    return tuple(
        Reading(
            uid=event.uid,
            sequence=event.sequence or 0,
            summary=event.summary or "",
            starts_at=_instant(event.dtstart),
        )
        for event in calendar.events
    )


def _validate_vobject(raw: bytes) -> None:
    vobject.readOne(raw.decode()).validate(raiseException=True)


def _read_vevent(event: Any) -> Reading:
    return Reading(
        uid=event.uid.value,
        sequence=int(event.sequence.value),
        summary=event.summary.value if hasattr(event, "summary") else "",
        starts_at=_instant(event.dtstart.value),
    )


def _read_event(event: Any) -> Reading:
    return Reading(
        uid=str(event["UID"]),
        sequence=int(event["SEQUENCE"]),
        summary=str(event.get("SUMMARY", "")),
        starts_at=_instant(event["DTSTART"].dt),
    )


def _instant(moment: date | None) -> datetime:
    assert isinstance(moment, datetime), moment
    assert moment.tzinfo, moment
    return moment.astimezone(UTC)

"""An agenda that was written is read to the same Event, whatever it says."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailer.agenda import reading, writing
from mailer.agenda.model import Event
from mailer.agenda.places import Places
from mailer.errors import BadInput
from mailer.settings import EXAMPLE
from tests.agenda.writing import SOUND, TODAY, but
from tests.agenda.writing import reading as read
from tests.conference import EVENT

NOWHERE = Places(file="", lines={})
NIGHTS = (date(2027, 3, 27), date(2027, 3, 28), date(2027, 10, 30), date(2027, 10, 31), date(2027, 5, 18))
ZONES = ("Europe/Vienna", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")

NO_LINE = "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029"
"""What no line may hold; a text may be several."""

in_a_line = st.characters(codec="utf-8", exclude_characters=NO_LINE)
in_a_text = st.characters(codec="utf-8", exclude_characters=NO_LINE[:9] + "\x0b\x0c" + NO_LINE[14:33])
lines = st.text(in_a_line, min_size=1, max_size=30) | st.sampled_from(
    [
        '"""',
        "'''",
        '\\"',
        "\\u0041",
        "]] # no",
        "[event]",
        "a\u00adb",
        "\u0628\u0633\u0645",
        "=cmd()",
        "{{ 7*7 }}",
    ]
)
hours = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from((0, 15, 30, 59)))


@st.composite
def sessions(draw: st.DrawFn, number: int) -> dict[str, Any]:
    day = draw(st.integers(1, 3))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "end": hours,
        "room": lines,
        "chair": lines,
        "speakers": st.lists(lines, max_size=2),
        "points": st.lists(lines, max_size=2),
        "cancelled": st.booleans(),
        "kind": st.sampled_from(("session", "break", "opening")),
        "end_day": st.integers(day, day + 1),
    }
    chosen = draw(st.fixed_dictionaries({}, optional=optional))
    return {"key": f"s-{number}", "title": draw(lines), "start": draw(hours), "day": day, **chosen}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    event = {
        "key": "days-2027",
        "title": draw(lines),
        "summary": draw(st.text(in_a_text, max_size=30)),
        "timezone": draw(st.sampled_from(ZONES)),
        "language": draw(st.sampled_from(("en", "fr", "ar"))),
        "assumed_minutes": draw(st.integers(1, 90)),
        "quiet_minutes": draw(st.integers(0, 60)),
        "cancelled": draw(st.booleans()),
        "public": draw(st.booleans()),
        "approval": draw(st.sampled_from(("none", "one", "four eyes"))),
        "venue": {"name": draw(lines), "street": draw(lines), "city": draw(lines)},
        "organiser": {"name": draw(lines), "address": "office@conference.example"},
    }
    if draw(st.booleans()):
        event |= {"example": True, "date": f"in {draw(st.integers(0, 400))} days"}
    else:
        event["date"] = draw(st.sampled_from(NIGHTS)).isoformat()
    when = (
        "as soon as published",
        "2027-03-10 09:00+01:00",
        "2 days before the event starts, at 09:00 recipient time",
    )
    mailing = {
        "key": "invitation", "kind": "invitation", "title": draw(lines), "audience": "everyone",
        "when": draw(st.sampled_from(when)), "useful_until": "the event starts",
        "calendar": draw(st.sampled_from(("none", "event", "sessions"))),
    }  # fmt: skip
    return {
        "event": event,
        "session": [draw(sessions(number)) for number in range(draw(st.integers(1, 4)))],
        "mailing": [mailing],
        "recipients": [{"file": draw(lines), "role": draw(lines)}],
    }


def _sound(tables: dict[str, Any]) -> Event:
    """What such a file says; hours that the clocks skip and titles of nothing are not asked about here."""
    try:
        return reading.of_document(tables, NOWHERE, today=TODAY).event
    except BadInput:
        assume(False)
        raise


@given(documents())
def test_what_was_written_is_read_to_the_same_event(
    tmp_path_factory: pytest.TempPathFactory, tables: dict[str, Any]
) -> None:
    event = _sound(tables)
    text = writing.text(writing.document(event, today=TODAY), heading="version 3\nof today")
    folder = tmp_path_factory.getbasetemp()

    assert read(folder, text).event == event


@pytest.mark.parametrize("offset", ["+02:00", "+01:00"])
def test_the_hour_that_comes_twice_is_written_with_which_is_meant(tmp_path: Path, offset: str) -> None:
    night = but(
        ('date = "2027-03-10"', 'date = "2027-10-31"'),
        ('start = "09:00"\nend = "10:00"', f'start = "01:00"\nend = "02:30{offset}"'),
    )
    event = read(tmp_path, night).event
    text = writing.text(writing.document(event, today=TODAY))

    assert f'end = "02:30{offset}"' in text
    assert read(tmp_path, text).event == event


def test_an_example_keeps_counting_its_date(tmp_path: Path) -> None:
    event = reading.read(EXAMPLE, today=TODAY).event
    text = writing.text(writing.document(event, today=TODAY))

    assert f'date = "in {(event.starts_at.date() - TODAY).days} days"' in text
    assert read(tmp_path, text).event == event
    later = read(tmp_path, text, today=TODAY + timedelta(days=7)).event
    assert later.starts_at - event.starts_at == timedelta(days=7)


def test_a_cancelled_session_is_kept_and_said_to_be(tmp_path: Path) -> None:
    text = but(('title = "The second"', 'title = "The second"\ncancelled = true'), text=SOUND)
    event = read(tmp_path, text).event
    written = writing.text(writing.document(event, today=TODAY))

    assert ([each.key for each in event.sessions], [each.key for each in event.called_off]) == (
        ["one"],
        ["two"],
    )
    assert written.count("cancelled = true") == 1
    assert read(tmp_path, written).event == event


def test_what_is_understood_anyway_is_not_written() -> None:
    text = writing.text(writing.document(EVENT, today=TODAY))

    assert "cancelled" not in text
    assert "day = 1" not in text
    assert "quiet_minutes" not in text

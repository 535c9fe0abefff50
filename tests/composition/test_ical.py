import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.agenda.model import CalendarPart
from mailer.composition.ical import PRODID, address_uri, attendee_line, clean_name, clean_text, write
from mailer.composition.invitation import CalendarMessage, CalendarUser, Entry, Method
from mailer.composition.timezones import observances
from tests.composition.test_timezones import TRICKY
from tests.judges import ALL, PROGRAMS, READERS
from tests.judges.lint import lint
from tests.scenes.calendar import carried

(REQUESTED,) = carried(CalendarPart.SESSION, "session-1").entries
HOSTILE = (
    r"a;b,c\d",
    "one\r\ntwo\nthree\rfour",
    "\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:forged",
    '"quoted" ^n ^^ ^\' : x',
    r"C:\New\names \N \n \\n \, \;",
    "nul\0 vt\v ff\f esc\x1b del\x7f nel\x85 ls\u2028 ps\u2029 bom\ufeff tab\t.",
    " leading and trailing ",
    "😀" * 60,
    "=?utf-8?q?x=0ABcc=3A_e=40x?=",
    "é" * 74 + "\\" * 30,
)


def request(**facts: object) -> CalendarMessage:
    return CalendarMessage(method=Method.REQUEST, entries=(replace(REQUESTED, **facts),))  # type: ignore[arg-type]


def read_back(message: CalendarMessage) -> icalendar.Event:
    (event,) = icalendar.Calendar.from_ical(write(message)).events
    return event


texts = st.lists(st.one_of(st.text(), st.sampled_from(HOSTILE), st.sampled_from([*string.punctuation]))).map(
    "".join
)


EXACT = [reader for reader in READERS if reader not in PROGRAMS]
"""Readers that give every text and every zone back as it is; whole programs have ways of their own with both."""


@settings(max_examples=150)
@given(title=texts, description=texts, location=texts)
def test_any_text_is_read_back_as_it_went_in(title: str, description: str, location: str) -> None:
    message = request(summary=f"x{title}", description=description, location=location)
    event = read_back(message)
    assert str(event["SUMMARY"]) == f"x{clean_text(title)}"
    assert str(event.get("DESCRIPTION", "")) == clean_text(description)
    assert str(event.get("LOCATION", "")) == clean_text(location)
    assert lint(write(message)) == []


@settings(max_examples=150)
@given(name=texts)
def test_any_name_is_read_back_without_what_calendars_break_on(name: str) -> None:
    message = request(attendee=CalendarUser(name=name, address="a@b.example"))
    attendee = read_back(message)["ATTENDEE"]
    assert attendee.params.get("CN", "") == clean_name(name)
    assert (str(attendee), attendee.params["PARTSTAT"]) == ("mailto:a@b.example", "NEEDS-ACTION")
    assert lint(write(message)) == []


@pytest.mark.parametrize("reader", EXACT)
def test_every_reader_reads_hostile_titles_as_they_went_in(reader: str) -> None:
    if sentence := reader in ALL and ALL[reader].missing():
        pytest.skip(sentence)
    readings = READERS[reader]([write(request(summary=title)) for title in HOSTILE])
    assert [reading[0].summary for reading in readings] == [clean_text(title) for title in HOSTILE]


@pytest.mark.parametrize("judge", ALL)
def test_every_judge_passes_hostile_texts_and_names(judge: str) -> None:
    if sentence := ALL[judge].missing():
        pytest.skip(sentence)
    files = [
        write(
            request(summary=text, description=text, attendee=CalendarUser(name=text, address="a@b.example"))
        )
        for text in HOSTILE
    ]
    assert ALL[judge].judge(files) == [[] for _ in files]


def test_what_cleaning_takes_away_is_what_it_says() -> None:
    assert clean_text("a\r\nb\rc\td\0\v\f\x1b\x7f\x85\u2028\u2029\ufeff\ud800e;,\\") == "a\nb\nc de;,\\"
    assert clean_name('  Ana "the ^hawk"  O’Brien;=\r\n,: \\ ') == "Ana the hawk O'Brien"


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("ana.novak+osce@court.example", "mailto:ana.novak+osce@court.example"),
        ("o'brien!$*@court.example", "mailto:o'brien!$*@court.example"),
        ("jürgen@court.example", "mailto:j%C3%BCrgen@court.example"),
        ("a=b/c?d&e%f#g@court.example", "mailto:a%3Db%2Fc%3Fd%26e%25f%23g@court.example"),
    ],
)
def test_an_address_becomes_a_uri(address: str, uri: str) -> None:
    assert address_uri(address) == uri


def test_a_nameless_person_has_no_cn() -> None:
    raw = write(request(attendee=CalendarUser(name=' ";" ', address="a@b.example")))
    assert b"ATTENDEE;CUTYPE=INDIVIDUAL;" in raw


def test_the_file_opens_with_what_it_is() -> None:
    head = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:{PRODID}\r\nCALSCALE:GREGORIAN\r\nMETHOD:REQUEST\r\n"
    assert write(request()).startswith(head.encode())


def test_zones_are_written_once_each_and_in_order() -> None:
    zones = ("Europe/Vienna", "Asia/Tashkent", "America/Bogota", "Asia/Tbilisi", "Europe/Kyiv", "Asia/Tokyo")
    entries = tuple(
        replace(REQUESTED, uid=str(number), timezone=zone, attendee=None)
        for number, zone in enumerate((*zones, "UTC", "Africa/Cairo", *zones))
    )
    calendar = icalendar.Calendar.from_ical(write(CalendarMessage(method=Method.PUBLISH, entries=entries)))
    assert [str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")] == sorted(zones)


def test_an_entry_half_of_which_rules_cannot_tell_is_in_utc() -> None:
    ends_at = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    raw = write(request(starts_at=ends_at - timedelta(hours=2), ends_at=ends_at))
    assert b"DTSTART:20271030T223000Z\r\nDTEND:20271031T003000Z\r\n" in raw
    assert b"VTIMEZONE" not in raw


def test_an_entry_without_length_has_no_end() -> None:
    assert b"DTEND" not in write(request(ends_at=REQUESTED.starts_at))


def _changes(zone: str) -> list[datetime]:
    """The hours of 2027 at which a zone's offset changes."""
    hours = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(0, 365 * 24, 6)]
    offsets = [(hour, hour.astimezone(ZoneInfo(zone)).utcoffset()) for hour in hours]
    return [before[0] for before, after in pairwise(offsets) if before[1] != after[1]]


def _around_changes(zone: str) -> CalendarMessage:
    moments = [
        datetime(2027, 3, 10, 8, tzinfo=UTC),
        datetime(2027, 7, 10, 8, tzinfo=UTC),
        *(change + timedelta(minutes=30 * step) for change in _changes(zone) for step in range(0, 14, 1)),
    ]
    entries = tuple(_entry_at(moment, number, zone) for number, moment in enumerate(moments))
    return CalendarMessage(method=Method.PUBLISH, entries=entries)


def _entry_at(moment: datetime, number: int, zone: str) -> Entry:
    return replace(
        REQUESTED,
        uid=f"{number}@conference.example",
        starts_at=moment,
        ends_at=moment + timedelta(minutes=15),
        timezone=zone,
        description="",
        location="",
        attendee=None,
    )


ONE_ZONE_PER_RULE = sorted(
    {observances(zone): zone for zone in sorted(available_timezones() - {"localtime"})}.values()
)


@pytest.fixture(scope="module")
def year() -> dict[str, CalendarMessage]:
    """For a zone of every kind there is: entries on ordinary days and half-hourly around each change."""
    return {zone: _around_changes(zone) for zone in sorted({*ONE_ZONE_PER_RULE, *TRICKY})}


@pytest.mark.parametrize("reader", EXACT)
def test_every_reader_finds_the_instant_meant_in_every_kind_of_zone(
    reader: str, year: dict[str, CalendarMessage]
) -> None:
    if sentence := reader in ALL and ALL[reader].missing():
        pytest.skip(sentence)
    readings = READERS[reader]([write(message) for message in year.values()])
    found = {zone: [one.starts_at for one in reading] for zone, reading in zip(year, readings, strict=True)}
    assert found == {zone: [entry.starts_at for entry in message.entries] for zone, message in year.items()}


def test_every_zone_written_says_what_zoneinfo_says(year: dict[str, CalendarMessage]) -> None:
    faults = {zone: lint(write(message)) for zone, message in year.items()}
    assert faults == {zone: [] for zone in year}


@settings(max_examples=150)
@given(
    name=st.one_of(texts, st.text(st.characters(codec="utf-8"))),
    address=st.sampled_from(
        ["a@b.example", "o'b+a_c.d@x-y.example", "jürgen@b.example", f"{'é' * 40}=/@b.example"]
    ),
    method=st.sampled_from([Method.REQUEST, Method.CANCEL]),
)
def test_an_attendee_line_is_the_one_the_library_writes(name: str, address: str, method: Method) -> None:
    line = attendee_line(name, address, method=method)
    asking = replace(request(attendee=CalendarUser(name=name, address=address)), method=method)
    assert b"\r\n" + line in write(asking)
    assert line.endswith(b"\r\n")
    assert (b";RSVP=TRUE:" in line.replace(b"\r\n ", b"")) == (method is Method.REQUEST)

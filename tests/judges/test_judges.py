"""The judges judged: each fault they are there for, put into a good file, is found."""

import inspect
import re

import pytest

from mailer.agenda.model import CalendarPart
from mailer.composition.ical import write
from tests.judges import ALL, READERS, icaljs, libical
from tests.judges import lint as lint_module
from tests.judges.lint import lint
from tests.scenes.calendar import cancelled, carried

REQUEST = write(carried(CalendarPart.SESSION, "session-2"))
PUBLISHED = write(carried(CalendarPart.SESSIONS))
CANCEL = write(cancelled())

UID = next(line for line in REQUEST.split(b"\r\n") if line.startswith(b"UID:"))
EVENT = REQUEST[REQUEST.index(b"BEGIN:VEVENT") : REQUEST.index(b"END:VCALENDAR")]
ZONE = REQUEST[REQUEST.index(b"BEGIN:VTIMEZONE") : REQUEST.index(b"BEGIN:VEVENT")]
ATTENDEE = EVENT[EVENT.index(b"ATTENDEE") : EVENT.index(b"DESCRIPTION")]
ORGANIZER = EVENT[EVENT.index(b"ORGANIZER") : EVENT.index(b"STATUS")]
ALARM = b"BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Soon\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n"
EMAIL = ALARM.replace(b"DISPLAY", b"EMAIL")
END = b"END:VEVENT\r\n"

BROKEN: list[tuple[str, bytes, bytes, bytes]] = [
    ("starts with a byte order mark", REQUEST, b"BEGIN:VCALENDAR", b"\xef\xbb\xbfBEGIN:VCALENDAR"),
    ("does not start with BEGIN:VCALENDAR", REQUEST, b"BEGIN:VCALENDAR", b" BEGIN:VCALENDAR"),
    ("a line does not end with CRLF", REQUEST, b"VERSION:2.0\r\n", b"VERSION:2.0\n"),
    ("a line does not end with CRLF", REQUEST, b"VERSION:2.0\r\n", b"VERSION:2.0\r\r\n"),
    ("does not end with END:VCALENDAR", REQUEST, b"END:VCALENDAR\r\n", b"END:VCALENDAR"),
    ("an empty line", REQUEST, b"VERSION:2.0\r\n", b"VERSION:2.0\r\n\r\n"),
    ("a control character", REQUEST, b"SUMMARY:", b"SUMMARY:\x0b"),
    ("line 3 has 81 octets", REQUEST, b"-//Convenor//Convenor//EN", b"-//" + b"x" * 71),
    ("line 3 is not UTF-8, or folded inside a character", REQUEST, b"PRODID:", b"PRODID:\xc3\r\n \xa9"),
    ("not parsed: no content line", REQUEST, b"VERSION:2.0", b"VERSION"),
    ("not parsed: END:VCALENDAR closes nothing", REQUEST, END, b""),
    ("not parsed: not one VCALENDAR", REQUEST, REQUEST, REQUEST + REQUEST),
    ("VERSION is not 2.0", REQUEST, b"VERSION:2.0", b"VERSION:1.0"),
    ("PRODID is missing", REQUEST, b"PRODID:", b"X-PRODID:"),
    ("no VEVENT", REQUEST, EVENT, b""),
    ("a VTIMEZONE comes after an entry", REQUEST, ZONE + EVENT, EVENT + ZONE),
    ("METHOD is not one known word in VCALENDAR", REQUEST, b"METHOD:REQUEST\r\n", b""),
    ("METHOD is not one known word in VCALENDAR", REQUEST, b"METHOD:REQUEST", b"METHOD:INVITE"),
    ("METHOD outside VCALENDAR itself", REQUEST, END, b"METHOD:REQUEST\r\n" + END),
    ("2 entries in a REQUEST", REQUEST, EVENT, EVENT + EVENT.replace(UID, b"UID:another")),
    ("not one ATTENDEE in a REQUEST", REQUEST, ATTENDEE, b""),
    ("not one ATTENDEE in a REQUEST", REQUEST, ATTENDEE, ATTENDEE + b"ATTENDEE:mailto:b@c.example\r\n"),
    ("not one ATTENDEE in a CANCEL", CANCEL, b"ATTENDEE;", b"X-ATTENDEE;"),
    ("an ATTENDEE in a PUBLISH", PUBLISHED, END, ATTENDEE + END),
    ("two entries with one UID", PUBLISHED, END, END + EVENT + EVENT),
    ("UID '' is not 1 to 255 ASCII characters", REQUEST, UID + b"\r\n", b""),
    ("UID 'é' is not 1 to 255 ASCII characters", REQUEST, UID, "UID:é".encode()),
    ("a property that may stand once stands twice", REQUEST, b"SEQUENCE:0", b"SEQUENCE:0\r\nSEQUENCE:1"),
    ("SEQUENCE is not a number", REQUEST, b"SEQUENCE:0", b"SEQUENCE:first"),
    ("SUMMARY is missing", REQUEST, b"SUMMARY:", b"X-SUMMARY:"),
    ("DTSTAMP is not in UTC", REQUEST, b"DTSTAMP:20270111T080000Z", b"DTSTAMP:20270111T080000"),
    ("DTSTAMP is not in UTC", REQUEST, b"DTSTAMP:20270111T080000Z\r\n", b""),
    ("an entry that recurs", REQUEST, END, b"RRULE:FREQ=DAILY;COUNT=2\r\n" + END),
    ("not one ORGANIZER", REQUEST, ORGANIZER, b""),
    ("ORGANIZER is not a mailto: URI", REQUEST, ORGANIZER, b"ORGANIZER:a@b.example\r\n"),
    ("ATTENDEE is not a mailto: URI", REQUEST, b"RSVP=TRUE:mailto:ana", "RSVP=TRUE:mailto:änä".encode()),
    ("ATTENDEE has a quoted CN", REQUEST, b"CN=Ana Novak", b'CN="Ana, Novak"'),
    ("PARTSTAT has no known value", REQUEST, b"PARTSTAT=NEEDS-ACTION", b"PARTSTAT=MAYBE"),
    ("ROLE has no known value", REQUEST, b"ROLE=REQ-PAR\r\n TICIPANT", b"ROLE=GUEST"),
    ("RSVP is not TRUE in a REQUEST", REQUEST, b"RSVP=TRUE", b"RSVP=FALSE"),
    ("STATUS:CANCELLED belongs to METHOD:CANCEL", REQUEST, b"STATUS:CONFIRMED", b"STATUS:CANCELLED"),
    ("STATUS:CANCELLED belongs to METHOD:CANCEL", CANCEL, b"STATUS:CANCELLED", b"STATUS:CONFIRMED"),
    ("TRANSP has no known value", REQUEST, b"TRANSP:OPAQUE", b"TRANSP:BUSY"),
    ("a VALARM in a CANCEL", CANCEL, END, ALARM + END),
    ("a VALARM that does more than DISPLAY", REQUEST, END, EMAIL + END),
    (
        "DTSTART is missing, or no moment",
        REQUEST,
        b"DTSTART;TZID=Europe/Vienna:20270310T",
        b"DTSTART:20270310X",
    ),
    ("DTSTART is missing, or no moment", REQUEST, b"DTSTART;TZID=Europe/Vienna:", b"DTSTART:"),
    ("DTEND is not after DTSTART", REQUEST, b"20270310T124500", b"20270310T113000"),
    ("DTEND and DURATION", REQUEST, END, b"DURATION:PT1H\r\n" + END),
    ("a VTIMEZONE stands twice", REQUEST, ZONE, ZONE + ZONE),
    ("the VTIMEZONE of Europe/Vienna is not used", REQUEST, b";TZID=Europe/Vienna", b""),
    ("TZID Europe/Vienna is not defined", REQUEST, ZONE, b""),
    ("DTSTART: the VTIMEZONE of Europe/Vienna says", REQUEST, b"TZOFFSETTO:+0100", b"TZOFFSETTO:+0000"),
    ("DTSTART: the VTIMEZONE of Europe/Atlantis says", REQUEST, b"Europe/Vienna", b"Europe/Atlantis"),
]


@pytest.mark.parametrize("good", [REQUEST, PUBLISHED, CANCEL])
def test_good_files_pass_the_lint(good: bytes) -> None:
    assert lint(good, sender="secretariat@conference.example") == []


@pytest.mark.parametrize(("fault", "good", "before", "after"), BROKEN)
def test_the_lint_finds(fault: str, good: bytes, before: bytes, after: bytes) -> None:
    assert before in good
    faults = lint(good.replace(before, after))
    assert [found for found in faults if found.startswith(fault)], faults


def test_the_lint_compares_the_file_with_the_letter_around_it() -> None:
    faults = lint(REQUEST, method="PUBLISH", sender="somebody@conference.example")
    assert faults == ["METHOD is REQUEST, the MIME parameter PUBLISH", "ORGANIZER is not From"]


def test_a_spring_onset_an_hour_late_is_found() -> None:
    """Told in the new offset instead of the old, it spoils the first hour of summer time."""
    early = REQUEST.replace(b"20270310T113000", b"20270328T033000").replace(
        b"20270310T124500", b"20270328T050000"
    )
    late = early.replace(b"DTSTART:19700329T020000", b"DTSTART:19700329T030000")
    assert lint(early) == []
    assert any(fault.startswith("DTSTART: the VTIMEZONE of Europe/Vienna says") for fault in lint(late))


def test_every_fault_the_lint_can_name_is_found_above() -> None:
    found = {fault for _, good, before, after in BROKEN for fault in lint(good.replace(before, after))}
    found |= set(lint(REQUEST, method="PUBLISH", sender="somebody@conference.example"))
    named = re.findall(r'yield f?"(.*)"$', inspect.getsource(lint_module), re.MULTILINE)
    patterns = {name: re.sub(r"\\{.*?\\}", ".+", re.escape(name)) for name in named}
    assert len(named) > 30
    assert [name for name in named if not any(re.fullmatch(patterns[name], fault) for fault in found)] == []


LIBICAL: list[tuple[str, bytes, bytes]] = [
    ("ORGANIZER", ORGANIZER, b""),
    ("ATTENDEE", ATTENDEE, b""),
    ("DTSTAMP", b"DTSTAMP:20270111T080000Z\r\n", b""),
    ("UID", UID + b"\r\n", b""),
    ("SUMMARY", b"SUMMARY:", b"X-SUMMARY:"),
    ("DTEND", END, b"DTEND:20270310T120000Z\r\n" + END),
    ("RRULE", END, b"RRULE:FREQ=SOMETIMES\r\n" + END),
]


@pytest.mark.skipif(bool(libical.missing()), reason=str(libical.missing()))
@pytest.mark.parametrize(("word", "before", "after"), LIBICAL)
def test_libical_finds_what_rfc_5546_forbids(word: str, before: bytes, after: bytes) -> None:
    ((*faults,),) = libical.judge([REQUEST.replace(before, after)])
    assert any(word in fault for fault in faults), faults


@pytest.mark.skipif(bool(icaljs.missing()), reason=str(icaljs.missing()))
def test_ical_js_finds_what_it_cannot_place() -> None:
    verdicts = icaljs.judge(
        [
            REQUEST,
            REQUEST.replace(ZONE, b""),
            REQUEST.replace(END, b""),
            REQUEST.replace(b"DTEND;TZID=Europe/Vienna:20270310T124500", b"DTEND;VALUE=DATE:20270310"),
            b"no calendar at all",
            REQUEST,
        ]
    )
    assert [bool(faults) for faults in verdicts] == [False, True, True, True, True, False]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"SEQUENCE:0", b"SEQUENCE:first"),
        (b"DTSTAMP:20270111T080000Z\r\n", b""),
        (UID + b"\r\n", b""),
        (END, b"DURATION:PT1H\r\n" + END),
        (END, b""),
    ],
)
def test_the_strict_readers_find(before: bytes, after: bytes) -> None:
    judge = ALL["ical and vobject"]
    assert [bool(faults) for faults in judge.judge([REQUEST, REQUEST.replace(before, after)])] == [
        False,
        True,
    ]


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_reads_the_file_and_not_only_its_own_zones(reader: str) -> None:
    if sentence := reader in ALL and ALL[reader].missing():
        pytest.skip(sentence)
    ours = REQUEST.replace(b"Europe/Vienna", b"Conference Time")
    ((meant,), (found,)) = READERS[reader]([REQUEST, ours])
    assert found.starts_at == meant.starts_at

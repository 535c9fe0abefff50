"""A calendar file as a person would read it."""

import time

import pytest

from mailer.web.organiser import entry
from mailer.web.organiser.entry import CalendarCard, CardOfEntry, Person

ENTRY = """BEGIN:VCALENDAR\r
METHOD:REQUEST\r
BEGIN:VTIMEZONE\r
BEGIN:STANDARD\r
DTSTART:19700101T000000\r
END:STANDARD\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
UID:42@a.example\r
SEQUENCE:3\r
DTSTART;TZID=Europe/Vienna:20270310T100000\r
DTEND;TZID=Europe/Vienna:20270310T111500\r
SUMMARY:Tea\\, cake\\; and \\\\n\r
DESCRIPTION:one\\ntwo and a line that is \r
 folded\r
LOCATION:Room 1\r
STATUS:CONFIRMED\r
ORGANIZER;CN="Us; all: of, us":mailto:us@a.example\r
ATTENDEE;CN=Ana;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:MAILTO:ana@a.example\r
END:VEVENT\r
END:VCALENDAR\r
"""


def test_it_reads_what_is_shown() -> None:
    assert entry.read(ENTRY) == CalendarCard(
        method="REQUEST",
        entries=(
            CardOfEntry(
                summary="Tea, cake; and \\n",
                when="Wednesday, 10 March 2027, 10:00–11:15 (Europe/Vienna)",
                location="Room 1",
                status="CONFIRMED",
                sequence="3",
                uid="42@a.example",
                description="one\ntwo and a line that is folded",
                organiser=Person(name="Us; all: of, us", address="us@a.example"),
                attendees=(
                    Person(
                        name="Ana",
                        address="ana@a.example",
                        asked="REQ-PARTICIPANT, NEEDS-ACTION, an answer is asked for",
                    ),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("starts", "ends", "when"),
    [
        ("DTSTART:20270310T090000Z", "DTEND:20270310T101500Z", "Wednesday, 10 March 2027, 09:00–10:15 (UTC)"),
        (
            "DTSTART;TZID=Europe/Vienna:20270310T230000",
            "DTEND:20270310T230000Z",
            "Wednesday, 10 March 2027, 23:00 – Thursday, 11 March 2027, 00:00 (Europe/Vienna)",
        ),
        ("DTSTART:20270310T090000Z", "X:1", "Wednesday, 10 March 2027, 09:00 (UTC)"),
        ("DTSTART;VALUE=DATE:20270310", "X:1", "20270310"),
        ("DTSTART;TZID=Mars/Olympus:20270310T090000", "X:1", "20270310T090000"),
        ("DTSTART;TZID=../../etc/passwd:20270310T090000", "X:1", "20270310T090000"),
        ("DTSTART;TZID=Europe/Vienna:00010101T000000", "X:1", "00010101T000000"),
        ("X:1", "DTEND:20270310T090000Z", ""),
    ],
)
def test_when_it_is(starts: str, ends: str, when: str) -> None:
    source = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{starts}\n{ends}\nEND:VEVENT\nEND:VCALENDAR"
    assert entry.read(source).entries[0].when == when


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "\x00",
        "BEGIN:VEVENT\n" * 20_000,
        "END:VEVENT\n" * 20_000,
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nX" + ";A=" * 50_000,
        'BEGIN:VCALENDAR\nBEGIN:VEVENT\nX;A="' + ";" * 100_000,
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + "ATTENDEE:a\n" * 20_000,
        "SUMMARY:a\n " + "b\n " * 50_000,
    ],
)
def test_a_hostile_file_takes_no_more_than_its_size_accounts_for(hostile: str) -> None:
    harmless = "BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + "DESCRIPTION:a\n" * 20_000
    assert quickest(hostile) < 20 * quickest(harmless)


def quickest(text: str) -> float:
    """Processor seconds of the best of three readings."""

    def once() -> float:
        begun = time.process_time()
        entry.read(text)
        return time.process_time() - begun

    return min(once() for _ in range(3))


def test_only_so_many_entries_are_shown() -> None:
    card = entry.read("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\nEND:VEVENT\n" * 150)
    assert (len(card.entries), card.is_whole) == (entry.MOST_ENTRIES, False)

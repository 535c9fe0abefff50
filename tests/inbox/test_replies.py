"""Answers as real programs wrote them, and as nobody should: what is read of them, and why the rest is not."""

from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

import pytest

from mailer.inbox import replies, sorting
from mailer.inbox.replies import LARGEST, Reply
from tests.inbox import mails

REAL = Path(__file__).parent / "replies"
UID = "0123456789abcdef0123456789abcdef@conference.example"
ANA = "ana.novak@prosecution.example"
STAMPED_AT = datetime(2027, 1, 13, 8, tzinfo=UTC)
PLAIN = Reply(method="REPLY", uid=UID, attendee=ANA, partstat="ACCEPTED", stamped_at=STAMPED_AT)


def reply(text: str) -> Reply:
    return replies.read([text.replace("\r\n", "\n").replace("\n", "\r\n").encode()])


def with_lines(*lines: str) -> Reply:
    """A plain answer with these lines in its event."""
    return reply(mails.calendar("REPLY", UID, ANA, more="\n".join(lines)))


@pytest.mark.parametrize(
    ("name", "uid", "stamped_at"),
    [
        (
            "thunderbird-accept.eml",
            "s4711.a0815@conference.example",
            datetime(2026, 11, 23, 19, 50, 41, tzinfo=UTC),
        ),
        (
            "thunderbird-2.eml",
            "s-4711.a-0815@conference.example",
            datetime(2026, 11, 23, 19, 18, 2, tzinfo=UTC),
        ),
        (
            "kcalendarcore.ics",
            "s-4711.a-0815@conference.example",
            datetime(2026, 11, 23, 19, 13, 53, tzinfo=UTC),
        ),
    ],
)
def test_what_real_programs_wrote_is_read(name: str, uid: str, stamped_at: datetime) -> None:
    raw = (REAL / name).read_bytes()
    octets = raw
    if name.endswith(".eml"):
        found = sorting.sort(raw)
        assert (found.kind, found.reply and found.reply.trouble) == ("answer", "")
        part = next(p for p in message_from_bytes(raw).walk() if p.get_content_type() == "text/calendar")
        octets = part.get_payload(decode=True)  # type: ignore[assignment]
    expected = Reply(
        method="REPLY",
        uid=uid,
        attendee="joerg.mueller@gast.example",
        partstat="ACCEPTED",
        stamped_at=stamped_at,
    )
    assert replies.read([octets]) == expected
    assert replies.read([octets, octets]) == expected


def test_a_plain_answer_is_what_it_says() -> None:
    assert reply(mails.calendar("REPLY", UID, ANA)) == PLAIN


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("SEQUENCE:7", "sequence", 7),
        ("SEQUENCE:-1", "sequence", 0),
        ("SEQUENCE:99999999999999", "sequence", 0),
        ("COMMENT:One\\, two\\nthree", "comment", "One, two\nthree"),
        ("COMMENT;LANGUAGE=de:Grüße", "comment", "Grüße"),
        ("COMMENT:hid\u202eden\x07", "comment", "hidden"),
        ("DTSTAMP:20270113T080000", "stamped_at", STAMPED_AT),
    ],
)
def test_a_line_is_read(line: str, name: str, value: object) -> None:
    text = mails.calendar("REPLY", UID, ANA, more=line)
    if name == "stamped_at":
        text = text.replace("DTSTAMP:20270113T080000Z\r\n", "")
    assert getattr(reply(text), name) == value


def test_a_stamp_that_is_none_is_none() -> None:
    text = mails.calendar("REPLY", UID, ANA)
    for stamp in ("DTSTAMP:99999999T999999Z", "DTSTAMP:yesterday", "DTSTAMP:", "X-OTHER:1"):
        found = reply(text.replace("DTSTAMP:20270113T080000Z", stamp))
        assert (found.uid, found.stamped_at, found.trouble) == (UID, None, ""), stamp


def test_whoever_it_is_delegated_to_is_told() -> None:
    line = f'ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO="mailto:deputy@prosecution.example":MAILTO:{ANA}'
    text = mails.calendar("REPLY", UID, more=line)
    found = reply(text)
    assert (found.attendee, found.partstat, found.delegated_to) == (
        ANA,
        "DELEGATED",
        "deputy@prosecution.example",
    )


def test_what_is_shown_in_a_line_holds_no_line_break() -> None:
    """A parameter may (RFC 6868), and the organiser would read what follows as a mail of its own."""
    forged = "deputy@prosecution.example^n   99  2027-01-13 08:00  another mail"
    line = f'ATTENDEE;PARTSTAT="DELEGATED^n x";DELEGATED-TO="mailto:{forged}":MAILTO:{ANA}'
    found = reply(mails.calendar("REPLY", UID, more=line))
    assert found.delegated_to == "deputy@prosecution.example 99 2027-01-13 08:00 another mail"
    assert found.partstat == "DELEGATED X"


@pytest.mark.parametrize(
    "hostile",
    [
        "BEGIN:VTIMEZONE\nTZID:Vienna\nBEGIN:STANDARD\nTZUNTIL:x\nRRULE:FREQ=SECONDLY\nEND:STANDARD\nEND:VTIMEZONE",
        "BEGIN:VALARM\nACTION:EMAIL\nATTENDEE:mailto:other@elsewhere.example\nEND:VALARM",
        "DTSTART;TZID=/nowhere/../../etc/passwd:20270310T084500",
        "RRULE:FREQ=SECONDLY;COUNT=999999999",
        "ATTACH;ENCODING=BASE64;VALUE=BINARY:AAAA",
    ],
)
def test_what_breaks_readers_is_left_out_before_it_is_read(hostile: str) -> None:
    assert with_lines(hostile) == PLAIN
    kept = b"".join(replies._essence(mails.calendar("REPLY", UID, ANA, more=hostile).encode()))
    assert not any(name in kept for name in (b"VTIMEZONE", b"VALARM", b"RRULE", b"DTSTART", b"ATTACH"))


def test_a_zone_whose_name_is_folded_is_left_out_as_well() -> None:
    assert with_lines("BEGIN:VTIME\n ZONE", "UID:another", "END:VTIMEZONE") == PLAIN


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "its calendar part holds no calendar"),
        ("BEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR", "it holds no event"),
        (mails.calendar("REQUEST", UID, ANA), "it is no answer: its METHOD is REQUEST"),
        (mails.calendar("CANCEL", UID, ANA), "it is no answer: its METHOD is CANCEL"),
        (mails.calendar("", UID, ANA), "it is no answer: its METHOD is missing"),
        (mails.calendar("REPLY", UID), "it does not say who answers"),
        (mails.calendar("REPLY", UID, ANA, "b@b.example"), "it answers for 2 people at once"),
        (mails.calendar("REPLY", UID, ANA, events=2), "it answers for several events at once"),
        (mails.calendar("REPLY", "", ANA), "it does not say what it answers: there is no UID"),
        (
            mails.calendar("REPLY", UID, ANA, more="RECURRENCE-ID:20270310T080000Z"),
            "it answers for one of a series, and there are none here",
        ),
        (
            mails.calendar("REPLY", UID, ANA) + mails.calendar("REPLY", UID, "b@b.example"),
            "its calendar part holds several calendars",
        ),
        ("BEGIN:VCALENDAR\n" + "X" * LARGEST, "its calendar part is larger than 256 kB"),
    ],
)
def test_what_cannot_count_says_why(text: str, trouble: str) -> None:
    assert reply(text).trouble == trouble


def test_two_parts_that_say_different_things_are_no_answer() -> None:
    both = [mails.calendar("REPLY", UID, ANA, partstat=said).encode() for said in ("ACCEPTED", "DECLINED")]
    assert replies.read(both).trouble == "its calendar parts say different things"


def test_of_two_parts_the_one_with_the_comment_is_taken() -> None:
    bare = mails.calendar("REPLY", UID, ANA)
    said = mails.calendar("REPLY", UID, ANA, more="COMMENT:With pleasure")
    assert replies.read([bare.encode(), said.encode()]).comment == "With pleasure"
    assert replies.read([b"BEGIN:", said.encode()]).comment == "With pleasure"

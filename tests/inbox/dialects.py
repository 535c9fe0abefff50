"""Answers as eight calendars write them, made of any REQUEST we send: so the whole circle can be walked in a test.

Each dialect is a function from an `Asked` (our REQUEST, read anew here) and what is said to a whole mail. Their shapes
are those of real replies and of the programs' own sources; what is in them beyond the answer is there to be ignored.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import Header
from email.policy import compat32


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a REQUEST asks, as its reader's calendar keeps it."""

    uid: str
    sequence: int
    organiser: str
    attendee: str
    name: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the reader says to it, and when."""

    partstat: str
    at: datetime
    comment: str = ""
    method: str = "REPLY"
    delegated_to: str = ""


def read(letter: bytes) -> list[Asked]:
    """The events of a letter's REQUEST, unfolded and unescaped by hand: another reader than the program's."""
    mail = message_from_bytes(letter, policy=compat32)
    part = next(each for each in mail.walk() if each.get_content_type() == "text/calendar")
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    text = re.sub(r"\r\n[ \t]", "", octets.decode())
    assert "METHOD:REQUEST" in text
    return [_asked(event) for event in re.findall(r"BEGIN:VEVENT\r\n(.*?)END:VEVENT", text, re.DOTALL)]


def _asked(event: str) -> Asked:
    values = {
        found[1]: (found[2], found[3])
        for found in re.finditer(r'^([A-Z-]+)((?:;[^:"]*(?:"[^"]*"[^:"]*)*)?):(.*)\r$', event, re.MULTILINE)
    }
    name = re.search(r";CN=([^;:]*)", values["ATTENDEE"][0])
    return Asked(
        uid=values["UID"][1],
        sequence=int(values["SEQUENCE"][1]),
        organiser=values["ORGANIZER"][1].removeprefix("mailto:"),
        attendee=values["ATTENDEE"][1].removeprefix("mailto:"),
        name=name[1] if name else "",
        summary=values["SUMMARY"][1],
    )


ZONE_OF_EXCHANGE = """BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""


def google(asked: Asked, said: Said) -> bytes:
    """Automatic mail, says Google; comments in a parameter; a COUNTER that MIME calls a REPLY."""
    comment = f';X-RESPONSE-COMMENT="{said.comment}"' if said.comment else ""
    calendar = _calendar(
        f"""PRODID:-//Google Inc//Google Calendar 70.9054//EN
VERSION:2.0
CALSCALE:GREGORIAN
METHOD:{said.method}
BEGIN:VEVENT
DTSTART:20270310T074500Z
DTEND:20270310T160000Z
DTSTAMP:{_stamp(said.at)}
ORGANIZER;CN={asked.organiser}:mailto:{asked.organiser}
UID:{asked.uid}
ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={said.partstat}{_delegated(said)};CN={asked.attendee}
 ;X-NUM-GUESTS=0{comment}:mailto:{asked.attendee}
CREATED:20270101T000000Z
DESCRIPTION:
LAST-MODIFIED:{_stamp(said.at)}
LOCATION:
SEQUENCE:{asked.sequence}
STATUS:CONFIRMED
SUMMARY:{asked.summary}
TRANSP:OPAQUE
END:VEVENT"""
    )
    alternatives = [
        _text("plain", f"{asked.attendee} has answered this invitation.", "base64"),
        _text("html", "<p>answered</p>", "quoted-printable"),
        _part("text/calendar; charset=UTF-8; method=REPLY", calendar, "7bit"),
    ]
    return _mail(
        asked,
        said,
        _multipart("mixed", [_multipart("alternative", alternatives), _file("application/ics", calendar)]),
        "Auto-Submitted: auto-generated\r\nSender: Google Calendar <calendar-notification@google.example>\r\n",
    )


def exchange(asked: Asked, said: Said) -> bytes:
    """No ORGANIZER, a zone of its own name, base64, MAILTO in capitals."""
    calendar = _calendar(
        f"""METHOD:{said.method}
PRODID:Microsoft Exchange Server 2010
VERSION:2.0
{ZONE_OF_EXCHANGE}
BEGIN:VEVENT
ATTENDEE;PARTSTAT={said.partstat}{_delegated(said)};CN={asked.name}:MAILTO:{asked.attendee}
COMMENT;LANGUAGE=en-GB:{_escaped(said.comment)}\\n
UID:{asked.uid}
SUMMARY;LANGUAGE=en-GB:Accepted: {asked.summary}
DTSTART;TZID=W. Europe Standard Time:20270310T084500
DTEND;TZID=W. Europe Standard Time:20270310T170000
CLASS:PUBLIC
PRIORITY:5
DTSTAMP:{_stamp(said.at)}
TRANSP:OPAQUE
STATUS:CONFIRMED
SEQUENCE:{asked.sequence}
LOCATION;LANGUAGE=en-GB:Vienna
X-MICROSOFT-CDO-APPT-SEQUENCE:{asked.sequence}
X-MICROSOFT-CDO-BUSYSTATUS:BUSY
X-MICROSOFT-CDO-INTENDEDSTATUS:BUSY
X-MICROSOFT-DISALLOW-COUNTER:FALSE
END:VEVENT"""
    )
    parts = [
        _text("plain", said.comment),
        _part('text/calendar; charset="utf-8"; method=REPLY', calendar, "base64"),
    ]
    return _mail(asked, said, _multipart("alternative", parts), "X-MS-Has-Attach:\r\n")


def outlook(asked: Asked, said: Said) -> bytes:
    """The whole message is the calendar."""
    calendar = _calendar(
        f"""PRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN
VERSION:2.0
METHOD:{said.method}
X-MS-OLK-FORCEINSPECTOROPEN:TRUE
{ZONE_OF_EXCHANGE}
BEGIN:VEVENT
ATTENDEE;PARTSTAT={said.partstat}{_delegated(said)}:mailto:{asked.attendee}
CLASS:PUBLIC
COMMENT:{_escaped(said.comment)}
CREATED:20270101T000000Z
DTEND;TZID="W. Europe Standard Time":20270310T170000
DTSTAMP:{_stamp(said.at)}
DTSTART;TZID="W. Europe Standard Time":20270310T084500
LAST-MODIFIED:{_stamp(said.at)}
ORGANIZER;CN="{asked.organiser}":mailto:{asked.organiser}
PRIORITY:5
SEQUENCE:{asked.sequence}
SUMMARY;LANGUAGE=de-at:{asked.summary}
TRANSP:OPAQUE
UID:{asked.uid}
X-MICROSOFT-CDO-BUSYSTATUS:BUSY
BEGIN:VALARM
TRIGGER:-PT15M
ACTION:DISPLAY
DESCRIPTION:Reminder
END:VALARM
END:VEVENT"""
    )
    part = _part(f'text/calendar; method={said.method}; charset="utf-8"', calendar, "quoted-printable")
    return _mail(
        asked,
        said,
        part,
        "X-Mailer: Microsoft Outlook 16.0\r\nContent-Class: urn:content-classes:calendarmessage\r\n",
    )


def apple(asked: Asked, said: Said) -> bytes:
    """An attachment beside the text, with the address in a parameter as well."""
    calendar = _calendar(
        f"""CALSCALE:GREGORIAN
METHOD:{said.method}
PRODID:-//Apple Inc.//macOS 15.5//EN
VERSION:2.0
BEGIN:VEVENT
ATTENDEE;CN="{asked.name}";CUTYPE=INDIVIDUAL;EMAIL="{asked.attendee}";PARTSTAT={said.partstat}{_delegated(said)};RO
 LE=REQ-PARTICIPANT:mailto:{asked.attendee}
COMMENT:{_escaped(said.comment)}
DTEND:20270310T160000Z
DTSTAMP:{_stamp(said.at)}
DTSTART:20270310T074500Z
LAST-MODIFIED:{_stamp(said.at)}
ORGANIZER;CN="{asked.organiser}":mailto:{asked.organiser}
SEQUENCE:{asked.sequence}
SUMMARY:{asked.summary}
UID:{asked.uid}
END:VEVENT"""
    )
    parts = [
        _text("plain", f"{asked.name} has answered."),
        _part(
            f"text/calendar; method={said.method}; charset=utf-8; name=iCal-20270310.ics",
            calendar,
            "quoted-printable",
            "attachment; filename=iCal-20270310.ics",
        ),
    ]
    return _mail(asked, said, _multipart("mixed", parts), "X-Mailer: iCal\r\n")


def thunderbird(asked: Asked, said: Said) -> bytes:
    """Two calendar parts that are one answer, in eight bits, with a zone that holds a COMMENT."""
    comment = f"COMMENT:{_escaped(said.comment)}\n" if said.comment else ""
    calendar = _calendar(
        f"""PRODID:-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN
VERSION:2.0
METHOD:{said.method}
BEGIN:VTIMEZONE
TZID:Europe/Vienna
COMMENT:This timezone only works from 2027-01-01 to 2028-01-01.
BEGIN:STANDARD
DTSTART:20270101T000000
TZNAME:CET
TZOFFSETFROM:+0100
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
CREATED:20270101T000000Z
LAST-MODIFIED:{_stamp(said.at)}
DTSTAMP:{_stamp(said.at)}
UID:{asked.uid}
SUMMARY:{asked.summary}
STATUS:CONFIRMED
ORGANIZER;CN=Conference Secretariat:mailto:{asked.organiser}
ATTENDEE;CN="{asked.name}";PARTSTAT={said.partstat}{_delegated(said)};CUTYPE=INDIVIDUAL
 ;ROLE=REQ-PARTICIPANT:mailto:{asked.attendee}
DTSTART;TZID=Europe/Vienna:20270310T084500
DTEND;TZID=Europe/Vienna:20270310T170000
SEQUENCE:{asked.sequence}
{comment}TRANSP:OPAQUE
END:VEVENT"""
    )
    alternatives = [
        _text("plain", f"{asked.name} <{asked.attendee}> has answered your event invitation."),
        _part(f"text/calendar; method={said.method}; charset=UTF-8", calendar, "8BIT"),
    ]
    parts = [_multipart("alternative", alternatives), _file("application/ics", calendar, "8BIT")]
    return _mail(asked, said, _multipart("mixed", parts))


def android(asked: Asked, said: Said) -> bytes:
    """As little as there can be, by way of ActiveSync."""
    calendar = _calendar(
        f"""METHOD:{said.method}
PRODID:AndroidEmail
VERSION:2.0
BEGIN:VEVENT
CLASS:PUBLIC
STATUS:CONFIRMED
TRANSP:OPAQUE
PRIORITY:5
UID:{asked.uid}
DTSTAMP:{_stamp(said.at)}
DTSTART:20270310T074500Z
DTEND:20270310T160000Z
SUMMARY:{asked.summary}
COMMENT:{_escaped(said.comment)}
ATTENDEE;PARTSTAT={said.partstat}{_delegated(said)}:MAILTO:{asked.attendee}
SEQUENCE:{asked.sequence}
END:VEVENT"""
    )
    parts = [
        _text("plain", "Accepted"),
        _part(f"text/calendar; method={said.method}; charset=UTF-8", calendar, "base64"),
    ]
    return _mail(asked, said, _multipart("alternative", parts))


def horde(asked: Asked, said: Said) -> bytes:
    """The wrong times, and a status that says that all went well."""
    calendar = _calendar(
        f"""VERSION:2.0
PRODID:-//The Horde Project//Horde iCalendar Library, Horde 5.2//EN
METHOD:{said.method}
BEGIN:VEVENT
DTSTART;VALUE=DATE:19700101
DTEND;VALUE=DATE:19700101
DTSTAMP:{_stamp(said.at)}
UID:{asked.uid}
SEQUENCE:{asked.sequence}
SUMMARY:{asked.summary}
ORGANIZER;CN=Conference Secretariat:mailto:{asked.organiser}
ATTENDEE;CN="{asked.name}";PARTSTAT={said.partstat}{_delegated(said)}:mailto:{asked.attendee}
COMMENT:{_escaped(said.comment)}
REQUEST-STATUS:2.0;Success
END:VEVENT"""
    )
    parts = [
        _text("plain", f"{asked.name} has answered."),
        _part(
            f"text/calendar; charset=UTF-8; name=event-reply.ics; METHOD={said.method}",
            calendar,
            "quoted-printable",
        ),
    ]
    return _mail(
        asked, said, _multipart("alternative", parts), "User-Agent: Horde Application Framework 5\r\n"
    )


def kmail(asked: Asked, said: Said) -> bytes:
    """No SEQUENCE as long as it is 0, an alarm of the reader's own, `X-UID` before the address."""
    sequence = f"SEQUENCE:{asked.sequence}\n" if asked.sequence else ""
    calendar = _calendar(
        f"""PRODID:-//K Desktop Environment//NONSGML libkcal 4.3//EN
VERSION:2.0
X-KDE-ICAL-IMPLEMENTATION-VERSION:1.0
METHOD:{said.method}
BEGIN:VEVENT
ORGANIZER;CN=Conference Secretariat:MAILTO:{asked.organiser}
DTSTAMP:{_stamp(said.at)}
ATTENDEE;CN="{asked.name}";RSVP=TRUE;PARTSTAT={said.partstat}{_delegated(said)};ROLE=REQ-PARTICIPANT;
 CUTYPE=INDIVIDUAL;X-UID=94175408715536:mailto:{asked.attendee}
CREATED:20270101T000000Z
UID:{asked.uid}
{sequence}LAST-MODIFIED:20270105T120000Z
SUMMARY:{asked.summary}
STATUS:CONFIRMED
DTSTART:20270310T074500Z
DTEND:20270310T160000Z
COMMENT:{_escaped(said.comment)}
TRANSP:OPAQUE
REQUEST-STATUS:2.0;Success.
BEGIN:VALARM
DESCRIPTION:Reminder
ACTION:EMAIL
ATTENDEE:mailto:somebody.else@elsewhere.example
TRIGGER:-PT15M
END:VALARM
END:VEVENT"""
    )
    parts = [
        _text("plain", f"{asked.name} has answered."),
        _part(
            f'text/calendar; charset="utf-8"; method="{said.method.lower()}"; name="cal.ics"',
            calendar,
            "8bit",
        ),
    ]
    return _mail(asked, said, _multipart("mixed", parts), "User-Agent: KMail/5.24\r\n")


Dialect = Callable[[Asked, Said], bytes]

DIALECTS: tuple[Dialect, ...] = (google, exchange, outlook, apple, thunderbird, android, horde, kmail)


def _calendar(text: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", *text.splitlines(), "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _delegated(said: Said) -> str:
    return f';DELEGATED-TO="mailto:{said.delegated_to}"' if said.delegated_to else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _mail(asked: Asked, said: Said, body: bytes, headers: str = "") -> bytes:
    words = {"ACCEPTED": "Accepted", "DECLINED": "Declined"}.get(said.partstat, "Answer")
    head = (
        f"From: {Header(asked.name, 'utf-8').encode()} <{asked.attendee}>\r\nTo: {asked.organiser}\r\n"
        f"Subject: {Header(f'{words}: {asked.summary}', 'utf-8').encode(linesep=chr(13) + chr(10))}\r\n"
        f"Date: {said.at:%a, %d %b %Y %H:%M:%S} +0000\r\n"
        f"Message-ID: <{said.at.timestamp():.0f}.{asked.uid[:8]}@{asked.attendee.partition('@')[2]}>\r\n"
        f"{headers}MIME-Version: 1.0\r\n"
    )
    return head.encode() + body


_BOUNDARY = "Boundary_(ID_qyG4ZdjoAsiZ+Jo19dCbWQ{depth})"


def _multipart(kind: str, parts: list[bytes]) -> bytes:
    depth = max((part.count(b"boundary=") for part in parts), default=0)
    boundary = _BOUNDARY.format(depth=depth).encode()
    head = f'Content-Type: multipart/{kind}; boundary="'.encode() + boundary + b'"\r\n\r\n'
    return (
        head
        + b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
        + b"--"
        + boundary
        + b"--\r\n"
    )


def _text(kind: str, text: str, coded: str = "8bit") -> bytes:
    return _part(f"text/{kind}; charset=UTF-8", text.encode() + b"\r\n", coded)


def _file(kind: str, content: bytes, coded: str = "base64") -> bytes:
    return _part(f"{kind}; name=invite.ics", content, coded, "attachment; filename=invite.ics")


def _part(kind: str, content: bytes, coded: str, disposition: str = "") -> bytes:
    import quopri

    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {coded}\r\n"
    head += f"Content-Disposition: {disposition}\r\n" if disposition else ""
    match coded:
        case "base64":
            content = base64.encodebytes(content).replace(b"\n", b"\r\n")
        case "quoted-printable":
            content = quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return head.encode() + b"\r\n" + content

"""The letter as one would write it in Python without Convenor: jinja2, icalendar and EmailMessage, as documented.

The same words, values and parts as Convenor's: text, HTML, an invitation among the alternatives and beside them.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from pathlib import Path

from icalendar import Calendar, Event, vCalAddress, vText
from jinja2 import Environment, FileSystemLoader, select_autoescape

from benchmarks.crowd import Person

BASE_URL = "https://conference.example"
ORGANISER = ("Conference Secretariat", "secretariat@conference.example")
EVENT = {
    "title": "Capacity Building for Criminal Justice Practitioners",
    "timezone": "Europe/Vienna",
    "venue": {"one_line": "Federal Ministry, Minoritenplatz 9, 1010 Vienna"},
    "organiser": {"name": ORGANISER[0], "address": ORGANISER[1]},
}
STATES = {
    "AT": "Austria", "BA": "Bosnia & Herzegovina", "CA": "Canada", "DE": "Germany", "ES": "Spain", "FR": "France",
    "GE": "Georgia", "IT": "Italy", "KZ": "Kazakhstan", "NO": "Norway", "PL": "Poland", "TR": "Türkiye",
    "UZ": "Uzbekistan",
}  # fmt: skip
AGENDA = "One day on what training has achieved so far, and what comes next.\n\nAgenda\n" + "\n".join(
    f"{9 + 2 * number:02}:00–{10 + 2 * number:02}:00  Session {number}" for number in range(4)
)
HEADERS = {
    "Auto-Submitted": "auto-generated",
    "X-Auto-Response-Suppress": "OOF, AutoReply",
    "List-Id": "<conference.conference.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
_SECRET = b"a secret key for the bench alone, nothing else"
_STARTS_AT = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=45)


def token(purpose: str, address: str) -> str:
    """What stands in a personal link or UID: nobody else can make it."""
    return hmac.new(_SECRET, f"{purpose}:{address}".encode(), hashlib.sha256).hexdigest()[:38]


def values(person: Person) -> dict[str, Mapping[str, object]]:
    """What the templates ask for."""
    recipient = asdict(person) | {"full_name": person.full_name, "state": STATES[person.state]}
    return {
        "recipient": recipient,
        "event": EVENT,
        "links": {
            "page": f"{BASE_URL}/r/{token('page', person.address)}",
            "unsubscribe": f"{BASE_URL}/u/{token('unsubscribe', person.address)}",
        },
    }


def invitation(person: Person, page: str) -> bytes:
    """The conference as one REQUEST to one reader (RFC 5546 3.2.2), in UTC."""
    entry = Event()
    entry.add("uid", f"{token('uid', person.address)}@conference.example")
    entry.add("dtstamp", datetime.now(UTC))
    entry.add("dtstart", _STARTS_AT)
    entry.add("dtend", _STARTS_AT + timedelta(hours=7))
    entry.add("sequence", 0)
    entry.add("summary", EVENT["title"])
    entry.add("description", f"{AGENDA}\n\nPlease answer here\n{page}")
    entry.add("location", EVENT["venue"]["one_line"])  # type: ignore[index]
    entry.add("status", "CONFIRMED")
    entry.add("url", page)
    organiser = vCalAddress(f"mailto:{ORGANISER[1]}")
    organiser.params["CN"] = vText(ORGANISER[0])
    entry["organizer"] = organiser
    attendee = vCalAddress(f"mailto:{person.address}")
    attendee.params.update({"CN": vText(person.full_name), "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"})
    entry.add("attendee", attendee, encode=False)
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//bench//bench//EN")
    calendar.add("method", "REQUEST")
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


class Desk:
    """The templates, read once."""

    def __init__(self, words: str) -> None:
        jinja = Environment(loader=FileSystemLoader(Path(words)), autoescape=select_autoescape(["html"]))
        self._subject, self._text, self._html = (
            jinja.get_template(f"invitation/en.{part}") for part in ("subject.txt", "txt", "html")
        )

    def compose(self, person: Person) -> EmailMessage:
        said = values(person)
        letter = EmailMessage()
        letter["From"] = formataddr(ORGANISER)
        letter["To"] = formataddr((person.full_name, person.address))
        letter["Subject"] = self._subject.render(said).strip()
        letter["Date"] = format_datetime(datetime.now(UTC))
        letter["Message-ID"] = f"<{token('message', person.address)}@conference.example>"
        for name, value in HEADERS.items():
            letter[name] = value
        letter["List-Unsubscribe"] = f"<{said['links']['unsubscribe']}>"
        calendar = invitation(person, str(said["links"]["page"]))
        letter.set_content(self._text.render(said))
        letter.add_alternative(self._html.render(said), subtype="html")
        letter.add_alternative(
            calendar, maintype="text", subtype="calendar", params={"method": "REQUEST", "charset": "UTF-8"}
        )
        letter.add_attachment(calendar, maintype="application", subtype="ics", filename="invite.ics")
        return letter

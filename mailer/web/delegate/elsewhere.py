"""Addresses that add an entry to a calendar on the web: what each service understands. Nothing is fetched from there.

They tell the title, the hours in universal time and the place, as the agenda does, and nothing of the reader.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlencode

from mailer.agenda.model import Event, Session


class Service(NamedTuple):
    """A calendar service by its name, and the address that adds an entry there."""

    name: str
    address: str


def services(event: Event, session: Session | None) -> list[Service]:
    """For a session, or for the whole conference."""
    about = session or event
    title = about.title
    starts, ends = about.starts_at.astimezone(UTC), about.ends_at.astimezone(UTC)
    place = _place(event, session)
    outlook = {
        "path": "/calendar/action/compose", "rru": "addevent", "subject": title, "location": place,
        "startdt": f"{starts:%Y-%m-%dT%H:%M:%SZ}", "enddt": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    google = {
        "action": "TEMPLATE",
        "text": title,
        "dates": f"{_basic(starts)}/{_basic(ends)}",
        "location": place,
    }
    yahoo = {"v": "60", "title": title, "st": _basic(starts), "et": _basic(ends), "in_loc": place}
    return [
        Service("Google", f"https://calendar.google.com/calendar/render?{urlencode(google)}"),
        Service("Outlook.com", f"https://outlook.live.com/calendar/0/deeplink/compose?{urlencode(outlook)}"),
        Service(
            "Microsoft 365", f"https://outlook.office.com/calendar/0/deeplink/compose?{urlencode(outlook)}"
        ),
        Service("Yahoo", f"https://calendar.yahoo.com/?{urlencode(yahoo)}"),
    ]


def _place(event: Event, session: Session | None) -> str:
    room = session.room if session and session.room else event.venue.room
    return event.venue.model_copy(update={"room": room}).one_line


def _basic(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"

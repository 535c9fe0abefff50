"""What every page of the organiser's has around it: the names of all pages, and who looks."""

from typing import Any

from fastapi.responses import HTMLResponse

from mailer.outbox.roles import Role
from mailer.web import pages
from mailer.web.office import Office
from mailer.web.organiser.door import somebody

PAGES = (
    ("timetable", "/", "Timetable"),
    ("agenda", "/agenda", "Agenda"),
    ("people", "/people", "People"),
    ("outbox", "/outbox", "Outbox"),
    ("replies", "/replies", "Answers"),
    ("rehearsal", "/rehearsal", "Rehearsal"),
    ("tray", "/tray", "Tray"),
)
"""(key, path, name) of what is named on top of every page; a page says which of them it belongs to (`here`)."""


def framed(office: Office, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of the organiser's. Templates may ask `visitor.may(Role.ORGANISER)`; `visitor` may be None."""
    return pages.page(
        template, status=status, office=office, pages=PAGES, visitor=somebody(), Role=Role, **values
    )

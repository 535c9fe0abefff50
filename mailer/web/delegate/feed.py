"""`/f/….ics`: the calendar a person subscribes to. It shows their entries and opens nothing else."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from mailer.composition.links import Purpose
from mailer.web import pages
from mailer.web.delegate import calendar, door
from mailer.web.delegate.door import Visitor
from mailer.web.office import Office

HEADERS = {**pages.PERSONAL, "Cache-Control": "private, no-cache"}
"""It may be kept by the one who asked, and must be asked for again."""


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def visitor(token: str) -> Visitor:
        return door.visitor(office, Purpose.FEED, token)

    @router.get("/f/{token}.ics")
    def feed(came: Annotated[Visitor, Depends(visitor)], request: Request) -> Response:
        content = calendar.feed_of(came, office.sender)
        return calendar.answered(request, content, came.changed_at, HEADERS)

    return router

"""`/agenda/versions`: what was published, one version looked at, any two compared."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer.agenda.changes import differences
from mailer.agenda.model import AgendaVersion
from mailer.outbox import agendas
from mailer.outbox.schema import Role
from mailer.web.office import Office
from mailer.web.organiser import day as drawing
from mailer.web.organiser import door
from mailer.web.organiser.agenda import differing, looked
from mailer.web.organiser.frame import framed

AT_ONCE = 25
"""Versions on one page."""

CHANGES = 200
"""On one page."""

Number = Annotated[int, Query(ge=1, le=2**31 - 1)]


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def version(number: int) -> AgendaVersion:
        with office.database.reading() as transaction:
            try:
                return agendas.version(transaction, office.event, number)
            except (KeyError, OverflowError):
                raise HTTPException(404) from None

    @router.get("/agenda/versions")
    def every(before: Number | None = None) -> HTMLResponse:
        door.must(office, Role.VIEWER, "see the versions")
        latest = looked(office).version
        with office.database.reading() as transaction:
            found = agendas.published(transaction, office.event, before=before, limit=AT_ONCE + 1)
        return framed(
            office,
            "organiser/agenda/versions.html",
            latest=latest,
            rows=found[:AT_ONCE],
            older=found[AT_ONCE - 1][0] if len(found) > AT_ONCE else None,
        )

    @router.get("/agenda/compare")
    def chosen(old: Number, new: Number) -> Response:
        door.must(office, Role.VIEWER, "see the versions")
        return RedirectResponse(f"/agenda/versions/{new}/since/{old}", 303)

    @router.get("/agenda/versions/{number}")
    def one(number: int, day: Annotated[int | None, Query(ge=1, le=400)] = None) -> HTMLResponse:
        door.must(office, Role.VIEWER, "see the versions")
        found = version(number)
        days = drawing.days(found.event)
        shown = day if day in days else next(iter(days))
        return framed(
            office,
            "organiser/agenda/version.html",
            version=found,
            days=days,
            day=drawing.drawn(found.event, shown),
            cancelled=drawing.cancelled_on(found.event, shown),
        )

    @router.get("/agenda/versions/{new}/since/{old}")
    def compared(new: int, old: int, first: Annotated[int, Query(ge=1, le=100_000)] = 1) -> HTMLResponse:
        """What differs, from the change with the number `first` on."""
        door.must(office, Role.VIEWER, "see the versions")
        before, after = version(old), version(new)
        changes = differing(before.event, after.event, differences(before.event, after.event))
        return framed(
            office,
            "organiser/agenda/compared.html",
            before=before,
            after=after,
            changes=changes[first - 1 : first - 1 + CHANGES],
            first=first,
            total=len(changes),
            at_once=CHANGES,
        )

    return router

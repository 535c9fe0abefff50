"""`/`: the timetable of mailings, drawn and told, and the living part that the page asks for again."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import HTMLResponse

from mailer.attention import attention
from mailer.outlook import Outlook, outlook
from mailer.standing import Standing, standing
from mailer.web.office import Office
from mailer.web.organiser import counting, picture, shares
from mailer.web.organiser.frame import framed

FEW_OCCASIONS = 12
"""Of one mailing, in the timetable itself; more are on a page of their own."""

OCCASIONS = 60
"""On that page."""


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def timetable() -> HTMLResponse:
        return _shown(office, "organiser/timetable.html")

    @router.get("/timetable")
    def living_part() -> HTMLResponse:
        return _shown(office, "organiser/living.html")

    @router.get("/timetable/{mailing}")
    def occasions(
        mailing: Annotated[str, Path(max_length=63)],
        first: Annotated[int | None, Query(ge=1, le=100_000)] = None,
    ) -> HTMLResponse:
        """Every occasion of one mailing, from that with the number `first` on, or from the next that is due."""
        now = office.clock()
        found = standing(office.database, office.event, now, in_full=False)
        one = next((each for each in found.mailings if each.mailing == mailing), None) if found else None
        if one is None:
            raise HTTPException(404)
        ahead = next((number for number, each in enumerate(one.occasions, 1) if each.due_at >= now), 1)
        return framed(
            office,
            "organiser/every_occasion.html",
            now=now,
            standing=found,
            mailing=one,
            first=first or ahead,
            at_once=OCCASIONS,
            counting=counting,
        )

    return router


def _shown(office: Office, template: str) -> HTMLResponse:
    now = office.clock()
    found = standing(office.database, office.event, now, in_full=False)
    return framed(
        office,
        template,
        now=now,
        standing=found,
        looks=outlook(office.database, office.profile, found, now) if found else Outlook(),
        counting=counting,
        few_occasions=FEW_OCCASIONS,
        shares=shares,
        attention=attention(office.database, office.event, now),
        every=counting.look_again_every(found, now),
        drawings=_drawings(found, now) if found else {},
    )


def _drawings(found: Standing, now: datetime) -> dict[str, picture.Picture]:
    """One for each width of screen; the style sheet shows the one that fits."""
    return {
        "wide": picture.lying(found, now, length=1180),
        "middle": picture.lying(found, now, length=700),
        "narrow": picture.standing_up(found, now, length=560, depth=340),
    }

"""`/`: the timetable of mailings, drawn and told, and the living part that the page asks for again."""

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from mailer.attention import attention
from mailer.outlook import Outlook, outlook
from mailer.standing import Standing, standing
from mailer.web.office import Office
from mailer.web.organiser import counting, picture, shares
from mailer.web.organiser.frame import framed


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def timetable() -> HTMLResponse:
        return _shown(office, "organiser/timetable.html")

    @router.get("/timetable")
    def living_part() -> HTMLResponse:
        return _shown(office, "organiser/living.html")

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

"""`/tray`: every letter that would have left, as its reader would see it. For the organiser alone."""

from datetime import UTC, tzinfo
from email.parser import BytesHeaderParser
from email.policy import SMTP
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, Response

from mailer.agenda.model import UNASKED
from mailer.delivery.tray import CaughtLetter, Tray
from mailer.outbox import agendas
from mailer.outbox.roles import Role
from mailer.web.office import Office
from mailer.web.organiser import caught, door
from mailer.web.organiser.caught import OpenedLetter
from mailer.web.organiser.frame import framed
from mailer.web.organiser.letter import as_file, in_a_frame, to_keep

PAGE = 30
LOOKED_THROUGH = 10_000
"""Letters that one search reads, from the newest back: the next page goes on behind them."""

_HEAD = 64 * 1024

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Part = Annotated[int, Path(ge=0, le=1000)]
View = Literal["html", "text", "calendar", "raw"]
Width = Literal["phone", "desktop"]


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def opened(number: int) -> OpenedLetter:
        found = office.tray.letter(number) if office.tray else None
        if found is None:
            raise HTTPException(404)
        return caught.as_seen_by(door.visitor(), caught.open_letter(*found))

    @router.get("/tray")
    def search(
        q: Annotated[str, Query(max_length=200)] = "",
        before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    ) -> HTMLResponse:
        """The newest letters that hold every word of `q`; `before` is the number to go on from."""
        if office.tray is None:
            return framed(office, "organiser/no_tray.html", status=404)
        since = max(0, (before or office.tray.newest() + 1) - LOOKED_THROUGH) if q else 0
        found = office.tray.search(q, before=before, limit=PAGE + 1, since=since)
        older = found[PAGE - 1].id if len(found) > PAGE else since or None
        titles, zone = published(office)
        return framed(
            office,
            "organiser/tray.html",
            q=q,
            before=before,
            zone=zone,
            now=office.clock(),
            total=office.tray.count(),
            rows=[(letter, titles.get(_mailing(office.tray, letter), "")) for letter in found[:PAGE]],
            older=older,
            is_to_be_continued=len(found) <= PAGE and since > 0,
        )

    @router.get("/tray/{number}")
    def letter(number: Number, show: View | None = None, width: Width = "desktop") -> HTMLResponse:
        """One letter, in one of the ways of looking at it."""
        one = opened(number)
        view: str | None = show or next(iter(one.views), None)
        if (show and show not in one.views) or office.tray is None:
            raise HTTPException(404)
        titles, zone = published(office)
        return framed(
            office,
            "organiser/letter.html",
            letter=one,
            view=view,
            width=width,
            zone=zone,
            mailing=titles.get(one.mailing, ""),
            newer=number + 1 if office.tray.letter(number + 1) else None,
            older=number - 1 if number > 1 and office.tray.letter(number - 1) else None,
        )

    @router.get("/tray/{number}/letter.html")
    def frame(number: Number) -> HTMLResponse:
        """The HTML part, for the frame on the letter's page and nowhere else."""
        one = opened(number)
        if one.html is None:
            raise HTTPException(404)
        return in_a_frame(one.html, door.visitor())

    @router.get("/tray/{number}/letter.eml")
    def source(number: Number) -> Response:
        """The letter as it came over the line, with all that opens its reader's page."""
        door.must(office, Role.ORGANISER, "take a letter along")
        found = office.tray.letter(number) if office.tray else None
        if found is None:
            raise HTTPException(404)
        return as_file(found[1], number)

    @router.get("/tray/{number}/files/{part}")
    def file(number: Number, part: Part) -> Response:
        """A file that goes with the letter, as it came."""
        door.must(office, Role.ORGANISER, "take a letter along")
        return file_of(opened(number), part)

    return router


def file_of(letter: OpenedLetter, part: int) -> Response:
    """Raises HTTPException (404): the letter has no such file."""
    found = next((each for each in letter.files if each.number == part), None)
    if found is None:
        raise HTTPException(404)
    return to_keep(found.name, found.content)


def _mailing(tray: Tray, letter: CaughtLetter) -> str:
    found = tray.letter(letter.id)
    raw = found[1][:_HEAD] if found else b""
    return str(BytesHeaderParser(policy=SMTP).parsebytes(raw)["Feedback-ID"] or "").partition(":")[0]


def published(office: Office) -> tuple[dict[str, str], tzinfo]:
    """The titles of the event's mailings by their keys, and the venue's zone."""
    with office.database.reading() as transaction:
        version = agendas.latest(transaction, office.event)
    if version is None:
        return {}, UTC
    titles = {mailing.key: mailing.title for mailing in (*UNASKED.values(), *version.event.mailings)}
    return titles, version.event.zone

"""`/u/…`: leaving the list. Looking changes nothing; one exact body does (RFC 8058)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from mailer.composition.links import Purpose
from mailer.composition.placeholders import direction_of
from mailer.outbox import people
from mailer.web import pages
from mailer.web.delegate import door
from mailer.web.delegate.door import Visitor
from mailer.web.office import Office

ONE_CLICK = ("List-Unsubscribe", "One-Click")


async def is_one_click(request: Request) -> bool:
    """Whether the body is `List-Unsubscribe=One-Click` alone, as a form of either kind (RFC 8058 3.2)."""
    if await request.body() == b"=".join(part.encode() for part in ONE_CLICK):
        return True
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return False
    try:
        form = await request.form(max_files=0, max_fields=2)
    except HTTPException:
        return False
    return form.multi_items() == [ONE_CLICK]


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def visitor(token: str) -> Visitor:
        return door.visitor(office, Purpose.UNSUBSCRIBE, token)

    Came = Annotated[Visitor, Depends(visitor)]  # noqa: N806 - a type

    @router.get("/u/{token}")
    def ask(came: Came) -> HTMLResponse:
        return _shown(came, is_done=came.member.unsubscribed)

    @router.post("/u/{token}")
    def leave(came: Came, is_meant: Annotated[bool, Depends(is_one_click)]) -> HTMLResponse:
        """Unsubscribe, once and for all. It answers 200: mail providers follow no redirect (RFC 8058 3.1)."""
        if not is_meant:
            return _shown(came, is_done=came.member.unsubscribed, status=400)
        with office.database.writing() as transaction:
            people.unsubscribe(transaction, came.member.id, office.clock())
        return _shown(came, is_done=True)

    return router


def _shown(came: Visitor, *, is_done: bool, status: int = 200) -> HTMLResponse:
    return pages.page(
        "delegate/unsubscribe.html",
        status=status,
        headers=pages.PERSONAL,
        came=came,
        event=came.event,
        say=came.speech,
        direction=direction_of(came.event.language),
        one_click=ONE_CLICK,
        is_done=is_done,
    )

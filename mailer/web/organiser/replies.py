"""`/replies` and `/api/replies`: how people answered, drawn, told, and for machines. It names nobody."""

import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, BaseModel

from mailer.recipients.model import state_name
from mailer.replies import CATEGORIES, Group, Replies, Tally, lately
from mailer.web.api.routes import REFUSALS, TOKEN
from mailer.web.office import Office
from mailer.web.organiser import growth, shares
from mailer.web.organiser.frame import framed

SESSIONS = 60
"""On one page."""


class TallyStatus(BaseModel):
    """`asked` is the sum of the five that follow it; `earlier` are some of the `silent`, the others some of all."""

    asked: int
    accepted: int
    tentative: int
    delegated: int
    declined: int
    silent: int
    earlier: int
    unsubscribed: int
    troubled: int


class GroupStatus(TallyStatus):
    """`key` is a role, a tag or a State's code; null for those of no State."""

    key: str | None


class SessionStatus(TallyStatus):
    """Everybody asked, by their answer to a session; `listed` have it in their list, `coming` are expected there."""

    session: str
    title: str
    listed: int
    coming: int


class DayStatus(BaseModel):
    """Answers that hold, by the venue's day on which they were given."""

    day: datetime.date
    accepted: int
    tentative: int
    delegated: int
    declined: int
    so_far: int


class RepliesStatus(BaseModel):
    event: str
    version: int
    now: AwareDatetime
    whole: TallyStatus
    roles: list[GroupStatus]
    tags: list[GroupStatus]
    delegations: list[GroupStatus]
    silent_delegations: list[str]
    sessions: list[SessionStatus]
    days: list[DayStatus]


def routes(office: Office) -> APIRouter:
    router = APIRouter()

    @router.get("/api/replies", responses={**REFUSALS}, dependencies=[TOKEN])
    def status() -> RepliesStatus:
        """How people answered."""
        now = office.clock()
        found = lately(office.database, office.event, now)
        if found.value is None:
            raise HTTPException(404, "nothing is published yet")
        return replies_of(found.value, found.at)

    @router.get("/replies", include_in_schema=False)
    def page(sessions: Annotated[int, Query(ge=1, le=100_000)] = 1) -> HTMLResponse:
        """`sessions` is the number of the first session to be shown, from 1."""
        counted = lately(office.database, office.event, office.clock())
        found = counted.value
        rows = found.sessions[sessions - 1 : sessions - 1 + SESSIONS] if found else ()
        drawings = (
            {
                "wide": growth.drawn(found.days, width=1180, height=240),
                "narrow": growth.drawn(found.days, width=340, height=220),
            }
            if found
            else {}
        )
        return framed(
            office,
            "organiser/replies.html",
            counted_at=counted,
            found=found,
            sessions=rows,
            first=sessions,
            at_once=SESSIONS,
            shares=shares,
            delegations=delegations(found) if found else [],
            drawings=drawings,
        )

    return router


def delegations(found: Replies) -> list[tuple[str, Group]]:
    """Each with its State's name in English, in the order of these; those of no State last."""
    named = [(state_name(each.key, "en"), each) for each in found.delegations if each.key]
    rest = [("Of no State", each) for each in found.delegations if not each.key]
    return [*sorted(named, key=lambda each: each[0]), *rest]


def replies_of(found: Replies, now: datetime.datetime) -> RepliesStatus:
    """Answers as machines read them, here and from `convenor replies --json`."""
    return RepliesStatus(
        event=found.version.event.key,
        version=found.version.number,
        now=now,
        whole=TallyStatus(**_counts(found.event)),
        roles=[_group(each) for each in found.roles],
        tags=[_group(each) for each in found.tags],
        delegations=[_group(each) for each in found.delegations],
        silent_delegations=list(found.silent_delegations),
        sessions=[
            SessionStatus(
                **_counts(each.tally),
                session=each.key,
                title=each.title,
                listed=each.listed,
                coming=each.coming,
            )
            for each in found.sessions
        ],
        days=[
            DayStatus(
                day=each.on,
                so_far=each.so_far,
                **{name: getattr(each.tally, name) for name in CATEGORIES if name != "silent"},
            )
            for each in found.days
        ],
    )


def _group(each: Group) -> GroupStatus:
    return GroupStatus(key=each.key, **_counts(each.tally))


def _counts(tally: Tally) -> dict[str, int]:
    return {"asked": tally.asked, **vars(tally)}

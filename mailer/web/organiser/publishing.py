"""`/agenda/publish`: what publishing the draft would change, which letters it causes and to whom, then the button."""

from bisect import bisect_right
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer.accounts import Visitor
from mailer.agenda.changes import title_of
from mailer.agenda.model import Event
from mailer.agenda.rules import EVENT
from mailer.agenda.writing import first_day
from mailer.calendars import Consequence
from mailer.composition.composing import Composed
from mailer.drafting import ForAnAdministrator, NotToBePublished, Outcome, Overtaken
from mailer.lately import AsOf
from mailer.outbox.schema import Role
from mailer.planning.entries import Effect
from mailer.web import moments
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.agenda import APPROVAL, POLICIES, Posted, changes_of, drafting_of, looked
from mailer.web.organiser.frame import framed
from mailer.web.organiser.letter import in_a_frame

AT_ONCE = 100
"""Addresses on one page."""

MOST_CHANGES = 100
"""Of what differs, and of entries it concerns, on one page."""

FEW = 3
"""Addresses shown beside a number."""

EFFECTS = {
    Effect.REQUEST: "sent anew; an answer is asked for again",
    Effect.CANCEL: "taken back",
    Effect.REWORD: "only the words are others; no answer is asked for",
    Effect.CHANGE: "sent anew; no answer is asked for",
}


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def outcome() -> AsOf[Outcome]:
        """Of a long list as it was worked out last. Raises NotYet."""
        looked(office)
        return drafting_of(office, door.visitor().name).foreseen()

    @router.get("/agenda/publish")
    def page() -> HTMLResponse:
        door.must(office, Role.VIEWER, "see what publishing would do")
        return _page(office, outcome())

    @router.post("/agenda/publish")
    def publish(form: Posted) -> Response:
        by = door.must(office, Role.ORGANISER, "publish the agenda")
        looked(office)
        drafting = drafting_of(office, by.name)
        try:
            drafting.publish(form.get("seen", ""), is_administrator=by.may(Role.ADMINISTRATOR))
        except ForAnAdministrator:
            door.must(office, Role.ADMINISTRATOR, APPROVAL)
            raise
        except Overtaken:
            return _page(office, drafting.foreseen(), status=409, is_overtaken=True)
        except NotToBePublished:
            return _page(office, drafting.foreseen(), status=422)
        return RedirectResponse("/agenda", 303)

    @router.get("/agenda/publish/people")
    def people(
        anchor: str, effect: Effect, after: Annotated[str, Query(max_length=400)] = ""
    ) -> HTMLResponse:
        """Whose calendars it concerns; `after` is the address to go on from."""
        door.must(office, Role.VIEWER, "see what publishing would do")
        found = outcome().value
        changes = found.difference.consequences.changes
        one = next((each for each in changes if (each.anchor, each.effect) == (anchor, effect)), None)
        if one is None:
            raise HTTPException(404)
        begins = bisect_right(one.addresses, after)
        rest = one.addresses[begins : begins + AT_ONCE + 1]
        return framed(
            office,
            "organiser/agenda/people.html",
            title=_title(one, found.draft.event, found.draft.version.event),
            words=EFFECTS[effect],
            anchor=anchor,
            effect=effect.value,
            total=len(one.addresses),
            addresses=rest[:AT_ONCE],
            after=rest[AT_ONCE - 1] if len(rest) > AT_ONCE else "",
            is_first=not after,
        )

    @router.get("/agenda/publish/letter.html")
    def letter() -> HTMLResponse:
        by = door.must(office, Role.VIEWER, "see what publishing would do")
        return sample_page(outcome().value.sample, by)

    return router


def _page(
    office: Office, foreseen: AsOf[Outcome], *, status: int = 200, is_overtaken: bool = False
) -> HTMLResponse:
    found = foreseen.value
    draft, difference = found.draft, found.difference
    consequences, moves_by, days = consequences_of(found), draft.clock_moves_by, draft.days_moved
    was = first_day(draft.version.event)
    at_once = [(draft.event.mailing(key).title, count) for key, count in difference.due_at_once.items()]
    return framed(
        office,
        "organiser/agenda/publish.html",
        status=status,
        foreseen=foreseen,
        found=found,
        draft=draft,
        changes=changes_of(draft),
        most=MOST_CHANGES,
        consequences=consequences[:MOST_CHANGES],
        further=len(consequences) - MOST_CHANGES,
        moves=moments.apart(moves_by) if moves_by else "",
        moved=moments.apart(timedelta(days=days)) if days else "",
        days=(was, was + timedelta(days=days)),
        fixed=[each for each in draft.event.mailings if each.has_fixed_hour],
        policies=POLICIES,
        first_hour=moments.hour(draft.version.event.starts_at, draft.version.event.zone),
        at_once=at_once,
        courses=found.courses,
        now=office.clock(),
        untold=difference.consequences.untold,
        letters=difference.consequences.letters,
        due_at=difference.consequences.due_at,
        is_overtaken=is_overtaken,
    )


def consequences_of(found: Outcome) -> list[tuple[str, str, Consequence, tuple[str, ...]]]:
    """For a table: what it is about, what happens to it, the consequence, and a few of those it concerns."""
    events = found.draft.event, found.draft.version.event
    return [
        (_title(each, *events), EFFECTS[each.effect], each, each.addresses[:FEW])
        for each in found.difference.consequences.changes
    ]


def sample_page(sample: Composed | None, by: Visitor) -> HTMLResponse:
    """A sample's HTML part, for the frame on a page and nowhere else. Raises HTTPException (404)."""
    if sample is None:
        raise HTTPException(404)
    return in_a_frame(sample.html, by)


def _title(each: Consequence, *events: Event) -> str:
    return "The conference as a whole" if each.anchor == EVENT else title_of(each.anchor, *events)

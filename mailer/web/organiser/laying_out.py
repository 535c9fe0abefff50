"""The forms of `/mailings`: a mailing begun, changed, taken out, put back, all of it in the draft.

What a form makes of the agenda is decided in `agenda.rewriting`, how it is kept in `drafting`.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer.agenda import rewriting
from mailer.agenda.model import OF_ITSELF, AgendaVersion, Event, Mailing, MailingKind
from mailer.drafting import Draft, Overtaken
from mailer.errors import BadInput, Problem
from mailer.lately import NotYet
from mailer.mailings import Drafted, as_drafted
from mailer.outbox.schema import Role
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.agenda import Posted, drafting_of, looked
from mailer.web.organiser.frame import framed
from mailer.web.organiser.mailings import (
    Key,
    Look,
    fields,
    found_in,
    hours_of,
    page,
    people_of,
    uncounted,
)

KINDS = {
    MailingKind.INVITATION: "Asks for an answer, and brings the conference as one calendar entry.",
    MailingKind.AGENDA: "The programme, with an entry for every session.",
    MailingKind.REMINDER: "For those who have not answered. It leaves at its moment or not at all.",
    MailingKind.PRACTICAL: "How to get there, and what to bring.",
    MailingKind.SESSION_REMINDER: "Shortly before each session, for those who chose it.",
    MailingKind.REPORT: "Thanks afterwards, and word of the report.",
}
"""What each kind is for, as one chooses."""


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_new(router, office)
    _add_looks(router, office)
    _add_edits(router, office)
    return router


def _given(form: Mapping[str, str]) -> dict[str, Any]:
    """What a form says of a mailing, as a file would say it. A box that is not ticked is not sent."""
    given: dict[str, Any] = {name: form[name].strip() for name in rewriting.FIELDS if name in form}
    return {**given, "again_when_moved": "again_when_moved" in form}


# ── a new one ────────────────────────────────────────────────────────────────────────────────────────────────


def _add_new(router: APIRouter, office: Office) -> None:
    @router.get("/mailings/new")
    def new(kind: Annotated[MailingKind | None, Query()] = None) -> HTMLResponse:
        """First the kind, then the form with what is usual for it."""
        door.must(office, Role.ORGANISER, "begin a mailing")
        draft = looked(office)
        if kind is None:
            return framed(office, "organiser/mailings/kinds.html", kinds=KINDS)
        if kind in OF_ITSELF:
            raise HTTPException(404)
        return _new_page(office, draft, rewriting.begun(kind))

    @router.post("/mailings/new")
    def add(form: Posted) -> Response:
        by = door.must(office, Role.ORGANISER, "begin a mailing")
        given = _given(form)
        key = rewriting.key_of(
            str(given.get("title", "")), looked(office).event, office.mailings().keys_ever()
        )
        try:
            drafting_of(office, by.name).edit(
                form.get("seen", ""), lambda event: rewriting.added(event, key, given)
            )
        except Overtaken as error:
            return _new_page(office, error.draft, _like(given), written=given, status=409, is_overtaken=True)
        except BadInput as error:
            problems = error.problems
            return _new_page(
                office, looked(office), _like(given), written=given, status=422, problems=problems
            )
        return RedirectResponse(f"/mailings/{key}?said=drafted", 303)


def _like(given: Mapping[str, Any]) -> Mailing:
    """A mailing of the kind that a form names, if it names one."""
    kind = next((each for each in KINDS if each == given.get("kind")), MailingKind.PRACTICAL)
    return rewriting.begun(kind)


def _new_page(
    office: Office,
    draft: Draft,
    begun: Mailing,
    *,
    written: Mapping[str, Any] | None = None,
    status: int = 200,
    problems: tuple[Problem, ...] = (),
    is_overtaken: bool = False,
) -> HTMLResponse:
    now, version = office.clock(), as_drafted(draft, office.clock())
    mailing = rewriting.tried(draft.event, begun, written)[0] if written else begun
    return framed(
        office,
        "organiser/mailings/new.html",
        status=status,
        draft=draft,
        shown=None,
        at="/mailings/new",
        mailing=mailing,
        **fields(begun, problems, written),
        is_overtaken=is_overtaken,
        hours=hours_of(version, mailing, now, is_in_force=False),
        says=KINDS[mailing.kind],
        **_whom(office, version, mailing),
    )


def _whom(office: Office, version: AgendaVersion, mailing: Mailing) -> dict[str, Any]:
    """Whom it would reach; what was typed is shown at once, however long the list."""
    again = "/mailings/new/people"
    try:
        return people_of(office, version, mailing, is_trial=True, again=again)
    except NotYet as error:
        return uncounted(mailing, counting=error, is_trial=True, again=again)


# ── looking while it is filled ───────────────────────────────────────────────────────────────────────────────


def _add_looks(router: APIRouter, office: Office) -> None:
    """Whom and when, as the form says it by now, kept or not."""

    def tried(key: str, form: Mapping[str, str]) -> tuple[Draft, Mailing, list[Problem]]:
        draft, given = looked(office), _given(form)
        before = _like(given) if key == "new" else found_in(office, draft, key).mailing
        if before.kind in OF_ITSELF:
            return draft, before, []
        return draft, *rewriting.tried(
            draft.event, before, given if given.keys() & {"audience", "when"} else {}
        )

    @router.get("/mailings/{key}/people")
    def whom(key: Key, request: Request) -> HTMLResponse:
        door.must(office, Role.VIEWER, "see an audience")
        draft, mailing, problems = tried(key, request.query_params)
        problem = "; ".join(each.message for each in problems if each.field == "audience")
        version = as_drafted(draft, office.clock())
        again = f"{request.url.path}?{request.url.query}"
        try:
            values = (
                {"problem": problem}
                if problem
                else people_of(office, version, mailing, is_trial=True, again=again)
            )
        except NotYet as error:
            values = uncounted(mailing, counting=error, is_trial=True, again=again)
        return framed(
            office,
            "organiser/mailings/people.html",
            status=422 if problem else 200,
            at=f"/mailings/{key}",
            **values,
        )

    @router.get("/mailings/{key}/hours")
    def when(key: Key, request: Request) -> HTMLResponse:
        door.must(office, Role.VIEWER, "see the hours of a mailing")
        draft, mailing, problems = tried(key, request.query_params)
        wrong = [each.message for each in problems if each.field in {"when", "useful_until"}]
        version = as_drafted(draft, office.clock())
        return framed(
            office,
            "organiser/mailings/hours.html",
            status=422 if wrong else 200,
            mailing=mailing,
            hours={"wrong": wrong}
            if wrong
            else hours_of(version, mailing, office.clock(), is_in_force=False),
        )


# ── changed, taken out ───────────────────────────────────────────────────────────────────────────────────────


def _add_edits(router: APIRouter, office: Office) -> None:
    def edited(key: str, form: Mapping[str, str], change: Callable[[Event], Event], said: str) -> Response:
        """The page after an edit; or the form as it was filled, with what is wrong, or what happened meanwhile."""
        by = door.must(office, Role.ORGANISER, "change a mailing")
        given = _given(form) if "title" in form else None
        try:
            draft = drafting_of(office, by.name).edit(form.get("seen", ""), change)
        except Overtaken as error:
            return overtaken(key, error.draft, given)
        except BadInput as error:
            draft = looked(office)
            shown = found_in(office, draft, key)
            return page(office, draft, shown, Look(), status=422, problems=error.problems, written=given)
        except KeyError:
            raise HTTPException(404) from None
        if draft.seen == form.get("seen"):
            said = "same"
        is_there = any(each.key == key for each in (*draft.event.mailings, *draft.version.event.mailings))
        return RedirectResponse(f"/mailings/{key}?said={said}" if is_there else f"/mailings?said={said}", 303)

    def overtaken(key: str, draft: Draft, given: Mapping[str, Any] | None) -> Response:
        try:
            shown: Drafted | None = found_in(office, draft, key)
        except HTTPException:
            shown = None
        if shown is not None:
            return page(office, draft, shown, Look(), status=409, written=given, is_overtaken=True)
        if given is None:
            raise HTTPException(404)
        return _new_page(office, draft, _like(given), written=given, status=409, is_overtaken=True)

    @router.post("/mailings/{key}")
    def rewrite(key: Key, form: Posted) -> Response:
        """Another title, audience, rule or calendar part; one that was taken out is put back like this."""
        given, published = _given(form), looked(office).version.event

        def change(event: Event) -> Event:
            if any(each.key == key for each in event.mailings):
                return rewriting.rewritten(event, key, given)
            return rewriting.put_back(event, published, key, given)

        return edited(key, form, change, "drafted")

    @router.post("/mailings/{key}/take-out")
    def take_out(key: Key, form: Posted) -> Response:
        return edited(key, form, lambda event: rewriting.taken_out(event, key), "taken-out")

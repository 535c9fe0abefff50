"""`/agenda`: the days drawn to scale, and one session or the event changed in place, as a draft.

What a change makes of the agenda is decided in `agenda.editing`, how it is kept in `drafting`.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer import wallclock
from mailer.agenda import editing
from mailer.agenda.changes import NAMED, ChangeKind, title_of
from mailer.agenda.model import Approval, Event, SessionKind
from mailer.drafting import Draft, Drafting, Overtaken
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.outbox.schema import Role
from mailer.web import moments
from mailer.web.office import Office
from mailer.web.organiser import day as drawing
from mailer.web.organiser import door
from mailer.web.organiser.frame import framed

Fields = Mapping[str, Any]

_LISTS = ("points", "speakers")
_NUMBERS = ("day", "end_day")
_MOST_EDITS_SHOWN = 12
_ALL = "change the agenda"
APPROVAL = "change who approves mailings"
POLICIES = {
    Approval.NONE: "Nobody, mailings leave at their hour by themselves",
    Approval.ONE: "One person",
    Approval.FOUR_EYES: "Four eyes, somebody who had no hand in it",
}
"""Who must have seen a mailing before it leaves."""


async def posted(request: Request) -> dict[str, str]:
    """The fields of a form, each once."""
    form = await request.form(max_files=0, max_fields=40)
    return {name: value for name, value in form.items() if isinstance(value, str)}


Posted = Annotated[dict[str, str], Depends(posted)]


def drafting_of(office: Office, by: str) -> Drafting:
    return Drafting(
        database=office.database, event=office.event, now=office.clock(), by=by, sender=office.sender,
        texts=office.texts, profile=office.profile,
    )  # fmt: skip


def looked(office: Office) -> Draft:
    """The draft as it is, for whoever may look. Raises HTTPException (404) while nothing is published."""
    try:
        return drafting_of(office, door.visitor().name).look()
    except ConvenorError:
        raise HTTPException(404, "nothing is published yet") from None


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_pages(router, office)
    _add_edits(router, office)
    _add_whole(router, office)
    return router


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────


def _add_pages(router: APIRouter, office: Office) -> None:
    @router.get("/agenda")
    def page(day: Annotated[int | None, Query(ge=1, le=400)] = None) -> HTMLResponse:
        door.must(office, Role.VIEWER, "see the agenda")
        try:
            draft = looked(office)
        except HTTPException:
            return framed(office, "organiser/agenda/none.html", status=404)
        return _page(office, draft, day)

    @router.get("/agenda/sessions/{key}")
    def one(key: str) -> HTMLResponse:
        door.must(office, Role.VIEWER, "see the agenda")
        draft = looked(office)
        return _session_page(office, draft, key, _session_values(draft.event, key))

    @router.get("/agenda/new")
    def new(day: Annotated[int, Query(ge=1, le=400)] = 1) -> HTMLResponse:
        door.must(office, Role.ORGANISER, "add a session")
        return _page(office, looked(office), day, form="new", values={"day": day, "kind": "session"})

    @router.get("/agenda/event")
    def event() -> HTMLResponse:
        door.must(office, Role.VIEWER, "see the agenda")
        draft = looked(office)
        return _page(office, draft, None, form="event", values=editing.event_fields(draft.event))


def _page(
    office: Office,
    draft: Draft,
    number: int | None,
    *,
    status: int = 200,
    form: str = "",
    key: str = "",
    values: Fields | None = None,
    problems: tuple[Problem, ...] = (),
    is_overtaken: bool = False,
    meanwhile: Fields | None = None,
) -> HTMLResponse:
    """A day of the draft, with a form beside it: `new`, `session` or `event`. `is_overtaken` says that somebody else
    has changed the draft, `meanwhile` what they made of what was typed.
    """
    days = drawing.days(draft.event)
    shown = number if number in days else next(iter(days))
    published, off = draft.version.event, {each.key for each in draft.version.event.sessions}
    return framed(
        office,
        "organiser/agenda/agenda.html",
        status=status,
        draft=draft,
        days=days,
        day=drawing.drawn(draft.event, shown, published),
        cancelled=[each for each in drawing.cancelled_on(draft.event, shown) if each.key not in off],
        changes=changes_of(draft),
        latest_edits=draft.edits[-_MOST_EDITS_SHOWN:],
        doubts=_doubts(draft.event),
        form=form,
        key=key,
        values=values or {},
        problems={each.field: each.message for each in problems if each.field},
        further=[each.message for each in problems if not each.field],
        is_overtaken=is_overtaken,
        meanwhile=meanwhile or {},
        kinds=[each.value for each in SessionKind],
        policies=POLICIES,
        languages=_languages(office, draft.event, str((values or {}).get("language", ""))),
        zones=wallclock.zone_choices() if form == "event" else (),
        is_off=key in {each.key for each in draft.event.called_off},
    )


def _languages(office: Office, event: Event, typed: str) -> list[tuple[str, str]]:
    """(code, what it calls itself) of those to choose from: letters are written in them, or it is the event's."""
    codes = sorted({*office.languages, event.language, *([typed] if typed else [])})
    return [(each, f"{moments.language_name(each)} ({each})") for each in codes]


def changes_of(draft: Draft) -> list[tuple[str, str, str, str]]:
    """What differs from the version in force: (what it is about, what of it, as it was, as it is)."""
    return differing(draft.version.event, draft.event, draft.changes)


def differing(old: Event, new: Event, changes: list[Any]) -> list[tuple[str, str, str, str]]:
    """Changes for a table, those of an order left out: it follows from the hours."""
    kinds = {ChangeKind.ADDED: "new", ChangeKind.REMOVED: "taken out"}
    rows = []
    for each in changes:
        if each.field in {"sessions", "mailings"}:
            continue
        is_whole = each.field in {"", "cancelled"}
        what = kinds.get(each.kind, each.kind.value) if is_whole else NAMED.get(each.field, each.field)
        before, after = ("", "") if is_whole else (each.before, each.after)
        if each.what == "mailing" and not each.field:
            before, after = _said_of(old, each.anchor), _said_of(new, each.anchor)
        rows.append((title_of(each.anchor, new, old), what, before, after))
    return rows


def _said_of(event: Event, mailing: str) -> str:
    """Whom a mailing is for and when, in one line; nothing where there is none."""
    found = next((each for each in event.mailings if each.key == mailing), None)
    return f"{found.audience}; {found.when}" if found else ""


def _doubts(event: Event) -> list[str]:
    try:
        return [": ".join(filter(None, (each.field, each.message))) for each in editing.doubts(event)]
    except BadInput as error:
        return [each.message for each in error.problems]


def _session_values(event: Event, key: str) -> dict[str, Any]:
    """What a form of a session shows. Raises HTTPException (404)."""
    try:
        fields = editing.session_fields(event, key)
    except KeyError:
        raise HTTPException(404) from None
    return {"day": 1, **fields, **{name: "\n".join(fields.get(name, ())) for name in _LISTS}}


def _session_page(office: Office, draft: Draft, key: str, values: Fields, **more: Any) -> HTMLResponse:
    try:
        number = drawing.day_of(draft.event, key)
    except KeyError:
        number = None
    return _page(office, draft, number, form="session", key=key, values=values, **more)


# ── changing ─────────────────────────────────────────────────────────────────────────────────────────────────


def _add_edits(router: APIRouter, office: Office) -> None:
    @router.post("/agenda/sessions/{key}")
    def change(key: str, form: Posted) -> Response:
        given = _given(form)

        def show(draft: Draft, **more: Any) -> HTMLResponse:
            if more.get("status") == 409:
                more |= {"is_overtaken": True, "meanwhile": _changed_meanwhile(draft, key, form)}
            return _session_page(office, draft, key, {"key": key, **form}, **more)

        return edited(office, form, lambda event: editing.change_session(event, key, given), show, key)

    @router.post("/agenda/new")
    def add(form: Posted) -> Response:
        given = _given(form)
        key = editing.key_of(given, looked(office).event)

        def show(draft: Draft, **more: Any) -> HTMLResponse:
            number = given.get("day")
            number = number if isinstance(number, int) else None
            return _page(office, draft, number, form="new", values=form, **more)

        return edited(
            office, form, lambda event: editing.add_session(event, {**given, "key": key}), show, key
        )

    @router.post("/agenda/sessions/{key}/cancel")
    def cancel(key: str, form: Posted) -> Response:
        is_known = looked(office).is_known(key)
        return edited(
            office,
            form,
            lambda event: editing.cancel_session(event, key, is_known=is_known),
            _shown(office, key),
            key,
        )

    @router.post("/agenda/sessions/{key}/reinstate")
    def reinstate(key: str, form: Posted) -> Response:
        return edited(
            office, form, lambda event: editing.reinstate_session(event, key), _shown(office, key), key
        )

    @router.post("/agenda/event")
    def event(form: Posted) -> Response:
        given = {name: value.strip() for name, value in form.items() if name in editing.EVENT_FIELDS}

        def show(draft: Draft, **more: Any) -> HTMLResponse:
            now = editing.event_fields(draft.event)
            differs = {
                name: each for name, each in now.items() if str(each) != str(form.get(name, each)).strip()
            }
            if more.get("status") == 409:
                more |= {"is_overtaken": True, "meanwhile": differs}
            return _page(office, draft, None, form="event", values=form, **more)

        return edited(office, form, lambda event: editing.change_event(event, given), show, "")

    @router.post("/agenda/event/approval")
    def approval(form: Posted) -> Response:
        door.must(office, Role.ADMINISTRATOR, APPROVAL)
        policy = form.get("approval", "")
        return edited(
            office, form, lambda event: editing.ask_approval(event, policy), _shown_event(office), ""
        )

    @router.post("/agenda/event/reinstate")
    def reinstate_event(form: Posted) -> Response:
        return edited(office, form, editing.hold_after_all, _shown_event(office), "")


def _shown(office: Office, key: str) -> Callable[..., HTMLResponse]:
    def show(draft: Draft, **more: Any) -> HTMLResponse:
        return _session_page(office, draft, key, _session_values(draft.event, key), **more)

    return show


def _shown_event(office: Office) -> Callable[..., HTMLResponse]:
    def show(draft: Draft, **more: Any) -> HTMLResponse:
        values, is_overtaken = editing.event_fields(draft.event), more.get("status") == 409
        return _page(office, draft, None, form="event", values=values, is_overtaken=is_overtaken, **more)

    return show


def edited(
    office: Office,
    form: Fields,
    change: Callable[[Event], Event],
    show: Callable[..., HTMLResponse],
    key: str,
) -> Response:
    """The page after an edit; or the form as it was filled, with what is wrong, or what happened meanwhile."""
    by = door.must(office, Role.ORGANISER, _ALL)
    try:
        draft = drafting_of(office, by.name).edit(str(form.get("seen", "")), change)
    except Overtaken as error:
        return show(error.draft, status=409, problems=())
    except BadInput as error:
        return show(looked(office), status=422, problems=error.problems)
    except KeyError:
        raise HTTPException(404) from None
    try:
        number = drawing.day_of(draft.event, key)
    except KeyError:
        return RedirectResponse("/agenda", 303)
    return RedirectResponse(f"/agenda?day={number}#s-{key}", 303)


def _given(form: Fields) -> dict[str, Any]:
    """What a form says of a session, as a file would say it. Only what it holds is changed."""
    given: dict[str, Any] = {}
    for name in editing.SESSION_FIELDS:
        if name not in form:
            continue
        text = form[name].strip()
        if name in _LISTS:
            given[name] = [line.strip() for line in text.splitlines() if line.strip()]
        elif name in _NUMBERS:
            given[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text or None
        else:
            given[name] = text or None
    return given


def _changed_meanwhile(draft: Draft, key: str, form: Fields) -> dict[str, Any]:
    """What the draft says now of a session, where it is not what was typed."""
    try:
        now = _session_values(draft.event, key)
    except HTTPException:
        return {"title": "taken out"}
    names = (name for name in form if name in editing.SESSION_FIELDS)
    return {
        name: now.get(name, "") for name in names if str(now.get(name, "")).split() != str(form[name]).split()
    }


# ── the draft as a whole ─────────────────────────────────────────────────────────────────────────────────────


def _add_whole(router: APIRouter, office: Office) -> None:
    def settled(form: Fields, act: Callable[[Drafting, str], object]) -> Response:
        by = door.must(office, Role.ORGANISER, _ALL)
        try:
            act(drafting_of(office, by.name), str(form.get("seen", "")))
        except Overtaken as error:
            return _page(office, error.draft, None, status=409, is_overtaken=True)
        except BadInput as error:
            return _page(office, looked(office), None, status=422, problems=error.problems)
        return RedirectResponse("/agenda", 303)

    @router.post("/agenda/undo")
    def undo(form: Posted) -> Response:
        return settled(form, lambda drafting, seen: drafting.undo(seen))

    @router.post("/agenda/carry-over")
    def carry_over(form: Posted) -> Response:
        return settled(form, lambda drafting, seen: drafting.carry_over(seen))

    @router.post("/agenda/give-up")
    def give_up(form: Posted) -> Response:
        return settled(form, lambda drafting, seen: drafting.give_up(seen))

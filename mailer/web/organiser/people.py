"""`/people`: the delegations as a board, everybody searched for, one person; and the list as a file.

Everything that is shown here names people, so that it is for those alone who are signed in.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from mailer.agenda.model import UNASKED, AgendaVersion
from mailer.agenda.rules import EVENT
from mailer.delegations import Circle, Stand, board
from mailer.errors import ConvenorError, Problem
from mailer.listing import Listing, Overtaken, Unknown
from mailer.outbox import agendas, finding, incoming, people
from mailer.outbox.database import Transaction
from mailer.outbox.finding import Found
from mailer.outbox.schema import Role as MayDo
from mailer.person import Person, person
from mailer.recipients.audience import states
from mailer.recipients.cells import COLUMNS
from mailer.recipients.model import Role, state_name
from mailer.recipients.reading import read_one
from mailer.recipients.writing import cells
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.frame import framed

PAGE = 50
"""People on one page."""


ROLES: Mapping[Role, str] = {
    Role.FOCAL_POINT: "focal point",
    Role.PRACTITIONER: "practitioner",
    Role.EXPERT: "expert",
    Role.SPEAKER: "speaker",
}
_BY_NAME = tuple(role for role in Role if role is not Role.FOCAL_POINT)

Number = Annotated[int, Path(ge=1, le=2**62)]
After = Annotated[int, Query(ge=0, le=2**62)]
Words = Annotated[str, Query(max_length=200)]
Cell = Annotated[str, Field(max_length=10_000)]
Revision = Annotated[int, Form(ge=1, le=2**31)]


class PersonForm(BaseModel):
    """One person as somebody typed them, and the revision that they saw."""

    seen: Annotated[int, Field(ge=1, le=2**31)]
    email: Cell = ""
    given_name: Cell = ""
    family_name: Cell = ""
    title: Cell = ""
    role: Cell = ""
    state: Cell = ""
    institution: Cell = ""
    language: Cell = ""
    timezone: Cell = ""
    tags: Cell = ""
    sessions: Cell = ""


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_looking(router, office)
    _add_export(router, office)
    _add_person(router, office)
    return router


# ── the board and the search ─────────────────────────────────────────────────────────────────────────────────


def _add_looking(router: APIRouter, office: Office) -> None:
    @router.get("/people")
    def delegations(show: Stand | None = None) -> HTMLResponse:
        """The board; of one stand alone, if it is named."""
        door.must(office, MayDo.VIEWER, "see the people")
        found = board(office.database, office.event, office.clock())
        return framed(
            office, "organiser/people/board.html", board=found.value, counted_at=found, zone=zone_of(office), show=show,
            Stand=Stand, Circle=Circle, roles=ROLES, q="", role="", state="",
        )  # fmt: skip

    @router.get("/people/list")
    def search(
        q: Words = "",
        role: Role | Literal["", "by_name"] = "",
        state: Annotated[str, Query(max_length=2)] = "",
        after: After = 0,
    ) -> HTMLResponse:
        """Everybody some words of whom begin so; `after` is the number to go on behind."""
        door.must(office, MayDo.VIEWER, "see the people")
        asked = _BY_NAME if role == "by_name" else (Role(role),) if role else ()
        with office.database.reading() as transaction:
            found = finding.found(
                transaction, office.event, q, roles=asked, state=state.upper() or None, after=after,
                limit=PAGE + 1,
            )  # fmt: skip
            rows = _rows(transaction, found[:PAGE])
        return framed(
            office, "organiser/people/list.html", q=q, role=role, state=state.upper(), after=after, rows=rows,
            further=found[PAGE - 1].id if len(found) > PAGE else None, roles=ROLES, state_name=state_name,
        )  # fmt: skip

    @router.get("/people/delegations/{code}")
    def delegation(code: Annotated[str, Path(max_length=2)]) -> HTMLResponse:
        """Who is of one State: those who stand for it, and those who come by name."""
        door.must(office, MayDo.VIEWER, "see the people")
        if code not in states():
            raise HTTPException(404)
        found = board(office.database, office.event, office.clock())
        with office.database.reading() as transaction:
            groups = [
                (title, role, _rows(transaction, those[:PAGE]), len(those) > PAGE)
                for title, role, roles in (
                    ("Focal points", "focal_point", (Role.FOCAL_POINT,)),
                    ("Practitioners, experts and speakers", "by_name", _BY_NAME),
                )
                for those in [
                    finding.found(transaction, office.event, roles=roles, state=code, limit=PAGE + 1)
                ]
            ]
        return framed(
            office, "organiser/people/delegation.html", code=code, name=state_name(code, "en"),
            delegation=found.value.delegation(code), groups=groups, roles=ROLES, state_name=state_name,
        )  # fmt: skip


def zone_of(office: Office) -> tzinfo:
    """The venue's, of the agenda in force."""
    with office.database.reading() as transaction:
        version = agendas.latest(transaction, office.event)
    return version.event.zone if version else UTC


def _rows(transaction: Transaction, found: list[Found]) -> list[tuple[Found, str, bool]]:
    """Each with their answer to the event that holds, and whether their address is wrong."""
    ids = [each.id for each in found]
    answers = people.standing_answers(transaction, ids) if ids else {}
    wrong = incoming.wrong_addresses(transaction, ids) if ids else set()
    return [(each, answers.get(each.id, {}).get(EVENT, ""), each.id in wrong) for each in found]


# ── one person ───────────────────────────────────────────────────────────────────────────────────────────────


def _add_person(router: APIRouter, office: Office) -> None:
    @router.get("/people/{number}")
    def one(number: Number, saved: Literal["", "corrected"] = "") -> HTMLResponse:
        door.must(office, MayDo.VIEWER, "see a person")
        return _page(office, number, saved=saved)

    @router.post("/people/{number}/correct")
    def correct(number: Number, form: Annotated[PersonForm, Form()]) -> Response:
        by = door.must(office, MayDo.ORGANISER, "correct a person")
        typed, seen = form.model_dump(exclude={"seen"}), form.seen
        said, problems = read_one(typed, sessions=sessions_of(office))
        if said is None:
            return _page(office, number, 422, typed=typed, problems=problems)
        try:
            now_at = listing_of(office, by.name).correct(number, seen, said)
        except Overtaken as error:
            return _page(office, number, 409, typed=typed, told=str(error))
        except Unknown:
            raise HTTPException(404) from None
        except ConvenorError as error:
            problem = Problem(file="", field="email", message=str(error))
            return _page(office, number, 422, typed=typed, problems=(problem,))
        return RedirectResponse(f"/people/{now_at}?saved=corrected", 303)

    @router.post("/people/{number}/off")
    def take_off(number: Number, seen: Revision) -> Response:
        by = door.must(office, MayDo.ORGANISER, "take somebody off the list")
        return _done(office, number, lambda: listing_of(office, by.name).take_off(number, seen))

    @router.post("/people/{number}/back")
    def put_back(number: Number, seen: Revision) -> Response:
        by = door.must(office, MayDo.ORGANISER, "put somebody back on the list")
        return _done(office, number, lambda: listing_of(office, by.name).put_back(number, seen))

    @router.post("/people/{number}/clear")
    def clear(number: Number) -> Response:
        by = door.must(office, MayDo.ORGANISER, "clear an address")
        return _done(office, number, lambda: listing_of(office, by.name).clear(number))

    @router.post("/people/{number}/revoke")
    def revoke(number: Number) -> Response:
        by = door.must(office, MayDo.ORGANISER, "revoke somebody's links")
        return _done(office, number, lambda: listing_of(office, by.name).revoke(number))


def listing_of(office: Office, who: str) -> Listing:
    """The event's list in the hands of `who`."""
    return Listing(
        database=office.database,
        event=office.event,
        handle_of=office.sender.signer.handle,
        who=who,
        now=office.clock(),
    )


def _done(office: Office, number: int, deed: Callable[[], None]) -> Response:
    try:
        deed()
    except Overtaken as error:
        return _page(office, number, 409, told=str(error))
    except Unknown:
        raise HTTPException(404) from None
    return RedirectResponse(f"/people/{number}", 303)


def _page(
    office: Office,
    number: int,
    status: int = 200,
    *,
    typed: Mapping[str, str] | None = None,
    problems: tuple[Problem, ...] = (),
    told: str = "",
    saved: str = "",
) -> HTMLResponse:
    """One person, the form filled with what was `typed`, or with what is known. `saved` is what was done just now."""
    found = person(office.database, office.event, number, office.clock())
    if found is None:
        raise HTTPException(404)
    known = cells(found.listed.member.recipient)
    return framed(
        office, "organiser/people/person.html", status=status, person=found, now=office.clock(),
        zone=_zone(found), known=known, typed=typed or known, told=told, titles=_titles(found.version),
        differing=[name for name in COLUMNS if typed and told and typed[name] != known[name]],
        problems={each.field or "": each.message for each in problems if not each.warning},
        roles=ROLES, state_name=state_name, EVENT=EVENT, saved=saved,
    )  # fmt: skip


def _zone(found: Person) -> tzinfo:
    return found.version.event.zone if found.version else UTC


def _titles(version: AgendaVersion | None) -> Mapping[str, str]:
    """What mailings and sessions are called, by their keys; a key of each kind may be the same word."""
    if version is None:
        return {}
    mailings = {each.key: each.title for each in (*UNASKED.values(), *version.event.mailings)}
    sessions = {f"at {each.key}": each.title for each in version.event.sessions}
    return mailings | sessions | {f"at {EVENT}": "the whole event"}


def sessions_of(office: Office) -> list[str] | None:
    """The keys of the sessions that may be chosen; None while nothing is published."""
    with office.database.reading() as transaction:
        version = agendas.latest(transaction, office.event)
    return [each.key for each in version.event.sessions] if version else None


# ── the list as a file ───────────────────────────────────────────────────────────────────────────────────────


def _add_export(router: APIRouter, office: Office) -> None:
    @router.post("/people/export")
    def export() -> Response:
        """The whole list as a file that spreadsheets open, and that is read to the same list again."""
        by = door.must(office, MayDo.ORGANISER, "export the people")
        return StreamingResponse(
            listing_of(office, by.name).export(),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{office.event}-people.csv"'},
        )

"""`/api`: what the organiser's pages show and do, for machines that show a token. Which row stands where is in
`shapes`; how things stand, and how people answered, is told where the pages of those tell it.
"""

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from mailer.agenda.model import AgendaVersion
from mailer.errors import ConvenorError
from mailer.holding import Hold
from mailer.outbox import agendas, incoming, letters, pauses, people
from mailer.outbox.letter import LetterState
from mailer.outbox.roles import Role
from mailer.web.api import shapes
from mailer.web.api.shapes import After, Before, Limit, MailingKey, Number, OfMailing, Refusal, SessionLimit
from mailer.web.office import Office
from mailer.web.organiser import door

_MEANINGS = {
    400: "It is no JSON that can be understood.",
    401: "No token that holds was shown.",
    403: "The token's role may not do this.",
    404: "There is no such thing, or nothing is published yet.",
    413: "More than 64 kB.",
    422: "The request is wrong; each place is named.",
    503: "The database cannot be read.",
}
"""What every operation may answer instead, always as a `Refusal`."""

REFUSALS: Mapping[int | str, dict[str, Any]] = {
    code: {"model": Refusal, "description": meaning} for code, meaning in _MEANINGS.items()
}

TOKEN = Security(HTTPBearer(auto_error=False, description="A token, made on the page of accounts."))
"""For the description alone: the door asks for it."""


class _Strict(Request):
    """A request whose JSON means one thing: no name twice, no NaN (RFC 8259 4 and 6)."""

    async def json(self) -> Any:
        try:
            return json.loads(await self.body(), object_pairs_hook=_once, parse_constant=_refuse)
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            raise HTTPException(400, "this JSON cannot be understood") from error


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_strictly(request: Request) -> Response:
            return await answer(_Strict(request.scope, request.receive))

        return answer_strictly


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def routes(office: Office) -> APIRouter:
    router = APIRouter(prefix="/api", route_class=StrictRoute, responses={**REFUSALS}, dependencies=[TOKEN])
    _add_agenda(router, office)
    _add_rows(router, office)
    _add_pauses(router, office)
    return router


def _latest(office: Office) -> AgendaVersion:
    with office.database.reading() as transaction:
        version = agendas.latest(transaction, office.event)
    if version is None:
        raise HTTPException(404, "nothing is published yet")
    return version


def _add_agenda(router: APIRouter, office: Office) -> None:
    @router.get("/event")
    def event(after: After = 0, limit: SessionLimit = 100) -> shapes.EventShape:
        """The event and its sessions, by the agenda in force."""
        return shapes.event_shape(_latest(office), after, limit)

    @router.get("/agenda/versions")
    def versions(limit: Limit = 50, before: Before = None) -> shapes.Versions:
        """Every published version of the agenda."""
        with office.database.reading() as transaction:
            found = agendas.versions(transaction, office.event, before=before, limit=limit + 1)
        shown = [shapes.version_shape(*each) for each in found[:limit]]
        return shapes.Versions(versions=shown, next=shown[-1].number if len(found) > limit else None)

    @router.get("/agenda/versions/{number}")
    def version(number: Number, after: After = 0, limit: SessionLimit = 100) -> shapes.EventShape:
        """The event and its sessions, by one version of the agenda."""
        with office.database.reading() as transaction:
            try:
                found = agendas.version(transaction, office.event, number)
            except KeyError:
                raise HTTPException(404, f"there is no version {number}") from None
        return shapes.event_shape(found, after, limit)

    @router.get("/mailings")
    def mailings() -> shapes.Mailings:
        """What is sent, to whom and when, by the agenda in force."""
        return shapes.Mailings(
            mailings=[shapes.mailing_shape(each) for each in _latest(office).event.mailings]
        )


def _add_rows(router: APIRouter, office: Office) -> None:
    @router.get("/letters")
    def written(
        mailing: OfMailing = None, state: LetterState | None = None, after: After = 0, limit: Limit = 100
    ) -> shapes.Letters:
        """Letters that are written down, with their states. What they say is not told."""
        door.must(office, Role.VIEWER, "see the letters")
        with office.database.reading() as transaction:
            found = letters.search(
                transaction, office.event, mailing=mailing, state=state, after=after, limit=limit + 1
            )
        shown = [shapes.letter_shape(each) for each in found[:limit]]
        return shapes.Letters(letters=shown, next=shown[-1].id if len(found) > limit else None)

    @router.get("/people")
    def listed(after: After = 0, limit: Limit = 100) -> shapes.People:
        """Everybody on the list, by name, with their answers."""
        door.must(office, Role.VIEWER, "see the people")
        with office.database.reading() as transaction:
            found = people.some(transaction, office.event, after=after, limit=limit + 1)
        shown = [shapes.person_shape(each) for each in found[:limit]]
        return shapes.People(people=shown, next=shown[-1].id if len(found) > limit else None)

    @router.get("/inbox")
    def inbox(before: Before = None, limit: Limit = 100) -> shapes.Inbox:
        """What came back and needs a person."""
        door.must(office, Role.VIEWER, "see what came back")
        with office.database.reading() as transaction:
            found = incoming.search(
                transaction, office.event, states=incoming.NEEDS_A_PERSON, before=before, limit=limit + 1
            )
        shown = [shapes.mail_shape(each) for each in found[:limit]]
        return shapes.Inbox(mails=shown, next=shown[-1].id if len(found) > limit else None)


def _add_pauses(router: APIRouter, office: Office) -> None:
    def hold(by: str) -> Hold:
        return Hold(database=office.database, event=office.event, by=by)

    @router.get("/pauses")
    def held_back() -> shapes.Pauses:
        """What is held back at this moment."""
        with office.database.reading() as transaction:
            found = pauses.paused(transaction, office.event)
        return shapes.Pauses(pauses=[shapes.pause_shape(each) for each in found])

    @router.post("/pauses", status_code=201)
    def pause(wanted: shapes.ToPause) -> shapes.Pauses:
        """Hold a mailing back, or everything; what is held back then. Asked twice, it is once."""
        by = door.must(office, Role.ORGANISER, "pause letters")
        try:
            found = hold(by.name).pause(wanted.mailing, wanted.reason, office.clock())
        except ConvenorError as error:
            raise HTTPException(404, str(error)) from None
        return shapes.Pauses(pauses=[shapes.pause_shape(each) for each in found])

    @router.delete("/pauses", status_code=204)
    def resume_everything() -> None:
        """Let everything go on, whatever held it."""
        by = door.must(office, Role.ORGANISER, "let letters go on")
        hold(by.name).resume(None, office.clock())

    @router.delete("/pauses/{mailing}", status_code=204)
    def resume(mailing: MailingKey) -> None:
        """Let one mailing go on, whatever held it."""
        by = door.must(office, Role.ORGANISER, "let letters go on")
        try:
            hold(by.name).resume(mailing, office.clock())
        except ConvenorError as error:
            raise HTTPException(404, str(error)) from None

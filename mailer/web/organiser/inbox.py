"""`/inbox`: what came back, as text, and what a person decides of it; `/replies/answers.csv`: all answers, for a sheet.

What a mail is, and what follows from it, is decided elsewhere; its HTML is shown to nobody.
"""

from contextlib import suppress
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from mailer import collecting
from mailer.answer_sheet import answer_sheet
from mailer.errors import ConvenorError
from mailer.outbox import finding, incoming, troubles
from mailer.outbox.database import Transaction
from mailer.outbox.incoming import NEEDS_A_PERSON, Incoming
from mailer.outbox.schema import Forward, IncomingState, Role
from mailer.web.office import Office
from mailer.web.organiser import door, telling
from mailer.web.organiser.frame import framed
from mailer.web.organiser.letter import text_as_seen_by
from mailer.web.organiser.telling import sentence
from mailer.web.organiser.tray import published

PAGE = 50
NEEDS, UNREAD = "needs", ""
"""What is shown besides a kind: what needs a person, and what was not looked into yet."""

_CANDIDATES = 8

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Words = Annotated[str, Query(max_length=200)]
Address = Annotated[str, Form(max_length=1000)]


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_mails(router, office)
    _add_addresses(router, office)
    _add_export(router, office)
    return router


def _add_mails(router: APIRouter, office: Office) -> None:
    def shown(
        number: int, *, status: int = 200, problem: str = "", who: str = "", address: str = ""
    ) -> HTMLResponse:
        with office.database.reading() as transaction:
            mail = _mail(transaction, number)
            owner = finding.known(transaction, mail.recipient_id) if mail.recipient_id else None
            people = finding.found(transaction, office.event, who, limit=_CANDIDATES) if who else []
        said = {**mail.said, "text": text_as_seen_by(door.visitor(), str(mail.said.get("text") or ""))}
        waits = mail.state in NEEDS_A_PERSON
        return framed(
            office,
            "organiser/mail.html",
            status=status,
            mail=mail,
            said=said,
            waits=waits,
            owner=owner,
            people=people,
            who=who,
            address=address or (owner.recipient.address if owner else ""),
            problem=problem,
            zone=published(office)[1],
            telling=telling,
            Forward=Forward,
        )

    @router.get("/inbox")
    def inbox(
        show: Annotated[str, Query(max_length=20)] = NEEDS,
        before: Before = None,
        reported: datetime | None = None,
        whose: Before = None,
    ) -> HTMLResponse:
        """The mails of one kind, or those that need a person; the newest first. Wrong addresses go on behind the one
        that was `reported` then and is `whose`.
        """
        door.must(office, Role.VIEWER, "see what came back")
        if show not in {NEEDS, *telling.KINDS} or (reported and reported.tzinfo is None):
            raise HTTPException(404)
        with office.database.reading() as transaction:
            counted = incoming.counts(transaction, office.event)
            rows = incoming.search(
                transaction,
                office.event,
                kind=None if show == NEEDS else show,
                states=NEEDS_A_PERSON if show == NEEDS else (),
                before=before,
                limit=PAGE + 1,
            )
            wrong = (
                troubles.wrong(
                    transaction,
                    office.event,
                    limit=PAGE + 1,
                    after=(reported, whose) if reported and whose else None,
                )
                if show == "bounce" and not before
                else []
            )
            are_wrong = troubles.count_wrong(transaction, office.event)
        kinds = {kind: sum(n for (k, _), n in counted.items() if k == kind) for kind in telling.KINDS}
        return framed(
            office,
            "organiser/inbox.html",
            show=show,
            needs=sum(n for (_, state), n in counted.items() if state in NEEDS_A_PERSON),
            unread=sum(n for (_, state), n in counted.items() if state is IncomingState.NEW),
            kinds=kinds,
            rows=rows[:PAGE],
            older=rows[PAGE - 1].id if len(rows) > PAGE else None,
            before=before,
            wrong=wrong[:PAGE],
            further=wrong[PAGE - 1] if len(wrong) > PAGE else None,
            is_further=bool(reported and whose),
            are_wrong=are_wrong,
            zone=published(office)[1],
            telling=telling,
            States=IncomingState,
        )

    @router.get("/inbox/{number}")
    def mail(number: Number, who: Words = "") -> HTMLResponse:
        """One mail as text; people found by the words of `who` may be said to be its owner."""
        door.must(office, Role.VIEWER, "see a mail")
        return shown(number, who=who.strip())

    @router.get("/inbox/{number}/mail.eml")
    def source(number: Number) -> Response:
        """The mail as it came, to be kept and not to be shown: it may hold a letter of ours with all its links."""
        door.must(office, Role.ORGANISER, "take a mail along")
        with office.database.reading() as transaction:
            _mail(transaction, number)
            found = incoming.one(transaction, number)
        assert found  # noqa: S101 - it was there a moment ago
        headers = {"Content-Disposition": f'attachment; filename="mail-{number}.eml"'}
        return Response(found[1], media_type="message/rfc822", headers=headers)

    @router.post("/inbox/{number}/decide")
    def decide(number: Number, verdict: Address = "", address: Address = "") -> Response:
        """`accept` it for whoever has the address, or `dismiss` it."""
        by = door.must(office, Role.ORGANISER, "decide about a mail").name
        with office.database.reading() as transaction:
            _mail(transaction, number)
        if verdict not in {"accept", "dismiss"} or (verdict == "accept" and not address.strip()):
            return shown(number, status=422, problem="Say whose it is, or that nothing is to follow.")
        accept_as = address.strip() if verdict == "accept" else ""
        try:
            collecting.decide(
                office.database, office.event, number, office.clock(), accept_as=accept_as, by=by
            )
        except ConvenorError as error:
            return shown(number, status=422, problem=sentence(error), address=address)
        return RedirectResponse(f"/inbox/{number}", 303)

    def _mail(transaction: Transaction, number: int) -> Incoming:
        """Raises HTTPException (404) for a mail that there is not, or that is another event's."""
        found = incoming.look_up(transaction, office.event, number)
        if found is None:
            raise HTTPException(404)
        return found


def _add_addresses(router: APIRouter, office: Office) -> None:
    @router.post("/inbox/clear")
    def clear(address: Address = "") -> Response:
        """A flagged address is right after all."""
        by = door.must(office, Role.ORGANISER, "clear a flag").name
        with suppress(ConvenorError):  # somebody else was first: the page shows how it stands
            collecting.clear_flag(office.database, office.event, address, office.clock(), by=by)
        return RedirectResponse("/inbox?show=bounce", 303)


def _add_export(router: APIRouter, office: Office) -> None:
    @router.get("/replies/answers.csv")
    def answers() -> StreamingResponse:
        """Everybody on the list with what they answered last, as CSV; it names them."""
        door.must(office, Role.VIEWER, "export the answers")
        headers = {"Content-Disposition": f'attachment; filename="answers-{office.event}.csv"'}
        return StreamingResponse(
            answer_sheet(office.database, office.event),
            media_type="text/csv; charset=utf-8",
            headers=headers,
        )

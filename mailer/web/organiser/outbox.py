"""`/outbox`: what leaves and how fast, what became of each letter, and what a person does about it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer import resending
from mailer.composition.composing import Composed
from mailer.delivery.tray import CaughtLetter
from mailer.errors import ConvenorError, UnsafeLetter, WordingError
from mailer.holding import Hold
from mailer.outbox import failures, finding, letters
from mailer.outbox.failures import Cause
from mailer.outbox.finding import Found
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import Happened, LetterRow
from mailer.outbox.schema import Role
from mailer.outlook import Outlook, outlook
from mailer.service import Service
from mailer.settling import SAID, OpenDoubt, open_doubts, settle_by_hand
from mailer.standing import Standing, standing
from mailer.web.office import Office
from mailer.web.organiser import caught, counting, door, telling
from mailer.web.organiser.caught import OpenedLetter
from mailer.web.organiser.frame import framed
from mailer.web.organiser.letter import as_file, in_a_frame
from mailer.web.organiser.people import listing_of
from mailer.web.organiser.telling import sentence
from mailer.web.organiser.tray import Part, View, Width, file_of, published

PAGE = 50

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Key = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Which letters are looked for: words of their reader, a mailing, a state."""

    q: str = ""
    mailing: str = ""
    state: LetterState | None = None

    @property
    def as_query(self) -> dict[str, str]:
        found = {"q": self.q, "mailing": self.mailing, "state": self.state or ""}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One letter, and all that is known of it. `opened` is None where it cannot be composed, and `why_not` says why.

    `is_what_left`: these are the very bytes that were handed over; None while nothing was. `stays_failed` is why it is
    not sent again, nothing if it may be; None where it has not failed.
    """

    row: LetterRow
    history: list[Happened]
    reader: Found | None
    composed: Composed | None
    opened: OpenedLetter | None
    why_not: str
    is_what_left: bool | None
    doubt: OpenDoubt | None
    stays_failed: str | None = None


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    service = Service.of_what_is_kept(office.database, office.event, office.sender)
    _add_overview(router, office)
    _add_holding(router, office)
    _add_resending(router, office)
    _add_letters(router, office, service)
    _add_files(router, office, service)
    return router


# ── all letters ──────────────────────────────────────────────────────────────────────────────────────────────


def _add_overview(router: APIRouter, office: Office) -> None:
    @router.get("/outbox")
    def overview(
        q: Annotated[str, Query(max_length=200)] = "",
        mailing: Annotated[str, Query(max_length=200)] = "",
        state: str = "",
        before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    ) -> HTMLResponse:
        """How letters leave, and those that are looked for, the newest first; `before` is where to go on from."""
        door.must(office, Role.VIEWER, "see the letters")
        if state and state not in set(LetterState):
            raise HTTPException(404)
        sought = Sought(q=q.strip(), mailing=mailing, state=LetterState(state) if state else None)
        rows = _found(office, sought, before)
        titles, zone = published(office)
        are_failed = sought.state is LetterState.FAILED and sought.mailing in titles
        return framed(
            office,
            "organiser/outbox.html",
            **_running(office),
            sought=sought,
            before=before,
            titles=titles,
            zone=zone,
            rows=rows[:PAGE],
            older=rows[PAGE - 1].id if len(rows) > PAGE else None,
            causes=_causes(office, sought.mailing) if are_failed else [],
        )

    @router.get("/outbox/run")
    def living_part() -> HTMLResponse:
        return framed(office, "organiser/outbox_run.html", **_running(office))


def _causes(office: Office, mailing: str) -> list[Cause]:
    with office.database.reading() as transaction:
        return failures.causes(transaction, office.event, mailing)


def _found(office: Office, sought: Sought, before: int | None) -> list[LetterRow]:
    """One more than a page has, if there are so many."""
    with office.database.reading() as transaction:
        readers = (
            [each.id for each in finding.found(transaction, office.event, sought.q, also_left=True)]
            if sought.q
            else None
        )
        return letters.newest(
            transaction,
            office.event,
            mailing=sought.mailing or None,
            state=sought.state,
            readers=readers,
            before=before,
            limit=PAGE + 1,
        )


def _running(office: Office) -> dict[str, Any]:
    now = office.clock()
    found: Standing | None = standing(office.database, office.event, now, in_full=False)
    looks = outlook(office.database, office.profile, found, now) if found else Outlook()
    return {
        "now": now,
        "standing": found,
        "looks": looks,
        "counting": counting,
        "telling": telling,
        "S": LetterState,
        "every": counting.look_again_every(found, now),
    }


# ── holding letters back ─────────────────────────────────────────────────────────────────────────────────────


def _add_holding(router: APIRouter, office: Office) -> None:
    def hold(to: str) -> Hold:
        return Hold(
            database=office.database, event=office.event, by=door.must(office, Role.ORGANISER, to).name
        )

    def asked(mailing: str, *, status: int = 200, problem: str = "", reason: str = "") -> HTMLResponse:
        """What pausing and stopping would do."""
        titles, zone = published(office)
        if mailing and mailing not in titles:
            raise HTTPException(404)
        return framed(
            office,
            "organiser/outbox_hold.html",
            status=status,
            mailing=mailing,
            title=titles.get(mailing, ""),
            unsent=Hold(database=office.database, event=office.event).unsent(mailing or None),
            zone=zone,
            problem=problem,
            reason=reason,
        )

    @router.get("/outbox/hold")
    def ask(mailing: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
        door.must(office, Role.ORGANISER, "hold letters back")
        return asked(mailing)

    @router.post("/outbox/pause")
    def pause(mailing: Key = "", reason: Annotated[str, Form()] = "") -> Response:
        held = hold("pause letters")
        if len(reason) > LONGEST_REASON:
            problem = f"The reason has {len(reason):,} characters; {LONGEST_REASON} are the most."
            return asked(mailing, status=422, problem=problem, reason=reason)
        return _done(lambda: held.pause(mailing or None, " ".join(reason.split()), office.clock()))

    @router.post("/outbox/resume")
    def resume(mailing: Key = "") -> Response:
        held = hold("let letters go on")
        return _done(lambda: held.resume(mailing or None, office.clock()))

    @router.post("/outbox/stop")
    def stop(mailing: Key = "") -> Response:
        held = hold("stop letters")
        return _done(lambda: held.stop(mailing or None, office.clock()))


LONGEST_REASON = 300


def _done(act: Callable[[], object]) -> Response:
    """Back to the outbox; a mailing that there is not is nothing."""
    try:
        act()
    except ConvenorError:
        raise HTTPException(404) from None
    return RedirectResponse("/outbox", 303)


# ── sending again what failed ────────────────────────────────────────────────────────────────────────────────


def _add_resending(router: APIRouter, office: Office) -> None:
    @router.get("/outbox/retry")
    def ask(
        mailing: Annotated[str, Query(max_length=200)] = "", cause: Annotated[str, Query(max_length=300)] = ""
    ) -> HTMLResponse:
        """What sending again would do: letters of a mailing that failed of one cause."""
        door.must(office, Role.ORGANISER, "send failed letters again")
        titles, _ = published(office)
        alike = next((each for each in _causes(office, mailing) if each.cause == cause), None)
        if mailing not in titles or alike is None:
            raise HTTPException(404)
        return framed(
            office,
            "organiser/outbox_retry.html",
            mailing=mailing,
            title=titles[mailing],
            alike=alike,
            found=resending.prospect(office.database, office.event, mailing, office.clock(), cause=cause),
        )

    @router.post("/outbox/retry")
    def send(mailing: Key = "", cause: Annotated[str, Form(max_length=300)] = "") -> Response:
        by = door.must(office, Role.ORGANISER, "send failed letters again").name
        if mailing not in published(office)[0]:
            raise HTTPException(404)
        resending.resend_all(office.database, office.event, mailing, office.clock(), cause=cause, by=by)
        return RedirectResponse("/outbox", 303)


# ── one letter ───────────────────────────────────────────────────────────────────────────────────────────────


def _add_files(router: APIRouter, office: Office, service: Service) -> None:
    @router.get("/outbox/{number}/files/{part}")
    def file(number: Number, part: Part) -> Response:
        """A file that goes with the letter."""
        door.must(office, Role.ORGANISER, "take a letter along")
        opened = _case(office, service, number).opened
        if opened is None:
            raise HTTPException(404)
        return file_of(opened, part)


def _add_letters(router: APIRouter, office: Office, service: Service) -> None:
    def shown(
        number: int,
        *,
        status: int = 200,
        view: View | None = None,
        width: Width = "desktop",
        problem: str = "",
        field: str = "",
        written: str = "",
    ) -> HTMLResponse:
        case = _case(office, service, number)
        opened = caught.as_seen_by(door.visitor(), case.opened) if case.opened else None
        views = opened.views if opened else ()
        if view is not None and view not in views:
            raise HTTPException(404)
        titles, zone = published(office)
        return framed(
            office,
            "organiser/outbox_letter.html",
            status=status,
            case=case,
            letter=opened,
            view=view or next(iter(views), None),
            width=width,
            titles=titles,
            zone=zone,
            now=office.clock(),
            telling=telling,
            S=LetterState,
            problem=problem,
            field=field,
            written=written,
        )

    @router.get("/outbox/{number}")
    def letter(number: Number, show: View | None = None, width: Width = "desktop") -> HTMLResponse:
        """One letter: what became of it, what it says, what may be done."""
        door.must(office, Role.VIEWER, "see a letter")
        return shown(number, view=show, width=width)

    @router.get("/outbox/{number}/letter.html")
    def frame(number: Number) -> HTMLResponse:
        """The HTML part, for the frame on the letter's page and nowhere else."""
        by = door.must(office, Role.VIEWER, "see a letter")
        opened = _case(office, service, number).opened
        if opened is None or opened.html is None:
            raise HTTPException(404)
        return in_a_frame(opened.html, by)

    @router.get("/outbox/{number}/letter.eml")
    def source(number: Number) -> Response:
        """The letter as it goes over the line, with all that opens its reader's page."""
        door.must(office, Role.ORGANISER, "take a letter along")
        composed = _case(office, service, number).composed
        if composed is None:
            raise HTTPException(404)
        return as_file(composed.raw, number)

    @router.post("/outbox/{number}/settle")
    def settle(number: Number, said: Key = "") -> Response:
        """What somebody knows of a letter in doubt."""
        by = door.must(office, Role.ORGANISER, "settle a letter in doubt").name
        if said not in {each.value for each in SAID}:
            return shown(number, status=422, problem="Say what is known of it.", field="settle")
        try:
            settle_by_hand(
                office.database,
                office.event,
                service.compose,
                {number: Happening(said)},
                office.clock(),
                by=by,
            )
        except ConvenorError as error:
            return shown(number, status=422, problem=sentence(error), field="settle")
        return RedirectResponse(f"/outbox/{number}", 303)

    @router.post("/outbox/{number}/retry")
    def retry(number: Number) -> Response:
        """A letter that failed is sent again to the same address."""
        by = door.must(office, Role.ORGANISER, "send a failed letter again").name
        _case(office, service, number)
        try:
            resending.resend(office.database, office.event, [number], office.clock(), by=by)
        except ConvenorError as error:
            return shown(number, status=422, problem=sentence(error), field="retry")
        return RedirectResponse(f"/outbox/{number}", 303)

    @router.post("/outbox/{number}/address")
    def correct(number: Number, address: Annotated[str, Form(max_length=20_000)] = "") -> Response:
        """The right address of a letter's reader: they are written to there."""
        by = door.must(office, Role.ORGANISER, "correct an address").name
        case = _case(office, service, number)
        if case.reader is None:
            raise HTTPException(404)
        try:
            listing_of(office, by).readdress(case.reader.id, address)
        except ConvenorError as error:
            return shown(number, status=422, problem=sentence(error), field="address", written=address)
        return RedirectResponse(f"/outbox/{number}", 303)


def _case(office: Office, service: Service, number: int) -> Case:
    """Raises HTTPException (404) for a letter that there is not."""
    with office.database.reading() as transaction:
        row = letters.one(transaction, office.event, number)
        if row is None:
            raise HTTPException(404)
        history = letters.history(transaction, number)
        reader = finding.known(transaction, row.recipient_id)
    composed, why_not = _composed(service, row)

    def once(_letter: LetterRow) -> Composed:
        if composed is None:
            raise UnsafeLetter(why_not)
        return composed

    in_doubt = row.state is LetterState.IN_DOUBT
    doubts = open_doubts(office.database, office.event, once, office.clock(), only=number) if in_doubt else []
    return Case(
        row=row,
        history=history,
        reader=reader,
        composed=composed,
        opened=_opened(row, composed) if composed else None,
        why_not=why_not,
        is_what_left=hashlib.sha256(composed.raw).hexdigest() == row.content
        if composed and row.content
        else None,
        doubt=next(iter(doubts), None),
        stays_failed=resending.obstacle_of(office.database, office.event, number, office.clock())
        if row.state is LetterState.FAILED
        else None,
    )


def _composed(service: Service, row: LetterRow) -> tuple[Composed | None, str]:
    try:
        return service.compose(row), ""
    except (WordingError, UnsafeLetter) as error:
        return None, str(error)


def _opened(row: LetterRow, composed: Composed) -> OpenedLetter:
    """As the tray would have it."""
    kept = CaughtLetter(
        id=row.id,
        received_at=row.dated_at,
        sender=composed.return_path,
        recipient=row.recipient.address,
        message_id=composed.message_id,
        subject=composed.subject,
        reader=row.recipient.full_name,
    )
    return caught.open_letter(kept, composed.raw)

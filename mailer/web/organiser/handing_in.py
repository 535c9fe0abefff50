"""`/people/import`: a list handed in, looked at, and taken over. The file is kept between the steps, for its owner."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import PurePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, HTTPException, Path, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer.errors import ConvenorError
from mailer.importing import Digest, Missing, refused_rows
from mailer.lately import Beside, NotYet
from mailer.listing import Overtaken, difference
from mailer.outbox import agendas, people, uploads
from mailer.outbox.schema import Role as MayDo
from mailer.outbox.uploads import Upload
from mailer.recipients.cells import COLUMNS
from mailer.recipients.model import Role
from mailer.recipients.reading import (
    MOST_COLUMNS,
    Look,
    Reading,
    look,
    problems_with,
    read_handed_in,
)
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.frame import framed
from mailer.web.organiser.people import ROLES, listing_of, sessions_of

MOST_SHOWN = 100
"""Rows of each kind on the page."""

MISSING: Mapping[Missing, str] = {
    Missing.NOBODY: "nobody leaves: the file adds and corrects",
    Missing.FOCAL_POINTS: "focal points leave: the file has all of them",
    Missing.PRACTITIONERS: "practitioners leave: the file has all of them",
    Missing.EXPERTS: "experts leave: the file has all of them",
    Missing.SPEAKERS: "speakers leave: the file has all of them",
    Missing.EVERYBODY: "everybody else leaves: the file is the whole list",
}

Column = Literal[
    "", "email", "given_name", "family_name", "title", "role", "state", "institution", "language", "timezone", "tags",
    "sessions",
]  # fmt: skip
Token = Annotated[str, Path(pattern=r"^[\w-]{20,60}$")]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What somebody chose about a list: the column each heading stands for, the role of rows without one, and who
    leaves because the file does not name them.
    """

    columns: tuple[str, ...]
    role: Role | None
    missing: Missing

    @classmethod
    def of(cls, kept: Mapping[str, Any], seen: Look) -> "Choices":
        """As they were kept; else as they seem to be meant."""
        columns = tuple(kept.get("columns", seen.columns))
        return cls(
            columns=columns if len(columns) == len(seen.header) else seen.columns,
            role=Role(kept["role"]) if kept.get("role") else None,
            missing=Missing(kept.get("missing", Missing.NOBODY)),
        )

    @property
    def sign(self) -> str:
        """Names these choices: the same for the same alone."""
        return hashlib.sha256(repr((self.columns, self.role, self.missing)).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A list as it was read with what was chosen: what stands against it, or what it would change, and the sign of the
    list that was compared.
    """

    look: Look
    chosen: Choices
    troubles: tuple[str, ...] = ()
    proposed: Digest = field(default_factory=Digest)
    sign: str = ""


READ_AT_ONCE = 200_000
"""Bytes. A list that is larger takes seconds to be read and compared: that is done beside the page."""

_previews: Beside[Preview] = Beside(most=uploads.MOST)


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_handing_in(router, office)

    def kept(token: str) -> Upload:
        """Raises HTTPException (404): there is no such list, or its time is over."""
        by = door.must(office, MayDo.ORGANISER, "take over a list")
        with office.database.reading() as transaction:
            found = uploads.kept(transaction, token, office.event, by.name, office.clock())
        if found is None:
            raise HTTPException(404)
        return found

    @router.get("/people/import/{token}")
    def preview(token: Token) -> HTMLResponse:
        return _preview(office, token, kept(token))

    @router.post("/people/import/{token}")
    def choose(
        token: Token,
        column: Annotated[list[Column], Form(max_length=MOST_COLUMNS)],
        role: Annotated[Role | Literal[""], Form()] = "",
        missing: Annotated[Missing, Form()] = Missing.NOBODY,
    ) -> Response:
        """Have it read with these columns."""
        found = kept(token)
        choices = {"columns": column, "role": role or None, "missing": missing}
        refused = _refused(office, found.name, found.raw, Choices.of(choices, look(found.raw, found.name)))
        with office.database.writing() as transaction:
            uploads.choose(transaction, token, office.event, door.visitor().name, choices, refused=refused)
        return RedirectResponse(f"/people/import/{token}#difference", 303)

    @router.post("/people/import/{token}/take")
    def take(
        token: Token,
        seen: Annotated[str, Form(max_length=200)],
        without_refused: Annotated[bool, Form()] = False,
    ) -> Response:
        found, by = kept(token), door.visitor()
        chosen = Choices.of(found.choices, look(found.raw, found.name))
        list_seen, _, choices_seen = seen.rpartition(" ")
        if choices_seen != chosen.sign:
            return _preview(
                office, token, found, 409, told="this list is read in another way by now: look at it again"
            )
        reading = _read(office, found.name, found.raw, chosen)
        try:
            done = listing_of(office, by.name).take_over(
                reading, chosen.missing, chosen.columns, seen=list_seen, without_refused=without_refused
            )
        except Overtaken as error:
            return _preview(office, token, found, 409, told=str(error))
        except ConvenorError as error:
            return _preview(office, token, found, 422, told=str(error))
        with office.database.writing() as transaction:
            uploads.drop(transaction, token, office.event, by.name)
        return framed(office, "organiser/people/taken.html", name=found.name, done=done)

    @router.post("/people/import/{token}/drop")
    def drop(token: Token) -> Response:
        by = door.must(office, MayDo.ORGANISER, "take over a list")
        with office.database.writing() as transaction:
            uploads.drop(transaction, token, office.event, by.name)
        return RedirectResponse("/people/import", 303)

    return router


def _add_handing_in(router: APIRouter, office: Office) -> None:
    @router.get("/people/import")
    def begin() -> HTMLResponse:
        door.must(office, MayDo.ORGANISER, "take over a list")
        return _hand_in(office)

    @router.post("/people/import")
    def hand_in(file: UploadFile | None = None) -> Response:
        by = door.must(office, MayDo.ORGANISER, "take over a list")
        raw = file.file.read(uploads.LARGEST + 1) if file else b""
        name = PurePath((file.filename if file else "") or "list").name[-120:]
        seen = look(raw, name) if raw else Look(problem="choose a file: nothing came")
        token = secrets.token_urlsafe(24)
        try:
            if seen.problem:
                raise ConvenorError(f"{name}: {seen.problem}" if raw else seen.problem)
            refused = _refused(office, name, raw, Choices.of({}, seen))
            with office.database.writing() as transaction:
                uploads.keep(
                    transaction, token, office.event, by.name, name=name, raw=raw, now=office.clock(),
                    refused=refused,
                )  # fmt: skip
        except ConvenorError as error:
            return _hand_in(office, status=422, problem=str(error))
        return RedirectResponse(f"/people/import/{token}", 303)

    @router.post("/people/import/go-on")
    def go_on() -> Response:
        """Back to the list that somebody has handed in and not taken over."""
        by, token = door.must(office, MayDo.ORGANISER, "take over a list"), secrets.token_urlsafe(24)
        with office.database.writing() as transaction:
            if not uploads.go_on(transaction, token, office.event, by.name, office.clock()):
                raise HTTPException(404)
        return RedirectResponse(f"/people/import/{token}", 303)


def _hand_in(office: Office, *, status: int = 200, problem: str = "") -> HTMLResponse:
    """The form; and above it the lists that are not taken over yet, one's own to go on with."""
    with office.database.reading() as transaction:
        waiting = uploads.unfinished(transaction, office.event, office.clock())
        version = agendas.latest(transaction, office.event)
    return framed(
        office, "organiser/people/hand_in.html", status=status, problem=problem, columns=COLUMNS, waiting=waiting,
        zone=version.event.zone if version else UTC,
    )  # fmt: skip


def _troubles(chosen: Choices) -> list[str]:
    """Why a list cannot be read like this at all."""
    found = problems_with(chosen.columns)
    if "role" not in chosen.columns and chosen.role is None:
        found.append("the file names no roles: say below what these people are")
    return found


def _is_short(raw: bytes) -> bool:
    return len(raw) < READ_AT_ONCE


def _refused(office: Office, name: str, raw: bytes, chosen: Choices) -> int | None:
    """How many rows could not be taken; none is known of where the columns are not. Of a long list it is noted when it
    has been read for its preview.
    """
    if _troubles(chosen):
        return 0
    return refused_rows(_read(office, name, raw, chosen).problems) if _is_short(raw) else None


def _read(office: Office, name: str, raw: bytes, chosen: Choices) -> Reading:
    return read_handed_in(raw, name, chosen.columns, default_role=chosen.role, sessions=sessions_of(office))


def _preview(office: Office, token: str, found: Upload, status: int = 200, *, told: str = "") -> HTMLResponse:
    """What was found in the file and, where its columns are known, the difference to what is there."""
    with office.database.reading() as transaction:
        sign, version = (
            people.sign_of_list(transaction, office.event),
            agendas.latest(transaction, office.event),
        )
    state = found.choices, sign, version.number if version else 0
    what, who = (office.database.engine, office.event, token), door.visitor().name
    read = (_previews.at_once if _is_short(found.raw) or told else _previews.get)(
        what, state, office.clock(), lambda heard: _previewed(office, token, who, found)
    )
    if not read.is_present:
        raise NotYet(0, 0)  # what was chosen has changed, or the list has: an older difference is of no use
    preview = read.value
    return framed(
        office, "organiser/people/preview.html", status=status, token=token, name=found.name, look=preview.look,
        chosen=preview.chosen, troubles=preview.troubles, proposed=preview.proposed, sign=preview.sign, told=told,
        columns=COLUMNS, roles=ROLES, missing=MISSING, MOST=MOST_SHOWN,
    )  # fmt: skip


def _previewed(office: Office, token: str, who: str, found: Upload) -> Preview:
    """As it is read now; how many rows of a long one cannot be taken is noted here."""
    seen = look(found.raw, found.name)
    chosen = Choices.of(found.choices, seen)
    troubles = _troubles(chosen)
    if troubles:
        return Preview(look=seen, chosen=chosen, troubles=tuple(troubles))
    reading = _read(office, found.name, found.raw, chosen)
    with office.database.reading() as transaction:
        proposed = difference(transaction, office.event, reading, chosen.missing, chosen.columns)
        sign = f"{people.sign_of_list(transaction, office.event)} {chosen.sign}"
    if not _is_short(found.raw):
        refused = refused_rows(reading.problems)
        with office.database.writing() as transaction:
            uploads.note_refused(transaction, token, office.event, who, found.choices, refused)
    return Preview(look=seen, chosen=chosen, proposed=Digest.of(proposed, MOST_SHOWN), sign=sign)

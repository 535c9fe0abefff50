"""`/start`: a newcomer's first event, and what is left to do until its first letter can leave."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from mailer import starting
from mailer.accounts import Visitor
from mailer.agenda.model import AgendaVersion, Event
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.mailings import TooManyTests, first_mailing
from mailer.outbox import agendas, audit, people
from mailer.outbox.letter import Happening
from mailer.outbox.roles import Role
from mailer.starting import Basics, Facts, Like, Setup, SomethingElse
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.frame import framed

LONGEST = 400
"""Characters of an address."""


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    setup = office.setup
    if setup is None:
        return router
    if not office.event:

        @router.get("/")
        def first() -> Response:
            return RedirectResponse("/start", 303)

    @router.get("/start")
    def start() -> HTMLResponse:
        door.must(office, Role.ADMINISTRATOR, "begin an event")
        version = _published(office)
        if version and not version.event.example:
            return _checklist(office, setup, version.event)
        if setup.path.exists():
            return _opening(office, setup)
        return _forms(office, setup)

    @router.post("/start/publish")
    def publish(seen: Annotated[str, Form(max_length=LONGEST)] = "") -> Response:
        """The first version, by whoever has looked at what that does."""
        by = door.must(office, Role.ADMINISTRATOR, "publish the event")
        if not _is_unseen(office, setup) or setup.hands is None:
            raise HTTPException(404)
        try:
            version = starting.publish_first(setup.hands(), seen, by.name)
        except SomethingElse as error:
            return _opening(office, setup, status=409, told=str(error))
        except ConvenorError as error:
            return _opening(office, setup, status=422, told=str(error))
        if version:
            with office.database.writing() as transaction:
                what = f"agenda version {version.number}"
                audit.note(transaction, office.clock(), by.name, "published", what, event=version.event.key)
        return RedirectResponse("/start", 303)

    @router.post("/start/form")
    def from_form(form: Annotated[FormData, Depends(_form)]) -> Response:
        by = door.must(office, Role.ADMINISTRATOR, "begin an event")
        basics = Basics(**{name: _text(form, name) for name in Basics.__dataclass_fields__})
        like = Like.EXAMPLE if form.get("like") == Like.EXAMPLE else Like.EMPTY
        lists = {f"{setup.path.stem}.csv": content for _, content in _files(form, "people")}
        example = setup.example.read_text("utf-8")
        text = starting.agenda_text(basics, like, setup.path.stem, example, lists)
        return _begun(office, setup, by, text, lists, basics=basics, like=like)

    @router.post("/start/file")
    def from_file(form: Annotated[FormData, Depends(_form)]) -> Response:
        by = door.must(office, Role.ADMINISTRATOR, "begin an event")
        content = b"".join(content for _, content in _files(form, "agenda"))
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            wrong = Problem(file=setup.path.name, message="is not UTF-8: save it as that")
            return _forms(office, setup, status=422, problems=(wrong,))
        return _begun(office, setup, by, text, dict(_files(form, "lists")))

    @router.post("/start/test")
    def test(address: Annotated[str, Form(max_length=LONGEST)] = "") -> Response:
        by = door.must(office, Role.ORGANISER, "send a test letter")
        version = _published(office)
        if version is None or office.post is None:
            raise HTTPException(404)
        event = version.event
        try:
            outcome, through = office.mailings(by.name).send_test(
                version, first_mailing(version), address, office.post
            )
        except ConvenorError as error:
            status = 429 if isinstance(error, TooManyTests) else 422
            return _checklist(office, setup, event, status=status, problem=str(error), address=address)
        accepted, said = outcome.happening is Happening.ACCEPTED, f"{through}: {outcome.reply}"
        return _checklist(office, setup, event, status=200 if accepted else 422, problem="" if accepted else said,
                          told=said if accepted else "", address=address)  # fmt: skip

    return router


def _is_unseen(office: Office, setup: Setup) -> bool:
    """Whether an event is begun that nothing may be published of unseen, for its letters would leave."""
    return not office.event and setup.relay is not None and setup.path.exists()


def _opening(office: Office, setup: Setup, *, status: int = 200, told: str = "") -> HTMLResponse:
    """What has been begun, and what publishing it does, where that is for a person to say."""
    first, problems = None, []
    if _is_unseen(office, setup) and setup.hands:
        try:
            first = starting.first(setup.hands())
        except BadInput as error:
            problems = list(error.problems)
    return framed(
        office, "organiser/start_opening.html", status=status, path=setup.shown, relay=setup.relay, first=first,
        problems=first.problems if first else problems, told=told,
    )  # fmt: skip


def _published(office: Office) -> AgendaVersion | None:
    with office.database.reading() as transaction:
        return agendas.latest(transaction, office.event)


async def _form(request: Request) -> FormData:
    return await request.form(max_files=20, max_fields=40)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _files(form: FormData, name: str) -> list[tuple[str, bytes]]:
    """Those that hold anything: a browser sends an empty one where none was chosen."""
    given = [each for each in form.getlist(name) if isinstance(each, UploadFile)]
    read = [(each.filename or "", each.file.read()) for each in given]
    return [(called, content) for called, content in read if content]


def _begun(
    office: Office,
    setup: Setup,
    by: Visitor,
    text: str,
    lists: dict[str, bytes],
    *,
    basics: Basics | None = None,
    like: Like = Like.EXAMPLE,
) -> Response:
    now = office.clock()
    try:
        found = starting.begin(
            setup.path, text, lists, today=now.date(), templates=setup.templates, sender=setup.sender
        )
    except BadInput as error:
        return _forms(office, setup, status=422, problems=error.problems, basics=basics, like=like)
    except ConvenorError as error:
        wrong = Problem(file=setup.path.parent.name, message=str(error))
        return _forms(office, setup, status=409, problems=(wrong,), basics=basics, like=like)
    with office.database.writing() as transaction:
        audit.note(transaction, now, by.name, "began an event", setup.shown, event=found.event.key)
    return RedirectResponse("/start", 303)


def _forms(
    office: Office,
    setup: Setup,
    *,
    status: int = 200,
    problems: tuple[Problem, ...] = (),
    basics: Basics | None = None,
    like: Like = Like.EXAMPLE,
) -> HTMLResponse:
    if basics is None:
        name, address = setup.sender or ("", "")
        basics = replace(Basics(), organiser=name, address=address)
    return framed(
        office, "organiser/start.html", status=status, problems=problems, basics=basics, like=like, Like=Like,
        path=setup.shown,
    )  # fmt: skip


def _checklist(
    office: Office,
    setup: Setup,
    event: Event,
    *,
    status: int = 200,
    problem: str = "",
    told: str = "",
    address: str = "",
) -> HTMLResponse:
    with office.database.reading() as transaction:
        listed = people.asked(transaction, office.event)
    every = office.accounts.every()
    facts = Facts(
        organiser=event.organiser,
        relay=setup.relay,
        is_reachable=setup.is_reachable,
        people=listed,
        codes=any(each.has_totp for each in every if each.role is Role.ADMINISTRATOR and not each.closed_at),
        tested=office.mailings().tested(),
    )
    found = starting.steps(facts)
    return framed(
        office, "organiser/start_checklist.html", status=status, steps=found, event=event, problem=problem, told=told,
        address=address, left=sum(not each.is_done for each in found), path=setup.shown,
        records=starting.records(event.organiser, setup.return_path, setup.relay, setup.dkim),
    )  # fmt: skip

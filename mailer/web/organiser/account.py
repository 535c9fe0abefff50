"""`/sign-in`, `/welcome`, `/account`, `/accounts`, `/audit`: coming in, one's account, all accounts, who did what."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Annotated

import segno
from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer import auditing
from mailer.accounts import Accounts, NotLetIn, address_of_secret, new_secret
from mailer.errors import ConvenorError
from mailer.outbox import audit
from mailer.outbox.accounts import Account
from mailer.outbox.roles import Role
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.frame import framed

TRIES_A_MINUTE = 20
"""From one address, for whatever name; with one browser's mark; for one's own password."""

_TOO_OFTEN = "this was tried too often from here: wait a minute and try again"

_LONGEST_MARK = 64
_MINUTE = timedelta(minutes=1)
_MOST_ADDRESSES = 10_000

Text = Annotated[str, Form(max_length=400)]


@dataclass(kw_only=True)
class Throttle:
    """How often each address, or whoever else is named, tries to prove itself. Of very many addresses those that tried
    longest ago are forgotten.
    """

    _tries: OrderedDict[str, tuple[datetime, int]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def is_too_often(self, address: str, now: datetime) -> bool:
        """Count one attempt; whether it is one too many."""
        with self._lock:
            since, tries = self._tries.pop(address, (now, 0))
            if not timedelta(0) <= now - since < _MINUTE:
                since, tries = now, 0
            self._tries[address] = since, tries + 1
            while len(self._tries) > _MOST_ADDRESSES:
                self._tries.popitem(last=False)
        return tries >= TRIES_A_MINUTE


def first_account(office: Office, address: str) -> tuple[str, ...]:
    """What to say to whoever started the service while nobody has an account: where the first one is made."""
    if office.is_demo:
        return ()
    token = office.accounts.welcome_if_first(office.clock())
    return (f"Make the first account, within two days: {address}/welcome/{token}",) if token else ()


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    accounts, throttle = office.accounts, Throttle()
    _add_coming_in(router, office, accounts, throttle)
    _add_own(router, office, accounts, throttle)
    _add_everybodys(router, office, accounts)
    _add_audit(router, office)
    return router


def _add_coming_in(router: APIRouter, office: Office, accounts: Accounts, throttle: Throttle) -> None:
    @router.get("/sign-in")
    def sign_in_page() -> Response:
        if door.somebody() and not office.is_demo:
            return RedirectResponse("/", 303)
        return framed(office, "organiser/account/sign_in.html", problem="", name="")

    @router.post("/sign-in")
    def sign_in(request: Request, name: Text = "", password: Text = "", code: Text = "") -> Response:
        now = office.clock()
        try:
            mark = door.mark_in(request.headers)[:_LONGEST_MARK]
            if throttle.is_too_often(door.asked_from(request), now) or (
                mark and throttle.is_too_often(mark, now)
            ):
                raise NotLetIn(_TOO_OFTEN)
            session = accounts.sign_in(name, password, code, now, mark=mark)
        except NotLetIn as error:
            return framed(office, "organiser/account/sign_in.html", status=401, problem=str(error), name=name)
        return door.let_in(request, session, accounts.mark(session, now))

    @router.post("/sign-out")
    def sign_out(request: Request) -> Response:
        if session := door.session_in(request.headers):
            accounts.sign_out(session, office.clock(), door.visitor().name)
        return door.let_out()

    @router.get("/welcome/{token}")
    def welcome(token: str) -> HTMLResponse:
        role = accounts.welcomed(token, office.clock())
        if role is None:
            raise HTTPException(404)
        return framed(office, "organiser/account/welcome.html", role=role, problem="", name="")

    @router.post("/welcome/{token}")
    def join(request: Request, token: str, name: Text = "", password: Text = "") -> Response:
        now = office.clock()
        role = accounts.welcomed(token, now)
        if role is None:
            raise HTTPException(404)
        try:
            session = accounts.join(token, name, password, now)
        except ConvenorError as error:
            return framed(
                office, "organiser/account/welcome.html", status=422, role=role, problem=str(error), name=name
            )
        return door.let_in(request, session, accounts.mark(session, now))


def _add_own(router: APIRouter, office: Office, accounts: Accounts, throttle: Throttle) -> None:
    def proving() -> Account:
        """Whose password is about to be asked for. Raises NotLetIn: it was tried too often."""
        account = _account()
        if throttle.is_too_often(f"account {account.id}", office.clock()):
            raise NotLetIn(_TOO_OFTEN)
        return account

    @router.get("/account")
    def own_account() -> HTMLResponse:
        return _own(office)

    @router.post("/account/password")
    def change_password(request: Request, old: Text = "", new: Text = "") -> Response:
        session = door.session_in(request.headers)
        try:
            accounts.change_password(proving(), old, new, office.clock(), session)
        except ConvenorError as error:
            return _own(office, status=422, problem=str(error))
        return RedirectResponse("/account", 303)

    @router.post("/account/codes")
    def begin_codes(secret: Text = "", code: Text = "") -> Response:
        """The first time without a code: the picture is shown then."""
        account = _account()
        if not code:
            return _own(office, secret=new_secret())
        try:
            accounts.begin_codes(account, secret, code, office.clock())
        except ConvenorError as error:
            return _own(office, status=422, secret=secret, problem=str(error))
        return RedirectResponse("/account", 303)

    @router.post("/account/codes/end")
    def end_codes(password: Text = "") -> Response:
        try:
            accounts.end_codes(proving(), password, office.clock())
        except ConvenorError as error:
            return _own(office, status=422, problem=str(error))
        return RedirectResponse("/account", 303)


def _account() -> Account:
    found = door.visitor().account
    if found is None:
        raise HTTPException(404)
    return found


def _own(office: Office, *, status: int = 200, secret: str = "", problem: str = "") -> HTMLResponse:
    picture = ""
    if secret:
        name = _account().name
        picture = segno.make(address_of_secret(secret, name)).svg_inline(scale=4, border=2, light="white")
    return framed(
        office, "organiser/account/own.html", status=status, problem=problem, secret=secret, picture=picture
    )


def _add_everybodys(router: APIRouter, office: Office, accounts: Accounts) -> None:
    def page(status: int = 200, problem: str = "", told: str = "", what: str = "") -> HTMLResponse:
        return framed(
            office,
            "organiser/account/everybody.html",
            status=status,
            accounts=accounts.every(),
            tokens=accounts.tokens(),
            invitations=accounts.invitations(office.clock()),
            problem=problem,
            told=told,
            what=what,
        )

    @router.get("/accounts")
    def everybody() -> HTMLResponse:
        door.must(office, Role.ADMINISTRATOR, "see the accounts")
        return page()

    @router.post("/accounts/invite")
    def invite(role: Role) -> HTMLResponse:
        by = door.must(office, Role.ADMINISTRATOR, "invite somebody")
        token = accounts.welcome(role, office.clock(), by.name)
        return page(told=f"{office.sender.base_url}/welcome/{token}", what="link")

    @router.post("/accounts/withdraw")
    def withdraw(link: Text = "") -> Response:
        by = door.must(office, Role.ADMINISTRATOR, "withdraw an invitation")
        accounts.withdraw(link, office.clock(), by.name)
        return RedirectResponse("/accounts", 303)

    @router.post("/accounts/role")
    def give_role(role: Annotated[Role, Form()], name: Text = "") -> Response:
        by = door.must(office, Role.ADMINISTRATOR, "give a role")
        try:
            accounts.give_role(name, role, office.clock(), by.name)
        except ConvenorError as error:
            return page(422, str(error))
        return RedirectResponse("/accounts", 303)

    @router.post("/accounts/close")
    def close(name: Text = "") -> Response:
        by = door.must(office, Role.ADMINISTRATOR, "close an account")
        try:
            accounts.close(name, office.clock(), by.name)
        except ConvenorError as error:
            return page(422, str(error))
        return RedirectResponse("/accounts", 303)

    @router.post("/accounts/token")
    def make_token(role: Annotated[Role, Form()], name: Text = "") -> HTMLResponse:
        by = door.must(office, Role.ADMINISTRATOR, "make a token")
        try:
            token = accounts.make_token(name, role, office.clock(), by.name)
        except ConvenorError as error:
            return page(422, str(error))
        return page(told=token, what="token")

    @router.post("/accounts/token/revoke")
    def revoke(number: Annotated[int, Form(ge=0, le=2**62)]) -> Response:
        by = door.must(office, Role.ADMINISTRATOR, "revoke a token")
        accounts.revoke_token(number, office.clock(), by.name)
        return RedirectResponse("/accounts", 303)


def _add_audit(router: APIRouter, office: Office) -> None:
    @router.get("/audit")
    def who_did_what(before: Annotated[int | None, Query(ge=1, le=2**62)] = None) -> HTMLResponse:
        door.must(office, Role.ADMINISTRATOR, "see the audit")
        with office.database.reading() as transaction:
            found = audit.deeds(transaction, before=before, limit=AT_ONCE + 1)
        read = auditing.broken_at(office.database, office.clock()) if before is None else None
        return framed(
            office,
            "organiser/account/audit.html",
            deeds=found[:AT_ONCE],
            older=found[AT_ONCE - 1].number if len(found) > AT_ONCE else None,
            read=read,
            is_first=before is None,
        )


AT_ONCE = 100
"""Rows of the audit on one page."""

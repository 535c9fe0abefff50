"""`convenor account` and `convenor audit`: who may use the organiser's pages, and who did what, by hand.

For whoever is at the machine itself: it asks for no account. What an account may do is decided in `mailer.accounts`.
"""

import sys
from typing import Annotated

import typer

from mailer.outbox.roles import Role

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: convenor account invite administrator",
    help="Who may use the organiser's pages.",
)

Name = Annotated[str, typer.Argument(help="The account's name.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.callback()
def account() -> None:
    """Who may use the organiser's pages."""


@app.command(epilog="Example: convenor account invite administrator")
def invite(
    role: Annotated[Role, typer.Argument(help="What the account will be.")], json: Json = False
) -> None:
    """Make a link by which one new account can be made, within two days."""
    from mailer.errand import desk_errand

    with desk_errand() as this:
        token = this.accounts.welcome(role, this.now, this.by)
        link = f"{this.settings.base_url}/welcome/{token}"
    if json:
        _print_json({"role": role, "link": link})
    else:
        print(f"Give this to whoever is to have the account; it makes one {role}, within two days:\n{link}")


@app.command("list", epilog="Example: convenor account list")
def list_(json: Json = False) -> None:
    """Every account, with its role."""
    from mailer.errand import desk_errand

    with desk_errand() as this:
        found = this.accounts.every()
    if json:
        _print_json(found)
        return
    for each in found:
        codes = ", with codes" if each.has_totp else ""
        print(f"{each.name}: {'closed' if each.closed_at else each.role}{codes}")
    if not found:
        print("There is no account yet: the service prints a link when it starts.")


@app.command(epilog="Example: convenor account close 'maria huber'")
def close(name: Name, json: Json = False) -> None:
    """End an account and all its sessions, for good."""
    from mailer.errand import desk_errand

    with desk_errand() as this:
        this.accounts.close(name, this.now, this.by)
    if json:
        _print_json({"closed": name})
    else:
        print(f"{name} cannot sign in any more.")


@app.command(epilog="Example: convenor account password 'maria huber'")
def password(
    name: Name,
    without_codes: Annotated[
        bool, typer.Option("--without-codes", help="Ask for no code from a telephone any more.")
    ] = False,
    json: Json = False,
) -> None:
    """Set the password of somebody who locked themselves out. It is asked for, or read from the standard input."""
    from mailer.errand import desk_errand

    with desk_errand() as this:
        new = _new_password()
        this.accounts.set_password(name, new, this.now, this.by, without_codes=without_codes)
    if json:
        _print_json({"set": name})
    else:
        print(f"The password of {name} is set, and every session of theirs has ended.")


def audit(
    verify: Annotated[
        bool, typer.Option("--verify", help="Say whether the rows are as they were written.")
    ] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 20,
    json: Json = False,
) -> None:
    """Who did what on the organiser's pages, the newest first."""
    from mailer.errand import desk_errand
    from mailer.errors import ConvenorError
    from mailer.outbox import audit as kept

    with desk_errand() as this, this.database.reading() as transaction:
        found = kept.deeds(transaction, limit=1 if verify else limit)
        broken_at = kept.broken_at(transaction) if verify else None
    if verify and json:
        last = found[0].digest if found else None
        _print_json({"whole": broken_at is None, "broken_at": broken_at, "digest": last})
    elif json:
        _print_json(found)
    elif verify and broken_at is None:
        _print_whole(len(found) and found[0].number, found[0].digest if found else "")
    elif not verify:
        for deed in found:
            print(
                f"{deed.number:>6}  {deed.at:%Y-%m-%d %H:%M} UTC  {deed.who}: {deed.did} {deed.what}".rstrip()
            )
    if broken_at is not None:
        raise ConvenorError(f"row {broken_at} of the audit is not as it was written, or is missing")


def _print_whole(rows: int, digest: str) -> None:
    print(f"The audit is whole: {rows} row{'' if rows == 1 else 's'}.")
    if digest:
        print(f"Note this elsewhere; a later row that was cut off would show by it: {digest}")


def _new_password() -> str:
    """Asked for twice where somebody sits there, else the first line that comes in."""
    if sys.stdin.isatty():
        return str(typer.prompt("The new password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _print_json(value: object) -> None:
    from pydantic_core import to_json

    print(to_json(value, indent=2).decode())

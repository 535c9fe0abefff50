"""`convenor account` and `convenor audit` as a person types them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from mailer import cli
from mailer.accounts import NotLetIn
from mailer.errand import desk_errand
from mailer.errors import ConvenorError
from mailer.outbox.roles import Role
from mailer.settings import ROOT, VARIABLES

PASSWORD, OTHER = "correct horse battery", "battery horse correct"
Run = Callable[..., Result]


@pytest.fixture
def convenor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, with a database of its own."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("CONVENOR_DATABASE_URL", f"sqlite:///{tmp_path}/convenor.db")
    monkeypatch.setenv("CONVENOR_SECRET_KEY", "k" * 32)
    monkeypatch.chdir(ROOT)

    def run(*arguments: str, given: str = "") -> Result:
        return CliRunner().invoke(cli.app, list(arguments), input=given)

    return run


def _join(link: str, name: str) -> None:
    with desk_errand() as this:
        this.accounts.join(link.rpartition("/")[2], name, PASSWORD, this.now)


def _invite(convenor: Run, role: Role = Role.ADMINISTRATOR) -> str:
    return str(json.loads(convenor("account", "invite", role, "--json").stdout)["link"])


def test_an_invitation_is_a_link_that_makes_an_account(convenor: Run) -> None:
    said = convenor("account", "invite", "approver").stdout
    _join(said.splitlines()[-1], "Maria")

    assert "makes one approver" in said
    assert convenor("account", "list").stdout == "Maria: approver\n"


def test_a_role_that_does_not_exist_makes_no_link(convenor: Run) -> None:
    assert convenor("account", "invite", "queen").exit_code == 2


def test_no_account_is_said_so(convenor: Run) -> None:
    assert "no account yet" in convenor("account", "list").stdout
    assert json.loads(convenor("account", "list", "--json").stdout) == []


def test_an_account_is_closed_but_never_the_last_administrators(convenor: Run) -> None:
    _join(_invite(convenor), "maria")
    _join(_invite(convenor, Role.VIEWER), "jan")

    convenor("account", "close", "jan")
    refused = convenor("account", "close", "maria")

    assert convenor("account", "list").stdout == "jan: closed\nmaria: administrator\n"
    assert isinstance(refused.exception, ConvenorError)


def test_whoever_locked_themselves_out_is_let_in_again(convenor: Run) -> None:
    _join(_invite(convenor), "maria")
    with desk_errand() as this:
        for _ in range(7):
            with pytest.raises(NotLetIn):
                this.accounts.sign_in("maria", "wrong", "", this.now)
        with pytest.raises(NotLetIn):
            this.accounts.sign_in("maria", PASSWORD, "", this.now)

        done = convenor("account", "password", "Maria", given=f"{OTHER}\n")

        assert done.exit_code == 0, done.output
        assert OTHER not in done.output
        assert this.accounts.sign_in("maria", OTHER, "", this.now)
        with pytest.raises(NotLetIn):
            this.accounts.sign_in("maria", PASSWORD, "", this.now)


def test_a_password_that_will_not_do_changes_nothing(convenor: Run) -> None:
    _join(_invite(convenor), "maria")

    refused = convenor("account", "password", "maria", given="short\n")

    assert isinstance(refused.exception, ConvenorError)
    with desk_errand() as this:
        assert this.accounts.sign_in("maria", PASSWORD, "", this.now)


def test_the_audit_is_told_and_verified(convenor: Run) -> None:
    _join(_invite(convenor), "maria")

    assert [line.split("UTC  ")[1] for line in convenor("audit").stdout.splitlines()] == [
        "maria: joined as administrator",
        "convenor: invited a new administrator",
    ]
    whole = convenor("audit", "--verify")
    assert (whole.exit_code, whole.stdout.splitlines()[0]) == (0, "The audit is whole: 2 rows.")
    assert json.loads(convenor("audit", "--verify", "--json").stdout)["whole"] is True


def test_a_row_that_was_altered_is_noticed(convenor: Run) -> None:
    _join(_invite(convenor), "maria")
    with desk_errand() as this, this.database.writing() as transaction:
        transaction.execute(text("DROP TRIGGER audit_no_update"))
        transaction.execute(text("UPDATE audit SET who = 'jan' WHERE number = 2"))

    broken = convenor("audit", "--verify")

    assert isinstance(broken.exception, ConvenorError)
    assert "row 2 of the audit" in str(broken.exception)

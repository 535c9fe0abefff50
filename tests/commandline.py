"""The commands as a person types them, with the example in a database of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from mailer.agenda.model import AgendaVersion
from mailer.dossier import Dossier
from mailer.errand import Errand, errand
from mailer.errors import ConvenorError
from mailer.settings import ROOT, VARIABLES
from tests.databases import empty_sqlite


def settle_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Have commands run in the project's folder, with these settings alone besides a database and a key."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    given = {"DATABASE_URL": empty_sqlite(tmp_path), "SECRET_KEY": "k" * 32, **settings}
    for name, value in given.items():
        monkeypatch.setenv(f"CONVENOR_{name}", value)
    monkeypatch.chdir(ROOT)


@contextmanager
def published() -> Iterator[tuple[Errand, Dossier, AgendaVersion]]:
    """The example is published, and more is to be done by the same errand."""
    with errand(None) as this:
        found, latest = this.read()
        yield this, found, this.publish(found, this.foresee(found, latest).difference.seen)


def printed_by(app: Typer, *arguments: str) -> str:
    """What a command prints that goes well."""
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused_by(app: Typer, *arguments: str) -> str:
    """What is said of what cannot be done; the front door prints it in a line."""
    with pytest.raises(ConvenorError) as error:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    return str(error.value)

"""`convenor approve` and `convenor wording`, as a person types them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.cli import app
from mailer.settings import EXAMPLE, ROOT, VARIABLES

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The example as an event that asks for approval, published."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("CONVENOR_DATABASE_URL", f"sqlite:///{tmp_path}/convenor.db")
    monkeypatch.setenv("CONVENOR_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(ROOT)
    asked = EXAMPLE.read_text("utf-8").replace("example = true", 'example = true\napproval = "one"', 1)
    file = tmp_path / "mine.toml"
    file.write_text(asked.replace('file = "../', f'file = "{ROOT}/'), "utf-8")

    def command(*arguments: str) -> str:
        done = CliRunner().invoke(
            app, [*arguments, *([] if arguments[0] == "apply" else ["--event", str(file)])]
        )
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    command("apply", str(file), "--yes")
    return command


def test_a_mailing_is_approved_by_hand_and_taken_back(run: Run) -> None:
    assert "invitation: to be approved" in run("approve")
    assert "invitation: approved by" in run("approve", "invitation")
    told = {each["mailing"]: each for each in json.loads(run("approve", "--json"))["mailings"]}
    assert (told["invitation"]["approved"], told["report"]["approved"]) == (True, False)
    assert "invitation: to be approved" in run("approve", "invitation", "--take-back")
    with pytest.raises(Exception, match="there is no mailing 'nothing'"):
        run("approve", "nothing")
    assert "say the same" in run("wording")
    with pytest.raises(Exception, match="name one"):
        run("wording", "--export", "--take")

"""`convenor replies` as a person types it: counts by four things, and names only when they are asked for."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.cli import app
from mailer.outbox import people
from mailer.recipients.model import Recipient
from mailer.replies_cli import By
from tests.commandline import published, settle_in

Ask = Callable[..., str]


@pytest.fixture
def somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipient:
    """The example is published; the first of its people accepted, the second sends somebody else."""
    settle_in(tmp_path, monkeypatch)
    with published() as (this, found, _), this.database.writing() as c:
        one, other, *_ = people.roster(c, found.event.key)
        people.record_answer(c, one.id, "event", "accepted", this.now, "page", sequence=0)
        people.record_answer(
            c, other.id, "event", "delegated", this.now + timedelta(days=1), "page", sequence=0
        )
        people.unsubscribe(c, other.id, this.now)
    return one.recipient


def ask(*words: str) -> str:
    result = CliRunner().invoke(app, ["replies", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("by", By)
def test_every_table_counts_and_names_nobody(somebody: Recipient, by: By) -> None:
    told = ask("--by", by)
    assert "2 of 154 people have answered." in told
    assert "1 unsubscribed" in told
    assert "@" not in told
    assert somebody.family_name not in told


def test_names_stand_under_their_row(somebody: Recipient) -> None:
    lines = ask("--by", "delegation", "--names").splitlines()
    row = next(number for number, line in enumerate(lines) if somebody.address in line)
    assert "will attend" in lines[row]
    above = next(line for line in lines[row::-1] if line and not line.startswith(" "))
    assert above == somebody.state


def test_everybody_is_named_once(somebody: Recipient) -> None:
    assert ask("--names").count("@") == 154
    assert ask("--by", "day", "--names").count("@") == 2


def test_the_days_end_with_all_that_was_answered(somebody: Recipient) -> None:
    *_, last = ask("--by", "day").splitlines()
    assert last.split()[-1] == "2"


def test_json_has_names_only_when_they_are_asked_for(somebody: Recipient) -> None:
    counted, named = json.loads(ask("--json")), json.loads(ask("--json", "--names"))
    assert "people" not in counted
    assert "@" not in json.dumps(counted)
    assert counted["whole"]["asked"] == sum(each["asked"] for each in counted["roles"]) == 154
    (mine,) = [each for each in named["people"] if each["address"] == somebody.address]
    assert (mine["response"], mine["unsubscribed"], mine["troubled"]) == ("accepted", False, False)

"""`convenor ledger` and what `convenor apply` says of calendars, as a person types them."""

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from typer.testing import CliRunner

from mailer.cli import app
from mailer.errand import errand
from mailer.errors import ConvenorError
from mailer.outbox import ledger, people, schema
from mailer.settings import ROOT
from tests.commandline import printed_by, published, settle_in

READER = "a.petrosyan@armenia-mission.example"


@pytest.fixture(autouse=True)
def _published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example, published, in a database of its own; everybody holds the conference's entry."""
    settle_in(tmp_path, monkeypatch)
    with published() as (this, _, version), this.database.writing() as c:
        rows = [
            {"recipient_id": each, "anchor": "event", "uid": f"{each:032x}@secretariat.example",
             "sequence_sent": 0, "version_sent": 1, "sent_at": this.now, "asked": True, "cancelled": False,
             "stamped_at": version.published_at, "right_for": 1}
            for each in c.scalars(select(schema.recipient.c.id))
        ]  # fmt: skip
        c.execute(insert(schema.entry), rows)


def out(*arguments: str) -> str:
    return printed_by(app, *arguments)


def test_all_is_well_while_nothing_has_changed() -> None:
    assert "Every calendar is right." in out("ledger")
    assert json.loads(out("ledger", "--json")) == {
        "version": 1,
        "entries": [{"anchor": "event", "held": 154, "right": 154}],
        "to_come": 0,
        "stale": [],
        "untold": [],
        "moved_by_rules": [],
        "letters": 0,
    }


def test_a_correction_asks_unless_it_is_told_not_to() -> None:
    with pytest.raises(ConvenorError, match="nobody here to ask"):
        out("ledger", "--correct", READER)
    assert "1 letter will leave at once." in out("ledger", "--correct", READER, "--yes")
    assert json.loads(out("ledger", "--json"))["to_come"] == 0


def test_one_persons_entries_are_told_with_their_answers() -> None:
    with errand(None) as this, this.database.writing() as c:
        (reader,) = ledger.ids_of(c, this.event_key(), [READER])
        people.record_answer(c, reader, "event", "accepted", this.now, "calendar", sequence=0)
    (row,) = json.loads(out("ledger", "--of", READER, "--json"))
    facts = {
        name: row[name]
        for name in ("anchor", "sequence", "version", "asked", "cancelled", "answer", "answered_by")
    }
    assert facts == {
        "anchor": "event", "sequence": 0, "version": 1, "asked": True, "cancelled": False, "answer": "accepted",
        "answered_by": "calendar",
    }  # fmt: skip
    assert "accepted, " in out("ledger", "--of", READER)
    with pytest.raises(ConvenorError, match="on no list"):
        out("ledger", "--of", "nobody@nowhere.example")


def test_where_nothing_is_wrong_there_is_nothing_to_heal() -> None:
    assert "There is nothing to heal." in out("ledger", "--heal")


def test_who_has_unsubscribed_is_named_and_not_healed() -> None:
    with errand(None) as this, this.database.writing() as c:
        (reader,) = ledger.ids_of(c, this.event_key(), [READER])
        people.unsubscribe(c, reader, this.now)
        c.execute(
            update(schema.entry)
            .where(schema.entry.c.recipient_id == reader)
            .values(sequence_sent=1, cancelled=True, right_for=0)
        )
    told = out("ledger", "--heal", "--yes")
    assert f"for they have unsubscribed:\n{READER}\n" in told
    assert "There is nothing to heal." in told
    assert "Every calendar is right." not in told


def test_one_thing_at_a_time() -> None:
    with pytest.raises(ConvenorError, match="not both"):
        out("ledger", "--heal", "--correct", READER)


def test_apply_says_what_it_does_to_calendars_and_shows_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agenda = (ROOT / "agenda" / "osce-cybercrime.toml").read_text("utf-8")
    changed = agenda.replace('start = "11:30"', 'start = "11:45"').replace(
        '"../recipients/', f'"{ROOT}/recipients/'
    )
    changed = changed.replace(
        'when = "1 day before the event starts, at 18:00"', 'when = "1 second after publication"'
    )
    (tmp_path / "mine.toml").write_text(changed, "utf-8")
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, ["apply", str(tmp_path / "mine.toml"), "--yes"], catch_exceptions=False)
    assert re.search(r" 154  reworded, not asked +the conference as a whole", done.output)
    assert re.search(r"changed +mailing practical when: 1 day before", done.output)
    assert re.search(
        r"154 letters will tell of it.* This is one of them:\n+  Subject: Agenda changed: Combating Cybercrime",
        done.output,
    )
    assert "until now" in done.output
    with_json = json.loads(out("ledger", "--json", str(tmp_path / "mine.toml")))
    assert (with_json["version"], with_json["to_come"]) == (2, 154)


def test_the_organisers_address_stays_what_it_was(tmp_path: Path) -> None:
    agenda = (ROOT / "agenda" / "osce-cybercrime.toml").read_text("utf-8")
    changed = agenda.replace("cybercrime-conference@", "another@").replace(
        '"../recipients/', f'"{ROOT}/recipients/'
    )
    (tmp_path / "mine.toml").write_text(changed, "utf-8")
    with pytest.raises(ConvenorError, match="must stay so"):
        out("apply", str(tmp_path / "mine.toml"), "--yes")

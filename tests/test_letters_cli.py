"""`convenor letters` as a person types it, with letters in doubt in a database of its own."""

import hashlib
import json
import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailer.composition.wording import Wording
from mailer.errand import errand
from mailer.errors import ConvenorError
from mailer.letters_cli import ANSWERS, app
from mailer.outbox import claims, letters
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow
from mailer.service import Service
from mailer.settings import ROOT
from tests.commandline import printed_by, published, refused_by, settle_in
from tests.outbox.world import told

S, H = LetterState, Happening
RELAY = "smtps://mail.ministry.example:465"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[LetterRow]:
    """The example, published; three of its invitations have been lost sight of."""
    settle_in(tmp_path, monkeypatch)
    with published() as (this, found, _):
        service = Service(
            database=this.database, event=found.event.key, sender=this.sender, texts=found.texts
        )
        service.plan(this.now + MINUTE)
        with this.database.writing() as c:
            claimed = claims.claim(c, "one", this.now + MINUTE, 3, MINUTE)
        rows = {row.id: row for row in search()}
        for each in claimed:
            digest = hashlib.sha256(service.compose(rows[each.id]).raw).hexdigest()
            with this.database.writing() as c:
                intent = told(each, H.INTENDED, digest=digest, reply=RELAY)
                claims.happen(c, [intent, told(each, H.LOST, reply="no answer")], this.now)
    return [rows[each.id] for each in claimed]


def search(**wanted: Any) -> list[LetterRow]:
    with errand(None) as this, this.database.reading() as c:
        return letters.search(c, this.event_key(), limit=1000, **wanted)


def states() -> list[LetterState]:
    """Of the three."""
    return [row.state for row in search()[:3]]


def out(*arguments: str) -> str:
    return printed_by(app, *arguments)


def refused(*arguments: str) -> str:
    return refused_by(app, *arguments)


def test_letters_are_listed_by_state_mailing_and_address(lost: list[LetterRow]) -> None:
    assert len(json.loads(out("--json"))) == 100
    assert [row["id"] for row in json.loads(out("--state", "in_doubt", "--json"))] == [row.id for row in lost]
    address = lost[0].recipient.address
    assert [row["to"] for row in json.loads(out("--to", address.upper(), "--json"))] == [address]
    assert json.loads(out("--mailing", "report", "--json")) == []
    assert len(json.loads(out("--limit", "7", "--json"))) == 7
    assert "in doubt" in out("--state", "in_doubt")
    assert "'gone' is no state" in refused("--state", "gone")


def test_each_letter_in_doubt_is_shown_with_what_to_look_for(lost: list[LetterRow]) -> None:
    shown = json.loads(out("settle", "--json"))
    assert shown["settled"] == {}
    assert [each["to"] for each in shown["in_doubt"]] == [row.recipient.address for row in lost]
    first = shown["in_doubt"][0]
    assert (first["through"], first["by_itself"]) == (RELAY, "wait")
    with errand(None) as this:
        texts = Wording(texts={})
        service = Service(database=this.database, event=this.event_key(), sender=this.sender, texts=texts)
        assert first["message_id"] == service.compose(lost[0]).message_id

    done = CliRunner().invoke(app, ["settle"])
    assert isinstance(done.exception, ConvenorError)
    assert "nobody here to ask" in str(done.exception)
    for word in (
        f"Letter {lost[0].id}",
        lost[0].recipient.address,
        RELAY,
        first["message_id"],
        "repeated once",
    ):
        assert word in done.output
    assert states() == [S.IN_DOUBT] * 3


def test_what_is_known_is_said_with_options(lost: list[LetterRow]) -> None:
    one, two, three = (str(row.id) for row in lost)
    said = out("settle", "--sent", one, "--not-sent", two, "--repeat", three)
    assert states() == [S.SENT, S.WAITING, S.WAITING]
    assert [row.repeated_at is None for row in search()[:3]] == [True, True, False]
    assert said.splitlines() == [
        f"Letter {one} counts as sent.",
        f"Letter {two} waits to be sent.",
        f"Letter {three} waits to be sent once more.",
        "No letter is in doubt.",
    ]


def test_all_the_others_may_count_as_sent(lost: list[LetterRow]) -> None:
    told_json = json.loads(out("settle", "--all-sent", "--not-sent", f"{lost[1].id}", "--json"))
    one, two, three = (str(row.id) for row in lost)
    assert told_json == {"settled": {one: "sent", two: "waiting", three: "sent"}, "in_doubt": []}
    assert states() == [S.SENT, S.WAITING, S.SENT]
    assert "No letter is in doubt." in out("settle")


def test_several_numbers_may_stand_in_one_word(lost: list[LetterRow]) -> None:
    out("settle", "--sent", ",".join(str(row.id) for row in lost[:2]))
    assert states() == [S.SENT, S.SENT, S.IN_DOUBT]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sent", "999"), "not in doubt: 999"),
        (("--sent", "{0}", "--repeat", "{0}"), "is named twice"),
        (("--sent", "{0}", "--not-sent", "x"), "'x' is no letter's number"),
        (("--sent", "{0}", "--not-sent", "-1"), "'-1' is no letter's number"),
        (("--all-sent", "--repeat", "999"), "not in doubt: 999"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    lost: list[LetterRow], arguments: tuple[str, ...], words: str
) -> None:
    assert words in refused("settle", *(each.format(lost[0].id) for each in arguments))
    assert states() == [S.IN_DOUBT] * 3


def test_a_person_is_asked_about_each_letter(lost: list[LetterRow]) -> None:
    said = typed("s\nwhat\nn\nl\n")
    assert states() == [S.SENT, S.WAITING, S.IN_DOUBT]
    assert said.count("Has the mail server got it?") == 4
    assert all(f"[{key}] {words}" in said for key, words in ANSWERS.items())
    assert "1 still in doubt." in said


def test_who_stops_half_way_keeps_what_was_said(lost: list[LetterRow]) -> None:
    typed("r\nq\n")
    assert states() == [S.WAITING, S.IN_DOUBT, S.IN_DOUBT]


def typed(answers: str) -> str:
    """What `convenor letters settle` says to somebody who sits at a terminal and types this."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from mailer.letters_cli import app; app(['settle'])"]
    try:
        os.write(ours, answers.encode())
        done = subprocess.run(
            command, cwd=ROOT, stdin=theirs, capture_output=True, timeout=90, check=False, encoding="utf-8"
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_needs_none_of_the_heavy_libraries() -> None:
    """But for pydantic, which typer itself asks about numbers."""
    script = (
        "import sys; from mailer.letters_cli import app\n"
        "try: app(['settle', '--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=ROOT)
    for heavy in ("sqlalchemy", "babel", "jinja2", "icalendar", "rich", "imapclient"):
        assert f"'{heavy}'" not in done.stdout.decode(), heavy


# ── sending again what failed ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def failed(lost: list[LetterRow]) -> list[LetterRow]:
    """The three were never had by the server, and are refused at the second try; the last for something else."""
    ids = [str(row.id) for row in lost]
    out("settle", *(word for each in ids for word in ("--not-sent", each)))
    with errand(None) as this, this.database.writing() as c:
        claimed = [
            each for each in claims.claim(c, "one", this.now + MINUTE, 1000, MINUTE) if str(each.id) in ids
        ]
        for number, each in enumerate(claimed):
            reply = "550 5.1.1 unknown" if number == 2 else "554 5.7.1 spam"
            claims.happen(c, [told(each, H.REFUSED, reply=reply)], this.now)
        claims.release_owner(c, "one", this.now)
    assert states() == [S.FAILED] * 3
    return lost


def test_letters_that_failed_are_sent_again_by_their_numbers(failed: list[LetterRow]) -> None:
    one, two, three = (row.id for row in failed)
    assert out("retry", f"{one},{two}") == "2 letters wait to be sent.\n"
    assert states() == [S.WAITING, S.WAITING, S.FAILED]
    assert f"letter {one} is not sent again: it has not failed" in refused("retry", str(one), str(three))
    assert states() == [S.WAITING, S.WAITING, S.FAILED]
    assert json.loads(out("retry", str(three), "--json")) == {"sent_again": [three], "left": {}}


def test_all_of_a_mailing_or_of_one_cause_are_sent_again(failed: list[LetterRow]) -> None:
    said = refused("retry", "--mailing", "invitation")
    assert said == "nothing was sent again: there is nobody here to ask; --yes does it without asking"
    assert states() == [S.FAILED] * 3
    done = out("retry", "--mailing", "invitation", "--cause", "554 5.7.1 <x@y.example> spam", "--yes")
    assert done.splitlines() == ["2 letters that failed may be sent again.", "2 letters wait to be sent."]
    assert states() == [S.WAITING, S.WAITING, S.FAILED]
    assert json.loads(out("retry", "--mailing", "invitation", "--yes", "--json"))["sent_again"] == [
        failed[2].id
    ]
    assert out("retry", "--mailing", "invitation") == "0 letters that failed may be sent again.\n"


@pytest.mark.parametrize("arguments", [(), ("1", "--mailing", "invitation"), ("--cause", "550"), ("x",)])
def test_what_is_to_be_sent_again_must_be_said(failed: list[LetterRow], arguments: tuple[str, ...]) -> None:
    assert refused("retry", *arguments)
    assert states() == [S.FAILED] * 3

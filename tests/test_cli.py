"""Every command as a person types it: what it prints, what it answers to machines, and how it ends."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import typer

from mailer.cli import app
from mailer.settings import ROOT
from tests.acceptance.conftest import Project, copy_of_the_project
from tests.acceptance.warm import Warm, warm

ADDRESS = "a.petrosyan@armenia-mission.example"


Done = subprocess.CompletedProcess[bytes]


@dataclass
class Published:
    """A project whose example is published and sent to the tray by hand: nothing runs."""

    project: Project
    ready: Warm

    @property
    def root(self) -> Path:
        return self.project.root

    def convenor(self, *arguments: str, **environment: str) -> Done:
        done = self.ready.run(arguments, self.project.environment | environment)
        return Done(arguments, *done)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    with copy_of_the_project(tmp_path_factory.mktemp("commands")) as project:
        done = project.convenor("apply", "--yes")
        assert done.returncode == 0, done.stderr
        with warm(project.root, project.environment, tmp_path_factory.mktemp("said")) as ready:
            yield Published(project=project, ready=ready)


def out(project: Published, *arguments: str) -> str:
    done = project.convenor(*arguments)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("arguments", [("check", "--json"), ("letters", "--state", "gone")])
def test_a_command_that_is_typed_says_what_these_tests_hear(
    published: Published, arguments: tuple[str, ...]
) -> None:
    typed, heard = published.project.convenor(*arguments), published.convenor(*arguments)

    assert (typed.returncode, typed.stdout, typed.stderr) == (heard.returncode, heard.stdout, heard.stderr)


def test_help_needs_none_of_the_heavy_libraries() -> None:
    """What is imported is what takes the time: `convenor --help` is to be there at once."""
    script = (
        "import sys, mailer.cli; sys.argv = ['convenor', '--help']\n"
        "try: mailer.cli.main()\nexcept SystemExit: print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=ROOT)
    loaded = done.stdout.decode()

    for heavy in (
        "sqlalchemy",
        "pydantic",
        "babel",
        "jinja2",
        "icalendar",
        "fastapi",
        "rich",
        "aiosmtpd",
        "alembic",
    ):
        assert f"'{heavy}'" not in loaded, heavy


def test_every_command_has_a_sentence_and_an_example_that_runs_it() -> None:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        assert f"convenor {name}" in (command.epilog or ""), name


def test_check_says_that_all_is_in_order_and_which_end_is_assumed(published: Published) -> None:
    said = out(published, "check")

    assert "10 items, 6 mailings, 154 recipients" in said
    assert "Closing remarks: the end, 17:15, is assumed" in said
    assert json.loads(out(published, "check", "--json"))["recipients"] == 154


def test_check_shows_all_problems_of_all_files_with_their_places(published: Published) -> None:
    agenda = published.root / "agenda"
    text = (agenda / "osce-cybercrime.toml").read_text("utf-8")
    text = text.replace('timezone = "Europe/Vienna"', 'timezone = "EST"').replace(
        'end = "09:15"', 'end = "24:00"'
    )
    text = text.replace("../recipients/practitioners.csv", "../recipients/bad.csv")
    bad_list = published.root / "recipients" / "bad.csv"
    bad_list.write_text("email,given_name,family_name\nnot an address,A,B\na@b.example,=?utf-8?q?x?=,C\n")
    Path(agenda / "bad.toml").write_text(text, "utf-8")

    done = published.convenor("check", "agenda/bad.toml")
    machines = published.convenor("check", "agenda/bad.toml", "--json")
    (agenda / "bad.toml").unlink()
    bad_list.unlink()

    assert done.returncode == machines.returncode == 1
    assert done.stdout == b""
    said = done.stderr.decode()
    assert "bad.toml:" in said
    assert "event.timezone" in said
    found = json.loads(machines.stdout)
    assert found["ok"] is False
    assert len(found["problems"]) == len(said.strip().splitlines())


def test_export_writes_what_is_in_force_and_asks_before_it_writes_over(published: Published) -> None:
    first = published.convenor("export", "kept", "--agenda", "--lists", "--json")
    kept = published.root / "kept/agenda/osce-cybercrime.toml"
    kept.write_text(kept.read_text("utf-8") + "# mine\n", "utf-8")
    unasked = published.convenor("export", "kept", "--agenda")
    asked = published.convenor("export", "kept", "--agenda", "--yes")

    assert json.loads(first.stdout)["files"] == [
        "agenda/osce-cybercrime.toml",
        "recipients/delegations.csv",
        "recipients/practitioners.csv",
    ]
    assert (unasked.returncode, asked.returncode) == (1, 0)
    assert b"says something else" in unasked.stdout
    assert "# mine" not in kept.read_text("utf-8")


def test_apply_shows_the_difference_and_publishes_nothing_unasked(published: Published) -> None:
    file = published.root / "agenda" / "osce-cybercrime.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace('start = "10:00"', 'start = "10:05"'), "utf-8")
    try:
        done = published.convenor("apply")
        difference = json.loads(out(published, "apply", "--json"))
    finally:
        file.write_text(text, "utf-8")

    assert done.returncode == 1
    assert "--yes" in done.stderr.decode()
    assert re.search(r"session session-1 starts: .* 10:00 → .* 10:05", done.stdout.decode())
    assert difference["published"] is False
    assert [change["field"] for change in difference["difference"]["changes"]] == ["starts_at"]
    assert re.search("to come, as it was +to come, as it becomes", done.stdout.decode())
    (course,) = difference["courses"]
    assert (course["mailing"], course["was"]["letters"]) == ("session-reminder", course["becomes"]["letters"])
    assert re.search(
        r"session-reminder +[0-9]+ letters, at 4 hours from .* 09:45 +.* 09:50", done.stdout.decode()
    )
    assert "nothing differs from version 1" in out(published, "apply")


def test_apply_says_where_people_it_would_remove_are_kept(published: Published) -> None:
    file = published.root / "recipients" / "practitioners.csv"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:-1]), "utf-8")
    try:
        done = published.convenor("apply")
    finally:
        file.write_text("".join(lines), "utf-8")

    assert re.search(
        r"people removed: 1 .*\n +The list in force has them: `convenor export --lists \.`",
        done.stdout.decode(),
    )


def test_plan_lists_the_timetable(published: Published) -> None:
    planned = json.loads(out(published, "plan", "--json"))

    assert [row["due_at"] for row in planned] == sorted(row["due_at"] for row in planned)
    assert sum(row["letters"] for row in planned if row["mailing"] == "invitation") == 154
    assert "answer-reminder" in out(published, "plan")


SLOW_SERVER = {"CONVENOR_SMTP_URL": "smtp://127.0.0.1:25", "CONVENOR_SMTP_PER_MINUTE": "1"}
"""Too slow for reminders of a session, which are useful for a quarter of an hour. Nothing is sent to it."""


def test_plan_shows_when_each_mailing_is_through(published: Published) -> None:
    planned = json.loads(out(published, "plan", "--json"))
    (report,) = (row for row in planned if row["mailing"] == "report")

    due_at, ends_at = (datetime.fromisoformat(report[name]) for name in ("due_at", "ends_at"))
    assert due_at < ends_at < due_at + timedelta(minutes=1)
    assert {row["trouble"] for row in planned} == {""}
    assert re.search(r"due \(venue time\)\s+UTC\s+letters\s+through\s+useful until", out(published, "plan"))


@pytest.mark.parametrize("command", ["check", "plan", "apply"])
def test_what_the_mail_server_cannot_take_in_time_is_refused(published: Published, command: str) -> None:
    done = published.convenor(command, **SLOW_SERVER)

    assert done.returncode == 1
    said = done.stderr.decode().splitlines()
    assert said
    for line in said:
        assert re.match(
            r"\S*osce-cybercrime\.toml:\d+: mailing\[\d\]\.useful_until: \d+ letters due Wed ", line
        )
        assert line.endswith("the mail server (own) takes 1 letter a minute")


def test_machines_are_told_what_cannot_be_taken_in_time(published: Published) -> None:
    checked = published.convenor("check", "--json", **SLOW_SERVER)
    planned = published.convenor("plan", "--json", **SLOW_SERVER)

    assert checked.returncode == planned.returncode == 1
    assert json.loads(checked.stdout)["ok"] is False
    refused = {row["mailing"] for row in json.loads(planned.stdout) if row["is_refused"]}
    assert refused == {"session-reminder"}


def test_pause_and_resume_are_told_and_seen_in_the_status(published: Published) -> None:
    said = out(published, "pause", "practical", "--reason", "the entrance is not certain")
    assert re.match(r"practical: paused by a person since .*: the entrance is not certain\n", said)
    assert json.loads(out(published, "status", "--json"))["paused"][0]["mailing"] == "practical"
    assert "practical: paused by a person" in out(published, "status")

    assert len(json.loads(out(published, "pause", "--json"))["paused"]) == 2
    assert "Still held: the event" in out(published, "resume", "practical")
    resumed = json.loads(out(published, "resume", "--json"))
    assert ([each["mailing"] for each in resumed["resumed"]], resumed["paused"]) == ([""], [])
    assert out(published, "resume") == "That was not paused.\n"


def test_stop_asks_and_stops_nothing_unasked(published: Published) -> None:
    done = published.convenor("stop", "invitation")

    assert done.returncode == 1
    assert "not stopped: there is nobody here to ask; --yes stops without asking" in done.stderr.decode()
    assert out(published, "stop", "--yes") == "Stopped: 0 unsent letters of the event.\n"
    assert json.loads(out(published, "stop", "invitation", "--yes", "--json")) == {"stopped": 0}


@pytest.mark.parametrize(
    ("option", "beginning"),
    [("--eml", "From: "), ("--html", "<!doctype html"), ("--ics", "BEGIN:VCALENDAR\r\n"), ("--json", "{")],
)
def test_preview_shows_each_part(published: Published, option: str, beginning: str) -> None:
    shown = out(published, "preview", "invitation", "--to", ADDRESS, option)

    assert shown.lower().startswith(beginning.lower())


def test_preview_of_a_letter_in_words(published: Published) -> None:
    shown = out(published, "preview", "session-reminder", "--to", ADDRESS, "--session", "session-3")

    assert shown.startswith("Subject: ")
    assert "Session III" in shown


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("preview", "invitations", "--to", ADDRESS), "there is no mailing 'invitations'"),
        (("preview", "invitation", "--to", "nobody@x.example"), "on no list"),
        (("preview", "session-reminder", "--to", ADDRESS, "--session", "lunch"), "no letter about 'lunch'"),
        (("preview", "report", "--to", ADDRESS, "--ics"), "carries nothing for the calendar"),
        (("pause", "invitations"), "there is no mailing 'invitations'"),
        (("resume", "invitations"), "there is no mailing 'invitations'"),
        (("stop", "invitations", "--yes"), "there is no mailing 'invitations'"),
        (("check", "agenda/none.toml"), "none.toml"),
        (("letters", "--state", "gone"), "'gone' is no state"),
        (("tray", "999999"), "there is no letter 999999"),
        (("rehearse", "--for", "nobody@x.example"), "on no list"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    published: Published, arguments: tuple[str, ...], word: str
) -> None:
    done = published.convenor(*arguments)

    assert done.returncode == 1
    assert word in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1


def test_a_rehearsal_for_one_person_is_their_whole_experience(published: Published, tmp_path: Path) -> None:
    said = out(published, "rehearse", "--for", ADDRESS, "--out", str(tmp_path / "letters"))
    told = json.loads(out(published, "rehearse", "--for", ADDRESS, "--json"))

    assert "nothing left this machine" in said
    assert [letter["mailing"] for letter in told["letters"]] == [
        "invitation", "agenda", "answer-reminder", "practical", "report"
    ]  # fmt: skip
    assert len(list((tmp_path / "letters").iterdir())) == 5


def test_a_rehearsal_writes_into_no_folder_that_holds_other_things(
    published: Published, tmp_path: Path
) -> None:
    (tmp_path / "thesis.eml").write_text("mine")

    done = published.convenor("rehearse", "--for", ADDRESS, "--out", str(tmp_path))

    assert done.returncode == 1
    assert (tmp_path / "thesis.eml").read_text() == "mine"


def test_a_test_letter_goes_to_the_tray_and_into_no_count(published: Published) -> None:
    before = json.loads(out(published, "status", "--json"))["totals"]
    sent = json.loads(out(published, "send-test", "me@ministry.example", "--json"))
    caught = json.loads(out(published, "tray", "me@ministry.example", "--json"))

    assert sent["accepted"] is True
    assert sent["through"] == "the tray"
    assert [letter["recipient"] for letter in caught] == ["me@ministry.example"]
    assert json.loads(out(published, "status", "--json"))["totals"] == before
    assert "1 of 1 letters" in out(published, "tray")


def test_status_and_letters_before_anything_is_sent(published: Published) -> None:
    assert json.loads(out(published, "status", "--json"))["totals"]["recipients"] == 154
    assert "invitation" in out(published, "status")
    assert json.loads(out(published, "letters", "--json")) == []
    assert out(published, "letters", "settle") == "No letter is in doubt.\n"
    assert json.loads(out(published, "letters", "settle", "--json")) == {"settled": {}, "in_doubt": []}


def test_nothing_published_is_said_in_a_line(tmp_path: Path) -> None:
    with copy_of_the_project(tmp_path) as project:
        done = project.convenor("status")

    assert done.returncode == 1
    assert "nothing of agenda/osce-cybercrime.toml is published yet" in done.stderr.decode()

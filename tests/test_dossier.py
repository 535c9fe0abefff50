"""The organiser's files read together: the agenda, the lists it names, and the letters' wording."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from mailer import dossier
from mailer.dossier import Dossier
from mailer.errors import BadInput, Problem
from mailer.parts import TEMPLATES
from mailer.settings import ROOT

TODAY = date(2027, 1, 4)
NOW = datetime(2027, 1, 4, 9, 30, 15, 123456, tzinfo=UTC)

AGENDA = """\
[event]
key = "day-2027"
title = "One day"
timezone = "Europe/Vienna"
date = "2027-03-10"
venue = {name = "Hall", street = "Street 1", city = "Vienna"}
organiser = {name = "Secretariat", address = "office@conference.example"}

[[recipients]]
file = "people.csv"
role = "expert"

[[session]]
key = "one"
title = "The first"
start = "09:00"
end = "10:00"

[[mailing]]
key = "practical"
kind = "practical"
title = "Practical information"
audience = "everyone"
when = "1 day before the event starts, at 18:00"
useful_until = "the event starts"
"""

PEOPLE = """\
email,given_name,family_name,timezone,sessions
ana.novak@prosecution.example,Ana,Novak,,one
l.tamm@police.example,Liis,Tamm,Pacific/Honolulu,
"""


def read(
    folder: Path,
    agenda: str = AGENDA,
    people: str | None = PEOPLE,
    templates: Path = TEMPLATES,
    sender: tuple[str, str] | None = None,
) -> Dossier:
    (folder / "mine.toml").write_text(agenda, "utf-8")
    if people is not None:
        (folder / "people.csv").write_text(people, "utf-8")
    return dossier.read(folder / "mine.toml", today=TODAY, templates=templates, sender=sender)


def refused(
    folder: Path, agenda: str = AGENDA, people: str | None = PEOPLE, templates: Path = TEMPLATES
) -> list[Problem]:
    with pytest.raises(BadInput) as found:
        read(folder, agenda, people, templates)
    return list(found.value.problems)


def placed(problems: list[Problem]) -> list[tuple[str, int | None, str | None]]:
    return [(Path(problem.file).name, problem.row, problem.field) for problem in problems]


def broken_templates(folder: Path) -> Path:
    shutil.copytree(TEMPLATES, folder / "templates")
    text = folder / "templates" / "practical" / "en.txt"
    text.write_text(text.read_text("utf-8") + "\n{{ recipient.shoe_size }}\n", "utf-8")
    return folder / "templates"


def test_sound_files_make_a_dossier(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.event.title == "One day"
    assert [(r.address, r.role.value, r.sessions) for r in found.recipients] == [
        ("ana.novak@prosecution.example", "expert", ("one",)),
        ("l.tamm@police.example", "expert", ()),
    ]
    assert found.warnings == ()
    assert "practical/en.txt" in found.texts.texts


def test_the_example_is_sound() -> None:
    found = dossier.read(ROOT / "agenda" / "osce-cybercrime.toml", today=TODAY, templates=TEMPLATES)
    assert len(found.event.sessions) == 10
    assert len(found.recipients) > 60
    assert [warning for warning in found.warnings if warning.file.endswith(".toml")] == []


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    agenda = AGENDA.replace('when = "1 day before', 'when = "2 days after')
    people = PEOPLE + "no address,Who,Knows,,\n"
    found = refused(tmp_path, agenda, people, broken_templates(tmp_path))
    assert {name for name, _, _ in placed(found)} == {"mine.toml", "people.csv", "en.txt"}
    assert ("mine.toml", 25, "mailing[0].useful_until") in placed(found)
    assert ("people.csv", 4, "email") in placed(found)
    assert any("shoe_size" in problem.message for problem in found)


def test_problems_of_the_templates_are_told_though_the_agenda_cannot_be_read(tmp_path: Path) -> None:
    found = refused(tmp_path, "[event", templates=broken_templates(tmp_path))
    assert {name for name, _, _ in placed(found)} == {"mine.toml", "en.txt"}


def test_doubts_are_told_with_the_problems_and_kept_when_there_are_none(tmp_path: Path) -> None:
    twice = PEOPLE + "ANA.NOVAK@prosecution.example,Ana,Novak,,\n"
    doubts = read(tmp_path, people=twice).warnings
    assert placed(list(doubts)) == [("people.csv", 4, "email")]
    found = refused(tmp_path, people=twice, templates=broken_templates(tmp_path))
    assert [problem for problem in found if problem.warning] == list(doubts)
    assert not all(problem.warning for problem in found)


def test_a_list_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, people=None)
    assert Path(problem.file) == tmp_path / "people.csv"
    assert problem.message == "cannot be read (No such file or directory)"


def test_an_agenda_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.toml: cannot be read: No such file or directory"):
        dossier.read(tmp_path / "none.toml", today=TODAY, templates=TEMPLATES)


def test_templates_that_are_missing_are_a_problem(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, templates=tmp_path / "nowhere")
    assert problem.message == "holds no templates"


def test_a_role_nobody_has_is_a_problem_with_its_line(tmp_path: Path) -> None:
    assert [str(problem) for problem in refused(tmp_path, AGENDA.replace('"expert"', '"boss"'))] == [
        (
            "mine.toml:11: recipients[0].role: there is no role 'boss'; "
            "roles: focal_point, practitioner, expert, speaker"
        )
    ]


def test_a_session_that_somebody_chose_must_be_on_the_agenda(tmp_path: Path) -> None:
    assert placed(refused(tmp_path, people=PEOPLE.replace(",one", ",three"))) == [
        ("people.csv", 2, "sessions")
    ]


def test_a_mailing_that_comes_too_late_for_some_is_a_doubt(tmp_path: Path) -> None:
    agenda = AGENDA.replace("at 18:00", "at 23:00 recipient time")
    (doubt,) = read(tmp_path, agenda).warnings
    assert str(doubt) == (
        "mine.toml:24: mailing[0].when: falls due when it is no longer useful for readers in Pacific/Honolulu"
    )


def test_whoever_is_set_as_sender_is_the_organiser(tmp_path: Path) -> None:
    assert read(tmp_path).event.organiser.address == "office@conference.example"
    named = read(tmp_path, sender=("The Office", "desk@conference.example")).event.organiser
    assert (named.name, named.address) == ("The Office", "desk@conference.example")
    unnamed = read(tmp_path, sender=("", "desk@conference.example")).event.organiser
    assert (unnamed.name, unnamed.address) == ("Secretariat", "desk@conference.example")


def test_the_version_in_force_stays_while_the_files_say_the_same(tmp_path: Path) -> None:
    found = read(tmp_path)
    first = found.version(None, NOW)
    assert (first.number, first.published_at) == (1, NOW.replace(microsecond=0))
    assert found.version(first, NOW) is first
    moved = read(tmp_path, AGENDA.replace('end = "10:00"', 'end = "10:30"')).version(first, NOW)
    assert (moved.number, moved.sequences) == (2, {"event": 1, "one": 1})

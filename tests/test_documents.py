"""What the documents say is so: every command, setting, placeholder, key, state and sentence in them is the program's.

A document is read as its readers see it: tables by their headings, fenced blocks by their language, links by where
they lead. Prose is not judged here.
"""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel
from typer.main import get_command

from mailer.agenda import attachments, reading, rules
from mailer.agenda.document import TABLES, EventTable, OrganiserTable, VenueTable
from mailer.agenda.model import OF_ITSELF, CalendarPart, MailingKind, SessionKind
from mailer.cli import app
from mailer.composition import fence, phrasing
from mailer.composition.message import base64_lines
from mailer.composition.placeholders import PLACEHOLDERS
from mailer.delivery.token_endpoint import PROVIDERS
from mailer.outbox.letter import LetterState
from mailer.recipients import audience
from mailer.recipients.cells import SYNONYMS
from mailer.recipients.model import Recipient, Role
from mailer.recipients.reading import REQUIRED, read_all
from mailer.settings import ROOT, VARIABLES
from mailer.settings import load as load_settings

ORGANISER, OPERATOR = ROOT / "docs" / "organiser", ROOT / "docs" / "operator"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]

Row = tuple[str, ...]


# documents as their readers see them


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def tables(source: str) -> Iterator[tuple[Row, list[Row]]]:
    """Every table as (the cells of its heading, its rows)."""
    for block in re.findall(r"(?:^\|.*\|\n)+", outside_fences(source), re.MULTILINE):
        heading, _, *rows = (_cells(line) for line in block.splitlines())
        yield heading, rows


def _cells(line: str) -> Row:
    return tuple(cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1])


def table(source: str, *heading: str) -> list[Row]:
    """The rows of all tables whose heading begins with these cells. Fails where there is none."""
    found = [rows for cells, rows in tables(source) if cells[: len(heading)] == heading]
    assert found, f"no table is headed {heading}"
    return [row for rows in found for row in rows]


def coded(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def fences(source: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", source, re.MULTILINE | re.DOTALL)


def outside_fences(source: str) -> str:
    return re.sub(r"^```.*?^```", "", source, flags=re.MULTILINE | re.DOTALL)


def code(source: str) -> list[str]:
    """Whatever is set as code: spans, and the lines of shell blocks."""
    lines = [line for block in fences(source, "sh") for line in block.splitlines()]
    return [*coded(outside_fences(source)), *lines]


def slug(heading: str) -> str:
    """The anchor that a heading gets on the usual sites."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def section(source: str, heading: str) -> str:
    """What stands under a heading, as far as the next of its rank."""
    rank = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{rank} |\Z)", source, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found[1]


# commands and settings

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def _options(command: Any) -> list[str]:
    return [option for parameter in command.params for option in parameter.opts if option.startswith("--")]


OPTIONS: dict[str, list[str]] = {name: _options(command) for name, command in COMMANDS.items()} | {
    f"{name} {below}": _options(part)
    for name, command in COMMANDS.items()
    for below, part in getattr(command, "commands", {}).items()
}
"""Every command, those below another with both names, and its options."""


@pytest.mark.parametrize("command", OPTIONS)
def test_every_command_stands_with_all_its_options(command: str) -> None:
    told = section(text("docs/organiser/commands.md"), f"## `convenor {command}`")
    assert set(OPTIONS[command]) <= set(coded(outside_fences(told)))


def test_the_readme_lists_every_command() -> None:
    rows = table(text("README.md"), "Command", "What it does")
    assert [row[0] for row in rows] == [f"`convenor {name}`" for name in OPTIONS]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_named_exists(name: str) -> None:
    for line in code(text(name)):
        for found in re.finditer(r"\bconvenor ([a-z][a-z-]*)([^`#]*)", line):
            both = " ".join([found[1], *found[2].split()[:1]])
            name = both if both in OPTIONS else found[1]
            assert name in OPTIONS, line
            assert set(re.findall(r"--[a-z-]+", found[2])) <= {*OPTIONS[name], "--help"}, line


def test_every_option_that_is_told_of_exists() -> None:
    for command, options in OPTIONS.items():
        told = section(text("docs/organiser/commands.md"), f"## `convenor {command}`")
        assert {word for word in coded(outside_fences(told)) if word.startswith("--")} <= set(options)


def test_every_setting_stands_with_its_default() -> None:
    rows = {coded(row[0])[0]: row for row in table(text("docs/operator/settings.md"), "Setting")}
    assert list(rows) == [variable.name for variable in VARIABLES]
    told = {name: coded(row[2])[:1] for name, row in rows.items()}
    defaults = {variable.name: [variable.default] for variable in VARIABLES if variable.default}
    assert {name: told[name] for name in defaults} == defaults


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"\bCONVENOR_[A-Z_]+", text(name))) - {"CONVENOR_"}
    assert named <= {variable.name for variable in VARIABLES}


def test_every_file_of_settings_that_is_shown_can_be_used(tmp_path: Path) -> None:
    shown = [block for name in NAMES for block in fences(text(name), "sh") if "CONVENOR_SMTP_URL" in block]
    assert len(shown) == 3
    for block in shown:
        environment = dict(line.split("=", 1) for line in block.splitlines() if not line.startswith("#"))
        assert load_settings(environment, root=tmp_path).relay


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    named = {found for line in code(text(name)) for found in re.findall(r"^make ([a-z]+)", line)}
    assert named <= _targets()


def test_every_make_target_is_told_of() -> None:
    rows = table(text("CONTRIBUTING.md"), "Command", "What it does")
    assert {row[0] for row in rows} == {f"`make {target}`" for target in _targets()}


def _targets() -> set[str]:
    found = re.search(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)
    assert found
    return set(found[1].split())


# the agenda file and the lists


def _keys_of(model: type[BaseModel]) -> dict[str, str]:
    """Key -> `required`, or its default where that is a word or a number."""
    return {
        name: "required" if field.is_required() else _default(field.get_default())
        for name, field in model.model_fields.items()
    }


def _default(value: object) -> str:
    return str(value).lower() if value and isinstance(value, str | int) else ""


@pytest.mark.parametrize(
    ("place", "model"),
    [
        ("`[event]`", EventTable),
        ("`[event.venue]`", VenueTable),
        ("`[event.organiser]`", OrganiserTable),
        *((f"`[[{name}]]`", model) for name, model in TABLES.items() if name != "event"),
    ],
)
def test_every_key_of_an_agenda_file_stands_with_its_default(place: str, model: type[BaseModel]) -> None:
    (_, told) = text("docs/organiser/agenda.md").split(f"Keys under {place}:\n\n")
    heading, rows = next(tables(told))
    assert heading == ("Key", "What it is", "If left out")
    assert {coded(row[0])[0] for row in rows} == model.model_fields.keys()
    keys = _keys_of(model)
    for name, _, default in rows:
        meant = keys[coded(name)[0]]
        assert (default == "required") == (meant == "required"), name
        assert meant in {"", "required"} or default == f"`{meant}`", name


def test_every_kind_and_calendar_part_stands() -> None:
    source = text("docs/organiser/agenda.md")
    told = {coded(row[0])[0]: coded(row[1]) for row in table(source, "Key")}
    assert set(told["calendar"]) == set(CalendarPart)
    kinds = [coded(row[1]) for row in table(source, "Key") if row[0] == "`kind`"]
    in_files = [kind for kind in MailingKind if kind not in OF_ITSELF]
    assert kinds == [[*SessionKind, "session"], in_files]
    parts = [coded(row[0])[0] for row in table(text("docs/organiser/calendar.md"), "`calendar`")]
    assert parts == list(CalendarPart)


def test_every_kind_of_file_that_is_refused_stands_with_the_limits() -> None:
    source = text("docs/organiser/attachments.md")
    told = [ending for row in table(source, "Kind") for ending in coded(row[1])]
    assert sorted(told) == sorted(attachments.REFUSED | attachments.CALENDARS)
    limits = {row[0]: row[1] for row in table(source, "Limit")}
    assert limits == {
        "files of one mailing": str(attachments.MOST),
        "all files of one mailing": f"{attachments.LARGEST // 1_000_000} MB",
        "all different files of an event": f"{attachments.LARGEST_OF_AN_EVENT // 1_000_000} MB",
        "a file's name": f"{attachments.LONGEST_NAME} characters",
    }
    assert f"{len(base64_lines(bytes(attachments.LARGEST))) / 1e6:.1f} MB" in source


def test_every_column_of_a_list_stands() -> None:
    rows = table(text("docs/organiser/lists.md"), "Column")
    columns = ["email" if name == "address" else name for name in Recipient.model_fields]
    assert [coded(row[0])[0] for row in rows] == columns
    assert tuple(coded(row[0])[0] for row in rows if row[2] == "required") == REQUIRED
    (roles,) = (coded(row[1]) for row in rows if row[0] == "`role`")
    assert roles == list(Role)


def test_every_other_name_of_a_column_stands() -> None:
    rows = table(text("docs/organiser/lists.md"), "Written", "Means")
    told = {written: coded(row[1])[0] for row in rows for written in coded(row[0])}
    assert told == SYNONYMS


SAMPLE = """
[event]
key = "sample"
title = "A sample"
timezone = "Europe/Vienna"
date = "2027-05-18"
venue = {name = "A house", street = "A street 1", city = "A city"}
organiser = {name = "A secretariat", address = "secretariat@conference.example"}
"""
SAMPLE_SESSION = """
[[session]]
key = "session-1"
title = "A session"
start = "09:00"
"""
SNIPPETS = [(name, snippet) for name in NAMES for snippet in fences(text(name), "toml")]


@pytest.mark.parametrize(("name", "snippet"), SNIPPETS)
def test_every_piece_of_an_agenda_is_read(name: str, snippet: str, tmp_path: Path) -> None:
    held = tomllib.loads(snippet)
    whole = snippet + ("" if "session" in held else SAMPLE_SESSION) + ("" if "event" in held else SAMPLE)
    path = tmp_path / "sample.toml"
    path.write_text(whole, "utf-8")
    for file in (file for each in held.get("mailing", ()) for file in each.get("attachments", ())):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b"x")
    found = reading.read(path, today=date(2027, 1, 4))
    assert found.warnings == (), name
    assert len(found.event.mailings) == len(held.get("mailing", ()))


def test_the_agenda_document_shows_every_table() -> None:
    shown = {
        key for name, snippet in SNIPPETS if name.endswith("agenda.md") for key in tomllib.loads(snippet)
    }
    assert shown == set(TABLES)


# rules, audiences, wording, states

RULES = [coded(row[0])[0] for row in table(text("docs/organiser/rules.md"), "Rule")]
AUDIENCES = [coded(row[0])[0] for row in table(text("docs/organiser/audiences.md"), "Audience")]
KEYS = ("session-1", "session-2")


@pytest.mark.parametrize(
    "sentence", [*RULES, *fences(text("docs/organiser/rules.md"), "text")[0].splitlines()[:1]]
)
def test_every_rule_is_understood(sentence: str) -> None:
    rule = rules.parse(sentence)
    assert rule.anchor in {*rules.ANCHORS, *KEYS}


def test_every_form_of_a_rule_is_shown() -> None:
    parsed = [rules.parse(sentence) for sentence in RULES]
    assert {rule.anchor for rule in parsed} >= set(rules.ANCHORS)
    assert {rule.edge for rule in parsed} == set(rules.Edge)
    assert {rule.clock for rule in parsed} == set(rules.Clock)
    assert {rule.weekdays_only for rule in parsed} == {True, False}
    assert {_is_aware(rule.instant) for rule in parsed if rule.instant} == {True, False}
    assert {(rule.days > 0) - (rule.days < 0) for rule in parsed} == {-1, 0, 1}
    assert {unit for unit in ("second", "minute", "hour", "day", "week") if f" {unit}s " in " ".join(RULES)} == {
        *rules._UNITS, "day", "week",
    }  # fmt: skip


def _is_aware(instant: datetime) -> bool:
    return instant.tzinfo is not None


@pytest.mark.parametrize("sentence", AUDIENCES)
def test_every_audience_is_understood(sentence: str) -> None:
    assert audience.check(sentence, sessions=KEYS, per_session=True) == []


def test_every_form_of_an_audience_is_shown() -> None:
    parts = [part for sentence in AUDIENCES for part in _parts(audience.parse(sentence))]
    assert {type(part) for part in parts} == {
        audience.Everyone, audience.Answered, audience.Chose, audience.OneOf,
        audience.Not, audience.All, audience.Some,
    }  # fmt: skip
    assert {part.subject for part in parts if isinstance(part, audience.OneOf)} == set(audience.Subject)
    assert {part.session for part in parts if isinstance(part, audience.Chose)} >= {None, "session-1"}
    assert all(any(sign in sentence for sentence in AUDIENCES) for sign in ("!=", " in (", "not in (", '"'))
    told = table(text("docs/organiser/audiences.md"), "Audience")
    assert any(coded(row[1]) == list(audience.ANSWERS) for row in told)
    assert any(coded(row[1]) == list(Role) for row in told)


def _parts(whole: audience.Audience) -> Iterator[audience.Audience]:
    yield whole
    if isinstance(whole, audience.Not):
        yield from _parts(whole.part)
    elif isinstance(whole, audience.All | audience.Some):
        for part in whole.parts:
            yield from _parts(part)


def test_the_table_of_placeholders_is_the_programs() -> None:
    rows = table(text("docs/organiser/wording.md"), "Placeholder")
    assert [(coded(name)[0], meaning) for name, meaning in rows] == list(PLACEHOLDERS.items())


def test_the_table_of_filters_is_the_programs() -> None:
    rows = table(text("docs/organiser/wording.md"), "Filter")
    assert {coded(row[0])[0] for row in rows} == phrasing.FILTERS


def test_every_placeholder_that_is_named_exists() -> None:
    prose = re.sub(r"^\|.*$", "", text("docs/organiser/wording.md"), flags=re.MULTILINE)
    named = re.findall(r"\{\{ ([a-z_.]+)|\{% if ([a-z_.]+)|\{% for item in ([a-z_]+)", prose)
    names = {name.replace("item.", "session.") for found in named for name in found if name}
    assert names
    assert names <= fence.NAMES


def test_every_kind_of_letter_has_its_folder_in_the_picture() -> None:
    (picture, *_) = fences(text("docs/organiser/wording.md"), "text")
    assert set(re.findall(r"([a-z-]+)/", picture)) == {"templates", "layout", *MailingKind}
    for name in re.findall(r"en\.[a-z.]+", picture):
        assert (ROOT / "templates" / "invitation" / name).is_file()


def test_every_state_of_a_letter_stands() -> None:
    rows = table(text("docs/organiser/states.md"), "State")
    assert sorted(coded(row[0])[0] for row in rows) == sorted(LetterState)


def test_the_example_holds_as_many_people_as_is_said() -> None:
    lists = [(ROOT / "recipients" / f"{name}.csv", Role.EXPERT) for name in ("delegations", "practitioners")]
    said = re.search(r"(\d+)\s+invented people", text("README.md"))
    assert said
    assert int(said[1]) == len(read_all(lists).recipients)


# links, paths, packages, versions


_LINK = re.compile(r"(?<=\]\()[^)]+(?=\))|(?<=src=\")[^\"]+")


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    for target in _LINK.findall(outside_fences(text(name))):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        found = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", outside_fences(found.read_text("utf-8")), re.MULTILINE)
            assert anchor in map(slug, headings), target


@pytest.mark.parametrize("name", NAMES)
def test_every_document_can_be_found_from_the_readme(name: str) -> None:
    assert name == "README.md" or f"]({name})" in text("README.md")


PLACES = (
    r"(?:mailer|tests|docs|templates|agenda|recipients|layout)/[\w./-]*|schedule\.py|[a-z.-]+\.(?:toml|lock)"
)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_ours_that_is_named_is_there(name: str) -> None:
    for word in code(text(name)):
        path, _, test = word.partition("::")
        if re.fullmatch(PLACES, path) and not re.search(r"\b(mine|my-)", path):
            found = ROOT / ("templates" if path.startswith("layout/") else "") / path
            assert found.exists(), word
            assert not test or test in _tests_in(found), word


def _tests_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_law_names_what_holds_it() -> None:
    for law, held_by in table(text("ARCHITECTURE.md"), "Law", "Held by"):
        assert any("::" in word for word in coded(held_by)), law


def test_every_fault_names_what_holds_it() -> None:
    heading = ("Fault", "What happens", "What Convenor does", "Held by")
    rows = table(text("docs/operator/faults.md"), *heading)
    assert len({row[0] for row in rows}) == len(rows)
    for fault, happens, does, held_by in rows:
        assert happens, fault
        assert does, fault
        assert all("::" in word for word in coded(held_by)), fault
        assert coded(held_by) or held_by.startswith("the answer:"), fault


def test_the_map_has_every_part_of_the_house() -> None:
    mapped = {word for row in table(text("ARCHITECTURE.md"), "Path") for word in coded(row[0])}
    parts = {path for path in (ROOT / "mailer").iterdir() if not path.name.startswith("_")}
    there = {f"mailer/{path.name}/" if path.is_dir() else f"mailer/{path.name}" for path in parts}
    assert {word for word in mapped if word.startswith("mailer/")} == there


PROJECT = tomllib.loads(text("pyproject.toml"))["project"]


def test_every_package_we_build_on_has_its_reason() -> None:
    asked = [
        *PROJECT["dependencies"],
        *(p for extra in PROJECT["optional-dependencies"].values() for p in extra),
    ]
    names = {re.split(r"[\[<>=]", requirement)[0] for requirement in asked} - {PROJECT["name"]}
    rows = table(text("ARCHITECTURE.md"), "Package", "Why it earns its place")
    assert {row[0] for row in rows} == names
    assert all(row[1] for row in rows)


def test_the_newest_version_is_in_the_changelog() -> None:
    newest = re.search(r"^## \[(.+)\] - (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert newest[1] == PROJECT["version"]
    assert date.fromisoformat(newest[2])


# nothing of anybody's machine

ELSEWHERE = {"www.apache.org", "www.w3.org", "www.rfc-editor.org", "keepachangelog.com", "semver.org"}
HERE = {"127.0.0.1", "localhost"}
ADDED_TO = {"calendar.google.com", "outlook.live.com", "outlook.office.com", "calendar.yahoo.com"}
"""Calendars on the web to which a page offers to add an entry; nothing of ours asks them anything."""
SIGNED_IN_AT = {
    str(urlsplit(word).hostname)
    for provider in PROVIDERS.values()
    for told in (provider.endpoint, provider.smtp_scope, provider.imap_scope, provider.app_scope)
    for word in told.split()
}
"""Where tokens come from: the program must know those hosts, for only they give any."""
_MACHINES = re.compile(
    r"(?<![\w.])/(?:work|home|root|Users)/\w|\bpypi\.|pythonhosted|registry\.npm|\bfile://\w"
)


def tracked() -> list[Path]:
    """The files of the project as they would be committed, without what others wrote."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a working copy of the repository")
    paths = [ROOT / name for name in listing.stdout.splitlines()]
    return [
        path for path in paths if path.is_file() and "vendor" not in path.parts and path != Path(__file__)
    ]


def test_no_file_tells_of_a_machine_or_a_host_outside() -> None:
    told = []
    for path in tracked():
        try:
            source = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if path.suffix == ".ics":
            source = source.replace("\n ", "")  # its lines are folded in the middle of a host's name
        told += [f"{path.name}: {found[0]}" for found in _MACHINES.finditer(source)]
        told += [f"{path.name}: {host}" for host in strange_hosts(source)]
    assert told == []


def strange_hosts(source: str) -> Iterator[str]:
    """Hosts of addresses in a text that are neither this machine, nor invented, nor known standards."""
    for host in re.findall(r"https?://([A-Za-z0-9][A-Za-z0-9.-]*)", source):
        name = host.rstrip(".").lower()
        if name not in ELSEWHERE | HERE | ADDED_TO | SIGNED_IN_AT and not name.endswith(".example"):
            yield host


def test_a_machine_or_a_strange_host_is_noticed() -> None:
    assert list(strange_hosts("see https://conference.example/ and https://somewhere.org/x")) == [
        "somewhere.org"
    ]
    assert _MACHINES.search("in /home/ana/project")
    assert not _MACHINES.search("under /r/ and /srv/convenor")

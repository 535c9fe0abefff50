"""A calendar that is put right, file by file: what it held, what left because of a change, and nothing else.

After a change that is meant, write the files anew and read the difference:

    REWRITE_SCENES=1 pytest tests/scenes
"""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import icalendar
import pytest

from mailer.outbox.database import open_database
from tests.databases import empty_sqlite
from tests.judges import ALL, READERS
from tests.judges.lint import lint
from tests.scenes.changes import CHANGES, SILENT, SITUATIONS, Files, Situation, name
from tests.secretariat import Secretariat


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Secretariat]:
    database = open_database(empty_sqlite(tmp_path))
    yield Secretariat(database)
    database.close()


@pytest.mark.parametrize("situation", SITUATIONS, ids=name)
def test_what_leaves_in_a_situation_is_this_octet_for_octet(
    situation: Situation, office: Secretariat, tmp_path: Path
) -> None:
    maildir = tmp_path / "mail"
    maildir.mkdir()
    found, folder = situation(office, maildir), CHANGES / name(situation)
    assert situation.__doc__
    if os.environ.get("REWRITE_SCENES"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file, octets in found.items():
            (folder / file).write_bytes(octets)
    kept = kept_in(folder)
    assert {file: text(octets) for file, octets in found.items()} == {f: text(o) for f, o in kept.items()}
    assert found == kept
    assert (situation in SILENT) == (not sent(found))
    assert office.faults() == []


def test_every_folder_here_is_a_situation() -> None:
    assert {folder.name for folder in CHANGES.iterdir()} == set(map(name, SITUATIONS))


@pytest.mark.parametrize("judge", ALL)
def test_every_judge_passes_every_file_of_every_situation(judge: str) -> None:
    if sentence := ALL[judge].missing():
        pytest.skip(sentence)
    verdicts = ALL[judge].judge(list(everything().values()))
    assert dict(zip(everything(), verdicts, strict=True)) == {file: [] for file in everything()}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_finds_the_same_in_every_file(reader: str) -> None:
    if sentence := reader in ALL and ALL[reader].missing():
        pytest.skip(sentence)
    octets = list(everything().values())
    read = zip(everything(), READERS[reader](octets), strict=True)
    assert dict(read) == dict(zip(everything(), READERS["icalendar"](octets), strict=True))


@pytest.mark.parametrize("situation", SITUATIONS, ids=name)
def test_what_is_sent_is_newer_than_what_is_held_and_sets_no_alarm(situation: Situation) -> None:
    """Nothing that comes later is older, and what is at another hour or place has a new number."""
    last: dict[str, tuple[int, datetime, tuple[object, ...]]] = {}
    for file, octets in kept_in(CHANGES / name(situation)).items():
        if not file.startswith(("held", "sent")):
            continue
        assert lint(octets, sender="secretariat@conference.example") == []
        calendar: Any = icalendar.Calendar.from_ical(octets)
        assert not list(calendar.walk("VALARM"))
        for entry in calendar.walk("VEVENT"):
            sequence, stamp, uid = int(entry["SEQUENCE"]), entry["DTSTAMP"].dt, str(entry["UID"])
            says = entry["DTSTART"].dt, entry["DTEND"].dt, str(entry["LOCATION"]), str(entry["STATUS"])
            if uid in last:
                before, stamped, said = last[uid]
                assert (sequence, stamp) > (before, stamped), file
                assert (sequence > before) == (says != said), file
            last[uid] = sequence, stamp, says


def kept_in(folder: Path) -> Files:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def sent(files: Files) -> list[str]:
    return [file for file in files if file.startswith("sent")]


def text(octets: bytes) -> list[str]:
    return octets.decode().splitlines()


@cache
def everything() -> Files:
    """What we wrote; the replies are others'."""
    return {
        f"{folder.name}/{file}": octets
        for folder in sorted(CHANGES.iterdir())
        for file, octets in kept_in(folder).items()
        if file.startswith(("held", "sent"))
    }

"""Whole calendar files: a situation in, its octets out; and every reader there is agrees on what they say.

After a change that is meant, write the files anew and read the difference:

    REWRITE_SCENES=1 pytest tests/scenes
"""

import os
from datetime import UTC

import pytest

from mailer.composition.ical import clean_text, write
from tests.judges import ALL, READERS
from tests.judges.lint import lint
from tests.judges.reading import Reading
from tests.scenes.calendar import HERE, scenes

SCENES = scenes()


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_written_octet_for_octet(name: str) -> None:
    written, file = write(SCENES[name]), HERE / f"{name}.ics"
    if os.environ.get("REWRITE_SCENES"):
        file.write_bytes(written)
    assert written.decode().splitlines() == file.read_bytes().decode().splitlines()
    assert written == file.read_bytes()


def test_every_file_here_is_a_scene() -> None:
    assert {file.stem for file in HERE.glob("*.ics")} == set(SCENES)


@pytest.mark.parametrize("judge", ALL)
def test_every_judge_passes_every_scene(judge: str) -> None:
    if sentence := ALL[judge].missing():
        pytest.skip(sentence)
    verdicts = ALL[judge].judge([write(message) for message in SCENES.values()])
    assert dict(zip(SCENES, verdicts, strict=True)) == {name: [] for name in SCENES}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_finds_what_was_meant(reader: str) -> None:
    if sentence := reader in ALL and ALL[reader].missing():
        pytest.skip(sentence)
    readings = READERS[reader]([write(message) for message in SCENES.values()])
    meant = {
        name: tuple(
            Reading(
                uid=entry.uid,
                sequence=entry.sequence,
                summary=clean_text(entry.summary),
                starts_at=entry.starts_at.astimezone(UTC),
            )
            for entry in message.entries
        )
        for name, message in SCENES.items()
    }
    assert dict(zip(SCENES, readings, strict=True)) == meant


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_fits_the_letter_around_it(name: str) -> None:
    message = SCENES[name]
    faults = lint(write(message), method=message.method, sender="secretariat@conference.example")
    assert faults == []

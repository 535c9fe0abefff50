"""Whole calendar files: a situation in, its octets out; and every reader there is agrees on what they say.

After a change that is meant, write the files anew and read the difference:

    REWRITE_SCENES=1 pytest tests/scenes
"""

import os
from datetime import UTC

import pytest

from mailer.composition.ical import address_uri, clean_name, clean_text, write
from mailer.composition.invitation import CalendarMessage, CalendarUser, Entry
from tests.judges import ALL, MISREADINGS, PROGRAMS, READERS
from tests.judges.lint import lint
from tests.judges.reading import Reading, Understood
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
                summary=_as_read_by(reader, entry.summary),
                starts_at=entry.starts_at.astimezone(UTC),
            )
            for entry in message.entries
        )
        for name, message in SCENES.items()
    }
    assert dict(zip(SCENES, readings, strict=True)) == meant


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_understands_all_that_was_meant(program: str) -> None:
    if sentence := PROGRAMS[program].missing():
        pytest.skip(sentence)
    understood = PROGRAMS[program].understand([write(message) for message in SCENES.values()])
    meant = {
        name: tuple(_meant(program, message, entry) for entry in message.entries)
        for name, message in SCENES.items()
    }
    assert dict(zip(SCENES, understood, strict=True)) == meant


def _meant(program: str, message: CalendarMessage, entry: Entry) -> Understood:
    attendee = entry.attendee
    return Understood(
        method=message.method.value,
        uid=entry.uid,
        sequence=entry.sequence,
        summary=_as_read_by(program, entry.summary),
        location=_as_read_by(program, entry.location),
        starts_at=entry.starts_at.astimezone(UTC),
        ends_at=entry.ends_at.astimezone(UTC),
        organiser=_address(entry.organiser),
        attendees=((_address(attendee), clean_name(attendee.name), "NEEDS-ACTION"),) if attendee else (),
        status=entry.status.value,
    )


def _as_read_by(reader: str, text: str) -> str:
    return MISREADINGS.get(reader, str)(clean_text(text))


def _address(user: CalendarUser) -> str:
    """As it stands in the URI, percent-encoded: programs leave it so, and send it back so."""
    return address_uri(user.address).removeprefix("mailto:")


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_fits_the_letter_around_it(name: str) -> None:
    message = SCENES[name]
    faults = lint(write(message), method=message.method, sender="secretariat@conference.example")
    assert faults == []

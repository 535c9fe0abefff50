"""Agenda files for the tests: a small sound one, and how to write another that differs in a line or two."""

from datetime import date
from pathlib import Path

import pytest

from mailer.agenda.reading import Reading, read
from mailer.errors import BadInput, Problem

TODAY = date(2027, 1, 4)

SOUND = """\
[event]
key = "days-2027"
title = "Two days"
timezone = "Europe/Vienna"
date = "2027-03-10"
venue = {name = "Hall", street = "Street 1", city = "Vienna"}
organiser = {name = "Secretariat", address = "office@conference.example"}

[[session]]
key = "one"
title = "The first"
start = "09:00"
end = "10:00"

[[session]]
key = "two"
title = "The second"
start = "10:00"
end = "11:00"

[[mailing]]
key = "invitation"
kind = "invitation"
title = "Invitation"
audience = "everyone"
when = "as soon as published"
useful_until = "the event starts"
"""


def but(*replacements: tuple[str, str], text: str = SOUND) -> str:
    """The sound file with these lines (each found exactly once) replaced."""
    for old, new in replacements:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the file"
        text = text.replace(old, new)
    return text


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def reading(folder: Path, text: str | bytes, today: date = TODAY) -> Reading:
    return read(written(folder, text), today=today)


def problems(folder: Path, text: str | bytes) -> list[Problem]:
    """Everything for which a file is refused."""
    with pytest.raises(BadInput) as refused:
        reading(folder, text)
    return list(refused.value.problems)


def told(folder: Path, text: str | bytes) -> list[str]:
    return [str(problem) for problem in problems(folder, text)]

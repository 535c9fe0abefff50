"""The encoding of a list: known, detected and shown, or said."""

from pathlib import Path

import pytest

from mailer.errors import Problem
from tests.recipients.listing import reading_of, told


@pytest.mark.parametrize(
    ("encoding", "detected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_unicode_is_known_for_certain(people: Path, encoding: str, detected: str) -> None:
    reading = reading_of(people, "email,given_name,family_name\nx@x.example,Željko,Иванов".encode(encoding))
    assert (reading.encoding, reading.recipients[0].name) == (detected, "Željko Иванов")
    assert reading.problems == ()


@pytest.mark.parametrize(
    ("encoding", "row", "shown"),
    [
        ("cp1251", "a@x.example,Иван,Петров", "Иван, Петров"),
        ("cp1251", "o@x.example,Олена,Шевчук", "Олена, Шевчук"),
        ("cp1252", "a@x.example,José,Müller", "José, Müller"),
        ("cp1252", "a@x.example,Zoë,Lefèvre-Núñez", "Zoë, Lefèvre, Núñez"),
        ("cp1250", "zeljko.kovacevic@x.example,Željko,Kovačević", "Željko, Kovačević"),
        ("cp1250", "l.wisniewski@x.example,Łukasz,Wiśniewski", "Łukasz, Wiśniewski"),
        ("cp1253", "g@x.example,Γιώργος,Παπαδάκης", "Γιώργος, Παπαδάκης"),
        ("cp1254", "a.yilmaz@x.example,Ayşe,Yılmaz", "Ayşe, Yılmaz"),
    ],
)
def test_older_encodings_are_detected_and_shown(people: Path, encoding: str, row: str, shown: str) -> None:
    reading = reading_of(people, f"email,given_name,family_name\n{row}\n".encode(encoding))
    assert reading.encoding == encoding
    assert reading.recipients[0].name == " ".join(row.split(",")[1:])
    assert reading.problems == (
        Problem(
            file=str(people),
            message=f"is not UTF-8; it was read as {encoding}. Are these right: {shown}? "
            "If not, save it as CSV UTF-8",
            warning=True,
        ),
    )


def test_the_organisers_word_on_the_encoding_stands(people: Path) -> None:
    raw = "email,given_name,family_name\na@x.example,Ana,Kovačević".encode("cp1250")
    reading = reading_of(people, raw, encoding="cp1250")
    assert (reading.recipients[0].family_name, reading.problems) == ("Kovačević", ())
    refused = reading_of(people, raw, encoding="utf-8")
    assert told(refused) == [(None, None, "is not utf-8 text throughout; save it as CSV UTF-8")]
    assert told(reading_of(people, raw, encoding="klingon"))[0][2].startswith("is not klingon text")


def test_a_long_word_in_an_unknown_encoding_takes_no_longer_than_a_short_one(people: Path) -> None:
    head = "email,given_name,family_name\na@x.example,José,".encode("cp1252")
    reading = reading_of(people, head + b"a" * 120_000)
    assert [row for row, _, message in told(reading) if "120,000 characters" in message] == [2]

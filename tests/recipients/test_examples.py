"""The two example lists: complete, invented, without a warning, and rich enough to show every placeholder."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from mailer.recipients.model import Recipient, Role
from mailer.recipients.reading import Roster, read_all

FOLDER = Path(__file__).parents[2] / "recipients"
SESSIONS = ["session-1", "session-2", "session-3", "session-4"]

PARTICIPATING_STATES = """
    AD AL AM AT AZ BA BE BG BY CA CH CY CZ DE DK EE ES FI FR GB GE GR HR HU IE IS IT KG KZ LI LT LU LV MC MD
    ME MK MN MT NL NO PL PT RO RS RU SE SI SK SM TJ TM TR UA US UZ VA
"""
PARTNERS = "AF AU DZ EG IL JO JP KR MA TH TN"


@pytest.fixture(scope="module")
def roster() -> Roster:
    return read_all(
        [(FOLDER / "delegations.csv", Role.FOCAL_POINT), (FOLDER / "practitioners.csv", None)],
        sessions=SESSIONS,
    )


@pytest.fixture(scope="module")
def focal_points(roster: Roster) -> list[Recipient]:
    return [recipient for recipient in roster.recipients if recipient.role is Role.FOCAL_POINT]


@pytest.fixture(scope="module")
def by_name(roster: Roster) -> list[Recipient]:
    return [recipient for recipient in roster.recipients if recipient.role is not Role.FOCAL_POINT]


def test_nothing_in_them_is_doubtful_and_nobody_stands_in_both(roster: Roster) -> None:
    assert roster.warnings == ()


def test_every_delegation_has_a_focal_point(focal_points: list[Recipient]) -> None:
    assert len(PARTICIPATING_STATES.split()) == 57
    assert {r.state for r in focal_points if "participating-state" in r.tags} == set(
        PARTICIPATING_STATES.split()
    )
    assert {r.state for r in focal_points if "partner" in r.tags} == set(PARTNERS.split())
    assert sum(count > 1 for count in Counter(r.state for r in focal_points).values()) >= 12


def test_practitioners_come_from_many_states_and_chose_sessions(by_name: list[Recipient]) -> None:
    assert len(by_name) >= 64
    assert len({r.state for r in by_name}) >= 25
    assert {r.role for r in by_name} == {Role.PRACTITIONER, Role.EXPERT, Role.SPEAKER}
    assert {key for r in by_name for key in r.sessions} == set(SESSIONS)
    assert all(r.sessions and r.timezone and r.institution for r in by_name)


def test_everybody_is_invented(roster: Roster) -> None:
    assert all(recipient.address.endswith(".example") for recipient in roster.recipients)


def test_one_delegation_shows_punycode_and_some_need_another_language(focal_points: list[Recipient]) -> None:
    assert any("@xn--" in r.address for r in focal_points)
    assert {"en", "fr", "ar", "de", "ru", "es"} == {r.language for r in focal_points}


@pytest.mark.parametrize("name", ["delegations.csv", "practitioners.csv"])
def test_they_are_sorted_by_state_then_name(name: str) -> None:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        keys = [(row["state"], row["family_name"], row["given_name"]) for row in csv.DictReader(file)]
    assert keys == sorted(keys)

"""People found by words, on both databases."""

import pytest

from mailer.outbox import finding, people
from mailer.outbox.database import Database
from mailer.recipients.model import Recipient
from tests.outbox.world import EVENT, NOW, handle_of, person

LISTED: list[Recipient] = [
    person(1, given_name="Ana", family_name="Novak", institution="Haus der Gerechtigkeit"),
    person(2, given_name="Élodie", family_name="d'Été_10%", title="Dr"),
    person(3, given_name="ليلى", family_name="حداد"),
    person(4, given_name='The "Quoted"', family_name="Back\\slash"),
]


@pytest.fixture
def listed(database: Database) -> Database:
    with database.writing() as c:
        people.save_roster(c, EVENT, LISTED, NOW, handle_of)
    return database


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("", []),
        ("   ", []),
        ("novak", [1]),
        ("NOVAK ana", [1]),
        ("gerechtigkeit", [1]),
        ("p000002@", [2]),
        ("élodie", [2]),
        ("ÉLODIE", [2]),
        ("dr", [2]),
        ("10%", [2]),
        ("été_", [2]),
        ("حداد", [3]),
        ('"quoted"', [4]),
        ("back\\slash", [4]),
        ("prosecution.example", [1, 2, 3, 4]),
        ("given_name", []),
        ("practitioner", []),
        ("%", [2]),
        ("novak حداد", []),
    ],
)
def test_every_word_must_be_in_the_name_the_address_or_the_house(
    listed: Database, words: str, numbers: list[int]
) -> None:
    with listed.reading() as c:
        found = finding.found(c, EVENT, words)
    assert [each.recipient for each in found] == [LISTED[number - 1] for number in numbers]


def test_no_more_are_found_than_are_asked_for_and_none_of_another_event(listed: Database) -> None:
    with listed.reading() as c:
        assert len(finding.found(c, EVENT, "prosecution", limit=3)) == 3
        assert finding.found(c, "another", "prosecution") == []


def test_somebody_is_known_by_their_number_as_the_list_says_now(listed: Database) -> None:
    with listed.writing() as c:
        (first, *_) = finding.found(c, EVENT, "novak")
        people.save_roster(c, EVENT, LISTED[1:], NOW, handle_of)
        known = finding.known(c, first.id)
        assert known
        assert (known.recipient, known.left_at) == (LISTED[0], NOW)
        assert finding.known(c, 10**9) is None

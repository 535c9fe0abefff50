"""The people of the bench are always the same, each with an address of their own, in every language alike."""

from pathlib import Path

from benchmarks import crowd
from benchmarks.convenor import Roster


def test_people_are_the_same_each_time_and_no_two_share_an_address() -> None:
    people = list(crowd.people(5_000))
    assert people == list(crowd.people(5_000))
    assert len({each.address for each in people}) == 5_000
    assert any(not each.full_name.isascii() for each in people)
    assert any(each.full_name.isascii() for each in people)


def test_what_is_written_for_others_is_read_back(tmp_path: Path) -> None:
    crowd.write(tmp_path / "people.jsonl", 50)
    assert crowd.read(tmp_path / "people.jsonl") == list(crowd.people(50))


def test_a_roster_is_a_sequence_that_holds_nobody() -> None:
    roster = Roster(1_000_000)
    assert len(roster) == 1_000_000
    assert roster[999_999].address == roster[-1].address == crowd.person(999_999).address
    assert [each.address for each in roster[20:23]] == [each.address for each in crowd.people(3, 20)]
    assert list(Roster(3, 7)) == [*roster[7:10]]

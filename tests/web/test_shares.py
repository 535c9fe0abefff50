"""A tally as a bar: nothing of it is lost in drawing."""

import pytest

from mailer.replies import Group, Tally
from mailer.web.organiser import shares

TALLIES = (
    Tally(accepted=1, tentative=1, delegated=1),
    Tally(silent=7, declined=4),
    Tally(accepted=99_999, silent=1),
)


@pytest.mark.parametrize("tally", TALLIES)
def test_the_parts_fill_the_bar_without_a_gap(tally: Tally) -> None:
    parts = shares.of(tally)
    assert sum(part.count for part in parts) == tally.asked
    assert round(sum(part.width for part in parts), 2) == 100
    ends = [round(part.start + part.width, 2) for part in parts]
    assert ends[:-1] == [part.start for part in parts[1:]]


def test_a_bar_of_nobody_is_empty() -> None:
    assert [part.width for part in shares.of(Tally())] == [0] * 5
    assert shares.spoken(Tally()) == "nobody is asked"


def test_it_is_told_in_words() -> None:
    tally = Tally(accepted=1200, silent=3, earlier=2, troubled=1)
    assert shares.spoken(tally) == "1,200 will attend, 3 no answer yet"
    assert list(shares.remarks(tally)) == [
        (2, "of the silent answered an earlier version"),
        (1, "has an address that is wrong"),
    ]


def test_audiences_have_the_names_people_know() -> None:
    roles, tags = (Group(key="focal_point", tally=Tally()),), (Group(key="press", tally=Tally()),)
    assert [name for name, _ in shares.audiences(roles, tags)] == ["Focal points", "Tag: press"]

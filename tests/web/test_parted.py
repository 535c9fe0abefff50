"""A long agenda is shown in parts: nothing of it is left out, and nothing twice."""

from itertools import chain

from mailer.web.delegate import parted
from tests import conference
from tests.scale.congress import Size, event


def test_an_agenda_that_is_not_long_is_one_part() -> None:
    (part,) = parted.parts(conference.EVENT)
    assert part.sessions == conference.EVENT.sessions


def test_a_long_agenda_is_cut_by_its_days_and_a_full_day_by_its_hours() -> None:
    congress = event(Size(people=1, sessions=200, days=2))
    found = parted.parts(congress)

    assert tuple(chain.from_iterable(part.sessions for part in found)) == congress.sessions
    assert [part.number for part in found] == [1, 2, 3, 4, 5, 6]
    assert [len(part.sessions) for part in found] == [40, 40, 20, 40, 40, 20]
    assert not any(part.is_of_day for part in found)
    assert all(len({s.starts_at.astimezone(congress.zone).date() for s in p.sessions}) == 1 for p in found)


def test_a_day_that_is_not_full_is_one_part() -> None:
    congress = event(Size(people=1, sessions=70, days=2))
    assert [(len(part.sessions), part.is_of_day) for part in parted.parts(congress)] == [
        (35, True),
        (35, True),
    ]

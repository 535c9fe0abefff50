"""The drawing of the timetable: marks that tell the letters, labels that can be read."""

from dataclasses import replace
from itertools import combinations, pairwise

import pytest

from mailer.standing import Standing, standing
from mailer.web.organiser import picture
from mailer.web.organiser.picture import Picture
from tests.conference import EVENT, PUBLISHED_AT
from tests.web.desk import Desk


@pytest.fixture(scope="module")
def found(calm_desk: Desk) -> Standing:
    stands = standing(calm_desk.database, EVENT.key, PUBLISHED_AT)
    assert stands
    return stands


@pytest.fixture(params=[700, 1180])
def drawn(found: Standing, request: pytest.FixtureRequest) -> Picture:
    return picture.lying(found, PUBLISHED_AT, length=request.param)


def test_every_mailing_is_marked_once_for_each_place(drawn: Picture) -> None:
    marks = {label.title: [mark.look for mark in label.marks] for label in drawn.labels}
    assert marks["Invitation"] == ["done"]
    assert marks["Your session begins shortly"] == ["planned"] * 4


def test_the_area_of_a_mark_tells_its_letters(found: Standing, drawn: Picture) -> None:
    radius = {label.title: label.marks[0].radius for label in drawn.labels}
    assert radius["Invitation"] == 15.0
    assert radius["Your session begins shortly"] < radius["Invitation"]


def test_no_flag_covers_another_and_no_pole_goes_through_one(drawn: Picture) -> None:
    for one, other in combinations(drawn.labels, 2):
        (left, right), (its_left, its_right) = picture._extent(one), picture._extent(other)
        assert one.level != other.level or right <= its_left or its_right <= left
        for under, over in ((one, other), (other, one)):
            if under.level < over.level:
                left, right = picture._extent(under)
                assert not [mark for mark in over.marks if left < mark.x < right]


def test_nothing_leaves_the_drawing(drawn: Picture) -> None:
    for label in drawn.labels:
        left, right = picture._extent(label)
        assert left >= 0
        assert right <= drawn.length
        assert drawn.line > label.y >= 0


def test_standing_up_labels_stand_one_under_the_other(found: Standing) -> None:
    tall = picture.standing_up(found, PUBLISHED_AT, length=560, depth=340)
    heights = [label.y for label in tall.labels]
    assert all(below - above >= 46 for above, below in pairwise(heights))
    assert heights[-1] < tall.length


def test_it_is_told_in_words(drawn: Picture) -> None:
    assert drawn.summary.startswith(
        "It is Mon 11 Jan 2027, 09:00. Invitation, Mon 11 Jan 2027, 09:00, 5 letters, done;"
    )


def test_a_long_title_is_cut(found: Standing) -> None:
    long = tuple(replace(mailing, title="Very " * 40) for mailing in found.mailings)
    drawn = picture.lying(replace(found, mailings=long), PUBLISHED_AT, length=700)
    assert {len(label.title) for label in drawn.labels} <= set(range(33))


def test_without_mailings_there_is_still_a_day(found: Standing) -> None:
    empty = replace(found, mailings=())
    assert picture.lying(empty, PUBLISHED_AT, length=700).labels == ()
    assert len(picture.standing_up(empty, PUBLISHED_AT, length=560, depth=340).blocks) == len(EVENT.sessions)

"""Answers over time, drawn: where the layers end, and that the words do not run into one another."""

import re
from datetime import date, timedelta
from itertools import pairwise

import pytest

from mailer.replies import Day, Tally
from mailer.web.organiser.growth import drawn

FIRST = date(2027, 1, 11)


def day(after: int, so_far: int, **given: int) -> Day:
    return Day(on=FIRST + timedelta(days=after), tally=Tally(**given), so_far=so_far)


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawn([], width=340, height=220) is None


def test_layers_stand_on_one_another_and_end_at_all_answers() -> None:
    found = drawn([day(0, 2, accepted=2), day(9, 4, accepted=1, declined=1)], width=1060, height=238)
    assert found
    assert [layer.look for layer in found.layers] == ["accepted", "declined"]
    assert [words for _, words in found.up] == ["0", "2", "4"]
    heights = [
        min(float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", layer.path)) for layer in found.layers
    ]
    assert heights == [62.0, 12.0]
    assert found.summary == "2 answers by 11 January 2027, 4 by 20 January 2027"


@pytest.mark.parametrize("days", [1, 2, 30, 400, 20_000])
@pytest.mark.parametrize("width", [340, 1180])
def test_ticks_keep_apart_however_long_it_takes(days: int, width: int) -> None:
    found = drawn([day(0, 1, accepted=1), day(days, 2, declined=1)], width=width, height=220)
    assert found
    places = [place for place, _ in found.across]
    assert all(b - a > 50 for a, b in pairwise(places))
    assert places[-1] == width - 14
    assert len(found.layers) == 2

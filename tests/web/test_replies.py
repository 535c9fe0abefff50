"""The page of answers, and the same for machines."""

import re
from datetime import timedelta

import pytest

from mailer.outbox import people
from tests.conference import EVENT, RECIPIENTS
from tests.web.desk import Desk

FIVE = ("accepted", "tentative", "delegated", "declined", "silent")


@pytest.fixture
def answered(desk: Desk) -> Desk:
    with desk.database.writing() as c:
        one, other, third, *_ = people.roster(c, EVENT.key)
        people.record_answer(c, one.id, "event", "accepted", desk.clock(), "page", sequence=0)
        later = desk.clock() + timedelta(days=2)
        people.record_answer(c, other.id, "event", "declined", later, "page", sequence=0)
        people.record_answer(c, third.id, "session-1", "accepted", later, "page", sequence=0)
        people.unsubscribe(c, third.id, later)
    return desk


def test_nothing_is_said_before_anything_is_published(empty_desk: Desk) -> None:
    assert "Nothing is published yet" in empty_desk.browser().get("/replies").text
    assert empty_desk.browser().get("/api/replies").status_code == 404


def test_machines_read_counts_that_add_up(answered: Desk) -> None:
    told = answered.browser().get("/api/replies").json()
    assert told["whole"] == {
        "asked": 5, "accepted": 1, "tentative": 0, "delegated": 0, "declined": 1, "silent": 3,
        "earlier": 0, "unsubscribed": 1, "troubled": 0,
    }  # fmt: skip
    for each in (*told["sessions"], *told["roles"], *told["delegations"]):
        assert sum(each[name] for name in FIVE) == each["asked"]
    assert {each["asked"] for each in told["sessions"]} == {len(RECIPIENTS)}
    assert [(each["day"], each["so_far"]) for each in told["days"]] == [("2027-01-11", 1), ("2027-01-13", 2)]


def test_the_page_tells_the_same_numbers(answered: Desk) -> None:
    page = answered.browser().get("/replies").text
    words = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "2 of 5 people have answered" in words
    assert "1 unsubscribed" in words
    assert 'aria-label="1 will attend, 1 declined, 3 no answer yet"' in page
    assert "1 answers by 11 January 2027, 2 by 13 January 2027" in page
    assert 'aria-current="page">Answers' in page


def test_a_silent_delegation_is_marked(answered: Desk) -> None:
    told = answered.browser().get("/api/replies").json()["silent_delegations"]
    page = answered.browser().get("/replies").text
    assert page.count('<span class="tag quiet">silent</span>') == len(told) > 0


@pytest.mark.parametrize("path", ["/replies", "/api/replies"])
def test_nobody_is_named(answered: Desk, path: str) -> None:
    told = answered.browser().get(path).text
    assert [r.address for r in RECIPIENTS if r.address in told or r.family_name in told] == []


@pytest.mark.parametrize("path", ["/replies", "/api/replies"])
def test_looking_changes_nothing(answered: Desk, path: str) -> None:
    before = answered.dump()
    answered.browser().get(path)
    assert answered.dump() == before

"""Answers counted by the database, on both of them."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from mailer.outbox import people, responses
from mailer.outbox.database import Database
from mailer.outbox.responses import Counted, CountedBySession, CountedByTime, Response
from mailer.outbox.schema import Answer, Trouble
from mailer.recipients.model import Recipient, Role
from tests.outbox.answered import listed, reported, said, told
from tests.outbox.world import EVENT, NOW, person

HOUR = timedelta(hours=1)
R = Response


def somebody(number: int, **facts: Any) -> Recipient:
    return person(number).model_copy(update={"state": "AT", **facts})


def responded(database: Database) -> list[Response]:
    with database.reading() as c:
        return [each.response for each in responses.each(c, EVENT)]


@pytest.fixture
def three(database: Database) -> list[int]:
    with database.writing() as c:
        return listed(c, somebody(0), somebody(1), somebody(2))


def test_the_last_answer_counts(database: Database, three: list[int]) -> None:
    with database.writing() as c:
        said(c, three[0], "declined", after=HOUR)
        said(c, three[0], "accepted", after=2 * HOUR)
        said(c, three[0], "tentative")
    assert responded(database) == [R.ACCEPTED, R.SILENT, R.SILENT]


def test_an_answer_to_an_earlier_version_is_silence_of_its_own_kind(
    database: Database, three: list[int]
) -> None:
    with database.writing() as c:
        for each, answer in zip(three, ("accepted", "declined", "delegated"), strict=True):
            said(c, each, answer, sequence=1)
            told(c, each, 2)
        said(c, three[2], "tentative", sequence=2, after=-HOUR)
    assert responded(database) == [R.EARLIER, R.DECLINED, R.TENTATIVE]


def test_a_session_that_moved_stays_answered(database: Database, three: list[int]) -> None:
    with database.writing() as c:
        said(c, three[0], "accepted", "session-1")
        told(c, three[0], 5, "session-1")
        found = responses.by_session(c, EVENT, ["session-1"])
    assert found == [
        CountedBySession(
            session="session-1", listed=False, answer=Answer.ACCEPTED, response=R.SILENT, people=1
        )
    ]


def test_everybody_on_the_list_is_counted_once_by_role_and_state(database: Database) -> None:
    with database.writing() as c:
        ids = listed(
            c, somebody(0), somebody(1), somebody(2, state=None, role=Role.SPEAKER), somebody(3), somebody(4)
        )
        said(c, ids[0], "accepted")
        said(c, ids[4], "accepted")
        people.unsubscribe(c, ids[0], NOW)
        reported(c, ids[2])
        listed(c, *(somebody(number) for number in (0, 1)), somebody(2, state=None, role=Role.SPEAKER),
               somebody(4, state="XA"))  # fmt: skip
        listed(c, person(9), event="another")
        found = responses.everybody(c, EVENT)
    facts: dict[str, Any] = {
        "role": "practitioner",
        "tags": (),
        "people": 1,
        "unsubscribed": 0,
        "troubled": 0,
    }
    assert sorted(found, key=lambda each: (each.state or "", each.response)) == [
        Counted(**facts | {"role": "speaker", "state": None, "response": R.SILENT, "troubled": 1}),
        Counted(**facts | {"state": "AT", "response": R.ACCEPTED, "unsubscribed": 1}),
        Counted(**facts | {"state": "AT", "response": R.SILENT}),
        Counted(**facts | {"state": "XA", "response": R.ACCEPTED}),
    ]


def test_those_with_the_same_tags_are_counted_together(database: Database) -> None:
    with database.writing() as c:
        ids = listed(c, *(somebody(number, tags=("press", "vip")) for number in range(3)), somebody(3))
        said(c, ids[1], "delegated")
        found = responses.everybody(c, EVENT)
    assert {(each.tags, each.response, each.people) for each in found} == {
        (("press", "vip"), R.DELEGATED, 1),
        (("press", "vip"), R.SILENT, 2),
        ((), R.SILENT, 1),
    }


def test_a_session_is_counted_by_list_answer_and_response(database: Database) -> None:
    with database.writing() as c:
        chosen = {"sessions": ("session-1", "session-1", "session-9")}
        ids = listed(c, somebody(0, **chosen), somebody(1, **chosen), somebody(2), somebody(3))
        said(c, ids[1], "declined")
        said(c, ids[2], "tentative", "session-1")
        said(c, ids[0], "accepted", "session-1")
        said(c, ids[3], "accepted", "session-9")
        found = responses.by_session(c, EVENT, ["session-1", "session-2"])
    this: dict[str, Any] = {"session": "session-1", "people": 1}
    assert sorted(found, key=lambda each: (each.listed, each.response)) == [
        CountedBySession(**this | {"listed": False, "answer": Answer.TENTATIVE, "response": R.SILENT}),
        CountedBySession(**this | {"listed": True, "answer": None, "response": R.DECLINED}),
        CountedBySession(**this | {"listed": True, "answer": Answer.ACCEPTED, "response": R.SILENT}),
    ]


def test_answers_are_counted_by_the_quarter_of_an_hour(database: Database, three: list[int]) -> None:
    begins = NOW.replace(minute=30)
    with database.writing() as c:
        for each, minutes in zip(three, (0, 14.9, 15), strict=True):
            said(c, each, "accepted", after=begins - NOW + timedelta(minutes=minutes))
        said(c, three[0], "declined", "session-1")
        found = responses.by_time(c, EVENT)
    assert found == [
        CountedByTime(begins_at=begins, answer=Answer.ACCEPTED, people=2),
        CountedByTime(begins_at=begins + responses.QUARTER, answer=Answer.ACCEPTED, people=1),
    ]


def test_an_answer_that_no_longer_holds_has_no_time(database: Database, three: list[int]) -> None:
    with database.writing() as c:
        said(c, three[0], "accepted")
        told(c, three[0], 1)
        assert responses.by_time(c, EVENT) == []
        assert [each.at for each in responses.each(c, EVENT)] == [None, None, None]


def test_only_an_address_that_is_wrong_and_silent_since_is_in_trouble(
    database: Database, three: list[int]
) -> None:
    with database.writing() as c:
        reported(c, three[0], Trouble.SOFT)
        reported(c, three[1])
        said(c, three[1], "accepted", "session-1", after=HOUR)
        reported(c, three[2])
        said(c, three[2], "accepted")
        found = list(responses.each(c, EVENT))
    assert [each.troubled for each in found] == [False, False, True]


def test_each_is_told_by_name_and_with_the_moment(database: Database, three: list[int]) -> None:
    with database.writing() as c:
        said(c, three[1], "delegated", after=HOUR)
        found = list(responses.each(c, EVENT))
        roster = people.roster(c, EVENT)
    assert [each.member for each in found] == roster
    times: list[datetime | None] = [None, NOW + HOUR, None]
    assert [each.at for each in found] == times

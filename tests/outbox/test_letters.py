"""What the organiser sees of letters, on both databases."""

from typing import Any

import pytest
from sqlalchemy import event

from mailer.outbox import claims, letters, occasions
from mailer.outbox.claimed import ClaimedLetter
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import Happened
from mailer.planning.due import Occasion
from tests.outbox.world import DIGEST, EVENT, NOW, REMINDER, begin, claim, later, person, put_into, tell, told

S, H = LetterState, Happening

RELAY = "smtp://mail.ministry.example:25"


def test_a_letter_that_was_sent_tells_its_whole_story(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    assert tell(database, told(claimed, H.INTENDED, digest=DIGEST), now=later(seconds=1)) == [claimed.id]
    sent = told(claimed, H.ACCEPTED, reply="250 2.0.0 queued as 4711")
    assert tell(database, sent, now=later(seconds=2)) == [claimed.id]
    with database.reading() as c:
        (row,) = letters.search(c, EVENT)
        assert letters.history(c, claimed.id) == [
            Happened(at=later(seconds=1), happening=H.INTENDED, state=S.LEAVING, note=""),
            Happened(
                at=later(seconds=2), happening=H.ACCEPTED, state=S.SENT, note="250 2.0.0 queued as 4711"
            ),
        ]
    assert (row.state, row.content, row.intent_at, row.settled_at) == (
        S.SENT,
        DIGEST,
        later(seconds=1),
        later(seconds=2),
    )
    assert (row.attempts, row.reply) == (1, "250 2.0.0 queued as 4711")


def test_an_intent_is_told_of_once_however_it_ends_and_while_nobody_knows(database: Database) -> None:
    begin(database, 3)
    refused, lost, accepted = claim(database)
    intents = [told(each, H.INTENDED, digest=DIGEST, reply=RELAY) for each in (refused, lost, accepted)]
    assert len(tell(database, *intents)) == len(tell(database, *intents, now=later(seconds=1))) == 3
    leaving = Happened(at=NOW, happening=H.INTENDED, state=S.LEAVING, note=RELAY)
    assert histories(database, refused, lost, accepted) == [[leaving]] * 3
    tell(database, told(refused, H.REFUSED, reply="550 no"), told(accepted, H.ACCEPTED, reply="250 ok"))
    with database.writing() as c:
        claims.release_owner(c, lost.owner, NOW)
    assert histories(database, refused, lost, accepted) == [
        [leaving, Happened(at=NOW, happening=H.REFUSED, state=S.FAILED, note="550 no")],
        [leaving, Happened(at=NOW, happening=H.LOST, state=S.IN_DOUBT, note="one stopped")],
        [leaving, Happened(at=NOW, happening=H.ACCEPTED, state=S.SENT, note="250 ok")],
    ]


def histories(database: Database, *of: ClaimedLetter) -> list[list[Happened]]:
    with database.reading() as c:
        return [letters.history(c, each.id) for each in of]


def test_progress_counts_every_letter_of_every_occasion(database: Database) -> None:
    occasion_id = begin(database, 4)
    empty = Occasion(due_at=later(days=1), mailing="report", anchor="event", useful_until=later(days=9))
    first, second, third = claim(database, 3)
    tell(database, told(first, H.INTENDED), told(first, H.ACCEPTED))
    tell(database, told(second, H.INTENDED), told(second, H.REFUSED))
    tell(database, told(third, H.INTENDED), told(third, H.LOST))
    with database.writing() as c:
        occasions.open_occasion(c, EVENT, empty, NOW)
        reminder, report = letters.progress(c, EVENT)
    assert reminder.occasion.id == occasion_id
    assert reminder.counts == {S.SENT: 1, S.FAILED: 1, S.IN_DOUBT: 1, S.WAITING: 1}
    assert report.counts == {}


def test_searching_by_mailing_state_and_any_part_of_an_address(database: Database) -> None:
    begin(database, 12)
    (claimed,) = claim(database, 1)
    with database.reading() as c:
        assert [row.recipient for row in letters.search(c, EVENT, address="P00001")] == [
            person(10),
            person(11),
        ]
        assert letters.search(c, EVENT, address="p_0000") == []
        assert [row.id for row in letters.search(c, EVENT, state=S.CLAIMED)] == [claimed.id]
        assert letters.search(c, EVENT, mailing="report") == []
        assert letters.search(c, "another") == []
        first = letters.search(c, EVENT, mailing=REMINDER.mailing, limit=5)
        rest = letters.search(c, EVENT, limit=50, after=first[-1].id)
    assert [row.recipient for row in first + rest] == [person(number) for number in range(12)]


def test_the_newest_come_first_and_a_page_goes_on_where_the_one_before_ended(database: Database) -> None:
    begin(database, 12)
    with database.reading() as c:
        first = letters.newest(c, EVENT, limit=5)
        rest = letters.newest(c, EVENT, before=first[-1].id)
        assert letters.newest(c, "another") == []
        assert letters.one(c, EVENT, first[0].id) == first[0]
        assert letters.one(c, "another", first[0].id) is None
    assert [row.recipient for row in first + rest] == [person(number) for number in reversed(range(12))]


@pytest.mark.parametrize("state", S)
def test_letters_in_each_state_are_found_by_mailing_and_reader(
    database: Database, state: LetterState
) -> None:
    begin(database, 6)
    with database.writing() as c:
        ids = [row.id for row in letters.search(c, EVENT)]
        for each in ids[:2]:
            put_into(c, each, state)
        for each in ids[2:]:
            put_into(c, each, S.SENT if state is not S.SENT else S.WAITING)
        readers = [row.recipient_id for row in letters.search(c, EVENT)]

        def found(**wanted: Any) -> list[int]:
            return [row.id for row in letters.newest(c, EVENT, state=state, **wanted)]

        assert found() == found(mailing=REMINDER.mailing) == ids[1::-1]
        assert found(readers=readers[1:4]) == [ids[1]]
        assert found(readers=[]) == found(mailing="report") == []
        assert found(before=ids[1]) == [ids[0]]
        assert [row.id for row in letters.newest(c, EVENT, readers=readers[:1])] == [ids[0]]


@pytest.mark.parametrize(
    ("wanted", "way"),
    [
        ({}, "SCAN letter"),
        ({"state": S.SENT}, "SCAN letter"),
        ({"state": S.FAILED}, "ix_letter_apart (state=?"),
        ({"state": S.IN_DOUBT, "before": 9}, "ix_letter_apart (state=? AND id<?"),
        ({"state": S.WAITING}, "ix_letter_progress (occasion_id=? AND state=? AND settled_at=?"),
        ({"state": S.WAITING, "before": 9}, "ix_letter_progress (occasion_id=? AND state=? AND settled_at=?"),
        ({"state": S.LEAVING}, "ix_letter_owned"),
        ({"mailing": "invitation", "state": S.SENT}, "ix_letter_progress (occasion_id=? AND state=?"),
        ({"readers": [1, 2]}, "uq_letter_once (occasion_id=? AND recipient_id=?"),
    ],
)
def test_no_search_reads_all_letters_to_find_few(
    database: Database, wanted: dict[str, Any], way: str
) -> None:
    if database.engine.dialect.name != "sqlite":
        pytest.skip("how PostgreSQL goes depends on what it has counted")
    begin(database, 3)
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
        asked.append((statement, values))

    with database.reading() as c:
        event.listen(database.engine, "before_cursor_execute", note)
        try:
            letters.newest(c, EVENT, **wanted)
        finally:
            event.remove(database.engine, "before_cursor_execute", note)
        statement, values = asked[0]
        plan = " ".join(row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())
    assert way in plan, plan
    assert "SCAN letter" not in plan or way == "SCAN letter"

"""What ends a doubt, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from mailer.outbox import agendas, claims, doubts, ledger, letters, occasions, people, schema
from mailer.outbox.database import Database
from mailer.outbox.doubts import Doubt
from mailer.outbox.letter import Happening, LetterState
from mailer.planning.due import Occasion
from tests.outbox.world import (
    DIGEST,
    EVENT,
    NOW,
    USEFUL_UNTIL,
    WORDING,
    begin,
    claim,
    person,
    sent,
    statements,
    states,
    tell,
    told,
    write_letters,
)

S, H = LetterState, Happening


def test_a_doubt_is_repeated_once_with_the_same_bytes(database: Database) -> None:
    begin(database, 1)
    (first,) = claim(database)
    tell(database, told(first, H.INTENDED, digest=DIGEST), told(first, H.LOST))
    with database.writing() as c:
        assert doubts.settle(c, first.id, H.REPEATED, NOW, "a calendar letter")
        agendas.keep_wording(c, "1" * 64, {})
        assert occasions.follow_version(c, EVENT, 2, "1" * 64) == 0
        people.save_roster(c, EVENT, [person(0, title="Dr")], NOW, str)
    (second,) = claim(database)
    assert (second.repeats, second.version, second.wording, second.recipient) == (
        DIGEST,
        1,
        WORDING,
        person(0),
    )
    tell(database, told(second, H.INTENDED, digest=DIGEST), told(second, H.LOST))
    with database.writing() as c:
        assert not doubts.settle(c, first.id, H.REPEATED, NOW, "again")
        assert doubts.settle(c, first.id, H.FOUND, NOW, "in the relay's log", entries=[sent("event", "u", 3)])
        (kept,) = ledger.ledger(c, EVENT)
    assert (kept.uid, kept.sequence_sent) == ("u", 3)
    assert states(database) == {first.id: S.SENT}


def test_what_is_no_evidence_is_an_error(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    with pytest.raises(ValueError, match="does not end a doubt"), database.writing() as c:
        doubts.settle(c, claimed.id, H.ACCEPTED, NOW)


RELAY = "smtp://mail.ministry.example:25"
MINUTE = timedelta(minutes=1)


def lose(database: Database, count: int = 1, through: str = RELAY) -> list[int]:
    """`count` letters that may have left through the relay at NOW, lost sight of a minute later; their ids."""
    begin(database, count)
    lost = claim(database)
    tell(database, *(told(each, H.INTENDED, digest=DIGEST, reply=through) for each in lost))
    tell(database, *(told(each, H.LOST, reply="no answer") for each in lost), now=NOW + MINUTE)
    return [each.id for each in lost]


def doubts_of(database: Database, event: str = EVENT) -> list[Doubt]:
    with database.reading() as c:
        return doubts.doubts(c, event)


def answer(
    database: Database, reader: int, after: timedelta, *, source: str = "page", anchor: str = "event"
) -> None:
    with database.writing() as c:
        people.record_answer(c, reader, anchor, "accepted", NOW + after, source, sequence=0)


def test_a_doubt_says_through_what_it_was_to_leave_and_since_when_nobody_knows(database: Database) -> None:
    (lost,) = lose(database)
    (doubt,) = doubts_of(database)
    with database.reading() as c:
        (row,) = letters.search(c, EVENT)
    assert doubt == Doubt(
        letter=row,
        useful_until=USEFUL_UNTIL,
        through=RELAY,
        doubted_at=NOW + MINUTE,
        is_asked=True,
        answered_at=None,
    )
    assert (row.id, row.intent_at, doubts_of(database, "another")) == (lost, NOW, [])


def test_the_last_try_is_the_one_that_counts(database: Database) -> None:
    (lost,) = lose(database, through="the tray")
    with database.writing() as c:
        doubts.settle(c, lost, H.NOT_FOUND, NOW + 2 * MINUTE)
    (again,) = claim(database, now=NOW + 3 * MINUTE)
    tell(database, told(again, H.INTENDED, digest=DIGEST, reply=RELAY), now=NOW + 3 * MINUTE)
    with database.writing() as c:
        claims.recover(c, NOW + 10 * MINUTE)
    (doubt,) = doubts_of(database)
    assert (doubt.through, doubt.doubted_at) == (RELAY, NOW + 10 * MINUTE)


def test_who_has_left_or_unsubscribed_or_whose_occasion_is_gone_is_not_asked(database: Database) -> None:
    lose(database, 3)
    assert all(doubt.is_asked for doubt in doubts_of(database))
    every = doubts_of(database)
    with database.reading() as c:
        assert [doubts.doubts(c, EVENT, only=each.letter.id) for each in every] == [[each] for each in every]
        assert doubts.doubts(c, EVENT, only=999) == []
    first, _, third = doubts_of(database)
    with database.writing() as c:
        people.unsubscribe(c, first.letter.recipient_id, NOW)
        people.save_roster(c, EVENT, [first.letter.recipient, third.letter.recipient], NOW, str)
    assert [doubt.is_asked for doubt in doubts_of(database)] == [False, False, True]
    with database.writing() as c:
        c.execute(update(schema.occasion).values(withdrawn_at=NOW))
    assert [doubt.is_asked for doubt in doubts_of(database)] == [False, False, False]


def test_an_answer_after_the_only_letter_shows_that_it_came(database: Database) -> None:
    lose(database, 2)
    first, _ = doubts_of(database)
    answer(database, first.letter.recipient_id, 9 * MINUTE)
    answer(database, first.letter.recipient_id, 5 * MINUTE, anchor="session-1")
    assert [doubt.answered_at for doubt in doubts_of(database)] == [NOW + 5 * MINUTE, None]


@pytest.mark.parametrize(("after", "source"), [(-MINUTE, "page"), (5 * MINUTE, "organiser")])
def test_an_answer_that_needs_no_letter_shows_nothing(
    database: Database, after: timedelta, source: str
) -> None:
    lose(database)
    answer(database, doubts_of(database)[0].letter.recipient_id, after, source=source)
    assert doubts_of(database)[0].answered_at is None


@pytest.mark.parametrize(
    ("fate", "is_shown"), [(S.SENT, False), (S.IN_DOUBT, False), (S.FAILED, True), (S.DEFERRED, True)]
)
def test_an_answer_shows_nothing_where_another_letter_may_have_brought_it(
    database: Database, fate: LetterState, is_shown: bool
) -> None:
    """Both letters hold the same links; one that was refused was never there."""
    lose(database)
    (doubt,) = doubts_of(database)
    another = Occasion(due_at=NOW, mailing="invitation", anchor="event", useful_until=USEFUL_UNTIL)
    with database.writing() as c:
        write_letters(c, [doubt.letter.recipient_id], another)
    (other,) = claim(database)
    happening = {S.SENT: H.ACCEPTED, S.IN_DOUBT: H.LOST, S.FAILED: H.REFUSED, S.DEFERRED: H.PUT_OFF}[fate]
    tell(database, told(other, H.INTENDED, digest=DIGEST))
    tell(database, told(other, happening))
    answer(database, doubt.letter.recipient_id, 5 * MINUTE)
    shown = next(each for each in doubts_of(database) if each.letter.id == doubt.letter.id)
    assert shown.answered_at == (NOW + 5 * MINUTE if is_shown else None)


def test_however_many_doubts_there_are_a_few_statements_read_them(database: Database) -> None:
    assert statements(database, lambda c: doubts.doubts(c, EVENT)) == 1
    lose(database, 40)
    assert statements(database, lambda c: doubts.doubts(c, EVENT)) <= 5

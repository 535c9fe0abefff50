"""Occasions and the letters they hold, opened, withdrawn and reopened, on both databases."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from mailer.outbox import agendas, claims, letters, occasions, people, schema
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.occasions import NewLetter
from mailer.planning.due import Occasion
from tests.outbox.world import (
    DUE,
    EVENT,
    LEASE,
    NOW,
    REMINDER,
    USEFUL_UNTIL,
    WORDING,
    begin,
    claim,
    how_many,
    later,
    list_people,
    new_letter,
    tell,
    told,
    write_letters,
)

S, H = LetterState, Happening


def test_opening_an_occasion_twice_gives_the_same_one(database: Database) -> None:
    longer = Occasion(
        due_at=DUE, mailing=REMINDER.mailing, anchor=REMINDER.anchor, useful_until=later(days=1)
    )
    with database.writing() as c:
        first = occasions.open_occasion(c, EVENT, REMINDER, NOW)
        second = occasions.open_occasion(c, EVENT, longer, later(hours=1))
        other = occasions.open_occasion(c, "another", REMINDER, NOW)
    assert first == second != other
    with database.reading() as c:
        (opened,) = occasions.occasions(c, EVENT)
    assert (opened.id, opened.useful_until, opened.opened_at) == (first, later(days=1), later(hours=1))


def test_the_same_occasion_cannot_be_stored_twice(database: Database) -> None:
    row = {"event": EVENT, "mailing": "m", "anchor": "event", "due_at": DUE, "reason": ""}
    row |= {"useful_until": USEFUL_UNTIL, "opened_at": NOW}
    with pytest.raises(IntegrityError), database.writing() as c:
        c.execute(schema.occasion.insert(), [row, row])


def test_a_recipient_cannot_have_two_letters_of_an_occasion(database: Database) -> None:
    occasion_id = begin(database, 1)
    copy = text(
        "INSERT INTO letter (occasion_id, recipient_id, revision, version, wording, dated_at, state, reason,"
        " attempts, next_attempt_at, fence, reply) SELECT occasion_id, recipient_id, revision, version,"
        " wording, dated_at, 'sent', reason, attempts, next_attempt_at, fence, reply FROM letter"
    )
    with pytest.raises(IntegrityError), database.writing() as c:
        c.execute(copy)
    with database.writing() as c:
        assert occasions.add_letters(c, occasion_id, [new_letter(people.roster(c, EVENT)[0].id)]) == 0


def test_an_expansion_killed_halfway_leaves_nothing_and_the_next_adds_all(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 10_000)

    def killed() -> Iterator[NewLetter]:
        yield from map(new_letter, ids[:5_000])
        raise KeyboardInterrupt

    def expand(c: Connection, new: Iterator[NewLetter]) -> int:
        agendas.keep_wording(c, WORDING, {})
        return occasions.add_letters(c, occasions.open_occasion(c, EVENT, REMINDER, NOW), new)

    with pytest.raises(KeyboardInterrupt), database.writing() as c:
        expand(c, killed())
    assert how_many(database) == 0
    with database.writing() as c:
        assert expand(c, map(new_letter, ids)) == 10_000
    with database.writing() as c:
        assert expand(c, map(new_letter, ids)) == 0
    assert how_many(database) == 10_000


def test_letters_that_are_not_to_be_sent_are_kept_with_their_reason(database: Database) -> None:
    with database.writing() as c:
        one, two = list_people(c, 2)
        write_letters(c, [])
        occasion_id = occasions.open_occasion(c, EVENT, REMINDER, NOW)
        new = [new_letter(one, S.SUPPRESSED, "unsubscribed"), new_letter(two, S.MISSED, "too late")]
        assert occasions.add_letters(c, occasion_id, new) == 2
        assert claims.claim(c, "one", NOW, 10, LEASE) == []
        assert [(row.state, row.reason) for row in letters.search(c, EVENT)] == [
            (S.SUPPRESSED, "unsubscribed"),
            (S.MISSED, "too late"),
        ]


def test_what_is_no_longer_useful_is_not_claimed_but_missed(database: Database) -> None:
    begin(database, 2)
    assert claim(database, now=USEFUL_UNTIL) == []
    with database.writing() as c:
        assert occasions.expire(c, USEFUL_UNTIL - timedelta(seconds=1)) == 0
        assert occasions.expire(c, USEFUL_UNTIL) == 2
        assert {(row.state, row.reason, row.settled_at) for row in letters.search(c, EVENT)} == {
            (S.MISSED, "no longer useful", USEFUL_UNTIL)
        }


def test_a_withdrawn_occasion_stops_and_takes_no_more(database: Database) -> None:
    occasion_id = begin(database, 3)
    claimed, leaving = claim(database, 2)
    tell(database, told(leaving, H.INTENDED))
    with database.writing() as c:
        assert occasions.withdraw_occasion(c, occasion_id, "the session moved", later(seconds=5)) == 2
        (opened,) = occasions.occasions(c, EVENT)
        added = list_people(c, 4)
        assert occasions.add_letters(c, occasion_id, map(new_letter, added)) == 0
    assert (opened.withdrawn_at, opened.reason) == (later(seconds=5), "the session moved")
    assert tell(database, told(claimed, H.INTENDED)) == []
    assert tell(database, told(leaving, H.ACCEPTED)) == [leaving.id]


def test_a_reopened_occasion_reaches_those_it_never_reached(database: Database) -> None:
    occasion_id = begin(database, 3)
    (sent,) = claim(database, 1)
    tell(database, told(sent, H.INTENDED), told(sent, H.ACCEPTED))
    with database.writing() as c:
        occasions.withdraw_occasion(c, occasion_id, "moved", NOW)
        assert occasions.open_occasion(c, EVENT, REMINDER, later(hours=1)) == occasion_id
        (opened,) = occasions.occasions(c, EVENT)
        assert (opened.withdrawn_at, opened.reason, opened.opened_at) == (None, "", later(hours=1))
        ids = [member.id for member in people.roster(c, EVENT)]
        assert occasions.add_letters(c, occasion_id, map(new_letter, ids)) == 2
        assert occasions.add_letters(c, occasion_id, map(new_letter, ids)) == 0
    assert len(claim(database)) == 2


def test_unsent_letters_follow_a_new_version(database: Database) -> None:
    begin(database, 4)
    sent, put_off, held = claim(database, 3)
    tell(database, told(sent, H.INTENDED), told(sent, H.ACCEPTED), told(put_off, H.PUT_OFF))
    with database.writing() as c:
        write_letters(c, list_people(c, 1, "another"), event_key="another")
        agendas.keep_wording(c, "1" * 64, {})
        assert occasions.follow_version(c, EVENT, 2, "1" * 64) == 3
        versions = {row.id: (row.version, row.wording) for row in letters.search(c, EVENT)}
        (other,) = letters.search(c, "another")
    assert versions[sent.id] == (1, WORDING)
    assert versions[put_off.id] == versions[held.id] == (2, "1" * 64)
    assert list(versions.values()).count((2, "1" * 64)) == 3
    assert other.version == 1

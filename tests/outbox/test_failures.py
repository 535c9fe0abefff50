"""Letters that failed, and how they come back to wait, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from mailer.outbox import failures, flags, letters, pauses, people, schema, tallies
from mailer.outbox.database import Database
from mailer.outbox.failures import Cause, Failure
from mailer.outbox.letter import Happening, LetterState
from mailer.planning.due import Occasion
from tests.outbox.world import (
    DIGEST,
    EVENT,
    NOW,
    REMINDER,
    USEFUL_UNTIL,
    begin,
    claim,
    handle_of,
    later,
    list_people,
    person,
    tell,
    told,
    write_letters,
)

H, S = Happening, LetterState
SPAM = "550 5.7.1 message refused as spam"


def fail(database: Database, *replies: str) -> list[int]:
    """A letter for each reply, which the server gave to its content; their ids."""
    begin(database, len(replies))
    claimed = claim(database)
    for each, reply in zip(claimed, replies, strict=True):
        tell(database, told(each, H.INTENDED, digest=DIGEST), told(each, H.REFUSED, reply=reply))
    return [each.id for each in claimed]


def found(database: Database, *ids: int) -> list[Failure]:
    with database.reading() as c:
        return failures.of_letters(c, EVENT, ids)


def test_what_differs_from_letter_to_letter_is_one_cause(database: Database) -> None:
    ids = fail(
        database,
        "550 5.1.1 <p000000@prosecution.example>: unknown",
        "550 5.1.1 <p000001@prosecution.example>: unknown",
        SPAM,
    )
    with database.reading() as c:
        assert [(each.cause, each.letters) for each in failures.causes(c, EVENT, REMINDER.mailing)] == [
            ("550 5.1.1 unknown", 2),
            (pauses.words_of(SPAM), 1),
        ]
        assert (
            failures.causes(c, EVENT, "invitation") == failures.causes(c, "another", REMINDER.mailing) == []
        )
        of_spam = list(failures.of_mailing(c, EVENT, REMINDER.mailing, pauses.words_of(SPAM)))
        assert [each.id for each in of_spam] == ids[2:]
        assert len(list(failures.of_mailing(c, EVENT, REMINDER.mailing))) == 3


def test_one_that_failed_without_a_word_has_a_cause_too(database: Database) -> None:
    fail(database, "")
    with database.reading() as c:
        assert failures.causes(c, EVENT, REMINDER.mailing) == [Cause(cause="", said="", letters=1)]


def test_what_stands_in_the_way_is_told(database: Database) -> None:
    one, *_ = fail(database, SPAM, SPAM)
    plain = Failure(
        id=one,
        mailing=REMINDER.mailing,
        cause=pauses.words_of(SPAM),
        may_have_arrived=False,
        useful_until=USEFUL_UNTIL,
        is_withdrawn=False,
        is_stopped=False,
        has_left=False,
        has_unsubscribed=False,
        is_flagged=False,
        is_void=False,
    )
    assert found(database, one) == [plain]
    with database.writing() as c:
        row = letters.one(c, EVENT, one)
        assert row
        flags.flag(c, row.recipient_id, NOW)
        people.unsubscribe(c, row.recipient_id, NOW)
        pauses.stop(c, EVENT, REMINDER.mailing, NOW)
        people.save_roster(c, EVENT, [person(1)], later(seconds=1), handle_of)
        c.execute(update(schema.occasion).values(withdrawn_at=NOW))
        c.execute(update(schema.letter).where(schema.letter.c.id == one).values(repeated_at=NOW))
    (now,) = found(database, one)
    assert (
        now.may_have_arrived,
        now.is_withdrawn,
        now.is_stopped,
        now.has_left,
        now.has_unsubscribed,
        now.is_flagged,
    ) == (True,) * 6


def test_what_has_not_failed_is_not_found(database: Database) -> None:
    (one,) = fail(database, SPAM)
    with database.writing() as c:
        assert failures.send_again(c, EVENT, [one], NOW) == 1
    assert found(database, one) == found(database, 10**6) == []


def test_one_that_is_sent_again_waits_as_if_it_had_never_been_tried(database: Database) -> None:
    (one,) = fail(database, SPAM)
    with database.writing() as c:
        people.save_roster(c, EVENT, [person(0, given_name="Anna")], later(seconds=1), handle_of)
        assert failures.send_again(c, EVENT, [one], later(hours=1), "by hand") == 1
        assert failures.send_again(c, EVENT, [one], later(hours=1)) == 0  # whoever was second
        row = letters.one(c, EVENT, one)
        history = letters.history(c, one)
    assert row
    assert (row.state, row.attempts, row.next_attempt_at) == (S.WAITING, 0, later(hours=1))
    assert (row.settled_at, row.reply, row.reason) == (None, "", "")
    assert row.recipient.given_name == "Anna"
    assert [(each.happening, each.note) for each in history][-2:] == [
        (H.REFUSED, SPAM),
        (H.RETRIED, "by hand"),
    ]
    assert [each.id for each in claim(database, now=later(hours=2))] == [one]


def test_five_days_begin_anew(database: Database) -> None:
    (one,) = fail(database, "given up: 451 busy")
    with database.writing() as c:
        failures.send_again(c, EVENT, [one], later(hours=1))
    with database.reading() as c:
        assert tallies.first_tried_at(c, [one]) == {}
    (again,) = claim(database, now=later(hours=1))
    tell(database, told(again, H.PUT_OFF, reply="451", retry_at=later(hours=2)), now=later(hours=1))
    with database.reading() as c:
        assert tallies.first_tried_at(c, [one]) == {one: later(hours=1)}
        hours = (timedelta(hours=1), timedelta(hours=2))
        assert tallies.put_off_for(c, EVENT, later(hours=2), hours) == [1, 0]


@pytest.mark.parametrize(
    ("mailing", "anchor", "is_void"),
    [
        ("update", "session-1", True),
        ("cancellation", "session-1", True),
        ("update", "event", False),
        ("agenda", "session-1", False),
        ("confirmation", "session-1", False),
    ],
)
def test_what_a_later_letter_told_is_void(
    database: Database, mailing: str, anchor: str, is_void: bool
) -> None:
    entries = Occasion(due_at=NOW, mailing="update", anchor="session-1", useful_until=USEFUL_UNTIL)
    newer = Occasion(due_at=later(minutes=5), mailing=mailing, anchor=anchor, useful_until=USEFUL_UNTIL)
    with database.writing() as c:
        (whose,) = list_people(c, 1)
        write_letters(c, [whose], entries)
    (one,) = claim(database)
    tell(database, told(one, H.INTENDED, digest=DIGEST), told(one, H.REFUSED, reply=SPAM))
    with database.writing() as c:
        c.execute(schema.upkeep.insert().values(digest="u" * 64, document="{}"))
        c.execute(update(schema.letter).values(upkeep="u" * 64))
    assert not found(database, one.id)[0].is_void
    with database.writing() as c:
        write_letters(c, [whose], newer)
    assert found(database, one.id)[0].is_void is is_void
    with database.writing() as c:
        c.execute(update(schema.letter).where(schema.letter.c.id != one.id).values(state=S.WITHDRAWN))
    assert not found(database, one.id)[0].is_void  # it told nothing

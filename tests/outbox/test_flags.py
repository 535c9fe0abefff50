"""Nothing leaves to an address that was reported as wrong, and nothing is lost that was to; on both databases."""

from datetime import timedelta
from importlib import import_module

import pytest
from sqlalchemy import delete, select, text

from mailer.outbox import flags, letters, occasions, people
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.moving import move
from mailer.outbox.schema import Trouble, flag
from mailer.outbox.schema import letter as letter_table
from tests.outbox.answered import listed, reported, said
from tests.outbox.world import (
    EVENT,
    NOW,
    USEFUL_UNTIL,
    begin,
    claim,
    later,
    list_people,
    person,
    states,
    tell,
    told,
)

S, H = LetterState, Happening
FIRST, SECOND = person(0).address, person(1).address


def who(database: Database) -> list[int]:
    with database.reading() as c:
        return [member.id for member in people.roster(c, EVENT)]


def claimed(database: Database) -> list[str]:
    return [each.address for each in claim(database, now=later(minutes=1))]


@pytest.fixture
def flagged(database: Database) -> Database:
    """Two people with a letter each; the address of the first was reported as wrong."""
    begin(database, 2)
    first, _ = who(database)
    with database.writing() as c:
        assert flags.flag(c, first, NOW)
    return database


def clear(database: Database, address: str = FIRST) -> bool:
    with database.writing() as c:
        return flags.clear(c, EVENT, address)


def test_a_flagged_address_is_passed_over_and_the_others_go_on(flagged: Database) -> None:
    assert claimed(flagged) == [SECOND]
    assert claimed(flagged) == []
    assert [*states(flagged).values()] == [S.WAITING, S.CLAIMED]
    with flagged.reading() as c:
        assert flags.flagged(c, EVENT) == {FIRST}
        assert flags.held_letters(c, EVENT) == {"session-reminder": 1}
        rows = letters.search(c, EVENT)
        assert [row.flagged_at for row in rows] == [NOW, None]


def test_what_waits_leaves_once_a_person_says_that_the_address_is_right(flagged: Database) -> None:
    assert not clear(flagged, SECOND)
    assert clear(flagged, FIRST.upper())
    assert not clear(flagged)
    assert claimed(flagged) == [FIRST, SECOND]
    with flagged.reading() as c:
        assert (flags.flagged(c, EVENT), flags.held_letters(c, EVENT)) == (set(), {})


def test_what_waits_leaves_once_its_reader_answers(flagged: Database) -> None:
    first, _ = who(flagged)
    for after, is_right in ((-1, False), (0, False), (1, True)):
        with flagged.writing() as c:
            answer = "declined" if is_right else "accepted"
            people.record_answer(c, first, "event", answer, later(seconds=after), "calendar", sequence=0)
            assert (flags.flagged(c, EVENT) == set()) is is_right
    with flagged.writing() as c:
        assert not flags.flag(c, first, NOW)  # an older report that comes now
        assert flags.flag(c, first, later(seconds=2))


def test_what_waits_for_too_long_is_missed_and_not_lost(flagged: Database) -> None:
    with flagged.writing() as c:
        assert occasions.expire(c, USEFUL_UNTIL) == 2
        assert flags.held_letters(c, EVENT) == {}
    assert [*states(flagged).values()] == [S.MISSED, S.MISSED]


def test_no_dot_leaves_for_a_letter_whose_address_is_flagged_while_it_is_claimed(database: Database) -> None:
    begin(database, 2)
    first, second = claim(database)
    tell(database, told(second, H.INTENDED, digest="a"))
    with database.writing() as c:
        for each in people.roster(c, EVENT):
            assert flags.flag(c, each.id, NOW)
    assert tell(database, told(first, H.INTENDED, digest="b")) == []
    assert tell(database, told(second, H.ACCEPTED)) == [second.id]
    assert [*states(database).values()] == [S.WAITING, S.SENT]
    assert claim(database) == []


def test_a_repetition_waits_too(database: Database) -> None:
    begin(database, 1)
    (letter,) = claim(database)
    tell(database, told(letter, H.INTENDED, digest="a"), told(letter, H.LOST))
    with database.writing() as c:
        flags.flag(c, people.roster(c, EVENT)[0].id, NOW)
        move(c, letter_table.c.id == letter.id, H.REPEATED, NOW, "", more={"repeated_at": NOW})
    assert claimed(database) == []
    assert clear(database)
    assert [each.repeats for each in claim(database, now=later(minutes=1))] == ["a"]


def test_the_flag_is_one_events_and_the_newest_report_counts(database: Database) -> None:
    with database.writing() as c:
        (here,) = list_people(c, 1)
        list_people(c, 1, "another")
        assert flags.flag(c, here, NOW)
        assert not flags.flag(c, here, NOW - timedelta(hours=1))
        assert flags.flag(c, here, later(hours=1))
        assert flags.flagged(c, "another") == set()
        assert not flags.clear(c, "another", FIRST)


def test_what_was_reported_before_there_were_flags_is_flagged_by_the_upgrade(database: Database) -> None:
    step = import_module("mailer.outbox.migrations.versions.0008_flags")
    with database.writing() as c:
        wrong, right, late, soft, _ = ids = listed(c, *map(person, range(5)))
        reported(c, wrong)
        reported(c, wrong, after=timedelta(hours=1))
        said(c, wrong, "accepted")
        reported(c, right)
        said(c, right, "accepted", after=timedelta(seconds=1))
        reported(c, late, Trouble.SOFT)
        reported(c, late)
        reported(c, soft, Trouble.SOFT)
        before = sorted(map(tuple, c.execute(select(flag))))
        c.execute(delete(flag))
        c.execute(text(step.FLAGGED))
        assert sorted(map(tuple, c.execute(select(flag)))) == before
    assert [ids.index(each) for each, _ in before] == [0, 2]

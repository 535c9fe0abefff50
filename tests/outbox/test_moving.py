"""What can happen to letters, and nothing else, on both databases."""

import threading

import pytest

from mailer.outbox import claims, doubts, failures, letters, occasions, people
from mailer.outbox.database import Database
from mailer.outbox.letter import TRANSITIONS, Happening, LetterState
from tests.outbox.world import (
    EVENT,
    LEASE,
    NOW,
    USEFUL_UNTIL,
    begin,
    claim,
    put_into,
    states,
    tell,
    told,
)

S, H = LetterState, Happening


@pytest.mark.parametrize("happening", Happening)
def test_only_what_the_table_allows_happens(database: Database, happening: Happening) -> None:
    occasion_id = begin(database, len(S))
    claimed = claim(database)
    with database.writing() as c:
        rows = letters.search(c, EVENT)
        before = dict(zip((row.id for row in rows), S, strict=True))
        for letter_id, state in before.items():
            put_into(c, letter_id, state)
        if happening in claims.TOLD_BY_OWNER:
            claims.happen(c, [told(each, happening) for each in claimed], NOW)
        elif happening in doubts.TOLD_OF_DOUBT:
            for each in before:
                doubts.settle(c, each, happening, NOW, "seen")
        elif happening is H.RETRIED:
            failures.send_again(c, EVENT, before, NOW, "by hand")
        elif happening is H.CLAIMED:
            claims.claim(c, "two", NOW, 100, LEASE)
        elif happening is H.WITHDRAWN:
            occasions.withdraw_occasion(c, occasion_id, "moved", NOW)
        elif happening is H.SUPPRESSED:
            for row in rows:
                people.unsubscribe(c, row.recipient_id, NOW)
        else:
            occasions.expire(c, USEFUL_UNTIL)
    expected = {each: TRANSITIONS.get((state, happening), state) for each, state in before.items()}
    assert states(database) == expected
    with database.reading() as c:
        written = {each: [line.happening for line in letters.history(c, each)] for each in before}
    unsaid = happening in {H.CLAIMED, H.ACCEPTED}  # the letter itself says so
    assert written == {
        each: [happening] * ((state, happening) in TRANSITIONS and not unsaid)
        for each, state in before.items()
    }


def test_owners_telling_and_an_organiser_withdrawing_do_not_deadlock(database: Database) -> None:
    occasion_id = begin(database, 300)
    claimed = claim(database, 300)
    errors: list[Exception] = []

    def act(change: Happening) -> None:
        try:
            tell(database, *[told(each, change) for each in reversed(claimed)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=act, args=(change,)) for change in (H.INTENDED, H.RELEASED, H.PUT_OFF)]
    for thread in threads:
        thread.start()
    with database.writing() as c:
        occasions.withdraw_occasion(c, occasion_id, "moved", NOW)
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(states(database).values()) & {S.CLAIMED}) == 0

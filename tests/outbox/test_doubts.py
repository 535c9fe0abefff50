"""What ends a doubt, on both databases."""

import pytest

from mailer.outbox import agendas, doubts, ledger, occasions, people
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from tests.outbox.world import DIGEST, EVENT, NOW, WORDING, begin, claim, person, states, tell, told

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
        assert doubts.settle(c, first.id, H.FOUND, NOW, "in the relay's log", entries=[("event", "u", 3)])
        (kept,) = ledger.ledger(c, EVENT)
    assert (kept.uid, kept.sequence_sent) == ("u", 3)
    assert states(database) == {first.id: S.SENT}


def test_what_is_no_evidence_is_an_error(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    with pytest.raises(ValueError, match="does not end a doubt"), database.writing() as c:
        doubts.settle(c, claimed.id, H.ACCEPTED, NOW)

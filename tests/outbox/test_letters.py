"""What the organiser sees of letters, on both databases."""

from mailer.outbox import letters, occasions
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import Happened
from mailer.planning.due import Occasion
from tests.outbox.world import DIGEST, EVENT, NOW, REMINDER, begin, claim, later, person, tell, told

S, H = LetterState, Happening


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

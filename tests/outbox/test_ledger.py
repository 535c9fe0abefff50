"""What calendars were told, on both databases."""

from mailer.outbox import agendas, ledger, letters, occasions
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening
from mailer.planning.due import Occasion
from tests.outbox.world import (
    DUE,
    EVENT,
    NOW,
    USEFUL_UNTIL,
    begin,
    claim,
    later,
    new_letter,
    sent,
    tell,
    told,
    write_letters,
)

H = Happening


def test_what_was_sent_enters_the_ledger_and_the_newest_stays(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    entries = (sent("event", "uid-1", 0), sent("session-1", "uid-2", 4))
    tell(database, told(claimed, H.INTENDED), told(claimed, H.ACCEPTED, entries=entries))
    update = Occasion(due_at=NOW, mailing="update", anchor="session-1", useful_until=USEFUL_UNTIL)
    with database.writing() as c:
        (row,) = letters.search(c, EVENT)
        write_letters(c, [row.recipient_id], update)
        agendas.keep_wording(c, "1" * 64, {})
        occasions.follow_version(c, EVENT, 2, "1" * 64)
    (second,) = claim(database)
    changed = told(second, H.ACCEPTED, entries=(sent("session-1", "uid-2", 5),))
    tell(database, told(second, H.INTENDED), changed, now=later(seconds=30))
    with database.writing() as c:
        late = occasions.open_occasion(
            c, EVENT, Occasion(due_at=DUE, mailing="late", anchor="event", useful_until=USEFUL_UNTIL), NOW
        )
        occasions.add_letters(c, late, [new_letter(row.recipient_id)])
    (old,) = claim(database)
    stale = told(old, H.ACCEPTED, entries=(sent("session-1", "uid-2", 4),))
    tell(database, told(old, H.INTENDED), stale, now=later(seconds=40))
    with database.reading() as c:
        found = [
            (each.anchor, each.uid, each.sequence_sent, each.version_sent, each.sent_at)
            for each in ledger.ledger(c, EVENT)
        ]
    assert found == [("event", "uid-1", 0, 1, NOW), ("session-1", "uid-2", 5, 2, later(seconds=30))]


def test_a_refused_letter_enters_nothing(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    tell(database, told(claimed, H.INTENDED), told(claimed, H.REFUSED, entries=(sent("event", "u", 0),)))
    with database.reading() as c:
        assert ledger.ledger(c, EVENT) == []

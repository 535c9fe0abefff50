"""What left lately and what has been put off for long, on both databases."""

from datetime import datetime, timedelta

from mailer.delivery import forecast
from mailer.outbox import tallies
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening
from tests.outbox.world import DIGEST, EVENT, NOW, begin, claim, later, tell, told

H = Happening
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def send(database: Database, letters: int, at: datetime) -> None:
    for claimed in claim(database, letters, now=at):
        tell(database, told(claimed, H.INTENDED, digest=DIGEST), now=at)
        tell(database, told(claimed, H.ACCEPTED, reply="250 ok"), now=at)


def put_off(database: Database, at: datetime, until: datetime) -> list[int]:
    claimed = claim(database, 100, now=at)
    tell(database, *(told(each, H.PUT_OFF, reply="451", retry_at=until) for each in claimed), now=at)
    return [each.id for each in claimed]


def test_what_was_sent_is_counted_by_tens_of_minutes(database: Database) -> None:
    begin(database, 10)
    send(database, 2, NOW)
    send(database, 3, NOW + 8.5 * MINUTE)
    send(database, 1, NOW + 9 * MINUTE)
    send(database, 1, NOW + HOUR)
    with database.reading() as c:
        assert tallies.sent_lately(c, NOW + HOUR) == [
            (NOW + 9 * MINUTE, 5),
            (NOW + 19 * MINUTE, 1),
            (NOW + HOUR + 9 * MINUTE, 1),
        ]
        assert tallies.sent_lately(c, NOW + HOUR, within=HOUR) == [
            (NOW + 9 * MINUTE, 3),
            (NOW + 19 * MINUTE, 1),
            (NOW + HOUR + 9 * MINUTE, 1),
        ]
        assert tallies.sent_since(c, NOW + 8 * MINUTE) == 5


def test_the_outbox_counts_by_the_slots_that_a_quota_is_kept_by() -> None:
    assert tallies.SLOT.total_seconds() == forecast.SLOT


def test_letters_put_off_for_long_are_counted_from_the_first_time(database: Database) -> None:
    begin(database, 3)
    put_off(database, NOW, NOW + HOUR)
    put_off(database, NOW + HOUR, NOW + 2 * HOUR)
    times = (4 * HOUR, 24 * HOUR)
    with database.reading() as c:
        assert tallies.put_off_for(c, EVENT, NOW + 4 * HOUR - MINUTE, times) == [0, 0]
        assert tallies.put_off_for(c, EVENT, NOW + 4 * HOUR, times) == [3, 0]
        assert tallies.put_off_for(c, EVENT, NOW + 24 * HOUR, times) == [3, 3]
        assert tallies.put_off_for(c, "water-2027", NOW + 24 * HOUR, times) == [0, 0]
    send(database, 1, NOW + 2 * HOUR)
    with database.reading() as c:
        assert tallies.put_off_for(c, EVENT, NOW + 4 * HOUR, times) == [2, 0]


def test_a_letter_knows_when_it_was_first_tried(database: Database) -> None:
    begin(database, 2)
    ids = put_off(database, NOW, NOW + HOUR)
    put_off(database, later(hours=1), later(hours=2))
    with database.reading() as c:
        assert tallies.first_tried_at(c, [*ids, 10**6]) == dict.fromkeys(ids, NOW)
        assert tallies.first_tried_at(c, []) == {}


def test_a_letter_that_is_leaving_for_the_first_time_has_been_tried(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    tell(database, told(claimed, H.INTENDED, digest=DIGEST))
    with database.reading() as c:
        assert tallies.first_tried_at(c, [claimed.id]) == {claimed.id: NOW}
    tell(database, told(claimed, H.PUT_OFF, retry_at=NOW + HOUR), now=NOW + MINUTE)
    (again,) = claim(database, now=NOW + HOUR)
    tell(database, told(again, H.INTENDED, digest=DIGEST), now=NOW + HOUR)
    with database.reading() as c:
        assert tallies.first_tried_at(c, [claimed.id]) == {claimed.id: NOW}

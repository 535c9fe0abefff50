"""What servers asked for, seen from elsewhere."""

from datetime import timedelta

from mailer.outbox import slowdowns
from mailer.outbox.database import Database
from mailer.outbox.slowdowns import STALE_AFTER, Slowdown
from tests.outbox.world import NOW

RELAY = "smtp+starttls://mail.ministry.example:587"


def test_a_lowered_pace_is_noted_until_it_is_as_usual(database: Database) -> None:
    with database.writing() as c:
        slowdowns.note(c, RELAY, 15, "421 4.7.0 too fast", NOW)
        slowdowns.note(c, RELAY, 18, "", NOW + timedelta(minutes=1))
        slowdowns.note(c, "smtp://other.example:25", 600, "450 4.7.1 slower", NOW)
        assert slowdowns.slowdowns(c, NOW + timedelta(minutes=2)) == [
            Slowdown(
                relay=RELAY, per_minute=18, noted_at=NOW + timedelta(minutes=1), reason="421 4.7.0 too fast"
            ),
            Slowdown(
                relay="smtp://other.example:25", per_minute=600, noted_at=NOW, reason="450 4.7.1 slower"
            ),
        ]
        slowdowns.note(c, RELAY, None, "", NOW)
        assert [each.per_minute for each in slowdowns.slowdowns(c, NOW)] == [600]


def test_one_that_nobody_has_noted_for_long_is_not_told(database: Database) -> None:
    with database.writing() as c:
        slowdowns.note(c, RELAY, 15, "421", NOW)
        assert slowdowns.slowdowns(c, NOW + STALE_AFTER) == []

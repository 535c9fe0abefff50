"""The columns' own promises: instants are UTC, words are among those known, references hold."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from mailer.outbox.database import Database
from mailer.outbox.schema import roster
from tests.outbox.world import begin


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=8))], ids=str
)
def test_an_instant_comes_back_in_utc(database: Database, zone: timezone) -> None:
    at = datetime(2027, 3, 10, 23, 59, 59, 123456, tzinfo=zone)
    with database.writing() as c:
        c.execute(roster.insert(), {"event": "e", "changed_at": at})
        found = c.execute(select(roster.c.changed_at)).scalar_one()
        assert c.scalar(select(roster.c.event).where(roster.c.changed_at == at)) == "e"
        later = roster.c.changed_at > at - timedelta(microseconds=1)
        assert c.scalar(select(roster.c.event).where(later, roster.c.changed_at <= at)) == "e"
    assert (found, found.tzinfo) == (at, UTC)


def test_a_naive_datetime_is_refused(database: Database) -> None:
    naive = datetime(2027, 3, 10, 9, 0)  # noqa: DTZ001
    with pytest.raises(StatementError, match="has no time zone"), database.writing() as c:
        c.execute(roster.insert(), {"event": "e", "changed_at": naive})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE letter SET state = 'lost'",
        "UPDATE letter SET state = 'claimed'",
        "UPDATE letter SET owner = 'one'",
        "UPDATE letter SET occasion_id = 0",
        "UPDATE letter SET revision = 7",
        "UPDATE letter SET wording = 'unknown'",
        "DELETE FROM recipient",
    ],
)
def test_the_database_itself_refuses_what_cannot_be(database: Database, statement: str) -> None:
    begin(database, 1)
    refused: Any = pytest.raises(IntegrityError)
    with refused, database.writing() as c:
        c.execute(text(statement))

"""Rows of the audit are added, bound to all before them, and never altered."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, insert, text, update
from sqlalchemy.exc import DBAPIError

from mailer.errors import StoreError
from mailer.outbox import audit
from mailer.outbox.database import Database
from mailer.outbox.schema import audit as rows
from tests.conference import PUBLISHED_AT
from tests.databases import empty


def _note(database: Database, *did: str) -> None:
    for number, each in enumerate(did):
        with database.writing() as transaction:
            audit.note(transaction, PUBLISHED_AT + timedelta(seconds=number), "Žofie", each, "x", event="c")


def test_rows_come_back_newest_first_and_the_chain_is_whole(database: Database) -> None:
    _note(database, "came", "saw", "went")

    with database.reading() as transaction:
        found = audit.deeds(transaction, limit=2)
        older = audit.deeds(transaction, before=found[-1].number)
        assert audit.broken_at(transaction) is None
    assert [deed.did for deed in found] == ["went", "saw"]
    assert [(deed.number, deed.did, deed.who, deed.at) for deed in older] == [
        (1, "came", "Žofie", PUBLISHED_AT)
    ]


@pytest.mark.parametrize("statement", [update(rows).values(who="nobody"), delete(rows)])
def test_the_database_refuses_to_alter_them(database: Database, statement: object) -> None:
    _note(database, "came")

    with (
        pytest.raises((DBAPIError, StoreError), match="neither altered nor taken out"),
        database.writing() as c,
    ):
        c.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize("statement", ["TRUNCATE audit", "TRUNCATE account, audit CASCADE"])
def test_postgresql_refuses_to_empty_them(postgresql_database: Database, statement: str) -> None:
    _note(postgresql_database, "came")

    with (
        pytest.raises((DBAPIError, StoreError), match="neither altered nor taken out"),
        postgresql_database.writing() as c,
    ):
        c.execute(text(statement))

    with postgresql_database.reading() as c:
        assert [deed.did for deed in audit.deeds(c)] == ["came"]
    empty(postgresql_database)


@contextmanager
def _unguarded(database: Database) -> Iterator[Connection]:
    """By hand, with the triggers out of the way."""
    with database.writing() as c:
        if c.dialect.name == "postgresql":
            c.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_stays"))
            yield c
            c.execute(text("ALTER TABLE audit ENABLE TRIGGER audit_stays"))
        else:
            c.execute(text("DROP TRIGGER IF EXISTS audit_no_update"))
            c.execute(text("DROP TRIGGER IF EXISTS audit_no_delete"))
            yield c


def test_a_row_that_was_altered_by_hand_is_found(database: Database) -> None:
    _note(database, "came", "saw", "went")

    with _unguarded(database) as c:
        c.execute(update(rows).where(rows.c.number == 2).values(who="nobody"))

    with database.reading() as c:
        assert audit.broken_at(c) == 2


@pytest.mark.parametrize(
    "altered",
    [
        {"at": PUBLISHED_AT + timedelta(days=1)},
        {"event": "another"},
        {"who": "nobody"},
        {"did": "slept"},
        {"what": "another"},
        {"digest": "0" * 64},
    ],
)
@pytest.mark.parametrize("number", [1, 3])
def test_whatever_of_a_row_was_altered_is_found_the_last_one_as_well(
    database: Database, number: int, altered: dict[str, object]
) -> None:
    _note(database, "came", "saw", "went")

    with _unguarded(database) as c:
        c.execute(update(rows).where(rows.c.number == number).values(altered))

    with database.reading() as c:
        assert audit.broken_at(c) == number


def test_a_row_that_was_taken_out_or_put_in_is_found(database: Database) -> None:
    _note(database, "came", "saw", "went")

    with _unguarded(database) as c:
        c.execute(delete(rows).where(rows.c.number == 2))
    with database.reading() as c:
        assert audit.broken_at(c) == 2

    with database.writing() as c:
        forged = {"number": 2, "at": PUBLISHED_AT, "event": "c", "who": "Žofie", "did": "slept", "what": "x"}
        c.execute(insert(rows).values(**forged, digest="0" * 64))
    with database.reading() as c:
        assert audit.broken_at(c) == 2

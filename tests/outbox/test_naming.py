"""What an event is named by is kept once, on both databases."""

import pytest

from mailer.errors import StoreError
from mailer.outbox import naming
from mailer.outbox.database import Database
from tests.outbox.world import EVENT, list_people, person


def test_a_naming_key_is_kept_for_each_event_and_never_changed(database: Database) -> None:
    with database.writing() as c:
        assert naming.naming_key(c, EVENT) is None
        for _ in range(2):
            naming.keep_naming_key(c, EVENT, b"\x00one")
        naming.keep_naming_key(c, "another", b"two\xff")
    with pytest.raises(StoreError, match="another secret key"), database.writing() as c:
        naming.keep_naming_key(c, EVENT, b"two\xff")
    with database.reading() as c:
        assert [naming.naming_key(c, event) for event in (EVENT, "another")] == [b"\x00one", b"two\xff"]


def test_somebody_of_the_event_and_their_handle_are_found(database: Database) -> None:
    with database.writing() as c:
        assert naming.somebody_named(c, EVENT) is None
        list_people(c, 1, "another")
        list_people(c, 3)
        assert naming.somebody_named(c, EVENT) == (person(0).address, f"{EVENT}/{person(0).address}", 0)

"""Lists that somebody handed in: kept for their owner, for a while."""

from datetime import timedelta

import pytest

from mailer.errors import ConvenorError
from mailer.outbox import uploads
from mailer.outbox.database import Database
from mailer.outbox.uploads import Unfinished, Upload
from tests.outbox.world import EVENT, NOW

TOKEN = "t" * 32


def keep(
    database: Database, token: str = TOKEN, who: str = "Maria", raw: bytes = b"x", at: timedelta = timedelta()
) -> None:
    with database.writing() as c:
        uploads.keep(c, token, EVENT, who, name="list.csv", raw=raw, now=NOW + at)


def kept(
    database: Database,
    token: str = TOKEN,
    who: str = "Maria",
    event: str = EVENT,
    at: timedelta = timedelta(),
) -> Upload | None:
    with database.reading() as c:
        return uploads.kept(c, token, event, who, NOW + at)


def test_a_list_is_kept_for_its_owner_alone(database: Database) -> None:
    keep(database)
    assert kept(database) == Upload(name="list.csv", at=NOW, choices={}, raw=b"x")
    with database.writing() as c:
        uploads.choose(c, TOKEN, EVENT, "Maria", {"columns": ["email", ""]})
    found = kept(database)
    assert found
    assert found.choices == {"columns": ["email", ""]}
    assert (
        kept(database, who="Ivan") is kept(database, token="other") is kept(database, event="another") is None
    )


def test_it_ends_by_itself_and_when_it_is_dropped(database: Database) -> None:
    keep(database)
    assert kept(database, at=uploads.KEPT_FOR) is None
    keep(database, "u" * 32, "Ivan", at=uploads.KEPT_FOR)
    assert kept(database) is None  # and no row of it is left
    with database.writing() as c:
        uploads.drop(c, "u" * 32, EVENT, "Ivan")
    assert kept(database, "u" * 32, "Ivan", at=uploads.KEPT_FOR) is None


def test_somebodys_next_list_takes_the_place_of_the_one_before(database: Database) -> None:
    keep(database)
    keep(database, "u" * 32)
    assert kept(database) is None
    assert kept(database, "u" * 32) is not None


def test_there_is_a_limit_to_one_and_to_all(database: Database) -> None:
    with pytest.raises(ConvenorError, match="larger than 24 MB"):
        keep(database, raw=b"x" * (uploads.LARGEST + 1))
    for number in range(uploads.MOST):
        keep(database, f"{number:032}", f"somebody {number}")
    with pytest.raises(ConvenorError, match="12 other lists"):
        keep(database)
    keep(database, at=uploads.KEPT_FOR)


def unfinished(database: Database, event: str = EVENT, at: timedelta = timedelta()) -> list[Unfinished]:
    with database.reading() as c:
        return uploads.unfinished(c, event, NOW + at)


def test_what_is_not_taken_over_is_told_with_the_rows_that_cannot_be_taken(database: Database) -> None:
    keep(database)
    keep(database, "u" * 32, "Ivan", at=timedelta(minutes=1))
    with database.writing() as c:
        uploads.choose(c, TOKEN, EVENT, "Maria", {"role": "expert"}, refused=12)
    marias = Unfinished(who="Maria", name="list.csv", at=NOW, refused=12)
    ivans = Unfinished(who="Ivan", name="list.csv", at=NOW + timedelta(minutes=1), refused=0)

    assert unfinished(database) == [ivans, marias]
    assert unfinished(database, "another") == []
    assert unfinished(database, at=uploads.KEPT_FOR) == [ivans]
    with database.writing() as c:
        uploads.drop(c, "u" * 32, EVENT, "Ivan")
    assert unfinished(database) == [marias]


def test_a_new_token_leads_its_owner_back_and_the_old_one_nowhere(database: Database) -> None:
    keep(database)
    with database.writing() as c:
        assert not uploads.go_on(c, "u" * 32, EVENT, "Ivan", NOW)
        assert not uploads.go_on(c, "u" * 32, EVENT, "Maria", NOW + uploads.KEPT_FOR)
        assert uploads.go_on(c, "u" * 32, EVENT, "Maria", NOW)
    assert kept(database) is None
    assert kept(database, "u" * 32) is not None


def test_rows_refused_are_noted_of_a_list_as_it_was_read(database: Database) -> None:
    keep(database)
    with database.writing() as c:
        uploads.choose(c, TOKEN, EVENT, "Maria", {"role": "expert"})
        uploads.note_refused(c, TOKEN, EVENT, "Maria", {"role": "expert"}, 3)
        uploads.note_refused(c, TOKEN, EVENT, "Maria", {}, 5)  # it is read in another way by now
        uploads.note_refused(c, TOKEN, EVENT, "Ivan", {"role": "expert"}, 7)
        uploads.choose(c, TOKEN, EVENT, "Maria", {"role": "speaker"})  # how many, is not known yet
    with database.reading() as c:
        assert [each.refused for each in uploads.unfinished(c, EVENT, NOW)] == [3]

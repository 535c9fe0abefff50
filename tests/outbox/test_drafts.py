"""Edits of an agenda are kept one by one, and their numbers are never given twice."""

import pytest

from mailer.outbox import drafts
from mailer.outbox.database import Database
from tests.conference import EVENT, PUBLISHED_AT


def test_each_edit_is_kept_with_the_whole_agenda(database: Database) -> None:
    other = EVENT.model_copy(update={"title": "Another"})
    with database.writing() as c:
        assert drafts.add(c, EVENT, 3, PUBLISHED_AT, "Maria", "one") == 1
        assert drafts.add(c, other, 3, PUBLISHED_AT, "Jan", "two") == 2
    with database.reading() as c:
        assert [(each.number, each.based_on, each.by, each.what) for each in drafts.edits(c, EVENT.key)] == [
            (1, 3, "Maria", "one"),
            (2, 3, "Jan", "two"),
        ]
        assert drafts.document(c, EVENT.key, 2) == other
        assert drafts.edits(c, "another-event") == []
        with pytest.raises(KeyError):
            drafts.document(c, EVENT.key, 3)


def test_an_edit_tells_of_all_who_had_a_hand_in_it(database: Database) -> None:
    hands = {("Jan", "mailing:report"), ("Zoë", "agenda")}
    with database.writing() as c:
        drafts.add(c, EVENT, 3, PUBLISHED_AT, "Maria", "one", hands=hands)
        drafts.add(c, EVENT, 3, PUBLISHED_AT, "Maria", "two")
        assert [each.hands for each in drafts.edits(c, EVENT.key)] == [hands, set()]


def test_the_number_of_an_edit_that_was_taken_back_is_not_given_again(database: Database) -> None:
    with database.writing() as c:
        drafts.add(c, EVENT, 1, PUBLISHED_AT, "Maria", "one")
        drafts.take_back(c, EVENT.key, 1, PUBLISHED_AT)
        assert drafts.edits(c, EVENT.key) == []
        assert drafts.add(c, EVENT, 1, PUBLISHED_AT, "Maria", "two") == 2


def test_edits_are_forgotten_by_the_version_they_were_begun_on(database: Database) -> None:
    with database.writing() as c:
        drafts.add(c, EVENT, 1, PUBLISHED_AT, "Maria", "one")
        drafts.add(c, EVENT, 2, PUBLISHED_AT, "Maria", "two")
        drafts.forget(c, EVENT.key, based_on=1)
        assert [each.what for each in drafts.edits(c, EVENT.key)] == ["two"]
        drafts.forget(c, EVENT.key)
        assert drafts.edits(c, EVENT.key) == []

"""Addresses that were reported as wrong, as a page shows them, on both databases."""

from sqlalchemy import func, select

from mailer.outbox import flags, incoming, people, troubles
from mailer.outbox.database import Database
from mailer.outbox.schema import Trouble
from mailer.outbox.schema import incoming as rows
from tests.outbox.world import EVENT, NOW, later, list_people, person


def test_the_last_to_be_reported_comes_first_with_the_words_of_its_last_report(database: Database) -> None:
    with database.writing() as c:
        ids, mails = list_people(c, 3), list[int]()
        for number, (whose, words) in enumerate(((0, "no"), (1, "never"), (0, "still no")), start=1):
            incoming.keep(c, "m", str(number), str(number).encode(), NOW)
            mails.append(c.execute(select(func.max(rows.c.id))).scalar_one())
            incoming.note_trouble(
                c,
                mails[-1],
                ids[whose],
                later(seconds=number),
                trouble=Trouble.HARD,
                status="5.1.1",
                words=words,
            )
        found = troubles.wrong(c, EVENT)
        assert [(each.address, each.incoming_id, each.words) for each in found] == [
            (person(0).address, mails[2], "still no"),
            (person(1).address, mails[1], "never"),
        ]
        assert [each.address for each in troubles.wrong(c, EVENT, limit=1)] == [person(0).address]
        assert troubles.count_wrong(c, EVENT) == 2
        assert troubles.count_wrong(c, "another") == 0


def test_what_is_cleared_or_has_left_is_not_counted(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 2)
        for each in ids:
            flags.flag(c, each, NOW)
        assert [each.incoming_id for each in troubles.wrong(c, EVENT)] == [None, None]
        flags.clear(c, EVENT, person(0).address)
        assert troubles.count_wrong(c, EVENT) == 1
        people.save_roster(c, EVENT, [person(0)], later(seconds=1), str)
        assert (troubles.count_wrong(c, EVENT), troubles.wrong(c, EVENT)) == (0, [])


def test_the_next_page_goes_on_behind_the_last_one_shown(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 5)
        for number, each in enumerate(ids):
            flags.flag(c, each, later(seconds=number // 2))  # two at a time
        every = troubles.wrong(c, EVENT)
        pages, after = [], None
        for _ in range(3):
            page = troubles.wrong(c, EVENT, limit=2, after=after)
            pages.append(page)
            after = page[-1].at, page[-1].recipient_id
        flags.clear(c, EVENT, pages[0][-1].address)
        assert [each for page in pages for each in page] == every
        assert (
            troubles.wrong(c, EVENT, limit=2, after=(pages[0][-1].at, pages[0][-1].recipient_id)) == pages[1]
        )
        assert troubles.wrong(c, EVENT, after=after) == []

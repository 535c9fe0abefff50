"""What people chose stands above what a list says, on both databases."""

from datetime import timedelta

from mailer.outbox import naming, people, preferences
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.people import RosterChange
from mailer.outbox.preferences import Preference
from mailer.recipients.model import Recipient
from tests.outbox.world import (
    EVENT,
    NOW,
    begin,
    claim,
    handle_of,
    later,
    list_people,
    person,
    states,
    tell,
    told,
)

H = Happening
FRENCH = Preference(language="fr", timezone="Asia/Tashkent")
ARABIC = Preference(language="ar", timezone="Asia/Amman")


def listed(database: Database) -> list[Recipient]:
    with database.reading() as c:
        return [member.recipient for member in people.roster(c, EVENT)]


def prefer(database: Database, chosen: Preference, at: timedelta = timedelta()) -> bool:
    """The first of those listed chooses."""
    with database.writing() as c:
        first = people.roster(c, EVENT)[0]
        return people.prefer(c, first.id, chosen, NOW + at)


def save(database: Database, *said: Recipient) -> RosterChange:
    with database.writing() as c:
        return people.save_roster(c, EVENT, said, later(days=1), handle_of)


def test_a_choice_is_kept_and_the_last_one_counts(database: Database) -> None:
    save(database, person(0), person(1))
    assert prefer(database, FRENCH)
    assert not prefer(database, FRENCH, timedelta(minutes=1))
    assert prefer(database, ARABIC, timedelta(minutes=2))
    assert listed(database) == [ARABIC.applied(person(0)), person(1)]
    with database.reading() as c:
        assert people.zones(c, EVENT) == {"Asia/Amman", None}
        assert people.changed_at(c, EVENT) >= NOW + timedelta(minutes=2)


def test_what_was_not_chosen_is_as_the_list_has_it(database: Database) -> None:
    save(database, person(0, timezone="Asia/Almaty"))
    assert not prefer(database, Preference())
    assert prefer(database, Preference(language="fr"))
    assert listed(database) == [person(0, language="fr", timezone="Asia/Almaty")]
    assert prefer(database, Preference(timezone="Asia/Amman"), timedelta(minutes=1))
    save(database, person(0, language="de", timezone="Asia/Tashkent"))
    assert listed(database) == [person(0, language="fr", timezone="Asia/Amman")]


def test_no_later_list_undoes_it(database: Database) -> None:
    save(database, person(0), person(1))
    prefer(database, FRENCH)
    assert save(database, person(0), person(1)) == RosterChange(unchanged=2)
    moved = person(0, language="de", timezone="Europe/Vienna", institution="Elsewhere")
    assert save(database, moved, person(1)) == RosterChange(changed=(moved.address,), unchanged=1)
    assert listed(database) == [FRENCH.applied(moved), person(1)]
    with database.reading() as c:
        assert preferences.as_preferred(c, EVENT, [moved, person(1)]) == listed(database)
        assert preferences.as_preferred(c, "another", [moved]) == [moved]


def test_who_left_and_comes_back_has_chosen_still(database: Database) -> None:
    save(database, person(0), person(1))
    prefer(database, FRENCH)
    save(database, person(1))
    save(database, person(0), person(1))
    assert listed(database)[0] == FRENCH.applied(person(0))


def test_unsent_letters_follow_and_one_that_is_leaving_is_written_anew(database: Database) -> None:
    begin(database, 2)
    claimed, other = claim(database)
    prefer(database, FRENCH)
    assert tell(
        database, told(claimed, H.INTENDED, digest="a" * 64), told(other, H.INTENDED, digest="b" * 64)
    ) == [other.id]
    assert states(database)[other.id] is LetterState.LEAVING


def test_links_are_revoked_for_good_and_unsent_letters_carry_the_new_ones(database: Database) -> None:
    begin(database, 2)
    claimed, other = claim(database)
    address = claimed.recipient.address
    with database.writing() as c:
        ids = {member.recipient.address: member.id for member in people.roster(c, EVENT)}
        assert people.revoke(c, EVENT, address.upper(), NOW, lambda a, g: f"new-{g}-{a}") == 1
        assert people.links_of(c, EVENT, address) == (f"new-1-{address}", 1)
        assert people.member_by_handle(c, claimed.handle) is None
        found = people.member_by_handle(c, f"new-1-{address}")
        assert found
        assert found[1].id == ids[address]
        assert people.revoke(c, EVENT, address, NOW, lambda a, g: f"new-{g}-{a}") == 2
        assert people.revoke(c, EVENT, "nobody@nowhere.example", NOW, lambda a, g: "x") is None
    assert tell(database, told(claimed, H.INTENDED, digest="a" * 64)) == []
    assert tell(database, told(other, H.INTENDED, digest="b" * 64)) == [other.id]


def test_somebody_whose_links_were_revoked_is_told_with_their_generation(database: Database) -> None:
    with database.writing() as c:
        list_people(c, 1)
        address = person(0).address
        people.revoke(c, EVENT, address, NOW, lambda a, g: f"new-{g}")
        assert naming.somebody_named(c, EVENT) == (address, "new-1", 1)

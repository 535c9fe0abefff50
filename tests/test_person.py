"""What is known of one person, and why nothing has been heard of them."""

from datetime import timedelta

from mailer.outbox import flags, people
from mailer.person import Person, person
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT
from tests.web.conftest import empty_desk
from tests.web.desk import Desk

__all__ = ["empty_desk"]


def number(desk: Desk) -> int:
    with desk.database.reading() as c:
        found = people.links_of(c, EVENT.key, PRACTITIONER.address)
        assert found
        return people.number_of(c, found[0])


def look(desk: Desk) -> Person:
    found = person(desk.database, EVENT.key, number(desk), desk.clock())
    assert found
    return found


def test_what_is_written_is_not_to_come(empty_desk: Desk) -> None:
    empty_desk.publish()
    before = [each.occasion.mailing for each in look(empty_desk).coming]
    empty_desk.work()
    found = look(empty_desk)

    assert before[0] == "invitation"
    assert [each.mailing for each in found.letters] == ["invitation"]
    assert [each.occasion.mailing for each in found.coming] == before[1:]
    assert [each.anchor for each in found.holds] == ["event"]
    moments = [each.occasion.due_at for each in found.coming]
    assert moments == sorted(moments)


def test_nobody_is_nobody(empty_desk: Desk) -> None:
    empty_desk.publish()
    assert person(empty_desk.database, EVENT.key, 999, empty_desk.clock()) is None
    assert person(empty_desk.database, "another", number(empty_desk), empty_desk.clock()) is None


def test_why_nothing_is_heard_of_somebody(empty_desk: Desk) -> None:
    empty_desk.publish()
    assert look(empty_desk).why_silent == "No letter has been sent to them."
    empty_desk.service.plan(empty_desk.clock())
    assert look(empty_desk).why_silent == "The first letter has not left yet."
    empty_desk.work()
    assert look(empty_desk).why_silent == "Their letters were accepted, and no answer has come."
    with empty_desk.database.writing() as c:
        flags.flag(c, number(empty_desk), empty_desk.clock())
    assert look(empty_desk).why_silent == "The address does not work, as was reported."
    with empty_desk.database.writing() as c:
        people.record_answer(
            c, number(empty_desk), "event", "accepted", PUBLISHED_AT + timedelta(days=1), "page", sequence=0
        )
    assert (look(empty_desk).why_silent, look(empty_desk).answer) == ("", "accepted")
    with empty_desk.database.writing() as c:
        people.unsubscribe(c, number(empty_desk), empty_desk.clock())
    assert [each.reason for each in look(empty_desk).coming][:1] == ["unsubscribed"]


def test_who_left_will_get_nothing(empty_desk: Desk) -> None:
    empty_desk.publish()
    who = number(empty_desk)
    empty_desk.publish(recipients=[])
    found = person(empty_desk.database, EVENT.key, who, empty_desk.clock())
    assert found
    assert (found.coming, found.why_silent) == ((), "")

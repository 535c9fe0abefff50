"""What came in is kept once, ended once, and found again; on both databases."""

from datetime import timedelta

import pytest

from mailer.outbox import incoming, people
from mailer.outbox.database import Database
from mailer.outbox.schema import Forward, IncomingState, Trouble
from mailer.recipients.model import Role
from tests.outbox.world import EVENT, NOW, handle_of, list_people, person

S = IncomingState
BOX = "mailbox"


def kept(database: Database, raw: bytes = b"a mail", place: str = "1/1") -> int:
    with database.writing() as c:
        incoming.keep(c, BOX, place, raw, NOW)
        found = incoming.next_new(c)
        assert found
        return found[0].id


def test_a_mail_is_kept_once_however_often_it_comes(database: Database) -> None:
    with database.writing() as c:
        assert incoming.keep(c, BOX, "1/1", b"a mail", NOW)
        assert not incoming.keep(c, BOX, "1/2", b"a mail", NOW)
        assert not incoming.keep(c, BOX, "1/1", b"a mail", NOW)
        assert incoming.keep(c, "another", "1/1", b"another", NOW)
        assert incoming.known_places(c, BOX, ["1/1", "1/2", "1/3"]) == {"1/1", "1/2"}
        assert incoming.counts(c, EVENT) == {("", S.NEW): 2}


def test_bytes_come_back_as_they_came(database: Database) -> None:
    raw = bytes(range(256)) * 10
    incoming_id = kept(database, raw)
    with database.reading() as c:
        found = incoming.one(c, incoming_id)
        assert found
        assert found[1] == raw
        assert incoming.one(c, incoming_id + 1) is None


def test_a_cursor_goes_on_and_never_back_unless_it_is_numbered_anew(database: Database) -> None:
    with database.writing() as c:
        assert incoming.cursor(c, BOX) is None
        for validity, uid, stands in [(1, 5, (1, 5)), (1, 3, (1, 5)), (1, 9, (1, 9)), (2, 1, (2, 1))]:
            incoming.move_cursor(c, BOX, validity, uid)
            assert incoming.cursor(c, BOX) == stands


def test_a_mail_is_ended_once(database: Database) -> None:
    incoming_id = kept(database)
    with database.writing() as c:
        said = {"sender": "ana@prosecution.example", "subject": "Hello"}
        assert incoming.end(c, incoming_id, S.OPEN, "why", kind="answer", said=said)
        assert not incoming.end(c, incoming_id, S.SORTED, "again")
        (found,) = incoming.search(c, EVENT)
    assert (found.state, found.outcome, found.kind, found.said) == (S.OPEN, "why", "answer", said)
    assert (found.sender, found.subject) == ("ana@prosecution.example", "Hello")


def test_a_person_decides_once_and_only_what_waits(database: Database) -> None:
    incoming_id = kept(database)
    with database.writing() as c:
        assert not incoming.decide(c, incoming_id, "no", NOW)
        incoming.end(c, incoming_id, S.QUARANTINED, "why")
        assert incoming.decide(c, incoming_id, "dismissed", NOW)
        assert not incoming.decide(c, incoming_id, "again", NOW)


def test_a_question_goes_one_step_at_a_time(database: Database) -> None:
    incoming_id = kept(database)
    with database.writing() as c:
        incoming.end(c, incoming_id, S.SORTED, "a person wrote it", forward=Forward.WAITING)
        found = incoming.next_question(c)
        assert found
        assert incoming.move_forward(c, incoming_id, Forward.WAITING, Forward.LEAVING, NOW)
        assert not incoming.move_forward(c, incoming_id, Forward.WAITING, Forward.LEAVING, NOW)
        assert incoming.next_question(c) is None
        assert incoming.lost_questions(c, NOW) == []
        assert incoming.lost_questions(c, NOW + timedelta(seconds=1)) == [incoming_id]
        assert incoming.forwarded_since(c, NOW - timedelta(hours=1)) == 1
        assert incoming.forwarded_since(c, NOW) == 0
        assert incoming.move_forward(c, incoming_id, Forward.LEAVING, Forward.FAILED, NOW, "refused")
        (row,) = incoming.search(c, EVENT)
    assert (row.state, row.forward, row.outcome) == (S.OPEN, Forward.FAILED, "refused")


@pytest.mark.parametrize("trouble", Trouble)
def test_a_delegations_other_contact_stands_in_for_a_wrong_address(
    database: Database, trouble: Trouble
) -> None:
    focal = {"role": Role.FOCAL_POINT, "institution": "Mission"}
    listed = [
        person(1, **focal, state="AM"), person(2, **focal, state="AM"), person(3, **focal, state="FR"),
        person(4, institution="Mission", state="AM"),
    ]  # fmt: skip
    with database.writing() as c:
        people.save_roster(c, EVENT, listed, NOW, handle_of)
        first = people.roster(c, EVENT)[0].id
    incoming_id = kept(database)
    with database.writing() as c:
        for _ in range(2):
            incoming.note_trouble(
                c, incoming_id, first, NOW, trouble=trouble, status="5.1.1", words="no such user"
            )
        (found,) = incoming.troubled(c, EVENT)
    is_hard = trouble is Trouble.HARD
    assert (found.address, found.hard_at, found.soft) == (
        listed[0].address,
        NOW if is_hard else None,
        not is_hard,
    )
    assert found.others == ((listed[1].address,) if is_hard else ())


def test_nobody_stands_in_who_has_trouble_or_does_not_want_to_be_written_to(database: Database) -> None:
    house = [person(number, institution="Court") for number in range(4)]
    with database.writing() as c:
        people.save_roster(c, EVENT, house, NOW, handle_of)
        ids = [member.id for member in people.roster(c, EVENT)]
        people.unsubscribe(c, ids[2], NOW)
    for number in (0, 1):
        incoming_id = kept(database, str(number).encode(), f"1/{number}")
        with database.writing() as c:
            incoming.end(c, incoming_id, S.SORTED, "")
            incoming.note_trouble(c, incoming_id, ids[number], NOW, trouble=Trouble.HARD, status="", words="")
    with database.reading() as c:
        found = incoming.troubled(c, EVENT)
    assert [each.others for each in found] == [(house[3].address,), (house[3].address,)]


def test_what_people_wrote_is_let_go_of_in_time_and_what_followed_stays(database: Database) -> None:
    ends = {
        b"an answer": (S.SORTED, Forward.NOT), b"passed on": (S.SORTED, Forward.SENT),
        b"to be passed on": (S.SORTED, Forward.WAITING), b"leaving": (S.SORTED, Forward.LEAVING),
        b"for a person": (S.OPEN, Forward.NOT), b"poison": (S.QUARANTINED, Forward.NOT),
    }  # fmt: skip
    said = {"sender": "ana@prosecution.example", "subject": "Hello", "text": "I come"}
    for raw, (state, forward) in ends.items():
        incoming_id = kept(database, raw, raw.decode())
        with database.writing() as c:
            assert incoming.end(c, incoming_id, state, "why", kind="answer", said=said, forward=forward)
    kept(database, b"new")

    with database.writing() as c:
        assert incoming.forget(c, NOW) == 0
        assert incoming.forget(c, NOW + timedelta(seconds=1)) == 2
        assert incoming.forget(c, NOW + timedelta(seconds=1)) == 0
        rows = {row.id: incoming.one(c, row.id) for row in incoming.search(c, EVENT)}
        assert not incoming.keep(c, BOX, "1/7", b"an answer", NOW)
    found = sorted(
        (mail.id, mail.said, mail.sender, mail.subject, raw) for mail, raw in filter(None, rows.values())
    )
    first = found[0][0]
    assert found[:2] == [(first, {}, "", "", b""), (first + 1, {}, "", "", b"")]
    assert [each[4] for each in found[2:]] == [*list(ends)[2:], b"new"]
    assert {(row[0].kind, row[0].outcome) for row in rows.values() if row and not row[1]} == {
        ("answer", incoming.FORGOTTEN)
    }


def test_mails_of_another_event_are_not_shown(database: Database) -> None:
    with database.writing() as c:
        (other,) = list_people(c, 1, "another")
    incoming_id = kept(database)
    with database.writing() as c:
        incoming.end(c, incoming_id, S.OPEN, "why", recipient_id=other)
        assert incoming.search(c, EVENT) == []
        assert len(incoming.search(c, "another", states=[S.OPEN])) == 1

"""The list, its changes, answers and unsubscribing, on both databases."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from mailer.errors import StoreError
from mailer.outbox import claims, letters, occasions, people, schema
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.people import AnswerGiven, RosterChange, RosterCounts
from mailer.outbox.schema import Answer
from mailer.planning.due import Member, Occasion
from mailer.recipients.model import Recipient
from tests.outbox.world import (
    DUE,
    EVENT,
    LEASE,
    NOW,
    REMINDER,
    USEFUL_UNTIL,
    begin,
    claim,
    handle_of,
    later,
    list_people,
    new_letter,
    person,
    statements,
    states,
    tell,
    told,
    write_letters,
)

S, H = LetterState, Happening

THIS = REMINDER.mailing, REMINDER.anchor
CHOOSER = person(0).model_copy(update={"sessions": ("opening", "session-2")})


def save(database: Database, *listed: Recipient, at: timedelta = timedelta()) -> RosterChange:
    with database.writing() as c:
        return people.save_roster(c, EVENT, listed, NOW + at, handle_of)


def revisions(database: Database) -> list[tuple[int, Recipient]]:
    with database.reading() as c:
        query = select(schema.recipient_revision).order_by(
            schema.recipient_revision.c.recipient_id, schema.recipient_revision.c.number
        )
        return [(row.number, Recipient.model_validate_json(row.document)) for row in c.execute(query)]


def test_a_new_list_says_what_it_changed(database: Database) -> None:
    zero, one, two, three = (person(number) for number in range(4))
    assert save(database, zero, one, two) == RosterChange(added=(zero.address, one.address, two.address))
    moved = person(1, timezone="Asia/Tashkent")
    change = save(database, zero, moved, three, at=timedelta(hours=1))
    assert change == RosterChange(
        added=(three.address,), changed=(one.address,), left=(two.address,), unchanged=1
    )
    assert revisions(database) == [(1, zero), (1, one), (2, moved), (1, two), (1, three)]
    with database.reading() as c:
        assert [(each.recipient, each.joined_at) for each in people.roster(c, EVENT)] == [
            (zero, NOW),
            (moved, NOW),
            (three, later(hours=1)),
        ]
        assert people.zones(c, EVENT) == {None, "Asia/Tashkent"}
        assert people.counts(c, EVENT) == RosterCounts(asked=3, unsubscribed=0, left=1)


def test_the_same_list_again_changes_nothing(database: Database) -> None:
    save(database, person(0), person(1))
    assert save(database, person(1), person(0), at=timedelta(hours=1)) == RosterChange(unchanged=2)
    with database.reading() as c:
        assert people.changed_at(c, EVENT) == NOW
        assert people.changed_at(c, "another") < NOW - timedelta(days=9999)


def test_an_address_written_otherwise_is_the_same_person(database: Database) -> None:
    save(database, person(0))
    loud = person(0, address="P000000@prosecution.example")
    assert save(database, loud).changed == (loud.address,)
    with pytest.raises(StoreError, match="twice"):
        save(database, person(0), loud)


def test_the_same_person_may_be_asked_to_two_events(database: Database) -> None:
    with database.writing() as c:
        (here,), (there,) = list_people(c, 1), list_people(c, 1, "another")
    assert here != there


def test_who_leaves_gets_nothing_more(database: Database) -> None:
    begin(database, 4)
    waiting, claimed, put_off, sent = range(4)
    rows = claim(database, 4)
    tell(database, told(rows[put_off], H.PUT_OFF), told(rows[waiting], H.RELEASED))
    tell(database, told(rows[sent], H.INTENDED), told(rows[sent], H.ACCEPTED))
    save(database, at=timedelta(seconds=9))
    assert list(states(database).values()) == [S.WITHDRAWN, S.WITHDRAWN, S.WITHDRAWN, S.SENT]
    assert tell(database, told(rows[claimed], H.INTENDED)) == []
    with database.reading() as c:
        assert people.roster(c, EVENT) == []
        (last,) = letters.history(c, rows[claimed].id)
    assert (last.happening, last.at, last.note) == (H.WITHDRAWN, later(seconds=9), "no longer on the list")


def test_who_comes_back_joined_anew_and_can_still_be_written_to(database: Database) -> None:
    occasion_id = begin(database, 1)
    with database.reading() as c:
        (before,) = people.roster(c, EVENT)
    save(database)
    change = save(database, person(0, title="Dr"), at=timedelta(hours=1))
    assert change == RosterChange(added=(person(0).address,))
    with database.writing() as c:
        (after,) = people.members(c, EVENT, {THIS})
        assert after == Member(id=before.id, recipient=person(0, title="Dr"), joined_at=later(hours=1))
        assert occasions.add_letters(c, occasion_id, [new_letter(after.id)]) == 1
    (claimed,) = claim(database)
    assert claimed.recipient == person(0, title="Dr")


def test_unsent_letters_follow_to_what_the_list_says_now(database: Database) -> None:
    begin(database, 3)
    sent, put_off, _ = claim(database, 3)
    tell(database, told(sent, H.INTENDED), told(sent, H.ACCEPTED), told(put_off, H.PUT_OFF))
    named = [person(number, title="Dr") for number in range(3)]
    assert len(save(database, *named).changed) == 3
    with database.reading() as c:
        found = [row.recipient.title for row in letters.search(c, EVENT)]
    assert found == ["", "Dr", "Dr"]


def test_members_come_with_their_answers_and_what_they_have(database: Database) -> None:
    earlier = Occasion(
        due_at=DUE - timedelta(hours=1),
        mailing=REMINDER.mailing,
        anchor=REMINDER.anchor,
        useful_until=USEFUL_UNTIL,
    )
    other = Occasion(due_at=DUE, mailing=REMINDER.mailing, anchor="session-2", useful_until=USEFUL_UNTIL)
    with database.writing() as c:
        one, two, three = list_people(c, 3)
        write_letters(c, [one, two], earlier)
        write_letters(c, [one])
        write_letters(c, [three], other)
        people.record_answer(c, two, "event", "accepted", NOW, "page", sequence=0)
        people.record_answer(c, two, "session-1", "declined", NOW, "page", sequence=0)
        people.unsubscribe(c, three, NOW)
        found = list(people.members(c, EVENT, {THIS}))
    answers = {"event": "accepted", "session-1": "declined"}
    assert found == [
        Member(
            id=one,
            recipient=person(0),
            joined_at=NOW,
            had={THIS: (earlier.due_at, DUE)},
            waiting={THIS: (earlier.due_at, DUE)},
        ),
        Member(
            id=two,
            recipient=person(1),
            joined_at=NOW,
            answers=answers,
            had={THIS: (earlier.due_at,)},
            waiting={THIS: (earlier.due_at,)},
        ),
        Member(id=three, recipient=person(2), joined_at=NOW, unsubscribed=True),
    ]


def test_members_are_read_in_chunks_while_letters_are_written(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 2500)
        occasion_id = write_letters(c, [])
        found = people.members(c, EVENT, {THIS})
        assert occasions.add_letters(c, occasion_id, (new_letter(member.id) for member in found)) == 2500
    assert statements(database, lambda c: list(people.members(c, EVENT, {("m", "event")}))) <= 12
    with database.reading() as c:
        stream = people.members(c, EVENT, {THIS})
        assert [(each.id, each.had) for each in stream] == [(each, {THIS: (DUE,)}) for each in ids]


def test_those_who_may_have_chosen_a_session_are_few(database: Database) -> None:
    """By the list, or by an answer; a key that begins alike is another session's."""
    save(database, CHOOSER, person(1).model_copy(update={"sessions": ("session-22",)}), person(2), person(3))
    with database.writing() as c:
        ids = [member.id for member in people.roster(c, EVENT)]
        people.record_answer(c, ids[2], "session-2", "accepted", NOW, "page", sequence=0)
        people.record_answer(c, ids[3], "event", "accepted", NOW, "page", sequence=0)
        write_letters(c, [ids[0]])
        found = list(people.choosers(c, EVENT, "session-2", {THIS}))
    assert found == [
        Member(id=ids[0], recipient=CHOOSER, joined_at=NOW, had={THIS: (DUE,)}, waiting={THIS: (DUE,)}),
        Member(id=ids[2], recipient=person(2), joined_at=NOW, answers={"session-2": "accepted"}),
    ]


def test_those_with_unsent_letters_are_few(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 4)
        occasion_id = write_letters(c, ids[:3])
    first, *_ = claim(database, 1)
    tell(database, told(first, H.INTENDED), told(first, H.ACCEPTED))
    with database.reading() as c:
        found = [member.id for member in people.waiting_for(c, EVENT, occasion_id)]
    assert found == [each for each in ids[:3] if person(ids.index(each)).address != first.address]


def test_people_far_apart_have_what_is_theirs(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 40)
        write_letters(c, ids)
        for each in (ids[0], ids[20], ids[39]):
            people.record_answer(c, each, "session-2", "declined", NOW, "page", sequence=0)
        found = list(people.choosers(c, EVENT, "session-2", {THIS}))
    assert [(each.id, each.answers, each.had) for each in found] == [
        (each, {"session-2": "declined"}, {THIS: (DUE,)}) for each in (ids[0], ids[20], ids[39])
    ]


def test_what_has_left_waits_no_more_and_whoever_left_is_found_again(database: Database) -> None:
    begin(database, 2)
    first, _ = claim(database, 2)
    tell(database, told(first, H.INTENDED), told(first, H.ACCEPTED))
    save(database, person(1), at=timedelta(hours=1))
    with database.reading() as c:
        (stays,) = people.members(c, EVENT, {THIS})
        (gone,) = people.returning(c, EVENT, [person(0).address.upper(), person(1).address], {THIS})
    assert (stays.recipient, stays.had, stays.waiting) == (person(1), {THIS: (DUE,)}, {THIS: (DUE,)})
    assert (gone.recipient, gone.had, gone.waiting) == (person(0), {THIS: (DUE,)}, {})


def test_the_zones_of_those_on_the_list_are_found_from_one_to_the_next(database: Database) -> None:
    zones = ("Europe/Vienna", "Asia/Tashkent", "Europe/Vienna", "Africa/Abidjan", "Asia/Tokyo")
    listed = [person(number, timezone=zone) for number, zone in enumerate(zones)]
    with database.reading() as c:
        assert people.zones(c, EVENT) == set()
    save(database, *listed)
    with database.reading() as c:
        assert people.zones(c, EVENT) == set(zones)
        assert people.zones(c, "another") == set()
    save(database, *listed[:-1], person(9))
    with database.reading() as c:
        assert people.zones(c, EVENT) == {"Europe/Vienna", "Asia/Tashkent", "Africa/Abidjan", None}
    assert statements(database, lambda c: people.zones(c, EVENT)) == 2


def test_saving_a_list_of_a_thousand_takes_a_handful_of_statements(database: Database) -> None:
    assert statements(database, lambda c: list_people(c, 1000)) <= 12


def test_a_handle_names_one_person(database: Database) -> None:
    save(database, person(0), person(1))
    with database.writing() as c:
        member = people.roster(c, EVENT)[1]
        people.record_answer(c, member.id, "event", "tentative", NOW, "page", sequence=0)
        found = people.member_by_handle(c, handle_of(person(1).address))
        assert people.member_by_handle(c, "h-nobody") is None
    assert found == (
        EVENT,
        Member(id=member.id, recipient=person(1), joined_at=NOW, answers={"event": "tentative"}),
    )
    save(database, person(0))
    with database.reading() as c:
        assert people.member_by_handle(c, handle_of(person(1).address)) is None


def test_answers_are_kept_and_the_one_given_last_counts(database: Database) -> None:
    with database.writing() as c:
        one, two = list_people(c, 2)
        given = [
            ("accepted", 1, True),
            ("accepted", 2, False),
            ("declined", 5, True),
            ("tentative", 3, True),  # came in late
            ("tentative", 3, False),
            ("declined", 9, False),
        ]
        for answer, minute, kept in given:
            assert (
                people.record_answer(
                    c,
                    one,
                    "event",
                    answer,
                    later(minutes=minute),
                    "reply",
                    sequence=0,
                    noted_at=later(minutes=9),
                )
                is kept
            )
        people.record_answer(c, two, "event", "accepted", NOW, "page", sequence=0, noted_at=later(hours=2))
        assert people.answers(c, one) == [
            AnswerGiven(anchor="event", answer=answer, at=later(minutes=minute), source="reply", sequence=0)
            for answer, minute in [(Answer.ACCEPTED, 1), (Answer.TENTATIVE, 3), (Answer.DECLINED, 5)]
        ]
        assert people.roster(c, EVENT)[0].answers == {"event": "declined"}
        assert people.counts(c, EVENT).answers == {"event": {Answer.DECLINED: 1, Answer.ACCEPTED: 1}}
        assert people.changed_at(c, EVENT) == later(hours=2)
        with pytest.raises(ValueError, match="maybe"):
            people.record_answer(c, one, "event", "maybe", NOW, "reply", sequence=0)


def test_an_answer_that_a_clock_ahead_of_us_wrote_down_does_not_outlive_the_next(database: Database) -> None:
    with database.writing() as c:
        (one,) = list_people(c, 1)
        people.record_answer(c, one, "event", "accepted", later(hours=20), "page", sequence=0)
        people.record_answer(c, one, "session-1", "accepted", later(hours=20), "page", sequence=0)
        people.record_answer(c, one, "event", "declined", NOW, "page", sequence=0)
        assert [(each.anchor, each.answer, each.at) for each in people.answers(c, one)] == [
            ("event", Answer.ACCEPTED, NOW),
            ("event", Answer.DECLINED, NOW),
            ("session-1", Answer.ACCEPTED, later(hours=20)),
        ]
        assert people.roster(c, EVENT)[0].answers == {"event": "declined", "session-1": "accepted"}


def test_unsubscribing_during_the_run_stops_all_but_what_is_leaving(database: Database) -> None:
    with database.writing() as c:
        one, two = list_people(c, 2)
        for hour in range(4):
            due = Occasion(
                due_at=DUE - timedelta(hours=hour), mailing="m", anchor="event", useful_until=USEFUL_UNTIL
            )
            write_letters(c, [one], due)
        write_letters(c, [two])
    leaving, held, put_off = claim(database, 3)
    assert tell(database, told(leaving, H.INTENDED), told(put_off, H.PUT_OFF)) == [leaving.id, put_off.id]
    with database.writing() as c:
        assert people.unsubscribe(c, one, NOW) == 3
        assert people.unsubscribe(c, one, later(days=1)) == 0
        assert people.counts(c, EVENT) == RosterCounts(asked=2, unsubscribed=1, left=0)
    assert tell(database, told(held, H.INTENDED)) == []
    assert tell(database, told(leaving, H.ACCEPTED)) == [leaving.id]
    assert sorted(states(database).values()) == [S.SENT, S.SUPPRESSED, S.SUPPRESSED, S.SUPPRESSED, S.WAITING]


def test_a_letter_written_while_its_reader_unsubscribed_or_left_does_not_leave(database: Database) -> None:
    """As on PostgreSQL, when an expansion commits after the decision it had not seen."""
    begin(database, 3)
    with database.writing() as c:
        rows = letters.search(c, EVENT)
        gone = schema.recipient.update()
        c.execute(gone.where(schema.recipient.c.id == rows[0].recipient_id).values(unsubscribed_at=NOW))
        c.execute(gone.where(schema.recipient.c.id == rows[1].recipient_id).values(left_at=NOW))
    (claimed,) = claim(database, 1)
    assert claimed.id == rows[2].id
    assert list(states(database).values()) == [S.SUPPRESSED, S.WITHDRAWN, S.CLAIMED]
    with database.writing() as c:
        c.execute(gone.where(schema.recipient.c.id == rows[2].recipient_id).values(unsubscribed_at=NOW))
    assert tell(database, told(claimed, H.INTENDED)) == []
    with database.writing() as c:
        claims.recover(c, NOW + LEASE)
        assert claims.claim(c, "one", NOW + LEASE, 10, LEASE) == []
    assert set(states(database).values()) == {S.SUPPRESSED, S.WITHDRAWN}


def test_unsubscribing_and_intending_at_once_never_both_win(database: Database) -> None:
    begin(database, 20)
    claimed = claim(database, 20)
    with database.reading() as c:
        readers = [row.recipient_id for row in letters.search(c, EVENT)]
    start = threading.Barrier(2)
    intended: list[int] = []

    def intend() -> None:
        start.wait()
        for each in claimed:
            intended.extend(tell(database, told(each, H.INTENDED)))

    thread = threading.Thread(target=intend)
    thread.start()
    start.wait()
    for reader in reversed(readers):
        with database.writing() as c:
            people.unsubscribe(c, reader, NOW)
    thread.join()
    found = states(database)
    assert {each for each, state in found.items() if state is S.LEAVING} == set(intended)
    assert set(found.values()) <= {S.LEAVING, S.SUPPRESSED}


def test_the_list_is_read_some_at_a_time(database: Database) -> None:
    with database.writing() as c:
        list_people(c, 5)
        first = people.some(c, EVENT, 0, limit=3)
        rest = people.some(c, EVENT, first[-1].id, limit=3)
        assert first + rest == people.roster(c, EVENT)
        assert people.some(c, EVENT, rest[-1].id) == []

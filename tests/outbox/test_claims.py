"""Claiming letters, telling what became of them, and losing them again, on both databases."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from mailer.delivery.pace import Domains
from mailer.delivery.profiles import Limit
from mailer.outbox import claims, doubts, letters, people, schema
from mailer.outbox.claimed import ClaimedLetter
from mailer.outbox.claims import Recovered
from mailer.outbox.database import Database
from mailer.outbox.letter import CLAIMABLE, Happening, LetterState
from mailer.planning.due import Occasion
from tests.outbox.world import (
    DIGEST,
    DUE,
    EVENT,
    LEASE,
    NOW,
    REMINDER,
    USEFUL_UNTIL,
    WORDING,
    begin,
    claim,
    later,
    list_people,
    person,
    sent,
    statements,
    states,
    tell,
    told,
    write_letters,
)

S, H = LetterState, Happening


def test_a_claim_carries_all_that_composing_needs(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    with database.reading() as c:
        (recipient_id,) = c.scalars(select(schema.recipient.c.id))
    assert claimed == ClaimedLetter(
        id=claimed.id,
        fence=1,
        owner="one",
        event=EVENT,
        version=1,
        mailing="session-reminder",
        anchor="session-1",
        due_at=DUE,
        dated_at=DUE,
        wording=WORDING,
        recipient_id=recipient_id,
        revision=1,
        attempts=0,
        handle=f"{EVENT}/p000000@prosecution.example",
        address="p000000@prosecution.example",
        document=person(0).model_dump_json(),
        repeats=None,
    )


def test_the_earliest_due_is_claimed_first_and_nothing_before_its_time(database: Database) -> None:
    early = Occasion(due_at=DUE - timedelta(hours=1), mailing="m", anchor="event", useful_until=USEFUL_UNTIL)
    future = Occasion(due_at=later(minutes=5), mailing="m", anchor="event", useful_until=USEFUL_UNTIL)
    with database.writing() as c:
        ids = list_people(c, 2)
        for due in (REMINDER, early, future):
            write_letters(c, ids, due)
    assert [each.due_at for each in claim(database, 3)] == [early.due_at, early.due_at, DUE]
    assert [each.due_at for each in claim(database)] == [DUE]
    assert [each.due_at for each in claim(database, now=later(minutes=5))] == [future.due_at] * 2


def test_who_is_beyond_a_domains_share_is_passed_over_and_the_next_come_in_their_place(
    database: Database,
) -> None:
    readers = [f"p{n}@prosecution.example" for n in range(6)] + [f"j{n}@court.example" for n in range(3)]
    with database.writing() as c:
        people.save_roster(c, EVENT, [person(0, address=each) for each in readers], NOW, str)
        write_letters(c, [member.id for member in people.roster(c, EVENT)])
    two_each = Domains(Limit(letters=100, seconds=3600.0)).at(0)

    def shared_out(limit: int) -> list[str]:
        with database.writing() as c:
            return [each.address for each in claims.claim(c, "one", NOW, limit, LEASE, shares=two_each)]

    assert shared_out(1) == readers[:1]
    assert shared_out(2) == [readers[1], readers[6]]
    assert [shared_out(100), shared_out(100)] == [[readers[7]], []]
    rest = claim(database)
    assert [each.address for each in rest] == [*readers[2:6], readers[8]]
    assert {each.fence for each in rest} == {1}


def test_what_is_not_an_owners_to_tell_is_an_error(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    with pytest.raises(ValueError, match="not for the owner"):
        tell(database, told(claimed, H.EXPIRED))


def test_one_group_holds_many_letters_and_several_happenings(database: Database) -> None:
    begin(database, 3)
    one, two, three = claim(database)
    intended = [told(each, H.INTENDED, digest=DIGEST) for each in (one, two)]
    ends = [told(one, H.ACCEPTED), told(two, H.REFUSED, reply="550 no such user"), told(three, H.RELEASED)]
    assert tell(database, *intended, *ends) == [one.id, two.id, one.id, two.id, three.id]
    assert list(states(database).values()) == [S.SENT, S.FAILED, S.WAITING]


def test_a_letter_put_off_comes_back_at_its_hour(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    retry_at = later(minutes=5)
    tell(database, told(claimed, H.PUT_OFF, reply="451 greylisted", retry_at=retry_at))
    assert claim(database, now=retry_at - timedelta(microseconds=1)) == []
    with database.reading() as c:
        assert [row.next_attempt_at for row in letters.search(c, EVENT)] == [retry_at]
    (again,) = claim(database, now=retry_at)
    assert (again.id, again.fence, again.attempts) == (claimed.id, 2, 1)
    assert claim(database, now=retry_at) == []


def test_an_owner_whose_lease_ran_out_is_fenced_out(database: Database) -> None:
    begin(database, 1)
    (frozen,) = claim(database, owner="frozen")
    assert tell(database, told(frozen, H.INTENDED, digest=DIGEST), now=NOW + LEASE) == []
    with database.writing() as c:
        assert claims.renew(c, "frozen", NOW + LEASE, LEASE) == 0
        assert claims.recover(c, NOW + LEASE - timedelta(microseconds=1)) == Recovered()
        assert claims.recover(c, NOW + LEASE) == Recovered(released=1)
    (awake,) = claim(database, owner="awake", now=NOW + LEASE)
    assert tell(database, told(frozen, H.INTENDED, digest=DIGEST), now=NOW) == []
    assert tell(database, told(awake, H.INTENDED, digest=DIGEST), now=NOW + LEASE) == [awake.id]
    assert tell(database, told(frozen, H.RELEASED), now=NOW + LEASE) == []


def test_the_same_owner_cannot_use_an_older_claim(database: Database) -> None:
    begin(database, 1)
    (before,) = claim(database)
    tell(database, told(before, H.RELEASED))
    (now,) = claim(database)
    assert tell(database, told(before, H.INTENDED)) == []
    assert tell(database, told(now, H.INTENDED)) == [now.id]


def test_a_renewed_lease_holds(database: Database) -> None:
    begin(database, 2)
    claim(database, 1, owner="other")
    (claimed,) = claim(database)
    with database.writing() as c:
        assert claims.renew(c, "one", later(seconds=50), LEASE) == 1
        assert claims.recover(c, later(seconds=70)) == Recovered(released=1)
    assert tell(database, told(claimed, H.INTENDED), now=later(seconds=70)) == [claimed.id]


def test_after_the_intent_a_lost_owner_leaves_a_doubt(database: Database) -> None:
    begin(database, 3)
    claimed = claim(database)
    tell(database, told(claimed[0], H.INTENDED, digest=DIGEST))
    with database.writing() as c:
        assert claims.recover(c, NOW + LEASE) == Recovered(released=2, in_doubt=1)
        (doubt,) = doubts.doubts(c, EVENT)
        assert doubts.doubts(c, "another") == []
    doubtful = doubt.letter
    assert (doubtful.id, doubtful.content, doubtful.reason) == (claimed[0].id, DIGEST, "its lease ran out")
    assert tell(database, told(claimed[0], H.ACCEPTED), now=NOW + LEASE) == []


def test_an_owner_that_stops_lets_go_of_its_own_only(database: Database) -> None:
    begin(database, 3)
    (mine, leaving) = claim(database, 2)
    (other,) = claim(database, owner="other")
    tell(database, told(leaving, H.INTENDED))
    with database.writing() as c:
        assert claims.release_owner(c, "one", NOW) == Recovered(released=1, in_doubt=1)
    assert states(database) == {mine.id: S.WAITING, leaving.id: S.IN_DOUBT, other.id: S.CLAIMED}


def test_two_claimers_never_share_a_letter(database: Database) -> None:
    begin(database, 600)
    got: dict[str, list[int]] = {"one": [], "two": [], "three": []}
    start = threading.Barrier(len(got))

    def work(owner: str) -> None:
        start.wait()
        while claimed := claim(database, 20, owner=owner):
            got[owner] += [each.id for each in claimed]

    threads = [threading.Thread(target=work, args=(owner,)) for owner in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [each for ids in got.values() for each in ids]
    assert sorted(everything) == sorted(states(database))


def test_a_thousand_letters_take_a_handful_of_statements(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 1000)
        write_letters(c, [])
    assert statements(database, lambda c: write_letters(c, ids)) <= 10
    claimed: list[ClaimedLetter] = []
    assert statements(database, lambda c: claimed.extend(claims.claim(c, "one", NOW, 1000, LEASE))) <= 10
    assert len(claimed) == 1000
    intended = [told(each, H.INTENDED, digest=DIGEST) for each in claimed]
    assert statements(database, lambda c: claims.happen(c, intended, NOW)) <= 10
    accepted = [told(each, H.ACCEPTED, entries=(sent("event", f"u{each.id}", 0),)) for each in claimed]
    assert statements(database, lambda c: claims.happen(c, accepted, NOW)) <= 10
    assert set(states(database).values()) == {S.SENT}


def test_claiming_reads_only_what_can_be_claimed(database: Database) -> None:
    begin(database, 5)
    waiting = select(schema.letter.c.id).where(schema.in_states(CLAIMABLE))
    first = waiting.order_by(schema.letter.c.next_attempt_at, schema.letter.c.id).limit(1)
    sqlite = database.engine.dialect.name == "sqlite"
    with database.reading() as c:
        if not sqlite:
            c.execute(text("SET LOCAL enable_seqscan = off"))
            c.execute(text("SET LOCAL enable_sort = off"))
        query = first.compile(database.engine, compile_kwargs={"literal_binds": True})
        plan = c.exec_driver_sql(f"{'EXPLAIN QUERY PLAN' if sqlite else 'EXPLAIN'} {query}").all()
    assert "ix_letter_to_claim" in str(plan)


def test_of_two_intents_for_one_letter_only_that_of_the_newer_claim_holds(database: Database) -> None:
    begin(database, 1)
    (before,) = claim(database)
    with database.writing() as c:
        claims.recover(c, NOW + LEASE)
        (again,) = claims.claim(c, "two", NOW + LEASE, 1, LEASE)
        asked = [told(each, H.INTENDED, digest=DIGEST) for each in (before, again)]
        assert claims.happen(c, asked, NOW + LEASE) == asked[1:]


def test_a_letter_that_is_no_longer_useful_is_not_intended(database: Database) -> None:
    begin(database, 1)
    with database.writing() as c:
        (one,) = claims.claim(c, "one", NOW, 1, USEFUL_UNTIL - NOW + LEASE)
    assert tell(database, told(one, H.INTENDED, digest=DIGEST), now=USEFUL_UNTIL) == []
    before = USEFUL_UNTIL - timedelta(seconds=1)
    assert tell(database, told(one, H.INTENDED, digest=DIGEST), now=before) == [one.id]

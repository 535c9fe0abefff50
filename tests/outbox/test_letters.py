"""What can happen to letters and occasions, on both databases."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from mailer.outbox import agendas, letters, people, schema
from mailer.outbox.database import Database
from mailer.outbox.letter import CLAIMABLE, TRANSITIONS, Happening, LetterState
from mailer.outbox.letters import Happened, NewLetter, Recovered, SentEntry
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
    how_many,
    later,
    list_people,
    new_letter,
    person,
    put_into,
    statements,
    states,
    tell,
    told,
    write_letters,
)

S, H = LetterState, Happening


def test_opening_an_occasion_twice_gives_the_same_one(database: Database) -> None:
    longer = Occasion(
        due_at=DUE, mailing=REMINDER.mailing, anchor=REMINDER.anchor, useful_until=later(days=1)
    )
    with database.writing() as c:
        first = letters.open_occasion(c, EVENT, REMINDER, NOW)
        second = letters.open_occasion(c, EVENT, longer, later(hours=1))
        other = letters.open_occasion(c, "another", REMINDER, NOW)
    assert first == second != other
    with database.reading() as c:
        (opened,) = letters.occasions(c, EVENT)
    assert (opened.id, opened.useful_until, opened.opened_at) == (first, later(days=1), later(hours=1))


def test_the_same_occasion_cannot_be_stored_twice(database: Database) -> None:
    row = {"event": EVENT, "mailing": "m", "anchor": "event", "due_at": DUE, "reason": ""}
    row |= {"useful_until": USEFUL_UNTIL, "opened_at": NOW}
    with pytest.raises(IntegrityError), database.writing() as c:
        c.execute(schema.occasion.insert(), [row, row])


def test_a_recipient_cannot_have_two_letters_of_an_occasion(database: Database) -> None:
    occasion_id = begin(database, 1)
    copy = text(
        "INSERT INTO letter (occasion_id, recipient_id, revision, version, wording, dated_at, state, reason,"
        " attempts, next_attempt_at, fence, reply) SELECT occasion_id, recipient_id, revision, version,"
        " wording, dated_at, 'sent', reason, attempts, next_attempt_at, fence, reply FROM letter"
    )
    with pytest.raises(IntegrityError), database.writing() as c:
        c.execute(copy)
    with database.writing() as c:
        assert letters.add_letters(c, occasion_id, [new_letter(people.roster(c, EVENT)[0].id)]) == 0


def test_an_expansion_killed_halfway_leaves_nothing_and_the_next_adds_all(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 10_000)

    def killed() -> Iterator[NewLetter]:
        yield from map(new_letter, ids[:5_000])
        raise KeyboardInterrupt

    def expand(c: Connection, new: Iterator[NewLetter]) -> int:
        agendas.keep_wording(c, WORDING, {})
        return letters.add_letters(c, letters.open_occasion(c, EVENT, REMINDER, NOW), new)

    with pytest.raises(KeyboardInterrupt), database.writing() as c:
        expand(c, killed())
    assert how_many(database) == 0
    with database.writing() as c:
        assert expand(c, map(new_letter, ids)) == 10_000
    with database.writing() as c:
        assert expand(c, map(new_letter, ids)) == 0
    assert how_many(database) == 10_000


def test_letters_that_are_not_to_be_sent_are_kept_with_their_reason(database: Database) -> None:
    with database.writing() as c:
        one, two = list_people(c, 2)
        write_letters(c, [])
        occasion_id = letters.open_occasion(c, EVENT, REMINDER, NOW)
        new = [new_letter(one, S.SUPPRESSED, "unsubscribed"), new_letter(two, S.MISSED, "too late")]
        assert letters.add_letters(c, occasion_id, new) == 2
        assert letters.claim(c, "one", NOW, 10, LEASE) == []
        assert [(row.state, row.reason) for row in letters.search(c, EVENT)] == [
            (S.SUPPRESSED, "unsubscribed"),
            (S.MISSED, "too late"),
        ]


def test_a_claim_carries_all_that_composing_needs(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    assert claimed == letters.ClaimedLetter(
        id=claimed.id,
        fence=1,
        owner="one",
        event=EVENT,
        version=1,
        mailing="session-reminder",
        anchor="session-1",
        due_at=DUE,
        useful_until=USEFUL_UNTIL,
        dated_at=DUE,
        wording=WORDING,
        attempts=0,
        recipient_id=claimed.recipient_id,
        handle=f"{EVENT}/p000000@prosecution.example",
        recipient=person(0),
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


def test_what_is_no_longer_useful_is_not_claimed_but_missed(database: Database) -> None:
    begin(database, 2)
    assert claim(database, now=USEFUL_UNTIL) == []
    with database.writing() as c:
        assert letters.expire(c, USEFUL_UNTIL - timedelta(seconds=1)) == 0
        assert letters.expire(c, USEFUL_UNTIL) == 2
        assert {(row.state, row.reason, row.settled_at) for row in letters.search(c, EVENT)} == {
            (S.MISSED, "no longer useful", USEFUL_UNTIL)
        }


@pytest.mark.parametrize("happening", Happening)
def test_only_what_the_table_allows_happens(database: Database, happening: Happening) -> None:
    occasion_id = begin(database, len(S))
    with database.writing() as c:
        rows = letters.search(c, EVENT)
        before = dict(zip((row.id for row in rows), S, strict=True))
        for letter_id, state in before.items():
            put_into(c, letter_id, state)
        if happening in letters.TOLD_BY_OWNER:
            facts = {"fence": 1, "owner": "one", "happening": happening}
            letters.happen(c, [letters.Change(letter_id=each, **facts) for each in before], NOW)  # type: ignore[arg-type]
        elif happening in letters.TOLD_OF_DOUBT:
            for each in before:
                letters.settle(c, each, happening, NOW, "seen")
        elif happening is H.CLAIMED:
            letters.claim(c, "two", NOW, 100, LEASE)
        elif happening is H.WITHDRAWN:
            letters.withdraw_occasion(c, occasion_id, "moved", NOW)
        elif happening is H.SUPPRESSED:
            for row in rows:
                people.unsubscribe(c, row.recipient_id, NOW)
        else:
            letters.expire(c, USEFUL_UNTIL)
    expected = {each: TRANSITIONS.get((state, happening), state) for each, state in before.items()}
    assert states(database) == expected
    with database.reading() as c:
        written = {each: [line.happening for line in letters.history(c, each)] for each in before}
    assert written == {
        each: [happening] * ((state, happening) in TRANSITIONS) for each, state in before.items()
    }


def test_what_is_not_an_owners_to_tell_is_an_error(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    with pytest.raises(ValueError, match="not for the owner"):
        tell(database, told(claimed, H.EXPIRED))
    with pytest.raises(ValueError, match="does not end a doubt"), database.writing() as c:
        letters.settle(c, claimed.id, H.ACCEPTED, NOW)


def test_a_letter_that_was_sent_tells_its_whole_story(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    assert tell(database, told(claimed, H.INTENDED, digest=DIGEST), now=later(seconds=1)) == [claimed.id]
    sent = told(claimed, H.ACCEPTED, reply="250 2.0.0 queued as 4711")
    assert tell(database, sent, now=later(seconds=2)) == [claimed.id]
    with database.reading() as c:
        (row,) = letters.search(c, EVENT)
        assert letters.history(c, claimed.id) == [
            Happened(at=NOW, happening=H.CLAIMED, state=S.CLAIMED, note="one"),
            Happened(at=later(seconds=1), happening=H.INTENDED, state=S.LEAVING, note=""),
            Happened(
                at=later(seconds=2), happening=H.ACCEPTED, state=S.SENT, note="250 2.0.0 queued as 4711"
            ),
        ]
    assert (row.state, row.content, row.intent_at, row.settled_at) == (
        S.SENT,
        DIGEST,
        later(seconds=1),
        later(seconds=2),
    )
    assert (row.attempts, row.reply) == (1, "250 2.0.0 queued as 4711")


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
        assert letters.next_attempt_at(c) == retry_at
    (again,) = claim(database, now=retry_at)
    assert (again.id, again.fence, again.attempts) == (claimed.id, 2, 1)
    with database.reading() as c:
        assert letters.next_attempt_at(c) is None


def test_an_owner_whose_lease_ran_out_is_fenced_out(database: Database) -> None:
    begin(database, 1)
    (frozen,) = claim(database, owner="frozen")
    assert tell(database, told(frozen, H.INTENDED, digest=DIGEST), now=NOW + LEASE) == []
    with database.writing() as c:
        assert letters.renew(c, "frozen", NOW + LEASE, LEASE) == 0
        assert letters.recover(c, NOW + LEASE - timedelta(microseconds=1)) == Recovered()
        assert letters.recover(c, NOW + LEASE) == Recovered(released=1)
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
        assert letters.renew(c, "one", later(seconds=50), LEASE) == 1
        assert letters.recover(c, later(seconds=70)) == Recovered(released=1)
    assert tell(database, told(claimed, H.INTENDED), now=later(seconds=70)) == [claimed.id]


def test_after_the_intent_a_lost_owner_leaves_a_doubt(database: Database) -> None:
    begin(database, 3)
    claimed = claim(database)
    tell(database, told(claimed[0], H.INTENDED, digest=DIGEST))
    with database.writing() as c:
        assert letters.recover(c, NOW + LEASE) == Recovered(released=2, in_doubt=1)
        (doubtful,) = letters.in_doubt(c, EVENT)
        assert letters.in_doubt(c) == [doubtful]
        assert letters.in_doubt(c, "another") == []
    assert (doubtful.id, doubtful.content, doubtful.reason) == (claimed[0].id, DIGEST, "its lease ran out")
    assert tell(database, told(claimed[0], H.ACCEPTED), now=NOW + LEASE) == []


def test_an_owner_that_stops_lets_go_of_its_own_only(database: Database) -> None:
    begin(database, 3)
    (mine, leaving) = claim(database, 2)
    (other,) = claim(database, owner="other")
    tell(database, told(leaving, H.INTENDED))
    with database.writing() as c:
        assert letters.release_owner(c, "one", NOW) == Recovered(released=1, in_doubt=1)
    assert states(database) == {mine.id: S.WAITING, leaving.id: S.IN_DOUBT, other.id: S.CLAIMED}


def test_a_doubt_is_repeated_once_with_the_same_bytes(database: Database) -> None:
    begin(database, 1)
    (first,) = claim(database)
    tell(database, told(first, H.INTENDED, digest=DIGEST), told(first, H.LOST))
    with database.writing() as c:
        assert letters.settle(c, first.id, H.REPEATED, NOW, "a calendar letter")
        agendas.keep_wording(c, "1" * 64, {})
        assert letters.follow_version(c, EVENT, 2, "1" * 64) == 0
        people.save_roster(c, EVENT, [person(0, title="Dr")], NOW, str)
    (second,) = claim(database)
    assert (second.repeats, second.version, second.wording, second.recipient) == (
        DIGEST,
        1,
        WORDING,
        person(0),
    )
    tell(database, told(second, H.INTENDED, digest=DIGEST), told(second, H.LOST))
    with database.writing() as c:
        assert not letters.settle(c, first.id, H.REPEATED, NOW, "again")
        assert letters.settle(c, first.id, H.FOUND, NOW, "in the relay's log", entries=[("event", "u", 3)])
        (kept,) = people.ledger(c, EVENT)
    assert (kept.uid, kept.sequence_sent) == ("u", 3)
    assert states(database) == {first.id: S.SENT}


def test_what_was_sent_enters_the_ledger_and_the_newest_stays(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    entries = (SentEntry("event", "uid-1", 0), SentEntry("session-1", "uid-2", 4))
    tell(database, told(claimed, H.INTENDED), told(claimed, H.ACCEPTED, entries=entries))
    update = Occasion(due_at=NOW, mailing="update", anchor="session-1", useful_until=USEFUL_UNTIL)
    with database.writing() as c:
        write_letters(c, [claimed.recipient_id], update)
        agendas.keep_wording(c, "1" * 64, {})
        letters.follow_version(c, EVENT, 2, "1" * 64)
    (second,) = claim(database)
    changed = told(second, H.ACCEPTED, entries=(("session-1", "uid-2", 5),))
    tell(database, told(second, H.INTENDED), changed, now=later(seconds=30))
    with database.writing() as c:
        late = letters.open_occasion(
            c, EVENT, Occasion(due_at=DUE, mailing="late", anchor="event", useful_until=USEFUL_UNTIL), NOW
        )
        letters.add_letters(c, late, [new_letter(claimed.recipient_id)])
    (old,) = claim(database)
    stale = told(old, H.ACCEPTED, entries=(("session-1", "uid-2", 4),))
    tell(database, told(old, H.INTENDED), stale, now=later(seconds=40))
    with database.reading() as c:
        found = [
            (each.anchor, each.uid, each.sequence_sent, each.version_sent, each.sent_at)
            for each in people.ledger(c, EVENT)
        ]
        assert people.entry_of(c, "uid-2") == people.ledger(c, EVENT)[1]
        assert people.entry_of(c, "unknown") is None
    assert found == [("event", "uid-1", 0, 1, NOW), ("session-1", "uid-2", 5, 2, later(seconds=30))]


def test_a_refused_letter_enters_nothing(database: Database) -> None:
    begin(database, 1)
    (claimed,) = claim(database)
    tell(database, told(claimed, H.INTENDED), told(claimed, H.REFUSED, entries=(("event", "u", 0),)))
    with database.reading() as c:
        assert people.ledger(c, EVENT) == []


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


def test_owners_telling_and_an_organiser_withdrawing_do_not_deadlock(database: Database) -> None:
    occasion_id = begin(database, 300)
    claimed = claim(database, 300)
    errors: list[Exception] = []

    def act(change: Happening) -> None:
        try:
            tell(database, *[told(each, change) for each in reversed(claimed)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=act, args=(change,)) for change in (H.INTENDED, H.RELEASED, H.PUT_OFF)]
    for thread in threads:
        thread.start()
    with database.writing() as c:
        letters.withdraw_occasion(c, occasion_id, "moved", NOW)
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(states(database).values()) & {S.CLAIMED}) == 0


def test_a_withdrawn_occasion_stops_and_takes_no_more(database: Database) -> None:
    occasion_id = begin(database, 3)
    claimed, leaving = claim(database, 2)
    tell(database, told(leaving, H.INTENDED))
    with database.writing() as c:
        assert letters.withdraw_occasion(c, occasion_id, "the session moved", later(seconds=5)) == 2
        (opened,) = letters.occasions(c, EVENT)
        added = list_people(c, 4)
        assert letters.add_letters(c, occasion_id, map(new_letter, added)) == 0
    assert (opened.withdrawn_at, opened.reason) == (later(seconds=5), "the session moved")
    assert tell(database, told(claimed, H.INTENDED)) == []
    assert tell(database, told(leaving, H.ACCEPTED)) == [leaving.id]


def test_a_reopened_occasion_reaches_those_it_never_reached(database: Database) -> None:
    occasion_id = begin(database, 3)
    (sent,) = claim(database, 1)
    tell(database, told(sent, H.INTENDED), told(sent, H.ACCEPTED))
    with database.writing() as c:
        letters.withdraw_occasion(c, occasion_id, "moved", NOW)
        assert letters.open_occasion(c, EVENT, REMINDER, later(hours=1)) == occasion_id
        (opened,) = letters.occasions(c, EVENT)
        assert (opened.withdrawn_at, opened.reason, opened.opened_at) == (None, "", later(hours=1))
        ids = [member.id for member in people.roster(c, EVENT)]
        assert letters.add_letters(c, occasion_id, map(new_letter, ids)) == 2
        assert letters.add_letters(c, occasion_id, map(new_letter, ids)) == 0
    assert len(claim(database)) == 2


def test_a_missed_occasion_misses_its_waiting_letters(database: Database) -> None:
    occasion_id = begin(database, 2)
    (claimed,) = claim(database, 1)
    with database.writing() as c:
        assert letters.miss_occasion(c, occasion_id, "the service was down", later(hours=9)) == 1
        (opened,) = letters.occasions(c, EVENT)
    assert (opened.missed_at, opened.reason) == (later(hours=9), "the service was down")
    assert sorted(states(database).values()) == [S.CLAIMED, S.MISSED]
    assert states(database)[claimed.id] is S.CLAIMED


def test_unsent_letters_follow_a_new_version(database: Database) -> None:
    begin(database, 4)
    sent, put_off, held = claim(database, 3)
    tell(database, told(sent, H.INTENDED), told(sent, H.ACCEPTED), told(put_off, H.PUT_OFF))
    with database.writing() as c:
        write_letters(c, list_people(c, 1, "another"), event_key="another")
        agendas.keep_wording(c, "1" * 64, {})
        assert letters.follow_version(c, EVENT, 2, "1" * 64) == 2
        versions = {row.id: (row.version, row.wording) for row in letters.search(c, EVENT)}
        (other,) = letters.search(c, "another")
    assert versions[sent.id] == versions[held.id] == (1, WORDING)
    assert versions[put_off.id] == (2, "1" * 64)
    assert list(versions.values()).count((2, "1" * 64)) == 2
    assert other.version == 1


def test_progress_counts_every_letter_of_every_occasion(database: Database) -> None:
    occasion_id = begin(database, 4)
    empty = Occasion(due_at=later(days=1), mailing="report", anchor="event", useful_until=later(days=9))
    first, second, third = claim(database, 3)
    tell(database, told(first, H.INTENDED), told(first, H.ACCEPTED), now=later(seconds=1))
    tell(database, told(second, H.INTENDED), told(second, H.REFUSED), now=later(seconds=4))
    tell(database, told(third, H.INTENDED), told(third, H.LOST), now=later(seconds=9))
    with database.writing() as c:
        letters.open_occasion(c, EVENT, empty, NOW)
        reminder, report = letters.progress(c, EVENT)
    assert reminder.occasion.id == occasion_id
    assert reminder.counts == {S.SENT: 1, S.FAILED: 1, S.IN_DOUBT: 1, S.WAITING: 1}
    assert reminder.total == 4
    assert (reminder.first_settled_at, reminder.last_settled_at) == (later(seconds=1), later(seconds=4))
    assert (report.counts, report.total, report.first_settled_at) == ({}, 0, None)


def test_searching_by_mailing_state_and_any_part_of_an_address(database: Database) -> None:
    begin(database, 12)
    (claimed,) = claim(database, 1)
    with database.reading() as c:
        assert [row.recipient for row in letters.search(c, EVENT, address="P00001")] == [
            person(10),
            person(11),
        ]
        assert letters.search(c, EVENT, address="p_0000") == []
        assert [row.id for row in letters.search(c, EVENT, state=S.CLAIMED)] == [claimed.id]
        assert letters.search(c, EVENT, mailing="report") == []
        assert letters.search(c, "another") == []
        first = letters.search(c, EVENT, mailing=REMINDER.mailing, limit=5)
        rest = letters.search(c, EVENT, limit=50, after=first[-1].id)
    assert [row.recipient for row in first + rest] == [person(number) for number in range(12)]


def test_a_thousand_letters_take_a_handful_of_statements(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 1000)
        write_letters(c, [])
    assert statements(database, lambda c: write_letters(c, ids)) <= 10
    claimed: list[letters.ClaimedLetter] = []
    assert statements(database, lambda c: claimed.extend(letters.claim(c, "one", NOW, 1000, LEASE))) <= 10
    assert len(claimed) == 1000
    intended = [told(each, H.INTENDED, digest=DIGEST) for each in claimed]
    assert statements(database, lambda c: letters.happen(c, intended, NOW)) <= 10
    accepted = [told(each, H.ACCEPTED, entries=(("event", f"u{each.id}", 0),)) for each in claimed]
    assert statements(database, lambda c: letters.happen(c, accepted, NOW)) <= 10
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

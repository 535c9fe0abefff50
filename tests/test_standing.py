"""Where everything stands: the counts add up, whatever has become of the letters."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from mailer.agenda.model import Event
from mailer.lately import FRESH_FOR
from mailer.outbox import letters, people
from mailer.outbox.database import Database
from mailer.outbox.letter import LetterState
from mailer.outbox.schema import letter
from mailer.planning import due
from mailer.service import Service
from mailer.standing import OccasionStanding, Stage, standing
from tests.conference import EVENT, PUBLISHED_AT, RECIPIENTS, STARTS_AT
from tests.test_service import SENDER, TEXTS

S = LetterState
ONCE = EVENT.model_copy(
    update={"mailings": tuple(m.model_copy(update={"again_when_moved": False}) for m in EVENT.mailings)}
)
NOBODY_YET = {mailing.key: 0 for mailing in EVENT.mailings}


@pytest.fixture
def stage(database: Database) -> Service:
    return Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)


def _later(event: Event) -> Event:
    """The first session begins half an hour later."""
    later = tuple(
        s.model_copy(update={"starts_at": s.starts_at + timedelta(minutes=30)}) if s.key == "session-1" else s
        for s in event.sessions
    )
    return event.model_copy(update={"sessions": later})


def _end(database: Database, mailing: str, now: datetime, *, but: int = 0) -> int:
    """Have the letters of a mailing that are written down sent, `but` a few; how many those are."""
    with database.writing() as transaction:
        ids = [row.id for row in letters.search(transaction, EVENT.key, mailing=mailing)][but:]
        transaction.execute(update(letter).where(letter.c.id.in_(ids)).values(state=S.SENT))
    return len(ids)


def _occasions(database: Database, mailing: str, anchor: str, now: datetime) -> list[OccasionStanding]:
    stands = standing(database, EVENT.key, now)
    assert stands
    (one,) = (each for each in stands.mailings if each.mailing == mailing)
    return [each for each in one.occasions if each.anchor == anchor]


def test_nothing_stands_before_anything_is_published(database: Database) -> None:
    assert standing(database, EVENT.key, PUBLISHED_AT) is None


def test_what_is_to_come_is_counted_as_expected(database: Database) -> None:
    Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS).publish(
        EVENT, RECIPIENTS, PUBLISHED_AT
    )

    stands = standing(database, EVENT.key, PUBLISHED_AT)

    assert stands is not None
    assert {m.mailing: m.letters for m in stands.mailings} == NOBODY_YET
    assert {m.mailing: m.stage for m in stands.mailings} == dict.fromkeys(NOBODY_YET, Stage.PLANNED)
    chosen = sum(len(set(r.sessions)) for r in RECIPIENTS)
    expected = {m.mailing: m.expected for m in stands.mailings}
    assert expected == dict.fromkeys(NOBODY_YET, len(RECIPIENTS)) | {"session-reminder": chosen}
    assert stands.recipients == len(RECIPIENTS)


def test_counts_add_up_when_some_unsubscribed_and_some_declined(database: Database) -> None:
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    service.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    with database.writing() as transaction:
        one, other, *_ = people.roster(transaction, EVENT.key)
        people.unsubscribe(transaction, one.id, PUBLISHED_AT)
        people.record_answer(transaction, other.id, "event", "declined", PUBLISHED_AT, "page", sequence=0)
    service.plan(STARTS_AT - timedelta(hours=12))

    stands = standing(database, EVENT.key, STARTS_AT - timedelta(hours=12))

    assert stands is not None
    by_key = {mailing.mailing: mailing for mailing in stands.mailings}
    assert by_key["invitation"].counts == {S.WAITING: len(RECIPIENTS) - 1, S.SUPPRESSED: 1}
    assert by_key["practical"].counts == {S.WAITING: len(RECIPIENTS) - 2, S.SUPPRESSED: 1}
    assert by_key["practical"].stage is Stage.RUNNING
    assert (stands.unsubscribed, stands.answers) == (1, {"declined": 1})
    assert stands.letters == stands.count(*S) == sum(m.letters for m in stands.mailings)


def test_a_mailing_is_due_at_its_next_occasion_and_then_at_its_last(database: Database) -> None:
    Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS).publish(
        EVENT, RECIPIENTS, PUBLISHED_AT
    )
    before = standing(database, EVENT.key, PUBLISHED_AT)
    assert before is not None
    reminders = next(m for m in before.mailings if m.mailing == "session-reminder")

    assert reminders.due_at == min(occasion.due_at for occasion in reminders.occasions)
    assert [occasion.anchor for occasion in reminders.occasions] == [
        session.key for session in EVENT.sessions if session.kind == "session"
    ]


def test_a_withdrawn_occasion_is_shown_as_withdrawn(stage: Service, database: Database) -> None:
    stage.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    stage.plan(EVENT.session("session-1").starts_at - timedelta(minutes=10))
    now = EVENT.session("session-1").starts_at - timedelta(minutes=5)
    stage.publish(_later(EVENT), RECIPIENTS, now)
    stage.plan(now)

    stands = standing(database, EVENT.key, now)

    assert stands is not None
    stages = {
        (o.anchor, o.stage) for m in stands.mailings if m.mailing == "session-reminder" for o in m.occasions
    }
    assert {("session-1", Stage.WITHDRAWN), ("session-1", Stage.PLANNED)} <= stages
    with database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, mailing="session-reminder", state=S.WITHDRAWN)
    assert {row.anchor for row in rows} == {"session-1"}


def test_what_has_left_before_a_session_moved_is_done_and_comes_to_nobody_again(stage: Service) -> None:
    """The mailing does not say `again_when_moved`: whoever was reminded for the old hour is not asked anew."""
    session, now = EVENT.session("session-1"), EVENT.session("session-1").starts_at - timedelta(minutes=10)
    stage.publish(ONCE, RECIPIENTS, PUBLISHED_AT)
    stage.plan(now)
    reminded = _end(stage.database, "session-reminder", now)
    stage.publish(_later(ONCE), RECIPIENTS, now)
    stage.plan(now)

    before, after = _occasions(stage.database, "session-reminder", "session-1", now)

    assert (before.stage, before.counts, before.is_in_force) == (Stage.DONE, {S.SENT: reminded}, False)
    assert (after.stage, after.expected, after.is_in_force) == (Stage.PLANNED, 0, True)
    stage.plan(session.starts_at + timedelta(minutes=15))
    assert _occasions(stage.database, "session-reminder", "session-1", now)[1].letters == 0


def test_who_gets_it_again_is_expected_again(stage: Service) -> None:
    now = EVENT.session("session-1").starts_at - timedelta(minutes=10)
    stage.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    stage.plan(now)
    reminded = _end(stage.database, "session-reminder", now)
    stage.publish(_later(EVENT), RECIPIENTS, now)

    _, after = _occasions(stage.database, "session-reminder", "session-1", now)

    assert (after.stage, after.expected) == (Stage.PLANNED, reminded)


def test_an_occasion_of_which_some_has_left_is_done_though_the_rest_is_withdrawn(stage: Service) -> None:
    now = EVENT.session("session-1").starts_at - timedelta(minutes=10)
    stage.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    stage.plan(now)
    reminded = _end(stage.database, "session-reminder", now, but=1)
    stage.publish(_later(EVENT), RECIPIENTS, now)

    before, _ = _occasions(stage.database, "session-reminder", "session-1", now)

    assert (before.stage, before.counts) == (Stage.DONE, {S.SENT: reminded, S.WITHDRAWN: 1})


def test_a_long_list_is_counted_anew_beside_the_pages(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.standing.LONG_LIST", len(RECIPIENTS) - 1)
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    service.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    before = standing(database, EVENT.key, PUBLISHED_AT)
    service.publish(EVENT, RECIPIENTS[1:], PUBLISHED_AT + timedelta(seconds=1))

    seen = []
    for seconds in (1, 2, 3):
        shown = standing(database, EVENT.key, PUBLISHED_AT + timedelta(seconds=seconds))
        assert shown
        seen.append(shown.recipients)
        _let_counting_end()

    assert before
    assert before.recipients == len(RECIPIENTS)
    assert seen == [len(RECIPIENTS), len(RECIPIENTS), len(RECIPIENTS) - 1]


def test_the_first_page_does_not_wait_for_the_count_of_a_long_list(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.standing.LONG_LIST", len(RECIPIENTS))
    may_count = threading.Event()
    expected = due.expected

    def count(*asked: Any) -> list[int]:
        assert may_count.wait(10)
        return expected(*asked)

    monkeypatch.setattr(due, "expected", count)
    Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS).publish(
        EVENT, RECIPIENTS, PUBLISHED_AT
    )

    at_once = standing(database, EVENT.key, PUBLISHED_AT, in_full=False)
    may_count.set()
    in_full = standing(database, EVENT.key, PUBLISHED_AT)
    _let_counting_end()
    later = standing(database, EVENT.key, PUBLISHED_AT + timedelta(seconds=4), in_full=False)

    assert at_once
    assert in_full
    assert (at_once.is_foretold, at_once.recipients) == (False, len(RECIPIENTS))
    assert in_full.is_foretold
    assert later == in_full
    assert [m.occasions[0].due_at for m in at_once.mailings] == [
        m.occasions[0].due_at for m in in_full.mailings
    ]


def _let_counting_end() -> None:
    while counting := [thread for thread in threading.enumerate() if thread.name == "counting"]:
        for thread in counting:
            thread.join()


def test_letters_that_leave_are_not_counted_for_every_page_of_a_long_list(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.standing.LONG_LIST", len(RECIPIENTS))
    Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS).publish(
        EVENT, RECIPIENTS, PUBLISHED_AT
    )
    first = standing(database, EVENT.key, PUBLISHED_AT)

    statements: list[str] = []
    with told_of_statements(database, statements):
        second = standing(database, EVENT.key, PUBLISHED_AT + FRESH_FOR)

    assert second is first
    assert statements == []


@contextmanager
def told_of_statements(database: Database, statements: list[str]) -> Iterator[None]:
    def told(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", told)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", told)

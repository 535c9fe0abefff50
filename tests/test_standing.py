"""Where everything stands: the counts add up, whatever has become of the letters."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from mailer.lately import FRESH_FOR
from mailer.outbox import letters, people
from mailer.outbox.database import Database
from mailer.outbox.letter import LetterState
from mailer.planning import due
from mailer.service import Service
from mailer.standing import Stage, standing
from tests.conference import EVENT, PUBLISHED_AT, RECIPIENTS, STARTS_AT
from tests.test_service import SENDER, TEXTS

S = LetterState
NOBODY_YET = {mailing.key: 0 for mailing in EVENT.mailings}


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


def test_a_withdrawn_occasion_is_shown_as_withdrawn(database: Database) -> None:
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    service.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    service.plan(EVENT.session("session-1").starts_at - timedelta(minutes=10))
    later = tuple(
        s.model_copy(update={"starts_at": s.starts_at + timedelta(minutes=30)}) if s.key == "session-1" else s
        for s in EVENT.sessions
    )
    now = EVENT.session("session-1").starts_at - timedelta(minutes=5)
    service.publish(EVENT.model_copy(update={"sessions": later}), RECIPIENTS, now)
    service.plan(now)

    stands = standing(database, EVENT.key, now)

    assert stands is not None
    stages = {
        (o.anchor, o.stage) for m in stands.mailings if m.mailing == "session-reminder" for o in m.occasions
    }
    assert {("session-1", Stage.WITHDRAWN), ("session-1", Stage.PLANNED)} <= stages
    with database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, mailing="session-reminder", state=S.WITHDRAWN)
    assert {row.anchor for row in rows} == {"session-1"}


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

"""What publishing would do to the timetable is foretold, and is what happens."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailer.agenda import rewriting
from mailer.agenda.model import Event
from mailer.dossier import Proposal
from mailer.outbox import agendas, letters
from mailer.outbox.letter import LetterState
from mailer.outbox.people import record_answer, roster
from mailer.publishing import Course, Foreseen, Publishing, ToCome
from mailer.recipients.model import Recipient
from tests.conference import RECIPIENTS
from tests.web.agendas import CONFERENCE
from tests.web.desk import AGENDA_IS_DUE_AT, Desk, open_desk

PRACTICAL_AT = datetime(2027, 3, 9, 16, 0, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as desk:
        desk.publish(CONFERENCE)
        desk.work()
        yield desk


def _courses(desk: Desk, event: Event) -> list[Course]:
    office = desk.office
    with desk.database.reading() as transaction:
        latest = agendas.latest(transaction, CONFERENCE.key)
    assert latest
    publishing = Publishing(
        database=office.database, sender=office.sender, profile=office.profile, now=desk.clock()
    )
    proposal = Proposal(event=event, recipients=RECIPIENTS, texts=office.texts)
    return list(publishing.foresee(proposal, latest).courses)


def test_what_stays_as_it_is_is_not_told(desk: Desk) -> None:
    assert _courses(desk, CONFERENCE) == []
    renamed = rewriting.rewritten(CONFERENCE, "practical", {"title": "How to find us"})
    assert _courses(desk, renamed) == []


def test_a_mailing_that_leaves_at_another_hour_to_others_is_told(desk: Desk) -> None:
    event = rewriting.rewritten(
        CONFERENCE,
        "practical",
        {"when": "2 days before the event starts, at 17:00", "audience": "role = speaker"},
    )

    assert _courses(desk, event) == [
        Course(
            mailing="practical",
            title=CONFERENCE.mailing("practical").title,
            was=ToCome(letters=len(RECIPIENTS), hours=1, first_at=PRACTICAL_AT),
            becomes=ToCome(letters=1, hours=1, first_at=PRACTICAL_AT.replace(day=8)),
        )
    ]


def test_one_that_is_new_and_one_that_is_taken_out_are_told(desk: Desk) -> None:
    event = rewriting.taken_out(CONFERENCE, "session-reminder")
    event = rewriting.added(
        event,
        "welcome",
        {**rewriting.BEGINNINGS[CONFERENCE.mailing("practical").kind], "kind": "practical"},
    )

    found = {each.mailing: each for each in _courses(desk, event)}
    assert found.keys() == {"welcome", "session-reminder"}
    assert found["welcome"].was is None
    assert found["welcome"].becomes == ToCome(letters=len(RECIPIENTS), hours=1, first_at=PRACTICAL_AT)
    assert found["session-reminder"].becomes is None
    gone = found["session-reminder"].was
    assert gone
    assert gone.hours == 4


def test_a_day_that_moves_moves_all_that_hangs_on_it(desk: Desk) -> None:
    later = CONFERENCE.model_copy(
        update={
            "sessions": tuple(
                each.model_copy(
                    update={
                        "starts_at": each.starts_at.replace(day=11),
                        "ends_at": each.ends_at.replace(day=11),
                    }
                )
                for each in CONFERENCE.sessions
            )
        }
    )

    found = {each.mailing: each for each in _courses(desk, later)}
    assert "invitation" not in found
    assert found["practical"].becomes == ToCome(
        letters=len(RECIPIENTS), hours=1, first_at=PRACTICAL_AT.replace(day=10)
    )


def test_letters_that_wait_are_withdrawn_and_written_anew(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.service.plan(desk.clock())
    waiting = _waiting(desk, "agenda")
    assert waiting == len(RECIPIENTS)
    when = {"when": "12 days before the event starts, at 09:00", "again_when_moved": False}
    moved = rewriting.rewritten(CONFERENCE, "agenda", when)

    (course,) = _courses(desk, moved)
    assert (course.withdrawn, course.becomes and course.becomes.letters) == (waiting, waiting)
    (gone,) = _courses(desk, rewriting.taken_out(CONFERENCE, "agenda"))
    assert (gone.withdrawn, gone.becomes) == (waiting, None)
    desk.publish(moved)
    assert _waiting(desk, "agenda") == 0
    desk.clock.move(days=3)
    desk.service.plan(desk.clock())
    assert _waiting(desk, "agenda") == waiting


def test_who_has_it_already_is_not_counted_again(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.work()
    moved = rewriting.rewritten(
        CONFERENCE, "agenda", {"when": "12 days before the event starts, at 09:00", "again_when_moved": False}
    )
    (course,) = _courses(desk, moved)
    assert course.becomes
    assert course.becomes.letters == 0
    again = rewriting.rewritten(moved, "agenda", {"again_when_moved": True})
    (course,) = _courses(desk, again)
    assert course.becomes
    assert course.becomes.letters == len(RECIPIENTS)


def test_a_wider_audience_of_what_has_left_is_what_leaves_at_once(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    with desk.database.writing() as transaction:
        member = next(iter(roster(transaction, CONFERENCE.key)))
        record_answer(transaction, member.id, "event", "declined", desk.clock(), "page", sequence=0)
    desk.work()
    before = desk.tray.count()
    wider = rewriting.rewritten(CONFERENCE, "agenda", {"audience": "everyone"})

    (course,) = _courses(desk, wider)
    assert (course.was, course.becomes and course.becomes.letters) == (None, 1)
    desk.clock.move(minutes=1)
    desk.publish(wider)
    desk.clock.move(minutes=1)
    desk.work()
    assert desk.tray.count() - before == 1


def _foreseen(desk: Desk, event: Event, listed: Sequence[Recipient] = RECIPIENTS) -> Foreseen:
    office = desk.office
    with desk.database.reading() as transaction:
        latest = agendas.latest(transaction, CONFERENCE.key)
    publishing = Publishing(
        database=office.database, sender=office.sender, profile=office.profile, now=desk.clock()
    )
    return publishing.foresee(Proposal(event=event, recipients=tuple(listed), texts=office.texts), latest)


def test_letters_that_wait_and_move_to_an_hour_past_leave_at_once(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.service.plan(desk.clock())
    when = {"when": "25 days before the event starts, at 09:00", "again_when_moved": False}
    moved = rewriting.rewritten(CONFERENCE, "agenda", when)
    found = _foreseen(desk, moved)
    desk.publish(moved)
    desk.service.plan(desk.clock())

    assert _waiting(desk, "agenda") == len(RECIPIENTS)
    assert found.difference.due_at_once == {"agenda": len(RECIPIENTS)}
    (course,) = found.courses
    assert (course.becomes and course.becomes.letters, course.withdrawn) == (len(RECIPIENTS), len(RECIPIENTS))


def test_letters_that_wait_for_whoever_is_no_longer_meant_are_withdrawn(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.service.plan(desk.clock())
    narrower = rewriting.rewritten(CONFERENCE, "agenda", {"audience": "role = speaker"})
    found = _foreseen(desk, narrower)
    desk.publish(narrower)
    desk.clock.move(seconds=2)
    desk.service.plan(desk.clock())

    assert _waiting(desk, "agenda") == 1
    (course,) = found.courses
    assert course.was
    assert course.was.letters == len(RECIPIENTS)
    assert (course.becomes and course.becomes.letters, course.withdrawn) == (1, len(RECIPIENTS) - 1)


def test_whoever_comes_back_has_what_they_have(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.work()
    desk.publish(recipients=RECIPIENTS[1:], event=CONFERENCE)
    desk.clock.move(minutes=5)
    desk.work()
    found = _foreseen(desk, CONFERENCE)
    desk.publish(recipients=RECIPIENTS, event=CONFERENCE)
    desk.service.plan(desk.clock())

    assert found.difference.added == (RECIPIENTS[0].address,)
    assert found.difference.due_at_once == {}
    assert _waiting(desk, "agenda") == _waiting(desk, "invitation") == 0


def _waiting(desk: Desk, mailing: str) -> int:
    with desk.database.reading() as transaction:
        return sum(
            each.counts.get(LetterState.WAITING, 0)
            for each in letters.progress(transaction, CONFERENCE.key)
            if each.occasion.mailing == mailing
        )

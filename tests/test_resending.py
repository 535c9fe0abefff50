"""What failed is sent again because a person says so: what stands in the way, all or none, and never what may have
arrived.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailer import resending, settling
from mailer.errors import ConvenorError
from mailer.outbox import audit, claims, letters, pauses
from mailer.outbox.failures import Failure
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow
from mailer.resending import OBSTACLES, Prospect, obstacle
from tests.conference import EVENT, RECIPIENTS
from tests.outbox.world import told
from tests.web.desk import Desk, open_desk

H, S = Happening, LetterState
NOW = EVENT.starts_at
SPAM = "554 5.7.1 refused as spam"
MINUTE = timedelta(minutes=1)

FAILED = Failure(
    id=1,
    mailing="invitation",
    cause="550",
    may_have_arrived=False,
    useful_until=NOW + MINUTE,
    is_withdrawn=False,
    is_stopped=False,
    has_left=False,
    has_unsubscribed=False,
    is_flagged=False,
    is_void=False,
)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, ""),
        ({"may_have_arrived": True}, "its first copy may have arrived"),
        ({"has_unsubscribed": True}, "unsubscribed"),
        ({"has_left": True}, "no longer on the list"),
        ({"is_flagged": True}, "reported as wrong"),
        ({"is_stopped": True}, "was stopped"),
        ({"is_withdrawn": True}, "has moved or is off"),
        ({"is_void": True}, "a later letter"),
        ({"useful_until": NOW}, "no longer useful"),
        ({"may_have_arrived": True, "useful_until": NOW}, "its first copy may have arrived"),
    ],
)
def test_why_one_is_not_sent_again(facts: dict[str, object], why: str) -> None:
    said = obstacle(replace(FAILED, **facts), NOW)  # type: ignore[arg-type]
    assert bool(said) is bool(why)
    assert why in said


def test_every_obstacle_can_be_met() -> None:
    assert len({why for _, why in OBSTACLES}) == len(OBSTACLES) == 8


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Every invitation was refused in the same words, but for the first reader's: that was lost sight of."""
    with open_desk(tmp_path) as desk:
        desk.publish()
        desk.service.plan(desk.clock())
        with desk.database.writing() as c:
            claimed = claims.claim(c, "one", desk.clock(), 100, MINUTE)
        rows = {row.id: row for row in _rows(desk)}
        for number, each in enumerate(claimed):
            digest = hashlib.sha256(desk.service.compose(rows[each.id]).raw).hexdigest()
            ends = told(each, H.REFUSED, reply=SPAM) if number else told(each, H.LOST, reply="no answer")
            with desk.database.writing() as c:
                claims.happen(c, [told(each, H.INTENDED, digest=digest), ends], desk.clock())
        yield desk


def _rows(desk: Desk) -> list[LetterRow]:
    with desk.database.reading() as c:
        return letters.search(c, EVENT.key)


def _deeds(desk: Desk) -> list[tuple[str, str, str]]:
    with desk.database.reading() as c:
        return [(each.who, each.did, each.what) for each in reversed(audit.deeds(c))]


def _resend(desk: Desk, *ids: int) -> int:
    return resending.resend(desk.database, EVENT.key, ids, desk.clock(), by="Maria")


def test_one_letter_leaves_again_to_the_same_address_once(desk: Desk) -> None:
    failed = _rows(desk)[1]
    assert resending.obstacle_of(desk.database, EVENT.key, failed.id, desk.clock()) == ""
    assert _resend(desk, failed.id) == 1
    assert _deeds(desk) == [("Maria", "sent again", f"letter {failed.id}")]
    desk.work()
    desk.work()

    assert [each.recipient for each, _ in desk.tray.everything()] == [failed.recipient.address]
    assert _rows(desk)[1].state is S.SENT
    assert resending.obstacle_of(desk.database, EVENT.key, failed.id, desk.clock()) is None


def test_what_is_in_doubt_or_was_sent_is_never_sent_again(desk: Desk) -> None:
    doubtful, failed, *_ = _rows(desk)
    before = desk.dump()
    with pytest.raises(ConvenorError, match=rf"letter {doubtful.id} is not sent again: it has not failed"):
        _resend(desk, failed.id, doubtful.id)
    assert desk.dump() == before

    _resend(desk, failed.id)
    desk.work()
    with pytest.raises(ConvenorError, match="it has not failed; nothing was changed"):
        _resend(desk, failed.id)


def test_a_repeated_one_that_failed_is_not_sent_a_third_time(desk: Desk) -> None:
    """It was in doubt, left once more and was refused: its reader may have the first."""
    doubtful = _rows(desk)[0]
    desk.clock.move(days=1)
    settling.settle_doubts(desk.database, EVENT.key, desk.service.compose, (), desk.clock())
    with desk.database.writing() as c:
        (again,) = claims.claim(c, "two", desk.clock(), 100, MINUTE)
        row = letters.one(c, EVENT.key, again.id)
        assert row
        assert row.content
        intent = told(again, H.INTENDED, digest=row.content)
        claims.happen(c, [intent, told(again, H.REFUSED, reply=SPAM)], desk.clock())
    assert _rows(desk)[0].state is S.FAILED

    with pytest.raises(ConvenorError, match="its first copy may have arrived"):
        _resend(desk, doubtful.id)
    found = resending.prospect(desk.database, EVENT.key, "invitation", desk.clock())
    assert found.letters == len(RECIPIENTS) - 1
    assert list(found.left) == [OBSTACLES[0][1]]


def test_all_of_one_cause_leave_again_and_the_others_stay(desk: Desk) -> None:
    cause = pauses.words_of(SPAM)
    assert resending.resend_all(desk.database, EVENT.key, "invitation", desk.clock(), cause="x") == Prospect()
    done = resending.resend_all(desk.database, EVENT.key, "invitation", desk.clock(), cause=cause, by="Maria")
    assert done.letters == len(RECIPIENTS) - 1
    assert _deeds(desk) == [
        ("Maria", "sent again", f"{done.letters} letters of invitation that failed of: {cause}")
    ]
    desk.work()
    states = [row.state for row in _rows(desk)]
    assert states == [S.IN_DOUBT, *[S.SENT] * done.letters]
    assert desk.tray.count() == done.letters


def test_it_is_written_anew_with_the_agenda_of_now(desk: Desk) -> None:
    failed = _rows(desk)[1]
    desk.clock.move(minutes=1)
    desk.publish(EVENT.model_copy(update={"title": "Another title"}))
    _resend(desk, failed.id)
    desk.work()

    (caught,) = [each for each, _ in desk.tray.everything() if each.recipient == failed.recipient.address]
    assert "Another title" in caught.subject


def test_what_the_agenda_no_longer_has_is_not_sent_again(desk: Desk) -> None:
    """Its occasion had nothing left to send, and so was not withdrawn."""
    failed = _rows(desk)[1]
    desk.clock.move(minutes=1)
    desk.publish(EVENT.model_copy(update={"cancelled": True}))
    with pytest.raises(ConvenorError, match="what it is about has moved or is off"):
        _resend(desk, failed.id)
    desk.work()
    assert desk.tray.count() == 0

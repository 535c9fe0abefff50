"""A word that an answer is there: one for all that was said within minutes, and none for calendars."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailer import confirming
from mailer.agenda.upkeep import Upkeep
from mailer.confirming import CONFIRMATION, occasion_after
from mailer.outbox import ledger, letters, people
from mailer.outbox.letters import LetterRow
from mailer.recipients.model import Recipient
from tests.secretariat import ANA, BEN, DAY, EVA, HOUR, MINUTE, TEXTS, Secretariat, begun

SECOND = timedelta(seconds=1)


def due_after(answered_at: datetime) -> datetime:
    return occasion_after(answered_at).due_at


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Secretariat]:
    """Everybody has the invitation and the agenda."""
    with begun(tmp_path) as office:
        yield office


def confirm(office: Secretariat, at: datetime) -> datetime | None:
    with office.database.writing() as c:
        return confirming.confirm(c, office.latest, TEXTS.digest, at)


def written(office: Secretariat) -> list[tuple[str, str, datetime, tuple[tuple[str, str], ...]]]:
    """The confirmations there are, as (to whom, in which state, when due, what they confirm)."""
    return [
        (row.recipient.given_name, row.state.value, row.due_at, upkeep(office, row).answers)
        for row in sorted(rows(office), key=lambda row: row.id)
    ]


def rows(office: Secretariat) -> list[LetterRow]:
    with office.database.reading() as c:
        return letters.search(c, office.agenda.key, mailing=CONFIRMATION, limit=100)


def upkeep(office: Secretariat, row: LetterRow) -> Upkeep:
    assert row.upkeep
    with office.database.reading() as c:
        return ledger.kept_upkeep(c, row.upkeep)


def say(
    office: Secretariat, who: Recipient, answer: str, key: str = "event", after: timedelta = 0 * MINUTE
) -> None:
    office.now += after
    office.say_on_page(who, answer, key)


def test_a_confirmation_is_due_at_a_whole_minute_when_nothing_more_was_said() -> None:
    moment = datetime.fromisoformat("2027-02-01T10:15:42.5+00:00")
    assert due_after(moment) == datetime.fromisoformat("2027-02-01T10:18:00+00:00")
    assert due_after(moment.replace(second=0, microsecond=0)) == due_after(moment)


def test_several_answers_within_minutes_are_confirmed_once_as_they_stand_at_last(office: Secretariat) -> None:
    say(office, ANA, "tentative")
    say(office, ANA, "accepted", "session-2", after=MINUTE)
    say(office, ANA, "accepted", after=MINUTE)
    due_at = due_after(office.now)
    assert confirm(office, office.now) == due_at
    assert written(office) == []
    assert confirm(office, due_at) is None
    assert written(office) == [
        ("Ana", "waiting", due_at, (("event", "accepted"), ("session-2", "accepted"))),
    ]
    assert confirm(office, due_at + HOUR) is None
    assert len(written(office)) == 1


def test_what_is_said_later_is_confirmed_again(office: Secretariat) -> None:
    say(office, ANA, "accepted")
    first = due_after(office.now)
    confirm(office, first)
    say(office, ANA, "declined", after=HOUR)
    second = due_after(office.now)
    confirm(office, second)
    assert written(office) == [
        ("Ana", "waiting", first, (("event", "accepted"),)),
        ("Ana", "waiting", second, (("event", "declined"),)),
    ]


def test_what_is_said_at_the_very_moment_a_confirmation_falls_due_is_confirmed_too(
    office: Secretariat,
) -> None:
    say(office, ANA, "accepted")
    first = due_after(office.now)
    confirm(office, first)
    office.now = first
    say(office, ANA, "declined")
    confirm(office, due_after(first))
    assert [each[3] for each in written(office)] == [(("event", "accepted"),), (("event", "declined"),)]


def test_an_answer_by_calendar_is_not_confirmed(office: Secretariat) -> None:
    office.answer(ANA, "accepted")
    assert confirm(office, office.now + HOUR) is None
    assert written(office) == []


def test_each_is_confirmed_their_own_and_those_of_one_minute_share_an_occasion(office: Secretariat) -> None:
    say(office, ANA, "accepted")
    say(office, BEN, "declined", after=20 * SECOND)
    office.answer(EVA, "accepted")
    due_at = due_after(office.now)
    confirm(office, due_at)
    assert sorted(written(office)) == [
        ("Ana", "waiting", due_at, (("event", "accepted"),)),
        ("Ben", "waiting", due_at, (("event", "declined"),)),
    ]
    assert len({row.occasion_id for row in rows(office)}) == 1


def test_who_unsubscribed_gets_none_and_it_is_counted(office: Secretariat) -> None:
    with office.database.writing() as c:
        people.unsubscribe(c, office.ids[ANA.address], office.now)
    say(office, ANA, "accepted")
    due_at = due_after(office.now)
    confirm(office, due_at)
    assert written(office) == [("Ana", "suppressed", due_at, (("event", "accepted"),))]


def test_who_has_left_the_list_gets_none(office: Secretariat) -> None:
    say(office, ANA, "accepted")
    office.publish(listed=(BEN, EVA))
    assert confirm(office, office.now + HOUR) is None
    assert written(office) == []


@pytest.mark.parametrize(
    ("late_by", "state"), [(DAY - SECOND, "waiting"), (DAY, "missed"), (30 * DAY, "missed")]
)
def test_what_was_said_before_the_service_was_down_is_confirmed_for_a_day_and_then_missed_for_all_to_see(
    office: Secretariat, late_by: timedelta, state: str
) -> None:
    say(office, ANA, "accepted")
    due_at = due_after(office.now)
    assert confirm(office, due_at + late_by) is None
    assert [each[:3] for each in written(office)] == [("Ana", state, due_at)]
    assert {row.reason for row in rows(office) if state == "missed"} <= {
        "was due while the service was not running"
    }
    confirm(office, due_at + late_by + DAY)
    assert len(written(office)) == 1


def test_a_confirmation_that_cannot_leave_for_a_day_is_missed(office: Secretariat) -> None:
    say(office, ANA, "accepted")
    due_at = due_after(office.now)
    office.service.plan(due_at)
    assert [each[1] for each in written(office)] == ["waiting"]
    office.service.plan(due_at + DAY - SECOND)
    assert [each[1] for each in written(office)] == ["waiting"]
    office.service.plan(due_at + DAY)
    assert [each[1] for each in written(office)] == ["missed"]


def test_a_confirmation_changes_no_calendar_and_comes_once(office: Secretariat) -> None:
    before = office.shown()
    say(office, ANA, "accepted")
    arrived = office.wait(HOUR)
    assert [(each.mailing, each.address) for each in arrived] == [(CONFIRMATION, ANA.address)]
    assert office.shown() == before
    assert office.faults() == []
    assert office.wait(DAY) == []

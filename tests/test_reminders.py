"""Reminders that know: who is silent, where a session has moved to, who declined, and what the hour is."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailer.agenda.model import Event, Mailing
from mailer.outbox import letters
from mailer.outbox.database import open_database
from mailer.recipients.model import Recipient
from tests import conference
from tests.conference import at
from tests.databases import empty_sqlite
from tests.secretariat import ANA, BEN, DAY, EVA, HOUR, MINUTE, SESSIONS, Arrived, Fate, Secretariat, event

ASKED_AT = datetime.fromisoformat("2027-02-08T08:00:00+00:00")
"""When those who are silent are asked: at nine in Vienna on the Monday after the thirtieth day before."""

Answering = Callable[[Secretariat, Recipient, str], None]


def mailing(key: str, **facts: object) -> Mailing:
    return conference.EVENT.mailing(key).model_copy(update=facts)


def agenda(*changed: Mailing, **facts: object) -> Event:
    """An invitation, the question to those who are silent, and a reminder of each session."""
    keys = {each.key: each for each in changed}
    mailings = tuple(
        keys.get(key, conference.EVENT.mailing(key)) for key in ("invitation", "reminder", "session-reminder")
    )
    return event(*SESSIONS, **{"mailings": mailings, **facts})


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Secretariat]:
    """Everybody has the invitation."""
    database = open_database(empty_sqlite(tmp_path))
    office = Secretariat(database)
    office.publish(agenda())
    office.wait()
    yield office
    database.close()


def play_until(
    office: Secretariat, end: datetime, fate: Callable[[], Fate] = lambda: Fate.SENT
) -> list[tuple[str, str, str]]:
    """Beat at every moment at which something falls due; the reminders that came, as (to whom, which, of what)."""
    before = len(office.arrived)
    for _ in range(100):
        next_at = office.service.plan(office.now)
        office.carry(fate)
        if next_at is None or next_at > end:
            break
        office.now = next_at
    office.now = end
    office.service.plan(end)
    office.carry(fate)
    return reminders(office.arrived[before:])


def reminders(arrived: list[Arrived]) -> list[tuple[str, str, str]]:
    return sorted(
        (each.address.partition("@")[0], each.mailing, each.anchor)
        for each in arrived
        if each.mailing in {"reminder", "session-reminder"}
    )


def states(office: Secretariat, key: str) -> Counter[str]:
    with office.database.reading() as c:
        return Counter(
            row.state.value for row in letters.search(c, office.agenda.key, mailing=key, limit=100)
        )


def by_calendar(office: Secretariat, who: Recipient, answer: str) -> None:
    office.answer(who, answer)


def by_page(office: Secretariat, who: Recipient, answer: str) -> None:
    office.say_on_page(who, answer)


# ── not answered yet ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answering", [by_calendar, by_page])
@pytest.mark.parametrize("answer", ["accepted", "tentative", "declined", "delegated"])
def test_only_the_silent_are_asked_for_their_answer(
    office: Secretariat, answering: Answering, answer: str
) -> None:
    answering(office, ANA, answer)
    assert play_until(office, ASKED_AT + HOUR) == [("ben", "reminder", "event"), ("eva", "reminder", "event")]


def test_who_accepted_an_earlier_version_is_asked_and_who_declined_it_is_not_pressed(
    office: Secretariat,
) -> None:
    office.answer(ANA, "accepted")
    office.answer(BEN, "declined")
    office.say_on_page(EVA, "accepted")
    office.publish(agenda(venue=conference.VENUE.model_copy(update={"room": "Another room"})))
    office.wait()
    assert play_until(office, ASKED_AT + HOUR) == [("ana", "reminder", "event"), ("eva", "reminder", "event")]


def test_who_answers_the_new_version_is_not_asked(office: Secretariat) -> None:
    office.answer(ANA, "accepted")
    office.publish(agenda(venue=conference.VENUE.model_copy(update={"room": "Another room"})))
    office.wait()
    office.answer(ANA, "accepted", sequence=1)
    office.say_on_page(BEN, "tentative")
    assert play_until(office, ASKED_AT + HOUR) == [("eva", "reminder", "event")]


@pytest.mark.parametrize("answering", [by_calendar, by_page])
def test_who_answers_while_the_question_waits_is_not_asked(office: Secretariat, answering: Answering) -> None:
    office.now = ASKED_AT
    office.service.plan(office.now)
    office.now += MINUTE
    answering(office, ANA, "accepted")
    assert play_until(office, ASKED_AT + HOUR) == [("ben", "reminder", "event"), ("eva", "reminder", "event")]
    assert states(office, "reminder") == {"sent": 2, "withdrawn": 1}


def test_who_was_asked_is_not_asked_again_when_the_event_moves(office: Secretariat) -> None:
    assert len(play_until(office, ASKED_AT + HOUR)) == 3
    later = tuple(
        each.model_copy(update={"starts_at": each.starts_at + 3 * DAY, "ends_at": each.ends_at + 3 * DAY})
        for each in SESSIONS
    )
    office.publish(agenda(sessions=later))
    assert play_until(office, ASKED_AT + 10 * DAY) == []


# ── of a session ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_chosen_session_that_moves_is_reminded_of_at_its_new_hour_and_once(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.wait()
    play_until(office, ASKED_AT + HOUR)
    office.now = at("09:00")
    office.change("session-2", starts_at=at("12:15"), ends_at=at("13:00"))
    assert play_until(office, at("11:59")) == []
    assert play_until(office, at("12:00")) == [("ana", "session-reminder", "session-2")]
    assert play_until(office, at("17:00")) == []


def test_a_reminder_that_was_written_for_the_old_hour_never_leaves(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.wait()
    office.now = at("11:15")
    office.service.plan(office.now)
    assert states(office, "session-reminder")["waiting"] == 1
    office.change("session-2", starts_at=at("12:15"), ends_at=at("13:00"))
    assert play_until(office, at("11:59")) == []
    assert play_until(office, at("17:00")) == [("ana", "session-reminder", "session-2")]


def test_a_session_put_off_after_its_reminder_is_reminded_of_again(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.wait()
    assert play_until(office, at("11:20")) == [
        ("ana", "reminder", "event"),
        ("ana", "session-reminder", "session-2"),
        ("ben", "reminder", "event"),
        ("eva", "reminder", "event"),
    ]
    office.change("session-2", starts_at=at("12:15"), ends_at=at("13:00"))
    assert play_until(office, at("17:00")) == [("ana", "session-reminder", "session-2")]


def test_nobody_is_reminded_of_a_session_that_is_off(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.now = at("11:15")
    office.service.plan(office.now)
    office.drop("session-2")
    assert play_until(office, at("17:00")) == []


def test_nobody_is_reminded_of_anything_at_an_event_that_is_off(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.now = ASKED_AT
    office.service.plan(office.now)
    office.publish(agenda(cancelled=True))
    assert play_until(office, at("17:00")) == []
    assert states(office, "reminder") == {"withdrawn": 3}


def test_who_takes_a_session_off_is_not_reminded_of_it(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.choose(BEN, "session-2")
    office.wait()
    office.choose(ANA, "session-2", wanted=False)
    office.answer(BEN, "declined", "session-2")
    office.now = at("09:00")
    assert [each for each in play_until(office, at("17:00")) if each[1] == "session-reminder"] == []


# ── nobody who declined ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answering", [by_calendar, by_page])
def test_who_declined_is_reminded_of_nothing_whatever_the_audience(
    office: Secretariat, answering: Answering
) -> None:
    office.publish(
        agenda(mailing("reminder", audience="everyone"), mailing("session-reminder", audience="everyone"))
    )
    answering(office, ANA, "declined")
    got = play_until(office, at("17:00"))
    assert {each[0] for each in got} == {"ben", "eva"}
    assert len(got) == 8


def test_who_declines_while_their_reminder_waits_is_not_reminded(office: Secretariat) -> None:
    office.publish(agenda(mailing("session-reminder", audience="everyone")))
    office.now = at("11:15")
    office.service.plan(office.now)
    office.now += MINUTE
    office.answer(ANA, "declined")
    office.answer(BEN, "declined", "session-2")
    assert [e for e in play_until(office, at("11:20")) if e[2] == "session-2"] == [
        ("eva", "session-reminder", "session-2")
    ]


# ── nobody of a past hour ────────────────────────────────────────────────────────────────────────────────────


def test_a_reminder_that_was_due_while_the_service_was_down_is_missed_and_says_so(
    office: Secretariat,
) -> None:
    office.choose(ANA, "session-2")
    office.wait()
    play_until(office, ASKED_AT + HOUR)
    office.now = at("11:30")
    assert play_until(office, at("17:00")) == []
    assert states(office, "session-reminder") == {"missed": 1}


def test_a_late_reminder_still_leaves_before_the_hour(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.wait()
    play_until(office, ASKED_AT + HOUR)
    office.now = at("11:29")
    assert play_until(office, at("11:29")) == [("ana", "session-reminder", "session-2")]


def test_a_reminder_is_of_no_use_once_it_has_begun_whatever_its_mailing_says(office: Secretariat) -> None:
    long = "1 day after the event ends"
    office.publish(
        agenda(mailing("session-reminder", useful_until=long), mailing("reminder", useful_until=long))
    )
    office.choose(ANA, "session-2")
    office.wait()
    office.now = at("11:30")
    assert play_until(office, at("17:00")) == []
    assert states(office, "session-reminder") == {"missed": 1}
    assert states(office, "reminder") == {"missed": 3}


def test_a_reminder_that_waits_when_its_session_is_put_forward_is_not_sent_after_it_began(
    office: Secretariat,
) -> None:
    office.choose(ANA, "session-2")
    office.wait()
    office.now = at("11:15")
    office.service.plan(office.now)
    office.change("session-2", starts_at=at("11:00"))
    assert [each for each in play_until(office, at("17:00")) if each[1] == "session-reminder"] == []


# ── publishing while they wait ───────────────────────────────────────────────────────────────────────────────


def test_a_reminder_that_waits_tells_the_session_as_it_is_published_last(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.wait()
    play_until(office, ASKED_AT + HOUR)
    office.now = at("11:15")
    office.service.plan(office.now)
    office.change("session-2", title="Session II – Another title", room="Room 7")
    before = len(office.arrived)
    office.carry()
    (letter,) = (each for each in office.arrived[before:] if each.mailing == "session-reminder")
    assert b"Room 7" in letter.raw
    assert play_until(office, at("17:00")) == []


def test_a_list_that_grows_while_reminders_wait_reminds_nobody_of_a_moment_before_they_joined(
    office: Secretariat,
) -> None:
    late = ANA.model_copy(update={"address": "ida@prosecution.example", "given_name": "Ida"})
    office.now = ASKED_AT
    office.service.plan(office.now)
    office.now += MINUTE
    office.publish(listed=(ANA, BEN, EVA, late))
    assert [each[0] for each in play_until(office, ASKED_AT + DAY)] == ["ana", "ben", "eva"]


def test_publishing_the_same_again_asks_nobody_twice(office: Secretariat) -> None:
    assert len(play_until(office, ASKED_AT + HOUR)) == 3
    office.now += timedelta(days=1)
    office.publish()
    assert play_until(office, ASKED_AT + 5 * DAY) == []

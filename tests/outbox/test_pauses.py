"""Holding letters back and stopping them, on both databases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from mailer.outbox import occasions, pauses
from mailer.outbox.database import Database, fetch
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.pauses import EQUAL_REFUSALS, EVERYTHING, NOT_HELD, Pause, is_held, words_of
from mailer.outbox.schema import PausedBy
from mailer.planning.due import Occasion
from tests.outbox.world import (
    DUE,
    EVENT,
    NOW,
    REMINDER,
    USEFUL_UNTIL,
    claim,
    later,
    list_people,
    new_letter,
    states,
    tell,
    told,
    write_letters,
)

S, H = LetterState, Happening
INVITATION = Occasion(due_at=DUE, mailing="invitation", anchor="event", useful_until=USEFUL_UNTIL)
REPLY = (
    "554 5.7.1 <p000001@prosecution.example>: Message 4F3A2B rejected as spam, see https://mx.example/4F3A2B"
)
KEY = REMINDER.mailing


def ready(c: Connection) -> set[tuple[str, str]]:
    """The mailings whose letters may be claimed, of whatever event."""
    query = "SELECT o.event, o.mailing FROM letter l JOIN occasion o ON o.id = l.occasion_id WHERE "
    return set(fetch(c, query + NOT_HELD))


@pytest.fixture
def two_mailings(database: Database) -> Database:
    """A reminder and an invitation, two letters of each."""
    with database.writing() as c:
        ids = list_people(c, 2)
        for occasion in (REMINDER, INVITATION):
            write_letters(c, ids, occasion)
    return database


# ── pausing ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_paused_mailing_is_passed_over_and_the_others_go_on(two_mailings: Database) -> None:
    with two_mailings.writing() as c:
        assert pauses.pause(c, EVENT, KEY, "the room is not certain", NOW)
        assert ready(c) == {(EVENT, "invitation")}
        assert pauses.held(c, EVENT) == {KEY}
        assert pauses.paused(c, EVENT) == [
            Pause(
                mailing=KEY,
                caused_by=PausedBy.PERSON,
                paused_at=NOW,
                reason="the room is not certain",
            )
        ]
        assert [each.mailing for each in pauses.resume(c, EVENT, KEY)] == [KEY]
        assert ready(c) == {(EVENT, "invitation"), (EVENT, KEY)}
        assert pauses.paused(c, EVENT) == []


def test_the_letters_of_a_paused_mailing_are_not_claimed(two_mailings: Database) -> None:
    with two_mailings.writing() as c:
        pauses.pause(c, EVENT, KEY, "", NOW)
    assert {each.mailing for each in claim(two_mailings)} == {"invitation"}
    with two_mailings.writing() as c:
        pauses.pause(c, EVENT, EVERYTHING, "", NOW)
        pauses.resume(c, EVENT, KEY)
    assert claim(two_mailings) == []
    with two_mailings.writing() as c:
        pauses.resume(c, EVENT)
    assert {each.mailing for each in claim(two_mailings)} == {KEY}


def test_a_paused_event_holds_all_of_its_mailings_and_no_other_events(two_mailings: Database) -> None:
    with two_mailings.writing() as c:
        write_letters(c, list_people(c, 1, "water-2027"), REMINDER, "water-2027")
        pauses.pause(c, EVENT, EVERYTHING, "", NOW)

        assert ready(c) == {("water-2027", KEY)}
        assert pauses.held(c, "water-2027") == frozenset()


def test_what_is_paused_already_stays_as_it_was(two_mailings: Database) -> None:
    with two_mailings.writing() as c:
        pauses.pause(c, EVENT, KEY, "first", NOW)
        assert not pauses.pause(c, EVENT, KEY, "second", later(hours=1))
        assert pauses.pause(c, EVENT, KEY, "the server", later(hours=1), caused_by=PausedBy.CONTENT)
        assert [(each.reason, each.paused_at) for each in pauses.paused(c, EVENT)] == [
            ("first", NOW),
            ("the server", later(hours=1)),
        ]


def test_resuming_a_mailing_leaves_the_others_and_resuming_everything_leaves_none(
    two_mailings: Database,
) -> None:
    with two_mailings.writing() as c:
        for mailing in (KEY, "invitation", EVERYTHING):
            pauses.pause(c, EVENT, mailing, "", NOW)
        assert pauses.resume(c, EVENT, "report") == []
        pauses.resume(c, EVENT, KEY)
        assert pauses.held(c, EVENT) == {"invitation", EVERYTHING}
        assert len(pauses.resume(c, EVENT)) == 2
        assert pauses.held(c, EVENT) == frozenset()


def test_who_has_claimed_is_told_what_is_held(two_mailings: Database) -> None:
    assert not is_held(KEY, frozenset())
    assert is_held(KEY, {KEY})
    assert is_held(KEY, {EVERYTHING})
    assert not is_held(KEY, {"invitation"})


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_third_refusal_in_the_same_words_pauses_its_mailing(database: Database) -> None:
    replies = [
        REPLY.replace("4F3A2B", f"{number}F3A").replace("000001", f"00000{number}") for number in (1, 2, 3)
    ]
    with database.writing() as c:
        assert [pauses.refused(c, EVENT, KEY, reply, NOW) for reply in replies] == [False, False, True]
        (found,) = pauses.paused(c, EVENT)
        assert (found.mailing, found.caused_by) == (KEY, PausedBy.CONTENT)
        assert found.reason == replies[2]
        assert not pauses.refused(c, EVENT, KEY, REPLY, NOW)


def test_refusals_in_other_words_or_of_other_mailings_pause_nothing(database: Database) -> None:
    with database.writing() as c:
        for reply in (REPLY, REPLY, "550 5.7.26 not authenticated", "552 5.3.4 too big"):
            assert not pauses.refused(c, EVENT, KEY, reply, NOW)
        assert not pauses.refused(c, EVENT, "invitation", REPLY, NOW)
        assert not pauses.refused(c, "water-2027", KEY, REPLY, NOW)
        assert pauses.held(c, EVENT) == frozenset()


def test_once_resumed_it_takes_three_more(database: Database) -> None:
    with database.writing() as c:
        for _ in range(EQUAL_REFUSALS):
            pauses.refused(c, EVENT, KEY, REPLY, NOW)
        pauses.resume(c, EVENT, KEY)
        again = [pauses.refused(c, EVENT, KEY, REPLY, NOW) for _ in range(EQUAL_REFUSALS)]
    assert again == [False, False, True]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (REPLY, "554 5.7.1 message rejected as spam see"),
        ("550-5.7.1 [192.0.2.1] Our system has detected", "550 5.7.1 our system has detected"),
        ("554 Transaction failed: virus found", "554 transaction failed virus found"),
        ("552 5.3.4", "552 5.3.4"),
        ("", ""),
        ("550 5.7.1 Сообщение отклонено 17", "550 5.7.1 сообщение отклонено"),
    ],
)
def test_words_are_what_stays_from_letter_to_letter(reply: str, words: str) -> None:
    assert words_of(reply) == words


@given(st.text(max_size=600), st.integers(0, 10**9), st.text("abcxyz", min_size=1, max_size=20))
def test_numbers_and_addresses_make_no_other_words(told_by: str, number: int, name: str) -> None:
    reply = f"554 5.7.1 {told_by}"
    assert words_of(f"{reply} {number}") == words_of(reply)
    assert words_of(f"{reply} <{name}@ministry.example>") == words_of(reply)
    assert len(words_of(reply)) <= 200


# ── stopping ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stop_withdraws_what_is_unsent_for_good(two_mailings: Database) -> None:
    first, second = claim(two_mailings, 2)
    tell(two_mailings, told(first, H.INTENDED, digest="a" * 64))
    with two_mailings.writing() as c:
        assert pauses.unsent(c, EVENT, first.mailing) == 1
        assert pauses.stop(c, EVENT, first.mailing, NOW) == 1
        assert pauses.unsent(c, EVENT, first.mailing) == 0
    found = states(two_mailings)
    assert found.pop(first.id) is S.LEAVING
    assert found.pop(second.id) is S.WITHDRAWN
    assert set(found.values()) == {S.WAITING}


def test_a_letter_claimed_when_it_was_stopped_may_not_be_intended(two_mailings: Database) -> None:
    first, _ = claim(two_mailings, 2)
    with two_mailings.writing() as c:
        pauses.stop(c, EVENT, EVERYTHING, NOW)
    assert tell(two_mailings, told(first, H.INTENDED, digest="a" * 64)) == []
    assert set(states(two_mailings).values()) == {S.WITHDRAWN}


def test_a_stopped_occasion_is_known_as_such_and_the_others_are_not(two_mailings: Database) -> None:
    with two_mailings.writing() as c:
        pauses.stop(c, EVENT, KEY, NOW)
        assert pauses.stop(c, EVENT, KEY, NOW) == 0
        known = {each.mailing: pauses.is_stopped(c, each.id) for each in occasions.occasions(c, EVENT)}
    assert known == {KEY: True, "invitation": False}


def test_there_is_nothing_to_stop_before_an_occasion_is_opened(database: Database) -> None:
    with database.writing() as c:
        assert pauses.stop(c, EVENT, KEY, NOW) == 0
        assert pauses.unsent(c, EVENT) == 0


# ── from the release before ──────────────────────────────────────────────────────────────────────────────────


def test_a_stopped_occasion_takes_no_letters(database: Database) -> None:
    with database.writing() as c:
        ids = list_people(c, 2)
        occasion_id = write_letters(c, ids[:1])
        pauses.stop(c, EVENT, KEY, NOW)
        occasions.open_occasion(c, EVENT, REMINDER, later(minutes=1))
        assert occasions.add_letters(c, occasion_id, map(new_letter, ids)) == 0

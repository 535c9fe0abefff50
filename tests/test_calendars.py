"""Every calendar ends equal to the agenda, whatever is edited and whatever is lost on the way."""

import re
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from mailer.outbox import schema
from mailer.outbox.database import Database, open_database
from mailer.planning.entries import Effect
from tests.conference import at
from tests.databases import empty_sqlite
from tests.modelcalendar import files_in
from tests.secretariat import (
    ANA,
    BEN,
    DAY,
    EVA,
    HOUR,
    MINUTE,
    SESSIONS,
    Arrived,
    Fate,
    Secretariat,
    begun,
    event,
    person,
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Secretariat]:
    """Everybody has the invitation and the agenda."""
    with begun(tmp_path) as office:
        yield office


def told(arrived: list[Arrived]) -> list[tuple[str, str, str, list[str]]]:
    """Letters about entries as (to whom, mailing, about what, the methods of their files)."""
    return sorted(
        (
            each.address.partition("@")[0],
            each.mailing,
            each.anchor,
            [method for method, _ in files_in(each.raw)],
        )
        for each in arrived
        if each.mailing != "confirmation"
    )


def test_an_agenda_that_does_not_change_tells_nobody_anything(office: Secretariat) -> None:
    assert office.faults() == []
    assert office.wait(60 * MINUTE) == []
    office.publish()
    assert office.wait(60 * MINUTE) == []


def test_a_moved_session_reaches_all_in_one_letter_after_the_quiet_period(office: Secretariat) -> None:
    office.change("session-2", starts_at=at("11:45"))
    assert office.wait(9 * MINUTE) == []
    assert told(office.wait()) == [
        (name, "update", "event", ["REQUEST", "PUBLISH"]) for name in ("ana", "ben", "eva")
    ]
    assert office.faults() == []


def test_a_session_moved_twice_before_the_first_update_left_is_told_once(office: Secretariat) -> None:
    office.change("session-2", starts_at=at("11:45"))
    office.wait(5 * MINUTE)
    office.change("session-2", starts_at=at("11:50"))
    assert len(office.wait(60 * MINUTE)) == 3
    assert office.faults() == []


def words(letter: Arrived) -> str:
    """A letter's plain text, in one line, without what every letter says."""
    parsed = message_from_bytes(letter.raw, policy=policy.default)
    body = parsed.get_body(("plain",))
    assert body
    return " ".join(body.get_content().split()).partition(" When ")[0]


def test_nobody_is_told_twice_of_the_same_change(office: Secretariat) -> None:
    office.change("session-2", starts_at=at("11:45"))
    assert all("11:45" in words(each) for each in office.wait())
    office.change("session-1", room="Room 2")
    second = office.wait()
    assert [("Room 2" in words(each), "11:45" in words(each)) for each in second] == [(True, False)] * 3
    office.change("session-3", room="Room 3")
    third = office.wait()
    assert [("Room 3" in words(each), "Room 2" in words(each)) for each in third] == [(True, False)] * 3


def test_a_session_that_comes_back_is_told_as_new(office: Secretariat) -> None:
    whole = office.agenda
    office.drop("session-2")
    office.wait()
    office.agenda = whole
    office.change("session-1", room="Room 2")
    told_back = office.wait()
    assert [each.mailing for each in told_back] == ["update"] * 3
    assert all(re.search(r"Room 2 .*Session II .*-- New ", words(each)) for each in told_back)


def test_whoever_missed_a_letter_is_told_all_of_it(office: Secretariat) -> None:
    office.change("session-2", starts_at=at("11:45"))
    assert office.wait(fate=lambda: Fate.REFUSED) == []
    office.change("session-1", title="Session I – Another title")
    told_all = office.wait()
    assert [("11:45" in words(each), "Another title" in words(each)) for each in told_all] == [
        (True, True)
    ] * 3


def test_moved_and_moved_back_tells_nobody_anything(office: Secretariat) -> None:
    before = office.agenda
    office.change("session-2", starts_at=at("11:45"))
    office.wait(5 * MINUTE)
    office.publish(before)
    assert office.wait(60 * MINUTE) == []
    assert office.faults() == []


def test_wording_alone_asks_nobody_again(office: Secretariat) -> None:
    asked = {address: calendar.asked for address, calendar in office.readers.items()}
    office.change("session-2", title="Session II – Another title")
    assert len(office.wait()) == 3
    assert office.faults() == []
    assert {address: calendar.asked for address, calendar in office.readers.items()} == asked


def test_the_wording_of_what_somebody_declined_is_not_told_them(office: Secretariat) -> None:
    office.answer(BEN, "declined")
    office.publish(office.agenda.model_copy(update={"summary": "Another summary."}))
    assert [each[0] for each in told(office.wait())] == ["ana", "eva"]


def test_a_session_chosen_on_the_page_comes_as_an_entry_of_its_own(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    (letter,) = (each for each in office.wait() if each.mailing != "confirmation")
    assert told([letter]) == [("ana", "update", "session-2", ["REQUEST"])]
    assert b"PARTSTAT=ACCEPTED" in dict(files_in(letter.raw))["REQUEST"].replace(b"\r\n ", b"")
    office.choose(ANA, "session-2", wanted=False)
    assert told(office.wait()) == [("ana", "cancellation", "session-2", ["CANCEL"])]
    assert office.faults() == []
    office.choose(ANA, "session-2")
    assert told(office.wait()) == [("ana", "update", "session-2", ["REQUEST"])]
    assert office.faults() == []


def test_a_cancelled_session_is_taken_out_and_comes_back_newer(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.wait()
    whole = office.agenda
    office.drop("session-2")
    assert told(office.wait()) == [
        (name, mailing, anchor, [method])
        for name in ("ana", "ben", "eva")
        for mailing, anchor, method in (
            ("cancellation", "session-2", "CANCEL"),
            ("update", "event", "REQUEST"),
        )
    ]
    assert office.faults() == []
    office.publish(whole)
    office.wait()
    assert office.faults() == []
    assert any(
        shown.summary.startswith("Session II ") for shown in office.readers[ANA.address].shown.values()
    )


def test_a_session_that_is_added_reaches_whoever_was_shown_the_agenda(office: Secretariat) -> None:
    added = SESSIONS[0].model_copy(
        update={"key": "dinner", "title": "Dinner", "starts_at": at("19:00"), "ends_at": at("21:00")}
    )
    office.publish(event(*SESSIONS, added))
    assert told(office.wait()) == [
        (name, "update", "event", ["REQUEST", "PUBLISH"]) for name in ("ana", "ben", "eva")
    ]
    assert office.faults() == []
    assert all(
        "Dinner" in {each.summary for each in reader.shown.values()} for reader in office.readers.values()
    )
    assert office.wait(120 * MINUTE) == []


def test_a_cancelled_event_is_taken_out_of_every_calendar_and_may_come_back(office: Secretariat) -> None:
    office.publish(office.agenda.model_copy(update={"cancelled": True}))
    assert told(office.wait()) == [
        (name, "cancellation", "event", ["CANCEL", "PUBLISH"]) for name in ("ana", "ben", "eva")
    ]
    assert office.shown() == {each.address: {} for each in (ANA, BEN, EVA)}
    office.publish(office.agenda.model_copy(update={"cancelled": False}))
    office.wait()
    assert office.faults() == []
    assert all(office.shown().values())


def test_who_is_taken_off_the_list_is_told_that_their_entries_are_void(office: Secretariat) -> None:
    office.publish(listed=[BEN, EVA])
    assert told(office.wait()) == [("ana", "cancellation", "event", ["CANCEL", "PUBLISH"])]
    assert office.faults() == []
    office.publish(listed=[ANA, BEN, EVA])
    office.wait()
    assert office.faults() == []
    assert office.shown()[ANA.address]


def test_who_joins_late_gets_the_agenda_as_it_is(office: Secretariat) -> None:
    office.change("session-1", room="Room 2")
    office.wait()
    office.publish(listed=[ANA, BEN, EVA, person("Ida")])
    assert {each[:2] for each in told(office.wait())} == {("ida", "invitation"), ("ida", "agenda")}
    assert office.faults() == []


def test_an_update_waits_for_the_invitation_it_is_about(office: Secretariat) -> None:
    office.publish(listed=[ANA, BEN, EVA, person("Ida")])
    office.service.plan(office.now)  # Ida's letters are written and wait
    office.change("session-2", starts_at=at("11:45"))
    arrived = [each for each in office.wait() if each.address.startswith("ida")]
    assert {each.mailing for each in arrived} == {"invitation", "agenda"}
    assert office.faults() == []


def test_a_letter_in_doubt_that_is_overtaken_is_not_repeated(office: Secretariat) -> None:
    office.publish(listed=[ANA, BEN, EVA, person("Ida")])
    office.service.plan(office.now)
    office.carry(lambda: Fate.LOST_ARRIVED)
    office.change("session-2", starts_at=at("11:45"))
    arrived = told([each for each in office.wait(180 * MINUTE) if each.address.startswith("ida")])
    assert ("ida", "update", "event", ["REQUEST", "PUBLISH"]) in arrived
    assert not [each for each in arrived if each[1] == "invitation"]
    assert office.faults() == []


def test_what_is_told_under_a_clock_that_was_set_back_is_newer_all_the_same(office: Secretariat) -> None:
    office.now += DAY
    office.change("session-2", title="A title given while the clock was ahead")
    office.wait()
    office.now -= 20 * HOUR
    office.change("session-2", title="The title that counts")
    assert len(office.wait()) == 3
    assert office.faults() == []
    office.now -= 2 * HOUR
    office.change("session-2", title="Refused at first")
    office.wait(fate=lambda: Fate.REFUSED)
    office.heal()
    assert len(office.wait()) == 3
    assert office.faults() == []


def test_a_damaged_row_is_told_anew_and_keeps_nobody_else_waiting(office: Secretariat) -> None:
    def damage() -> None:
        with office.database.writing() as c:
            theirs = schema.entry.c.recipient_id == office.ids[BEN.address]
            c.execute(update(schema.entry).where(theirs).values(version_sent=99, right_for=0))

    damage()
    office.change("session-2", starts_at=at("11:45"))
    assert {each.address for each in office.wait()} == {ANA.address, BEN.address, EVA.address}
    assert office.faults() == []
    damage()
    office.publish(office.agenda.model_copy(update={"cancelled": True}))
    assert {each.address for each in office.wait()} == {ANA.address, BEN.address, EVA.address}
    assert office.faults() == []


def test_a_refused_update_is_stale_until_it_is_healed(office: Secretariat) -> None:
    office.change("session-2", starts_at=at("11:45"))
    assert office.wait(fate=lambda: Fate.REFUSED) == []
    seen = office.overview()
    assert [(each.address, each.why, [step.effect for step in each.letter.steps]) for each in seen.stale] == [
        (each.address, "failed: 550", [Effect.REWORD, Effect.CHANGE]) for each in (ANA, BEN, EVA)
    ]
    assert office.wait(60 * MINUTE) == []
    assert office.heal() == 3
    assert len(office.wait()) == 3
    assert office.faults() == []
    assert office.overview().stale == ()


def test_a_change_of_an_hour_makes_the_answer_one_to_an_earlier_version(office: Secretariat) -> None:
    office.answer(ANA, "accepted")
    office.answer(BEN, "declined")
    moved = [
        s.model_copy(
            update={"starts_at": s.starts_at + timedelta(days=1), "ends_at": s.ends_at + timedelta(days=1)}
        )
        for s in SESSIONS
    ]
    office.publish(event(*moved))
    office.wait()
    with office.database.reading() as c:
        from mailer.outbox import people

        answers = {m.recipient.given_name: m.answers for m in people.roster(c, office.agenda.key)}
    assert answers == {"Ana": {}, "Ben": {"event": "declined"}, "Eva": {}}
    assert office.faults() == []


# ── any sequence of edits, any loss ──────────────────────────────────────────────────────────────────────────

MOVES = ["11:35", "11:40", "12:00"]
STEP = st.one_of(
    st.tuples(
        st.just("move"), st.sampled_from(["session-1", "session-2", "session-3"]), st.sampled_from(MOVES)
    ),
    st.tuples(st.just("rename"), st.sampled_from(["session-1", "session-2"]), st.sampled_from(["A", "B"])),
    st.tuples(st.just("room"), st.sampled_from(["session-1", "session-2"]), st.sampled_from(["R 1", "R 2"])),
    st.tuples(st.just("drop"), st.sampled_from(["session-1", "session-2"]), st.just("")),
    st.tuples(st.just("reset"), st.just(""), st.just("")),
    st.tuples(st.just("cancel"), st.just(""), st.sampled_from(["yes", ""])),
    st.tuples(st.just("list"), st.just(""), st.sampled_from(["without ana", "all"])),
    st.tuples(st.just("choose"), st.sampled_from(["session-1", "session-2"]), st.sampled_from(["yes", ""])),
    st.tuples(st.just("wait"), st.just(""), st.sampled_from(["3", "30", "200"])),
)
FATES = st.lists(st.sampled_from([*[Fate.SENT] * 3, *Fate]), min_size=1, max_size=12)


def play(office: Secretariat, step: tuple[str, str, str], fate: Iterator[Fate]) -> None:
    what, key, how = step
    has = any(session.key == key for session in office.agenda.sessions)
    match what:
        case "move" if has:
            office.change(key, starts_at=at(how), ends_at=at("12:30"))
        case "rename" if has:
            office.change(key, title=how)
        case "room" if has:
            office.change(key, room=how)
        case "drop" if has:
            office.drop(key)
        case "reset":
            office.publish(event())
        case "cancel":
            office.publish(office.agenda.model_copy(update={"cancelled": bool(how)}))
        case "list":
            office.publish(listed=[BEN, EVA] if how == "without ana" else [ANA, BEN, EVA])
        case "choose":
            office.choose(BEN, key, wanted=bool(how))
        case "wait":
            office.wait(int(how) * MINUTE, lambda: next(fate))


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEP, min_size=1, max_size=7), fates=FATES)
def test_after_any_edits_and_any_loss_every_calendar_is_equal_to_the_agenda(
    steps: list[tuple[str, str, str]], fates: list[Fate]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database: Database = open_database(empty_sqlite(Path(folder)))
        office = Secretariat(database)
        office.publish()
        fate = (fates[number % len(fates)] for number in range(10_000))
        office.wait(fate=lambda: next(fate))
        for step in steps:
            play(office, step, fate)
            office.now += MINUTE
        office.wait(300 * MINUTE)
        office.settle_as_it_was()
        office.wait(60 * MINUTE)
        office.heal()
        office.wait(60 * MINUTE)
        assert office.faults() == []
        assert office.overview().stale == ()
        database.close()


def subject(letter: Arrived) -> str:
    return str(message_from_bytes(letter.raw, policy=policy.default)["Subject"])


def test_a_conference_that_takes_place_after_all_is_told_of_as_that(office: Secretariat) -> None:
    before = office.agenda
    office.publish(before.model_copy(update={"cancelled": True}))
    office.wait(HOUR)
    office.publish(before)
    again = office.wait(HOUR)

    assert {each.mailing for each in again} == {"update"}
    assert {subject(each) for each in again} == {f"Takes place after all: {before.title}"}
    (to_ana,) = [each for each in again if each.address == ANA.address]
    assert "It takes place after all, as you see below." in words(to_ana)
    assert "has changed" not in words(to_ana)
    assert office.faults() == []


def test_a_session_that_takes_place_after_all_is_told_of_as_that(office: Secretariat) -> None:
    office.choose(ANA, "session-2")
    office.wait(HOUR)
    before = office.agenda
    office.drop("session-2")
    office.wait(HOUR)
    office.publish(before)
    told_of = [each for each in office.wait(HOUR) if each.anchor == "session-2"]

    assert [each.address for each in told_of] == [ANA.address]
    assert subject(told_of[0]).startswith("Takes place after all: ")
    assert "the session below would not take place. It takes place after all." in words(told_of[0])


def test_a_correction_after_a_change_is_no_reinstatement(office: Secretariat) -> None:
    office.change("session-2", starts_at=at("11:45"))
    assert {subject(each) for each in office.wait(HOUR)} == {f"Agenda changed: {office.agenda.title}"}

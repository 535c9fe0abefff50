"""Calendars by hand: what a draft would do, how they stand, what makes them right."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from mailer.agenda import changes
from mailer.agenda.model import AgendaVersion, Event
from mailer.errors import ConvenorError
from mailer.mending import Mending
from mailer.outbox import people
from mailer.planning.entries import Effect
from tests.conference import at
from tests.modelcalendar import files_in
from tests.secretariat import ANA, BEN, EVA, HOUR, MINUTE, SENDER, TEXTS, Arrived, Fate, Secretariat, begun

SECOND = timedelta(seconds=1)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Secretariat]:
    """Everybody has the invitation and the agenda; Ana chose a session."""
    with begun(tmp_path) as office:
        office.choose(ANA, "session-2")
        office.wait()
        yield office


def mending(office: Secretariat) -> Mending:
    return Mending(database=office.database, sender=SENDER, texts=TEXTS, now=office.now)


def draft(office: Secretariat, event: Event) -> AgendaVersion:
    return changes.next_version(office.latest, event, office.now)


def moved(office: Secretariat) -> Event:
    sessions = [
        s.model_copy(update={"starts_at": at("11:45")}) if s.key == "session-2" else s
        for s in office.agenda.sessions
    ]
    return office.agenda.model_copy(update={"sessions": tuple(sessions)})


def test_what_a_draft_does_is_what_publishing_it_does(office: Secretariat) -> None:
    told = mending(office).consequences(draft(office, moved(office)), [])
    assert {(each.anchor, each.effect): each.addresses for each in told.changes} == {
        ("event", Effect.REWORD): (ANA.address, BEN.address, EVA.address),
        ("session-2", Effect.REQUEST): (ANA.address,),
        ("session-2", Effect.CHANGE): (BEN.address, EVA.address),
    }
    office.publish(moved(office))
    assert len(office.wait()) == told.letters == 4


def test_who_would_be_taken_off_the_list_is_among_the_consequences(office: Secretariat) -> None:
    told = mending(office).consequences(office.latest, [BEN.address])
    assert {each.effect for each in told.changes} == {Effect.CANCEL}
    assert {each.addresses for each in told.changes} == {(BEN.address,)}


def test_who_has_unsubscribed_is_told_nothing_and_named(office: Secretariat) -> None:
    with office.database.writing() as c:
        people.unsubscribe(c, office.ids[BEN.address], office.now)
    event, shown = office.agenda.key, mending(office)
    told = shown.consequences(draft(office, moved(office)), [])
    assert told.untold == (BEN.address,)
    assert BEN.address not in {address for each in told.changes for address in each.addresses}
    office.publish(moved(office))
    assert len(office.wait()) == told.letters == 3
    seen = mending(office).overview(event)
    assert (seen.untold, seen.stale, seen.to_come) == ((BEN.address,), (), 0)
    assert mending(office).heal(event, seen) == 0
    with pytest.raises(ConvenorError, match="or has unsubscribed"):
        mending(office).correct(event, BEN.address)


def test_entries_are_told_of_in_the_order_of_the_agenda(office: Secretariat) -> None:
    off = draft(office, office.agenda.model_copy(update={"cancelled": True}))
    keys = ["event", *(session.key for session in office.agenda.sessions)]
    assert [each.anchor for each in mending(office).consequences(off, []).changes] == keys
    assert [each.anchor for each in mending(office).held_by(office.agenda.key, BEN.address)] == keys


def test_nothing_that_differs_has_no_consequences(office: Secretariat) -> None:
    told = mending(office).consequences(draft(office, office.agenda), [])
    assert (told.changes, told.letters, mending(office).sample(office.latest, told)) == ((), 0, None)


def test_the_letter_that_is_shown_is_the_letter_that_leaves(office: Secretariat) -> None:
    version = draft(office, moved(office))
    shown = mending(office)
    sample = shown.sample(version, shown.consequences(version, []))
    asked = shown.letter(version, "update", ANA, "session-2")
    office.publish(moved(office))
    sent = {(each.address, each.anchor): each.raw for each in office.wait()}
    assert sample
    assert sample.raw == sent[ANA.address, "event"]
    assert asked.raw == sent[ANA.address, "session-2"]


def test_whoever_left_the_list_before_is_no_sample_but_still_told(office: Secretariat) -> None:
    office.publish(listed=(BEN, EVA))
    version, shown = office.latest, mending(office)
    told = shown.consequences(version, [])
    assert {each.addresses for each in told.changes} == {(ANA.address,)}
    assert shown.sample(version, told) is None
    version = draft(office, moved(office))
    told = shown.consequences(version, [])
    sample = shown.sample(version, told)
    office.publish(moved(office))
    sent = {(each.address, each.anchor): each.raw for each in office.wait()}
    assert sample
    assert sample.raw == sent[BEN.address, "event"]
    assert (ANA.address, "event") in sent


def test_a_letter_that_nobody_would_get_is_not_shown(office: Secretariat) -> None:
    with pytest.raises(ConvenorError, match="no letter of kind 'cancellation'"):
        mending(office).letter(office.latest, "cancellation", ANA, None)


def test_a_confirmation_is_shown_with_what_holds(office: Secretariat) -> None:
    assert "Session II" in mending(office).letter(office.latest, "confirmation", ANA, None).text


def test_stale_entries_are_healed_once_and_only_in_the_agenda_that_was_seen(office: Secretariat) -> None:
    office.publish(moved(office))
    office.wait(fate=lambda: Fate.REFUSED)
    seen = mending(office).overview(office.agenda.key)
    assert {each.address for each in seen.stale} == {ANA.address, BEN.address, EVA.address}
    office.change("session-1", room="Room 2")
    with pytest.raises(ConvenorError, match="look at the ledger again"):
        mending(office).heal(office.agenda.key, seen)
    office.wait(HOUR)
    assert (office.faults(), mending(office).overview(office.agenda.key).stale) == ([], ())


def test_what_two_people_looked_at_is_healed_once(office: Secretariat) -> None:
    office.publish(moved(office))
    office.wait(fate=lambda: Fate.REFUSED)
    one, other = (mending(office).overview(office.agenda.key) for _ in range(2))
    assert mending(office).heal(office.agenda.key, one) == 4
    office.now += SECOND
    assert mending(office).heal(office.agenda.key, other) == 0
    assert len(office.wait()) == 4
    assert mending(office).heal(office.agenda.key, other) == 0
    assert (office.wait(), office.faults()) == ([], [])


def test_hours_are_not_put_back_over_an_agenda_that_was_published_meanwhile(office: Secretariat) -> None:
    seen = replace(mending(office).overview(office.agenda.key), moved_by_rules=("session-1",))
    version = office.publish(moved(office))
    with pytest.raises(ConvenorError, match="published meanwhile"):
        mending(office).heal(office.agenda.key, seen)
    assert office.latest == version


def test_a_correction_is_newer_than_all_that_was_told(office: Secretariat) -> None:
    office.readers[ANA.address].items.clear()  # she restored an old calendar
    assert mending(office).correct(office.agenda.key, ANA.address.upper()) == 2
    arrived = office.wait()
    assert {each.address for each in arrived} == {ANA.address}
    assert all(b"SEQUENCE:1\r\n" in octets for each in arrived for _, octets in files_in(each.raw))
    assert office.faults() == []
    assert mending(office).correct(office.agenda.key, "everyone") == 4
    office.wait()
    assert office.faults() == []


def text_of(letter: Arrived) -> str:
    """A letter's plain text, in one line."""
    body = message_from_bytes(letter.raw, policy=policy.default).get_body(("plain",))
    assert body
    return " ".join(body.get_content().split())


def test_a_correction_asks_again_and_blames_no_change_of_the_agenda(office: Secretariat) -> None:
    office.say_on_page(ANA, "accepted")
    office.wait()
    mending(office).correct(office.agenda.key, ANA.address)
    for letter in office.wait():
        assert "was not right" in text_of(letter)
        assert "We ask you to answer it again" in text_of(letter)
        assert "hours or place" not in text_of(letter)


def test_an_entry_that_was_chosen_takes_the_place_only_of_one_that_is_there(office: Secretariat) -> None:
    office.choose(ANA, "session-1")
    (letter,) = (each for each in office.wait() if each.mailing == "update")
    assert "You chose this session" in text_of(letter)
    assert "If your calendar has this session already" in text_of(letter)
    assert "your answer stands" not in text_of(letter)


def test_nobody_is_corrected_who_holds_nothing(office: Secretariat) -> None:
    with pytest.raises(ConvenorError, match="holds no entry"):
        mending(office).correct(office.agenda.key, "nobody@prosecution.example")


def test_hours_that_new_rules_of_a_zone_have_moved_are_found_and_put_back(
    office: Secretariat, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = office.latest.event.sessions[0]
    of_old = dict(office.latest.clocks) | {first.key: ("2027-03-10T09:00:00", "2027-03-10T10:15:00")}
    told = office.latest.model_copy(update={"clocks": of_old})
    monkeypatch.setattr("mailer.mending.agendas.latest", lambda *_: told)
    seen = mending(office).overview(office.agenda.key)
    assert seen.moved_by_rules == (first.key,)
    monkeypatch.undo()
    again = changes.follow_the_clocks(told)
    assert again.session(first.key).starts_at == first.starts_at - HOUR
    office.publish(again)
    office.wait(20 * MINUTE)
    assert office.faults() == []

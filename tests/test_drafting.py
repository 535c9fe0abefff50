"""The agenda as organisers change it: kept, taken back, told of when somebody was first, published."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest

from mailer.agenda import editing, rewriting
from mailer.agenda.model import Approval, Event
from mailer.drafting import Drafting, ForAnAdministrator, NotToBePublished, Outcome, Overtaken
from mailer.errors import BadInput, ConvenorError
from mailer.lately import AsOf, NotYet
from mailer.outbox import agendas, audit, drafts, people
from mailer.publishing import Publishing
from mailer.releasing import Releasing
from tests.conference import RECIPIENTS
from tests.web.agendas import CONFERENCE
from tests.web.desk import Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as desk:
        desk.publish(CONFERENCE)
        yield desk


@pytest.fixture(params=[None, 1], ids=["short", "long"])
def _any_length(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told of a list that is worked out beside the pages is what is told of a short one."""
    if request.param:
        monkeypatch.setattr("mailer.outbox.people.LONG_LIST", request.param)


def _drafting(desk: Desk, by: str = "Maria") -> Drafting:
    office = desk.office
    return Drafting(
        database=office.database, event=office.event, now=desk.clock(), by=by, sender=office.sender,
        texts=office.texts, profile=office.profile,
    )  # fmt: skip


def _later(event: Event) -> Event:
    return editing.change_session(event, "opening", {"start": "09:30"})


def _moved(event: Event) -> Event:
    return editing.move(event, "2027-06-09", today=date(2027, 3, 1))


def _deeds(desk: Desk) -> list[tuple[str, str]]:
    with desk.database.reading() as transaction:
        return [(deed.who, deed.did) for deed in reversed(audit.deeds(transaction))]


def test_an_edit_is_kept_and_changes_nothing_that_is_in_force(desk: Desk) -> None:
    draft = _drafting(desk).edit("1.0", _later)

    assert (draft.seen, draft.version.event, draft.event) == ("1.1", CONFERENCE, _later(CONFERENCE))
    assert [each.what for each in draft.edits] == [
        "Opening session: start 10 March 2027, 09:15 -> 10 March 2027, 09:30"
    ]
    assert _drafting(desk).look() == draft
    assert _deeds(desk) == [("Maria", "changed the agenda's draft")]


def test_an_edit_that_changes_nothing_is_none(desk: Desk) -> None:
    assert _drafting(desk).edit("1.0", lambda event: event).edits == ()
    assert _deeds(desk) == []


def test_the_second_is_told_and_nothing_is_lost(desk: Desk) -> None:
    first = _drafting(desk, "Maria").edit("1.0", _later)
    with pytest.raises(Overtaken) as told:
        _drafting(desk, "Jan").edit("1.0", lambda event: editing.change_event(event, {"title": "Rivers"}))

    assert told.value.draft == first
    assert _drafting(desk).look() == first


def test_what_is_refused_leaves_nothing(desk: Desk) -> None:
    before = desk.dump()
    with pytest.raises(BadInput):
        _drafting(desk).edit("1.0", lambda event: editing.change_session(event, "opening", {"start": "x"}))

    assert desk.dump() == before


def test_undo_takes_the_last_edit_back_and_its_number_is_gone(desk: Desk) -> None:
    drafting = _drafting(desk)
    drafting.edit("1.0", _later)
    drafting.edit("1.1", lambda event: editing.change_event(event, {"title": "Rivers"}))

    assert drafting.undo("1.2").event == _later(CONFERENCE)
    assert drafting.undo("1.1").event == CONFERENCE
    assert drafting.undo("1.0").edits == ()
    assert drafting.edit("1.0", _later).seen == "1.3"
    with pytest.raises(Overtaken):
        drafting.edit("1.1", _later)


def test_publishing_does_what_was_seen_in_one_transaction(desk: Desk) -> None:
    drafting = _drafting(desk)
    drafting.edit("1.0", _later)
    outcome = drafting.outcome()
    version = drafting.publish(outcome.draft.seen)

    assert (version.number, version.event, version.published_by) == (2, _later(CONFERENCE), "Maria")
    assert (drafting.look().seen, drafting.look().behind) == ("2.0", ())
    assert _deeds(desk)[-1] == ("Maria", "published")
    with desk.database.reading() as transaction:
        listed = [member.recipient for member in people.roster(transaction, CONFERENCE.key)]
    assert sorted(each.address for each in listed) == sorted(each.address for each in RECIPIENTS)


@pytest.mark.usefixtures("_any_length")
def test_the_letters_foretold_are_those_that_leave(desk: Desk) -> None:
    desk.work()
    drafting = _drafting(desk)
    drafting.edit("1.0", _moved)
    found = drafting.outcome()
    before = desk.tray.count()
    drafting.publish(found.draft.seen)
    desk.clock.move(minutes=CONFERENCE.quiet_minutes + 1)
    desk.work()

    assert found.difference.consequences.letters == desk.tray.count() - before > 0
    assert found.sample is not None


def _called_off(event: Event) -> Event:
    return editing.call_off(event, event.title)


@pytest.mark.usefixtures("_any_length")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_called_off, id="called off"),
        pytest.param(
            lambda event: editing.change_event(event, {"timezone": "Europe/Lisbon"}), id="another zone"
        ),
        pytest.param(lambda event: editing.change_event(event, {"language": "fr"}), id="another language"),
        pytest.param(_moved, id="another day"),
    ],
)
def test_the_letters_of_a_change_of_the_whole_are_those_foretold(
    desk: Desk, change: Callable[[Event], Event]
) -> None:
    desk.work()
    drafting, before = _drafting(desk), desk.tray.count()
    foretold = drafting.outcome(change).difference.consequences
    assert drafting.look().edits == ()  # to look is not to keep

    drafting.edit("1.0", change)
    drafting.publish("1.1")
    desk.clock.move(minutes=CONFERENCE.quiet_minutes + 1)
    desk.work()
    assert foretold.letters == desk.tray.count() - before == len(RECIPIENTS)


@pytest.mark.usefixtures("_any_length")
def test_what_was_called_off_takes_place_after_all(desk: Desk) -> None:
    desk.work()
    off = _drafting(desk).edit("1.0", _called_off)
    assert (off.calls_off, off.reinstates, [each.what for each in off.edits]) == (
        True, False, ["the event: cancelled"],
    )  # fmt: skip
    _drafting(desk).publish("1.1")
    desk.clock.move(minutes=CONFERENCE.quiet_minutes + 1)
    desk.work()

    drafting = _drafting(desk)
    again = drafting.edit("2.0", editing.hold_after_all)
    assert (again.calls_off, again.reinstates) == (False, True)
    foretold, before = drafting.outcome().difference.consequences.letters, desk.tray.count()
    drafting.publish(again.seen)
    desk.clock.move(minutes=CONFERENCE.quiet_minutes + 1)
    desk.work()
    assert foretold == desk.tray.count() - before == len(RECIPIENTS)


@pytest.mark.usefixtures("_any_length")
def test_what_would_still_have_come_is_told_when_it_is_called_off(desk: Desk) -> None:
    desk.work()
    courses = _drafting(desk).outcome(_called_off).courses

    assert {each.mailing for each in courses} == {each.key for each in CONFERENCE.mailings} - {"invitation"}
    assert not any(each.becomes for each in courses)


@pytest.mark.usefixtures("_any_length")
def test_letters_that_no_language_has_are_told(desk: Desk) -> None:
    french = _drafting(desk).outcome(lambda event: editing.change_event(event, {"language": "fr"}))

    assert ("letters of kind agenda", "is not written in this language; it will go out in en") in [
        (each.field, each.message) for each in french.problems
    ]
    assert french.is_sound
    assert _drafting(desk).outcome().problems == ()


def test_by_how_much_another_clock_moves_it_is_told(desk: Desk) -> None:
    draft = _drafting(desk).edit(
        "1.0", lambda event: editing.change_event(event, {"timezone": "Asia/Kathmandu"})
    )

    assert draft.clock_moves_by == timedelta(hours=-4, minutes=-45)
    assert [each.field for each in draft.changes] == ["timezone"]


@pytest.mark.parametrize(
    ("before", "after"),
    [(a, b) for a in Approval for b in Approval if a is not b],
    ids=lambda each: each.value,
)
def test_who_approves_is_changed_by_an_administrator_alone(
    desk: Desk, before: Approval, after: Approval
) -> None:
    """Looser or stricter; whatever was done to the draft in between."""
    desk.publish(CONFERENCE.model_copy(update={"approval": before}))
    drafting = _drafting(desk)
    seen = drafting.edit(drafting.look().seen, lambda event: editing.ask_approval(event, after.value)).seen
    stood = desk.dump()
    with pytest.raises(ForAnAdministrator):
        drafting.publish(seen)
    assert desk.dump() == stood
    seen = drafting.edit(seen, lambda event: editing.ask_approval(event, before.value)).seen
    seen = drafting.undo(seen).seen
    with pytest.raises(ForAnAdministrator):
        drafting.publish(seen)

    assert drafting.publish(seen, is_administrator=True).event.approval is after
    again = drafting.edit(drafting.look().seen, _later)
    assert drafting.publish(again.seen).event.approval is after


def _hands(desk: Desk, mailing: str) -> tuple[str, ...]:
    return Releasing(database=desk.database, event=CONFERENCE.key).sight(mailing, desk.clock()).hands


def test_everybody_whose_edit_is_published_had_a_hand_in_it(desk: Desk) -> None:
    """Whoever publishes, and what was taken back before is nobody's."""
    desk.publish(CONFERENCE.model_copy(update={"approval": Approval.FOUR_EYES}))
    before = _hands(desk, "invitation")
    _drafting(desk, "Maria").edit("2.0", _later)
    _drafting(desk, "Jan").edit(
        "2.1", lambda event: rewriting.rewritten(event, "report", {"title": "Thanks"})
    )
    _drafting(desk, "Ida").edit("2.2", lambda event: editing.change_event(event, {"title": "Rivers"}))
    _drafting(desk, "Maria").undo("2.3")
    _drafting(desk, "Ola").publish("2.2")

    assert sorted({*_hands(desk, "invitation")} - {*before}) == ["Maria", "Ola"]
    assert sorted({*_hands(desk, "report")} - {*before}) == ["Jan", "Maria", "Ola"]


def test_whoever_carries_over_takes_no_hand_off_anybody(desk: Desk) -> None:
    careful = CONFERENCE.model_copy(update={"approval": Approval.FOUR_EYES})
    desk.publish(careful)
    before = _hands(desk, "invitation")
    _drafting(desk, "Maria").edit("2.0", _later)
    desk.publish(careful.model_copy(update={"title": "From a file"}))
    _drafting(desk, "Jan").edit(
        "3.0", lambda event: editing.change_event(event, {"venue.room": "Small Hall"})
    )
    carried = _drafting(desk, "Ida").carry_over("3.2")
    _drafting(desk, "Ola").publish(carried.seen)

    assert sorted({*_hands(desk, "invitation")} - {*before}) == ["Ida", "Jan", "Maria", "Ola"]


def test_publishing_is_refused_when_somebody_was_first(desk: Desk) -> None:
    drafting = _drafting(desk)
    drafting.edit("1.0", _later)
    desk.publish(CONFERENCE.model_copy(update={"title": "From a file"}))

    with pytest.raises(Overtaken):
        drafting.publish("1.1")
    with desk.database.reading() as transaction:
        latest = agendas.latest(transaction, CONFERENCE.key)
    assert latest is not None
    assert latest.number == 2


def test_an_answer_that_comes_meanwhile_does_not_stand_in_the_way(desk: Desk) -> None:
    drafting = _drafting(desk)
    drafting.edit("1.0", _later)
    with desk.database.writing() as transaction:
        member = next(iter(people.roster(transaction, CONFERENCE.key)))
        people.record_answer(transaction, member.id, "event", "accepted", desk.clock(), "page", sequence=0)

    assert drafting.publish("1.1").number == 2


def test_what_was_begun_on_an_earlier_version_waits_to_be_carried_over(desk: Desk) -> None:
    drafting = _drafting(desk)
    drafting.edit("1.0", _later)
    desk.publish(CONFERENCE.model_copy(update={"title": "From a file"}))
    behind = drafting.look()

    assert (behind.seen, len(behind.behind), behind.event.title) == ("2.0", 1, "From a file")
    carried = drafting.carry_over("2.0")
    assert (carried.event.title, carried.behind) == ("From a file", ())
    assert carried.event.session("opening") == _later(CONFERENCE).session("opening")


def test_what_was_begun_on_an_earlier_version_can_be_given_up(desk: Desk) -> None:
    drafting = _drafting(desk)
    drafting.edit("1.0", _later)
    desk.publish(CONFERENCE.model_copy(update={"title": "From a file"}))

    assert drafting.give_up("2.0").behind == ()
    with desk.database.reading() as transaction:
        assert drafts.edits(transaction, CONFERENCE.key) == []
    assert _deeds(desk)[-1] == ("Maria", "gave up edits")


def test_what_stands_against_publishing_is_told_and_nothing_published(desk: Desk) -> None:
    late = CONFERENCE.mailings[1].model_copy(update={"useful_until": "30 days before the event starts"})
    event = CONFERENCE.model_copy(
        update={"mailings": (CONFERENCE.mailings[0], late, *CONFERENCE.mailings[2:])}
    )
    with desk.database.writing() as transaction:
        drafts.add(transaction, event, 1, desk.clock(), "Maria", "by hand")
    before = desk.dump()

    with pytest.raises(NotToBePublished) as refused:
        _drafting(desk).publish("1.1")
    assert [problem.field for problem in refused.value.problems] == [f"{late.title}: useful_until"]
    assert desk.dump() == before


def test_an_overlap_is_said_and_does_not_stand_in_the_way(desk: Desk) -> None:
    drafting = _drafting(desk)
    drafting.edit("1.0", lambda event: editing.change_session(event, "opening", {"end": "10:30"}))
    found = drafting.outcome()

    assert [problem.message for problem in found.problems] == [
        "session 'session-1': overlaps with opening, in the same room"
    ]
    assert found.is_sound


def test_nothing_can_be_drafted_before_something_is_published(tmp_path: Path) -> None:
    with (
        open_desk(tmp_path) as empty,
        pytest.raises(ConvenorError, match="nothing of this event is published yet"),
    ):
        _drafting(empty).look()


def test_a_session_never_published_is_not_known(desk: Desk) -> None:
    drafting = _drafting(desk)
    added = drafting.edit("1.0", lambda event: editing.add_session(event, {"title": "New", "start": "18:00"}))

    assert added.is_known("opening")
    assert not added.is_known("new")
    assert added.event.ends_at - CONFERENCE.ends_at > timedelta()


def test_the_sample_is_written_in_the_words_in_force(desk: Desk) -> None:
    desk.work()
    texts = desk.service.texts
    subjects = [path for path in texts.texts if path.startswith("update/") and path.endswith(".subject.txt")]
    changed = texts.with_texts({path: f"Said the desk: {texts.texts[path]}" for path in subjects})
    desk.service.choose_wording(changed, "Maria", desk.clock())
    _drafting(desk).edit("1.0", _later)

    sample = _drafting(desk).outcome().sample

    assert sample is not None
    assert sample.subject.startswith("Said the desk: ")


def test_what_was_not_looked_at_is_not_published(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's edit comes while another publishes, and is taken back in the same moment."""
    _drafting(desk).edit("1.0", _later)
    drafting, look = _drafting(desk), Drafting.outcome

    def outcome(this: Drafting) -> Outcome:
        _drafting(desk, "Jan").edit("1.1", lambda event: editing.change_event(event, {"title": "Rivers"}))
        found = look(this)
        _drafting(desk, "Jan").undo("1.2")
        return found

    monkeypatch.setattr(Drafting, "outcome", outcome)
    with pytest.raises(Overtaken):
        drafting.publish("1.1")
    assert _drafting(desk).look().version.number == 1


def test_what_is_done_to_a_draft_stands_in_the_audit(desk: Desk) -> None:
    _drafting(desk).edit("1.0", _later)
    _drafting(desk, "Jan").undo("1.1")

    assert _deeds(desk) == [("Maria", "changed the agenda's draft"), ("Jan", "took back an edit")]


@pytest.mark.parametrize("act", ["undo", "carry_over", "give_up"])
def test_whoever_has_not_seen_the_draft_does_nothing_to_it(desk: Desk, act: str) -> None:
    _drafting(desk).edit("1.0", _later)
    desk.publish(CONFERENCE.model_copy(update={"title": "From a file"}))
    _drafting(desk).edit("2.0", lambda event: editing.change_event(event, {"title": "Rivers"}))
    before = desk.dump()

    with pytest.raises(Overtaken):
        getattr(_drafting(desk, "Jan"), act)("2.0")

    assert desk.dump() == before


def test_whom_the_invitation_is_from_stays_as_it_was_published(desk: Desk) -> None:
    """Calendars take no change from anybody else (RFC 5546 2.1.2)."""
    other = CONFERENCE.organiser.model_copy(update={"address": "other@conference.example"})
    drafting = _drafting(desk)
    drafting.edit("1.0", lambda event: event.model_copy(update={"organiser": other}))

    with pytest.raises(NotToBePublished, match="must stay so"):
        drafting.publish("1.1")


def _let_counting_end() -> None:
    while counting := [thread for thread in threading.enumerate() if thread.name == "counting"]:
        for thread in counting:
            thread.join()


def _foreseen(desk: Desk, change: Callable[[Event], Event]) -> AsOf[Outcome]:
    """What is foreseen when nothing is counted beside any more."""
    with suppress(NotYet):
        _drafting(desk).foreseen(change)
    _let_counting_end()
    return _drafting(desk).foreseen(change)


def test_of_a_long_list_a_change_is_foreseen_beside_and_is_not_taken_for_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.outbox.people.LONG_LIST", 1)
    desk.work()
    with pytest.raises(NotYet):
        _drafting(desk).foreseen(_called_off)
    off, as_it_is = _foreseen(desk, _called_off), _foreseen(desk, lambda event: event)

    assert (off.value.draft.calls_off, off.value.difference.consequences.letters) == (True, len(RECIPIENTS))
    assert (as_it_is.value.draft.calls_off, as_it_is.value.difference.consequences.letters) == (False, 0)
    assert off.value.difference.consequences == _drafting(desk).outcome(_called_off).difference.consequences
    with pytest.raises(NotYet):
        _drafting(desk).foreseen(_later)


def test_what_was_foreseen_of_a_long_list_is_not_worked_out_again_to_publish_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.outbox.people.LONG_LIST", 1)
    seen = _drafting(desk).edit("1.0", _later).seen
    _foreseen(desk, lambda event: event)
    with desk.database.writing() as transaction:
        member = next(iter(people.roster(transaction, CONFERENCE.key)))
        people.record_answer(transaction, member.id, "event", "accepted", desk.clock(), "page", sequence=0)
    monkeypatch.setattr(Publishing, "foresee", None)
    with pytest.raises(TypeError):
        _drafting(desk).outcome()

    desk.clock.move(minutes=4)
    assert _drafting(desk).publish(seen).number == 2


@pytest.mark.parametrize("edited", ["words", "list"])
def test_what_was_foreseen_for_other_words_or_another_list_is_worked_out_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    monkeypatch.setattr("mailer.outbox.people.LONG_LIST", 1)
    seen = _drafting(desk).edit("1.0", _later).seen
    _foreseen(desk, lambda event: event)
    desk.clock.move(minutes=1)
    if edited == "words":
        texts = desk.service.wording().with_texts({"update/en.subject.txt": "It is later\n"})
        assert desk.service.choose_wording(texts, "Maria", desk.clock())
    else:
        desk.publish(CONFERENCE, recipients=RECIPIENTS[:2])
    monkeypatch.setattr(Publishing, "foresee", None)

    with pytest.raises(TypeError):
        _drafting(desk).publish(seen)


def test_what_was_foreseen_long_ago_is_worked_out_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.outbox.people.LONG_LIST", 1)
    seen = _drafting(desk).edit("1.0", _later).seen
    _foreseen(desk, lambda event: event)
    desk.clock.move(minutes=5)
    monkeypatch.setattr(Publishing, "foresee", None)
    with pytest.raises(TypeError):
        _drafting(desk).publish(seen)


def test_what_was_foreseen_holds_while_wording_and_hour_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.outbox.people.LONG_LIST", 1)
    assert _foreseen(desk, _called_off).is_present

    texts = desk.office.texts
    monkeypatch.setattr(
        "mailer.drafting.wording_in_force", lambda *_: texts.with_texts({"update/en.txt": ""})
    )
    assert not _drafting(desk).foreseen(_called_off).is_present
    _let_counting_end()
    desk.clock.move(minutes=1)
    assert _foreseen(desk, _called_off).is_present

    desk.clock.move(minutes=5)
    assert not _drafting(desk).foreseen(_called_off).is_present
    _let_counting_end()

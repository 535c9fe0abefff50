"""Changes of an agenda, one at a time, and what of them is refused."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from mailer.agenda import editing, rewriting, writing
from mailer.agenda.model import Approval, Event, MailingKind, SessionKind
from mailer.errors import BadInput
from tests.web.agendas import CONFERENCE as EVENT

TODAY = date(2027, 3, 1)


def _refused(change: Callable[[], Event]) -> list[tuple[str | None, str]]:
    with pytest.raises(BadInput) as refused:
        change()
    return [(problem.field, problem.message) for problem in refused.value.problems]


def test_only_what_is_given_is_changed() -> None:
    given = {"start": "09:30", "room": "Small Hall", "speakers": ["Jan Kos", "Mira Oyelaran"]}
    old, new = EVENT.session("opening"), editing.change_session(EVENT, "opening", given).session("opening")

    changed = {"starts_at": old.starts_at + timedelta(minutes=15), "room": "Small Hall"}
    assert new == old.model_copy(update={**changed, "speakers": ("Jan Kos", "Mira Oyelaran")})


def test_nothing_given_changes_nothing() -> None:
    assert editing.change_session(EVENT, "opening", {}) == EVENT
    assert editing.change_event(EVENT, editing.event_fields(EVENT)) == EVENT
    assert editing.move(EVENT, "2027-03-10", today=TODAY) == EVENT
    for session in EVENT.sessions:
        assert editing.change_session(EVENT, session.key, editing.session_fields(EVENT, session.key)) == EVENT


def test_what_is_given_as_nothing_is_taken_out() -> None:
    changed = editing.change_session(EVENT, "session-1", {"points": [], "kind": None, "end": ""}).session(
        "session-1"
    )

    assert (changed.points, changed.kind, changed.end_assumed) == ((), SessionKind.SESSION, True)
    assert changed.ends_at - changed.starts_at == timedelta(minutes=15)


def test_sessions_stay_in_the_order_of_their_start() -> None:
    moved = editing.change_session(EVENT, "opening", {"start": "20:00", "end": "21:00"})

    assert [each.key for each in moved.sessions] == [
        *(each.key for each in EVENT.sessions if each.key != "opening"),
        "opening",
    ]


def test_all_that_is_wrong_is_told_at_once_by_its_field() -> None:
    given = {"title": "x" * 301, "start": "25:00", "end": "24:00", "kind": "party", "room": "a\x00b"}

    assert _refused(lambda: editing.change_session(EVENT, "opening", given)) == [
        ("end", "'24:00' is not a time of day, 00:00 to 23:59 (midnight is 00:00, with end_day one later)"),
        ("kind", "'party' is none of 'registration', 'opening', 'session', 'break' or 'closing'"),
        ("room", "holds a control character or a line break"),
        ("start", "'25:00' is not a time of day, 00:00 to 23:59"),
        ("title", "is longer than 300 characters"),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"end": "09:00"}, ("end", "09:00 is before its start, 09:15; a session past midnight says end_day")),
        ({"title": ""}, ("title", "is missing")),
        ({"title": "\u200b"}, ("title", "is empty")),
        ({"day": "second"}, ("day", "must be a whole number, not 'second'")),
        ({"shout": "x"}, ("shout", "is not a known key")),
    ],
)
def test_what_no_file_may_say_no_form_may(given: dict[str, str], said: tuple[str, str]) -> None:
    assert _refused(lambda: editing.change_session(EVENT, "opening", given)) == [said]


def test_an_hour_that_is_skipped_is_asked_about() -> None:
    night = editing.move(EVENT, "2027-03-28", today=TODAY)

    (told,) = _refused(lambda: editing.change_session(night, "registration", {"start": "02:30"}))
    assert told == ("start", "02:30 on 2027-03-28 does not exist in Europe/Vienna: the clocks skip it")


def test_a_new_session_gets_a_key_from_its_title() -> None:
    given = {"title": "Séance I – Les droits", "start": "18:00", "end": "19:00"}
    once = editing.add_session(EVENT, given)
    twice = editing.add_session(once, given)

    assert once.sessions[-1].key == "seance-i-les-droits"
    assert twice.sessions[-1].key == "seance-i-les-droits-2"
    assert editing.add_session(EVENT, {**given, "title": "جلسة"}).sessions[-1].key == "session"


def test_a_new_session_may_not_have_the_key_of_another() -> None:
    given = {"title": "Again", "start": "18:00", "key": "opening"}
    ((field, _),) = _refused(lambda: editing.add_session(EVENT, given))

    assert field == "key"


def test_what_was_published_is_cancelled_and_what_was_not_is_taken_out() -> None:
    cancelled = editing.cancel_session(EVENT, "session-3", is_known=True)
    gone = editing.cancel_session(EVENT, "session-3", is_known=False)

    assert [each.key for each in cancelled.called_off] == ["session-3"]
    assert cancelled.sessions == gone.sessions == tuple(s for s in EVENT.sessions if s.key != "session-3")
    assert gone.called_off == ()
    assert editing.reinstate_session(cancelled, "session-3") == EVENT


def test_the_last_session_cannot_be_cancelled() -> None:
    alone = EVENT.model_copy(update={"sessions": EVENT.sessions[2:3]})

    ((field, message),) = _refused(lambda: editing.cancel_session(alone, "session-1", is_known=True))
    assert (field, message) == (
        None,
        "session: every session is cancelled: write cancelled = true under [event] instead",
    )


def test_a_mailing_that_loses_its_session_is_named() -> None:
    mailing = EVENT.mailings[0].model_copy(update={"when": "2 hours before opening starts"})
    event = EVENT.model_copy(update={"mailings": (mailing, *EVENT.mailings[1:])})

    ((field, message),) = _refused(lambda: editing.cancel_session(event, "opening", is_known=False))
    assert field is None
    assert message.startswith(f"mailing '{mailing.key}': when: there is no session 'opening'")
    assert editing.cancel_session(event, "opening", is_known=True).called_off


def test_the_event_is_changed_by_its_own_fields() -> None:
    changed = editing.change_event(EVENT, {"title": "Rivers", "venue.city": "1020 Vienna"})

    assert (changed.title, changed.venue.city) == ("Rivers", "1020 Vienna")
    assert _refused(lambda: editing.change_event(EVENT, {"venue.city": "", "title": "a\nb"})) == [
        ("title", "holds a control character or a line break"),
        ("venue.city", "is missing"),
    ]


def test_two_sessions_in_one_room_are_doubtful() -> None:
    beside = editing.add_session(EVENT, {"title": "Beside", "start": "10:30", "end": "11:00"})

    assert editing.doubts(EVENT) == ()
    assert [str(each) for each in editing.doubts(beside)] == [
        ": session 'beside': overlaps with session-1, in the same room"
    ]


def test_a_session_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(KeyError):
        editing.change_session(EVENT, "nothing", {"title": "x"})
    with pytest.raises(KeyError):
        editing.cancel_session(EVENT, "nothing", is_known=True)


def test_a_draft_is_carried_over_to_a_newer_version_field_by_field() -> None:
    draft = editing.change_session(EVENT, "opening", {"start": "09:30"})
    draft = editing.cancel_session(draft, "session-3", is_known=True)
    draft = editing.add_session(draft, {"title": "New", "start": "18:00"})
    latest = editing.change_session(EVENT, "opening", {"title": "Welcome", "start": "09:20"})
    latest = editing.change_event(latest, {"venue.city": "1020 Vienna"})

    carried = editing.carry_over(EVENT, draft, latest)

    assert carried.session("opening") == draft.session("opening").model_copy(update={"title": "Welcome"})
    assert [each.key for each in carried.called_off] == ["session-3"]
    assert carried.sessions[-1].key == "new"
    assert carried.venue.city == "1020 Vienna"
    assert editing.carry_over(EVENT, EVENT, latest) == latest
    assert editing.carry_over(EVENT, draft, EVENT) == draft


def test_an_edit_leaves_all_that_is_said_of_the_event() -> None:
    facts = {"approval": Approval.FOUR_EYES, "quiet_minutes": 7, "public": True}
    told = EVENT.model_copy(update=facts)
    changed = editing.change_session(told, "opening", {"start": "09:30"})

    assert {name: getattr(changed, name) for name in facts} == facts


def test_in_another_zone_hours_stay_on_the_clock() -> None:
    moved = editing.change_event(EVENT, {"timezone": "Europe/Lisbon", "language": "fr"})

    assert (moved.timezone, moved.language) == ("Europe/Lisbon", "fr")
    assert moved.starts_at - EVENT.starts_at == timedelta(hours=1)
    assert editing.session_fields(moved, "opening") == editing.session_fields(EVENT, "opening")
    assert editing.change_event(moved, {"timezone": "Europe/Vienna", "language": "en"}) == EVENT


def test_a_zone_or_a_language_that_is_none_is_refused() -> None:
    given = {"timezone": "CET", "language": "English"}
    assert [field for field, _ in _refused(lambda: editing.change_event(EVENT, given))] == [
        "language",
        "timezone",
    ]


def test_the_whole_conference_moves_and_keeps_its_hours_on_the_clock() -> None:
    """Into summer time, over three days, one of which is only a cancelled session's."""
    long = editing.add_session(
        EVENT, {"title": "Dinner", "day": 2, "start": "19:00", "end": "00:30", "end_day": 3}
    )
    long = editing.add_session(long, {"title": "Visit", "day": 3, "start": "10:00"})
    long = editing.cancel_session(long, "visit", is_known=True)
    moved = editing.move(long, " 2027-06-09 ", today=TODAY)

    for each in (*long.sessions, *long.called_off):
        assert editing.session_fields(moved, each.key) == editing.session_fields(long, each.key)
    assert moved.starts_at - long.starts_at == timedelta(days=91) - timedelta(hours=1)
    (was,), (now) = long.called_off, moved.called_off[0]
    assert now.starts_at.astimezone(moved.zone).isoformat() == "2027-06-11T10:00:00+02:00"
    assert now.ends_at - now.starts_at == was.ends_at - was.starts_at == timedelta(minutes=15)
    assert {**moved.model_dump(), "sessions": (), "called_off": ()} == {
        **long.model_dump(), "sessions": (), "called_off": ()
    }  # fmt: skip
    assert editing.move(moved, "2027-03-10", today=TODAY) == long


def test_an_example_moves_as_well_and_stays_one() -> None:
    moved = editing.move(EVENT.model_copy(update={"example": True}), "2027-06-09", today=TODAY)

    assert moved.example
    assert writing.first_day(moved) == date(2027, 6, 9)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "'' is not a date; write it like 2027-03-10"),
        ("soon", "'soon' is not a date; write it like 2027-03-10"),
        ("0000-01-01", "'0000-01-01' is not a date; write it like 2027-03-10"),
        ("2027-02-29", "'2027-02-29' is not a date; write it like 2027-03-10"),
        ("12027-03-10", "'12027-03-10' is not a date; write it like 2027-03-10"),
        ("2027-03-10T09:00", "'2027-03-10T09:00' is not a date; write it like 2027-03-10"),
        ("in 3 days", "'in 3 days' is not a date; write it like 2027-03-10"),
        ("２０２７-03-11", "'２０２７-03-11' is not a date; write it like 2027-03-10"),
        ("2027-02-28", "2027-02-28 is past"),
    ],
)
def test_to_no_day_and_to_a_past_one_nothing_moves(typed: str, said: str) -> None:
    assert _refused(lambda: editing.move(EVENT, typed, today=TODAY)) == [("first_day", said)]


def test_today_is_not_past() -> None:
    assert writing.first_day(editing.move(EVENT, str(TODAY), today=TODAY)) == TODAY


def test_hours_that_the_clocks_skip_there_are_all_told() -> None:
    late = editing.add_session(EVENT, {"title": "Night", "start": "02:15", "end": "02:45", "day": 2})

    said = "on 2027-03-28 does not exist in Europe/Vienna: the clocks skip it; change its hour first"
    assert _refused(lambda: editing.move(late, "2027-03-27", today=TODAY)) == [
        (None, f"session 'night': start: 02:15 {said}"),
        (None, f"session 'night': end: 02:45 {said}"),
    ]


def test_of_an_hour_that_comes_twice_the_first_is_meant() -> None:
    late = editing.add_session(EVENT, {"title": "Night", "start": "02:15", "end": "04:00", "day": 2})
    moved = editing.move(late, "2027-10-30", today=TODAY)
    assert editing.session_fields(moved, "night")["start"] == "02:15+02:00"

    second = editing.change_session(moved, "night", {"start": "02:15+01:00"})
    assert (
        editing.session_fields(editing.move(second, "2027-11-13", today=TODAY), "night")["start"] == "02:15"
    )


def test_a_session_between_two_equal_hours_cannot_move_out_of_that_night() -> None:
    night = {"title": "Night", "start": "02:45+02:00", "end": "02:15+01:00", "day": 2}
    event = editing.add_session(editing.move(EVENT, "2027-10-30", today=TODAY), night)

    ((field, said),) = _refused(lambda: editing.move(event, "2027-11-13", today=TODAY))
    assert (field, said[:31]) == (None, "session 'night': end: 02:15 is ")


def test_a_draft_of_a_moved_conference_is_carried_over_with_its_days() -> None:
    """One moved the whole, the other an hour or added a session; whoever was first, all of it is on the new days."""
    moved = editing.move(EVENT, "2027-06-09", today=TODAY)
    latest = editing.change_session(EVENT, "opening", {"start": "09:30"})
    latest = editing.add_session(latest, {"title": "New", "start": "18:00", "day": 2})
    both = editing.move(latest, "2027-06-09", today=TODAY)

    assert editing.carry_over(EVENT, moved, latest) == both
    assert editing.carry_over(EVENT, latest, moved) == both
    elsewhere = editing.move(latest, "2027-04-14", today=TODAY)
    assert editing.carry_over(EVENT, moved, elsewhere) == both  # the draft's day, where both moved it


@pytest.mark.parametrize("typed", [EVENT.title, f"  {EVENT.title.upper()} ", EVENT.title.replace(" ", "")])
def test_a_conference_is_called_off_by_its_title(typed: str) -> None:
    off = editing.call_off(EVENT, typed)

    assert off == EVENT.model_copy(update={"cancelled": True})
    assert editing.hold_after_all(off) == EVENT


@pytest.mark.parametrize("typed", ["", "yes", EVENT.title[:-1], f"{EVENT.title} 2"])
def test_anything_but_its_title_calls_nothing_off(typed: str) -> None:
    assert _refused(lambda: editing.call_off(EVENT, typed)) == [
        ("typed", "is not the title of the conference")
    ]


def test_a_title_without_a_letter_is_typed_as_it_stands() -> None:
    signs = EVENT.model_copy(update={"title": "!!!"})

    assert editing.call_off(signs, " !!! ").cancelled
    assert _refused(lambda: editing.call_off(signs, "?"))


def test_what_is_carried_over_keeps_its_hours_on_whichever_clock() -> None:
    """One changed the zone, the other an hour; whoever was first, both are kept as they were typed."""
    zone = editing.change_event(EVENT, {"timezone": "Europe/Lisbon"})
    hour = editing.change_session(EVENT, "opening", {"start": "09:30"})
    both = editing.change_session(zone, "opening", {"start": "09:30"})

    assert editing.carry_over(EVENT, zone, hour) == both
    assert editing.carry_over(EVENT, hour, zone) == both


def test_edits_of_mailings_are_carried_over_field_by_field() -> None:
    draft = rewriting.rewritten(EVENT, "reminder", {"title": "Please answer"})
    draft = rewriting.taken_out(draft, "practical")
    draft = rewriting.added(draft, "thanks", {**rewriting.BEGINNINGS[MailingKind.REPORT], "kind": "report"})
    latest = rewriting.rewritten(EVENT, "reminder", {"title": "Elsewhere", "audience": "role = speaker"})
    latest = rewriting.taken_out(latest, "agenda")
    carried = editing.carry_over(EVENT, draft, latest)

    assert [each.key for each in carried.mailings] == [
        "invitation",
        "reminder",
        "session-reminder",
        "report",
        "thanks",
    ]
    assert (carried.mailing("reminder").title, carried.mailing("reminder").audience) == (
        "Please answer",
        "role = speaker",
    )
    assert editing.carry_over(EVENT, draft, EVENT) == draft


def test_an_edit_leaves_it_to_whom_mailings_are_shown_before_they_leave() -> None:
    careful = EVENT.model_copy(update={"approval": Approval.FOUR_EYES})

    assert editing.change_session(careful, "opening", {"title": "Welcome"}).approval is Approval.FOUR_EYES

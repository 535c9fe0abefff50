"""What differs between two agendas, and which SEQUENCE numbers that makes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.agenda import changes
from mailer.agenda.changes import (
    SIGNIFICANT,
    Change,
    ChangeKind,
    differences,
    follow_the_clocks,
    next_version,
    worded,
)
from mailer.agenda.model import (
    AgendaVersion,
    CalendarPart,
    Event,
    Organiser,
    RecipientList,
    Session,
    SessionKind,
)
from mailer.composition.invitation import Entry, entry_for
from tests import conference

NOW = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
EVENT = conference.EVENT
HOUR = timedelta(hours=1)


def sessions(*changed: Session, without: Sequence[str] = ()) -> Event:
    """The conference with these sessions instead of those of the same keys, or besides; and without some."""
    kept = {s.key: s for s in EVENT.sessions if s.key not in without} | {s.key: s for s in changed}
    in_order = sorted(kept.values(), key=lambda session: session.starts_at)
    return EVENT.model_copy(update={"sessions": tuple(in_order)})


def session(key: str, /, **facts: object) -> Session:
    return EVENT.session(key).model_copy(update=facts)


def event(**facts: object) -> Event:
    return EVENT.model_copy(update=facts)


def published(*states: Event) -> AgendaVersion:
    """The version in force after these were published, one after the other."""
    version = next_version(None, states[0], NOW)
    for state in states[1:]:
        version = next_version(version, state, NOW)
    return version


# ── differences ──────────────────────────────────────────────────────────────────────────────────────────────


def test_of_the_first_agenda_everything_is_added() -> None:
    found = differences(None, EVENT)
    assert {change.kind for change in found} == {ChangeKind.ADDED}
    assert [(change.what, change.anchor) for change in found] == [
        ("event", "event"),
        *(("session", session.key) for session in EVENT.sessions),
        *(("mailing", mailing.key) for mailing in EVENT.mailings),
    ]


def test_the_same_agenda_has_no_differences() -> None:
    assert differences(EVENT, Event.model_validate_json(EVENT.model_dump_json())) == []


def test_a_moved_session_says_from_when_to_when() -> None:
    one = session("session-1", starts_at=conference.at("10:05"))
    assert differences(EVENT, sessions(one)) == [
        Change(
            kind=ChangeKind.MOVED,
            what="session",
            anchor="session-1",
            field="starts_at",
            before="10 March 2027, 10:00",
            after="10 March 2027, 10:05",
        )
    ]


@pytest.mark.parametrize(
    ("facts", "kind", "before", "after"),
    [
        ({"room": "B 12"}, ChangeKind.RELOCATED, "", "B 12"),
        ({"title": "Lunch"}, ChangeKind.RENAMED, "Lunch break", "Lunch"),
        ({"kind": SessionKind.SESSION}, ChangeKind.REWORDED, "break", "session"),
        ({"speakers": ("A", "B")}, ChangeKind.REWORDED, "", "A; B"),
    ],
)
def test_a_change_of_a_session_is_told_in_its_words(
    facts: dict[str, object], kind: ChangeKind, before: str, after: str
) -> None:
    assert differences(EVENT, sessions(session("lunch", **facts))) == [
        Change(kind=kind, what="session", anchor="lunch", field=next(iter(facts)), before=before, after=after)
    ]


@pytest.mark.parametrize(
    ("field", "value", "kind", "before", "after"),
    [
        ("example", True, ChangeKind.REWORDED, "no", "yes"),
        (
            "venue",
            conference.VENUE.model_copy(update={"room": None, "name": "Hofburg"}),
            ChangeKind.RELOCATED,
            conference.VENUE.one_line,
            "Hofburg, Minoritenplatz 9, 1010 Vienna",
        ),
        (
            "organiser",
            Organiser(name="Conference Secretariat", address="office@conference.example"),
            ChangeKind.REWORDED,
            "Conference Secretariat <secretariat@conference.example>",
            "Conference Secretariat <office@conference.example>",
        ),
        (
            "recipient_lists",
            (RecipientList(file="a.csv"), RecipientList(file="b.csv", role="expert")),
            ChangeKind.REWORDED,
            "",
            "a.csv; b.csv (expert)",
        ),
    ],
)
def test_a_change_of_the_event_is_told_in_its_words(
    field: str, value: object, kind: ChangeKind, before: str, after: str
) -> None:
    assert differences(EVENT, event(**{field: value})) == [
        Change(kind=kind, what="event", anchor="event", field=field, before=before, after=after)
    ]


def test_what_is_added_and_removed_stands_in_the_order_of_the_agendas() -> None:
    added = session("session-2", key="session-2b", title="Session II b")
    found = differences(EVENT, sessions(added, without=["opening", "break-2", "lunch"]))
    assert [(change.kind, change.anchor, change.before, change.after) for change in found] == [
        (ChangeKind.ADDED, "session-2b", "", "Session II b"),
        (ChangeKind.CANCELLED, "opening", "Opening session", ""),
        (ChangeKind.CANCELLED, "lunch", "Lunch break", ""),
        (ChangeKind.CANCELLED, "break-2", "Coffee break", ""),
    ]


def test_a_mailing_that_leaves_at_another_hour_or_in_another_order_is_a_difference() -> None:
    first, *others = EVENT.mailings
    changed = first.model_copy(update={"when": "the event starts", "calendar": CalendarPart.NONE})
    found = differences(EVENT, event(mailings=(*others, changed)))
    assert [(change.what, change.anchor, change.field) for change in found] == [
        ("event", "event", "mailings"),
        ("mailing", "invitation", "when"),
        ("mailing", "invitation", "calendar"),
    ]


# ── sequences ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_version_begins_at_nought() -> None:
    version = next_version(None, EVENT, NOW)
    assert (version.number, version.published_at, version.first_published_at) == (1, NOW, NOW)
    assert version.sequences == dict.fromkeys(["event", *(s.key for s in EVENT.sessions)], 0)


def test_the_next_version_remembers_when_the_first_was_published() -> None:
    version = next_version(next_version(None, EVENT, NOW), EVENT, NOW + HOUR)
    assert (version.number, version.published_at, version.first_published_at) == (2, NOW + HOUR, NOW)
    assert set(version.sequences.values()) == {0}


MOVED = sessions(session("session-2", ends_at=conference.at("12:50")))


@pytest.mark.parametrize(
    ("states", "session_2", "whole_event"),
    [
        pytest.param([EVENT, MOVED], 1, 0, id="moved"),
        pytest.param([EVENT, MOVED, EVENT], 2, 0, id="moved back"),
        pytest.param([EVENT, MOVED, MOVED], 1, 0, id="moved, then published again"),
        pytest.param([EVENT, sessions(session("session-2", room="B"))], 1, 0, id="another room"),
        pytest.param([EVENT, sessions(session("session-2", title="II", chair="C"))], 0, 0, id="reworded"),
        pytest.param(
            [EVENT, sessions(session("closing", ends_at=conference.at("18:00")))], 0, 1, id="longer day"
        ),
        pytest.param(
            [EVENT, event(venue=conference.VENUE.model_copy(update={"room": "B"}))], 1, 1, id="venue"
        ),
        pytest.param([EVENT, event(timezone="Europe/Berlin")], 1, 1, id="zone"),
        pytest.param([EVENT, event(title="Reworded")], 0, 0, id="event reworded"),
        pytest.param([EVENT, sessions(without=["session-2"])], 1, 0, id="removed"),
        pytest.param([EVENT, sessions(without=["session-2"]), MOVED], 2, 0, id="removed and reinstated"),
        pytest.param(
            [EVENT, *[sessions(without=["session-2"])] * 3, EVENT],
            2,
            0,
            id="removed for long, and reinstated",
        ),
        pytest.param([sessions(without=["session-2"]), EVENT], 0, 0, id="added later"),
    ],
)
def test_a_sequence_counts_what_a_calendar_must_be_told(
    states: list[Event], session_2: int, whole_event: int
) -> None:
    sequences = published(*states).sequences
    assert (sequences["session-2"], sequences["event"]) == (session_2, whole_event)


def test_only_the_session_that_moved_is_counted() -> None:
    sequences = published(EVENT, MOVED).sequences
    assert [key for key, sequence in sequences.items() if sequence] == ["session-2"]


TITLES = st.sampled_from(["A", "B"])
ITEMS = st.builds(
    lambda key, starts, lasts, room, title: session(
        "session-1", key=key, title=title, room=room,
        starts_at=conference.STARTS_AT + starts * HOUR, ends_at=conference.STARTS_AT + (starts + lasts) * HOUR,
    ),
    st.sampled_from(["one", "two", "three"]), st.integers(0, 2), st.integers(1, 2),
    st.sampled_from([None, "B"]), TITLES,
)  # fmt: skip
AGENDAS = st.builds(
    lambda items, title, zone: event(sessions=tuple(items), title=title, timezone=zone),
    st.lists(ITEMS, min_size=1, max_size=3, unique_by=lambda item: item.key),
    TITLES,
    st.sampled_from(["Europe/Vienna", "Europe/Vienna", "Europe/Sofia"]),
)


def significant(state: Event, key: str) -> object:
    """What a calendar knows of a session, or of the event; None when it is not on the agenda."""
    if key == "event":
        return state.starts_at, state.ends_at, state.venue, state.timezone
    found = next((s for s in state.sessions if s.key == key), None)
    return found and (*(getattr(found, name) for name in SIGNIFICANT), state.venue, state.timezone)


@given(st.lists(AGENDAS, min_size=2, max_size=6))
def test_a_sequence_never_falls_and_rises_exactly_when_something_significant_changed(
    states: list[Event],
) -> None:
    version = next_version(None, states[0], NOW)
    for old, new in pairwise(states):
        following = next_version(version, new, NOW)
        for key, sequence in version.sequences.items():
            rises = significant(old, key) != significant(new, key)
            assert following.sequences[key] == sequence + rises
        assert {"event", *(s.key for s in new.sessions)} <= following.sequences.keys()
        version = following


@given(AGENDAS, AGENDAS)
def test_two_agendas_have_no_differences_exactly_when_they_are_equal(one: Event, other: Event) -> None:
    found = differences(one, other)
    assert (found == []) == (one == other)
    moved = {change.anchor for change in found if change.kind is ChangeKind.MOVED}
    sequences = next_version(next_version(None, one, NOW), other, NOW).sequences
    assert moved <= {key for key, sequence in sequences.items() if sequence}


# ── what an entry says ───────────────────────────────────────────────────────────────────────────────────────

OF_A_SESSION: dict[str, st.SearchStrategy[object]] = {
    "starts_at": st.integers(0, 2).map(lambda hours: conference.STARTS_AT + hours * HOUR),
    "ends_at": st.integers(2, 4).map(lambda hours: conference.STARTS_AT + hours * HOUR),
    "kind": st.sampled_from(SessionKind),
    "title": TITLES,
    "end_assumed": st.booleans(),
    "points": st.sampled_from([(), ("A",), ("A", "B")]),
    "room": st.sampled_from([None, "B"]),
    "chair": st.sampled_from([None, "C"]),
    "speakers": st.sampled_from([(), ("D",)]),
}
FREE_SESSIONS = st.fixed_dictionaries({"key": st.sampled_from(["one", "two", "three"]), **OF_A_SESSION}).map(
    Session.model_validate
)
FACTS: dict[str, st.SearchStrategy[object]] = {
    "sessions": st.lists(FREE_SESSIONS, min_size=1, max_size=3, unique_by=lambda s: s.key).map(tuple),
    "title": TITLES,
    "summary": TITLES,
    "language": st.sampled_from(["en", "fr", "fr-CA"]),
    "timezone": st.sampled_from(["Europe/Vienna", "Europe/Sofia"]),
    "venue": st.sampled_from(
        [conference.VENUE, conference.VENUE.model_copy(update={"room": None, "city": "Sofia"})]
    ),
    "organiser": st.sampled_from([conference.ORGANISER, Organiser(name="B", address="b@conference.example")]),
    "mailings": st.sampled_from([conference.MAILINGS, conference.MAILINGS[:1]]),
    "quiet_minutes": st.sampled_from([0, 10]),
    "public": st.booleans(),
}
OF_THE_EVENT = st.sampled_from(sorted(FACTS)).flatmap(lambda name: st.tuples(st.just(name), FACTS[name]))
OF_THE_FIRST = st.sampled_from(sorted(OF_A_SESSION)).flatmap(
    lambda name: st.tuples(st.just(name), OF_A_SESSION[name])
)
EDITS = st.lists(
    st.one_of(st.tuples(st.just(False), OF_THE_EVENT), st.tuples(st.just(True), OF_THE_FIRST)), max_size=3
)


def edited(state: Event, edits: list[tuple[bool, tuple[str, object]]]) -> Event:
    """Each edit is of the event or of its first session."""
    for of_first, (name, value) in edits:
        if of_first:
            first, *others = state.sessions
            sessions = (first.model_copy(update={name: value}), *others)
            state = state.model_copy(update={"sessions": sessions})
        else:
            state = state.model_copy(update={name: value})
    return state


def entry(state: Event, anchor: str) -> Entry:
    """What somebody sees of it: all but its number and its stamp."""
    made = entry_for(
        version=conference.version(state), anchor=anchor, recipient=conference.PRACTITIONER,
        uid_for=lambda anchor: f"{anchor}@conference.example", links=conference.links(EVENT),
    )  # fmt: skip
    return replace(made, sequence=0, stamped_at=NOW)


@given(FACTS["sessions"], EDITS)
def test_an_entry_looks_another_only_if_something_significant_or_worded_differs(
    items: tuple[Session, ...], edits: list[tuple[bool, tuple[str, object]]]
) -> None:
    before = event(sessions=items)
    after = edited(before, edits)
    both = {s.key for s in before.sessions} & {s.key for s in after.sessions}
    for anchor in ("event", *sorted(both)):
        says_the_same = changes.significant(before, anchor) == changes.significant(after, anchor) and worded(
            before, anchor
        ) == worded(after, anchor)
        if says_the_same:
            assert entry(before, anchor) == entry(after, anchor)


@pytest.mark.parametrize(
    ("after", "significant_of", "worded_of"),
    [
        pytest.param(event(), set(), set(), id="nothing"),
        pytest.param(sessions(session("session-2", room="B")), {"session-2"}, set(), id="a room"),
        pytest.param(
            sessions(session("session-2", ends_at=conference.at("12:50"))),
            {"session-2"},
            {"event"},
            id="an end",
        ),
        pytest.param(sessions(session("session-2", title="II")), set(), {"session-2", "event"}, id="a title"),
        pytest.param(sessions(session("session-2", chair="C")), set(), {"session-2"}, id="a chair"),
        pytest.param(event(summary="B"), set(), {"event"}, id="the summary"),
        pytest.param(event(language="fr"), set(), {"session-1", "session-2", "event"}, id="the language"),
        pytest.param(
            event(timezone="Europe/Sofia"), {"session-1", "session-2", "event"}, set(), id="the zone"
        ),
        pytest.param(event(cancelled=True), {"session-1", "session-2", "event"}, set(), id="cancelled"),
        pytest.param(event(mailings=()), set(), set(), id="mailings"),
    ],
)
def test_what_matters_to_which_calendar(after: Event, significant_of: set[str], worded_of: set[str]) -> None:
    anchors = ("session-1", "session-2", "event")
    assert {
        a for a in anchors if changes.significant(EVENT, a) != changes.significant(after, a)
    } == significant_of
    assert {a for a in anchors if worded(EVENT, a) != worded(after, a)} == worded_of


def test_of_what_does_not_take_place_nothing_matters() -> None:
    assert changes.significant(sessions(without=["session-2"]), "session-2") is None
    assert changes.significant(event(cancelled=True), "event") is None
    assert changes.significant(event(cancelled=True), "session-2") is None


def test_in_another_zone_a_session_has_moved_only_where_its_hour_on_the_wall_is_another() -> None:
    elsewhere = changes.on_the_clock_of(EVENT, "Europe/Sofia")
    assert elsewhere.starts_at == EVENT.starts_at - HOUR
    assert differences(EVENT, elsewhere) == [
        Change(
            kind=ChangeKind.MOVED, what="event", anchor="event", field="timezone",
            before="Europe/Vienna", after="Europe/Sofia",
        )
    ]  # fmt: skip

    same_instant = event(timezone="Europe/Sofia")
    told = [
        (each.anchor, each.field, each.before[-5:], each.after[-5:])
        for each in differences(EVENT, same_instant)
    ]
    assert told[:3] == [
        ("event", "timezone", "ienna", "Sofia"),
        ("registration", "starts_at", "08:45", "09:45"),
        ("registration", "ends_at", "09:15", "10:15"),
    ]


def test_an_hour_that_clocks_skip_elsewhere_is_as_much_later() -> None:
    """02:30 is there in Tunis and not in Vienna, in the night of 28 March 2027; what is cancelled comes along."""
    night = datetime(2027, 3, 28, 2, 30, tzinfo=ZoneInfo("Africa/Tunis"))
    one = session("session-2", starts_at=night, ends_at=night + HOUR)
    tunis = event(timezone="Africa/Tunis", sessions=(one,), called_off=(one,))

    moved = changes.on_the_clock_of(tunis, "Europe/Vienna")
    assert moved.starts_at.astimezone(moved.zone).isoformat() == "2027-03-28T03:30:00+02:00"
    assert moved.called_off == moved.sessions


def test_on_other_days_a_session_has_moved_only_where_it_has_not_moved_with_all() -> None:
    later = changes.moved_by(EVENT, 91)
    moved = Change(
        kind=ChangeKind.MOVED, what="event", anchor="event", field="first_day",
        before="10 March 2027", after="9 June 2027",
    )  # fmt: skip
    assert later.starts_at - EVENT.starts_at == 91 * 24 * HOUR - HOUR
    assert differences(EVENT, later) == [moved]
    assert differences(EVENT, changes.on_the_clock_of(later, "Europe/Sofia"))[1:] == [moved]

    one = later.session("session-2")
    hour = {"starts_at": one.starts_at + HOUR, "ends_at": one.ends_at + HOUR}
    apart = later.model_copy(
        update={"sessions": tuple(one.model_copy(update=hour) if s is one else s for s in later.sessions)}
    )
    assert [(each.anchor, each.field) for each in differences(EVENT, apart)] == [
        ("event", "first_day"),
        ("session-2", "starts_at"),
        ("session-2", "ends_at"),
    ]


def test_the_conference_has_moved_when_most_of_its_sessions_have() -> None:
    later = changes.moved_by(EVENT, 7)
    keys = [each.key for each in EVENT.sessions]

    def moved(count: int) -> Event:
        those = keys[:count]
        return event(sessions=tuple((later if key in those else EVENT).session(key) for key in keys))

    half = len(keys) // 2
    assert [changes.days_moved(EVENT, moved(count)) for count in (1, half, half + 1, len(keys))] == [
        0,
        0,
        7,
        7,
    ]
    assert (
        changes.days_moved(EVENT, event(sessions=(session("opening").model_copy(update={"key": "new"}),)))
        == 0
    )
    assert changes.days_moved(later, EVENT) == -7


def test_the_conference_has_not_moved_when_its_first_session_has_not() -> None:
    """Two of three were put on the next day, each by hand."""
    day, (first, *others) = 24 * HOUR, EVENT.sessions[:3]

    def on_its_day(one: Session, days: int) -> Session:
        hours = {"starts_at": one.starts_at + days * day, "ends_at": one.ends_at + days * day}
        return one.model_copy(update=hours)

    old, new = (event(sessions=(first, *(on_its_day(each, days) for each in others))) for days in (1, 2))

    assert changes.days_moved(old, new) == 0
    told = differences(old, new)
    assert {each.anchor for each in told} == {each.key for each in others}
    assert {each.kind for each in told} == {ChangeKind.MOVED}


def test_moved_by_days_an_hour_that_clocks_skip_is_as_much_later() -> None:
    night = datetime(2027, 3, 27, 2, 30, tzinfo=ZoneInfo("Europe/Vienna"))
    one = session("session-2", starts_at=night, ends_at=night + HOUR)

    moved = changes.moved_by(event(sessions=(one,), called_off=(one,)), 1)
    assert moved.starts_at.astimezone(moved.zone).isoformat() == "2027-03-28T03:30:00+02:00"
    assert moved.called_off == moved.sessions


# ── other rules for a zone ───────────────────────────────────────────────────────────────────────────────────


def agreed_on(**clocks: tuple[str, str]) -> AgendaVersion:
    """A version that was published when the rules of the zone showed these hours for these sessions."""
    version = published(EVENT)
    hours = {key.replace("_", "-"): (f"2027-03-10T{a}", f"2027-03-10T{b}") for key, (a, b) in clocks.items()}
    return version.model_copy(update={"clocks": {**version.clocks, **hours}, "tzdata": "2020a"})


def test_under_the_same_rules_the_clocks_change_nothing() -> None:
    assert follow_the_clocks(published(EVENT)) == EVENT


def test_under_other_rules_the_hour_on_the_wall_stays_and_the_instant_moves() -> None:
    """Session II was agreed for 11:30, when summer time would have begun before it; it begins later now."""
    early = session("session-2", starts_at=conference.at("10:30"), ends_at=conference.at("11:45"))
    version = agreed_on(session_2=("11:30:00", "12:45:00")).model_copy(update={"event": sessions(early)})
    followed = follow_the_clocks(version)
    assert followed.session("session-2") == EVENT.session("session-2")
    assert {s for s in followed.sessions if s.key != "session-2"} == {
        s for s in EVENT.sessions if s.key != "session-2"
    }


def test_what_followed_the_clocks_is_a_version_like_any_other_and_stays_as_it_is() -> None:
    version = agreed_on(session_2=("11:00:00", "12:15:00"))
    followed = next_version(version, follow_the_clocks(version), NOW + HOUR)
    assert followed.event.session("session-2").starts_at == conference.at("11:00")
    assert (followed.sequences["session-2"], followed.sequences["session-1"]) == (1, 0)
    assert followed.clocks["session-2"] == ("2027-03-10T11:00:00", "2027-03-10T12:15:00")
    assert follow_the_clocks(followed) == followed.event


def test_a_version_that_kept_no_clocks_stays_as_it_is() -> None:
    version = published(EVENT).model_copy(update={"clocks": {}})
    assert follow_the_clocks(version) == EVENT


def test_the_second_of_two_equal_hours_is_not_taken_for_the_first() -> None:
    second = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    night = event(sessions=(session("session-1", starts_at=second, ends_at=second + HOUR),))
    assert follow_the_clocks(published(night)) == night


def test_a_session_that_is_called_off_is_cancelled_and_comes_back_newer() -> None:
    opening = conference.EVENT.session("opening")
    off = conference.EVENT.model_copy(
        update={
            "sessions": tuple(s for s in conference.EVENT.sessions if s is not opening),
            "called_off": (opening,),
        }
    )
    first = changes.next_version(None, conference.EVENT, conference.PUBLISHED_AT)
    second = changes.next_version(first, off, conference.PUBLISHED_AT)
    third = changes.next_version(second, conference.EVENT, conference.PUBLISHED_AT)

    def told(old: Event, new: Event) -> list[tuple[str, str]]:
        return [
            (each.kind.value, each.anchor) for each in changes.differences(old, new) if each.what == "session"
        ]

    assert told(conference.EVENT, off) == [("cancelled", "opening")]
    assert told(off, conference.EVENT) == [("reinstated", "opening")]
    assert told(off, off.model_copy(update={"called_off": ()})) == [("removed", "opening")]
    assert [each.sequences["opening"] for each in (first, second, third)] == [0, 1, 2]
    assert changes.significant(off, "opening") is None

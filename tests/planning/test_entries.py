"""What a calendar holds against what it should hold: what is told, to whom, with which number, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.agenda.changes import next_version
from mailer.agenda.model import AgendaVersion, CalendarPart, Event
from mailer.agenda.upkeep import Cause
from mailer.planning.entries import Choice, Effect, Entries, EntryLetter, Held, Holder, Step, carried
from tests import conference
from tests.conference import at

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FIRST_AT = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
S1, S2 = "session-1", "session-2"
EVENT = conference.EVENT.model_copy(
    update={"sessions": tuple(conference.EVENT.session(key) for key in (S1, S2, "session-3"))}
)


def changed(key: str, state: Event = EVENT, **facts: object) -> Event:
    sessions = tuple(s.model_copy(update=facts) if s.key == key else s for s in state.sessions)
    return state.model_copy(update={"sessions": sessions})


def without(key: str) -> Event:
    return EVENT.model_copy(update={"sessions": tuple(s for s in EVENT.sessions if s.key != key)})


MOVED, REWORDED = changed(S2, starts_at=at("11:45")), changed(S2, title="Another title")
OFF = EVENT.model_copy(update={"cancelled": True})
ELSEWHERE = EVENT.model_copy(update={"venue": conference.VENUE.model_copy(update={"room": "B"})})


def entries(*states: Event) -> Entries:
    """The agenda in force after these were published, an hour apart."""
    versions: list[AgendaVersion] = []
    for number, state in enumerate(states):
        latest = versions[-1] if versions else None
        versions.append(next_version(latest, state, FIRST_AT + number * HOUR))
    return Entries(latest=versions[-1], earlier={each.number: each for each in versions})


def asked(version: int = 1, sequence: int = 0, **facts: Any) -> Held:
    return Held(version=version, sequence=sequence, asked=True, **facts)


def shown(version: int = 1, sequence: int = 0, **facts: Any) -> Held:
    return Held(version=version, sequence=sequence, asked=False, **facts)


def holder(**facts: Any) -> Holder:
    return Holder(id=1, joined_at=FIRST_AT, **facts)


def wants(after: timedelta = 2 * HOUR, *, wanted: bool = True) -> Choice:
    return Choice(wanted=wanted, at=FIRST_AT + after)


def told(steps: list[Step] | tuple[Step, ...]) -> list[tuple[str, Effect, int, bool, bool, str]]:
    return [
        (s.told.anchor, s.effect, s.told.sequence, s.told.asked, s.told.cancelled, s.told.answer)
        for s in steps
    ]


# ── one entry ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("states", "held", "expected"),
    [
        pytest.param([EVENT], asked(), None, id="as it was told"),
        pytest.param([EVENT, MOVED], asked(), (Effect.REQUEST, 1, True, False), id="moved"),
        pytest.param([EVENT, MOVED], shown(), (Effect.CHANGE, 1, False, False), id="moved, asks nobody"),
        pytest.param([EVENT, MOVED, EVENT], asked(), None, id="moved and moved back"),
        pytest.param(
            [EVENT, MOVED, EVENT], asked(2, 1), (Effect.REQUEST, 2, True, False), id="moved back after told"
        ),
        pytest.param([EVENT, REWORDED], asked(), (Effect.REWORD, 0, True, False), id="reworded"),
        pytest.param(
            [EVENT, REWORDED], shown(), (Effect.CHANGE, 0, False, False), id="reworded, asks nobody"
        ),
        pytest.param([EVENT, ELSEWHERE], asked(), (Effect.REQUEST, 1, True, False), id="elsewhere"),
        pytest.param([EVENT, without(S2)], asked(), (Effect.CANCEL, 1, True, True), id="dropped"),
        pytest.param(
            [EVENT, without(S2)], shown(), (Effect.CANCEL, 1, True, True), id="dropped, one of many"
        ),
        pytest.param([EVENT, OFF], shown(), (Effect.CANCEL, 1, False, True), id="all is off"),
        pytest.param([EVENT, without(S2)], asked(2, 1, cancelled=True), None, id="cancelled, and told"),
        pytest.param(
            [EVENT, without(S2), EVENT],
            asked(2, 1, cancelled=True),
            (Effect.REQUEST, 2, True, False),
            id="reinstated",
        ),
        pytest.param(
            [EVENT, MOVED], asked(1, 7), (Effect.REQUEST, 8, True, False), id="above what it was told"
        ),
        pytest.param([EVENT], asked(in_doubt=True), (Effect.REWORD, 0, True, False), id="in doubt"),
        pytest.param(
            [EVENT, without(S2)],
            asked(2, 1, cancelled=True, in_doubt=True),
            (Effect.CANCEL, 2, True, True),
            id="cancelled, in doubt",
        ),
    ],
)
def test_what_is_told_of_an_entry(
    states: list[Event], held: Held, expected: tuple[Effect, int, bool, bool] | None
) -> None:
    found = told(list(entries(*states).steps(holder(held={S2: held}))))
    assert found == ([(S2, *expected, "")] if expected else [])


def test_a_cancellation_shows_the_entry_as_it_last_took_place() -> None:
    those = entries(EVENT, MOVED, without(S2))
    (step,) = those.steps(holder(held={S2: asked(3, 1)}))
    assert (step.told.version, step.since) == (2, 3)


def test_wording_is_told_with_the_answer_that_holds_and_not_to_who_declined() -> None:
    those, held = entries(EVENT, REWORDED), {S2: asked()}
    (step,) = those.steps(holder(held=held, answers={S2: "accepted"}))
    assert step.told.answer == "accepted"
    assert list(those.steps(holder(held=held, answers={S2: "declined"}))) == []


def test_who_declined_is_told_what_matters_and_asked_anew() -> None:
    (step,) = entries(EVENT, MOVED).steps(holder(held={S2: asked()}, answers={S2: "declined"}))
    assert told([step]) == [(S2, Effect.REQUEST, 1, True, False, "")]


# ── choosing, leaving ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        pytest.param(None, True, (Effect.REQUEST, 0, True, False, "accepted"), id="chosen"),
        pytest.param(shown(), True, (Effect.REWORD, 0, True, False, "accepted"), id="chosen of many"),
        pytest.param(asked(), True, None, id="chosen, and told"),
        pytest.param(None, False, None, id="taken off, never held"),
        pytest.param(asked(), False, (Effect.CANCEL, 1, True, True, ""), id="taken off"),
        pytest.param(shown(), False, None, id="taken off, but all sessions are shown"),
        pytest.param(
            asked(sequence=1, cancelled=True), True, (Effect.REQUEST, 2, True, False, "accepted"), id="again"
        ),
        pytest.param(asked(sequence=1, cancelled=True), False, None, id="taken off, and told"),
    ],
)
def test_what_is_told_of_a_session_because_of_a_choice(
    held: Held | None, wanted: bool, expected: tuple[Effect, int, bool, bool, str] | None
) -> None:
    chosen = wants(30 * timedelta(seconds=1), wanted=wanted)
    steps = list(entries(EVENT).steps(holder(held={S2: held} if held else {}, choices={S2: chosen})))
    assert told(steps) == ([(S2, *expected)] if expected else [])
    assert [(s.cause, s.due_at) for s in steps] == [(Cause.CHOICE, FIRST_AT + MINUTE)] * len(steps)


def test_a_chosen_session_that_moves_is_the_agendas_doing_and_asks_anew() -> None:
    those = entries(EVENT, MOVED)
    (step,) = those.steps(holder(held={S2: asked()}, choices={S2: wants(MINUTE)}, answers={S2: "accepted"}))
    assert told([step]) == [(S2, Effect.REQUEST, 1, True, False, "")]
    assert (step.cause, step.due_at) == (Cause.AGENDA, FIRST_AT + HOUR + EVENT.quiet_minutes * MINUTE)


def test_who_left_is_told_that_all_is_void_in_one_letter_for_each_that_is_asked() -> None:
    left_at = FIRST_AT + timedelta(minutes=30, microseconds=5)
    one = holder(held={"event": asked(), S1: shown(), S2: asked()}, left_at=left_at)
    letters = entries(EVENT).letters(one)
    due_at = FIRST_AT + timedelta(minutes=30, seconds=1) + EVENT.quiet_minutes * MINUTE
    assert [summed(each) for each in letters] == [
        ("cancellation", "event", Cause.LEFT, due_at, ["event", S1]),
        ("cancellation", S2, Cause.LEFT, due_at, [S2]),
    ]


# ── letters ──────────────────────────────────────────────────────────────────────────────────────────────────


def summed(letter: EntryLetter) -> tuple[str, str, Cause, datetime, list[str]]:
    assert letter.upkeep.stamped_at == letter.occasion.due_at
    return (
        letter.occasion.mailing,
        letter.occasion.anchor,
        letter.upkeep.cause,
        letter.occasion.due_at,
        [each.anchor for each in letter.upkeep.told],
    )


def test_each_letter_asks_about_one_entry_and_what_asks_nobody_goes_with_the_events() -> None:
    one = holder(held={"event": asked(), S1: shown(), S2: asked(), "session-3": shown()})
    due_at = FIRST_AT + HOUR + EVENT.quiet_minutes * MINUTE
    assert [summed(each) for each in entries(EVENT, ELSEWHERE).letters(one)] == [
        ("update", "event", Cause.AGENDA, due_at, ["event", S1, "session-3"]),
        ("update", S2, Cause.AGENDA, due_at, [S2]),
    ]


@pytest.mark.parametrize(
    ("held", "since", "later"),
    [
        pytest.param({"event": asked(2), S1: shown(1)}, 2, (), id="the event told of it"),
        pytest.param({"event": asked(1), S1: shown(2)}, 1, ((S1, 2),), id="a session was told of since"),
        pytest.param({S1: shown(1), S2: shown(2)}, 1, ((S2, 2),), id="sessions alone"),
    ],
)
def test_a_letter_tells_what_differs_from_what_its_reader_was_last_told(
    held: dict[str, Held], since: int, later: tuple[tuple[str, int], ...]
) -> None:
    (letter,) = entries(EVENT, MOVED, ELSEWHERE).letters(holder(held=held))
    assert (letter.upkeep.since, letter.upkeep.later) == (since, later)


def test_of_what_is_over_before_it_could_be_told_nobody_is_told() -> None:
    late = replace(entries(EVENT, MOVED))
    published = late.latest.model_copy(update={"published_at": EVENT.session(S2).ends_at})
    those = Entries(latest=published, earlier={**late.earlier, 2: published})
    assert those.letters(holder(held={S2: asked()})) == []
    assert [e.occasion.anchor for e in those.letters(holder(held={S2: shown()}))] == ["event"]


def test_a_session_moved_to_an_earlier_hour_is_told_until_its_old_end() -> None:
    earlier = changed(S2, starts_at=at("08:00"), ends_at=at("09:00"))
    held = entries(EVENT, earlier)
    (letter,) = held.letters(holder(held={S2: asked()}))
    assert letter.occasion.useful_until == at("09:00")
    dropped = entries(EVENT, without(S2))
    (letter,) = dropped.letters(holder(held={S2: asked()}))
    assert letter.occasion.useful_until == EVENT.session(S2).ends_at


def test_a_correction_tells_all_that_is_held_as_newer_and_asks_anew() -> None:
    one = holder(
        held={"event": asked(), S1: shown(), S2: asked(1, 4, cancelled=True)},
        choices={S2: wants(MINUTE, wanted=False)},
        answers={"event": "accepted"},
    )
    now = FIRST_AT + 5 * HOUR
    letters = entries(EVENT).correction(one, now)
    assert [summed(each)[1:] for each in letters] == [
        ("event", Cause.CORRECTION, now, ["event", S1]),
        (S2, Cause.CORRECTION, now, [S2]),
    ]
    assert [t for letter in letters for t in told(letter.steps)] == [
        ("event", Effect.REQUEST, 1, True, False, ""),
        (S1, Effect.CHANGE, 1, False, False, ""),
        (S2, Effect.CANCEL, 5, True, True, ""),
    ]


def test_a_correction_of_what_is_reworded_is_newer_too_and_takes_no_answer_for_granted() -> None:
    one = holder(held={S2: asked()}, answers={S2: "accepted"})
    (letter,) = entries(EVENT, REWORDED).correction(one, FIRST_AT + 5 * HOUR)
    assert [(t.sequence, t.answer, t.version) for t in letter.upkeep.told] == [(1, "", 2)]


# ── what a mailing brings, and doubts ────────────────────────────────────────────────────────────────────────


def test_a_mailing_brings_the_usual_unless_its_reader_was_told_more() -> None:
    those, stamp = entries(EVENT, MOVED), FIRST_AT + HOUR
    assert those.for_mailing(holder(held={S1: shown()}), CalendarPart.SESSIONS, "event", stamp) is None
    ahead = holder(held={S1: shown(1, 5)}, choices={S2: wants(MINUTE, wanted=False)})
    upkeep = those.for_mailing(ahead, CalendarPart.SESSIONS, "event", stamp)
    assert upkeep
    assert [(t.anchor, t.sequence, t.asked, t.version) for t in upkeep.told] == [
        (S1, 5, False, 2),
        ("session-3", 0, False, 2),
    ]


def test_what_a_letter_brings_is_what_its_reader_holds() -> None:
    version = entries(EVENT, MOVED).latest
    invitation, agenda = (version.event.mailing(key) for key in ("invitation", "agenda"))
    told: dict[str, Any] = {"stamped_at": version.published_at}
    assert carried(version, invitation, "event", None) == {"event": asked(2, **told)}
    assert carried(version, agenda, "event", None) == {
        S1: shown(2, **told), S2: shown(2, 1, **told), "session-3": shown(2, **told)
    }  # fmt: skip


def test_a_letter_in_doubt_that_is_right_is_left_to_be_settled_and_another_is_told_anew() -> None:
    those, one = entries(EVENT, MOVED), holder(held={S2: asked()})
    assert those.with_doubts(one, [{S2: asked(2, 1)}]) == one
    old = those.with_doubts(holder(), [{S2: asked(1, 0)}])
    assert old.held == {S2: asked(1, 0, in_doubt=True)}
    over = those.with_doubts(one, [{S2: asked(2, 1, in_doubt=True)}])
    assert told(list(those.steps(over))) == [(S2, Effect.REWORD, 1, True, False, "")]
    older = those.with_doubts(holder(held={S2: asked(2, 1)}), [{S2: asked(1, 0)}])
    assert older.held == {S2: asked(2, 1)}


@pytest.mark.parametrize(
    ("states", "version", "cancelled", "right"),
    [
        ([EVENT], 1, False, True),
        ([EVENT, MOVED], 1, False, False),
        ([EVENT, REWORDED], 1, False, False),
        ([EVENT, MOVED, EVENT], 1, False, True),
        ([EVENT, without(S2)], 1, False, False),
        ([EVENT, without(S2)], 2, True, True),
        ([EVENT, without(S2), EVENT], 2, True, False),
    ],
)
def test_an_entry_is_right_if_it_says_what_is_in_force(
    states: list[Event], version: int, cancelled: bool, right: bool
) -> None:
    assert entries(*states).are_right(S2, version, cancelled=cancelled) is right


# ── any sequence of edits ────────────────────────────────────────────────────────────────────────────────────

STATES = st.sampled_from([EVENT, MOVED, REWORDED, OFF, ELSEWHERE, without(S2), without(S1)])
HOLDINGS = st.dictionaries(st.sampled_from(["event", S1, S2]), st.booleans(), min_size=1)


@example(states=[without(S1), EVENT], held={"event": False, S2: False}, told_at={0, 1, 2})
@given(states=st.lists(STATES, max_size=5), held=HOLDINGS, told_at=st.sets(st.integers(0, 5)))
def test_what_is_told_makes_it_right_and_never_with_a_lower_number(
    states: list[Event], held: dict[str, bool], told_at: set[int]
) -> None:
    """`told_at`: after which states letters leave; the last always does."""
    one = holder(held={anchor: Held(version=1, sequence=0, asked=asks) for anchor, asks in held.items()})
    for number in range(len(states) + 1):
        those = entries(EVENT, *states[:number])
        if number not in told_at and number < len(states):
            continue
        steps = list(those.steps(one))
        now = dict(one.held)
        for step in steps:
            after, new = step.told, Held(version=0, sequence=-1, asked=False)
            before = now.get(after.anchor, new)  # a session that came into the agenda meanwhile
            is_material = step.effect in {Effect.REQUEST, Effect.CANCEL}
            assert after.sequence > before.sequence if is_material else after.sequence >= before.sequence
            now[after.anchor] = Held(
                version=those.latest.number, sequence=after.sequence, cancelled=after.cancelled,
                asked=before.asked or (after.asked and not after.cancelled),
            )  # fmt: skip
        one = replace(one, held=now)
        assert list(those.steps(one)) == []
        assert all(those.are_right(a, each.version, cancelled=each.cancelled) for a, each in now.items())

"""Numbers that add up to whoever is asked, always: held against people who are read one by one."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.agenda.rules import EVENT as WHOLE_EVENT
from mailer.outbox import agendas, incoming, people
from mailer.outbox.database import Database
from mailer.outbox.schema import Answer, Trouble
from mailer.planning.due import Member
from mailer.recipients import audience
from mailer.recipients.model import Recipient, Role
from mailer.replies import CATEGORIES, Day, Group, Replies, SessionReplies, Tally, replies
from tests.conference import EVENT, version
from tests.outbox.answered import listed, reported, said, told
from tests.outbox.world import NOW, person

HOUR = timedelta(hours=1)
CHOICES = ("session-1", "session-2", "session-3", "session-4")


def publish(database: Database, event: str) -> None:
    published = version(EVENT.model_copy(update={"key": event}))
    with database.writing() as c:
        agendas.publish(c, published)


def counted(database: Database, event: str) -> Replies:
    found = replies(database, event)
    assert found
    return found


# ── whatever happens ─────────────────────────────────────────────────────────────────────────────────────────

PEOPLE = 6
recipients = st.lists(
    st.builds(
        lambda number, role, state, tags, sessions: person(number).model_copy(
            update={"role": role, "state": state, "tags": tuple(tags), "sessions": tuple(sessions)}
        ),
        st.integers(0, PEOPLE - 1),
        st.sampled_from(Role),
        st.sampled_from([None, "AT", "XA", "SK"]),
        st.lists(st.sampled_from(["press", "vip", "Press"]), max_size=3),
        st.lists(st.sampled_from(["session-1", "session-2", "opening", "gone"]), max_size=3),
    ),
    max_size=PEOPLE,
    unique_by=lambda each: each.address,
)
anyone, some_time = st.integers(0, PEOPLE - 1), st.integers(-60, 60).map(lambda hours: hours * HOUR)
happenings = st.lists(
    st.one_of(
        st.tuples(
            st.just("says"), anyone, st.sampled_from(Answer),
            st.sampled_from([WHOLE_EVENT, WHOLE_EVENT, "session-1", "session-3", "gone"]), some_time, st.integers(0, 2),
        ),
        st.tuples(st.just("is told"), anyone, st.sampled_from([WHOLE_EVENT, "session-1"]), st.integers(0, 2)),
        st.tuples(st.just("unsubscribes"), anyone),
        st.tuples(st.just("bounces"), anyone, st.sampled_from(Trouble), some_time),
        st.tuples(st.just("a new list"), recipients),
    ),
    max_size=14,
)  # fmt: skip
events = count(1)


def play(database: Database, event: str, first: list[Recipient], then: list[tuple]) -> None:  # type: ignore[type-arg]
    with database.writing() as c:
        ids = known = listed(c, *first, event=event)
        for what, *facts in then:
            if what == "a new list":
                ids = listed(c, *facts[0], event=event)
                known = sorted({*known, *ids})
                continue
            if not known:
                continue
            whose = known[facts[0] % len(known)]
            match what:
                case "says":
                    _, answer, anchor, after, sequence = facts
                    said(c, whose, answer, anchor, after=after, sequence=sequence)
                case "is told":
                    told(c, whose, facts[2], facts[1])
                case "unsubscribes":
                    people.unsubscribe(c, whose, NOW)
                case "bounces":
                    reported(c, whose, facts[1], after=facts[2])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipients, happenings)
def test_whatever_happens_the_numbers_add_up_to_whoever_is_asked(
    database: Database,
    first: list[Recipient],
    then: list[tuple],  # type: ignore[type-arg]
) -> None:
    event = f"event-{next(events)}"
    publish(database, event)
    play(database, event, first, then)

    found = counted(database, event)

    with database.reading() as c:
        roster = people.roster(c, event)
        asked = people.counts(c, event)
        given_before = {each.id: people.answers(c, each.id) for each in roster}
        wrong = {each.address for each in incoming.troubled(c, event) if each.hard_at}

    def tally(whose: Iterable[Member], anchor: str = WHOLE_EVENT) -> Tally:
        whose = list(whose)
        told_of = Counter(each.answers.get(anchor, "silent") for each in whose)
        return Tally(
            **told_of,
            earlier=sum(
                anchor not in each.answers and any(said.anchor == anchor for said in given_before[each.id])
                for each in whose
            ),
            unsubscribed=sum(each.unsubscribed for each in whose),
            troubled=sum(each.recipient.address in wrong for each in whose),
        )  # fmt: skip

    def by_list(each: Member, session: str) -> bool:
        return session in each.recipient.sessions

    def comes(each: Member, session: str) -> bool:
        wanted = audience.parse(f"chose {session} and not answer in (declined, delegated)")
        return audience.matches(wanted, each.recipient, answers=each.answers, anchor=WHOLE_EVENT)

    every = [found.event, *(each.tally for each in found.sessions)]
    assert [each.asked for each in every] == [asked.asked] * len(every)
    assert sum(each.tally.asked for each in found.roles) == asked.asked
    assert sum(each.tally.asked for each in found.delegations) == asked.asked
    assert found.event == tally(roster)
    assert found.event.unsubscribed == asked.unsubscribed
    assert {each.key: each.tally for each in found.roles} == {
        role: tally(each for each in roster if each.recipient.role == role)
        for role in {each.recipient.role for each in roster}
    }
    assert {each.key: each.tally for each in found.delegations} == {
        state: tally(each for each in roster if each.recipient.state == state)
        for state in {each.recipient.state for each in roster}
    }
    assert {each.key: each.tally for each in found.tags} == {
        tag: tally(each for each in roster if tag in map(str.casefold, each.recipient.tags))
        for tag in {tag.casefold() for each in roster for tag in each.recipient.tags}
    }
    assert [(each.key, each.tally, each.listed, each.coming) for each in found.sessions] == [
        (
            key,
            tally(roster, key),
            sum(by_list(each, key) for each in roster),
            sum(comes(each, key) for each in roster),
        )
        for key in CHOICES
    ]
    assert sum(each.tally.asked for each in found.days) == found.event.answered
    assert [each.so_far for each in found.days][-1:] == [found.event.answered][: len(found.days)]


# ── one after the other ──────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_counted_before_anything_is_published(database: Database) -> None:
    assert replies(database, EVENT.key) is None


def test_a_small_conference_as_it_is_shown(database: Database) -> None:
    publish(database, EVENT.key)
    at_the_desk = {"role": Role.FOCAL_POINT, "state": "AT"}
    facts: list[dict[str, Any]] = [
        at_the_desk,
        at_the_desk | {"tags": ("press",)},
        {"state": "SK", "sessions": ("session-1",)},
        {},
    ]
    with database.writing() as c:
        listed_ids = listed(
            c, *(person(number).model_copy(update=each) for number, each in enumerate(facts)), event=EVENT.key
        )
        late_in_the_evening = datetime(2027, 3, 10, 22, 59, tzinfo=UTC) - NOW
        said(c, listed_ids[0], "accepted", after=late_in_the_evening)
        said(c, listed_ids[3], "declined", after=late_in_the_evening + timedelta(minutes=1))
        told(c, listed_ids[1], 1)
        said(c, listed_ids[1], "tentative")
        people.unsubscribe(c, listed_ids[2], NOW)

    found = counted(database, EVENT.key)

    assert found.event == Tally(accepted=1, declined=1, silent=2, earlier=1, unsubscribed=1)
    assert found.roles == (
        Group(key="focal_point", tally=Tally(accepted=1, silent=1, earlier=1)),
        Group(key="practitioner", tally=Tally(declined=1, silent=1, unsubscribed=1)),
    )
    assert found.tags == (Group(key="press", tally=Tally(silent=1, earlier=1)),)
    assert [each.key for each in found.delegations] == ["AT", "SK", None]
    assert found.silent_delegations == ("SK",)
    session = EVENT.session("session-1")
    assert found.sessions[0] == SessionReplies(
        key="session-1", title=session.title, starts_at=session.starts_at,
        tally=Tally(silent=4, unsubscribed=1), listed=1, coming=1,
    )  # fmt: skip
    assert found.days == (
        Day(on=date(2027, 3, 10), tally=Tally(accepted=1), so_far=1),
        Day(on=date(2027, 3, 11), tally=Tally(declined=1), so_far=2),
    )


def test_whoever_does_not_come_to_the_event_comes_to_no_session(database: Database) -> None:
    publish(database, EVENT.key)
    with database.writing() as c:
        ids = listed(
            c,
            *(person(number).model_copy(update={"sessions": ("session-1",)}) for number in range(5)),
            event=EVENT.key,
        )
        said(c, ids[0], "declined")
        said(c, ids[1], "delegated")
        said(c, ids[1], "accepted", "session-1")
        said(c, ids[2], "tentative")
        said(c, ids[3], "declined", "session-1")
    first, *_ = counted(database, EVENT.key).sessions
    assert (first.listed, first.coming) == (5, 2)
    assert first.tally == Tally(accepted=1, declined=1, silent=3)


def test_a_tag_is_one_however_it_is_written(database: Database) -> None:
    publish(database, EVENT.key)
    with database.writing() as c:
        tags = ("Press", "press"), ("PRESS",)
        listed(
            c,
            *(person(number).model_copy(update={"tags": each}) for number, each in enumerate(tags)),
            event=EVENT.key,
        )
    assert counted(database, EVENT.key).tags == (Group(key="press", tally=Tally(silent=2)),)


def test_the_categories_are_all_that_is_added_up() -> None:
    each = Tally(
        accepted=1, tentative=2, delegated=3, declined=4, silent=5, earlier=5, unsubscribed=9, troubled=9
    )
    assert each.asked == 15 == sum(getattr(each, name) for name in CATEGORIES)
    assert each.answered == 10
    assert (each + each).asked == 30

"""Whole lives of a conference, told to planning tick by tick: late joiners, answers, moved sessions, lost hours.

The store is a handful of dictionaries that keep what the database keeps; the decisions are planning's own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.agenda.changes import next_version
from mailer.agenda.model import AgendaVersion, Event, Mailing, MailingKind, Session
from mailer.planning import due
from mailer.planning.due import Member, Occasion, Verdict
from mailer.recipients.model import Recipient, Role
from tests import conference

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEGINS_AT = datetime(2027, 3, 25, 12, 0, tzinfo=UTC)
"""Thursday noon before the night in which Vienna's clocks skip an hour; the sessions are on the Monday."""

SESSIONS = tuple(
    Session(
        key=f"session-{number}",
        title=f"Session {number}",
        starts_at=datetime(2027, 3, 29, 7 + 2 * number, 0, tzinfo=UTC),
        ends_at=datetime(2027, 3, 29, 8 + 2 * number, 0, tzinfo=UTC),
    )
    for number in (0, 1)
)


MAILINGS = (
    Mailing(
        key="invitation",
        kind=MailingKind.INVITATION,
        title="Invitation",
        audience="everyone",
        when="5 seconds after publication",
        useful_until="the event starts",
    ),
    Mailing(
        key="agenda",
        kind=MailingKind.AGENDA,
        title="Agenda",
        audience="not answer = declined",
        when="1 day before the event starts, at 02:30 recipient time",
        useful_until="the event starts",
        again_when_moved=True,
    ),
    Mailing(
        key="answer",
        kind=MailingKind.REMINDER,
        title="Your answer, please",
        audience="answer = none",
        when="1 day before the event starts, at 09:00, weekdays only",
        useful_until="12 hours before the event starts",
    ),
    Mailing(
        key="soon",
        kind=MailingKind.SESSION_REMINDER,
        title="Your session begins shortly",
        audience="chose this session and not answer = declined",
        when="15 minutes before each session starts",
        useful_until="each session starts",
        again_when_moved=True,
    ),
    Mailing(
        key="report",
        kind=MailingKind.REPORT,
        title="Report",
        audience="not answer = declined",
        when="1 hour after the event ends",
        useful_until="10 hours after the event ends",
    ),
)

IN_AUDIENCE: Mapping[str, Callable[[Member, str], bool]] = {
    "invitation": lambda member, anchor: True,
    "agenda": lambda member, anchor: member.answers.get("event") != "declined",
    "answer": lambda member, anchor: "event" not in member.answers,
    "soon": lambda member, anchor: (
        anchor in member.recipient.sessions and member.answers.get("event") != "declined"
    ),
    "report": lambda member, anchor: member.answers.get("event") != "declined",
}
"""The audiences once more, in other words."""


class Row(NamedTuple):
    """What became of one member at one occasion, and when."""

    member: int
    occasion: Occasion
    verdict: Verdict
    at: datetime


@dataclass
class World:
    """The clock, the agenda in force, the list, and everything written down so far."""

    now: datetime = BEGINS_AT
    version: AgendaVersion = field(
        default_factory=lambda: next_version(
            None, conference.EVENT.model_copy(update={"sessions": SESSIONS, "mailings": MAILINGS}), BEGINS_AT
        )
    )
    members: dict[int, Member] = field(default_factory=dict)
    changed_at: datetime = BEGINS_AT
    opened_at: dict[tuple[str, str, datetime], datetime] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def join(self, zone: str | None, sessions: tuple[str, ...]) -> None:
        number = len(self.members)
        recipient = Recipient(
            address=f"p{number}@prosecution.example", given_name="Ana", family_name="Novak",
            role=Role.EXPERT, timezone=zone, sessions=sessions,
        )  # fmt: skip
        self.members[number] = Member(id=number, recipient=recipient, joined_at=self.now)
        self.changed_at = self.now

    def answer(self, who: int, answer: str) -> None:
        member = self.members[who % len(self.members)]
        self.members[member.id] = replace(member, answers={"event": answer})
        self.changed_at = self.now

    def unsubscribe(self, who: int) -> None:
        member = self.members[who % len(self.members)]
        self.members[member.id] = replace(member, unsubscribed=True)

    def move(self, key: str, by: timedelta) -> None:
        """Publish the agenda with one session moved."""
        moved = tuple(
            s.model_copy(update={"starts_at": s.starts_at + by, "ends_at": s.ends_at + by})
            if s.key == key
            else s
            for s in self.version.event.sessions
        )
        event: Event = self.version.event.model_copy(update={"sessions": moved})
        self.version = next_version(self.version, event, self.now)
        self.changed_at = self.now

    def tick(self, passing: timedelta) -> None:
        """The service looks at the clock again after so long a time."""
        self.now += passing
        timetable = due.occasions(self.version, {m.recipient.timezone for m in self.members.values()})
        present = {occasion.identity for occasion in timetable}
        self.opened_at = {identity: at for identity, at in self.opened_at.items() if identity in present}
        for occasion in timetable:
            opened_at = self.opened_at.get(occasion.identity)
            if due.is_to_be_opened(self.version, occasion, self.now, opened_at, self.changed_at):
                self._open(occasion)
        next_due_at = due.next_due_at(timetable, self.now)
        assert next_due_at is None or next_due_at > self.now

    def _open(self, occasion: Occasion) -> None:
        assert occasion.due_at <= self.now
        self.opened_at[occasion.identity] = self.now
        for member in self.members.values():
            known = replace(member, had={occasion.identity[:2]: self.had(member, occasion)})
            verdict = due.judge(self.version, occasion, known, self.now).verdict
            if verdict is not Verdict.SKIP:
                self.rows.append(Row(member.id, occasion, verdict, self.now))
            self._is_fair(occasion, member)

    def had(self, member: Member, occasion: Occasion) -> tuple[datetime, ...]:
        return tuple(
            row.occasion.due_at
            for row in self.rows
            if row.member == member.id and row.occasion.identity[:2] == occasion.identity[:2]
        )

    def _is_fair(self, occasion: Occasion, member: Member) -> None:
        """Whoever is in the audience, and was there in time, has this mailing, one way or the other."""
        mailing = self.version.event.mailing(occasion.mailing)
        own = due.occasion(self.version, mailing, occasion.anchor, member.recipient.timezone)
        in_time = (
            member.joined_at <= occasion.due_at
            if mailing.is_reminder
            else member.joined_at < own.useful_until
        )
        if (
            own.identity == occasion.identity
            and in_time
            and IN_AUDIENCE[occasion.mailing](member, occasion.anchor)
        ):
            had = self.had(member, occasion)
            assert occasion.due_at in had if mailing.again_when_moved else len(had) == 1


ZONES = st.sampled_from([None, "Europe/Vienna", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu"])
CHOSEN = st.sampled_from([(), ("session-0",), ("session-0", "session-1")])
STEPS = st.one_of(
    st.tuples(st.just(World.join), ZONES, CHOSEN),
    st.tuples(st.just(World.answer), st.integers(0, 9), st.sampled_from(["accepted", "declined", "tentative"])),
    st.tuples(st.just(World.unsubscribe), st.integers(0, 9)),
    st.tuples(
        st.just(World.move),
        st.sampled_from(["session-0", "session-1"]),
        st.sampled_from([-26 * HOUR, -HOUR, -10 * MINUTE, 5 * MINUTE, HOUR, 24 * HOUR]),
    ),
    st.tuples(st.just(World.tick), st.sampled_from([MINUTE, 10 * MINUTE, 40 * MINUTE, 5 * HOUR, 13 * HOUR, 70 * HOUR])),
)  # fmt: skip


def lived(steps: Sequence[tuple[object, ...]]) -> World:
    world = World()
    world.join(None, ("session-0", "session-1"))
    world.join("America/New_York", ("session-1",))
    world.tick(timedelta(seconds=5))
    for act, *facts in steps:
        act(world, *facts)  # type: ignore[operator]
        if act is not World.tick:
            world.tick(timedelta(seconds=2))
    world.tick(20 * 24 * HOUR)
    return world


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=12))
def test_everybody_gets_what_is_theirs_once_in_time_or_it_is_missed_visibly(
    steps: list[tuple[object, ...]],
) -> None:
    world = lived(steps)
    keys = [(row.member, *row.occasion.identity) for row in world.rows]
    assert len(keys) == len(set(keys)), "the same letter twice"
    for row in world.rows:
        member = world.members[row.member]
        mailing = world.version.event.mailing(row.occasion.mailing)
        assert row.at >= row.occasion.due_at
        assert not mailing.is_reminder or member.joined_at <= row.occasion.due_at
        match row.verdict:
            case Verdict.SEND:
                assert row.at < row.occasion.useful_until
            case Verdict.MISS:
                assert row.at >= row.occasion.useful_until
            case Verdict.SUPPRESS:
                assert member.unsubscribed


@settings(max_examples=50)
@given(st.lists(st.sampled_from([MINUTE, 10 * MINUTE, HOUR, 13 * HOUR, 70 * HOUR]), max_size=20))
def test_without_changes_everybody_gets_each_letter_exactly_once_whatever_hours_are_lost(
    pauses: list[timedelta],
) -> None:
    world = lived([(World.tick, pause) for pause in pauses])
    assert sorted((row.member, row.occasion.mailing, row.occasion.anchor) for row in world.rows) == sorted(
        (member, mailing, anchor)
        for member, chosen in ((0, ("session-0", "session-1")), (1, ("session-1",)))
        for mailing, anchors in (
            *((mailing, ("event",)) for mailing in ("invitation", "agenda", "answer", "report")),
            ("soon", chosen),
        )
        for anchor in anchors
    )


def test_a_conference_over_the_night_of_the_change_goes_as_planned() -> None:
    world = lived([(World.tick, 5 * MINUTE)] * 12 * 24 * 5)
    assert {row.verdict for row in world.rows} == {Verdict.SEND}
    assert all(row.at - row.occasion.due_at < 5 * MINUTE for row in world.rows)
    assert [(f"{row.occasion.due_at:%a %H:%M}", row.occasion.mailing, row.member) for row in world.rows] == [
        ("Thu 12:00", "invitation", 0),
        ("Thu 12:00", "invitation", 1),
        ("Fri 08:00", "answer", 0),
        ("Fri 08:00", "answer", 1),
        ("Sun 01:30", "agenda", 0),
        ("Sun 06:30", "agenda", 1),
        ("Mon 06:45", "soon", 0),
        ("Mon 08:45", "soon", 0),
        ("Mon 08:45", "soon", 1),
        ("Mon 11:00", "report", 0),
        ("Mon 11:00", "report", 1),
    ]

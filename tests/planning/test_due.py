"""What falls due, and what becomes of each person then."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from mailer.agenda import rules
from mailer.agenda.changes import next_version
from mailer.agenda.model import AgendaVersion, Event, Mailing, MailingKind, SessionKind
from mailer.planning import due
from mailer.planning.due import Member, Occasion, Verdict
from mailer.recipients.model import Recipient
from tests import conference
from tests.conference import EXPERT, FAR_AWAY, FOCAL_POINT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
VERSION = conference.version()
ZONES = {recipient.timezone for recipient in RECIPIENTS}


def version_of(*mailings: Mailing, event: Event = conference.EVENT) -> AgendaVersion:
    return conference.version(event.model_copy(update={"mailings": mailings}))


def mailing(key: str, /, **facts: object) -> Mailing:
    return conference.EVENT.mailing(key).model_copy(update=facts)


def without(event: Event, *keys: str) -> Event:
    return event.model_copy(update={"sessions": tuple(s for s in event.sessions if s.key not in keys)})


def occasion(
    key: str, anchor: str = "event", version: AgendaVersion = VERSION, zone: str | None = None
) -> Occasion:
    return due.occasion(version, version.event.mailing(key), anchor, zone)


def member(
    recipient: Recipient = FOCAL_POINT, *, joined_at: datetime = PUBLISHED_AT, **facts: object
) -> Member:
    return Member(id=1, recipient=recipient, joined_at=joined_at, **facts)  # type: ignore[arg-type]


def has(opened: Occasion, *due_at: datetime) -> dict[tuple[str, str], tuple[datetime, ...]]:
    return {(opened.mailing, opened.anchor): due_at}


def verdict(
    opened: Occasion, one: Member, now: datetime | None = None, version: AgendaVersion = VERSION
) -> tuple[Verdict, str]:
    found = due.judge(version, opened, one, now or opened.due_at)
    return found.verdict, found.reason


SEND = (Verdict.SEND, "")
NOT_ASKED = (Verdict.SKIP, "is not in the audience")
HAS_IT = (Verdict.SKIP, "already has it")
LATE = (Verdict.SKIP, "joined after its moment")
MISSED = (Verdict.MISS, "was due while the service was not running")

INVITATION, PRACTICAL, REMINDER = occasion("invitation"), occasion("practical"), occasion("reminder")
SOON = occasion("session-reminder", "session-2")


# ── the timetable ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_timetable_holds_every_mailing_in_the_order_of_time() -> None:
    assert [
        (f"{each.due_at:%m-%d %H:%M}", each.mailing, each.anchor, f"{each.useful_until:%m-%d %H:%M}")
        for each in due.occasions(VERSION, ZONES)
    ] == [
        ("01-11 08:00", "invitation", "event", "03-10 07:45"),
        ("02-08 04:00", "reminder", "event", "03-10 07:45"),
        ("02-08 06:00", "reminder", "event", "03-10 07:45"),
        ("02-08 08:00", "reminder", "event", "03-10 07:45"),
        ("02-08 17:00", "reminder", "event", "03-10 07:45"),
        ("02-24 08:00", "agenda", "event", "03-10 07:45"),
        ("03-09 16:00", "practical", "event", "03-10 07:45"),
        ("03-10 08:45", "session-reminder", "session-1", "03-10 09:00"),
        ("03-10 10:15", "session-reminder", "session-2", "03-10 10:30"),
        ("03-10 12:45", "session-reminder", "session-3", "03-10 13:00"),
        ("03-10 14:15", "session-reminder", "session-4", "03-10 14:30"),
        ("03-11 09:00", "report", "event", "04-09 15:00"),
    ]


def test_with_nobody_on_the_list_the_venues_clock_counts() -> None:
    assert due.occasions(VERSION, set()) == due.occasions(VERSION, {None})
    assert due.occasions(VERSION, iter(ZONES)) == due.occasions(VERSION, ZONES)


def test_readers_whose_clocks_agree_share_an_occasion() -> None:
    assert due.occasions(VERSION, {"Europe/Ljubljana", "Europe/Vienna", None}) == due.occasions(
        VERSION, {None}
    )


def test_each_member_of_the_audience_is_in_exactly_one_occasion_of_a_mailing() -> None:
    timetable = due.occasions(VERSION, ZONES)
    for recipient in RECIPIENTS:
        for key in ("invitation", "reminder", "agenda", "practical", "report"):
            found = [o for o in timetable if o.mailing == key and verdict(o, member(recipient)) == SEND]
            assert len(found) == 1, (recipient.address, key)


def test_only_items_of_kind_session_are_each_session() -> None:
    found = due.anchors(conference.EVENT, rules.parse("each session starts"))
    assert list(found) == ["session-1", "session-2", "session-3", "session-4"]
    assert list(due.anchors(conference.EVENT, rules.parse("session-2 starts"))) == ["event"]


def test_a_mailing_whose_session_was_dropped_has_no_moment_and_the_others_go_on() -> None:
    named = mailing(
        "practical", key="named", when="2 hours after session-2 ends", useful_until="30 days after event ends"
    )
    until = mailing("practical", key="until", useful_until="session-2 starts")
    each = mailing("practical", key="each", useful_until="each session starts")
    version = version_of(named, until, each, mailing("report"))
    assert [o.mailing for o in due.occasions(version, ZONES)] == ["until", "named", "report"]
    dropped = next_version(version, without(version.event, "session-2"), PUBLISHED_AT + DAY)
    assert [o.mailing for o in due.occasions(dropped, ZONES)] == ["report"]
    assert list(due.problems(dropped)) == []
    with pytest.raises(KeyError, match="session-2"):
        due.occasion(dropped, named, "event", None)


def test_a_moved_session_moves_its_occasion_and_a_dropped_one_takes_it_along() -> None:
    session = conference.EVENT.session("session-2")
    later = session.model_copy(update={"starts_at": session.starts_at + HOUR})
    event = conference.EVENT.model_copy(
        update={"sessions": tuple(later if s.key == later.key else s for s in conference.SESSIONS)}
    )
    before, after = (
        set(due.occasions(version_of(mailing("session-reminder"), event=e), ZONES))
        for e in (conference.EVENT, event)
    )
    assert before - after == {SOON}
    assert {(o.due_at, o.useful_until) for o in after - before} == {
        (SOON.due_at + HOUR, SOON.useful_until + HOUR)
    }
    gone = version_of(mailing("session-reminder"), event=without(conference.EVENT, "session-2"))
    assert set(due.occasions(gone, ZONES)) == before - {SOON}


def test_an_event_of_several_days_counts_from_its_first_and_last() -> None:
    first, *_, last = conference.SESSIONS
    second_day = last.model_copy(
        update={"starts_at": last.starts_at + DAY, "ends_at": last.ends_at + DAY, "kind": SessionKind.SESSION}
    )
    event = conference.EVENT.model_copy(update={"sessions": (first, second_day)})
    version = version_of(mailing("practical"), mailing("session-reminder"), mailing("report"), event=event)
    assert [(o.mailing, o.anchor, f"{o.due_at:%m-%d %H:%M}") for o in due.occasions(version, ZONES)] == [
        ("practical", "event", "03-09 16:00"),
        ("session-reminder", "closing", "03-11 15:45"),
        ("report", "event", "03-12 09:00"),
    ]


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reader_gets_the_occasion_of_their_own_zone() -> None:
    far = occasion("reminder", zone=FAR_AWAY.timezone)
    elsewhere = (Verdict.SKIP, "falls at another hour in their zone")
    assert verdict(far, member(FAR_AWAY)) == SEND
    assert verdict(far, member(FOCAL_POINT)) == elsewhere
    assert verdict(REMINDER, member(FAR_AWAY)) == elsewhere


@pytest.mark.parametrize(
    ("opened", "answers", "expected"),
    [
        (PRACTICAL, {}, SEND),
        (PRACTICAL, {"event": "accepted"}, SEND),
        (PRACTICAL, {"event": "declined"}, NOT_ASKED),
        (REMINDER, {"event": "tentative"}, NOT_ASKED),
        (SOON, {}, SEND),
        (SOON, {"event": "declined"}, NOT_ASKED),
        (SOON, {"session-2": "declined"}, NOT_ASKED),
        (SOON, {"session-2": "tentative"}, SEND),
        (occasion("session-reminder", "session-1"), {}, NOT_ASKED),
        (occasion("session-reminder", "session-1"), {"session-1": "accepted"}, SEND),
    ],
)
def test_who_declined_or_did_not_choose_is_not_reminded(
    opened: Occasion, answers: dict[str, str], expected: tuple[Verdict, str]
) -> None:
    assert verdict(opened, member(PRACTITIONER, answers=answers)) == expected


def test_who_unsubscribed_is_suppressed_and_who_was_not_asked_is_not_even_that() -> None:
    assert verdict(SOON, member(PRACTITIONER, unsubscribed=True)) == (Verdict.SUPPRESS, "unsubscribed")
    assert verdict(SOON, member(EXPERT, unsubscribed=True)) == NOT_ASKED
    assert verdict(SOON, member(PRACTITIONER, unsubscribed=True, had=has(SOON, SOON.due_at))) == HAS_IT


@pytest.mark.parametrize(
    ("opened", "joined_after", "expected"),
    [
        (SOON, timedelta(), SEND),
        (SOON, timedelta(seconds=1), LATE),
        (INVITATION, 30 * DAY, SEND),
        (PRACTICAL, HOUR, SEND),
    ],
)
def test_nobody_is_reminded_of_a_moment_before_they_joined(
    opened: Occasion, joined_after: timedelta, expected: tuple[Verdict, str]
) -> None:
    joined_at = opened.due_at + joined_after
    assert verdict(opened, member(PRACTITIONER, joined_at=joined_at), joined_at) == expected


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (timedelta(), SEND),
        (15 * MINUTE - timedelta(seconds=1), SEND),
        (15 * MINUTE, MISSED),
        (3 * DAY, MISSED),
    ],
)
def test_what_was_due_while_the_service_was_down_is_sent_while_useful_and_missed_after(
    late: timedelta, expected: tuple[Verdict, str]
) -> None:
    assert verdict(SOON, member(PRACTITIONER), SOON.due_at + late) == expected


def test_a_late_joiner_misses_nothing_that_was_over_before() -> None:
    over = PRACTICAL.useful_until
    assert verdict(PRACTICAL, member(joined_at=over), over + HOUR) == (
        Verdict.SKIP, "joined when it was no longer useful"
    )  # fmt: skip
    assert verdict(PRACTICAL, member(joined_at=over - MINUTE), over + HOUR) == MISSED


def test_what_falls_due_too_late_for_a_far_reader_is_missed_and_says_so() -> None:
    version = version_of(mailing("practical", when="1 day before the event starts, at 23:30 recipient time"))
    far = occasion("practical", version=version, zone=FAR_AWAY.timezone)
    assert far.due_at >= far.useful_until - 16 * MINUTE
    late = version_of(mailing("practical", when="the event starts, at 00:30 recipient time"))
    opened = occasion("practical", version=late, zone=FAR_AWAY.timezone)
    assert verdict(opened, member(FAR_AWAY), version=late) == (
        Verdict.MISS, "fell due when it was no longer useful"
    )  # fmt: skip


def test_who_has_it_gets_it_again_for_another_hour_only_if_the_mailing_says_so() -> None:
    had = member(PRACTITIONER, had=has(SOON, SOON.due_at - HOUR))
    assert verdict(SOON, had) == SEND
    assert verdict(SOON, member(PRACTITIONER, had=has(SOON, SOON.due_at - HOUR, SOON.due_at))) == HAS_IT
    assert verdict(PRACTICAL, member(had=has(PRACTICAL, PRACTICAL.due_at - DAY))) == HAS_IT
    assert verdict(PRACTICAL, member(had=has(SOON, PRACTICAL.due_at))) == SEND


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────

BEFORE = SOON.due_at - HOUR
AT_SIX, UNTIL = PRACTICAL.due_at, PRACTICAL.useful_until


@pytest.mark.parametrize(
    ("planned", "now", "opened_at", "changed_at", "expected"),
    [
        pytest.param(SOON, SOON.due_at - MINUTE, None, BEFORE, False, id="not yet"),
        pytest.param(SOON, SOON.due_at, None, BEFORE, True, id="now"),
        pytest.param(SOON, SOON.due_at + DAY, None, BEFORE, True, id="long ago, to be missed visibly"),
        pytest.param(SOON, SOON.due_at + MINUTE, SOON.due_at, SOON.due_at, False, id="a reminder, once"),
        pytest.param(PRACTICAL, AT_SIX + HOUR, AT_SIX, AT_SIX - HOUR, False, id="nothing new"),
        pytest.param(PRACTICAL, AT_SIX + HOUR, AT_SIX, AT_SIX, True, id="changed at that moment"),
        pytest.param(PRACTICAL, AT_SIX + HOUR, AT_SIX, AT_SIX + MINUTE, True, id="a late joiner"),
        pytest.param(PRACTICAL, UNTIL, AT_SIX, UNTIL, False, id="too late"),
    ],
)  # fmt: skip
def test_an_occasion_is_opened_when_due_and_again_for_late_joiners(
    planned: Occasion, now: datetime, opened_at: datetime | None, changed_at: datetime, expected: bool
) -> None:
    assert due.is_to_be_opened(VERSION, planned, now, opened_at, changed_at) is expected


def test_what_has_moved_had_letters_at_another_hour() -> None:
    timetable = due.occasions(VERSION, {None})
    moved, stays = occasion("practical"), occasion("invitation")
    opened = [
        (moved.mailing, moved.anchor, moved.due_at - DAY),
        stays.identity,
        ("gone", "event", stays.due_at),
    ]
    assert due.moved(timetable, opened) == {("practical", "event")}
    assert due.moved(timetable, []) == set()


def test_the_next_due_moment_lies_strictly_ahead() -> None:
    timetable = due.occasions(VERSION, {None})
    assert due.next_due_at(timetable, SOON.due_at - MINUTE) == SOON.due_at
    assert due.next_due_at(timetable, SOON.due_at) == SOON.due_at + 150 * MINUTE
    assert due.next_due_at(reversed(timetable), timetable[-1].due_at) is None


@pytest.mark.parametrize(("late", "dated"), [(0, 0), (10, 0), (11, 11)])
def test_a_letter_that_is_on_time_bears_its_due_time(late: int, dated: int) -> None:
    assert due.dated_at(SOON, SOON.due_at + late * MINUTE) == SOON.due_at + dated * MINUTE


def members() -> list[Member]:
    return [Member(id=i, recipient=r, joined_at=PUBLISHED_AT) for i, r in enumerate(RECIPIENTS)]


def test_expected_counts_the_letters_that_would_leave() -> None:
    counts: dict[str, int] = {}
    for each in due.occasions(VERSION, ZONES):
        (found,) = due.expected(VERSION, [each], iter(members()), PUBLISHED_AT)
        assert found == sum(verdict(each, one) == SEND for one in members())
        counts[each.mailing] = counts.get(each.mailing, 0) + found
    assert counts == {
        "invitation": 5, "reminder": 5, "agenda": 5, "practical": 5, "session-reminder": 5, "report": 5
    }  # fmt: skip


def test_nothing_is_expected_of_what_is_no_longer_useful() -> None:
    assert due.expected(VERSION, [SOON], members(), SOON.due_at + MINUTE) == [1]
    assert due.expected(VERSION, [SOON], members(), SOON.useful_until) == [0]


# ── mailings that come too late ──────────────────────────────────────────────────────────────────────────────


def late(
    key: str = "practical", /, version_zones: Sequence[str] = (), **facts: object
) -> list[tuple[int, str]]:
    version = version_of(mailing("invitation"), mailing(key, **facts))
    return [*due.problems(version), *due.doubts(version, [None, *version_zones])]


def test_a_mailing_that_comes_too_late_for_everybody_is_a_problem() -> None:
    assert late() == late(when="1 hour before the event starts") == []
    assert late(when="the event starts") == [
        (1, "is useful until 'the event starts', which is not after it falls due")
    ]
    assert late("session-reminder", useful_until="20 minutes before each session starts") == [
        (1, "is useful until '20 minutes before each session starts', which is not after it falls due")
    ]


def test_what_hangs_on_publication_is_not_known_beforehand() -> None:
    assert late(when="as soon as published", useful_until="2027-01-01 09:00") == []
    assert late(when="the event starts", useful_until="14 days after publication") == []
    assert late(when="14 days after publication", useful_until="5 minutes after publication") == [
        (1, "is useful until '5 minutes after publication', which is not after it falls due")
    ]


def test_a_mailing_that_comes_too_late_in_some_zones_is_a_doubt() -> None:
    zones = ["Pacific/Pago_Pago", "Asia/Tokyo", "Pacific/Honolulu"]
    assert late(version_zones=zones, when="1 day before the event starts, at 23:00 recipient time") == [
        (1, "falls due when it is no longer useful for readers in Pacific/Honolulu, Pacific/Pago_Pago")
    ]
    assert late(version_zones=zones, when="the event starts, at 12:00 recipient time") == [
        (1, "is useful until 'the event starts', which is not after it falls due")
    ]


def test_every_kind_of_mailing_is_either_a_reminder_or_reaches_late_joiners() -> None:
    for kind in MailingKind:
        version = version_of(mailing("practical", kind=kind))
        opened = occasion("practical", version=version)
        found = verdict(opened, member(joined_at=opened.due_at + MINUTE), opened.due_at + HOUR, version)
        assert found == (LATE if kind in {"reminder", "session-reminder"} else SEND)


def test_a_clock_that_jumps_back_opens_nothing_twice_and_nothing_early() -> None:
    day_before = PRACTICAL.due_at - DAY
    assert not due.is_to_be_opened(VERSION, PRACTICAL, day_before, PRACTICAL.due_at, day_before)
    assert verdict(PRACTICAL, member(had=has(PRACTICAL, PRACTICAL.due_at))) == HAS_IT
    assert datetime(2027, 3, 9, 16, tzinfo=UTC) == PRACTICAL.due_at

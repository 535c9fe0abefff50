"""Days drawn to scale."""

from datetime import date, timedelta

from mailer.agenda import editing
from mailer.web.organiser.day import LEAST, day_of, days, drawn
from tests.web.agendas import CONFERENCE, full


def test_blocks_stand_where_their_hours_are() -> None:
    day = drawn(CONFERENCE, 1)
    assert day
    blocks = {each.key: each for each in day.blocks}
    scale = blocks["session-1"].height / 75

    assert day.hours[0] == (0, "08:00")
    assert blocks["registration"].y == 45 * scale
    assert blocks["opening"].y == blocks["registration"].y + blocks["registration"].height
    assert all((each.x, each.width) == (0, 100) for each in day.blocks)
    assert min(each.height for each in day.blocks) >= LEAST


def test_what_runs_at_the_same_time_stands_side_by_side() -> None:
    event = full(16)
    day = drawn(event, 1)
    assert day
    for one in day.blocks:
        for other in day.blocks:
            apart = (
                one.y + one.height <= other.y + 0.01 or other.y + other.height <= one.y + 0.01
                or one.x + one.width <= other.x + 0.01 or other.x + other.width <= one.x + 0.01
            )  # fmt: skip
            assert one is other or apart


def test_a_short_session_has_room_for_a_line() -> None:
    event = editing.change_session(CONFERENCE, "opening", {"end": "09:16"})
    event = editing.add_session(event, {"title": "Next", "start": "09:16", "end": "09:20"})
    day = drawn(event, 1)
    assert day
    blocks = {each.key: each for each in day.blocks}

    assert blocks["opening"].height == LEAST
    assert (blocks["opening"].x, blocks["next"].x) == (0, 50)


def test_what_differs_is_marked_and_where_it_was_is_shown() -> None:
    event = editing.change_session(CONFERENCE, "opening", {"start": "09:30", "room": "Hall", "chair": "Ana"})
    event = editing.cancel_session(event, "session-3", is_known=True)
    event = editing.add_session(event, {"title": "New", "start": "18:00", "end": "19:00"})
    day = drawn(event, 1, CONFERENCE)
    assert day

    assert {each.key: each.marks for each in day.blocks if each.marks} == {
        "opening": ("was 09:15–10:00", "room", "wording"),
        "session-3": ("cancelled",),
        "new": ("new",),
    }
    assert [each.key for each in day.blocks if each.off] == ["session-3"]
    assert len(day.ghosts) == 1
    after = drawn(event, 1, event)
    assert after
    assert not any(each.off or each.marks for each in after.blocks)


def test_days_are_counted_from_the_first_on_which_something_begins() -> None:
    event = editing.add_session(
        CONFERENCE, {"title": "Later", "start": "23:00", "end": "01:00", "day": 3, "end_day": 4}
    )

    assert list(days(event)) == [1, 3]
    assert day_of(event, "later") == 3
    third = drawn(event, 3)
    assert third
    assert [name for _, name in third.hours] == ["23:00", "00:00", "01:00"]
    assert drawn(event, 2) is None


def test_a_day_on_which_the_clocks_change_is_as_long_as_it_is() -> None:
    night = editing.move(CONFERENCE, "2027-03-28", today=date(2027, 3, 1))
    night = editing.change_session(night, "registration", {"start": "01:00", "end": "03:00"})
    day = drawn(night, 1)
    assert day
    registration = night.session("registration")

    assert registration.ends_at - registration.starts_at == timedelta(hours=1)
    assert [name for _, name in day.hours][:3] == ["01:00", "03:00", "04:00"]

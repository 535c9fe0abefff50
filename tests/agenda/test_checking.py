"""What makes sense across sessions, rules and audiences."""

from pathlib import Path

import pytest

from tests.agenda.writing import but, reading, told

SESSION_REMINDER = (
    (
        'kind = "invitation"\ntitle = "Invitation"\naudience = "everyone"\nwhen = "as soon as published"\n'
        'useful_until = "the event starts"'
    ),
    (
        'kind = "session-reminder"\ntitle = "Soon"\naudience = "chose this session"\n'
        'when = "15 minutes before each session starts"\nuseful_until = "each session starts"\ncalendar = "session"'
    ),
)
"""The mailing made one that hangs on each session."""


def mailing(folder: Path, *changed: tuple[str, str]) -> list[str]:
    """What is said of the only mailing, each as `line: field: message`."""
    return [problem.removeprefix("mine.toml:") for problem in told(folder, but(*changed))]


def test_a_mailing_may_hang_on_each_session(tmp_path: Path) -> None:
    found = reading(tmp_path, but(SESSION_REMINDER)).event.mailings[0]
    assert found.rule.per_session
    assert found.useful_until_rule.per_session


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"as soon as published"',
            '"1 day before tow starts"',
            "26: mailing[0].when: there is no session 'tow'; did you mean 'two'?",
        ),
        (
            '"the event starts"',
            '"session-9 ends"',
            "27: mailing[0].useful_until: there is no session 'session-9'",
        ),
        (
            '"the event starts"',
            '"each session starts"',
            "27: mailing[0].useful_until: 'each session' needs a 'when' that hangs on each session",
        ),
        (
            '"the event starts"',
            '"1 day before the event starts, at 09:00 recipient time"',
            "27: mailing[0].useful_until: goes by the venue's clock, for everybody alike",
        ),
        (
            '"everyone"',
            '"chose tow"',
            "25: mailing[0].audience: the agenda has no session 'tow'; did you mean 'two'?",
        ),
        (
            '"everyone"',
            '"chose this session"',
            (
                "25: mailing[0].audience: 'chose this session' needs a mailing that hangs on one; "
                "or name it: chose session-1"
            ),
        ),
        (
            'audience = "everyone"',
            'calendar = "session"\naudience = "everyone"',
            "25: mailing[0].calendar: 'session' needs a 'when' that hangs on each session",
        ),
        (
            'kind = "invitation"',
            'kind = "session-reminder"',
            "23: mailing[0].kind: 'session-reminder' needs a 'when' that hangs on each session",
        ),
        (
            '"as soon as published"',
            '"2027-03-28 02:30"',
            "26: mailing[0].when: 02:30 on 2027-03-28 does not exist in Europe/Vienna: the clocks skip it",
        ),
        (
            '"the event starts"',
            '"2027-10-31 02:30"',
            (
                "27: mailing[0].useful_until: 02:30 on 2027-10-31 comes twice in Europe/Vienna, "
                "where the clocks change; add which is meant, +02:00 or +01:00"
            ),
        ),
    ],
)
def test_a_mailing_that_cannot_be_kept_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert mailing(tmp_path, (old, new)) == [message]


def test_an_hour_that_comes_twice_is_taken_with_its_offset(tmp_path: Path) -> None:
    text = but(('"the event starts"', '"2027-10-31 02:30+01:00"'))
    assert reading(tmp_path, text).event.mailings[0].useful_until == "2027-10-31 02:30+01:00"


def test_of_a_when_that_is_not_understood_nothing_more_is_said(tmp_path: Path) -> None:
    (problem,) = mailing(
        tmp_path, SESSION_REMINDER, ("before each session starts", "before each sesion starts")
    )
    assert problem.startswith("26: mailing[0].when: '15 minutes before each sesion starts' is not understood")


def test_a_mailing_about_each_session_needs_one(tmp_path: Path) -> None:
    breaks = [(f'title = "The {which}"', 'title = "t"\nkind = "break"') for which in ("first", "second")]
    assert mailing(tmp_path, SESSION_REMINDER, *breaks) == [
        "28: mailing[0].when: no item of the agenda is of kind 'session'"
    ]


@pytest.mark.parametrize("key", ["event", "publication"])
def test_a_session_may_not_be_called_what_rules_call_something_else(tmp_path: Path, key: str) -> None:
    assert told(tmp_path, but(('key = "two"', f'key = "{key}"'))) == [
        f"mine.toml:16: session[1].key: '{key}' has a meaning of its own; choose another key"
    ]


def test_a_key_may_stand_once(tmp_path: Path) -> None:
    text = but()
    again = text[text.index("[[mailing]]") :]
    assert told(tmp_path, text + again.replace('"everyone"', '"answered"') + again) == [
        "mine.toml:29: mailing[1].key: 'invitation' is already the key of mailing[0]",
        "mine.toml:36: mailing[2].key: 'invitation' is already the key of mailing[0]",
    ]


def overlaps(folder: Path, *sessions: tuple[str, str, str]) -> list[str]:
    """Doubts about sessions given as (start, end, room)."""
    tables = "".join(
        f'[[session]]\nkey = "s{number}"\ntitle = "t"\nstart = "{start}"\nend = "{end}"\n'
        + (f'room = "{room}"\n' if room else "")
        for number, (start, end, room) in enumerate(sessions)
    )
    text = but()
    found = reading(folder, text[: text.index("[[session]]")] + tables)
    return [f"{warning.field} {warning.message}" for warning in found.warnings]


def test_sessions_that_follow_each_other_or_have_other_rooms_do_not_overlap(tmp_path: Path) -> None:
    assert overlaps(tmp_path, ("09:00", "10:00", ""), ("10:00", "11:00", ""), ("09:00", "11:00", "B")) == []


def test_an_overlap_is_found_behind_other_rooms_and_within_long_sessions(tmp_path: Path) -> None:
    assert overlaps(
        tmp_path,
        ("09:00", "17:00", "A"),
        ("09:30", "09:45", "B"),
        ("10:00", "11:00", "A"),
        ("12:00", "13:00", "A"),
        ("17:00", "18:00", "A"),
    ) == [
        "session[2] overlaps with s0, in the same room",
        "session[3] overlaps with s0, in the same room",
    ]


def test_no_mailing_is_called_as_the_page_on_which_one_is_begun(tmp_path: Path) -> None:
    assert mailing(tmp_path, ('key = "invitation"', 'key = "new"')) == [
        "22: mailing[0].key: 'new' has a meaning of its own on the desk; choose another key"
    ]

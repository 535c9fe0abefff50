"""From a file to an Event; and everything that is wrong with a file, at once, each with its line."""

import tempfile
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.agenda.model import CalendarPart, MailingKind, Organiser, RecipientList, SessionKind
from mailer.agenda.reading import MAX_BYTES, MOST_ROWS, read
from mailer.errors import BadInput
from mailer.settings import ROOT
from tests.agenda.writing import SOUND, TODAY, but, problems, reading, told, written

EXAMPLE = ROOT / "agenda" / "osce-cybercrime.toml"


# ── the example ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_is_one_wednesday_in_vienna_with_ten_items() -> None:
    found = read(EXAMPLE, today=TODAY)
    event = found.event
    assert found.warnings == ()
    assert (event.starts_at, event.ends_at) == (
        datetime(2027, 2, 24, 7, 45, tzinfo=UTC), datetime(2027, 2, 24, 16, 15, tzinfo=UTC)
    )  # fmt: skip
    assert [
        f"{s.starts_at.astimezone(event.zone):%a %H:%M}-{s.ends_at.astimezone(event.zone):%H:%M} {s.key}"
        for s in event.sessions
    ] == [
        "Wed 08:45-09:15 registration",
        "Wed 09:15-10:00 opening",
        "Wed 10:00-11:15 session-1",
        "Wed 11:15-11:30 coffee-morning",
        "Wed 11:30-12:45 session-2",
        "Wed 12:45-14:00 lunch",
        "Wed 14:00-15:15 session-3",
        "Wed 15:15-15:30 coffee-afternoon",
        "Wed 15:30-17:00 session-4",
        "Wed 17:00-17:15 closing",
    ]
    assert [s.key for s in event.sessions if s.end_assumed] == ["closing"]
    assert [s.key for s in event.sessions if not s.blocks] == ["coffee-morning", "lunch", "coffee-afternoon"]
    assert [len(s.points) for s in event.sessions if s.kind is SessionKind.SESSION] == [4, 3, 3, 4]


def test_the_example_names_its_lists_its_organiser_and_six_mailings() -> None:
    event = read(EXAMPLE, today=TODAY).event
    assert event.example
    assert event.summary.startswith("A one-day conference on how participating States and multilateral")
    assert "\n" not in event.summary
    assert event.recipient_lists == (
        RecipientList(file="../recipients/delegations.csv", role="focal_point"),
        RecipientList(file="../recipients/practitioners.csv", role="practitioner"),
    )
    assert event.organiser == Organiser(
        name="OSCE Transnational Threats Department, Strategic Police Matters Unit",
        address="cybercrime-conference@secretariat.example",
    )
    assert [(m.kind, m.calendar) for m in event.mailings] == [
        (MailingKind.INVITATION, CalendarPart.EVENT),
        (MailingKind.AGENDA, CalendarPart.SESSIONS),
        (MailingKind.REMINDER, CalendarPart.NONE),
        (MailingKind.PRACTICAL, CalendarPart.NONE),
        (MailingKind.SESSION_REMINDER, CalendarPart.NONE),
        (MailingKind.REPORT, CalendarPart.NONE),
    ]


# ── days and hours ───────────────────────────────────────────────────────────────────────────────────────────


def starts(folder: Path, *changed: tuple[str, str], text: str = SOUND, today: date = TODAY) -> list[str]:
    """When the sessions start, in UTC."""
    event = reading(folder, but(*changed, text=text), today).event
    return [f"{session.starts_at:%Y-%m-%d %H:%M}" for session in event.sessions]


def test_a_day_may_be_text_or_a_date(tmp_path: Path) -> None:
    assert starts(tmp_path) == starts(tmp_path, ('"2027-03-10"', "2027-03-10"))
    assert starts(tmp_path) == ["2027-03-10 08:00", "2027-03-10 09:00"]


def test_an_agenda_is_public_only_if_its_file_says_so(tmp_path: Path) -> None:
    assert not reading(tmp_path, SOUND).event.public
    said = but(('date = "2027-03-10"', 'date = "2027-03-10"\npublic = true'))
    assert reading(tmp_path, said).event.public


@pytest.mark.parametrize(
    ("days", "day"),
    [
        ("in 45 days", "2027-02-18"),
        ("in 45 days, on a Wednesday", "2027-02-24"),
        ("in 45 days, on a thursday", "2027-02-18"),
        ("in 0 days", "2027-01-04"),
        ("in 1 day", "2027-01-05"),
    ],
)
def test_an_example_counts_from_today(tmp_path: Path, days: str, day: str) -> None:
    found = starts(tmp_path, ('date = "2027-03-10"', f'date = "{days}"\nexample = true'))
    assert found[0] == f"{day} 08:00"


def test_a_real_event_does_not_count_from_today(tmp_path: Path) -> None:
    assert told(tmp_path, but(('"2027-03-10"', '"in 45 days"'))) == [
        "mine.toml:5: event.date: a real event states its date, like 2027-03-10; only an example counts days"
    ]


@pytest.mark.parametrize(
    "day",
    [
        '"2027-02-31"',
        '"10 March 2027"',
        '"20270310"',
        '"2027-W10-3"',
        '"9999-12-31"',
        '"0001-01-01"',
        "2027-03-10T09:00:00",
    ],
)
def test_what_is_no_day_is_refused(tmp_path: Path, day: str) -> None:
    said = day.strip('"').replace("T", " ")
    assert told(tmp_path, but(('"2027-03-10"', day))) == [
        f"mine.toml:5: event.date: '{said}' is not a date; write it like 2027-03-10"
    ]


def test_an_event_of_several_days_and_a_night(tmp_path: Path) -> None:
    text = but(
        ('start = "10:00"\nend = "11:00"', 'start = "22:00"\nend = "01:30"\nday = 2\nend_day = 3'),
    )
    event = reading(tmp_path, text).event
    assert event.session("two").starts_at == datetime(2027, 3, 11, 21, tzinfo=UTC)
    assert event.ends_at == datetime(2027, 3, 12, 0, 30, tzinfo=UTC)


def test_sessions_stand_in_the_order_of_their_start(tmp_path: Path) -> None:
    text = but(('start = "10:00"\nend = "11:00"', 'start = "8:00"\nend = "08:30"'))
    assert [session.key for session in reading(tmp_path, text).event.sessions] == ["two", "one"]


def test_an_end_that_is_not_given_is_assumed(tmp_path: Path) -> None:
    text = but(('end = "11:00"\n', ""), ("[event]\n", "[event]\nassumed_minutes = 40\n"))
    one, two = reading(tmp_path, text).event.sessions
    assert (one.end_assumed, two.end_assumed) == (False, True)
    assert two.ends_at - two.starts_at == timedelta(minutes=40)


@pytest.mark.parametrize(
    ("times", "key", "message"),
    [
        (
            'start = "10:00"\nend = "09:30"',
            "end",
            "09:30 is before its start, 10:00; a session past midnight says end_day",
        ),
        (
            'start = "10:00"\nend = "10:00"',
            "end",
            "10:00 is when it starts, 10:00; a session past midnight says end_day",
        ),
        (
            'start = "10:00"\nend = "24:00"',
            "end",
            ("'24:00' is not a time of day, 00:00 to 23:59 (midnight is 00:00, with end_day one later)"),
        ),
        ('start = "10:00"\nend = "10:60"', "end", "'10:60' is not a time of day, 00:00 to 23:59"),
        ('start = "10:00"\nend = "11"', "end", "'11' is not a time of day, 00:00 to 23:59"),
        (
            'start = "10:00+99:99"\nend = "11:00"',
            "start",
            "'10:00+99:99' is not a time of day, 00:00 to 23:59",
        ),
        (
            'start = "10:00+02:00"\nend = "11:00"',
            "start",
            "Europe/Vienna is not at +02:00 at 10:00 on 2027-03-10",
        ),
        ('start = 36000\nend = "11:00"', "start", "must be text in quotes, not 36000"),
        ('start = 10:00:00\nend = "11:00"', "start", "must be text in quotes, not '10:00:00'"),
        ('start = " "\nend = "11:00"', "start", "is empty"),
    ],
)
def test_hours_that_make_no_session_are_refused(tmp_path: Path, times: str, key: str, message: str) -> None:
    (problem,) = problems(tmp_path, but(('start = "10:00"\nend = "11:00"', times)))
    assert (problem.row, problem.field, problem.message) == (
        18 if key == "start" else 19, f"session[1].{key}", message
    )  # fmt: skip


def test_an_hour_that_clocks_skip_is_asked_for(tmp_path: Path) -> None:
    text = but(('"2027-03-10"', '"2027-03-28"'), ('start = "09:00"', 'start = "02:30"'))
    assert told(tmp_path, text) == [
        "mine.toml:12: session[0].start: 02:30 on 2027-03-28 does not exist in Europe/Vienna: the clocks skip it"
    ]


def test_an_hour_that_comes_twice_is_asked_for_and_the_answer_taken(tmp_path: Path) -> None:
    autumn = ('"2027-03-10"', '"2027-10-31"')
    (asked,) = problems(tmp_path, but(autumn, ('start = "09:00"', 'start = "02:30"')))
    assert (asked.row, asked.field) == (12, "session[0].start")
    assert asked.message == (
        "02:30 on 2027-10-31 comes twice in Europe/Vienna, where the clocks change; "
        "add which is meant, +02:00 or +01:00"
    )
    answers = {
        answer: starts(tmp_path, autumn, ('start = "09:00"', f'start = "{answer}"'))[0]
        for answer in ("02:30+02:00", "02:30 +01:00")
    }
    assert answers == {"02:30+02:00": "2027-10-31 00:30", "02:30 +01:00": "2027-10-31 01:30"}


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("EST", "; write one like Europe/Vienna"),
        ("Europe/Viena", "; did you mean 'Europe/Vienna'?"),
        ("europe/vienna", "; did you mean 'Europe/Vienna'?"),
        ("+01:00", "; write one like Europe/Vienna"),
        ("Etc/GMT-1", None),
        ("../../etc/localtime", None),
    ],
)
def test_a_zone_is_never_guessed(tmp_path: Path, zone: str, hint: str | None) -> None:
    (problem,) = problems(tmp_path, but(("Europe/Vienna", zone)))
    assert (problem.row, problem.field) == (4, "event.timezone")
    assert problem.message.startswith(f"{zone!r} is not a time zone{hint or ''}")


# ── shape ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'title = "Two days"',
            'title = "t"\ntitel = "t"',
            "4: event.titel: is not a known key; did you mean 'title'?",
        ),
        (
            'city = "Vienna"',
            'city = "Vienna", cty = "W"',
            "6: event.venue.cty: is not a known key; did you mean 'city'?",
        ),
        (
            "[[mailing]]",
            "[[mailling]]\n[[mailing]]",
            "21: mailling: is not a table of an agenda file; did you mean 'mailing'?",
        ),
        ('title = "Two days"', "title = 3", "3: event.title: must be text in quotes, not 3"),
        ('title = "Two days"', 'title = ["a"]', "3: event.title: must be text in quotes, not \"['a']\""),
        (
            'title = "Two days"',
            'title = "Two\\ndays"',
            "3: event.title: holds a control character or a line break",
        ),
        ('title = "Two days"', f'title = "{"x" * 301}"', "3: event.title: is longer than 300 characters"),
        (
            'title = "Two days"',
            'title = "t"\nlanguage = "xx"',
            "4: event.language: 'xx' is not a language; write one like en, fr or ar",
        ),
        (
            'title = "Two days"',
            'title = "t"\nexample = "yes"',
            "4: event.example: must be true or false without quotes, not 'yes'",
        ),
        (
            'title = "Two days"',
            'title = "t"\nassumed_minutes = 0',
            "4: event.assumed_minutes: must be at least 1, not 0",
        ),
        (
            'key = "days-2027"',
            'key = "Days 2027"',
            "2: event.key: 'Days 2027': a key is made of lower-case letters, digits and hyphens",
        ),
        (
            'title = "The first"',
            'title = "t"\nday = true',
            "12: session[0].day: must be a whole number without quotes, not true",
        ),
        ('title = "The first"', 'title = "t"\nday = 61', "12: session[0].day: must be at most 60, not 61"),
        (
            'title = "The first"',
            'title = "t"\npoints = "one"',
            "12: session[0].points: must be a list in square brackets, not 'one'",
        ),
        (
            'title = "The first"',
            f'title = "t"\npoints = {["p"] * 41}',
            "12: session[0].points: holds 41, more than 40",
        ),
        (
            'title = "The first"',
            'title = "t"\npoints = ["a", 3]',
            "12: session[0].points: must be text in quotes, not 3",
        ),
        (
            'title = "The first"',
            'title = "t"\nkind = "brake"',
            (
                "12: session[0].kind: 'brake' is none of "
                "'registration', 'opening', 'session', 'break' or 'closing'"
            ),
        ),
        ('title = "The first"', 'title = "t"\nspeakers = [""]', "12: session[0].speakers: is empty"),
        (
            'kind = "invitation"',
            'kind = "invite"',
            (
                "23: mailing[0].kind: 'invite' is none of "
                "'invitation', 'agenda', 'reminder', 'practical', 'session-reminder' "
                "or 'report'"
            ),
        ),
        (
            "office@conference.example",
            "office at conference",
            ("7: event.organiser.address: 'office at conference': An email address must have an @-sign."),
        ),
    ],
)
def test_what_has_another_shape_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert told(tmp_path, but((old, new))) == [f"mine.toml:{message}"]


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    assert told(tmp_path, "") == [
        "mine.toml: event: is missing",
        "mine.toml: session: the agenda holds no session",
    ]
    assert told(tmp_path, but(('date = "2027-03-10"\n', ""))) == ["mine.toml:1: event.date: is missing"]
    assert told(tmp_path, but(('start = "09:00"\n', ""))) == ["mine.toml:9: session[0].start: is missing"]


def test_brackets_that_are_too_few_or_too_many_are_told(tmp_path: Path) -> None:
    assert told(tmp_path, but(("[event]", "[[event]]"))) == [
        "mine.toml:1: event: must be one table, with keys of its own"
    ]
    assert told(tmp_path, but(("[[mailing]]", "[mailing]"))) == [
        "mine.toml:21: mailing: is a list: write [[mailing]] with two brackets"
    ]
    assert told(tmp_path, "session = [3]\n" + SOUND[: SOUND.index("[[session]]")]) == [
        "mine.toml:1: session[0]: must be one table, with keys of its own"
    ]


def test_an_organisers_idn_address_is_kept_in_ascii(tmp_path: Path) -> None:
    text = but(("office@conference.example", "Office@KÖNIG.example"))
    assert reading(tmp_path, text).event.organiser.address == "Office@xn--knig-5qa.example"


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    assert reading(tmp_path, b"\xef\xbb\xbf" + SOUND.encode()).event.title == "Two days"


# ── all at once ──────────────────────────────────────────────────────────────────────────────────────────────


def test_all_problems_and_doubts_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = but(
        ("Europe/Vienna", "Europe/Viena"),
        ('"2027-03-10"', '"2027-02-31"'),
        ("office@", "office"),
        ('key = "two"', 'key = "one"'),
        ('audience = "everyone"', 'audience = "role = boss"'),
        ('"as soon as published"', '"soon"'),
        ('useful_until = "the event starts"', 'useful_until = "three starts"'),
    )
    found = problems(tmp_path, text)
    assert [(problem.row, problem.field) for problem in found] == [
        (4, "event.timezone"),
        (5, "event.date"),
        (7, "event.organiser.address"),
        (16, "session[1].key"),
        (25, "mailing[0].audience"),
        (26, "mailing[0].when"),
        (27, "mailing[0].useful_until"),
    ]
    assert [problem.message for problem in found[3:5]] == [
        "'one' is already the key of session[0]",
        "there is no role 'boss' (roles: focal_point, practitioner, expert, speaker)",
    ]


def test_an_overlap_is_a_doubt_and_refuses_nothing(tmp_path: Path) -> None:
    overlapping = but(('start = "10:00"', 'start = "09:30"'))
    found = reading(tmp_path, overlapping)
    assert [(str(warning), warning.warning) for warning in found.warnings] == [
        ("mine.toml:15: session[1]: overlaps with one, in the same room", True)
    ]
    assert found.places.problem("session[1].end", "is doubtful").row == 19


def test_a_refused_session_may_be_named_by_a_mailing_all_the_same(tmp_path: Path) -> None:
    text = but(('title = "The second"\n', ""), ('"the event starts"', '"two starts"'))
    assert told(tmp_path, text) == ["mine.toml:15: session[1].title: is missing"]


def test_thousands_of_problems_are_cut_short(tmp_path: Path) -> None:
    many = SOUND + "".join(f"key{number} = 1\n" for number in range(20_000))
    assert len(problems(tmp_path, many)) == 20
    crowd = SOUND + "[[recipients]]\n" * (MOST_ROWS + 1)
    assert [problem.message for problem in problems(tmp_path, crowd)] == [
        f"an agenda has at most {MOST_ROWS} of these, not {MOST_ROWS + 1}"
    ]


# ── files that are none ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[event]\nkey = \n",
            'mine.toml:2: Invalid value: text stands between straight quotation marks, like "this"',
        ),
        ('[event]\nkey = "a"\nkey = "b"\n', "mine.toml:3: Cannot overwrite a value: this key stands twice"),
        (
            '[event]\nkey = "a\n',
            "mine.toml:2: Illegal character '\\n': is the quotation mark at the end missing?",
        ),
        ("[event]\n[event]\n", "mine.toml:2: Cannot declare ('event',) twice"),
        ('[event]\nkey = """a\n\n', "mine.toml:4: Unterminated string"),
        ("date = 2027-02-31\n", "mine.toml:1: Invalid date or datetime"),
        (b'[event]\ntitle = "Gr\xf6\xdfe"\n', "mine.toml:2: is not UTF-8 text; save it as UTF-8"),
        ("a = " + "[" * 5000, "mine.toml: is nested too deeply"),
        ("a = " + "1" * 5000, "mine.toml: holds a number of thousands of digits"),
        (b"#" * (MAX_BYTES + 1), "mine.toml: is larger than 1,000,000 bytes"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert told(tmp_path, text) == [message]


def test_a_value_of_thousands_of_digits_is_told_like_any_other(tmp_path: Path) -> None:
    assert told(tmp_path, but(('title = "Two days"', f"title = 0x{'f' * 5000}"))) == [
        "mine.toml:3: event.title: must be text in quotes, not a number of thousands of digits"
    ]


def test_a_file_that_is_not_there_or_is_a_folder_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(BadInput) as refused:
            read(path, today=TODAY)
        assert str(refused.value) == f"{path}: cannot be read: {reason}"


LINES = [
    *SOUND.splitlines(),
    *[
        'date = "in 9 days"',
        "date = 2027-03-28",
        'start = "02:30"',
        'start = "02:30+02:00"',
        "day = 60",
        "end_day = 61",
    ],
    *[
        'when = "2027-10-31 02:30"',
        'when = "1 day before two ends, at 09:00 recipient time"',
        "[session]",
        "[event.venue]",
    ],
    *[
        'key = "event"',
        'calendar = "session"',
        'kind = "session-reminder"',
        "points = [1, [2]]",
        "example = true",
        "x = 1e999",
    ],
    *[
        "[[recipients]]",
        'file = "\\u0000"',
        'role = "boss"',
        'timezone = "America/New_York"',
        'title = "\\u202e{0}"',
        '"""',
        "'''",
    ],
]


@given(st.lists(st.sampled_from(LINES), max_size=60).map("\n".join).map(str.encode) | st.binary(max_size=200))
def test_any_bytes_are_an_agenda_or_bad_input(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), raw)
        with suppress(BadInput):
            assert read(path, today=TODAY).event.sessions


@given(st.lists(st.tuples(st.integers(0, len(SOUND)), st.integers(0, 12), st.text(max_size=6)), max_size=4))
def test_a_damaged_agenda_is_an_agenda_or_bad_input(damage: list[tuple[int, int, str]]) -> None:
    text = SOUND
    for at, length, instead in damage:
        text = text[:at] + instead + text[at + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text.encode("utf-8", "surrogatepass"))
        with suppress(BadInput):
            event = read(path, today=TODAY).event
            assert all(session.starts_at < session.ends_at for session in event.sessions)


def test_a_date_that_is_past_is_told(tmp_path: Path) -> None:
    found = reading(tmp_path, SOUND.replace("2027-03-10", "2017-03-10"))
    assert "event.date: 2017-03-10 is past" in " ".join(map(str, found.warnings))


def test_an_example_states_no_date(tmp_path: Path) -> None:
    dated = SOUND.replace("[event]\n", "[event]\nexample = true\n", 1)
    assert "take out this line" in " ".join(told(tmp_path, dated))


def test_a_title_that_shows_nothing_is_none_and_direction_marks_are_taken_out(tmp_path: Path) -> None:
    title = SOUND.partition('title = "')[2].partition('"')[0]
    assert "is empty" in " ".join(told(tmp_path, SOUND.replace(title, "\u2066\u200b", 1)))
    found = reading(tmp_path, SOUND.replace(title, f"\u202e{title}\ufeff", 1))
    assert found.event.title == title

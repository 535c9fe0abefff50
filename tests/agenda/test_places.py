"""Lines of keys: whatever stands in strings and comments is not one."""

from mailer.agenda.places import Places, line_of, lines_of
from mailer.errors import Problem

AGENDA = '''# [not.a.table]
top = 1
[event]  # the event
title = "A [title] # = not a comment"
summary = """
[session]
start = "no key"
""" # key = """
[event.venue]
name = \'\'\'
key = """
\'\'\'
city.code = "W"

[[session]]
key = "one"
points = [  # ] =
    "end = 1",
    [
        "x",
    ],
    [1]
]
venue = {
    end = 1
}
end = "10:00"
[[ session ]]
room = 'a"b'
chair = "\\\\" # "
end = "11:00"
quote = """\\""" """
last = {a = 1}
'''


def test_every_key_has_its_line() -> None:
    assert lines_of(AGENDA) == {
        "top": 2,
        "event": 3,
        "event.title": 4,
        "event.summary": 5,
        "event.venue": 9,
        "event.venue.name": 10,
        "event.venue.city.code": 13,
        "session[0]": 15,
        "session[0].key": 16,
        "session[0].points": 17,
        "session[0].venue": 24,
        "session[0].end": 27,
        "session[1]": 28,
        "session[1].room": 29,
        "session[1].chair": 30,
        "session[1].end": 31,
        "session[1].quote": 32,
        "session[1].last": 33,
    }


def test_only_a_line_feed_ends_a_line() -> None:
    assert lines_of('a = "\u2028\x85"\r\nb = 2\r\n') == {"a": 1, "b": 2}


def test_what_has_no_line_stands_at_the_nearest_table() -> None:
    lines = {"event": 3, "event.venue": 9, "session[1]": 24}
    assert [
        line_of(path, lines)
        for path in ("event.venue.street", "event.date", "session[1].points", "session[0].end", "nothing", "")
    ] == [9, 3, 24, None, None, None]
    assert line_of("session[4]", {"session": 2}) == 2
    assert line_of("session", {"session[0]": 5, "session[1]": 24}) == 5


def test_a_problem_stands_in_its_file_at_its_line() -> None:
    places = Places(file="mine.toml", lines={"event": 3})
    assert places.problem("event.date", "is missing", warning=True) == Problem(
        file="mine.toml", row=3, field="event.date", message="is missing", warning=True
    )

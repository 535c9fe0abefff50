"""Lists of people: what is refused, who is asked, and that nothing is ever half-read."""

import csv
import io
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.errors import BadInput, Problem
from mailer.recipients.decoding import LARGEST_FILE
from mailer.recipients.model import Recipient, Role
from mailer.recipients.reading import MOST_PROBLEMS, merge, read, read_all
from tests.recipients.listing import ANA, HEADER, one, reading_of, told

SESSIONS = tuple(f"session-{number}" for number in range(1, 5))


def test_three_columns_are_enough_and_the_role_is_the_lists(people: Path) -> None:
    reading = reading_of(people, "email,given_name,family_name\na.horvat@cert.example,Ana,Horvat")
    assert (reading.recipients, reading.problems) == ((ANA,), ())


def test_without_a_role_a_row_is_refused(people: Path) -> None:
    people.write_text("email,given_name,family_name\na.horvat@cert.example,Ana,Horvat\n")
    assert told(read(people)) == [
        (2, "role", "has no role; write one of focal_point, practitioner, expert, speaker")
    ]


def test_somebody_with_one_name_leaves_the_other_empty(people: Path) -> None:
    assert one(people, given_name="").recipients[0].name == "Horvat"
    assert told(one(people, given_name=" ", family_name="")) == [(2, "family_name", "has no name")]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"", [(None, None, "holds no rows")]),
        (b"\n , ,\n", [(None, None, "holds no rows")]),
        (b"email,given_name,family_name\n,,\n", [(None, None, "holds no people")]),
        (b"PK\x03\x04\x14\x00", [(None, None, "this is a spreadsheet file; save it as CSV UTF-8")]),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            [(None, None, "this is a spreadsheet file; save it as CSV UTF-8")],
        ),
        (
            b"email,given_name,family_name\na@x.example,A\0na,B\n",
            [(2, None, "holds a NUL character; it is damaged or not a table")],
        ),
        (b"\xff\xfea", [(None, None, "is not utf-16 text throughout; save it as CSV UTF-8")]),
        (
            b"email,famly_name,note,email\n",
            [
                (1, None, "there is no column 'famly_name'; did you mean 'family_name'?"),
                (1, None, "there is no column 'note'"),
                (1, "email", "this column stands more than once"),
                (1, "given_name", "this column is missing"),
                (1, "family_name", "this column is missing"),
            ],
        ),
        (
            b"email,address,given_name,family_name\n",
            [(1, "email", "this column stands more than once")],
        ),
        (
            b'email,given_name,family_name\na@x.example,A,B\nb@x.example,"B,C\nc@x.example,C,D\n',
            [(3, None, "its quotation marks do not pair; the lines from here on could not be read")],
        ),
        (
            b"email,given_name,family_name\na@x.example,A," + b"B" * 1_000_000,
            [
                (
                    2,
                    None,
                    "has a cell of more than 10,000 characters; the lines from here on could not be read",
                )
            ],
        ),
    ],
)
def test_a_file_that_is_no_list_is_refused(
    people: Path, content: bytes, problems: list[tuple[int | None, str | None, str]]
) -> None:
    reading = reading_of(people, content)
    assert told(reading) == problems
    assert reading.refused


def test_a_file_that_is_not_there_is_a_problem(people: Path) -> None:
    assert told(read(people)) == [(None, None, "cannot be read (No such file or directory)")]
    assert told(read(people.parent)) == [(None, None, "cannot be read (Is a directory)")]
    assert read(Path("a\0b")).refused


def test_a_file_over_the_limit_is_refused(people: Path) -> None:
    with people.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    assert told(read(people)) == [(None, None, "is larger than 64 MB")]


def test_a_file_of_nothing_but_problems_is_not_read_to_its_end(people: Path) -> None:
    reading = reading_of(people, "email,given_name,family_name\n" + "nobody,A,B\n" * (MOST_PROBLEMS + 500))
    assert len(reading.problems) == MOST_PROBLEMS + 1
    assert told(reading)[-1] == (
        MOST_PROBLEMS + 2,
        None,
        "after 1,000 problems the lines from here on were not read",
    )


def test_sessions_are_checked_against_the_agenda(people: Path) -> None:
    people.write_text("email,given_name,family_name,sessions\na@x.example,A,B,session-1|sesion-2\n")
    reading = read(people, default_role=Role.EXPERT, sessions=SESSIONS)
    assert told(reading) == [
        (2, "sessions", "the agenda has no session 'sesion-2'; did you mean 'session-2'?")
    ]
    assert not read(people, default_role=Role.EXPERT).refused


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["email,given_name,family_name,role,tags,sessions", *rows]))
    return path


def test_the_same_person_twice_gets_one_letter_and_a_warning(tmp_path: Path) -> None:
    first = write(
        tmp_path / "a.csv",
        "Jose\u0301@X.example,José,Horvat,expert,press,session-1",
        "other@x.example,O,P,speaker,,",
    )
    second = write(
        tmp_path / "b.csv",
        "jos\u00e9@x.EXAMPLE,José,Horvat,speaker,police|press,session-2|session-1",
        "JOSÉ@x.example,José,Horvat,expert,,",
    )
    roster = read_all([(first, None), (second, None)], sessions=SESSIONS)
    assert [(r.address, r.role, r.tags, r.sessions) for r in roster.recipients] == [
        ("José@x.example", Role.EXPERT, ("press", "police"), ("session-1", "session-2")),
        ("other@x.example", Role.SPEAKER, (), ()),
    ]
    same = f"is the same address as at {first}:2; one letter"
    differing = f"{same}; they differ in role, and the first stands"
    assert roster.warnings == tuple(
        Problem(file=str(second), row=row, field="email", message=message, warning=True)
        for row, message in [(2, differing), (3, same)]
    )


def test_dots_and_plus_signs_tell_people_apart(people: Path) -> None:
    write(people, "a.b@x.example,A,B,expert,,", "ab@x.example,A,B,expert,,", "a.b+c@x.example,A,B,expert,,")
    roster = read_all([(people, None)])
    assert (len(roster.recipients), roster.warnings) == (3, ())


def test_one_bad_row_refuses_all_lists_and_tells_of_them_all(tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv", "a@x.example,A\u200e,B,expert,,")
    bad = write(
        tmp_path / "bad.csv", "b@x.example,A,B,expert,,", "nobody,A,B,expert,,", "c@x.example,A,B,judge,,"
    )
    with pytest.raises(BadInput) as refused:
        read_all([(good, None), (bad, None), (tmp_path / "none.csv", None)])
    assert [(Path(p.file).name, p.row, p.field, p.warning) for p in refused.value.problems] == [
        ("good.csv", 2, "given_name", True),
        ("bad.csv", 3, "email", False),
        ("bad.csv", 4, "role", False),
        ("none.csv", None, None, False),
    ]


def test_merging_nothing_is_nobody() -> None:
    assert merge([]).recipients == ()


table_bytes = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: f"{HEADER}\n{text}".encode("utf-8", "surrogatepass")),
    st.lists(st.text('a@x.example,;"\n\r\t|=?\u202eé', max_size=30), max_size=5).map(
        lambda rows: "\n".join(["email,given_name,family_name", *rows]).encode()
    ),
    st.binary(max_size=60).map(lambda raw: b"email,given_name,family_name\na@x.example,A," + raw),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=table_bytes)
def test_any_bytes_are_read_or_refused(people: Path, raw: bytes) -> None:
    reading = reading_of(people, raw)
    assert len(reading.rows) == len(reading.recipients)
    assert reading.recipients or reading.refused
    for recipient in reading.recipients:
        text = "".join(map(str, recipient.model_dump().values()))
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|=\?", text)
        assert recipient.address.count("@") == 1


names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=20)
tidy = names.map(lambda name: " ".join(name.split())).filter(lambda name: name and "=?" not in name)
recipients = st.builds(
    Recipient,
    address=st.from_regex(r"[a-z][a-z0-9+_-]{0,10}@[a-z]{1,8}\.example", fullmatch=True),
    given_name=tidy,
    family_name=tidy,
    title=st.just("") | tidy,
    role=st.sampled_from(Role),
    state=st.none() | st.sampled_from(["AT", "SK", "KG"]),
    institution=st.just("") | tidy,
    language=st.none() | st.sampled_from(["en", "fr", "pt-br"]),
    timezone=st.none() | st.sampled_from(["Europe/Vienna", "UTC", "Asia/Almaty"]),
    tags=st.lists(st.sampled_from(["press", "police"]), unique=True).map(tuple),
    sessions=st.lists(st.sampled_from(SESSIONS), unique=True).map(tuple),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(recipients, min_size=1, max_size=4, unique_by=lambda r: r.address),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read_again(
    people: Path, asked: list[Recipient], delimiter: str, encoding: str
) -> None:
    table = io.StringIO()
    writer = csv.writer(table, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(HEADER.split(","))
    for r in asked:
        cells = [r.address, r.given_name, r.family_name, r.title, r.role, r.state, r.institution]
        writer.writerow([*cells, r.language, r.timezone, ";".join(r.tags), "|".join(r.sessions)])
    reading = reading_of(people, table.getvalue().encode(encoding))
    again = [Recipient.model_validate(normal(r)) for r in asked]
    assert (list(reading.recipients), reading.problems, reading.delimiter) == (again, (), delimiter)


def normal(recipient: Recipient) -> dict[str, object]:
    """Hypothesis writes letters that are not in NFC."""
    return {
        field: unicodedata.normalize("NFC", value) if isinstance(value, str) and field != "role" else value
        for field, value in recipient
    }

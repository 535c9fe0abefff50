"""Lists of people: what is detected, made tidy and refused, and that nothing is ever half-read."""

import csv
import io
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.errors import BadInput, Problem
from mailer.recipients.model import Recipient, Role
from mailer.recipients.reading import (
    LARGEST_FILE,
    LONGEST_CELL,
    LONGEST_LINE,
    MOST_PROBLEMS,
    Reading,
    merge,
    read,
    read_all,
)

HEADER = "email,given_name,family_name,title,role,state,institution,language,timezone,tags,sessions"
SESSIONS = tuple(f"session-{number}" for number in range(1, 5))

ANA = Recipient(address="a.horvat@cert.example", given_name="Ana", family_name="Horvat", role=Role.EXPERT)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def reading_of(path: Path, content: str | bytes, *, encoding: str | None = None) -> Reading:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, default_role=Role.EXPERT, encoding=encoding)


def one(path: Path, **cells: str) -> Reading:
    """The reading of a list with one row of these cells."""
    row = {"email": ANA.address, "given_name": "Ana", "family_name": "Horvat"} | cells
    table = io.StringIO()
    csv.writer(table).writerows([row.keys(), row.values()])
    return reading_of(path, table.getvalue())


def told(reading: Reading) -> list[tuple[int | None, str | None, str]]:
    return [(problem.row, problem.field, problem.message) for problem in reading.problems]


# a whole row


def test_every_column_is_made_tidy(people: Path) -> None:
    reading = reading_of(
        people,
        f"{HEADER}\nA.Horvat@ÖSTERREICH.Example , Ana\u00a0 Marija ,Horvat,Dr,Focal Point,at,"
        '"Cyber  unit\tVienna",PT_br,europe/vienna,Police | first   aid;press|police,Session-1|session-3\n',
    )
    assert reading == Reading(
        file=str(people),
        recipients=(
            Recipient(
                address="A.Horvat@xn--sterreich-z7a.example",
                given_name="Ana Marija",
                family_name="Horvat",
                title="Dr",
                role=Role.FOCAL_POINT,
                state="AT",
                institution="Cyber unit Vienna",
                language="pt-br",
                timezone="Europe/Vienna",
                tags=("police", "first-aid", "press"),
                sessions=("session-1", "session-3"),
            ),
        ),
        rows=(2,),
        encoding="utf-8",
        delimiter=",",
    )


def test_three_columns_are_enough_and_the_role_is_the_lists(people: Path) -> None:
    reading = reading_of(people, "email,given_name,family_name\na.horvat@cert.example,Ana,Horvat")
    assert (reading.recipients, reading.problems) == ((ANA,), ())


def test_without_a_role_a_row_is_refused(people: Path) -> None:
    people.write_text("email,given_name,family_name\na.horvat@cert.example,Ana,Horvat\n")
    assert told(read(people)) == [
        (2, "role", "has no role; write one of focal_point, practitioner, expert, speaker")
    ]


@pytest.mark.parametrize(
    "header",
    [
        "E-Mail,Given Name,FAMILY-NAME",
        "address, first_name , surname",
        " e mail address,given-name,Last  Name",
    ],
)
def test_headers_have_other_spellings(people: Path, header: str) -> None:
    assert reading_of(people, f"{header}\na.horvat@cert.example,Ana,Horvat").recipients == (ANA,)


def test_somebody_with_one_name_leaves_the_other_empty(people: Path) -> None:
    assert one(people, given_name="").recipients[0].name == "Horvat"
    assert told(one(people, given_name=" ", family_name="")) == [(2, "family_name", "has no name")]


# encodings and delimiters


@pytest.mark.parametrize(
    ("encoding", "detected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_unicode_is_known_for_certain(people: Path, encoding: str, detected: str) -> None:
    reading = reading_of(people, "email,given_name,family_name\nx@x.example,Željko,Иванов".encode(encoding))
    assert (reading.encoding, reading.recipients[0].name) == (detected, "Željko Иванов")
    assert reading.problems == ()


@pytest.mark.parametrize(
    ("encoding", "row", "shown"),
    [
        ("cp1251", "a@x.example,Иван,Петров", "Иван, Петров"),
        ("cp1251", "o@x.example,Олена,Шевчук", "Олена, Шевчук"),
        ("cp1252", "a@x.example,José,Müller", "José, Müller"),
        ("cp1252", "a@x.example,Zoë,Lefèvre-Núñez", "Zoë, Lefèvre, Núñez"),
        ("cp1250", "zeljko.kovacevic@x.example,Željko,Kovačević", "Željko, Kovačević"),
        ("cp1250", "l.wisniewski@x.example,Łukasz,Wiśniewski", "Łukasz, Wiśniewski"),
        ("cp1253", "g@x.example,Γιώργος,Παπαδάκης", "Γιώργος, Παπαδάκης"),
        ("cp1254", "a.yilmaz@x.example,Ayşe,Yılmaz", "Ayşe, Yılmaz"),
    ],
)
def test_older_encodings_are_detected_and_shown(people: Path, encoding: str, row: str, shown: str) -> None:
    reading = reading_of(people, f"email,given_name,family_name\n{row}\n".encode(encoding))
    assert reading.encoding == encoding
    assert reading.recipients[0].name == " ".join(row.split(",")[1:])
    assert reading.problems == (
        Problem(
            file=str(people),
            message=f"is not UTF-8; it was read as {encoding}. Are these right: {shown}? "
            "If not, save it as CSV UTF-8",
            warning=True,
        ),
    )


def test_the_organisers_word_on_the_encoding_stands(people: Path) -> None:
    raw = "email,given_name,family_name\na@x.example,Ana,Kovačević".encode("cp1250")
    reading = reading_of(people, raw, encoding="cp1250")
    assert (reading.recipients[0].family_name, reading.problems) == ("Kovačević", ())
    refused = reading_of(people, raw, encoding="utf-8")
    assert told(refused) == [(None, None, "is not utf-8 text throughout; save it as CSV UTF-8")]
    assert told(reading_of(people, raw, encoding="klingon"))[0][2].startswith("is not klingon text")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_detected(people: Path, delimiter: str, newline: str) -> None:
    lines = [["email", "given_name", "family_name"], ["a.horvat@cert.example", "Ana", "Horvat"]]
    text = newline.join(delimiter.join(line) for line in lines)
    reading = reading_of(people, text)
    assert (reading.delimiter, reading.recipients) == (delimiter, (ANA,))


# what is refused as a whole


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


# rows


def test_a_row_is_counted_by_the_lines_of_the_file(people: Path) -> None:
    text = (
        '\nemail,given_name,family_name,tags\n\na@x.example,A,B,"one|\ntwo"\n,,,\nb@x.example,B,C\n'
        "c@x.example,C,D,,\nnobody,D,E,\nd@x.example,D,E,\n"
    )
    reading = reading_of(people, text)
    assert told(reading) == [
        (4, "tags", "holds a line break or control character"),
        (7, None, "has 3 cells where the first row has 4"),
        (8, None, "has 5 cells where the first row has 4"),
        (9, "email", "'nobody' is not one valid address: An email address must have an @-sign"),
    ]
    assert reading.rows == (10,)


def test_a_file_of_nothing_but_problems_is_not_read_to_its_end(people: Path) -> None:
    reading = reading_of(people, "email,given_name,family_name\n" + "nobody,A,B\n" * (MOST_PROBLEMS + 500))
    assert len(reading.problems) == MOST_PROBLEMS + 1
    assert told(reading)[-1] == (
        MOST_PROBLEMS + 2,
        None,
        "after 1,000 problems the lines from here on were not read",
    )


def test_a_long_word_in_an_unknown_encoding_takes_no_longer_than_a_short_one(people: Path) -> None:
    head = "email,given_name,family_name\na@x.example,José,".encode("cp1252")
    reading = reading_of(people, head + b"a" * 120_000)
    assert [row for row, _, message in told(reading) if "120,000 characters" in message] == [2]


def test_all_that_is_wrong_in_a_row_is_told(people: Path) -> None:
    reading = one(people, email="", role="focalpoint", state="Austria", language="French", timezone="EST")
    assert told(reading) == [
        (2, "email", "has no address"),
        (2, "role", "there is no role 'focalpoint'; did you mean 'focal_point'?"),
        (2, "state", "'Austria' is not a State's two-letter code; write it like AT"),
        (2, "language", "'French' is not a language's code; write it like fr"),
        (2, "timezone", "'EST' is not a place with a time zone; write it like America/New_York"),
    ]
    assert reading.recipients == ()


# addresses


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("Ana.Horvat+list@CERT.Example", "Ana.Horvat+list@cert.example"),
        ("o'neil@x.example", "o'neil@x.example"),
        ("=cmd@x.example", "=cmd@x.example"),
        ("ana@cert.test", "ana@cert.test"),
        ("jo\u0308rg@x.example", "jörg@x.example"),
        ("почта@почта.example", "почта@xn--80a1acny.example"),
        ("日本taro@x.example", "日本taro@x.example"),
    ],
)
def test_addresses_are_made_ready_for_smtp(people: Path, written: str, address: str) -> None:
    assert one(people, email=written).recipients[0].address == address


@pytest.mark.parametrize(
    "address",
    [
        "a@x.example>\r\nRCPT TO:<e@x.example",
        "a@x.example, b@y.example",
        "a@x.example;b@y.example",
        "<a@x.example>b@y.example",
        "Ana <a@x.example>",
        "<a@x.example>",
        "a b@x.example",
        '"a b"@x.example',
        "a@[127.0.0.1]",
        "a@localhost",
        f"{'a' * 65}@x.example",
        f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 20}.example",
        "pаypal@x.example",
        "a@раypal.example",
        "a@xn--ypal-43d9g.example",
        "=?utf-8?q?x?=@x.example",
        "a@x.example\u2028",
        "a@x.example\x0b",
    ],
)
def test_what_is_not_one_valid_address_is_refused(people: Path, address: str) -> None:
    reading = one(people, email=address)
    assert [(row, field) for row, field, _ in told(reading)] == [(2, "email")]
    assert reading.recipients == ()


# names


@pytest.mark.parametrize(
    "name",
    [
        "=?utf-8?q?x=0ABcc=3A_e=40x?=",
        "=?utf-8?q?left open",
        "=\u200e?utf-8?q?x?=",
        "A\nB",
        "A\r\nBcc: e@x.example",
        "A\x1bB",
        "A\x85B",
        "A\u2028B",
        "A\u2029B",
        "A" * (LONGEST_LINE + 1),
        "A" * (LONGEST_CELL + 1),
    ],
)
@pytest.mark.parametrize("column", ["given_name", "family_name", "title", "institution"])
def test_text_that_could_break_a_header_is_refused(people: Path, name: str, column: str) -> None:
    reading = one(people, **{column: name})
    assert [(row, field) for row, field, _ in told(reading)] == [(2, column)]
    assert reading.recipients == ()


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|'/c calc'!A1",
        "+1",
        "-1",
        "@SUM(A1)",
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "{x} %s ${y}",
        "می‌خواهم",
        "O’Brien-Łącki 🎓",
    ],
)
def test_text_stays_as_it_is(people: Path, text: str) -> None:
    reading = one(people, family_name=text, institution=text)
    assert (reading.recipients[0].family_name, reading.recipients[0].institution) == (text, text)
    assert reading.problems == ()


def test_bidi_controls_are_taken_out_with_a_warning(people: Path) -> None:
    reading = one(people, family_name="\u202eHor\u2066vat\u200f\ufeff", email="\u200ea@x.example")
    assert (reading.recipients[0].family_name, reading.recipients[0].address) == ("Horvat", "a@x.example")
    assert reading.problems == tuple(
        Problem(
            file=str(people), row=2, field=field, message="invisible characters were taken out", warning=True
        )
        for field in ("email", "family_name")
    )


def test_accents_are_composed(people: Path) -> None:
    assert one(people, family_name="Kova\u010devic\u0301").recipients[0].family_name == "Kova\u010devi\u0107"


# states, languages, zones, sessions


@pytest.mark.parametrize(
    ("column", "written", "message"),
    [
        ("state", "UK", "'UK' is not a State's two-letter code; write it like GB"),
        ("state", "Slovak", "'Slovak' is not a State's two-letter code; write it like SK"),
        ("state", "EU", "'EU' is not a State's two-letter code"),
        ("language", "en-RU", "'en-RU' is not a language's code; write it like en"),
        ("language", "xx", "'xx' is not a language's code"),
        ("language", "../en", "'../en' is not a language's code"),
        ("timezone", "CET", "'CET' is not a place with a time zone; write it like Europe/Vienna"),
        ("timezone", "Tashkent", "'Tashkent' is not a place with a time zone; write it like Asia/Tashkent"),
        (
            "timezone",
            "Europe/Viena",
            "'Europe/Viena' is not a place with a time zone; write it like Europe/Vienna",
        ),
        ("timezone", "UTC+1", "'UTC+1' is not a place with a time zone; write it like Europe/Vienna"),
        ("timezone", "Etc/GMT-1", None),
        ("timezone", "../etc/passwd", None),
        ("sessions", "day one!", "'day-one!' is not a session's key; write it like session-1"),
    ],
)
def test_what_is_unknown_is_asked_and_never_guessed(
    people: Path, column: str, written: str, message: str | None
) -> None:
    reading = one(people, **{column: written})
    ((row, field, text),) = told(reading)
    assert (row, field) == (2, column)
    assert message in {None, text}


def test_sessions_are_checked_against_the_agenda(people: Path) -> None:
    people.write_text("email,given_name,family_name,sessions\na@x.example,A,B,session-1|sesion-2\n")
    reading = read(people, default_role=Role.EXPERT, sessions=SESSIONS)
    assert told(reading) == [
        (2, "sessions", "the agenda has no session 'sesion-2'; did you mean 'session-2'?")
    ]
    assert not read(people, default_role=Role.EXPERT).refused


# several lists


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


# any bytes, any people


table_bytes = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: f"{HEADER}\n{text}".encode("utf-8", "surrogatepass")),
    st.lists(st.text('a@x.example,;"\n\r\t|=?\u202eé', max_size=30), max_size=5).map(
        lambda rows: "\n".join(["email,given_name,family_name", *rows]).encode()
    ),
    st.binary(max_size=60).map(lambda raw: b"email,given_name,family_name\na@x.example,A," + raw),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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

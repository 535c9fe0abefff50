"""What is made tidy in a cell, what is refused, and what is asked."""

from pathlib import Path

import pytest
from babel import Locale

from mailer.errors import Problem
from mailer.recipients import cells
from mailer.recipients.audience import is_language, states
from mailer.recipients.cells import LONGEST_CELL, LONGEST_LINE
from mailer.recipients.model import Recipient, Role
from mailer.recipients.reading import Reading
from tests.recipients.listing import ANA, HEADER, one, reading_of, told


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


def test_all_that_is_wrong_in_a_row_is_told(people: Path) -> None:
    reading = one(people, email="", role="focalpoint", state="Austira", language="Frensh", timezone="EST")
    assert told(reading) == [
        (2, "email", "has no address"),
        (2, "role", "there is no role 'focalpoint'; did you mean 'focal_point'?"),
        (2, "state", "'Austira' is not a State; write it like AT"),
        (2, "language", "'Frensh' is not a language; write it like fr"),
        (2, "timezone", "'EST' is not a place with a time zone; write it like America/New_York"),
    ]
    assert reading.recipients == ()


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


@pytest.mark.parametrize(
    ("column", "written", "code"),
    [
        ("state", "Austria", "AT"),
        ("state", "Türkiye", "TR"),
        ("state", "Turkey", "TR"),
        ("state", "Bosnia and Herzegovina", "BA"),
        ("state", "The Netherlands", "NL"),
        ("state", "Côte d'Ivoire", "CI"),
        ("state", "Deutschland", "DE"),
        ("state", "ROYAUME-UNI", "GB"),
        ("state", "Казахстан", "KZ"),
        ("state", "مصر", "EG"),
        ("language", "French", "fr"),
        ("language", "Deutsch", "de"),
        ("language", "русский", "ru"),
    ],
)
def test_states_and_languages_may_be_named_in_words(
    people: Path, column: str, written: str, code: str
) -> None:
    reading = one(people, **{column: written})
    assert reading.problems == ()
    assert getattr(reading.recipients[0], column) == code


def test_no_name_means_two_states_or_two_languages() -> None:
    codes_of: dict[tuple[str, str], set[str]] = {}
    for locale in map(Locale, cells.NAMES_IN):
        for code, name in locale.territories.items():
            if code in states():
                codes_of.setdefault(("state", cells.folded(name)), set()).add(code)
        for code, name in locale.languages.items():
            if len(code) == 2 and is_language(code):
                codes_of.setdefault(("language", cells.folded(name)), set()).add(code)
    assert {name: codes for name, codes in codes_of.items() if len(codes) > 1} == {}


def test_accents_are_composed(people: Path) -> None:
    assert one(people, family_name="Kova\u010devic\u0301").recipients[0].family_name == "Kova\u010devi\u0107"


@pytest.mark.parametrize(
    ("column", "written", "message"),
    [
        ("state", "UK", "'UK' is not a State; write it like GB"),
        ("state", "Slovak", "'Slovak' is not a State; write it like SK"),
        ("state", "EU", "'EU' is not a State; write its two-letter code"),
        ("language", "en-RU", "'en-RU' is not a language; write it like en"),
        ("language", "xx", "'xx' is not a language; write its code"),
        ("language", "../en", "'../en' is not a language; write its code"),
        ("timezone", "CET", "'CET' is not a place with a time zone; write it like Europe/Vienna"),
        ("timezone", "Tashkent", "'Tashkent' is not a place with a time zone; write it like Asia/Tashkent"),
        (
            "timezone",
            "Europe/Viena",
            "'Europe/Viena' is not a place with a time zone; write it like Europe/Vienna",
        ),
        ("timezone", "UTC+1", "'UTC+1' is not a place with a time zone; write it like Europe/Vienna"),
        (
            "timezone",
            "US/Eastern",
            "'US/Eastern' is not a place with a time zone; write it like America/New_York",
        ),
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

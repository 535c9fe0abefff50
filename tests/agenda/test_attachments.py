"""What may be attached, under which name, and how much of it."""

import pytest

from mailer.agenda.attachments import (
    LARGEST,
    LARGEST_OF_AN_EVENT,
    MOST,
    OCTETS,
    attachment,
    media_type,
    megabytes,
    place_for,
    problems_among,
    problems_of,
    problems_of_path,
)
from mailer.agenda.model import Attachment
from mailer.composition.message import base64_lines
from tests.conference import EVENT

PDF = b"%PDF-1.7\n"


def _sized(file: str, size: int, digest: str = "") -> Attachment:
    return Attachment(file=file, media_type="application/pdf", size=size, digest=digest or file)


@pytest.mark.parametrize(
    "file",
    [
        "programme.pdf",
        "papers/2027/Programme of the day (final).pdf",
        "Einführung.docx",
        "برنامج.pdf",
        "نیم\u200cفاصله.pdf",
        "日程.xlsx",
        "a-b_c~d+e,f;g='h'&%.PDF",
        "notes.txt",
    ],
)
def test_a_file_below_the_folder_may_be_attached(file: str) -> None:
    assert list(problems_of_path(file)) == []


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("/etc/passwd.pdf", "below it"),
        ("C:/x.pdf", "below it"),
        ("\\\\server\\x.pdf", "below it"),
        ("../x.pdf", "outside of the folder"),
        ("a/../../x.pdf", "outside of the folder"),
        ("a//x.pdf", "is not a path"),
        ("./x.pdf", "is not a path"),
        ("a/" * 120 + "x.pdf", "is not a path"),
        ("a\\x.pdf", "not every system takes"),
        ('"x".pdf', "not every system takes"),
        ("a\nb.pdf", "not to be seen"),
        ("a\0b.pdf", "not to be seen"),
        ("fdp.\u202eexe.pdf", "not to be seen"),
        ("x\u200b.pdf", "not to be seen"),
        ("x\ud800.pdf", "not to be seen"),
        (".hidden.pdf", "full stop or a blank"),
        ("folder /x.pdf", "full stop or a blank"),
        ("nul.pdf", "Windows keeps"),
        ("COM1/x.pdf", "Windows keeps"),
        ("x" * 121 + ".pdf", "more than 120"),
        ("README", "has no ending"),
        ("invite.ics", "is a calendar file (.ics)"),
        ("setup.exe", "(.exe) that mail systems refuse"),
        ("programme.pdf.js", "(.js) that mail systems refuse"),
        ("Page.HTML", "(.html) that mail systems refuse"),
        ("table.xlsm", "(.xlsm) that mail systems refuse"),
    ],
)
def test_a_path_that_is_not_safe_or_a_kind_that_is_refused_is_named(file: str, why: str) -> None:
    (problem, *_) = problems_of_path(file)
    assert why in problem


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.pdf", PDF, "application/pdf"),
        ("a.PDF", PDF, "application/pdf"),
        ("a.docx", b"PK", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.png", b"\x89PNG", "image/png"),
        ("a.txt", "Größe".encode(), 'text/plain; charset="utf-8"'),
        ("a.txt", "Größe".encode("latin-1"), OCTETS),
        ("a.csv", b"a,b\n", 'text/csv; charset="utf-8"'),
        ("a.tar.gz", b"\x1f\x8b", OCTETS),
        ("a.nws", b"From: x", OCTETS),
        ("a.unheard-of", b"x", OCTETS),
    ],
)
def test_the_media_type_is_that_of_the_ending_on_every_machine(name: str, content: bytes, kind: str) -> None:
    assert media_type(name, content) == kind


def test_a_name_is_the_last_part_composed() -> None:
    one = attachment("papers/Einfu\u0308hrung.pdf", PDF)
    assert (one.name, one.size, one.media_type) == ("Einführung.pdf", 9, "application/pdf")


def test_a_mailing_has_few_files_of_different_names_that_fit_into_a_letter() -> None:
    assert list(problems_of([_sized(f"{n}.pdf", LARGEST // MOST) for n in range(MOST)])) == []
    assert list(problems_of([_sized(f"{n}.pdf", 1) for n in range(MOST + 1)])) == [
        "are 6 files; a mailing has at most 5"
    ]
    assert list(problems_of([_sized("a/x.pdf", 1), _sized("b/X.PDF", 1)])) == [
        "'x.pdf' is the name of two of them"
    ]
    (too_much,) = problems_of([_sized("a.pdf", LARGEST), _sized("b.pdf", 1)])
    assert too_much.startswith("are 7 MB in all; a letter carries 7 MB")


def test_the_largest_letter_is_one_that_postfix_takes_untold() -> None:
    """message_size_limit, postconf(5)."""
    assert len(base64_lines(bytes(LARGEST))) + 400_000 < 10_240_000


def test_one_path_is_one_file_in_all_of_an_event() -> None:
    same = {"m1": [_sized("a.pdf", 1, "x")], "m2": [_sized("a.pdf", 1, "x")]}
    assert list(problems_among(same)) == []
    assert list(problems_among(same | {"m3": [_sized("A.pdf", 1, "y")]})) == [
        ("m3", "'A.pdf' is the path of another file, too")
    ]


def test_all_files_of_an_event_have_a_limit_that_counts_each_content_once() -> None:
    many = LARGEST_OF_AN_EVENT // LARGEST + 1
    assert list(problems_among({str(n): [_sized(f"{n}.pdf", LARGEST, "same")] for n in range(many)})) == []
    ((place, why),) = problems_among({str(n): [_sized(f"{n}.pdf", LARGEST)] for n in range(many)})
    assert (place, "50 MB at most" in why) == (str(many - 1), True)


def test_what_is_handed_in_has_a_place_of_its_own_unless_it_replaces_a_file() -> None:
    files = (_sized("programme.pdf", 1), _sized("shared.pdf", 1))
    invitation, agenda, *rest = (
        each.model_copy(update={"attachments": files[: 2 - n] if n < 1 else files[1:] if n == 1 else ()})
        for n, each in enumerate(EVENT.mailings)
    )
    event = EVENT.model_copy(update={"mailings": (invitation, agenda, *rest)})

    assert place_for(event, invitation.key, "Programme.pdf") == "programme.pdf"
    assert place_for(event, invitation.key, "shared.pdf") == f"{EVENT.key}/{invitation.key}/shared.pdf"
    assert place_for(event, agenda.key, "map.png") == f"{EVENT.key}/{agenda.key}/map.png"


def test_sizes_are_said_as_people_say_them() -> None:
    assert [megabytes(size) for size in (7, 12_345, 1_500_000)] == ["7 bytes", "12 kB", "1.5 MB"]

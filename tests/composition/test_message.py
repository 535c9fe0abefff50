"""The bytes of one message: their structure, their headers, and what strangers' text cannot do to them."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.header import Header, decode_header, make_header
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP, compat32
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.agenda.model import CalendarPart
from mailer.composition import ical
from mailer.composition.message import (
    LONGEST_LINE,
    AttachedFile,
    CalendarFile,
    Mailbox,
    Message,
    base64_lines,
    file_name,
    quick_reader_line,
    quick_subject_line,
    quoted,
    read_back,
    subject_line,
    write,
)
from mailer.errors import UnsafeLetter
from tests.scenes.calendar import cancelled, carried

SENDER = Mailbox(name="Conference Secretariat", address="secretariat@conference.example")
READER = Mailbox(name="Ana Novak", address="ana@prosecution.example")
REQUEST, PUBLISHED, CANCELLED = carried(CalendarPart.EVENT), carried(CalendarPart.SESSIONS), cancelled()
UNSUBSCRIBE = f"<https://conference.example/u/{'Ab3-_' * 40}>"


def written(
    *,
    reader: Mailbox = READER,
    sender: Mailbox = SENDER,
    subject: str = "An invitation",
    text: str = "Dear colleague,\n",
    html: str = "<p>Dear colleague,</p>\n",
    calendar: CalendarFile | None = None,
    beside: CalendarFile | None = None,
    attached: tuple[AttachedFile, ...] = (),
    headers: Mapping[str, str] | None = None,
    seed: str = "0123456789abcdef",
) -> bytes:
    return write(
        Message(
            sender=sender,
            reader=reader,
            subject=subject,
            dated_at=datetime(2027, 1, 11, 8, 0, tzinfo=UTC),
            message_id="<1@conference.example>",
            text=text,
            html=html,
            language="en",
            seed=seed,
            calendar=calendar,
            beside=beside,
            attached=attached,
            headers=headers or {},
        )
    )


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=SMTP)


def file_of(calendar: object, name: str = "invite.ics") -> CalendarFile:
    assert isinstance(calendar, type(REQUEST))
    return CalendarFile(method=calendar.method, content=ical.write(calendar), name=name)


def structure(message: "MIMEPart[Any, Any]") -> object:
    """The tree of parts as (type, children)."""
    if message.is_multipart():
        return message.get_content_type(), [structure(part) for part in message.iter_parts()]
    return message.get_content_type()


def lines_of(raw: bytes) -> list[bytes]:
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    return raw.split(b"\r\n")


# ── structure ────────────────────────────────────────────────────────────────────────────────────────────────


def test_words_alone_are_two_alternatives() -> None:
    message = read(written())
    assert structure(message) == ("multipart/alternative", ["text/plain", "text/html"])
    assert message.get_body(("plain",)).get_content() == "Dear colleague,\r\n"  # type: ignore[union-attr]
    assert message.get_body(("html",)).get_content() == "<p>Dear colleague,</p>\r\n"  # type: ignore[union-attr]


@pytest.mark.parametrize("calendar", [REQUEST, CANCELLED], ids=["REQUEST", "CANCEL"])
def test_an_invitation_is_an_alternative_and_a_file(calendar: object) -> None:
    file = file_of(calendar)
    message = read(written(calendar=file))
    assert structure(message) == (
        "multipart/mixed",
        [("multipart/alternative", ["text/plain", "text/html", "text/calendar"]), "application/ics"],
    )
    *_, alternative, attached = (part for part in message.walk() if not part.is_multipart())
    assert alternative["Content-Type"].params == {"method": file.method, "charset": "UTF-8"}
    assert f"\r\nMETHOD:{file.method}\r\n".encode() in file.content
    assert alternative["Content-Disposition"] is None
    assert attached["Content-Type"].params == {"name": "invite.ics"}
    assert attached["Content-Disposition"].params == {"filename": "invite.ics"}
    assert attached["Content-Disposition"].content_disposition == "attachment"
    for part in (alternative, attached):
        assert part["Content-Transfer-Encoding"] == "base64"
        assert part.get_payload(decode=True) == file.content
        assert file.content.count(b"\n") == file.content.count(b"\r\n") > 10
        assert file.content.startswith(b"BEGIN:VCALENDAR\r\n")


def test_a_published_agenda_is_a_file_beside_the_words() -> None:
    file = file_of(PUBLISHED, "agenda.ics")
    message = read(written(calendar=file))
    assert structure(message) == (
        "multipart/mixed",
        [("multipart/alternative", ["text/plain", "text/html"]), "text/calendar"],
    )
    *_, attached = message.walk()
    assert attached["Content-Type"].params == {
        "method": "PUBLISH", "charset": "UTF-8", "name": "agenda.ics",
    }  # fmt: skip
    assert attached["Content-Disposition"].params == {"filename": "agenda.ics"}
    assert attached.get_payload(decode=True) == file.content


@pytest.mark.parametrize("calendar", [REQUEST, CANCELLED], ids=["REQUEST", "CANCEL"])
def test_what_asks_nobody_is_a_mere_file_beside_an_invitation(calendar: object) -> None:
    """Of two parts that are text/calendar, Thunderbird shows the last alone."""
    beside = file_of(PUBLISHED, "agenda.ics")
    message = read(written(calendar=file_of(calendar), beside=beside))
    assert structure(message) == (
        "multipart/mixed",
        [
            ("multipart/alternative", ["text/plain", "text/html", "text/calendar"]),
            "application/ics",
            "application/ics",
        ],
    )
    *_, attached = message.walk()
    assert attached["Content-Type"].params == {"method": "PUBLISH", "name": "agenda.ics"}
    assert attached["Content-Disposition"].params == {"filename": "agenda.ics"}
    assert attached.get_payload(decode=True) == beside.content


def test_every_boundary_stands_where_it_should_and_nowhere_else() -> None:
    text = "--=_0_seed\n--=_1_seed--\n=_0_seed\n" * 3
    raw = written(text=text, html=text, calendar=file_of(REQUEST), seed="seed")
    assert raw.count(b"--=_0_seed") == 3
    assert raw.count(b"--=_1_seed") == 4
    assert read(raw).get_body(("plain",)).get_content().split() == text.split()  # type: ignore[union-attr]


# ── headers ──────────────────────────────────────────────────────────────────────────────────────────────────

HEADERS = {"Auto-Submitted": "auto-generated", "List-Unsubscribe": UNSUBSCRIBE, "X-Note": ""}


def test_the_headers_are_those_intended_and_no_other() -> None:
    raw = written(headers=HEADERS)
    assert raw.partition(b"\r\n\r\n")[0].decode().split("\r\n") == [
        "From: Conference Secretariat <secretariat@conference.example>",
        "To: Ana Novak <ana@prosecution.example>",
        "Subject: An invitation",
        "Date: Mon, 11 Jan 2027 08:00:00 +0000",
        "Message-ID: <1@conference.example>",
        "Content-Language: en",
        "Auto-Submitted: auto-generated",
        f"List-Unsubscribe: {UNSUBSCRIBE}",
        "X-Note: ",
        "MIME-Version: 1.0",
        'Content-Type: multipart/alternative; boundary="=_0_0123456789abcdef"',
    ]
    assert parsedate_to_datetime(read(raw)["Date"]) == datetime(2027, 1, 11, 8, tzinfo=UTC)


def test_a_long_unsubscribe_link_is_one_line_of_ascii() -> None:
    assert f"\r\nList-Unsubscribe: {UNSUBSCRIBE}\r\n".encode() in written(headers=HEADERS)
    assert len(UNSUBSCRIBE) > 200


@pytest.mark.parametrize(
    "value",
    ["a\r\nBcc: e@x", "a\nb", "a\rb", "a\x00", "ü", "a\u2028b", "x" * LONGEST_LINE],
    ids=["CRLF", "LF", "CR", "NUL", "ü", "U+2028", "long"],
)
def test_a_header_that_cannot_stand_as_it_is_is_refused(value: str) -> None:
    with pytest.raises(UnsafeLetter, match="X-Note"):
        written(headers={"X-Note": value})


def test_a_header_cannot_take_the_place_of_another() -> None:
    with pytest.raises(UnsafeLetter):
        written(headers={"To": "somebody.else@x.example"})
    with pytest.raises(UnsafeLetter):
        written(headers={"X-Note": "a", "X-Note: b\r\nBcc": "e@x.example"})
    with pytest.raises(UnsafeLetter, match="not those intended"):
        written(headers={"No name": "after which a reader sees no header any more"})


# ── names and subjects ───────────────────────────────────────────────────────────────────────────────────────

NAMES = [
    "Ana Novak",
    "Novak, Ana",
    "Ana (the hawk) Novak",
    'Ana "the hawk" Novak',
    "Ana \\ Novak",
    "ana@prosecution.example",
    "Novak; Ana: <ana@elsewhere.example>",
    "Dr. Ana Novak",
    "O'Brien",
    "Ana  Novak",
    " Ana ",
    "",
    "ليلى حداد",
    "Ж" * 100,
    "Ana " * 60 + "Novak",
    "x" * 300,
    "😀" * 60,
    "é" * 25 + " " + "é" * 200,
    "a\u00a0b",
    "\u202eNovak",
    "{{7*7}} <script>",
    "=?utf-8?q?x=0ABcc=3A_e=40x?=",
    "=?utf-8?q?x=0D=0ABcc=3A_e=40x.example?= =?utf-8?b?DQpCY2M6IGVAeA==?=",
    "=?utf-8?q?Jos=C3=A9?=",
    "=?utf-8?b?abcde?=",
    "=?nonsense?q?x?=",
    "a =?= b",
]


def decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_reads_back_as_it_is(name: str) -> None:
    raw = written(
        reader=Mailbox(name=name, address=READER.address), sender=Mailbox(name=name, address=SENDER.address)
    )
    message = message_from_bytes(raw, policy=compat32)
    assert message.keys() == read(written()).keys()
    for header, mailbox in (("To", READER), ("From", SENDER)):
        value = re.sub(r"\r\n", "", str(message[header]))
        ((shown, address),) = getaddresses([value])
        assert (decoded(shown), address) == (name, mailbox.address)
    assert all(len(line) <= 78 for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))


@pytest.mark.parametrize("name", [name for name in NAMES if len(name) < 50 and "  " not in name])
def test_a_name_reads_back_with_the_newer_parser_too(name: str) -> None:
    (address,) = read(written(reader=Mailbox(name=name, address=READER.address)))["To"].addresses
    assert (address.display_name, address.addr_spec) == (name, READER.address)


@pytest.mark.parametrize("subject", NAMES)
def test_a_subject_reads_back_as_it_is(subject: str) -> None:
    raw = written(subject=subject)
    message = message_from_bytes(raw, policy=compat32)
    assert message.keys() == read(written()).keys()
    assert decoded(re.sub(r"\r\n", "", str(message["Subject"]))) == subject
    assert read(raw)["Subject"] == subject
    assert all(len(line) <= 78 for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))


BREAKS = [
    "\r",
    "\n",
    "\r\nBcc: e@x.example",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x7f",
    "\x85",
    "\u2028",
    "\u2029",
]


@pytest.mark.parametrize("stranger", [*BREAKS, "\ud800"], ids=ascii)
def test_what_could_break_a_line_is_refused(stranger: str) -> None:
    text = f"Ana{stranger}Novak"
    with pytest.raises(UnsafeLetter, match=r"Subject holds .* could break"):
        written(subject=text)
    with pytest.raises(UnsafeLetter, match=r"To holds .* could break"):
        written(reader=Mailbox(name=text, address=READER.address))
    with pytest.raises(UnsafeLetter, match=r"From holds .* could break"):
        written(sender=Mailbox(name=text, address=SENDER.address))


@pytest.mark.parametrize(
    "address",
    [
        "a@x>\r\nBcc: <e@x",
        "a@x, b@y",
        "<a@x>b@y",
        "a@x> (comment) <b@y",
        "ana",
        "",
        "=?utf-8?b?abcde?= <e@x>",
        "a:b@x;",
        "ana@x.example\u2028",
    ],
)
def test_an_address_that_is_not_one_is_refused(address: str) -> None:
    with pytest.raises(UnsafeLetter):
        written(reader=Mailbox(name="Ana", address=address))
    with pytest.raises(UnsafeLetter):
        written(sender=Mailbox(name="Ana", address=address))


def test_an_address_beyond_ascii_is_written_in_utf8() -> None:
    raw = written(reader=Mailbox(name="Jürgen", address="jürgen@institute.example"))
    assert "To: =?utf-8?q?J=C3=BCrgen?= <jürgen@institute.example>\r\n".encode() in raw
    (address,) = message_from_string(raw.decode(), policy=SMTP)["To"].addresses
    assert (address.display_name, address.addr_spec) == ("Jürgen", "jürgen@institute.example")
    assert written().isascii()


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "trailing space \nand tab\t\n",
        "From me\n From you\nFrom\n" + "From " + "x" * 71 + "\nFrom " * 3 + "\n",
        ".\n..\n.\n",
        "\n\n\n",
        "x" * 10_000 + "\n",
        "😀" * 3000 + "\n",
        "=20 = =\n",
        "a\u2028b\x0bc\x85d\n",
        "\u202eright to left\n",
        "{{7*7}} <script>alert(1)</script>\n",
        "\n",
    ],
)
def test_words_read_back_as_they_are(text: str) -> None:
    raw = written(text=text, html=text)
    for kind in ("plain", "html"):
        part = read(raw).get_body((kind,))
        assert part
        assert part.get_content() == text.replace("\n", "\r\n")
    assert max(map(len, lines_of(raw))) <= 78
    assert not re.search(rb"(?m)^(From |\.\r$)|[ \t]\r$", raw.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_becomes_crlf(end: str) -> None:
    part = read(written(text=f"one{end}two{end}{end}three")).get_body(("plain",))
    assert part
    assert part.get_content() == "one\r\ntwo\r\n\r\nthree\r\n"


def test_words_that_are_no_text_do_not_stop_a_letter() -> None:
    part = read(written(text="half \ud83d a pair")).get_body(("plain",))
    assert part
    assert part.get_content() == "half ? a pair\r\n"


# ── whatever comes ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_message_is_the_same_bytes() -> None:
    letters = {written(subject="Ж", calendar=file_of(REQUEST), headers=HEADERS) for _ in range(3)}
    assert len(letters) == 1
    assert written(seed="1") != written(seed="2")


ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=300)
ONE_LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=150
)  # what could break a line is refused, and tried above


@settings(max_examples=150)
@given(text=ANY_TEXT, html=ANY_TEXT, subject=ONE_LINE, name=ONE_LINE, with_file=st.booleans())
def test_any_words_make_a_message_that_can_be_carried(
    text: str, html: str, subject: str, name: str, with_file: bool
) -> None:
    raw = written(
        text=text,
        html=html,
        subject=subject,
        reader=Mailbox(name=name, address=READER.address),
        calendar=file_of(REQUEST) if with_file else None,
    )
    assert raw.isascii()
    assert b"\x00" not in raw
    assert max(map(len, lines_of(raw))) <= LONGEST_LINE
    message = message_from_bytes(raw, policy=compat32)
    assert message.keys() == read(written()).keys()
    assert decoded(re.sub(r"\r\n", "", str(message["Subject"]))) == subject
    ends = re.compile(r"\r\n?|\n")
    words = [
        part.get_payload(decode=True) for part in message.walk() if part.get_content_maintype() == "text"
    ][:2]
    for given_text, arrived in zip((text, html), words, strict=True):
        assert isinstance(arrived, bytes)
        assert arrived.decode().removesuffix("\r\n") == ends.sub("\r\n", given_text).removesuffix("\r\n")


# ── quick ways ───────────────────────────────────────────────────────────────────────────────────────────────

ADDRESSES = st.one_of(
    st.sampled_from(
        [READER.address, "o'b+a=c@x.example", f"{'l' * 60}@x.example", "a..b@x.example", "é@x.example"]
    ),
    st.emails(),
)
SCRIPTED = st.one_of(
    ONE_LINE,
    st.sampled_from(NAMES),
    st.text(st.sampled_from('Жעé ש東😀a,"\\'), max_size=70),
    st.text(st.sampled_from("abc XYZ.,-'()\"\\@;:<>"), max_size=70),
)


@settings(max_examples=300)
@given(name=SCRIPTED, address=ADDRESSES)
def test_a_reader_is_written_quickly_only_as_the_standard_library_writes_it(name: str, address: str) -> None:
    line = quick_reader_line(name, address)
    if line is None:
        return
    plain = re.fullmatch(r"[!-~]{1,60}( [!-~]{1,60})*", name) and "=?" not in name
    words = name
    if plain and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", name):
        words = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    phrase = Header(words, "us-ascii" if plain else "utf-8", header_name="To", maxlinelen=76).encode(
        linesep="\r\n"
    )
    last = f"To: {phrase}".rpartition("\n")[2]
    space = " " if len(last) + 3 + len(address) <= 76 else "\r\n "
    assert line == f"To: {phrase}{space}<{address}>\r\n".encode()
    message = message_from_string(line.decode() + "\r\n", policy=compat32)
    assert message.keys() == ["To"]
    ((shown, found),) = getaddresses([re.sub("\r\n", "", str(message["To"]))])
    assert (decoded(shown), found) == (name, address)


SUBJECTS = st.one_of(SCRIPTED, st.lists(SCRIPTED, max_size=6).map(" ".join), st.text(max_size=200))


@settings(max_examples=500)
@given(subject=SUBJECTS)
def test_a_subject_is_written_quickly_only_as_the_standard_library_writes_it(subject: str) -> None:
    if line := quick_subject_line(subject):
        assert line == subject_line(subject)
        message = message_from_string(line.decode() + "\r\n", policy=compat32)
        assert message.keys() == ["Subject"]
        assert decoded(re.sub("\r\n", "", str(message["Subject"]))) == subject


@pytest.mark.parametrize(
    "subject",
    ["An invitation", "An invitation " * 20 + "!", "Einladung für Jürgen " * 9 + "!", "دعوة " * 40 + "!"],
)
def test_ordinary_subjects_are_written_quickly(subject: str) -> None:
    assert quick_subject_line(subject) == subject_line(subject)


@pytest.mark.parametrize("name", ["Ana Novak", "Dr. Novak, Ana", "ليلى حداد", "Ж" * 50, "Jürgen Müller"])
def test_ordinary_names_are_written_quickly(name: str) -> None:
    assert quick_reader_line(name, READER.address)


@pytest.mark.parametrize("name", ["", "=?utf-8?q?x?=", "x" * 61, "é" * 31, *(f"A{stop}" for stop in BREAKS)])
def test_extraordinary_ones_are_not(name: str) -> None:
    line = quick_reader_line(name, READER.address)
    assert line is None or b"=?utf-8?" in line


@pytest.mark.parametrize(
    "address", ["=?utf-8?q?x?=@x.example", "a..b@x.example", "é@x.example", "a@x>\r\nBcc: <e@x"]
)
def test_nor_are_readers_at_extraordinary_addresses(address: str) -> None:
    assert quick_reader_line("Ana", address) is None


@given(st.lists(ANY_TEXT))
def test_lines_are_quoted_one_by_one_as_together(lines: list[str]) -> None:
    lines = [" ".join(line.splitlines()) + "\r\n" for line in lines]
    assert b"".join(map(quoted, lines)) == quoted("".join(lines))


@given(st.binary(max_size=500))
def test_base64_is_that_of_the_standard_library(octets: bytes) -> None:
    assert base64_lines(octets) == base64.encodebytes(octets).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("calendar", "file"), [(None, ""), (REQUEST, "invite.ics"), (PUBLISHED, "agenda.ics")]
)
def test_what_was_written_is_read_back(name: str, calendar: object, file: str) -> None:
    attached = file_of(calendar, file) if calendar else None
    found = read_back(
        written(subject=name or "x", text="é\n\nx\n", html="<p>From é</p>\n", calendar=attached)
    )
    assert (found.subject, found.language, found.calendar) == (name or "x", "en", attached)
    assert (found.text, found.html) == ("é\n\nx\n", "<p>From é</p>\n")


FILE_NAMES = [
    "programme.pdf",
    "Programme of the day; (final), 'v2' = 100%.pdf",
    "Einführung.pdf",
    "برنامج المؤتمر.pdf",
    "日程表.xlsx",
    "x" * 54 + ".pdf",
    "Überblick über alle Räume, Säle und Gänge des Hauses – für die Gäste.pdf",
    "نیم\u200cفاصله.pdf",
    "😀" * 30 + ".png",
]


@pytest.mark.parametrize("name", FILE_NAMES)
def test_an_attached_file_is_what_its_reader_saves_under_its_own_name(name: str) -> None:
    content = bytes(range(256)) * 3
    files = (
        AttachedFile(name=name, media_type="application/pdf", content=content),
        AttachedFile(name="b.txt", media_type='text/plain; charset="utf-8"', content=b"x"),
    )
    for calendar, file in ((None, ""), (REQUEST, "invite.ics"), (PUBLISHED, "agenda.ics")):
        raw = written(calendar=file_of(calendar, file) if calendar else None, attached=files)
        message = message_from_bytes(raw, policy=SMTP)
        *others, first, second = (part for part in message.walk() if not part.is_multipart())
        assert message.get_content_type() == "multipart/mixed"
        assert [part.get_content_type() for part in others][:2] == ["text/plain", "text/html"]
        assert len(others) == 2 + {"": 0, "invite.ics": 2, "agenda.ics": 1}[file]
        assert (first.get_filename(), first.get_content_disposition()) == (name, "attachment")
        assert (first.get_content_type(), first["Content-Transfer-Encoding"]) == ("application/pdf", "base64")
        assert first.get_payload(decode=True) == content
        assert (second.get_filename(), second.get_payload(decode=True)) == ("b.txt", b"x")
        parts = raw[raw.index(b"Content-Disposition: attachment;\r\n") :]
        assert all(len(line) <= 78 for line in parts.split(b"\r\n"))
        assert parts.isascii()


def test_a_name_is_parted_between_characters_and_said_to_be_utf_8() -> None:
    """RFC 2231 3 and 4."""
    assert file_name("a b.pdf") == 'filename="a b.pdf"'
    assert file_name("ü.pdf") == "filename*=utf-8''%C3%BC.pdf"
    first, *others = file_name("ü" * 30 + ".pdf").split(";\r\n ")
    assert first == "filename*0*=utf-8''" + "%C3%BC" * 9
    assert [each.partition("=")[0] for each in others] == ["filename*1*", "filename*2*", "filename*3*"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"), exclude_characters='\\/:*?"<>|'),
               min_size=1, max_size=120))  # fmt: skip
def test_any_name_is_read_back_as_it_went_in(name: str) -> None:
    part = AttachedFile(name=name, media_type="application/pdf", content=b"x").part
    assert message_from_bytes(part, policy=compat32).get_filename() == name or name != name.strip()


def test_what_a_letter_says_is_read_back_without_its_files() -> None:
    files = (AttachedFile(name="a.pdf", media_type="application/pdf", content=b"--=_0_0123456789abcdef" * 9),)
    for calendar in (None, file_of(REQUEST, "invite.ics"), file_of(PUBLISHED, "agenda.ics")):
        assert read_back(written(calendar=calendar, attached=files)) == read_back(written(calendar=calendar))

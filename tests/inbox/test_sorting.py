"""What a mail is taken for, and in which order: mistakes are made where they cost least."""

import base64

import pytest

from mailer.inbox import sorting
from mailer.inbox.sorting import Kind, Mail, Unreadable, heard, told
from tests.inbox import mails
from tests.inbox.mails import mail

UID = "0123456789abcdef0123456789abcdef@conference.example"
ANA = "ana.novak@prosecution.example"
RETURNS = "returns+1a-abcdefghijklmnop@conference.example"
ANSWER = mails.calendar("REPLY", UID, ANA)


def attached(kind: str, content: bytes, name: str = "", *, headers: str = "") -> bytes:
    """A mail with a text and one attachment, in base64."""
    disposition = f'Content-Disposition: attachment; filename="{name}"\r\n' if name else ""
    return mail(
        f"From: Ana Novak <{ANA}>",
        f"Subject: Answer{headers}",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "See attached.",
        "--b",
        f"Content-Type: {kind}\r\n{disposition}Content-Transfer-Encoding: base64",
        "",
        base64.encodebytes(content).decode(),
        "--b--",
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("text/calendar; method=REPLY", ""),
        ("text/calendar; method=REPLY", "invite.ics"),
        ("application/ics", "invite.ics"),
        ("application/octet-stream", "invite.ics"),
        ("application/octet-stream", "noname"),
        ("application/octet-stream", ""),
        ("text/plain", "meeting.ics"),
        ("text/plain; charset=utf-16", "Meeting.ICS"),
    ],
)
def test_an_answer_is_found_by_whatever_name_it_comes(kind: str, name: str) -> None:
    """B36."""
    found = sorting.sort(attached(kind, ANSWER.encode(), name))
    assert (found.kind, found.reply and found.reply.attendee) == (Kind.ANSWER, ANA)


def test_a_mail_may_be_nothing_but_the_answer() -> None:
    for kind in ("text/calendar; method=REPLY", "text/plain"):
        assert sorting.sort(mail(f"From: {ANA}", f"Content-Type: {kind}", "", ANSWER)).kind is Kind.ANSWER


def test_an_answer_comes_before_every_rule_about_machines() -> None:
    headers = (
        "\r\nAuto-Submitted: auto-generated\r\nPrecedence: bulk\r\nList-Id: <x.example>\r\nReturn-Path: <>"
    )
    found = sorting.sort(attached("text/calendar", ANSWER.encode(), headers=headers))
    assert found.kind is Kind.ANSWER


def test_a_calendar_in_another_charset_is_read() -> None:
    text = mails.calendar("REPLY", UID, ANA, more="COMMENT:Grüße").encode("latin-1")
    found = sorting.sort(attached("text/calendar; charset=iso-8859-1", text))
    assert found.reply
    assert found.reply.comment == "Grüße"


def test_an_answer_that_is_enclosed_in_another_mail_is_not_this_mails() -> None:
    raw = mail(
        f"From: {ANA}", 'Content-Type: multipart/mixed; boundary="b"', "", "--b", "", "I pass this on.", "--b",
        "Content-Type: message/rfc822", "", "Content-Type: text/calendar", "", ANSWER, "--b--",
    )  # fmt: skip
    assert sorting.sort(raw).kind is Kind.QUESTION


@pytest.mark.parametrize(("mark", "partstat"), sorting.TNEF_ANSWERS)
def test_an_answer_in_a_winmail_dat_is_recognised_and_shown(mark: bytes, partstat: str) -> None:
    """B36."""
    octets = b"\x78\x9f\x3e\x22" + mark + b"\0" * 40 + b"vCal-Uid\x01\x00\x00\x00" + UID.encode() + b"\0"
    found = sorting.sort(attached("application/ms-tnef", octets, "winmail.dat"))
    assert (found.kind, found.reply and (found.reply.partstat, found.reply.attendee, found.reply.uid)) == (
        Kind.ANSWER,
        (partstat, ANA, UID),
    )
    assert found.reply
    assert "winmail.dat" in found.reply.trouble


def test_a_winmail_dat_that_is_no_answer_is_not_lost() -> None:
    assert (
        sorting.sort(attached("application/ms-tnef", b"\x78\x9f\x3e\x22", "winmail.dat")).kind
        is Kind.QUESTION
    )
    alone = mail(f"From: {ANA}", "Content-Type: application/ms-tnef", "", "x\x9f>")
    assert sorting.sort(alone).why == "what it says is in a winmail.dat, which only Outlook reads"


def test_what_a_mail_says_of_itself_is_told_and_heard() -> None:
    raw = mail(
        "From: =?utf-8?q?=C3=81na?= Novak <Ana.Novak@prosecution.example>",
        f"To: Returns <{RETURNS.upper()}>",
        "Subject: =?utf-8?b?R3LDvMOfZQ==?= and\r\n more",
        "Message-ID: <1@prosecution.example>",
        "In-Reply-To: <b@conference.example>",
        "References: <a@conference.example>\r\n <b@conference.example>",
        "",
        "Where is\r\nthe entrance?",
        "returns+2-bbbbbbbbbbbbbbbb@conference.example",
    )
    found = sorting.sort(raw)
    assert found == Mail(
        kind=Kind.QUESTION,
        why="a person wrote it",
        sender="Ana.Novak@prosecution.example",
        sender_name="Ána Novak",
        subject="Grüße and more",
        message_id="<1@prosecution.example>",
        references=("<a@conference.example>", "<b@conference.example>"),
        addressed=("1a-abcdefghijklmnop",),
        mentioned=("1a-abcdefghijklmnop", "2-bbbbbbbbbbbbbbbb"),
        text="Where is\nthe entrance?\nreturns+2-bbbbbbbbbbbbbbbb@conference.example\n",
    )
    assert heard(told(found)) == found


@pytest.mark.parametrize("raw", [attached("text/calendar", ANSWER.encode()), mails.report(RETURNS, ANA)])
def test_answers_and_reports_are_told_and_heard(raw: bytes) -> None:
    found = sorting.sort(raw)
    assert heard(told(found)) == found


@pytest.mark.parametrize(
    ("subject", "text", "kind"),
    [
        ("Unsubscribe", "", Kind.UNSUBSCRIBE),
        ("Re: STOP!", "Ana", Kind.UNSUBSCRIBE),
        ("AW: Invitation", "Abmelden bitte\n\nOn Monday you wrote", Kind.UNSUBSCRIBE),
        ("Re: Invitation", "se désabonner", Kind.UNSUBSCRIBE),
        ("Re: Invitation", "Отписаться", Kind.UNSUBSCRIBE),
        ("Please do not stop", "I like it", Kind.QUESTION),
        ("Re: Invitation", "How can I unsubscribe my colleague?", Kind.QUESTION),
    ],
)
def test_a_wish_to_stop_is_all_that_is_said(subject: str, text: str, kind: Kind) -> None:
    assert (
        sorting.sort(
            mails.written(ANA, RETURNS, "x", text).replace(b"Subject: x", b"Subject: " + subject.encode())
        ).kind
        is kind
    )


def test_html_alone_is_read_without_its_tags() -> None:
    raw = mail(f"From: {ANA}", "Content-Type: text/html", "", "<style>p{}</style><p>Where is<br>it?</p>")
    found = sorting.sort(raw)
    assert (found.kind, found.text.split()) == (Kind.QUESTION, ["Where", "is", "it?"])


def test_nothing_is_unknown() -> None:
    assert sorting.sort(b"").kind is Kind.UNKNOWN


def test_what_is_built_to_break_readers_is_refused() -> None:
    with pytest.raises(Unreadable, match="lines that could part it"):
        sorting.sort(mails.POISONS["100,000 parts"]())
    with pytest.raises(Unreadable, match="more than 500 parts"):
        sorting.sort(mails.POISONS["5,000 parts"]())

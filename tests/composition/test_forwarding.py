"""A question passed on: it threads, it is answered to whoever asked, and no stranger's byte breaks it."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.composition.forwarding import Question, forwarded
from mailer.composition.message import Mailbox
from mailer.errors import UnsafeLetter

SENDER = Mailbox(name="Conference Secretariat", address="secretariat@conference.example")
READER = Mailbox(name="", address="help@conference.example")
RAW = b"From: Ana Novak <ana.novak@prosecution.example>\r\nSubject: My visa\r\n\r\nCould you send a letter?\r\n.\r\n"
QUESTION = Question(
    asker=Mailbox(name="Ana Novak", address="ana.novak@prosecution.example"),
    subject="My visa",
    text="Could you send a letter?",
    message_id="<2@prosecution.example>",
    references=("<1@conference.example>",),
    raw=RAW,
)


def passed_on(question: Question) -> Message:
    raw = forwarded(
        question,
        sender=SENDER,
        reader=READER,
        message_id="<0123456789abcdef0123456789abcdef@conference.example>",
        dated_at=datetime(2027, 1, 14, 9, tzinfo=UTC),
    )
    assert not {b"\r", b"\n"} & set(raw.replace(b"\r\n", b"").split())
    return message_from_bytes(raw, policy=compat32)


def parts(question: Question) -> list[Any]:
    found = passed_on(question).get_payload()
    assert isinstance(found, list)
    return found


def test_it_threads_and_is_answered_to_whoever_asked() -> None:
    found = passed_on(QUESTION)
    assert dict(found.items()) | {"Content-Type": ""} == {
        "From": "Conference Secretariat <secretariat@conference.example>",
        "To": "<help@conference.example>",
        "Reply-To": "<ana.novak@prosecution.example>",
        "Subject": "Fwd: My visa",
        "Date": "Thu, 14 Jan 2027 09:00:00 +0000",
        "Message-ID": "<0123456789abcdef0123456789abcdef@conference.example>",
        "In-Reply-To": "<2@prosecution.example>",
        "References": "<1@conference.example>\r\n <2@prosecution.example>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "1.0",
        "Content-Type": "",
    }


def test_the_mail_is_enclosed_as_it_came() -> None:
    words, enclosed = parts(QUESTION)
    assert "> Could you send a letter?" in words.get_payload(decode=True).decode()
    assert enclosed.get_content_type() == "message/rfc822"
    assert enclosed.get_payload()[0]["Subject"] == "My visa"


@pytest.mark.parametrize(
    "raw", [b"Subject: \xc3\xa4\r\n\r\nx", b"\r\n" + b"x" * 2000, b"\r\n\0", bytes(range(256))]
)
def test_what_cannot_stand_in_a_mail_goes_as_a_file(raw: bytes) -> None:
    _, enclosed = parts(replace(QUESTION, raw=raw))
    assert enclosed.get_filename() == "question.eml"
    assert enclosed.get_payload(decode=True) == raw


def test_whoever_has_no_plain_address_cannot_be_answered() -> None:
    for address in ("", "a b@prosecution.example", "x@y>\r\nBcc: z@z", "ä@prosecution.example"):
        with pytest.raises(UnsafeLetter):
            passed_on(replace(QUESTION, asker=Mailbox(name="", address=address)))


@given(
    name=st.text(max_size=60),
    subject=st.text(max_size=300),
    text=st.text(max_size=300),
    raw=st.binary(max_size=300),
)
@settings(max_examples=150)
def test_no_strangers_text_becomes_a_header(name: str, subject: str, text: str, raw: bytes) -> None:
    hostile = replace(QUESTION, subject=subject, text=text, raw=raw, references=(subject, "<a\r\nb@c>"))
    hostile = replace(hostile, asker=Mailbox(name=name, address=QUESTION.asker.address))
    found = passed_on(hostile)
    assert found.keys() == passed_on(QUESTION).keys()
    assert len(found.get_payload()) == 2

"""One letter, whole: the same bytes for the same facts, and what it tells other machines."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from mailer.agenda.model import CalendarPart, Mailing, MailingKind
from mailer.composition import wording
from mailer.composition.composing import Composed, Sender, compose, message_id_of
from mailer.composition.links import Signer
from mailer.errors import UnsafeLetter
from mailer.recipients.model import Recipient
from tests import conference
from tests.conference import EVENT, MAILINGS, PRACTITIONER, RECIPIENTS, SESSIONS

ROOT = Path(__file__).parents[2]
TEXTS = wording.load(ROOT / "templates")
SIGNER = Signer(b"a secret key for the tests alone")
DUE_AT = datetime(2027, 2, 24, 8, 0, tzinfo=UTC)
LETTER: dict[str, Any] = {
    "version": conference.version(),
    "mailing": EVENT.mailing("invitation"),
    "anchor": "event",
    "recipient": PRACTITIONER,
    "due_at": DUE_AT,
    "dated_at": DUE_AT + timedelta(minutes=3),
    "texts": TEXTS,
    "sender": Sender(signer=SIGNER, base_url="https://conference.example"),
}


def composed(**facts: Any) -> Composed:
    return compose(**(LETTER | facts))


def read(letter: Composed) -> EmailMessage:
    return message_from_bytes(letter.raw, policy=SMTP)


def anchor_of(mailing: Mailing) -> str:
    return "session-2" if mailing.kind is MailingKind.SESSION_REMINDER else "event"


EVERY_MAILING = pytest.mark.parametrize("mailing", MAILINGS, ids=lambda mailing: mailing.key)


@EVERY_MAILING
@pytest.mark.parametrize("recipient", RECIPIENTS, ids=lambda recipient: recipient.address)
def test_every_mailing_is_composed_for_everybody(mailing: Mailing, recipient: Recipient) -> None:
    letter = composed(mailing=mailing, anchor=anchor_of(mailing), recipient=recipient)
    message = read(letter)
    assert message["Subject"] == letter.subject
    assert message["Content-Language"] == letter.language
    assert letter.language in {recipient.language, "en"}
    for kind, words in (("plain", letter.text), ("html", letter.html)):
        part = message.get_body((kind,))
        assert part
        assert part.get_content().splitlines() == words.splitlines()
    (reader,) = message["To"].addresses
    assert (reader.display_name, reader.addr_spec) == (recipient.name, recipient.address)
    (sender,) = message["From"].addresses
    assert sender.addr_spec == letter.return_path == EVENT.organiser.address
    assert bool(letter.calendar) is (mailing.calendar is not CalendarPart.NONE)


@EVERY_MAILING
def test_nobody_else_is_named(mailing: Mailing) -> None:
    raw = composed(mailing=mailing, anchor=anchor_of(mailing)).raw
    for other in RECIPIENTS:
        assert (other.address.encode() in raw) is (other is PRACTITIONER)


# ── the same bytes ───────────────────────────────────────────────────────────────────────────────────────────


@EVERY_MAILING
def test_the_same_letter_is_the_same_bytes(mailing: Mailing) -> None:
    facts = {"mailing": mailing, "anchor": anchor_of(mailing), "recipient": conference.EXPERT}
    assert composed(**facts) == composed(**facts)


def test_another_process_composes_the_same_bytes() -> None:
    script = (
        "import sys; from tests.composition.test_composing import composed;"
        "sys.stdout.buffer.write(composed().raw)"
    )
    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "TZ": "Pacific/Auckland"},
        )
        assert told.stdout == composed().raw


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("anchor", "session-1"),
        ("due_at", DUE_AT + timedelta(microseconds=1)),
        ("recipient", PRACTITIONER.model_copy(update={"address": "a.novak@prosecution.example"})),
        ("mailing", EVENT.mailing("reminder")),
        ("version", conference.version(EVENT.model_copy(update={"key": "cybercrime-2028"}))),
        (
            "sender",
            Sender(signer=Signer(b"another key of the same length.."), base_url="https://conference.example"),
        ),
    ],
)
def test_each_part_of_a_letters_identity_makes_another_message_id(name: str, value: object) -> None:
    mailing = EVENT.mailing("session-reminder") if name == "anchor" else LETTER["mailing"]
    before = composed(mailing=mailing, anchor="session-2" if name == "anchor" else "event")
    assert composed(**({"mailing": mailing} | {name: value})).message_id != before.message_id


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dated_at", DUE_AT + timedelta(days=1)),
        ("version", conference.version(number=2, published_at=DUE_AT)),
        ("recipient", PRACTITIONER.model_copy(update={"given_name": "Anna"})),
    ],
)
def test_what_only_changes_its_words_leaves_the_message_id(name: str, value: object) -> None:
    changed = composed(**{name: value})
    assert changed.message_id == composed().message_id
    assert changed.raw != composed().raw


def test_a_message_id_is_opaque_and_can_be_foretold() -> None:
    letter = composed()
    assert letter.message_id == message_id_of(SIGNER, EVENT, "invitation", "event", DUE_AT, PRACTITIONER)
    assert read(letter)["Message-ID"] == letter.message_id
    local, _, domain = letter.message_id.strip("<>").partition("@")
    assert (len(bytes.fromhex(local)), domain) == (16, "conference.example")


# ── headers ──────────────────────────────────────────────────────────────────────────────────────────────────


@EVERY_MAILING
def test_the_headers_of_automatic_mail(mailing: Mailing) -> None:
    letter = composed(mailing=mailing, anchor=anchor_of(mailing))
    message = read(letter)
    assert message.keys() == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Content-Language",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "List-Id",
        "List-Unsubscribe",
        "Feedback-ID",
        "List-Unsubscribe-Post",
        "MIME-Version",
        "Content-Type",
    ]
    unsubscribe = SIGNER.links(
        "https://conference.example", SIGNER.handle(EVENT.key, PRACTITIONER.address), ()
    ).unsubscribe
    assert [message[name] for name in message.keys()[6:12]] == [
        "auto-generated",
        "OOF, AutoReply",
        "<cybercrime-2027.conference.example>",
        f"<{unsubscribe}>",
        f"{mailing.key}:cybercrime-2027:{mailing.kind.value}:convenor",
        "List-Unsubscribe=One-Click",
    ]
    assert message["Date"].datetime == LETTER["dated_at"]
    assert "Precedence" not in message


def test_one_click_is_only_offered_over_https() -> None:
    message = read(composed(sender=Sender(signer=SIGNER, base_url="http://127.0.0.1:8400")))
    assert "List-Unsubscribe-Post" not in message
    assert message["List-Unsubscribe"].startswith("<http://127.0.0.1:8400/u/")


def test_an_address_that_is_too_long_for_a_header_is_refused() -> None:
    with pytest.raises(UnsafeLetter, match="List-Unsubscribe"):
        composed(sender=Sender(signer=SIGNER, base_url=f"https://conference.example/{'x' * 990}"))


# ── the calendar ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "anchor", "name", "method", "anchors"),
    [
        ("invitation", "event", "invite.ics", "REQUEST", ["event"]),
        ("session-reminder", "session-2", "invite.ics", "REQUEST", ["session-2"]),
        ("agenda", "event", "agenda.ics", "PUBLISH", [session.key for session in SESSIONS]),
    ],
)
def test_the_entries_are_those_of_the_file(
    key: str, anchor: str, name: str, method: str, anchors: list[str]
) -> None:
    letter = composed(mailing=EVENT.mailing(key), anchor=anchor)
    assert letter.calendar
    assert (letter.calendar.name, letter.calendar.method) == (name, method)
    calendar = Calendar.from_ical(letter.calendar.content)
    assert calendar["METHOD"] == method
    events = calendar.walk("VEVENT")
    assert [(str(each["UID"]), int(str(each["SEQUENCE"]))) for each in events] == [
        (entry[1], entry[2]) for entry in letter.entries
    ]
    assert [entry[0] for entry in letter.entries] == anchors
    assert {str(each["ORGANIZER"]) for each in events} == {f"mailto:{letter.return_path}"}
    files = [part for part in read(letter).walk() if part.get_filename() == name]
    assert [part.get_payload(decode=True) for part in files] == [letter.calendar.content]


def test_an_entry_is_the_same_in_every_letter() -> None:
    ((_, uid, *_),) = composed(mailing=EVENT.mailing("session-reminder"), anchor="session-2").entries
    assert uid in {entry[1] for entry in composed(mailing=EVENT.mailing("agenda")).entries}


def test_a_letter_without_a_calendar_gives_nobody_an_entry() -> None:
    letter = composed(mailing=EVENT.mailing("report"))
    assert (letter.calendar, letter.entries) == (None, ())


# ── strangers' text ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    ["=?utf-8?q?x=0ABcc=3A_e=40x?=", "Novak, Ana <e@x.example>", "<b>{{7*7}}</b> {x}", '"; ^n, END:VEVENT'],
)
def test_strangers_text_stays_text(text: str) -> None:
    event = EVENT.model_copy(
        update={"title": text, "organiser": EVENT.organiser.model_copy(update={"name": text})}
    )
    recipient = PRACTITIONER.model_copy(update={"given_name": "", "family_name": text})
    letter = composed(version=conference.version(event), recipient=recipient)
    message = read(letter)
    assert message.keys() == read(composed()).keys()
    assert [each.display_name for each in (*message["To"].addresses, *message["From"].addresses)] == [
        text
    ] * 2
    assert text in message["Subject"]
    assert text in letter.text
    assert "<b>" not in letter.html
    assert letter.calendar
    (entry,) = Calendar.from_ical(letter.calendar.content).walk("VEVENT")
    assert entry["SUMMARY"] == text


@pytest.mark.parametrize("stranger", ["\r\nBcc: e@x.example", "\u2028", "\x00"], ids=ascii)
def test_a_name_that_slipped_through_the_door_goes_no_further(stranger: str) -> None:
    with pytest.raises(UnsafeLetter):
        composed(recipient=PRACTITIONER.model_copy(update={"family_name": f"Novak{stranger}"}))


def test_the_words_are_the_ones_given() -> None:
    shouting = replace(TEXTS, texts={**TEXTS.texts, "invitation/en.subject.txt": "COME!\n"})
    assert read(composed(texts=shouting))["Subject"] == "COME!"

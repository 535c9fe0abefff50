"""What a server's word means for a letter."""

import re
from dataclasses import replace

import pytest

from mailer.delivery.outcome import (
    CONTENT_REFUSED,
    GREYLISTED,
    MEANINGS,
    QUOTA_USED_UP,
    REFUSED,
    SENDER_REFUSED,
    TOO_FAST,
    UNKNOWN_TO_THE_SERVER,
    Outcome,
    accepted,
    given_back,
    of_broken_line,
    of_reply,
)
from mailer.delivery.reply import Step
from mailer.outbox.letter import Happening

PUT_OFF = Outcome(happening=Happening.PUT_OFF, reply="")


@pytest.mark.parametrize(
    ("code", "happening"),
    [
        (250, Happening.ACCEPTED),
        (251, Happening.ACCEPTED),
        (450, Happening.PUT_OFF),
        (432, Happening.PUT_OFF),
        (452, Happening.PUT_OFF),
        (550, Happening.REFUSED),
        (535, Happening.REFUSED),
        (554, Happening.REFUSED),
    ],
)
def test_the_first_digit_decides(code: int, happening: Happening) -> None:
    assert of_reply(code, "said so") == Outcome(happening=happening, reply=f"{code} said so")


@pytest.mark.parametrize("at", [None, *Step])
def test_421_is_about_the_line(at: Step | None) -> None:
    assert of_reply(421, "", at=at) == Outcome(
        happening=Happening.PUT_OFF, reply="421", recipient_charged=False, line_is_usable=False
    )


@pytest.mark.parametrize("code", [-1, 0, 199, 334, 354, 600])
def test_a_code_that_ends_nothing_is_no_outcome(code: int) -> None:
    with pytest.raises(ValueError, match=f"{code} ends no transaction"):
        of_reply(code, "")


@pytest.mark.parametrize(("dot_sent", "happening"), [(False, Happening.PUT_OFF), (True, Happening.LOST)])
def test_the_dot_makes_the_difference_when_a_line_breaks(dot_sent: bool, happening: Happening) -> None:
    assert of_broken_line("gone", dot_sent=dot_sent) == Outcome(
        happening=happening, reply="gone", recipient_charged=False, line_is_usable=False
    )


def test_a_letter_that_is_given_back_waits_uncharged() -> None:
    assert given_back("not today") == Outcome(
        happening=Happening.RELEASED, reply="not today", recipient_charged=False, line_is_usable=False
    )


def test_the_usual_outcome_is_one_like_others() -> None:
    usual = accepted("250 kept")
    plain = Outcome(happening=Happening.ACCEPTED, reply="250 kept")
    assert (usual, hash(usual), repr(usual)) == (plain, hash(plain), repr(plain))
    assert replace(usual, quota=True) == replace(plain, quota=True) != usual


# ── what replies mean ────────────────────────────────────────────────────────────────────────────────────────

SAID = [
    (Step.MAIL, "550 5.4.5 Daily user sending limit exceeded.", QUOTA_USED_UP),
    (Step.DOT, "550 5.4.5 Daily SMTP relay limit exceeded for user.", QUOTA_USED_UP),
    (Step.RCPT, "550 5.1.90 You have reached your daily limit for message recipients", QUOTA_USED_UP),
    (Step.DOT, "550 5.7.232 trial tenant has exceeded its daily limit", QUOTA_USED_UP),
    (Step.DOT, "550 5.7.233 tenant has exceeded its daily limit", QUOTA_USED_UP),
    (Step.DOT, "550 5.2.2 Submission quota exceeded", QUOTA_USED_UP),
    (Step.DOT, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", QUOTA_USED_UP),
    (Step.DOT, "454 Throttling failure: Daily message quota exceeded", QUOTA_USED_UP),
    (Step.AUTH, "535 5.7.8 Username and Password not accepted", UNKNOWN_TO_THE_SERVER),
    (Step.AUTH, "534 5.7.9 Application-specific password required", UNKNOWN_TO_THE_SERVER),
    (Step.AUTH, "504 5.5.4 unrecognised authentication type", UNKNOWN_TO_THE_SERVER),
    (Step.MAIL, "530 5.7.0 Authentication required", UNKNOWN_TO_THE_SERVER),
    (Step.RCPT, "530 authentication required", UNKNOWN_TO_THE_SERVER),
    (Step.MAIL, "550 5.7.8 log in first", UNKNOWN_TO_THE_SERVER),
    (Step.MAIL, "550 5.7.57 Client was not authenticated to send anonymous mail", UNKNOWN_TO_THE_SERVER),
    (Step.RCPT, "553 5.1.8 Sender address rejected: Domain not found", SENDER_REFUSED),
    (Step.DOT, "550 5.7.60 Client does not have permissions to send as this sender", SENDER_REFUSED),
    (Step.DOT, "554 5.2.252 SendAsDenied; not allowed to send as", SENDER_REFUSED),
    (Step.DOT, "550 5.7.501 Access denied, spam abuse detected", SENDER_REFUSED),
    (Step.DOT, "550 5.7.708 Access denied, traffic not accepted from this IP", SENDER_REFUSED),
    (Step.DOT, "550 5.7.705 Access denied, tenant has exceeded threshold", SENDER_REFUSED),
    (Step.GREETING, "554 no SMTP service here", SENDER_REFUSED),
    (Step.MAIL, "550 5.7.1 not you", SENDER_REFUSED),
    (Step.MAIL, "553 no", SENDER_REFUSED),
    (Step.RCPT, "450 4.2.1 Peak SMTP relay limit exceeded for customer.", TOO_FAST),
    (Step.DOT, "432 4.3.2 Concurrent connections limit exceeded.", TOO_FAST),
    (Step.MAIL, "432 4.3.2 rate limit", TOO_FAST),
    (Step.DOT, "452 4.3.2 Connection rate limit exceeded", TOO_FAST),
    (Step.MAIL, "450 4.7.28 rate limited", TOO_FAST),
    (Step.MAIL, "451 4.7.500 Server busy. Please try again later", TOO_FAST),
    (Step.MAIL, "451 4.7.651 restricted for further evaluation", TOO_FAST),
    (Step.DOT, "550 5.2.253 Sender throttled due to continuous invalid license errors.", TOO_FAST),
    (Step.DOT, "454 Throttling failure: Maximum sending rate exceeded", TOO_FAST),
    (Step.MAIL, "450 4.7.1 Error: too much mail from 192.0.2.1", TOO_FAST),
    (Step.MAIL, "451 too many connections from you", TOO_FAST),
    (Step.RCPT, "450 4.2.0 <ana@x.example>: Recipient address rejected: Greylisted", GREYLISTED),
    (Step.RCPT, "451 4.7.1 come again", GREYLISTED),
    (Step.DATA, "450 4.7.1 come again", GREYLISTED),
    (Step.DOT, "451 4.7.1 Graylisting in action", GREYLISTED),
    (Step.MAIL, "552 5.3.4 too large", CONTENT_REFUSED),
    (Step.DOT, "552 5.3.4 Message size exceeds fixed limit", CONTENT_REFUSED),
    (Step.MAIL, "552 too large", REFUSED),
    (Step.MAIL, "555 what is SIZE", REFUSED),
    (Step.DOT, "554 5.7.1 it is spam", CONTENT_REFUSED),
    (Step.DOT, "554 5.7.9 Message not accepted for policy reasons.", CONTENT_REFUSED),
    (Step.DOT, "550 5.6.0 malformed", CONTENT_REFUSED),
    (Step.DOT, "554 Transaction failed", CONTENT_REFUSED),
    (Step.DOT, "554 5.2.2 mailbox full", REFUSED),
    (Step.DOT, "550 5.1.1 nobody", REFUSED),
    (Step.RCPT, "550 5.1.1 nobody", REFUSED),
    (Step.RCPT, "551 moved", REFUSED),
    (Step.RCPT, "550 5.7.1 not to this list", REFUSED),
    (Step.RCPT, "554 no", REFUSED),
    (Step.RCPT, "452 4.2.2 mailbox full", PUT_OFF),
    (Step.RCPT, "450 4.2.1 The user is receiving mail too quickly", PUT_OFF),
    (Step.RCPT, "451 4.5.1 The recipient has exceeded their message rate limit", PUT_OFF),
    (Step.DOT, "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", PUT_OFF),
    (Step.DOT, "451 4.3.0 try again", PUT_OFF),
    (Step.AUTH, "454 4.7.0 Temporary authentication failure", PUT_OFF),
]


@pytest.mark.parametrize(("step", "said", "meaning"), SAID)
def test_a_reply_means_what_its_table_says(step: Step, said: str, meaning: Outcome) -> None:
    code, _, text = said.partition(" ")
    assert of_reply(int(code), text, at=step) == replace(meaning, reply=said)


def test_every_row_of_the_table_is_the_first_that_fits_somewhere() -> None:
    deciding = set()
    for step, said, _ in [*SAID, *CLOSING]:
        rows = [
            n
            for n, row in enumerate(MEANINGS)
            if step in row.steps and re.match(row.says, said, re.IGNORECASE)
        ]
        deciding.update(rows[:1])
    assert [row.says for n, row in enumerate(MEANINGS) if n not in deciding] == []
    assert all(row.source for row in MEANINGS)


CLOSING = [
    (Step.MAIL, "421 4.7.0 unusual rate of unsolicited mail", TOO_FAST),
    (Step.GREETING, "421 4.7.28 rate limited", TOO_FAST),
    (Step.DOT, "421 4.4.5 Server busy, try again later.", TOO_FAST),
    (Step.GREETING, "421 4.3.2 The maximum number of concurrent connections has exceeded a limit", TOO_FAST),
    (
        Step.RCPT,
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
        TOO_FAST,
    ),
    (Step.MAIL, "421 4.3.2 going down", replace(PUT_OFF, recipient_charged=False)),
]


@pytest.mark.parametrize(("step", "said", "meaning"), CLOSING)
def test_421_closes_the_line_and_may_say_why(step: Step, said: str, meaning: Outcome) -> None:
    assert of_reply(421, said[4:], at=step) == replace(meaning, reply=said, line_is_usable=False)


@pytest.mark.parametrize("meaning", [QUOTA_USED_UP, UNKNOWN_TO_THE_SERVER, SENDER_REFUSED, TOO_FAST])
def test_what_is_not_the_readers_fault_is_not_charged_to_them(meaning: Outcome) -> None:
    assert meaning.happening is Happening.PUT_OFF
    assert not meaning.recipient_charged

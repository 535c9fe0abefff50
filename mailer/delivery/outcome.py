"""What a server's word means for a letter: a reply (RFC 5321 4.2) or a broken line, read as a happening.

What replies mean beyond their first digit is one table of enhanced status codes (RFC 3463, RFC 5248), codes and,
where a provider gives one code to two things, words; each row names its source. What to do about it is not decided
here.
"""

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from mailer.delivery.reply import Step
from mailer.outbox.letter import Happening

_OF_FIRST_DIGIT = {2: Happening.ACCEPTED, 4: Happening.PUT_OFF, 5: Happening.REFUSED}
_CLOSING = 421


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one transaction ended.

    `recipient_charged` is False when the fault was the line's or ours, not the letter's; `line_is_usable` says
    whether the connection can carry the next letter. The rest are facts somebody can act on, False as a rule:
    the letter's content was refused, as others of its mailing would be (`content_refused`); we send too fast or
    over too many lines (`slow_down`); what we may send in a day is used up (`quota`); the server does not know us
    (`auth`), or knows us and will not have us send (`sender_refused`); a stranger shall come again (`greylisted`,
    RFC 6647).
    """

    happening: Happening
    reply: str
    recipient_charged: bool = True
    line_is_usable: bool = True
    content_refused: bool = False
    slow_down: bool = False
    quota: bool = False
    auth: bool = False
    sender_refused: bool = False
    greylisted: bool = False


_NOT_THE_READERS = Outcome(happening=Happening.PUT_OFF, reply="", recipient_charged=False)

REFUSED = Outcome(happening=Happening.REFUSED, reply="")
CONTENT_REFUSED = replace(REFUSED, content_refused=True)
GREYLISTED = Outcome(happening=Happening.PUT_OFF, reply="", greylisted=True)
TOO_FAST = replace(_NOT_THE_READERS, slow_down=True)
QUOTA_USED_UP = replace(_NOT_THE_READERS, quota=True)
UNKNOWN_TO_THE_SERVER = replace(_NOT_THE_READERS, line_is_usable=False, auth=True)
SENDER_REFUSED = replace(_NOT_THE_READERS, line_is_usable=False, sender_refused=True)


class Row(NamedTuple):
    """A reply to one of `steps` that matches `says` (code and text on one line, in any case) has this meaning."""

    steps: frozenset[Step]
    says: str
    meaning: Outcome
    source: str


_ALWAYS = frozenset(Step)
_OPENING = frozenset({Step.GREETING, Step.EHLO, Step.STARTTLS})
_AUTH = frozenset({Step.AUTH})
_MAIL = frozenset({Step.MAIL})
_DOT = frozenset({Step.DOT})
_READER = frozenset({Step.RCPT, Step.DATA})
_LETTER = frozenset({Step.MAIL, Step.RCPT, Step.DATA, Step.DOT})

_GMAIL = "Gmail SMTP errors and codes, support.google.com/a/answer/3726730"
_EXCHANGE = (
    "Non-delivery reports in Exchange Online, learn.microsoft.com/troubleshoot/exchange/email-delivery/ndr"
)
_SUBMISSION = "learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements"
_ERRORS = (
    "learn.microsoft.com/exchange/mail-flow-best-practices/continuous-error-throttling-smtp-auth-submissions"
)
_SES = "docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html"
_POSTFIX = "Postfix, smtpd_client_message_rate_limit and its kin, postfix.org/TUNING_README.html"

MEANINGS = (
    Row(_ALWAYS, r"5\d\d 5\.4\.5\b", QUOTA_USED_UP, _GMAIL),
    Row(_ALWAYS, r"5\d\d 5\.1\.90\b", QUOTA_USED_UP, _EXCHANGE),
    Row(_ALWAYS, r"5\d\d 5\.7\.23[23]\b", QUOTA_USED_UP, _EXCHANGE),
    Row(_ALWAYS, r"5\d\d 5\.2\.2 .*submission quota", QUOTA_USED_UP, _EXCHANGE),
    Row(_ALWAYS, r"5\d\d 5\.2\.0 .*SubmissionQuotaExceeded", QUOTA_USED_UP, _SUBMISSION),
    Row(_ALWAYS, r"454 .*daily message quota exceeded", QUOTA_USED_UP, _SES),
    Row(_AUTH, r"5", UNKNOWN_TO_THE_SERVER, "RFC 4954 4"),
    Row(_ALWAYS, r"53[0458]\b", UNKNOWN_TO_THE_SERVER, "RFC 4954 6"),
    Row(
        _MAIL,
        r"5\d\d 5\.7\.[89]\b",
        UNKNOWN_TO_THE_SERVER,
        "RFC 5248; at the dot, Yahoo has 5.7.9 for content",
    ),
    Row(_ALWAYS, r"5\d\d 5\.7\.57\b", UNKNOWN_TO_THE_SERVER, _EXCHANGE),
    Row(_ALWAYS, r"5\d\d 5\.1\.[78]\b", SENDER_REFUSED, "RFC 3463 3.2; " + _EXCHANGE),
    Row(_ALWAYS, r"5\d\d 5\.7\.60\b", SENDER_REFUSED, "Exchange: no permission to send as this sender"),
    Row(_ALWAYS, r"5\d\d 5\.2\.\d+ .*SendAsDenied", SENDER_REFUSED, _ERRORS),
    Row(_ALWAYS, r"5\d\d 5\.7\.(50[1-3]|511|60[6-9]|6[1-4]\d|705|708)\b", SENDER_REFUSED, _EXCHANGE),
    Row(_OPENING, r"5", SENDER_REFUSED, "RFC 5321 3.1"),
    Row(_ALWAYS, r"421 4\.7\.\d", TOO_FAST, _GMAIL),
    Row(_ALWAYS, r"421 4\.4\.5\b", TOO_FAST, _GMAIL),
    Row(_ALWAYS, r"4\d\d 4\.7\.28\b", TOO_FAST, _GMAIL),
    Row(_ALWAYS, r"450 4\.2\.1 .*relay limit", TOO_FAST, _GMAIL),
    Row(_ALWAYS, r"432 4\.3\.2\b(?!.*recipient thread)", TOO_FAST, _SUBMISSION),
    Row(
        _ALWAYS,
        r"4\d\d 4\.3\.2 .*(concurrent connection|sender thread|connection rate)",
        TOO_FAST,
        _SUBMISSION,
    ),
    Row(_ALWAYS, r"421 4\.4\.2 .*submission rate", TOO_FAST, "Exchange Server, MessageRateLimit"),
    Row(_ALWAYS, r"45\d 4\.7\.(5\d\d|6\d\d|8[5-9]\d)\b", TOO_FAST, _EXCHANGE),
    Row(_ALWAYS, r"5\d\d 5\.2\.25[1-5]\b", TOO_FAST, _ERRORS),
    Row(_ALWAYS, r"454 .*maximum sending rate exceeded", TOO_FAST, _SES),
    Row(_ALWAYS, r"4\d\d 4\.7\.[01] .*error: too (much|many)", TOO_FAST, _POSTFIX),
    Row(
        _ALWAYS,
        r"4\d\d (?!.*recipient).*(rate limit|throttl|too many connections)",
        TOO_FAST,
        "as they say it",
    ),
    Row(_READER | _DOT, r"4\d\d .*gr[ae]y-?list", GREYLISTED, "RFC 6647 5; postgrey, milter-greylist"),
    Row(_READER, r"45[01] 4\.7\.1\b", GREYLISTED, "RFC 6647 5, RFC 5248"),
    Row(_LETTER, r"5\d\d 5\.3\.4\b", CONTENT_REFUSED, "RFC 3463 3.4: too big for the system"),
    Row(_MAIL, r"55[25]\b", REFUSED, "RFC 1870 6, RFC 5321 4.1.1.11: about this letter's size or parameters"),
    Row(_MAIL, r"5", SENDER_REFUSED, "RFC 5321 3.3"),
    Row(_DOT, r"5\d\d 5\.[12]\.", REFUSED, "RFC 3463 3.2, 3.3: about the reader"),
    Row(_DOT, r"5\d\d 5\.[67]\.", CONTENT_REFUSED, "RFC 3463 3.7, 3.8"),
    Row(_DOT, r"554\b", CONTENT_REFUSED, "RFC 5321 4.2.2"),
)
"""The first row that fits is the meaning; without one, the first digit decides (RFC 5321 4.2.1)."""

_COMPILED = tuple((row.steps, re.compile(row.says, re.IGNORECASE), row.meaning) for row in MEANINGS)


def of_reply(code: int, text: str, *, at: Step | None = None) -> Outcome:
    """The outcome a reply states, read by `MEANINGS` when the step is known that it answers, else by its first
    digit: 2xx accepted, 4xx put off, 5xx refused. 421 closes the line, charging nobody.

    Raises:
        ValueError: the code ends nothing.
    """
    if code // 100 not in _OF_FIRST_DIGIT:
        raise ValueError(f"{code} ends no transaction")
    reply = f"{code} {text}".strip()
    outcome = Outcome(happening=_OF_FIRST_DIGIT[code // 100], reply=reply)
    if code >= 400 and at:
        outcome = replace(_meaning(reply, at) or outcome, reply=reply)
    return replace(outcome, recipient_charged=False, line_is_usable=False) if code == _CLOSING else outcome


def _meaning(reply: str, at: Step) -> Outcome | None:
    return next((meaning for steps, says, meaning in _COMPILED if at in steps and says.match(reply)), None)


def accepted(reply: str) -> Outcome:
    """What nearly every letter ends in: an `Outcome` of two facts, the rest as a rule.

    It equals one made by `Outcome(...)`, which sets ten fields of a frozen value one by one.
    """
    outcome = object.__new__(Outcome)
    outcome.__dict__.update(happening=Happening.ACCEPTED, reply=reply)
    return outcome


def of_broken_line(reason: str, *, dot_sent: bool) -> Outcome:
    """Before the dot the server has nothing; after it, nobody can know (RFC 1047)."""
    happening = Happening.LOST if dot_sent else Happening.PUT_OFF
    return Outcome(happening=happening, reply=reason, recipient_charged=False, line_is_usable=False)


def given_back(reason: str) -> Outcome:
    """A letter whose turn never came: it waits as if nothing had been."""
    return Outcome(happening=Happening.RELEASED, reply=reason, recipient_charged=False, line_is_usable=False)

"""What a server's word means for a letter: a reply (RFC 5321 4.2) or a broken line, read as a happening."""

from dataclasses import dataclass, replace

from mailer.outbox.letter import Happening

_OF_FIRST_DIGIT = {2: Happening.ACCEPTED, 4: Happening.PUT_OFF, 5: Happening.REFUSED}
_CLOSING = 421


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one transaction ended.

    `recipient_charged` is False when the fault was the line's, not the letter's; `line_is_usable` says whether
    the connection can carry the next letter.
    """

    happening: Happening
    reply: str
    recipient_charged: bool = True
    line_is_usable: bool = True


def of_reply(code: int, text: str) -> Outcome:
    """The outcome a reply states: 2xx accepted, 4xx put off, 5xx refused; 421 closes the line, charging nobody.

    Raises:
        ValueError: the code ends nothing.
    """
    if code // 100 not in _OF_FIRST_DIGIT:
        raise ValueError(f"{code} ends no transaction")
    return Outcome(
        happening=_OF_FIRST_DIGIT[code // 100],
        reply=f"{code} {text}".strip(),
        recipient_charged=code != _CLOSING,
        line_is_usable=code != _CLOSING,
    )


def of_refused_sender(refusal: Outcome) -> Outcome:
    """A server that will not have us as a sender (530, 550, 553 to MAIL) says nothing of the reader: whatever
    the code, no recipient is charged, and every other letter would fare the same.
    """
    return replace(refusal, happening=Happening.PUT_OFF, recipient_charged=False, line_is_usable=False)


def of_broken_line(reason: str, *, dot_sent: bool) -> Outcome:
    """Before the dot the server has nothing; after it, nobody can know (RFC 1047)."""
    happening = Happening.LOST if dot_sent else Happening.PUT_OFF
    return Outcome(happening=happening, reply=reason, recipient_charged=False, line_is_usable=False)

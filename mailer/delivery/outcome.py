"""What a server's word means for a letter: a reply (RFC 5321 4.2) or a broken line, read as a happening."""

from dataclasses import dataclass

from mailer.outbox.letter import Happening


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one transaction ended. `recipient_charged` is False when the fault was the line's, not the letter's."""

    happening: Happening
    reply: str
    recipient_charged: bool = True

    @property
    def line_is_usable(self) -> bool:
        """Whether the connection can carry the next letter."""
        return self.recipient_charged and self.happening is not Happening.LOST


def of_reply(code: int, text: str) -> Outcome:
    """The outcome a final reply states: 2xx accepted, 4xx put off, 5xx refused; 421 closes the line."""
    reply = f"{code} {text}".strip()
    if 200 <= code < 300:
        return Outcome(happening=Happening.ACCEPTED, reply=reply)
    if 500 <= code < 600:
        return Outcome(happening=Happening.REFUSED, reply=reply)
    return Outcome(happening=Happening.PUT_OFF, reply=reply, recipient_charged=code != 421)


def of_broken_line(reason: str, *, dot_sent: bool) -> Outcome:
    """Before the dot the server has nothing; after it, nobody can know (RFC 1047)."""
    happening = Happening.LOST if dot_sent else Happening.PUT_OFF
    return Outcome(happening=happening, reply=reason, recipient_charged=False)

"""What organisers are told of a letter's states, of what happened to it, and of mails, in words. It decides nothing."""

from collections.abc import Mapping
from types import MappingProxyType

from mailer.errors import ConvenorError
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.schema import Forward

S, H = LetterState, Happening

STATES: Mapping[LetterState, tuple[str, str]] = MappingProxyType(
    {
        S.SENT: ("sent", "good"),
        S.WAITING: ("about to leave", "calm"),
        S.CLAIMED: ("taken up", "calm"),
        S.LEAVING: ("leaving", "calm"),
        S.DEFERRED: ("will be tried again", "quiet"),
        S.FAILED: ("failed", "alarm"),
        S.IN_DOUBT: ("in doubt", "alarm"),
        S.MISSED: ("missed", "alarm"),
        S.SUPPRESSED: ("suppressed", "quiet"),
        S.WITHDRAWN: ("withdrawn", "quiet"),
    }
)
"""A letter's state in words, and how loudly they are said."""

MEANINGS: Mapping[LetterState, str] = MappingProxyType(
    {
        S.SENT: "The server has taken it.",
        S.WAITING: "It is due and will leave in a moment.",
        S.CLAIMED: "The service has taken it up.",
        S.LEAVING: "It is on its way at this moment.",
        S.DEFERRED: "The server, or the line to it, was busy. It is tried again by itself.",
        S.FAILED: "The server refused it for good, or it could not be written.",
        S.IN_DOUBT: "The line broke after it had been handed over: nobody knows whether the server has it.",
        S.MISSED: "It would have come too late to be of use.",
        S.SUPPRESSED: "Its reader has unsubscribed.",
        S.WITHDRAWN: "It was taken back before it left.",
    }
)

HAPPENED: Mapping[Happening, str] = MappingProxyType(
    {
        H.CLAIMED: "Taken up",
        H.RELEASED: "Let go before it left",
        H.INTENDED: "Handed over",
        H.ACCEPTED: "Taken by the server",
        H.PUT_OFF: "Put off",
        H.REFUSED: "Refused",
        H.LOST: "Lost sight of",
        H.REPEATED: "To be sent once more, byte for byte",
        H.FOUND: "Found to have arrived",
        H.NOT_FOUND: "Found not to have arrived",
        H.WITHDRAWN: "Withdrawn",
        H.SUPPRESSED: "Suppressed",
        H.EXPIRED: "No longer of use",
        H.RETRIED: "To be sent again",
    }
)

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "answer": "Answers",
        "bounce": "Bounces",
        "out_of_office": "Out of office",
        "question": "Questions",
        "unsubscribe": "Unsubscribing",
        "automatic": "Other automatic mail",
        "unknown": "Unknown",
    }
)
"""What comes back, in the order in which it is shown."""

FORWARDED: Mapping[Forward, str] = MappingProxyType(
    {
        Forward.NOT: "not forwarded: whoever reads the mailbox answers",
        Forward.WAITING: "waits to be forwarded",
        Forward.LEAVING: "is being forwarded",
        Forward.SENT: "forwarded to whoever answers",
        Forward.FAILED: "could not be forwarded: answer it yourself",
    }
)
"""How far a question is on its way to whoever answers."""


def sentence(error: ConvenorError) -> str:
    """A refusal as it stands beside a form."""
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}."

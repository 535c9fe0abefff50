"""When a letter that was put off is tried again (RFC 5321 4.5.4.1): sooner at first, then ever more rarely.

Five days after the first attempt it is given back. Long before that the organiser is told; how many letters it is
about, the outbox counts.
"""

import hashlib
from datetime import datetime, timedelta

_WAITS = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
)
"""A server that greylists wants some minutes before it takes a letter (RFC 6647 5)."""

_UNCHARGED_WAIT = timedelta(minutes=1)
"""After a fault of the line, which says nothing of the letter: the relay itself is left alone besides."""

_SPREAD = 5  # letters put off together come back over the fifth part of their wait

GIVE_UP_AFTER = timedelta(days=5)
NOTICES = (timedelta(hours=4), timedelta(hours=24))
"""How long a letter has been put off when the organiser is told."""


def retry_at(*, attempts: int, letter_id: int, now: datetime, charged: bool = True) -> datetime:
    """The next try after `attempts` (from 1); up to a fifth later than the table, by the letter, not by chance.

    `charged` is False when the fault was the line's: then it is a minute, whatever went before.
    """
    wait = _WAITS[min(attempts, len(_WAITS)) - 1] if charged else _UNCHARGED_WAIT
    spread = hashlib.blake2b(f"{letter_id}/{attempts}".encode(), digest_size=2).digest()
    return now + wait * (1 + int.from_bytes(spread, "big") / 0xFFFF / _SPREAD)


def deadline(first_tried_at: datetime) -> datetime:
    """The moment from which on a letter that is put off once more is given back."""
    return first_tried_at + GIVE_UP_AFTER

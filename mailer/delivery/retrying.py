"""When a letter that was put off is tried again (RFC 5321 4.5.4.1): sooner at first, then ever more rarely."""

import hashlib
from datetime import datetime, timedelta

_WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=4),
)
GIVE_UP_AFTER = timedelta(days=5)


def retry_at(*, attempts: int, letter_id: int, now: datetime) -> datetime:
    """The next try after `attempts` (from 1); up to a quarter later than the table, by the letter, not by chance."""
    wait = _WAITS[min(attempts, len(_WAITS)) - 1]
    spread = hashlib.blake2b(f"{letter_id}/{attempts}".encode(), digest_size=2).digest()
    return now + wait * (1 + int.from_bytes(spread, "big") / 0xFFFF / 4)


def gave_up(*, first_due_at: datetime, now: datetime) -> bool:
    """Whether a letter has been tried for so long that it is given back."""
    return now - first_due_at >= GIVE_UP_AFTER

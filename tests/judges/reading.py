"""What a judge is, and what a reader is to find in a file: the facts two readings are compared by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One VEVENT as a reader understood it. `starts_at` is aware, UTC."""

    uid: str
    sequence: int
    summary: str
    starts_at: datetime


class Judge(Protocol):
    """Somebody else's opinion of calendar files."""

    def missing(self) -> str | None:
        """A sentence saying what is not installed and how to install it, or None: ready to judge."""

    def judge(self, raws: Sequence[bytes]) -> list[list[str]]:
        """The faults of each file, in the order given; an empty list is a pass."""


class Reader(Protocol):
    """An independent parser, asked what it understood."""

    def __call__(self, raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
        """What stands in each file, in its order."""

"""What a judge is, and what a reader is to find in a file: the facts two readings are compared by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One VEVENT as a reader understood it. `starts_at` is aware, UTC."""

    uid: str
    sequence: int
    summary: str
    starts_at: datetime


@dataclass(frozen=True, kw_only=True)
class Understood:
    """One VEVENT as a whole calendar program has it after reading the file. Instants are aware, UTC.

    `attendees` are (address, name, PARTSTAT); `ends_at` is the start where nothing else is said.
    """

    method: str
    uid: str
    sequence: int
    summary: str
    location: str
    starts_at: datetime
    ends_at: datetime
    organiser: str
    attendees: tuple[tuple[str, str, str], ...]
    status: str

    @classmethod
    def from_json(cls, method: str, event: Mapping[str, Any]) -> "Understood":
        """As our little programs around other people's libraries write it."""
        moments = {name: datetime.fromisoformat(event[name]) for name in ("starts_at", "ends_at")}
        people = tuple((address, name, partstat) for address, name, partstat in event["attendees"])
        return cls(method=method, **{**event, **moments, "attendees": people})

    @property
    def reading(self) -> Reading:
        return Reading(uid=self.uid, sequence=self.sequence, summary=self.summary, starts_at=self.starts_at)


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


class Program(Judge, Protocol):
    """A whole calendar program's library: it judges, says all that it understood, and answers."""

    def understand(self, raws: Sequence[bytes]) -> list[tuple[Understood, ...]]:
        """What stands in each file, in its order; nothing where it is not read."""

    def read(self, raws: Sequence[bytes]) -> list[tuple[Reading, ...]]:
        """The same, as every reader tells it."""

    def reply(self, request: bytes, *, address: str, name: str, partstat: str) -> bytes:
        """The octets of the REPLY (RFC 5546 3.2.3) that `address` sends to a REQUEST, with this PARTSTAT.

        Raises:
            ValueError: the program does not take it for a REQUEST.
        """

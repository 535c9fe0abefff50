"""What a letter does to the calendar entries that its reader holds: the value that passes from planning to composition.

Which entries need it is decided in planning, what they say in composition; here is only how the one tells the other.
"""

import hashlib
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from mailer.agenda.model import AgendaVersion, Instant


class Cause(StrEnum):
    """Why a letter about entries leaves: its words depend on it."""

    AGENDA = "agenda"  # a version was published
    CHOICE = "choice"  # its reader chose a session, or no longer does
    LEFT = "left"  # its reader is no longer on the list
    CORRECTION = "correction"  # a person had the ledger put right


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(_Frozen):
    """What one letter tells a calendar of one entry.

    `anchor` is `event` or a session's key; what the entry says is taken from agenda version `version`. One that is
    `asked` goes out as a REQUEST, or as a CANCEL if it is `cancelled`; the others as PUBLISH. What matters has changed
    where its reader is to answer `anew`; else `answer` is what they are known to have answered.
    """

    anchor: str
    version: int
    sequence: int
    asked: bool
    cancelled: bool = False
    anew: bool = False
    answer: str = ""


class Upkeep(_Frozen):
    """What a letter tells its reader's calendar, in the place of what its mailing says.

    `since` is the version that the reader was last told of, `later` what they were told of since, as (anchor, version):
    what differs from these is what the letter tells. `stamped_at` is every entry's DTSTAMP. At most one of `told` is
    asked: one REQUEST is one entry. `answers` are those that the letter confirms, as (anchor, answer).
    """

    cause: Cause
    since: int
    later: tuple[tuple[str, int], ...] = ()
    stamped_at: Instant
    told: tuple[Told, ...]
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def document(self) -> str:
        return _document(self)

    @property
    def digest(self) -> str:
        """SHA-256 of the document, in hexadecimal: readers with the same upkeep share it."""
        return _digest(self)

    @property
    def versions(self) -> frozenset[int]:
        """The agenda versions that composing it needs besides the letter's own."""
        return frozenset(
            {self.since, *(version for _, version in self.later), *(each.version for each in self.told)}
        )

    def earlier(self, version_of: Callable[[int], AgendaVersion]) -> dict[int, AgendaVersion]:
        """Those versions, by their numbers."""
        return {number: version_of(number) for number in self.versions}


@lru_cache(maxsize=256)
def _document(upkeep: Upkeep) -> str:
    return upkeep.model_dump_json()


@lru_cache(maxsize=256)
def _digest(upkeep: Upkeep) -> str:
    return hashlib.sha256(upkeep.document.encode()).hexdigest()

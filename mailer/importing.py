"""What taking over a list would change: whom it adds, changes, leaves as they are and takes off. It decides, and does
nothing.

A list may be all there is, or a part of it: so whoever hands it in says who of those it does not name is taken off.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from mailer.errors import Problem
from mailer.recipients.model import Recipient
from mailer.recipients.reading import Reading, merge
from mailer.recipients.writing import cell

T = TypeVar("T")


class Missing(StrEnum):
    """Who is taken off the list because the file does not name them."""

    NOBODY = "nobody"
    EVERYBODY = "everybody"
    FOCAL_POINTS = "focal_point"
    PRACTITIONERS = "practitioner"
    EXPERTS = "expert"
    SPEAKERS = "speaker"

    def includes(self, each: Recipient) -> bool:
        return self is Missing.EVERYBODY or self.value == each.role.value


@dataclass(frozen=True, kw_only=True)
class Change:
    """Somebody of whom the file says something else than the list does: column -> what was said, what is said now."""

    now: Recipient
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The difference between a file and the list. `refused` are the problems of its rows, `doubts` its warnings.

    `may_be_taken` is False where the file could not be read to its end: then nobody knows what it does not name.
    """

    added: tuple[Recipient, ...] = ()
    changed: tuple[Change, ...] = ()
    left: tuple[Recipient, ...] = ()
    same: int = 0
    refused: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()
    may_be_taken: bool = True

    @property
    def said(self) -> list[Recipient]:
        """Everybody who is to be written to the list."""
        return [*self.added, *(each.now for each in self.changed)]

    @property
    def gone(self) -> list[str]:
        """The addresses of those who are to be taken off."""
        return [each.address for each in self.left]

    @property
    def changes_nothing(self) -> bool:
        return not (self.added or self.changed or self.left)

    @property
    def refused_rows(self) -> int:
        return refused_rows(self.refused)

    @property
    def summary(self) -> str:
        """`12 added, 3 changed, 1 taken off, 284 as they were`"""
        counted = [
            (len(self.added), "added"), (len(self.changed), "changed"), (len(self.left), "taken off"),
            (self.same, "as they were"),
        ]  # fmt: skip
        return ", ".join(f"{count:,} {words}" for count, words in counted if count) or "nothing"


@dataclass(frozen=True)
class FirstOf(Generic[T]):
    """So many, of which the first are kept: enough for a page."""

    first: tuple[T, ...] = ()
    count: int = 0

    @classmethod
    def all(cls, those: Sequence[T], most: int) -> "FirstOf[T]":
        return cls(tuple(those[:most]), len(those))

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True, kw_only=True)
class Digest:
    """A proposal as a page shows it: field by field as there, with the first of each."""

    added: FirstOf[Recipient] = field(default_factory=FirstOf)
    changed: FirstOf[Change] = field(default_factory=FirstOf)
    left: FirstOf[Recipient] = field(default_factory=FirstOf)
    same: int = 0
    refused: FirstOf[Problem] = field(default_factory=FirstOf)
    refused_rows: int = 0
    doubts: FirstOf[Problem] = field(default_factory=FirstOf)
    may_be_taken: bool = True

    @classmethod
    def of(cls, proposed: Proposal, most: int) -> "Digest":
        return cls(
            added=FirstOf.all(proposed.added, most), changed=FirstOf.all(proposed.changed, most),
            left=FirstOf.all(proposed.left, most), same=proposed.same,
            refused=FirstOf.all(proposed.refused, 2 * most), refused_rows=proposed.refused_rows,
            doubts=FirstOf.all(proposed.doubts, most), may_be_taken=proposed.may_be_taken,
        )  # fmt: skip

    @property
    def changes_nothing(self) -> bool:
        return not (self.added or self.changed or self.left)


def refused_rows(problems: Iterable[Problem]) -> int:
    """How many rows cannot be taken, of one or of several reasons each."""
    return len({each.row for each in problems if not each.warning})


def proposal(
    listed: Iterable[Recipient], reading: Reading, missing: Missing, columns: Sequence[str] = ()
) -> Proposal:
    """What a file would change about those who are listed, if its good rows were taken.

    `columns` are those that the file has: what it says nothing of stays as it is for those who are on the list.
    """
    refused = tuple(each for each in reading.problems if not each.warning)
    doubts = tuple(each for each in reading.problems if each.warning)
    good = merge([_without_refusals(reading)])
    known = {each.address.lower(): each for each in listed}
    silent = _unsaid(columns)
    added, changed, same, named = [], [], 0, set()
    for each in good.recipients:
        key = each.address.lower()
        named.add(key)
        before = known.get(key)
        if before is None:
            added.append(each)
            continue
        now = each.model_copy(update={name: getattr(before, name) for name in silent})
        if now == before:
            same += 1
        else:
            changed.append(Change(now=now, fields=_differing(before, now)))
    unread = {each.row for each in refused}
    return Proposal(
        added=tuple(added),
        changed=tuple(changed),
        left=tuple(each for key, each in known.items() if key not in named and missing.includes(each)),
        same=same,
        refused=refused,
        doubts=(*doubts, *good.warnings),
        may_be_taken=reading.is_whole and not (unread and None in unread),
    )


def _without_refusals(reading: Reading) -> Reading:
    return Reading(file=reading.file, recipients=reading.recipients, rows=reading.rows)


def _unsaid(columns: Sequence[str]) -> list[str]:
    """What a file with these columns says nothing of. The role that rows without one get is for those who are new."""
    if not columns:
        return []
    said = {"address", *columns}
    return [name for name in Recipient.model_fields if name not in said]


def _differing(before: Recipient, now: Recipient) -> dict[str, tuple[str, str]]:
    pairs = ((name, getattr(before, name), getattr(now, name)) for name in Recipient.model_fields)
    return {name: (cell(one), cell(other)) for name, one, other in pairs if one != other}

"""The few errors a caller can act on, each carrying its facts. Knows no other module."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong (or doubtful) in a file, with its place as far as it can be known.

    `row` is the line of a text file, counted from 1; `field` a key (`session[3].start`) or a column name.
    A `warning` is shown but refuses nothing.
    """

    file: str
    message: str
    row: int | None = None
    field: str | None = None
    warning: bool = False

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file}:{self.row}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class ConvenorError(Exception):
    """Anything Convenor refuses to do, told in one sentence a person can act on."""


class BadInput(ConvenorError, ValueError):  # noqa: N818 - it names what was met, not what went wrong inside
    """A file or setting that cannot be used; every problem found in it, all at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class WordingError(ConvenorError, ValueError):
    """A template that cannot be rendered: unknown placeholder, missing value, syntax."""

    def __init__(self, message: str, *, template: str, line: int | None = None) -> None:
        self.template, self.line = template, line
        super().__init__(f"{template}:{line}: {message}" if line else f"{template}: {message}")


class UnsafeLetter(ConvenorError, ValueError):  # noqa: N818
    """A composed message whose headers, read back, are not the ones intended. It never leaves."""


class Unkeepable(ConvenorError, ValueError):  # noqa: N818 - it names what was met
    """A value that the database cannot hold: a text with a NUL in it, a number beyond its column's."""


class StoreError(ConvenorError, RuntimeError):
    """The database cannot be used: newer schema, damaged, unreachable."""

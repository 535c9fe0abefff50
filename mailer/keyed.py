"""A value that stands for another of the same key, so that what was made of it once can be kept."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Keyed(Generic[T]):
    """`key` is the value's digest, or its identity (`itself`), which cannot be another's while this is kept."""

    key: Hashable
    value: T = field(compare=False, repr=False)


def itself(value: T) -> Keyed[T]:
    """Equal to nothing but itself, whatever it says."""
    return Keyed(id(value), value)

"""An agenda in parts, where it is too long for one page: by the venue's days, and a full day by its hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from mailer.agenda.model import Event, Session

WHOLE = 60
"""So many sessions are shown on one page."""

AT_ONCE = 40
"""Sessions of one part, where there are parts."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """`number` from 1 on; `is_of_day` unless the day has others."""

    number: int
    sessions: tuple[Session, ...]
    is_of_day: bool = True


def parts(event: Event) -> tuple[Part, ...]:
    """All parts in their order; one, with everything in it, of an agenda that is not long."""
    if len(event.sessions) <= WHOLE:
        return (Part(number=1, sessions=event.sessions),)
    return tuple(
        Part(number=number, sessions=sessions, is_of_day=is_of_day)
        for number, (sessions, is_of_day) in enumerate(_cut(event), 1)
    )


def _cut(event: Event) -> Iterator[tuple[tuple[Session, ...], bool]]:
    for _, of_day in groupby(event.sessions, key=lambda each: each.starts_at.astimezone(event.zone).date()):
        sessions = tuple(of_day)
        for first in range(0, len(sessions), AT_ONCE):
            yield sessions[first : first + AT_ONCE], len(sessions) <= AT_ONCE

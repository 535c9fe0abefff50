"""Which wording is in force for an event: what was chosen last, by a person or from the files. The texts themselves
are kept by `agendas`. Every function works in its caller's transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from mailer.outbox import agendas, editions
from mailer.outbox.schema import wording_choice

FROM_FILES = "templates/"
"""Who chose a wording that was taken from the folder."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """`files`: the digest of the templates folder as it was last taken in; what differs from it was edited since."""

    number: int
    digest: str
    files: str
    at: datetime
    by: str

    @property
    def is_edited(self) -> bool:
        """Whether somebody has changed the wording since it was taken from the folder."""
        return self.digest != self.files


def in_force(c: Connection, event: str) -> Choice | None:
    """The wording letters are written with; None before the event is first published."""
    found = history(c, event, limit=1)
    return found[0] if found else None


def history(c: Connection, event: str, *, limit: int = 50) -> list[Choice]:
    """The choices, the newest first."""
    query = select(wording_choice).where(wording_choice.c.event == event)
    rows = c.execute(query.order_by(wording_choice.c.number.desc()).limit(limit)).mappings()
    return [Choice(**{name: row[name] for name in ("number", "digest", "files", "at", "by")}) for row in rows]


def choose(
    c: Connection,
    event: str,
    digest: str,
    texts: Mapping[str, str],
    by: str,
    at: datetime,
    *,
    from_files: bool = False,
) -> bool:
    """Put a wording in force; whether letters are written otherwise from now on. `from_files`: it is the folder's.

    Every kind of letter whose texts differ has a new edition.
    """
    agendas.keep_wording(c, digest, texts)
    last = in_force(c, event)
    files = digest if from_files or last is None else last.files
    if last and (last.digest, last.files) == (digest, files):
        return False
    number = last.number + 1 if last else 1
    c.execute(
        insert(wording_choice).values(event=event, number=number, digest=digest, files=files, at=at, by=by)
    )
    changed = changed_folders(agendas.wording(c, last.digest) if last else {}, texts)
    for folder in changed:
        editions.raised(c, event, editions.wording_of(folder), by, at)
    return bool(changed)


def changed_folders(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The folders (kinds of letter, `layout`) in which a text differs, in alphabetical order."""
    paths = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    return sorted({path.partition("/")[0] for path in paths})

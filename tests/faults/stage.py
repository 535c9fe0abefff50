"""What the faults are played on: an event with a mailing of each policy, its letters written down and not yet sent.

One mailing is for the calendar and may be repeated once, the other is a reminder and is held. The database is made
once and copied for each play; what each letter must be is known beforehand.
"""

import hashlib
import mmap
import os
import re
import shutil
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mailer.agenda.model import CalendarPart, Event, Mailing, MailingKind
from mailer.outbox import letters
from mailer.outbox.database import Database, open_database
from mailer.recipients.model import Recipient
from mailer.service import Service
from tests import conference
from tests.conference import PRACTITIONER, PUBLISHED_AT
from tests.dispatch.floor import SENDER, TEXTS

INVITATION, REMINDER = "invitation", "reminder"
HELD = frozenset({REMINDER})
"""Mailings whose letters may never come twice."""

MAILINGS = (
    conference.MAILINGS[0],
    Mailing(
        key=REMINDER,
        kind=MailingKind.REMINDER,
        title="Your answer, please",
        audience="answer = none",
        when="as soon as published",
        useful_until="the event starts",
        calendar=CalendarPart.NONE,
    ),
)

EVENT: Event = conference.EVENT.model_copy(update={"mailings": MAILINGS})

_READERS = re.compile(rb"reader-\d+@prosecution\.example", re.IGNORECASE)

Name = tuple[str, str]
"""A letter by whom it is for and its mailing."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`template` is an SQLite file with all letters waiting; `expected` their bytes' SHA-256."""

    template: Path
    expected: Mapping[Name, str]

    def play(self, folder: Path) -> Path:
        """A copy of its own to play on: the new file."""
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(self.template, folder / "convenor.db"))


def readers(count: int) -> tuple[Recipient, ...]:
    return tuple(
        PRACTITIONER.model_copy(
            update={"address": f"reader-{number}@prosecution.example", "family_name": f"Novák {number}"}
        )
        for number in range(count)
    )


def service_on(database: Database, owner: str = "stage") -> Service:
    return Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS, owner=owner)


def build(folder: Path, count: int) -> Stage:
    """A stage with `count` readers and two letters for each.

    Raises:
        AssertionError: a letter names a reader who is not its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    template = folder / "template.db"
    database = open_database(f"sqlite:///{template}")
    service = service_on(database)
    service.publish(EVENT, readers(count), PUBLISHED_AT)
    service.plan(PUBLISHED_AT)
    expected = contents(service)
    database.close()
    assert len(expected) == count * len(MAILINGS)
    return Stage(template=template, expected=expected)


def contents(service: Service) -> dict[Name, str]:
    """What each letter of the outbox is to be, as it is written down now."""
    with service.database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, limit=1_000_000)
    found: dict[Name, str] = {}
    for row in rows:
        raw = service.compose(row).raw
        named = {each.decode().lower() for each in _READERS.findall(raw)}
        assert named <= {row.recipient.address}, f"a letter to {row.recipient.address} names {named}"
        found[row.recipient.address, row.mailing] = hashlib.sha256(raw).hexdigest()
    return found


class SharedClock:
    """A clock that several processes read and any may set: the machine's steady one, and what a file adds to it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, mmap.PAGESIZE)
        self._ahead = mmap.mmap(self._file, mmap.PAGESIZE)
        self.path = path
        if not self._shift:
            self._shift = 1 - time.monotonic()

    def __call__(self) -> datetime:
        return PUBLISHED_AT + timedelta(seconds=time.monotonic() + self._shift)

    @property
    def _shift(self) -> float:
        (shift,) = struct.unpack_from("d", self._ahead)
        return float(shift)

    @_shift.setter
    def _shift(self, seconds: float) -> None:
        struct.pack_into("d", self._ahead, 0, seconds)

    def advance(self, by: timedelta) -> None:
        self._shift += by.total_seconds()

    def close(self) -> None:
        self._ahead.close()
        os.close(self._file)

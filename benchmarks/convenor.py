"""Convenor as a contender, through its own parts: a published event, planning, delivery, heartbeat and pages.

Three roles, each a process of its own: `prepare` publishes and ends, so that no list of people is in the memory
that is measured; `carry` plans and delivers one mailing at the bench's word; `serve` is the service with its pages.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import overload

from benchmarks import crowd, turns
from mailer import wallclock
from mailer.agenda.model import (
    CalendarPart,
    Event,
    Mailing,
    MailingKind,
    Organiser,
    Session,
    Venue,
)
from mailer.composition import wording
from mailer.delivery.profiles import OWN, adjusted
from mailer.delivery.relay import Relay
from mailer.heartbeat import Heartbeat
from mailer.outbox import agendas
from mailer.outbox.database import Database, open_database
from mailer.parts import Parts, open_parts, utc_now
from mailer.recipients.model import Recipient
from mailer.settings import Settings
from mailer.web.office import Office
from mailer.web.serving import reserve, serve

EVENT = "conference"
TO_WARM_UP = "warm-up"
"""The tag of those whose letters are the first, before anything is measured."""

BASE_URL = "https://conference.example"

_FIRST_DUE_AFTER = 2  # seconds after publication: the letters to warm up with, once and not again


class Roster(Sequence[Recipient]):
    """`count` people from number `first` on, made as they are asked for; those from number `warm_from` on are there to
    warm up with.
    """

    def __init__(self, count: int, first: int = 0, *, warm_from: float = inf) -> None:
        self._count, self._first, self._warm_from = count, first, warm_from

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Recipient: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Recipient]: ...
    def __getitem__(self, index: int | slice) -> Recipient | Sequence[Recipient]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            if step != 1:
                raise ValueError("a roster is cut into runs of neighbours")
            return Roster(max(0, stop - start), self._first + start, warm_from=self._warm_from)
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._reader(self._first + index % self._count)

    def __iter__(self) -> Iterator[Recipient]:
        return map(self._reader, range(self._first, self._first + self._count))

    def _reader(self, number: int) -> Recipient:
        tags = (TO_WARM_UP,) if number >= self._warm_from else ()
        return Recipient.model_validate(asdict(crowd.person(number)) | {"tags": tags})


def event(key: str, now: datetime, due_after: Sequence[int], *, warm: bool = False) -> Event:
    """A day with four sessions, and an invitation for each of these seconds after its publication; if it is to be
    `warm`, those who are there to warm up with get theirs before, and only that.
    """
    morning = (now + timedelta(days=45)).replace(hour=8, minute=0, second=0, microsecond=0)
    return Event(
        key=key,
        title="Capacity Building for Criminal Justice Practitioners",
        summary="One day on what training has achieved so far, and what comes next.",
        language="en",
        timezone="Europe/Vienna",
        venue=Venue(name="Federal Ministry", street="Minoritenplatz 9", city="1010 Vienna"),
        organiser=Organiser(name="Conference Secretariat", address="secretariat@conference.example"),
        sessions=tuple(
            Session(
                key=f"session-{number}",
                title=f"Session {number}",
                starts_at=morning + timedelta(hours=2 * number),
                ends_at=morning + timedelta(hours=2 * number + 1),
            )
            for number in range(4)
        ),
        mailings=(
            *([_invitation("first", f"tag = {TO_WARM_UP}", _FIRST_DUE_AFTER)] if warm else []),
            *(
                _invitation(
                    f"invitation-{number}",
                    f"not tag = {TO_WARM_UP}" if warm else "everyone",
                    max(_FIRST_DUE_AFTER + 1, seconds),
                )
                for number, seconds in enumerate(due_after)
            ),
        ),
    )


def _invitation(key: str, audience: str, due_after: int) -> Mailing:
    return Mailing(
        key=key,
        kind=MailingKind.INVITATION,
        title="Invitation",
        audience=audience,
        when=f"{due_after} seconds after publication",
        useful_until="the event starts",
        calendar=CalendarPart.EVENT,
    )


@contextmanager
def _opened(order: turns.Order, database: Database) -> Iterator[Parts]:
    settings = Settings(
        relay=Relay(host="127.0.0.1", port=order.port, profile=adjusted(OWN, connections=order.lines)),
        sender=None,
        database_url="",
        base_url=BASE_URL,
        secret_key=b"a secret key for the bench alone, nothing else",
        port=0,
        var=Path(order.folder),
    )
    with open_parts(settings, database, EVENT, wording.load(Path(order.words)), utc_now) as parts:
        yield parts


def prepare(order: turns.Order, due_after: Sequence[int]) -> None:
    """Publish the event, and say when that was, in seconds since 1970.

    Mailings due after 0 seconds are due at once. The list's time is told in seconds.
    """
    database = open_database(_url(order))
    now = datetime.now(UTC) - timedelta(seconds=0 if any(due_after) else 60)
    began = time.perf_counter()
    people = Roster(order.letters + order.warm, warm_from=order.letters)
    with _opened(order, database) as parts:
        version, _ = parts.service.publish(event(EVENT, now, due_after, warm=order.warm > 0), people, now)
    database.close()
    published = {"published_at": version.published_at.timestamp(), "took": time.perf_counter() - began}
    print(json.dumps(published), flush=True)


def carry(order: turns.Order) -> None:
    """One mailing at the bench's word, by parts that have carried a few letters before; tells how long its letters took
    to be written down, and to leave.
    """
    database = open_database(_url(order))
    with _opened(order, database) as parts:
        parts.service.choose_wording(
            parts.service.texts, "the bench", utc_now()
        )  # what is published says others
        _warm_up(parts)
        if turns.await_go():
            began = time.perf_counter()
            parts.service.plan(utc_now())
            expanded = time.perf_counter()
            parts.desk.work()
            turns.tell_done(expanded=expanded - began, carried=time.perf_counter() - expanded)
    database.close()


def _warm_up(parts: Parts) -> None:
    """As at the moment when the first letters alone were due."""
    with parts.database.reading() as transaction:
        version = agendas.latest(transaction, EVENT)
    if version:
        parts.service.plan(version.published_at + timedelta(seconds=_FIRST_DUE_AFTER))
        parts.desk.work()


def run_service(order: turns.Order) -> None:
    """The service as `schedule.py` runs it, until the bench ends it; tells the port of its pages."""
    database = open_database(_url(order))
    listener = reserve(0)
    with _opened(order, database) as parts:
        office = Office(
            database=database, event=EVENT, sender=parts.service.sender, tray=parts.tray, clock=utc_now, is_demo=True
        )  # fmt: skip
        heartbeat = Heartbeat(parts, utc_now)
        with serve(office, listener):
            if turns.await_go():
                with heartbeat.beating():
                    turns.tell_done(port=listener.getsockname()[1])
    database.close()


def _url(order: turns.Order) -> str:
    return f"sqlite:///{order.folder}/convenor.db"


def main(arguments: list[str]) -> None:
    wallclock.use_packaged_tzdata()
    role, order, *due_after = arguments
    if role == "prepare":
        prepare(turns.read_order(order), [int(seconds) for seconds in due_after])
    else:
        {"carry": carry, "serve": run_service}[role](turns.read_order(order))


if __name__ == "__main__":
    main(sys.argv[1:])

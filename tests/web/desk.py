"""A desk for the tests of the pages: a published event, a service, a tray and a clock set by hand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select

from mailer.agenda.model import Event
from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Purpose, Signer
from mailer.delivery.relay import Relay
from mailer.delivery.single import send_one
from mailer.delivery.tray import Tray, TrayServer
from mailer.outbox.database import Database, open_database
from mailer.outbox.schema import metadata
from mailer.recipients.model import Recipient
from mailer.service import Service
from mailer.settings import ROOT
from mailer.web.app import create_app
from mailer.web.office import Office
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS
from tests.databases import empty_sqlite
from tests.passwords import QUICK

BASE_URL = "https://conference.example"
LOCAL = "http://127.0.0.1:8400"
DATABASE = "convenor.db"
AGENDA_IS_DUE_AT = datetime(2027, 2, 24, 8, 30, tzinfo=UTC)
"""Half an hour after the agenda is due."""


class Clock:
    """Stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """`relay` leads to the tray's own mail server."""

    database: Database
    tray: Tray
    relay: Relay
    service: Service
    clock: Clock
    office: Office

    def publish(self, event: Event = EVENT, recipients: Sequence[Recipient] = RECIPIENTS) -> None:
        self.service.publish(event, recipients, self.clock())

    def work(self) -> None:
        """Plan and deliver whatever is due now."""
        self.service.plan(self.clock())
        self.service.deliver(self.relay, self.clock)

    def browser(self, base_url: str = LOCAL, peer: str = "127.0.0.1") -> TestClient:
        """Somebody at `peer` who opened `base_url`; errors become pages, as they do for people."""
        return TestClient(
            _app(self.office),
            base_url=base_url,
            client=(peer, 40000),
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    def token(self, purpose: Purpose = Purpose.PAGE, of: Recipient = PRACTITIONER) -> str:
        signer = self.office.sender.signer
        return signer.token(purpose, signer.handle(self.office.event, of.address))

    def dump(self) -> dict[str, list[Any]]:
        """Every row of every table."""
        with self.database.reading() as transaction:
            return {
                table.name: [tuple(row) for row in transaction.execute(select(table))]
                for table in metadata.sorted_tables
            }


_app = lru_cache(maxsize=2)(create_app)


@contextmanager
def published(folder: Path, event: Event = EVENT, *, is_demo: bool = True) -> Iterator[Desk]:
    """As `open_desk`; the event is published, and no letter has left yet."""
    with _prepared(folder, event, is_demo=is_demo, works=False) as desk:
        yield desk


@contextmanager
def invited(folder: Path, event: Event = EVENT, *, is_demo: bool = True) -> Iterator[Desk]:
    """As `published`; its invitations lie in the tray."""
    with _prepared(folder, event, is_demo=is_demo, works=True) as desk:
        yield desk


@contextmanager
def _prepared(folder: Path, event: Event, *, is_demo: bool, works: bool) -> Iterator[Desk]:
    for name, content in _files(event, works=works).items():
        (folder / name).write_bytes(content)
    with _opened(folder, f"sqlite:///{folder}/{DATABASE}", event=event.key, is_demo=is_demo) as desk:
        yield desk


@cache
def _files(event: Event, *, works: bool) -> dict[str, bytes]:
    """The files of such a desk. It takes a quarter of a second until they are there, and the same each time."""
    with TemporaryDirectory() as folder:
        with open_desk(Path(folder), event=event.key) as desk:
            desk.publish(event)
            if works:
                desk.work()
        return {each.name: each.read_bytes() for each in Path(folder).iterdir()}


@contextmanager
def open_desk(
    folder: Path, *, event: str = EVENT.key, base_url: str = BASE_URL, is_demo: bool = True
) -> Iterator[Desk]:
    """An office in which nothing is published yet; whoever sits at it needs no account, if it `is_demo`."""
    with _opened(
        folder, empty_sqlite(folder, DATABASE), event=event, base_url=base_url, is_demo=is_demo
    ) as desk:
        yield desk


@contextmanager
def _opened(
    folder: Path, url: str, *, event: str = EVENT.key, base_url: str = BASE_URL, is_demo: bool = True
) -> Iterator[Desk]:
    database, tray = open_database(url), Tray(folder / "tray.db")
    clock = Clock(PUBLISHED_AT)
    sender = Sender(signer=Signer(b"a secret key for the tests alone"), base_url=base_url)
    texts = wording.load(ROOT / "templates")
    office = Office(
        database=database, event=event, sender=sender, tray=tray, clock=clock, is_demo=is_demo, texts=texts,
        passwords=QUICK,
    )  # fmt: skip
    service = Service(database=database, event=event, sender=sender, texts=texts)
    server = TrayServer(tray, clock=clock)
    try:
        relay = server.start()
        office = replace(office, post=lambda parcel: (send_one(relay, parcel), "the tray"))
        yield Desk(database=database, tray=tray, relay=relay, service=service, clock=clock, office=office)
    finally:
        server.stop()
        database.close()

"""From settings to the parts of a running Convenor: who signs, where letters are kept, where they go."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.composition.wording import Wording
from mailer.delivery.profiles import TRAY
from mailer.delivery.relay import Relay
from mailer.delivery.tray import Tray, TrayServer
from mailer.dispatch.crew import Hired, InAProcess
from mailer.dispatch.desk import Clock, Desk
from mailer.dispatch.orders import Route
from mailer.outbox.database import Database
from mailer.service import Service
from mailer.settings import ROOT, Settings
from mailer.witnesses import TrayWitness

TEMPLATES = ROOT / "templates"

MOST_CARRIERS = 2
"""Processes that carry letters: more of them wait for the one that writes."""


def sender_of(settings: Settings) -> Sender:
    return Sender(signer=Signer(settings.secret_key), base_url=settings.base_url)


def tray_path(settings: Settings) -> Path:
    return settings.var / "tray.db"


def open_tray(settings: Settings) -> Tray:
    """Raises StoreError when var/ cannot be written."""
    return Tray(tray_path(settings))


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a running service is made of. `tray` is None when letters leave through a relay of one's own."""

    settings: Settings
    database: Database
    service: Service
    relay: Relay
    desk: Desk
    tray: Tray | None


@contextmanager
def open_parts(
    settings: Settings,
    database: Database,
    event: str,
    texts: Wording,
    clock: Clock,
    hire: Callable[[Route], Hired] = InAProcess,
) -> Iterator[Parts]:
    """Everything that must be there before the first letter, and is put away in order afterwards.

    Raises:
        StoreError: the database or the tray cannot be used; one sentence says what to do.
    """
    server: TrayServer | None = None
    try:
        tray = None if settings.relay else open_tray(settings)
        server = TrayServer(tray, clock=clock) if tray else None
        relay = settings.relay or replace(server.start(), profile=TRAY)  # type: ignore[union-attr]
        service = Service(
            database=database,
            event=event,
            sender=sender_of(settings),
            texts=texts,
            witnesses=(TrayWitness(holds=tray.holds),) if tray else (),
        )
        carriers = 1 if tray else min(MOST_CARRIERS, os.cpu_count() or 1, relay.profile.connections)
        with closing(service.desk(relay, clock, hire, carriers=carriers)) as desk:
            yield Parts(
                settings=settings, database=database, service=service, relay=relay, desk=desk, tray=tray
            )
    finally:
        if server:
            server.stop()


def utc_now() -> datetime:
    """The clock, for those few who may read it."""
    return datetime.now(UTC)

"""From settings to the parts of a running Convenor: who signs, where letters are kept, where they go."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.composition.wording import Wording
from mailer.delivery.relay import Relay
from mailer.delivery.tray import Tray, TrayServer
from mailer.outbox.database import Database
from mailer.service import Clock, Service
from mailer.settings import ROOT, Settings

TEMPLATES = ROOT / "templates"


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
    tray: Tray | None


@contextmanager
def open_parts(
    settings: Settings, database: Database, event: str, texts: Wording, clock: Clock
) -> Iterator[Parts]:
    """Everything that must be there before the first letter, and is put away in order afterwards.

    Raises:
        StoreError: the database or the tray cannot be used; one sentence says what to do.
    """
    server: TrayServer | None = None
    try:
        tray = None if settings.relay else open_tray(settings)
        server = TrayServer(tray, clock=clock) if tray else None
        relay = settings.relay or server.start()  # type: ignore[union-attr]
        service = Service(
            database=database,
            event=event,
            sender=sender_of(settings),
            texts=texts,
            evidence=tray.holds if tray else None,
        )
        yield Parts(settings=settings, database=database, service=service, relay=relay, tray=tray)
        service.stop(clock())
    finally:
        if server:
            server.stop()


def utc_now() -> datetime:
    """The clock, for those few who may read it."""
    return datetime.now(UTC)

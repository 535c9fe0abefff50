"""From settings to the parts of a running Convenor: who signs, where letters are kept, where they go."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mailer.collecting import Collector
from mailer.composition import keys
from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.composition.wording import Wording
from mailer.delivery.envelope import Parcel
from mailer.delivery.oauth import KeptRefreshToken, TokenSource
from mailer.delivery.outcome import Outcome
from mailer.delivery.profiles import TRAY
from mailer.delivery.relay import Relay
from mailer.delivery.single import send_one
from mailer.delivery.tray import Tray, TrayServer
from mailer.dispatch.crew import Hired, InAProcess
from mailer.dispatch.desk import Clock, Desk
from mailer.dispatch.orders import Route
from mailer.errors import ConvenorError
from mailer.forwarding import Forwarder
from mailer.inbox import sent
from mailer.inbox.bounded import BoundedReader
from mailer.inbox.mailbox import ImapMailbox, Mailbox, Maildir
from mailer.inbox.sent import SentFolder
from mailer.judging import Answerer
from mailer.outbox import naming
from mailer.outbox.database import Database
from mailer.outbox.identity import Installation, machine_id
from mailer.service import Service
from mailer.settings import ROOT, Settings
from mailer.witnesses import THE_TRAY, SentWitness, TrayWitness, Witness

TEMPLATES = ROOT / "templates"

MOST_CARRIERS = 2
"""Processes that carry letters: more of them wait for the one that writes."""


def sender_of(settings: Settings, database: Database, event: str) -> Sender:
    """Who signs this event's links, by the key in force, and names its entries, by the one they were first named by.

    Raises:
        ConvenorError: the event was begun with a secret key that is not among the old ones.
    """
    secrets = (settings.secret_key, *settings.old_secret_keys)
    with database.reading() as transaction:
        kept = naming.naming_key(transaction, event)
        named = naming.somebody_named(transaction, event)
    if kept is None:
        kept = keys.key_that_named(secrets, event, *named) if named else keys.naming_key(secrets[0], event)
    if kept is None:
        raise ConvenorError(
            f"the people of '{event}' were named with another secret key: put it back into CONVENOR_SECRET_KEY, "
            "or into CONVENOR_OLD_SECRET_KEYS"
        )
    return Sender(
        signer=Signer(secrets[0], secrets[1:], kept),
        base_url=settings.base_url,
        return_path=settings.return_path,
        dkim=settings.dkim,
    )


def _keep_names(database: Database, event: str, signer: Signer) -> None:
    """What an event from before naming keys is named by, once its secret key has become an old one."""
    with database.writing() as transaction:
        if (key := signer.naming_to_keep) and naming.somebody_named(transaction, event):
            naming.keep_naming_key(transaction, event, key)


def installation_of(settings: Settings, database: Database) -> Installation:
    """This var/ on this machine, from which letters may leave or not."""
    return Installation(database=database, var=settings.var, machine=machine_id(), name=socket.gethostname())


def tray_path(settings: Settings) -> Path:
    return settings.var / "tray.db"


def open_tray(settings: Settings) -> Tray:
    """Raises StoreError when var/ cannot be written."""
    return Tray(tray_path(settings))


def token_source(settings: Settings, clock: Clock) -> TokenSource | None:
    """Where access tokens come from, if one signs in with any; a refresh token that is replaced is kept in var/."""
    asked = settings.oauth
    if not asked or not (settings.relay or settings.inboxes):
        return None
    return TokenSource(
        endpoint=asked.endpoint, client_id=asked.client_id, client_secret=asked.client_secret,
        refresh_token=asked.refresh_token, scope=asked.scope, clock=clock,
        kept=KeptRefreshToken(path=settings.var / "smtp.token"),
    )  # fmt: skip


def witnesses_of(settings: Settings, tray: Tray | None, tokens: TokenSource | None) -> tuple[Witness, ...]:
    """Who may know of letters in doubt whether they arrived: the tray, or else the Sent folder that is set."""
    if tray:
        return (TrayWitness(holds=tray.holds),)
    folder = settings.sent_folder
    if not folder:
        return ()
    token = tokens.token_now if tokens and not folder.password else None
    return (SentWitness(look=partial(sent.look, folder, token=token)),)


@contextmanager
def open_collector(
    settings: Settings, service: Service, tokens: TokenSource | None
) -> Iterator[Collector | None]:
    """Who takes in what comes back; None where no mailbox is set."""
    if not settings.inboxes:
        yield None
        return
    with closing(BoundedReader()) as reader:
        yield Collector(
            database=service.database,
            event=service.event,
            sender=service.sender,
            compose=service.compose,
            mailboxes=tuple(_mailbox(place, tokens) for place in settings.inboxes),
            reader=reader,
            answerer=answerer_of(settings),
        )


def _mailbox(place: SentFolder | Path, tokens: TokenSource | None) -> Mailbox:
    if isinstance(place, Path):
        return Maildir(path=place)
    return ImapMailbox(folder=place, token=tokens.token_now if tokens and not place.password else None)


def answerer_of(settings: Settings) -> Answerer:
    """Who answers people's questions."""
    accounts = tuple(each.user if isinstance(each, SentFolder) else "" for each in settings.inboxes)
    return Answerer(named=settings.questions_to, accounts=accounts)


def forwarder_of(settings: Settings, service: Service, relay: Relay, tokens: TokenSource | None) -> Forwarder:
    """Who passes people's questions on, through the relay."""

    def send(parcel: Parcel) -> Outcome:
        token = tokens.token_now() if tokens and settings.relay else ""
        return send_one(relay, parcel, token=token)

    return Forwarder(
        database=service.database,
        event=service.event,
        sender=service.sender,
        answerer=answerer_of(settings),
        send=send,
    )


def send_by_hand(settings: Settings, parcel: Parcel) -> tuple[Outcome, str]:
    """Send one letter that is in no outbox, through the mail server that is set or into the tray; and which that was.

    Raises:
        ConvenorError: no token to sign in with, or no line to the mail server.
    """
    if settings.relay:
        tokens = token_source(settings, utc_now)
        token = tokens.token_now() if tokens else ""
        return send_one(settings.relay, parcel, token=token), str(settings.relay)
    server = TrayServer(open_tray(settings), clock=utc_now)
    try:
        return send_one(server.start(), parcel), THE_TRAY
    finally:
        server.stop()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a running service is made of. `tray` is None when letters leave through a relay of one's own, `collector`
    when no mailbox is read.
    """

    settings: Settings
    database: Database
    service: Service
    relay: Relay
    desk: Desk
    tray: Tray | None
    installation: Installation
    collector: Collector | None = None
    forwarder: Forwarder | None = None


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
    sender = sender_of(settings, database, event)
    _keep_names(database, event, sender.signer)
    try:
        tray = None if settings.relay else open_tray(settings)
        server = TrayServer(tray, clock=clock) if tray else None
        relay = settings.relay or replace(server.start(), profile=TRAY)  # type: ignore[union-attr]
        tokens = token_source(settings, clock)
        service = Service(
            database=database,
            event=event,
            sender=sender,
            texts=texts,
            witnesses=witnesses_of(settings, tray, tokens),
        )
        carriers = 1 if tray else min(MOST_CARRIERS, os.cpu_count() or 1, relay.profile.connections)
        with (
            open_collector(settings, service, tokens) as collector,
            closing(
                service.desk(relay, clock, hire, carriers=carriers, tokens=tokens if settings.relay else None)
            ) as desk,
        ):
            yield Parts(
                settings=settings, database=database, service=service, relay=relay, desk=desk, tray=tray,
                installation=installation_of(settings, database), collector=collector,
                forwarder=forwarder_of(settings, service, relay, tokens) if collector else None,
            )  # fmt: skip
    finally:
        if server:
            server.stop()


def elapsed() -> float:
    """Seconds that nobody sets, those while the machine slept among them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def utc_now() -> datetime:
    """The clock, for those few who may read it."""
    return datetime.now(UTC)

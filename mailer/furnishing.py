"""The office that the pages of a service are made from: of a running one, and while there is no event yet."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from mailer.agenda.model import MailingKind
from mailer.composition.wording import languages_of
from mailer.errand import errand_with
from mailer.opening import Notes, Opened, setup_of
from mailer.outbox.database import Database
from mailer.parts import Parts, send_by_hand, sender_of
from mailer.settings import Settings
from mailer.web.office import Office


def office_of(path: Path, parts: Parts, opened: Opened, clock: Callable[[], datetime]) -> Office:
    """Of the service that runs with these parts, and its agenda file."""
    settings, database = parts.settings, parts.database
    notes = Notes(path, settings, database, opened)
    return Office(
        database=database, event=opened.event, sender=parts.service.sender, tray=parts.tray, clock=clock,
        notes=lambda: notes(clock()), profile=parts.relay.profile,
        languages=languages_of(opened.texts, MailingKind.INVITATION),
        is_demo=opened.is_example and parts.tray is not None, texts=opened.texts,
        setup=setup_of(path, settings), post=partial(send_by_hand, settings),
    )  # fmt: skip


def office_without_event(
    path: Path, settings: Settings, database: Database, clock: Callable[[], datetime]
) -> Office:
    """On its pages an event is begun at `path`, and nothing else can be done."""
    sender = sender_of(settings, database, "")
    return Office(
        database=database, event="", sender=sender, tray=None, clock=clock,
        setup=setup_of(path, settings, hands=partial(errand_with, path, settings, database)),
    )  # fmt: skip

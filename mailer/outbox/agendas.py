"""Published agendas, and the wordings letters are written with, kept for ever. What changed is for others."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, select

from mailer.agenda.model import AgendaVersion, Approval, Event
from mailer.errors import StoreError
from mailer.outbox import attachments, editions, schema
from mailer.outbox.database import insert
from mailer.outbox.editions import Hand
from mailer.outbox.people import said_of

_versions = schema.agenda_version


def latest(c: Connection, event: str) -> AgendaVersion | None:
    """The version in force, or None while nothing has been published."""
    query = select(_versions.c.document).where(_versions.c.event == event)
    document = c.scalar(query.order_by(_versions.c.number.desc()).limit(1))
    return None if document is None else _read(document)


@lru_cache(maxsize=8)
def _read(document: str) -> AgendaVersion:
    """A version never changes, and a page of an agenda with hundreds of sessions asks for it several times."""
    return AgendaVersion.model_validate_json(document)


def versions(
    c: Connection, event: str, *, before: int | None = None, limit: int = 50
) -> list[tuple[int, datetime]]:
    """Numbers of published versions with their moments, the newest first; those below `before` if it is given."""
    query = select(_versions.c.number, _versions.c.published_at).where(_versions.c.event == event)
    if before is not None:
        query = query.where(_versions.c.number < before)
    rows = c.execute(query.order_by(_versions.c.number.desc()).limit(limit))
    return [(row.number, row.published_at) for row in rows]


def published(
    c: Connection, event: str, *, before: int | None = None, limit: int = 50
) -> list[tuple[int, datetime, str]]:
    """As `versions`, each with whoever published it; nothing where that was done from files."""
    by = said_of(c, _versions.c.document, "published_by").label("by")
    query = select(_versions.c.number, _versions.c.published_at, by).where(_versions.c.event == event)
    if before is not None:
        query = query.where(_versions.c.number < before)
    rows = c.execute(query.order_by(_versions.c.number.desc()).limit(limit))
    return [(row.number, row.published_at, row.by or "") for row in rows]


def version(c: Connection, event: str, number: int) -> AgendaVersion:
    """One published version. Raises KeyError for a number that was never published."""
    query = select(_versions.c.document).where(_versions.c.event == event, _versions.c.number == number)
    document = c.scalar(query)
    if document is None:
        raise KeyError((event, number))
    return _read(document)


def was_published(c: Connection, event: Event, *, before: int) -> bool:
    """Whether a version below `before` said exactly this; the newest are looked at first."""
    numbers = versions(c, event.key, before=before, limit=before)
    return any(version(c, event.key, number).event == event for number, _ in numbers)


def publish(c: Connection, published: AgendaVersion, hands: Collection[Hand] = ()) -> None:
    """Keep a version under its number, for good. `hands` are all who had a hand in it, as far as that is known. One in
    which nobody had any, such as one with its mailings in another order, is an edition all the same.

    Raises:
        StoreError: the number is taken: somebody else published since the latest version was read. Or the content of
            a file that it attaches is not kept.
    """
    row = {
        "event": published.event.key,
        "number": published.number,
        "published_at": published.published_at,
        "document": published.model_dump_json(),
    }
    taken = insert(c, _versions).values(row).on_conflict_do_nothing().returning(_versions.c.number)
    if c.scalar(taken) is None:
        raise StoreError(
            f"version {published.number} of '{published.event.key}' has been published by somebody else; "
            "look at what changed, then publish again"
        )
    attachments.bind(c, published)
    needs = published.event.approval is not Approval.NONE
    for who, what in sorted(hands) or [("", editions.AGENDA)]:
        editions.raised(c, published.event.key, what, who, published.published_at, needs_approval=needs)


def event_keys(c: Connection) -> list[str]:
    """The events of which anything was published, in alphabetical order."""
    return list(c.scalars(select(_versions.c.event).distinct().order_by(_versions.c.event)))


def keep_wording(c: Connection, digest: str, texts: Mapping[str, str]) -> None:
    """Keep the templates whose digest this is; they need be told once."""
    row = {"digest": digest, "texts": json.dumps(dict(texts), ensure_ascii=False, sort_keys=True)}
    c.execute(insert(c, schema.wording).values(row).on_conflict_do_nothing())


def wording(c: Connection, digest: str) -> dict[str, str]:
    """The templates, by name, as they were kept. Raises KeyError for a digest never seen."""
    texts = c.scalar(select(schema.wording.c.texts).where(schema.wording.c.digest == digest))
    if texts is None:
        raise KeyError(digest)
    kept: dict[str, str] = json.loads(texts)
    return kept

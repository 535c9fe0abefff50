"""What is in attached files: each content kept once, by its SHA-256, for as long as a version or a draft names it.

Every function works in its caller's transaction.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, literal, select, tuple_
from sqlalchemy import insert as insert_rows

from mailer.agenda.model import AgendaVersion
from mailer.errors import StoreError
from mailer.outbox.database import insert
from mailer.outbox.schema import attached, attachment, draft

KEPT_FOR = timedelta(days=1)
"""How long a content stays that nothing names: an edit that was taken back, a form that was sent twice."""

OfMailing = tuple[str, int, str]
"""A mailing of a published version: event, number, key."""


def keep(c: Connection, contents: Mapping[str, bytes], now: datetime) -> None:
    """Keep what is not kept yet, by the digests that it has; what nothing names any more goes."""
    if not contents:
        return
    _let_go(c, now)
    for digest in sorted(contents.keys() - kept(c, contents)):
        content = contents[digest]
        if hashlib.sha256(content).hexdigest() != digest:
            raise StoreError(f"a file is not what its digest says: {digest}")
        row = {"digest": digest, "at": now, "content": content}
        c.execute(insert(c, attachment).values(row).on_conflict_do_nothing())


def kept(c: Connection, digests: Iterable[str]) -> set[str]:
    """Those whose content is there."""
    return set(c.scalars(select(attachment.c.digest).where(attachment.c.digest.in_(digests))))


def contents(c: Connection, digests: Iterable[str]) -> dict[str, bytes]:
    """What is in the files, as far as it is kept."""
    wanted = set(digests)
    if not wanted:
        return {}
    rows = c.execute(select(attachment.c.digest, attachment.c.content).where(attachment.c.digest.in_(wanted)))
    return {row.digest: row.content for row in rows}


def of_mailings(
    c: Connection, mailings: Collection[OfMailing], *, without: Collection[object] = ()
) -> dict[str, bytes]:
    """What the letters of these mailings carry, but for digests `without` which one knows it already."""
    if not mailings:
        return {}
    named = select(attached.c.digest).where(
        tuple_(attached.c.event, attached.c.version, attached.c.mailing).in_(mailings)
    )
    return contents(c, set(c.scalars(named.distinct())).difference(without))


def bind(c: Connection, version: AgendaVersion) -> None:
    """A version keeps what its mailings attach. Raises StoreError: something of it is not there."""
    digests = {each.digest: each.name for each in version.event.attachments}
    if not digests:
        return
    if missing := digests.keys() - kept(c, digests):
        names = ", ".join(sorted(digests[each] for each in missing))
        raise StoreError(f"the content of {names} is not kept: attach it again")
    rows = {(mailing.key, each.digest) for mailing in version.event.mailings for each in mailing.attachments}
    c.execute(
        insert_rows(attached),
        [
            {"event": version.event.key, "version": version.number, "mailing": mailing, "digest": digest}
            for mailing, digest in sorted(rows)
        ],
    )


def _let_go(c: Connection, now: datetime) -> None:
    """What no version binds and no draft names, some time after it came."""
    is_bound = exists().where(attached.c.digest == attachment.c.digest)
    is_named = exists().where(draft.c.document.like(literal("%") + attachment.c.digest + literal("%")))
    c.execute(delete(attachment).where(attachment.c.at <= now - KEPT_FOR, ~is_bound, ~is_named))

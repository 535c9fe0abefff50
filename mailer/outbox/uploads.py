"""Lists that somebody handed in and has not taken over yet: kept between the steps, for a while.

A token leads to each, and only its digest is kept. Every function works in its caller's transaction.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from mailer.errors import ConvenorError
from mailer.outbox.schema import upload

KEPT_FOR = timedelta(hours=2)
LARGEST = 24 * 2**20
"""Bytes of one list: a hundred thousand people with all that can be said of each."""

MOST = 12
"""Lists that may be kept at once; one person's latest takes the place of their one before."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A list as it came. `choices` is what was chosen about it so far; nothing at first."""

    name: str
    at: datetime
    choices: Mapping[str, Any]
    raw: bytes


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A list that its owner has not taken over yet. `refused` is how many of its rows cannot be taken as it is read."""

    who: str
    name: str
    at: datetime
    refused: int


def keep(
    c: Connection,
    token: str,
    event: str,
    who: str,
    *,
    name: str,
    raw: bytes,
    now: datetime,
    refused: int | None = None,
) -> None:
    """Keep a list for its owner alone. `refused` is how many of its rows cannot be taken, where that is known.

    Raises:
        ConvenorError: it is too large, or too many are kept.
    """
    if len(raw) > LARGEST:
        raise ConvenorError(f"the file is larger than {LARGEST // 2**20} MB")
    _let_go(c, now)
    c.execute(delete(upload).where(upload.c.event == event, upload.c.who == who))
    if (c.scalar(select(func.count()).select_from(upload)) or 0) >= MOST:
        raise ConvenorError(f"{MOST} other lists are being looked at: wait until one of them is taken over")
    row = {"digest": _digest(token), "event": event, "who": who, "at": now}
    c.execute(insert(upload).values(**row, name=name, choices="{}", refused=refused or 0, raw=raw))


def kept(c: Connection, token: str, event: str, who: str, now: datetime) -> Upload | None:
    """The list a token leads its owner to; None once its time is over, or for anybody else."""
    row = c.execute(
        select(upload).where(*_this(token, event, who), upload.c.at > now - KEPT_FOR)
    ).one_or_none()
    if row is None:
        return None
    return Upload(name=row.name, at=row.at, choices=json.loads(row.choices), raw=row.raw)


def choose(
    c: Connection, token: str, event: str, who: str, choices: Mapping[str, Any], *, refused: int | None = None
) -> None:
    """Remember what was chosen about a list, and how many rows cannot be taken when it is read like that; where that is
    not known yet, the last number stands.
    """
    known = {} if refused is None else {"refused": refused}
    c.execute(update(upload).where(*_this(token, event, who)).values(choices=_said(choices), **known))


def note_refused(
    c: Connection, token: str, event: str, who: str, choices: Mapping[str, Any], refused: int
) -> None:
    """Note how many rows cannot be taken of a list that was read with these choices, if they are still what holds."""
    theirs = (*_this(token, event, who), upload.c.choices == _said(choices))
    c.execute(update(upload).where(*theirs).values(refused=refused))


def unfinished(c: Connection, event: str, now: datetime) -> list[Unfinished]:
    """The lists of an event that wait for their owners, the newest first."""
    columns = (upload.c.who, upload.c.name, upload.c.at, upload.c.refused)
    query = select(*columns).where(upload.c.event == event, upload.c.at > now - KEPT_FOR)
    return [Unfinished(**row) for row in c.execute(query.order_by(upload.c.at.desc())).mappings()]


def go_on(c: Connection, token: str, event: str, who: str, now: datetime) -> bool:
    """Have a new token lead somebody to the list they have not taken over; whether there is one."""
    theirs = (upload.c.event == event, upload.c.who == who, upload.c.at > now - KEPT_FOR)
    return bool(c.execute(update(upload).where(*theirs).values(digest=_digest(token))).rowcount)


def drop(c: Connection, token: str, event: str, who: str) -> None:
    c.execute(delete(upload).where(*_this(token, event, who)))


def _let_go(c: Connection, now: datetime) -> None:
    """Those whose time is over; also what a clock that was ahead wrote down."""
    c.execute(delete(upload).where((upload.c.at <= now - KEPT_FOR) | (upload.c.at > now + KEPT_FOR)))


def _this(token: str, event: str, who: str) -> tuple[Any, ...]:
    return upload.c.digest == _digest(token), upload.c.event == event, upload.c.who == who


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _said(choices: Mapping[str, Any]) -> str:
    return json.dumps(dict(choices), ensure_ascii=False)

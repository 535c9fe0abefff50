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


def keep(c: Connection, token: str, event: str, who: str, *, name: str, raw: bytes, now: datetime) -> None:
    """Keep a list for its owner alone.

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
    c.execute(insert(upload).values(**row, name=name, choices="{}", raw=raw))


def kept(c: Connection, token: str, event: str, who: str, now: datetime) -> Upload | None:
    """The list a token leads its owner to; None once its time is over, or for anybody else."""
    row = c.execute(
        select(upload).where(*_this(token, event, who), upload.c.at > now - KEPT_FOR)
    ).one_or_none()
    if row is None:
        return None
    return Upload(name=row.name, at=row.at, choices=json.loads(row.choices), raw=row.raw)


def choose(c: Connection, token: str, event: str, who: str, choices: Mapping[str, Any]) -> None:
    """Remember what was chosen about a list."""
    text = json.dumps(dict(choices), ensure_ascii=False)
    c.execute(update(upload).where(*_this(token, event, who)).values(choices=text))


def drop(c: Connection, token: str, event: str, who: str) -> None:
    c.execute(delete(upload).where(*_this(token, event, who)))


def _let_go(c: Connection, now: datetime) -> None:
    """Those whose time is over; also what a clock that was ahead wrote down."""
    c.execute(delete(upload).where((upload.c.at <= now - KEPT_FOR) | (upload.c.at > now + KEPT_FOR)))


def _this(token: str, event: str, who: str) -> tuple[Any, ...]:
    return upload.c.digest == _digest(token), upload.c.event == event, upload.c.who == who


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

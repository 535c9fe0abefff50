"""People found by the beginnings of words: of their names, their institution, their address.

The words are rows of their own, kept whenever a list is saved, so that an index answers at any length of list. Every
function works in its caller's transaction.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, select

from mailer.outbox.database import many
from mailer.outbox.moving import chunks
from mailer.outbox.schema import person_word, recipient, recipient_revision
from mailer.recipients.model import Recipient, Role

FEW = 20_000
"""So many rows of a word are looked through one by one; of a word that is more frequent, people are asked in turn."""

MOST_WORDS = 8
"""More words of a search are not looked at."""

_LAST = "\U0010ffff"
_STROKES = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"})
_KEEP = "INSERT INTO person_word (event, word, recipient_id) VALUES (?, ?, ?)"


@dataclass(frozen=True, kw_only=True)
class Found:
    """Somebody who is on the list, or was until they left."""

    id: int
    recipient: Recipient
    unsubscribed: bool
    left_at: datetime | None = None


def folded(text: str) -> str:
    """Without accents and capitals: `Łukasz` is found by `lukasz`."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_STROKES)
    return "".join(each for each in plain if not unicodedata.combining(each))


def words_of(said: Recipient) -> set[str]:
    """By which somebody is found. Those with a colon are a role and a State, which nobody types."""
    address = folded(said.address)
    names = folded(f"{said.given_name} {said.family_name} {said.institution}")
    words = {address, address.rpartition("@")[2], *re.findall(r"\w+", names), _role(said.role)}
    return words | ({_state(said.state)} if said.state else set())


def words_in(text: str) -> list[str]:
    """What somebody typed, as beginnings of words; what looks like an address or a domain stays whole."""
    terms = [term.strip(".") for term in folded(text).replace(":", " ").split()]
    words = [
        word for term in terms for word in ([term] if re.search(r"[@.]", term) else re.findall(r"\w+", term))
    ]
    return list(dict.fromkeys(filter(None, words)))[:MOST_WORDS]


def keep(c: Connection, event: str, said: Sequence[tuple[int, Recipient]]) -> None:
    """Have these people, by their ids, be found by what is said of them now, and nothing else."""
    for chunk in chunks(whose for whose, _ in said):
        c.execute(delete(person_word).where(person_word.c.recipient_id.in_(chunk)))
    add(c, event, said)


def add(c: Connection, event: str, said: Sequence[tuple[int, Recipient]]) -> None:
    """As `keep`, of people who were found by nothing before."""
    for some in chunks(said):
        many(c, _KEEP, [(event, word, whose) for whose, each in some for word in sorted(words_of(each))])


def found(
    c: Connection,
    event: str,
    text: str = "",
    *,
    roles: Sequence[Role] = (),
    state: str | None = None,
    after: int = 0,
    limit: int = 50,
    also_left: bool = False,
) -> list[Found]:
    """Those on the list of whom some word begins with each word of the text, in the order they were first listed.

    `after` is the id to go on behind; `roles` and `state` are those they may have, where any are given; `also_left`
    looks among those too who have left.
    """
    words = words_in(text)
    if text.strip() and not words:
        return []
    conditions = [_begins(word) for word in words]
    if state:
        conditions.append(person_word.c.word == _state(state))
    if roles:
        conditions.append(person_word.c.word.in_([_role(role) for role in roles]))
    of_event = person_word.c.event == event
    rows = {number: _rows(c, and_(of_event, each)) for number, each in enumerate(conditions)}
    first = min(rows, key=lambda number: rows[number], default=None)
    query = _people().where(recipient.c.event == event, recipient.c.id > after)
    if not also_left:
        query = query.where(recipient.c.left_at.is_(None))
    for number, each in enumerate(conditions):
        theirs = select(person_word.c.recipient_id).where(of_event, each)
        if number == first and rows[number] < FEW:
            query = query.where(recipient.c.id.in_(theirs))
        else:
            query = query.where(theirs.where(person_word.c.recipient_id == recipient.c.id).exists())
    return [_found(row) for row in c.execute(query.order_by(recipient.c.id).limit(limit))]


def known(c: Connection, recipient_id: int) -> Found | None:
    """Somebody by their id."""
    row = c.execute(_people().where(recipient.c.id == recipient_id)).one_or_none()
    return _found(row) if row else None


def _people() -> Select[Any]:
    newest = and_(
        recipient_revision.c.recipient_id == recipient.c.id,
        recipient_revision.c.number == recipient.c.revision,
    )
    columns = (
        recipient.c.id,
        recipient.c.unsubscribed_at,
        recipient.c.left_at,
        recipient_revision.c.document,
    )
    return select(*columns).join(recipient_revision, newest)


def _found(row: Row[Any]) -> Found:
    return Found(
        id=row.id,
        recipient=Recipient.model_validate_json(row.document),
        unsubscribed=row.unsubscribed_at is not None,
        left_at=row.left_at,
    )


def _rows(c: Connection, which: ColumnElement[bool]) -> int:
    """How many rows these are, counted to `FEW`."""
    counted = select(person_word.c.word).where(which).limit(FEW).subquery()
    return c.scalar(select(func.count()).select_from(counted)) or 0


def _begins(word: str) -> ColumnElement[bool]:
    return and_(person_word.c.word >= word, person_word.c.word < word + _LAST)


def _role(role: Role) -> str:
    return f"role:{role}"


def _state(code: str) -> str:
    return f"state:{code.lower()}"

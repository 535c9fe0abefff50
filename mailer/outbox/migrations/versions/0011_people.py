"""The words by which people are found, and lists that are about to be taken over."""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_AT_ONCE = 1000
_STROKES = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"})


def upgrade() -> None:
    words = op.create_table(
        "person_word",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("word", BYTEWISE, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"]),
        sa.PrimaryKeyConstraint("event", "word", "recipient_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_person_word_recipient_id_word", "person_word", ["recipient_id", "word"])
    op.create_table(
        "upload",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    c = op.get_bind()
    for rows in _listed(c):
        found = [
            {"event": row.event, "word": word, "recipient_id": row.id}
            for row in rows
            for word in sorted(_words_of(json.loads(row.document)))
        ]
        if found:
            c.execute(words.insert(), found)


def _listed(c: sa.Connection) -> Iterator[Sequence[sa.Row[tuple[int, str, str]]]]:
    query = sa.text(
        "SELECT r.id, r.event, v.document FROM recipient r JOIN recipient_revision v "
        "ON v.recipient_id = r.id AND v.number = r.revision "
        "WHERE r.id > :last ORDER BY r.id LIMIT :limit"
    )
    last = 0
    while rows := c.execute(query, {"last": last, "limit": _AT_ONCE}).all():
        yield rows
        last = rows[-1].id


def _words_of(said: dict[str, str]) -> set[str]:
    """As `mailer.outbox.finding` made them at this step."""
    address = _folded(said.get("address", ""))
    names = " ".join(said.get(name, "") for name in ("given_name", "family_name", "institution"))
    words = {address, address.rpartition("@")[2], *re.findall(r"\w+", _folded(names))}
    words |= {f"{name}:{said[name].lower()}" for name in ("role", "state") if said.get(name)}
    return words - {""}


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_STROKES)
    return "".join(each for each in plain if not unicodedata.combining(each))

"""The first schema: agendas, people, occasions, letters."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def _one_of(name: str, words: str) -> sa.Enum:
    return sa.Enum(*words.split(), name=name, native_enum=False, create_constraint=True, length=16)


ANSWER = _one_of("answer", "accepted tentative declined delegated")
STATE = _one_of("state", "waiting claimed leaving sent deferred failed in_doubt suppressed withdrawn missed")
HAPPENING = _one_of(
    "happening",
    "claimed released intended accepted put_off refused lost repeated found not_found"
    " withdrawn suppressed expired",
)


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "agenda_version",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event", "number"),
    )
    op.create_table(
        "occasion",
        sa.Column("id", ID, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("mailing", sa.Text(), nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("useful_until", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("withdrawn_at", INSTANT),
        sa.Column("missed_at", INSTANT),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event", "mailing", "anchor", "due_at"),
    )
    op.create_table(
        "recipient",
        sa.Column("id", ID, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text()),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.Column("left_at", INSTANT),
        sa.Column("unsubscribed_at", INSTANT),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event", "address_key"),
        sa.UniqueConstraint("handle"),
    )
    op.create_index(("ix_recipient_event_id"), "recipient", ["event", "id"])
    op.create_table(
        "wording",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "roster",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("event"),
    )
    op.create_table(
        "answer",
        sa.Column("id", ID, nullable=False),
        sa.Column("recipient_id", ID, nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("answer", ANSWER, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(("ix_answer_recipient_id_anchor"), "answer", ["recipient_id", "anchor"])
    op.create_table(
        "entry",
        sa.Column("recipient_id", ID, nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("sequence_sent", sa.Integer(), nullable=False),
        sa.Column("version_sent", sa.Integer(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"]),
        sa.PrimaryKeyConstraint("recipient_id", "anchor"),
        sa.UniqueConstraint("uid"),
    )
    op.create_table(
        "recipient_revision",
        sa.Column("recipient_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"]),
        sa.PrimaryKeyConstraint("recipient_id", "number"),
    )
    op.create_table(
        "letter",
        sa.Column("id", ID, nullable=False),
        sa.Column("occasion_id", ID, nullable=False),
        sa.Column("recipient_id", ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("dated_at", INSTANT, nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", INSTANT),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("intent_at", INSTANT),
        sa.Column("settled_at", INSTANT),
        sa.Column("repeated_at", INSTANT),
        sa.Column("content", sa.Text()),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(owner IS NULL) = (lease_until IS NULL)"
            " AND (owner IS NULL) = (state NOT IN ('claimed', 'leaving'))",
            name="owned",
        ),
        sa.ForeignKeyConstraint(["occasion_id"], ["occasion.id"]),
        sa.ForeignKeyConstraint(
            ["recipient_id", "revision"], ["recipient_revision.recipient_id", "recipient_revision.number"]
        ),
        sa.ForeignKeyConstraint(["wording"], ["wording.digest"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_letter_once",
        "letter",
        ["occasion_id", "recipient_id"],
        unique=True,
        **_only("state != 'withdrawn' OR repeated_at IS NOT NULL"),
    )
    op.create_index("ix_letter_owned", "letter", ["owner"], **_only("owner IS NOT NULL"))
    op.create_index("ix_letter_progress", "letter", ["occasion_id", "state", "settled_at"])
    op.create_index(
        "ix_letter_to_claim", "letter", ["next_attempt_at", "id"], **_only("state IN ('deferred', 'waiting')")
    )
    op.create_table(
        "letter_history",
        sa.Column("id", ID, nullable=False),
        sa.Column("letter_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("happening", HAPPENING, nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(("ix_letter_history_letter_id"), "letter_history", ["letter_id"])

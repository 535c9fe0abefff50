"""What is held back, what was stopped, and what servers asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
CAUSE = sa.Enum(
    "person", "content", "auth", name="caused_by", native_enum=False, create_constraint=True, length=16
)


def upgrade() -> None:
    op.create_table(
        "pause",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("mailing", sa.Text(), nullable=False),
        sa.Column("caused_by", CAUSE, nullable=False),
        sa.Column("paused_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event", "mailing", "caused_by"),
    )
    op.create_table(
        "refusal",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("mailing", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("event", "mailing", "words"),
    )
    op.create_table(
        "stopped_occasion",
        sa.Column("occasion_id", ID, autoincrement=False, nullable=False),
        sa.Column("stopped_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["occasion_id"], ["occasion.id"]),
        sa.PrimaryKeyConstraint("occasion_id"),
    )
    op.create_table(
        "slowdown",
        sa.Column("relay", sa.Text(), nullable=False),
        sa.Column("per_minute", sa.Float(), nullable=False),
        sa.Column("noted_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("relay"),
    )

"""Which database this is, who may send from it, and what each event is named by."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "event_key",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("naming", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event"),
    )
    op.create_table(
        "database_identity",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.CheckConstraint("number = 1", name="one"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("admitted_at", INSTANT, nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_recipient_unsubscribed",
        "recipient",
        ["event"],
        sqlite_where=sa.text("unsubscribed_at IS NOT NULL"),
        postgresql_where=sa.text("unsubscribed_at IS NOT NULL"),
    )

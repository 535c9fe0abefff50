"""Whose address was reported as wrong, and nobody has shown since that it is right."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FLAGGED = """
INSERT INTO flag (recipient_id, at)
SELECT t.recipient_id, max(t.at) FROM address_trouble t WHERE t.trouble = 'hard'
  AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.recipient_id = t.recipient_id AND a.at > t.at)
GROUP BY t.recipient_id"""


def upgrade() -> None:
    op.create_table(
        "flag",
        sa.Column(
            "recipient_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"]),
        sa.PrimaryKeyConstraint("recipient_id"),
    )
    op.execute(FLAGGED)

"""The letters that few are like are told by a condition spelt out: SQLite asks at every change of a letter."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATES = ("deferred", "failed", "in_doubt", "missed", "suppressed", "withdrawn")
APART = sa.text(" OR ".join(f"state = '{state}'" for state in STATES))


def upgrade() -> None:
    op.drop_index("ix_letter_apart", "letter")
    op.create_index("ix_letter_apart", "letter", ["state", "id"], sqlite_where=APART, postgresql_where=APART)

"""Letters by their state, mails by their kind: a page of either is found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

APART = sa.text("state IN ('deferred', 'failed', 'in_doubt', 'missed', 'suppressed', 'withdrawn')")


def upgrade() -> None:
    op.create_index("ix_letter_apart", "letter", ["state", "id"], sqlite_where=APART, postgresql_where=APART)
    op.create_index("ix_incoming_kind_id", "incoming", ["kind", "id"])
    op.create_index("ix_incoming_kind_state_recipient_id", "incoming", ["kind", "state", "recipient_id"])

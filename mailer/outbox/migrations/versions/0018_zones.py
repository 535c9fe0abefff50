"""The time zones of a long list are found by going from one to the next."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_recipient_listed ON recipient (event, timezone) WHERE left_at IS NULL")

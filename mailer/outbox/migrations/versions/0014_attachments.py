"""What is in the files that mailings attach, and which versions carry them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_attachment"),
    )
    op.create_table(
        "attached",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mailing", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["attachment.digest"], name="fk_attached_digest"),
        sa.ForeignKeyConstraint(
            ["event", "version"],
            ["agenda_version.event", "agenda_version.number"],
            name="fk_attached_version",
        ),
        sa.PrimaryKeyConstraint("event", "version", "mailing", "digest", name="pk_attached"),
    )

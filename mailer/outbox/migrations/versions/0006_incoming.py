"""What comes back: mails as they came, where they lay, how far mailboxes are read, which addresses have trouble."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "incoming",
        sa.Column("id", ID, nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("letter_id", ID, nullable=True),
        sa.Column("recipient_id", ID, nullable=True),
        sa.Column("forward", sa.String(16), nullable=False),
        sa.Column("forwarded_at", INSTANT, nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.CheckConstraint(_one_of("state", "new sorted open decided quarantined"), name="state"),
        sa.CheckConstraint(_one_of("forward", "not waiting leaving sent failed"), name="forward"),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"]),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("ix_incoming_state_id", "incoming", ["state", "id"])
    op.create_index("ix_incoming_forward_id", "incoming", ["forward", "id"])
    op.create_index("ix_incoming_letter_id", "incoming", ["letter_id"])
    op.create_table(
        "incoming_place",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("incoming_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["incoming_id"], ["incoming.id"]),
        sa.PrimaryKeyConstraint("mailbox", "place"),
    )
    op.create_table(
        "mailbox_cursor",
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox"),
    )
    op.create_table(
        "address_trouble",
        sa.Column("incoming_id", ID, autoincrement=False, nullable=False),
        sa.Column("recipient_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("trouble", sa.String(16), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.CheckConstraint("trouble IN ('hard', 'soft')", name="trouble"),
        sa.ForeignKeyConstraint(["incoming_id"], ["incoming.id"]),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipient.id"]),
        sa.PrimaryKeyConstraint("incoming_id"),
    )
    op.create_index("ix_address_trouble_recipient_id", "address_trouble", ["recipient_id"])


def _one_of(column: str, words: str) -> str:
    return " OR ".join(f"{column} = '{word}'" for word in words.split())

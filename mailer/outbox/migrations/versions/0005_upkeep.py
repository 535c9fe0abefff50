"""What a letter does to entries that are held, how entries were told, and to which state of them answers were given."""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

STAMPED = """
UPDATE entry SET stamped_at = coalesce(
    (SELECT v.published_at FROM agenda_version v JOIN recipient r ON r.event = v.event
     WHERE r.id = entry.recipient_id AND v.number = entry.version_sent), sent_at),
  asked = (anchor = 'event'), right_for = version_sent"""

ANSWERED = """
UPDATE answer SET sequence = coalesce(
    (SELECT e.sequence_sent FROM entry e WHERE e.recipient_id = answer.recipient_id AND e.anchor = answer.anchor), 0)"""


COLUMNS: tuple[tuple[str, str, sa.types.TypeEngine[Any], str], ...] = (
    ("entry", "asked", sa.Boolean(), "false"),
    ("entry", "cancelled", sa.Boolean(), "false"),
    ("entry", "stamped_at", INSTANT, "'1970-01-01 00:00:00+00'"),
    ("entry", "right_for", sa.Integer(), "0"),
    ("answer", "sequence", sa.Integer(), "0"),
    ("answer", "comment", sa.Text(), "''"),
)
"""What every row has from now on, and what the rows have that are there."""

NAMES_UPKEEP = "CONSTRAINT fk_letter_upkeep FOREIGN KEY(upkeep) REFERENCES upkeep (digest)"


def upgrade() -> None:
    op.create_table(
        "upkeep",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    is_sqlite = op.get_context().dialect.name == "sqlite"
    op.add_column("letter", sa.Column("upkeep", sa.Text()))
    if not is_sqlite:
        op.create_foreign_key("fk_letter_upkeep", "letter", "upkeep", ["upkeep"], ["digest"])
    for table, name, kind, of_old_rows in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=sa.text(of_old_rows)))
    op.execute("UPDATE entry SET cancelled = false")
    op.execute("UPDATE answer SET comment = ''")
    op.execute(STAMPED)
    op.execute(ANSWERED)
    if is_sqlite:
        _say_it_as_new()
    else:
        for table, name, *_ in COLUMNS:
            op.alter_column(table, name, server_default=None)


def _say_it_as_new() -> None:
    """The tables as if they had been made so: every row holds its values by now, the defaults can go."""
    c = op.get_bind()
    for table in ("letter", "entry", "answer"):
        made = c.execute(
            sa.text("SELECT sql FROM sqlite_schema WHERE name = :table"), {"table": table}
        ).scalar_one()
        body = made.rstrip()[:-1].rstrip()
        for of, name, _, default in COLUMNS:
            if of == table:
                body = re.sub(
                    rf",\s*{name} (\w+) DEFAULT {re.escape(default)} NOT NULL",
                    rf",\n\t{name} \1 NOT NULL",
                    body,
                )
        body = re.sub(r",\s*upkeep TEXT", f",\n\tupkeep TEXT,\n\t{NAMES_UPKEEP}", body)
        _rewrite(table, f"{body}\n)")


def _rewrite(table: str, made: str) -> None:
    """As the last paragraph of sqlite.org/lang_altertable.html has it: the rows stay as they are."""
    c = op.get_bind()
    (version,) = c.exec_driver_sql("PRAGMA schema_version").one()
    c.exec_driver_sql("PRAGMA writable_schema = ON")
    c.execute(
        sa.text("UPDATE sqlite_schema SET sql = :sql WHERE name = :table"), {"sql": made, "table": table}
    )
    c.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    c.exec_driver_sql("PRAGMA writable_schema = OFF")

"""A letter says itself through what it is leaving. The letters that few are like are told by a condition spelt out, for
SQLite asks at every change of a letter.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATES = ("deferred", "failed", "in_doubt", "missed", "suppressed", "withdrawn")
APART = sa.text(" OR ".join(f"state = '{state}'" for state in STATES))


def upgrade() -> None:
    op.add_column("letter", sa.Column("through", sa.Text()))
    if op.get_context().dialect.name == "sqlite":
        _rewrite("letter", r",\s*through ", ",\n\tthrough ")
    op.drop_index("ix_letter_apart", "letter")
    op.create_index("ix_letter_apart", "letter", ["state", "id"], sqlite_where=APART, postgresql_where=APART)


def _rewrite(table: str, old: str, new: str) -> None:
    """As the last paragraph of sqlite.org/lang_altertable.html has it: the rows stay as they are."""
    c = op.get_bind()
    of_table = {"table": table}
    made = c.execute(sa.text("SELECT sql FROM sqlite_schema WHERE name = :table"), of_table).scalar_one()
    (version,) = c.exec_driver_sql("PRAGMA schema_version").one()
    c.exec_driver_sql("PRAGMA writable_schema = ON")
    c.execute(
        sa.text("UPDATE sqlite_schema SET sql = :sql WHERE name = :table"),
        {"sql": re.sub(old, new, made), **of_table},
    )
    c.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    c.exec_driver_sql("PRAGMA writable_schema = OFF")

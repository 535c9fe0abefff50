"""The words that a letter's state and what befell it may be, spelt out: SQLite checks a row in a tenth of the time."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATES = "waiting claimed leaving sent deferred failed in_doubt suppressed withdrawn missed"
HAPPENINGS = (
    "claimed released intended accepted put_off refused lost repeated found not_found"
    " withdrawn suppressed expired"
)
CHECKS = (
    ("letter", "state", STATES),
    ("letter_history", "state", STATES),
    ("letter_history", "happening", HAPPENINGS),
)


def upgrade() -> None:
    for table, column, words in CHECKS:
        condition = " OR ".join(f"{column} = '{word}'" for word in words.split())
        if op.get_context().dialect.name == "sqlite":
            _rewrite(table, f"ck_{table}_{column}", condition)
        else:
            op.drop_constraint(column, table, type_="check")
            op.create_check_constraint(column, table, condition)


def _rewrite(table: str, name: str, condition: str) -> None:
    """As the last paragraph of sqlite.org/lang_altertable.html has it: the rows stay as they are."""
    c = op.get_bind()
    of_table = {"table": table}
    made = c.execute(sa.text("SELECT sql FROM sqlite_schema WHERE name = :table"), of_table).scalar_one()
    check = f"CONSTRAINT {name} CHECK ({condition})"
    altered = re.sub(rf"CONSTRAINT {name} CHECK \(\w+ IN \([^)]*\)\)", check, made)
    (version,) = c.exec_driver_sql("PRAGMA schema_version").one()
    c.exec_driver_sql("PRAGMA writable_schema = ON")
    c.execute(
        sa.text("UPDATE sqlite_schema SET sql = :sql WHERE name = :table"), {"sql": altered, **of_table}
    )
    c.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    c.exec_driver_sql("PRAGMA writable_schema = OFF")

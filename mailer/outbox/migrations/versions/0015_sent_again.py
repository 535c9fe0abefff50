"""A letter that failed may be sent again: one word more of what befell it. Rows of a list that cannot be taken are
counted, and whoever has an account is called as they wrote their name.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

HAPPENINGS = (
    "claimed released intended accepted put_off refused lost repeated found not_found"
    " withdrawn suppressed expired retried"
)
CONDITION = " OR ".join(f"happening = '{word}'" for word in HAPPENINGS.split())
CHECK = "CONSTRAINT ck_letter_history_happening CHECK"


def upgrade() -> None:
    op.add_column("upload", sa.Column("refused", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("account", sa.Column("called", sa.Text(), nullable=False, server_default=""))
    if op.get_context().dialect.name == "sqlite":
        _rewrite("upload", r",\s*refused ", ",\n\trefused ")
        _rewrite("account", r",\s*called ", ",\n\tcalled ")
        _rewrite("letter_history", rf"{CHECK} \([^)]*\)", f"{CHECK} ({CONDITION})")
    else:
        op.drop_constraint("happening", "letter_history", type_="check")
        op.create_check_constraint("happening", "letter_history", CONDITION)


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

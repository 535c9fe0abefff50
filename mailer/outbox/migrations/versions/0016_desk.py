"""An edit of the agenda tells of all who had a hand in it."""

import json
import re

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("draft", sa.Column("hands", sa.Text(), nullable=False, server_default="[]"))
    if op.get_context().dialect.name == "sqlite":
        _rewrite("draft", r",\s*hands ", ",\n\thands ")
    _tell_of_those_before()


def _tell_of_those_before() -> None:
    """Of edits that are kept nobody knows which part they changed: all of it."""
    c = op.get_bind()
    draft = sa.table("draft", *map(sa.column, ("event", "number", "by", "taken_back_at", "hands")))
    had: dict[str, set[str]] = {}
    rows = c.execute(sa.select(draft).order_by(draft.c.event, draft.c.number)).all()
    for row in rows:
        if row.taken_back_at is None:
            had.setdefault(row.event, set()).add(row.by)
        hands = json.dumps([[by, "agenda"] for by in sorted(had.get(row.event, ()))], ensure_ascii=False)
        this = (draft.c.event == row.event) & (draft.c.number == row.number)
        c.execute(sa.update(draft).where(this).values(hands=hands))


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

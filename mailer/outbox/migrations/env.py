"""What alembic runs: the steps in `versions`, in the transaction `database` hands over."""

from alembic import context

from mailer.outbox.database import VERSION_TABLE
from mailer.outbox.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

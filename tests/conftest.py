"""What every test may ask for: a database, once on SQLite and once on a real PostgreSQL; and one source of zones."""

import pytest

from mailer import wallclock
from tests.databases import database, database_url, postgresql_database, postgresql_server, sqlite_template

__all__ = ["database", "database_url", "postgresql_database", "postgresql_server", "sqlite_template"]


def pytest_configure(config: pytest.Config) -> None:
    wallclock.use_packaged_tzdata()

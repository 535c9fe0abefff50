"""What every test may ask for: a database, once on SQLite and once on a real PostgreSQL; and one source of zones."""

import pytest

from mailer import outlook, standing, wallclock
from tests.databases import database, database_url, postgresql_database, postgresql_server, sqlite_template

__all__ = ["database", "database_url", "postgresql_database", "postgresql_server", "sqlite_template"]


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    """One PostgreSQL database serves all tests, each of which begins with it empty: older counts are void."""
    standing._lately.forget()
    standing._known.clear()
    outlook._lately.forget()


def pytest_configure(config: pytest.Config) -> None:
    wallclock.use_packaged_tzdata()

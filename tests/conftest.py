"""What every test may ask for: a database, once on SQLite and once on a real PostgreSQL; and one source of zones."""

import pytest
from hypothesis import HealthCheck, settings

from mailer import outlook, standing, wallclock
from tests.databases import database, database_url, postgresql_database, postgresql_server, sqlite_template

__all__ = ["database", "database_url", "postgresql_database", "postgresql_server", "sqlite_template"]

settings.register_profile("convenor", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("convenor")
"""How long an example takes says how busy the machine is; what must be quick is measured where it is promised."""


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    """One PostgreSQL database serves all tests, each of which begins with it empty: older counts are void."""
    standing._lately.forget()
    standing._known.clear()
    outlook._lately.forget()


def pytest_configure(config: pytest.Config) -> None:
    wallclock.use_packaged_tzdata()

"""Every test of the store runs on both databases."""

from tests.databases import database, database_url, postgresql_database, postgresql_server, sqlite_template

__all__ = ["database", "database_url", "postgresql_database", "postgresql_server", "sqlite_template"]

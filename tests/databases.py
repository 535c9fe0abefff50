"""The two databases every test of the store runs on: an SQLite file, and a private PostgreSQL server.

The server lives in a temporary folder, listens on a unix socket alone, forgets at a power cut (so that tests
are quick) and is stopped with the test run. Each test begins with an empty database.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from mailer.outbox.database import Database, open_database
from mailer.outbox.schema import metadata

_QUICK = "-c fsync=off -c full_page_writes=off -c listen_addresses='' -c max_connections=40"


def _binaries() -> Path | None:
    """The folder of PostgreSQL's programs: on the PATH, or where Debian puts them, the newest first."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def _unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root; what to put before its commands then."""
    if os.getuid() != 0:
        return []
    for user in ("postgres", "nobody"):
        try:
            pwd.getpwnam(user)
        except KeyError:
            continue
        return ["runuser", "-u", user, "--"]
    pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The socket folder of a running server that accepts user `convenor`."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's programs are not installed (Debian: apt install postgresql)")
    prefix = _unprivileged()
    home = Path(tempfile.mkdtemp(prefix="convenor-pg-"))
    if prefix:
        shutil.chown(home, user=prefix[2])

    def run(*command: str) -> None:
        subprocess.run([*prefix, *command], check=True, cwd=home, stdout=subprocess.DEVNULL)

    data, log = str(home / "data"), str(home / "log")
    run(
        str(binaries / "initdb"),
        "-D",
        data,
        "-U",
        "convenor",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
        "--locale=C",
    )
    try:
        run(str(binaries / "pg_ctl"), "-D", data, "-l", log, "-o", f"{_QUICK} -k {home}", "-w", "start")
        yield str(home)
    finally:
        subprocess.run(
            [*prefix, str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "stop"],
            cwd=home,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        shutil.rmtree(home, ignore_errors=True)


_numbers = count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database that nobody has opened yet, once on each of the two."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/convenor.db"
        return
    socket = request.getfixturevalue("postgresql_server")
    name = f"test_{next(_numbers)}"
    with psycopg.connect(host=socket, user="convenor", dbname="postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        yield f"postgresql://convenor@/{name}?host={socket}"
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def empty_sqlite(folder: Path, name: str = "convenor.db") -> str:
    """The address of a new SQLite file in the folder, with the schema and nothing in it."""
    (folder / name).write_bytes(_empty())
    return f"sqlite:///{folder / name}"


@cache
def _empty() -> bytes:
    """Made once: a migration through all releases takes half a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "convenor.db"
        open_database(f"sqlite:///{file}").close()
        return file.read_bytes()


Contents = dict[str, Any]
"""What stands in each table, as the driver has it, by name and in the order in which it can be written."""


def contents(database: Database) -> Contents:
    with database.reading() as c:
        driver: Any = c.connection.driver_connection
        if c.dialect.name == "sqlite":
            return {
                table.name: driver.execute(f'SELECT * FROM "{table.name}"').fetchall()  # noqa: S608
                for table in metadata.sorted_tables
            }
        found = {}
        for table in metadata.sorted_tables:
            with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" TO STDOUT') as rows:
                found[table.name] = b"".join(rows)
        return found


def put(database: Database, kept: Contents) -> bool:
    """Let a database of the same kind hold this, as if it had come to be there; whether it was empty, as it must be."""
    full = {name: rows for name, rows in kept.items() if rows}
    with database.writing() as c:
        if any(c.scalar(text(f'SELECT EXISTS (SELECT 1 FROM "{name}")')) for name in full):  # noqa: S608
            return False
        driver: Any = c.connection.driver_connection
        if c.dialect.name == "sqlite":
            for name, rows in full.items():
                marks = ", ".join("?" * len(rows[0]))
                driver.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)  # noqa: S608
            return True
        for name, octets in full.items():
            with driver.cursor() as cursor, cursor.copy(f'COPY "{name}" FROM STDIN') as copy:
                copy.write(octets)
            if (column := metadata.tables[name].autoincrement_column) is not None:
                last = f'SELECT max("{column.name}") FROM "{name}"'  # noqa: S608
                c.execute(
                    text(f"SELECT setval(pg_get_serial_sequence(:name, :column), ({last}))"),
                    {"name": name, "column": column.name},
                )
        return True


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: str) -> Iterator[Database]:
    opened = open_database(f"postgresql://convenor@/postgres?host={postgresql_server}")
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open database with nothing in it, once on each of the two."""
    if request.param == "sqlite":
        opened = open_database(empty_sqlite(tmp_path))
        yield opened
        opened.close()
        return
    opened = request.getfixturevalue("postgresql_database")
    yield opened
    empty(opened)


def empty(opened: Database) -> None:
    """Leave nothing in a PostgreSQL database, the audit included: for once its triggers are out of the way."""
    with opened.writing() as c:
        c.execute(text("SET LOCAL session_replication_role = replica"))
        c.execute(text(f"TRUNCATE {', '.join(metadata.tables)}"))

"""Opening the database and beginning transactions, on SQLite and on PostgreSQL. What is in it is in `schema`.

SQLite is `pysqlite3`'s, and its alone: before 3.51.3, which few systems have yet, two writers could meet a WAL
reset and corrupt the file; and two copies of SQLite in one process drop each other's locks.

A database that cannot be trusted is refused here, with a StoreError that says what to do. Nobody retries in
here: a transaction that failed has left nothing behind, and its caller asks what is true before trying again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import pysqlite3
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mailer.errors import StoreError, Unkeepable
from mailer.outbox.schema import metadata

# or for each truth value it searches in vain for how to keep one, which takes longer than a row
pysqlite3.register_adapter(bool, int)

Transaction = Connection
"""What the functions of the outbox are given: a connection within `reading()` or `writing()`."""

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0019"
"""The newest migration: the schema this program speaks."""

VERSION_TABLE = "convenor_schema"
_MIGRATION_LOCK = 0x436F6E76656E6F72  # pg_advisory_xact_lock takes any 64 bits that nobody else uses
_PATIENCE_FOR = 10_000  # milliseconds
_PREPARED = 256  # statements that a connection to SQLite knows: more than the driver's own hundred, which writing fills
_POOL = {"pool_size": 5, "max_overflow": 50, "pool_timeout": _PATIENCE_FOR / 1000}
"""More connections than a service has threads, the pages' forty among them."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """Where transactions begin. Threads may share one; each transaction has a connection of its own."""

    engine: Engine
    _turn: Lock = field(default_factory=Lock, repr=False, compare=False)

    @cached_property
    def _reader(self) -> Engine:
        return self.engine.execution_options(**_READING[self.engine.dialect.name])

    @cached_property
    def _writer(self) -> Engine:
        return self.engine.execution_options(writing=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot that cannot be written to, and holds nobody up.

        Raises:
            StoreError: the database is gone, locked for too long, or damaged.
        """
        with self._transaction(self._reader) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction committed durably at the end of the block, or undone by any exception.

        On SQLite there is one at a time (`BEGIN IMMEDIATE`): threads wait for their turn, other processes up to
        ten seconds.

        Raises:
            StoreError: as for `reading`, and for a full disk or a deadlock. Nothing was kept, unless the
                connection broke during the commit itself: then only reading can tell.
        """
        if self.engine.dialect.name != "sqlite":
            with self._transaction(self._writer) as connection:
                yield connection
            return
        with self._in_turn(), _told_plainly(self.engine.url):
            try:
                with self._pen.begin():
                    yield self._pen
            except BaseException:
                self._lay_down()
                raise

    @cached_property
    def _pen(self) -> Connection:
        """The one connection by which SQLite is written to: what it has prepared once it need not prepare again. After
        whatever went wrong the pool has it back, and says which is next. It is not closed: of a commit that failed for
        want of a sync, SQLite would find all in its log when it opens the file anew.
        """
        return self._writer.connect()

    def _lay_down(self) -> None:
        if pen := self.__dict__.pop("_pen", None):
            pen.close()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Threads that write to SQLite queue here: its own waiting is by sleeping and looking again."""
        if not self._turn.acquire(timeout=_PATIENCE_FOR / 1000):
            raise StoreError(
                f"the database {self.engine.url.render_as_string(hide_password=True)} cannot be used "
                "(locked by another thread); try again when it is free"
            )
        try:
            yield
        finally:
            self._turn.release()

    def close(self) -> None:
        """Give back every connection; the database can be opened again."""
        with (
            suppress(StoreError),
            self._in_turn(),
        ):  # somebody is still writing: what they write by goes with them
            self._lay_down()
        self.engine.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with _told_plainly(self.engine.url), engine.begin() as connection:
            yield connection


_READING: dict[str, dict[str, Any]] = {
    "sqlite": {},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


def open_database(url: str, *, check: bool = True, durable: bool = True) -> Database:
    """The database at `sqlite:///path/to/file` or `postgresql://...`, brought to this program's schema.

    The folder of an SQLite file is made; `check` has SQLite read the whole file through for damage, some
    seconds for each gigabyte. A file that vanishes with its folder need not be `durable`: no commit waits for the
    disk, and a power cut may ruin it.

    Raises:
        StoreError: the address cannot be used, the file is damaged or not a database, or a newer release of
            Convenor has written to it. Nothing was changed.
    """
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        _make_folder(address)
    database = Database(engine=_engine(address, durable=durable))
    try:
        with _told_plainly(address):
            if check:
                _refuse_damage(database)
            _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def insert(c: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say ON CONFLICT, in the words of the database at hand."""
    return sqlite.insert(table) if c.dialect.name == "sqlite" else postgresql.insert(table)


def fetch(c: Connection, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The plain rows of a query written with `?`, straight from the driver."""
    with _cursor(c) as cursor:
        cursor.execute(_marked(c, query), tuple(values))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def run(c: Connection, statement: str, values: Sequence[Any] = ()) -> None:
    """Run a statement written with `?` that gives no rows, straight by the driver."""
    with _cursor(c) as cursor:
        cursor.execute(_marked(c, statement), tuple(values))


def many(c: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run a statement written with `?` for each of the rows, straight by the driver; how many rows it changed."""
    if not rows:
        return 0
    with _cursor(c) as cursor:
        cursor.executemany(_marked(c, statement), rows)
        return int(cursor.rowcount)


@contextmanager
def _cursor(c: Connection) -> Iterator[Any]:
    """The driver's own cursor, its errors told as SQLAlchemy tells them."""
    driver_error: Any = c.dialect.loaded_dbapi.Error
    cursor = c.connection.cursor()
    try:
        yield cursor
    except driver_error as error:
        raise DBAPIError.instance(None, None, error, driver_error, dialect=c.dialect) from error
    finally:
        cursor.close()


def _marked(c: Connection, statement: str) -> str:
    return statement if c.dialect.name == "sqlite" else statement.replace("?", "%s")


@lru_cache(maxsize=1024)
def _as_sqlite_has_it(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def as_stored(c: Connection, moment: datetime) -> datetime | str:
    """An aware moment as a plain row holds it: `schema.Instant` for those who speak to the driver."""
    return _as_sqlite_has_it(moment) if c.dialect.name == "sqlite" else moment


@lru_cache(maxsize=1024)
def as_moment(stored: datetime | str) -> datetime:
    """What `as_stored` was given."""
    return (
        datetime.fromisoformat(stored).replace(tzinfo=UTC)
        if isinstance(stored, str)
        else stored.astimezone(UTC)
    )


def _address(url: str) -> URL:
    try:
        address = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        raise StoreError(
            f"'{url}' is no database address; write sqlite:///var/convenor.db or postgresql://user@host/name"
        ) from None
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise StoreError(
            f"'{address.drivername}' databases are not supported; use sqlite:/// or postgresql://"
        )
    if address.get_backend_name() == "sqlite" and address.database in {None, "", ":memory:"}:
        raise StoreError(
            "a database in memory forgets what was sent; name a file, as in sqlite:///var/convenor.db"
        )
    return address


def _make_folder(address: URL) -> None:
    folder = Path(str(address.database)).resolve().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {folder} for the database cannot be made ({error.strerror}); "
            "make it yourself and let this user write to it, or name another"
        ) from error


def _engine(address: URL, *, durable: bool) -> Engine:
    is_file = address.get_backend_name() == "sqlite"
    try:
        driver: dict[str, Any] = (
            {"module": pysqlite3, "connect_args": {"cached_statements": _PREPARED}}
            if is_file
            else {"pool_pre_ping": True}
        )
        engine = create_engine(address, **driver, **_POOL)
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL needs one more package: pip install -e '.[postgres]'") from None
    event.listen(engine, "connect", _prepare_sqlite if is_file else _prepare_postgresql)
    if is_file and not durable:
        event.listen(engine, "connect", _spare_the_disk)
    if is_file:
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours: the driver's own comes too late
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_FOR}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    (found,) = connection.execute("PRAGMA journal_mode").fetchone()
    if found != "wal":
        connection.execute("PRAGMA journal_mode = WAL")


def _spare_the_disk(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


_MAY_WRITE = "may write"


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    with _cursor(connection) as cursor:
        if connection.info.get(_MAY_WRITE) is not writing:  # after a PRAGMA every statement is prepared anew
            cursor.execute(f"PRAGMA query_only = {'OFF' if writing else 'ON'}")
            connection.info[_MAY_WRITE] = writing
        cursor.execute("BEGIN IMMEDIATE" if writing else "BEGIN")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """The server's defaults may be laxer; and a frozen process must not keep its locks for ever."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute(f"SET lock_timeout = {_PATIENCE_FOR}")
        cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
    connection.commit()


def _refuse_damage(database: Database) -> None:
    if database.engine.dialect.name != "sqlite":
        return
    with database.engine.begin() as connection:
        found = connection.scalar(text("PRAGMA quick_check(1)"))
    if found != "ok":
        raise _damaged(database.engine.url, str(found).splitlines()[-1])


def _migrate(database: Database) -> None:
    """To HEAD, once, however many services start at this moment; all of it or nothing."""
    with database.engine.begin() as connection:
        if _version(connection) == HEAD:
            return
    with database.engine.execution_options(writing=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        version = _version(connection)
        if version != HEAD:
            _refuse_foreign(connection, version)
            _upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.scalar(text(f"SELECT max(version_num) FROM {VERSION_TABLE}"))  # noqa: S608
    return version


def _refuse_foreign(connection: Connection, version: str | None) -> None:
    shown = connection.engine.url.render_as_string(hide_password=True)
    if version is not None and version > HEAD:
        raise StoreError(
            f"the database {shown} was written by a newer release of Convenor (schema {version}, "
            f"this one knows {HEAD}); install that release again, or restore the copy made before the upgrade"
        )
    if version is None and (
        taken := sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    ):
        raise StoreError(
            f"the database {shown} belongs to another program (it has a table '{taken[0]}'); name another"
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a quarter of a second, wanted once per release
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, HEAD)


@contextmanager
def _told_plainly(address: URL) -> Iterator[None]:
    """What the drivers say, as one StoreError, or Unkeepable of a value; mistakes in our own statements stay what they
    are.
    """
    try:
        yield
    except PoolTimeout as error:
        raise StoreError(
            f"the database {address.render_as_string(hide_password=True)} cannot be used "
            "(all its connections are in use); try again when one is free"
        ) from error
    except DataError as error:
        raise Unkeepable(
            "the database cannot hold one of these values: a NUL in a text, a number too large"
        ) from error
    except (OperationalError, InternalError, InterfaceError) as error:
        raise _unusable(address, error) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise
        raise _unusable(address, error) from error


def _unusable(address: URL, error: DBAPIError) -> StoreError:
    said = str(error.orig).strip().splitlines()[0]
    code = getattr(error.orig, "sqlite_errorname", "")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(address, said)
    advice = (
        "try again when it is free"
        if "locked" in said or "lock timeout" in said
        else "see that it can be reached and written to"
    )
    return StoreError(
        f"the database {address.render_as_string(hide_password=True)} cannot be used ({said}); {advice}"
    )


def _damaged(address: URL, said: str) -> StoreError:
    return StoreError(
        f"the file {address.database} is damaged or not a database ({said}); "
        "keep it aside, and put back the last good copy, or name another file"
    )

"""Opening, migrating, refusing; transactions of threads and of processes."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from mailer.errors import StoreError
from mailer.outbox import agendas, claims, drafts, ledger, letters, pauses, people, schema
from mailer.outbox import database as database_module
from mailer.outbox.database import HEAD, MIGRATIONS, VERSION_TABLE, Database, open_database
from tests.databases import empty_sqlite
from tests.outbox.world import begin, how_many

PUBLISHER = """
import sys
from mailer.agenda.model import AgendaVersion
from mailer.errors import StoreError
from mailer.outbox import agendas
from mailer.outbox.database import open_database
from tests.conference import version

database = open_database(sys.argv[1])
published = 0
while published < 20:
    try:
        with database.writing() as c:
            newest = agendas.latest(c, version().event.key)
            agendas.publish(c, version(number=newest.number + 1 if newest else 1))
        published += 1
    except StoreError:
        pass
"""


def test_opening_makes_folder_and_schema_and_opening_again_keeps_all(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/var/lib/convenor.db"
    first = open_database(url)
    begin(first, 3)
    first.close()
    assert how_many(open_database(url)) == 3


def test_sqlite_is_durable_and_checks_its_references(tmp_path: Path) -> None:
    opened = open_database(f"sqlite:///{tmp_path}/convenor.db")
    with opened.reading() as c:
        found = {
            name: c.scalar(text(f"PRAGMA {name}")) for name in ("synchronous", "foreign_keys", "journal_mode")
        }
    assert found == {"synchronous": 2, "foreign_keys": 1, "journal_mode": "wal"}


def test_what_vanishes_anyway_waits_for_no_disk(tmp_path: Path) -> None:
    opened = open_database(f"sqlite:///{tmp_path}/convenor.db", durable=False)
    with opened.reading() as c:
        assert c.scalar(text("PRAGMA synchronous")) == 0
    opened.close()


def test_sqlite_is_one_whose_wal_is_sound(tmp_path: Path) -> None:
    opened = open_database(f"sqlite:///{tmp_path}/convenor.db")
    with opened.reading() as c:
        version = c.scalar(text("SELECT sqlite_version()"))
    assert tuple(map(int, str(version).split("."))) >= (3, 51, 3)


def test_postgresql_commits_durably_and_waits_for_nobody_for_ever(postgresql_database: Database) -> None:
    with postgresql_database.writing() as c:
        assert [c.scalar(text(f"SHOW {name}")) for name in ("synchronous_commit", "lock_timeout")] == [
            "on",
            "10s",
        ]


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    row = {"digest": "digest", "texts": "{}"}
    with pytest.raises(IntegrityError), database.writing() as c:
        c.execute(schema.wording.insert(), [row, {"digest": None, "texts": None}])
    with database.reading() as c, pytest.raises(KeyError):
        agendas.wording(c, "digest")


def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError), database.reading() as c:
        agendas.keep_wording(c, "digest", {})
    with database.writing() as c:
        agendas.keep_wording(c, "digest", {})
    with pytest.raises(StoreError), database.reading() as c:
        agendas.keep_wording(c, "another", {})


def test_one_goes_on_writing_after_what_failed_and_after_closing(database: Database) -> None:
    def fail(failing: type[BaseException]) -> None:
        with database.writing() as c:
            agendas.keep_wording(c, "undone", {})
            raise failing

    for number, failing in enumerate((KeyboardInterrupt, StoreError, KeyError)):
        with pytest.raises(failing):
            fail(failing)
        database.close()
        with database.writing() as c:
            agendas.keep_wording(c, f"digest {number}", {})
            with pytest.raises(KeyError):
                agendas.wording(c, "undone")


def test_sqlite_is_written_to_by_one_connection_which_nobody_reads_by(tmp_path: Path) -> None:
    opened = open_database(f"sqlite:///{tmp_path}/convenor.db")
    written_by, read_by = list[object](), list[object]()
    for _ in range(3):
        with opened.writing() as c:
            written_by.append(c.connection.dbapi_connection)
        with opened.reading() as c:
            read_by.append(c.connection.dbapi_connection)
    assert len(set(map(id, written_by))) == 1
    assert not {*map(id, written_by)} & {*map(id, read_by)}
    opened.close()


def test_reading_sees_one_moment(database: Database) -> None:
    with database.reading() as c:
        assert agendas.event_keys(c) == []
        begin(database, 1)
        assert c.scalar(text("SELECT count(*) FROM letter")) == 0


def test_without_a_connection_left_it_is_said_and_nobody_waits_for_ever(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mailer.outbox.database._POOL", {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.01}
    )
    opened = open_database(database_url)
    in_use = pytest.raises(StoreError, match="all its connections are in use")
    with opened.reading(), in_use, opened.reading():
        pass
    opened.close()


def test_mistakes_in_statements_are_not_called_a_broken_database(database: Database) -> None:
    row = {"digest": "twice", "texts": "{}"}
    with pytest.raises(IntegrityError), database.writing() as c:
        c.execute(schema.wording.insert(), [row, row])
    if database.engine.dialect.name == "postgresql":
        with pytest.raises(ProgrammingError), database.reading() as c:
            c.execute(text("SELECT nothing"))


def test_migrations_and_tables_agree(database_url: str) -> None:
    migrated = open_database(database_url)
    with migrated.engine.connect() as c:
        options = {"compare_type": True, "include_name": lambda name, *_: name != VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(c, opts=options), schema.metadata) == []
        by_migrations = described(c)
    with migrated.writing() as c:
        schema.metadata.drop_all(c)
        schema.metadata.create_all(c)
        assert described(c) == by_migrations
    migrated.close()


FIRST_RELEASE = """
INSERT INTO agenda_version VALUES ('c', 1, '2027-01-11 08:00:00', '{}');
INSERT INTO wording VALUES ('w', '{}');
INSERT INTO recipient VALUES (1, 'c', 'a@b.example', 'h', NULL, 1, '2027-01-01 00:00:00', NULL, NULL);
INSERT INTO recipient_revision VALUES (1, 1, '{}', '2027-01-01 00:00:00');
INSERT INTO answer VALUES (1, 1, 'event', 'accepted', '2027-01-12 00:00:00', 'page');
INSERT INTO answer VALUES (2, 1, 'session-1', 'declined', '2027-01-12 00:00:00', 'page');
INSERT INTO entry VALUES (1, 'event', 'u1', 3, 1, '2027-01-11 09:00:00');
INSERT INTO entry VALUES (1, 'session-1', 'u2', 0, 1, '2027-01-11 09:00:00');
INSERT INTO occasion VALUES
    (1, 'c', 'm', 'event', '2027-01-11 08:00:00', '2027-03-10 08:00:00', '2027-01-11 08:00:00', NULL, NULL, '');
INSERT INTO letter VALUES (1, 1, 1, 1, 1, 'w', '2027-01-11 08:00:00', 'waiting', '', 0, '2027-01-11 08:00:00', NULL,
    NULL, 0, NULL, NULL, NULL, NULL, '')"""
"""What somebody had who began with the first release."""


def _of_an_older_release(url: str, monkeypatch: pytest.MonkeyPatch, head: str, rows: str) -> Database:
    """What was kept while `head` was the newest migration, opened as it is opened now."""
    with monkeypatch.context() as then:
        then.setattr(database_module, "HEAD", head)
        old = open_database(url)
    with old.writing() as c:
        for statement in rows.split(";\n"):
            c.execute(text(statement))
    old.close()
    return open_database(url)


def test_a_database_of_the_first_release_is_brought_along(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_along = _of_an_older_release(database_url, monkeypatch, "0001", FIRST_RELEASE)
    published_at, sent_at = (datetime(2027, 1, 11, hour, tzinfo=UTC) for hour in (8, 9))
    with brought_along.writing() as c:
        assert [
            (e.anchor, e.asked, e.cancelled, e.stamped_at, e.right_for, e.sent_at)
            for e in ledger.ledger(c, "c")
        ] == [
            ("event", True, False, published_at, 1, sent_at),
            ("session-1", False, False, published_at, 1, sent_at),
        ]
        assert [(each.anchor, each.sequence, each.comment) for each in people.answers(c, 1)] == [
            ("event", 3, ""),
            ("session-1", 0, ""),
        ]
        pauses.pause(c, "c", "m", "", sent_at)
        assert (pauses.unsent(c, "c"), how_many(brought_along)) == (1, 1)
        c.execute(schema.entry.delete())
    brought_along.close()


EDITS = """
INSERT INTO draft VALUES ('c', 1, '{}', 1, '2027-01-11 08:00:00', 'Maria', 'one', NULL);
INSERT INTO draft VALUES ('c', 2, '{}', 1, '2027-01-11 08:00:00', 'Jan', 'two', '2027-01-11 08:00:00');
INSERT INTO draft VALUES ('c', 3, '{}', 1, '2027-01-11 08:00:00', 'Ida', 'three', NULL)"""
"""The second was taken back."""


def test_edits_that_were_kept_before_are_told_of_those_who_made_them(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_along = _of_an_older_release(database_url, monkeypatch, "0015", EDITS)
    with brought_along.reading() as c:
        assert [each.hands for each in drafts.edits(c, "c")] == [
            {("Maria", "agenda")},
            {("Ida", "agenda"), ("Maria", "agenda")},
        ]
    brought_along.close()


LEAVING = """
INSERT INTO wording VALUES ('w', '{}');
INSERT INTO recipient VALUES (1, 'c', 'a@b.example', 'h', NULL, 1, '2027-01-01 00:00:00', NULL, NULL);
INSERT INTO recipient_revision VALUES (1, 1, '{}', '2027-01-01 00:00:00');
INSERT INTO occasion VALUES
    (1, 'c', 'm', 'event', '2027-01-11 08:00:00', '2027-03-10 08:00:00', '2027-01-11 08:00:00', NULL, NULL, '');
INSERT INTO letter VALUES (1, 1, 1, 1, 1, 'w', '2027-01-11 08:00:00', 'leaving', '', 0, '2027-01-11 08:00:00', 'one',
    '2027-01-11 09:00:00', 1, '2027-01-11 08:01:00', NULL, NULL, 'digest', 'smtp://mail.example', NULL);
INSERT INTO letter_history (letter_id, at, happening, state, note)
    VALUES (1, '2027-01-11 08:01:00', 'intended', 'leaving', 'smtp://mail.example')"""
"""A letter whose intent is told of in the history, as it was then."""


def test_what_was_leaving_when_a_service_was_brought_along_is_told_of_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought_along = _of_an_older_release(database_url, monkeypatch, "0018", LEAVING)
    with brought_along.writing() as c:
        intended = ("intended", "smtp://mail.example")
        assert [(each.happening, each.note) for each in letters.history(c, 1)] == [intended]
        claims.release_owner(c, "one", datetime(2027, 1, 11, 9, tzinfo=UTC))
        assert [(each.happening, each.note) for each in letters.history(c, 1)] == [
            intended,
            ("lost", "one stopped"),
        ]
    brought_along.close()


def described(c: Connection) -> dict[str, list[str]]:
    """Columns, keys, checks, indexes and triggers of every table, each in words, whatever their order."""
    if c.dialect.name == "sqlite":
        made = c.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {name: sorted(line.strip("\t ,") for line in sql.splitlines()) for name, sql in made}
    look = inspect(c)
    facts = (
        look.get_columns,
        look.get_indexes,
        look.get_unique_constraints,
        look.get_check_constraints,
        look.get_foreign_keys,
    )
    found = {
        table: sorted(str(each) for fact in facts for each in fact(table)) for table in schema.metadata.tables
    }
    triggers = c.scalars(text("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"))
    return found | {"triggers": sorted(triggers)}


def test_no_list_is_gone_through_at_every_change_of_a_letter(tmp_path: Path) -> None:
    """SQLite builds a tree for an IN of more than two, each time it checks a row or looks whether an index has it."""
    opened = open_database(empty_sqlite(tmp_path))
    with opened.reading() as c:
        of_letters = text("SELECT sql FROM sqlite_master WHERE tbl_name IN ('letter', 'letter_history')")
        made = [each for each in c.scalars(of_letters) if each]
    opened.close()
    assert any("OR state = 'withdrawn'" in each for each in made)
    assert [each for each in made if re.search(r"IN \([^)]*,[^)]*,", each)] == []


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_a_newer_schema_is_refused_untouched(database_url: str) -> None:
    newer = open_database(database_url)
    with newer.writing() as c:
        c.execute(text("UPDATE convenor_schema SET version_num = '9999'"))
    newer.close()
    with pytest.raises(StoreError, match=r"newer release of Convenor \(schema 9999.*install that release"):
        open_database(database_url)


def test_an_upgrade_killed_halfway_is_undone(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(c: Connection) -> None:
        upgrade(c)
        raise KeyboardInterrupt

    upgrade = database_module._upgrade
    monkeypatch.setattr(database_module, "_upgrade", killed)
    with pytest.raises(KeyboardInterrupt):
        open_database(database_url)
    monkeypatch.undo()
    engine = create_engine(database_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    open_database(database_url).close()


def test_another_programs_database_is_refused(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as c:
        c.execute(text("CREATE TABLE letter (id INTEGER)"))
    with pytest.raises(StoreError, match="another program"):
        open_database(database_url)
    assert inspect(engine).get_table_names() == ["letter"]
    engine.dispose()


@pytest.mark.parametrize("damage", ["cut", "scribble", "text"])
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, damage: str) -> None:
    file = Path(empty_sqlite(tmp_path).removeprefix("sqlite:///"))
    sound = file.read_bytes()
    middle = len(sound) // 2
    damaged = {
        "cut": sound[:middle],
        "scribble": sound[:4096] + b"\xff" * 4096 + sound[8192:],
        "text": b"This is not a database at all. " * 300,
    }[damage]
    file.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"damaged or not a database.*put back the last good copy"):
        open_database(f"sqlite:///{file}")
    assert file.read_bytes() == damaged


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file is in the way")
    with pytest.raises(StoreError, match=r"folder .*var/lib.* cannot be made") as refused:
        open_database(f"sqlite:///{tmp_path}/var/lib/convenor.db")
    assert "\n" not in str(refused.value)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        open_database(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "is no database address"),
        ("mysql://host/name", "not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, told: str) -> None:
    with pytest.raises(StoreError, match=told):
        open_database(url)


def test_an_unreachable_server_is_told_without_the_password() -> None:
    with pytest.raises(StoreError, match="cannot be used") as refused:
        open_database("postgresql://clerk:hidden-word@127.0.0.1:1/convenor")
    assert "hidden-word" not in str(refused.value)


def test_a_locked_file_is_told_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_PATIENCE_FOR", 20)
    opened = open_database(f"sqlite:///{tmp_path}/convenor.db")
    with opened.writing(), pytest.raises(StoreError, match=r"locked.*try again"), opened.writing():
        pass


def test_two_processes_open_and_write_at_once(database_url: str) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", PUBLISHER, database_url]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    both = open_database(database_url)
    with both.reading() as c:
        numbers = c.scalars(text("SELECT number FROM agenda_version ORDER BY number")).all()
    both.close()
    assert numbers == list(range(1, 41))

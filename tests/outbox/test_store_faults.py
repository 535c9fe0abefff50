"""What the store promises when the machine fails under it: killed, cut off, full, out of order, out of reach.

A shim before the C library (`tests/outbox/failing_disk.c`) plays the disk: it keeps what was synced, all that a power
cut leaves, and fails on demand. It needs a C compiler.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from mailer.errors import StoreError
from mailer.outbox import letters
from mailer.outbox.database import Database, open_database
from mailer.outbox.letter import Happening, LetterState
from tests.databases import empty
from tests.outbox.world import DIGEST, begin, claim, how_many, list_people, states, tell, told, write_letters

S, H = LetterState, Happening


def child(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own that does this, and what it printed."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_killed(process: subprocess.CompletedProcess[str]) -> None:
    assert process.returncode == -signal.SIGKILL, process.stderr


# killed

EXPANDING = """
import os, signal, sys
from mailer.outbox import occasions
from mailer.outbox.database import open_database
from tests.outbox.world import EVENT, NOW, REMINDER, list_people, new_letter, write_letters

def killed_at(count, ids):
    for written, each in enumerate(ids):
        if written == count:
            os.kill(os.getpid(), signal.SIGKILL)
        yield new_letter(each)

database = open_database(sys.argv[1])
with database.writing() as c:
    ids = list_people(c, 10_000)
    write_letters(c, [])
with database.writing() as c:
    occasion_id = occasions.open_occasion(c, EVENT, REMINDER, NOW)
    occasions.add_letters(c, occasion_id, killed_at(int(sys.argv[2]), ids))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("at", [5_000, 10_000])
def test_an_expansion_killed_at_any_letter_leaves_none_and_the_next_writes_each_once(
    database_url: str, at: int
) -> None:
    assert_killed(child(EXPANDING, database_url, str(at)))
    database = open_database(database_url)
    assert how_many(database) == 0
    for _ in range(2):
        with database.writing() as c:
            write_letters(c, list_people(c, 10_000))
        assert how_many(database) == 10_000
    database.close()


MIGRATING = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from mailer.outbox.database import open_database

left = int(sys.argv[2])

@event.listens_for(Engine, "after_cursor_execute")
def count(_c, _cursor, statement, *_rest):
    global left
    left -= statement.lstrip().startswith("CREATE")
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

open_database(sys.argv[1])
print(left)
"""


@pytest.mark.parametrize("at", [1, 5, 12])
def test_an_upgrade_killed_at_any_step_is_undone_and_the_next_start_makes_it(
    database_url: str, at: int
) -> None:
    assert_killed(child(MIGRATING, database_url, str(at)))
    upgraded = open_database(database_url)
    begin(upgraded, 3)
    assert how_many(upgraded) == 3
    upgraded.close()


# power cut, full disk, failing disk


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A folder whose files go through the shim. `platter` is what a power cut would leave of them."""

    folder: Path
    platter: Path
    shim: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/convenor.db"

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return child(
            script, self.url, *arguments,
            LD_PRELOAD=str(self.shim), FAILING_DISK=str(self.folder), PLATTER=str(self.platter),
        )  # fmt: skip


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler (Debian: apt install gcc libc6-dev)")
    library = tmp_path_factory.mktemp("shim") / "failing_disk.so"
    source = Path(__file__).with_name("failing_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


@pytest.fixture
def disk(tmp_path: Path, shim: Path) -> Disk:
    (tmp_path / "disk").mkdir()
    (tmp_path / "platter").mkdir()
    return Disk(folder=tmp_path / "disk", platter=tmp_path / "platter", shim=shim)


COMMITTING = """
import os, signal, sys
from sqlalchemy import event
from mailer.outbox import agendas
from mailer.outbox.database import open_database

database = open_database(sys.argv[1])
if sys.argv[2] == "careless":
    event.listen(database.engine, "connect", lambda each, _: each.execute("PRAGMA synchronous = OFF"))
    database.engine.dispose()
for number in range(20):
    with database.writing() as c:
        agendas.keep_wording(c, f"digest {number}", {"text": "x" * 5000})
    print(number, flush=True)
with database.writing() as c:
    agendas.keep_wording(c, "not committed", {})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kept_after_a_power_cut(disk: Disk) -> int:
    """How many of the wordings are on the platter, in a database that passes its check."""
    survived = open_database(f"sqlite:///{disk.platter}/convenor.db")
    with survived.reading() as c:
        digests = set(c.scalars(text("SELECT digest FROM wording")))
    survived.close()
    assert "not committed" not in digests
    return len(digests)


@pytest.mark.parametrize("store", ["ours", "careless"])
def test_what_is_committed_outlives_a_power_cut(disk: Disk, store: str) -> None:
    """The careless one does not wait for the disk, and loses what it committed: this disk tells the difference."""
    done = disk.run(COMMITTING, store)
    assert_killed(done)
    committed = len(done.stdout.split())
    assert committed == 20
    assert (kept_after_a_power_cut(disk) == committed) is (store == "ours")


FAILING = """
import sys
from pathlib import Path
from mailer.errors import StoreError
from mailer.outbox.database import open_database
from mailer.outbox.letter import Happening
from tests.outbox.world import DIGEST, begin, claim, states, tell, told

database = open_database(sys.argv[1])
begin(database, 2)
one, two = claim(database)
fault = Path(sys.argv[1].removeprefix("sqlite:///")).parent / sys.argv[2]
fault.touch()
try:
    tell(database, told(one, Happening.INTENDED, digest=DIGEST))
except StoreError as error:
    print(error)
else:
    print("committed")
fault.unlink()
print(*states(database).values())
tell(database, told(two, Happening.INTENDED, digest=DIGEST))
print(*states(database).values())
"""


@pytest.mark.parametrize(
    ("fault", "said"),
    [("full", "database or disk is full"), ("no-sync", "disk I/O error"), ("no-write", "disk I/O error")],
)
def test_without_a_sound_disk_there_is_no_intent_and_with_one_it_goes_on(
    disk: Disk, fault: str, said: str
) -> None:
    done = disk.run(FAILING, fault)
    assert done.returncode == 0, done.stderr
    told_so, after_the_fault, at_last = done.stdout.splitlines()
    assert said in told_so
    assert "see that it can be reached and written to" in told_so
    assert after_the_fault == "claimed claimed"
    assert at_last == "claimed leaving"
    database = open_database(disk.url)
    assert list(states(database).values()) == [S.CLAIMED, S.LEAVING]
    database.close()


@pytest.fixture
def postgresql(postgresql_database: Database) -> Iterator[Database]:
    """PostgreSQL alone, with nothing in it."""
    yield postgresql_database
    empty(postgresql_database)


@pytest.mark.parametrize("code", ["53100", "58030"], ids=["disk full", "input or output error"])
def test_a_server_without_a_sound_disk_keeps_nothing_and_says_so(postgresql: Database, code: str) -> None:
    """The server's own errors of those classes, raised where it would write."""
    begin(postgresql, 1)
    (claimed,) = claim(postgresql)
    intent = told(claimed, H.INTENDED, digest=DIGEST)
    with postgresql.writing() as c:
        c.execute(text(FAILING_SERVER.format(code=code)))
        c.execute(text("CREATE TRIGGER fails BEFORE UPDATE ON letter EXECUTE FUNCTION failing()"))
    try:
        with pytest.raises(StoreError, match="could not write block"):
            tell(postgresql, intent)
        assert set(states(postgresql).values()) == {S.CLAIMED}
    finally:
        with postgresql.writing() as c:
            c.execute(text("DROP FUNCTION failing CASCADE"))
    assert tell(postgresql, intent) == [claimed.id]


FAILING_SERVER = """
CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not write block' USING ERRCODE = '{code}'; END $$"""


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_would_not_wait_for_its_disk_is_told_to(database_url: str) -> None:
    """Its default may be lax; every transaction of ours is committed durably all the same."""
    lax = open_database(database_url)
    with lax.writing() as c:
        name = c.scalar(text("SELECT current_database()"))
        c.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    lax.close()
    with lax.reading() as c:
        assert c.scalar(text("SHOW synchronous_commit")) == "on"
        assert c.scalar(text("SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'")) == "off"
    lax.close()


# out of reach


@dataclass
class Wire:
    """A line to a PostgreSQL server that can be cut as COMMIT goes by: before the server has it, or after."""

    server: Path
    here: Path
    cut: Callable[[bytes], bool] = lambda _: False
    pass_on: bool = True
    _listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.here / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.server / ".s.PGSQL.5432"))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._carry, args=(one, other, one is client), daemon=True
                    ).start()

    def _carry(self, one: socket.socket, other: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if up and self.cut(data):
                    client, server = one, other
                    client.shutdown(socket.SHUT_RDWR)
                    if self.pass_on:
                        server.sendall(data)
                        server.recv(65536)
                    break
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wired(server: str, folder: Path) -> Iterator[tuple[Wire, Database]]:
    wire = Wire(server=Path(server), here=folder)
    database = open_database(f"postgresql://convenor@/postgres?host={folder}")
    try:
        yield wire, database
    finally:
        database.close()
        wire.close()


@pytest.mark.parametrize("reached", [True, False])
def test_what_became_of_a_commit_on_a_line_that_broke_is_read_and_not_assumed(
    postgresql_server: str, postgresql: Database, tmp_path_factory: pytest.TempPathFactory, reached: bool
) -> None:
    begin(postgresql, 1)
    with wired(postgresql_server, tmp_path_factory.mktemp("w")) as (wire, database):
        (claimed,) = claim(database)
        intent = told(claimed, H.INTENDED, digest=DIGEST)
        wire.pass_on, wire.cut = reached, lambda data: b"COMMIT" in data
        with pytest.raises(StoreError, match="cannot be used"):
            tell(database, intent)
        wire.cut = lambda _: False
        assert set(states(database).values()) == {S.LEAVING if reached else S.CLAIMED}
        assert tell(database, intent) == [claimed.id]
        with database.reading() as c:
            happened = [each.happening for each in letters.history(c, claimed.id)]
    assert happened.count(H.INTENDED) == 1


def test_a_connection_that_is_ended_in_a_transaction_keeps_nothing_and_the_next_goes_on(
    postgresql: Database,
) -> None:
    begin(postgresql, 1)
    (claimed,) = claim(postgresql)
    with pytest.raises(StoreError, match="cannot be used"):
        _write_on_a_line_that_is_ended(postgresql)
    with postgresql.reading() as c:
        assert c.scalar(text("SELECT reason FROM letter")) == ""
    assert tell(postgresql, told(claimed, H.INTENDED, digest=DIGEST)) == [claimed.id]


def _write_on_a_line_that_is_ended(database: Database) -> None:
    with database.writing() as c:
        pid = c.scalar(text("SELECT pg_backend_pid()"))
        c.execute(text("UPDATE letter SET reason = 'never seen'"))
        with database.writing() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


def test_a_row_that_somebody_keeps_locked_is_told_plainly(postgresql: Database) -> None:
    begin(postgresql, 1)
    with postgresql.writing() as holder:
        holder.execute(text("UPDATE letter SET reason = 'held'"))
        with pytest.raises(StoreError, match="try again when it is free"):
            _write_without_patience(postgresql)


def _write_without_patience(database: Database) -> None:
    with database.writing() as c:
        c.execute(text("SET LOCAL lock_timeout = '20ms'"))
        c.execute(text("UPDATE letter SET reason = 'waited for'"))

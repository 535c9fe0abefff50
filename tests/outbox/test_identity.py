"""Which database may be sent from: its own, of all copies, on both databases."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text, update

from mailer.errors import StoreError
from mailer.outbox.database import Database, open_database
from mailer.outbox.identity import Installation, Known, Memory, Verdict, judge, machine_id
from mailer.outbox.schema import database_identity, installation
from tests.outbox.world import NOW, later

V = Verdict


@pytest.fixture
def here(database: Database, tmp_path: Path) -> Installation:
    return Installation(database=database, var=tmp_path / "var", machine="this machine", name="vienna")


@pytest.fixture
def there(here: Installation, tmp_path: Path) -> Installation:
    return replace(here, var=tmp_path / "their-var", machine="another machine", name="geneva")


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{file}")
    yield database
    database.close()


def beats(database: Database) -> int:
    with database.reading() as c:
        return c.scalar(select(installation.c.beats)) or 0


# starting, stopping, moving


def test_a_database_nobody_has_sent_from_is_claimed_by_whoever_starts_first(here: Installation) -> None:
    assert here.beat(NOW).may_send
    assert (beats(here.database), here.beat(later(seconds=10)).may_send, beats(here.database)) == (1, True, 2)


def test_an_installation_that_starts_again_goes_on(here: Installation) -> None:
    here.beat(NOW)
    again = replace(here)
    assert again.beat(later(hours=1)).verdict is V.OURS


def test_two_services_of_one_folder_start_at_the_same_moment(here: Installation) -> None:
    start = threading.Barrier(4)
    found: list[Verdict] = []

    def begin() -> None:
        start.wait()
        found.extend(here.beat(later(seconds=second)).verdict for second in range(5))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [V.OURS] * 20
    assert beats(here.database) == 20


def test_a_file_that_is_moved_within_its_disk_is_the_same(tmp_path: Path, here: Installation) -> None:
    with opened(tmp_path / "before.db") as database:
        assert replace(here, database=database).beat(NOW).may_send
    (tmp_path / "before.db").rename(tmp_path / "after.db")
    with opened(tmp_path / "after.db") as database:
        assert replace(here, database=database).beat(NOW).may_send


def test_a_crash_before_var_is_written_is_no_alarm(here: Installation) -> None:
    here.beat(NOW)
    with here.database.writing() as c:
        c.execute(update(installation).values(beats=installation.c.beats + 1))
    assert here.beat(later(seconds=10)).may_send
    assert beats(here.database) == 3


# copies


def test_a_database_put_back_from_a_copy_sends_nothing_until_told(here: Installation) -> None:
    for second in range(3):
        here.beat(later(seconds=second))
    with here.database.writing() as c:
        c.execute(update(installation).values(beats=2))
    found = here.beat(later(hours=1))
    assert found.verdict is V.OLDER
    assert "what was sent until 2027-03-10 08:01 UTC" in found.told
    assert "convenor take-over" in found.told
    assert beats(here.database) == 2
    assert here.take_over(later(hours=2)).may_send
    assert here.beat(later(hours=3)).may_send
    assert beats(here.database) == 5


def test_a_file_put_back_in_its_place_is_noticed(tmp_path: Path, here: Installation) -> None:
    file = tmp_path / "convenor-1.db"
    with opened(file) as database:
        replace(here, database=database).beat(NOW)
    copy = file.read_bytes()
    with opened(file) as database:
        replace(here, database=database).beat(NOW)
    file.write_bytes(copy)
    with opened(file) as database:
        assert replace(here, database=database).beat(NOW).verdict is V.OLDER


def test_a_copied_file_beside_the_original_sends_nothing_until_told(
    tmp_path: Path, here: Installation
) -> None:
    with opened(tmp_path / "original.db") as database:
        replace(here, database=database).beat(NOW)
    shutil.copy(tmp_path / "original.db", tmp_path / "copy.db")
    with opened(tmp_path / "copy.db") as database:
        copy = replace(here, database=database)
        assert copy.beat(NOW).verdict is V.COPIED
        assert "everything would be sent twice" in copy.beat(NOW).told
        assert copy.take_over(NOW).may_send
        assert copy.beat(later(seconds=1)).may_send
    with opened(tmp_path / "original.db") as database:
        assert replace(here, database=database).beat(later(seconds=2)).verdict is V.OLDER


def test_a_copied_database_of_the_same_server_sends_nothing_until_told(
    postgresql_server: str, tmp_path: Path
) -> None:
    def at(name: str) -> Installation:
        database = open_database(f"postgresql://convenor@/{name}?host={postgresql_server}")
        return Installation(database=database, var=tmp_path, machine="this machine", name="vienna")

    with psycopg.connect(
        host=postgresql_server, user="convenor", dbname="postgres", autocommit=True
    ) as server:
        server.execute("CREATE DATABASE original")
        original = at("original")
        assert original.beat(NOW).may_send
        original.database.close()
        server.execute("CREATE DATABASE a_copy TEMPLATE original")
        copy = at("a_copy")
        assert copy.beat(NOW).verdict is V.COPIED
        copy.database.close()
        assert original.beat(NOW).may_send
        original.database.close()
        server.execute("DROP DATABASE a_copy")
        server.execute("DROP DATABASE original")


def test_a_whole_folder_copied_to_another_machine_sends_nothing_until_told(
    tmp_path: Path, here: Installation
) -> None:
    with opened(tmp_path / "var" / "convenor.db") as database:
        replace(here, database=database).beat(NOW)
    shutil.copytree(tmp_path / "var", tmp_path / "copy")
    with opened(tmp_path / "copy" / "convenor.db") as database:
        copy = replace(here, database=database, var=tmp_path / "copy", machine="another machine")
        assert copy.beat(NOW).verdict is V.COPIED
        with database.writing() as c:  # as if the file had by chance the same number there
            c.execute(
                update(database_identity).values(
                    place=f"file {(tmp_path / 'copy' / 'convenor.db').stat().st_ino}"
                )
            )
        assert copy.beat(NOW).verdict is V.STRANGE


# several installations


def test_a_second_host_says_once_that_it_means_to_send(here: Installation, there: Installation) -> None:
    here.beat(NOW)
    found = there.beat(later(minutes=1))
    assert found.verdict is V.STRANGE
    assert "vienna (last seen 2027-03-10 08:01 UTC)" in found.told
    assert there.take_over(later(minutes=2)).may_send
    assert [each.beat(later(minutes=3)).may_send for each in (here, there, here)] == [True] * 3


def test_who_has_lost_var_is_a_stranger(here: Installation) -> None:
    here.beat(NOW)
    shutil.rmtree(here.var)
    assert here.beat(NOW).verdict is V.STRANGE


def test_a_second_database_is_remembered_by_itself(tmp_path: Path, here: Installation) -> None:
    for _ in range(3):
        here.beat(NOW)
    with opened(tmp_path / "second.db") as database:
        assert replace(here, database=database).beat(NOW).may_send
    assert here.beat(NOW).may_send
    assert len(list((here.var / "seen").iterdir())) == 2


# what can go wrong on the way


def test_where_var_cannot_be_written_nothing_may_leave(here: Installation) -> None:
    here.var.write_text("a file is in the way")
    with pytest.raises(StoreError, match=r"make var/ writable|may read var/"):
        here.beat(NOW)


def test_a_memory_that_is_damaged_is_told(here: Installation) -> None:
    here.beat(NOW)
    (memory,) = (here.var / "seen").iterdir()
    assert json.loads(memory.read_text())["beats"] == 1
    memory.write_text("{")
    with pytest.raises(StoreError, match=r"seen/.* is damaged; remove it"):
        here.beat(NOW)
    memory.unlink()
    assert here.beat(NOW).may_send


def test_a_machine_has_one_identity_and_does_not_tell_it(tmp_path: Path) -> None:
    file = tmp_path / "machine-id"
    assert machine_id([file]) == ""
    file.write_text("3d12\n")
    assert machine_id([tmp_path / "nowhere", file]) == machine_id([file]) != ""
    assert "3d12" not in machine_id([file])


def test_a_role_that_may_ask_nothing_of_the_server_can_still_send(
    postgresql_server: str, tmp_path: Path
) -> None:
    with psycopg.connect(
        host=postgresql_server, user="convenor", dbname="postgres", autocommit=True
    ) as server:
        server.execute("CREATE ROLE clerk LOGIN")
        server.execute("CREATE DATABASE clerks OWNER clerk")
        database = open_database(f"postgresql://clerk@/clerks?host={postgresql_server}")
        clerk = Installation(database=database, var=tmp_path, machine="", name="vienna")
        for allowed in (True, False):
            with psycopg.connect(host=postgresql_server, user="convenor", dbname="clerks") as there:
                if not allowed:
                    there.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
            verdict = clerk.beat(NOW).verdict
            assert verdict is (V.OURS if allowed else V.COPIED)
        assert clerk.take_over(NOW).may_send
        assert clerk.beat(NOW).may_send
        with database.reading() as c:
            assert c.scalar(text("SELECT place FROM database_identity")).startswith(
                "cluster unknown database "
            )
        database.close()
        server.execute("DROP DATABASE clerks")
        server.execute("DROP ROLE clerk")


@pytest.mark.parametrize(
    ("known", "remembered", "place", "verdict"),
    [
        (None, 0, "a", V.UNCLAIMED),
        (None, 7, "a", V.UNCLAIMED),
        ({}, 0, "a", V.UNCLAIMED),
        ({"me": 7}, 7, "a", V.OURS),
        ({"me": 8}, 7, "a", V.OURS),
        ({"me": 6}, 7, "a", V.OLDER),
        ({"me": 6}, 7, "b", V.OLDER),
        ({"me": 7}, 7, "b", V.COPIED),
        ({"you": 7}, 0, "b", V.COPIED),
        ({"you": 7}, 0, "a", V.STRANGE),
        ({"you": 7, "me": 1}, 0, "a", V.OURS),
    ],
)
def test_what_fits_and_what_does_not(
    known: dict[str, int] | None, remembered: int, place: str, verdict: Verdict
) -> None:
    said = None if known is None else Known(id="d", place="a", beats=known)
    assert judge(said, Memory(installation="me", beats=remembered, at=NOW), place) is verdict


def test_a_copy_is_noticed_while_the_service_runs(here: Installation) -> None:
    """Its database is replaced beneath it: the next beat says so."""
    here.beat(NOW)
    here.beat(NOW + timedelta(seconds=10))
    with here.database.writing() as c:
        c.execute(update(installation).values(beats=1))
    assert not here.beat(NOW + timedelta(seconds=20)).may_send

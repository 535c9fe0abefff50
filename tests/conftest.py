"""What every test may ask for: a database, once on SQLite and once on a real PostgreSQL; one source of zones; and
files in memory, where there is room for them."""

import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mailer import (
    auditing,
    delegations,
    drafting,
    mailings,
    outlook,
    releasing,
    replies,
    standing,
    wallclock,
)
from mailer.web.organiser import handing_in
from tests.databases import database, database_url, postgresql_database, postgresql_server

__all__ = ["database", "database_url", "postgresql_database", "postgresql_server"]

settings.register_profile("convenor", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("convenor")
"""How long an example takes says how busy the machine is; what must be quick is measured where it is promised."""

TESTS = Path(__file__).parent
MEMORY = Path("/dev/shm")  # noqa: S108 - the system's own name for it
ROOM = 2 * 1024**3
"""Bytes; a whole run takes a quarter of it."""


TAKE_LONG = (
    "web/test_accessibility.py",
    "scale/test_pages.py",
    "acceptance/test_main_job.py",
    "web/test_personal.py",
    "acceptance/test_first_run.py",
    "web/test_laying_out.py",
    "test_cli.py",
    "acceptance/test_rehearsal.py",
    "test_service.py",
    "acceptance/test_full_circle.py",
    "faults/test_kills.py",
)
"""Files that take half a minute and more, the longest first. Each is one process's, and begun last it would be waited
for by all others.
"""


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    """One PostgreSQL database serves all tests, each of which begins with it empty: older counts are void."""
    standing._lately.forget()
    standing._known.forget()
    outlook._lately.forget()
    releasing._known.clear()
    releasing._worked_out.forget()
    for counted in (
        auditing._read,
        delegations._counted,
        drafting._foreseen,
        mailings._counted,
        replies._kept,
    ):
        counted.forget()
    handing_in._previews.forget()


def pytest_configure(config: pytest.Config) -> None:
    wallclock.use_packaged_tzdata()
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first."""
    turns = {TESTS / each: turn for turn, each in enumerate(TAKE_LONG)}
    assert [path for path in turns if not path.exists()] == []
    items.sort(key=lambda item: turns.get(item.path, len(turns)))


def pytest_collection_finish() -> None:
    """What was collected stays to the end: whoever looks for garbage need not go through it again and again."""
    gc.collect()
    gc.freeze()


def _has_room(folder: Path) -> bool:
    """Whether files can be kept and programs run there: a commit waits for the disk, in memory it does not."""
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return False
    may_run = not os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)
    return may_run and shutil.disk_usage(folder).free > ROOM

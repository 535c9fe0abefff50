"""A desk to ask, the application served on loopback, and a real Chromium to look at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mailer.web.serving import reserve, serve
from tests.chromium import launched
from tests.web.desk import Desk, invited, open_desk

PATIENCE = 20_000
"""Milliseconds until what is expected of a page counts as missing; nothing is measured by it."""


@pytest.fixture
def empty_desk(tmp_path: Path) -> Iterator[Desk]:
    """Nothing is published."""
    with open_desk(tmp_path) as desk:
        yield desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The event is published, and its invitations lie in the tray."""
    with invited(tmp_path) as desk:
        yield desk


@pytest.fixture(scope="session")
def calm_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """As `desk`, shared by all tests that only look."""
    with invited(tmp_path_factory.mktemp("calm")) as desk:
        yield desk


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    """Where the desk's pages are served."""
    with serve(desk.office, reserve(0)) as served:
        yield served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a module: its event loop would be in the way of other modules."""
    expect.set_options(timeout=PATIENCE)
    with launched() as browser:
        yield browser

"""Where a list of people is written to be read."""

from pathlib import Path

import pytest


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"

"""A desk whose pages are served, and a page of a real Chromium that is open on it, for every journey alike."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.web.conftest import PATIENCE, address, chromium, desk, empty_desk

__all__ = ["address", "chromium", "desk", "empty_desk"]


@pytest.fixture
def has_scripts() -> bool:
    """Whether the page's own scripts run; a journey may be made without them."""
    return True


@pytest.fixture
def page(chromium: Browser, address: str, has_scripts: bool) -> Iterator[Page]:
    """Nothing is open yet. No script may fail, and the browser may forbid nothing."""
    with chromium.new_context(
        base_url=address, java_script_enabled=has_scripts, viewport={"width": 1440, "height": 900}
    ) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        yield page
        assert [each for each in complaints if "Failed to load resource" not in each] == []

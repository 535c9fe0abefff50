"""A real Chromium for the journeys, as for the pages."""

from tests.web.conftest import chromium

__all__ = ["chromium"]

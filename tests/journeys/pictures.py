"""Pictures for the documents, taken on the way when `make pictures` asks for them."""

import os
from pathlib import Path

from playwright.sync_api import Page

from mailer.settings import ROOT

FOLDER = ROOT / "docs" / "images"


def picture(page: Page, name: str, *, is_whole: bool = True) -> None:
    """Of the whole page, or of what the window shows of it."""
    if "CONVENOR_PICTURES" in os.environ:
        take(page, FOLDER / f"{name}.png", is_whole=is_whole)


def take(page: Page, file: Path, *, is_whole: bool = True) -> None:
    """When every letter in a frame is there and painted: a browser spares itself what lies outside the window, so
    that for a whole page with a letter in it the window becomes as tall as the page."""
    frames, window = page.locator("iframe:visible").all(), page.viewport_size
    assert window
    if frames and is_whole:
        for _ in range(2):  # a frame grows with the window, up to its own limit
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": window["width"], "height": height})
    for frame in frames:
        frame.content_frame.locator("body").wait_for()
    if frames:
        page.wait_for_timeout(500)  # milliseconds, and nothing of the page: its scripts may be off
    page.screenshot(path=file, full_page=is_whole, scale="css")
    page.set_viewport_size(window)

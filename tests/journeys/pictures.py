"""Pictures for the documents, taken on the way when `make pictures` asks for them."""

import os

from playwright.sync_api import Page

from mailer.settings import ROOT

FOLDER = ROOT / "docs" / "images"


def picture(page: Page, name: str, *, is_whole: bool = True) -> None:
    """Of the whole page, or of what the window shows of it."""
    if "CONVENOR_PICTURES" in os.environ:
        page.screenshot(path=FOLDER / f"{name}.png", full_page=is_whole, scale="css")

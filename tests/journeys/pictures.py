"""Pictures for the documents, taken on the way when `make pictures` asks for them."""

import os

from playwright.sync_api import Page

from mailer.settings import ROOT

FOLDER = ROOT / "docs" / "images"


def wait_for_frames(page: Page) -> None:
    """Until every letter in a frame is there and painted: a browser spares itself what lies outside the window."""
    for frame in page.locator("iframe:visible").all():
        frame.scroll_into_view_if_needed()
        frame.content_frame.locator("body").wait_for()
        page.evaluate("() => new Promise(done => setTimeout(done, 300))")
    page.evaluate("scrollTo(0, 0)")


def picture(page: Page, name: str, *, is_whole: bool = True) -> None:
    """Of the whole page, or of what the window shows of it."""
    if "CONVENOR_PICTURES" in os.environ:
        wait_for_frames(page)
        page.screenshot(path=FOLDER / f"{name}.png", full_page=is_whole, scale="css")

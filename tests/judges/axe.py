"""axe-core as judge: what a page in Chromium denies to people who cannot see it, or cannot use a mouse."""

from pathlib import Path

from playwright.sync_api import Page

_SCRIPT = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")

COLOURS = ("cat.color",)
"""Rules about colours: in the dark a page is another in nothing else, which `tests/web/test_style.py` holds."""

_RUN = """async tags => (await axe.run(document, {runOnly: tags, resultTypes: ['violations']})).violations
  .map(each => `${each.id}: ${each.nodes.map(node => node.html.slice(0, 120)).slice(0, 3).join(' | ')}`)"""


def missing() -> str | None:
    return (
        None
        if _SCRIPT.exists()
        else "the npm package axe-core is not installed: run 'npm ci' in tests/judges"
    )


def violations(page: Page, widths: tuple[int, ...]) -> dict[tuple[int, str], list[str]]:
    """What there is at each width, light and dark; everything that can be opened is open, and nothing is too wide."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    found = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.emulate_media(color_scheme="light")
        found[width, "light"] = judge(page)
        page.emulate_media(color_scheme="dark")
        found[width, "dark"] = judge(page, COLOURS)
    return {where: told for where, told in found.items() if told}


def judge(page: Page, tags: tuple[str, ...] = TAGS) -> list[str]:
    """Every violation on the page as it is shown now. The page's context must bypass its CSP, for no script may run."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_SCRIPT.read_text("utf-8"))
    found: list[str] = page.evaluate(_RUN, list(tags))
    return found

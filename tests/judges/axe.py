"""axe-core as judge: what a page in Chromium denies to people who cannot see it, or cannot use a mouse."""

from pathlib import Path

from playwright.sync_api import Page

_SCRIPT = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")

_RUN = """async tags => (await axe.run(document, {runOnly: tags, resultTypes: ['violations']})).violations
  .map(each => `${each.id}: ${each.nodes.map(node => node.html.slice(0, 120)).slice(0, 3).join(' | ')}`)"""


def missing() -> str | None:
    return (
        None
        if _SCRIPT.exists()
        else "the npm package axe-core is not installed: run 'npm ci' in tests/judges"
    )


def judge(page: Page) -> list[str]:
    """Every violation on the page as it is shown now. The page's context must bypass its CSP, for no script may run."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_SCRIPT.read_text("utf-8"))
    found: list[str] = page.evaluate(_RUN, list(TAGS))
    return found

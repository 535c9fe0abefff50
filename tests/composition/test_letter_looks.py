"""How the letters look in a real browser: narrow and wide, light and dark, left to right and right to left.

Every letter's picture is kept where `--basetemp` says; without it, in pytest's folder when a test failed.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from mailer.recipients.model import Recipient
from tests import conference
from tests.chromium import launched
from tests.composition.test_templates import written

LETTERS = [
    ("invitation", conference.SPEAKER),
    ("invitation", conference.FOCAL_POINT),
    ("invitation", conference.EXPERT),
    ("agenda", conference.FAR_AWAY),
    ("practical", conference.PRACTITIONER),
    ("session-reminder", conference.SPEAKER),
    ("report", conference.FAR_AWAY),
]
EVERY = pytest.mark.parametrize(
    ("kind", "recipient"),
    [pytest.param(kind, person, id=f"{kind}-{person.role}-{person.language}") for kind, person in LETTERS],
)

FAINT_TEXT = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const channel = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = {seen: 0, faint: []};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    found.seen += 1;
    const [one, other] = [parse(getComputedStyle(element).color), ground(element)].map(luminance);
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) found.faint.push([walker.currentNode.data.trim(), contrast.toFixed(2)]);
  }
  return found;
}"""
"""WCAG 2.2 1.4.3: the contrast of every visible text with the nearest ground behind it."""

SMALL_TARGETS = """() => [...document.querySelectorAll('a')]
  .filter(link => getComputedStyle(link).display !== 'inline' && link.getBoundingClientRect().height < 44)
  .map(link => link.textContent)"""

OUTSIDE = """() => [...document.querySelectorAll('body *')]
  .filter(element => element.checkVisibility())
  .map(element => [element.getBoundingClientRect(), element.outerHTML.slice(0, 80)])
  .filter(([box]) => box.left < -0.5 || box.right > innerWidth + 0.5)
  .map(([, html]) => html)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("letters")


@pytest.fixture
def requests() -> list[str]:
    """The address of everything a page asked for."""
    return []


@pytest.fixture
def page(browser: Browser, requests: list[str]) -> Iterator[Page]:
    """A window whose every request is noted and refused."""

    def refuse(route: Route) -> None:
        requests.append(route.request.url)
        route.abort()

    page = browser.new_page()
    page.route("**/*", refuse)
    yield page
    page.close()


def show(page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    # "outlook": what Outlook's web page does instead of the media query
    page.evaluate("on => document.documentElement.toggleAttribute('data-ogsc', on)", scheme == "outlook")


@EVERY
def test_a_letter_is_readable_everywhere(
    page: Page, requests: list[str], pictures: Path, kind: str, recipient: Recipient
) -> None:
    words = written(kind, recipient)
    page.set_content(words.html)
    for width, scheme in product((390, 800), ("light", "dark", "outlook")):
        show(page, width, scheme)
        name = f"{kind}-{recipient.role}-{words.language}-{width}-{scheme}.png"
        if scheme != "outlook":
            page.screenshot(path=pictures / name, full_page=True)
        contrast = page.evaluate(FAINT_TEXT)
        assert contrast["faint"] == [], name
        assert contrast["seen"] > 20
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(OUTSIDE) == [], name
        assert page.evaluate(SMALL_TARGETS) == [], name
    direction = page.evaluate("getComputedStyle(document.querySelector('h1')).direction")
    assert direction == ("rtl" if words.language == "ar" else "ltr")
    assert requests == []


def test_dark_is_dark_and_light_is_light(page: Page) -> None:
    page.set_content(written("report").html)
    grounds = {}
    for scheme in ("light", "dark", "outlook"):
        show(page, 800, scheme)
        grounds[scheme] = page.evaluate("getComputedStyle(document.querySelector('.sheet')).backgroundColor")
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 29, 40)", "outlook": "rgb(22, 29, 40)"}


def test_a_narrow_window_gets_one_column(page: Page) -> None:
    page.set_content(written("agenda").html)
    hours = "document.querySelector('th').getBoundingClientRect()"
    title = "document.querySelector('th + td').getBoundingClientRect()"
    show(page, 800, "light")
    assert page.evaluate(f"{hours}.right <= {title}.left") is True
    show(page, 390, "light")
    assert page.evaluate(f"{hours}.bottom <= {title}.top + 1") is True


def test_the_preheader_is_not_seen(page: Page) -> None:
    page.set_content(written("report").html)
    assert page.get_by_text("A report of the key findings and outcomes will follow.").is_visible() is False


def test_a_picture_from_elsewhere_would_be_noticed(page: Page, requests: list[str]) -> None:
    page.set_content('<img src="https://tracker.example/pixel.gif">')
    assert requests == ["https://tracker.example/pixel.gif"]

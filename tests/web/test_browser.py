"""The pages in a real Chromium: what is alive, what is seen, what is fetched, what can be read."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from mailer.composition.links import Purpose
from tests.conference import EVENT, EXPERT, FAR_AWAY
from tests.web.desk import BASE_URL, Desk

JUST_BEFORE_THE_AGENDA = datetime(2027, 2, 24, 7, 59, 30, tzinfo=UTC)

POOR_CONTRAST = """() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, style = getComputedStyle(element);
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest('title, .visually-hidden, .skip, script')) continue;
    const ink = channels(element.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const pair = [light(ink), light(ground(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const enough = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if (ratio < enough) poor.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""
"""Texts whose contrast is below WCAG 2.2 1.4.3 (AA)."""


OUTSIDE = """() => [...document.querySelectorAll('svg')].filter(each => each.checkVisibility()).flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('rect, circle, path, line, foreignObject > *')].filter(shape => {
    const box = shape.getBoundingClientRect();
    return box.top < frame.top - 2 || box.bottom > frame.bottom + 2
      || box.left < frame.left - 2 || box.right > frame.right + 2;
  }).map(shape => `${svg.getAttribute('class')}: ${shape.outerHTML.slice(0, 80)}`);
})"""
"""Shapes that leave their picture: a rule meant for something else has taken hold of them."""


def paths(desk: Desk) -> list[str]:
    return [
        "/",
        "/outbox",
        "/outbox/1",
        "/outbox/hold",
        "/replies",
        "/inbox",
        "/tray",
        "/tray/1",
        "/tray/1?width=phone",
        "/tray/1?show=text",
        "/tray/1?show=calendar",
        "/tray/1?show=raw",
        f"/r/{desk.token(of=FAR_AWAY)}",
        f"/r/{desk.token(of=EXPERT)}",
        f"/u/{desk.token(Purpose.UNSUBSCRIBE)}",
    ]


class Watch:
    """What a context's pages complained of, and what they fetched from elsewhere."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        context.on("console", lambda said: self.complaints.append(said.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("requestfailed", self._failed)
        context.on(
            "request",
            lambda request: None if request.url.startswith(address) else self.elsewhere.append(request.url),
        )

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left, or it was a download
            self.complaints.append(f"{request.url}: {request.failure}")


@pytest.fixture
def context(chromium: Browser, address: str) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(8000)
    watch = Watch(context, address)
    yield context
    context.close()
    assert watch.complaints == []
    assert watch.elsewhere == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def test_counts_change_by_themselves_when_letters_leave(desk: Desk, page: Page) -> None:
    desk.clock.now = JUST_BEFORE_THE_AGENDA
    page.goto("/")
    agenda = page.locator("#mailing-agenda > tr").first
    expect(agenda.locator(".sent")).to_have_text("–")
    expect(page.locator("#living")).to_have_attribute("hx-trigger", "changed, every 2s")
    page.locator("#occasions-session-reminder summary").click()
    desk.clock.move(seconds=30)
    desk.work()
    expect(agenda.locator(".sent")).to_have_text("5")
    expect(page.locator("aside .big").first).to_have_text("15")
    expect(page.locator("#occasions-session-reminder")).to_have_attribute("open", "")
    expect(page.locator("#living")).to_have_attribute("hx-trigger", "changed, every 15s")


def test_a_letter_is_found_in_the_tray_and_opened(desk: Desk, page: Page) -> None:
    page.goto("/tray")
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_role("searchbox").fill("novak")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Invitation").click()
    letter = page.frame_locator("iframe")
    expect(letter.get_by_role("heading", name=EVENT.title)).to_be_visible()
    expect(letter.get_by_text("Dr Ana Novak").first).to_be_visible()
    page.get_by_role("link", name="Phone").click()
    page.wait_for_url(lambda url: "width=phone" in url)
    frame = page.locator("iframe").bounding_box()
    assert frame
    assert abs(frame["width"] - 390) <= 2
    page.get_by_role("link", name="Calendar", exact=True).click()
    expect(page.get_by_text("Wednesday, 10 March 2027, 08:45–17:00 (Europe/Vienna)")).to_be_visible()


def test_a_link_in_a_letter_opens_in_a_window_of_its_own(chromium: Browser, address: str) -> None:
    def answer(route: Route) -> None:
        route.fulfill(body="there")

    with chromium.new_context(base_url=address) as context:
        context.route(f"{BASE_URL}/**", answer)
        page = context.new_page()
        page.goto("/tray/1")
        with context.expect_page() as opened:
            page.frame_locator("iframe").locator(f"a[href^='{BASE_URL}/r/']").first.click()
        opened.value.wait_for_load_state()
        assert opened.value.url.startswith(f"{BASE_URL}/r/")
        assert page.url == f"{address}/tray/1"


def test_a_delegate_answers_on_a_phone_without_script(desk: Desk, chromium: Browser, address: str) -> None:
    with chromium.new_context(
        base_url=address, viewport={"width": 390, "height": 800}, has_touch=True, java_script_enabled=False
    ) as context:
        watch = Watch(context, address)
        page = context.new_page()
        page.goto(f"/r/{desk.token()}")
        page.get_by_role("button", name="Send my answer").tap()
        expect(page.get_by_text("Your answer:")).to_have_count(0)
        page.get_by_label("I may attend").check()
        page.get_by_label("A word to the organisers").fill("I shall know on Friday.")
        page.get_by_role("button", name="Send my answer").tap()
        expect(page.get_by_role("status")).to_contain_text("Your answer: I may attend")
        first = page.locator(".agenda > li", has_text=EVENT.sessions[2].title)
        first.get_by_label("I will take part").check()
        page.get_by_role("button", name="Save my sessions").tap()
        expect(first.get_by_label("I will take part")).to_be_checked()
        first.locator("summary", has_text="Add to calendar").tap()
        with page.expect_download() as download:
            first.get_by_role("link", name="Calendar file (.ics)").tap()
        assert download.value.suggested_filename == "session-1.ics"
        page.get_by_label("Language", exact=True).select_option(label="français")
        page.get_by_label("Time zone", exact=True).select_option("Asia/Tashkent")
        page.get_by_role("button", name="Save", exact=True).tap()
        expect(page.get_by_role("status").last).to_contain_text("fuseau horaire sont enregistrés")
        page.get_by_label("Langue", exact=True).select_option("en")
        page.get_by_role("button", name="Enregistrer", exact=True).tap()
        page.get_by_role("link", name="Unsubscribe").tap()
        page.get_by_role("button", name="Unsubscribe").tap()
        expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
        assert watch.complaints == []
        assert watch.elsewhere == []
    assert desk.browser().get("/api/status").json()["totals"]["answers"] == {"tentative": 1}


def test_every_page_fits_a_phone_and_can_be_read(desk: Desk, page: Page) -> None:
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    for path in paths(desk):
        page.goto(path)
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            for scheme in schemes:
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate(POOR_CONTRAST) == [], (path, width, scheme)


def test_a_drawing_stays_within_its_picture(page: Page) -> None:
    for path in ("/", "/agenda", "/replies"):
        page.goto(path)
        for width in (390, 800, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.locator("svg:visible").count() > 0, path
            assert page.evaluate(OUTSIDE) == [], (path, width)


def test_a_script_in_a_letter_does_not_run(desk: Desk, chromium: Browser, address: str) -> None:
    hostile = (
        b"Content-Type: text/html\r\n\r\n<p>tea</p><script>document.body.textContent = 'gone'</script>"
        b"<img src='/favicon' onerror='document.body.textContent = 1'><iframe src='/'></iframe>"
    )
    number = desk.tray.keep(hostile, sender="a@b.example", recipient="c@d.example", received_at=desk.clock())
    with chromium.new_context(base_url=address) as context:
        fetched: list[str] = []
        context.on("response", lambda response: fetched.append(response.url.removeprefix(address)))
        page = context.new_page()
        page.goto(f"/tray/{number}", wait_until="networkidle")
        expect(page.frame_locator("iframe").first.get_by_text("tea")).to_be_visible()
        letter = f"/tray/{number}"
        assert set(fetched) == {letter, f"{letter}/letter.html", "/favicon", "/static/site.css"}


def test_head_has_no_body_on_the_wire(address: str) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(f"HEAD / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answered = b"".join(iter(lambda: line.recv(65536), b""))
    assert answered.startswith(b"HTTP/1.1 200 ")
    assert answered.endswith(b"\r\n\r\n")

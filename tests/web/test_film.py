"""`/rehearsal`: what leaves at each moment, and one person's inbox and calendar as they fill."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page

from mailer.outbox import people
from mailer.settings import ROOT
from mailer.web.serving import reserve, serve
from tests.conference import RECIPIENTS
from tests.web.desk import Desk, open_desk


def _play(browser: TestClient) -> None:
    """Ask for the film, and wait until it is played."""
    browser.get("/rehearsal")
    for thread in threading.enumerate():
        if thread.name == "rehearsing":
            thread.join(60)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with open_desk(tmp_path_factory.mktemp("film")) as desk:
        desk.publish()
        browser = desk.browser()
        assert "It is being played" in browser.get("/rehearsal").text
        _play(browser)
        yield browser


def test_nothing_published_is_said_so(empty_desk: Desk) -> None:
    assert "Nothing is published yet" in empty_desk.browser().get("/rehearsal").text


def test_the_first_moment_invites_everybody(played: TestClient) -> None:
    page = played.get("/rehearsal").text

    assert f'<span class="big">{len(RECIPIENTS)}</span> to <code>everyone</code>' in page
    assert all(each.family_name in page for each in RECIPIENTS)
    assert 'rel="next"' in page
    assert 'rel="prev"' not in page


def test_every_moment_is_a_link_and_the_last_has_no_later_one(played: TestClient) -> None:
    moments = re.findall(r'<a href="/rehearsal\?at=(\d+)"><span', played.get("/rehearsal").text)

    assert moments == [str(each) for each in range(len(moments))]
    last = played.get(f"/rehearsal?at={moments[-1]}").text
    assert 'rel="next"' not in last
    assert played.get("/rehearsal?at=99999").text == last


def test_as_one_person_the_inbox_and_the_calendar_fill(played: TestClient) -> None:
    first = played.get("/rehearsal").text
    (person, *_) = re.findall(r"at=0&amp;as=(\d+)", first)

    at_first = played.get(f"/rehearsal?at=0&as={person}").text
    at_last = played.get(f"/rehearsal?at=99999&as={person}").text

    assert at_first.count('class="arrived"') == 1
    assert "more to come" in at_first
    assert at_last.count('class="arrived"') > 3
    assert "more to come" not in at_last
    assert at_last.count("<li><bdi>") > at_first.count("<li><bdi>")
    assert f"at=1&amp;as={person}" in at_first


def test_somebody_who_does_not_play_is_not_there(played: TestClient) -> None:
    assert played.get("/rehearsal?as=999999").status_code == 404


@pytest.mark.parametrize("query", ["at=-1", "at=x", "as=0", f"as={2**70}"])
def test_what_is_no_moment_is_not_there(played: TestClient, query: str) -> None:
    assert played.get(f"/rehearsal?{query}").status_code == 404


def test_a_new_list_is_another_film(desk: Desk) -> None:
    browser = desk.browser()
    _play(browser)
    desk.clock.move(minutes=1)
    desk.publish(recipients=RECIPIENTS[:1])

    assert "It is being played" in browser.get("/rehearsal").text
    _play(browser)
    assert '<span class="big">1</span>' in browser.get("/rehearsal").text


def test_an_answer_is_no_reason_to_play_it_again(desk: Desk) -> None:
    """Nobody has answered in a rehearsal; of a long list somebody answers all the time."""
    browser = desk.browser()
    _play(browser)
    desk.clock.move(minutes=1)
    with desk.database.writing() as transaction:
        member = next(iter(people.roster(transaction, desk.office.event)))
        people.record_answer(transaction, member.id, "event", "accepted", desk.clock(), "page", sequence=0)

    assert "It is being played" not in browser.get("/rehearsal").text


def test_the_slider_moves_the_film_in_a_browser(tmp_path: Path, chromium: Browser) -> None:
    with open_desk(tmp_path) as desk:
        desk.publish()
        with serve(desk.office, reserve(0)) as address:
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/rehearsal")
            page.get_by_role("link", name="It is ready").click(timeout=60_000)
            _picture(page)
            before = page.locator("time").inner_text()
            page.get_by_label("The moment").focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_url("**/rehearsal?at=1")
            assert page.locator("time").inner_text() != before
            assert (
                page.get_by_label("The moment").get_attribute("aria-valuetext")
                == page.locator("time").inner_text()
            )
            page.close()


def _picture(page: Page) -> None:
    """One person's calendar and inbox, half-way."""
    if os.environ.get("CONVENOR_PICTURES") == "1":
        there = page.url
        page.locator("summary", has_text="To whom").click()
        page.locator(".readers a").first.click()
        page.goto(page.url.replace("at=0", "at=4"))
        page.screenshot(path=ROOT / "docs" / "images" / "rehearsal.png", full_page=True)
        page.goto(there)


def test_the_film_is_played_in_the_words_in_force(desk: Desk) -> None:
    browser = desk.browser()
    _play(browser)
    texts = desk.service.texts
    subject = texts.texts["invitation/en.subject.txt"]
    desk.service.choose_wording(
        texts.with_texts({"invitation/en.subject.txt": f"Words of the desk: {subject}"}),
        "Maria",
        desk.clock(),
    )

    _play(browser)

    assert "Words of the desk:" in browser.get("/rehearsal").text


def test_of_a_long_list_few_play_and_few_are_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.web.organiser.film.MOST_PLAYERS", 3)
    monkeypatch.setattr("mailer.web.organiser.film.MOST_NAMED", 2)
    browser = desk.browser()
    _play(browser)

    page = browser.get("/rehearsal").text

    assert '<span class="big">3</span> to <code>everyone</code>' in page
    assert sum(each.family_name in page for each in RECIPIENTS) == 2

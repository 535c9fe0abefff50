"""The pages of a mailing's words: kept, tried, refused with their place; one language more, one less."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from mailer.composition import wording
from mailer.composition.wording import PARTS
from mailer.outbox.schema import Role
from mailer.web.serving import reserve, serve
from tests.conference import EXPERT, PRACTITIONER, RECIPIENTS
from tests.judges import axe
from tests.web.desk import Desk, published
from tests.web.test_door import OURS, _signed_in

WORDS = "/mailings/invitation/wording/en"


def form_of(desk: Desk, **changed: str) -> dict[str, str]:
    texts = desk.service.wording()
    subject, text, html = (texts.texts[f"invitation/en.{part}"] for part in PARTS)
    return {"subject": subject, "text": text, "html": html, "seen": texts.digest, **changed}


def test_what_is_kept_is_what_is_sent(desk: Desk) -> None:
    browser = desk.browser()
    form = form_of(desk)
    changed = form["text"].replace(
        "Dear {{ recipient.addressed_as }}", "Dear colleague {{ recipient.addressed_as }}"
    )
    assert changed != form["text"]
    answer = browser.post(WORDS, data={**form, "text": changed.replace("\n", "\r\n")}, headers=OURS)

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/mailings/invitation?said=kept&language=en",
    )
    desk.publish(
        recipients=(*RECIPIENTS, PRACTITIONER.model_copy(update={"address": "new@ministry.example"}))
    )
    desk.clock.move(minutes=1)
    desk.work()
    found = [raw for letter, raw in desk.tray.everything() if letter.recipient == "new@ministry.example"]
    assert len(found) == 1
    assert b"Dear colleague" in found[0]


def test_everything_wrong_with_the_words_is_said_at_once_and_nothing_changed(desk: Desk) -> None:
    browser, before = desk.browser(), desk.service.wording()
    text = "Dear {{ recipient.adressed_as }},\n\n{% for x in y %}\n{{ 7*7 }}{% endfor %}\n"
    form = form_of(desk, text=text, html="<p>{{ event.__class__ }}</p>\n", subject="{{ links.pag }}")
    answer = browser.post(WORDS, data=form, headers=OURS)

    assert answer.status_code == 422
    near = "did you mean &#39;recipient.addressed_as&#39;"
    for said in ("invitation/en.txt, line 1", near, "invitation/en.html, line 1", "links.page"):
        assert said in answer.text, said
    assert "recipient.adressed_as" in answer.text
    assert desk.service.wording() == before


@pytest.mark.parametrize(
    "bomb", ["{% for a in sessions %}" * 60, "{{ 'a' * 10**9 }}", "{{ ''.join(", "{% macro x() %}"]
)
def test_bombs_are_refused(desk: Desk, bomb: str) -> None:
    answer = desk.browser().post(WORDS, data=form_of(desk, text=bomb), headers=OURS)
    tried = desk.browser().post(
        "/mailings/invitation/letter.html",
        data={**form_of(desk, text=bomb), "language": "en", "to": PRACTITIONER.address},
        headers=OURS,
    )

    assert (answer.status_code, tried.status_code) == (422, 422)


def test_a_script_in_the_words_runs_nowhere(desk: Desk) -> None:
    form = form_of(desk)
    evil = form["html"].replace("{% block letter %}", "{% block letter %}<script>alert(1)</script>")
    tried = desk.browser().post(
        "/mailings/invitation/letter.html",
        data={**form, "html": evil, "language": "en", "to": PRACTITIONER.address},
        headers=OURS,
    )

    assert "script-src" not in tried.headers["content-security-policy"]
    assert "default-src 'none'" in tried.headers["content-security-policy"]
    page = desk.browser().post(WORDS, data={**form, "html": evil + "{{ x }}"}, headers=OURS).text
    assert "<script>alert(1)" not in page


def test_the_second_of_two_editors_is_told_and_loses_nothing(desk: Desk) -> None:
    browser, form = desk.browser(), form_of(desk)
    first = browser.post(WORDS, data={**form, "subject": "The first one"}, headers=OURS)
    second = browser.post(WORDS, data={**form, "subject": "The second one"}, headers=OURS)

    assert (first.status_code, second.status_code) == (303, 409)
    assert 'value="The second one"' in second.text
    assert "The first one" in second.text
    french = {**form, "seen": form["seen"]}
    elsewhere = browser.post("/mailings/invitation/wording/fr", data=french, headers=OURS)
    assert elsewhere.status_code == 303


def test_a_language_begins_with_the_events_words(desk: Desk) -> None:
    page = desk.browser().get("/mailings/report/wording/ar").text

    assert "begin it in Arabic" in page
    assert "Below stands the letter in English" in page
    assert 'id="text" name="text" rows="18" dir="rtl"' in page
    assert "Dear {{ recipient.addressed_as }}" in page
    assert '<details class="shared">' in page
    german = desk.browser().get("/mailings/report/wording/de").text
    assert '<details class="shared" open>' in german
    assert "your_page" in german


def test_what_is_no_language_has_no_words(desk: Desk) -> None:
    browser = desk.browser()
    for path in ("/wording/xx", "/wording/zz-zz", "/wording?language=xx", "/wording/..%2Fen"):
        assert browser.get(f"/mailings/report{path}").status_code == 404, path
    form = {**form_of(desk), "seen": ""}
    assert browser.post("/mailings/report/wording/xx", data=form, headers=OURS).status_code == 404


def _report_in(desk: Desk, language: str) -> dict[str, str]:
    texts = desk.service.wording().texts
    subject, text, html = (texts[f"report/en.{part}"] for part in PARTS)
    phrases = texts.get(wording.phrases_of(language), texts[wording.phrases_of("en")])
    return {
        "subject": subject.strip(), "text": text, "html": html, "phrases": phrases,
        "seen": desk.service.wording().digest,
    }  # fmt: skip


def test_a_language_is_added_where_the_languages_are_listed(desk: Desk) -> None:
    browser = desk.browser()
    listed = browser.get("/mailings/report/wording").text
    for language in ("Arabic", "French"):
        assert f"Write it in {language}" in listed
    assert "Write it in French" in browser.get("/mailings/report").text
    chosen = browser.get("/mailings/report/wording?language=de")
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/mailings/report/wording/de")

    kept = browser.post("/mailings/report/wording/de", data=_report_in(desk, "de"), headers=OURS)
    assert kept.status_code == 303
    assert 'href="/mailings/report/wording/de"' in browser.get("/mailings/report").text
    german = browser.get(
        "/mailings/report/letter.html", params={"to": PRACTITIONER.address, "language": "de"}
    ).text
    assert 'lang="de"' in german


def test_a_language_is_tried_before_it_is_kept(desk: Desk) -> None:
    before = desk.service.wording()
    tried = desk.browser().post(
        "/mailings/report/letter.html",
        data={**_report_in(desk, "ar"), "language": "ar", "to": EXPERT.address},
        headers=OURS,
    )

    assert tried.status_code == 200
    assert 'dir="rtl"' in tried.text
    assert desk.service.wording() == before


def test_a_language_is_taken_out(desk: Desk) -> None:
    browser, seen = desk.browser(), desk.service.wording().digest
    listed = browser.get("/mailings/invitation/wording").text
    assert "Take out ar" in listed
    assert "Take out en" not in listed
    gone = browser.post("/mailings/invitation/wording/ar/take-out", data={"seen": seen}, headers=OURS)

    assert (gone.status_code, gone.headers["location"]) == (
        303,
        "/mailings/invitation/wording?said=taken-out",
    )
    assert "Take out ar" not in browser.get(gone.headers["location"]).text
    late = browser.post("/mailings/invitation/wording/fr/take-out", data={"seen": "0" * 64}, headers=OURS)
    assert late.status_code == 409
    own = browser.post("/mailings/invitation/wording/en/take-out", data={"seen": seen}, headers=OURS)
    assert own.status_code == 422
    assert "own" in own.text


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Desk]:
    with published(tmp_path, is_demo=False) as desk:
        yield desk


def test_a_viewer_changes_no_words(guarded: Desk) -> None:
    viewer, before = _signed_in(guarded, Role.VIEWER), guarded.dump()["wording_choice"]
    for path in ("/wording/en", "/wording/de", "/wording/ar/take-out"):
        answer = viewer.post(f"/mailings/invitation{path}", data=form_of(guarded), headers=OURS)
        assert answer.status_code == 403
    listed = viewer.get("/mailings/invitation/wording").text
    assert "Take out" not in listed
    assert guarded.dump()["wording_choice"] == before


@pytest.mark.parametrize(
    "path", ["/mailings/invitation/wording", "/mailings/report/wording", "/mailings/report/wording/ar"]
)
def test_the_pages_are_for_everybody(calm_desk: Desk, chromium: Browser, path: str) -> None:
    if reason := axe.missing():
        pytest.skip(reason)
    with serve(calm_desk.office, reserve(0)) as address, chromium.new_context(bypass_csp=True) as context:
        page = context.new_page()
        page.goto(address + path)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        for width, scheme in ((390, "dark"), (800, "light"), (1440, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert axe.judge(page) == []

"""The pages of mailings: whom they reach and when, how they look; tried, approved."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser
from sqlalchemy import event as sql_event

from mailer import mailings as module
from mailer.agenda.model import AgendaVersion, Approval, Mailing
from mailer.lately import AsOf
from mailer.mailings import Mailings, Reach
from mailer.outbox import audit, people
from mailer.outbox.schema import Role
from mailer.web.organiser.agenda import POLICIES
from mailer.web.serving import reserve, serve
from tests.conference import EVENT, PRACTITIONER, RECIPIENTS, version
from tests.judges import axe
from tests.web.agendas import CONFERENCE
from tests.web.desk import Desk, open_desk, published
from tests.web.test_door import OURS, _signed_in
from tests.web.test_wordings import WORDS, form_of

ASKED = EVENT.model_copy(update={"approval": Approval.ONE})


@pytest.fixture
def careful(tmp_path: Path) -> Iterator[Desk]:
    """An event whose mailings are approved, for which one needs an account."""
    with published(tmp_path, ASKED, is_demo=False) as desk:
        desk.clock.move(minutes=1)
        yield desk


@pytest.mark.parametrize(
    "mailing", [*(m.key for m in EVENT.mailings), "update", "cancellation", "confirmation"]
)
def test_every_mailing_has_its_page(calm_desk: Desk, mailing: str) -> None:
    browser = calm_desk.browser()

    assert f'href="/mailings/{mailing}"' in browser.get("/mailings").text
    page = browser.get(f"/mailings/{mailing}")
    assert page.status_code == 200
    assert len(page.content) < 200_000


def test_a_mailing_says_whom_it_reaches_and_when(calm_desk: Desk) -> None:
    page = calm_desk.browser().get("/mailings/agenda").text

    assert f">{len(RECIPIENTS)}</strong> people now" in page
    assert PRACTITIONER.address in page
    assert "A week later: it follows, to" in page
    assert "An hour later: it stays at its hour." in page


def test_the_list_says_in_words_whom_each_goes_to(calm_desk: Desk) -> None:
    page = calm_desk.browser().get("/mailings").text

    assert "Everyone" in page
    assert " = declined" not in page


def test_nothing_is_there_of_a_mailing_that_is_not(calm_desk: Desk) -> None:
    for path in (
        "/mailings/nothing",
        "/mailings/nothing/wording/en",
        "/mailings/nothing/letter.html",
        "/mailings/Ä",
    ):
        assert calm_desk.browser().get(path).status_code in {404, 422}


def test_the_letter_is_shown_as_it_is_sent(calm_desk: Desk) -> None:
    browser = calm_desk.browser()
    asked = {"to": PRACTITIONER.address}

    html = browser.get("/mailings/invitation/letter.html", params=asked)
    assert PRACTITIONER.family_name in html.text
    assert "sandbox" in html.headers["content-security-policy"]
    arabic = browser.get("/mailings/invitation/letter.html", params={**asked, "language": "ar"})
    assert 'dir="rtl"' in arabic.text
    dark = browser.get("/mailings/invitation/letter.html", params={**asked, "light": "dark"})
    assert "@media all" in dark.text
    assert "prefers-color-scheme" not in dark.text
    text = browser.get("/mailings/invitation/letter.html", params={**asked, "part": "text"})
    assert "<pre" in text.text
    nobody = browser.get("/mailings/invitation/letter.html", params={"to": "nobody@x.example"})
    assert nobody.status_code == 422


def test_a_test_goes_to_whoever_asks(desk: Desk) -> None:
    browser = desk.browser()
    sent = browser.post(
        "/mailings/agenda/test", data={"address": "me@ministry.example", "language": "en"}, headers=OURS
    )
    wrong = browser.post("/mailings/agenda/test", data={"address": "a@x.example, b@y.example"}, headers=OURS)

    assert (sent.status_code, wrong.status_code) == (303, 422)
    assert [letter.recipient for letter, _ in desk.tray.everything()].count("me@ministry.example") == 1


def test_more_tests_than_one_may_send_are_refused(desk: Desk) -> None:
    browser, form = desk.browser(), {"address": "me@ministry.example", "language": "en"}
    answers = [
        browser.post("/mailings/agenda/test", data=form, headers=OURS) for _ in range(module.MOST_TESTS + 1)
    ]

    assert [each.status_code for each in answers] == [*[303] * module.MOST_TESTS, 429]
    told = answers[-1].text.partition('id="test"')[2]
    assert "No test was sent: 20 test letters within an hour are the most" in told.partition("</p>")[0]
    assert [kept.recipient for kept, _ in desk.tray.everything()].count("me@ministry.example") == 20
    desk.clock.move(minutes=61)
    assert browser.post("/mailings/agenda/test", data=form, headers=OURS).status_code == 303


# ── approval ─────────────────────────────────────────────────────────────────────────────────────────────────


def _approve(browser: TestClient, desk: Desk) -> int:
    page = browser.get("/mailings/invitation").text
    seen = page.partition('name="seen" value="')[2]
    digest = page.rpartition('<input type="hidden" name="seen" value="')[2].partition('"')[0]
    assert seen
    answer = browser.post("/mailings/invitation/approve", data={"seen": digest}, headers=OURS)
    return int(answer.status_code)


def test_only_an_approver_approves(careful: Desk) -> None:
    organiser = _signed_in(careful, Role.ORGANISER)
    approver = _signed_in(careful, Role.APPROVER)

    careful.work()
    assert careful.tray.count() == 0
    page = organiser.get("/mailings").text
    assert "waits for approval" in page
    assert f"Who must have seen one before it leaves: {POLICIES[ASKED.approval].lower()}" in page
    assert organiser.post("/mailings/invitation/approve", data={"seen": ""}, headers=OURS).status_code == 403
    assert _approve(approver, careful) == 303
    careful.work()
    assert careful.tray.count() == len(RECIPIENTS)
    with careful.database.reading() as transaction:
        told = [(each.who, each.did) for each in audit.deeds(transaction)]
    assert ("organiser", "was refused") in told
    assert ("approver", "approved") in told


def test_who_looked_before_the_last_edit_approves_nothing(careful: Desk) -> None:
    approver = _signed_in(careful, Role.APPROVER)
    page = approver.get("/mailings/invitation").text
    digest = page.rpartition('<input type="hidden" name="seen" value="')[2].partition('"')[0]
    organiser = _signed_in(careful, Role.ORGANISER)
    form = form_of(careful, subject="Another subject")
    assert organiser.post(WORDS, data=form, headers=OURS).status_code == 303

    late = approver.post("/mailings/invitation/approve", data={"seen": digest}, headers=OURS)
    assert late.status_code == 409
    assert "has changed since you looked" in late.text
    assert _approve(approver, careful) == 303


@pytest.mark.parametrize(
    "path",
    ["/letter.html", "/test", "/take-back", "/approve"],
)
def test_a_viewer_changes_nothing(careful: Desk, path: str) -> None:
    viewer = _signed_in(careful, Role.VIEWER)
    before = careful.dump()["letter"], careful.dump()["wording_choice"]
    answer = viewer.post(f"/mailings/invitation{path}", data={"seen": "1"}, headers=OURS)

    assert answer.status_code == 403
    assert (careful.dump()["letter"], careful.dump()["wording_choice"]) == before


def _let_counting_end() -> None:
    while counting := [thread for thread in threading.enumerate() if thread.name == "counting"]:
        for thread in counting:
            thread.join()


def test_a_long_list_is_read_a_page_at_a_time(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        many = tuple(
            PRACTITIONER.model_copy(update={"address": f"p{number:05}@ministry.example"})
            for number in range(3_000)
        )
        desk.publish(recipients=many)
        browser = desk.browser()
        at_first = browser.get("/mailings/invitation")
        _let_counting_end()
        asked: list[str] = []
        sql_event.listen(desk.database.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
        page = browser.get("/mailings/invitation")

    assert page.status_code == 200
    assert len(page.content) < 200_000
    assert "Being worked out" in at_first.text
    assert "3,000" in page.text
    assert "The next</a>" in page.text
    assert len(asked) < 60


@pytest.mark.parametrize(
    "path", ["/mailings", "/mailings/agenda", "/mailings/update", "/mailings/invitation/wording/ar"]
)
def test_the_pages_are_for_everybody(calm_desk: Desk, chromium: Browser, path: str) -> None:
    if reason := axe.missing():
        pytest.skip(reason)
    with serve(calm_desk.office, reserve(0)) as address, chromium.new_context(bypass_csp=True) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address + path)
        for width, scheme in ((390, "dark"), (800, "light"), (1440, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert axe.judge(page) == []


def test_nobody_approves_what_the_page_did_not_show(careful: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody publishes while the page is being made."""
    approver, reach = _signed_in(careful, Role.APPROVER), Mailings.reach
    mailings = tuple(
        each.model_copy(update={"title": "Another title"}) if each.key == "invitation" else each
        for each in ASKED.mailings
    )

    def meanwhile(this: Mailings, version: AgendaVersion, mailing: Mailing) -> AsOf[Reach]:
        monkeypatch.undo()
        careful.publish(ASKED.model_copy(update={"mailings": mailings}))
        return reach(this, version, mailing)

    monkeypatch.setattr(Mailings, "reach", meanwhile)
    assert _approve(approver, careful) == 409
    assert _approve(approver, careful) == 303


def test_nobody_approves_for_a_list_that_the_page_does_not_show_yet(
    careful: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom it reaches is counted beside the page, and the list has changed since it last was."""
    monkeypatch.setattr("mailer.outbox.people.LONG_LIST", 1)
    approver = _signed_in(careful, Role.APPROVER)
    button, anew = 'action="/mailings/invitation/approve"', "Whom it reaches is being counted anew"

    def looked_at() -> str:
        _let_counting_end()
        return str(approver.get("/mailings/invitation").text)

    def looked_at_until(words: str) -> str:
        for _ in range(10):
            if words in (page := looked_at()):
                return page
            careful.clock.move(minutes=1)
        raise AssertionError(words)

    assert button in looked_at_until(button)
    with careful.database.writing() as transaction:
        people.record_answer(
            transaction, 1, "event", "accepted", careful.clock(), "form", sequence=0
        )  # an answer is no edit
    page = looked_at()
    assert (button in page, "As it was" in page) == (True, True)

    careful.clock.move(minutes=1)
    careful.publish(ASKED, recipients=RECIPIENTS[:-1])
    for _ in range(10):
        careful.clock.move(minutes=1)
        page = looked_at()
        if "As it was" in page:
            assert (button in page, anew in page) == (False, True)
        elif "Being worked out" not in page:
            break
    assert button in page
    assert f">{len(RECIPIENTS) - 1}</strong> people now" in page


@pytest.mark.parametrize("after", ["-1", "x", str(2**63), "9" * 400])
def test_a_place_in_an_audience_that_there_cannot_be_is_nothing(calm_desk: Desk, after: str) -> None:
    assert calm_desk.browser().get("/mailings/invitation", params={"after": after}).status_code == 404


def test_a_draft_is_not_what_is_approved(careful: Desk) -> None:
    """The page shows the draft's; what would leave is another."""
    approver = _signed_in(careful, Role.APPROVER)
    careful.publish(CONFERENCE.model_copy(update={"approval": Approval.ONE}))
    mailing = CONFERENCE.mailing("invitation")
    names = ("kind", "audience", "when", "useful_until", "calendar")
    form = {"seen": "2.0", "title": "Another title", **{name: str(getattr(mailing, name)) for name in names}}
    assert approver.post("/mailings/invitation", data=form, headers=OURS).status_code == 303

    page = approver.get("/mailings/invitation").text

    assert "Another title" in page
    assert 'action="/mailings/invitation/approve"' not in page
    approver.post("/agenda/undo", data={"seen": "2.1"}, headers=OURS)
    assert _approve(approver, careful) == 303


def test_new_words_and_letters_to_try_stand_in_the_audit(desk: Desk) -> None:
    browser = desk.browser()
    browser.post(WORDS, data=form_of(desk, subject="Another subject"), headers=OURS)
    browser.post("/mailings/invitation/test", data={"address": "me@ministry.example"}, headers=OURS)

    with desk.database.reading() as transaction:
        told = [(each.who, each.did, each.what) for each in audit.deeds(transaction)[:3]]
    assert told == [
        ("demo", "sent a test letter", "invitation to me@ministry.example through the tray"),
        ("demo", "asked for a test letter", "invitation to me@ministry.example"),
        ("demo", "reworded", "invitation in en"),
    ]


def test_of_audiences_that_are_only_typed_few_counts_are_kept(desk: Desk) -> None:
    this = desk.office.mailings()
    for number in range(module.MOST_COUNTED + 5):
        typed = EVENT.mailing("invitation").model_copy(update={"audience": f"tag = t{number}"})
        assert this.reach(version(EVENT), typed).value.people == 0

    assert len(module._counted._kept) == module.MOST_COUNTED

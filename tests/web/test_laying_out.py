"""The forms of mailings: begun, changed, taken out and put back in the draft; what is wrong, said with its place."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from mailer.agenda.model import MailingKind
from mailer.outbox import agendas, audit
from mailer.outbox.schema import Role
from mailer.web.serving import reserve, serve
from tests.conference import FOCAL_POINT, PRACTITIONER, RECIPIENTS
from tests.judges import axe
from tests.web.agendas import CONFERENCE, full
from tests.web.desk import Desk, invited, open_desk, published
from tests.web.test_door import OURS, _signed_in

PUBLISHED = "1.0"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with invited(tmp_path, CONFERENCE) as desk:
        yield desk


def _facts(key: str, **changed: str) -> dict[str, str]:
    mailing = CONFERENCE.mailing(key)
    names = ("title", "kind", "audience", "when", "useful_until", "calendar")
    again = {"again_when_moved": "true"} if mailing.again_when_moved else {}
    return {"seen": PUBLISHED, **{name: str(getattr(mailing, name)) for name in names}, **again, **changed}


def _post(desk: Desk, path: str, form: dict[str, str]) -> httpx.Response:
    answer: httpx.Response = desk.browser().post(path, data=form, headers=OURS)
    return answer


def _number(desk: Desk) -> int:
    with desk.database.reading() as transaction:
        version = agendas.latest(transaction, CONFERENCE.key)
    assert version
    return version.number


# ── changed ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_is_kept_in_the_draft_and_undone_there(desk: Desk) -> None:
    answer = _post(desk, "/mailings/report", _facts("report", title="The report is out"))

    assert (answer.status_code, answer.headers["location"]) == (303, "/mailings/report?said=drafted")
    assert _number(desk) == 1
    page = desk.browser().get("/mailings/report").text
    assert 'value="The report is out"' in page
    assert "Changed in the draft, not published yet" in page
    assert "In force until then: <bdi>With our thanks</bdi>" in page
    assert 'href="/agenda/publish"' in page
    assert ">changed</span>" in desk.browser().get("/mailings").text
    with desk.database.reading() as transaction:
        (deed, *_) = audit.deeds(transaction)
    assert (deed.did, deed.what) == (
        "changed the agenda's draft",
        "With our thanks: title With our thanks -> The report is out",
    )
    assert _post(desk, "/agenda/undo", {"seen": "1.1"}).status_code == 303
    assert "not published yet" not in desk.browser().get("/mailings/report").text


def test_what_is_published_is_told_before_and_done_then(desk: Desk) -> None:
    form = _facts("practical", when="2 days before the event starts, at 17:00", audience="role = speaker")
    _post(desk, "/mailings/practical", form)
    page = desk.browser().get("/agenda/publish").text

    told = re.sub(r"<[^>]+>|\s+", " ", page)
    assert re.search(r"audience +not answer = declined +role = speaker", told)
    assert re.search(r"5 letters, +Tue 9 Mar 2027, 17:00 +1 letter, +Mon 8 Mar 2027, 17:00", told)
    assert _post(desk, "/agenda/publish", {"seen": "1.1"}).status_code == 303
    assert _number(desk) == 2
    assert "not published yet" not in desk.browser().get("/mailings/practical").text


def test_a_form_that_says_the_same_changes_nothing(desk: Desk) -> None:
    answer = _post(desk, "/mailings/agenda", _facts("agenda"))

    assert answer.headers["location"] == "/mailings/agenda?said=same"
    assert desk.dump()["draft"] == []


def test_the_second_is_told_and_keeps_their_form(desk: Desk) -> None:
    _post(desk, "/mailings/report", _facts("report", title="The first"))
    late = _post(desk, "/mailings/report", _facts("report", title="The second", audience="everyone"))

    assert late.status_code == 409
    assert 'value="The second"' in late.text
    assert "Now in the draft: <bdi>The first</bdi>" in late.text
    assert "Somebody else has changed the agenda" in late.text
    again = {**_facts("report", title="The second"), "seen": _seen(late.text)}
    assert _post(desk, "/mailings/report", again).status_code == 303


def _seen(page: str) -> str:
    found = re.search(r'name="seen" value="([0-9.]+)"', page)
    assert found
    return found[1]


def test_who_writes_while_it_is_taken_out_loses_nothing(desk: Desk) -> None:
    _post(desk, "/mailings/report/take-out", {"seen": PUBLISHED})
    late = _post(desk, "/mailings/report", _facts("report", title="Mine"))

    assert late.status_code == 409
    assert 'value="Mine"' in late.text
    back = {**_facts("report", title="Mine"), "seen": _seen(late.text)}
    assert _post(desk, "/mailings/report", back).status_code == 303
    assert 'value="Mine"' in desk.browser().get("/mailings/report").text


def test_every_wrong_field_is_said_in_its_place(desk: Desk) -> None:
    wrong = {
        "audience": "role = friend",
        "when": "sometime",
        "useful_until": "never",
        "title": "",
        "calendar": "x",
    }
    answer = _post(desk, "/mailings/invitation", _facts("invitation", **wrong))

    assert answer.status_code == 422
    for name in wrong:
        assert f'id="w-{name}"' in answer.text
        assert f'href="#f-{name}"' in answer.text
    assert 'value="sometime"' in answer.text
    assert desk.dump()["draft"] == []


@pytest.mark.parametrize("value", [EVIL, "x" * 50_000, "\x00", "\u202e\u202e", "=cmd()"])
def test_no_value_does_harm(desk: Desk, value: str) -> None:
    for field in ("title", "audience", "when", "useful_until", "kind", "calendar"):
        for path in ("/mailings/report", "/mailings/new"):
            answer = _post(desk, path, _facts("report", **{field: value}))
            assert answer.status_code in {303, 409, 422}
            assert "<script>alert" not in answer.text
            assert "<img src=x" not in answer.text
    assert "<script>alert" not in desk.browser().get("/mailings").text


def test_a_form_without_fields_is_told_so(desk: Desk) -> None:
    assert _post(desk, "/mailings/new", {"seen": PUBLISHED}).status_code == 422
    assert _post(desk, "/mailings/report", {}).status_code == 409
    assert _post(desk, "/mailings/update", _facts("report")).status_code == 404
    assert _post(desk, "/mailings/nothing", _facts("report")).status_code == 404


# ── begun, taken out ─────────────────────────────────────────────────────────────────────────────────────────


def test_first_the_kind_is_chosen(desk: Desk) -> None:
    browser = desk.browser()
    chosen = browser.get("/mailings/new").text

    assert 'href="/mailings/new"' in browser.get("/mailings").text
    for mailing in CONFERENCE.mailings:
        assert f'href="/mailings/new?kind={mailing.kind}"' in chosen
        form = browser.get(f"/mailings/new?kind={mailing.kind}")
        assert form.status_code == 200
        assert "people now" in form.text or "person now" in form.text
        assert "<time datetime=" in form.text
    for kind in ("update", "cancellation", "nothing"):
        assert browser.get(f"/mailings/new?kind={kind}").status_code == 404


def test_a_new_mailing_is_part_of_the_draft_and_leaves_when_published(desk: Desk) -> None:
    form = _facts("practical", title="Where we meet", when="as soon as published", audience="role = speaker")
    answer = _post(desk, "/mailings/new", form)

    assert answer.headers["location"] == "/mailings/where-we-meet?said=drafted"
    page = desk.browser().get("/mailings/where-we-meet")
    assert page.status_code == 200
    assert "New in the draft, not published yet" in page.text
    assert "it leaves at once to whoever does not have it yet" in page.text
    assert (
        desk.browser().get("/mailings/where-we-meet/letter.html?to=" + PRACTITIONER.address).status_code
        == 200
    )
    assert ">new</span>" in desk.browser().get("/mailings").text
    before = desk.tray.count()
    publish = desk.browser().get("/agenda/publish").text
    assert "Where we meet leaves at once, 1 letter" in publish
    desk.work()
    assert desk.tray.count() == before
    _post(desk, "/agenda/publish", {"seen": "1.1"})
    desk.work()
    assert desk.tray.count() == before + 1


def test_a_new_mailing_never_has_the_key_of_one_that_people_got(desk: Desk) -> None:
    _post(desk, "/mailings/invitation/take-out", {"seen": PUBLISHED})
    _post(desk, "/agenda/publish", {"seen": "1.1"})
    answer = _post(desk, "/mailings/new", {**_facts("invitation"), "seen": "2.0"})

    assert answer.headers["location"] == "/mailings/invitation-2?said=drafted"


def test_who_begins_one_while_somebody_else_publishes_loses_nothing(desk: Desk) -> None:
    desk.publish(CONFERENCE.model_copy(update={"title": "From a file"}))
    late = _post(desk, "/mailings/new", _facts("practical", title="Where we meet"))

    assert late.status_code == 409
    assert 'value="Where we meet"' in late.text
    again = {**_facts("practical", title="Where we meet"), "seen": _seen(late.text)}
    assert _post(desk, "/mailings/new", again).status_code == 303


def test_a_mailing_is_taken_out_told_and_put_back(desk: Desk) -> None:
    out = _post(desk, "/mailings/practical/take-out", {"seen": PUBLISHED})
    assert out.headers["location"] == "/mailings/practical?said=taken-out"
    page = desk.browser().get("/mailings/practical").text
    assert "Taken out in the draft, not published yet" in page
    assert "Put it back like this" in page
    told = re.sub(r"<[^>]+>|\s+", " ", desk.browser().get("/agenda/publish").text)
    assert re.search(r"Practical information for tomorrow +taken out", told)
    assert re.search(r"5 letters, +Tue 9 Mar 2027, 17:00 +nothing", told)

    back = _post(desk, "/mailings/practical", {**_facts("practical"), "seen": "1.1"})
    assert back.status_code == 303
    assert "Nothing: the draft is what is in force." in desk.browser().get("/agenda/publish").text
    _post(desk, "/mailings/practical/take-out", {"seen": "1.2"})
    _post(desk, "/agenda/publish", {"seen": "1.3"})
    assert desk.browser().get("/mailings/practical").status_code == 404


def test_one_that_was_never_published_is_simply_gone(desk: Desk) -> None:
    _post(desk, "/mailings/new", _facts("practical", title="Where we meet"))
    gone = _post(desk, "/mailings/where-we-meet/take-out", {"seen": "1.1"})

    assert gone.headers["location"] == "/mailings?said=taken-out"
    assert desk.browser().get("/mailings/where-we-meet").status_code == 404
    late = _post(desk, "/mailings/where-we-meet", _facts("practical", title="Typed in vain?"))
    assert late.status_code == 409
    assert 'value="Typed in vain?"' in late.text


# ── while it is filled ───────────────────────────────────────────────────────────────────────────────────────


def test_an_audience_is_counted_before_it_is_kept(desk: Desk) -> None:
    browser = desk.browser()
    found = browser.get("/mailings/invitation/people", params={"audience": f"role = {PRACTITIONER.role}"})

    assert PRACTITIONER.address in found.text
    assert FOCAL_POINT.address not in found.text
    wrong = browser.get("/mailings/invitation/people", params={"audience": "role = friend"})
    assert wrong.status_code == 422
    assert "there is no role" in wrong.text
    new = browser.get("/mailings/new/people", params=_facts("practical", audience="language = fr"))
    assert FOCAL_POINT.address in new.text
    assert ">1</strong> person now" in new.text
    assert desk.dump()["draft"] == []


def test_its_hours_are_told_before_it_is_kept(desk: Desk) -> None:
    browser = desk.browser()
    asked = _facts("practical", when="2 days before the event starts, at 09:00")

    assert "8 Mar 2027, 09:00:00" in browser.get("/mailings/practical/hours", params=asked).text
    assert "8 Mar 2027, 09:00:00" in browser.get("/mailings/new/hours", params=asked).text
    past = browser.get("/mailings/new/hours", params={**asked, "when": "2027-01-01 09:00"}).text
    assert "it leaves at once to whoever does not have it yet" in past
    late = browser.get("/mailings/new/hours", params={**asked, "when": "1 day after the event ends"}).text
    assert "nobody would get it" in late
    wrong = browser.get("/mailings/new/hours", params={**asked, "when": "someday"})
    assert wrong.status_code == 422
    assert "is not understood" in wrong.text


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Desk]:
    with published(tmp_path, CONFERENCE, is_demo=False) as desk:
        yield desk


def test_a_viewer_changes_nothing(guarded: Desk) -> None:
    viewer = _signed_in(guarded, Role.VIEWER)
    for path in ("/mailings/new", "/mailings/report", "/mailings/report/take-out"):
        assert viewer.post(path, data=_facts("report", title="Mine"), headers=OURS).status_code == 403
    assert viewer.get("/mailings/new").status_code == 403
    page = viewer.get("/mailings/report").text
    assert "Keep in the draft" not in page
    assert "Take this mailing out" not in page
    assert guarded.dump()["draft"] == []


def test_the_pages_stay_small_at_500_sessions(tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        desk.publish(full(500))
        browser = desk.browser()
        for path in ("/mailings/new?kind=session-reminder", "/mailings/session-reminder"):
            page = browser.get(path)
            assert page.status_code == 200
            assert len(page.content) < 200_000
            assert "more</li>" in page.text


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_mailing_is_laid_out_in_a_browser(desk: Desk, chromium: Browser, has_scripts: bool) -> None:
    with (
        serve(desk.office, reserve(0)) as address,
        chromium.new_context(base_url=address, java_script_enabled=has_scripts) as context,
    ):
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto("/mailings")
        page.get_by_role("link", name="A new mailing").click()
        page.get_by_role("link", name="Practical").click()
        expect(page.locator("#whom-list")).to_contain_text(f"{len(RECIPIENTS)} people now")
        page.get_by_label("Title").fill("A word to our speakers")
        page.get_by_label("Audience").fill("role = speaker")
        page.locator("#f-when").fill("3 days before the event starts, at 10:00")
        if has_scripts:
            expect(page.locator("#whom-list")).to_contain_text("1 person now")
            expect(page.locator("#hours-list")).to_contain_text("7 Mar 2027, 10:00")
        page.get_by_role("button", name="Keep in the draft").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("A word to our speakers")
        page.get_by_role("link", name="See what publishing does").click()
        page.get_by_role("button", name="Publish").click()
        page.goto("/mailings/a-word-to-our-speakers")
        expect(page.locator("main")).to_contain_text("version 2 of the agenda")
        assert complaints == []


@pytest.mark.parametrize(
    "path",
    [
        "/mailings",
        "/mailings/new",
        "/mailings/new?kind=reminder",
        "/mailings/report",
        "/mailings/practical",
        "/agenda/publish",
    ],
)
def test_the_pages_of_a_draft_are_for_everybody(desk: Desk, chromium: Browser, path: str) -> None:
    if reason := axe.missing():
        pytest.skip(reason)
    _post(desk, "/mailings/report", _facts("report", title="The report is out"))
    _post(desk, "/mailings/practical/take-out", {"seen": "1.1"})
    with serve(desk.office, reserve(0)) as address, chromium.new_context(bypass_csp=True) as context:
        page = context.new_page()
        page.goto(address + path)
        for width, scheme in ((390, "dark"), (800, "light"), (1440, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert axe.judge(page) == []


def test_every_kind_says_what_it_is_for(desk: Desk) -> None:
    page = desk.browser().get("/mailings/new").text
    kinds = {each.kind for each in CONFERENCE.mailings}
    assert page.count('<li class="panel">') == len(kinds) == len(set(MailingKind)) - 3

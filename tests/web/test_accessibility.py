"""Every page that delegates and the public see, and that of answers, judged by axe-core: in each language, light, dark,
narrow and wide."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from mailer.composition.links import Purpose
from mailer.delivery.relay import Relay
from mailer.holding import Hold
from mailer.outbox import claims, incoming, letters
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.people import record_answer
from mailer.outbox.people import roster as people_of
from mailer.recipients.model import Recipient
from mailer.settings import EXAMPLE, ROOT
from mailer.starting import Setup
from mailer.web.serving import reserve, serve
from tests.conference import ENDS_AT, EVENT, EXPERT, FOCAL_POINT, PRACTITIONER, RECIPIENTS
from tests.inbox import mails
from tests.inbox.dialects import Said, google
from tests.inbox.letterbox import NOW, Letterbox, reading
from tests.judges import axe
from tests.outbox.world import told
from tests.web.agendas import CONFERENCE
from tests.web.desk import AGENDA_IS_DUE_AT, Desk, open_desk

READERS = {"en": PRACTITIONER, "fr": FOCAL_POINT, "ar": EXPERT}
WIDTHS = (390, 1280)


def people() -> list[Recipient]:
    """Those of the conference, and one more in each language, who has unsubscribed."""
    gone = [
        reader.model_copy(update={"address": f"gone.{language}@delegation.example"})
        for language, reader in READERS.items()
    ]
    return [*RECIPIENTS, *gone]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("judged")) as desk:
        session = EVENT.session("session-1").model_copy(
            update={"chair": "Ana Novak", "speakers": ("B. One", "C. Two"), "room": "Room 2"}
        )
        sessions = tuple(session if each.key == session.key else each for each in EVENT.sessions)
        desk.publish(EVENT.model_copy(update={"public": True, "sessions": sessions}), people())
        for reader in people()[-3:]:
            desk.browser().post(
                f"/u/{desk.token(Purpose.UNSUBSCRIBE, of=reader)}", content="List-Unsubscribe=One-Click"
            )
        yield desk


@pytest.fixture(scope="module")
def address(desk: Desk) -> Iterator[str]:
    with serve(desk.office, reserve(0)) as served:
        yield served


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    if reason := axe.missing():
        pytest.skip(reason)
    with chromium.new_context(base_url=address, bypass_csp=True) as context:
        yield context.new_page()


@pytest.mark.parametrize("language", READERS)
def test_a_personal_page_is_for_everybody(desk: Desk, page: Page, language: str) -> None:
    path = f"/r/{desk.token(of=READERS[language])}"
    page.goto(path)
    assert page.get_attribute("html", "lang") == language
    assert axe.violations(page, WIDTHS) == {}
    desk.browser().post(f"{path}/answer", data={"answer": "accepted"})
    page.goto(f"{path}?saved=answer_kept")
    assert axe.violations(page, WIDTHS) == {}


@pytest.mark.parametrize("language", READERS)
def test_a_refused_form_is_for_everybody(desk: Desk, page: Page, language: str) -> None:
    page.goto(f"/r/{desk.token(of=READERS[language])}")
    page.locator("input[type=radio]").first.check()
    page.locator("textarea").fill("x" * 1001)
    page.locator("form[action$='/answer'] button").click()
    assert page.get_by_role("alert").count() == 1
    assert axe.violations(page, WIDTHS) == {}


@pytest.mark.parametrize("language", READERS)
def test_a_page_after_the_conference_is_for_everybody(desk: Desk, page: Page, language: str) -> None:
    before = desk.clock.now
    desk.clock.now = ENDS_AT
    try:
        page.goto(f"/r/{desk.token(of=READERS[language])}")
        assert page.locator("input[type=radio], input[type=checkbox]").count() == 0
        assert axe.violations(page, WIDTHS) == {}
    finally:
        desk.clock.now = before


@pytest.mark.parametrize("language", READERS)
def test_unsubscribing_is_for_everybody(desk: Desk, page: Page, language: str) -> None:
    gone = people()[-3:][list(READERS).index(language)]
    for reader in (READERS[language], gone):
        page.goto(f"/u/{desk.token(Purpose.UNSUBSCRIBE, of=reader)}")
        assert page.get_attribute("html", "lang") == language
        assert axe.violations(page, WIDTHS) == {}


@pytest.mark.parametrize("language", READERS)
def test_the_public_agenda_is_for_everybody(page: Page, language: str) -> None:
    page.goto(f"/e/{EVENT.key}?language={language}")
    assert page.get_attribute("html", "lang") == language
    assert axe.violations(page, WIDTHS) == {}


@pytest.mark.parametrize("path", ["/r/x", "/u/x", "/f/x.ics", "/e/nothing"])
def test_what_says_that_there_is_nothing_is_for_everybody(page: Page, path: str) -> None:
    page.goto(path)
    assert axe.violations(page, WIDTHS) == {}


@pytest.mark.parametrize("is_answered", [False, True])
def test_the_page_of_answers_is_for_everybody(desk: Desk, page: Page, is_answered: bool) -> None:
    with desk.database.writing() as c:
        for member in people_of(c, EVENT.key) if is_answered else []:
            record_answer(c, member.id, "event", "tentative", desk.clock(), "page", sequence=0)
    page.goto("/replies")
    assert axe.violations(page, WIDTHS) == {}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, str]]:
    """A letter in doubt, one refused, one waiting; mails that need a person, and an address that is wrong."""
    folder = tmp_path_factory.mktemp("lived")
    with open_desk(folder) as desk, reading() as reader:
        box = Letterbox(database=desk.database, path=folder / "mail", reader=reader)
        box.send_invitations()
        desk.clock.now = NOW
        asked = replace(box.asked(PRACTITIONER.address), attendee="somebody@else.example")
        box.receive(google(asked, Said(partstat="ACCEPTED", at=NOW, comment="For her.")))
        address = FOCAL_POINT.address
        box.receive(mails.report(box.return_path(address), address, words="550 5.1.1 no such user"))
        desk.clock.now = AGENDA_IS_DUE_AT
        desk.service.plan(desk.clock())
        with desk.database.writing() as c:
            claimed = claims.claim(c, "one", desk.clock(), 2, timedelta(minutes=1))
            ends = ((Happening.LOST, ""), (Happening.REFUSED, "550 no such user"))
            for each, (happening, reply) in zip(claimed, ends, strict=True):
                intent = told(each, Happening.INTENDED, digest="a" * 64, reply="smtp://mail.example:25")
                claims.happen(c, [intent, told(each, happening, reply=reply)], desk.clock())
        Hold(database=desk.database, event=EVENT.key).pause("reminder", "not certain", desk.clock())
        with serve(desk.office, reserve(0)) as served:
            yield desk, served


def test_the_pages_of_letters_and_mails_are_for_everybody(lived: tuple[Desk, str], chromium: Browser) -> None:
    if reason := axe.missing():
        pytest.skip(reason)
    desk, address = lived
    with desk.database.reading() as c:
        rows = letters.search(c, EVENT.key)
        by_state = {str(row.state): row.id for row in rows}
        mails_of = {mail.kind: mail.id for mail in incoming.search(c, EVENT.key)}
    numbers = [by_state[LetterState.IN_DOUBT], by_state[LetterState.FAILED], by_state[LetterState.WAITING]]
    (failed,) = [row for row in rows if row.state is LetterState.FAILED]
    paths = [
        "/",
        "/outbox",
        "/outbox/hold?mailing=agenda",
        f"/outbox?mailing={failed.mailing}&state=failed",
        f"/outbox/retry?mailing={failed.mailing}&cause=550 no such user",
        *(f"/outbox/{number}" for number in numbers),
        f"/outbox/{numbers[0]}?show=text",
        "/inbox",
        "/inbox?show=bounce",
        f"/inbox/{mails_of['answer']}?who=a",
        f"/inbox/{mails_of['bounce']}",
    ]
    with chromium.new_context(base_url=address, bypass_csp=True) as context:
        page = context.new_page()
        for path in paths:
            page.goto(path)
            assert axe.violations(page, WIDTHS) == {}, path
            assert page.evaluate(SKIPPED_HEADINGS) == [], path


SKIPPED_HEADINGS = """() => [...document.querySelectorAll('h1, h2, h3, h4')].map(h => [+h.tagName[1], h.textContent])
  .filter(([level], at, all) => level > (at ? all[at - 1][0] : 0) + 1)"""
"""Headings that are more than one below the one before."""


def test_the_rehearsal_is_for_everybody(desk: Desk, page: Page) -> None:
    page.goto("/rehearsal")
    assert axe.violations(page, WIDTHS) == {}
    page.get_by_role("link", name="It is ready").click(timeout=60_000)
    assert axe.violations(page, WIDTHS) == {}
    page.locator(".readers a").first.click()
    page.get_by_role("heading", name="Inbox").wait_for()
    assert axe.violations(page, WIDTHS) == {}


@pytest.mark.parametrize("is_begun", [False, True])
def test_the_start_is_for_everybody(tmp_path: Path, chromium: Browser, is_begun: bool) -> None:
    if reason := axe.missing():
        pytest.skip(reason)
    with open_desk(tmp_path) as desk:
        desk.publish()
        relay = Relay(host="mail.ministry.example", port=25)
        setup = Setup(
            path=tmp_path / "agenda" / "mine.toml", shown="agenda/mine.toml", example=EXAMPLE,
            templates=ROOT / "templates", relay=relay,
        )  # fmt: skip
        office = replace(desk.office, event=EVENT.key if is_begun else "", setup=setup)
        with (
            serve(office, reserve(0)) as served,
            chromium.new_context(base_url=served, bypass_csp=True) as context,
        ):
            page = context.new_page()
            page.goto("/start")
            assert axe.violations(page, WIDTHS) == {}
            if not is_begun:
                page.get_by_label("Title").fill("A day")
                page.locator("form[action='/start/form']").evaluate("form => { form.noValidate = true }")
                page.get_by_role("button", name="Begin", exact=True).click()
                page.get_by_role("heading", name="Nothing was kept").wait_for()
                assert axe.violations(page, WIDTHS) == {}


def test_the_judge_notices_what_is_wrong(page: Page) -> None:
    page.goto("/r/x")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input type=text>')")
    told = [word for words in axe.violations(page, WIDTHS).values() for word in words]
    assert any(word.startswith("label: ") for word in told)


AGENDA = [
    "/agenda",
    "/agenda/sessions/opening",
    "/agenda/new",
    "/agenda/event",
    "/agenda/event/cancel",
    "/agenda/event/move",
    "/agenda/publish",
    "/agenda/versions",
    "/agenda/versions/1",
]


def test_the_pages_of_the_agenda_are_for_everybody(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if reason := axe.missing():
        pytest.skip(reason)
    ours = {"Sec-Fetch-Site": "same-origin"}
    with open_desk(tmp_path_factory.mktemp("agenda")) as desk:
        desk.publish(CONFERENCE)
        desk.work()
        given = {"seen": "1.0", "start": "09:30", "room": "Hall 2"}
        desk.browser().post("/agenda/sessions/opening", data=given, headers=ours)
        desk.browser().post("/agenda/sessions/session-3/cancel", data={"seen": "1.1"}, headers=ours)
        with (
            serve(desk.office, reserve(0)) as served,
            chromium.new_context(base_url=served, bypass_csp=True) as context,
        ):
            page = context.new_page()
            for path in AGENDA:
                page.goto(path)
                assert axe.violations(page, WIDTHS) == {}, path
            page.goto("/agenda/sessions/opening")
            page.get_by_label("Title").fill("")
            page.get_by_role("button", name="Keep in the draft").click()
            assert page.get_by_role("alert").count() == 1
            assert axe.violations(page, WIDTHS) == {}
            page.goto("/agenda/event/move")
            page.locator("form.call-off").evaluate("form => { form.noValidate = true }")
            page.get_by_label("First day").fill("2020-01-01")
            page.get_by_role("button", name="Move it in the draft").click()
            assert page.get_by_role("alert").count() == 1
            assert axe.violations(page, WIDTHS) == {}
            page.goto("/agenda/event/cancel")
            page.get_by_label("Its title").fill("another")
            page.get_by_role("button", name="Call it off in the draft").click()
            assert axe.violations(page, WIDTHS) == {}
            page.get_by_label("Its title").fill(CONFERENCE.title)
            page.get_by_role("button", name="Call it off in the draft").click()
            for path in ("/agenda", "/agenda/event", "/agenda/publish"):
                page.goto(path)
                assert axe.violations(page, WIDTHS) == {}, path

"""The agenda's pages: edited in place, published with its consequences seen, compared."""

import html
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mailer.agenda.model import Approval
from mailer.outbox import agendas, audit
from mailer.outbox.schema import Role
from mailer.web.organiser.agenda import drafting_of
from tests.outbox.world import statements
from tests.web.agendas import CONFERENCE, full
from tests.web.desk import Desk, invited, open_desk
from tests.web.test_door import OURS, _signed_in

HOSTILE = (
    "<script>alert(1)</script>",
    "{{7*7}}",
    "{x}",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with invited(tmp_path, CONFERENCE) as desk:
        yield desk


def _post(browser: TestClient, path: str, **given: Any) -> Any:
    return browser.post(path, data=given, headers=OURS)


def test_the_day_is_drawn_with_every_session_as_a_link(desk: Desk) -> None:
    page = desk.browser().get("/agenda").text

    assert re.findall(r'href="/agenda/sessions/([^"]+)" id="s-\1"', page) == [
        s.key for s in CONFERENCE.sessions
    ]
    assert "Wednesday, 10 March 2027" in page


def test_an_edit_is_kept_marked_and_undone(desk: Desk) -> None:
    browser = desk.browser()
    kept = _post(browser, "/agenda/sessions/opening", seen="1.0", start="09:30", room="Small Hall")

    assert (kept.status_code, kept.headers["location"]) == (303, "/agenda?day=1#s-opening")
    page = browser.get("/agenda").text
    assert "was 09:15–10:00" in page
    assert page.count('class="ghost"') == 1
    assert _post(browser, "/agenda/undo", seen="1.1").status_code == 303
    assert "was 09:15" not in browser.get("/agenda").text


def test_a_form_that_is_refused_comes_back_filled_with_every_problem(desk: Desk) -> None:
    before = desk.dump()
    shown = _post(
        desk.browser(), "/agenda/sessions/opening", seen="1.0", title="", start="25:00", chair="Ana"
    )

    assert shown.status_code == 422
    assert re.findall(r'id="w-(\w+)">([^<]+)<', shown.text) == [
        ("title", "is missing"),
        ("start", "&#39;25:00&#39; is not a time of day, 00:00 to 23:59"),
    ]
    assert 'value="25:00"' in shown.text
    assert 'value="Ana"' in shown.text
    assert desk.dump() == before


def test_the_second_of_two_organisers_is_told_and_their_form_is_still_there(desk: Desk) -> None:
    _post(desk.browser(), "/agenda/sessions/opening", seen="1.0", start="09:30", title="Welcome")
    shown = _post(desk.browser(), "/agenda/sessions/opening", seen="1.0", start="09:45", title="Welcome")

    assert shown.status_code == 409
    assert "Somebody else has changed the agenda while you were looking" in shown.text
    assert 'value="09:45"' in shown.text
    assert re.findall(r"Now in the draft: <bdi>([^<]+)", shown.text) == ["09:30"]
    (seen,) = set(re.findall(r'name="seen" value="([^"]+)"', shown.text))
    assert _post(desk.browser(), "/agenda/sessions/opening", seen=seen, start="09:45").status_code == 303


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_typed_is_shown_as_text(desk: Desk, text: str) -> None:
    browser = desk.browser()
    _post(browser, "/agenda/sessions/session-1", seen="1.0", title=text, room=text, chair=text, points=text)
    pages = [
        browser.get(path).text
        for path in (
            "/agenda",
            "/agenda/sessions/session-1",
            "/agenda/publish",
            "/agenda/publish/letter.html",
        )
    ]

    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert 'href="javascript:' not in page
        assert html.escape(text) in page.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


def test_a_session_is_added_cancelled_and_reinstated(desk: Desk) -> None:
    browser = desk.browser()
    added = _post(browser, "/agenda/new", seen="1.0", title="Side event", start="18:00", end="19:00", day="1")
    assert added.headers["location"] == "/agenda?day=1#s-side-event"
    _post(browser, "/agenda/sessions/session-3/cancel", seen="1.1")
    page = browser.get("/agenda").text
    assert "<em>new</em>" in page
    assert "<em>cancelled</em>" in page
    assert "This session is cancelled" in browser.get("/agenda/sessions/session-3").text
    _post(browser, "/agenda/sessions/session-3/reinstate", seen="1.2")
    _post(browser, "/agenda/sessions/side-event/cancel", seen="1.3")
    assert "nothing differs" in browser.get("/agenda").text


def test_the_event_itself_is_changed(desk: Desk) -> None:
    given = {"seen": "1.0", "title": "Rivers", "venue.city": "1020 Vienna"}
    assert _post(desk.browser(), "/agenda/event", **given).status_code == 303
    page = desk.browser().get("/agenda").text
    assert "Rivers" in page
    assert "1020 Vienna" in page


def test_another_zone_and_language_are_drafted_and_what_they_do_is_told(desk: Desk) -> None:
    browser = desk.browser()
    form = browser.get("/agenda/event").text
    assert "08:45 stays 08:45" in form
    assert '<option value="en" selected>English (en)</option>' in form
    given = {"seen": "1.0", "timezone": "Europe/Lisbon", "language": "fr"}
    assert _post(browser, "/agenda/event", **given).status_code == 303

    page = browser.get("/agenda/publish").text
    assert "takes place 1 hour later than before: 08:45 stays 08:45" in page
    assert '<span lang="fr">français</span> now' in page
    assert "letters of kind agenda" in page
    assert 'class="ghost"' not in browser.get("/agenda").text
    assert "Europe/Vienna → Europe/Lisbon" in browser.get("/agenda").text


def test_a_zone_that_is_none_is_refused_at_its_field(desk: Desk) -> None:
    before = desk.dump()
    shown = _post(desk.browser(), "/agenda/event", seen="1.0", timezone="CET", language="xx-nothing-such")

    assert shown.status_code == 422
    assert sorted(re.findall(r'id="w-(\w+)"', shown.text)) == ["language", "timezone"]
    assert desk.dump() == before


def test_calling_it_off_shows_first_what_everybody_gets(desk: Desk) -> None:
    before = desk.dump()
    browser = desk.browser()
    page = browser.get("/agenda/event/cancel").text

    assert '<span class="big figures">5</span> letters, from 10 minutes after you publish' in page
    assert "taken back" in page
    assert "Your session begins shortly" in page
    letter = browser.get("/agenda/event/cancel/letter.html")
    assert letter.headers["content-security-policy"].startswith("sandbox")
    assert "la conférence n" in letter.text  # the first reader has chosen French
    assert desk.dump() == before


def test_whoever_calls_off_before_a_long_list_need_not_wait_and_is_told_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.outbox.people.LONG_LIST", 1)
    browser = desk.browser()
    assert "Being worked out" in browser.get("/agenda/event/cancel").text
    while counting := [thread for thread in threading.enumerate() if thread.name == "counting"]:
        for thread in counting:
            thread.join()
    page = browser.get("/agenda/event/cancel").text
    assert '<span class="big figures">5</span> letters, from 10 minutes after you publish' in page
    assert "As it was" not in page

    refused = _post(browser, "/agenda/event/cancel", seen="1.0", typed="yes")
    assert (refused.status_code, 'value="yes"' in refused.text) == (422, True)
    _post(browser, "/agenda/sessions/opening", seen="1.0", start="09:30")
    overtaken = _post(browser, "/agenda/event/cancel", seen="1.0", typed=CONFERENCE.title)
    assert (overtaken.status_code, "Somebody else has changed the agenda" in overtaken.text) == (409, True)
    assert "hx-get" not in overtaken.text  # nothing is changed under the hands of whoever types


def test_it_is_called_off_by_its_title_alone(desk: Desk) -> None:
    browser, before = desk.browser(), desk.dump()
    refused = _post(browser, "/agenda/event/cancel", seen="1.0", typed="yes")
    assert (refused.status_code, desk.dump()) == (422, before)
    assert "is not the title of the conference" in refused.text
    assert 'value="yes"' in refused.text

    assert (
        _post(browser, "/agenda/event/cancel", seen="1.0", typed=CONFERENCE.title.lower()).status_code == 303
    )
    assert "called off" in browser.get("/agenda").text
    publish = browser.get("/agenda/publish").text
    assert "This calls the whole conference off" in publish
    assert "In the timetable" in publish
    assert "To come, as it was" in publish
    assert "To come, as it becomes" in publish
    assert browser.get("/agenda/event/cancel").headers["location"] == "/agenda/event"
    assert _post(browser, "/agenda/event/reinstate", seen="1.1").status_code == 303
    assert "nothing differs" in browser.get("/agenda").text


def test_what_was_called_off_can_be_held_after_all(desk: Desk) -> None:
    browser = desk.browser()
    _post(browser, "/agenda/event/cancel", seen="1.0", typed=CONFERENCE.title)
    _post(browser, "/agenda/publish", seen="1.1")
    assert "It takes place after all" in browser.get("/agenda/event").text
    _post(browser, "/agenda/event/reinstate", seen="2.0")
    desk.clock.move(minutes=11)
    desk.work()

    assert "The conference takes place after all" in browser.get("/agenda/publish").text


def test_who_calls_it_off_while_somebody_else_edits_is_told(desk: Desk) -> None:
    _post(desk.browser(), "/agenda/sessions/opening", seen="1.0", start="09:30")
    told = _post(desk.browser(), "/agenda/event/cancel", seen="1.0", typed=CONFERENCE.title)

    assert told.status_code == 409
    assert "Somebody else has changed the agenda while you were looking" in told.text
    assert "called off" not in desk.browser().get("/agenda").text


def test_the_whole_conference_is_moved_undone_and_published(tmp_path: Path) -> None:
    fixed = CONFERENCE.mailing("practical").model_copy(
        update={"when": "2027-03-01 09:00", "useful_until": "2027-03-10 08:00", "title": "Getting <there>"}
    )
    moving = CONFERENCE.mailing("report").model_copy(update={"useful_until": "2027-12-01 09:00"})
    others = {each.key: each for each in (fixed, moving)}
    mailings = tuple(others.get(each.key, each) for each in CONFERENCE.mailings)
    with open_desk(tmp_path) as desk:
        desk.publish(CONFERENCE.model_copy(update={"mailings": mailings}))
        desk.work()
        browser = desk.browser()
        form = browser.get("/agenda/event/move").text
        assert "It takes place on Wednesday, 10 March 2027." in form
        assert 'value="2027-03-10"' in form
        said = 'Getting &lt;there&gt;</a>: leaves <bdi class="figures">2027-03-01 09:00</bdi>, useful until'
        assert re.findall(r'<a href="/mailings/([a-z-]+)"', form.partition("What becomes of")[2]) == [
            "practical",
            "report",
        ]
        assert "With a day and hour of their own" in form
        assert "stay where they are" not in form
        assert said in form
        assert "4 hang on the hours of the event or its sessions, and move with it." in form

        assert _post(browser, "/agenda/event/move", seen="1.0", first_day="2027-06-09").status_code == 303
        page = browser.get("/agenda").text
        assert "Wednesday, 9 June 2027" in page
        assert "10 March 2027 → 9 June 2027" in page
        assert 'class="ghost"' not in page
        assert "<em>was" not in page
        publish = browser.get("/agenda/publish").text
        assert "The whole conference takes place 91 days later than before" in publish
        assert "was Wednesday, 10 March 2027, and is Wednesday, 9 June 2027" in publish
        assert said in publish
        assert "sent anew; an answer is asked for again" in publish

        assert _post(browser, "/agenda/undo", seen="1.1").status_code == 303
        assert "Wednesday, 10 March 2027" in browser.get("/agenda").text
        assert _post(browser, "/agenda/event/move", seen="1.0", first_day="2027-06-09").status_code == 303
        assert _post(browser, "/agenda/publish", seen="1.2").status_code == 303
        assert "Wednesday, 9 June 2027" in browser.get("/agenda").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("2026-01-31", "2026-01-31 is past"),
        ("2027-02-30", "is not a date"),
        ("0000-01-01", "is not a date"),
        ('"><script>alert(1)</script>', "is not a date"),
        ("", "is not a date"),
    ],
)
def test_to_a_day_that_cannot_be_nothing_is_moved(desk: Desk, typed: str, said: str) -> None:
    before = desk.dump()
    refused = _post(desk.browser(), "/agenda/event/move", seen="1.0", first_day=typed)

    assert (refused.status_code, desk.dump()) == (422, before)
    assert said in refused.text.partition('id="w-first_day">')[2].partition("<")[0]
    assert '<a href="#f-first_day">' in refused.text
    assert f'value="{html.escape(typed).replace("&quot;", "&#34;")}"' in refused.text
    assert "<script>alert" not in refused.text
    assert "Nothing has been changed" in refused.text


def test_the_first_day_may_be_today_by_the_clock_of_the_venue(desk: Desk) -> None:
    """At half past eleven in the evening of UTC it is tomorrow in Vienna."""
    now = desk.clock()
    desk.clock.move(minutes=(23 - now.hour) * 60 + 30 - now.minute)
    today = desk.clock()
    refused = _post(desk.browser(), "/agenda/event/move", seen="1.0", first_day=str(today.date()))
    assert refused.status_code == 422
    tomorrow = str(today.date() + timedelta(days=1))
    assert _post(desk.browser(), "/agenda/event/move", seen="1.0", first_day=tomorrow).status_code == 303


def test_an_hour_that_clocks_skip_on_the_new_day_is_told(desk: Desk) -> None:
    _post(desk.browser(), "/agenda/sessions/registration", seen="1.0", start="02:15")
    refused = _post(desk.browser(), "/agenda/event/move", seen="1.1", first_day="2027-03-28")

    assert refused.status_code == 422
    assert "session &#39;registration&#39;: start: 02:15 on 2027-03-28 does not exist" in refused.text


def test_who_moves_it_while_somebody_else_edits_is_told(desk: Desk) -> None:
    _post(desk.browser(), "/agenda/sessions/opening", seen="1.0", start="09:30")
    told = _post(desk.browser(), "/agenda/event/move", seen="1.0", first_day="2027-06-09")

    assert told.status_code == 409
    assert "Somebody else has changed the agenda while you were looking" in told.text
    assert 'value="2027-06-09"' in told.text
    (seen,) = set(re.findall(r'name="seen" value="([^"]+)"', told.text))
    assert _post(desk.browser(), "/agenda/event/move", seen=seen, first_day="2027-06-09").status_code == 303
    assert "9 June 2027" in desk.browser().get("/agenda").text


def test_an_administrator_changes_who_approves_and_publishes_it(desk: Desk) -> None:
    browser = desk.browser()
    assert '<option value="none" selected>' in browser.get("/agenda/event").text
    assert _post(browser, "/agenda/event/approval", seen="1.0", approval="four eyes").status_code == 303
    assert "none → four eyes" in browser.get("/agenda").text
    page = browser.get("/agenda/publish").text
    assert "This changes who must have seen a mailing before it leaves" in page
    assert _post(browser, "/agenda/publish", seen="1.1").status_code == 303
    assert '<option value="four eyes" selected>' in browser.get("/agenda/event").text


@pytest.mark.parametrize("typed", ["", "two", "FOUR EYES", "<script>alert(1)</script>"])
def test_another_word_for_who_approves_is_refused_at_its_field(desk: Desk, typed: str) -> None:
    before = desk.dump()
    refused = _post(desk.browser(), "/agenda/event/approval", seen="1.0", approval=typed)

    assert (refused.status_code, desk.dump()) == (422, before)
    assert "is none of &#39;none&#39;" in refused.text.partition('id="w-approval">')[2].partition("</p>")[0]
    assert "<script>alert" not in refused.text


def test_no_organiser_changes_who_approves_by_any_way(tmp_path: Path) -> None:
    """Four eyes are in force; the draft of an administrator said none, then one, and was left behind."""
    with open_desk(tmp_path, is_demo=False) as desk:
        careful = CONFERENCE.model_copy(update={"approval": Approval.FOUR_EYES})
        desk.publish(careful)
        admin = _signed_in(desk, Role.ADMINISTRATOR)
        _post(admin, "/agenda/event/approval", seen="1.0", approval="none")
        _post(admin, "/agenda/event/approval", seen="1.1", approval="four eyes")
        assert "Undo" in admin.get("/agenda").text
        other = _signed_in(desk, Role.APPROVER)
        assert 'name="approval"' not in other.get("/agenda/event").text

        def refused(path: str, **given: str) -> None:
            answer = _post(other, path, **given)
            assert (answer.status_code, "for an administrator" in answer.text) == (403, True), path
            with desk.database.reading() as transaction:
                last = audit.deeds(transaction, limit=1)[0]
                assert (last.did, last.what) == ("was refused", "change who approves mailings")
                version = agendas.latest(transaction, careful.key)
            assert version is not None
            assert version.event.approval is Approval.FOUR_EYES

        refused("/agenda/event/approval", seen="1.2", approval="none")
        # the same policy by the form of the event, which does not know it
        assert _post(other, "/agenda/event", seen="1.2", title="Rivers", approval="none").status_code == 303
        drafted = drafting_of(desk.office, "").look().event
        assert (drafted.title, drafted.approval) == ("Rivers", Approval.FOUR_EYES)
        assert _post(other, "/agenda/undo", seen="1.3").status_code == 303
        assert "nothing differs" in other.get("/agenda").text
        # undone to the loosened one
        assert _post(other, "/agenda/undo", seen="1.2").status_code == 303
        page = other.get("/agenda/publish").text
        assert "Only an administrator can publish it" in page
        assert "<button>Publish" not in page
        assert 'action="/agenda/publish"' not in page
        refused("/agenda/publish", seen="1.1")
        # carried over to a version that came meanwhile
        desk.publish(careful.model_copy(update={"title": "From a file"}))
        assert _post(other, "/agenda/carry-over", seen="2.0").status_code == 303
        (seen,) = set(re.findall(r'name="seen" value="([^"]+)"', other.get("/agenda").text))
        refused("/agenda/publish", seen=seen)
        # without it, everything else is theirs
        assert _post(other, "/agenda/undo", seen=seen).status_code == 303
        assert _post(other, "/agenda/sessions/opening", seen="2.0", start="09:30").status_code == 303
        (seen,) = set(re.findall(r'name="seen" value="([^"]+)"', other.get("/agenda").text))
        assert _post(other, "/agenda/publish", seen=seen).status_code == 303


def test_publishing_shows_the_difference_and_the_letters_and_does_it(desk: Desk) -> None:
    browser = desk.browser()
    _post(browser, "/agenda/sessions/registration", seen="1.0", start="08:30")
    page = browser.get("/agenda/publish").text
    assert "sent anew; an answer is asked for again" in page
    assert "10 March 2027, 08:45" in page
    assert browser.get("/agenda/publish/letter.html").headers["content-security-policy"].startswith("sandbox")
    people = browser.get("/agenda/publish/people?anchor=event&effect=request")
    assert (people.status_code, people.text.count("<li><bdi>")) == (200, 5)
    (seen,) = set(re.findall(r'name="seen" value="([^"]+)"', page))

    assert _post(browser, "/agenda/publish", seen=seen).status_code == 303
    assert "Version 2, in force" in browser.get("/agenda").text
    desk.clock.move(minutes=11)
    before = desk.tray.count()
    desk.work()
    assert desk.tray.count() - before == 5


def test_publishing_is_refused_with_the_new_difference_when_somebody_was_first(desk: Desk) -> None:
    browser = desk.browser()
    _post(browser, "/agenda/sessions/opening", seen="1.0", start="09:30")
    desk.publish(CONFERENCE.model_copy(update={"title": "From a file"}))
    refused = _post(browser, "/agenda/publish", seen="1.1")

    assert refused.status_code == 409
    assert "nothing was published" in refused.text
    page = browser.get("/agenda").text
    assert "1 edit begun on version 1 is kept" in page
    _post(browser, "/agenda/carry-over", seen="2.0")
    assert "was 09:15–10:00" in browser.get("/agenda").text


def test_versions_are_listed_looked_at_and_compared(desk: Desk) -> None:
    browser = desk.browser()
    _post(browser, "/agenda/sessions/opening", seen="1.0", start="09:30")
    _post(browser, "/agenda/publish", seen="1.1")
    listed = browser.get("/agenda/versions").text

    assert re.findall(r"<bdi>demo</bdi>|from files", listed) == ["<bdi>demo</bdi>", "from files"]
    assert "09:15–10:00" in browser.get("/agenda/versions/1").text
    assert browser.get("/agenda/compare?old=1&new=2").headers["location"] == "/agenda/versions/2/since/1"
    compared = browser.get("/agenda/versions/2/since/1").text
    assert "<del>10 March 2027, 09:15</del>" in compared
    assert "<ins>10 March 2027, 09:30</ins>" in compared
    for path in (
        "/agenda/versions/3",
        "/agenda/versions/0",
        "/agenda/versions/99999999999999999999",
        "/agenda/versions/x",
    ):
        assert browser.get(path).status_code == 404, path


@pytest.mark.parametrize(
    "path",
    ["/agenda/sessions/nothing", "/agenda/sessions/nothing/cancel", "/agenda/sessions/a%00b"],
)
def test_what_is_not_there_is_not_found(desk: Desk, path: str) -> None:
    assert _post(desk.browser(), path, seen="1.0").status_code == 404


@pytest.mark.parametrize("seen", ["", "1", "x" * 1000, "1.0\x00", "-1.-1"])
def test_a_number_nobody_saw_is_told(desk: Desk, seen: str) -> None:
    assert _post(desk.browser(), "/agenda/sessions/opening", seen=seen, start="09:30").status_code == 409


CHANGING = [
    "/agenda/sessions/opening", "/agenda/sessions/opening/cancel", "/agenda/sessions/opening/reinstate", "/agenda/new",
    "/agenda/event", "/agenda/event/approval", "/agenda/event/cancel", "/agenda/event/move", "/agenda/event/reinstate",
    "/agenda/undo", "/agenda/carry-over", "/agenda/give-up", "/agenda/publish",
]  # fmt: skip


def test_a_viewer_may_look_and_change_nothing(tmp_path: Path) -> None:
    with open_desk(tmp_path, is_demo=False) as real:
        real.publish(CONFERENCE)
        browser = _signed_in(real, Role.VIEWER)
        for path in ("/agenda", "/agenda/sessions/opening", "/agenda/publish", "/agenda/versions"):
            page = browser.get(path)
            assert page.status_code == 200, path
            assert "Keep in the draft" not in page.text
            assert "<button" not in page.text
        for path in CHANGING:
            assert _post(browser, path, seen="1.0").status_code == 403, path
        with real.database.reading() as transaction:
            refused = [deed for deed in audit.deeds(transaction) if deed.did == "was refused"]
        assert len(refused) == len(CHANGING)


@pytest.mark.parametrize("path", CHANGING)
def test_a_form_of_a_foreign_page_changes_nothing(desk: Desk, path: str) -> None:
    before = desk.dump()

    assert desk.browser().post(path, data={"seen": "1.0"}).status_code == 403
    assert (
        desk.browser().post(path, data={"seen": "1.0"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code
        == 403
    )
    assert desk.dump() == before


def test_looking_changes_nothing(desk: Desk) -> None:
    _post(desk.browser(), "/agenda/sessions/opening", seen="1.0", start="09:30")
    before = desk.dump()
    for path in (
        "/agenda",
        "/agenda/new",
        "/agenda/event",
        *CHANGING,
        "/agenda/versions",
        "/agenda/versions/1",
    ):
        desk.browser().get(path)

    assert desk.dump() == before


@pytest.mark.parametrize("on_one_day", [False, True])
def test_five_hundred_sessions_make_no_large_page(tmp_path: Path, on_one_day: bool) -> None:
    with open_desk(tmp_path) as desk:
        desk.publish(full(500, on_one_day))
        page = desk.browser().get("/agenda")

        assert page.text.count("<foreignObject") == (500 if on_one_day else 96)
        assert len(page.content) < 200_000
        assert statements(desk.database, lambda _: desk.browser().get("/agenda")) < 12


def test_before_anything_is_published_there_is_no_agenda(tmp_path: Path) -> None:
    with open_desk(tmp_path) as empty:
        assert empty.browser().get("/agenda").status_code == 404
        assert "Nothing is published yet" in empty.browser().get("/agenda").text

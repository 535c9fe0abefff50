"""The timetable as the organiser sees it."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.agenda import rewriting
from mailer.agenda.model import Approval
from mailer.agenda.rules import EVENT as WHOLE_EVENT
from mailer.outbox import pauses, people, slowdowns, uploads
from mailer.outbox.letter import LetterState
from mailer.outbox.pauses import EVERYTHING
from mailer.outbox.schema import PausedBy, Role, letter, letter_history
from mailer.web.app import create_app
from tests.conference import EVENT, PRACTITIONER, RECIPIENTS
from tests.web.agendas import CONFERENCE
from tests.web.desk import AGENDA_IS_DUE_AT, Desk, open_desk
from tests.web.test_door import _signed_in


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_before_anything_is_published_it_says_so(empty_desk: Desk) -> None:
    response = empty_desk.browser().get("/")
    assert response.status_code == 200
    assert "Nothing is published yet" in response.text
    assert empty_desk.browser().get("/api/status").status_code == 404


def test_it_tells_the_event_and_every_mailing(calm_desk: Desk) -> None:
    told = words(calm_desk.browser().get("/").text)
    assert EVENT.title in told
    assert "Wednesday, 10 March 2027" in told
    assert "08:45–17:00 Europe/Vienna" in told
    assert "Agenda version 1" in told
    for mailing in EVENT.mailings:
        assert mailing.title in told
        assert mailing.when in told


def test_a_mailing_shows_what_was_sent_and_what_is_to_come(calm_desk: Desk) -> None:
    page = calm_desk.browser().get("/").text
    invitation = words(page.partition('id="mailing-invitation"')[2].partition("</tbody>")[0])
    assert "Mon 11 Jan 2027, 09:00" in invitation
    assert invitation.endswith("5 5 –")
    report = words(page.partition('id="mailing-report"')[2].partition("</tbody>")[0])
    assert "Thu 11 Mar 2027, 10:00 in 59 days 5 expected – –" in report


def test_what_is_still_to_be_told_of_a_new_version_says_from_when_on(desk: Desk) -> None:
    assert "told of it from" not in desk.browser().get("/").text
    desk.clock.move(hours=1)
    desk.publish(EVENT.model_copy(update={"title": "Another title"}))
    hour = (desk.clock.now + timedelta(minutes=EVENT.quiet_minutes)).astimezone(EVENT.zone)
    assert f"told of it from {hour:%H:%M} on" in words(desk.browser().get("/").text)
    desk.clock.move(minutes=EVENT.quiet_minutes)
    assert "told of it from" not in desk.browser().get("/").text


def test_session_reminders_are_four_occasions_under_one_heading(calm_desk: Desk) -> None:
    page = calm_desk.browser().get("/").text
    occasions = words(page.partition('id="occasions-session-reminder"')[2].partition("</details>")[0])
    assert "4 occasions" in occasions
    assert [hour for hour in ("09:45", "11:15", "13:45", "15:15") if hour in occasions] == [
        "09:45",
        "11:15",
        "13:45",
        "15:15",
    ]


def test_whose_clock_an_occasion_follows_is_told(calm_desk: Desk) -> None:
    told = words(calm_desk.browser().get("/").text)
    assert "Readers 4 hours ahead of the venue" in told
    assert re.search(r"Readers 9 hours behind the venue", told)


def test_what_the_agenda_has_moved_away_from_is_told_as_history(desk: Desk) -> None:
    """Not as that of readers in another zone, nor as what is still to come."""
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.work()
    when = {"when": "12 days before the event starts, at 10:00", "again_when_moved": False}
    desk.publish(rewriting.rewritten(CONFERENCE, "agenda", when))
    page = desk.browser().get("/").text
    occasions = words(page.partition('id="occasions-agenda"')[2].partition("</details>")[0])
    assert "2 occasions" in occasions
    before, _, after = occasions.partition("Readers on the venue’s clock")
    assert (
        f"Before the agenda or the list changed Wed 24 Feb 2027, 09:00 {len(RECIPIENTS)} {len(RECIPIENTS)}"
        in before
    )
    assert "Fri 26 Feb 2027, 10:00 0 – –" in after
    assert "to come" not in words(page.partition('id="mailing-agenda"')[2].partition("</tbody>")[0])


def test_letters_in_doubt_and_refused_need_a_person(desk: Desk) -> None:
    assert "Nothing needs you" in desk.browser().get("/").text
    with desk.database.writing() as transaction:
        transaction.execute(letter.update().where(letter.c.id == 1).values(state=LetterState.IN_DOUBT))
        transaction.execute(letter.update().where(letter.c.id == 2).values(state=LetterState.FAILED))
    told = words(desk.browser().get("/").text)
    assert "Needs a person 1 Invitation : in doubt: the mail server may or may not have them" in told
    assert "1 Invitation : refused" in told


def test_an_event_that_nobody_is_asked_to_leads_to_the_list(desk: Desk, calm_desk: Desk) -> None:
    to_the_list = '<a href="/people/import">take over a list</a>'
    assert to_the_list not in calm_desk.browser().get("/").text
    with desk.database.writing() as transaction:
        people.save_roster(transaction, EVENT.key, (), desk.clock(), str)
    assert to_the_list in desk.browser().get("/").text


def test_what_is_paused_says_why_since_when_and_what_ends_it(desk: Desk) -> None:
    assert 'class="holds' not in desk.browser().get("/").text
    with desk.database.writing() as transaction:
        pauses.pause(transaction, EVENT.key, "agenda", "a <b>room</b> is missing", desk.clock())
    page = desk.browser().get("/").text
    told = words(page)
    assert "Agenda of the day is paused: held back by a person, since Mon 11 Jan 2027, 09:00 ." in told
    assert "a &lt;b&gt;room&lt;/b&gt; is missing" in page
    assert "It is let go on in the outbox ." in told
    assert '<a href="/outbox">in the outbox</a>' in page
    assert "Nothing needs you" in told
    agenda = words(page.partition('id="mailing-agenda"')[2].partition("</tbody>")[0])
    assert "09:00 paused" in agenda
    assert "paused" not in page.partition('id="mailing-invitation"')[2].partition("</tbody>")[0]


def test_what_the_mail_server_caused_needs_a_person(desk: Desk) -> None:
    with desk.database.writing() as transaction:
        pauses.pause(transaction, EVENT.key, "agenda", "", desk.clock())
        pauses.pause(
            transaction, EVENT.key, EVERYTHING, "535 5.7.8 unknown", desk.clock(), caused_by=PausedBy.AUTH
        )
    told = words(desk.browser().get("/").text)
    assert "Everything is paused: the mail server does not know us" in told
    assert told.index("Everything is paused") < told.index("Agenda of the day is paused")
    assert "535 5.7.8 unknown When that is mended, it is let go on in the outbox ." in told
    assert "Needs a person Everything : the mail server does not know us" in told
    assert "Nothing needs you" not in told
    assert "No letter is in doubt" not in told


def test_a_lowered_pace_delays_and_the_end_of_what_is_leaving_are_told(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.service.plan(desk.clock())
    since = AGENDA_IS_DUE_AT - timedelta(hours=5)
    put_off = {"letter_id": 1, "at": since, "happening": "put_off", "state": "deferred", "note": ""}
    with desk.database.writing() as transaction:
        slowdowns.note(transaction, "smtp://mail.example:25", 1, "421 4.7.0 slower", desk.clock())
        transaction.execute(letter.update().where(letter.c.id == 1).values(state=LetterState.DEFERRED))
        transaction.execute(letter_history.insert().values(put_off))
    told = words(desk.browser().get("/").text)
    assert "it is given 1 a minute, and more each minute it is content. 421 4.7.0 slower" in told
    assert re.search(r"0 of 5 done , through in \d+ minutes, at 09:\d\d", told)
    assert "1 put off for more than 4 hours; tried again by itself" in told


def test_answers_are_counted_and_nobody_is_named(desk: Desk) -> None:
    with desk.database.writing() as transaction:
        first, second = people.roster(transaction, EVENT.key)[:2]
        people.record_answer(transaction, first.id, WHOLE_EVENT, "accepted", desk.clock(), "page", sequence=0)
        people.unsubscribe(transaction, second.id, desk.clock())
    page = desk.browser().get("/").text
    told = words(page)
    assert "5 people are asked" in told
    assert "Will attend 1" in told
    assert "No answer yet 4" in told
    assert "Unsubscribed 1" in told
    assert [r.address for r in RECIPIENTS if r.address in page or r.family_name in page] == []


def test_it_looks_again_soon_while_letters_leave_and_seldom_otherwise(desk: Desk) -> None:
    browser = desk.browser()
    assert 'hx-trigger="changed, every 15s"' in browser.get("/timetable").text
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.service.plan(desk.clock())
    assert 'hx-trigger="changed, every 2s"' in browser.get("/timetable").text


def test_the_living_part_is_a_part_and_no_page(calm_desk: Desk) -> None:
    part = calm_desk.browser().get("/timetable").text
    assert part.startswith('<div id="living"')
    assert "<html" not in part


def test_notes_stand_on_top_and_are_text(calm_desk: Desk) -> None:
    office = replace(calm_desk.office, notes=lambda: ("<b>agenda</b> has changed: `convenor apply`",))
    page = replace(calm_desk, office=office).browser().get("/").text
    assert "&lt;b&gt;agenda&lt;/b&gt; has changed: <code>convenor apply</code>" in page


def test_hostile_titles_are_printed_literally(empty_desk: Desk) -> None:
    hostile = "<script>alert(1)</script>{{7*7}}{x}\"'"
    mailings = tuple(m.model_copy(update={"title": hostile}) for m in EVENT.mailings)
    empty_desk.publish(EVENT.model_copy(update={"title": hostile, "mailings": mailings}), (PRACTITIONER,))
    page = empty_desk.browser().get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}{x}" in page
    assert "49" not in words(page.partition("<h1")[2].partition("</h1>")[0])


@pytest.mark.parametrize("path", ["/", "/timetable", "/tray", "/tray/1", "/api/status", "/nothing"])
def test_no_page_needs_inline_script_or_style(calm_desk: Desk, path: str) -> None:
    page = calm_desk.browser().get(path).text
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=\"/static/)", page) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", page) == []


def test_the_description_of_the_interface_is_served(calm_desk: Desk) -> None:
    described = create_app(calm_desk.office).openapi()
    assert {"/api/replies", "/api/status", "/health"} <= set(described["paths"])


def test_what_waits_for_approval_is_one_of_what_needs_a_person(empty_desk: Desk) -> None:
    empty_desk.publish(EVENT.model_copy(update={"approval": Approval.ONE}))
    empty_desk.work()
    page = empty_desk.browser().get("/").text

    assert "Needs a person" in page
    concern = re.search(r'<p class="concern">.*?href="/mailings/invitation#approval".*?</p>', page)
    assert concern
    assert words(concern[0]) == (
        f"{len(RECIPIENTS)} Invitation : due since Mon 11 Jan 2027, 09:00, waits for approval"
    )


def test_whoever_may_not_take_over_a_list_is_led_nowhere(tmp_path: Path) -> None:
    with open_desk(tmp_path, is_demo=False) as real:
        real.publish()
        with real.database.writing() as transaction:
            facts = {"name": "l.csv", "raw": b"x", "now": real.clock(), "refused": 3}
            uploads.keep(transaction, "t" * 32, EVENT.key, "Maria", **facts)  # type: ignore[arg-type]
        for role, leads in ((Role.VIEWER, False), (Role.ORGANISER, True)):
            page = _signed_in(real, role).get("/").text
            assert "rows refused of a list that is not taken over" in page
            assert ('href="/people/import"' in page) is leads

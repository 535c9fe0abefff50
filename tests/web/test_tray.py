"""The letters in the tray as their readers would see them."""

from dataclasses import replace

import pytest

from mailer.web.organiser.letter import in_a_frame
from tests.conference import PRACTITIONER
from tests.web.desk import Desk

CALENDAR = """BEGIN:VCALENDAR\r
METHOD:REQUEST\r
BEGIN:VEVENT\r
SUMMARY:<i>Tea</i>\\, and {{7*7}}\r
END:VEVENT\r
END:VCALENDAR\r
"""


def keep(desk: Desk, raw: bytes) -> int:
    return desk.tray.keep(raw, sender="a@b.example", recipient="c@d.example", received_at=desk.clock())


def test_the_newest_letters_come_first_with_their_mailing(desk: Desk) -> None:
    desk.clock.now = desk.clock.now.replace(month=2, day=24, hour=20)
    desk.work()
    page = desk.browser().get("/tray").text
    first, last = page.index("Agenda of the day"), page.rindex("Invitation")
    assert first < last
    assert "ana.novak@prosecution.example" in page


def test_every_word_searched_for_must_be_there(calm_desk: Desk) -> None:
    browser = calm_desk.browser()
    assert browser.get("/tray", params={"q": "novak ANA"}).text.count('class="reader"') == 1
    assert "No letter holds all of these words" in browser.get("/tray", params={"q": "novak tremblay"}).text
    assert browser.get("/tray", params={"q": "حداد"}).text.count('class="reader"') == 1


def test_older_letters_are_a_page_away(desk: Desk) -> None:
    for number in range(40):
        keep(desk, b"Subject: numbered %d\r\n\r\ntea\r\n" % number)
    browser = desk.browser()
    page = browser.get("/tray", params={"q": "numbered"}).text
    assert page.count('class="subject"') == 30
    assert 'href="/tray?q=numbered&amp;before=16"' in page
    older = browser.get("/tray", params={"q": "numbered", "before": 16}).text
    assert older.count('class="subject"') == 10
    assert 'rel="next"' not in older


def test_a_letter_shows_its_headers_and_views(calm_desk: Desk) -> None:
    number = calm_desk.tray.search("novak")[0].id
    page = calm_desk.browser().get(f"/tray/{number}").text
    assert "Ana Novak &lt;ana.novak@prosecution.example&gt;" in page
    assert "Conference Secretariat &lt;secretariat@conference.example&gt;" in page
    assert "Mon, 11 Jan 2027 08:00:00 +0000" in page
    assert [f"show={view}" in page for view in ("html", "text", "calendar", "raw")] == [True] * 4
    assert f'src="/tray/{number}/letter.html" sandbox="allow-popups allow-popups-to-escape-sandbox"' in page


def test_the_letters_before_and_after_are_a_step_away(calm_desk: Desk) -> None:
    browser, last = calm_desk.browser(), calm_desk.tray.count()
    for number in (1, 2, last):
        page = browser.get(f"/tray/{number}").text
        assert (f'href="/tray/{number - 1}?show=html">Older' in page) == (number > 1)
        assert (f'href="/tray/{number + 1}?show=html">Newer' in page) == (number < last)


def test_the_frame_runs_and_fetches_nothing(calm_desk: Desk) -> None:
    response = calm_desk.browser().get("/tray/1/letter.html")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert response.headers["x-frame-options"] == "SAMEORIGIN"
    assert '<base target="_blank"' in response.text


def test_the_entry_is_drawn_for_people(calm_desk: Desk) -> None:
    number = calm_desk.tray.search("novak")[0].id
    page = calm_desk.browser().get(f"/tray/{number}", params={"show": "calendar"}).text
    assert "Wednesday, 10 March 2027, 08:45–17:00 (Europe/Vienna)" in page
    assert "Großer Vortragssaal, Federal Ministry of the Interior" in page
    assert "REQUEST, sequence 0, confirmed" in page
    assert "REQ-PARTICIPANT, NEEDS-ACTION, an answer is asked for" in page
    assert "BEGIN:VCALENDAR" in page


def test_the_source_is_the_letter_as_it_came(calm_desk: Desk) -> None:
    kept = calm_desk.tray.letter(1)
    assert kept
    response = calm_desk.browser().get("/tray/1/letter.eml")
    assert response.content == kept[1]
    assert response.headers["content-type"] == "message/rfc822"
    assert "Auto-Submitted: auto-generated" in calm_desk.browser().get("/tray/1", params={"show": "raw"}).text


@pytest.mark.parametrize(
    "path",
    [
        "/tray/0",
        "/tray/99",
        "/tray/-1",
        "/tray/x",
        "/tray/1e3",
        f"/tray/{2**63}",
        "/tray/1?show=nothing",
        "/tray/1?width=watch",
        "/tray/99/letter.html",
        "/tray/99/letter.eml",
        "/tray/x/letter.html",
        "/tray?before=x",
        "/tray?before=0",
        f"/tray?q={'x' * 201}",
    ],
)
def test_a_number_that_is_none_leads_to_a_tidy_page(calm_desk: Desk, path: str) -> None:
    response = calm_desk.browser().get(path)
    assert response.status_code == 404
    assert "There is nothing here" in response.text


def test_a_view_that_a_letter_does_not_have_is_not_found(desk: Desk) -> None:
    number = keep(desk, b"Subject: plain\r\n\r\ntea\r\n")
    assert desk.browser().get(f"/tray/{number}", params={"show": "html"}).status_code == 404
    assert '<pre class="plain" dir="auto">tea' in desk.browser().get(f"/tray/{number}").text


def test_with_a_mail_server_there_is_no_tray(calm_desk: Desk) -> None:
    without = replace(calm_desk, office=replace(calm_desk.office, tray=None))
    response = without.browser().get("/tray")
    assert response.status_code == 404
    assert "Letters leave through a mail server" in response.text
    assert without.browser().get("/tray/1").status_code == 404


def test_hostile_names_are_printed_literally(empty_desk: Desk) -> None:
    hostile = "<script>alert(1)</script>{{7*7}}"
    empty_desk.publish(recipients=(PRACTITIONER.model_copy(update={"family_name": hostile}),))
    empty_desk.work()
    for path in ("/tray", "/tray/1", "/tray/1?show=text", "/tray/1?show=calendar", "/tray/1?show=raw"):
        page = empty_desk.browser().get(path).text
        assert "<script>alert" not in page
        assert "alert(1)" in page
    assert "<script>alert" not in empty_desk.browser().get("/tray/1/letter.html").text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"Subject: =?utf-8?b?//79?=\r\nContent-Type: text/html; charset=nonsense\r\n\r\n<p>\xff",
        b"From: <<<>>>\r\nTo: a\r\n b@@\r\nContent-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n\r\n" * 2000 + b"--x--",
        b"Feedback-ID: =?utf-8?q?=00?=\r\nDate: never\r\n\r\n",
    ],
)
def test_whatever_came_can_be_looked_at(desk: Desk, raw: bytes) -> None:
    number = keep(desk, raw)
    browser = desk.browser()
    assert browser.get("/tray").status_code == 200
    assert browser.get(f"/tray/{number}").status_code == 200
    assert browser.get(f"/tray/{number}", params={"show": "raw"}).status_code == 200


def test_a_hostile_entry_is_text(desk: Desk) -> None:
    number = keep(desk, b"Content-Type: text/calendar\r\n\r\n" + CALENDAR.encode())
    page = desk.browser().get(f"/tray/{number}", params={"show": "calendar"}).text
    assert "&lt;i&gt;Tea&lt;/i&gt;, and {{7*7}}" in page


def test_links_are_found_once_each() -> None:
    found = bytes(in_a_frame("<html><HEAD lang=en><title>x</title></HEAD><header></header>").body).decode()
    assert found.count("<base") == 1
    assert found.startswith("<html><HEAD lang=en><base")

"""A recipient's own page: what it shows, what it takes, what it refuses."""

from dataclasses import replace
from urllib.parse import urlsplit

import icalendar
import pytest
from sqlalchemy.event import listen

from mailer.agenda.rules import EVENT as WHOLE_EVENT
from mailer.composition.links import Purpose, Signer
from mailer.outbox import people
from tests.conference import ENDS_AT, EVENT, EXPERT, FOCAL_POINT, PRACTITIONER, RECIPIENTS, SPEAKER
from tests.web.desk import BASE_URL, Desk

ANCHORS = ["event", *(session.key for session in EVENT.sessions)]


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """The event is published; no letter has left yet."""
    empty_desk.publish()
    return empty_desk


def answers(desk: Desk) -> list[tuple[str, str, str]]:
    with desk.database.reading() as transaction:
        found = people.member_by_handle(
            transaction, desk.office.sender.signer.handle(EVENT.key, PRACTITIONER.address)
        )
        assert found
        return [(a.anchor, str(a.answer), a.source) for a in people.answers(transaction, found[1].id)]


def test_it_shows_its_reader_the_event_and_the_day(calm_desk: Desk) -> None:
    response = calm_desk.browser().get(f"/r/{calm_desk.token()}")
    page = response.text
    assert response.status_code == 200
    assert "Dr Ana Novak" in page
    assert EVENT.title in page
    assert "Wednesday, 10 March 2027" in page
    assert "Großer Vortragssaal" in page
    for session in EVENT.sessions:
        assert session.title in page
        assert (f"/{session.key}.ics" in page) is session.blocks
    assert [r.address for r in RECIPIENTS if r.address in page] == []


def test_it_tells_the_readers_own_time_where_it_differs(calm_desk: Desk) -> None:
    assert "your time" not in calm_desk.browser().get(f"/r/{calm_desk.token()}").text
    assert "your time" not in calm_desk.browser().get(f"/r/{calm_desk.token(of=FOCAL_POINT)}").text
    east = calm_desk.browser().get(f"/r/{calm_desk.token(of=SPEAKER)}").text
    assert "12:45–21:00</span> your time (Almaty)" in east


def test_it_tells_the_readers_own_day_where_it_is_another(empty_desk: Desk) -> None:
    islander = PRACTITIONER.model_copy(update={"timezone": "Pacific/Honolulu"})
    empty_desk.publish(recipients=(islander,))
    page = empty_desk.browser().get(f"/r/{empty_desk.token()}").text
    assert "21:45–06:00</span> on Tue 9 Mar your time (Honolulu)" in page


def test_a_name_finds_its_own_direction(calm_desk: Desk) -> None:
    page = calm_desk.browser().get(f"/r/{calm_desk.token(of=EXPERT)}").text
    assert f"\u2068{EXPERT.full_name}\u2069" in page


def test_no_answer_is_chosen_beforehand(calm_desk: Desk) -> None:
    page = calm_desk.browser().get(f"/r/{calm_desk.token()}").text
    assert [f'value="{answer}" required' in page for answer in ("accepted", "tentative", "declined")] == [
        True
    ] * 3
    radios = [line for line in page.splitlines() if 'type="radio"' in line]
    assert radios
    assert "checked" not in "".join(radios)


def test_it_is_private(calm_desk: Desk) -> None:
    headers = calm_desk.browser().get(f"/r/{calm_desk.token()}").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-robots-tag"] == "noindex"
    assert headers["referrer-policy"] == "no-referrer"
    assert "script-src" not in headers["content-security-policy"]


@pytest.mark.parametrize("answer", ["accepted", "tentative", "declined"])
def test_an_answer_is_kept_and_shown(desk: Desk, answer: str) -> None:
    browser, path = desk.browser(), f"/r/{desk.token()}"
    response = browser.post(f"{path}/answer", data={"answer": answer})
    assert (response.status_code, response.headers["location"]) == (
        303, f"{path}?saved=answer_kept#answer"
    )  # fmt: skip
    assert answers(desk) == [(WHOLE_EVENT, answer, "page")]
    shown = {"accepted": "I will attend", "tentative": "I may attend", "declined": "I cannot attend"}[answer]
    assert f"<strong>{shown}</strong>" in browser.get(path).text


def test_the_same_answer_twice_is_one(desk: Desk) -> None:
    for answer in ("accepted", "accepted", "declined"):
        desk.clock.move(minutes=1)
        desk.browser().post(f"/r/{desk.token()}/answer", data={"answer": answer})
    assert [given for _, given, _ in answers(desk)] == ["accepted", "declined"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "answer=",
        "answer=delegated",
        "answer=ACCEPTED",
        "answer=accepted&answer=declined",
        "answer=accepted&recipient_id=1",
        "other=accepted",
        "%ff=%ff",
        "answer=accepted" + "&a=b" * 20,
        '{"answer": "accepted"}',
    ],
)
def test_whatever_else_is_sent_is_asked_again(desk: Desk, body: str) -> None:
    response = desk.browser().post(
        f"/r/{desk.token()}/answer",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert response.status_code == 422
    assert "Please choose one of the three answers" in response.text
    assert answers(desk) == []


def test_after_the_conference_no_answer_is_taken(desk: Desk) -> None:
    desk.clock.now = ENDS_AT
    response = desk.browser().post(f"/r/{desk.token()}/answer", data={"answer": "accepted"})
    assert response.status_code == 409
    assert "The conference is over" in response.text
    assert answers(desk) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Origin": "http://127.0.0.1:8400"}, 303),
        ({"Origin": "null"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8400"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://127.0.0.1:8400.evil.example"}, 403),
    ],
)
def test_a_form_on_another_site_does_not_answer(desk: Desk, headers: dict[str, str], status: int) -> None:
    response = desk.browser().post(f"/r/{desk.token()}/answer", data={"answer": "accepted"}, headers=headers)
    assert response.status_code == status
    assert bool(answers(desk)) is (status == 303)


@pytest.mark.parametrize("anchor", ANCHORS)
def test_each_entry_is_a_file_that_asks_nobody(calm_desk: Desk, anchor: str) -> None:
    response = calm_desk.browser().get(f"/r/{calm_desk.token()}/{anchor}.ics")
    assert response.headers["content-type"] == "text/calendar; charset=utf-8; method=PUBLISH"
    assert response.headers["content-disposition"] == f'attachment; filename="{anchor}.ics"'
    calendar = icalendar.Calendar.from_ical(response.content)
    (entry,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "PUBLISH"
    assert "ATTENDEE" not in entry
    assert entry["UID"] == calm_desk.office.sender.signer.uid(
        EVENT.key, anchor, PRACTITIONER.address, "conference.example"
    )
    assert entry["SUMMARY"] == (EVENT.title if anchor == "event" else EVENT.session(anchor).title)


def test_the_whole_agenda_is_one_file(calm_desk: Desk) -> None:
    response = calm_desk.browser().get(f"/r/{calm_desk.token()}/all.ics")
    calendar = icalendar.Calendar.from_ical(response.content)
    assert calendar["METHOD"] == "PUBLISH"
    assert [str(entry["SUMMARY"]) for entry in calendar.walk("VEVENT")] == [s.title for s in EVENT.sessions]
    assert b"ATTENDEE" not in response.content


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp"}]
)
def test_links_are_those_of_the_base_url_whatever_is_forged(desk: Desk, headers: dict[str, str]) -> None:
    browser, path = desk.browser(), f"/r/{desk.token()}"
    entry = browser.get(f"{path}/event.ics", headers=headers).text.replace("\r\n ", "")
    assert f"URL:{BASE_URL}{path}" in entry
    for response in (
        browser.get(path, headers=headers),
        browser.post(f"{path}/answer", data={"answer": "accepted"}, headers=headers),
    ):
        assert "evil.example" not in response.text + str(response.headers)


def bad_tokens(desk: Desk) -> list[str]:
    """Every way in which a token can be wrong, the genuine one of somebody who has left among them."""
    genuine, signer = desk.token(), desk.office.sender.signer
    changed = ("A" if genuine[-1] != "A" else "B") + genuine[1:]
    return [
        "x",
        "-",
        "é",
        "%00",
        "A" * 10_000,
        genuine + "A",
        genuine[:-1],
        genuine.swapcase(),
        changed,
        desk.token(Purpose.UNSUBSCRIBE),
        Signer(b"another key").token(Purpose.PAGE, signer.handle(EVENT.key, PRACTITIONER.address)),
        signer.token(Purpose.PAGE, signer.handle("another-event", PRACTITIONER.address)),
        desk.token(of=FOCAL_POINT),
    ]


def test_every_bad_link_meets_the_same_page(desk: Desk) -> None:
    desk.publish(recipients=[r for r in RECIPIENTS if r is not FOCAL_POINT])
    browser = desk.browser()
    met = set()
    for token in bad_tokens(desk):
        for response in (
            browser.get(f"/r/{token}"),
            browser.get(f"/r/{token}/event.ics"),
            browser.get(f"/r/{token}/all.ics"),
            browser.post(f"/r/{token}/answer", data={"answer": "accepted"}),
            browser.post(f"/r/{token}/answer", data={}, headers={"Sec-Fetch-Site": "cross-site"}),
        ):
            met.add((response.status_code, response.text, str(sorted(response.headers.items()))))
    met.add(
        (
            404,
            browser.get(f"/r/{desk.token()}/no-such-session.ics").text,
            str(sorted(response.headers.items())),
        )
    )
    met.add((404, browser.get("/u/x").text, str(sorted(response.headers.items()))))
    ((status, page, _),) = met
    assert status == 404
    assert "This link does not work" in page


def test_a_bad_link_costs_the_same_work_whatever_is_wrong_with_it(desk: Desk) -> None:
    """Work is counted, not time: the same statements for each."""
    desk.publish(recipients=[r for r in RECIPIENTS if r is not FOCAL_POINT])
    browser = desk.browser()
    asked: list[str] = []
    listen(desk.database.engine, "before_cursor_execute", lambda *told: asked.append(str(told[2])))
    work = []
    for kind in ("x", "A" * 10_000, desk.token(Purpose.UNSUBSCRIBE), desk.token(of=FOCAL_POINT)):
        asked.clear()
        assert browser.get(f"/r/{kind}").status_code == 404
        work.append([statement for statement in asked if "SELECT" in statement])
    assert work[0]
    assert work == [work[0]] * 4


def test_hostile_names_are_printed_literally(empty_desk: Desk) -> None:
    hostile = "<img src=x onerror=alert(1)>{{7*7}}{x}"
    reader = PRACTITIONER.model_copy(update={"family_name": hostile})
    sessions = tuple(s.model_copy(update={"title": hostile}) for s in EVENT.sessions)
    empty_desk.publish(EVENT.model_copy(update={"title": hostile, "sessions": sessions}), (reader,))
    for path in (f"/r/{empty_desk.token()}", f"/u/{empty_desk.token(Purpose.UNSUBSCRIBE)}"):
        page = empty_desk.browser().get(path).text
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;{{7*7}}{x}" in page


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_a_hundred_times_changes_nothing(desk: Desk, method: str) -> None:
    desk.work()
    before, browser = desk.dump(), desk.browser()
    page, leave = f"/r/{desk.token()}", f"/u/{desk.token(Purpose.UNSUBSCRIBE)}"
    paths = [page, f"{page}/answer", f"{page}/event.ics", f"{page}/all.ics", leave]
    for number in range(100):
        query = "?answer=declined&List-Unsubscribe=One-Click" if number % 2 else ""
        browser.request(method, paths[number % len(paths)] + query)
    assert desk.dump() == before
    assert sum(map(len, before.values())) > 0


def test_another_address_of_the_pages_is_followed(desk: Desk) -> None:
    sender = replace(desk.office.sender, base_url="https://other.example")
    other = replace(desk, office=replace(desk.office, sender=sender))
    entry = other.browser().get(f"/r/{desk.token()}/event.ics").text.replace("\r\n ", "")
    assert urlsplit(entry.partition("URL:")[2]).netloc == "other.example"

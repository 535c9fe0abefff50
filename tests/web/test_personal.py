"""A recipient's own page: what it shows, what it takes, what it refuses."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import icalendar
import pytest
from httpx import Response
from sqlalchemy.event import listen

from mailer.agenda.rules import EVENT as WHOLE_EVENT
from mailer.composition import message
from mailer.composition.links import Purpose, Signer
from mailer.outbox import letters, people
from mailer.recipients.model import Recipient
from tests.conference import ENDS_AT, EVENT, EXPERT, FOCAL_POINT, PRACTITIONER, RECIPIENTS, SPEAKER
from tests.web.agendas import CONFERENCE
from tests.web.desk import BASE_URL, Desk, published

ANCHORS = ["event", *(session.key for session in EVENT.sessions)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The event is published; no letter has left yet."""
    with published(tmp_path) as desk:
        yield desk


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


def sessions_chosen(desk: Desk, of: Recipient = PRACTITIONER) -> list[str]:
    """What the form shows as ticked."""
    return re.findall(
        r'name="session" value="([^"]+)" checked', desk.browser().get(f"/r/{desk.token(of=of)}").text
    )


def choose(desk: Desk, *fields: tuple[str, str], headers: Mapping[str, str] | None = None) -> Response:
    response: Response = desk.browser().post(
        f"/r/{desk.token()}/sessions",
        content=urlencode(fields),
        headers={"Content-Type": "application/x-www-form-urlencoded", **(headers or {})},
    )
    return response


def test_sessions_alone_can_be_chosen_and_those_of_the_list_are_ticked(desk: Desk) -> None:
    page = desk.browser().get(f"/r/{desk.token()}").text
    offered = re.findall(r'type="checkbox" name="session" value="([^"]+)"', page)
    assert offered == ["session-1", "session-2", "session-3", "session-4"]
    assert sessions_chosen(desk) == ["session-2", "session-4"]


def test_choosing_adds_and_takes_off_and_says_so(desk: Desk) -> None:
    toggling = (
        ("was", "session-2"),
        ("session", "session-1"),
        ("was", "session-4"),
        ("session", "session-4"),
    )
    response = choose(desk, *toggling)
    page = f"/r/{desk.token()}"
    assert (response.status_code, response.headers["location"]) == (303, f"{page}?saved=sessions_kept#agenda")
    assert answers(desk) == [("session-1", "accepted", "page"), ("session-2", "declined", "page")]
    assert sessions_chosen(desk) == ["session-1", "session-4"]
    assert "Their calendar entries are on their way" in desk.browser().get(f"{page}?saved=sessions_kept").text


def test_whoever_has_unsubscribed_is_promised_no_letter(desk: Desk) -> None:
    browser, page = desk.browser(), f"/r/{desk.token()}"
    browser.post(f"/u/{desk.token(Purpose.UNSUBSCRIBE)}", content="List-Unsubscribe=One-Click")
    browser.post(f"{page}/answer", data={"answer": "accepted"})
    for note in ("answer_kept", "sessions_kept"):
        told = browser.get(f"{page}?saved={note}").text
        assert "your mailbox" not in told
        assert "by mail" not in told


def test_a_word_is_kept_with_the_answer(desk: Desk) -> None:
    said = {"answer": "tentative", "comment": "I shall know on Friday."}
    desk.browser().post(f"/r/{desk.token()}/answer", data=said)
    with desk.database.reading() as transaction:
        (member,) = [m for m in people.roster(transaction, EVENT.key) if m.recipient == PRACTITIONER]
        (given,) = people.answers(transaction, member.id)
    assert given.comment == "I shall know on Friday."


def test_the_same_form_twice_is_once_and_the_last_choice_wins(desk: Desk) -> None:
    for moved in (("session", "session-1"), ("session", "session-1"), ("was", "session-1")):
        desk.clock.move(minutes=1)
        choose(desk, moved)
    assert answers(desk) == [("session-1", "accepted", "page"), ("session-1", "declined", "page")]
    assert sessions_chosen(desk) == ["session-2", "session-4"]


def test_pressing_the_button_alone_changes_nothing(desk: Desk) -> None:
    """As some mail scanners do: the forms sent as they stand, without anything chosen in them."""
    before = desk.dump()
    ticked = [(name, key) for key in sessions_chosen(desk) for name in ("was", "session")]
    assert choose(desk, *ticked).headers["location"].endswith("?saved=sessions_as_before#agenda")
    assert choose(desk).headers["location"].endswith("?saved=sessions_as_before#agenda")
    assert desk.browser().post(f"/r/{desk.token()}/answer", data={"comment": ""}).status_code == 422
    assert set_to(desk, "en", "Europe/Ljubljana").status_code == 303
    assert desk.dump() == before


def test_an_old_window_undoes_nothing_that_was_not_touched_in_it(desk: Desk) -> None:
    choose(desk, ("session", "session-1"))
    stale = [("was", "session-2"), ("session", "session-2"), ("was", "session-4"), ("session", "session-4")]
    choose(desk, *stale, ("session", "session-3"))
    assert sessions_chosen(desk) == ["session-1", "session-2", "session-3", "session-4"]


def test_what_a_list_says_later_does_not_undo_a_choice(desk: Desk) -> None:
    choose(desk, ("was", "session-2"), ("session", "session-1"))
    desk.publish()
    assert sessions_chosen(desk) == ["session-1", "session-4"]


@pytest.mark.parametrize(
    "field", [("session", "lunch"), ("session", "no-such"), ("session", ""), ("sessions", "session-1")]
)
def test_what_is_no_session_is_refused(desk: Desk, field: tuple[str, str]) -> None:
    response = choose(desk, ("session", "session-1"), field)
    assert response.status_code == 422
    assert "This was not understood, and nothing was changed" in response.text
    assert answers(desk) == []


def test_a_session_that_has_begun_is_no_longer_a_choice(desk: Desk) -> None:
    desk.clock.now = EVENT.session("session-2").starts_at
    response = choose(desk, ("was", "session-2"), ("session", "session-3"))
    assert response.status_code == 409
    assert "can no longer be chosen or taken off; nothing was changed" in response.text
    assert answers(desk) == []
    page = desk.browser().get(f"/r/{desk.token()}").text
    assert re.findall(r'type="checkbox" name="session" value="([^"]+)"', page) == ["session-3", "session-4"]
    assert page.count("Your choice") == 1
    assert choose(desk, ("session", "session-3")).status_code == 303


def test_a_form_of_sessions_on_another_site_chooses_nothing(desk: Desk) -> None:
    assert choose(desk, ("session", "session-1"), headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert answers(desk) == []


def set_to(desk: Desk, language: str, timezone: str, of: Recipient = PRACTITIONER) -> Response:
    said = {"language": language, "timezone": timezone}
    response: Response = desk.browser().post(f"/r/{desk.token(of=of)}/settings", data=said)
    return response


def test_a_language_and_a_zone_are_kept_and_the_page_follows(desk: Desk) -> None:
    response = set_to(desk, "fr", "Asia/Tashkent")
    path = f"/r/{desk.token()}"
    assert (response.status_code, response.headers["location"]) == (
        303,
        f"{path}?saved=settings_kept#settings",
    )
    page = desk.browser().get(f"{path}?saved=settings_kept").text
    assert '<html lang="fr" dir="ltr">' in page
    assert "Votre langue et votre fuseau horaire sont enregistrés." in page
    assert "chez vous (Tachkent)" in page
    assert '<option value="Asia/Tashkent" selected>' in page


def test_letters_follow_the_language_that_was_chosen_and_no_later_list_undoes_it(desk: Desk) -> None:
    set_to(desk, "ar", "Asia/Tashkent")
    desk.publish(recipients=[PRACTITIONER.model_copy(update={"institution": "Elsewhere", "language": "fr"})])
    desk.work()
    (letter,) = desk.tray.search(PRACTITIONER.address, limit=5)
    assert letter.subject.startswith("دعوة")
    with desk.database.reading() as transaction:
        (member,) = people.roster(transaction, EVENT.key)
    assert (member.recipient.language, member.recipient.timezone) == ("ar", "Asia/Tashkent")
    assert member.recipient.institution == "Elsewhere"


def test_only_what_was_changed_stands_above_the_list(desk: Desk) -> None:
    set_to(desk, "fr", "Europe/Ljubljana")
    desk.publish(recipients=[PRACTITIONER.model_copy(update={"timezone": "Asia/Almaty"})])
    set_to(desk, "fr", "Asia/Almaty")
    with desk.database.reading() as transaction:
        (member,) = people.roster(transaction, EVENT.key)
    assert (member.recipient.language, member.recipient.timezone) == ("fr", "Asia/Almaty")
    desk.publish(recipients=[PRACTITIONER])
    page = desk.browser().get(f"/r/{desk.token()}").text
    assert '<option value="Europe/Ljubljana" selected>' in page


@pytest.mark.parametrize(
    ("language", "timezone"),
    [("xx", "Europe/Vienna"), ("en", "CET"), ("", ""), ("en", "Europe/Vienna\r\nX: y"), ("../en", "UTC")],
)
def test_a_language_or_zone_that_is_not_offered_is_refused(desk: Desk, language: str, timezone: str) -> None:
    before = desk.dump()
    response = set_to(desk, language, timezone)
    assert response.status_code == 422
    assert "Please choose a language and a time zone from the lists" in response.text
    assert desk.dump() == before


def test_only_languages_that_letters_have_are_offered(desk: Desk) -> None:
    other = replace(desk, office=replace(desk.office, languages=("en", "fr")))
    assert set_to(other, "ar", "Europe/Vienna").status_code == 422
    assert 'value="ar"' not in other.browser().get(f"/r/{desk.token()}").text


def test_words_that_are_too_long_are_given_back_to_be_shortened(desk: Desk) -> None:
    words = "I shall come late. <b>" * 50
    response = desk.browser().post(f"/r/{desk.token()}/answer", data={"answer": "accepted", "comment": words})
    assert response.status_code == 422
    assert "longer than 1000 characters" in response.text
    assert words.strip().replace("<", "&lt;").replace(">", "&gt;") in response.text
    assert answers(desk) == []


def test_a_megabyte_of_words_is_not_even_read(desk: Desk) -> None:
    said = {"answer": "accepted", "comment": "x" * 1_000_000}
    assert desk.browser().post(f"/r/{desk.token()}/answer", data=said).status_code == 413
    assert answers(desk) == []


@pytest.mark.parametrize("note", ["x", "is_over", "<script>", "answer_kept"])
def test_a_note_is_told_only_of_what_is_so(desk: Desk, note: str) -> None:
    page = desk.browser().get(f"/r/{desk.token()}", params={"saved": note}).text
    assert 'role="status"' not in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        (PRACTITIONER, '<html lang="en" dir="ltr">'),
        (FOCAL_POINT, '<html lang="fr" dir="ltr">'),
        (EXPERT, '<html lang="ar" dir="rtl">'),
    ],
)
def test_the_page_speaks_its_readers_language(calm_desk: Desk, reader: Recipient, words: str) -> None:
    page = calm_desk.browser().get(f"/r/{calm_desk.token(of=reader)}").text
    assert words in page
    assert EVENT.title in page


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
        desk.token(Purpose.FEED),
        revoked(desk),
    ]


def revoked(desk: Desk) -> str:
    """The token of somebody before their links were revoked."""
    signer = desk.office.sender.signer
    token = desk.token(of=SPEAKER)
    with desk.database.writing() as transaction:
        people.revoke(
            transaction, EVENT.key, SPEAKER.address, desk.clock(), lambda a, g: signer.handle(EVENT.key, a, g)
        )
    return token


def test_revoked_links_lead_nowhere_and_new_ones_do(desk: Desk) -> None:
    signer, browser = desk.office.sender.signer, desk.browser()
    old = revoked(desk)
    assert browser.get(f"/r/{old}").status_code == 404
    assert browser.get(f"/u/{desk.token(Purpose.UNSUBSCRIBE, of=SPEAKER)}").status_code == 404
    assert browser.get(f"/f/{desk.token(Purpose.FEED, of=SPEAKER)}.ics").status_code == 404
    new = signer.token(Purpose.PAGE, signer.handle(EVENT.key, SPEAKER.address, 1))
    assert browser.get(f"/r/{new}").status_code == 200
    desk.work()
    (letter,) = desk.tray.search(SPEAKER.address, limit=5)
    found = desk.tray.letter(letter.id)
    assert found
    text = message.read_back(found[1]).text
    with desk.database.reading() as transaction:
        (row,) = letters.search(transaction, EVENT.key, address=SPEAKER.address)
    for told in (text, desk.service.compose(row).text):
        assert f"{BASE_URL}/r/{new}" in told
        assert old not in told


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
            browser.post(f"/r/{token}/sessions", data={"session": "session-1"}),
            browser.post(f"/r/{token}/settings", data={"language": "fr", "timezone": "UTC"}),
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
    kinds = ("x", "A" * 10_000, desk.token(Purpose.UNSUBSCRIBE), desk.token(of=FOCAL_POINT), revoked(desk))
    for kind in kinds:
        asked.clear()
        assert browser.get(f"/r/{kind}").status_code == 404
        work.append([statement for statement in asked if "SELECT" in statement])
    assert work[0]
    assert work == [work[0]] * len(kinds)


def test_hostile_names_are_printed_literally(empty_desk: Desk) -> None:
    hostile = "<img src=x onerror=alert(1)>{{7*7}}{x}"
    reader = PRACTITIONER.model_copy(update={"family_name": hostile})
    sessions = tuple(s.model_copy(update={"title": hostile}) for s in EVENT.sessions)
    empty_desk.publish(EVENT.model_copy(update={"title": hostile, "sessions": sessions}), (reader,))
    for path in (f"/r/{empty_desk.token()}", f"/u/{empty_desk.token(Purpose.UNSUBSCRIBE)}"):
        page = empty_desk.browser().get(path).text
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;{{7*7}}{x}" in page


QUERY = "answer=declined&session=session-1&was=session-2&language=ar&timezone=UTC&List-Unsubscribe=One-Click"


def links_of_ours(desk: Desk) -> list[str]:
    """Every link and form that leads from the pages to the pages, found by going from one to the next."""
    browser, found = desk.browser(), [f"/r/{desk.token()}", f"/e/{EVENT.key}"]
    for path in found:
        response = browser.get(path)
        if not response.headers["content-type"].startswith("text/html"):
            continue
        linked = re.findall(r'(?:href|action)="([^"#]+)"', response.text)
        linked += [urlsplit(feed).path for feed in re.findall(r"<code[^>]*>([^<]+)</code>", response.text)]
        found += [each for each in dict.fromkeys(linked) if each.startswith("/") and each not in found]
    return found


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_a_hundred_times_at_every_link_changes_nothing(empty_desk: Desk, method: str) -> None:
    empty_desk.publish(EVENT.model_copy(update={"public": True}))
    empty_desk.work()
    before = empty_desk.dump()
    paths, browser = links_of_ours(empty_desk), empty_desk.browser()
    assert {path.split("/")[1] for path in paths} == {"r", "u", "f", "e", "static", "favicon"}
    times = 100 if method == "GET" else 20
    for path in paths:
        for number in range(times):
            browser.request(method, f"{path}?{QUERY}" if number % 2 else path)
    assert empty_desk.dump() == before
    assert sum(map(len, before.values())) > 0


def test_another_address_of_the_pages_is_followed(desk: Desk) -> None:
    sender = replace(desk.office.sender, base_url="https://other.example")
    other = replace(desk, office=replace(desk.office, sender=sender))
    entry = other.browser().get(f"/r/{desk.token()}/event.ics").text.replace("\r\n ", "")
    assert urlsplit(entry.partition("URL:")[2]).netloc == "other.example"


def test_what_is_called_off_says_so_and_takes_no_answer(desk: Desk) -> None:
    desk.clock.move(minutes=1)
    desk.publish(EVENT.model_copy(update={"cancelled": True}))
    browser, path = desk.browser(), f"/r/{desk.token()}"
    page = browser.get(path).text
    assert "This conference will not take place." in page
    assert 'name="answer"' not in page
    assert 'name="session"' not in page
    assert "Add to calendar" not in page
    assert ".ics" not in page
    assert browser.post(f"{path}/answer", data={"answer": "accepted"}).status_code == 409
    assert browser.post(f"{path}/sessions", data={"session": "session-1"}).status_code == 409
    assert answers(desk) == []
    feed = browser.get(f"/f/{desk.token(Purpose.FEED)}.ics").text
    assert feed.count("STATUS:CANCELLED") == feed.count("BEGIN:VEVENT") > 0


def test_an_end_that_is_assumed_is_told_as_in_letters(desk: Desk) -> None:
    def told() -> str:
        page = desk.browser().get(f"/r/{desk.token()}").text
        return " ".join(re.sub(r"<[^>]+>", " ", page).split())

    assert "08:45–17:00" in told()
    desk.clock.move(minutes=1)
    desk.publish(CONFERENCE)  # whose last session has no end of its own
    assert "08:45 – about 17:15" in told()

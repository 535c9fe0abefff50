"""The people on the organiser's pages: looked at, found, corrected, exported; and who may."""

import csv
import html
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser
from sqlalchemy import Connection, event

from mailer.outbox import audit, flags, letters, people
from mailer.outbox.audit import Deed
from mailer.outbox.letter import LetterState
from mailer.outbox.people import Listed
from mailer.outbox.schema import Role
from mailer.recipients.model import Recipient
from mailer.recipients.reading import read_handed_in
from mailer.web.serving import reserve, serve
from tests.conference import EVENT, FOCAL_POINT, PRACTITIONER, RECIPIENTS
from tests.judges import axe
from tests.web.desk import Desk, open_desk
from tests.web.test_door import OURS, _signed_in

PATHS = ("/people", "/people/list?q=a", "/people/delegations/CA", "/people/1")
SCRIPT = "<script>alert(1)</script>{{7*7}}"


def number_of(desk: Desk, who: Recipient) -> int:
    with desk.database.reading() as c:
        found = people.links_of(c, EVENT.key, who.address)
        assert found
        return people.number_of(c, found[0])


def somebody(desk: Desk, number: int) -> Listed:
    with desk.database.reading() as c:
        found = people.somebody(c, EVENT.key, number)
    assert found
    return found


def last_deed(desk: Desk) -> Deed:
    with desk.database.reading() as c:
        return audit.deeds(c, limit=1)[0]


def form(page: str) -> dict[str, str]:
    """What the form of corrections is filled with."""
    part = page[page.index('class="correct"') :]
    filled = {
        name: html.unescape(value) for name, value in re.findall(r'name="(\w+)"[^>]*? value="([^"]*)"', part)
    }
    filled["role"] = re.findall(r'<option value="(\w+)" selected', part)[0]
    return filled


def send(desk: Desk, path: str, **data: str) -> tuple[int, str]:
    return send_as(desk.browser(), path, **data)


def send_as(browser: TestClient, path: str, **data: str) -> tuple[int, str]:
    response = browser.post(path, data=data, headers=OURS)
    return response.status_code, response.headers.get("location", "") or response.text


def test_the_board_names_delegations_and_no_person(calm_desk: Desk) -> None:
    page = calm_desk.browser().get("/people").text
    assert page.count('class="tile ') == 68
    assert "Armenia" in page
    assert not any(each.family_name in page for each in RECIPIENTS)
    assert 'class="tile silent" href="/people/delegations/CA"' in page
    assert calm_desk.browser().get("/people?show=silent").text.count('class="tile ') < 10


def test_a_delegation_shows_who_is_of_it(calm_desk: Desk) -> None:
    page = calm_desk.browser().get(f"/people/delegations/{FOCAL_POINT.state}").text
    assert FOCAL_POINT.address in page
    assert calm_desk.browser().get("/people/delegations/XX").status_code == 404


def test_people_are_found_as_one_types(calm_desk: Desk) -> None:
    page = calm_desk.browser().get("/people/list", params={"q": "nov an"}).text
    assert page.count("<tbody>") == 1
    assert re.findall(r'class="address">([^<]+)', page) == [PRACTITIONER.address]
    assert "Nobody is found" in calm_desk.browser().get("/people/list", params={"q": "nobody at all"}).text
    assert calm_desk.browser().get("/people/list", params={"role": "nobody"}).status_code == 404


def test_one_person_is_all_that_is_known_of_them(calm_desk: Desk) -> None:
    page = calm_desk.browser().get(f"/people/{number_of(calm_desk, PRACTITIONER)}").text
    for words in (
        "Dr Ana Novak",
        "What they got",
        "Invitation",
        "250 2.0.0",
        "What they will get",
        "Agenda of the day",
    ):
        assert words in page
    assert "the whole event" in page[page.index("What their calendar holds") :]
    assert calm_desk.browser().get("/people/999999").status_code == 404


def test_what_is_corrected_is_another_revision_and_the_letters_follow(desk: Desk) -> None:
    number = number_of(desk, PRACTITIONER)
    typed = form(desk.browser().get(f"/people/{number}").text) | {"title": "Prof", "tags": "press | judge"}
    assert send(desk, f"/people/{number}/correct", **typed) == (303, f"/people/{number}?saved=corrected")

    said = somebody(desk, number).member.recipient
    assert said == PRACTITIONER.model_copy(update={"title": "Prof", "tags": ("press", "judge")})
    assert (last_deed(desk).did, last_deed(desk).what) == ("corrected", PRACTITIONER.address)
    assert "Saved: the list says so now." in desk.browser().get(f"/people/{number}?saved=corrected").text
    assert "Saved:" not in desk.browser().get(f"/people/{number}").text
    assert desk.browser().get(f"/people/{number}?saved=<b>").status_code == 404


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_saved(desk: Desk) -> None:
    number, before = number_of(desk, PRACTITIONER), desk.dump()
    typed = form(desk.browser().get(f"/people/{number}").text)
    typed |= {"email": "a@b, c@d", "state": "XX", "timezone": "CET", "sessions": "session-9", "title": SCRIPT}
    status, page = send(desk, f"/people/{number}/correct", **typed)

    assert status == 422
    assert page.count('aria-invalid="true"') == 4
    assert 'value="a@b, c@d"' in page
    assert SCRIPT not in page
    assert html.escape(SCRIPT) in page.replace("&#34;", '"')
    assert desk.dump() == before


def test_the_second_of_two_is_told_and_keeps_what_they_typed(desk: Desk) -> None:
    number = number_of(desk, PRACTITIONER)
    typed = form(desk.browser().get(f"/people/{number}").text)
    send(desk, f"/people/{number}/correct", **typed | {"title": "Prof"})
    status, page = send(desk, f"/people/{number}/correct", **typed | {"family_name": "Horvat"})

    assert status == 409
    assert "somebody else has changed this person meanwhile" in page.lower()
    assert 'value="Horvat"' in page
    assert "meanwhile: <bdi>Prof</bdi>" in page
    assert somebody(desk, number).member.recipient.family_name == PRACTITIONER.family_name
    again = form(page)
    assert send(desk, f"/people/{number}/correct", **again)[0] == 303


def test_another_address_is_another_reader(desk: Desk) -> None:
    number = number_of(desk, PRACTITIONER)
    typed = form(desk.browser().get(f"/people/{number}").text) | {"email": "new@prosecution.example"}
    status, where = send(desk, f"/people/{number}/correct", **typed)
    assert (status, where != f"/people/{number}?saved=corrected") == (303, True)
    assert somebody(desk, number).left_at == desk.clock()
    desk.work()
    assert len(desk.tray.search("new@prosecution.example")) == 1

    taken = typed | {"email": FOCAL_POINT.address.upper(), "seen": "1"}
    status, page = send(desk, where.partition("?")[0] + "/correct", **taken)
    assert status == 422
    assert "is on the list already" in page


def test_somebody_is_taken_off_and_put_back(desk: Desk) -> None:
    number = number_of(desk, PRACTITIONER)
    assert send(desk, f"/people/{number}/off", seen="7")[0] == 409
    assert send(desk, f"/people/{number}/off", seen="1") == (303, f"/people/{number}")
    assert somebody(desk, number).left_at == desk.clock()
    assert "Taken off the list" in desk.browser().get(f"/people/{number}").text
    assert send(desk, f"/people/{number}/off", seen="1")[0] == 409
    assert send(desk, f"/people/{number}/back", seen="1")[0] == 303
    assert somebody(desk, number).left_at is None
    assert send(desk, "/people/999999/off", seen="1")[0] == 404


def test_links_are_revoked_and_addresses_cleared(desk: Desk) -> None:
    number, token = number_of(desk, PRACTITIONER), desk.token()
    assert desk.browser().get(f"/r/{token}").status_code == 200
    assert send(desk, f"/people/{number}/revoke")[0] == 303
    assert desk.browser().get(f"/r/{token}").status_code == 404
    assert last_deed(desk).did == "revoked the links of"

    with desk.database.writing() as c:
        flags.flag(c, number, desk.clock())
    assert "The address is right" in desk.browser().get(f"/people/{number}").text
    assert send(desk, f"/people/{number}/clear")[0] == 303
    assert "The address is right" not in desk.browser().get(f"/people/{number}").text
    assert last_deed(desk).did == "cleared"


def test_a_viewer_looks_and_changes_nothing(tmp_path: Path) -> None:
    with open_desk(tmp_path, is_demo=False) as real:
        real.publish()
        viewer = _signed_in(real, Role.VIEWER)
        assert [viewer.get(path).status_code for path in PATHS] == [200] * len(PATHS)
        assert "Correct" not in viewer.get("/people/1").text
        deeds = [
            "/people/1/correct",
            "/people/1/off",
            "/people/1/back",
            "/people/1/revoke",
            "/people/1/clear",
        ]
        for path in (*deeds, "/people/export", "/people/import"):
            assert send_as(viewer, path, seen="1")[0] == 403, path
            assert (last_deed(real).who, last_deed(real).did) == ("viewer", "was refused")
        assert viewer.get("/people/import").status_code == 403
        assert [real.browser().get(path).status_code for path in PATHS] == [303] * len(PATHS)
        assert send_as(_signed_in(real, Role.ORGANISER), "/people/1/off", seen="1")[0] == 303


HOSTILE = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)")


def test_the_list_is_exported_and_read_again(desk: Desk) -> None:
    listed = [
        PRACTITIONER.model_copy(update={"address": f"p{n}@x.example", "institution": words})
        for n, words in enumerate((*HOSTILE, 'a "quoted", one', "plain"))
    ]
    desk.publish(recipients=listed)
    answer = desk.browser().post("/people/export", headers=OURS)
    text = answer.content.decode("utf-8-sig")
    reading = read_handed_in(answer.content, "l.csv", next(csv.reader(StringIO(text))))
    assert (reading.problems, list(reading.recipients)) == ((), listed)

    assert answer.headers["content-disposition"] == f'attachment; filename="{EVENT.key}-people.csv"'
    cells = [row["institution"] for row in csv.DictReader(StringIO(text))]
    assert cells == [*(f"'{words}" for words in HOSTILE), 'a "quoted", one', "plain"]
    assert (last_deed(desk).did, last_deed(desk).what) == ("exported the people", "the whole list")


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Three thousand people."""
    with open_desk(tmp_path_factory.mktemp("crowded")) as desk:
        some = [
            PRACTITIONER.model_copy(
                update={"address": f"p{n}@x.example", "family_name": f"Muster{n}", "institution": "x" * 300}
            )
            for n in range(3000)
        ]
        desk.publish(recipients=some)
        yield desk


def test_no_page_grows_with_the_list(crowded: Desk) -> None:
    statements: list[str] = []

    def note(_c: Connection, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    browser = crowded.browser()
    for path in (
        "/people",
        "/people/list",
        "/people/list?q=muster",
        f"/people/delegations/{PRACTITIONER.state}",
        "/people/9",
    ):
        event.listen(crowded.database.engine, "before_cursor_execute", note)
        response = browser.get(path)
        event.remove(crowded.database.engine, "before_cursor_execute", note)
        assert response.status_code == 200
        assert len(response.content) < 200_000, path
        assert len(statements) < 40, path
        statements.clear()
    seen, where = 0, "/people/list?q=muster2"
    while where:
        page = browser.get(where).text
        seen += page.count('class="address"')
        further = re.search(r'rel="next" href="([^"]+)"', page)
        where = html.unescape(further[1]) if further else ""
    assert seen == 1111


def test_letters_of_the_person_are_found_by_an_index(desk: Desk) -> None:
    number = number_of(desk, PRACTITIONER)
    with desk.database.reading() as c:
        assert [row.state for row in letters.of_person(c, EVENT.key, number)] == [LetterState.SENT]


@pytest.mark.parametrize("width", [390, 800, 1440])
def test_the_pages_are_for_everybody(calm_desk: Desk, chromium: Browser, width: int) -> None:
    if reason := axe.missing():
        pytest.skip(reason)
    with (
        serve(calm_desk.office, reserve(0)) as address,
        chromium.new_context(base_url=address, bypass_csp=True) as context,
    ):
        page = context.new_page()
        for path in (*PATHS, "/people/import"):
            page.goto(path)
            assert axe.violations(page, (width,)) == {}, path

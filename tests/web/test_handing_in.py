"""A list handed in on a page: kept between the steps, looked at, taken over or left."""

import html
import re
import threading
from typing import get_args

import pytest

from mailer.outbox import audit, people, uploads
from mailer.outbox.preferences import Preference
from mailer.outbox.schema import Role
from mailer.recipients.cells import COLUMNS
from mailer.web.gate import MAX_BODY_BYTES, MAX_LIST_BYTES
from mailer.web.organiser.handing_in import Column
from tests.conference import EVENT, PRACTITIONER, RECIPIENTS
from tests.recipients.test_sheets import HOSTILE, book
from tests.web.desk import Desk
from tests.web.test_door import OURS

HEAD = "email,given_name,family_name,role"
NEW = "eva@x.example,Eva,Muster,expert"


def hand_in(desk: Desk, raw: bytes | str, name: str = "list.csv") -> tuple[int, str]:
    """What comes back, and where the list is then looked at."""
    content = raw if isinstance(raw, bytes) else raw.encode()
    response = desk.browser().post("/people/import", files={"file": (name, content)}, headers=OURS)
    return response.status_code, response.headers.get("location", "") or response.text


def looked_at(desk: Desk, raw: bytes | str, name: str = "list.csv") -> tuple[str, str]:
    """Where a list is looked at, and what is seen."""
    status, where = hand_in(desk, raw, name)
    assert status == 303, where
    return where, desk.browser().get(where).text


def sign(page: str) -> str:
    return html.unescape(re.findall(r'name="seen" value="([^"]*)"', page)[0])


def sums(page: str) -> list[int]:
    """Added, changed, taken off, as they were, refused."""
    return [int(each) for each in re.findall(r'<li[^>]*><span class="big figures">([\d,]+)</span>', page)]


def addresses(desk: Desk) -> list[str]:
    with desk.database.reading() as c:
        return [each.recipient.address for each in people.roster(c, EVENT.key)]


def test_looking_changes_nothing_and_taking_over_is_one_deed(desk: Desk) -> None:
    before = addresses(desk)
    where, page = looked_at(desk, f"{HEAD}\n{NEW}\n")
    assert sums(page) == [1, 0, 0, 0, 0]
    assert addresses(desk) == before

    done = desk.browser().post(f"{where}/take", data={"seen": sign(page)}, headers=OURS)
    assert (done.status_code, "1 added" in done.text) == (200, True)
    assert addresses(desk) == [*before, "eva@x.example"]
    with desk.database.reading() as c:
        assert (audit.deeds(c)[0].did, audit.deeds(c)[0].what) == ("took over a list", "list.csv: 1 added")
    assert desk.browser().get(where).status_code == 404  # it is not kept any longer


def test_a_spreadsheet_is_read_by_the_same_rules(desk: Desk) -> None:
    raw = book(HEAD.split(","), NEW.split(","), ["not an address", "A", "B", "expert"])
    _, page = looked_at(desk, raw, "list.xlsx")
    assert sums(page) == [1, 0, 0, 0, 1]
    assert "is not one valid address" in page


def test_columns_and_what_is_missing_are_chosen(desk: Desk) -> None:
    where, page = looked_at(desk, f"What,{HEAD[6:]}\n{NEW}\n")
    assert "No heading is taken for email." in page
    assert "What would change" not in page
    choices = {
        "column": ["email", "given_name", "family_name", ""],
        "role": "speaker",
        "missing": "everybody",
    }
    chosen = desk.browser().post(where, data=choices, headers=OURS)
    assert chosen.status_code == 303
    page = desk.browser().get(where).text
    assert sums(page) == [1, 0, len(RECIPIENTS), 0, 0]
    desk.browser().post(f"{where}/take", data={"seen": sign(page)}, headers=OURS)
    assert addresses(desk) == ["eva@x.example"]


def test_two_headings_for_one_column_are_told(desk: Desk) -> None:
    where, _ = looked_at(desk, f"{HEAD}\n{NEW}\n")
    desk.browser().post(where, data={"column": ["email"] * 4}, headers=OURS)
    page = desk.browser().get(where).text
    assert "Two headings are taken for email." in page
    assert "No heading is taken for family_name." in page
    assert "say below what these people are" in page


def test_with_refused_rows_all_or_nothing_is_chosen(desk: Desk) -> None:
    before = desk.dump()["recipient"]
    where, page = looked_at(desk, f"{HEAD}\n{NEW}\nx,Y,Z,expert\n,,,nobody\n")
    assert sums(page) == [1, 0, 0, 0, 2]
    assert page.count('<th scope="row" class="figures">4</th>') == 3  # three things are wrong with this row
    refused = desk.browser().post(f"{where}/take", data={"seen": sign(page)}, headers=OURS)
    assert refused.status_code == 422
    assert "go on without them" in refused.text
    assert desk.dump()["recipient"] == before
    going_on = {"seen": sign(page), "without_refused": "true"}
    assert desk.browser().post(f"{where}/take", data=going_on, headers=OURS).status_code == 200
    assert addresses(desk)[-1] == "eva@x.example"


def test_what_was_not_read_to_its_end_is_never_taken(desk: Desk) -> None:
    seen = sign(looked_at(desk, f"{HEAD}\n{NEW}\n")[1])
    where, page = looked_at(desk, f'{HEAD}\n{NEW}\n"broken\n')
    assert "could not be read to its end" in page
    assert "Take it over" not in page
    data = {"seen": "x", "without_refused": "true"}
    assert desk.browser().post(f"{where}/take", data=data, headers=OURS).status_code == 409
    data["seen"] = seen
    assert desk.browser().post(f"{where}/take", data=data, headers=OURS).status_code == 422
    assert "eva@x.example" not in addresses(desk)


def test_the_second_of_two_looks_at_the_difference_again(desk: Desk) -> None:
    where, page = looked_at(desk, f"{HEAD}\n{NEW}\n")
    desk.publish(recipients=RECIPIENTS[:2])
    late = desk.browser().post(f"{where}/take", data={"seen": sign(page)}, headers=OURS)
    assert late.status_code == 409
    assert "The list has changed meanwhile" in late.text
    assert addresses(desk) == [each.address for each in RECIPIENTS[:2]]
    again = desk.browser().post(f"{where}/take", data={"seen": sign(late.text)}, headers=OURS)
    assert again.status_code == 200


def test_what_somebody_chose_on_their_page_stands_above_the_file(desk: Desk) -> None:
    with desk.database.writing() as c:
        (member,) = (m for m in people.roster(c, EVENT.key) if m.recipient.address == PRACTITIONER.address)
        people.prefer(c, member.id, Preference(language="fr"), desk.clock())
    line = f"{PRACTITIONER.address},{PRACTITIONER.given_name},{PRACTITIONER.family_name},de\n"
    where, _ = looked_at(desk, f"email,given_name,family_name,language\n{line}")
    columns = ["email", "given_name", "family_name", "language"]
    desk.browser().post(where, data={"column": columns, "role": "expert"}, headers=OURS)
    assert sums(desk.browser().get(where).text) == [0, 0, 0, 1, 0]


def test_a_list_is_left_and_forgotten(desk: Desk) -> None:
    where, _ = looked_at(desk, f"{HEAD}\n{NEW}\n")
    assert desk.browser().post(f"{where}/drop", headers=OURS).status_code == 303
    assert desk.dump()["upload"] == []
    where, _ = looked_at(desk, f"{HEAD}\n{NEW}\n")
    desk.clock.now += uploads.KEPT_FOR
    assert desk.browser().get(where).status_code == 404


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_list_is_refused_with_its_reason(desk: Desk, kind: str) -> None:
    raw, why = HOSTILE[kind]
    status, page = hand_in(desk, raw, "list.xlsx")
    assert (status, why in html.unescape(page)) == (422, True)
    assert desk.dump()["upload"] == []


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("list.xlsx", f"{HEAD}\n{NEW}\n".encode(), "is named as a spreadsheet and is none"),
        ("list.csv", book(["email"]), "is a spreadsheet, but not named as one"),
        ("list.csv", b"", "nothing came"),
        ("list.csv", b"abc,d\0e\n", "NUL"),
        ("list.csv", b"x" * 200_000, "more than 10,000 characters"),
        ("list.csv", (",".join("x" * 101) + "\n").encode(), "101 columns; 100 are the most"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(desk: Desk, name: str, raw: bytes, why: str) -> None:
    status, page = hand_in(desk, raw, name)
    assert (status, why in html.unescape(page)) == (422, True)


def test_a_name_and_cells_are_text(desk: Desk) -> None:
    words = "<script>alert(1)</script>"
    _, page = looked_at(desk, f"{HEAD},{words}\n{NEW},{words}{{{{7*7}}}}\n", f"../../{words}.csv")
    assert "<script>alert" not in page
    assert "{{7*7}}" in page
    assert "49" not in re.sub(r"/import/[\w-]+", "", page)


def test_only_what_takes_a_list_takes_so_much(desk: Desk) -> None:
    big = {"file": ("list.csv", f"{HEAD}\n".encode() + b"x" * (MAX_BODY_BYTES + 1))}
    assert desk.browser().post("/people/import", files=big, headers=OURS).status_code == 303
    assert desk.browser().post("/people/export", files=big, headers=OURS).status_code == 413
    too_big = {"file": ("list.csv", b"x" * (MAX_LIST_BYTES + 1))}
    assert desk.browser().post("/people/import", files=too_big, headers=OURS).status_code == 413


def test_the_form_knows_every_column() -> None:
    assert set(get_args(Column)) == {"", *COLUMNS}


def test_a_list_is_for_its_owner(desk: Desk) -> None:
    where, _ = looked_at(desk, f"{HEAD}\n{NEW}\n")
    with desk.database.reading() as c:
        token = where.rpartition("/")[2]
        assert uploads.kept(c, token, EVENT.key, "demo", desk.clock()) is not None
        assert uploads.kept(c, token, EVENT.key, Role.ORGANISER, desk.clock()) is None


def test_what_is_taken_over_is_what_was_looked_at(desk: Desk) -> None:
    """Two windows with one list: what is chosen in the second is not what the first shows."""
    where, first = looked_at(desk, f"{HEAD}\n{NEW}\n")
    chosen = {"column": ["email", "given_name", "family_name", "role"], "missing": "everybody"}
    assert desk.browser().post(where, data=chosen, headers=OURS).status_code == 303
    before = addresses(desk)

    told = desk.browser().post(f"{where}/take", data={"seen": sign(first)}, headers=OURS)

    assert (told.status_code, "in another way by now" in told.text) == (409, True)
    assert addresses(desk) == before
    assert (
        desk.browser().post(f"{where}/take", data={"seen": sign(told.text)}, headers=OURS).status_code == 200
    )
    assert addresses(desk) == ["eva@x.example"]


def test_refused_rows_of_a_list_in_hand_need_a_person_until_it_is_dealt_with(desk: Desk) -> None:
    assert "rows refused" not in desk.browser().get("/").text
    where, page = looked_at(desk, f"{HEAD}\n{NEW}\nx,Y,Z,expert\n,,,nobody\n")
    timetable = desk.browser().get("/").text
    concern = re.search(r'<p class="concern">.*?href="/people/import".*?</p>', timetable)
    assert concern
    assert re.sub(r"<[^>]+>", "", concern[0]) == "2 rows refused of a list that is not taken over"

    waiting = desk.browser().get("/people/import").text
    assert "Not taken over yet" in waiting
    assert ">2</span> rows refused" in waiting
    back = desk.browser().post("/people/import/go-on", headers=OURS)
    assert back.status_code == 303
    assert back.headers["location"] != where
    assert "What would change" in desk.browser().get(back.headers["location"]).text
    assert desk.browser().get(where).status_code == 404

    done = {"seen": sign(page), "without_refused": "true"}
    assert desk.browser().post(f"{back.headers['location']}/take", data=done, headers=OURS).status_code == 200
    assert "rows refused" not in desk.browser().get("/").text
    assert desk.browser().post("/people/import/go-on", headers=OURS).status_code == 404


def test_what_is_chosen_about_a_list_counts_its_rows_anew(desk: Desk) -> None:
    where, _ = looked_at(desk, f"What,{HEAD[6:]}\n{NEW}\nx,Y,Z,expert\n")
    with desk.database.reading() as c:
        assert [each.refused for each in uploads.unfinished(c, EVENT.key, desk.clock())] == [0]
    choices = {"column": ["email", "given_name", "family_name", "role"], "role": "", "missing": "nobody"}
    desk.browser().post(where, data=choices, headers=OURS)
    with desk.database.reading() as c:
        assert [each.refused for each in uploads.unfinished(c, EVENT.key, desk.clock())] == [1]


def test_a_list_in_somebody_elses_hand_is_told_and_stays_theirs(desk: Desk) -> None:
    with desk.database.writing() as c:
        uploads.keep(c, "t" * 32, EVENT.key, "Maria", name="<b>.csv", raw=b"x", now=desk.clock(), refused=3)
    page = desk.browser().get("/people/import").text

    assert "Somebody else has a list in hand" in page
    assert "&lt;b&gt;.csv" in page
    assert "Go on with it" not in page
    assert desk.browser().post("/people/import/go-on", headers=OURS).status_code == 404


def test_rows_of_a_long_list_are_counted_beside_the_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.web.organiser.handing_in.READ_AT_ONCE", 0)

    def counted(where: str) -> tuple[str, list[int]]:
        desk.browser().get(where)
        while counting := [thread for thread in threading.enumerate() if thread.name == "counting"]:
            for thread in counting:
                thread.join()
        page = desk.browser().get(where).text
        with desk.database.reading() as c:
            return page, [each.refused for each in uploads.unfinished(c, EVENT.key, desk.clock())]

    where, at_first = looked_at(desk, f"{HEAD}\n{NEW}\nx,Y,Z,expert\n")
    assert "Being worked out" in at_first
    page, refused = counted(where)
    assert (sums(page), refused) == ([1, 0, 0, 0, 1], [1])

    choices = {"column": ["email", "given_name", "family_name", ""], "role": "", "missing": "nobody"}
    desk.browser().post(where, data=choices, headers=OURS)
    desk.clock.move(minutes=1)
    again, refused = counted(where)
    assert ("say below what these people are" in again, refused) == (True, [0])
    told = desk.browser().post(f"{where}/take", data={"seen": sign(page)}, headers=OURS)
    assert (told.status_code, "read in another way by now" in told.text) == (409, True)

"""What came back as organisers see it: sorted into tabs, shown as text, decided, and taken out as a sheet."""

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.outbox import flags, incoming, people
from mailer.outbox.schema import Answer, Forward, IncomingState, Role
from mailer.web.organiser import inbox
from tests.conference import EVENT, FOCAL_POINT, ORGANISER, PRACTITIONER, RECIPIENTS
from tests.inbox import letterbox, mails
from tests.inbox.dialects import Said, google
from tests.inbox.letterbox import NOW, Letterbox, reading
from tests.web.desk import Desk, open_desk
from tests.web.test_door import OURS, _signed_in
from tests.web.test_outbox import deeds, post

ANA, CAMILLE = PRACTITIONER.address, FOCAL_POINT.address
YES = Said(partstat="ACCEPTED", at=NOW)
STRANGER = "assistant@prosecution.example"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Letterbox]]:
    """The invitations have left, and some of what people and machines send has come."""
    folder = tmp_path_factory.mktemp("came")
    with open_desk(folder) as desk, reading() as reader:
        box = Letterbox(database=desk.database, path=folder / "mail", reader=reader)
        box.send_invitations()
        desk.clock.now = NOW
        box.receive(
            google(replace(box.asked(ANA), attendee=STRANGER), replace(YES, comment="<i>for her</i>"))
        )
        box.receive(mails.report(box.return_path(CAMILLE), CAMILLE, words="550 5.1.1 no <b>such</b> user"))
        box.questions_to = "help@conference.example"
        box.receive(mails.written(ANA, ORGANISER.address, "My visa <script>", "Could you send a letter?"))
        box.receive(next(iter(mails.POISONS.values()))())
        yield desk, box


def mail_of(desk: Desk, kind: str) -> incoming.Incoming:
    with desk.database.reading() as c:
        return incoming.search(c, EVENT.key, kind=kind)[0]


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_needs_a_person_comes_first_and_each_kind_has_a_tab(box: tuple[Desk, Letterbox]) -> None:
    desk, _ = box
    browser = desk.browser()
    page = browser.get("/inbox").text
    assert "somebody answers for an entry that is another&#39;s" in page
    assert "&lt;i&gt;for her&lt;/i&gt;" in page
    assert "needs you" in page
    assert "not read" in page
    question = browser.get("/inbox?show=question").text
    assert "My visa &lt;script&gt;" in question
    assert "waits to be forwarded" in question
    bounces = browser.get("/inbox?show=bounce").text
    assert "1 address reported as wrong" in bounces
    assert "550 5.1.1 no &lt;b&gt;such&lt;/b&gt; user" in bounces


def test_a_mail_is_shown_as_text_and_kept_as_it_came(box: tuple[Desk, Letterbox]) -> None:
    desk, _ = box
    browser, mail = desk.browser(), mail_of(desk, "question")
    page = browser.get(f"/inbox/{mail.id}").text
    assert "Could you send a letter?" in page
    assert "<script>" not in page.replace('<script src="/static', "")
    source = browser.get(f"/inbox/{mail.id}/mail.eml")
    assert source.headers["content-disposition"] == f'attachment; filename="mail-{mail.id}.eml"'
    with desk.database.reading() as c:
        found = incoming.one(c, mail.id)
    assert found
    assert source.content == found[1]


def test_the_timetable_leads_to_all_that_needs_a_person(box: tuple[Desk, Letterbox]) -> None:
    desk, _ = box
    page = desk.browser().get("/timetable").text
    for words, path in (
        ("answers that a person must place", "/inbox"),
        ("mails that could not be read within the limits", "/inbox"),
        ("addresses that a server calls wrong", "/inbox?show=bounce"),
    ):
        assert f'<span class="big figures">1</span> <a href="{path}">{words}</a>' in page


def test_what_cannot_be_is_not_found(box: tuple[Desk, Letterbox]) -> None:
    browser = box[0].browser()
    for path in ("/inbox?show=tea", "/inbox/99999", "/inbox/0", "/inbox/x", "/inbox/99999/mail.eml"):
        assert browser.get(path).status_code == 404, path


def test_older_mails_are_a_page_away(box: tuple[Desk, Letterbox], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PAGE", 1)
    browser = box[0].browser()
    first = browser.get("/inbox").text
    assert 'rel="next"' in first
    before = first.partition("before=")[2].partition('"')[0]
    assert 'rel="next"' not in browser.get(f"/inbox?show=needs&before={before}").text


def test_domains_are_shown_in_their_own_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, shown = "xn--e1afmkfd.example", "пример.example"
    one, other = (
        each.model_copy(update={"address": f"{name}@{encoded}"})
        for name, each in (("ana", PRACTITIONER), ("camille", FOCAL_POINT))
    )
    monkeypatch.setattr(letterbox, "RECIPIENTS", (one, other))
    with open_desk(tmp_path) as desk, reading() as reader:
        box = Letterbox(database=desk.database, path=tmp_path / "mail", reader=reader)
        box.send_invitations()
        desk.clock.now = NOW
        asked = replace(box.asked(one.address), attendee=f"assistant@{encoded}")
        answered = box.receive(google(asked, YES)).id
        bounced = box.receive(mails.report(box.return_path(other.address), other.address)).id
        browser = desk.browser()
        for path, times in (
            ("/inbox", 1),
            (f"/inbox/{answered}?who=novak", 4),
            (f"/inbox/{bounced}", 2),
            ("/inbox?show=bounce", 3),
        ):
            page = re.sub(r"<pre.*?</pre>|<[^>]*>", "|", browser.get(path).text, flags=re.DOTALL)
            assert encoded not in page, path
            assert page.count(f"@{shown}") == times, path


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Desk, int]]:
    """A desk of one's own, to which an unknown replier has answered; the number of the mail."""
    with open_desk(tmp_path) as desk, reading() as reader:
        box = Letterbox(database=desk.database, path=tmp_path / "mail", reader=reader)
        box.send_invitations()
        desk.clock.now = NOW
        came = box.receive(google(replace(box.asked(ANA), attendee=STRANGER), YES))
        box.receive(mails.report(box.return_path(CAMILLE), CAMILLE, words="550 no such user"))
        yield desk, came.id


def state(desk: Desk, number: int) -> IncomingState:
    with desk.database.reading() as c:
        found = incoming.look_up(c, EVENT.key, number)
    assert found
    return found.state


def answers(desk: Desk, address: str) -> list[Answer]:
    with desk.database.reading() as c:
        reader = incoming.reader_at(c, EVENT.key, address)
        assert reader
        return [each.answer for each in people.answers(c, reader.recipient_id)]


def test_an_unknown_repliers_answer_counts_for_whom_an_organiser_says(own: tuple[Desk, int]) -> None:
    desk, number = own
    browser = desk.browser()
    assert f'value="{ANA}"' in browser.get(f"/inbox/{number}?who=novak").text
    assert "Nobody on the list is like that" in browser.get(f"/inbox/{number}?who=nobody").text
    done = post(browser, f"/inbox/{number}/decide", verdict="accept", address=ANA)
    assert (done.status_code, done.headers["location"]) == (303, f"/inbox/{number}")
    assert answers(desk, ANA) == [Answer.ACCEPTED]
    assert deeds(desk)[-1][1:] == ("decided", f"mail {number}: taken for {ANA}")
    assert "Nothing needs you" in browser.get("/inbox").text


def test_what_is_dismissed_has_no_consequence(own: tuple[Desk, int]) -> None:
    desk, number = own
    post(desk.browser(), f"/inbox/{number}/decide", verdict="dismiss", address=ANA)
    assert answers(desk, ANA) == []
    assert state(desk, number) is IncomingState.DECIDED
    assert deeds(desk)[-1][1:] == ("decided", f"mail {number}: dismissed")


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({}, "Say whose it is"),
        ({"verdict": "accept"}, "Say whose it is"),
        ({"verdict": "perhaps", "address": ANA}, "Say whose it is"),
        ({"verdict": "accept", "address": STRANGER}, "is on no list of this event"),
    ],
)
def test_what_cannot_be_decided_is_refused(own: tuple[Desk, int], form: dict[str, str], problem: str) -> None:
    desk, number = own
    before = desk.dump()
    refused = post(desk.browser(), f"/inbox/{number}/decide", **form)
    assert refused.status_code == 422
    assert problem in refused.text
    assert f'value="{form.get("address", "")}"' in refused.text or not form.get("address")
    assert desk.dump() == before


def test_whoever_decides_second_is_told(own: tuple[Desk, int]) -> None:
    desk, number = own
    browser = desk.browser()
    post(browser, f"/inbox/{number}/decide", verdict="dismiss")
    before = desk.dump()
    second = post(browser, f"/inbox/{number}/decide", verdict="accept", address=ANA)
    assert second.status_code == 422
    assert f"Mail {number} waits for nobody" in second.text
    assert desk.dump() == before


def test_an_address_that_is_right_is_written_to_again(own: tuple[Desk, int]) -> None:
    desk, _ = own
    browser = desk.browser()
    assert "1 address reported as wrong" in browser.get("/inbox?show=bounce").text
    for _ in range(2):  # the second finds it done
        assert post(browser, "/inbox/clear", address=CAMILLE).status_code == 303
    assert "reported as wrong" not in browser.get("/inbox?show=bounce").text
    assert [what for _, did, what in deeds(desk) if did == "cleared"] == [
        f"the address {CAMILLE}: it is right"
    ]


def test_wrong_addresses_are_a_page_away_each(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PAGE", 2)
    with desk.database.writing() as c:
        members = people.roster(c, EVENT.key)
        for number, each in enumerate(members):
            flags.flag(c, each.id, desk.clock() + timedelta(minutes=number // 3))
    browser, seen, path = desk.browser(), list[str](), "/inbox?show=bounce"
    for _ in range(3):
        page = browser.get(path).text
        assert "5 addresses reported as wrong" in page
        seen += re.findall(r'action="/inbox/clear"><input type="hidden" name="address" value="([^"]+)"', page)
        more = re.search(r'rel="next" href="([^"#]+)#wrong"', page)
        path = html.unescape(more[1]) if more else ""
    assert path == ""
    assert sorted(seen) == sorted(each.recipient.address for each in members)
    for moment in ("yesterday", "2027-01-11T08:00:00"):  # the second says of no place on earth
        assert browser.get(f"/inbox?show=bounce&reported={moment}&whose=1").status_code == 404


def test_a_viewer_may_look_and_decide_nothing(tmp_path: Path) -> None:
    with open_desk(tmp_path, is_demo=False) as desk, reading() as reader:
        box = Letterbox(database=desk.database, path=tmp_path / "mail", reader=reader)
        box.send_invitations()
        number = box.receive(google(replace(box.asked(ANA), attendee=STRANGER), YES)).id
        viewer = _signed_in(desk, Role.VIEWER)
        assert viewer.get("/inbox").status_code == viewer.get(f"/inbox/{number}").status_code == 200
        assert "It counts for this person" not in viewer.get(f"/inbox/{number}").text
        for path in (f"/inbox/{number}/decide", "/inbox/clear"):
            assert viewer.post(path, data={"verdict": "dismiss"}, headers=OURS).status_code == 403
        assert state(desk, number) is IncomingState.OPEN
        assert [did for _, did, _ in deeds(desk)][-2:] == ["was refused", "was refused"]


# ── the sheet ────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_answers_are_one_line_a_person_and_no_cell_is_a_formula(empty_desk: Desk) -> None:
    hostile = PRACTITIONER.model_copy(update={"given_name": "=cmd|'/c calc'!A1", "institution": "@SUM(1)"})
    listed = [hostile if each == PRACTITIONER else each for each in RECIPIENTS]
    empty_desk.publish(EVENT, listed)
    with empty_desk.database.writing() as c:
        for member in people.roster(c, EVENT.key):
            if member.recipient.address == ANA:
                for anchor in ("event", "session-1"):
                    people.record_answer(
                        c, member.id, anchor, "accepted", empty_desk.clock(), "page", sequence=0
                    )
    sheet = empty_desk.browser().get("/replies/answers.csv")
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert sheet.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"), newline="")))
    assert {row["email"] for row in rows} == {each.address for each in listed}
    (ana,) = [row for row in rows if row["email"] == ANA]
    assert (ana["answer"], ana["session-1"]) == ("accepted", "accepted")
    assert ana["name"].endswith("Novak")
    assert ana["institution"] == "'@SUM(1)"
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]


def test_a_long_sheet_is_read_a_thousand_at_a_time(empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people.some, "__defaults__", (2,))
    empty_desk.publish()
    sheet = empty_desk.browser().get("/replies/answers.csv").text
    assert len(sheet.splitlines()) == len(RECIPIENTS) + 1


def test_nothing_published_is_an_empty_sheet(empty_desk: Desk) -> None:
    assert empty_desk.browser().get("/replies/answers.csv").text.strip("\ufeff") == ""


def test_questions_say_how_far_they_are(own: tuple[Desk, int]) -> None:
    desk, _ = own
    with desk.database.writing() as c:
        incoming.keep(c, "m", "1", b"Subject: visa\r\n\r\nWhen?", NOW)
        found = incoming.next_new(c)
        assert found
        incoming.end(
            c,
            found[0].id,
            IncomingState.SORTED,
            "a person wrote it",
            kind="question",
            forward=Forward.WAITING,
        )
        incoming.move_forward(
            c, found[0].id, Forward.WAITING, Forward.FAILED, NOW, "it could not be forwarded"
        )
    page = desk.browser().get("/inbox?show=question").text
    assert "could not be forwarded: answer it yourself" in page
    assert "needs you" in page

"""The outbox as organisers use it: letters found, held back, settled, and sent to the right address."""

import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from playwright.sync_api import Browser
from sqlalchemy import event

from mailer.outbox import audit, claims, letters, people
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.schema import Role
from mailer.web import pages
from mailer.web.organiser import outbox
from tests.conference import EVENT, FOCAL_POINT, PRACTITIONER, RECIPIENTS
from tests.outbox.world import told
from tests.web.agendas import CONFERENCE
from tests.web.desk import Desk, published
from tests.web.test_door import OURS, _signed_in, real

__all__ = ["real"]

H, S = Happening, LetterState
THROUGH = "smtp://mail.ministry.example:25"


def post(browser: TestClient, path: str, **form: str) -> Response:
    response: Response = browser.post(path, data=form, headers=OURS)
    return response


def happen(desk: Desk, address: str, *happenings: Happening, reply: str = "") -> LetterRow:
    """Let this happen to the invitation to this person, which is written down and waits."""
    with desk.database.writing() as c:
        claimed = claims.claim(c, "one", desk.clock(), 100, timedelta(minutes=1))
    this = next(each for each in claimed if each.recipient.address == address)
    row = letter_to(desk, address)
    composed = desk.service.compose(row)
    for happening in happenings:
        facts = {"reply": reply}
        if happening is H.INTENDED:
            facts = {"digest": hashlib.sha256(composed.raw).hexdigest(), "reply": THROUGH}
        with desk.database.writing() as c:
            claims.happen(c, [told(this, happening, **facts)], desk.clock())
    with desk.database.writing() as c:
        claims.recover(c, desk.clock() + timedelta(minutes=2))
    return letter_to(desk, address)


def letter_to(desk: Desk, address: str) -> LetterRow:
    with desk.database.reading() as c:
        found = letters.search(c, desk.office.event, address=address)
    return found[-1]


def deeds(desk: Desk) -> list[tuple[str, str, str]]:
    with desk.database.reading() as c:
        return [(each.who, each.did, each.what) for each in audit.deeds(c)][::-1]


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Desk]:
    """The invitations are written, and wait."""
    with published(tmp_path) as desk:
        desk.service.plan(desk.clock())
        yield desk


@pytest.fixture
def doubtful(waiting: Desk) -> LetterRow:
    """The practitioner's invitation is in doubt."""
    return happen(waiting, PRACTITIONER.address, H.INTENDED, H.LOST, reply="the line broke")


# ── the overview ─────────────────────────────────────────────────────────────────────────────────────────────


def test_letters_are_counted_by_mailing_and_state_and_each_count_leads_to_them(desk: Desk) -> None:
    page = desk.browser().get("/outbox").text
    assert 'href="/outbox?mailing=invitation&amp;state=sent#letters"' in page
    assert page.count('class="subject"') == len(RECIPIENTS)
    assert "Nothing is leaving now" in page
    assert re.search(r"The next is <span[^>]*>[A-Z]", page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 5),
        ({"q": "NOVAK"}, 1),
        ({"q": "ana prosecution"}, 1),
        ({"q": "حداد"}, 1),
        ({"q": "novak tremblay"}, 0),
        ({"q": "given_name"}, 0),
        ({"q": "%"}, 0),
        ({"q": "_"}, 0),
        ({"q": '"'}, 0),
        ({"mailing": "invitation"}, 5),
        ({"mailing": "agenda"}, 0),
        ({"mailing": "'; DROP TABLE letter"}, 0),
        ({"state": "sent"}, 5),
        ({"state": "in_doubt"}, 0),
        ({"state": "sent", "mailing": "invitation", "q": "novak"}, 1),
    ],
)
def test_letters_are_found_by_reader_mailing_and_state(
    calm_desk: Desk, query: dict[str, str], found: int
) -> None:
    page = calm_desk.browser().get("/outbox", params=query).text
    assert page.count('class="subject"') == found
    assert ("No letter is like that" in page) == (found == 0)


def test_older_letters_are_a_page_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAGE", 2)
    browser, seen, path = desk.browser(), [], "/outbox?state=sent"
    for _ in range(3):
        page = browser.get(path).text
        seen += re.findall(r'class="subject"><a href="(/outbox/\d+)"', page)
        more = re.search(r'rel="next" href="([^"#]+)', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert path == ""
    assert len(set(seen)) == len(seen) == 5


def test_a_page_costs_the_same_however_many_letters_there_are(
    waiting: Desk,
) -> None:
    more = [
        PRACTITIONER.model_copy(update={"address": f"p{n}@prosecution.example"})
        for n in range(2 * outbox.PAGE)
    ]
    costs = []
    for listed in (RECIPIENTS, [*RECIPIENTS, *more]):
        waiting.publish(EVENT, listed)
        waiting.clock.move(minutes=1)
        waiting.service.plan(waiting.clock())
        for path in ("/outbox", "/outbox?q=novak", "/outbox?state=waiting", "/outbox/run"):
            costs.append((path, *cost(waiting, path)))
    few, many = costs[:4], costs[4:]
    assert [(path, statements) for path, statements, _ in few] == [(path, n) for path, n, _ in many]
    assert max(size for *_, size in many) < 100_000


def cost(desk: Desk, path: str) -> tuple[int, int]:
    """Statements and bytes of one page."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    browser = desk.browser()
    browser.get(path)
    event.listen(desk.database.engine, "before_cursor_execute", note)
    try:
        page = browser.get(path)
    finally:
        event.remove(desk.database.engine, "before_cursor_execute", note)
    assert page.status_code == 200
    return len(seen), len(page.content)


def test_what_cannot_be_is_not_found(calm_desk: Desk) -> None:
    browser = calm_desk.browser()
    for path in ("/outbox?state=lost", "/outbox/99999", "/outbox/0", "/outbox/x", "/outbox/hold?mailing=tea",
                 "/outbox/99999/letter.eml", "/outbox/1?show=pdf", f"/outbox/{2**70}"):  # fmt: skip
        assert browser.get(path).status_code == 404, path


def test_another_events_letter_is_not_shown(desk: Desk) -> None:
    other = EVENT.model_copy(update={"key": "another"})
    desk.service.publish(other, RECIPIENTS, desk.clock())
    replace(desk.service, event="another").plan(desk.clock())
    with desk.database.reading() as c:
        (first, *_) = letters.search(c, "another")
    assert desk.browser().get(f"/outbox/{first.id}").status_code == 404


def test_nothing_published_is_told(empty_desk: Desk) -> None:
    page = empty_desk.browser().get("/outbox")
    assert page.status_code == 200
    assert "Nothing is published yet" in page.text


def test_what_is_leaving_shows_its_rate_and_its_end(waiting: Desk) -> None:
    happen(waiting, PRACTITIONER.address, H.INTENDED, H.ACCEPTED, reply="250 ok")
    page = waiting.browser().get("/outbox/run").text
    assert "Leaving now" in page
    assert "1 of 5 done" in page
    assert '<span class="big figures">1</span> left in the last minute' in page
    assert "through in" in page


# ── holding ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mailing_is_paused_and_let_go_on(waiting: Desk) -> None:
    browser = waiting.browser()
    assert "5 letters written and not yet sent" in browser.get("/outbox/hold?mailing=invitation").text
    done = post(browser, "/outbox/pause", mailing="invitation", reason=" the <b>venue</b>\n is not certain ")
    assert (done.status_code, done.headers["location"]) == (303, "/outbox")
    waiting.work()
    page = browser.get("/outbox").text
    assert "the &lt;b&gt;venue&lt;/b&gt; is not certain" in page
    assert waiting.tray.count() == 0
    assert post(browser, "/outbox/resume", mailing="invitation").status_code == 303
    waiting.work()
    assert waiting.tray.count() == 5
    who = deeds(waiting)[-1][0]
    assert deeds(waiting) == [
        (who, "paused", "invitation: the <b>venue</b> is not certain"),
        (who, "resumed", "invitation"),
    ]


def test_everything_is_paused_and_stopped(waiting: Desk) -> None:
    browser = waiting.browser()
    post(browser, "/outbox/pause")
    assert '<strong dir="auto">Everything</strong> is paused' in browser.get("/outbox").text
    assert "These 5 letters will never be sent" in browser.get("/outbox/hold").text
    post(browser, "/outbox/stop")
    assert {letter_to(waiting, each.address).state for each in RECIPIENTS} == {S.WITHDRAWN}
    assert [did for _, did, _ in deeds(waiting)] == ["paused", "stopped"]
    assert "Nothing is written that could be stopped" in browser.get("/outbox/hold").text


def test_a_reason_may_be_so_long_and_comes_back_when_it_is_longer(waiting: Desk) -> None:
    before = waiting.dump()
    refused = post(waiting.browser(), "/outbox/pause", mailing="invitation", reason="tea" * 200)
    assert refused.status_code == 422
    assert "The reason has 600 characters; 300 are the most." in refused.text
    assert "tea" * 200 in refused.text
    assert waiting.dump() == before


ACTS = [
    ("/outbox/pause", {"mailing": "invitation"}, "pause letters"),
    ("/outbox/resume", {"mailing": "invitation"}, "let letters go on"),
    ("/outbox/stop", {"mailing": "invitation"}, "stop letters"),
    ("/outbox/1/settle", {"said": "found"}, "settle a letter in doubt"),
    ("/outbox/1/address", {"address": "a@b.example"}, "correct an address"),
    ("/outbox/1/retry", {}, "send a failed letter again"),
    ("/outbox/retry", {"mailing": "invitation", "cause": "550"}, "send failed letters again"),
]


@pytest.mark.parametrize(("path", "form", "to"), ACTS)
def test_a_viewer_may_look_and_do_nothing(real: Desk, path: str, form: dict[str, str], to: str) -> None:
    real.service.plan(real.clock())
    browser = _signed_in(real, Role.VIEWER)
    assert browser.get("/outbox").status_code == 200
    assert "Pause or stop" not in browser.get("/outbox").text
    assert browser.get("/outbox/1").status_code == 200
    before = letter_to(real, PRACTITIONER.address)
    assert post(browser, path, **form).status_code == 403
    assert letter_to(real, PRACTITIONER.address) == before
    assert deeds(real)[-1] == ("viewer", "was refused", to)


@pytest.mark.parametrize(("path", "form", "to"), ACTS)
def test_a_foreign_page_does_nothing(waiting: Desk, path: str, form: dict[str, str], to: str) -> None:
    before = waiting.dump()
    response = waiting.browser().post(path, data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    assert waiting.dump() == before


# ── one letter ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_letter_shows_its_history_down_to_the_servers_words(waiting: Desk) -> None:
    row = happen(
        waiting, PRACTITIONER.address, H.INTENDED, H.PUT_OFF, reply="451 4.7.1 <b>come</b> again later"
    )
    page = waiting.browser().get(f"/outbox/{row.id}").text
    assert "451 4.7.1 &lt;b&gt;come&lt;/b&gt; again later" in page
    assert "Handed over" in page
    assert "Put off" in page
    assert "Tried again" in page


def test_what_a_letter_says_is_what_left(desk: Desk) -> None:
    row = letter_to(desk, PRACTITIONER.address)
    browser = desk.browser()
    page = browser.get(f"/outbox/{row.id}").text
    assert "These are the bytes that were handed over." in page
    (kept,) = [letter for letter, _ in desk.tray.everything() if letter.recipient == PRACTITIONER.address]
    left = desk.tray.letter(kept.id)
    assert left
    source = browser.get(f"/outbox/{row.id}/letter.eml")
    assert source.content == left[1]
    frame = browser.get(f"/outbox/{row.id}/letter.html")
    assert frame.headers["content-security-policy"].startswith("sandbox ")
    assert frame.text == browser.get(f"/tray/{kept.id}/letter.html").text
    for view in ("text", "calendar", "raw"):
        assert browser.get(f"/outbox/{row.id}?show={view}").status_code == 200


@pytest.mark.parametrize(
    ("said", "state", "told_as"),
    [
        ("found", S.SENT, "it arrived"),
        ("not_found", S.WAITING, "it did not arrive, and is sent"),
        ("repeated", S.WAITING, "nobody knows; it is sent again"),
    ],
)
def test_a_doubt_is_settled_by_what_a_person_knows(
    waiting: Desk, doubtful: LetterRow, said: str, state: LetterState, told_as: str
) -> None:
    browser = waiting.browser()
    page = browser.get(f"/outbox/{doubtful.id}").text
    assert "Has the mail server got it?" in page
    assert waiting.service.compose(doubtful).message_id.strip("<>") in page
    done = post(browser, f"/outbox/{doubtful.id}/settle", said=said)
    assert (done.status_code, done.headers["location"]) == (303, f"/outbox/{doubtful.id}")
    assert letter_to(waiting, PRACTITIONER.address).state is state
    assert "settled by hand" in browser.get(f"/outbox/{doubtful.id}").text
    assert deeds(waiting)[-1][1:] == ("settled", f"letter {doubtful.id}: {told_as}")


def test_whoever_is_second_is_told_and_nothing_is_undone(waiting: Desk, doubtful: LetterRow) -> None:
    browser = waiting.browser()
    post(browser, f"/outbox/{doubtful.id}/settle", said="found")
    before = waiting.dump()
    second = post(browser, f"/outbox/{doubtful.id}/settle", said="not_found")
    assert second.status_code == 422
    assert f"Not in doubt: {doubtful.id}; nothing was changed." in second.text
    assert waiting.dump() == before


@pytest.mark.parametrize("said", ["", "sent", "FOUND", "claimed", "\x00"])
def test_what_is_no_verdict_is_refused(waiting: Desk, doubtful: LetterRow, said: str) -> None:
    before = waiting.dump()
    refused = post(waiting.browser(), f"/outbox/{doubtful.id}/settle", said=said)
    assert refused.status_code == 422
    assert "Say what is known of it." in refused.text
    assert waiting.dump() == before


def test_a_repetition_that_may_not_be_says_why(waiting: Desk, doubtful: LetterRow) -> None:
    with waiting.database.writing() as c:
        people.unsubscribe(c, doubtful.recipient_id, waiting.clock())
    browser = waiting.browser()
    page = browser.get(f"/outbox/{doubtful.id}").text
    assert "It cannot be sent again without knowing: its occasion or its reader is gone." in page
    refused = post(browser, f"/outbox/{doubtful.id}/settle", said="repeated")
    assert refused.status_code == 422
    assert "is not repeated: its occasion or its reader is gone; nothing was changed." in refused.text


# ── an address that was wrong ────────────────────────────────────────────────────────────────────────────────

RIGHT = "ana.novak@public-prosecution.example"


def test_what_failed_leaves_to_the_corrected_address(waiting: Desk) -> None:
    row = happen(waiting, PRACTITIONER.address, H.INTENDED, H.REFUSED, reply="550 5.1.1 no such user")
    browser = waiting.browser()
    assert "550 5.1.1 no such user" in browser.get("/outbox?state=failed").text
    done = post(browser, f"/outbox/{row.id}/address", address=f"  {RIGHT} ")
    assert done.status_code == 303
    waiting.clock.move(seconds=30)
    waiting.work()
    again = letter_to(waiting, RIGHT)
    assert (again.mailing, again.state) == ("invitation", S.SENT)
    assert waiting.tray.search(RIGHT)
    assert again.recipient == PRACTITIONER.model_copy(update={"address": RIGHT})
    assert letter_to(waiting, PRACTITIONER.address).state is S.FAILED
    assert "No longer on the list" in browser.get(f"/outbox/{row.id}").text
    assert deeds(waiting)[-1][1:] == ("corrected", f"{PRACTITIONER.address} is now {RIGHT}")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "It has no address"),
        ("ana", "is not one valid address"),
        ("a@b.example, c@d.example", "is not one valid address"),
        ("a@b.example\nBcc: c@d.example", "It holds a line break or control character"),
        ("x" * 11_000, "characters; a cell may have 10,000"),
        (PRACTITIONER.address.upper(), "is the address that stands in the list"),
        (FOCAL_POINT.address, "is on the list already, as somebody else"),
    ],
)
def test_what_cannot_be_an_address_is_refused_and_comes_back(
    waiting: Desk, address: str, problem: str
) -> None:
    row = happen(waiting, PRACTITIONER.address, H.INTENDED, H.REFUSED, reply="550 no")
    before = waiting.dump()
    refused = post(waiting.browser(), f"/outbox/{row.id}/address", address=address)
    assert refused.status_code == 422
    assert problem in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert waiting.dump() == before


# ── sending again what failed ────────────────────────────────────────────────────────────────────────────────

SPAM = "554 5.7.1 <b>refused</b> as spam"


def test_a_letter_that_failed_is_sent_again(waiting: Desk) -> None:
    row = happen(waiting, PRACTITIONER.address, H.INTENDED, H.REFUSED, reply=SPAM)
    browser = waiting.browser()
    assert "Send it again?" in browser.get(f"/outbox/{row.id}").text
    done = post(browser, f"/outbox/{row.id}/retry")
    assert (done.status_code, done.headers["location"]) == (303, f"/outbox/{row.id}")
    page = browser.get(f"/outbox/{row.id}").text
    assert "To be sent again" in page
    assert "Send it again?" not in page
    assert deeds(waiting)[-1][1:] == ("sent again", f"letter {row.id}")
    waiting.work()
    assert waiting.tray.count() == len(RECIPIENTS)
    second = post(browser, f"/outbox/{row.id}/retry")
    assert second.status_code == 422
    assert f"Letter {row.id} is not sent again: it has not failed; nothing was changed." in second.text


def test_one_that_stays_failed_says_why_and_is_not_sent(waiting: Desk) -> None:
    row = happen(waiting, PRACTITIONER.address, H.INTENDED, H.REFUSED, reply=SPAM)
    waiting.publish(recipients=[each for each in RECIPIENTS if each != PRACTITIONER])
    browser, before = waiting.browser(), letter_to(waiting, PRACTITIONER.address)
    page = browser.get(f"/outbox/{row.id}").text
    assert "It is not sent again: its reader is no longer on the list under this address." in page
    assert post(browser, f"/outbox/{row.id}/retry").status_code == 422
    assert letter_to(waiting, PRACTITIONER.address) == before


def test_a_doubt_offers_no_retry(waiting: Desk, doubtful: LetterRow) -> None:
    browser = waiting.browser()
    assert "Send it again?" not in browser.get(f"/outbox/{doubtful.id}").text
    assert post(browser, f"/outbox/{doubtful.id}/retry").status_code == 422
    assert letter_to(waiting, PRACTITIONER.address).state is S.IN_DOUBT


def test_all_that_failed_of_one_cause_are_sent_again_after_a_look(waiting: Desk) -> None:
    for address in (PRACTITIONER.address, FOCAL_POINT.address):
        happen(waiting, address, H.INTENDED, H.REFUSED, reply=f"{SPAM} <{address}>")
    browser = waiting.browser()
    listed = browser.get("/outbox?mailing=invitation&state=failed").text
    assert "What they failed of" in listed
    assert "&lt;b&gt;refused&lt;/b&gt;" in listed
    assert "What they failed of" not in browser.get("/outbox?mailing=invitation").text
    (leads,) = re.findall(r'href="(/outbox/retry[^"]+)"', listed)
    page = browser.get(leads.replace("&amp;", "&")).text
    assert '<span class="big figures">2</span> letters may leave again' in page
    cause = html.unescape(re.findall(r'name="cause" value="([^"]*)"', page)[0])
    assert {letter_to(waiting, each).state for each in (PRACTITIONER.address, FOCAL_POINT.address)} == {
        S.FAILED
    }

    done = post(browser, "/outbox/retry", mailing="invitation", cause=cause)
    assert (done.status_code, done.headers["location"]) == (303, "/outbox")
    assert deeds(waiting)[-1][1:] == ("sent again", f"2 letters of invitation that failed of: {cause}")
    waiting.work()
    assert waiting.tray.count() == len(RECIPIENTS)
    assert browser.get(leads.replace("&amp;", "&")).status_code == 404  # nothing failed of it any more


@pytest.mark.parametrize(
    "query", ["", "?mailing=invitation", "?mailing=tea&cause=550", "?mailing=invitation&cause=x"]
)
def test_a_cause_that_is_none_is_not_found(calm_desk: Desk, query: str) -> None:
    assert calm_desk.browser().get(f"/outbox/retry{query}").status_code == 404


def test_on_a_tablet_what_is_said_of_a_letter_or_a_mailing_stands_beside_it(
    chromium: Browser, address: str
) -> None:
    context = chromium.new_context(viewport={"width": 800, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/outbox")
    tops = "rows => rows.map(row => new Set([...row.children].map(cell => cell.getBoundingClientRect().top)).size)"
    assert page.locator(".letters tbody tr").evaluate_all(tops) == [1] * len(RECIPIENTS)
    heights = "rows => rows.map(row => row.getBoundingClientRect().height)"
    assert max(page.locator(".by-state tbody tr").evaluate_all(heights)) < 60
    assert page.evaluate("document.documentElement.scrollWidth") == 800
    context.close()


def test_a_domain_is_shown_in_its_own_script_and_left_as_it_is_in_the_letter(empty_desk: Desk) -> None:
    ana = PRACTITIONER.model_copy(update={"address": "ana@xn--bcher-kva.xn--e1afmkfd.example"})
    empty_desk.publish(CONFERENCE, (ana,))
    empty_desk.work()
    browser = empty_desk.browser()
    assert post(browser, "/agenda/sessions/registration", seen="1.0", start="08:30").status_code == 303
    of_the_agenda = ("/agenda/publish", "/agenda/publish/people?anchor=event&effect=request")
    for path in (
        *("/outbox", "/outbox/1", "/outbox/1?show=calendar", "/tray", "/people/list", "/people/1"),
        *of_the_agenda,
    ):
        page = browser.get(path)
        assert page.status_code == 200, path
        assert ">ana@bücher.пример.example<" in page.text, path
        assert ">ana@xn--" not in page.text, path
    assert "ana@xn--bcher-kva.xn--e1afmkfd.example" in browser.get("/outbox/1?show=raw").text


def test_a_domain_that_cannot_be_shown_stays_as_it_is() -> None:
    for address in ("a@xn--\u00e9.example", "a@xn--99999999999.example", "a@b.example", "nothing", ""):
        assert pages.readable(address) == address


def _in_ascii(label: str) -> str:
    return f"a@xn--{label.encode('punycode').decode()}.example"


@pytest.mark.parametrize(
    "label",
    [
        "bücher",
        "łódź",
        "straße",
        "münchen-2027",
        "пример",
        "київ",
        "παράδειγμα",
        "հայաստան",
        "مثال",
        "उदाहरण",
        "ตัวอย่าง",
        "דוגמה",
        "例え",
        "テスト",
        "ラーメン",
        "佐々木",
        "서울",
    ],
)
def test_a_domain_in_one_script_is_shown_in_it(label: str) -> None:
    assert pages.readable(_in_ascii(label)) == f"a@{label}.example"
    assert pages.readable(_in_ascii(label).replace("xn--", "XN--")) == f"a@{label}.example"


@pytest.mark.parametrize(
    "label",
    [
        "p\u0430ypal",  # a Cyrillic letter in a Latin word
        "примеp",  # and the other way round
        "g\u03bf\u03bfgle",  # Greek in Latin
        "аррӏе",  # wholly Cyrillic, and each letter a twin of a Latin one
        "сосё",  # an accent tells no more
        "νοο",
        "յոս",
        "\ua4ee\ua4d3\ua4d3\ua4e1\ua4f0",  # Lisu, which is made of Latin capitals
        "\u0251pple",  # a Latin letter that is no ASCII one, and looks like it
        "b\u0131g",
        "google",  # nothing is hidden in it: RFC 3492 has no need of itself
        "bÜcher",
        "bu\u0308cher",
        "b\u2044ü",
        "b.ü",
        "☕",
        "-2027-",
    ],
)
def test_a_domain_that_could_be_taken_for_another_stays_as_it_is(label: str) -> None:
    assert pages.readable(_in_ascii(label)) == _in_ascii(label)


def test_a_domain_is_shown_only_if_it_is_encoded_as_it_would_be() -> None:
    assert pages.readable("a@xn--BCHER-KVA.example") == "a@bücher.example"
    for address in ("a@xn---e1afmkfd.example", _in_ascii("ü" * 60 + "é" * 60)):
        assert pages.readable(address) == address

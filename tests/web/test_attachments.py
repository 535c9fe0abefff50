"""The files of a mailing on the desk: added, seen, given back, taken off; refused as a file's are, and never shown."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from playwright.sync_api import Browser

from mailer.agenda.attachments import LARGEST
from mailer.outbox import agendas, audit
from mailer.outbox.schema import Role
from mailer.settings import ROOT
from mailer.web.gate import MAX_FILES_BYTES
from mailer.web.organiser.agenda import drafting_of
from mailer.web.serving import reserve, serve
from tests.judges import axe
from tests.web.agendas import CONFERENCE as EVENT
from tests.web.desk import Desk, published
from tests.web.test_door import OURS, _signed_in

AT = "/mailings/invitation/attachments"
PDF = b"%PDF-1.7\n" + b"the programme\n" * 900
FILE = f"{EVENT.key}/invitation/programme.pdf"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with published(tmp_path, EVENT) as desk:
        yield desk


@pytest.fixture
def careful(tmp_path: Path) -> Iterator[Desk]:
    """One needs an account."""
    with published(tmp_path, EVENT, is_demo=False) as desk:
        yield desk


def _add(
    browser: TestClient, *files: tuple[str, bytes], seen: str = "1.0", kind: str = "application/pdf"
) -> Response:
    sent = [("file", (name, content, kind)) for name, content in files]
    answer: Response = browser.post(AT, data={"seen": seen}, files=sent or None, headers=OURS)
    return answer


def _draft(desk: Desk) -> list[str]:
    draft = drafting_of(desk.office, "test").look()
    return [each.file for each in draft.event.mailing("invitation").attachments]


def _text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_file_goes_into_the_draft_and_with_letters_once_that_is_published(desk: Desk) -> None:
    browser = desk.browser()
    added = _add(browser, ("programme.pdf", PDF), ("Übersicht „Räume“.docx", b"PK\x03\x04"))
    assert (added.status_code, added.headers["location"]) == (303, "/mailings/invitation#attachments")
    with desk.database.reading() as transaction:
        assert agendas.latest(transaction, EVENT.key).event == EVENT  # type: ignore[union-attr]

    page = browser.get("/mailings/invitation").text
    assert "programme.pdf 13 kB in the draft" in _text(page)
    assert 'href="/agenda/publish"' in page
    assert "<ins>programme.pdf (13 kB, " in browser.get("/agenda/publish").text

    seen = drafting_of(desk.office, "Maria").look().seen
    assert browser.post("/agenda/publish", data={"seen": seen}, headers=OURS).status_code == 303
    page = _text(browser.get("/mailings/invitation").text)
    assert "programme.pdf 13 kB" in page
    assert "kB in the draft" not in page
    assert "2 files; the whole letter has" in page


def test_a_file_is_given_back_to_be_kept_and_never_shown(desk: Desk) -> None:
    """Whatever it says it is, and whatever is in it."""
    browser = desk.browser()
    script = b"<script>alert(1)</script>"
    _add(browser, ("Überblick.txt", script), kind="text/html")
    (link,) = re.findall(rf'href="({AT}/[0-9a-f]{{64}})"', browser.get("/mailings/invitation").text)

    given = browser.get(link)
    assert given.content == script
    assert given.headers["content-type"] == "application/octet-stream"
    assert given.headers["x-content-type-options"] == "nosniff"
    assert given.headers["content-disposition"] == (
        "attachment; filename=\"_berblick.txt\"; filename*=UTF-8''%C3%9Cberblick.txt"
    )
    assert "default-src 'none'" in given.headers["content-security-policy"]
    assert browser.get(f"{AT}/{'0' * 64}").status_code == 404
    assert browser.get(link.replace("invitation", "report")).status_code == 404
    assert browser.get(f"{AT}/../../../etc/passwd").status_code == 404


def _letters_with_files(desk: Desk) -> TestClient:
    browser = desk.browser()
    _add(browser, ("programme.pdf", PDF), ("Überblick.txt", b"<script>alert(1)</script>"))
    drafting_of(desk.office, "Maria").publish("1.1")
    desk.work()
    return browser


def test_a_letter_lists_the_files_that_go_with_it_to_be_kept_as_they_came(desk: Desk) -> None:
    browser = _letters_with_files(desk)
    for at in ("/tray/1", "/outbox/1"):
        page = browser.get(at).text
        listed = page.partition('aria-label="Files that go with it"')[2].partition("</ul>")[0]
        assert "programme.pdf PDF, 13 kB" in _text(listed)
        assert "Überblick.txt TXT, 25 bytes" in _text(listed)
        links = re.findall(r'href="([^"]+)"', listed)
        files = [browser.get(link) for link in links]
        assert re.search(r"\w+\.ics ICS, \d kB", _text(listed))  # as its reader's mail program shows it
        assert [each.content for each in files][1:] == [PDF, b"<script>alert(1)</script>"]
        assert {each.headers["content-type"] for each in files} == {"application/octet-stream"}
        assert {each.headers["x-content-type-options"] for each in files} == {"nosniff"}
        assert 'filename="programme.pdf"' in files[1].headers["content-disposition"]
        assert browser.get(f"{at}/files/99").status_code == 404
        assert browser.get(f"{at}/files/0").status_code == 404


def test_who_may_only_look_sees_which_files_go_with_a_letter(careful: Desk) -> None:
    organiser, viewer = _signed_in(careful, Role.ORGANISER), _signed_in(careful, Role.VIEWER)
    _add(organiser, ("programme.pdf", PDF))
    drafting_of(careful.office, "Maria").publish("1.1")
    careful.work()
    link = re.search(r"/tray/1/files/\d+", organiser.get("/tray/1").text)
    assert link
    page = viewer.get("/tray/1").text
    assert "programme.pdf PDF, 13 kB" in _text(page)
    assert "/files/" not in page
    assert (organiser.get(link[0]).status_code, viewer.get(link[0]).status_code) == (200, 403)


def test_a_file_of_a_strange_name_can_be_kept(desk: Desk) -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; "
        b"filename*=utf-8''a%0D%0AX-Evil%3A%20%3Cb%3E.pdf%22%5C\r\n\r\nhello\r\n--x--\r\n"
    )
    number = desk.tray.keep(raw, sender="a@b.example", recipient="c@d.example", received_at=desk.clock())
    page = desk.browser().get(f"/tray/{number}").text
    (link,) = re.findall(rf"/tray/{number}/files/\d+", page)
    kept = desk.browser().get(link)
    assert (kept.status_code, kept.content) == (200, b"hello")
    assert kept.headers["content-disposition"] == (
        "attachment; filename=\"a__X-Evil: <b>.pdf__\"; filename*=UTF-8''a__X-Evil%3A%20%3Cb%3E.pdf%22%5C"
    )
    assert "<b>.pdf" not in page


def test_a_part_of_a_letter_is_decoded_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = _letters_with_files(desk)
    decoded = list[str]()
    payload_of: Callable[..., object] = EmailMessage.get_payload

    def counted(part: EmailMessage, i: int | None = None, decode: bool = False) -> object:
        if decode:
            decoded.append(part.get_content_type())
        return payload_of(part, i, decode)

    monkeypatch.setattr(EmailMessage, "get_payload", counted)
    assert "programme.pdf" in browser.get("/tray/1").text
    assert decoded.count("text/plain") == 2  # the letter itself, and the overview that goes with it
    assert decoded.count("text/html") == decoded.count("application/pdf") == 1


def test_the_rehearsal_names_the_files_that_letters_carry(desk: Desk) -> None:
    browser = _letters_with_files(desk)
    browser.get("/rehearsal")
    for thread in threading.enumerate():
        if thread.name == "rehearsing":
            thread.join(60)
    with_them = "With programme.pdf (13 kB) , Überblick.txt (25 bytes)"
    page = browser.get("/rehearsal").text
    assert with_them in _text(page)
    (person, *_) = re.findall(r"as=(\d+)", page)
    inbox = browser.get(f"/rehearsal?at=0&as={person}").text.partition("<h4>Inbox</h4>")[2]
    assert with_them in _text(inbox)


def test_a_name_is_text(desk: Desk) -> None:
    browser = desk.browser()
    _add(browser, ("{{7+7}}&amp;'x'.pdf", PDF))
    page = browser.get("/mailings/invitation").text
    assert "{{7+7}}&amp;amp;&#39;x&#39;.pdf" in page
    refused = _add(browser, ("<img src=x onerror=alert(1)>.pdf", PDF), seen="1.1")
    assert refused.status_code == 422
    assert "<img src=x" not in refused.text


def test_a_file_is_taken_off_in_the_draft(desk: Desk) -> None:
    browser = desk.browser()
    _add(browser, ("programme.pdf", PDF))
    drafting_of(desk.office, "Maria").publish("1.1")
    assert browser.post(f"{AT}/take-off", data={"seen": "2.0", "file": "x"}, headers=OURS).status_code == 404
    off = browser.post(f"{AT}/take-off", data={"seen": "2.0", "file": FILE}, headers=OURS)

    assert (off.status_code, _draft(desk)) == (303, [])
    assert "programme.pdf 13 kB taken off in the draft" in _text(browser.get(AT).text)


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_attached(desk: Desk) -> None:
    refused = _add(desk.browser(), ("setup.exe", b"MZ"), ("empty.pdf", b""), ("programme.pdf", PDF))
    assert refused.status_code == 422
    said = _text(refused.text)
    assert "(.exe) that mail systems refuse" in said
    assert "&#39;empty.pdf&#39; is empty" in said
    assert _draft(desk) == []
    nothing = _add(desk.browser())
    assert (nothing.status_code, "choose a file" in nothing.text) == (422, True)
    too_many = _add(desk.browser(), *((f"{n}.pdf", PDF) for n in range(6)))
    assert (too_many.status_code, "at most 5" in too_many.text) == (422, True)


def test_more_than_a_letter_may_carry_is_too_much(desk: Desk) -> None:
    browser = desk.browser()
    too_large = _add(browser, ("a.pdf", bytes(LARGEST + 1)))
    assert (too_large.status_code, "7 MB" in too_large.text) == (413, True)
    assert _add(browser, ("a.pdf", bytes(MAX_FILES_BYTES + 1))).status_code == 413
    elsewhere = browser.post("/mailings/invitation", files={"file": ("a.pdf", bytes(100_000))}, headers=OURS)
    assert elsewhere.status_code == 413
    assert _add(browser, ("a.pdf", bytes(LARGEST))).status_code == 303
    assert _add(browser, ("b.pdf", PDF), seen="1.1").status_code == 422
    assert _draft(desk) == [f"{EVENT.key}/invitation/a.pdf"]


def test_the_second_of_two_is_told_and_the_first_ones_file_stays(desk: Desk) -> None:
    browser = desk.browser()
    _add(browser, ("programme.pdf", PDF))
    second = _add(browser, ("map.png", b"\x89PNG"))
    assert (second.status_code, "Somebody else has changed the agenda" in second.text) == (409, True)
    assert 'name="seen" value="1.1"' in second.text
    assert _draft(desk) == [FILE]
    again = browser.post(f"{AT}/take-off", data={"seen": "1.0", "file": FILE}, headers=OURS)
    assert (again.status_code, _draft(desk)) == (409, [FILE])


def test_who_may_only_look_changes_nothing_and_that_is_written_down(careful: Desk) -> None:
    viewer = _signed_in(careful, Role.VIEWER)
    assert _add(viewer, ("programme.pdf", PDF)).status_code == 403
    assert viewer.post(f"{AT}/take-off", data={"file": FILE}, headers=OURS).status_code == 403
    assert 'type="file"' not in viewer.get("/mailings/invitation").text
    assert _draft(careful) == []
    with careful.database.reading() as transaction:
        deeds = [(deed.who, deed.did, deed.what) for deed in audit.deeds(transaction)][:2]
    assert deeds == [(Role.VIEWER, "was refused", "change the attachments of a mailing")] * 2


def test_who_attached_what_is_in_the_audit(careful: Desk) -> None:
    _add(_signed_in(careful, Role.ORGANISER), ("programme.pdf", PDF))
    with careful.database.reading() as transaction:
        deed = audit.deeds(transaction)[0]
    assert (deed.who, deed.did) == (Role.ORGANISER, "changed the agenda's draft")
    assert deed.what.startswith("Invitation: attachments none -> programme.pdf (13 kB, ")


def test_what_leaves_by_itself_has_no_files(desk: Desk) -> None:
    browser = desk.browser()
    assert "Attachments" not in browser.get("/mailings/update").text
    for key in ("update", "nowhere"):
        assert browser.get(f"/mailings/{key}/attachments").status_code == 404
        sent = browser.post(
            f"/mailings/{key}/attachments", data={"seen": "1.0"}, files={"file": ("a.pdf", PDF)}, headers=OURS
        )
        assert sent.status_code == 404


def test_a_strange_form_changes_nothing(desk: Desk) -> None:
    browser = desk.browser()
    before = desk.dump()
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert (
        browser.post(AT, data={"seen": "1.0"}, files={"file": ("a.pdf", PDF)}, headers=foreign).status_code
        == 403
    )
    assert browser.post(AT, data={"seen": "1.0", "file": "text"}, headers=OURS).status_code in {400, 404, 422}
    broken = {**OURS, "Content-Type": "multipart/form-data; boundary=x"}
    assert browser.post(AT, content=b"--x\r\n", headers=broken).status_code in {400, 409, 422}
    assert desk.dump() == before


# ── in a browser ─────────────────────────────────────────────────────────────────────────────────────────────


def test_in_a_browser_files_are_chosen_seen_and_taken_off(
    desk: Desk, chromium: Browser, tmp_path: Path
) -> None:
    if reason := axe.missing():
        pytest.skip(reason)
    names = ("programme.pdf", "برنامج المؤتمر.pdf")
    for name in names:
        (tmp_path / name).write_bytes(PDF + name.encode())
    with serve(desk.office, reserve(0)) as address:
        context = chromium.new_context(viewport={"width": 1440, "height": 1000}, bypass_csp=True)
        page = context.new_page()
        page.goto(f"{address}/mailings/invitation")
        page.get_by_label("Files for every reader").set_input_files([tmp_path / name for name in names])
        page.get_by_role("button", name="Attach").click()
        page.wait_for_url("**#attachments")
        with page.expect_download() as download:
            page.get_by_role("link", name=names[1]).click()
        assert download.value.suggested_filename == names[1]
        assert Path(download.value.path()).read_bytes() == PDF + names[1].encode()
        if os.environ.get("CONVENOR_PICTURES") == "1":
            page.locator("section.attachments").screenshot(path=ROOT / "docs" / "images" / "attachments.png")
        page.get_by_role("button", name="Take off programme.pdf").click()
        page.wait_for_url("**#attachments")
        assert page.locator(".attached li").all_inner_texts()[0].startswith("PDF")
        assert page.locator(".attached li").count() == 1
        for scheme in ("light", "dark"):
            for width in (390, 1440):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 900})
                assert axe.judge(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()

"""`/start`: a newcomer is led from nothing to the first letter."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from mailer.delivery.envelope import Parcel
from mailer.delivery.outcome import Outcome
from mailer.delivery.relay import Relay
from mailer.errand import errand_with
from mailer.mailings import MOST_TESTS
from mailer.outbox import agendas, audit, people
from mailer.outbox.letter import Happening
from mailer.outbox.roles import Role
from mailer.settings import EXAMPLE, ROOT, VARIABLES, load
from mailer.starting import Hands, Setup
from mailer.web.gate import MAX_BODY_BYTES, MAX_LIST_BYTES
from tests.test_starting import BASICS, LIST
from tests.web.desk import Desk, open_desk
from tests.web.test_door import OURS, _signed_in

RELAY = Relay(host="mail.ministry.example", port=25)
FORM = {name: getattr(BASICS, name) for name in BASICS.__dataclass_fields__}


def _with_setup(desk: Desk, tmp_path: Path, event: str = "", **setup: object) -> Desk:
    made = Setup(
        path=tmp_path / "project" / "agenda" / "mine.toml", shown="agenda/mine.toml", example=EXAMPLE,
        templates=ROOT / "templates", **setup,  # type: ignore[arg-type]
    )  # fmt: skip
    made.path.parent.parent.mkdir(exist_ok=True)
    return replace(desk, office=replace(desk.office, event=event, setup=made))


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Desk]:
    """A desk without an event."""
    with open_desk(tmp_path, is_demo=False) as desk:
        yield _with_setup(desk, tmp_path)


def _agenda(desk: Desk) -> Path:
    assert desk.office.setup
    return desk.office.setup.path


def _newcomer(desk: Desk) -> TestClient:
    browser = _signed_in(desk, Role.ADMINISTRATOR)
    browser.headers.update(OURS)
    return browser


def test_whoever_comes_is_led_to_the_start_and_only_with_an_account(new: Desk) -> None:
    assert new.browser().get("/start").headers["location"] == "/sign-in?to=/start"
    newcomer = _newcomer(new)

    assert newcomer.get("/").headers["location"] == "/start"
    page = newcomer.get("/start").text
    assert "agenda/mine.toml" in page
    assert all(f'name="{name}"' in page for name in FORM)


def test_the_form_makes_an_event(new: Desk) -> None:
    newcomer = _newcomer(new)

    made = newcomer.post("/start/form", data={**FORM, "like": "empty"}, files={"people": ("x.csv", LIST)})

    assert (made.status_code, made.headers["location"]) == (303, "/start")
    assert 'date = "2037-03-10"' in _agenda(new).read_text("utf-8")
    assert "It is begun" in newcomer.get("/start").text
    with new.database.reading() as transaction:
        (deed, *_) = audit.deeds(transaction)
    assert (deed.did, deed.what, deed.event) == ("began an event", "agenda/mine.toml", "mine")


def test_what_is_wrong_is_told_all_at_once_and_the_form_comes_back_filled(new: Desk) -> None:
    answer = _newcomer(new).post("/start/form", data={**FORM, "date": "2037-02-31", "timezone": "<b>"})

    assert answer.status_code == 422
    assert "event.date" in answer.text
    assert "event.timezone" in answer.text
    assert "&lt;b&gt;" in answer.text
    assert "<b>" not in answer.text
    assert 'value="office@secretariat.example"' in answer.text
    assert not _agenda(new).exists()


def test_what_is_wrong_in_a_list_names_the_list_and_no_folder_of_the_moment(new: Desk) -> None:
    bad = LIST.replace(b"email", b"pigeon post", 1)
    assert bad != LIST
    answer = _newcomer(new).post("/start/form", data=FORM, files={"people": ("x.csv", bad)})

    assert answer.status_code == 422
    assert "<li>mine.csv:1: " in answer.text
    assert "convenor-start-" not in answer.text
    assert "Files were not kept either: choose them again." in answer.text


def test_a_file_is_checked_and_kept_as_it_is(new: Desk) -> None:
    text = (
        EXAMPLE.read_text("utf-8")
        .replace("example = true", "")
        .replace("in 45 days, on a Wednesday", "2037-03-10")
    )
    lists = [("lists", (f"{name}.csv", (ROOT / "recipients" / f"{name}.csv").read_bytes()))
             for name in ("delegations", "practitioners")]  # fmt: skip
    agenda = ("agenda", ("anything.toml", text.encode()))

    alone = _newcomer(new).post("/start/file", files=[agenda])
    assert alone.status_code == 422
    assert "delegations.csv" in alone.text
    made = new.browser("https://127.0.0.1:8400")
    made = _again(new).post("/start/file", files=[agenda, *lists])

    assert made.status_code == 303
    assert _agenda(new).read_text("utf-8") == text


def _again(desk: Desk) -> TestClient:
    browser = desk.browser("https://127.0.0.1:8400")
    browser.headers.update(OURS)
    given = {"name": "administrator", "password": "correct horse battery"}
    assert browser.post("/sign-in", data=given).status_code == 303
    return browser


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[event", b"[event]\nkey = 1", b"\x00" * 100])
def test_what_is_no_agenda_is_refused(new: Desk, content: bytes) -> None:
    answer = _newcomer(new).post("/start/file", files={"agenda": ("x.toml", content)})

    assert answer.status_code == 422
    assert "Nothing was kept" in answer.text
    assert not _agenda(new).exists()


@pytest.mark.parametrize("path", ["/start/form", "/start/file"])
def test_an_approver_begins_nothing(new: Desk, path: str) -> None:
    approver = _signed_in(new, Role.APPROVER)

    assert approver.get("/start").status_code == 403
    assert approver.post(path, data=FORM, headers=OURS).status_code == 403
    assert not _agenda(new).exists()


def test_two_who_begin_at_once_do_not_write_over_each_other(new: Desk) -> None:
    newcomer = _newcomer(new)
    newcomer.post("/start/form", data=FORM)
    before = _agenda(new).read_bytes()

    answer = newcomer.post("/start/form", data={**FORM, "title": "Another"})

    assert answer.status_code == 409
    assert 'value="Another"' in answer.text
    assert _agenda(new).read_bytes() == before


def _long_list(count: int) -> bytes:
    rows = [f"p{number}@uni.example,Ana,Novak,expert" for number in range(count)]
    return "\n".join(["email,given_name,family_name,role", *rows]).encode()


def test_a_list_may_be_as_long_as_one_that_is_handed_in_later(new: Desk) -> None:
    newcomer, long = _newcomer(new), _long_list(3000)
    assert len(long) > MAX_BODY_BYTES
    made = newcomer.post("/start/form", data={**FORM, "like": "empty"}, files={"people": ("x.csv", long)})
    assert made.status_code == 303
    assert (_agenda(new).parent.parent / "recipients" / "mine.csv").read_bytes() == long

    too_long = {"people": ("x.csv", b"x" * (MAX_LIST_BYTES + 1))}
    for path in ("/start/form", "/start/file"):
        assert newcomer.post(path, data=FORM, files=too_long).status_code == 413


@pytest.fixture
def begun(new: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[Desk, TestClient]:
    """An event is begun with one person on its list, and a mail server is set."""
    newcomer = _newcomer(new)
    newcomer.post("/start/form", data={**FORM, "like": "empty"}, files={"people": ("x.csv", LIST)})
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    settings = load(
        {"CONVENOR_SECRET_KEY": "k" * 32, "CONVENOR_SMTP_URL": str(RELAY)}, root=_agenda(new).parent.parent
    )

    def hands() -> Hands:
        return errand_with(_agenda(new), settings, new.database)

    assert new.office.setup
    setup = replace(new.office.setup, relay=RELAY, hands=hands)
    sent = replace(new, office=replace(new.office, setup=setup))
    browser = _again(sent)
    return sent, browser


def test_with_a_mail_server_it_is_looked_at_and_published_here(begun: tuple[Desk, TestClient]) -> None:
    desk, newcomer = begun
    before = desk.dump()
    page = newcomer.get("/start").text
    assert "Leaves at once: <bdi>Invitation</bdi>" in page
    assert ">1</span> person is on the list" in page
    assert "convenor apply" not in page
    assert desk.dump() == before

    done = newcomer.post("/start/publish", data={"seen": re.findall(r'name="seen" value="(\w+)"', page)[0]})
    assert (done.status_code, done.headers["location"]) == (303, "/start")
    assert "Convenor opens it now" in newcomer.get("/start").text
    with desk.database.reading() as transaction:
        version = agendas.latest(transaction, "mine")
        (deed, *_) = audit.deeds(transaction)
        assert [each.recipient.address for each in people.roster(transaction, "mine")] == ["ana@uni.example"]
    assert version
    assert (version.number, deed.who, deed.did) == (1, "administrator", "published")
    again = newcomer.post("/start/publish", data={"seen": "x"})
    assert again.status_code == 303  # it is published: nothing more is done
    assert len(desk.dump()["agenda_version"]) == 1


def test_files_that_changed_since_are_looked_at_again(begun: tuple[Desk, TestClient]) -> None:
    desk, newcomer = begun
    seen = re.findall(r'name="seen" value="(\w+)"', newcomer.get("/start").text)[0]
    path = _agenda(desk)
    path.write_text(path.read_text("utf-8").replace("A house", "Another house"), "utf-8")
    before = desk.dump()
    told = newcomer.post("/start/publish", data={"seen": seen})

    assert told.status_code == 409
    assert "the files have changed since you looked" in told.text
    assert desk.dump() == before


def test_files_that_cannot_be_used_are_told_of_and_not_published(begun: tuple[Desk, TestClient]) -> None:
    desk, newcomer = begun
    _agenda(desk).write_text("[event", "utf-8")
    before = desk.dump()
    page = newcomer.get("/start").text

    assert "cannot be used" in page
    assert "Publish it" not in page
    assert newcomer.post("/start/publish", data={"seen": "x"}).status_code == 422
    assert desk.dump() == before


def test_an_approver_publishes_nothing(begun: tuple[Desk, TestClient]) -> None:
    desk, _ = begun
    approver = _signed_in(desk, Role.APPROVER)

    assert approver.post("/start/publish", data={"seen": "x"}, headers=OURS).status_code == 403
    with desk.database.reading() as transaction:
        assert agendas.latest(transaction, "mine") is None


def test_where_nothing_is_to_be_published_by_hand_nothing_is(new: Desk) -> None:
    newcomer = _newcomer(new)
    assert newcomer.post("/start/publish", data={"seen": "x"}).status_code == 404
    newcomer.post("/start/form", data=FORM)
    assert newcomer.post("/start/publish", data={"seen": "x"}).status_code == 404


def _with_server(desk: Desk, taken: list[str], happening: Happening) -> Desk:
    """Letters to try are taken there, or refused."""

    def post(parcel: Parcel) -> tuple[Outcome, str]:
        taken.append(parcel.recipient)
        reply = "250 ok" if happening is Happening.ACCEPTED else "550 no"
        return Outcome(happening=happening, reply=reply), str(RELAY)

    return replace(desk, office=replace(desk.office, post=post))


def _with_a_checklist(desk: Desk, taken: list[str], folder: Path) -> TestClient:
    """An organiser whose letters to try are taken."""
    served = _with_server(desk, taken, Happening.ACCEPTED)
    return _newcomer(_with_setup(served, folder, desk.office.event, relay=RELAY))


def test_the_checklist_tells_what_is_left_and_the_test_letter_is_one_of_it(tmp_path: Path) -> None:
    with open_desk(tmp_path, is_demo=False) as desk:
        desk.publish()
        taken: list[str] = []
        organiser = _with_a_checklist(desk, taken, tmp_path)

        before = organiser.get("/start").text
        assert '<a href="/people">The people</a>' in before
        assert "v=spf1 a:mail.ministry.example ~all" in before
        assert "5 people" not in before
        answer = organiser.post("/start/test", data={"address": " me@ministry.example "})

        assert taken == ["me@ministry.example"]
        assert "250 ok" in answer.text
        assert answer.text.count(">done<") == before.count(">done<") + 1


def test_from_the_checklist_too_no_more_tests_are_sent_than_one_may(tmp_path: Path) -> None:
    with open_desk(tmp_path, is_demo=False) as desk:
        desk.publish()
        taken: list[str] = []
        organiser = _with_a_checklist(desk, taken, tmp_path)
        for _ in range(MOST_TESTS):
            assert organiser.post("/start/test", data={"address": "me@ministry.example"}).status_code == 200
        answer = organiser.post("/start/test", data={"address": "me@ministry.example"})

        assert (answer.status_code, len(taken)) == (429, MOST_TESTS)
        assert "the most that one account may send" in answer.text


def test_a_test_letter_that_is_refused_is_told_in_the_servers_words(tmp_path: Path) -> None:
    with open_desk(tmp_path, is_demo=False) as desk:
        desk.publish()
        real = _with_setup(
            _with_server(desk, [], Happening.REFUSED), tmp_path, desk.office.event, relay=RELAY
        )
        answer = _newcomer(real).post("/start/test", data={"address": "me@ministry.example"})

        assert answer.status_code == 422
        assert "550 no" in answer.text


def test_whoever_may_not_begin_an_event_is_refused_before_anything_is_read(new: Desk) -> None:
    viewer = _signed_in(new, Role.VIEWER)

    refused = viewer.post("/start/file", files={"agenda": ("x.toml", b"\xff\xfe")}, headers=OURS)

    assert refused.status_code == 403
    with new.database.reading() as transaction:
        assert audit.deeds(transaction)[0].did == "was refused"


def test_a_field_that_is_too_long_is_told_and_not_cut(new: Desk) -> None:
    newcomer = _newcomer(new)

    answer = newcomer.post("/start/form", data={**FORM, "title": "x" * 2000})

    assert answer.status_code == 422
    assert "x" * 2000 in answer.text
    assert not _agenda(new).exists()

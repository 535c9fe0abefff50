"""The main job, done by the program as it is started: every invitation once, whatever happens on the way."""

import json
import signal
import urllib.request
from datetime import date

from mailer import dossier
from mailer.delivery.tray import Tray
from mailer.settings import ROOT
from tests.acceptance.conftest import Project
from tests.acceptance.test_first_run import own_event


def everybody() -> set[str]:
    """The addresses of both example lists."""
    read = dossier.read(
        ROOT / "agenda" / "osce-cybercrime.toml", today=date(2027, 1, 4), templates=ROOT / "templates"
    )
    return {recipient.address for recipient in read.recipients}


def test_every_invitation_lies_in_the_tray_and_a_second_start_sends_nothing_again(project: Project) -> None:
    service = project.start()
    service.wait_until(lambda: service.mailing("invitation")["sent"] == len(everybody()))

    assert service.mailing("invitation")["letters"] == len(everybody())
    assert service.end(signal.SIGINT) == 0
    letters = project.copies()
    assert len(letters) == len(everybody())

    again = project.start()
    again.wait_until_ready()
    again.wait_until(lambda: again.mailing("invitation")["stage"] == "done")
    assert again.end(signal.SIGTERM) == 0
    assert project.copies() == letters
    assert set(letters.values()) == {1}


def test_whoever_listens_does_not_keep_the_service_from_ending(project: Project) -> None:
    service = project.start()
    service.wait_until_ready()
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/live", timeout=30) as line:
        assert line.readline() == b"event: changed\n"
        service.process.send_signal(signal.SIGINT)
        while line.readline():
            pass
    assert service.process.wait(timeout=20) == 0


def test_killed_in_the_middle_and_started_again_each_letter_is_there_once(project: Project) -> None:
    service = project.start()
    service.wait_until_ready()
    tray = Tray(project.root / "var" / "tray.db")
    service.wait_until(lambda: tray.count() >= 10, every=0.001)
    service.end(signal.SIGKILL)
    assert len(project.copies()) < len(everybody()), "it was killed too late to show anything"

    again = project.start()
    again.wait_until(lambda: (m := again.mailing("invitation"))["sent"] + m["in_doubt"] == len(everybody()))
    in_doubt = again.mailing("invitation")["in_doubt"]
    copies = project.copies()
    assert set(copies.values()) == {1}
    assert len(copies) + in_doubt >= len(everybody())


def test_two_services_on_one_database_send_everything_once(project: Project) -> None:
    one = project.start()
    one.wait_until_ready()
    other = project.start()
    other.wait_until_ready()
    one.wait_until(lambda: one.mailing("invitation")["sent"] == len(everybody()))

    assert set(project.copies().values()) == {1}
    assert len(project.copies()) == len(everybody())
    assert {one.end(signal.SIGINT), other.end(signal.SIGINT)} == {0}


def test_what_the_tray_holds_is_what_the_preview_shows(project: Project) -> None:
    service = project.start()
    service.wait_until(lambda: service.mailing("invitation")["sent"] == len(everybody()))
    service.end(signal.SIGINT)
    address = "a.petrosyan@armenia-mission.example"

    base = f"http://127.0.0.1:{service.port}"
    preview = project.convenor("preview", "invitation", "--to", address, "--eml", CONVENOR_BASE_URL=base)
    (caught,) = json.loads(project.convenor("tray", "Petrosyan", "--json").stdout)
    raw = project.convenor("tray", str(caught["id"])).stdout

    assert preview.stdout == raw
    assert caught["recipient"] == address


def test_an_event_of_ones_own_is_run_by_naming_its_file(project: Project) -> None:
    own_event(project)

    service = project.start("agenda/mine.toml")
    service.wait_until(lambda: service.mailing("invitation")["sent"] > 0)

    assert service.status()["event"]["key"] == "mine"
    assert service.status()["event"]["starts"].startswith("2037-03-10")

"""What stands in the way of a first start is said in one line that tells what to do."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from mailer.settings import ROOT
from tests.acceptance.conftest import PATIENCE_FOR, Project, RunningService


def refused(project: Project, *arguments: str, **environment: str) -> str:
    """The one line with which the service ends."""
    service = project.start(*arguments, **environment)
    assert service.process.wait(timeout=PATIENCE_FOR) == 1
    (line,) = service.log.read_text().splitlines()
    return line


def test_a_busy_port(project: Project) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])

        line = refused(project, CONVENOR_PORT=port)

    assert f"port {port}" in line
    assert "CONVENOR_PORT=" in line
    assert not (project.root / "var" / "convenor.db").exists(), "nothing half-done"


def test_a_var_that_cannot_be_written(project: Project) -> None:
    (project.root / "var").write_text("a file where the folder should be")

    assert "var" in refused(project)


def test_settings_that_cannot_be_used(project: Project) -> None:
    assert "CONVENOR_SMTP_URL" in refused(project, CONVENOR_SMTP_URL="file:///etc/passwd")


def test_the_example_never_leaves_through_a_real_mail_server(project: Project) -> None:
    assert "the example is for the tray alone" in refused(project, CONVENOR_SMTP_URL="smtp://127.0.0.1:2525")


def test_an_event_nobody_has_looked_at_does_not_leave_through_a_real_mail_server(project: Project) -> None:
    own_event(project)

    line = refused(project, "agenda/mine.toml", CONVENOR_SMTP_URL="smtp://127.0.0.1:2525")

    assert "convenor apply agenda/mine.toml" in line


def test_a_published_event_goes_on_though_its_file_is_broken(project: Project) -> None:
    file = own_event(project)
    assert project.convenor("apply", "agenda/mine.toml", "--yes").returncode == 0
    file.write_text(
        file.read_text("utf-8").replace('timezone = "Europe/Vienna"', 'timezone = "Vienna"'), "utf-8"
    )

    service = project.start("agenda/mine.toml")
    service.wait_until_ready()

    assert "what was published goes on" in service.log.read_text()
    service.wait_until(lambda: service.mailing("invitation")["sent"] > 0)
    assert service.end(signal.SIGINT) == 0


def test_a_changed_file_waits_for_apply_and_the_service_says_so(project: Project) -> None:
    file = own_event(project)
    assert project.convenor("apply", "agenda/mine.toml", "--yes").returncode == 0
    file.write_text(file.read_text("utf-8").replace('start = "10:00"', 'start = "10:05"'), "utf-8")

    service = project.start("agenda/mine.toml")
    service.wait_until_ready()

    assert "has changed since version 1 was published" in service.log.read_text()
    assert service.status()["event"]["version"] == 1


@pytest.mark.parametrize("fault", ["no venv", "too old", "not there"])
def test_a_python_that_will_not_do(project: Project, tmp_path: Path, fault: str) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, project.root)
    python = tmp_path / "python3"
    if fault != "not there":
        python.write_text("#!/bin/sh\nexit 1\n")
        python.chmod(0o755)

    done = subprocess.run(
        ["make", "run", f"PYTHON={python}"], cwd=project.root, env=project.environment,
        capture_output=True, text=True, check=False, timeout=PATIENCE_FOR,
    )  # fmt: skip

    assert done.returncode != 0
    (line,) = done.stdout.splitlines()
    assert "Python 3.11 or newer" in line
    assert not (project.root / ".venv").exists()


def own_event(project: Project) -> Path:
    """agenda/mine.toml: the example with a date of its own."""
    text = (project.root / "agenda" / "osce-cybercrime.toml").read_text("utf-8")
    text = text.replace('date = "in 45 days, on a Wednesday"', 'date = "2037-03-10"')
    text = text.replace("example = true", "").replace('key = "osce-cybercrime"', 'key = "mine"')
    file = project.root / "agenda" / "mine.toml"
    file.write_text(text, "utf-8")
    return file


def test_what_went_to_the_tray_is_not_mistaken_for_sent_by_a_real_mail_server(project: Project) -> None:
    own_event(project)
    service = project.start("agenda/mine.toml")
    service.wait_until(lambda: service.mailing("invitation")["sent"] > 0)
    service.end(signal.SIGINT)

    line = refused(project, "agenda/mine.toml", CONVENOR_SMTP_URL="smtp://127.0.0.1:2525")

    assert "CONVENOR_DATABASE_URL" in line
    assert "the tray" in line


def test_a_template_broken_overnight_does_not_stop_what_is_published(project: Project) -> None:
    own_event(project)
    assert project.convenor("apply", "agenda/mine.toml", "--yes").returncode == 0
    (project.root / "templates" / "practical" / "en.txt").write_text("{% if recipient.name %}", "utf-8")

    service = project.start("agenda/mine.toml")
    service.wait_until_ready()

    assert "what was published goes on" in service.log.read_text()
    service.wait_until(lambda: service.mailing("invitation")["stage"] == "done")
    assert service.mailing("invitation")["failed"] == 0


def test_the_page_tells_of_a_file_that_changes_while_the_service_runs(project: Project) -> None:
    file = own_event(project)
    service = project.start("agenda/mine.toml")
    service.wait_until_ready()
    assert "has changed since version" not in page(service)

    text = file.read_text("utf-8")
    file.write_text(text.replace('start = "10:00"', 'start = "10:05"'), "utf-8")
    assert "agenda/mine.toml has changed since version 1" in page(service)

    file.write_text(text.replace('start = "10:00"', 'start = "10:O0"'), "utf-8")
    assert "what was published goes on" in page(service)


def page(service: RunningService) -> str:
    return service.get("/").decode()

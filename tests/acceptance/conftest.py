"""The program as a newcomer has it: the tracked files in a folder of their own, run as processes of their own."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mailer.delivery.tray import Tray
from mailer.settings import ROOT

PATIENCE_FOR = 90.0
"""Seconds until a step counts as failed; nothing is measured by it."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Door:
    """The first account of a project, made as a person makes it: by the link that the service prints."""

    cookie: str = ""

    def come_in(self, port: int, printed: str) -> None:
        link = re.search(r"/welcome/\S+", printed)
        if self.cookie or not link:
            return
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_FOR)
        headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
        asked.request("POST", link[0], "name=maria&password=correct+horse+battery", headers)
        answer = asked.getresponse()
        assert answer.status == 303, answer.read()
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        asked.close()


@dataclass
class RunningService:
    """One `python schedule.py`, with what it printed so far in `log`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    door: "Door"

    def get(self, path: str) -> bytes:
        """What a page says to whoever may see it."""
        self.door.come_in(self.port, self.log.read_text())
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_FOR)
        with closing(asked):
            asked.request("GET", path, headers={"Cookie": self.door.cookie})
            answer = asked.getresponse()
            if answer.status != 200:
                raise OSError(f"{path} answers {answer.status}")
            return answer.read()

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/api/status"))
        return found

    def mailing(self, key: str) -> dict[str, Any]:
        return next(each for each in self.status()["mailings"] if each["mailing"] == key)

    def wait_until(self, true: Callable[[], bool], every: float = 0.1) -> None:
        """Look every tenth of a second, or oftener; fails with the log when the service ends or patience does."""
        deadline = time.monotonic() + PATIENCE_FOR
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if true():
                    return
            except OSError:
                pass
            time.sleep(every)
        pytest.fail(f"it never came to that:\n{self.log.read_text()}")

    def wait_until_ready(self) -> None:
        self.wait_until(lambda: "Convenor is ready" in self.log.read_text())

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=40)


@dataclass
class Project:
    """A copy of the project's own files; its `var/` is its alone."""

    root: Path
    environment: dict[str, str]
    door: Door = field(default_factory=Door)
    started: list[RunningService] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> RunningService:
        port = free_port()
        log = self.root / f"service-{len(self.started)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "schedule.py", *arguments],
                cwd=self.root,
                env=self.environment | {"CONVENOR_PORT": str(port)} | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        service = RunningService(process=process, port=port, log=log, door=self.door)
        self.started.append(service)
        return service

    def convenor(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "mailer", *arguments],
            cwd=self.root,
            env=self.environment | environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_FOR,
            check=False,
        )

    def copies(self) -> Counter[str]:
        """How often each Message-ID is in the tray."""
        tray = Tray(self.root / "var" / "tray.db")
        return Counter(letter.message_id for letter, _ in tray.everything())


@contextmanager
def copy_of_the_project(folder: Path) -> Iterator[Project]:
    """What it started is ended with it."""
    root, home = folder / "project", folder / "home"
    home.mkdir()
    root.mkdir()
    for name in ("mailer", "templates", "agenda", "recipients"):
        shutil.copytree(
            ROOT / name, root / name
        )  # with what Python has compiled of it, as from the second start on
    shutil.copy(ROOT / "schedule.py", root)
    for own in set((root / "agenda").iterdir()) - {root / "agenda" / "osce-cybercrime.toml"}:
        own.unlink()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CONVENOR_", "MAKE", "MFLAGS", "PYTHONDONTWRITE"))
    }
    made = Project(root=root, environment=kept | {"HOME": str(home), "PYTHONUNBUFFERED": "1"})
    try:
        yield made
    finally:
        for service in made.started:
            if service.process.poll() is None:
                service.process.kill()
                service.process.wait()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with copy_of_the_project(tmp_path) as made:
        yield made

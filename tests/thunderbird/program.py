"""Thunderbird as a program of its own, with a throw-away profile, and what a person does with it, as methods.

It runs without a screen and speaks to loopback alone. What it is to do inside its window stands in `verbs.js`.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from mailer.delivery.relay import Relay
from mailer.inbox.sent import SentFolder
from mailer.recipients.model import Recipient
from tests.acceptance.conftest import free_port
from tests.inbox.dovecot import FOLDERS
from tests.thunderbird.marionette import Marionette, MarionetteError

STARTS_WITHIN = 90.0
DONE_WITHIN = 30.0
STOPS_WITHIN = 15.0
_LOOK_EVERY = 0.1

_VERBS = Path(__file__).with_name("verbs.js").read_text("utf-8")
_CALENDAR = "0d5e1a52-1e4c-4c5b-8b0e-5a1d3c9f7b10"

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What stands above an invitation: a sentence, and the buttons by their ids."""

    says: str
    offers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the calendar holds. Instants are aware, UTC; `partstats` by address."""

    starts_at: datetime
    ends_at: datetime
    sequence: int
    status: str
    summary: str
    partstats: Mapping[str, str]


class Thunderbird:
    """The running program."""

    def __init__(self, remote: Marionette) -> None:
        self._remote = remote

    def do(self, verb: str, *arguments: str | list[str]) -> Any:
        """One of `verbs.js`, now."""
        script = f"return (async (...given) => {{ {_VERBS}\nreturn await {verb}(...given); }})(...arguments);"
        return self._remote.run(script, *arguments)

    def fetch(self, message_id: str) -> None:
        """Get mail until this letter is there, and open it."""
        identifier = message_id.strip("<>")
        awaited(lambda: self.do("fetched", identifier), lambda: f"the letter {identifier} in the inbox")
        self.do("open", identifier)

    def bar(self, button: str) -> Bar:
        """The bar over the letter that is open, once it offers this button."""

        def shown() -> Bar | None:
            found = self.do("bar")
            if not found or button not in found["offers"]:
                return None
            return Bar(says=found["says"], offers=tuple(found["offers"]))

        return awaited(shown, lambda: f"{button} in the bar; there is {self.do('bar')}")

    def press(self, button: str) -> None:
        self.do("press", button)

    def entry(self, uid: str) -> Held | None:
        found = self.do("entry", uid)
        if found is None:
            return None
        moments = {name: datetime.fromisoformat(found[name]) for name in ("starts_at", "ends_at")}
        return Held(**{**found, **moments, "partstats": dict(found["partstats"])})

    def picture(self, path: Path) -> None:
        path.write_bytes(self._remote.picture())


def awaited(look: Callable[[], Found | None], what: Callable[[], str]) -> Found:
    """What looking finds in the end.

    Raises:
        TimeoutError: it found nothing in `DONE_WITHIN` seconds; `what` then says what was looked for.
    """
    deadline = time.monotonic() + DONE_WITHIN
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(_LOOK_EVERY)
    raise TimeoutError(f"waited in vain for {what()}")


def program() -> str | None:
    return shutil.which("thunderbird")


def version() -> str:
    """As it says itself, such as `Mozilla Thunderbird 140.3.0esr`."""
    done = subprocess.run(
        [str(program()), "--version"], capture_output=True, text=True, check=True, timeout=STARTS_WITHIN
    )
    return done.stdout.strip()


@contextmanager
def running(
    home: Path, *, owner: Recipient, inbox: SentFolder, relay: Relay, authority: Path
) -> Iterator[Thunderbird]:
    """Thunderbird of one person, whose mail is in `inbox` and leaves through `relay`."""
    port = free_port()
    profile = home / "profile"
    profile.mkdir(parents=True)
    (profile / "user.js").write_text(_preferences(owner, inbox, relay, port), "utf-8")
    command = [str(program()), "--headless", "--no-remote", "--profile", str(profile)]
    command += ["--marionette", "--remote-allow-system-access"]
    environment = os.environ | {
        "HOME": str(home),
        "TZ": "Europe/Vienna",
        "LANG": "C.UTF-8",
        "MOZ_CRASHREPORTER_DISABLE": "1",
    }
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        with _connected(process, port, home / "log") as remote:
            thunderbird = Thunderbird(remote)
            awaited(lambda: thunderbird.do("ready"), lambda: "the window of Thunderbird")
            thunderbird.do("trust", "".join(authority.read_text("utf-8").splitlines()[1:-1]))
            thunderbird.do("keepPassword", f"imap://{inbox.host}", inbox.user, inbox.password)
            thunderbird.do("discover")
            awaited(lambda: thunderbird.do("discovered", list(FOLDERS)), lambda: "the folders of the account")
            yield thunderbird
            with suppress(MarionetteError, OSError):
                thunderbird.do("quit")
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOPS_WITHIN)
    finally:
        _end(process)


def _connected(process: subprocess.Popen[bytes], port: int, log: Path) -> Marionette:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return Marionette(port, answered_within=DONE_WITHIN)
        except ConnectionRefusedError:
            time.sleep(_LOOK_EVERY)
    raise TimeoutError(f"Thunderbird did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The program and what it started: all are in a process group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=STOPS_WITHIN)


def _preferences(owner: Recipient, inbox: SentFolder, relay: Relay, port: int) -> str:
    account = {
        "mail.accountmanager.accounts": "account1,account2",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.accountmanager.localfoldersserver": "server2",
        "mail.account.account1.identities": "id1",
        "mail.account.account1.server": "server1",
        "mail.account.account2.server": "server2",
        "mail.identity.id1.fullName": owner.name,
        "mail.identity.id1.useremail": owner.address,
        "mail.identity.id1.smtpServer": "smtp1",
        "mail.identity.id1.valid": True,
        "mail.identity.id1.doFcc": False,
        "mail.server.server1.type": "imap",
        "mail.server.server1.hostname": inbox.host,
        "mail.server.server1.port": inbox.port,
        "mail.server.server1.socketType": 3,
        "mail.server.server1.authMethod": 3,
        "mail.server.server1.userName": inbox.user,
        "mail.server.server1.name": inbox.user,
        "mail.server.server1.using_subscription": False,
        "mail.server.server1.login_at_startup": False,
        "mail.server.server1.check_new_mail": False,
        "mail.server.server2.type": "none",
        "mail.server.server2.hostname": "Local Folders",
        "mail.server.server2.userName": "nobody",
        "mail.server.server2.name": "Local Folders",
        "mail.smtpservers": "smtp1",
        "mail.smtp.defaultserver": "smtp1",
        "mail.smtpserver.smtp1.type": "smtp",
        "mail.smtpserver.smtp1.hostname": relay.host,
        "mail.smtpserver.smtp1.port": relay.port,
        "mail.smtpserver.smtp1.authMethod": 1,
        "mail.smtpserver.smtp1.try_ssl": 0,
    }
    calendar = {
        f"calendar.registry.{_CALENDAR}.type": "storage",
        f"calendar.registry.{_CALENDAR}.uri": "moz-storage-calendar://",
        f"calendar.registry.{_CALENDAR}.name": "Home",
        f"calendar.registry.{_CALENDAR}.imip.identity.key": "id1",
        f"calendar.registry.{_CALENDAR}.calendar-main-default": True,
        "calendar.list.sortOrder": _CALENDAR,
        "calendar.timezone.useSystemTimezone": False,
        "calendar.timezone.local": "Europe/Vienna",
    }
    quiet = {
        "app.donation.eoy.version.viewed": 999,
        "app.normandy.enabled": False,
        "app.update.auto": False,
        "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
        "extensions.update.enabled": False,
        "mail.inappnotifications.enabled": False,
        "mail.provider.suppress_dialog_on_startup": True,
        "mail.rights.version": 1,
        "mail.shell.checkDefaultClient": False,
        "mail.spotlight.firstRunDone": True,
        "mailnews.start_page.enabled": False,
        "mailnews.start_page_override.mstone": "ignore",
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "network.proxy.type": 1,  # whatever it wants of the web ends at a port where nobody listens
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": 9,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": 9,
        "services.settings.server": "http://127.0.0.1:9",
        "toolkit.telemetry.enabled": False,
    }
    chosen = {**account, **calendar, **quiet, "marionette.port": port}
    return "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in chosen.items())

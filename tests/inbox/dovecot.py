"""A real IMAP server for the tests: Dovecot, as a process of its own, over TLS on a loopback port.

It keeps its mail in a temporary folder and is stopped with the test run. There is one account, with a folder that is
marked as that of sent mail.
"""

import grp
import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from imapclient import IMAPClient

from mailer.inbox.sent import SentFolder
from tests.acceptance.conftest import free_port
from tests.delivery.certificates import Authority

FOLDERS = ("Gesendete Objekte", "Umgeräumt")
"""Besides the inbox; the first is that of sent mail."""

USER, PASSWORD = "secretariat@conference.example", 'pässword with a " and a \\'
BY_TOKEN, TOKEN = "by.token@conference.example", "a-token-of-the-tests"
"""An account that is signed in to by XOAUTH2; it has the same mail."""

PATIENCE_FOR = 20.0

_CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
ssl = required
ssl_cert = <{home}/server.pem
ssl_key = <{home}/server.key
auth_mechanisms = plain xoauth2
auth_failure_delay = 0
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{home}/mail
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {home}/passwords
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox "Gesendete Objekte" {{
    special_use = \\Sent
    auto = create
  }}
  mailbox Umgeräumt {{
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True, kw_only=True)
class Dovecot:
    """A running server: its account's sent mail, a context that trusts it, and who signed its certificate."""

    folder: SentFolder
    tls: ssl.SSLContext
    authority: Path
    mail: Path

    @contextmanager
    def signed_in(self) -> Iterator[IMAPClient]:
        """The account's own mail program."""
        with IMAPClient(self.folder.host, self.folder.port, ssl_context=self.tls, timeout=10) as client:
            client.plain_login(self.folder.user, PASSWORD)
            yield client

    def deliver(self, raw: bytes) -> None:
        """Put a letter into the account's inbox."""
        with self.signed_in() as client:
            client.append("INBOX", raw)

    def file(self, *headers: str, name: str = "Gesendete Objekte") -> None:
        """Put a mail into a folder of the account."""
        with self.signed_in() as client:
            client.append(name, "\r\n".join([*headers, "", "Dear reader\r\n"]).encode())


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    with running() as server:
        yield server


@contextmanager
def running(user: str = USER) -> Iterator[Dovecot]:
    """A server with this user's account, its password `PASSWORD`."""
    program = shutil.which("dovecot", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("there is no Dovecot (Debian: apt install dovecot-imapd)")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("2.3."):
        pytest.skip(f"Dovecot {version.strip()} is configured otherwise than 2.3")
    home = Path(tempfile.mkdtemp(prefix="imap-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        authority = Authority(home)
        authority.server()
        port = free_port()
        process = subprocess.Popen([program, "-F", "-c", str(_configured(home, port, user))])
        _await(process, port, home / "log")
        yield Dovecot(
            folder=SentFolder(host="127.0.0.1", port=port, user=user, password=PASSWORD),
            tls=authority.client(),
            authority=home / "ca.pem",
            mail=home / "mail",
        )
    finally:
        if process:
            process.terminate()
            process.wait(timeout=PATIENCE_FOR)
        shutil.rmtree(home, ignore_errors=True)


def _configured(home: Path, port: int, account: str) -> Path:
    """The server's files; mail belongs to an ordinary user, for Dovecot gives none to root."""
    user = "dovecot" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    (home / "mail").mkdir()
    (home / "passwords").write_text(f"{account}:{PASSWORD}\n{BY_TOKEN}:{TOKEN}\n", "utf-8")
    if os.getuid() == 0:
        for path in (home, home / "mail", home / "passwords"):
            shutil.chown(path, user, group)
    path = home / "dovecot.conf"
    path.write_text(_CONFIGURATION.format(home=home, user=user, group=group, port=port), "utf-8")
    return path


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_FOR
    while time.monotonic() < deadline and process.poll() is None:
        try:
            ssl.get_server_certificate(("127.0.0.1", port), timeout=2)
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"Dovecot did not start:\n{log.read_text('utf-8') if log.exists() else ''}")

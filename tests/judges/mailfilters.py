"""rspamd and SpamAssassin as judges of whole letters, as a server that receives them would ask.

Both from Debian, each a process of its own with its configuration in the test's folder. They look up names at the
nameserver they are given and nowhere else: no list of anybody's is asked, nothing is learnt.
"""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http.client import HTTPConnection
from itertools import starmap
from pathlib import Path

from tests.judges.nameserver import LOOPBACK

PATIENCE_FOR = 60.0
"""Seconds until a filter counts as failed; nothing is measured by it."""

_RSPAMD = """\
.include "$CONFDIR/common.conf"
options {{
    .include "$CONFDIR/options.inc"
    .include(priority=10) "$LOCAL_CONFDIR/options.inc"
}}
logging {{ type = "console"; level = "notice"; }}
worker "normal" {{ bind_socket = "{address}:{port}"; count = 1; }}
"""

_RSPAMD_OPTIONS = """\
dns {{ nameserver = ["{address}:{nameserver}"]; timeout = 1s; }}
disable_hyperscan = true;
url_tld = "{folder}/tlds";
pidfile = "{folder}/rspamd.pid";
"""

_SPAMASSASSIN = """\
dns_available yes
dns_server [{address}]:{nameserver}
skip_rbl_checks 1
use_bayes 0
clear_headers
fold_headers 0
add_header all Verdict score=_SCORE_ tests=_TESTSSCORES(,)_
"""

_JUDGED = re.compile(
    rb"^X-Spam-Verdict: score=(\S+) tests=(\S*)$.*?^\tby [^\n]* id (\d+) for <", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One letter as a server meets it: its bytes, its envelope, and which machine brings it at what time."""

    raw: bytes
    sender: str
    recipient: str
    host: str
    address: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a filter thinks of a letter: the sum, and what each rule that fired added to it."""

    score: float
    rules: Mapping[str, float]

    def __str__(self) -> str:
        """Every rule by its weight, the worst first."""
        worst = sorted(self.rules.items(), key=lambda rule: (-rule[1], rule[0]))
        return f"{self.score:+.2f}: " + ", ".join(f"{name} {score:+.2f}" for name, score in worst)


@dataclass(frozen=True, kw_only=True)
class Rspamd:
    """A running rspamd."""

    port: int

    def judge(self, letter: Arrival) -> Verdict:
        envelope = {
            "From": letter.sender,
            "Rcpt": letter.recipient,
            "IP": letter.address,
            "Helo": letter.host,
            "Hostname": letter.host,
        }
        answer = json.loads(self._ask("POST", "/checkv2", letter.raw, envelope))
        rules = {name: float(symbol["score"]) for name, symbol in answer["symbols"].items()}
        return Verdict(score=round(float(answer["score"]), 3), rules=rules)

    def is_ready(self) -> bool:
        try:
            return self._ask("GET", "/ping").strip() == b"pong"
        except OSError:
            return False

    def _ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE_FOR)
        try:
            connection.request(method, path, body, dict(headers or {}))
            return connection.getresponse().read()
        finally:
            connection.close()


def rspamd_is_missing() -> str | None:
    return None if shutil.which("rspamd") else "rspamd is not installed: install the Debian package rspamd"


@contextmanager
def rspamd(folder: Path, nameserver: int) -> Iterator[Rspamd]:
    """A running rspamd that asks only the nameserver on this port of loopback; it ends with the block."""
    port = _free_port()
    at = {"address": LOOPBACK, "port": port, "nameserver": nameserver, "folder": folder}
    (folder / "rspamd.conf").write_text(_RSPAMD.format_map(at))
    (folder / "options.inc").write_text(_RSPAMD_OPTIONS.format_map(at))
    # all endings there are take ten seconds to compile
    (folder / "tlds").write_text("example\ncom\nint\nnet\norg\n")
    (folder / "override.d").mkdir()
    # it would look for its servers before it knows our nameserver
    (folder / "override.d" / "fuzzy_check.conf").write_text("enabled = false;\n")
    places = [f"--var={name}={folder}" for name in ("DBDIR", "RUNDIR", "LOGDIR", "LOCAL_CONFDIR")]
    command = ["rspamd", "--no-fork", "--insecure", f"--config={folder}/rspamd.conf", *places]
    log = folder / "rspamd.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        running = Rspamd(port=port)
        _wait_until_ready(running, process, log)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_FOR)


def _wait_until_ready(running: Rspamd, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_FOR
    while not running.is_ready():
        is_late = process.poll() is not None or time.monotonic() > deadline
        assert not is_late, log.read_text()
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def spamassassin_is_missing() -> str | None:
    if not shutil.which("spamassassin"):
        return "SpamAssassin is not installed: install the Debian package spamassassin"
    done = subprocess.run(["perl", "-MMail::SPF", "-e", "1"], capture_output=True, check=False)
    return (
        "Perl's SPF is not installed: install the Debian package libmail-spf-perl"
        if done.returncode
        else None
    )


def spamassassin(letters: Sequence[Arrival], folder: Path, nameserver: int) -> list[Verdict]:
    """What SpamAssassin thinks of each letter, with the rules and plugins that Debian chose; one process for all."""
    for plugins in Path("/etc/spamassassin").glob("*.pre"):
        (folder / plugins.name).symlink_to(plugins)
    (folder / "local.cf").write_text(_SPAMASSASSIN.format(address=LOOPBACK, nameserver=nameserver))
    (folder / "preferences").touch()
    done = subprocess.run(
        ["spamassassin", f"--siteconfigpath={folder}", f"--prefspath={folder}/preferences", "--mbox"],
        input=b"".join(starmap(_in_a_mailbox, enumerate(letters))),
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        timeout=PATIENCE_FOR * 3,
        check=False,
    )
    # it goes through a mailbox in an order of its own
    verdicts = {int(number): _verdict(*found) for *found, number in _JUDGED.findall(done.stdout)}
    assert verdicts.keys() == set(range(len(letters))), done.stderr.decode(errors="replace")
    return [verdicts[number] for number in range(len(letters))]


def _in_a_mailbox(number: int, letter: Arrival) -> bytes:
    """A letter after its server has noted whence it came (RFC 5321 4.4); a mailbox file knows LF alone."""
    trace = (
        f"From {letter.sender} Mon Jan  1 00:00:00 2024\n"
        f"Return-Path: <{letter.sender}>\n"
        f"Received: from {letter.host} ({letter.host} [{letter.address}])\n"
        f"\tby mx.receiver.example with ESMTPS id {number} for <{letter.recipient}>;\n"
        f"\t{format_datetime(letter.at)}\n"
    )
    return trace.encode() + letter.raw.replace(b"\r\n", b"\n") + b"\n"


def _verdict(score: bytes, rules: bytes) -> Verdict:
    weights = (rule.partition("=") for rule in rules.decode().split(",") if rule != "none")
    return Verdict(score=float(score), rules={name: float(weight) for name, _, weight in weights})

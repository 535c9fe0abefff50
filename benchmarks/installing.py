"""Bring the peers into folders of their own: Python's into `.peers`, Node's into `nodemailer/node_modules`."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.sink import MissingPeerError

HERE = Path(__file__).resolve().parent
PEERS, LOCK = HERE / ".peers", HERE / "requirements-peers.lock"
PYTHON = PEERS / "bin" / "python"
NODEMAILER = HERE / "nodemailer"


def install_python_peers() -> None:
    """aiosmtplib, Django and what they need, with every package's hash; anew when the lock has changed.

    Raises:
        MissingPeerError: pip could not.
    """
    installed, wanted = PEERS / "installed", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if installed.exists() and installed.read_text() == wanted:
        return
    print("Installing the peers, once ...", flush=True)
    _run([sys.executable, "-m", "venv", "--clear", str(PEERS)])
    _run([str(PYTHON), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(LOCK)])
    installed.write_text(wanted)


def install_nodemailer() -> str:
    """nodemailer and ical-generator by `npm ci`; the sentence says why not, where that cannot be."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "Node is missing: on Debian, apt-get install --no-install-recommends nodejs npm"
    if not (NODEMAILER / "node_modules" / "nodemailer").exists():
        try:
            _run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=NODEMAILER)
        except MissingPeerError as error:
            return str(error)
    return ""


def _run(command: list[str], cwd: Path = HERE) -> None:
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise MissingPeerError(
            f"`{' '.join(command)}` did not work: {(done.stderr or done.stdout).strip()[-500:]}"
        )

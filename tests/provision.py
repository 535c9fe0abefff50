"""Bring what the tests need beyond Python: real peers and judges from Debian, and two packages for Node.

Installs what is missing when it may (root, with apt); otherwise says what is missing and leaves it to each test
to skip with its own word. With the word `thunderbird` it brings what `make thunderbird` needs, and that alone.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

JUDGES = Path(__file__).parent / "judges"
NODE_MODULES = tuple(JUDGES / "node_modules" / name for name in ("axe-core", "ical.js"))

PACKAGES: dict[str, tuple[str, ...]] = {
    "chromium": ("/usr/bin/chromium",),
    "libical3": ("/usr/lib/*/libical.so.3",),
    "postgresql": ("/usr/lib/postgresql/*/bin/initdb",),
    "nodejs": ("/usr/bin/node", "/usr/local/bin/node"),
    "npm": ("/usr/bin/npm", "/usr/local/bin/npm"),
    "fonts-noto-core": ("/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf",),
    "rspamd": ("/usr/bin/rspamd",),
    "spamassassin": ("/usr/bin/spamassassin",),
    "libmail-spf-perl": ("/usr/share/perl5/Mail/SPF.pm",),
    "dovecot-imapd": ("/usr/lib/dovecot/imap",),
    "postfix": ("/usr/sbin/smtp-sink",),
    "gcc": ("/usr/bin/gcc",),
    "libc6-dev": ("/usr/include/stdio.h",),
    "g++": ("/usr/bin/g++",),
    "libkf5calendarcore-dev": ("/usr/include/KF5/KCalendarCore",),
    "php-cli": ("/usr/bin/php",),
    "php-mbstring": ("/usr/lib/php/*/mbstring.so",),
    "php-horde-itip": ("/usr/share/php/Horde/Itip.php",),
}
"""Debian package -> any of these files shows that it is there."""

FOR_THUNDERBIRD: dict[str, tuple[str, ...]] = {
    "thunderbird": ("/usr/bin/thunderbird",),
    "dovecot-imapd": PACKAGES["dovecot-imapd"],
}


def lacking(packages: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [package for package, files in packages.items() if not any(_exists(file) for file in files)]


def _exists(pattern: str) -> bool:
    return any(Path("/").glob(pattern.lstrip("/")))


def main(*words: str) -> int:
    if words == ("thunderbird",):
        bring(FOR_THUNDERBIRD)
        return 0
    bring(PACKAGES)
    if shutil.which("npm") and not all(package.exists() for package in NODE_MODULES):
        command = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=JUDGES, check=False).returncode:
            print("Missing for some tests, which will be skipped: `npm ci` in tests/judges did not work")
    return 0


def bring(wanted: Mapping[str, tuple[str, ...]]) -> None:
    """Install what is missing of these, or say so."""
    if packages := lacking(wanted):
        if os.geteuid() == 0 and shutil.which("apt-get"):
            print(f"Installing for the tests: {', '.join(packages)}", flush=True)
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            for command in (
                ["update", "-qq"],
                ["install", "-qq", "-y", "--no-install-recommends", *packages],
            ):
                subprocess.run(["apt-get", *command], env=environment, stdout=subprocess.DEVNULL, check=False)
        if packages := lacking(wanted):
            print(f"Missing for some tests, which will be skipped: apt-get install {' '.join(packages)}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Settings as they were written, and what is wrong with them. What they mean, `settings` and `mailservers` say."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from email_validator import EmailNotValidError, validate_email

from mailer.errors import Problem

BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What no value may hold: it could end a line, or hide."""

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAILBOX = re.compile(r'(?:"?([^"<>]*?)"?\s*<([^<>]+)>|([^<>\s]+))')


@dataclass(kw_only=True)
class Written:
    """The values of all variables, those that were not set with their defaults, and the problems found so far."""

    values: dict[str, str]
    problems: list[Problem]

    def refuse(self, name: str, message: str) -> None:
        self.problems.append(Problem(file="settings", field=name, message=message))

    def number(self, name: str, *, most: int) -> int | None:
        """1 to `most`; None where nothing is written."""
        text = self.values[name]
        if re.fullmatch(r"[1-9][0-9]{0,9}", text) and int(text) <= most:
            return int(text)
        if text:
            self.refuse(name, f"{text!r} is not a number, 1 to {most}")
        return None

    def several(self, name: str) -> tuple[str, ...]:
        """What stands between the commas."""
        return tuple(part.strip() for part in self.values[name].split(",") if part.strip())

    def mailbox(self, name: str) -> tuple[str, str] | None:
        """(name, address) of `Name <address>` or `address`, its domain in ASCII; None where nothing is written."""
        text = self.values[name]
        if not text:
            return None
        found = _MAILBOX.fullmatch(text)
        try:
            if not found:
                raise EmailNotValidError("write it as address or Name <address>")
            address = validate_email(
                found[2] or found[3], check_deliverability=False, test_environment=True, allow_smtputf8=False
            )
        except EmailNotValidError as error:
            self.refuse(name, f"{text!r}: {error}")
            return None
        return found[1] or "", address.ascii_email or address.normalized


def is_host(text: str) -> bool:
    """A name (RFC 1123 2.1; with the underscore that container networks use) or an IP address."""
    if ":" not in text:
        return len(text) <= 253 and bool(_HOST.fullmatch(text))
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

"""Delivery reports: whose letter did not arrive, and why (RFC 3464), also of servers that know no standard.

A report is a stranger's text: which letter it is about, the signed return path alone says, and that is looked at
elsewhere. Here is only read what it claims.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum

from flufl.bounce import all_failures

MOST_GROUPS = 20
"""Recipients of one report that are read. A letter of ours has one."""


class Severity(StrEnum):
    """What a report says of an address: it is wrong, it has trouble at the moment, or all is well with it."""

    HARD = "hard"
    SOFT = "soft"
    NONE = "none"


HARD = (r"5\.1\.(?:0|1|2|3|6|10)", r"5\.2\.1", r"5\.4\.[14]", r"5\.0\.0")
"""Statuses (RFC 3463) that speak of the address: it never was, is no more, or its domain is unknown. What else is
permanent (a full mailbox, a filter's opinion) may end, and counts as soft.
"""

DELIVERED = frozenset({"delivered", "relayed", "expanded"})
"""Actions of a report that brings no bad news (RFC 3464 2.3.3)."""

DAEMONS = re.compile(
    r"mailer-?daemon|postmaster|mail-?daemon|bounces?|mailerdaemon|mdaemon|double-bounce", re.IGNORECASE
)

RETURNED = re.compile(
    r"undeliver|delivery (?:status|failure|has failed)|failure notice|returned (?:mail|to sender)|mail delivery failed"
    r"|could not be delivered|nicht zustellbar|unzustellbar|nicht zugestellt|non remis|non distribu|échec de la remise"
    r"|no se pudo entregar|no entregad|mancata consegna|impossibile recapitare|niet bezorgd|nie dostarczon"
    r"|не доставлен|не может быть доставлен|недоставлен|não entregue|未送达|退信",
    re.IGNORECASE,
)
"""How servers call a report in the subject, in the languages they speak."""

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_FIELD = re.compile(r"(?:rfc822|utf-8|unknown|x400)?\s*;?\s*(.*)", re.IGNORECASE | re.DOTALL)
_LONGEST_WORDS = 300
_SEARCHED = 20_000  # characters of a report that knows no standard


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a report says of one address; `words` are the server's, in one line."""

    address: str = ""
    action: str = ""
    status: str = ""
    words: str = ""

    @property
    def severity(self) -> Severity:
        if self.action in DELIVERED or self.status.startswith("2."):
            return Severity.NONE
        is_wrong = re.fullmatch("|".join(HARD), self.status) or not self.status
        return Severity.HARD if self.action == "failed" and is_wrong else Severity.SOFT


def standard(parts: Sequence[Message]) -> tuple[Report, ...]:
    """What the message/delivery-status parts among these say, recipient by recipient (RFC 3464 2.3)."""
    found: list[Report] = []
    for part in parts:
        if part.get_content_type() in {"message/delivery-status", "message/global-delivery-status"}:
            found += [report for group in _groups(part) if (report := _report(group))]
        if len(found) >= MOST_GROUPS:
            break
    return tuple(found[:MOST_GROUPS])


def unstandard(message: Message, text: str) -> tuple[Report, ...]:
    """What flufl.bounce makes of the reports of some dozens of servers, with a status if the text has one."""
    status = next(iter(_STATUS.findall(text[:_SEARCHED])), "")
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # its detectors were written for mail that is meant well
        return ()
    named = [(each, "delayed") for each in temporary - permanent] + [(each, "failed") for each in permanent]
    return tuple(
        Report(
            address=_line(address.decode("ascii", "replace"), 320),
            action=action,
            status=status,
            words=_line(text),
        )
        for address, action in sorted(named)[:MOST_GROUPS]
    )


def unknown(text: str) -> Report:
    """A report in words that nobody knows: a status is looked for, and without one it is trouble that may end."""
    status = next(iter(_STATUS.findall(text[:_SEARCHED])), "")
    return Report(action="failed" if status.startswith("5") else "delayed", status=status, words=_line(text))


def about(reports: Sequence[Report], address: str) -> Report | None:
    """The report about this address; where none is, the only one, for mail may have been forwarded on the way."""
    named = [each for each in reports if each.address.lower() == address.lower()]
    return named[0] if named else reports[0] if len(reports) == 1 else None


def _groups(part: Message) -> Iterator[Message]:
    """The groups of fields; the first is about the message itself."""
    payload = part.get_payload()
    yield from [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _report(group: Message) -> Report | None:
    action = _line(str(group.get("Action", "")), 40).lower().split(" ")[0]
    address = next(
        (str(v) for name in ("Original-Recipient", "Final-Recipient") if (v := group.get(name))), ""
    )
    status = _STATUS.search(str(group.get("Status", ""))[:100])
    if not (action or (address and status)):
        return None
    words = _line(str(group.get("Diagnostic-Code", ""))[: 4 * _LONGEST_WORDS])
    found = status or _STATUS.search(words)
    return Report(
        address=_address(address[:1000]), action=action, status=found[1] if found else "", words=words
    )


def _address(field: str) -> str:
    found = _FIELD.fullmatch(field.strip())
    return _line(found[1] if found else field, 320).strip("<>")


def _line(text: str, longest: int = _LONGEST_WORDS) -> str:
    """As one line, without what could hide."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * longest])
    return " ".join(printable.encode("utf-8", "replace").decode().split())[:longest]

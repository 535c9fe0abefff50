"""A letter as one would write it with what is there: the standard library's `email`, icalendar, Jinja; nothing kept.

It takes from the program what is decided (values, templates' words, calendar entries, links) and writes all bytes by
other means. Three things are as they are by decision, and not what `email` would do of itself: List-Unsubscribe is not
folded, quoted-printable is `quopri`'s and not `email.quoprimime`'s, and no line begins with `From `.
"""

import base64
import quopri
import re
from datetime import datetime
from email.generator import BytesGenerator
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime
from io import BytesIO

from mailer.agenda.model import AgendaVersion, CalendarPart, Mailing
from mailer.agenda.rules import EVENT
from mailer.composition import ical, placeholders, wording
from mailer.composition.composing import Sender
from mailer.composition.invitation import calendar_message
from mailer.composition.links import Links
from mailer.composition.wording import Wording
from mailer.recipients.model import Recipient


def composed(
    *,
    version: AgendaVersion,
    mailing: Mailing,
    anchor: str,
    recipient: Recipient,
    due_at: datetime,
    dated_at: datetime,
    texts: Wording,
    sender: Sender,
) -> bytes:
    """The whole message, CRLF throughout."""
    event, signer = version.event, sender.signer
    domain = event.organiser.address.partition("@")[2]
    anchors = (EVENT, *(session.key for session in event.sessions))
    links = signer.links(sender.base_url, signer.handle(event.key, recipient.address), anchors)
    language = wording.choose_language(texts, mailing.kind, recipient.language, event.language)
    values = placeholders.context(
        version=version,
        mailing=mailing,
        anchor=anchor,
        recipient=recipient,
        links=links,
        language=language,
        due_at=due_at,
    )
    words = wording.render(texts, mailing.kind, values, language)
    digest = signer.digest(
        "message-id", event.key, mailing.key, anchor, due_at.isoformat(), recipient.address
    )
    message_id = f"<{digest[:16].hex()}@{domain}>"
    headers = [
        _mailbox("From", event.organiser.name, event.organiser.address),
        _mailbox("To", recipient.name, recipient.address),
        f"Subject: {_folded('Subject', words.subject)}",
        f"Date: {format_datetime(dated_at)}",
        f"Message-ID: {message_id}",
        f"Content-Language: {words.language}",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: OOF, AutoReply",
        f"List-Id: <{event.key}.{domain}>",
        f"List-Unsubscribe: <{links.unsubscribe}>",
        f"Feedback-ID: {mailing.key}:{event.key}:{mailing.kind}:convenor",
    ]
    if sender.base_url.startswith("https:"):
        headers.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    headers.append("MIME-Version: 1.0")
    seed = message_id[1:17]
    parts = [_words("plain", words.text), _words("html", words.html)]
    file = _calendar(version, mailing, anchor, recipient, sender, links)
    body = _mime(seed, parts, mailing, file) if file else _multipart("alternative", f"=_0_{seed}", parts)
    written = BytesIO()
    BytesGenerator(
        written, mangle_from_=False, policy=compat32.clone(linesep="\r\n", max_line_length=0)
    ).flatten(body)
    return "".join(f"{header}\r\n" for header in headers).encode() + written.getvalue()


def _calendar(
    version: AgendaVersion, mailing: Mailing, anchor: str, recipient: Recipient, sender: Sender, links: Links
) -> bytes:
    event = version.event
    calendar = calendar_message(
        version=version,
        part=mailing.calendar,
        anchor=anchor,
        recipient=recipient,
        uid_for=lambda of: sender.signer.uid(
            event.key, of, recipient.address, event.organiser.address.partition("@")[2]
        ),
        links=links,
    )
    return ical.write(calendar) if calendar else b""


def _mime(seed: str, parts: list[Message], mailing: Mailing, file: bytes) -> Message:
    if mailing.calendar is CalendarPart.SESSIONS:
        attached = _file(
            'text/calendar; method=PUBLISH; charset="UTF-8"; name="agenda.ics"', file, "agenda.ics"
        )
    else:
        parts = [*parts, _file('text/calendar; method=REQUEST; charset="UTF-8"', file)]
        attached = _file('application/ics; name="invite.ics"', file, "invite.ics")
    alternative = _multipart("alternative", f"=_1_{seed}", parts)
    return _multipart("mixed", f"=_0_{seed}", [alternative, attached])


def _multipart(subtype: str, boundary: str, parts: list[Message]) -> Message:
    message = Message(policy=compat32)
    message["Content-Type"] = f'multipart/{subtype}; boundary="{boundary}"'
    for part in parts:
        message.attach(part)
    return message


def _words(subtype: str, text: str) -> Message:
    encoded = quopri.encodestring(text.replace("\n", "\r\n").encode())
    part = Message(policy=compat32)
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = "quoted-printable"
    part.set_payload(re.sub(r"(?m)^From ", "From=\r\n ", encoded.decode()))
    return part


def _file(kind: str, content: bytes, name: str = "") -> Message:
    part = Message(policy=compat32)
    part["Content-Type"] = kind
    part["Content-Transfer-Encoding"] = "base64"
    if name:
        part["Content-Disposition"] = f'attachment; filename="{name}"'
    part.set_payload(base64.encodebytes(content).decode().replace("\n", "\r\n"))
    return part


def _mailbox(header: str, name: str, address: str) -> str:
    """Printable ASCII as atoms or a quoted string, anything else encoded; `formataddr` would let `=?` through."""
    words = re.fullmatch(r"[!-~]{1,60}( [!-~]{1,60})*", name) and "=?" not in name
    if words and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    phrase = Header(name, "us-ascii" if words else "utf-8", header_name=header, maxlinelen=76).encode(
        linesep="\r\n"
    )
    line = f"{header}: {phrase}" if name else f"{header}:"
    space = " " if len(line.rpartition("\n")[2]) + len(f" <{address}>") <= 76 else "\r\n "
    return f"{line}{space}<{address}>"


def _folded(header: str, text: str) -> str:
    plain = re.fullmatch(r"[!-~]{1,60}( [!-~]{1,60})*", text) and "=?" not in text
    return Header(text, "us-ascii" if plain else "utf-8", header_name=header, maxlinelen=76).encode(
        linesep="\r\n"
    )

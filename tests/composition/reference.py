"""A letter as one would write it with what is there: the standard library's `email`, icalendar, Jinja; nothing kept.

It takes from the program what is decided (values, templates' words, calendar entries, links) and writes all bytes by
other means. Three things are as they are by decision, and not what `email` would do of itself: List-Unsubscribe is not
folded, quoted-printable is `quopri`'s and not `email.quoprimime`'s, and no line begins with `From `.
"""

import base64
import quopri
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.generator import BytesGenerator
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import encode_rfc2231, format_datetime
from io import BytesIO

from mailer.agenda.model import AgendaVersion, Attachment, Mailing
from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Upkeep
from mailer.composition import ical, placeholders, wording
from mailer.composition.composing import Sender
from mailer.composition.invitation import CalendarMessage, Method, calendar_message, messages_for
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
    upkeep: Upkeep | None = None,
    earlier: Mapping[int, AgendaVersion] | None = None,
    contents: Mapping[str, bytes] | None = None,
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
        upkeep=upkeep,
        earlier=earlier or {},
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

    def uid_for(of: str) -> str:
        return signer.uid(event.key, of, recipient.address, domain)

    if upkeep:
        known = {version.number: version, **(earlier or {})}
        files = messages_for(upkeep=upkeep, earlier=known, recipient=recipient, uid_for=uid_for, links=links)
    else:
        one = calendar_message(
            version=version,
            part=mailing.calendar,
            anchor=anchor,
            recipient=recipient,
            uid_for=uid_for,
            links=links,
        )
        files = (one,) if one else ()
    attached = [_attached(each, (contents or {})[each.digest]) for each in mailing.attachments]
    body = (
        _mime(seed, parts, files, attached)
        if files or attached
        else _multipart("alternative", f"=_0_{seed}", parts)
    )
    written = BytesIO()
    BytesGenerator(
        written, mangle_from_=False, policy=compat32.clone(linesep="\r\n", max_line_length=0)
    ).flatten(body)
    return "".join(f"{header}\r\n" for header in headers).encode() + written.getvalue()


def _mime(
    seed: str, parts: list[Message], files: Sequence[CalendarMessage], others: Sequence[Message]
) -> Message:
    attached: list[Message] = []
    for file in files:
        octets = ical.write(file)
        if attached:
            attached.append(_file('application/ics; method=PUBLISH; name="agenda.ics"', octets, "agenda.ics"))
        elif file.method is Method.PUBLISH:
            kind = 'text/calendar; method=PUBLISH; charset="UTF-8"; name="agenda.ics"'
            attached.append(_file(kind, octets, "agenda.ics"))
        else:
            name = "cancel.ics" if file.method is Method.CANCEL else "invite.ics"
            parts = [*parts, _file(f'text/calendar; method={file.method}; charset="UTF-8"', octets)]
            attached.append(_file(f'application/ics; name="{name}"', octets, name))
    alternative = _multipart("alternative", f"=_1_{seed}", parts)
    return _multipart("mixed", f"=_0_{seed}", [alternative, *attached, *others])


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


def _attached(of: Attachment, content: bytes) -> Message:
    part = Message(policy=compat32)
    part["Content-Disposition"] = "attachment;\r\n " + _name(of.name)
    part["Content-Type"] = of.media_type
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(base64.encodebytes(content).decode().replace("\n", "\r\n"))
    return part


def _name(name: str) -> str:
    """RFC 2231: short ASCII in quotes; else in UTF-8, 54 characters in a line, no character in two of them."""
    if name.isascii() and len(name) <= 54:
        return f'filename="{name}"'
    lines = [""]
    for each in name:
        encoded = (
            each if re.fullmatch(r"[\w!#$&+.^`|~-]", each, re.ASCII) else encode_rfc2231(each, "utf-8")[7:]
        )
        lines = [*lines, encoded] if len(lines[-1] + encoded) > 54 else [*lines[:-1], lines[-1] + encoded]
    if len(lines) == 1:
        return f"filename*=utf-8''{lines[0]}"
    numbered = [f"filename*{n}*={line}" for n, line in enumerate(lines)]
    return ";\r\n ".join(numbered).replace("*0*=", "*0*=utf-8''")


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

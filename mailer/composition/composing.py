"""One letter, whole: words, calendar part and headers joined to the bytes that leave.

A pure function: the same version, wording, reader and occasion give the same bytes, whether previewed, sent,
repeated or audited later.
"""

from dataclasses import dataclass
from datetime import datetime

from mailer.agenda.model import AgendaVersion, CalendarPart, Event, Mailing
from mailer.agenda.rules import EVENT
from mailer.composition import ical, message, placeholders, wording
from mailer.composition.invitation import calendar_message
from mailer.composition.links import Links, Signer
from mailer.composition.message import CalendarFile, Mailbox
from mailer.composition.wording import Wording
from mailer.recipients.model import Recipient


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What does not depend on the letter: the secret key, and where readers reach the pages."""

    signer: Signer
    base_url: str


@dataclass(frozen=True, kw_only=True)
class Composed:
    """A letter ready to leave, and the parts of it that people look at.

    `entries` are the calendar entries that its reader holds from now on, as (anchor, UID, SEQUENCE).
    """

    raw: bytes
    message_id: str
    return_path: str
    subject: str
    language: str
    text: str
    html: str
    calendar: CalendarFile | None
    entries: tuple[tuple[str, str, int], ...]


def compose(
    *,
    version: AgendaVersion,
    mailing: Mailing,
    anchor: str,
    recipient: Recipient,
    due_at: datetime,
    dated_at: datetime,
    texts: Wording,
    sender: Sender,
) -> Composed:
    """The letter that `recipient` gets of `mailing` at the occasion (`anchor`, `due_at`), dated `dated_at`.

    Raises:
        WordingError: a template cannot be rendered for this reader.
        UnsafeLetter: a name or title would have become a header of its own.
    """
    event, signer = version.event, sender.signer
    domain = event.organiser.address.rpartition("@")[2]
    links = signer.links(
        sender.base_url,
        signer.handle(event.key, recipient.address),
        (EVENT, *(session.key for session in event.sessions)),
    )
    language = wording.choose_language(texts, mailing.kind, recipient.language, event.language)
    context = placeholders.context(
        version=version,
        mailing=mailing,
        anchor=anchor,
        recipient=recipient,
        links=links,
        language=language,
        due_at=due_at,
    )
    words = wording.render(texts, mailing.kind, context, recipient.language, event.language)
    calendar = calendar_message(
        version=version,
        part=mailing.calendar,
        anchor=anchor,
        recipient=recipient,
        uid_for=lambda of: signer.uid(event.key, of, recipient.address, domain),
        links=links,
    )
    file = (
        CalendarFile(
            method=calendar.method,
            content=ical.write(calendar),
            name="agenda.ics" if mailing.calendar is CalendarPart.SESSIONS else "invite.ics",
        )
        if calendar
        else None
    )
    message_id = message_id_of(signer, event, mailing.key, anchor, due_at, recipient)
    raw = message.write(
        message.Message(
            sender=Mailbox(name=event.organiser.name, address=event.organiser.address),
            reader=Mailbox(name=recipient.name, address=recipient.address),
            subject=words.subject,
            dated_at=dated_at,
            message_id=message_id,
            text=words.text,
            html=words.html,
            language=words.language,
            seed=signer.digest("boundary", message_id)[:8].hex(),
            calendar=file,
            headers=_headers(version, mailing, domain, links),
        )
    )
    return Composed(
        raw=raw,
        message_id=message_id,
        return_path=event.organiser.address,
        subject=words.subject,
        language=words.language,
        text=words.text,
        html=words.html,
        calendar=file,
        entries=tuple(
            (entry_anchor, entry.uid, entry.sequence)
            for entry_anchor, entry in zip(_anchors(version, mailing, anchor), calendar.entries, strict=True)
        )
        if calendar
        else (),
    )


def message_id_of(
    signer: Signer, event: Event, mailing: str, anchor: str, due_at: datetime, recipient: Recipient
) -> str:
    """The Message-ID of one recipient's letter of one occasion (RFC 5322 3.6.4): opaque, and always the same."""
    digest = signer.digest("message-id", event.key, mailing, anchor, due_at.isoformat(), recipient.address)
    return f"<{digest[:16].hex()}@{event.organiser.address.rpartition('@')[2]}>"


def _anchors(version: AgendaVersion, mailing: Mailing, anchor: str) -> tuple[str, ...]:
    if mailing.calendar is CalendarPart.SESSIONS:
        return tuple(session.key for session in version.event.sessions)
    return (anchor,)


def _headers(version: AgendaVersion, mailing: Mailing, domain: str, links: Links) -> dict[str, str]:
    """What tells other machines that this is automatic mail, and how its reader leaves it.

    RFC 3834 5 (Auto-Submitted), RFC 2919 (List-Id), RFC 2369 3.2 and RFC 8058 (one-click, only over https).
    """
    event = version.event
    headers = {
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "List-Id": f"<{event.key}.{domain}>",
        "List-Unsubscribe": f"<{links.unsubscribe}>",
        "Feedback-ID": f"{mailing.key}:{event.key}:{mailing.kind}:convenor",
    }
    if links.unsubscribe.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers

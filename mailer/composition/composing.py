"""One letter, whole: words, calendar part and headers joined to the bytes that leave.

A pure function: the same version, wording, reader and occasion give the same bytes, whether previewed, sent,
repeated or audited later. `compose` does it the plain way; a `Composer`, for many letters of an occasion, has
`skeleton` do it once for all of them, and the plain way where that cannot be.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from mailer.agenda.model import AgendaVersion, CalendarPart, Event, Mailing
from mailer.agenda.rules import EVENT
from mailer.composition import ical, message, placeholders, wording
from mailer.composition.casting import SEED, Letter, Occasion, parted
from mailer.composition.dkim import DkimKey, signatures, signers
from mailer.composition.invitation import CalendarMessage, calendar_message
from mailer.composition.links import Links, Signer
from mailer.composition.message import CalendarFile, Mailbox, Message
from mailer.composition.skeleton import Skeleton
from mailer.composition.wording import Wording, Words
from mailer.recipients.model import Recipient

MOST_SKELETONS = 16
"""Occasions a composer remembers; a day's mailings are fewer."""


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What does not depend on the letter: the secret key, where readers reach the pages, the mailbox for what comes
    back (nothing: the organiser's), and the keys that every letter is signed with.
    """

    signer: Signer
    base_url: str
    return_path: str = ""
    dkim: tuple[DkimKey, ...] = ()

    def return_path_of(self, letter_id: int) -> str:
        """The envelope sender of one letter (`Signer.return_path`); nothing where no mailbox is set."""
        return self.signer.return_path(self.return_path, letter_id) if self.return_path else ""


class Composed(NamedTuple):
    """A letter ready to leave.

    `entries` are the calendar entries that its reader holds from now on, as (anchor, UID, SEQUENCE). What people
    look at is read back from the bytes when somebody asks.
    """

    raw: bytes
    message_id: str
    return_path: str
    entries: tuple[tuple[str, str, int], ...]

    @property
    def subject(self) -> str:
        return message.read_back(self.raw).subject

    @property
    def language(self) -> str:
        return message.read_back(self.raw).language

    @property
    def text(self) -> str:
        return message.read_back(self.raw).text

    @property
    def html(self) -> str:
        return message.read_back(self.raw).html

    @property
    def calendar(self) -> CalendarFile | None:
        return message.read_back(self.raw).calendar


class Composer:
    """Composes letters, and remembers what those of an occasion share. It is one thread's."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self._skeletons: OrderedDict[Hashable, Skeleton] = OrderedDict()

    def compose(
        self,
        *,
        version: AgendaVersion,
        mailing: Mailing,
        anchor: str,
        recipient: Recipient,
        due_at: datetime,
        dated_at: datetime,
        texts: Wording,
        handle: str | None = None,
    ) -> Composed:
        """The bytes that `compose` gives; `handle`, the reader's name in links, saves working it out.

        Raises:
            WordingError: a template cannot be rendered for this reader.
            UnsafeLetter: a name or title would have become a header of its own.
        """
        skeleton = self._skeleton(version, mailing, anchor, due_at, texts)
        letter = skeleton.letter(recipient, dated_at, handle)
        if letter is None:
            letter = _plainly(skeleton.occasion, recipient, dated_at, texts, handle)
        return _ready(version.event, letter, self.sender, dated_at)

    def _skeleton(
        self, version: AgendaVersion, mailing: Mailing, anchor: str, due_at: datetime, texts: Wording
    ) -> Skeleton:
        hour = due_at if due_at.tzinfo is UTC else due_at.isoformat()
        key = (version.event.key, version.number, mailing.key, anchor, hour, texts.digest)
        skeleton = self._skeletons.get(key)
        if skeleton and _is_same(skeleton.occasion, version, mailing):
            self._skeletons.move_to_end(key)
            return skeleton
        occasion = _occasion(version, mailing, anchor, due_at, texts, self.sender)
        self._skeletons[key] = Skeleton(occasion, partial(_plainly, occasion))
        if len(self._skeletons) > MOST_SKELETONS:
            self._skeletons.popitem(last=False)
        return self._skeletons[key]


def _is_same(occasion: Occasion, version: AgendaVersion, mailing: Mailing) -> bool:
    """A published version never changes, but a draft does; and comparing two of them takes its time."""
    return (occasion.version is version or occasion.version == version) and (
        occasion.mailing is mailing or occasion.mailing == mailing
    )


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
    handle: str | None = None,
) -> Composed:
    """The letter that `recipient` gets of `mailing` at the occasion (`anchor`, `due_at`), dated `dated_at`.

    `handle` is the reader's name in links; without it, that of somebody whose links were never revoked.

    Raises:
        WordingError: a template cannot be rendered for this reader.
        UnsafeLetter: a name or title would have become a header of its own.
    """
    occasion = _occasion(version, mailing, anchor, due_at, texts, sender)
    return _ready(version.event, _plainly(occasion, recipient, dated_at, texts, handle), sender, dated_at)


def _ready(event: Event, letter: Letter, sender: Sender, dated_at: datetime) -> Composed:
    """The last step for every letter, however it was composed: signed where there are keys, and put together."""
    head, body, message_id, entries = letter
    address, raw = event.organiser.address, head + body
    if sender.dkim:
        by = signers(address.rpartition("@")[2], sender.dkim)
        raw = signatures(by, head, body, dated_at) + raw
    return Composed(raw, message_id, address, entries)


def _occasion(
    version: AgendaVersion, mailing: Mailing, anchor: str, due_at: datetime, texts: Wording, sender: Sender
) -> Occasion:
    return Occasion(
        version=version,
        mailing=mailing,
        anchor=anchor,
        due_at=due_at,
        texts=texts,
        signer=sender.signer,
        base_url=sender.base_url,
    )


def _plainly(
    of: Occasion, recipient: Recipient, dated_at: datetime, texts: Wording, handle: str | None = None
) -> Letter:
    """A letter rendered, drawn up and encoded by itself, from its facts alone."""
    event, signer, mailing = of.event, of.signer, of.mailing
    domain = event.organiser.address.rpartition("@")[2]
    links = signer.links(
        of.base_url,
        handle or signer.handle(event.key, recipient.address),
        (EVENT, *(session.key for session in event.sessions)),
    )
    language = wording.choose_language(texts, mailing.kind, recipient.language, event.language)
    context = placeholders.context(
        version=of.version,
        mailing=mailing,
        anchor=of.anchor,
        recipient=recipient,
        links=links,
        language=language,
        due_at=of.due_at,
    )
    words = wording.render(texts, mailing.kind, context, recipient.language, event.language)
    calendar = calendar_message(
        version=of.version,
        part=mailing.calendar,
        anchor=of.anchor,
        recipient=recipient,
        uid_for=lambda anchor: signer.uid(event.key, anchor, recipient.address, domain),
        links=links,
    )
    written = _message(of, recipient, dated_at, words, calendar, links)
    entries = _entries(of, calendar) if calendar else ()
    return Letter(*parted(message.write(written)), written.message_id, entries)


def _message(
    of: Occasion,
    recipient: Recipient,
    dated_at: datetime,
    words: Words,
    calendar: CalendarMessage | None,
    links: Links,
) -> Message:
    organiser = of.event.organiser
    message_id = message_id_of(of.signer, of.event, of.mailing.key, of.anchor, of.due_at, recipient)
    return Message(
        sender=Mailbox(name=organiser.name, address=organiser.address),
        reader=Mailbox(name=recipient.name, address=recipient.address),
        subject=words.subject,
        dated_at=dated_at,
        message_id=message_id,
        text=words.text,
        html=words.html,
        language=words.language,
        seed=message_id[1 : 1 + SEED],
        calendar=_file(of.mailing, calendar) if calendar else None,
        headers=_headers(of.version, of.mailing, links),
    )


def _file(mailing: Mailing, calendar: CalendarMessage) -> CalendarFile:
    is_agenda = mailing.calendar is CalendarPart.SESSIONS
    return CalendarFile(
        method=calendar.method.value,
        content=ical.write(calendar),
        name="agenda.ics" if is_agenda else "invite.ics",
    )


def _entries(of: Occasion, calendar: CalendarMessage) -> tuple[tuple[str, str, int], ...]:
    is_agenda = of.mailing.calendar is CalendarPart.SESSIONS
    anchors = [session.key for session in of.event.sessions] if is_agenda else [of.anchor]
    return tuple(
        (anchor, entry.uid, entry.sequence) for anchor, entry in zip(anchors, calendar.entries, strict=True)
    )


def message_id_of(
    signer: Signer, event: Event, mailing: str, anchor: str, due_at: datetime, recipient: Recipient
) -> str:
    """The Message-ID of one recipient's letter of one occasion (RFC 5322 3.6.4): opaque, and always the same."""
    digest = signer.digest("message-id", event.key, mailing, anchor, due_at.isoformat(), recipient.address)
    return f"<{digest[:16].hex()}@{event.organiser.address.rpartition('@')[2]}>"


def _headers(version: AgendaVersion, mailing: Mailing, links: Links) -> dict[str, str]:
    """What tells other machines that this is automatic mail, and how its reader leaves it.

    RFC 3834 5 (Auto-Submitted), RFC 2919 (List-Id), RFC 2369 3.2 and RFC 8058 (one-click, only over https).
    """
    event = version.event
    domain = event.organiser.address.rpartition("@")[2]
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

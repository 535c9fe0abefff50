"""One letter, whole: words, calendar part and headers joined to the bytes that leave.

A pure function: the same version, wording, reader and occasion give the same bytes, whether previewed, sent,
repeated or audited later. `compose` does it the plain way; a `Composer`, for many letters of an occasion, has
`skeleton` do it once for all of them, and the plain way where that cannot be.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, NotRequired, TypedDict, Unpack

from mailer.agenda.model import AgendaVersion, CalendarPart, Event, Mailing
from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Upkeep
from mailer.composition import ical, message, placeholders, wording
from mailer.composition.casting import SEED, Entry, Letter, Occasion, Reader, parted
from mailer.composition.dkim import DkimKey, signatures, signers
from mailer.composition.invitation import CalendarMessage, Method, Status, calendar_message, messages_for
from mailer.composition.links import Links, Signer
from mailer.composition.message import AttachedFile, CalendarFile, Mailbox, Message
from mailer.composition.skeleton import Skeleton
from mailer.composition.wording import Wording, Words
from mailer.errors import ConvenorError
from mailer.recipients.model import Recipient

Contents = Mapping[str, bytes]
"""What is in attached files, by the SHA-256 that an agenda version names."""

NO_FILES: Contents = MappingProxyType({})

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

    `entries` are the calendar entries that its reader holds from now on. What people look at is read back from the
    bytes when somebody asks.
    """

    raw: bytes
    message_id: str
    return_path: str
    entries: tuple[Entry, ...]

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

    @property
    def beside(self) -> CalendarFile | None:
        """The second calendar file, for what asks nobody."""
        return message.read_back(self.raw).beside


class OfOccasion(TypedDict):
    """What letters of one occasion have in common, as a `Composer` is told it."""

    version: AgendaVersion
    mailing: Mailing
    anchor: str
    due_at: datetime
    texts: Wording
    upkeep: NotRequired[Upkeep | None]
    earlier: NotRequired[Mapping[int, AgendaVersion]]
    contents: NotRequired[Contents]


class Composer:
    """Composes letters, and remembers what those of an occasion share. It is one thread's."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self._skeletons: OrderedDict[Hashable, Skeleton] = OrderedDict()

    def compose(
        self,
        *,
        recipient: Recipient,
        dated_at: datetime,
        handle: str | None = None,
        **of: Unpack[OfOccasion],
    ) -> Composed:
        """The bytes that `compose` gives; `handle`, the reader's name in links, saves working it out.

        Raises:
            WordingError: a template cannot be rendered for this reader.
            UnsafeLetter: a name or title would have become a header of its own.
        """
        (composed,) = self.together([Reader(recipient, dated_at, handle)], **of)
        return composed

    def together(
        self,
        readers: Sequence[Reader],
        **of: Unpack[OfOccasion],
    ) -> list[Composed]:
        """The letters of several readers of one occasion, in half the time that they take one by one.

        Raises:
            WordingError, UnsafeLetter: as `compose`, for any of them.
        """
        skeleton = self._skeleton(**of)
        return [
            _ready(
                of["version"].event,
                letter
                or _plainly(skeleton.occasion, reader.recipient, reader.dated_at, of["texts"], reader.handle),
                self.sender,
                reader.dated_at,
            )
            for reader, letter in zip(readers, skeleton.letters(readers), strict=True)
        ]

    def _skeleton(
        self,
        *,
        version: AgendaVersion,
        mailing: Mailing,
        anchor: str,
        due_at: datetime,
        texts: Wording,
        upkeep: Upkeep | None = None,
        earlier: Mapping[int, AgendaVersion] = MappingProxyType({}),
        contents: Contents = NO_FILES,
    ) -> Skeleton:
        hour = due_at if due_at.tzinfo is UTC else due_at.isoformat()
        does = upkeep.digest if upkeep else ""
        key = (version.event.key, version.number, mailing.key, anchor, hour, texts.digest, does)
        skeleton = self._skeletons.get(key)
        if skeleton and _is_same(skeleton.occasion, version, mailing):
            self._skeletons.move_to_end(key)
            return skeleton
        occasion = Occasion(
            version=version, mailing=mailing, anchor=anchor, due_at=due_at, texts=texts,
            signer=self.sender.signer, base_url=self.sender.base_url, upkeep=upkeep, earlier=earlier,
            attached=_attached(mailing, contents),
        )  # fmt: skip
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
    upkeep: Upkeep | None = None,
    earlier: Mapping[int, AgendaVersion] = MappingProxyType({}),
    handle: str | None = None,
    contents: Contents = NO_FILES,
) -> Composed:
    """The letter that `recipient` gets of `mailing` at the occasion (`anchor`, `due_at`), dated `dated_at`.

    With `upkeep` it carries what that says, in the place of what the mailing says; `earlier` has the versions it names.
    `handle` is the reader's name in links; without it, that of somebody whose links were never revoked. `contents` has
    what is in the files that the mailing attaches.

    Raises:
        WordingError: a template cannot be rendered for this reader.
        UnsafeLetter: a name or title would have become a header of its own.
        ConvenorError: the content of a file is not there.
    """
    occasion = Occasion(
        version=version, mailing=mailing, anchor=anchor, due_at=due_at, texts=texts, signer=sender.signer,
        base_url=sender.base_url, upkeep=upkeep, earlier=earlier, attached=_attached(mailing, contents),
    )  # fmt: skip
    return _ready(version.event, _plainly(occasion, recipient, dated_at, texts, handle), sender, dated_at)


def _ready(event: Event, letter: Letter, sender: Sender, dated_at: datetime) -> Composed:
    """The last step for every letter, however it was composed: signed where there are keys."""
    raw, message_id, entries = letter
    address = event.organiser.address
    if sender.dkim:
        by = signers(address.rpartition("@")[2], sender.dkim)
        raw = signatures(by, *parted(raw), dated_at) + raw
    return Composed(raw, message_id, address, entries)


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
        upkeep=of.upkeep,
        earlier=of.earlier,
    )
    words = wording.render(texts, mailing.kind, context, recipient.language, event.language)
    calendars = _calendars(
        of, recipient, lambda a: signer.uid(event.key, a, recipient.address, domain), links
    )
    written = _message(of, recipient, dated_at, words, calendars, links)
    return Letter(message.write(written), written.message_id, _entries(of, calendars))


def _calendars(
    of: Occasion, recipient: Recipient, uid_for: Callable[[str], str], links: Links
) -> tuple[CalendarMessage, ...]:
    """What the letter carries: what its upkeep says, or else its mailing."""
    if of.upkeep:
        return messages_for(
            upkeep=of.upkeep,
            earlier={of.version.number: of.version, **of.earlier},
            recipient=recipient,
            uid_for=uid_for,
            links=links,
        )
    usual = calendar_message(
        version=of.version,
        part=of.mailing.calendar,
        anchor=of.anchor,
        recipient=recipient,
        uid_for=uid_for,
        links=links,
    )
    return (usual,) if usual else ()


def _message(
    of: Occasion,
    recipient: Recipient,
    dated_at: datetime,
    words: Words,
    calendars: Sequence[CalendarMessage],
    links: Links,
) -> Message:
    organiser = of.event.organiser
    message_id = message_id_of(of.signer, of.event, of.mailing.key, of.anchor, of.due_at, recipient)
    files = [*map(_file, calendars), None, None]
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
        calendar=files[0],
        beside=files[1],
        attached=of.attached,
        headers=_headers(of.version, of.mailing, links),
    )


def _attached(mailing: Mailing, contents: Contents) -> tuple[AttachedFile, ...]:
    missing = [each.name for each in mailing.attachments if each.digest not in contents]
    if missing:
        raise ConvenorError(f"the content of {', '.join(missing)} is not there")
    return tuple(
        AttachedFile(name=each.name, media_type=each.media_type, content=contents[each.digest])
        for each in mailing.attachments
    )


def _file(calendar: CalendarMessage) -> CalendarFile:
    return CalendarFile(
        method=calendar.method.value,
        content=ical.write(calendar),
        name=FILE_NAMES[calendar.method],
    )


FILE_NAMES = {Method.REQUEST: "invite.ics", Method.PUBLISH: "agenda.ics", Method.CANCEL: "cancel.ics"}


def _entries(of: Occasion, calendars: Sequence[CalendarMessage]) -> tuple[Entry, ...]:
    """In the order in which they stand in the files."""
    if of.upkeep:
        told = sorted(of.upkeep.told, key=lambda each: not each.asked)
        anchors = [each.anchor for each in told]
    elif of.mailing.calendar is CalendarPart.SESSIONS:
        anchors = [session.key for session in of.event.sessions]
    else:
        anchors = [of.anchor]
    held = [entry for calendar in calendars for entry in calendar.entries]
    return tuple(
        (
            anchor, entry.uid, entry.sequence, entry.attendee is not None,
            entry.status is Status.CANCELLED, entry.stamped_at,
        )
        for anchor, entry in zip(anchors, held, strict=bool(held))
    )  # fmt: skip


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

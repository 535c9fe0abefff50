"""One letter of the tray, taken apart as its reader's mail program would. The bytes may be anybody's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage, Message

from mailer.accounts import Visitor
from mailer.agenda.attachments import megabytes
from mailer.composition.links import without_tokens
from mailer.delivery import tray
from mailer.delivery.tray import CaughtLetter
from mailer.outbox.roles import Role
from mailer.web.organiser import entry
from mailer.web.organiser.entry import CalendarCard

MOST_SHOWN = 512 * 1024
_MOST_PARTS = 50
_SHOWN_HEADERS = ("From", "To", "Subject", "Date")
_LINK = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, kw_only=True)
class CaughtFile:
    """A file that goes with a letter, the `number`-th of its parts. `name` is what its reader sees."""

    number: int
    name: str
    media_type: str
    content: bytes = field(repr=False)

    @property
    def kind(self) -> str:
        """What people call it: by its ending, if it has one."""
        _, point, ending = self.name.rpartition(".")
        return ending.upper() if point else self.media_type

    @property
    def size(self) -> str:
        return megabytes(len(self.content))


@dataclass(frozen=True, kw_only=True)
class OpenedLetter:
    """What is to be seen of a letter; None for a part it does not have.

    `headers` are From, To, Subject and Date, decoded. `source` is the whole of it as it came over the line, or None
    where it is not for whoever looks.
    `mailing` is the key its Feedback-ID names, or nothing. `files` go with it, calendar files among them; `may_keep`
    says whether they are for whoever looks.
    """

    caught: CaughtLetter
    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    calendar_source: str | None
    calendar: CalendarCard | None
    links: tuple[str, ...]
    source: str | None
    mailing: str
    files: tuple[CaughtFile, ...] = ()
    may_keep: bool = True

    @property
    def views(self) -> tuple[str, ...]:
        """The ways in which it can be looked at, the best first."""
        has = {"html": self.html, "text": self.text, "calendar": self.calendar_source, "raw": self.source}
        return tuple(view for view, part in has.items() if part is not None)


def open_letter(caught: CaughtLetter, raw: bytes) -> OpenedLetter:
    """Take a letter apart. What cannot be read is left out; the source is always there."""
    message = tray.parsed(raw)
    parts = list(_parts(message))
    text = _first(parts, "text/plain")
    calendar_source = _first(parts, "text/calendar") or _first(parts, "application/ics")
    return OpenedLetter(
        caught=caught,
        headers=tuple((name, _header(message, name)) for name in _SHOWN_HEADERS),
        text=text,
        html=_first(parts, "text/html"),
        calendar_source=calendar_source,
        calendar=entry.read(calendar_source) if calendar_source is not None else None,
        links=tuple(dict.fromkeys(_LINK.findall(text or ""))),
        source=raw[:MOST_SHOWN].decode("utf-8", "replace"),
        mailing=mailing_of(message),
        files=tuple(_files(parts)),
    )


def as_seen_by(visitor: Visitor, letter: OpenedLetter) -> OpenedLetter:
    """The letter for whoever looks. A personal link lets its bearer answer for its reader: who may not change anything
    about people sees it without.
    """
    if visitor.may(Role.ORGANISER):
        return letter
    file = letter.calendar_source
    unfolded = without_tokens(re.sub(r"\r?\n[ \t]", "", file)) if file is not None else None
    return replace(
        letter,
        text=without_tokens(letter.text) if letter.text is not None else None,
        html=without_tokens(letter.html) if letter.html is not None else None,
        calendar_source=unfolded,
        calendar=entry.read(unfolded) if unfolded is not None else None,
        links=(),
        source=None,
        may_keep=False,
    )


def mailing_of(message: EmailMessage) -> str:
    """The key of the mailing that a letter says it belongs to, or nothing."""
    return _header(message, "Feedback-ID").partition(":")[0]


def _parts(message: EmailMessage) -> Iterator[Message]:
    """Its leaves in their order, as many as anybody would look at."""
    try:
        for number, part in enumerate(message.walk()):
            if number >= _MOST_PARTS:
                return
            if not part.is_multipart():
                yield part
    except (ValueError, LookupError, RecursionError, AttributeError):
        return


def _files(parts: list[Message]) -> Iterator[CaughtFile]:
    for number, part in enumerate(parts):
        try:
            name, is_beside = part.get_filename() or "", part.get_content_disposition() == "attachment"
            payload = part.get_payload(decode=True) if name or is_beside else None
        except (ValueError, LookupError, AttributeError, IndexError, TypeError):
            continue
        if isinstance(payload, bytes):
            shown = "".join(each if each.isprintable() else "_" for each in name)
            yield CaughtFile(
                number=number, name=shown or "a file without a name", media_type=_kind(part), content=payload
            )


def _first(parts: list[Message], kind: str) -> str | None:
    return next((_decoded(part) for part in parts if _kind(part) == kind), None)


def _kind(part: Message) -> str:
    try:
        return part.get_content_type()
    except (ValueError, LookupError, AttributeError, IndexError):
        return ""


def _decoded(part: Message) -> str:
    try:
        payload = part.get_payload(decode=True)
        octets = payload if isinstance(payload, bytes) else b""
        return octets[:MOST_SHOWN].decode(part.get_content_charset("utf-8"), "replace")
    except (ValueError, LookupError, AttributeError, IndexError):
        return ""


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message[name] or "")
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):
        return ""

"""A letter composed plainly for a stand-in reader, cut open where it is that reader's own: the cast of an occasion.

Knows what differs between two letters besides their words: To, Date, Message-ID, boundaries, tokens, the calendar's
UIDs and its ATTENDEE. Words are left to `sheet`; whether what comes out is right is left to `skeleton`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from typing import NamedTuple

from mailer.agenda.model import AgendaVersion, Event, Mailing
from mailer.agenda.rules import EVENT
from mailer.agenda.upkeep import Upkeep
from mailer.composition import ical, message, placeholders, typesetting
from mailer.composition.links import Links, Signer
from mailer.composition.marks import Marker, Marks
from mailer.composition.message import AttachedFile, CalendarFile, Mailbox
from mailer.composition.sheet import HTML, TEXT, Frame, Sheet, Slot
from mailer.composition.splicing import CALENDAR_FOLD, Form, Piece, Place, cut, cut_again
from mailer.composition.wording import PARTS, Wording
from mailer.recipients.model import Recipient, Role

SEED = 16
"""Digits of the Message-ID that determine a letter's boundaries."""

Entry = tuple[str, str, int, bool, bool, datetime]
"""A calendar entry that a reader holds: its anchor, UID and SEQUENCE, whether its reader is asked, whether it is now
cancelled, and its DTSTAMP.
"""


class Letter(NamedTuple):
    """A letter for one reader: its head, with the empty line that ends it, its body, and what it is known by."""

    head: bytes
    body: bytes
    message_id: str
    entries: tuple[Entry, ...]


Plainly = Callable[[Recipient, datetime, Wording], Letter]
"""Composes a letter of the occasion the plain way: for whom, dated when, in which wording."""


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What all its letters have in common."""

    version: AgendaVersion
    mailing: Mailing
    anchor: str
    due_at: datetime
    texts: Wording
    signer: Signer
    base_url: str
    upkeep: Upkeep | None = None
    earlier: Mapping[int, AgendaVersion] = field(default_factory=dict)
    attached: tuple[AttachedFile, ...] = ()

    @property
    def former_hours(self) -> set[datetime]:
        """Moments of earlier versions, which a letter may name."""
        events = [version.event for version in self.earlier.values()]
        return {at for event in events for each in event.sessions for at in (each.starts_at, each.ends_at)}

    @property
    def answer(self) -> str:
        """What the reader is known to have answered, as the entry that is asked about has it."""
        told = self.upkeep.told if self.upkeep else ()
        return next((each.answer for each in told if each.asked), "")

    @property
    def event(self) -> Event:
        return self.version.event

    @property
    def stand_in_links(self) -> Links:
        """Those of the stand-in reader; their tokens mark where the reader's own belong."""
        anchors = (EVENT, *(session.key for session in self.event.sessions))
        return self.signer.links(
            self.base_url, self.signer.handle(self.event.key, _STAND_IN.address), anchors
        )


_STAND_IN = Recipient(
    address="stand-in@reader.example", given_name="Stand", family_name="In", role=Role.PRACTITIONER
)
_MAILBOX = Mailbox(name=_STAND_IN.name, address=_STAND_IN.address)
_DATE = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = _SUBJECT, _TEXT, _HTML = ("(the subject)", "(the plain text)", "(the HTML)")
_LINE = 57  # octets of a line of base64
_UID_MARK = 32  # hexadecimal digits before the @ of a UID


class Cast:
    """What is filled in for one reader around the words, in one language."""

    def __init__(self, occasion: Occasion, plainly: Plainly, language: str) -> None:
        """Raises whatever `plainly` raises for everybody."""
        kind, organiser = occasion.mailing.kind, occasion.event.organiser
        wordless = {f"{kind}/{language}.{part}": words for part, words in zip(PARTS, _WORDS, strict=True)}
        stand_in = _STAND_IN.model_copy(update={"language": language})
        letter = plainly(stand_in, _DATE, Wording(texts=wordless))
        self._domain = organiser.address.rpartition("@")[2]
        self._sender = Mailbox(name=organiser.name, address=organiser.address)
        self._entries = [
            (anchor, uid[_UID_MARK:], sequence, asked, cancelled, stamped_at)
            for anchor, uid, sequence, asked, cancelled, stamped_at in letter.entries
        ]
        self._marker = Marker(
            occasion.signer,
            occasion.event.key,
            (occasion.mailing.key, occasion.anchor, occasion.due_at.isoformat()),
            [entry[0] for entry in self._entries],
        )
        self._answer = occasion.answer
        marks = self._marker.marks(_STAND_IN.address, None)
        self._headers = message_from_bytes(letter.head).keys()
        whole = message.read_back(letter.head + letter.body)
        calendar, beside = whole.calendar, whole.beside
        self._calendar = _Calendar(calendar, marks, self._answer) if calendar else None
        self._beside = _Calendar(beside, marks, "") if beside else None
        words = {
            _line(typesetting.plain(_TEXT, rtl=placeholders.direction_of(language) == "rtl")): TEXT,
            _line(_HTML): HTML,
        }
        if calendar:
            words[message.base64_lines(calendar.content)] = Place(Slot.CALENDAR)
        if beside:
            words[message.base64_lines(beside.content)] = Place(Slot.BESIDE)
        self.frame = _frame(letter, marks, words, occasion.attached)
        self._dated: tuple[datetime, bytes] = (_DATE, message.date_line(_DATE))

    def letter(
        self, sheet: Sheet, texts: Sequence[str], recipient: Recipient, dated_at: datetime, handle: str | None
    ) -> Letter:
        """The sheet's letter for a reader of its shape, whose texts these are.

        Raises:
            Unfit: as `Sheet.filled`.
            UnsafeLetter: as `message.write`.
        """
        name, address = recipient.name, recipient.address
        message_id, page, unsubscribe, uids = marks = self._marker.marks(address, handle)
        filling = (*texts, page.decode(), unsubscribe.decode())
        own_subject, is_sure = sheet.own_subject(filling)
        quick = message.quick_reader_line(name, address)
        values = (
            quick or message.reader_line(Mailbox(name=name, address=address)),
            own_subject or sheet.subject,
            self._date(dated_at),
            message_id,
            message_id[:SEED],
            page,
            unsubscribe,
            self._calendar.filled(name, address, marks) if self._calendar else b"",
            self._beside.filled(name, address, marks) if self._beside else b"",
        )
        head, body = sheet.filled(values, filling)
        if quick is None or not is_sure:
            message.check(head, self._sender, Mailbox(name=name, address=address), self._headers)
        entries = tuple(
            [
                (anchor, uid.decode() + ending, sequence, asked, cancelled, stamped_at)
                for (anchor, ending, sequence, asked, cancelled, stamped_at), uid in zip(
                    self._entries, uids, strict=True
                )
            ]
        )
        return Letter(head, body, f"<{message_id.decode()}@{self._domain}>", entries)

    def _date(self, dated_at: datetime) -> bytes:
        """Most letters of an occasion are dated alike."""
        if dated_at != self._dated[0] or dated_at.tzinfo is not self._dated[0].tzinfo:
            self._dated = (dated_at, message.date_line(dated_at))
        return self._dated[1]


class _Calendar:
    """The calendar part, with places for UIDs, the page's token and the ATTENDEE line.

    What comes before all of them is encoded once. So is the longest stretch between two of them, once for each of the
    columns it may begin in.
    """

    def __init__(self, file: CalendarFile, marks: Marks, answer: str) -> None:
        self._answer, self._method = answer, file.method
        asked = ical.attendee_line(_MAILBOX.name, _MAILBOX.address, answer, self._method)
        pieces = cut(file.content, {asked: Place(0)})
        places = {marks.page: Place(1)} | {uid: Place(2 + number) for number, uid in enumerate(marks.uids)}
        pieces = cut_again(pieces, places, CALENDAR_FOLD)
        octets = [piece if isinstance(piece, bytes) else b"" for piece in pieces]
        longest = max(range(1, len(pieces)), key=lambda number: len(octets[number]))
        before = octets[0]
        whole_lines = len(before) // _LINE * _LINE
        self._encoded = message.base64_lines(before[:whole_lines])
        self._opening = Form([before[whole_lines:], *pieces[1:longest]], 2 + len(marks.uids))
        self._ending = Form(pieces[longest + 1 :], 2 + len(marks.uids))
        self._stretches = [_stretch(octets[longest], column) for column in range(_LINE)]

    def filled(self, name: str, address: str, marks: Marks) -> bytes:
        values = (ical.attendee_line(name, address, self._answer, self._method), marks.page, *marks.uids)
        opening = self._opening.filled(values)
        first, lines, last = self._stretches[len(opening) % _LINE]
        return b"".join(
            (
                self._encoded,
                message.base64_lines(opening + first),
                lines,
                message.base64_lines(last + self._ending.filled(values)),
            )
        )


def _stretch(octets: bytes, column: int) -> tuple[bytes, bytes, bytes]:
    """What fills the line that is begun, the whole lines after it, encoded, and what remains."""
    start = -column % _LINE
    stop = start + (len(octets) - start) // _LINE * _LINE
    return octets[:start], message.base64_lines(octets[start:stop]), octets[stop:]


def _frame(
    letter: Letter, marks: Marks, words: Mapping[bytes, Place], attached: Sequence[AttachedFile]
) -> Frame:
    """Attached files are long, and nobody's own: they stay in one piece, and nothing is looked for in them."""
    own = {marks.message_id[:SEED]: Place(Slot.SEED), marks.unsubscribe: Place(Slot.UNSUBSCRIBE)}
    head = {
        message.reader_line(_MAILBOX): Place(Slot.TO),
        message.subject_line(_SUBJECT): Place(Slot.SUBJECT),
        message.date_line(_DATE): Place(Slot.DATE),
        marks.message_id: Place(Slot.MESSAGE_ID),
    }
    return Frame(
        head=cut(letter.head, head | own),
        body=_around(attached, letter.body, lambda octets: cut(octets, dict(words) | own)),
        page=marks.page.decode(),
        unsubscribe=marks.unsubscribe.decode(),
    )


def _around(
    attached: Sequence[AttachedFile], body: bytes, cut_up: Callable[[bytes], list[Piece]]
) -> list[Piece]:
    pieces = list[Piece]()
    for each in attached:
        before, part, body = body.partition(each.part)
        pieces += [*cut_up(before), each.part] if part else cut_up(before)
    return [*pieces, *cut_up(body)]


def _line(text: str) -> bytes:
    return message.quoted(text.strip() + "\r\n")


def parted(raw: bytes) -> tuple[bytes, bytes]:
    """A message's head, with the empty line that ends it, and its body."""
    end = raw.index(b"\r\n\r\n") + 4
    return raw[:end], raw[end:]

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


class Reader(NamedTuple):
    """Whom a letter is for, the date it bears, and the reader's name in links where it is known."""

    recipient: Recipient
    dated_at: datetime
    handle: str | None = None


class Letter(NamedTuple):
    """A letter for one reader, and what it is known by."""

    raw: bytes
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
        marks = self._marker.marks([_STAND_IN.address], [None])
        self._headers = message_from_bytes(parted(letter.raw)[0]).keys()
        whole = message.read_back(letter.raw)
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

    def letters(
        self, readers: Sequence[Reader], sheets: Sequence[Sheet], texts: Sequence[Sequence[str]]
    ) -> list[Letter]:
        """The letters of these readers, each on the sheet of its shape, filled with these texts: together in less time
        than one by one.

        Raises:
            Unfit: as `Sheet.filled`, for any of them.
            UnsafeLetter: as `message.write`, for any of them.
        """
        names = [reader.recipient.name for reader in readers]
        addresses = [reader.recipient.address for reader in readers]
        marks = self._marker.marks(addresses, [reader.handle for reader in readers])
        quick, none = [*map(message.quick_reader_line, names, addresses)], [b""] * len(readers)
        around = [
            *zip(
                self._reader_lines(quick, names, addresses),
                [self._date(reader.dated_at) for reader in readers],
                marks.message_ids,
                [each[:SEED] for each in marks.message_ids],
                marks.pages,
                marks.unsubscribes,
                self._calendar.filled(names, addresses, marks) if self._calendar else none,
                self._beside.filled(names, addresses, marks) if self._beside else none,
                strict=True,
            )
        ]
        entries = self._held(marks.uids) or [()] * len(readers)
        letters = dict[int, Letter]()
        for sheet in dict.fromkeys(sheets):
            alike = [number for number, each in enumerate(sheets) if each is sheet]
            filled = sheet.filled([around[each] for each in alike], [texts[each] for each in alike])
            for number, raw, is_sure in zip(alike, *filled, strict=True):
                if quick[number] is None or not is_sure:
                    reader = Mailbox(name=names[number], address=addresses[number])
                    message.check(parted(raw)[0], self._sender, reader, self._headers)
                message_id = f"<{marks.message_ids[number].decode()}@{self._domain}>"
                letters[number] = Letter(raw, message_id, entries[number])
        return [letters[number] for number in range(len(readers))]

    def _reader_lines(
        self, quick: Sequence[bytes | None], names: Sequence[str], addresses: Sequence[str]
    ) -> list[bytes]:
        return [
            line or message.reader_line(Mailbox(name=name, address=address))
            for line, name, address in zip(quick, names, addresses, strict=True)
        ]

    def _held(self, uids: Sequence[Sequence[bytes]]) -> list[tuple[Entry, ...]]:
        """For each reader the entries that the letter carries."""
        columns = [
            [(anchor, uid.decode() + ending, sequence, asked, cancelled, stamped_at) for uid in own]
            for (anchor, ending, sequence, asked, cancelled, stamped_at), own in zip(
                self._entries, uids, strict=True
            )
        ]
        return [*zip(*columns, strict=True)]

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
        places = {marks.pages[0]: Place(1)} | {
            uid: Place(2 + number) for number, (uid,) in enumerate(marks.uids)
        }
        pieces = cut_again(pieces, places, CALENDAR_FOLD)
        octets = [piece if isinstance(piece, bytes) else b"" for piece in pieces]
        longest = max(range(1, len(pieces)), key=lambda number: len(octets[number]))
        before = octets[0]
        whole_lines = len(before) // _LINE * _LINE
        self._encoded = message.base64_lines(before[:whole_lines])
        self._opening = Form([before[whole_lines:], *pieces[1:longest]], 2 + len(marks.uids))
        self._ending = Form(pieces[longest + 1 :], 2 + len(marks.uids))
        self._stretches = [_stretch(octets[longest], column) for column in range(_LINE)]

    def filled(self, names: Sequence[str], addresses: Sequence[str], marks: Marks) -> list[bytes]:
        asked = [
            ical.attendee_line(name, address, self._answer, self._method)
            for name, address in zip(names, addresses, strict=True)
        ]
        rows = [*zip(asked, marks.pages, *marks.uids, strict=True)]
        return [
            self._joined(opening, ending)
            for opening, ending in zip(self._opening.filled(rows), self._ending.filled(rows), strict=True)
        ]

    def _joined(self, opening: bytes, ending: bytes) -> bytes:
        first, lines, last = self._stretches[len(opening) % _LINE]
        return b"".join(
            (self._encoded, message.base64_lines(opening + first), lines, message.base64_lines(last + ending))
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
    letters_head, letters_body = parted(letter.raw)
    own = {marks.message_ids[0][:SEED]: Place(Slot.SEED), marks.unsubscribes[0]: Place(Slot.UNSUBSCRIBE)}
    head = {
        message.reader_line(_MAILBOX): Place(Slot.TO),
        message.subject_line(_SUBJECT): Place(Slot.SUBJECT),
        message.date_line(_DATE): Place(Slot.DATE),
        marks.message_ids[0]: Place(Slot.MESSAGE_ID),
    }
    return Frame(
        head=cut(letters_head, head | own),
        body=_around(attached, letters_body, lambda octets: cut(octets, dict(words) | own)),
        page=marks.pages[0].decode(),
        unsubscribe=marks.unsubscribes[0].decode(),
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

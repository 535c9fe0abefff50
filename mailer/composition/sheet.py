"""The letters of one shape: words as they were traced, set and encoded as a form that any such reader fills.

Knows the parts of a letter and the lines in them that hold texts of the reader's own. What the frame around them is,
is left to `casting`; whose texts go in, to `shapes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import groupby, pairwise

from mailer.composition import typesetting
from mailer.composition.message import quick_subject_line, quoted, subject_line
from mailer.composition.splicing import (
    SOFT_BREAK,
    Filler,
    Form,
    Pattern,
    Piece,
    Place,
    Unfit,
    cut,
    escaped,
    line_of_html,
    lines_of_text,
    paragraph_of_text,
)
from mailer.composition.tracing import STAND_INS, Paragraph, Traced, fields_in
from mailer.composition.typesetting import FromTheRight


class Slot(IntEnum):
    """What every letter of an occasion puts into its frame. The lines that vary have the numbers after these."""

    TO = 0
    SUBJECT = 1
    DATE = 2
    MESSAGE_ID = 3
    SEED = 4
    PAGE = 5
    UNSUBSCRIBE = 6
    CALENDAR = 7
    BESIDE = 8


TEXT, HTML = Place(-1), Place(-2)
"""Where a frame takes the words; no value has these numbers."""

_PLAIN, _HTML = 0, 1

_Sort = Enum("_Sort", ["FIXED", "OWN", "PARAGRAPH"])


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A letter around its words. `page` and `unsubscribe` are the tokens that the words were traced with."""

    head: Sequence[Piece]
    body: Sequence[Piece]
    page: str
    unsubscribe: str

    @property
    def tokens(self) -> dict[bytes, Place]:
        return {
            self.page.encode(): Place(Slot.PAGE),
            self.unsubscribe.encode(): Place(Slot.UNSUBSCRIBE),
        }


class Sheet:
    """The form of one shape."""

    def __init__(
        self, traced: Traced, frame: Frame, fields: Sequence[str], *, subject_from: str, rtl: bool
    ) -> None:
        """`fields` are the texts it is filled with, `subject_from` the path of the subject's template.

        Raises:
            Unfit: the words cannot be parted into lines that vary and lines that do not.
            WordingError: the subject is not one.
        """
        setter = _Setter(frame, fields)
        words = {TEXT: setter.text(traced, rtl=rtl), HTML: setter.html(traced.html)}
        self._subject_from, self._subject = subject_from, setter.pattern(traced.subject)
        self.subject = (
            b"" if self._subject else subject_line(typesetting.subject(traced.subject, subject_from))
        )
        self._fillers = tuple(setter.fillers)
        body = [
            part
            for piece in frame.body
            for part in (words.get(piece, [piece]) if isinstance(piece, Place) else [piece])
        ]
        values = len(Slot) + len(self._fillers)
        self._head, self._body = Form(frame.head, values), Form(body, values)

    def own_subject(self, texts: Sequence[str]) -> tuple[bytes | None, bool]:
        """The Subject line where it holds a text of the reader's own; else None, and `subject` is everybody's. And
        whether it needs no check.

        `texts` are as in `filled`.

        Raises:
            UnsafeLetter: as `message.subject_line`.
        """
        if not self._subject:
            return None, True
        subject = typesetting.subject(self._subject.filled(texts), self._subject_from)
        quick = quick_subject_line(subject)
        return quick or subject_line(subject), quick is not None

    def filled(self, values: Sequence[bytes], texts: Sequence[str]) -> tuple[bytes, bytes]:
        """Head and body.

        Args:
            values: one for each `Slot`.
            texts: the fields, then the tokens of the personal page and of unsubscribing, which need no escaping.

        Raises:
            Unfit: a text would change more than its own lines.
        """
        dressed = (texts, (*[escaped(text) for text in texts[:-2]], *texts[-2:]))
        whole = [*values, *[fill(dressed[dress]) for fill, dress in self._fillers]]
        return self._head.filled(whole), self._body.filled(whole)


class _Setter:
    """Sets words as pieces, and collects what fills the lines that vary."""

    def __init__(self, frame: Frame, fields: Sequence[str]) -> None:
        self.fillers: list[tuple[Filler, int]] = []
        self._tokens = frame.tokens
        own = [STAND_INS[field] for field in fields]
        self._own = frozenset(own)
        self._in_lines = {frame.page: "\uf8fe", frame.unsubscribe: "\uf8ff"}
        self._numbers = {
            character: number for number, character in enumerate((*own, *self._in_lines.values()))
        }

    def pattern(self, text: str) -> Pattern | None:
        return Pattern(self._with_tokens(text), self._numbers) if fields_in(text) else None

    def html(self, html: str) -> list[Piece]:
        pieces, fixed = list[Piece](), list[str]()
        for line in html.strip().split("\n"):
            if self._own.isdisjoint(line):
                fixed.append(line)
                continue
            beginning, filler = line_of_html(self._with_tokens(line), self._numbers)
            pieces += [*self._fixed(fixed), beginning, self._varying(filler, _HTML)]
            fixed = []
        return [*pieces, *self._fixed(fixed)]

    def text(self, traced: Traced, *, rtl: bool) -> list[Piece]:
        marking = FromTheRight() if rtl else None
        pieces = list[Piece]()
        lines = typesetting.plain(traced.text, rtl=False).splitlines()
        for sort, group in groupby(lines, lambda line: self._sort(line, traced.paragraphs)):
            alike, open_isolates = list(group), marking.open_isolates if marking else None
            if sort is _Sort.FIXED:
                pieces += self._fixed(marking.lines(alike) if marking else alike)
            elif sort is _Sort.OWN:
                filler = lines_of_text(self._with_tokens("\n".join(alike)), self._numbers, open_isolates)
                pieces.append(self._varying(filler, _PLAIN))
                if marking:
                    marking.lines(alike)
            else:
                fillers = [self._paragraph(traced.paragraphs[line], open_isolates) for line in alike]
                pieces += [self._varying(filler, _PLAIN) for filler in fillers]
        return pieces

    def _sort(self, line: str, paragraphs: Mapping[str, Paragraph]) -> "_Sort":
        if line in paragraphs:
            return _Sort.PARAGRAPH
        if any(character in paragraphs for character in line):
            raise Unfit
        return _Sort.FIXED if self._own.isdisjoint(line) else _Sort.OWN

    def _paragraph(self, paragraph: Paragraph, open_isolates: int | None) -> Filler:
        if open_isolates is not None and not _balanced(paragraph.text):
            raise Unfit
        text = self._with_tokens(paragraph.text)
        return paragraph_of_text(text, paragraph.margin, self._numbers, open_isolates)

    def _varying(self, filler: Filler, dress: int) -> Place:
        self.fillers.append((filler, dress))
        return Place(len(Slot) + len(self.fillers) - 1)

    def _fixed(self, lines: Sequence[str]) -> list[Piece]:
        """Lines that differ in tokens alone; those are as long in every letter, so the breaks stay where they are."""
        if not lines:
            return []
        pieces = cut(quoted("\r\n".join((*lines, ""))), self._tokens, SOFT_BREAK)
        for piece, after in pairwise(pieces):
            if (
                isinstance(piece, Place)
                and piece.start
                and isinstance(after, bytes)
                and after.startswith(b" ")
            ):
                raise Unfit  # a line of its own, it might say `From `
        return pieces

    def _with_tokens(self, text: str) -> str:
        """A line that varies, with a stand-in for each token too."""
        for token, stand_in in self._in_lines.items():
            text = text.replace(token, stand_in)
        return text


def _balanced(text: str) -> bool:
    """Whether every isolate that is closed in a text was opened in it, and the other way round."""
    depth = 0
    for character in text:
        depth += (character == "\u2068") - (character == "\u2069")
        if depth < 0:
            return False
    return depth == 0

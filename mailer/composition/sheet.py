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
    DATE = 1
    MESSAGE_ID = 2
    SEED = 3
    PAGE = 4
    UNSUBSCRIBE = 5
    CALENDAR = 6
    BESIDE = 7
    SUBJECT = 8


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
        self._everybodys_subject = (
            b"" if self._subject else subject_line(typesetting.subject(traced.subject, subject_from))
        )
        self._fillers = tuple(setter.fillers)
        body = [
            part
            for piece in frame.body
            for part in (words.get(piece, [piece]) if isinstance(piece, Place) else [piece])
        ]
        values = len(Slot) + len(self._fillers)
        self._whole = Form([*frame.head, *body], values)

    def filled(
        self, around: Sequence[Sequence[bytes]], texts: Sequence[Sequence[str]]
    ) -> tuple[list[bytes], list[bool]]:
        """Letters, and whether each one's subject needs no check.

        Args:
            around: for each letter, a value for every `Slot` before the subject's.
            texts: for each, the fields, without a line break in any.

        Raises:
            Unfit: a text would change more than its own lines.
            UnsafeLetter: as `message.subject_line`.
        """
        tokens = [(row[Slot.PAGE].decode(), row[Slot.UNSUBSCRIBE].decode()) for row in around]
        plain = [(*fields, *both) for fields, both in zip(texts, tokens, strict=True)]
        html = [
            (*escaped("\n".join(fields)).split("\n"), *both) if fields else both
            for fields, both in zip(texts, tokens, strict=True)
        ]
        dressed = plain, html
        subjects, sure = self._subjects(plain)
        columns = [fill(dressed[dress]) for fill, dress in self._fillers]
        whole = [(*row, *own) for row, *own in zip(around, subjects, *columns, strict=True)]
        return self._whole.filled(whole), sure

    def _subjects(self, texts: Sequence[Sequence[str]]) -> tuple[list[bytes], list[bool]]:
        if not self._subject:
            return [self._everybodys_subject] * len(texts), [True] * len(texts)
        subjects = [typesetting.subject(each, self._subject_from) for each in self._subject.filled(texts)]
        quick = [quick_subject_line(each) for each in subjects]
        lines = [line or subject_line(each) for line, each in zip(quick, subjects, strict=True)]
        return lines, [line is not None for line in quick]


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

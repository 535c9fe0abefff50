"""Plain text as it is set: wrapped at 72 columns, hanging beside a label, underlined, running from the right.

Also the last touch to a whole part: a subject is one line, a text has no stray blanks.
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterable

from mailer.errors import WordingError

COLUMNS = 72
LONGEST_SUBJECT = 200

_BLANKS = re.compile(r"[ \t\r\n]+")  # not the no-break space: French needs it before its colons
_ODD_BLANKS = re.compile(r"[\x0b\x0c]|(?:^| )[^\S ]+(?: |$)")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def wrapped(text: str, indent: int = 0) -> str:
    """Paragraphs (parted by empty lines) broken at 72 columns, addresses and long words left whole."""
    return "\n\n".join(filled(paragraph, margin(indent)) for paragraph in paragraphs(text))


def paragraphs(text: str) -> list[str]:
    """What stands between empty lines, each with single blanks between its words."""
    return [_BLANKS.sub(" ", each).strip() for each in re.split(r"\n[ \t]*\n", str(text).strip())]


def margin(indent: int) -> str:
    """The blanks before each line: never more than 30 of them."""
    return " " * min(indent, 30)


def filled(paragraph: str, margin: str = "") -> str:
    """One of `paragraphs`, broken at 72 columns: as many words on a line as there is room for."""
    if len(margin) + len(paragraph) <= COLUMNS and "\x0b" not in paragraph and "\x0c" not in paragraph:
        return margin + paragraph if paragraph else ""
    if "  " in paragraph or (not paragraph.isprintable() and _ODD_BLANKS.search(paragraph)):
        return textwrap.fill(
            paragraph,
            COLUMNS,
            initial_indent=margin,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
    lines, start, room = list[str](), 0, COLUMNS - len(margin)
    while len(paragraph) - start > room:
        end = paragraph.rfind(" ", start, start + room + 1)
        if end < 0:  # a long word
            end = paragraph.find(" ", start + room)
        if end < 0:
            break
        lines.append(paragraph[start:end])
        start = end + 1
    return margin + f"\n{margin}".join([*lines, paragraph[start:]])


def beside(text: str, label: str, width: int) -> str:
    """`label` in a column of `width`, the text to its right, hanging."""
    hanging = wrapped(_BLANKS.sub(" ", str(text)), width).lstrip(" ")
    return label + " " * (min(width, 30) - visible(label)) + hanging


def underlined(text: str, stroke: str = "-") -> str:
    """The text, wrapped, over a line as long as its longest."""
    lines = wrapped(text).splitlines()
    return "\n".join([*lines, stroke[:1] * max(map(visible, lines))])


def visible(text: str) -> int:
    """How many columns a text takes: marks that combine, and those that only steer, take none."""
    return sum(unicodedata.category(letter) not in {"Mn", "Cf"} for letter in text)


def subject(text: str, template: str) -> str:
    """Tidy subject: one line, cut where it is too long.

    Raises:
        WordingError: it is empty, or holds a control character.
    """
    line = " ".join(text.split())
    if not line:
        raise WordingError("the subject is empty", template=template)
    if not line.isprintable() and _CONTROL.search(line):  # few are not
        raise WordingError("a control character has no place in a subject", template=template)
    return line if len(line) <= LONGEST_SUBJECT else _cut(line)


def _cut(line: str) -> str:
    """At a blank where there is one near the end, else in the middle of a word."""
    head = line[: LONGEST_SUBJECT - 1]
    at_blank = head.rpartition(" ")[0]
    return f"{at_blank} …" if len(at_blank) > LONGEST_SUBJECT // 2 else f"{head}…"


def plain(text: str, *, rtl: bool) -> str:
    """Tidy plain text: no trailing blanks, never two empty lines together, one line break at the end."""
    lines = [line.rstrip(" \t") for line in text.strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(FromTheRight().lines(lines) if rtl else lines)) + "\n"


class FromTheRight:
    """Marks every line, other than an address, as running from right to left (UAX 9 4.3 HL1).

    An isolate ends with its line (UAX 9 3.3.2): one broken over two lines is opened again on the next. So it
    remembers how many are open.
    """

    def __init__(self, open_isolates: int = 0) -> None:
        self.open_isolates = open_isolates

    def lines(self, lines: Iterable[str]) -> list[str]:
        return [self._marked(line) for line in lines]

    def _marked(self, line: str) -> str:
        if not line or "://" in line:
            return line
        reopened = "\u2068" * self.open_isolates + line
        self.open_isolates = reopened.count("\u2068") - reopened.count("\u2069")
        return "\u200f" + reopened + "\u2069" * self.open_isolates

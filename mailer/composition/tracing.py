"""What a letter's words take from their reader: they are written once with stand-ins for the reader's own texts.

Sees what a template reads, and by what it decides; whatever decides by a text of the reader's own, or reshapes it,
is untraceable in that text. What is done with the words is left to `sheet`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mailer.agenda.model import MailingKind
from mailer.composition import typesetting, wording
from mailer.composition.placeholders import OWN_TEXTS, Value
from mailer.composition.wording import Wording

STAND_INS: Mapping[str, str] = {field: chr(0xE000 + number) for number, field in enumerate(OWN_TEXTS)}
"""A character of private use for each text of the reader's own."""

RESERVED = re.compile("[\ue000-\uf8ff]")
"""What no agenda and no template may hold that is to be traced."""

_FIELDS = {character: field for field, character in STAND_INS.items()}
_PARAGRAPHS = 0xE800
_MOST_PARAGRAPHS = 0x1000


class Untraceable(Exception):  # noqa: N818 - it names what was met
    """A template decides by these texts of the reader's own, or reshapes them."""

    def __init__(self, fields: Collection[str]) -> None:
        self.fields = frozenset(fields)
        super().__init__(f"the letter depends on {', '.join(sorted(fields))}")


class Paragraph(NamedTuple):
    """A paragraph yet to be filled: its text with stand-ins, and the margin before each line."""

    text: str
    margin: str


@dataclass(frozen=True, kw_only=True)
class Traced:
    """The three parts with stand-ins, not yet set as lines.

    A character of `text` that is in `paragraphs` stands for the paragraph. `read` are the traits of the reader that
    were looked at: the names of `OWN_TEXTS`, `role`, `timezone`, `sessions`.
    """

    subject: str
    text: str
    html: str
    paragraphs: Mapping[str, Paragraph]
    read: frozenset[str]


def trace(
    texts: Wording, kind: MailingKind, language: str, values: Mapping[str, Any], real: Collection[str]
) -> Traced:
    """A letter's words for any reader who has the traits of this one.

    Args:
        values: what `placeholders.context` gives for one such reader.
        real: texts that are to stay as they are, since words depend on them.

    Raises:
        Untraceable: words depend on more of the reader's own texts than those in `real`.
        WordingError: a template cannot be rendered for this reader.
    """
    tracer = _Tracer()
    own = {field: STAND_INS[field] for field in OWN_TEXTS if values["recipient"][field] and field not in real}
    sessions = [tracer.session(each) for each in values["sessions"]]
    watched = {
        **values,
        "recipient": _Group(values["recipient"] | own, tracer.note_recipient),
        "sessions": sessions,
        "chosen_sessions": _Choice(
            [each for each in sessions if dict.get(each, "chosen")], tracer.note_chosen
        ),
        "session": values["session"] and tracer.session(values["session"]),
    }
    subject, text, html = wording.parts(texts, kind, language, watched, tracer)
    for paragraph in RESERVED.findall(subject + html):
        if paragraph in tracer.paragraphs:
            raise Untraceable(tracer.fields_in(paragraph))
    return Traced(
        subject=subject, text=text, html=html, paragraphs=tracer.paragraphs, read=frozenset(tracer.read)
    )


def fields_in(text: str) -> list[str]:
    """The fields whose stand-ins a text holds, in their order, as often as they are there."""
    return [_FIELDS[character] for character in RESERVED.findall(text) if character in _FIELDS]


class _Tracer:
    """The onlooker of one trace."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.paragraphs: dict[str, Paragraph] = {}

    def session(self, values: Mapping[str, Value]) -> "_Group":
        return _Group(values, self.note_session)

    def note_recipient(self, *fields: str) -> None:
        self.read.update(fields or (*OWN_TEXTS, "role", "timezone"))

    def note_session(self, *fields: str) -> None:
        if not fields or "chosen" in fields:
            self.read.add("sessions")

    def note_chosen(self) -> None:
        self.read.add("sessions")

    def fields_in(self, text: str) -> set[str]:
        deferred = "".join(self.paragraphs[each].text for each in text if each in self.paragraphs)
        return set(fields_in(text + deferred))

    def decides(self, value: object) -> None:
        if isinstance(value, str) and RESERVED.search(value):
            raise Untraceable(self.fields_in(value))

    def filters(
        self, name: str, function: Callable[..., object], value: object, *args: Any, **named: Any
    ) -> object:
        for each in (*args, *named.values()):
            self.decides(each)
        if name == "wrapped" and type(value) is str and RESERVED.search(value):
            return self._wrapped(value, *args, **named)
        if name != "isolated":
            self.decides(value)
        return function(value, *args, **named)

    def _wrapped(self, text: str, indent: int = 0) -> str:
        margin = typesetting.margin(indent)
        return "\n\n".join(
            self._deferred(paragraph, margin)
            if RESERVED.search(paragraph)
            else typesetting.filled(paragraph, margin)
            for paragraph in typesetting.paragraphs(text)
        )

    def _deferred(self, paragraph: str, margin: str) -> str:
        if len(self.paragraphs) == _MOST_PARAGRAPHS or any(each in self.paragraphs for each in paragraph):
            raise Untraceable(self.fields_in(paragraph))
        stand_in = chr(_PARAGRAPHS + len(self.paragraphs))
        self.paragraphs[stand_in] = Paragraph(paragraph, margin)
        return stand_in


class _Group(dict[str, Any]):
    """Values that tell which of them were read; told nothing in particular, all of them were."""

    def __init__(self, values: Mapping[str, Value], note: Callable[..., None]) -> None:
        super().__init__(values)
        self._note = note

    def __getitem__(self, field: str) -> Any:
        self._note(field)
        return super().__getitem__(field)

    def __eq__(self, other: object) -> bool:
        self._note()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


class _Choice(list[_Group]):
    """A list that tells when it was looked at."""

    def __init__(self, items: Iterable[_Group], note: Callable[[], None]) -> None:
        super().__init__(items)
        self._note = note

    def __len__(self) -> int:
        self._note()
        return super().__len__()

    def __iter__(self) -> Iterator[_Group]:
        self._note()
        return super().__iter__()

    def __getitem__(self, which: Any) -> Any:
        self._note()
        return super().__getitem__(which)

    def __contains__(self, item: object) -> bool:
        self._note()
        return super().__contains__(item)

    def __eq__(self, other: object) -> bool:
        self._note()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

"""Which readers of an occasion get the same words in one language, but for texts of their own: those of one shape.

A shape is made of what the templates were seen to read: a reader's clock, role, sessions, which texts are there, and
those texts that words depend on. Making a sheet of traced words is left to `skeleton`.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from mailer.agenda.model import AgendaVersion
from mailer.composition.placeholders import OWN_TEXTS
from mailer.composition.sheet import Sheet
from mailer.composition.tracing import Traced, Untraceable
from mailer.errors import WordingError
from mailer.recipients.model import Recipient

MOST_SHEETS = 64
"""Kept for each language of an occasion; the one that was not used for longest goes."""

MOST_MET = 4096
"""Shapes remembered as met once, where words depend on the readers' own texts."""

LONGEST_TEXTS = 400
"""Characters of all of a reader's own texts that the words take; whoever has more has no shape."""

_TRAITS = frozenset({"role", "sessions", "timezone"})


class Shapes:
    """The shapes met so far, each with its sheet, or None where there cannot be one."""

    def __init__(
        self,
        language: str,
        clocks: "Clocks",
        trace: Callable[[Recipient, frozenset[str]], Traced],
        build: Callable[["Shapes", Traced, Recipient], Sheet | None],
    ) -> None:
        """`trace` is `tracing.trace` for a reader and the texts to leave as they are; `build` makes a sheet of it."""
        self.fields: tuple[str, ...] = ()
        self.real = frozenset[str]()
        self._language, self._clocks, self._trace, self._build = language, clocks, trace, build
        self._sheets: OrderedDict[Hashable, Sheet | None] = OrderedDict()
        self._met: OrderedDict[Hashable, None] = OrderedDict()
        self._read = frozenset[str]()
        self._look_at(frozenset(), frozenset())

    def sheet_for(self, recipient: Recipient) -> tuple[Sheet | None, list[str]]:
        """The sheet of a reader's shape, made now if the shape is new, and the texts to fill it with.

        Where words depend on the readers' own texts, it is made when the shape comes a second time: names hardly do.
        """
        texts = self.texts_of(recipient)
        shape = self._shape(recipient, texts)
        if shape in self._sheets:
            self._sheets.move_to_end(shape)
            return self._sheets[shape], texts
        if shape is None or (self.real and self._is_new(shape)):
            return None, texts
        return self._meet(recipient), self.texts_of(recipient)

    def _meet(self, recipient: Recipient) -> Sheet | None:
        traced = self._traced(recipient)
        shape = self._shape(recipient, self.texts_of(recipient))
        if shape is None or (traced and self.real and self._is_new(shape)):
            return None
        self._sheets[shape] = self._build(self, traced, recipient) if traced else None
        if len(self._sheets) > MOST_SHEETS:
            self._sheets.popitem(last=False)
        return self._sheets[shape]

    def texts_of(self, recipient: Recipient) -> list[str]:
        """The reader's own texts that the words take, in the order of `fields`."""
        language = self._language
        return [text(recipient, language) for text in self._texts]

    def _shape(self, recipient: Recipient, texts: Sequence[str]) -> Hashable:
        if len("".join(texts)) > LONGEST_TEXTS:
            return None
        if self.real:
            kept = [
                text if field in self.real else bool(text)
                for field, text in zip(self.fields, texts, strict=True)
            ]
        else:
            kept = [*map(bool, texts)]
        return self._clocks.shown_in(recipient.timezone), self._traits(recipient), *kept

    def _traced(self, recipient: Recipient) -> Traced | None:
        """The words, once it is known which texts they depend on; None where they cannot be had."""
        while True:
            try:
                traced = self._trace(recipient, self.real)
            except Untraceable as found:
                if found.fields <= self.real:
                    return None
                self._look_at(self._read | found.fields, self.real | found.fields)
            except WordingError:
                return None
            else:
                self._look_at(self._read | traced.read, self.real)
                return traced

    def _look_at(self, read: frozenset[str], real: frozenset[str]) -> None:
        """From now on shapes are made of these traits; sheets of coarser ones are forgotten."""
        if (read, real) != (self._read, self.real):
            self._sheets.clear()
            self._met.clear()
        self._read, self.real = read, real
        self.fields = tuple(field for field in OWN_TEXTS if field in read)
        self._texts = tuple(OWN_TEXTS[field] for field in self.fields)
        traits = sorted(read & _TRAITS)
        self._traits: Callable[[Recipient], Any] = attrgetter(*traits) if traits else lambda _: None

    def _is_new(self, shape: Hashable) -> bool:
        if shape in self._met:
            return False
        self._met[shape] = None
        if len(self._met) > MOST_MET:
            self._met.popitem(last=False)
        return True


class Clocks:
    """Which time zones show the same hours wherever an agenda names one."""

    def __init__(self, version: AgendaVersion, *others: datetime) -> None:
        """`others` are moments that a letter may name besides those of the agenda."""
        self._venue = version.event.timezone
        moments = {version.published_at, *others}
        for session in version.event.sessions:
            moments |= {session.starts_at, session.ends_at}
        self._moments = sorted(moments)
        self._numbers: dict[Sequence[timedelta | None], int] = {}
        self._shown: dict[str | None, int] = {}

    def shown_in(self, timezone: str | None) -> int:
        """A number for the hours a zone shows at each moment, the same for all that show the same.

        Raises:
            ZoneInfoNotFoundError: no such zone.
        """
        if timezone not in self._shown:
            zone = ZoneInfo(timezone or self._venue)
            offsets = tuple(moment.astimezone(zone).utcoffset() for moment in self._moments)
            self._shown[timezone] = self._numbers.setdefault(offsets, len(self._numbers))
        return self._shown[timezone]

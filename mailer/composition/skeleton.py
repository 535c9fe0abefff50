"""The letters of one occasion, prepared: what does not differ between readers is written and encoded once.

For each language there is a cast, for each shape of reader a sheet. A sheet is first tried on two readers against the
plain way, byte for byte: where it differs, or cannot be had, the caller composes plainly.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from mailer.composition import placeholders, tracing, wording
from mailer.composition.casting import Cast, Letter, Occasion, Plainly, Reader
from mailer.composition.shapes import LONGEST_TEXTS, Clocks, Shapes
from mailer.composition.sheet import Sheet
from mailer.composition.splicing import Unfit
from mailer.composition.tracing import RESERVED, Traced
from mailer.errors import ConvenorError
from mailer.recipients.model import Recipient

_DERIVED_FROM = {
    "name": {"given_name", "family_name"},
    "full_name": {"title", "given_name", "family_name"},
    "addressed_as": {"title", "given_name", "family_name"},
    "title": {"title"},
    "family_name": {"family_name"},
    "institution": {"institution"},
    "state": {"state"},
}
"""The fields of a reader that each text of the reader's own is made of."""


def _long(text: str) -> str:
    return (text * LONGEST_TEXTS)[: LONGEST_TEXTS - 1] + "."


_PROBES = (
    {
        "address": "o'probe+ü@probe.example",
        "given_name": _long("<Žofie> & \"Ж\"; دانا, 'x' {{7*7}} %s 😀 "),
        "family_name": _long("Ó Súilleabháin-Þorsteinsdóttir & <b> "),
        "title": _long("Prof. Dr. h.c. & Cie. "),
        "institution": _long('From here, Ministère de l’Intérieur & <i>"Sûreté"</i>: a/b '),
        "state": "BA",
    },
    {
        "address": "x@y.example",
        "given_name": "A",
        "family_name": "B",
        "title": "C",
        "institution": "D",
        "state": "TD",
    },
)
"""Readers a sheet is tried on: one whose every text is long and hostile, one with hardly any."""


class _Tongue(NamedTuple):
    """All there is for one language."""

    cast: Cast
    shapes: Shapes


class _Fit(NamedTuple):
    """One of several readers, the sheet of their shape, and the texts to fill it with."""

    number: int
    reader: Reader
    sheet: Sheet
    texts: list[str]


class Skeleton:
    """Everything about an occasion that its letters share. It grows as readers of other shapes come.

    It is one thread's.
    """

    def __init__(self, occasion: Occasion, plainly: Plainly) -> None:
        self.occasion, self._plainly = occasion, plainly
        self._links = occasion.stand_in_links
        self._clocks = Clocks(occasion.version, occasion.due_at, *occasion.former_hours)
        self._tongues: dict[str, _Tongue | None] = {}
        self._spoken: dict[str | None, _Tongue | None] = {}
        self._is_traceable = not any(
            RESERVED.search(text)
            for text in (occasion.version.model_dump_json(), *occasion.texts.texts.values())
        )

    def letters(self, readers: Sequence[Reader]) -> list[Letter | None]:
        """The letters of these readers, None for each that has to be composed plainly.

        Raises:
            UnsafeLetter: as `message.write`, for any of them.
        """
        fits = dict[Cast, list[_Fit]]()
        for number, reader in enumerate(readers):
            wanted = reader.recipient.language
            tongue = self._spoken[wanted] if wanted in self._spoken else self._speak(wanted)
            if tongue is None:
                continue
            sheet, texts = tongue.shapes.sheet_for(reader.recipient)
            if sheet:
                fits.setdefault(tongue.cast, []).append(_Fit(number, reader, sheet, texts))
        letters = list[Letter | None]([None]) * len(readers)
        for cast, own in fits.items():
            for fit, letter in zip(own, _written(cast, own), strict=True):
                letters[fit.number] = letter
        return letters

    def _speak(self, wanted: str | None) -> _Tongue | None:
        """What serves readers who want this language; many serve in one."""
        occasion = self.occasion
        language = wording.choose_language(
            occasion.texts, occasion.mailing.kind, wanted, occasion.event.language
        )
        if language not in self._tongues:
            self._tongues[language] = self._tongue(language) if self._is_traceable else None
        self._spoken[wanted] = self._tongues[language]
        return self._spoken[wanted]

    def _tongue(self, language: str) -> _Tongue | None:
        try:
            cast = Cast(self.occasion, self._plainly, language)
        except ConvenorError:
            return None
        shapes = Shapes(
            language,
            self._clocks,
            lambda recipient, real: self._traced(language, recipient, real),
            lambda shapes, traced, recipient: self._sheet(_Tongue(cast, shapes), language, traced, recipient),
        )
        return _Tongue(cast, shapes)

    def _traced(self, language: str, recipient: Recipient, real: Collection[str]) -> Traced:
        values = placeholders.context(
            version=self.occasion.version,
            mailing=self.occasion.mailing,
            anchor=self.occasion.anchor,
            recipient=recipient,
            links=self._links,
            language=language,
            due_at=self.occasion.due_at,
            upkeep=self.occasion.upkeep,
            earlier=self.occasion.earlier,
        )
        return tracing.trace(self.occasion.texts, self.occasion.mailing.kind, language, values, real)

    def _sheet(self, tongue: _Tongue, language: str, traced: Traced, recipient: Recipient) -> Sheet | None:
        """A sheet that has stood its trial; None where there is none."""
        try:
            sheet = Sheet(
                traced,
                tongue.cast.frame,
                tongue.shapes.fields,
                subject_from=wording.subject_template(self.occasion.mailing.kind, language),
                rtl=placeholders.direction_of(language) == "rtl",
            )
            probes = [*_probes(recipient, tongue.shapes.real)]
            stands = all(self._is_right(tongue, sheet, probe) for probe in probes)
        except (Unfit, ConvenorError):
            return None
        return sheet if stands else None

    def _is_right(self, tongue: _Tongue, sheet: Sheet, probe: Recipient) -> bool:
        dated_at, texts = self.occasion.due_at, tongue.shapes.texts_of(probe)
        plain = self._plainly(probe, dated_at, self.occasion.texts)
        return [plain] == tongue.cast.letters([Reader(probe, dated_at)], [sheet], [texts])


def _written(cast: Cast, fits: Sequence[_Fit]) -> list[Letter | None]:
    """All at once; where a text of one does not fit, each by itself."""
    try:
        return [*cast.letters(*zip(*((fit.reader, fit.sheet, fit.texts) for fit in fits), strict=True))]
    except Unfit:
        if len(fits) == 1:
            return [None]
    return [letter for fit in fits for letter in _written(cast, [fit])]


def _probes(recipient: Recipient, real: Collection[str]) -> Iterator[Recipient]:
    """Readers of the same shape: other texts where this one has any, but for those that words depend on."""
    kept = set[str]().union(*(_DERIVED_FROM[field] for field in real))
    for probe in _PROBES:
        changed = {
            field: text for field, text in probe.items() if field not in kept and getattr(recipient, field)
        }
        yield recipient.model_copy(update=changed)

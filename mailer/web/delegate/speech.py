"""What the delegate's pages say, in the reader's language: phrases as data, and how days and places are called.

The phrases are in `phrases/`, one file for each language. What is shown where is left to the templates.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path

from mailer.composition.placeholders import direction_of
from mailer.web import moments

FALLBACK = "en"
PHRASES = Path(__file__).parents[1] / "phrases"

_ACCEPTED = re.compile(r"\s*([a-z]{1,8}(?:-[a-z0-9]{1,8})*)\s*(?:;\s*q=(0(?:\.\d{1,3})?|1(?:\.0{1,3})?))?\s*")
_MOST_ACCEPTED = 20


@dataclass(frozen=True, kw_only=True)
class Speech:
    """One language of the pages. `speech["when"]` is a phrase, as is `speech.when` in a template."""

    language: str
    phrases: Mapping[str, str] = field(repr=False)
    regions: Mapping[str, str] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        return self.phrases[name]

    @property
    def direction(self) -> str:
        return direction_of(self.language)

    def tell(self, name: str, /, **facts: object) -> str:
        """A phrase with its words in braces filled in."""
        return self.phrases[name].format_map(facts)

    def day(self, moment: datetime, zone: tzinfo) -> str:
        return moments.day(moment, zone, self.language)

    def short_day(self, moment: datetime, zone: tzinfo) -> str:
        return moments.short_day(moment, zone, self.language)

    def date(self, moment: datetime, zone: tzinfo) -> str:
        return moments.date(moment, zone, self.language)

    def city(self, timezone: str) -> str:
        return moments.city(timezone, self.language)


@cache
def languages() -> tuple[str, ...]:
    """Those the pages are written in."""
    return tuple(sorted(path.stem for path in PHRASES.glob("*.toml")))


@cache
def _speech(language: str) -> Speech:
    told = tomllib.loads((PHRASES / f"{language}.toml").read_text("utf-8"))
    return Speech(language=language, regions=told.pop("regions"), phrases=told)


def speech_in(*wanted: str | None) -> Speech:
    """The pages in the first of these languages that they are written in, or its base (`fr-ca`, `fr`); else English."""
    asked = (name for each in wanted if each for name in (each.lower(), each.lower().partition("-")[0]))
    return _speech(next((name for name in asked if name in languages()), FALLBACK))


def every_speech() -> list[Speech]:
    """All of them, English first."""
    return [_speech(name) for name in sorted(languages(), key=lambda name: (name != FALLBACK, name))]


def accepted(header: str) -> list[str]:
    """The languages a browser asks for, the dearest first (Accept-Language, RFC 9110 12.5.4)."""
    found = [_ACCEPTED.fullmatch(part) for part in header.lower().split(",")[:_MOST_ACCEPTED]]
    weighed = [(float(each[2] or 1), each[1]) for each in found if each]
    return [name for weight, name in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]

"""The pages' languages: all say the same things, and each reader gets the right one."""

import re
import tomllib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mailer import wallclock
from mailer.web.delegate import speech
from mailer.web.delegate.speech import PHRASES, accepted, every_speech, speech_in
from mailer.web.delegate.zones import zones
from mailer.web.pages import FOLDER

MORNING = datetime(2027, 3, 10, 7, 45, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


def told(language: str) -> dict[str, str]:
    """Every phrase, those of regions among them."""
    found = tomllib.loads((PHRASES / f"{language}.toml").read_text("utf-8"))
    return {**{f"regions.{name}": words for name, words in found.pop("regions").items()}, **found}


def braces(phrases: dict[str, str]) -> dict[str, list[str]]:
    return {name: sorted(re.findall(r"\{(\w*)\}", words)) for name, words in phrases.items()}


@pytest.mark.parametrize("language", speech.languages())
def test_each_language_says_the_same_things(language: str) -> None:
    assert braces(told(language)) == braces(told("en"))
    assert all(words.strip() == words != "" for words in told(language).values())


def test_every_phrase_is_said_somewhere() -> None:
    sources = [*(FOLDER / "templates/delegate").glob("*.html"), *FOLDER.rglob("*.py")]
    said = " ".join(path.read_text("utf-8") for path in sources)
    answers = {"accepted", "tentative", "declined", "delegated"}
    names = {name for name in told("en") if not name.startswith("regions.")}
    reasons = {name for name in names if name.removesuffix("_why") in names - {name}}
    assert {name for name in names - answers - reasons if not re.search(rf"\b{name}\b", said)} == set()


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (("fr",), "fr"),
        (("fr-CA", "en"), "fr"),
        (("de", "ar"), "ar"),
        ((None, "ar"), "ar"),
        (("tlh",), "en"),
        ((), "en"),
        (("../en",), "en"),
    ],
)
def test_a_page_is_in_the_first_language_it_is_written_in(
    wanted: tuple[str | None, ...], language: str
) -> None:
    assert speech_in(*wanted).language == language


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", []),
        ("*", []),
        ("fr", ["fr"]),
        ("en;q=0.5, fr-CA , ar;q=0.9", ["fr-ca", "ar", "en"]),
        ("fr;q=0, ar", ["ar"]),
        ("fr;q=nonsense, <script>, ar;q=1.000", ["ar"]),
        (",".join(["x"] * 5000), ["x"] * 20),
    ],
)
def test_what_a_browser_asks_for_is_weighed(header: str, languages: list[str]) -> None:
    assert accepted(header) == languages


def test_days_and_cities_are_called_as_the_reader_calls_them() -> None:
    days = {each.language: each.day(MORNING, VIENNA) for each in every_speech()}
    assert days == {
        "en": "Wednesday, 10 March 2027",
        "fr": "mercredi 10 mars 2027",
        "ar": "الأربعاء، 10 مارس 2027",
    }
    assert [each.city("Europe/Vienna") for each in every_speech()] == ["Vienna", "فيينا", "Vienne"]
    assert [each.direction for each in every_speech()] == ["ltr", "rtl", "ltr"]


@pytest.mark.parametrize("language", speech.languages())
def test_every_zone_is_offered_once_under_its_region(language: str) -> None:
    offered = zones(speech_in(language), "Europe/Vienna")
    names = [name for _, cities in offered for name, _ in cities]
    assert sorted(names) == sorted(wallclock.zone_choices())
    assert set(names) <= wallclock.zone_names()
    assert len(offered) == len(speech_in(language).regions)
    assert all(called for _, cities in offered for _, called in cities)


def test_the_zone_in_force_is_offered_by_whatever_name() -> None:
    names = [name for _, cities in zones(speech_in("en"), "Asia/Calcutta") for name, _ in cities]
    assert "Asia/Calcutta" in names
    assert len(names) == len(wallclock.zone_choices()) + 1

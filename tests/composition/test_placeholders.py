"""The table of placeholders and the values agree; values are plain, clean and on the right clock."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from mailer.agenda.model import MailingKind
from mailer.composition.placeholders import PLACEHOLDERS, Moment, context, locale_of, samples
from mailer.recipients.model import Recipient
from tests import conference


def values(
    recipient: Recipient = conference.PRACTITIONER,
    anchor: str = "event",
    language: str = "en",
    **changes: Any,
) -> dict[str, Any]:
    event = conference.EVENT.model_copy(update=changes)
    version = conference.version(event)
    about = conference.facts_of(MailingKind.UPDATE, version)
    return context(
        version=version,
        upkeep=about["upkeep"],
        earlier=about["earlier"],
        mailing=event.mailings[0],
        anchor=anchor,
        recipient=recipient,
        links=conference.links(),
        language=language,
        due_at=conference.PUBLISHED_AT,
    )


def names(value: object, prefix: str = "") -> Iterator[str]:
    """The dotted names of a context: of values, of lists, and of a session itself (it may be nothing)."""
    if prefix == "changes":
        yield prefix
        value = next((item for item in value if item["before"] and item["after"]), value)  # type: ignore[attr-defined]
    if isinstance(value, dict):
        if prefix in {"session", "changes.before", "changes.after"}:
            yield prefix
        for key, inner in value.items():
            yield from names(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix


def test_the_table_and_the_context_agree_both_ways() -> None:
    assert set(names(values(anchor="session-2"))) == set(PLACEHOLDERS)


def test_every_listed_session_has_the_fields_of_session() -> None:
    everything = values(anchor="session-2")
    fields = everything["session"].keys()
    assert [item.keys() for item in everything["sessions"]] == [fields] * 10
    assert [item["key"] for item in everything["chosen_sessions"]] == ["session-2", "session-4"]


def test_every_placeholder_is_explained_in_one_sentence() -> None:
    assert [name for name, sentence in PLACEHOLDERS.items() if not sentence.rstrip().endswith(".")] == []


def test_samples_have_the_same_names_as_real_letters() -> None:
    for kind in MailingKind:
        for sample in chain.from_iterable(samples(kind, "en")):
            known = set(PLACEHOLDERS) if sample["session"] else set(names(values()))
            pairs = [item for item in sample["changes"] if item["before"] and item["after"]]  # type: ignore[attr-defined]
            told = {name for name in known if pairs or not name.startswith("changes.")}
            assert set(names(sample)) == told, kind


def test_there_is_no_session_where_the_occasion_hangs_on_the_event() -> None:
    assert values()["session"] is None


def test_an_unknown_anchor_is_refused() -> None:
    with pytest.raises(KeyError):
        values(anchor="session-9")


def test_the_readers_clock_is_there_only_where_it_differs() -> None:
    assert values(conference.PRACTITIONER)["event"]["starts"].own is None
    assert values(conference.FOCAL_POINT)["recipient"]["own_time"] is False
    starts = values(conference.SPEAKER)["event"]["starts"]
    assert f"{starts.venue:%H:%M} {starts.own:%H:%M}" == "08:45 12:45"


def test_a_state_is_named_in_the_letters_language() -> None:
    assert values(conference.EXPERT, language="fr")["recipient"]["state"] == "Jordanie"
    assert values(conference.EXPERT, language="ar")["recipient"]["state"] == "الأردن"
    assert values(conference.EXPERT, language="fr-ca")["recipient"]["state"] == "Jordanie"


def test_a_title_goes_with_the_family_name_and_its_absence_with_the_whole_one() -> None:
    assert values(conference.PRACTITIONER)["recipient"]["addressed_as"] == "Dr Novak"
    assert values(conference.SPEAKER)["recipient"]["addressed_as"] == "Daniyar Abenov"


def test_text_becomes_one_line_that_cannot_turn_its_surroundings() -> None:
    summary = "first\r\nsecond\x00\u2028third \u202etxt.exe\u2069"
    assert values(summary=summary)["event"]["summary"] == "first second third txt.exe"


def test_values_are_plain_data() -> None:
    def kinds(value: object) -> Iterator[type]:
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from kinds(inner)
        else:
            yield type(value)

    assert set(kinds(values(anchor="session-2"))) == {str, int, bool, Moment}


@pytest.mark.parametrize(
    ("language", "locale"), [("en", "en_GB"), ("fr-ca", "fr_CA"), ("fr-zz", "fr_FR"), ("xx", "en_GB")]
)
def test_a_language_without_a_locale_falls_back(language: str, locale: str) -> None:
    assert str(locale_of(language)) == locale


@pytest.mark.parametrize(
    "name", [" Novak", "Novak ", "Novak\u00a0", "Novak\u202e", "\tNovak\n", "\u2028Novak"]
)
def test_blanks_around_a_text_are_gone(name: str) -> None:
    assert (
        values(conference.PRACTITIONER.model_copy(update={"family_name": name}))["recipient"]["family_name"]
        == "Novak"
    )

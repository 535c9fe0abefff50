"""Choosing a language, rendering behind the fence, and finding every fault of the templates at once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailer.agenda.model import MailingKind
from mailer.composition import wording
from mailer.composition.placeholders import Moment, context
from mailer.composition.wording import Wording, Words
from mailer.errors import BadInput, WordingError
from mailer.recipients.model import Recipient
from tests import conference

KIND = MailingKind.INVITATION


def complete(**changed: str) -> Wording:
    """The least a folder needs: every kind in English; `changed` replaces parts of the invitation."""
    parts = {"subject.txt": "Subject", "txt": "Text", "html": "<p>Text</p>"}
    texts = {f"{kind}/en.{part}": text for kind in MailingKind for part, text in parts.items()}
    names = {"subject": "subject.txt"}
    texts |= {f"invitation/en.{names.get(name, name)}": text for name, text in changed.items()}
    return Wording(texts=texts)


def values(
    recipient: Recipient = conference.PRACTITIONER, language: str = "en", **event: Any
) -> dict[str, Any]:
    changed = conference.EVENT.model_copy(update=event)
    return context(
        version=conference.version(changed),
        mailing=changed.mailings[0],
        anchor="session-2",
        recipient=recipient,
        links=conference.links(),
        language=language,
        due_at=conference.PUBLISHED_AT,
    )


def rendered(recipient: Recipient = conference.PRACTITIONER, **changed: str) -> Words:
    return wording.render(complete(**changed), KIND, values(recipient), "en")


def faults(template: str, part: str = "txt") -> list[tuple[int | None, str]]:
    return [(problem.row, problem.message) for problem in wording.check(complete(**{part: template}), "en")]


# --- loading and choosing ---------------------------------------------------------------------------------


def test_the_digest_stands_for_every_path_and_text() -> None:
    one, other = Wording(texts={"a.txt": "x", "b.txt": "y"}), Wording(texts={"b.txt": "y", "a.txt": "x"})
    assert one == other
    assert one.digest == other.digest
    assert one.digest != Wording(texts={"a.txt": "xb.txt", "": "y"}).digest
    assert one.digest == "8fd8b4a95f8bda0d11a1caa1bcb817f397e54cba1fe3d79533274088164d3d3e"


def test_load_reads_the_folder_by_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "invitation").mkdir()
    (tmp_path / "invitation" / "en.txt").write_bytes(b"\xef\xbb\xbfDear\r\nall")
    (tmp_path / "notes.md").write_text("not a template")
    assert wording.load(tmp_path).texts == {"invitation/en.txt": "Dear\nall"}


def test_load_reports_every_unreadable_file_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    (tmp_path / "b.html").write_bytes(b"x" * (wording.LONGEST_PART + 1))
    with pytest.raises(BadInput) as caught:
        wording.load(tmp_path)
    assert str(caught.value) == "a.txt: is not UTF-8 (byte 4)\nb.html: is larger than 256 kB"


def test_load_refuses_a_folder_without_templates(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no templates"):
        wording.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("languages", "chosen"),
    [
        (("fr", "en"), "fr"),
        (("fr-ca", "en"), "fr"),
        (("de", "fr"), "fr"),
        ((None, "fr"), "fr"),
        (("de", "it"), "en"),
        (("ar", "fr"), "fr"),  # Arabic has begun but lacks parts
        ((), "en"),
    ],
)
def test_the_language_falls_back_from_reader_to_event_to_english(
    languages: tuple[str | None, ...], chosen: str
) -> None:
    begun = {f"invitation/fr.{part}": "Bonjour" for part in wording.PARTS} | {"invitation/ar.txt": "مرحبا"}
    texts = {**complete().texts, **begun}
    assert wording.choose_language(Wording(texts=texts), KIND, *languages) == chosen


def test_dates_follow_the_language_written_not_the_one_asked_for() -> None:
    words = wording.render(complete(txt="{{ event.starts|day }}"), KIND, values(language="fr"), "fr", "en")
    assert (words.language, words.text) == ("en", "Wednesday, 10 March 2027\n")


# --- dates, hours, plain text -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipient", "hours"),
    [
        (conference.PRACTITIONER, "11:30–12:45 ()"),
        (conference.FOCAL_POINT, "11:30–12:45 ()"),
        (conference.SPEAKER, "11:30–12:45 (15:30–16:45)"),
        (conference.FAR_AWAY, "11:30–12:45 (02:30–03:45)"),
    ],
)
def test_the_readers_hours_stand_beside_the_venues_only_where_they_differ(
    recipient: Recipient, hours: str
) -> None:
    words = rendered(recipient, txt="{{ session|clock_range }} ({{ session|own_clock_range }})")
    assert words.text == hours + "\n"


def test_the_day_is_told_where_the_readers_differs() -> None:
    words = rendered(
        conference.FAR_AWAY, txt="{{ event.starts|own_clock }}; {{ event|own_clock_range(true) }}"
    )
    assert words.text == "Tue 9 Mar, 23:45; Tue 9 Mar, 23:45 – Wed 10 Mar, 08:00\n"


def test_an_assumed_end_is_not_shown() -> None:
    template = (
        "{% for item in sessions %}{% if item.end_assumed %}{{ item|clock_range }}{% endif %}{% endfor %}"
    )
    assert rendered(txt=template).text == "17:00\n"


def test_hours_change_with_summer_time_at_the_instant_itself() -> None:
    """On 2027-03-21 New York is already on summer time and Vienna not yet: five hours, not six."""
    instant = datetime(2027, 3, 21, 8, 0, tzinfo=UTC)
    there = instant.astimezone(ZoneInfo("America/New_York"))
    moment = Moment(venue=instant.astimezone(ZoneInfo("Europe/Vienna")), own=there)
    filters = wording._filters("en")
    assert (filters["clock"](moment), filters["own_clock"](moment)) == ("09:00", "04:00")


@pytest.mark.parametrize(
    ("language", "day", "city"),
    [
        ("en", "Wednesday, 10 March 2027", "Vienna"),
        ("fr", "mercredi 10 mars 2027", "Vienne"),
        ("ar", "الأربعاء، 10 مارس 2027", "فيينا"),
    ],
)
def test_days_and_cities_are_written_in_the_readers_language(language: str, day: str, city: str) -> None:
    filters, starts = wording._filters(language), values()["event"]["starts"]
    assert (filters["day"](starts), filters["city"]("Europe/Vienna")) == (day, city)


def test_text_is_wrapped_at_72_columns_and_addresses_stay_whole() -> None:
    address = "https://convenor.example/" + "x" * 90
    words = rendered(txt="{% filter wrapped %}" + "word " * 40 + "\n\n" + address + "{% endfilter %}")
    assert words.text == "\n".join(["word " * 13 + "word"] * 2 + ["word " * 11 + "word", "", address]) + "\n"


def test_a_value_hangs_beside_its_label() -> None:
    words = rendered(txt='{{ event.venue.name|beside("Where", 8) }}')
    assert words.text == ("Where   Federal Ministry of the Interior of the Republic of Austria\n")
    narrow = wording._beside("word " * 20, "When", 15).splitlines()
    assert narrow[0].startswith("When           word")
    assert narrow[1].startswith(" " * 15 + "word")
    assert max(map(len, narrow)) <= 72


def test_lines_from_the_right_are_marked_and_broken_isolates_reopened() -> None:
    text = wording._plain("\u2068two\nlines\u2069 x\n\nhttps://a.example/\n", rtl=True)
    assert text == "\u200f\u2068two\u2069\n\u200f\u2068lines\u2069 x\n\nhttps://a.example/\n"


def test_a_subject_is_one_line_of_at_most_200_characters() -> None:
    assert rendered(subject="\n  Two\n\t words  \n").subject == "Two words"
    assert rendered(subject="{{ event.title }} " * 9).subject.endswith(" …")
    assert len(rendered(subject="{{ event.title }} " * 9).subject) <= 200


def test_a_long_title_without_blanks_still_leaves_a_subject() -> None:
    title = "x" * 300
    words = wording.render(complete(subject="{{ event.title }}"), KIND, values(title=title), "en")
    assert words.subject == "x" * 199 + "…"


@pytest.mark.parametrize("subject", ["", "  \n", "a\x07b", "a\x00b"])
def test_an_empty_subject_or_a_control_character_in_one_is_refused(subject: str) -> None:
    with pytest.raises(WordingError, match=r"invitation/en\.subject\.txt"):
        rendered(subject=subject)


# --- strangers' text --------------------------------------------------------------------------------------

HOSTILE = [
    "{{7*7}}",
    "{% raw %}",
    "{x}",
    "%(x)s",
    "<script>alert(1)</script>",
    "\"'><img src=x>",
    "&amp;",
    "{#",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_values_are_printed_literally_and_escaped_in_html(name: str) -> None:
    recipient = conference.PRACTITIONER.model_copy(update={"family_name": name})
    words = rendered(
        recipient,
        subject="{{ recipient.family_name }}",
        txt="{{ recipient.family_name }}",
        html='<p title="{{ recipient.family_name }}">{{ recipient.family_name }}</p>',
    )
    escaped = name
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        escaped = escaped.replace(character, entity)
    assert (words.subject, words.text) == (name, name + "\n")
    assert words.html == f'<p title="{escaped}">{escaped}</p>\n'


def test_values_stay_escaped_through_macros_filters_and_blocks() -> None:
    recipient = conference.PRACTITIONER.model_copy(update={"family_name": "<b>"})
    template = (
        "{% macro m(x) %}{{ x }}{{ caller() }}{% endmacro %}"
        "{% set kept %}{{ recipient.family_name }}{% endset %}"
        "{% call m(recipient.family_name) %}{{ recipient.family_name }}{% endcall %}{{ kept }}"
        "{{ recipient.family_name|upper }}{{ recipient.family_name|isolated }}"
    )
    html = rendered(recipient, html=template).html
    assert html == "&lt;b&gt;" * 3 + "&lt;B&gt;" + "&lt;b&gt;\n"


# --- the fence --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "row", "word"),
    [
        ("a\n{{ recipient.nmae }}", 2, "'recipient.nmae' is not known; did you mean 'recipient.name'?"),
        ("{{ recipent.name }}", 1, "'recipent.name' is not known; did you mean 'recipient.name'?"),
        ("{{ nonsense }}", 1, "'nonsense' is not known"),
        ("{% for s in sessions %}\n{{ s.titel }}{% endfor %}", 2, "did you mean 'session.title'?"),
        ("a\nb\n{% if event %}", 3, "Unexpected end of template"),
        ("{{ event.title", 1, "unexpected end of template"),
        ("{{ event.title|nice }}", 1, "'nice' is not known"),
        ("{{ event.title|safe }}", 1, "'safe' is not known"),
        ("{% for i in range(9) %}{% endfor %}", 1, "a loop goes over one list"),
        ("{{ range(9) }}", 1, "'range' cannot be called"),
        ("{{ event.title.upper() }}", 1, "'event.title.upper' cannot be called"),
        ("{{ event.starts.venue }}", 1, "'event.starts.venue' is not known"),
        ("{{ event.__class__ }}", 1, "begins with an underscore"),
        ('{{ event["title"] }}', 1, "'getitem' has no place"),
        ("{{ 9 ** 9 }}", 1, "'pow' has no place"),
        ('{{ "x" * 9 }}', 1, "'mul' has no place"),
        ('{{ "%s" % event.title }}', 1, "'mod' has no place"),
        ("{% include 'invitation/en.html' %}", 1, "'include' has no place"),
        ("{% import '../secret.txt' as x %}", 1, "imports what is not in the folder"),
        ("{% import 'invitation/en.html' as x %}", 1, "do not import each other"),
        ("{% import event.title as x %}", 1, "imports what is not in the folder"),
        ("{% extends '/etc/passwd' %}", 1, "extends what is not in the folder"),
        ("{% set event = 1 %}", 1, "is a placeholder and cannot be set"),
        ("{% set x = 'a' %}{% set x = x ~ x %}", 1, "not 'x'"),
        ("{% if event.title is defined %}{% endif %}", 1, "'test' has no place"),
        ("{{ session.title }}", 1, "has no attribute 'title'"),
        ("{{ event.starts }}", 1, "a date and time needs a filter"),
        ("{{ sessions }}", 1, "a list cannot be printed"),
        ("{{ event.is_one_day }}", 1, "a yes or no cannot be printed"),
        ("{{ event.title|day }}", 1, "has no attribute 'venue'"),
        ("{% for a in sessions %}{% for b in sessions %}{% endfor %}{% endfor %}", 1, "a loop within a loop"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", 1, "without end"),
    ],
)
def test_what_a_template_may_not_say_is_found_with_line_and_word(template: str, row: int, word: str) -> None:
    found = faults(template)
    assert [(line, word in message) for line, message in found] == [(row, True)], found


def test_every_problem_is_reported_at_once() -> None:
    texts = dict(complete(txt="{{ nobody }}\n{{ event.titel }}").texts)
    del texts["report/en.html"]
    texts |= {"agenda/fr.txt": "{% if %}", "letters/en.txt": "stray"}
    found = [str(problem) for problem in wording.check(Wording(texts=texts), "en")]
    assert found == [
        "agenda/fr.txt:1: Expected an expression, got 'end of statement block'",
        "invitation/en.txt:1: 'nobody' is not known",
        "invitation/en.txt:2: 'event.titel' is not known; did you mean 'event.title'?",
        "agenda/fr.html: is missing",
        "agenda/fr.subject.txt: is missing",
        "report/en.html: is missing",
        "letters/en.txt: belongs to no kind of letter and is never used",
    ]


def test_a_language_without_letters_is_a_warning() -> None:
    problems = wording.check(complete(), "en", "de", "de", None)
    assert {problem.warning for problem in problems} == {True}
    assert [problem.file for problem in problems] == [f"{kind}/" for kind in MailingKind]


def test_phrases_hold_constants_only_and_all_languages_the_same() -> None:
    texts = {
        **complete(txt='{% import "layout/" ~ language ~ ".phrases.txt" as say %}{{ say.when }}').texts,
        "layout/en.phrases.txt": '{% set when = "When" %}\n',
        "layout/fr.phrases.txt": '{% set quand = "Quand" %}\n',
        "layout/ar.phrases.txt": "{% set when = event.title %}\n",
    }
    assert [str(problem) for problem in wording.check(Wording(texts=texts), "en")] == [
        "invitation/en.txt:1: 'say.when' is not known (in layout/fr.phrases.txt)",
        'layout/ar.phrases.txt:1: holds more than lines of {% set name = "words" %}',
    ]


DOUBLING = "{% macro m0() %}x{% endmacro %}" + "".join(
    f"{{% macro m{n} () %}}{{% if m{n - 1}() %}}{{% endif %}}{{{{ m{n - 1}() }}}}{{% endmacro %}}"
    for n in range(1, 40)
)


@pytest.mark.parametrize(
    "bomb",
    [
        DOUBLING + "{{ m39() }}",
        "{% set x %}"
        + "x" * 1000
        + "{% endset %}"
        + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40
        + "{{ x }}",
        "{{ agenda.number }}" * 20_001,
        "x" * (wording.LONGEST_PART + 1),
    ],
    ids=["macros", "sets", "values", "text"],
)
def test_a_template_bomb_is_refused_before_it_grows(bomb: str) -> None:
    with pytest.raises(WordingError, match=r"asks for too much|more than 256 kB"):
        rendered(txt=bomb)


def test_the_second_fence_holds_where_nothing_was_checked() -> None:
    """Rendering knows no functions, no hidden attributes and no file outside the folder."""
    for template in (
        "{{ range(3)|length }}",
        "{{ event.title.__class__|upper }}",
        "{% include '/etc/hostname' %}",
    ):
        with pytest.raises(WordingError, match=r"^invitation/en\.txt"):
            rendered(txt=template)


def test_an_error_in_a_shared_layout_names_its_own_file_and_line() -> None:
    texts = {
        **complete(txt='{% import "layout/parts.txt" as parts %}\n\n{{ parts.m(event.starts) }}').texts,
        "layout/parts.txt": "{% macro m(x) %}\n\n{{ x }}{% endmacro %}",
    }
    with pytest.raises(WordingError) as caught:
        wording.render(Wording(texts=texts), KIND, values(), "en")
    assert (caught.value.template, caught.value.line) == ("layout/parts.txt", 3)


def test_rendering_is_deterministic_and_needs_no_languages() -> None:
    template = complete(txt="{{ event.title }} {{ sessions|length }}")
    assert wording.render(template, KIND, values()) == wording.render(template, KIND, values(), "en")

"""What a template may not say is found with its line and word."""

import pytest

from mailer.composition import wording
from mailer.composition.wording import Wording
from tests.composition.writing import complete


def faults(template: str, part: str = "txt") -> list[tuple[int | None, str]]:
    return [(problem.row, problem.message) for problem in wording.check(complete(**{part: template}), "en")]


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


@pytest.mark.parametrize("times", [30, 100, 400, 4000])
@pytest.mark.parametrize(
    ("before", "middle", "after"),
    [
        ("{% if event.title %}", "x", "{% endif %}"),
        ("{% if event.title %}", "", ""),
        ("{% for s in sessions %}", "x", "{% endfor %}"),
        ("{{ (", "event.title", ") }}"),
        ("{{ 'a' if not ", "event.title", " }}"),
        ("{{ ", "event.title", "|isolated }}"),
        ("{{ 'a' if event.title else (", "'b'", ") }}"),
    ],
)
def test_what_is_nested_too_deeply_is_refused(before: str, middle: str, after: str, times: int) -> None:
    """Such a template would take the program's stack, or its time."""
    opening, closing = before.removeprefix("{{ "), after.removesuffix(" }}")
    repeated = opening * times + middle + closing * times
    template = f"{{{{ {repeated} }}}}" if before.startswith("{{") else repeated

    assert faults(template) != [] or before == "{{ ("

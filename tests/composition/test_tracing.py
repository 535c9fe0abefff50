"""What a letter takes from its reader is seen while it is written once."""

import pytest

from mailer.composition.placeholders import OWN_TEXTS
from mailer.composition.tracing import STAND_INS, Traced, Untraceable, fields_in, trace
from mailer.recipients.model import Recipient
from tests import conference
from tests.composition.writing import KIND, complete, values

NAME, TITLE = STAND_INS["name"], STAND_INS["title"]


def traced(*real: str, recipient: Recipient = conference.PRACTITIONER, **parts: str) -> Traced:
    return trace(complete(**parts), KIND, "en", values(recipient), real)


def untraceable(**parts: str) -> frozenset[str]:
    with pytest.raises(Untraceable) as caught:
        trace(complete(**parts), KIND, "en", values(), ())
    return caught.value.fields


def test_every_text_of_the_readers_own_has_a_stand_in_that_counts_as_one_character() -> None:
    assert STAND_INS.keys() == OWN_TEXTS.keys()
    assert {len(character) for character in STAND_INS.values()} == {1}
    assert fields_in(f"{TITLE} x {NAME}{NAME}") == ["title", "name", "name"]


def test_a_text_is_printed_as_its_stand_in_and_one_that_is_empty_as_nothing() -> None:
    words = traced(txt="{{ recipient.name }} {{ recipient.title }}.", html="<b>{{ recipient.name }}</b>")
    assert (words.text, words.html) == (f"{NAME} {TITLE}.", f"<b>{NAME}</b>")
    untitled = conference.PRACTITIONER.model_copy(update={"title": ""})
    assert traced(recipient=untitled, txt="{{ recipient.title }}.").text == "."


def test_a_text_that_is_to_stay_stays() -> None:
    template = '{% if recipient.title == "Dr" %}{{ recipient.title }} {{ recipient.name }}{% endif %}'
    assert traced("title", txt=template).text == f"Dr {NAME}"


def test_only_what_was_read_is_a_trait() -> None:
    assert traced().read == frozenset()
    assert traced(txt="{{ recipient.role }}{% if recipient.title %}x{% endif %}").read == {"role", "title"}
    assert traced(html="{{ recipient.timezone }}").read == {"timezone"}


@pytest.mark.parametrize(
    "template",
    [
        "{% for item in sessions if item.chosen %}x{% endfor %}",
        "{% if session.chosen %}x{% endif %}",
        "{% if chosen_sessions %}x{% endif %}",
        "{% for item in chosen_sessions %}x{% endfor %}",
        "{{ chosen_sessions|length }}",
        "{% for item in chosen_sessions|at_most(1) %}x{% endfor %}",
        "{% if session in chosen_sessions %}x{% endif %}",
        "{% if sessions == chosen_sessions %}x{% endif %}",
        "{% for item in sessions %}{% if item == session %}x{% endif %}{% endfor %}",
    ],
)
def test_looking_at_the_choice_in_whatever_way_is_noticed(template: str) -> None:
    assert "sessions" in traced(txt=template).read


def test_going_through_the_sessions_is_not_looking_at_the_choice() -> None:
    template = "{% for item in sessions|at_most(40) if item.kind == 'session' %}{{ item.title }}{% endfor %}"
    assert traced(txt=template + "{{ sessions|length }}").read == frozenset()


def test_a_paragraph_with_a_text_in_it_is_filled_later() -> None:
    words = traced(txt="{% filter wrapped(2) %}Dear {{ recipient.name }},\n\nplain {% endfilter %}")
    ((stand_in, paragraph),) = words.paragraphs.items()
    assert words.text == f"{stand_in}\n\n  plain"
    assert paragraph == (f"Dear {NAME},", "  ")


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        ('{% if recipient.title == "Dr" %}{% endif %}', {"title"}),
        ('{% if "x" < recipient.title %}{% endif %}', {"title"}),
        ('{% if "x" in recipient.title %}{% endif %}', {"title"}),
        ("{% if recipient.title == recipient.name %}{% endif %}", {"title"}),
        ("{% for x in recipient.title %}{% endfor %}", {"title"}),
        ("{{ recipient.title.upper }}", {"title"}),
        ('{{ recipient.title["x"] }}', {"title"}),
        ("{{ recipient.title * 2 }}", {"title"}),
        ("{{ recipient.title|upper }}", {"title"}),
        ("{{ recipient.title|length }}", {"title"}),
        ("{{ event.title|beside(recipient.title, 5) }}", {"title"}),
        ("{% filter upper %}{{ recipient.title }} {{ recipient.name }}{% endfilter %}", {"title", "name"}),
        ("{% filter wrapped %}{{ recipient.title|wrapped }}{% endfilter %}", {"title"}),
        ("{{ recipient.title|wrapped|upper }}", {"title"}),
    ],
)
def test_deciding_by_a_text_or_reshaping_it_names_the_text(template: str, fields: set[str]) -> None:
    assert untraceable(txt=template) == fields
    assert untraceable(html=template) == fields
    assert untraceable(subject=template) == fields


@pytest.mark.parametrize("part", ["html", "subject"])
def test_paragraphs_are_filled_later_in_plain_text_alone(part: str) -> None:
    assert untraceable(**{part: "{{ recipient.title|wrapped }}"}) == {"title"}

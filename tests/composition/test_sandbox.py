"""What holds while rendering, whatever the template says."""

from typing import Any

import pytest

from mailer.composition import wording
from mailer.composition.sandbox import LONGEST_PART, Sandbox
from mailer.composition.wording import Wording
from mailer.errors import WordingError
from tests.composition.writing import KIND, complete, rendered, values

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
        "x" * (LONGEST_PART + 1),
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


class _Listener:
    """Notes what it is told; constants were seen to before."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def decides(self, value: object) -> None:
        self.told.append(value)

    def filters(self, name: str, function: Any, value: object, *args: Any, **named: Any) -> object:
        self.told.append(name)
        return function(value, *args, **named)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ a }}{% if a %}{{ a ~ b }}{% endif %}{{ a or b }}", []),
        ("{% if a == b %}{% endif %}", ["A", "B"]),
        ("{% if 1 < c < 3 %}{% endif %}", [2]),
        ("{% if a in b %}{% endif %}", ["A", "B"]),
        ("{% for x in a if x != b %}{% endfor %}", ["A", "A", "B"]),
        ("{{ a.upper }}", ["A"]),
        ('{{ a["x"] }}', ["A"]),
        ("{{ c + 1 }}", [2]),
        ("{{ a|loud }}", ["loud"]),
        ("{% if a|loud == b %}{% endif %}", ["loud", "A!", "B"]),
    ],
)
def test_an_onlooker_is_told_by_what_a_template_decides(template: str, told: list[object]) -> None:
    sandbox, listener = Sandbox({"x.txt": template}, {"loud": lambda text: f"{text}!"}), _Listener()
    values = {"a": "A", "b": "B", "c": 2}
    try:
        alone: object = sandbox.written("x.txt", values)
    except WordingError as error:
        alone = str(error)
    try:
        watched: object = sandbox.written("x.txt", values, listener)
    except WordingError as error:
        watched = str(error)
    assert (listener.told, watched) == (told, alone)

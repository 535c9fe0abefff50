"""Lines of plain text, and the one line of a subject."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.composition import typesetting, wording
from mailer.errors import WordingError
from tests.composition.writing import KIND, complete, rendered, values


def test_text_is_wrapped_at_72_columns_and_addresses_stay_whole() -> None:
    address = "https://convenor.example/" + "x" * 90
    words = rendered(txt="{% filter wrapped %}" + "word " * 40 + "\n\n" + address + "{% endfilter %}")
    assert words.text == "\n".join(["word " * 13 + "word"] * 2 + ["word " * 11 + "word", "", address]) + "\n"


def test_a_value_hangs_beside_its_label() -> None:
    words = rendered(txt='{{ event.venue.name|beside("Where", 8) }}')
    assert words.text == ("Where   Federal Ministry of the Interior of the Republic of Austria\n")
    narrow = typesetting.beside("word " * 20, "When", 15).splitlines()
    assert narrow[0].startswith("When           word")
    assert narrow[1].startswith(" " * 15 + "word")
    assert max(map(len, narrow)) <= 72


def test_lines_from_the_right_are_marked_and_broken_isolates_reopened() -> None:
    text = typesetting.plain("\u2068two\nlines\u2069 x\n\nhttps://a.example/\n", rtl=True)
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


PIECES = st.sampled_from(
    ["word", "w" * 80, "\u00a0", "a\u00a0:", "\x0b", "\x0cx", "é-é", "x\x1dy", "\u2003", "of", "😀"]
)


@given(words=st.lists(PIECES, max_size=60), margin=st.integers(0, 40))
def test_paragraphs_are_filled_as_textwrap_fills_them(words: list[str], margin: int) -> None:
    (paragraph,) = typesetting.paragraphs(" ".join(words))
    blanks = typesetting.margin(margin)
    assert typesetting.filled(paragraph, blanks) == textwrap.fill(
        paragraph,
        typesetting.COLUMNS,
        initial_indent=blanks,
        subsequent_indent=blanks,
        break_long_words=False,
        break_on_hyphens=False,
    )

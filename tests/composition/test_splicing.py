"""Bytes put together from pieces are those that were made in one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.composition.message import quoted
from mailer.composition.splicing import (
    CALENDAR_FOLD,
    SOFT_BREAK,
    Form,
    Pattern,
    Place,
    Unfit,
    cut,
    cut_again,
    escaped,
    line_of_html,
    lines_of_text,
    paragraph_of_text,
)
from mailer.composition.typesetting import FromTheRight, filled

NAME, PLACE = "\ue000", "\ue001"
NUMBERS = {NAME: 0, PLACE: 1}


def test_a_form_is_filled_in_any_order_and_more_than_once() -> None:
    form = Form([b"a", Place(1), b"b", b"c", Place(0), Place(1), Place(1, 1), Place(1, 0, 1)], 2)
    rows = [[b"00", b"11"], [b"", b"xyz"]]
    assert form.filled(rows) == [b"a11bc0011" + b"1" + b"1", b"axyzbcxyzyzx"]
    assert Form([], 0).filled([[]]) == [b""]
    assert Form([Place(0)], 1).filled([[b"all"]]) == [b"all"]


@pytest.mark.parametrize("fold", [SOFT_BREAK, CALENDAR_FOLD])
@pytest.mark.parametrize("at", range(1, 6))
def test_a_mark_is_found_though_a_fold_parts_it(fold: bytes, at: int) -> None:
    encoded = b"x Token1" + b"Token2"[:at] + fold + b"Token2"[at:] + b" x"
    pieces = cut(encoded, {b"Token1": Place(0), b"Token2": Place(1)}, fold)
    assert Form(pieces, 2).filled([[b"Token1", b"Token2"], [b"ABCDEF", b"abcdef"]]) == [
        encoded,
        b"x ABCDEF" + b"abcdef"[:at] + fold + b"abcdef"[at:] + b" x",
    ]


def test_what_is_cut_already_is_left() -> None:
    pieces = cut_again([b"a1b", Place(7), b"1"], {b"1": Place(0)})
    assert [piece for piece in pieces if piece] == [b"a", Place(0), b"b", Place(7), Place(0)]


TEXT = st.text(st.sampled_from("Fromé. <&>\"'=%s😀ש\t"), max_size=90).map(lambda text: " ".join(text.split()))
BEFORE = st.text(st.sampled_from("xFrom é.=%s<"), max_size=160)


@given(before=BEFORE, name=TEXT, between=BEFORE, place=TEXT, after=BEFORE)
def test_a_line_of_html_is_encoded_in_two_as_in_one(
    before: str, name: str, between: str, place: str, after: str
) -> None:
    beginning, encode = line_of_html(f"{before}{NAME}{between}{PLACE}{after}", NUMBERS)
    whole = quoted(f"{before}{name or 'x'}{between}{place}{after}\r\n")
    other, encoded = encode([("other", "there"), (name or "x", place)])
    assert beginning + encoded == whole
    assert beginning + other == quoted(f"{before}other{between}there{after}\r\n")


@given(name=TEXT, place=TEXT)
def test_a_line_that_begins_with_a_value_may_begin_with_anything(name: str, place: str) -> None:
    beginning, encode = line_of_html(f"{NAME}{PLACE}", NUMBERS)
    assert (beginning, encode([(name, place)])) == (b"", [quoted(f"{name}{place}\r\n")])


@given(name=TEXT, place=TEXT, open_isolates=st.sampled_from([None, 0, 2]))
def test_lines_of_text_are_marked_and_encoded(name: str, place: str, open_isolates: int | None) -> None:
    lines = [f"a {name}", f"\u2068{place}\u2069 %"]
    fill = lines_of_text(f"a {NAME}\n\u2068{PLACE}\u2069 %", NUMBERS, open_isolates)
    marked = lines if open_isolates is None else FromTheRight(open_isolates).lines(lines)
    assert fill([(name, place)] * 2) == [quoted("\r\n".join([*marked, ""]))] * 2


@given(name=TEXT, margin=st.sampled_from(["", "    "]))
def test_a_paragraph_is_filled_and_encoded(name: str, margin: str) -> None:
    fill = paragraph_of_text(f"{'word ' * 12}{NAME} word", margin, NUMBERS, None)
    expected = filled(f"{'word ' * 12}{name or 'x'} word", margin).replace("\n", "\r\n")
    assert fill([(name or "x",)] * 2) == [quoted(expected + "\r\n")] * 2


def test_an_address_among_lines_from_the_right_does_not_fit() -> None:
    fill = lines_of_text(f"at {NAME}", NUMBERS, 0)
    with pytest.raises(Unfit):
        fill([("x.example",), ("https://x.example",)])
    assert lines_of_text(f"at {NAME}", NUMBERS, None)([("https://x.example",)]) == [
        b"at https://x.example\r\n"
    ]


def test_a_pattern_holds_its_own_per_cents() -> None:
    assert Pattern(f"100 % {NAME} %s {PLACE}{NAME}", NUMBERS).filled([("%s", "%%")]) == ["100 % %s %s %%%s"]
    assert Pattern(NAME, NUMBERS).filled([("one", ""), ("two", "")]) == ["one", "two"]


def test_texts_are_escaped_as_in_templates() -> None:
    assert escaped("<a href='x'>&amp;\"") == "&lt;a href=&#39;x&#39;&gt;&amp;amp;&#34;"

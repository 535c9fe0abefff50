"""Whole replies out of whatever pieces the network makes of them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.reply import LONGEST_REPLY, OutOfStep, Reply, ReplyReader, shown

SEVERAL = b"250-one\r\n250 two\r\n354\r\n421 a\n550 \xff\r\n"


def replies(*pieces: bytes) -> list[Reply]:
    reader = ReplyReader()
    return [reply for piece in pieces for reply in reader.read(piece)]


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[here:there] for here, there in pairwise(places)]


def outcome_of(pieces: list[bytes]) -> tuple[list[Reply], str]:
    """The replies up to what is none, and what is said of that."""
    reader, heard = ReplyReader(), list[Reply]()
    try:
        for piece in pieces:
            heard.extend(reader.read(piece))
    except OutOfStep as error:
        return heard, str(error)
    return heard, ""


def test_replies_are_put_together() -> None:
    assert replies(SEVERAL) == [
        Reply(250, b"one\ntwo"),
        Reply(354, b""),
        Reply(421, b"a"),
        Reply(550, b"\xff"),
    ]


@given(st.lists(st.integers(0, 1000)))
def test_where_the_network_cuts_does_not_matter(cuts: list[int]) -> None:
    assert replies(*pieces_of(SEVERAL, cuts)) == replies(SEVERAL)


@given(
    st.lists(st.sampled_from([b"250 ", b"250-", b"354", b"-", b" ", b"\r", b"\n", b"\r\n", b"x", b"9"])).map(
        b"".join
    ),
    st.lists(st.integers(0, 1000)),
)
def test_nonsense_is_the_same_nonsense_however_it_comes(data: bytes, cuts: list[int]) -> None:
    whole, reason = outcome_of([data])
    heard, same = outcome_of(pieces_of(data, cuts))
    assert (heard[: len(whole)], same) == (whole, reason)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"nonsense\r\n",
        b"\r\n",
        b"999 no\r\n",
        b"199 no\r\n",
        b"25\r\n",
        b"2500 x\r\n",
        b"250-a\r\n251 b\r\n",
        b"250_a\r\n",
    ],
)
def test_what_is_no_reply_is_refused(nonsense: bytes) -> None:
    with pytest.raises(OutOfStep, match="no reply of SMTP"):
        replies(nonsense)


@pytest.mark.parametrize("piece", [b"250-" + b"x" * 100 + b"\r\n", b"x" * 100, b"250-\n"])
def test_a_reply_has_an_end(piece: bytes) -> None:
    with pytest.raises(OutOfStep, match=f"more than {LONGEST_REPLY} bytes"):
        replies(*[piece] * LONGEST_REPLY)


def test_the_bound_is_one_replys_not_all_of_them() -> None:
    longest = b"250 " + b"x" * (LONGEST_REPLY - 6) + b"\r\n"
    assert len(replies(longest * 3)) == 3
    with pytest.raises(OutOfStep):
        replies(longest.replace(b"250 ", b"250 x"))


def test_it_knows_when_a_reply_is_not_whole() -> None:
    reader = ReplyReader()
    for piece, is_within in [(b"2", True), (b"50-a\r\n", True), (b"250 b\r", True), (b"\n", False)]:
        list(reader.read(piece))
        assert reader.is_within_a_reply == is_within


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (b"plain", "plain"),
        (b" one\n two\t\xc2\xa0three ", "one two three"),
        (b"\xff\x1b[2J\x00", "\ufffd?[2J?"),
        ("gr\u00fc\u00df Gott".encode(), "grüß Gott"),
        (b"x" * 9999, "x" * 500),
    ],
)
def test_a_servers_words_are_shown_on_one_line(said: bytes, seen: str) -> None:
    assert shown(said) == seen
    assert str(Reply(250, said)) == f"250 {seen}"


def test_a_reply_of_a_code_alone_is_shown_as_that() -> None:
    assert str(Reply(354, b"")) == "354"

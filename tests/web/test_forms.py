"""What the forms of a personal page are read as, and what they are refused for."""

import pytest

from mailer.outbox.schema import Answer
from mailer.web.delegate.forms import (
    LONGEST_COMMENT,
    AnswerForm,
    Toggled,
    answer_in,
    sessions_in,
    settings_in,
)

KNOWN = ("session-1", "session-2", "session-3")


def test_an_answer_may_come_with_a_word() -> None:
    assert answer_in([("answer", "declined"), ("comment", " I am\r\nabroad. ")]) == AnswerForm(
        answer=Answer.DECLINED, comment="I am\nabroad."
    )
    assert answer_in([("answer", "accepted")]) == AnswerForm(answer=Answer.ACCEPTED)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a\x00b\x1bc\td", "abcd"),
        ("\u202eevil\u202c", "evil"),
        ("e\u0301", "é"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("😀 <b>&amp;</b> {{7*7}}", "😀 <b>&amp;</b> {{7*7}}"),
        ("\ud800", ""),
    ],
)
def test_a_word_loses_what_is_no_text(written: str, kept: str) -> None:
    assert answer_in([("answer", "accepted"), ("comment", written)]).comment == kept


def test_a_word_that_is_too_long_is_refused_and_kept_to_be_shortened() -> None:
    just, too_much = "é" * LONGEST_COMMENT, "é" * (LONGEST_COMMENT + 1)
    assert answer_in([("answer", "accepted"), ("comment", just)]).problem == ""
    assert answer_in([("answer", "accepted"), ("comment", too_much)]) == AnswerForm(
        answer=Answer.ACCEPTED, comment=too_much, problem="remark_too_long"
    )


@pytest.mark.parametrize(
    "given",
    [
        [],
        [("comment", "only a word")],
        [("answer", "")],
        [("answer", "delegated")],
        [("answer", "ACCEPTED")],
        [("answer", "accepted"), ("answer", "accepted")],
        [("answer", "accepted"), ("comment", ""), ("comment", "")],
        [("answer", "accepted"), ("recipient", "2")],
    ],
)
def test_what_is_no_answer_is_asked_again(given: list[tuple[str, str]]) -> None:
    form = answer_in(given)
    assert (form.answer, form.problem) == (None, "choose_one")


@pytest.mark.parametrize(
    ("given", "toggled"),
    [
        ([], Toggled(added=frozenset(), taken_off=frozenset())),
        ([("session", "session-1")], Toggled(added=frozenset({"session-1"}), taken_off=frozenset())),
        ([("was", "session-1")], Toggled(added=frozenset(), taken_off=frozenset({"session-1"}))),
        ([("was", "session-1"), ("session", "session-1")], Toggled(added=frozenset(), taken_off=frozenset())),
        ([("was", "dropped"), ("session", "dropped")], Toggled(added=frozenset(), taken_off=frozenset())),
        ([("session", "lunch")], None),
        ([("session", "")], None),
        ([("session", "session-1"), ("x", "y")], None),
    ],
)
def test_only_what_a_reader_touched_is_changed(given: list[tuple[str, str]], toggled: Toggled | None) -> None:
    assert sessions_in(given, KNOWN) == toggled


@pytest.mark.parametrize(
    "given",
    [
        [],
        [("language", "fr")],
        [("language", "xx"), ("timezone", "Asia/Almaty")],
        [("language", "fr"), ("timezone", "CET")],
        [("language", "fr"), ("timezone", "../../etc/passwd")],
        [("language", "fr"), ("timezone", "Asia/Almaty"), ("language", "fr")],
        [("language", "fr"), ("timezone", "Asia/Almaty"), ("x", "y")],
    ],
)
def test_a_language_and_a_zone_are_ones_that_are_offered(given: list[tuple[str, str]]) -> None:
    assert settings_in(given, ("en", "fr"), ("Asia/Almaty",)) is None


def test_a_language_and_a_zone_are_read() -> None:
    given = [("language", "fr"), ("timezone", "Asia/Almaty")]
    assert settings_in(given, ("en", "fr"), ("Asia/Almaty",)) == ("fr", "Asia/Almaty")

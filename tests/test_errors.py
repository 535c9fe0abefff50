"""The errors a caller can act on, and the facts each carries."""

import pytest

from mailer.errors import (
    BadInput,
    ConvenorError,
    Problem,
    StoreError,
    UnsafeLetter,
    WordingError,
)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (Problem(file="a.csv", message="is empty"), "a.csv: is empty"),
        (Problem(file="a.csv", row=7, message="is empty"), "a.csv:7: is empty"),
        (
            Problem(file="a.toml", field="event.title", message="is missing"),
            "a.toml: event.title: is missing",
        ),
        (Problem(file="a.csv", row=7, field="email", message="is none"), "a.csv:7: email: is none"),
    ],
)
def test_a_problem_tells_its_place(problem: Problem, told: str) -> None:
    assert str(problem) == told


def test_bad_input_tells_all_its_problems_at_once() -> None:
    problems = [Problem(file="a.csv", row=row, message="is empty") for row in (2, 3)]
    error = BadInput(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "a.csv:2: is empty\na.csv:3: is empty"


def test_a_wording_error_tells_template_and_line() -> None:
    error = WordingError("unknown placeholder", template="invitation/en.txt", line=4)
    assert (error.template, error.line) == ("invitation/en.txt", 4)
    assert str(error) == "invitation/en.txt:4: unknown placeholder"
    assert str(WordingError("is missing", template="a/en.txt")) == "a/en.txt: is missing"


@pytest.mark.parametrize(
    ("error", "fitting"),
    [
        (BadInput([]), ValueError),
        (WordingError("x", template="y"), ValueError),
        (UnsafeLetter("x"), ValueError),
        (StoreError("x"), RuntimeError),
    ],
)
def test_each_is_what_a_stranger_would_expect(error: Exception, fitting: type[Exception]) -> None:
    assert isinstance(error, ConvenorError)
    assert isinstance(error, fitting)

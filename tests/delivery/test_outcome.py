"""What a server's word means for a letter."""

import pytest

from mailer.delivery.outcome import Outcome, of_broken_line, of_reply
from mailer.outbox.letter import Happening


@pytest.mark.parametrize(
    ("code", "happening"),
    [
        (250, Happening.ACCEPTED),
        (251, Happening.ACCEPTED),
        (450, Happening.PUT_OFF),
        (432, Happening.PUT_OFF),
        (452, Happening.PUT_OFF),
        (550, Happening.REFUSED),
        (535, Happening.REFUSED),
        (554, Happening.REFUSED),
    ],
)
def test_the_first_digit_decides(code: int, happening: Happening) -> None:
    assert of_reply(code, "said so") == Outcome(happening=happening, reply=f"{code} said so")


def test_421_is_about_the_line() -> None:
    assert of_reply(421, "") == Outcome(
        happening=Happening.PUT_OFF, reply="421", recipient_charged=False, line_is_usable=False
    )


@pytest.mark.parametrize("code", [-1, 0, 199, 334, 354, 600])
def test_a_code_that_ends_nothing_is_no_outcome(code: int) -> None:
    with pytest.raises(ValueError, match=f"{code} ends no transaction"):
        of_reply(code, "")


@pytest.mark.parametrize(("dot_sent", "happening"), [(False, Happening.PUT_OFF), (True, Happening.LOST)])
def test_the_dot_makes_the_difference_when_a_line_breaks(dot_sent: bool, happening: Happening) -> None:
    assert of_broken_line("gone", dot_sent=dot_sent) == Outcome(
        happening=happening, reply="gone", recipient_charged=False, line_is_usable=False
    )

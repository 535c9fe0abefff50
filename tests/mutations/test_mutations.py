"""A short campaign of broken mail; `make mutations` is the long one."""

import pytest

from tests.mutations.__main__ import document, holds
from tests.mutations.campaign import MOST_MEGABYTES, run
from tests.mutations.mutator import Mutator


@pytest.mark.parametrize("seed", [1, 20261126])
def test_broken_mail_does_no_harm(seed: int) -> None:
    tally = run(seed, 600)
    assert tally.broken == []
    assert tally.largest <= MOST_MEGABYTES
    assert holds(tally)
    assert tally.kinds["answer"] > 50, "enough of it is whole"
    assert "**no**" not in document(tally, seed)


def test_a_seed_gives_the_same_mails_every_time() -> None:
    assert [Mutator(7).mail(number) for number in range(20)] == [
        Mutator(7).mail(number) for number in range(20)
    ]

"""Keys of what was made once: the same digest is the same, and nothing but itself is itself."""

from mailer.keyed import Keyed, itself


def test_values_of_one_key_are_one() -> None:
    assert Keyed("digest", [1]) == Keyed("digest", [2])
    assert hash(Keyed("digest", [1])) == hash(Keyed("digest", [2]))
    assert Keyed("digest", [1]) != Keyed("another", [1])


def test_what_says_the_same_is_not_itself() -> None:
    one, other = [1], [1]
    assert itself(one) == itself(one)
    assert itself(one) != itself(other)


def test_a_value_that_is_kept_keeps_its_identity() -> None:
    """Or another would be taken for it, made where it was."""
    kept = {itself([number]) for number in range(1000)}
    assert len(kept) == 1000

"""What a key names for good, and what it signs for a while."""

import re

import pytest

from mailer.composition import keys
from mailer.composition.links import Signer

FIRST, SECOND, THIRD = (
    f"the {word} secret key of the tests".encode() for word in ("first", "second", "third")
)
EVENT, ADDRESS = "cybercrime-2027", "ana@prosecution.example"


def test_a_handle_is_the_one_that_links_have() -> None:
    assert keys.handle(FIRST, EVENT, "Ana@Prosecution.EXAMPLE") == Signer(FIRST).handle(EVENT, ADDRESS)


def test_a_naming_key_is_of_one_event_and_one_secret() -> None:
    made = {keys.naming_key(secret, event) for secret in (FIRST, SECOND) for event in (EVENT, "another")}
    assert len(made - {FIRST, SECOND}) == 4
    assert keys.naming_key(FIRST, EVENT) == keys.naming_key(FIRST, EVENT)


def test_a_key_has_a_sign_of_one_character() -> None:
    signs = {keys.sign_of(f"secret key {number}".encode()) for number in range(500)}
    assert len(signs) > 32
    assert all(re.fullmatch(r"[A-Za-z0-9_-]", sign) for sign in signs)


def test_a_sign_means_the_keys_that_have_it() -> None:
    ring = (FIRST, SECOND, THIRD)
    assert len({keys.sign_of(key) for key in ring}) == 3
    assert [keys.signers_of(ring, keys.sign_of(key)) for key in ring] == [(FIRST,), (SECOND,), (THIRD,)]


def test_two_keys_that_share_a_sign_are_both_tried() -> None:
    twin = next(
        key
        for key in (f"secret key {number}".encode() for number in range(10_000))
        if keys.sign_of(key) == keys.sign_of(FIRST)
    )
    assert keys.signers_of((FIRST, SECOND, twin), keys.sign_of(FIRST)) == (FIRST, twin)


@pytest.mark.parametrize("ring", [(FIRST,), (FIRST, SECOND), (FIRST, SECOND, THIRD)])
def test_a_sign_that_is_nobodys_costs_one_key_and_so_does_none(ring: tuple[bytes, ...]) -> None:
    (strange, *_) = {"A", "B", "C", "D"} - {keys.sign_of(key) for key in ring}
    assert keys.signers_of(ring, strange) == (FIRST,)
    assert keys.signers_of(ring, "ü") == (FIRST,)
    assert keys.signers_of(ring, "") == (ring[-1],)


def test_the_key_that_named_an_events_people_is_found_again() -> None:
    named = Signer(SECOND).handle(EVENT, ADDRESS)
    assert keys.key_that_named((FIRST, SECOND), EVENT, "ANA@prosecution.example", named) == SECOND
    assert keys.key_that_named((FIRST, THIRD), EVENT, ADDRESS, named) is None
    assert keys.key_that_named((FIRST, SECOND), "another", ADDRESS, named) is None


def test_each_generation_of_links_has_a_handle_of_its_own_and_the_first_is_as_ever() -> None:
    handles = [keys.handle(FIRST, EVENT, ADDRESS, generation) for generation in range(3)]
    assert handles[0] == keys.handle(FIRST, EVENT, ADDRESS)
    assert len(set(handles)) == 3
    assert {len(handle) for handle in handles} == {16}
    assert keys.key_that_named((SECOND, FIRST), EVENT, ADDRESS, handles[2], 2) == FIRST
    assert keys.key_that_named((SECOND, FIRST), EVENT, ADDRESS, handles[2], 1) is None

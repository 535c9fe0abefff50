"""Letters with DKIM keys: signed once, the same however they were composed, and read as if they were not."""

import pickle
from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.agenda.model import Mailing
from mailer.composition.composing import Composer, Sender
from mailer.composition.dkim import DkimKey
from mailer.recipients.model import Recipient
from tests.composition.test_composing import LETTER, anchor_of, composed
from tests.composition.test_dkim import BOTH, SIGNED_AT, verified
from tests.conference import MAILINGS, RECIPIENTS

KEYS = tuple(DkimKey(selector=signer.selector, pem=signer.pem) for signer in BOTH)
PLAIN: Sender = LETTER["sender"]
SIGNING = replace(PLAIN, dkim=KEYS)


@pytest.mark.parametrize("mailing", MAILINGS, ids=lambda mailing: mailing.key)
@pytest.mark.parametrize("recipient", RECIPIENTS, ids=lambda recipient: recipient.address)
def test_a_letter_is_signed_and_the_same_however_it_is_composed(
    mailing: Mailing, recipient: Recipient
) -> None:
    facts = {"mailing": mailing, "anchor": anchor_of(mailing), "recipient": recipient, "dated_at": SIGNED_AT}
    letter = composed(**facts, sender=SIGNING)
    assert verified(letter.raw, len(KEYS)) == [True, True]
    assert letter.raw.endswith(composed(**facts).raw)

    composer = Composer(SIGNING)
    told = {name: fact for name, fact in (LETTER | facts).items() if name != "sender"}
    assert [composer.compose(**told).raw for _ in range(2)] == [letter.raw] * 2


def test_a_signature_is_of_the_hour_that_the_letter_is_dated() -> None:
    later = LETTER["dated_at"] + timedelta(hours=1)
    stamp = f" t={int(later.timestamp())};".encode()
    assert stamp in composed(sender=SIGNING, dated_at=later).raw
    assert stamp not in composed(sender=SIGNING).raw


def test_what_people_look_at_is_the_same_with_a_signature() -> None:
    signed, plain = composed(sender=SIGNING), composed()
    for name in ("subject", "language", "text", "html", "calendar", "message_id", "entries", "return_path"):
        assert getattr(signed, name) == getattr(plain, name), name


def test_a_sender_with_keys_goes_to_another_process_and_shows_none() -> None:
    again = pickle.loads(pickle.dumps(SIGNING))  # noqa: S301
    assert composed(sender=again).raw == composed(sender=SIGNING).raw
    assert b"PRIVATE" not in repr(SIGNING).encode()


def test_each_letter_has_a_return_path_of_its_own_where_there_is_a_mailbox_for_it() -> None:
    sender = replace(PLAIN, return_path="bounces@conference.example")
    paths = [sender.return_path_of(number) for number in (1, 2)]
    assert [sender.signer.letter_of(path) for path in paths] == [1, 2]
    assert PLAIN.return_path_of(1) == ""

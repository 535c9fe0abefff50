"""Marks made ahead are those made one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.composition.links import Purpose, Signer
from mailer.composition.marks import Marker, keyed

ANCHORS = ("event", "session-1")


@given(
    secret=st.binary(max_size=150),
    parts=st.lists(st.text(st.characters(codec="utf-8")), min_size=1),
    last=st.text(st.characters(codec="utf-8")),
)
def test_a_digest_made_ahead_is_the_signers(secret: bytes, parts: list[str], last: str) -> None:
    assert keyed(secret, *parts)([last.encode(), b"another"])[0] == Signer(secret).digest(*parts, last)


@pytest.mark.parametrize("address", ["ana@x.example", "Ana.Novak@x.example", "jürgen@x.example"])
@pytest.mark.parametrize("known", [True, False])
def test_the_marks_of_a_letter_are_those_of_links(address: str, known: bool) -> None:
    signer = Signer(b"a secret key for the tests alone")
    handle = signer.handle("event", address)
    occasion = ("invitation", "session-1", "2027-02-24T08:00:00+00:00")
    marks = Marker(signer, "event", occasion, ANCHORS).marks(
        ["other@x.example", address], ["AAAAAAAAAAAAAAAA", handle if known else None]
    )
    message_id = signer.digest("message-id", "event", *occasion, address)[:16].hex()
    assert marks.message_ids[1].decode() == message_id
    assert marks.pages[1].decode() == signer.token(Purpose.PAGE, handle)
    assert marks.unsubscribes[1].decode() == signer.token(Purpose.UNSUBSCRIBE, handle)
    uids = [signer.uid("event", anchor, address, "x.example") for anchor in ANCHORS]
    assert [f"{uid.decode()}@x.example" for _, uid in marks.uids] == uids

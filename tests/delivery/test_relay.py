"""A mail server as one speaks to it."""

import pytest

from mailer.delivery.relay import Relay, Security


@pytest.mark.parametrize(
    ("relay", "shown"),
    [
        (Relay(host="mx.example", port=25), "smtp://mx.example:25"),
        (Relay(host="mx.example", port=587, security=Security.STARTTLS), "smtp+starttls://mx.example:587"),
        (Relay(host="::1", port=465, security=Security.TLS), "smtps://[::1]:465"),
    ],
)
def test_it_is_shown_as_it_is_written(relay: Relay, shown: str) -> None:
    assert str(relay) == shown


def test_the_password_is_never_shown() -> None:
    relay = Relay(host="mx.example", port=25, user="clerk", password="pass-word")
    assert "pass-word" not in f"{relay!r} {relay} {[relay]}"
    assert "clerk" in repr(relay)

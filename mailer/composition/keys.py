"""Keys: one names for good, others sign for a while. Where they are kept, and which is in force, is for others.

What must never change in an event's life (handles, UIDs, Message-IDs) comes from its naming key, made of the secret
key in force when the event was first published and kept from then on. What only has to open for a while (the tokens
in links) is signed with the secret key of the day, whose sign stands before the token.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache


def digest(key: bytes, purpose: str, *parts: str) -> bytes:
    """32 bytes that nobody without the key can guess, the same for the same parts (RFC 2104)."""
    return hmac.digest(key, b"\x00".join(part.encode() for part in (purpose, *parts)), hashlib.sha256)


@lru_cache(maxsize=64)
def sign_of(key: bytes) -> str:
    """The one base64url character by which a token says who signed it: six bits of a digest, none of the key."""
    return base64.urlsafe_b64encode(digest(key, "sign")[:1])[:1].decode()


def signers_of(keys: Sequence[bytes], sign: str) -> tuple[bytes, ...]:
    """The keys a token's sign may mean, of those in force (the newest first): nearly always one.

    No sign (`""`) is that of a token from before there were signs, the oldest key's. A sign that is nobody's is
    tried with the newest key, in vain, so that the work is the same.
    """
    if not sign:
        return (keys[-1],)
    return tuple(key for key in keys if sign_of(key) == sign) or (keys[0],)


def naming_key(secret: bytes, event: str) -> bytes:
    """What an event published now is named by: nobody learns the secret from it, and it signs nothing."""
    return digest(secret, "naming", event)


def handle(naming: bytes, event: str, address: str, generation: int = 0) -> str:
    """The recipient's name in links: 16 base64url characters, 96 bits, however the address is written.

    Each `generation`, of which the next begins when links are revoked, has another.
    """
    parts = (event, address.lower(), *([str(generation)] if generation else []))
    return base64.urlsafe_b64encode(digest(naming, "handle", *parts)[:12]).decode()


def key_that_named(
    keys: Sequence[bytes], event: str, address: str, named: str, generation: int = 0
) -> bytes | None:
    """Which of these keys gave `address` its handle of that generation; None if none of them did.

    Before naming keys were kept, the secret key itself named everything: so an event from then finds it again.
    """
    return next((key for key in keys if handle(key, event, address, generation) == named), None)

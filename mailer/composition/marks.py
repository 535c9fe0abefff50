"""What marks a letter as its reader's own: Message-ID, tokens and UIDs, quickly, for one occasion.

They are those that `links` and `composing` give one by one; here the key and all that readers have in common are
hashed ahead (RFC 2104), so that a mark costs two short hashes.
"""

import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mailer.composition import keys
from mailer.composition.links import Purpose, Signer

_BLOCK = 64  # bytes, of SHA-256
_INNER, _OUTER = bytes(x ^ 0x36 for x in range(256)), bytes(x ^ 0x5C for x in range(256))
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Marks(NamedTuple):
    """The marks of one letter, as they stand in it. `uids` are in the order of the anchors, without the domain."""

    message_id: bytes
    page: bytes
    unsubscribe: bytes
    uids: list[bytes]


class Marker:
    """Gives the marks of every reader's letter of one occasion."""

    def __init__(
        self, signer: Signer, event: str, occasion: tuple[str, str, str], anchors: Sequence[str]
    ) -> None:
        """`occasion` is its mailing, its anchor and its due time in ISO 8601; `anchors` are those of the letter's
        calendar entries.
        """
        self._handle = keyed(signer.names_by, "handle", event)
        self._message_id = keyed(signer.names_by, "message-id", event, *occasion)
        self._sign = keys.sign_of(signer.secret).encode()
        self._page = keyed(signer.secret, Purpose.PAGE)
        self._unsubscribe = keyed(signer.secret, Purpose.UNSUBSCRIBE)
        self._uids = [keyed(signer.names_by, "uid", event, each) for each in anchors]

    def marks(self, address: str, handle: str | None) -> Marks:
        """Those of the reader at `address`; `handle`, where it is known, saves working it out."""
        whole, lower = address.encode(), address.lower().encode()
        named = handle.encode() if handle else _base64(self._handle(lower)[:12])
        return Marks(
            self._message_id(whole)[:16].hex().encode(),
            self._sign + named + _base64(self._page(named)[:16]),
            self._sign + named + _base64(self._unsubscribe(named)[:16]),
            [uid(lower)[:16].hex().encode() for uid in self._uids],
        )


def keyed(secret: bytes, *parts: str) -> Callable[[bytes], bytes]:
    """`keys.digest` of these parts and one more, which is given later."""
    key = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\x00")
    inner = hashlib.sha256(key.translate(_INNER) + b"".join(part.encode() + b"\x00" for part in parts))
    outer = hashlib.sha256(key.translate(_OUTER))

    def digest(last: bytes) -> bytes:
        inside, outside = inner.copy(), outer.copy()
        inside.update(last)
        outside.update(inside.digest())
        return outside.digest()

    return digest


def _base64(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_URL_SAFE)

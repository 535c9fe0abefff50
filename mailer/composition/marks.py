"""What marks a letter as its reader's own: Message-ID, tokens and UIDs, quickly, for one occasion.

They are those that `links` and `composing` give one by one; here the key and all that readers have in common are
hashed ahead (RFC 2104), so that a mark costs two short hashes.
"""

import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from mailer.composition import keys
from mailer.composition.links import Purpose, Signer

_BLOCK = 64  # bytes, of SHA-256
_INNER, _OUTER = bytes(x ^ 0x36 for x in range(256)), bytes(x ^ 0x5C for x in range(256))
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


Digests = Callable[[Iterable[bytes]], list[bytes]]


class Marks(NamedTuple):
    """The marks of several letters, as they stand in them: of each mark, one for every letter. `uids` are in the order
    of the anchors, without the domain.
    """

    message_ids: list[bytes]
    pages: list[bytes]
    unsubscribes: list[bytes]
    uids: list[list[bytes]]


class Marker:
    """Gives the marks of the readers' letters of one occasion."""

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

    def marks(self, addresses: Sequence[str], handles: Sequence[str | None]) -> Marks:
        """Those of the readers at these addresses; a handle that is known saves working it out."""
        whole = [address.encode() for address in addresses]
        lower = [address.lower().encode() for address in addresses]
        if all(handles):
            names = [handle.encode() for handle in handles if handle]
        else:
            found = _base64(self._handle(lower), 12)
            names = [handle.encode() if handle else each for handle, each in zip(handles, found, strict=True)]
        return Marks(
            _hexadecimal(self._message_id(whole)),
            self._tokens(names, self._page),
            self._tokens(names, self._unsubscribe),
            [_hexadecimal(uids(lower)) for uids in self._uids],
        )

    def _tokens(self, names: Sequence[bytes], proofs: Digests) -> list[bytes]:
        sign = self._sign
        return [sign + name + proof for name, proof in zip(names, _base64(proofs(names), 16), strict=True)]


def keyed(secret: bytes, *parts: str) -> Digests:
    """`keys.digest` of these parts and one more, of which several are given later."""
    key = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\x00")
    inner = hashlib.sha256(key.translate(_INNER) + b"".join(part.encode() + b"\x00" for part in parts))
    outer = hashlib.sha256(key.translate(_OUTER))

    def digests(lasts: Iterable[bytes]) -> list[bytes]:
        found = list[bytes]()
        for last in lasts:
            inside, outside = inner.copy(), outer.copy()
            inside.update(last)
            outside.update(inside.digest())
            found.append(outside.digest())
        return found

    return digests


def _hexadecimal(digests: Iterable[bytes]) -> list[bytes]:
    """Of each the first 16 octets."""
    return [binascii.b2a_hex(digest[:16]) for digest in digests]


def _base64(digests: Iterable[bytes], octets: int) -> list[bytes]:
    """Of each so many octets (RFC 4648 5), without padding."""
    characters = -(-octets * 4 // 3)
    return [
        binascii.b2a_base64(digest[:octets], newline=False)[:characters].translate(_URL_SAFE)
        for digest in digests
    ]

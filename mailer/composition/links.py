"""Signed links: what stands for a person in a URL, without an account and without a database look-up to make one.

A token is a sign and base64url(handle, signature): the sign says with which key it was signed, the handle names the
recipient within the event, the signature binds it to one purpose. Tokens are determined by the key alone, so that a
letter's bytes are too.

A return path names a letter in the same manner, in the local part of an address that what comes back is sent to.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mailer.composition import keys

_HANDLE, _SIGNATURE = 12, 16  # bytes
_SIGNED = 38  # characters of base64url
_LONGEST = 64  # characters; a genuine token has 39, or 38 from before keys had signs
_LONGEST_UID = 255
_TAG = 10  # bytes: 16 characters of base32
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LETTER = re.compile(rb"([0-9a-z]{1,13})-[a-z2-7]{16}")
_LONGEST_LOCAL_PART = 64  # octets (RFC 5321 4.5.3.1.1)
_SHOWN = re.compile(r"(/[ruf]/)[\w-]{38,64}", re.ASCII)

LONGEST_MAILBOX = _LONGEST_LOCAL_PART - len("+") - 13 - len("-") - 16
"""Octets of the local part of a mailbox that every letter's token still fits behind."""


class Purpose(StrEnum):
    PAGE = "page"
    UNSUBSCRIBE = "unsubscribe"
    FEED = "feed"


@dataclass(frozen=True, kw_only=True)
class Links:
    """A person's addresses: their page, unsubscribing, an .ics for each anchor, and the calendar to subscribe to."""

    page: str
    unsubscribe: str
    entries: Mapping[str, str]
    feed: str = ""


@dataclass(frozen=True)
class Signer:
    """Everything derived from keys: handles, UIDs and Message-IDs by the naming key, tokens by the secret key.

    `older` are the secret keys that were in force before, the newest first: what they signed is genuine still.
    Without `naming` the secret key names, too. Its repr tells nothing.
    """

    secret: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)
    naming: bytes = field(default=b"", repr=False)

    @property
    def names_by(self) -> bytes:
        """The key that whatever must never change comes from."""
        return self.naming or self.secret

    @property
    def naming_to_keep(self) -> bytes | None:
        """The naming key, unless it is the secret key in force, which is kept elsewhere and must not lie about."""
        return None if self.naming in {b"", self.secret} else self.naming

    def before(self) -> "Iterator[Signer]":
        """As it was while each older key was in force, the newest first: a repetition must be what it was."""
        return (replace(self, secret=key) for key in self.older)

    def digest(self, purpose: str, *parts: str) -> bytes:
        """32 bytes by the naming key: they stay what they are, whatever secret key is in force."""
        return keys.digest(self.names_by, purpose, *parts)

    def handle(self, event: str, address: str, generation: int = 0) -> str:
        """The recipient's name in links: 16 base64url characters, 96 bits; another in each generation of links."""
        return keys.handle(self.names_by, event, address, generation)

    def uid(self, event: str, anchor: str, address: str, domain: str) -> str:
        """An entry's UID: opaque, 128 bits, stable per (anchor, recipient) (RFC 5545 3.8.4.7, RFC 7986 5.3).

        At most 255 characters, as many as every client keeps: the end of a very long domain is left out.
        """
        return f"{self.digest('uid', event, anchor, address.lower())[:16].hex()}@{domain}"[:_LONGEST_UID]

    def token(self, purpose: Purpose, handle: str) -> str:
        """39 base64url characters; the first is the sign of the key in force."""
        return keys.sign_of(self.secret) + _signed(self.secret, purpose, handle)

    def handle_of(self, purpose: Purpose, token: str) -> str | None:
        """The handle a genuine token of this purpose names, else None; the same work for every token."""
        sign, signed = token[:_LONGEST][:-_SIGNED], token[:_LONGEST][-_SIGNED:]
        try:
            raw = _decode(signed)
        except (binascii.Error, ValueError):
            raw = b""
        handle = _encode(raw[:_HANDLE].ljust(_HANDLE, b"\x00"))
        given = token[:_LONGEST].encode("utf-8", "replace")
        genuine = [
            hmac.compare_digest(
                f"{sign and keys.sign_of(key)}{_signed(key, purpose, handle)}".encode(), given
            )
            for key in keys.signers_of((self.secret, *self.older), sign)
        ]
        return handle if any(genuine) else None

    def return_path(self, mailbox: str, letter_id: int) -> str:
        """The envelope sender of one letter (RFC 5321 4.4), the same at every attempt, as greylisting wants it.

        `bounces@conference.example` becomes `bounces+<letter>-<tag>@conference.example`: the letter in base 36, and 80
        bits that nobody without the key can guess, in base 32; whoever changes the case on the way changes nothing.

        Raises:
            ValueError: the local part of `mailbox` is longer than `LONGEST_MAILBOX`, or `letter_id` no row's number.
        """
        local, _, domain = mailbox.rpartition("@")
        if len(local.encode()) > LONGEST_MAILBOX or not 0 <= letter_id < 1 << 63:
            raise ValueError(f"{mailbox!r} and letter {letter_id} make no return path")
        return f"{local}+{_letter_token(self.secret, letter_id)}@{domain}"

    def letter_of(self, return_path: str) -> int | None:
        """The letter a genuine return path or its local part names, else None; the same work for every one.

        Whatever stands before the last `+` counts for nothing, nor does the domain, nor the case of a letter.
        """
        local = return_path.rpartition("@")[0] or return_path
        given = local[-_LONGEST_LOCAL_PART:].encode("utf-8", "replace").rpartition(b"+")[2].lower()
        found = _LETTER.fullmatch(given)
        letter_id = int(found[1], 36) if found else 0
        genuine = [
            hmac.compare_digest(_letter_token(key, letter_id).encode(), given)
            for key in (self.secret, *self.older)
        ]
        return letter_id if any(genuine) else None

    def links(self, base_url: str, handle: str, anchors: tuple[str, ...]) -> Links:
        page = f"{base_url}/r/{self.token(Purpose.PAGE, handle)}"
        return Links(
            page=page,
            unsubscribe=f"{base_url}/u/{self.token(Purpose.UNSUBSCRIBE, handle)}",
            entries={anchor: f"{page}/{anchor}.ics" for anchor in anchors},
            feed=f"{base_url}/f/{self.token(Purpose.FEED, handle)}.ics",
        )


def without_tokens(text: str) -> str:
    """The same text, its personal links cut off before what opens them: for whoever may read a letter, and not act for
    its reader.
    """
    return _SHOWN.sub(r"\1…", text)


def _signed(key: bytes, purpose: Purpose, handle: str) -> str:
    return _encode(_decode(handle) + keys.digest(key, purpose, handle)[:_SIGNATURE])


def _letter_token(key: bytes, letter_id: int) -> str:
    number = _base36(letter_id)
    tag = base64.b32encode(keys.digest(key, "return-path", number)[:_TAG])
    return f"{number}-{tag.decode().lower()}"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)

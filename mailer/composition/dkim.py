"""DKIM: signatures by which a receiving server knows whose letter it has (RFC 6376, RFC 8463).

Knows keys, and the bytes of a head and a body; nothing of what they say. Relaxed in both, so that a relay may fold
a header anew. RSA (PKCS #1 1.5) and Ed25519 sign the same bytes the same way each time: a signed letter stays a pure
function of its facts.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from mailer.errors import BadInput, Problem

SIGNED = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "Auto-Submitted",
)
"""The headers a signature covers where a letter has them; RFC 8058 4 wants both List-Unsubscribe among them."""

OVERSIGNED = frozenset({"From", "To", "Subject", "Date"})
"""Named once more than they stand there: a second one, put in on the way, breaks the signature (RFC 6376 8.15)."""

SHORTEST_RSA, LONGEST_RSA = 2048, 4096
"""Bits: what signers should use at least, and what every verifier reads (RFC 8301 3.2)."""

_FOLDED_AT = 76
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NAMES = {name.lower().encode(): name for name in SIGNED}
_SPACES = re.compile(rb"  +")
_PADDING, _HASH = PKCS1v15(), SHA256()


@dataclass(frozen=True, kw_only=True)
class DkimKey:
    """A private key, PEM as it stands in its file, and the selector its public half is published under."""

    selector: str
    pem: bytes = field(repr=False)


@dataclass(frozen=True)
class DkimSigner:
    """Signs in the name of `domain`, which is that of From, with one key.

    It holds no more than these three values, so that it can be compared and sent to another process.

    Raises:
        BadInput: the domain or the selector is no DNS name, or the key cannot sign.
    """

    domain: str
    selector: str
    pem: bytes = field(repr=False)

    def __post_init__(self) -> None:
        found = [
            Problem(file="DKIM", field=name, message=f"{value!r} is not a DNS name")
            for name, value in (("domain", self.domain), ("selector", self.selector))
            if not _NAME.fullmatch(value)
        ]
        if message := _fault_of(self.pem):
            found.append(Problem(file="DKIM", field="key", message=message))
        if found:
            raise BadInput(found)

    def header(self, head: bytes, body: bytes, signed_at: datetime) -> bytes:
        """The DKIM-Signature line of a letter, folded, with its CRLF; see `signatures`."""
        return signatures((self,), head, body, signed_at)


def read_keys(selectors: Sequence[str], files: Sequence[Path]) -> tuple[DkimKey, ...]:
    """The keys of these PEM files, each under the selector of the same place.

    Raises:
        BadInput: every file that cannot be read or holds no key to sign with, every selector that is no DNS name, and
            a number of selectors that is not that of the files, or one named twice; all at once.
    """
    if not len(set(selectors)) == len(selectors) == len(files):
        message = f"there are {len(set(selectors))} selectors for {len(files)} keys; each key has its own"
        raise BadInput([Problem(file="DKIM", field="selector", message=message)])
    keys: list[DkimKey] = []
    problems: list[Problem] = []
    for selector, file in zip(selectors, files, strict=True):
        if not _NAME.fullmatch(selector):
            problems.append(
                Problem(file=str(file), field="selector", message=f"{selector!r} is not a DNS name")
            )
        try:
            pem = file.read_bytes()
        except OSError as error:
            problems.append(Problem(file=str(file), message=f"cannot be read: {error.strerror}"))
            continue
        if fault := _fault_of(pem):
            problems.append(Problem(file=str(file), message=fault))
        keys.append(DkimKey(selector=selector, pem=pem))
    if problems:
        raise BadInput(problems)
    return tuple(keys)


@lru_cache(maxsize=64)
def signers(domain: str, keys: tuple[DkimKey, ...]) -> tuple[DkimSigner, ...]:
    """Who signs letters from this domain, one for each key."""
    return tuple(DkimSigner(domain, key.selector, key.pem) for key in keys)


def signatures(by: Sequence[DkimSigner], head: bytes, body: bytes, signed_at: datetime) -> bytes:
    """A DKIM-Signature line of each signer, folded, in their order; to be put before `head`.

    `head` is header lines that end with CRLF, with or without the empty line after them; `body` is what comes after
    that line, as it goes over the line. `signed_at` is aware.
    """
    names, lines = _signed_lines(head)
    hashed = b64encode(sha256(_relaxed_body(body)).digest())
    stamp = b" t=%d; bh=%b;\r\n b=" % (int(signed_at.timestamp()), hashed)
    return b"".join(_signature(signer, names, lines, stamp) for signer in by)


def dns_record(pem: bytes) -> str:
    """The text to publish at `<selector>._domainkey.<domain>` as TXT (RFC 6376 3.6.1, RFC 8463 4).

    Raises:
        BadInput: the key cannot sign.
    """
    if message := _fault_of(pem):
        raise BadInput([Problem(file="DKIM", field="key", message=message)])
    key = _key(pem)
    if isinstance(key, Ed25519PrivateKey):
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={b64encode(public).decode()}"
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"


def _signature(signer: DkimSigner, names: tuple[str, ...], lines: bytes, stamp: bytes) -> bytes:
    """One DKIM-Signature; what is signed ends with itself, relaxed and with `b=` left empty (RFC 6376 3.7)."""
    key = _key(signer.pem)
    kind = "ed25519" if isinstance(key, Ed25519PrivateKey) else "rsa"
    unsigned = _opening(kind, signer.domain, signer.selector, names) + stamp
    relaxed = lines + b"dkim-signature:" + unsigned.replace(b"\r\n ", b" ")
    if isinstance(key, Ed25519PrivateKey):
        signed = key.sign(sha256(relaxed).digest())
    else:
        signed = key.sign(relaxed, _PADDING, _HASH)
    text = b64encode(signed)
    folded = b"\r\n ".join([text[at : at + 72] for at in range(0, len(text), 72)])
    return b"DKIM-Signature: " + unsigned + folded + b"\r\n"


@lru_cache(maxsize=64)
def _opening(kind: str, domain: str, selector: str, names: tuple[str, ...]) -> bytes:
    """The tags that are the same from letter to letter, with the fold after them."""
    folded = [" h="]
    for name in names:
        if len(folded[-1]) + len(name) + 1 > _FOLDED_AT:
            folded.append(" ")
        folded[-1] += f"{name}:"
    listed = "\r\n".join(folded).removesuffix(":")
    first = f"v=1; a={kind}-sha256; c=relaxed/relaxed;\r\n d={domain}; s={selector};"
    return f"{first}\r\n{listed};\r\n".encode()


def _signed_lines(head: bytes) -> tuple[tuple[str, ...], bytes]:
    """What `h=` names, and those headers relaxed (RFC 6376 3.4.2), of one name the last first (5.4.2)."""
    found: dict[str, list[bytes]] = {}
    for line in _single_spaced(head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")).split(b"\r\n"):
        name, _, value = line.partition(b":")
        key = name.lower()
        if key in _NAMES:
            found.setdefault(_NAMES[key], []).append(b"%b:%b\r\n" % (key, value.strip(b" ")))
    names: list[str] = []
    lines: list[bytes] = []
    for signed in SIGNED:
        there = found.get(signed, [])
        names += [signed] * (len(there) + (signed in OVERSIGNED))
        lines += reversed(there)
    return tuple(names), b"".join(lines)


def _relaxed_body(body: bytes) -> bytes:
    """RFC 6376 3.4.4: blanks are one space or, at a line's end, nothing; no empty lines at the end."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    body = _single_spaced(body)
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    if not body.endswith(b"\r\n\r\n") and body != b"\r\n":
        return body
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def _single_spaced(text: bytes) -> bytes:
    """Every run of blanks as one space. The pattern knows spaces alone: a class of both is many times slower."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    return _SPACES.sub(b" ", text)


def _fault_of(pem: bytes) -> str | None:
    """Why nothing can be signed with this, if so; nothing of the key itself is told."""
    try:
        key = _key(pem)
    except TypeError:
        return "is locked with a password; write the key out without one"
    except (ValueError, UnsupportedAlgorithm):
        return "holds no private key in PEM, as `openssl genpkey -algorithm ed25519` writes it"
    if isinstance(key, Ed25519PrivateKey):
        return None
    if not isinstance(key, RSAPrivateKey):
        return "is neither an RSA nor an Ed25519 key"
    if not SHORTEST_RSA <= key.key_size <= LONGEST_RSA:
        return f"is an RSA key of {key.key_size} bits, not of {SHORTEST_RSA} to {LONGEST_RSA}"
    return None


@lru_cache(maxsize=16)
def _key(pem: bytes) -> Ed25519PrivateKey | RSAPrivateKey:
    return load_pem_private_key(pem, password=None)  # type: ignore[return-value]

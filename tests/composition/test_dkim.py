"""DKIM: what we sign is verified by dkimpy, whatever stands in it; what was changed on the way is not."""

import logging
import pickle
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from mailer.agenda.model import Mailing
from mailer.composition import dkim
from mailer.composition.dkim import DkimKey, DkimSigner, dns_record, read_keys, signatures, signers
from mailer.errors import BadInput, Problem
from tests import conference
from tests.composition.test_composing import anchor_of, composed

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def written(key: PrivateKey, encryption: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
DOMAIN = "conference.example"
BY_RSA = DkimSigner(DOMAIN, "one", written(RSA))
BY_ED25519 = DkimSigner(DOMAIN, "two", written(ED25519))
BOTH = (BY_RSA, BY_ED25519)
EACH = pytest.mark.parametrize("signer", BOTH, ids=["rsa", "ed25519"])

SIGNED_AT = datetime(2024, 2, 24, 8, 3, tzinfo=UTC)
HEAD = (
    b"From: Conference Secretariat <secretariat@conference.example>\r\n"
    b"To: Ana Novak <ana.novak@prosecution.example>\r\n"
    b"Subject: Capacity Building for Criminal Justice\r\n Practitioners Combating Cybercrime\r\n"
    b"Date: Sat, 24 Feb 2024 08:03:00 +0000\r\n"
    b"Message-ID: <b33cc9f33082d249f00f15c72424443c@conference.example>\r\n"
    b"X-Mailer: nobody signs this\r\n"
    b"List-Unsubscribe: <https://conference.example/u/w_J4A4q7k1SmyVC_UIOkIpAS0czpAdsiYFlfNQ>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
)
BODY = b"When           Wednesday\r\nWhere          Vienna\r\n"
RECORDS = {f"{signer.selector}._domainkey.{DOMAIN}.".encode(): dns_record(signer.pem) for signer in BOTH}

SILENT = logging.getLogger("tests.dkimpy")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False


def verified(letter: bytes, count: int = 1) -> list[bool]:
    """What dkimpy thinks of the first `count` signatures of a letter, the keys looked up in `RECORDS`."""

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return RECORDS[name].encode() if name in RECORDS else None

    judge = dkimpy.DKIM(letter, logger=SILENT)
    return [_is_verified(judge, index, look_up) for index in range(count)]


def _is_verified(judge: dkimpy.DKIM, index: int, look_up: Callable[..., bytes | None]) -> bool:
    try:
        return bool(judge.verify(idx=index, dnsfunc=look_up))
    except dkimpy.ValidationError:
        return False


def signed(head: bytes = HEAD, body: bytes = BODY, by: tuple[DkimSigner, ...] = BOTH) -> bytes:
    """A whole letter; an empty line parts its head from its body."""
    return signatures(by, head, body, SIGNED_AT) + head + b"\r\n" + body


def tags(header: bytes) -> dict[str, str]:
    unfolded = re.sub(r"\r\n ", "", header.decode().partition(":")[2].strip())
    return {name.strip(): value for name, _, value in (tag.partition("=") for tag in unfolded.split(";"))}


@pytest.mark.parametrize("mailing", conference.MAILINGS, ids=lambda mailing: mailing.key)
def test_every_letter_is_verified_under_both_keys(mailing: Mailing) -> None:
    letter = composed(mailing=mailing, anchor=anchor_of(mailing)).raw
    end = letter.index(b"\r\n\r\n") + 4
    assert verified(signatures(BOTH, letter[:end], letter[end:], SIGNED_AT) + letter, 2) == [True, True]


WORDS = st.lists(
    st.sampled_from(
        [b"word", b"Wort", "сло́во".encode(), b" ", b"  ", b"\t", b" \t ", b"\r\n", b"\r\n\r\n", b"."]
    ),
    max_size=24,
).map(b"".join)
"""Text with every kind of blank in every place: at the beginning and end of lines, and on lines of their own."""

VALUES = st.lists(
    st.sampled_from([b"word", b"a:b", "مؤتمر".encode(), b" ", b"  ", b"\t", b"\r\n ", b"\r\n\t", b";", b"="]),
    max_size=12,
).map(lambda parts: b"x" + b"".join(parts) + b"x")
"""Header values, folded and unfolded; they begin and end with a word, for an empty fold is no line of a header."""

HEADS = st.lists(
    st.tuples(
        st.sampled_from([*dkim.SIGNED, "X-Mailer", "sUBJECT", "REPLY-TO"]).map(str.encode),
        st.sampled_from([b":", b": ", b":  ", b":\t"]),
        VALUES,
        st.sampled_from([b"", b" ", b"\t "]),
    ),
    max_size=8,
).map(lambda lines: b"".join(b"%b%b%b%b\r\n" % line for line in lines))


@given(HEADS, WORDS)
def test_whatever_is_signed_is_verified(head: bytes, body: bytes) -> None:
    whole = b"From: Secretariat <secretariat@conference.example>\r\n" + head
    arrived = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    letter = signatures(BOTH, whole, body, SIGNED_AT) + whole + b"\r\n" + arrived
    assert verified(letter, 2) == [True, True]


@EACH
@pytest.mark.parametrize(
    "changed",
    [
        lambda letter: letter.replace(b"Vienna", b"Sienna"),
        lambda letter: letter + b"One line more\r\n",
        lambda letter: letter.replace(b"Building", b"building"),
        lambda letter: letter.replace(b"Ana Novak", b"Ana  N."),
        lambda letter: letter.replace(b"/u/w_J4", b"/u/x_J4"),
        lambda letter: letter.replace(b"\r\n\r\n", b"\r\nSubject: another\r\n\r\n", 1),
        lambda letter: letter.replace(b"\r\n\r\n", b"\r\nFrom: x@y.example\r\n\r\n", 1),
        lambda letter: letter.replace(b"\r\n\r\n", b"\r\nTo: x@y.example\r\n\r\n", 1),
        lambda letter: letter.replace(b"\r\n\r\n", b"\r\nDate: Sat, 24 Feb 2024 08:03:01 +0000\r\n\r\n", 1),
        lambda letter: letter.replace(b"t=1708", b"t=1709", 1),
    ],
)
def test_what_was_changed_on_the_way_is_not_verified(
    signer: DkimSigner, changed: Callable[[bytes], bytes]
) -> None:
    letter = signed(by=(signer,))
    assert verified(letter) == [True]
    assert changed(letter) != letter
    assert verified(changed(letter)) == [False]


@EACH
@pytest.mark.parametrize(
    "changed",
    [
        lambda letter: letter.replace(b"Justice\r\n ", b"Justice "),
        lambda letter: letter.replace(b"When           ", b"When\t"),
        lambda letter: letter.replace(b"Vienna\r\n", b"Vienna \t\r\n\r\n\r\n"),
        lambda letter: letter.replace(b"X-Mailer: nobody", b"X-Mailer: somebody"),
        lambda letter: b"Received: from convenor by relay.example\r\n" + letter,
    ],
)
def test_what_relays_do_to_a_letter_breaks_nothing(
    signer: DkimSigner, changed: Callable[[bytes], bytes]
) -> None:
    letter = signed(by=(signer,))
    assert changed(letter) != letter
    assert verified(changed(letter)) == [True]


def test_a_signature_says_who_signed_what_and_when() -> None:
    found = tags(BY_ED25519.header(HEAD, BODY, SIGNED_AT))
    assert found.pop("b")
    assert found.pop("bh")
    assert found == {
        "v": "1",
        "a": "ed25519-sha256",
        "c": "relaxed/relaxed",
        "d": "conference.example",
        "s": "two",
        "h": "From:From:To:To:Subject:Subject:Date:Date:Message-ID:List-Unsubscribe:List-Unsubscribe-Post",
        "t": "1708761780",
    }
    assert tags(BY_RSA.header(HEAD, BODY, SIGNED_AT))["a"] == "rsa-sha256"


def test_a_body_of_empty_lines_is_an_empty_body() -> None:
    nothing = (
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # RFC 6376 3.4.4: SHA-256 of nothing, for relaxed
    )
    for body in (b"", b"\r\n", b"\r\n\r\n\r\n", b" \t\r\n \r\n"):
        assert tags(BY_RSA.header(HEAD, body, SIGNED_AT))["bh"] == nothing


@EACH
def test_lines_are_short_and_folded_as_headers_are(signer: DkimSigner) -> None:
    header = signer.header(b"".join(f"{name}: x\r\n".encode() for name in dkim.SIGNED), BODY, SIGNED_AT)
    assert header.startswith(b"DKIM-Signature: v=1; ")
    first, *folded = header.removesuffix(b"\r\n").split(b"\r\n")
    assert all(line.startswith(b" ") and line.strip() for line in folded)
    assert max(map(len, (first, *folded))) <= 78


@EACH
def test_the_same_letter_is_signed_the_same_way_each_time(signer: DkimSigner) -> None:
    assert signer.header(HEAD, BODY, SIGNED_AT) == signer.header(HEAD + b"\r\n", BODY, SIGNED_AT)


def test_several_signatures_are_those_of_each_signer_in_order() -> None:
    one, two = (signer.header(HEAD, BODY, SIGNED_AT) for signer in BOTH)
    assert signatures(BOTH, HEAD, BODY, SIGNED_AT) == one + two
    assert signatures((), HEAD, BODY, SIGNED_AT) == b""


def test_the_record_of_an_ed25519_key_is_that_of_the_standards_example() -> None:
    """RFC 8463 A.1 and A.2."""
    secret = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
    public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    key = ed25519.Ed25519PrivateKey.from_private_bytes(b64decode(secret))
    assert dns_record(written(key)) == f"v=DKIM1; k=ed25519; p={public}"


def test_the_record_of_an_rsa_key_is_its_public_half() -> None:
    public = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kind, _, text = RECORDS[b"one._domainkey.conference.example."].rpartition("; p=")
    assert kind == "v=DKIM1; k=rsa"
    assert b64decode(text) == public


def test_a_key_is_never_shown_and_can_be_sent_to_another_process() -> None:
    key = DkimKey(selector="one", pem=written(RSA))
    (signer,) = signers(DOMAIN, (key,))
    assert "PRIVATE" not in f"{signer!r} {signer} {key!r} {key}"
    assert pickle.loads(pickle.dumps(signer)) == signer == BY_RSA  # noqa: S301
    assert pickle.loads(pickle.dumps(signer)).header(HEAD, BODY, SIGNED_AT)  # noqa: S301


def test_keys_are_read_each_under_its_selector(tmp_path: Path) -> None:
    files = [tmp_path / "rsa.pem", tmp_path / "ed25519.pem"]
    for file, signer in zip(files, BOTH, strict=True):
        file.write_bytes(signer.pem)
    keys = read_keys(["one", "two"], files)
    assert keys == (
        DkimKey(selector="one", pem=written(RSA)),
        DkimKey(selector="two", pem=written(ED25519)),
    )
    assert signers(DOMAIN, keys) == BOTH
    assert read_keys([], []) == ()


USELESS = {
    "public.pem": RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "empty.pem": b"",
    "noise.pem": b"\x00\xff" * 100,
    "cut.pem": written(RSA)[:500],
    "locked.pem": written(RSA, BestAvailableEncryption(b"password")),
    "curve.pem": written(ec.generate_private_key(ec.SECP256R1())),
    "short.pem": written(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505 - refused
}
NO_KEY = "holds no private key in PEM, as `openssl genpkey -algorithm ed25519` writes it"
FAULTS = {
    "public.pem": NO_KEY,
    "empty.pem": NO_KEY,
    "noise.pem": NO_KEY,
    "cut.pem": NO_KEY,
    "locked.pem": "is locked with a password; write the key out without one",
    "curve.pem": "is neither an RSA nor an Ed25519 key",
    "short.pem": "is an RSA key of 1024 bits, not of 2048 to 4096",
}


def test_every_file_that_holds_no_key_is_named_at_once(tmp_path: Path) -> None:
    for name, content in USELESS.items():
        (tmp_path / name).write_bytes(content)
    files = [*(tmp_path / name for name in USELESS), tmp_path / "absent.pem"]
    with pytest.raises(BadInput) as refused:
        read_keys([file.stem for file in files], files)
    expected = [Problem(file=str(tmp_path / name), message=message) for name, message in FAULTS.items()]
    absent = Problem(file=str(tmp_path / "absent.pem"), message="cannot be read: No such file or directory")
    assert refused.value.problems == (*expected, absent)


@pytest.mark.parametrize("selector", ["", "a b", "a;b", "ä", "-a", "a\r\nb", "x" * 64, "a..b"])
def test_a_selector_is_a_dns_name(selector: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(written(ED25519))
    with pytest.raises(BadInput, match="is not a DNS name"):
        read_keys([selector], [file])
    with pytest.raises(BadInput, match="is not a DNS name"):
        DkimSigner(DOMAIN, selector, written(ED25519))


@pytest.mark.parametrize("selectors", [[], ["one"], ["one", "one"], ["one", "two", "three"]])
def test_each_key_has_a_selector_of_its_own(selectors: list[str], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"{len(set(selectors))} selectors for 2 keys"):
        read_keys(selectors, [tmp_path / "a.pem", tmp_path / "b.pem"])


@pytest.mark.parametrize("content", USELESS.values(), ids=USELESS.keys())
def test_nobody_signs_or_publishes_without_a_key(content: bytes) -> None:
    with pytest.raises(BadInput):
        DkimSigner(DOMAIN, "one", content)
    with pytest.raises(BadInput):
        dns_record(content)

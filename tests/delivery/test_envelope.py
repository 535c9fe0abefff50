"""What a server is told and sent of a letter, and what it never is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.admission import Capabilities
from mailer.delivery.envelope import Offer, Parcel, offer_of
from mailer.delivery.outcome import Outcome
from mailer.outbox.letter import Happening

CONTENT = b"Subject: A letter\r\n\r\nDear colleague\r\n"
SENDER, READER = "secretariat@conference.example", "ana@prosecution.example"
EVERYTHING = Capabilities(pipelining=True, eight_bit=True, utf8=True, dsn=True, size=True, largest=1000)


def parcel(
    content: bytes = CONTENT, *, sender: str = SENDER, recipient: str = READER, report: str = ""
) -> Parcel:
    return Parcel(1, sender, recipient, content, report)


def commands(letter: Parcel, can: Capabilities = EVERYTHING) -> list[str]:
    offer = offer_of(letter, can)
    assert isinstance(offer, Offer)
    assert offer.parcel is letter
    return offer.envelope.decode().split("\r\n")


def refusal(letter: Parcel, can: Capabilities = EVERYTHING) -> Outcome:
    outcome = offer_of(letter, can)
    assert isinstance(outcome, Outcome)
    assert outcome.happening is Happening.REFUSED
    return outcome


def test_an_envelope_is_three_commands() -> None:
    assert commands(parcel(), Capabilities()) == [f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{READER}>", "DATA", ""]


def test_a_server_that_asks_is_told_the_size() -> None:
    assert commands(parcel())[0] == f"MAIL FROM:<{SENDER}> SIZE={len(CONTENT)}"


def test_eight_bits_are_announced() -> None:
    letter = parcel("A: ü\r\n".encode())
    assert commands(letter)[0].endswith(" BODY=8BITMIME")
    assert "8BITMIME" not in commands(parcel())[0]


@pytest.mark.parametrize(
    ("sender", "recipient"), [("jürgen@x.example", READER), (SENDER, "jürgen@x.example")]
)
def test_a_non_ascii_address_goes_as_utf8(sender: str, recipient: str) -> None:
    mail, rcpt, *_ = commands(parcel(sender=sender, recipient=recipient, report="1"))
    assert mail.endswith(" SMTPUTF8")
    assert (f"<{sender}>" in mail, rcpt) == (True, f"RCPT TO:<{recipient}>")


def test_a_delivery_report_will_say_which_letter_it_is_about() -> None:
    mail, rcpt, *_ = commands(parcel(report="a+b=c d\r\ne"))
    assert mail.endswith(" ENVID=a+2Bb+3Dc+20d+0D+0Ae")
    assert rcpt == f"RCPT TO:<{READER}> ORCPT=rfc822;{READER}"
    assert commands(parcel(recipient="a+b@x.example", report="1"))[1].endswith(
        " ORCPT=rfc822;a+2Bb@x.example"
    )


def test_a_server_that_knows_nothing_of_reports_is_asked_for_none() -> None:
    assert commands(parcel(report="1"), Capabilities()) == commands(parcel(), Capabilities())
    assert "ENVID" not in commands(parcel())[0]


@pytest.mark.parametrize(
    ("can", "letter", "reply", "is_about_content"),
    [
        (
            Capabilities(size=True, largest=20),
            parcel(),
            "the server takes letters up to 20 bytes (RFC 1870)",
            True,
        ),
        (Capabilities(), parcel(b"\xc3\xbc\r\n"), "the server takes no 8-bit letters (RFC 6152)", True),
        (
            Capabilities(),
            parcel(recipient="jürgen@x.example"),
            "the server does not take SMTPUTF8 addresses (RFC 6531)",
            False,
        ),
    ],
)
def test_what_a_server_cannot_take_is_refused_by_us(
    can: Capabilities, letter: Parcel, reply: str, is_about_content: bool
) -> None:
    assert refusal(letter, can) == Outcome(
        happening=Happening.REFUSED, reply=reply, content_refused=is_about_content
    )


def test_no_limit_is_none() -> None:
    commands(parcel(b"x" * 10_000), Capabilities(size=True, largest=0))


@pytest.mark.parametrize(
    "address",
    [
        "a@x>\r\nRCPT TO:<e@x",
        "a@x, b@y",
        "<a@x>b@y",
        "a,b@x.example",
        "a(comment)@x.example",
        '"a b"@x.example',
        "a@b@x.example",
        "a\u2028@x.example",
        "a\x00@x.example",
        "a@",
        "@x.example",
        "",
    ],
)
def test_an_address_that_is_not_one_is_never_offered(address: str) -> None:
    reason = f"not composed: an envelope address that is not one plain address: {address!r}"
    assert refusal(parcel(recipient=address)).reply == reason
    assert refusal(parcel(sender=address)).reply == reason


@pytest.mark.parametrize(
    "content",
    [b"a\n.\nMAIL FROM:<e@x>\r\n", b"a\r.\r\n", b"a\x00\r\n", b"\n", b"a\r", b"a\r\r\n", b"\r\na\n"],
)
def test_content_that_could_smuggle_is_refused(content: bytes) -> None:
    assert refusal(parcel(content)).reply == (
        "not composed: the content holds a bare CR, a bare LF or a NUL (RFC 5321 2.3.8)"
    )


@given(
    st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b".", b"\0", b"\x85", b"\xe2\x80\xa8"])).map(
        b"".join
    )
)
def test_content_is_refused_exactly_if_it_holds_what_a_line_may_not(content: bytes) -> None:
    smuggles = re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", content) is not None
    assert isinstance(offer_of(parcel(content), EVERYTHING), Outcome) == smuggles


def test_an_envelope_id_has_an_end() -> None:
    commands(parcel(report="x" * 100))
    assert "envelope id" in refusal(parcel(report="x" * 101)).reply


@given(st.lists(st.sampled_from([b"a", b"\r\n", b".", b"..", b"\r\n."])).map(b"".join))
def test_dots_are_doubled_and_the_last_line_is_ended(content: bytes) -> None:
    offer = offer_of(parcel(content), EVERYTHING)
    assert isinstance(offer, Offer)
    assert offer.content.endswith(b"\r\n")
    lines = offer.content.split(b"\r\n")
    assert not [line for line in lines if line.startswith(b".") and not line.startswith(b"..")]
    undone = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    assert undone == (content if content.endswith(b"\r\n") else content + b"\r\n")

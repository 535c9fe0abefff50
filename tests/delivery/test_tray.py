"""The tray: it keeps whatever comes, durably, and finds it again."""

import smtplib
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from mailer.delivery.envelope import Parcel
from mailer.delivery.outcome import Outcome
from mailer.delivery.relay import Relay
from mailer.delivery.single import send_one
from mailer.delivery.tray import MAX_LETTER_BYTES, CaughtLetter, Tray, TrayServer, parsed
from mailer.errors import StoreError
from mailer.outbox.letter import Happening

NOW = datetime(2027, 2, 24, 8, tzinfo=UTC)
SENDER, READER = "secretariat@conference.example", "ana@prosecution.example"
PLAIN = (
    b"To: Ana Novak <ana@prosecution.example>\r\nSubject: An invitation\r\n"
    b"Message-ID: <1@conference.example>\r\n\r\nThe programme follows.\r\n"
)


@pytest.fixture
def tray(tmp_path: Path) -> Tray:
    return Tray(tmp_path / "var" / "tray.db")


@pytest.fixture
def quick_tray(tmp_path: Path) -> Tray:
    """One that no power cut will ever meet, for many letters."""
    return Tray(tmp_path / "tray.db", durable=False)


@pytest.fixture
def relay(tray: Tray) -> Iterator[Relay]:
    """The tray's mail server, listening."""
    server = TrayServer(tray, clock=lambda: NOW)
    yield server.start()
    server.stop()


def keep(tray: Tray, raw: bytes = PLAIN, recipient: str = READER) -> int:
    return tray.keep(raw, sender=SENDER, recipient=recipient, received_at=NOW)


def numbered(count: int) -> list[bytes]:
    return [f"Subject: Letter {n}\r\nMessage-ID: <{n}@x.example>\r\n\r\n.\r\n".encode() for n in range(count)]


def test_a_letter_is_kept_as_it_came(tray: Tray) -> None:
    number = keep(tray)
    assert tray.letter(number) == (
        CaughtLetter(
            id=number,
            received_at=NOW,
            sender=SENDER,
            recipient=READER,
            message_id="<1@conference.example>",
            subject="An invitation",
            reader="Ana Novak <ana@prosecution.example>",
        ),
        PLAIN,
    )
    assert tray.letter(number + 1) is None


def test_what_is_kept_outlives_the_process(tmp_path: Path) -> None:
    script = (
        "import os, sys; from datetime import *; from pathlib import Path; from mailer.delivery.tray import Tray;"
        "Tray(Path(sys.argv[1])).keep(b'Message-ID: <1@x.example>', sender='a', recipient='b',"
        " received_at=datetime.now(UTC)); os._exit(9)"
    )
    died = subprocess.run([sys.executable, "-c", script, tmp_path / "tray.db"], check=False)
    assert died.returncode == 9
    assert Tray(tmp_path / "tray.db").holds("<1@x.example>")


def test_every_commit_reaches_the_disk(tray: Tray) -> None:
    keep(tray)
    with tray._open() as database:
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("truncate",)


def test_a_tray_that_need_not_last_waits_for_no_disk(quick_tray: Tray) -> None:
    with quick_tray._open() as database:
        assert database.execute("PRAGMA synchronous").fetchone() == (0,)
    assert keep(quick_tray) == 1


def test_it_says_what_it_holds(tray: Tray) -> None:
    keep(tray)
    assert tray.holds("<1@conference.example>")
    assert not tray.holds("<2@conference.example>")
    assert not tray.holds("1@conference.example")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", True),
        ("invitation", True),
        ("INVITATION ana", True),
        ("prosecution.example novak programme", True),
        ("invitation declined", False),
        ("%", False),
        ("_", False),
        ("' OR 1 --", False),
        ("\x00", False),
    ],
)
def test_a_letter_is_found_by_all_of_its_words(tray: Tray, words: str, found: bool) -> None:
    keep(tray)
    assert bool(tray.search(words)) is found


def test_encoded_words_are_searched_as_they_are_read(tray: Tray) -> None:
    keep(
        tray,
        b"To: =?utf-8?b?2YTZitmE2Ykg2K3Yr9in2K8=?= <a@b.example>\r\nSubject: =?utf-8?q?STRA=C3=9FE?=\r\n\r\n.",
    )
    assert [letter.subject for letter in tray.search("strasse ليلى")] == ["STRAßE"]


def test_letters_below_a_number_are_not_looked_at(tray: Tray) -> None:
    for number in range(3):
        keep(tray, b"To: <a@b.example>\r\nSubject: Letter %d\r\n\r\nThe same words." % number)

    assert [letter.subject for letter in tray.search("same", since=tray.newest() - 1)] == [
        "Letter 2",
        "Letter 1",
    ]


def test_a_header_in_utf8_is_read(tray: Tray) -> None:
    keep(tray, "To: <jürgen@x.example>\r\nSubject: Grüße\r\n\r\n.".encode())
    assert [(letter.reader, letter.subject) for letter in tray.search("grüsse")] == [
        ("<jürgen@x.example>", "Grüße")
    ]


def test_pages_follow_each_other(tray: Tray) -> None:
    numbers = [keep(tray, raw) for raw in numbered(7)]
    pages = []
    before = None
    while page := tray.search("letter", before=before, limit=3):
        pages.append([letter.id for letter in page])
        before = page[-1].id
    newest = numbers[::-1]
    assert pages == [newest[:3], newest[3:6], newest[6:]]
    assert tray.count() == 7


def test_everything_comes_in_order_however_much_it_is(quick_tray: Tray) -> None:
    letters = numbered(250)
    numbers = [keep(quick_tray, raw) for raw in letters]
    read: list[tuple[int, bytes]] = []
    for letter, raw in quick_tray.everything():
        if not read:
            keep(quick_tray, PLAIN)  # who reads does not hold up who writes
        read.append((letter.id, raw))
    assert read[:250] == list(zip(numbers, letters, strict=True))
    assert len(read) == 251


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"\r\n\r\n\r\n",
        b"\x00\xff\xfe",
        b"Subject",
        b"Subject: =?utf-8?b?abcde?=\r\n\r\n.",
        b"Subject: =?nonsense?q?x?=\r\n\r\n.",
        b"Subject: =?raw-unicode-escape?q?=5Cud800?=\r\n\r\n.",
        b"Subject: =?utf-8?q?=ED=A0=80?=\r\n\r\n.",
        b"Subject: " + b"=?utf-8?q?x?= " * 20_000 + b"\r\n\r\n.",
        b"To: " + b"(" * 50_000 + b"\r\n\r\n.",
        b"Content-Type: text/plain; charset=nonsense\r\nContent-Transfer-Encoding: nonsense\r\n\r\n\xff",
        b"Content-Transfer-Encoding: base64\r\n\r\n!not base64",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"--x\r\n\r\n.\r\n" * 10_000,
        b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(1050)
        ),
        b"Content-Type: message/rfc822\r\n\r\n" * 1050,
        b"Content-Type: text/plain; charset*=x''%zz; charset*1=y\r\n\r\n.",
    ],
    ids=range(18),
)
def test_what_is_broken_is_kept_too(tray: Tray, raw: bytes) -> None:
    raw = b"Message-ID: <1@x.example>\r\n" + raw
    number = keep(tray, raw)
    found = tray.letter(number)
    assert found
    assert found[1] == raw
    assert tray.holds("<1@x.example>")
    assert [letter.id for letter in tray.search(READER)] == [number]
    assert parsed(raw) is not None


def test_the_text_of_a_message_with_parts_is_searched(tray: Tray) -> None:
    raw = b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"--x\r\n\r\npart\r\n" * 10_000 + b"--x--"
    keep(tray, raw)
    assert len(tray.search("part")) == 1


def test_a_message_nested_too_deep_has_no_parts() -> None:
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(1050)
    )
    message = parsed(b"Subject: deep\r\n" + deep)
    assert message["Subject"] == "deep"
    assert not message.is_multipart()


def test_many_threads_write_and_read_at_once(quick_tray: Tray) -> None:
    def work(worker: int) -> int:
        for raw in numbered(10):
            keep(quick_tray, raw, f"reader{worker}@x.example")
        return len(quick_tray.search(f"reader{worker}@x.example"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [10] * 8
    assert quick_tray.count() == 80
    assert sum(1 for _ in quick_tray.everything()) == 80


@pytest.mark.parametrize("obstacle", ["file in the way", "garbage", "folder"])
def test_a_tray_that_cannot_be_used_says_so(tmp_path: Path, obstacle: str) -> None:
    path = tmp_path / "var" / "tray.db"
    if obstacle == "file in the way":
        path.parent.write_text("")
    else:
        path.parent.mkdir()
        path.mkdir() if obstacle == "folder" else path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"tray\.db cannot be used: ."):
        Tray(path)


# ── the mail server ──────────────────────────────────────────────────────────────────────────────────────────


def send(relay: Relay, content: bytes = PLAIN, *, to: str = READER) -> Outcome:
    return send_one(relay, Parcel(0, SENDER, to, content))


def test_it_is_in_the_tray_before_it_is_accepted(tray: Tray, relay: Relay) -> None:
    outcome = send(relay)
    assert tray.count() == 1
    assert outcome.happening is Happening.ACCEPTED
    assert outcome.reply == "250 2.0.0 in the tray as 1"
    assert tray.letter(1) == (tray.search()[0], PLAIN)
    assert tray.search()[0].received_at == NOW


def test_a_non_ascii_address_is_taken(tray: Tray, relay: Relay) -> None:
    assert send(relay, to="jürgen@x.example").happening is Happening.ACCEPTED
    assert tray.search()[0].recipient == "jürgen@x.example"


def test_the_clock_of_any_zone_is_kept_in_utc(tray: Tray) -> None:
    server = TrayServer(tray, clock=lambda: NOW.astimezone(timezone(timedelta(hours=5))))
    send(server.start())
    server.stop()
    assert tray.search()[0].received_at.isoformat() == NOW.isoformat()


def test_several_letters_at_once(tray: Tray, relay: Relay) -> None:
    def happening(raw: bytes) -> Happening:
        return send(relay, raw).happening

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(happening, numbered(18))) == {Happening.ACCEPTED}
    assert all(tray.holds(f"<{n}@x.example>") for n in range(18))


def test_a_letter_that_is_too_large_is_not_taken(tray: Tray) -> None:
    server = TrayServer(tray, clock=lambda: NOW, most_bytes=10_000)
    relay = server.start()
    large = PLAIN + b"x\r\n" * 5000
    refused = send(relay, large)
    assert refused.happening is Happening.REFUSED
    assert "up to 10000 bytes" in refused.reply
    with smtplib.SMTP(relay.host, relay.port, local_hostname="localhost") as smtp:
        smtp.helo()  # a client that never heard of SIZE
        with pytest.raises(smtplib.SMTPDataError, match="552"):
            smtp.sendmail(SENDER, READER, large)
    server.stop()
    assert tray.count() == 0


def test_a_large_letter_has_25_megabytes(relay: Relay) -> None:
    with smtplib.SMTP(relay.host, relay.port, local_hostname="localhost") as smtp:
        smtp.ehlo()
        assert smtp.esmtp_features["size"] == str(MAX_LETTER_BYTES) == str(25 * 1024 * 1024)


def test_a_tray_that_cannot_keep_it_asks_to_try_again(tray: Tray, relay: Relay, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "var" / "tray.db") as vandal:
        vandal.execute("DROP TABLE letter")
    outcome = send(relay)
    assert outcome.happening is Happening.PUT_OFF
    assert outcome.reply == "452 4.3.1 the tray cannot keep it now: no such table: letter"


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_it_listens_on_one_loopback_address_alone(relay: Relay, host: str) -> None:
    assert relay.host == "127.0.0.1"
    socket.create_connection((relay.host, relay.port), 2).close()
    with pytest.raises(OSError, match=r"refused|unreachable|not available|assign"):
        socket.create_connection((host, relay.port), 2)


def test_it_stops(tray: Tray) -> None:
    server = TrayServer(tray, clock=lambda: NOW)
    relay = server.start()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((relay.host, relay.port), 2)

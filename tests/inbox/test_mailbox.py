"""What a mailbox gives, asked of a real IMAP server and of a real folder: each mail once, whatever happens between."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from mailer.inbox.bounded import LARGEST
from mailer.inbox.mailbox import BEGINNING, Cursor, Fetched, ImapMailbox, MailboxTrouble, Maildir
from mailer.inbox.sent import Timeouts
from tests.acceptance.conftest import free_port
from tests.inbox.dovecot import BY_TOKEN, TOKEN, Dovecot

SINCE = datetime(2026, 11, 1, 12, tzinfo=UTC)
AT = SINCE + timedelta(days=1)
QUICK = Timeouts(connect_for=2, answer_for=10, look_for=60)
_NUMBERS = count()


def nothing_known(places: Sequence[str]) -> set[str]:
    return set()


@pytest.fixture
def box(dovecot: Dovecot) -> ImapMailbox:
    """A new folder of the account."""
    name = f"Rücklauf {next(_NUMBERS)}"
    with dovecot.signed_in() as client:
        client.create_folder(name)
    return ImapMailbox(folder=replace(dovecot.folder, name=name), tls=dovecot.tls, timeouts=QUICK)


def put(dovecot: Dovecot, box: ImapMailbox, *mails: bytes, at: datetime = AT) -> None:
    with dovecot.signed_in() as client:
        for mail in mails:
            client.append(box.folder.name, mail, msg_time=at)


def mail(number: int, size: int = 0) -> bytes:
    return f"Subject: {number}\r\n\r\n".encode() + b"x" * size


def taken(box: ImapMailbox, cursor: Cursor | None = None) -> list[Fetched]:
    return list(box.fetch(cursor, SINCE, nothing_known))


# ── a folder at a server ─────────────────────────────────────────────────────────────────────────────────────


def test_every_mail_comes_once_in_the_order_of_its_coming(dovecot: Dovecot, box: ImapMailbox) -> None:
    put(dovecot, box, mail(1), mail(2))
    first, second = taken(box)
    assert (first.raw, second.raw) == (mail(1), mail(2))
    assert (first.received_at, first.is_whole, first.size) == (AT, True, len(mail(1)))
    assert first.cursor
    assert first.place == f"{first.cursor.validity}/{first.cursor.uid}"

    assert taken(box, second.cursor) == [], "the range behind the last holds the last again"
    put(dovecot, box, mail(3))
    assert [each.raw for each in taken(box, second.cursor)] == [mail(3)]
    assert [each.raw for each in taken(box, first.cursor)] == [mail(2), mail(3)]


def test_reading_changes_nothing(dovecot: Dovecot, box: ImapMailbox) -> None:
    put(dovecot, box, mail(1))
    taken(box)
    with dovecot.signed_in() as client:
        status = client.select_folder(box.folder.name, readonly=True)
        assert (status[b"EXISTS"], client.search("SEEN")) == (1, [])


def test_a_folder_that_is_numbered_anew_is_read_anew(dovecot: Dovecot, box: ImapMailbox) -> None:
    put(dovecot, box, mail(1), mail(2))
    old = taken(box)[-1].cursor
    assert old
    put(dovecot, box, mail(3))
    other = Cursor(validity=old.validity + 1, uid=old.uid)
    assert [each.raw for each in taken(box, other)] == [mail(1), mail(2), mail(3)]


def test_what_came_before_is_left_alone(dovecot: Dovecot, box: ImapMailbox) -> None:
    put(dovecot, box, mail(1), at=SINCE - timedelta(days=40))
    put(dovecot, box, mail(2), at=SINCE - timedelta(hours=1))
    put(dovecot, box, mail(3), at=SINCE)
    assert [each.raw for each in taken(box)] == [mail(3)]


def test_of_a_mail_too_large_only_the_beginning_is_taken(dovecot: Dovecot, box: ImapMailbox) -> None:
    """F41: one of 200 MB."""
    put(dovecot, box, mail(1))
    _lay(dovecot, box, "2000000000.large.mail.example", 200_000_000)
    put(dovecot, box, mail(3))

    found = {each.size: each for each in taken(box)}
    large = found[200_000_000]
    assert (len(large.raw), large.is_whole, len(found)) == (BEGINNING, False, 2), "two are of one size"


def _lay(dovecot: Dovecot, box: ImapMailbox, name: str, size: int) -> None:
    """A file laid into the server's own folder; it is not written, only long."""
    coded = box.folder.name.replace("ü", "&APw-")
    file = dovecot.mail / f".{coded}" / "cur" / f"{name},S={size}:2,"
    with file.open("wb") as opened:
        opened.truncate(size)
    os.utime(file, (AT.timestamp(), AT.timestamp()))
    if os.getuid() == 0:
        shutil.chown(file, dovecot.mail.owner(), dovecot.mail.group())


def test_a_full_folder_is_taken_in_pieces_and_none_is_left_out(dovecot: Dovecot, box: ImapMailbox) -> None:
    with dovecot.signed_in() as client:
        client.append(box.folder.name, mail(0), msg_time=AT)
        client.select_folder(box.folder.name)
        for _ in range(10):
            client.copy(client.search(), box.folder.name)
    found = taken(box)
    assert len({each.place for each in found}) == len(found) == 1024


@contextmanager
def cut_after(dovecot: Dovecot, octets: int) -> Iterator[int]:
    """A port that leads to the server, and breaks when so much has come through it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pass_on(one: socket.socket, other: socket.socket, most: int) -> None:
        with suppress(OSError):
            while most > 0 and (piece := one.recv(min(most, 4096))):
                other.sendall(piece)
                most -= len(piece)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((dovecot.folder.host, dovecot.folder.port))
                threading.Thread(target=pass_on, args=(client, server, 1 << 40), daemon=True).start()
                threading.Thread(target=pass_on, args=(server, client, octets), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("octets", [0, 2_000, 6_000, 500_000, 1_500_000])
def test_a_line_that_breaks_anywhere_skips_nothing_and_the_next_goes_on(
    dovecot: Dovecot, box: ImapMailbox, octets: int
) -> None:
    """F41."""
    mails = [mail(number, 400_000) for number in range(6)]
    put(dovecot, box, *mails)
    found: list[Fetched] = []
    with cut_after(dovecot, octets) as port, pytest.raises(MailboxTrouble, match=r"127\.0\.0\.1"):
        found.extend(_each(replace(box, folder=replace(box.folder, port=port)), found))

    found += taken(box, found[-1].cursor if found else None)
    assert [each.raw for each in found] == mails


def _each(box: ImapMailbox, found: list[Fetched]) -> Iterator[Fetched]:
    for each in box.fetch(None, SINCE, nothing_known):
        found.append(each)
    yield from ()


def test_one_signs_in_by_token(dovecot: Dovecot, box: ImapMailbox) -> None:
    put(dovecot, box, mail(1))
    by_token = replace(box.folder, user=BY_TOKEN, password="")
    assert len(taken(replace(box, folder=by_token, token=lambda: TOKEN))) == 1
    with pytest.raises(MailboxTrouble, match=f"does not let {BY_TOKEN} in"):
        taken(replace(box, folder=by_token, token=lambda: "another"))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"password": "another"}, "does not let "), ({"name": "Nowhere"}, "/Nowhere cannot be read: ")],
)
def test_what_cannot_be_read_is_said_without_a_password(
    dovecot: Dovecot, box: ImapMailbox, change: dict[str, str], words: str
) -> None:
    with pytest.raises(MailboxTrouble, match=words) as raised:
        taken(replace(box, folder=replace(box.folder, **change)))  # type: ignore[arg-type]
    assert dovecot.folder.password not in str(raised.value) + box.name


def test_a_server_that_is_away_is_trouble(box: ImapMailbox) -> None:
    with pytest.raises(MailboxTrouble, match="Connection refused"):
        taken(replace(box, folder=replace(box.folder, port=free_port())))


def test_a_certificate_nobody_vouches_for_is_refused(box: ImapMailbox) -> None:
    with pytest.raises(MailboxTrouble, match="CERTIFICATE_VERIFY_FAILED"):
        taken(replace(box, tls=None))


def test_news_are_heard_at_once(dovecot: Dovecot, box: ImapMailbox) -> None:
    """IDLE (RFC 2177)."""
    heard, stop = threading.Semaphore(0), threading.Event()
    listening = threading.Thread(target=box.listen, args=(heard.release, stop), daemon=True)
    listening.start()
    assert heard.acquire(timeout=20), "it looks when it begins to listen"
    put(dovecot, box, mail(1))
    assert heard.acquire(timeout=20)
    stop.set()
    listening.join(20)
    assert not listening.is_alive()


# ── a Maildir ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def maildir(tmp_path: Path) -> Maildir:
    for folder in ("new", "cur", "tmp"):
        (tmp_path / folder).mkdir()
    return Maildir(path=tmp_path)


def lay(maildir: Maildir, name: str, raw: bytes, at: datetime = AT) -> Path:
    file = maildir.path / name
    file.write_bytes(raw)
    os.utime(file, (at.timestamp(), at.timestamp()))
    return file


def test_a_maildir_gives_what_is_not_known_and_stays_as_it_is(maildir: Maildir) -> None:
    lay(maildir, "new/1.mail.example", mail(1), AT + timedelta(seconds=1))
    lay(maildir, "cur/2.mail.example:2,S", mail(2))
    lay(maildir, "cur/3.mail.example:2,S", mail(3), SINCE - timedelta(days=1))
    lay(maildir, "tmp/4.mail.example", mail(4))
    before = sorted(maildir.path.rglob("*"))

    found = list(maildir.fetch(None, SINCE, nothing_known))

    assert [(each.place, each.raw) for each in found] == [
        ("2.mail.example", mail(2)),
        ("1.mail.example", mail(1)),
    ]
    assert [each.place for each in maildir.fetch(None, SINCE, lambda _: {"2.mail.example"})] == [
        "1.mail.example"
    ]
    assert sorted(maildir.path.rglob("*")) == before


def test_of_a_file_too_large_only_the_beginning_is_taken(maildir: Maildir) -> None:
    with (maildir.path / "new" / "1.mail.example").open("wb") as opened:
        opened.truncate(200_000_000)
    (found,) = maildir.fetch(None, datetime(2020, 1, 1, tzinfo=UTC), nothing_known)
    assert (len(found.raw), found.size, found.is_whole) == (BEGINNING, 200_000_000, False)
    assert found.size > LARGEST


def test_a_folder_that_is_none_is_trouble(tmp_path: Path) -> None:
    with pytest.raises(MailboxTrouble, match="cannot be read"):
        list(Maildir(path=tmp_path / "nowhere").fetch(None, SINCE, nothing_known))

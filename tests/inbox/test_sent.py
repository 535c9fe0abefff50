"""What the Sent folder shows, asked of a real IMAP server; and of scripted ones, what breaks."""

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from mailer.inbox import sent
from mailer.inbox.sent import Looked, SentFolder, Timeouts
from tests.acceptance.conftest import free_port
from tests.delivery.certificates import Authority
from tests.inbox.dovecot import Dovecot

OURS, RENAMED, UNKNOWN, ELSEWHERE = (f"<{n:032x}@conference.example>" for n in range(4))
FOLDER = SentFolder(host="127.0.0.1", port=1, user="secretariat@conference.example", password="secret")
QUICK = Timeouts(connect_for=2, answer_for=0.3, look_for=5)


def test_what_is_filed_is_found_and_the_rest_is_missing(dovecot: Dovecot) -> None:
    dovecot.file(f"Message-ID: {OURS}", "Subject: Invitation")
    dovecot.file("Message-ID: <of@outlook.example>", f"X-Microsoft-Original-Message-ID: {RENAMED}")
    dovecot.file(f"Message-ID: {ELSEWHERE}", name="Umgeräumt")

    looked = sent.look(dovecot.folder, [OURS, RENAMED, UNKNOWN, ELSEWHERE], tls=dovecot.tls)

    assert looked == Looked(found=frozenset({OURS, RENAMED}), missing=frozenset({UNKNOWN, ELSEWHERE}))


def test_a_folder_that_is_named_is_the_one_that_is_read(dovecot: Dovecot) -> None:
    named = replace(dovecot.folder, name="Umgeräumt")
    dovecot.file(f"Message-ID: {ELSEWHERE}", name="Umgeräumt")

    assert sent.look(named, [ELSEWHERE, UNKNOWN], tls=dovecot.tls).found == {ELSEWHERE}


def test_looking_changes_nothing(dovecot: Dovecot) -> None:
    dovecot.file(f"Message-ID: {OURS}")
    sent.look(dovecot.folder, [OURS], tls=dovecot.tls)

    with dovecot.signed_in() as client:
        client.select_folder("Gesendete Objekte", readonly=True)
        assert client.search("SEEN") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "another"}, "127.0.0.1 does not let secretariat@conference.example in: "),
        ({"name": "Nowhere"}, "/Nowhere cannot be read: "),
    ],
)
def test_what_cannot_be_read_is_said_and_shows_nothing(
    dovecot: Dovecot, change: dict[str, str], words: str
) -> None:
    looked = sent.look(replace(dovecot.folder, **change), [OURS], tls=dovecot.tls)  # type: ignore[arg-type]

    assert words in looked.trouble
    assert (looked.found, looked.missing) == (frozenset(), frozenset())
    assert dovecot.folder.password not in looked.trouble


def test_a_certificate_nobody_vouches_for_is_refused(dovecot: Dovecot) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in sent.look(dovecot.folder, [OURS]).trouble


def test_what_is_no_message_id_is_not_asked_for(dovecot: Dovecot) -> None:
    dovecot.file(f"Message-ID: {OURS}")
    strange = ["", "<>", "<a@b>\r\nA1 LOGOUT", '<"@b>', "<a@b) ALL (OR>", "<ä@b>"]

    assert sent.look(dovecot.folder, [*strange, OURS], tls=dovecot.tls) == Looked(found=frozenset({OURS}))


def test_nothing_to_look_for_needs_no_connection_and_no_token() -> None:
    def token() -> str:
        raise AssertionError("it was asked for")

    assert sent.look(FOLDER, [], token=token) == Looked()


def test_a_server_that_is_away_is_trouble() -> None:
    away = replace(FOLDER, port=free_port())
    assert "Connection refused" in sent.look(away, [OURS], timeouts=QUICK).trouble


# ── scripted servers ─────────────────────────────────────────────────────────────────────────────────────────

Script = Callable[[socket.socket], None]
CAPABLE = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2\r\n% OK done\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def listener(authority: Authority) -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as bound:
        yield authority.server().wrap_socket(bound, server_side=True)


def play(listener: socket.socket, script: Script) -> SentFolder:
    """A server that greets one client and then follows the script."""

    def serve() -> None:
        with suppress(OSError), closing(listener.accept()[0]) as line:
            line.sendall(b"* OK ready\r\n")
            answer(line, CAPABLE)
            script(line)

    threading.Thread(target=serve, daemon=True).start()
    return replace(FOLDER, port=listener.getsockname()[1])


def answer(line: socket.socket, *replies: bytes) -> None:
    """Answer the commands that come, one after the other. `%` stands for a command's tag."""
    with line.makefile("rb") as reader:
        for reply in replies:
            line.sendall(reply.replace(b"%", reader.readline().split(b" ")[0]))


def test_with_a_token_one_signs_in_by_xoauth2(listener: socket.socket, authority: Authority) -> None:
    heard: list[bytes] = []

    def script(line: socket.socket) -> None:
        with line.makefile("rb") as reader:
            tag = reader.readline().split(b" ")[0]
            line.sendall(b"+ \r\n")
            heard.append(base64.b64decode(reader.readline()))
            line.sendall(tag + b" NO [AUTHENTICATIONFAILED] expired\r\n")

    looked = sent.look(play(listener, script), [OURS], tls=authority.client(), token=lambda: "a-token")

    assert heard == [b"user=secretariat@conference.example\x01auth=Bearer a-token\x01\x01"]
    assert looked.trouble == (
        "127.0.0.1 does not let secretariat@conference.example in: [AUTHENTICATIONFAILED] expired"
    )


def test_what_was_found_before_the_line_broke_counts(listener: socket.socket, authority: Authority) -> None:
    def script(line: socket.socket) -> None:
        with line.makefile("rb") as reader:
            tag = reader.readline().split(b" ")[0]
            line.sendall(b"+ \r\n")
            reader.readline()
            line.sendall(tag + b" OK in\r\n")
        answer(line, b"* 1 EXISTS\r\n% OK [READ-ONLY] selected\r\n", CAPABLE, b"* SEARCH 7\r\n% OK done\r\n")

    folder = replace(play(listener, script), name="Sent")
    looked = sent.look(folder, [OURS, UNKNOWN], tls=authority.client(), timeouts=QUICK)

    assert looked.found == {OURS}
    assert looked.missing == frozenset()
    assert looked.trouble.startswith(f"{folder} cannot be read: ")


@pytest.mark.parametrize(
    "nonsense", [b"", b"\r\n", b"* \r\n", b"* CAPABILITY\r\n% OK\r\n", b"% OK done\r\n", b"\xff" * 100_000]
)
def test_a_server_that_talks_nonsense_is_trouble_and_no_accident(
    listener: socket.socket, authority: Authority, nonsense: bytes
) -> None:
    looked = sent.look(
        play(listener, lambda line: answer(line, *[nonsense] * 9)),
        [OURS],
        tls=authority.client(),
        timeouts=QUICK,
    )

    assert looked == Looked(trouble=looked.trouble)
    assert 0 < len(looked.trouble) < 400


@pytest.mark.parametrize("timeouts", [QUICK, Timeouts(answer_for=30, look_for=0.3)])
def test_a_server_that_falls_silent_is_not_waited_for_for_ever(
    listener: socket.socket, authority: Authority, timeouts: Timeouts
) -> None:
    """Silent for as long as an answer may take; or dripping, until the whole look has taken too long."""
    over, was_waited_for = threading.Event(), threading.Event()

    def script(line: socket.socket) -> None:
        for _ in range(200):
            if over.wait(0.05):
                return
            if timeouts is not QUICK:
                line.sendall(b"*")
        was_waited_for.set()

    looked = sent.look(play(listener, script), [OURS], tls=authority.client(), timeouts=timeouts)
    over.set()

    assert not was_waited_for.is_set()
    assert looked == Looked(trouble=looked.trouble)
    assert looked.trouble


# ── the address ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("imaps://me@mail.example", SentFolder(host="mail.example", user="me")),
        (
            "imaps://me%40x.example:p%23w@mail.example:1993/Sent%20Items",
            SentFolder(
                host="mail.example", port=1993, user="me@x.example", password="p#w", name="Sent Items"
            ),
        ),
        ("imaps://me@[::1]/a/b", SentFolder(host="::1", user="me", name="a/b")),
    ],
)
def test_an_address_is_read(url: str, folder: SentFolder) -> None:
    assert sent.read_url(url) == folder
    assert sent.read_url(url, "other").password == (folder.password or "other")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("imap://me@mail.example", "is not imaps://"),
        ("imaps://mail.example", "is not imaps://"),
        ("imaps://me@", "is not imaps://"),
        ("imaps://me:topsecret@mail.example:0x1", "port"),
        ("imaps://me@mail.example/Sent?x", "goes on"),
        ("imaps://me%0d%0a:topsecret@mail.example", "control character"),
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        sent.read_url(url)
    assert "topsecret" not in str(refused.value)


def test_the_password_shows_nowhere() -> None:
    assert "secret," not in f"{FOLDER!r}{FOLDER}"
    assert "'secret'" not in repr(FOLDER)

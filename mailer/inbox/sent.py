"""The account's Sent folder: which of our letters the provider has filed there (IMAP4rev1, RFC 3501).

A copy in it shows that the server took the letter; a copy that is missing shows nothing, for many servers file none.
What follows from either is not decided here. The folder is read and never changed.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import SHUT_RDWR
from threading import Timer
from urllib.parse import unquote, urlsplit

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError
from imapclient.imapclient import SENT

PORT = 993
"""Of IMAP over TLS (RFC 8314 7.3); in clear nothing is asked."""

KEPT_IN = ("Message-ID", "X-Microsoft-Original-Message-ID")
"""Headers that bear our Message-ID: where Outlook's servers put one of their own, they keep ours in the second."""

_SHOWN = 200
_MESSAGE_ID = re.compile(r"<[\w.+=-]+@[\w.:-]+>", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class SentFolder:
    """Where sent mail is filed, and as whom one looks. `name` is empty for the folder the server itself marks as
    that of sent mail (RFC 6154 2). The password never shows in a repr.
    """

    host: str
    port: int = PORT
    user: str
    password: str = field(default="", repr=False)
    name: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"imaps://{host}:{self.port}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, for each answer, and from the greeting to the end, however slowly it drips."""

    connect_for: float = 10
    answer_for: float = 30
    look_for: float = 120


@dataclass(frozen=True, kw_only=True)
class Looked:
    """The Message-IDs that are in the folder. `trouble` says why nobody could look, or no further; of what is in
    neither `found` nor `missing` nothing is known.
    """

    found: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    trouble: str = ""


def read_url(url: str, password: str = "") -> SentFolder:
    """`imaps://user@host`, with `:port` and `/Folder` where they are not the usual ones; user, password and folder
    percent-encoded (RFC 5092).

    Raises:
        ValueError: it is none; the sentence never shows it, for it may hold a password.
    """
    parts = urlsplit(url)
    try:
        port = PORT if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError("its port is not 1 to 65535")
    if parts.scheme != "imaps" or not parts.hostname or not parts.username:
        raise ValueError("is not imaps://user@host or imaps://user@host/Folder")
    if parts.query or parts.fragment:
        raise ValueError("goes on after the folder; write ? and # as %3F and %23")
    user, written, name = map(unquote, (parts.username, parts.password or "", parts.path.strip("/")))
    if _CONTROL.search(user + written + password + name):
        raise ValueError("holds a control character")
    return SentFolder(host=parts.hostname, port=port, user=user, password=written or password, name=name)


def look(
    folder: SentFolder,
    message_ids: Sequence[str],
    *,
    tls: ssl.SSLContext | None = None,
    token: Callable[[], str] | None = None,
    timeouts: Timeouts | None = None,
) -> Looked:
    """Which of these Message-IDs, in angle brackets, are in the folder. With `token` one signs in by XOAUTH2.

    Whatever goes wrong is said in `trouble`, with what was found until then. Raises what `token` raises.
    """
    found: set[str] = set()
    missing: set[str] = set()
    sought = [each for each in message_ids if _MESSAGE_ID.fullmatch(each)]
    if not sought:
        return Looked()
    bearer = token() if token else ""
    try:
        with _opened(folder, bearer, tls, timeouts or Timeouts()) as line:
            for message_id in sought:
                (found if _holds(line, message_id) else missing).add(message_id)
    except LoginError as error:
        trouble = f"{folder.host} does not let {folder.user} in: {shown(error)}"
    except Exception as error:  # what a server says may surprise the library in many ways
        trouble = f"{folder} cannot be read: {shown(error)}"
    else:
        trouble = ""
    return Looked(found=frozenset(found), missing=frozenset(missing), trouble=trouble)


@contextmanager
def _opened(
    folder: SentFolder, bearer: str, tls: ssl.SSLContext | None, timeouts: Timeouts
) -> Iterator[IMAPClient]:
    """A connection with the folder open for reading."""
    with signed_in(folder, bearer, tls, timeouts) as client:
        name = folder.name or client.find_special_folder(SENT)
        if not name:
            raise ValueError("no folder is marked as that of sent mail; name it in the address")
        client.select_folder(name, readonly=True)
        yield client


@contextmanager
def signed_in(
    folder: SentFolder, bearer: str, tls: ssl.SSLContext | None, timeouts: Timeouts
) -> Iterator[IMAPClient]:
    """A connection to the account, by token where there is one; cut when all of it takes too long."""
    client = IMAPClient(
        folder.host,
        folder.port,
        ssl_context=tls or ssl.create_default_context(),
        timeout=SocketTimeout(timeouts.connect_for, timeouts.answer_for),
    )
    watch = Timer(timeouts.look_for, _cut, [client])
    watch.daemon = True
    watch.start()
    try:
        _sign_in(client, folder, bearer)
        yield client
        with suppress(IMAPClientError, OSError):
            client.logout()
    finally:
        watch.cancel()
        with suppress(IMAPClientError, OSError):
            client.shutdown()


def _sign_in(client: IMAPClient, folder: SentFolder, bearer: str) -> None:
    """By XOAUTH2 or PLAIN (RFC 4616), or else LOGIN, whose passwords are ASCII."""
    if bearer:
        client.oauth2_login(folder.user, bearer)
    elif client.has_capability("AUTH=PLAIN"):
        client.plain_login(folder.user, folder.password)
    else:
        client.login(folder.user, folder.password)


def _cut(client: IMAPClient) -> None:
    with suppress(OSError):
        client.socket().shutdown(SHUT_RDWR)


def _holds(line: IMAPClient, message_id: str) -> bool:
    """Whether a mail bears it (RFC 3501 6.4.4, HEADER)."""
    ours, theirs = KEPT_IN
    return bool(line.search(["OR", "HEADER", ours, message_id, "HEADER", theirs, message_id]))


def shown(error: Exception) -> str:
    """What went wrong as one short line; a library may hand on the server's words in bytes."""
    said = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return (
        " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SHOWN]
        or type(error).__name__
    )

"""Where mail comes in: a folder at an IMAP server (RFC 3501), or a Maildir. It is read and never changed.

A mailbox gives each mail once with the place it has there; what has been taken already, its caller keeps. Nothing is
looked into here: bytes go on as they are, and of a mail that is too large only the beginning.
"""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from threading import Event as Signal
from typing import Any, Protocol

from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from mailer.errors import ConvenorError
from mailer.inbox.bounded import LARGEST
from mailer.inbox.sent import SentFolder, Timeouts, shown, signed_in

BEGINNING = 64 * 1024
"""Bytes that are taken of a mail larger than `LARGEST`."""

LISTENS_FOR = timedelta(minutes=28)
"""How long one connection waits for news: servers end it after half an hour (RFC 2177 3)."""

COMES_BACK_AFTER = 60.0
"""Seconds until one listens again to a server that went away."""

_HEARS_EVERY = 2.0
_ASKED_ABOUT, _TAKEN_AT_ONCE = 200, 50
_TOGETHER = 1024 * 1024  # bytes of mails that are taken at once

Known = Callable[[Sequence[str]], set[str]]


class MailboxTrouble(ConvenorError, RuntimeError):  # noqa: N818
    """The mailbox cannot be read now; what was taken before stays taken."""


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far a folder has been read: its UIDs rise as long as its UIDVALIDITY stays (RFC 3501 2.3.1.1)."""

    validity: int
    uid: int


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """One mail: its place, its bytes or their beginning, when the mailbox had it, and the cursor behind it."""

    place: str
    raw: bytes
    size: int
    received_at: datetime
    cursor: Cursor | None = None

    @property
    def is_whole(self) -> bool:
        return max(self.size, len(self.raw)) <= LARGEST


class Mailbox(Protocol):
    """Somewhere mail comes in."""

    @property
    def name(self) -> str:
        """As it is kept and shown; never with a password."""

    def fetch(self, cursor: Cursor | None, since: datetime, known: Known) -> Iterator[Fetched]:
        """What came at `since` or later and was not taken yet, the oldest first: behind the cursor, or, in a mailbox
        that has none, at no place that is `known`.

        Raises:
            MailboxTrouble: at any moment; a later call goes on where its caller's cursor stands.
        """

    def listen(self, heard: Callable[[], None], stop: Signal) -> None:
        """Call `heard` when something comes, until `stop`; returns at once where one can only look now and then."""


@dataclass(frozen=True, kw_only=True)
class ImapMailbox:
    """A folder at a server, by TLS alone. With `token` one signs in by XOAUTH2."""

    folder: SentFolder
    token: Callable[[], str] | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(look_for=900))

    @property
    def name(self) -> str:
        return f"{self.folder.user} at {self.folder.host}/{self._folder}"

    @property
    def _folder(self) -> str:
        return self.folder.name or "INBOX"

    def fetch(self, cursor: Cursor | None, since: datetime, known: Known) -> Iterator[Fetched]:
        with self._opened(self.timeouts) as (line, status):
            validity = int(status.get(b"UIDVALIDITY", 0))
            last = cursor.uid if cursor and cursor.validity == validity else 0
            for uids in _chunks(_newer(line, last, since), _ASKED_ABOUT):
                yield from self._taken(line, uids, validity, since)

    def _taken(
        self, line: IMAPClient, uids: Sequence[int], validity: int, since: datetime
    ) -> Iterator[Fetched]:
        facts = line.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
        there = [uid for uid in uids if _received_at(facts.get(uid)) >= since]
        for together in _together(there, {uid: facts[uid][b"RFC822.SIZE"] for uid in there}):
            is_large = facts[together[0]][b"RFC822.SIZE"] > LARGEST
            most = BEGINNING if is_large else LARGEST + 1
            contents = line.fetch(together, [f"BODY.PEEK[]<0.{most}>"])
            for uid in together:
                raw = contents.get(uid, {}).get(b"BODY[]<0>")
                if raw is not None:  # nobody has taken it away meanwhile
                    yield Fetched(
                        place=f"{validity}/{uid}",
                        raw=raw,
                        size=facts[uid][b"RFC822.SIZE"],
                        received_at=_received_at(facts[uid]),
                        cursor=Cursor(validity=validity, uid=uid),
                    )

    def listen(self, heard: Callable[[], None], stop: Signal) -> None:
        while not stop.is_set():
            try:
                with self._opened(Timeouts(look_for=2 * LISTENS_FOR.total_seconds())) as (line, _):
                    if not line.has_capability("IDLE"):
                        return
                    heard()
                    _idle(line, heard, stop)
            except MailboxTrouble:
                stop.wait(COMES_BACK_AFTER)

    @contextmanager
    def _opened(self, timeouts: Timeouts) -> Iterator[tuple[IMAPClient, Any]]:
        """The folder open for reading, and what the server says of it; whatever goes wrong is one kind of trouble."""
        host, user = self.folder.host, self.folder.user
        try:
            bearer = self.token() if self.token else ""
            with signed_in(self.folder, bearer, self.tls, timeouts) as line:
                line.normalise_times = False
                yield line, line.select_folder(self._folder, readonly=True)
        except (GeneratorExit, ConvenorError):
            raise
        except LoginError as error:
            raise MailboxTrouble(f"{host} does not let {user} in: {shown(error)}") from error
        except Exception as error:  # what a server says may surprise the library in many ways
            raise MailboxTrouble(f"{self.name} cannot be read: {shown(error)}") from error


def _newer(line: IMAPClient, last: int, since: datetime) -> list[int]:
    """The UIDs behind `last`: the range `n:*` always holds the last mail, too (RFC 3501 6.4.8), and SINCE knows days
    alone, in the server's zone.
    """
    found = line.search(["UID", f"{last + 1}:*", "SINCE", since.date() - timedelta(days=1)])
    return sorted(uid for uid in found if uid > last)


def _together(uids: Sequence[int], sizes: dict[int, int]) -> Iterator[list[int]]:
    """Mails to be taken at once: many small ones, or one that is large."""
    together: list[int] = []
    for uid in uids:
        if together and (
            len(together) >= _TAKEN_AT_ONCE or sum(sizes[each] for each in together) + sizes[uid] > _TOGETHER
        ):
            yield together
            together = []
        together.append(uid)
    if together:
        yield together


def _received_at(facts: Any) -> datetime:
    """When the server had a mail; one of which it says nothing came never."""
    found = facts.get(b"INTERNALDATE") if facts else None
    return found.astimezone(UTC) if found else datetime.min.replace(tzinfo=UTC)


def _idle(line: IMAPClient, heard: Callable[[], None], stop: Signal) -> None:
    line.idle()
    for _ in range(int(LISTENS_FOR.total_seconds() / _HEARS_EVERY)):
        if stop.is_set():
            break
        if any(len(said) > 1 and said[1] == b"EXISTS" for said in line.idle_check(timeout=_HEARS_EVERY)):
            heard()
    line.idle_done()


@dataclass(frozen=True, kw_only=True)
class Maildir:
    """A folder of files, as many mail servers deliver into: `new/` and `cur/`, a file for each mail."""

    path: Path

    @property
    def name(self) -> str:
        return f"maildir:{self.path}"

    def fetch(self, cursor: Cursor | None, since: datetime, known: Known) -> Iterator[Fetched]:
        try:
            found = sorted(self._files(), key=lambda each: (each[0], each[1]))
        except OSError as error:
            raise MailboxTrouble(f"{self.name} cannot be read: {error.strerror}") from error
        recent = [(at, place, file) for at, place, file in found if at >= since]
        for chunk in _chunks(recent, _ASKED_ABOUT):
            taken = known([place for _, place, _ in chunk])
            for at, place, file in chunk:
                if place not in taken and (mail := self._taken(at, place, file)):
                    yield mail

    def _files(self) -> Iterator[tuple[datetime, str, Path]]:
        """Every mail as (when it was written, its name without flags, its file)."""
        for file in (each for folder in ("new", "cur") for each in (self.path / folder).iterdir()):
            try:
                at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue
            if file.is_file() and not file.name.startswith("."):
                yield at, file.name.partition(":")[0].encode("utf-8", "replace").decode(), file

    def _taken(self, at: datetime, place: str, file: Path) -> Fetched | None:
        """One that was moved meanwhile is found the next time."""
        try:
            size = file.stat().st_size
            with file.open("rb") as opened:
                raw = opened.read(BEGINNING if size > LARGEST else LARGEST + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MailboxTrouble(f"{self.name} cannot be read: {error.strerror}") from error
        return Fetched(place=place, raw=raw, size=size, received_at=at)

    def listen(self, heard: Callable[[], None], stop: Signal) -> None:
        """One looks now and then."""


def _chunks(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk

"""The tray: an embedded mail server on loopback that keeps every letter instead of passing it on.

What is kept is durable before the 250, so that the tray is evidence: a Message-ID it does not hold was never
accepted. Whatever comes is kept, however broken; what cannot be read in it can only not be searched for. Showing
letters is the web's work.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import SMTP as SMTP_POLICY
from email.policy import compat32
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.delivery.relay import Relay
from mailer.errors import StoreError

IN_THE_TRAY = "in the tray as"
"""The tray's word for a letter it keeps, before its number."""

MAX_LETTER_BYTES = 25 * 1024 * 1024
_LONGEST_HEADER = 10_000
_PAGE = 100
_SCHEMA = """
CREATE TABLE IF NOT EXISTS letter (
    id INTEGER PRIMARY KEY, received_at TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
    message_id TEXT NOT NULL, subject TEXT NOT NULL, reader TEXT NOT NULL, words TEXT NOT NULL, raw BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS letter_by_message_id ON letter (message_id);
"""
_COLUMNS = "id, received_at, sender, recipient, message_id, subject, reader"


@dataclass(frozen=True, kw_only=True)
class CaughtLetter:
    """One letter in the tray. `recipient` is the envelope's, `reader` the To header's text."""

    id: int
    received_at: datetime
    sender: str
    recipient: str
    message_id: str
    subject: str
    reader: str


class Tray:
    """Kept letters in one SQLite file; any thread or process may read while the server writes.

    One that vanishes with its folder need not be `durable`: it is many times quicker, and a power cut may empty it.

    Raises:
        StoreError: the file cannot be made or read.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._path = path
        self._synchronous = "FULL" if durable else "OFF"
        self._threads = threading.local()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._open() as database:
                database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the tray {path} cannot be used: {error}") from None

    def keep(self, raw: bytes, *, sender: str, recipient: str, received_at: datetime) -> int:
        """Keep one letter durably; its number in the tray."""
        headers = BytesHeaderParser(policy=compat32).parsebytes(raw)
        subject, reader, message_id = (_header(headers, name) for name in ("Subject", "To", "Message-ID"))
        words = " ".join(f"{recipient} {reader} {subject} {_text(raw)}".casefold().split())
        with self._open() as database:
            row = database.execute(
                "INSERT INTO letter (received_at, sender, recipient, message_id, subject, reader, words, raw)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (received_at.isoformat(), sender, recipient, message_id, subject, reader, words, raw),
            )
            return int(row.lastrowid or 0)

    def search(
        self, words: str = "", *, before: int | None = None, limit: int = 50, since: int = 0
    ) -> list[CaughtLetter]:
        """The newest letters first that hold every one of the words (in address, name, subject or text).

        `before` is the number of the last letter of the page before; letters below the number `since` are not looked
        at.
        """
        clauses, values = ["id >= ?"], list[object]([since])
        for word in words.casefold().split():
            clauses.append("instr(words, ?)")
            values.append(word)
        if before is not None:
            clauses.append("id < ?")
            values.append(before)
        statement = f"SELECT {_COLUMNS} FROM letter WHERE {' AND '.join(clauses)} ORDER BY id DESC LIMIT ?"  # noqa: S608 - clauses are ours
        with self._open() as database:
            return [_caught(row) for row in database.execute(statement, (*values, limit))]

    def letter(self, number: int) -> tuple[CaughtLetter, bytes] | None:
        """One letter and its bytes as they came."""
        with self._open() as database:
            row = database.execute(f"SELECT {_COLUMNS}, raw FROM letter WHERE id = ?", (number,)).fetchone()  # noqa: S608
        return (_caught(row[:-1]), bytes(row[-1])) if row else None

    def holds(self, message_id: str) -> bool:
        with self._open() as database:
            return bool(
                database.execute(
                    "SELECT 1 FROM letter WHERE message_id = ? LIMIT 1", (message_id,)
                ).fetchone()
            )

    def newest(self) -> int:
        """The number of the letter that came last; 0 while there is none."""
        with self._open() as database:
            return int(database.execute("SELECT max(id) FROM letter").fetchone()[0] or 0)

    def count(self) -> int:
        with self._open() as database:
            return int(database.execute("SELECT count(*) FROM letter").fetchone()[0])

    def everything(self) -> Iterator[tuple[CaughtLetter, bytes]]:
        """All letters in the order they came, never holding up who writes."""
        statement = f"SELECT {_COLUMNS}, raw FROM letter WHERE id > ? ORDER BY id LIMIT {_PAGE}"  # noqa: S608
        last = 0
        while True:
            with self._open() as database:
                rows = database.execute(statement, (last,)).fetchall()
            for row in rows:
                yield _caught(row[:-1]), bytes(row[-1])
            if len(rows) < _PAGE:
                return
            last = rows[-1][0]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction on this thread's own connection."""
        if not hasattr(self._threads, "database"):
            database = sqlite3.connect(self._path, timeout=10)
            # with TRUNCATE, unlike DELETE, FULL is enough for a commit to outlive a power cut
            database.executescript(
                f"PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = {self._synchronous};"
            )
            self._threads.database = database
        with self._threads.database as database:
            yield database


class TrayServer:
    """The tray's SMTP side, in a thread of its own, on a loopback port of the system's choice.

    A letter of more than `most_bytes` is refused.
    """

    def __init__(
        self, tray: Tray, *, clock: Callable[[], datetime], port: int = 0, most_bytes: int = MAX_LETTER_BYTES
    ) -> None:
        self._controller = _Controller(
            _Keeper(tray, clock), hostname="127.0.0.1", port=port, enable_SMTPUTF8=True,
            data_size_limit=most_bytes, ident="Convenor tray", server_hostname="tray.localhost",
        )  # fmt: skip

    def start(self) -> Relay:
        """Begin to listen; where to deliver."""
        self._controller.start()
        return Relay(host="127.0.0.1", port=self._controller.port)

    def stop(self) -> None:
        self._controller.stop(no_assert=True)


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """Knock at the port the system chose; 0, which was asked for, is none."""
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


class _Keeper:
    def __init__(self, tray: Tray, clock: Callable[[], datetime]) -> None:
        self._tray, self._clock = tray, clock

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        try:
            for recipient in envelope.rcpt_tos:
                number = self._tray.keep(
                    bytes(envelope.original_content or b""),
                    sender=envelope.mail_from or "",
                    recipient=recipient,
                    received_at=self._clock().astimezone(UTC),
                )
        except sqlite3.Error as error:
            return f"452 4.3.1 the tray cannot keep it now: {error}"
        return f"250 2.0.0 {IN_THE_TRAY} {number}"


def parsed(raw: bytes) -> EmailMessage:
    """A letter's bytes as a message with decoded headers; one nested too deep to take apart has no parts."""
    try:
        return message_from_bytes(raw, policy=SMTP_POLICY)
    except RecursionError:
        return BytesHeaderParser(policy=SMTP_POLICY).parsebytes(raw)


def _header(message: Message, name: str) -> str:
    """A header as its reader sees it; what cannot be decoded is shown as it came."""
    raw = next((value for known, value in message.raw_items() if known.lower() == name.lower()), "")
    written = raw[:_LONGEST_HEADER].encode("ascii", "surrogateescape").decode("utf-8", "replace")
    try:
        shown = str(make_header(decode_header(written)))
    except (LookupError, ValueError, HeaderParseError):
        shown = written
    return " ".join(shown.encode("utf-8", "replace").decode().split())


def _text(raw: bytes) -> str:
    """The plain text, for searching in; nothing where it cannot be found."""
    try:
        message = message_from_bytes(raw, policy=compat32)
        part = next((each for each in message.walk() if each.get_content_type() == "text/plain"), None)
        content = part.get_payload(decode=True) if part is not None else None
    except (RecursionError, LookupError, ValueError, TypeError):
        return ""
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _caught(row: tuple[Any, ...]) -> CaughtLetter:
    number, received_at, sender, recipient, message_id, subject, reader = row
    return CaughtLetter(
        id=number,
        received_at=datetime.fromisoformat(received_at),
        sender=sender,
        recipient=recipient,
        message_id=message_id,
        subject=subject,
        reader=reader,
    )

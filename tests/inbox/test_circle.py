"""The whole circle through a real IMAP server: an invitation leaves, a calendar answers, and the answer is counted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from mailer.collecting import Collector
from mailer.inbox.bounded import BoundedReader
from mailer.inbox.mailbox import ImapMailbox
from mailer.outbox import incoming
from mailer.outbox.database import Database
from mailer.outbox.schema import Answer
from tests.conference import FOCAL_POINT, PRACTITIONER
from tests.inbox import mails
from tests.inbox.dialects import Said, exchange, google
from tests.inbox.dovecot import Dovecot
from tests.inbox.letterbox import Letterbox, reading

ANA, CAMILLE = PRACTITIONER.address, FOCAL_POINT.address
_NUMBERS = count()

PUBLISHED_AT = datetime(2026, 11, 2, 8, tzinfo=UTC)
"""In the past: no server keeps a mail that comes tomorrow."""
NOW = PUBLISHED_AT + timedelta(days=3)


@pytest.fixture(scope="module")
def reader() -> Iterator[BoundedReader]:
    with reading() as opened:
        yield opened


def test_answers_at_a_server_are_taken_once_even_when_it_numbers_them_anew(
    dovecot: Dovecot, database: Database, tmp_path: Path, reader: BoundedReader
) -> None:
    """F41."""
    box = Letterbox(database=database, path=tmp_path / "unused", reader=reader, published_at=PUBLISHED_AT)
    box.send_invitations()
    name = f"Circle {next(_NUMBERS)}"
    mailbox = ImapMailbox(folder=replace(dovecot.folder, name=name), tls=dovecot.tls)
    collector = replace(box.collector, mailboxes=(mailbox,))
    said = Said(partstat="ACCEPTED", at=NOW)
    came = [google(box.asked(ANA), said), exchange(box.asked(CAMILLE), replace(said, partstat="DECLINED"))]

    _put(dovecot, name, came[:1])
    assert collector.collect(NOW).new == 1
    assert _uid(collector) == 1
    _put(dovecot, name, came[1:])
    assert collector.collect(NOW).new == 1
    assert _uid(collector) == 2
    _put(dovecot, name, [mails.report(box.return_path(ANA), ANA), *came], anew=True)
    found = collector.collect(NOW)

    assert (found.new, found.kinds, found.troubles) == (1, {"bounce": 1}, ())
    assert [each.answer for each in box.answers(ANA)] == [Answer.ACCEPTED]
    assert [each.answer for each in box.answers(CAMILLE)] == [Answer.DECLINED]


def _uid(collector: Collector) -> int:
    """How far the folder has been read."""
    with collector.database.reading() as c:
        found = incoming.cursor(c, collector.mailboxes[0].name)
    assert found
    return found[1]


def _put(dovecot: Dovecot, name: str, raw: list[bytes], *, anew: bool = False) -> None:
    with dovecot.signed_in() as client:
        if anew:
            client.delete_folder(name)
        if not client.folder_exists(name):
            client.create_folder(name)
        for each in raw:
            client.append(name, each, msg_time=NOW)

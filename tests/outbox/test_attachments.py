"""What is in attached files is kept once, and stays as long as a version or a draft names it."""

from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy.exc import IntegrityError

from mailer.agenda.attaching import HandedIn, attach
from mailer.errors import StoreError
from mailer.outbox import agendas, attachments, drafts
from mailer.outbox.attachments import KEPT_FOR
from mailer.outbox.database import Database
from tests.conference import EVENT, PUBLISHED_AT, version

FILE = HandedIn(given="programme.pdf", content=b"%PDF-1.7\0\xff" * 3)
DIGEST = sha256(FILE.content).hexdigest()
WITH_FILE = attach(attach(EVENT, "invitation", [FILE]), "report", [FILE])
MUCH_LATER = PUBLISHED_AT + 2 * KEPT_FOR


def other(number: int) -> dict[str, bytes]:
    content = str(number).encode()
    return {sha256(content).hexdigest(): content}


def test_a_content_is_kept_once_and_found_by_the_mailings_that_carry_it(database: Database) -> None:
    with database.writing() as c:
        attachments.keep(c, {DIGEST: FILE.content}, PUBLISHED_AT)
        attachments.keep(c, {DIGEST: FILE.content}, PUBLISHED_AT)
        agendas.publish(c, version(WITH_FILE, number=1))
        agendas.publish(c, version(EVENT, number=2))
    with database.reading() as c:
        assert attachments.contents(c, [DIGEST, "0" * 64]) == {DIGEST: FILE.content}
        assert attachments.of_mailings(c, [(EVENT.key, 1, "invitation")]) == {DIGEST: FILE.content}
        assert attachments.of_mailings(c, [(EVENT.key, 1, "invitation")], without={DIGEST}) == {}
        assert attachments.of_mailings(c, [(EVENT.key, 1, "agenda"), (EVENT.key, 2, "invitation")]) == {}
        assert attachments.of_mailings(c, []) == {}


def test_a_version_whose_files_are_not_kept_is_not_published(database: Database) -> None:
    with pytest.raises(StoreError, match=r"programme\.pdf is not kept"), database.writing() as c:
        agendas.publish(c, version(WITH_FILE))
    with database.reading() as c:
        assert agendas.latest(c, EVENT.key) is None


def test_what_a_version_carries_cannot_be_taken_out(database: Database) -> None:
    with database.writing() as c:
        attachments.keep(c, {DIGEST: FILE.content}, PUBLISHED_AT)
        agendas.publish(c, version(WITH_FILE))
    with pytest.raises(IntegrityError), database.writing() as c:
        c.exec_driver_sql("DELETE FROM attachment")


def test_a_digest_is_that_of_its_content(database: Database) -> None:
    with pytest.raises(StoreError), database.writing() as c:
        attachments.keep(c, {DIGEST: b"something else"}, PUBLISHED_AT)


def test_what_nothing_names_goes_after_a_while_and_nothing_else(database: Database) -> None:
    drafted = attach(EVENT, "agenda", [HandedIn(given="x.pdf", content=b"1")])
    with database.writing() as c:
        attachments.keep(c, {DIGEST: FILE.content, **other(1), **other(2)}, PUBLISHED_AT)
        agendas.publish(c, version(WITH_FILE))
        drafts.add(c, drafted, 1, PUBLISHED_AT, "Maria", "attached")
        attachments.keep(c, other(3), PUBLISHED_AT + KEPT_FOR - timedelta(seconds=1))
        assert attachments.kept(c, other(2)) == other(2).keys()
        attachments.keep(c, other(4), MUCH_LATER)
        kept = {DIGEST, *other(1), *other(4)}
        assert attachments.kept(c, kept | other(2).keys() | other(3).keys()) == kept

"""From settings to parts: a secret key may be changed in the middle of an event, and nobody's calendar notices."""

from pathlib import Path

import pytest

from mailer.composition import wording
from mailer.composition.composing import Composed, Sender, compose
from mailer.composition.links import Purpose, Signer
from mailer.errors import ConvenorError, StoreError
from mailer.outbox import naming, people
from mailer.outbox.database import Database
from mailer.parts import open_parts, sender_of, utc_now
from mailer.service import Service
from mailer.settings import ROOT, load
from tests import conference
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS

TEXTS = wording.load(ROOT / "templates")
FIRST, SECOND, THIRD = (f"the {word} secret key of the tests" for word in ("first", "second", "third"))


def sender(database: Database, root: Path, key: str, *old: str) -> Sender:
    settings = {"CONVENOR_SECRET_KEY": key, "CONVENOR_OLD_SECRET_KEYS": ",".join(old)}
    return sender_of(load(settings, root=root), database, EVENT.key)


def publish(database: Database, by: Sender) -> None:
    Service(database=database, event=EVENT.key, sender=by, texts=TEXTS).publish(
        EVENT, RECIPIENTS, PUBLISHED_AT
    )


def letter(by: Sender) -> Composed:
    return compose(
        version=conference.version(), mailing=EVENT.mailing("invitation"), anchor="event", recipient=PRACTITIONER,
        due_at=PUBLISHED_AT, dated_at=PUBLISHED_AT, texts=TEXTS, sender=by,
    )  # fmt: skip


def handle(database: Database) -> str:
    with database.reading() as c:
        found = naming.somebody_named(c, EVENT.key)
    assert found
    return found[1]


def test_what_was_previewed_before_the_first_publication_is_what_leaves_after_it(
    database: Database, tmp_path: Path
) -> None:
    before = letter(sender(database, tmp_path, FIRST))
    publish(database, sender(database, tmp_path, FIRST))
    assert letter(sender(database, tmp_path, FIRST)).raw == before.raw


def test_a_changed_key_changes_no_name(database: Database, tmp_path: Path) -> None:
    publish(database, sender(database, tmp_path, FIRST))
    before = letter(sender(database, tmp_path, FIRST))
    for changed in (sender(database, tmp_path, SECOND, FIRST), sender(database, tmp_path, THIRD)):
        after = letter(changed)
        assert (after.message_id, after.entries) == (before.message_id, before.entries)
        assert after.raw != before.raw
        publish(database, changed)
    with database.reading() as c:
        assert people.counts(c, EVENT.key).asked == len(RECIPIENTS)


def test_links_open_by_the_keys_of_before_until_they_are_taken_away(
    database: Database, tmp_path: Path
) -> None:
    first = sender(database, tmp_path, FIRST)
    publish(database, first)
    link = first.signer.token(Purpose.PAGE, handle(database))
    rotated = sender(database, tmp_path, THIRD, SECOND, FIRST).signer
    assert rotated.handle_of(Purpose.PAGE, link) == handle(database)
    assert sender(database, tmp_path, THIRD, SECOND).signer.handle_of(Purpose.PAGE, link) is None


def test_the_database_does_not_hold_what_signs(database: Database, tmp_path: Path) -> None:
    publish(database, sender(database, tmp_path, FIRST))
    with database.reading() as c:
        kept = naming.naming_key(c, EVENT.key)
    assert kept not in {None, FIRST.encode()}
    genuine = sender(database, tmp_path, FIRST).signer
    assert genuine.handle_of(Purpose.PAGE, Signer(kept or b"").token(Purpose.PAGE, handle(database))) is None


def test_an_event_from_before_naming_keys_keeps_its_names(database: Database, tmp_path: Path) -> None:
    old = Sender(signer=Signer(FIRST.encode()), base_url="http://127.0.0.1:8400")
    publish(database, old)
    before = letter(old)
    link = old.signer.token(Purpose.PAGE, handle(database))[1:]
    settings = {"CONVENOR_SECRET_KEY": SECOND, "CONVENOR_OLD_SECRET_KEYS": FIRST}
    same = letter(sender(database, tmp_path, FIRST))
    assert (same.message_id, same.entries) == (before.message_id, before.entries)
    with pytest.raises(ConvenorError, match="named with another secret key"):
        sender(database, tmp_path, SECOND)
    with open_parts(load(settings, root=tmp_path), database, EVENT.key, TEXTS, utc_now) as parts:
        assert parts.service.sender.signer.handle_of(Purpose.PAGE, link) == handle(database)
    after = letter(sender(database, tmp_path, SECOND))
    assert (after.message_id, after.entries) == (before.message_id, before.entries)


def test_two_services_with_two_keys_cannot_begin_one_event(database: Database, tmp_path: Path) -> None:
    one, other = sender(database, tmp_path, FIRST), sender(database, tmp_path, SECOND)
    publish(database, one)
    with pytest.raises(StoreError, match="another secret key"):
        publish(database, other)
    with database.reading() as c:
        assert people.counts(c, EVENT.key).asked == len(RECIPIENTS)


def test_a_letter_repeated_after_the_key_was_changed_is_the_same_bytes(
    database: Database, tmp_path: Path
) -> None:
    publish(database, sender(database, tmp_path, FIRST))
    before = letter(sender(database, tmp_path, FIRST))
    rotated = sender(database, tmp_path, THIRD, SECOND, FIRST)
    again = [
        letter(Sender(signer=signer, base_url=rotated.base_url)).raw for signer in rotated.signer.before()
    ]
    assert again.count(before.raw) == 1

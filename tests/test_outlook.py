"""What holds letters up and when they are through, as page, terminal and command line show it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.delivery.profiles import OWN, guessed
from mailer.outbox import flags, pauses, people, slowdowns
from mailer.outbox.claimed import Change
from mailer.outbox.claims import claim, happen
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening
from mailer.outbox.pauses import EVERYTHING
from mailer.outbox.schema import PausedBy
from mailer.outlook import Outlook, outlook
from mailer.service import Service
from mailer.settings import ROOT
from mailer.standing import standing
from tests.conference import EVENT, PUBLISHED_AT, RECIPIENTS

TEXTS = wording.load(ROOT / "templates")
SENDER = Sender(signer=Signer(b"k" * 32), base_url="https://conference.example")
NOW = PUBLISHED_AT + timedelta(seconds=1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MICROSOFT = guessed("smtp.office365.com")
COUNT = len(RECIPIENTS)

Look = Callable[..., Outlook]


@pytest.fixture
def look(database: Database) -> Look:
    """The event is published, and its invitations wait."""
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    service.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    service.plan(NOW)

    def looked(profile=MICROSOFT, now=NOW) -> Outlook:  # type: ignore[no-untyped-def]
        found = standing(database, EVENT.key, now)
        assert found
        return outlook(database, profile, found, now)

    return looked


def test_what_is_leaving_has_its_end_at_the_profiles_rate(look: Look) -> None:
    found = look()

    assert found == Outlook(ends_at={"invitation": NOW + COUNT * timedelta(seconds=2)}, left_lately=0)
    assert found.alerts == ()


def test_what_is_held_for_its_address_takes_nobodys_place(look: Look, database: Database) -> None:
    with database.writing() as transaction:
        for member in people.roster(transaction, EVENT.key)[:2]:
            flags.flag(transaction, member.id, NOW)
    assert look() == Outlook(
        ends_at={"invitation": NOW + (COUNT - 2) * timedelta(seconds=2)}, held=2, left_lately=0
    )
    with database.writing() as transaction:
        for member in people.roster(transaction, EVENT.key):
            flags.flag(transaction, member.id, NOW)
    assert look() == Outlook(held=COUNT)


def test_a_server_that_complained_makes_the_end_later(look: Look, database: Database) -> None:
    with database.writing() as transaction:
        slowdowns.note(transaction, "smtp://mail.example:25", 15, "421 4.7.0 slower", NOW)
    found = look()

    assert [each.per_minute for each in found.slowdowns] == [15]
    assert found.ends_at == {"invitation": NOW + COUNT * timedelta(seconds=4)}


def test_without_limits_the_end_is_foretold_from_the_last_minute(look: Look, database: Database) -> None:
    reckoned = look(OWN).ends_at["invitation"]
    assert reckoned
    assert reckoned < NOW + MINUTE
    with database.writing() as transaction:
        (letter,) = claim(transaction, "one", NOW, 1, MINUTE)
        for happening in (Happening.INTENDED, Happening.ACCEPTED):
            change = Change(letter, happening, digest="d")
            happen(transaction, [change], NOW)

    assert look(OWN).ends_at == {"invitation": NOW + (COUNT - 1) * MINUTE}


def test_what_is_paused_has_no_end_and_what_the_server_caused_is_an_alert(
    look: Look, database: Database
) -> None:
    with database.writing() as transaction:
        pauses.pause(transaction, EVENT.key, "report", "not written yet", NOW)
        pauses.pause(transaction, EVENT.key, "invitation", "554 spam", NOW, caused_by=PausedBy.CONTENT)
    found = look()

    assert [each.mailing for each in found.pauses] == ["invitation", "report"]
    assert [each.reason for each in found.alerts] == ["554 spam"]
    assert found.ends_at == {}
    assert (found.holds("report"), found.holds("agenda")) == (True, False)
    with database.writing() as transaction:
        pauses.resume(transaction, EVENT.key)
        pauses.pause(transaction, EVENT.key, EVERYTHING, "", NOW)
    assert look().holds("agenda")


def test_letters_put_off_for_long_are_counted(look: Look, database: Database) -> None:
    with database.writing() as transaction:
        put_off = [
            Change(each, Happening.PUT_OFF, "451 later", retry_at=NOW + 30 * HOUR)
            for each in claim(transaction, "one", NOW, 2, MINUTE)
        ]
        happen(transaction, put_off, NOW)

    assert [look(now=NOW + hours * HOUR).put_off for hours in (3, 4, 24)] == [(0, 0), (2, 0), (2, 2)]

"""What an organiser may hold back, by the names they know."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.errors import ConvenorError
from mailer.holding import Hold
from mailer.outbox import audit
from mailer.outbox.database import Database
from mailer.outbox.letter import LetterState
from mailer.service import Service
from mailer.settings import ROOT
from mailer.standing import standing
from tests.conference import EVENT, PUBLISHED_AT, RECIPIENTS

TEXTS = wording.load(ROOT / "templates")
SENDER = Sender(signer=Signer(b"k" * 32), base_url="https://conference.example")
S = LetterState
LATER = PUBLISHED_AT + timedelta(minutes=1)


@pytest.fixture
def service(database: Database) -> Service:
    """The event is published, and its invitations are written."""
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    service.publish(EVENT, RECIPIENTS, PUBLISHED_AT)
    service.plan(PUBLISHED_AT)
    return service


@pytest.fixture
def hold(service: Service) -> Hold:
    return Hold(database=service.database, event=EVENT.key)


def test_a_mailing_that_there_is_not_is_refused_with_those_there_are(hold: Hold) -> None:
    with pytest.raises(
        ConvenorError, match="there is no mailing 'invitations'; there are invitation, agenda, "
    ):
        hold.pause("invitations", "", LATER)
    with pytest.raises(ConvenorError, match="no mailing ''"):
        hold.resume("", LATER)


def test_what_was_paused_and_what_still_is_are_told(hold: Hold) -> None:
    hold.pause("invitation", "a mistake in it", LATER)
    assert [each.mailing for each in hold.pause(None, "", LATER)] == ["", "invitation"]
    ended, still = hold.resume("invitation", LATER)
    assert [each.reason for each in ended] == ["a mistake in it"]
    assert [each.mailing for each in still] == [""]
    assert [each.mailing for each in hold.resume(None, LATER)[0]] == [""]
    assert hold.resume(None, LATER) == ((), ())


def test_a_stop_is_for_good_whatever_is_planned_and_published_later(hold: Hold, service: Service) -> None:
    assert hold.unsent("invitation") == len(RECIPIENTS)
    assert hold.stop("invitation", LATER) == len(RECIPIENTS)
    assert hold.unsent(None) == 0

    service.plan(LATER)
    stands = standing(service.database, EVENT.key, LATER)
    assert stands
    assert stands.mailings[0].counts == {S.WITHDRAWN: len(RECIPIENTS)}


def test_the_audit_tells_who_held_letters_back_and_nothing_where_nothing_was_done(
    hold: Hold, service: Service
) -> None:
    maria = replace(hold, by="maria")
    hold.pause("invitation", "a mistake", LATER)
    hold.pause("invitation", "again", LATER)
    maria.resume(None, LATER)
    maria.resume(None, LATER)
    maria.stop("invitation", LATER)

    with service.database.reading() as transaction:
        told = [(each.who, each.did, each.what) for each in audit.deeds(transaction)][::-1]
    assert told == [
        ("convenor", "paused", "invitation: a mistake"),
        ("maria", "resumed", "everything"),
        ("maria", "stopped", f"invitation: {len(RECIPIENTS)} unsent letters withdrawn"),
    ]

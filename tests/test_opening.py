"""What the files mean once people have chosen for themselves: their page stands above the list, everywhere alike."""

from datetime import timedelta
from pathlib import Path

import pytest

from mailer.errand import errand
from mailer.opening import open_event
from mailer.outbox import letters, people
from mailer.outbox.preferences import Preference
from mailer.service import Service
from mailer.settings import EXAMPLE
from tests.commandline import published, settle_in

READER = "a.petrosyan@armenia-mission.example"


@pytest.fixture(autouse=True)
def _chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is published; one of its people has chosen French, and the clock of Tashkent."""
    settle_in(tmp_path, monkeypatch)
    with published() as (this, found, _), this.database.writing() as c:
        (member,) = [m for m in people.roster(c, found.event.key) if m.recipient.address == READER]
        people.prefer(c, member.id, Preference(language="fr", timezone="Asia/Tashkent"), this.now)


def test_the_files_have_not_changed_by_it() -> None:
    with errand(None) as this:
        assert not this.foresee(*this.read()).difference.anything
        assert open_event(EXAMPLE, this.settings, this.database, this.now).notes == ()


def test_a_preview_is_the_letter_that_is_delivered() -> None:
    with errand(None) as this:
        preview = this.letter("invitation", READER, None)
        found, _ = this.read()
        service = Service(
            database=this.database, event=found.event.key, sender=this.sender, texts=found.texts
        )
        service.plan(this.now + timedelta(minutes=1))
        with this.database.reading() as c:
            (row,) = letters.search(c, found.event.key, mailing="invitation", address=READER)
    assert preview.language == "fr"
    assert service.compose(row).raw == preview.raw

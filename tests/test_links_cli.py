"""`convenor links` as a person types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.composition.links import Purpose
from mailer.errand import errand
from mailer.errors import ConvenorError
from mailer.links_cli import app
from tests.commandline import printed_by, published, settle_in

READER = "a.petrosyan@armenia-mission.example"


@pytest.fixture(autouse=True)
def _published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example, published, in a database of its own."""
    settle_in(tmp_path, monkeypatch)
    with published():
        pass


def out(*arguments: str) -> str:
    return printed_by(app, *arguments)


def page_in_the_letter() -> str:
    """The token of the personal page in the invitation, as it is previewed."""
    with errand(None) as this:
        text = this.letter("invitation", READER, None).text
    return text.partition("/r/")[2].partition("\n")[0]


def test_every_letter_after_it_carries_other_links() -> None:
    before = page_in_the_letter()
    assert READER in out("revoke", READER)
    after = page_in_the_letter()
    with errand(None) as this:
        signer, key = this.sender.signer, this.event_key()
        handles = [signer.handle(key, READER, generation) for generation in (0, 1)]
        assert [signer.handle_of(Purpose.PAGE, token) for token in (before, after)] == handles
        assert handles[0] != handles[1]


def test_it_may_be_done_again_however_the_address_is_written() -> None:
    assert json.loads(out("revoke", READER, "--json")) == {"address": READER, "generation": 1}
    assert json.loads(out("revoke", READER.upper(), "--json"))["generation"] == 2


def test_nobodys_links_cannot_be_revoked() -> None:
    with pytest.raises(ConvenorError, match="is on no list of this event"):
        CliRunner().invoke(app, ["revoke", "nobody@nowhere.example"], catch_exceptions=False)

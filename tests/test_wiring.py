"""From settings to letters that leave: signed in by token, signed by key, each with a return path of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.composition import wording
from mailer.delivery.oauth import KeptRefreshToken
from mailer.dispatch.crew import InAThread
from mailer.errors import ConvenorError
from mailer.outbox import letters
from mailer.outbox.database import Database
from mailer.parts import open_parts, token_source, witnesses_of
from mailer.settings import ROOT, Settings
from mailer.witnesses import SentWitness, TrayWitness
from tests.composition.test_dkim import BY_ED25519
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT
from tests.delivery.certificates import Authority
from tests.delivery.hostile import EXTENSIONS, HostileServer
from tests.delivery.token_server import TokenServer, serving
from tests.test_settings import loaded

TEXTS = wording.load(ROOT / "templates")
MAILBOX = "secretariat@conference.example"


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """A token endpoint that this process trusts, as it trusts the world's."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serving(Authority(tmp_path)) as server:
        server.gives("one", refresh_token="second")
        yield server


def settings_for(root: Path, mail: HostileServer, endpoint: TokenServer, **more: str) -> Settings:
    (root / "dkim.pem").write_bytes(BY_ED25519.pem)
    return loaded(
        root,
        SMTP_URL=f"smtp://127.0.0.1:{mail.port}",
        SMTP_USER=MAILBOX,
        SMTP_OAUTH=endpoint.url,
        SMTP_OAUTH_CLIENT_ID="convenor",
        SMTP_OAUTH_REFRESH_TOKEN="first",
        RETURN_PATH="bounces@conference.example",
        DKIM_SELECTOR=BY_ED25519.selector,
        DKIM_KEY="dkim.pem",
        **more,
    )


def test_letters_leave_signed_in_signed_and_with_a_return_path(
    database: Database, tmp_path: Path, endpoint: TokenServer
) -> None:
    event = EVENT.model_copy(update={"mailings": EVENT.mailings[:1]})
    with HostileServer(extensions=(*EXTENSIONS, "AUTH XOAUTH2")) as mail:
        settings = settings_for(tmp_path, mail, endpoint)
        with open_parts(settings, database, EVENT.key, TEXTS, lambda: PUBLISHED_AT, InAThread) as parts:
            parts.service.publish(event, (PRACTITIONER,), PUBLISHED_AT)
            parts.service.plan(PUBLISHED_AT)
            assert parts.desk.work().sent == 1
    with database.reading() as transaction:
        (row,) = letters.search(transaction, EVENT.key)

    assert mail.logins == [(MAILBOX, "one")]
    (sender,) = [found[1] for line in mail.commands if (found := re.match(r"MAIL FROM:<(.*?)>", line))]
    assert parts.service.sender.signer.letter_of(sender) == row.id
    ((head, _, _),) = [letter.partition(b"\r\n") for letter in mail.kept]
    assert head.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
    kept = KeptRefreshToken(path=settings.var / "smtp.token")
    assert kept.newest("first") == "second"


def test_who_is_given_no_token_is_told_why(tmp_path: Path, endpoint: TokenServer) -> None:
    endpoint.refuses("invalid_client")
    with HostileServer() as mail:
        tokens = token_source(settings_for(tmp_path, mail, endpoint), lambda: PUBLISHED_AT)
        assert tokens
        with pytest.raises(ConvenorError, match="invalid_client"):
            tokens.token_now()


def test_the_tray_is_signed_in_to_by_nobody_and_knows_its_own(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert token_source(settings, lambda: PUBLISHED_AT) is None
    assert witnesses_of(settings, None, None) == ()


def test_the_sent_folder_is_a_witness_by_token_unless_it_has_a_password(
    database: Database, tmp_path: Path, endpoint: TokenServer
) -> None:
    url = {"IMAP_URL": "imaps://secretariat%40conference.example@127.0.0.1:9"}
    for more, is_by_token in ((url, True), (url | {"IMAP_PASSWORD": "word"}, False)):
        with HostileServer() as mail:
            settings = settings_for(tmp_path, mail, endpoint, **more)
            with open_parts(settings, database, EVENT.key, TEXTS, lambda: PUBLISHED_AT, InAThread) as parts:
                (witness,) = parts.service.witnesses
        assert isinstance(witness, SentWitness)
        asked = len(endpoint.asked)
        looked = witness.look(["<1@conference.example>"])
        assert "127.0.0.1" in looked.trouble
        assert (len(endpoint.asked) > asked) is is_by_token


def test_what_goes_to_the_tray_is_known_by_the_tray_alone(database: Database, tmp_path: Path) -> None:
    folder = {"IMAP_URL": "imaps://clerk@127.0.0.1:9", "IMAP_PASSWORD": "word"}
    with open_parts(
        loaded(tmp_path, **folder), database, EVENT.key, TEXTS, lambda: PUBLISHED_AT, InAThread
    ) as parts:
        (witness,) = parts.service.witnesses
    assert isinstance(witness, TrayWitness)

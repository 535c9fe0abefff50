"""What the settings say of mail servers beyond their address: tokens, the Sent folder, keys, the return path."""

import re
from pathlib import Path

import pytest

from mailer.composition.dkim import DkimKey
from mailer.composition.links import LONGEST_MAILBOX
from mailer.delivery.relay import Relay, Security
from mailer.delivery.token_endpoint import PROVIDERS
from mailer.errors import BadInput
from mailer.inbox.sent import SentFolder
from mailer.mailservers import OAuth
from mailer.settings import load
from tests.composition.test_dkim import BY_ED25519, BY_RSA
from tests.test_settings import loaded, refused

MICROSOFT, GOOGLE = PROVIDERS["microsoft"], PROVIDERS["google"]
SERVER = {"SMTP_URL": "smtp+starttls://smtp.office365.com", "SMTP_USER": "secretariat@conference.example"}
ACCOUNT = {
    **SERVER,
    "SMTP_OAUTH": "microsoft:conference.example",
    "SMTP_OAUTH_CLIENT_ID": "convenor",
    "SMTP_OAUTH_REFRESH_TOKEN": "refresh",
}
FOLDER = {"IMAP_URL": "imaps://secretariat%40conference.example@outlook.office365.com"}


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_takes_the_place_of_the_password(tmp_path: Path) -> None:
    settings = loaded(tmp_path, **ACCOUNT)
    assert settings.oauth == OAuth(
        endpoint="https://login.microsoftonline.com/conference.example/oauth2/v2.0/token",
        client_id="convenor",
        refresh_token="refresh",
        scope=MICROSOFT.smtp_scope,
    )
    assert isinstance(settings.relay, Relay)
    assert (settings.relay.user, settings.relay.password) == ("secretariat@conference.example", "")
    assert settings.relay.security is Security.STARTTLS


def test_without_a_refresh_token_the_application_signs_in_under_its_own_name(tmp_path: Path) -> None:
    secret = {"SMTP_OAUTH_REFRESH_TOKEN": "", "SMTP_OAUTH_CLIENT_SECRET": "s3cret"}
    oauth = loaded(tmp_path, **ACCOUNT | secret).oauth
    assert oauth
    assert (oauth.refresh_token, oauth.client_secret, oauth.scope) == ("", "s3cret", MICROSOFT.app_scope)


@pytest.mark.parametrize(
    ("told", "scope"),
    [
        ({"SMTP_OAUTH": "google"}, GOOGLE.smtp_scope),
        ({"SMTP_OAUTH": "https://login.ministry.example/token"}, ""),
        ({"SMTP_OAUTH_SCOPE": "send read"}, "send read"),
        (
            FOLDER,
            "https://outlook.office.com/SMTP.Send offline_access https://outlook.office.com/IMAP.AccessAsUser.All",
        ),
        (FOLDER | {"IMAP_PASSWORD": "word"}, MICROSOFT.smtp_scope),
        (FOLDER | {"SMTP_OAUTH": "google"}, GOOGLE.smtp_scope),
    ],
)
def test_a_scope_is_what_the_provider_wants_unless_another_is_set(
    tmp_path: Path, told: dict[str, str], scope: str
) -> None:
    oauth = loaded(tmp_path, **ACCOUNT | told).oauth
    assert oauth
    assert oauth.scope == scope


@pytest.mark.parametrize(
    ("told", "name", "reason"),
    [
        ({"SMTP_OAUTH": "yahoo"}, "SMTP_OAUTH", "is not google, microsoft:TENANT or the https:// address"),
        ({"SMTP_OAUTH": "google:x"}, "SMTP_OAUTH", "is not google"),
        ({"SMTP_OAUTH": "http://login.example/token"}, "SMTP_OAUTH", "is not google"),
        ({"SMTP_OAUTH_CLIENT_ID": ""}, "SMTP_OAUTH_CLIENT_ID", "is needed with CONVENOR_SMTP_OAUTH"),
        ({"SMTP_OAUTH_REFRESH_TOKEN": ""}, "SMTP_OAUTH_REFRESH_TOKEN", "or else .*_CLIENT_SECRET"),
        (
            {"SMTP_OAUTH": "google", "SMTP_OAUTH_REFRESH_TOKEN": "", "SMTP_OAUTH_CLIENT_SECRET": "s3cret"},
            "SMTP_OAUTH_REFRESH_TOKEN",
            "no application sign in under its own name",
        ),
        ({"SMTP_USER": ""}, "SMTP_URL", "a user name is needed"),
        ({"SMTP_PASSWORD": "pass-word"}, "SMTP_URL", "takes the password's place"),
        ({"SMTP_URL": "smtp://mx.example"}, "SMTP_URL", "in clear"),
    ],
)
def test_what_brings_no_token_is_refused(
    tmp_path: Path, told: dict[str, str], name: str, reason: str
) -> None:
    found = refused(tmp_path, **ACCOUNT | told)
    assert found.keys() == {name}
    assert re.search(reason, found[name])
    assert "pass-word" not in found[name]


# ── the Sent folder ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_sent_folder_is_written_as_a_url(tmp_path: Path) -> None:
    told = {"IMAP_URL": "imaps://clerk%40x.example@mail.example/Sent%20Items", "IMAP_PASSWORD": "word"}
    assert loaded(tmp_path, **told).sent_folder == SentFolder(
        host="mail.example", user="clerk@x.example", password="word", name="Sent Items"
    )


def test_a_sent_folder_without_a_password_is_opened_by_token(tmp_path: Path) -> None:
    folder = loaded(tmp_path, **ACCOUNT, **FOLDER).sent_folder
    assert folder
    assert folder.password == ""
    assert "IMAP_PASSWORD" in refused(tmp_path, **FOLDER)["IMAP_URL"]


def test_a_sent_folder_that_is_none_is_refused_and_not_shown(tmp_path: Path) -> None:
    found = refused(tmp_path, IMAP_URL="imap://clerk:pass-word@mail.example")
    assert "is not imaps://" in found["IMAP_URL"]
    assert "pass-word" not in found["IMAP_URL"]


# ── the mailboxes that are read ──────────────────────────────────────────────────────────────────────────────


def test_mailboxes_are_folders_at_servers_or_maildirs(tmp_path: Path) -> None:
    told = {"INBOX_URL": "imaps://a%40x.example@mail.example, maildir:/srv/mail", "INBOX_PASSWORD": "word"}
    folder = SentFolder(host="mail.example", user="a@x.example", password="word")
    assert loaded(tmp_path, **told).inboxes == (folder, Path("/srv/mail"))
    assert loaded(tmp_path).inboxes == ()


def test_a_mailbox_without_a_password_is_opened_by_the_token_that_is_asked_for_it(tmp_path: Path) -> None:
    url = "imaps://secretariat%40conference.example@outlook.office365.com/INBOX"
    oauth = loaded(tmp_path, **ACCOUNT, INBOX_URL=url).oauth
    assert oauth
    assert set(MICROSOFT.imap_scope.split()) <= set(oauth.scope.split())
    assert "INBOX_PASSWORD" in refused(tmp_path, INBOX_URL=url)["INBOX_URL"]


@pytest.mark.parametrize(
    "url",
    [
        "imap://a:pass-word@x.example",
        "pop3://a@x.example",
        "maildir:mail",
        "file:/srv/mail",
        "imaps://a:pass-word@x.example:0",
        "imaps://a:pass%0Dword@x.example",
    ],
)
def test_a_mailbox_that_is_none_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    """B44."""
    found = refused(tmp_path, INBOX_URL=url, INBOX_PASSWORD="word")
    assert found.keys() == {"INBOX_URL"}
    assert "pass-word" not in found["INBOX_URL"]


def test_questions_go_to_an_address_without_a_name(tmp_path: Path) -> None:
    assert loaded(tmp_path, QUESTIONS_TO="help@conference.example").questions_to == "help@conference.example"
    named = refused(tmp_path, QUESTIONS_TO="Help <help@conference.example>")
    assert "without a name" in named["QUESTIONS_TO"]


# ── the return path, and keys ────────────────────────────────────────────────────────────────────────────────


def test_a_return_path_is_an_address_without_a_name(tmp_path: Path) -> None:
    assert loaded(tmp_path, RETURN_PATH="bounces@büro.example").return_path == "bounces@xn--bro-hoa.example"
    assert loaded(tmp_path).return_path == ""
    named = refused(tmp_path, RETURN_PATH="Bounces <bounces@conference.example>")
    assert "without a name" in named["RETURN_PATH"]
    assert "write it as address" in refused(tmp_path, RETURN_PATH="a@x.example, b@x.example")["RETURN_PATH"]


def test_a_return_path_has_room_for_every_letters_sign(tmp_path: Path) -> None:
    longest = "b" * LONGEST_MAILBOX
    assert loaded(tmp_path, RETURN_PATH=f"{longest}@x.example").return_path == f"{longest}@x.example"
    assert str(LONGEST_MAILBOX) in refused(tmp_path, RETURN_PATH=f"{longest}b@x.example")["RETURN_PATH"]


def test_keys_are_read_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "one.pem").write_bytes(BY_RSA.pem)
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "two.pem"
    other.write_bytes(BY_ED25519.pem)
    settings = loaded(tmp_path, DKIM_SELECTOR="one, two", DKIM_KEY=f"one.pem,{other}")
    assert settings.dkim == (
        DkimKey(selector="one", pem=BY_RSA.pem),
        DkimKey(selector="two", pem=BY_ED25519.pem),
    )
    assert "PRIVATE" not in repr(settings)


def test_a_key_without_a_selector_and_a_selector_without_a_key_are_refused(tmp_path: Path) -> None:
    assert "selectors for" in refused(tmp_path, DKIM_SELECTOR="one")["DKIM_SELECTOR"]
    assert "selectors for" in refused(tmp_path, DKIM_KEY="one.pem")["DKIM_SELECTOR"]


def test_every_key_that_cannot_sign_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "one.pem").write_text("no key")
    told = {"CONVENOR_DKIM_SELECTOR": "one,two", "CONVENOR_DKIM_KEY": "one.pem,two.pem", "CONVENOR_PORT": "0"}
    with pytest.raises(BadInput) as raised:
        load(told, root=tmp_path)
    assert {problem.file for problem in raised.value.problems} == {
        "settings", f"{tmp_path}/one.pem", f"{tmp_path}/two.pem",
    }  # fmt: skip


def test_no_secret_of_an_account_is_shown(tmp_path: Path) -> None:
    secrets = {"SMTP_OAUTH_CLIENT_SECRET": "pass-word", "SMTP_OAUTH_REFRESH_TOKEN": "pass-word"}
    settings = loaded(tmp_path, **ACCOUNT | secrets | FOLDER | {"IMAP_PASSWORD": "pass-word"})
    assert "pass-word" not in f"{settings!r} {settings}"

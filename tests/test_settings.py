"""Settings: the environment over `.env`, every problem at once, no secret shown."""

import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.delivery.profiles import OWN, Limit, Profile, guessed
from mailer.delivery.relay import Relay, Security
from mailer.errors import BadInput
from mailer.settings import ROOT, VARIABLES, Settings, example, load

SECRET = "a secret key for the tests alone"


def refused(root: Path, **environment: str) -> dict[str, str]:
    """What is refused, by setting, with the reason."""
    with pytest.raises(BadInput) as raised:
        load({f"CONVENOR_{name}": value for name, value in environment.items()}, root=root)
    assert all(problem.file == "settings" for problem in raised.value.problems)
    return {
        str(problem.field).removeprefix("CONVENOR_"): problem.message for problem in raised.value.problems
    }


def loaded(root: Path, **environment: str) -> Settings:
    return load({f"CONVENOR_{name}": value for name, value in environment.items()}, root=root)


def test_nothing_set_is_the_tray_on_this_machine(tmp_path: Path) -> None:
    settings = load({}, root=tmp_path)
    assert settings == Settings(
        relay=None,
        sender=None,
        database_url=f"sqlite:///{tmp_path}/var/convenor.db",
        base_url="http://127.0.0.1:8400",
        secret_key=(tmp_path / "var" / "secret.key").read_bytes(),
        port=8400,
        var=tmp_path / "var",
    )


def test_everything_set(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        SMTP_URL="smtps://mail.ministry.example",
        SMTP_USER="clerk",
        SMTP_PASSWORD="pass word",
        FROM="Conference Secretariat <conference@ministry.example>",
        DATABASE_URL="postgresql://clerk@db.example/convenor",
        BASE_URL="https://conference.ministry.example/",
        SECRET_KEY=SECRET,
        PORT="8500",
    )
    assert settings == Settings(
        relay=Relay(
            host="mail.ministry.example", port=465, security=Security.TLS, user="clerk", password="pass word"
        ),
        sender=("Conference Secretariat", "conference@ministry.example"),
        database_url="postgresql+psycopg://clerk@db.example/convenor",
        base_url="https://conference.ministry.example",
        secret_key=SECRET.encode(),
        port=8500,
        var=tmp_path / "var",
    )
    assert not (tmp_path / "var").exists()


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SMTP_URL", "smtp://mx.example\r\nBcc: e@x", "control character or a line break"),
        ("SMTP_URL", "smtp://mx.example\u2028", "control character or a line break"),
        ("SMTP_URL", "smtp://mx.example:0", "1 to 65535"),
        ("SMTP_URL", "smtp://mx.example:65536", "1 to 65535"),
        ("SMTP_URL", "smtp://mx.example:port", "1 to 65535"),
        ("SMTP_URL", "mx.example:25", "is not smtp://"),
        ("SMTP_URL", "file:///etc/passwd", "is not smtp://"),
        ("SMTP_URL", "http://mx.example", "is not smtp://"),
        ("SMTP_URL", "smtp://", "is not smtp://"),
        ("SMTP_URL", "smtp://a..b", "is not smtp://"),
        ("SMTP_URL", "smtp://-x.example", "is not smtp://"),
        ("SMTP_URL", "smtp://mx%0d%0a.example", "is not smtp://"),
        ("SMTP_URL", "smtp://mx example", "is not smtp://"),
        ("SMTP_URL", "smtp://" + "x" * 64 + ".example", "is not smtp://"),
        ("SMTP_URL", "smtp://[::1", "host or port"),
        ("SMTP_URL", "smtp://[::::]", "host or port|is not smtp://"),
        ("SMTP_URL", "smtp://mx.example/inbox", "goes on after host and port"),
        ("SMTP_URL", "smtp://mx.example?x=y", "goes on after host and port"),
        ("SMTP_URL", "smtps://clerk:pa#ss@mx.example", "host or port.*%23"),
        ("SMTP_URL", "smtps://clerk@mx.example", "go together"),
        ("SMTP_URL", "smtps://clerk:a%0db@mx.example", "control character"),
        ("SMTP_URL", "smtps://clerk:a%00b@mx.example", "control character"),
        ("SMTP_URL", "smtp://clerk:password@mx.example", "in clear"),
        ("FROM", "nobody", "write it as address|@-sign"),
        ("FROM", "a@x.example, b@x.example", "write it as address"),
        ("FROM", "A <a@x.example> B", "write it as address"),
        ("FROM", "A <a@x>b.example>", "write it as address"),
        ("FROM", "jürgen@x.example", "."),
        ("FROM", "A\x85 <a@x.example>", "control character or a line break"),
        ("DATABASE_URL", "file:///etc/passwd", "neither sqlite"),
        ("DATABASE_URL", "file:convenor.db", "neither sqlite"),
        ("DATABASE_URL", "sqlite://", "neither sqlite"),
        ("DATABASE_URL", "sqlite:///", "neither sqlite"),
        ("DATABASE_URL", "sqlite:///file:x?mode=memory&uri=true", "neither sqlite"),
        ("DATABASE_URL", "mysql://host/name", "neither sqlite"),
        ("DATABASE_URL", "var/convenor.db", "neither sqlite"),
        ("BASE_URL", "file:///etc", "is not an address"),
        ("BASE_URL", "javascript:alert(1)", "is not an address"),
        ("BASE_URL", "conference.example", "is not an address"),
        ("BASE_URL", "https://", "is not an address"),
        ("BASE_URL", "https://x.example?a=b", "is not an address"),
        ("BASE_URL", "https://x.example/?", "is not an address"),
        ("BASE_URL", "https://x.example/#", "is not an address"),
        ("BASE_URL", "https://x.example:0", "is not an address"),
        ("BASE_URL", "https://x.example:99999", "is not an address"),
        ("BASE_URL", "https://clerk.example@x.example", "is not an address"),
        ("BASE_URL", "https://[::1", "is not an address"),
        ("BASE_URL", "https://конференция.example", "is not an address"),
        ("BASE_URL", "https://x.example/a b", "is not an address"),
        ("BASE_URL", "https://x.example/" + "x" * 200, "is not an address"),
        ("SECRET_KEY", "", "is set, but empty"),
        ("SECRET_KEY", " " * 40, "is set, but empty"),
        ("SECRET_KEY", "x" * 31, "shorter than 32"),
        ("OLD_SECRET_KEYS", f"{SECRET},{'x' * 31}", "a key shorter than 32"),
        ("PORT", "0", "is not a port"),
        ("PORT", "65536", "is not a port"),
        ("PORT", "-1", "is not a port"),
        ("PORT", "80 80", "is not a port"),
        ("PORT", "0x50", "is not a port"),
        ("PORT", "٨٠", "is not a port"),
        ("PROT", "8400", "is no setting; there are CONVENOR_SMTP_URL, "),
        ("SMTP_PROFILE", "sendmail", "'sendmail' is no profile; there are own, microsoft365, "),
        ("SMTP_PROFILE", "tray", "is no profile"),
        ("SMTP_CONNECTIONS", "0", "not a number, 1 to 200"),
        ("SMTP_CONNECTIONS", "201", "not a number, 1 to 200"),
        ("SMTP_CONNECTIONS", "many", "not a number, 1 to 200"),
        ("SMTP_PER_MINUTE", "-30", "not a number"),
        ("SMTP_PER_MINUTE", "0.5", "not a number"),
        ("SMTP_PER_MINUTE", "٣٠", "not a number"),
        ("SMTP_PER_DAY", "1e9", "not a number"),
        ("SMTP_PER_DOMAIN", "0", "not a number"),
        ("INBOX_DAYS", "0", "not a number, 1 to 36500"),
        ("INBOX_DAYS", "for ever", "not a number, 1 to 36500"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str, value: str, reason: str) -> None:
    found = refused(tmp_path, **{name: value})
    assert found.keys() == {name}
    assert re.search(reason, found[name])
    assert not (tmp_path / "var").exists()


def test_everything_is_refused_at_once(tmp_path: Path) -> None:
    wrong = {
        "SMTP_URL": "smtp://mx.example\r\n",
        "FROM": "nobody",
        "DATABASE_URL": "file:x",
        "BASE_URL": "x",
        "SECRET_KEY": "",
        "PORT": "0",
        "SMTP_PROFILE": "sendmail",
        "SMTP_PER_DAY": "none",
        "COLOUR": "green",
    }
    assert list(refused(tmp_path, **wrong)) == sorted(wrong)


def test_mails_are_kept_for_a_year_or_as_many_days_as_are_set(tmp_path: Path) -> None:
    for days, environment in ((365, {}), (365, {"INBOX_DAYS": ""}), (30, {"INBOX_DAYS": "30"})):
        told = {f"CONVENOR_{name}": value for name, value in environment.items()}
        assert load(told, root=tmp_path).inbox_kept_for == timedelta(days=days)


def test_other_peoples_variables_are_their_own(tmp_path: Path) -> None:
    assert load({"PATH": "\n", "PORT": "0", "MAILER": "x"}, root=tmp_path).port == 8400


def test_a_user_needs_a_password_and_a_password_a_user(tmp_path: Path) -> None:
    for name in ("SMTP_USER", "SMTP_PASSWORD"):
        environment = {"SMTP_URL": "smtps://mx.example", name: "x"}
        assert "go together" in refused(tmp_path, **environment)["SMTP_URL"]


# ── the mail server ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://mx.example", Relay(host="mx.example", port=25)),
        ("smtp://mx.example/", Relay(host="mx.example", port=25)),
        ("smtp://MX.Example:2525", Relay(host="mx.example", port=2525)),
        ("smtp+starttls://mx.example", Relay(host="mx.example", port=587, security=Security.STARTTLS)),
        ("smtps://mx.example", Relay(host="mx.example", port=465, security=Security.TLS)),
        ("smtps://mx.example:65535", Relay(host="mx.example", port=65535, security=Security.TLS)),
        ("smtp://192.0.2.1:25", Relay(host="192.0.2.1", port=25)),
        ("smtp://[::1]", Relay(host="::1", port=25)),
        ("smtps://[2001:db8::25]:4650", Relay(host="2001:db8::25", port=4650, security=Security.TLS)),
        ("smtp://mail_server:1025", Relay(host="mail_server", port=1025)),
        ("smtp://clerk:word@127.0.0.1", Relay(host="127.0.0.1", port=25, user="clerk", password="word")),
        ("smtp://clerk:word@[::1]", Relay(host="::1", port=25, user="clerk", password="word")),
        (
            "smtps://clerk%40x.example:a%2Fb%3A%40%23%C3%BC@mx.example",
            Relay(
                host="mx.example", port=465, security=Security.TLS, user="clerk@x.example", password="a/b:@#ü"
            ),
        ),
    ],
)
def test_a_mail_server_is_written_as_a_url(tmp_path: Path, url: str, relay: Relay) -> None:
    assert loaded(tmp_path, SMTP_URL=url).relay == relay


def test_the_url_goes_before_the_other_two(tmp_path: Path) -> None:
    relay = loaded(
        tmp_path, SMTP_URL="smtps://clerk:word@mx.example", SMTP_USER="other", SMTP_PASSWORD="other"
    ).relay
    assert relay
    assert (relay.user, relay.password) == ("clerk", "word")


@pytest.mark.parametrize(
    ("url", "environment", "profile"),
    [
        ("smtp://mx.example", {}, OWN),
        ("smtp+starttls://smtp.office365.com", {}, guessed("smtp.office365.com")),
        ("smtps://email-smtp.eu-west-1.amazonaws.com", {}, guessed("email-smtp.eu-west-1.amazonaws.com")),
        ("smtp://mx.example", {"PROFILE": "microsoft365"}, guessed("smtp.office365.com")),
        ("smtp+starttls://smtp.office365.com", {"PROFILE": "own"}, OWN),
        (
            "smtp+starttls://smtp.gmail.com",
            {"CONNECTIONS": "2", "PER_MINUTE": "10", "PER_DAY": "500", "PER_DOMAIN": "3"},
            replace(
                guessed("smtp.gmail.com"),
                connections=2,
                rate=Limit(letters=10, seconds=60.0),
                per_day=500,
                per_domain=Limit(letters=3, seconds=60.0),
            ),
        ),
    ],
)
def test_what_the_server_bears_is_named_or_guessed_and_adjusted(
    tmp_path: Path, url: str, environment: dict[str, str], profile: Profile
) -> None:
    told = {f"SMTP_{name}": value for name, value in environment.items()}
    relay = loaded(tmp_path, SMTP_URL=url, **told).relay
    assert relay
    assert relay.profile == profile


@pytest.mark.parametrize(
    ("written", "sender"),
    [
        ("secretariat@conference.example", ("", "secretariat@conference.example")),
        ("<secretariat@conference.example>", ("", "secretariat@conference.example")),
        ('"Secretariat, Vienna" <s@conference.example>', ("Secretariat, Vienna", "s@conference.example")),
        ("Großes Büro <s@büro.example>", ("Großes Büro", "s@xn--bro-hoa.example")),
    ],
)
def test_from_is_an_address_with_or_without_a_name(
    tmp_path: Path, written: str, sender: tuple[str, str]
) -> None:
    assert loaded(tmp_path, FROM=written).sender == sender


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("sqlite:///other.db", "sqlite:///{root}/other.db"),
        ("sqlite:////srv/convenor.db", "sqlite:////srv/convenor.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://clerk@db/name", "postgresql+psycopg://clerk@db/name"),
        ("postgresql+psycopg://clerk@db/name", "postgresql+psycopg://clerk@db/name"),
    ],
)
def test_a_relative_database_is_in_the_projects_folder(
    tmp_path: Path, written: str, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert loaded(tmp_path, DATABASE_URL=written).database_url == used.format(root=tmp_path)


def test_the_page_is_where_its_port_is(tmp_path: Path) -> None:
    assert loaded(tmp_path, PORT="8500").base_url == "http://127.0.0.1:8500"
    assert (
        loaded(tmp_path, BASE_URL="https://x.example/conference//").base_url == "https://x.example/conference"
    )


# ── where they come from ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing of ours is set."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    return monkeypatch


def test_the_environment_goes_before_the_file(tmp_path: Path, alone: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(
        "\ufeff# ours\nCONVENOR_PORT=8500\nexport CONVENOR_FROM='Büro ${PORT} <s@x.example>'\n\nPORT=0\n",
        "utf-8",
    )
    assert load(root=tmp_path).port == 8500
    assert load(root=tmp_path).sender == ("Büro ${PORT}", "s@x.example")
    alone.setenv("CONVENOR_PORT", "8600")
    assert load(root=tmp_path).port == 8600


def test_what_is_set_to_nothing_is_as_if_it_were_not_set(tmp_path: Path, alone: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("CONVENOR_PORT=\nCONVENOR_SMTP_URL=smtp://mx.example\nCONVENOR_FROM=\n")
    assert load(root=tmp_path).port == 8400
    assert load(root=tmp_path).relay == Relay(host="mx.example", port=25)
    alone.setenv("CONVENOR_SMTP_URL", "")
    assert load(root=tmp_path).relay is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"CONVENOR_PORT=8400\n\nwhat is this\n", ":3: is not a line like NAME=value"),
        (b"CONVENOR_PORT\n", ":1: is not a line like NAME=value"),
        (b"CONVENOR_PORT='8400\n", ":1: is not a line like NAME=value"),
        (b"CONVENOR_FROM=\xff\xfe\n", ": cannot be read: "),
        (b"CONVENOR_PROT=8400\n", "CONVENOR_PROT: is no setting"),
        (b'CONVENOR_FROM="A\\nB <s@x.example>"\n', "CONVENOR_FROM: holds a control character"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(
    tmp_path: Path, alone: pytest.MonkeyPatch, content: bytes, told: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(BadInput, match=re.escape(told)) as raised:
        load(root=tmp_path)
    assert len(raised.value.problems) == 1


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = load({}, root=tmp_path).secret_key
    kept = tmp_path / "var" / "secret.key"
    assert len(first) == 64
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert load({}, root=tmp_path).secret_key == first == kept.read_bytes()
    assert [path.name for path in kept.parent.iterdir()] == ["secret.key"]
    assert load({}, root=tmp_path / "another").secret_key != first


def test_whoever_starts_at_the_same_time_has_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load({}, root=tmp_path).secret_key, range(24)))
    assert len(keys) == 1
    assert len(keys.pop()) == 64


def test_keys_of_before_are_told_the_newest_first(tmp_path: Path) -> None:
    one, two = "x" * 32, "y" * 40
    assert loaded(tmp_path, SECRET_KEY=SECRET, OLD_SECRET_KEYS=f"{one}, {two},").old_secret_keys == (
        one.encode(),
        two.encode(),
    )
    assert loaded(tmp_path).old_secret_keys == ()
    assert "in force" in refused(tmp_path, SECRET_KEY=one, OLD_SECRET_KEYS=one)["OLD_SECRET_KEYS"]


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 31])
def test_a_damaged_key_is_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secret.key").write_bytes(content)
    with pytest.raises(BadInput, match=r"secret\.key: is damaged"):
        load({}, root=tmp_path)
    assert (tmp_path / "var" / "secret.key").read_bytes() == content


def test_a_place_where_no_key_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file in the way")
    with pytest.raises(BadInput, match="cannot be read or written"):
        load({}, root=tmp_path)


def test_no_secret_is_shown(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        SMTP_URL="smtps://clerk:pass-word@mx.example",
        DATABASE_URL="postgresql://clerk:pass-word@db.example/convenor",
        SECRET_KEY="pass-word" * 4,
    )
    assert "pass-word" not in f"{settings!r} {settings}"
    assert "pass-word" in settings.database_url


@pytest.mark.parametrize(
    "url",
    [
        "smpt://clerk:pass-word@mx.example",
        "smtp://clerk:pass-word",
        "smtp://clerk:pass-word@mx.example",
        "smtps://clerk:pass-word@mx.example:0",
        "smtps://clerk:pass-word@mx.example/x",
        "smtps://clerk:pass-word#@mx.example",
        "smtps://clerk:pass-word@",
        "postgresql://clerk:pass-word@db/x",
    ],
)
def test_a_refusal_shows_no_password(tmp_path: Path, url: str) -> None:
    for name in ("SMTP_URL", "DATABASE_URL"):
        if name == "DATABASE_URL" and url.startswith("postgresql"):
            continue
        assert "pass-word" not in refused(tmp_path, **{name: url})[name]


# ── .env.example ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_file_is_the_table(tmp_path: Path) -> None:
    """When this fails: `python -c "from mailer.settings import example; print(example(), end='')" >.env.example`."""
    printed = subprocess.run(
        [sys.executable, "-c", "from mailer.settings import example; print(example(), end='')"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert (ROOT / ".env.example").read_text("utf-8") == printed.stdout


def test_the_example_file_names_every_setting_with_its_meaning() -> None:
    shown = re.findall(r"((?:^# .*\n)+)#(\w+)=(.*)\n", example().partition("\n\n")[2], re.MULTILINE)
    told = [(name, " ".join(meaning.replace("#", " ").split()), default) for meaning, name, default in shown]
    assert told == [(variable.name, f"{variable.meaning}.", variable.default) for variable in VARIABLES]
    assert max(map(len, example().splitlines())) <= 100


def test_the_example_file_changes_nothing(tmp_path: Path, alone: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(example())
    assert load(root=tmp_path) == load({}, root=tmp_path)


def test_the_example_file_can_be_uncommented(tmp_path: Path, alone: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(re.sub(r"(?m)^#(CONVENOR_(?!SECRET))", r"\1", example()))
    assert load(root=tmp_path) == load({}, root=tmp_path)

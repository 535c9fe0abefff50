"""`convenor inbox` as a person types it, with a Maildir of a conference that has sent its invitations."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailer.errand import errand
from mailer.inbox.sorting import Kind
from mailer.inbox_cli import KINDS, app
from mailer.outbox import claims, letters, people
from mailer.outbox.letter import Happening
from mailer.parts import utc_now
from mailer.service import Service
from tests.commandline import printed_by, published, refused_by, settle_in
from tests.inbox import mails
from tests.inbox.dialects import Asked, Said, google, read, thunderbird
from tests.outbox.world import told

MINUTE = timedelta(minutes=1)
Deliver = Callable[[bytes], None]


@pytest.fixture
def deliver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deliver:
    """The example, published and sent; and the way a mail comes into its mailbox."""
    settle_in(
        tmp_path, monkeypatch, RETURN_PATH="returns@conference.example", INBOX_URL=f"maildir:{tmp_path}/mail"
    )
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "mail" / folder).mkdir(parents=True)
    with published() as (this, found, _):
        service = Service(
            database=this.database, event=found.event.key, sender=this.sender, texts=found.texts
        )
        service.plan(this.now + MINUTE)
        with this.database.writing() as c:
            claimed = claims.claim(c, "one", this.now + MINUTE, 3, MINUTE)
            rows = {row.id: row for row in letters.search(c, found.event.key, limit=1000)}
        for each in claimed:
            entries = service.compose(rows[each.id]).entries
            with this.database.writing() as c:
                intent = told(each, Happening.INTENDED, digest="a" * 64, reply="smtps://mail.example:465")
                claims.happen(
                    c, [intent, told(each, Happening.ACCEPTED, reply="250", entries=entries)], this.now
                )
    numbers = count()

    def bring(raw: bytes) -> None:
        (tmp_path / "mail" / "new" / f"{next(numbers)}.mail.example").write_bytes(raw)

    return bring


def asked() -> tuple[Asked, str]:
    """What the first invitation asks, and its return path."""
    with errand(None) as this, this.database.reading() as c:
        row = letters.search(c, this.event_key(), limit=1)[0]
        found, _ = this.read()
        service = Service(
            database=this.database, event=this.event_key(), sender=this.sender, texts=found.texts
        )
        return read(service.compose(row).raw)[0], this.sender.return_path_of(row.id)


def out(*arguments: str) -> str:
    return printed_by(app, *arguments)


def refused(*arguments: str) -> str:
    return refused_by(app, *arguments)


def yes(calendar: Asked, **changes: str) -> bytes:
    changed = Asked(**{**vars(calendar), **changes})
    return google(changed, Said(partstat="ACCEPTED", at=utc_now(), comment="With pleasure"))


def test_every_kind_has_its_words() -> None:
    assert set(KINDS) == {*Kind, ""}


def test_nothing_has_come_and_nothing_needs_a_person(deliver: Deliver) -> None:
    assert "Nothing has come back." in out()
    assert json.loads(out("--json")) == {"counts": {}, "mails": [], "addresses": []}


def test_what_came_is_counted_and_what_needs_a_person_shown(deliver: Deliver) -> None:
    calendar, returns = asked()
    deliver(yes(calendar))
    deliver(yes(calendar, attendee="assistant@elsewhere.example"))
    deliver(mails.report(returns, calendar.attendee))
    assert json.loads(out("collect", "--json"))["kinds"] == {"answer": 2, "bounce": 1}
    assert out("collect") == "New: 0. Looked into: nothing.\n"

    shown = json.loads(out("--json"))
    assert shown["counts"] == {"answer": {"sorted": 1, "open": 1}, "bounce": {"sorted": 1}}
    (waiting,) = shown["mails"]
    assert (waiting["attendee"], waiting["answer"]) == ("assistant@elsewhere.example", "ACCEPTED")
    assert [each["address"] for each in shown["addresses"]] == [calendar.attendee]
    printed = out()
    for words in (
        "These need a person",
        "somebody answers for an entry that is another's",
        "With pleasure",
        "wrong, letters wait: 5.1.1",
    ):
        assert words in printed
    assert len(json.loads(out("--kind", "answer", "--json"))["mails"]) == 2
    assert "Bounces:" in out("--kind", "bounce")
    assert "'letter' is no kind" in refused("--kind", "letter")


def test_letters_to_a_wrong_address_wait_until_a_person_says_that_it_is_right(deliver: Deliver) -> None:
    calendar, returns = asked()
    deliver(mails.report(returns, calendar.attendee))
    out("collect")
    assert "wrong, letters wait: 5.1.1" in out()
    assert "convenor inbox clear ADDRESS" in out()
    with errand(None) as this:
        told_of = [str(each) for each in this.plan()[2]]
    assert any("an address was reported as wrong, and letters wait" in each for each in told_of)
    assert "nobody@prosecution.example was not reported as wrong" in refused(
        "clear", "nobody@prosecution.example"
    )
    assert out("clear", calendar.attendee.upper()) == f"Letters go to {calendar.attendee.upper()} again.\n"
    assert json.loads(out("--json"))["addresses"] == []
    with errand(None) as this:
        assert this.plan()[2] == []


def test_one_mail_is_shown_whole(deliver: Deliver) -> None:
    calendar, _ = asked()
    raw = yes(calendar, attendee="assistant@elsewhere.example")
    deliver(raw)
    out("collect")
    assert "assistant@elsewhere.example" in out("show", "1")
    assert json.loads(out("show", "1", "--json"))["said"]["reply"]["uid"] == calendar.uid
    assert CliRunner().invoke(app, ["show", "1", "--raw"]).stdout_bytes == raw
    assert "there is no mail 7" in refused("show", "7")


def test_a_comment_cannot_pass_for_another_mail(deliver: Deliver) -> None:
    calendar, _ = asked()
    said = Said(partstat="ACCEPTED", at=utc_now(), comment="Yes\n    2  2027-01-13 08:00  another mail")
    deliver(thunderbird(replace(calendar, attendee="assistant@elsewhere.example"), said))
    out("collect")
    for printed in (out(), out("show", "1")):
        assert "another mail" in printed
        assert not any(line.startswith("    2  ") for line in printed.splitlines())


def test_a_person_decides(deliver: Deliver) -> None:
    calendar, _ = asked()
    for number in range(2):
        deliver(yes(calendar, attendee=f"assistant{number}@elsewhere.example"))
    out("collect")
    assert "either --accept-as ADDRESS or --dismiss" in refused("decide", "1")
    assert (
        out("decide", "1", "--accept-as", calendar.attendee)
        == f"Mail 1: accepted, taken for {calendar.attendee}.\n"
    )
    assert json.loads(out("decide", "2", "--dismiss", "--json"))["state"] == "decided"
    assert "waits for nobody" in refused("decide", "2", "--dismiss")
    assert "Nothing needs a person." in out()
    with errand(None) as this, this.database.reading() as c:
        assert people.counts(c, this.event_key()).answers == {"event": {"accepted": 1}}


def test_without_a_mailbox_there_is_nothing_to_look_into(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONVENOR_INBOX_URL")
    assert "CONVENOR_INBOX_URL names it" in refused("collect")
    monkeypatch.setenv("CONVENOR_INBOX_URL", "maildir:/nowhere/at/all")
    assert "cannot be read" in refused("collect")

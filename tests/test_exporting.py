"""What is in force, written back as files, is read to the same event and people; which is newer is said rightly."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailer import exporting
from mailer.agenda import editing
from mailer.agenda import reading as agenda_reading
from mailer.agenda.attaching import HandedIn, attach, contents_of
from mailer.agenda.attachments import attachment
from mailer.agenda.model import AgendaVersion, Event, RecipientList
from mailer.composition.wording import Wording
from mailer.dossier import Proposal
from mailer.drafting import Drafting
from mailer.errand import Errand, errand
from mailer.errors import ConvenorError
from mailer.exporting import TEMPLATES_ALONE, InForce, Parts
from mailer.opening import Notes, open_event
from mailer.outbox import people
from mailer.recipients import reading as recipient_reading
from mailer.recipients.model import Recipient, Role
from mailer.rehearsal import rehearse
from mailer.settings import EXAMPLE, ROOT, VARIABLES
from tests.conference import PUBLISHED_AT, RECIPIENTS
from tests.databases import empty_sqlite
from tests.web.agendas import CONFERENCE

WORDS = Wording(texts={"invitation/en.txt": "Dear"})
LISTS = (
    RecipientList(file="../recipients/a.csv", role="focal_point"),
    RecipientList(file="../recipients/b.csv", role="practitioner"),
    RecipientList(file="beside.csv", role="practitioner"),
)


def _in_force(event: Event, recipients: tuple[Recipient, ...] = tuple(RECIPIENTS)) -> InForce:
    version = AgendaVersion(
        event=event, number=3, published_at=PUBLISHED_AT, first_published_at=PUBLISHED_AT, sequences={}
    )
    return InForce(version=version, event=event, recipients=recipients, texts=WORDS)


def _read(folder: Path) -> tuple[Event, dict[str, Recipient]]:
    path = folder / "agenda/mine.toml"
    event = agenda_reading.read(path, today=PUBLISHED_AT.date()).event
    lists = [
        (path.parent / each.file, Role(each.role) if each.role else None) for each in event.recipient_lists
    ]
    sessions = [each.key for each in (*event.sessions, *event.called_off)]
    roster = recipient_reading.read_all(lists, sessions=sessions)
    return event, {each.address: each for each in roster.recipients}


@pytest.mark.parametrize("count", [1, 2, len(RECIPIENTS)])
def test_files_are_read_to_the_identical_event_and_people(tmp_path: Path, count: int) -> None:
    event = editing.cancel_session(CONFERENCE, "session-3", is_known=True)
    event = event.model_copy(update={"recipient_lists": LISTS})
    found = _in_force(event, tuple(RECIPIENTS[:count]))
    exporting.write(tmp_path, exporting.files(found, "mine.toml", Parts()))

    assert _read(tmp_path) == (event, {each.address: each for each in found.recipients})
    assert (tmp_path / "templates/invitation/en.txt").read_text() == "Dear"


def test_people_of_an_agenda_without_a_list_get_one(tmp_path: Path) -> None:
    found = _in_force(CONFERENCE.model_copy(update={"recipient_lists": ()}))
    written = exporting.files(found, "mine.toml", Parts())
    exporting.write(tmp_path, written)

    event, listed = _read(tmp_path)
    assert listed == {each.address: each for each in found.recipients}
    assert event.recipient_lists == (RecipientList(file="../recipients/mine.csv"),)
    assert str(written["agenda/mine.toml"]).startswith("# Published as version 3")


def test_a_part_alone_is_written_alone() -> None:
    found = _in_force(CONFERENCE.model_copy(update={"recipient_lists": LISTS}))
    agenda, lists, templates = (
        set(exporting.files(found, "mine.toml", Parts(agenda=one == 0, lists=one == 1, templates=one == 2)))
        for one in range(3)
    )

    assert agenda == {"agenda/mine.toml"}
    assert lists == {"recipients/a.csv", "recipients/b.csv", "agenda/beside.csv"}
    assert templates == {"templates/invitation/en.txt"}


@pytest.mark.parametrize("file", ["../../up.csv", "/etc/list.csv", "..\\x.csv", "../a/../../b.csv"])
def test_nothing_is_written_outside_of_the_folder(file: str) -> None:
    event = CONFERENCE.model_copy(update={"recipient_lists": (RecipientList(file=file),)})

    with pytest.raises(ConvenorError, match="lies outside"):
        exporting.files(_in_force(event), "mine.toml", Parts())


def test_what_says_something_else_is_in_the_way(tmp_path: Path) -> None:
    written = {"agenda/mine.toml": "new", "agenda/same.toml": "same"}
    exporting.write(tmp_path, {"agenda/mine.toml": "old", "agenda/same.toml": "same"})

    assert exporting.in_the_way(tmp_path, written) == ["agenda/mine.toml"]


def test_who_may_read_a_file_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "recipients/a.csv"
    exporting.write(tmp_path, {"recipients/a.csv": "old"})
    path.chmod(0o600)
    exporting.write(tmp_path, {"recipients/a.csv": "new"})

    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert [each.name for each in path.parent.iterdir()] == ["a.csv"]


def test_a_template_that_is_in_force_no_more_is_in_the_way_and_taken_out(tmp_path: Path) -> None:
    left, note = "templates/invitation/fr.txt", "templates/README.md"
    exporting.write(tmp_path, {left: "Cher", note: "ours"})
    found = _in_force(CONFERENCE)
    agenda = exporting.files(found, "mine.toml", Parts(lists=False, templates=False))
    assert exporting.in_the_way(tmp_path, agenda) == []

    written = exporting.files(found, "mine.toml", TEMPLATES_ALONE)
    assert exporting.in_the_way(tmp_path, written) == [left]
    exporting.write(tmp_path, written)
    assert not (tmp_path / left).exists()
    assert (tmp_path / note).exists()


# ── which is newer ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def this(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Errand]:
    """The example, applied from a file of its own."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("CONVENOR_DATABASE_URL", empty_sqlite(tmp_path))
    monkeypatch.setenv("CONVENOR_SECRET_KEY", "k" * 32)
    monkeypatch.chdir(ROOT)
    (tmp_path / "agenda").mkdir()
    (tmp_path / "recipients").mkdir()
    file = tmp_path / "agenda/mine.toml"
    file.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    for name in ("delegations.csv", "practitioners.csv"):
        (tmp_path / "recipients" / name).write_bytes((ROOT / "recipients" / name).read_bytes())
    with errand(file) as this:
        found, latest = this.read()
        this.publish(found, this.foresee(found, latest).difference.seen)
        yield this


def _publish_on_the_desk(this: Errand) -> None:
    event, profile = this.event_key(), this.profile
    drafting = Drafting(
        database=this.database, event=event, now=this.now, by="Maria", sender=this.sender,
        texts=this.read()[0].texts, profile=profile,
    )  # fmt: skip
    seen = drafting.edit(
        "1.0", lambda event: editing.change_session(event, "opening", {"start": "09:20"})
    ).seen
    drafting.publish(seen)


def _notes(this: Errand) -> tuple[str, ...]:
    return open_event(this.file, this.settings, this.database, this.now).notes


def test_it_is_said_which_is_newer_and_the_files_can_follow(this: Errand, tmp_path: Path) -> None:
    assert _notes(this) == ()
    _publish_on_the_desk(this)
    (note,) = _notes(this)
    assert "the desk has published version 2 since" in note
    assert "`convenor export" in note
    assert "has changed" not in note

    exporting.write(tmp_path, exporting.files(this.in_force(), this.file.name, Parts(templates=False)))
    assert _notes(this) == ()
    found, latest = this.read()
    assert not this.foresee(found, latest).difference.anything

    this.file.write_text(this.file.read_text().replace('title = "Lunch break"', 'title = "Lunch"'))
    (note,) = _notes(this)
    assert "has changed, and the desk has published version 2 besides" in note


def test_a_file_that_has_changed_is_said_to_have(this: Errand) -> None:
    this.file.write_text(this.file.read_text().replace('title = "Lunch break"', 'title = "Lunch"'))
    (note,) = _notes(this)

    assert "has changed since version 1 was published" in note


def test_lists_that_differ_are_said_to(this: Errand) -> None:
    path = this.file.parent.parent / "recipients/delegations.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    (note,) = _notes(this)

    assert "the lists of" in note


def test_a_draft_is_exported_where_it_is_asked_for(this: Errand) -> None:
    with this.database.reading() as transaction:
        listed = tuple(member.recipient for member in people.roster(transaction, this.event_key()))
    found, _ = this.read()
    assert isinstance(found, Proposal)
    drafting = Drafting(
        database=this.database, event=this.event_key(), now=this.now, by="Maria", sender=this.sender,
        texts=found.texts, profile=this.profile,
    )  # fmt: skip
    drafting.edit("1.0", lambda event: editing.change_session(event, "opening", {"start": "09:20"}))

    assert this.in_force().event == found.event
    assert set(this.in_force().recipients) == set(listed)
    drafted = this.in_force(draft=True)
    assert drafted.event.session("opening").starts_at != found.event.session("opening").starts_at
    assert drafted.heading.startswith("A draft on version 1")


# ── attached files ───────────────────────────────────────────────────────────────────────────────────────────


def test_attached_files_are_written_beside_and_read_to_the_identical_event(tmp_path: Path) -> None:
    files = [
        HandedIn(given=name, content=name.encode() + b"\r\n\0\xff") for name in ("plan.pdf", "Übersicht.docx")
    ]
    event = attach(CONFERENCE.model_copy(update={"recipient_lists": LISTS}), "invitation", files)
    found = replace(_in_force(event), contents=contents_of(files))
    written = exporting.files(found, "mine.toml", Parts())
    exporting.write(tmp_path, written)

    assert (tmp_path / f"agenda/{event.key}/invitation/plan.pdf").read_bytes() == files[0].content
    assert _read(tmp_path)[0] == event
    assert exporting.in_the_way(tmp_path, written) == []
    (tmp_path / f"agenda/{event.key}/invitation/plan.pdf").write_bytes(b"another")
    assert exporting.in_the_way(tmp_path, written) == [f"agenda/{event.key}/invitation/plan.pdf"]


def test_a_path_for_two_files_is_refused() -> None:
    files = [HandedIn(given="x.csv", content=b"x")]
    attached = attachment("beside.csv", b"x")
    mailing = CONFERENCE.mailings[0].model_copy(update={"attachments": (attached,)})
    event = CONFERENCE.model_copy(update={"recipient_lists": LISTS, "mailings": (mailing,)})
    with pytest.raises(ConvenorError, match=r"agenda/beside\.csv would be two files"):
        exporting.files(replace(_in_force(event), contents=contents_of(files)), "mine.toml", Parts())


def _attach_on_the_desk(this: Errand, seen: str, *files: HandedIn) -> None:
    drafting = Drafting(
        database=this.database, event=this.event_key(), now=this.now, by="Maria", sender=this.sender,
        texts=this.read()[0].texts, profile=this.profile,
    )  # fmt: skip
    change = lambda event: attach(event, "invitation", files)  # noqa: E731
    drafting.publish(drafting.edit(seen, change, contents_of(files)).seen)


def test_a_file_is_applied_changed_on_the_desk_and_exported_without_drift(
    this: Errand, tmp_path: Path
) -> None:
    programme = tmp_path / "agenda/papers/programme.pdf"
    programme.parent.mkdir()
    programme.write_bytes(b"%PDF first")
    text = this.file.read_text()
    first = text.replace(
        'kind = "invitation"\n', 'kind = "invitation"\nattachments = ["papers/programme.pdf"]\n'
    )
    this.file.write_text(first)
    found, latest = this.read()
    this.publish(found, this.foresee(found, latest).difference.seen)
    assert _notes(this) == ()

    programme.write_bytes(b"%PDF second")
    assert "has changed since version 2" in _notes(this)[0]
    programme.write_bytes(b"%PDF first")

    changed = HandedIn(given="programme.pdf", content=b"%PDF from the desk")
    _attach_on_the_desk(this, "2.0", changed, HandedIn(given="Übersicht.png", content=b"\x89PNG"))
    assert "the desk has published version 3 since" in _notes(this)[0]

    exporting.write(tmp_path, exporting.files(this.in_force(), this.file.name, Parts(templates=False)))
    assert programme.read_bytes() == b"%PDF from the desk"
    assert _notes(this) == ()
    found, latest = this.read()
    assert latest
    assert latest.event == found.event
    assert not this.foresee(found, latest).difference.anything
    again = exporting.files(this.in_force(), this.file.name, Parts(templates=False))
    assert exporting.in_the_way(tmp_path, again) == []


def test_a_running_service_sees_that_a_file_has_changed(this: Errand, tmp_path: Path) -> None:
    plan = tmp_path / "agenda/plan.pdf"
    plan.write_bytes(b"%PDF plan")
    text = this.file.read_text()
    this.file.write_text(
        text.replace('kind = "invitation"\n', 'kind = "invitation"\nattachments = ["plan.pdf"]\n')
    )
    found, latest = this.read()
    this.publish(found, this.foresee(found, latest).difference.seen)
    opened = open_event(this.file, this.settings, this.database, this.now)
    notes = Notes(this.file, this.settings, this.database, opened)
    assert notes(this.now) == ()

    plan.write_bytes(b"%PDF another plan")
    os.utime(plan, ns=(1, 1))
    (note,) = notes(this.now)
    assert "has changed since version 2" in note


def test_files_are_rehearsed_and_previewed_as_they_lie_there(this: Errand, tmp_path: Path) -> None:
    (tmp_path / "agenda/plan.pdf").write_bytes(b"%PDF plan")
    text = this.file.read_text()
    this.file.write_text(
        text.replace('kind = "invitation"\n', 'kind = "invitation"\nattachments = ["plan.pdf"]\n')
    )
    found, version = this.rehearsal_version()
    reader = found.recipients[0]

    played = rehearse(version, [reader], sender=this.sender, texts=found.texts, contents=found.contents)
    (invitation,) = (each for each in played.letters if each.mailing == "invitation")
    assert b'filename="plan.pdf"' in invitation.raw
    assert b'filename="plan.pdf"' in this.letter("invitation", reader.address, None).raw

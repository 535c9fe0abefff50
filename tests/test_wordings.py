"""The wording in force: what the desk keeps is what is sent, and neither it nor the folder undoes the other unseen."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from mailer import dossier, exporting, opening
from mailer import errand as errands
from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.composition.wording import Wording
from mailer.errand import Errand, errand
from mailer.errors import BadInput
from mailer.exporting import Parts
from mailer.opening import open_event
from mailer.outbox import editions, letters, wordings
from mailer.outbox.database import open_database
from mailer.parts import TEMPLATES
from mailer.service import Service
from mailer.settings import EXAMPLE, ROOT, VARIABLES
from tests.databases import empty_sqlite

PATH = "invitation/en.txt"
OTHER = "report/en.txt"
STRAY = "report/fr.txt"


@dataclass(frozen=True)
class Both:
    """The templates folder, and the desk."""

    folder: Path
    this: Errand

    def write(self, path: str, more: str = "P.S. from the folder\n") -> None:
        file = self.folder / path
        file.write_text(file.read_text("utf-8") + more, "utf-8")

    def reword(self, path: str = PATH, more: str = "P.S. from the desk\n") -> None:
        service = self.service()
        texts = service.wording()
        service.choose_wording(texts.with_texts({path: texts.texts[path] + more}), "Anna", self.this.now)

    def service(self) -> Service:
        """It knows no wording but the one in force."""
        nothing, key = Wording(texts={}), self.this.event_key()
        return Service(database=self.this.database, event=key, sender=self.this.sender, texts=nothing)

    def apply(self) -> tuple[str, ...]:
        found, latest = self.this.read()
        difference = self.this.foresee(found, latest).difference
        self.this.publish(found, difference.seen)
        return difference.wording

    def restart(self) -> tuple[str, ...]:
        opened = open_event(EXAMPLE, self.this.settings, self.this.database, self.this.now)
        opened.publish_if_first(self.service(), self.this.now)
        return opened.notes

    @property
    def in_force(self) -> str:
        return self.service().wording().texts[PATH]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("CONVENOR_SECRET_KEY", "k" * 32)
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, published from a folder with English alone: reading what all letters say takes its time."""
    place = tmp_path_factory.mktemp("published")
    copytree(TEMPLATES, place / "templates", ignore=ignore_patterns("fr.*", "ar.*"))
    texts, latest = wording.load(place / "templates"), None
    with closing(open_database(empty_sqlite(place))) as database:
        found = dossier.read(EXAMPLE, today=date(2027, 1, 4), templates=place / "templates")
        sender = Sender(signer=Signer(b"k" * 32), base_url="https://conference.example")
        service = Service(database=database, event=found.event.key, sender=sender, texts=texts)
        latest, _ = service.publish(found.event, found.recipients, datetime(2027, 1, 4, 8, tzinfo=UTC))
    assert latest.number == 1
    return place


@pytest.fixture
def both(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    copytree(published, tmp_path / "own")
    monkeypatch.setenv("CONVENOR_DATABASE_URL", f"sqlite:///{tmp_path}/own/convenor.db")
    folder = tmp_path / "own" / "templates"
    for module in (opening, errands):
        monkeypatch.setattr(module, "TEMPLATES", folder)
    with errand(None) as this:
        yield Both(folder, this)


def test_what_the_desk_keeps_is_what_is_sent_also_by_letters_that_are_written(both: Both) -> None:
    both.reword()
    service = both.service()
    service.plan(datetime(2027, 1, 4, 9, tzinfo=UTC))
    both.reword(more="P.P.S.\n")

    with both.this.database.reading() as c:
        rows = letters.search(c, service.event, mailing="invitation")
    assert {row.wording for row in rows} == {service.wording().digest}
    assert "P.S. from the desk\nP.P.S." in service.wording().texts[PATH]


def test_apply_takes_files_that_have_changed(both: Both) -> None:
    both.write(PATH)

    assert both.apply() == (PATH,)
    assert "P.S. from the folder" in both.in_force
    assert both.apply() == ()


def test_a_restart_takes_files_that_have_changed(both: Both) -> None:
    both.write(PATH)
    assert "P.S." not in both.in_force

    assert both.restart() == ()
    assert "P.S. from the folder" in both.in_force


@pytest.mark.parametrize("again", [Both.apply, Both.restart])
def test_files_that_are_as_they_were_undo_nothing(both: Both, again: object) -> None:
    both.reword()

    assert again(both) == ()  # type: ignore[operator]
    assert "P.S. from the desk" in both.in_force


def test_where_both_were_changed_the_desk_stands_and_a_person_is_told(both: Both) -> None:
    both.reword()
    both.write(OTHER)

    (note,) = both.restart()
    assert "convenor wording --export" in note
    assert both.apply() == ()
    assert "P.S. from the desk" in both.in_force


def _with_everything(both: Both) -> None:
    this = both.this
    this.export(both.folder.parent, exporting.files(this.in_force(), this.file.name, Parts()))


def _alone(both: Both) -> None:
    assert both.this.export_wording() == (PATH, STRAY)


@pytest.mark.parametrize("export", [_alone, _with_everything])
def test_what_is_exported_is_the_beginning_again(both: Both, export: Callable[[Both], None]) -> None:
    both.reword()
    (both.folder / STRAY).write_text("not in force", "utf-8")
    assert both.this.wording_differs() == (PATH, STRAY)
    export(both)

    assert "P.S. from the desk" in (both.folder / PATH).read_text("utf-8")
    assert both.this.wording_differs() == ()
    both.write(PATH)
    assert both.apply() == (PATH,)
    assert "P.S. from the folder" in both.in_force


def test_the_folders_is_taken_when_a_person_says_so(both: Both) -> None:
    both.reword()
    both.write(OTHER)

    assert both.this.take_wording() == (PATH, OTHER)
    assert "P.S." not in both.in_force
    assert both.restart() == ()


def test_a_broken_folder_is_not_taken(both: Both) -> None:
    both.write(PATH, "{{ nothing }}")

    with pytest.raises(BadInput, match="'nothing' is not known"):
        both.this.take_wording()
    assert "nothing }}" not in both.in_force


def test_each_kind_whose_words_changed_has_a_new_edition(both: Both) -> None:
    event = both.service().event
    both.reword(OTHER)

    with both.this.database.reading() as c:
        assert "Anna" in {by for _, by in editions.edits(c, event, "report", "report")}
        assert "Anna" not in {by for _, by in editions.edits(c, event, "invitation", "invitation")}
        newest, before = wordings.history(c, event)
    assert (newest.by, newest.is_edited, before.is_edited) == ("Anna", True, False)
    assert newest.files == before.digest


def test_an_edit_that_changes_nothing_is_none(both: Both) -> None:
    service = both.service()

    assert not service.choose_wording(service.wording(), "Anna", both.this.now)

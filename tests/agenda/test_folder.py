"""Files that an agenda file attaches: read from beside it and nowhere else; what is wrong is told with its line."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from mailer.agenda import folder, reading
from mailer.agenda.attachments import LARGEST
from mailer.agenda.folder import Folder
from mailer.agenda.model import Attachment
from tests.agenda.writing import SOUND, TODAY, told, written

PDF = b"%PDF-1.7\nthe programme\n"
LINE = SOUND.count("\n") + 1
"""Where the line stands that a test adds to the sound file."""


def attaching(*files: str) -> str:
    named = ", ".join(f"'{file}'" for file in files)
    return f"{SOUND}attachments = [{named}]\n"


def put(at: Path, content: bytes = PDF) -> Path:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_bytes(content)
    return at


def test_a_file_is_known_by_its_path_and_its_content_by_its_digest(tmp_path: Path) -> None:
    put(tmp_path / "papers/programme.pdf")
    put(tmp_path / "notes.txt", b"x")

    found = reading.read(written(tmp_path, attaching("papers/programme.pdf", "notes.txt")), today=TODAY)

    digest = sha256(PDF).hexdigest()
    assert found.event.mailings[0].attachments[0] == Attachment(
        file="papers/programme.pdf", media_type="application/pdf", size=len(PDF), digest=digest
    )
    assert [each.name for each in found.event.attachments] == ["programme.pdf", "notes.txt"]
    assert found.contents == {digest: PDF, sha256(b"x").hexdigest(): b"x"}


def test_a_mailing_that_attaches_nothing_is_as_it_was(tmp_path: Path) -> None:
    assert reading.read(written(tmp_path, SOUND), today=TODAY).event.attachments == ()


def test_everything_that_is_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    put(tmp_path / "agenda/empty.pdf", b"")
    put(tmp_path / "agenda/large.pdf", bytes(LARGEST + 1))
    put(tmp_path / "secret.pdf")
    (tmp_path / "agenda/folder.pdf").mkdir()
    (tmp_path / "agenda/out.pdf").symlink_to(tmp_path / "secret.pdf")

    files = ("gone.pdf", "empty.pdf", "large.pdf", "folder.pdf", "out.pdf")
    assert told(tmp_path / "agenda", attaching(*files)) == [
        f"mine.toml:{LINE}: mailing[0].attachments: {what}"
        for what in (
            "'gone.pdf' is not there",
            "'empty.pdf' is empty",
            "'large.pdf' is larger than the 7 MB that a letter may carry",
            "'folder.pdf' is not a file",
            "'out.pdf' leads out of the folder of the agenda file",
        )
    ]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (("../secret.pdf",), "'../secret.pdf' lies outside"),
        (("setup.exe",), "'setup.exe' is of a kind (.exe)"),
        (("a/x.pdf", "b/x.pdf"), "these 'x.pdf' is the name of two of them"),
        (("big-1.pdf", "big-2.pdf"), "these are 8 MB in all"),
        (tuple(f"{n}.pdf" for n in range(6)), "holds 6, more than 5"),
    ],
)
def test_what_may_not_be_attached_is_refused(tmp_path: Path, files: tuple[str, ...], why: str) -> None:
    for file in ("../secret.pdf", "setup.exe", "a/x.pdf", "b/x.pdf"):
        put(tmp_path / "agenda" / file)
    for name in ("big-1.pdf", "big-2.pdf"):
        put(tmp_path / "agenda" / name, name.encode() + bytes(4_000_000))

    (problem,) = told(tmp_path / "agenda", attaching(*files))
    assert why in problem
    assert f"mine.toml:{LINE}: " in problem


def test_only_paths_name_a_file(tmp_path: Path) -> None:
    for value in ("'x.pdf'", "[{file = 'x.pdf', digest = 'd', size = 1, media_type = 'x'}]", "[1]"):
        (problem,) = told(tmp_path, f"{SOUND}attachments = {value}\n")
        assert "mailing[0].attachments: must be" in problem


def test_a_list_of_people_is_not_sent_to_anybody(tmp_path: Path) -> None:
    put(tmp_path / "people.csv", b"email\n")
    text = f"{attaching('people.csv')}\n[[recipients]]\nfile = './people.csv'\n"

    (problem,) = told(tmp_path, text)
    assert "'people.csv' is a list of people" in problem


def test_a_link_within_the_folder_is_followed_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path / "papers/programme.pdf")
    (tmp_path / "link.pdf").symlink_to(tmp_path / "papers/programme.pdf")
    (tmp_path / "round.pdf").symlink_to(tmp_path / "round.pdf")
    os.mkfifo(tmp_path / "pipe.pdf")

    look = Folder(tmp_path)
    assert look("link.pdf").digest == look("papers/programme.pdf").digest
    for name in ("pipe.pdf", "round.pdf"):
        with pytest.raises(ValueError, match=r"not a file|cannot be read"):
            look(name)


def test_what_may_not_be_read_says_so(tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may read everything")
    put(tmp_path / "locked.pdf").chmod(0)
    with pytest.raises(ValueError, match="cannot be read: Permission denied"):
        Folder(tmp_path)("locked.pdf")


def test_all_files_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LARGEST_OF_AN_EVENT", 10)
    put(tmp_path / "one.pdf", b"1" * 8)
    put(tmp_path / "two.pdf", b"2" * 8)
    look = Folder(tmp_path)
    look("one.pdf")
    with pytest.raises(ValueError, match="is too much"):
        look("two.pdf")

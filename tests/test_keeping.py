"""Small files that last: whole or not at all, their owner's alone, and nothing beside them."""

import os
import stat
from pathlib import Path

import pytest

from mailer.keeping import keep


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_kept_for_its_owner_alone_and_the_next_takes_its_place(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for text in ("first", "žofie"):
        keep(kept, text)
        assert kept.read_text("utf-8") == text
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert names(tmp_path) == ["kept"]


def test_one_that_is_there_stays_if_it_is_not_to_be_written_over(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for text in ("first", "second"):
        keep(kept, text, over=False)
    assert kept.read_text("utf-8") == "first"
    assert names(tmp_path) == ["kept"]


@pytest.mark.parametrize("over", [True, False])
def test_where_the_disk_is_full_the_old_file_stays_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    keep(tmp_path / "kept", "first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        keep(tmp_path / "kept", "second", over=over)
    assert (tmp_path / "kept").read_text("utf-8") == "first"
    assert names(tmp_path) == ["kept"]


def test_the_bytes_are_durable_before_they_have_their_name_and_the_name_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, flushed, real = tmp_path / "kept", list[tuple[bool, bool]](), os.fsync

    def note(descriptor: int) -> None:
        flushed.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), kept.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    keep(kept, "first")
    assert flushed == [(False, False), (True, True)]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keep(tmp_path / "nowhere" / "kept", "text")

"""Each part of a letter is measured by doing it, on a database of its own."""

from pathlib import Path

from benchmarks.anatomy import dissect


def test_every_part_of_a_letter_takes_its_time(tmp_path: Path) -> None:
    found = dissect(tmp_path, letters=100)
    assert len({part.name for part in found}) == len(found) == 7
    assert all(part.alone > 0 and part.in_company > 0 for part in found)

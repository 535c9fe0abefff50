"""The rehearsal as an organiser starts it: complete, the same every time, and every calendar part sound."""

import json
import subprocess
import sys
from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from mailer.settings import ROOT
from tests import judges
from tests.judges import lint

MAILINGS = {"invitation", "agenda", "answer-reminder", "practical", "session-reminder", "report"}

Played = tuple[Path, Path, dict[str, list[dict[str, object]]]]
Letters = dict[Path, EmailMessage]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Two rehearsals side by side, and what the first said."""
    folders = [tmp_path_factory.mktemp("rehearsal") / "letters" for _ in range(2)]
    secret = {"CONVENOR_SECRET_KEY": "an example key of more than thirty-two characters"}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "mailer", "rehearse", "--json", "--out", str(folder)],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "CONVENOR_DATABASE_URL": f"sqlite:///{folder.parent}/none.db"}
            | secret,
            stdout=subprocess.PIPE,
        )
        for folder in folders
    ]
    said, _ = (process.communicate(timeout=300)[0] for process in running)
    assert [process.returncode for process in running] == [0, 0]
    return folders[0], folders[1], json.loads(said)


@pytest.fixture(scope="module")
def letters(played: Played) -> Letters:
    """All letters of one rehearsal, read once for those that only look."""
    return {path: message_from_bytes(path.read_bytes(), policy=SMTP) for path in sorted(played[0].iterdir())}


def test_it_lists_every_occasion_of_the_six_mailings(played: Played) -> None:
    occasions = played[2]["occasions"]

    assert {occasion["mailing"] for occasion in occasions} == MAILINGS
    sessions = {o["anchor"] for o in occasions if o["mailing"] == "session-reminder"}
    assert sessions == {"session-1", "session-2", "session-3", "session-4"}
    assert sum(int(str(o["sent"])) for o in occasions) == len(list(played[0].iterdir()))
    assert all(o["unsent"] == {} for o in occasions)
    everybody = next(o["letters"] for o in occasions if o["mailing"] == "invitation")
    assert sum(int(str(o["letters"])) for o in occasions if o["mailing"] == "agenda") == everybody


def test_two_rehearsals_give_identical_files(played: Played) -> None:
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in played[:2])

    assert one == other


@pytest.mark.parametrize("name", judges.ALL)
def test_every_calendar_part_passes_every_judge(name: str, letters: Letters) -> None:
    """Most letters carry the same octets twice: those are judged once."""
    judge = judges.ALL[name]
    if missing := judge.missing():
        pytest.skip(missing)
    parts = [part for message in letters.values() for part in calendar_parts(message)]
    assert len(parts) > 400
    parts = list(dict.fromkeys(parts))

    assert {index: found for index, found in enumerate(judge.judge(parts)) if found} == {}


def test_every_calendar_part_agrees_with_the_letter_around_it(letters: Letters) -> None:
    """METHOD is the MIME parameter's, ORGANIZER is From, and the attached file is the alternative's."""
    for message in letters.values():
        (sender,) = message["From"].addresses
        contents = calendar_parts(message)
        methods = [p.get_param("method") for p in message.walk() if p.get_content_type() == "text/calendar"]
        assert len(set(contents)) <= 1
        for content in set(contents):
            assert lint.lint(content, method=str(methods[0]), sender=sender.addr_spec) == []


def test_every_letter_is_for_one_reader_alone(letters: Letters) -> None:
    """No Cc, no Bcc, one To; and no address of anybody else anywhere in it."""
    addresses = {
        path.name.rpartition("-event-")[2].removesuffix(".eml") for path in letters if "-event-" in path.name
    }
    for path, message in letters.items():
        (reader,) = message["To"].addresses
        assert path.name.endswith(f"{reader.addr_spec}.eml")
        assert (message["Cc"], message["Bcc"]) == (None, None)
        said = "\n".join(_decoded(part) for part in message.walk() if not part.is_multipart())
        assert [other for other in addresses if other != reader.addr_spec and other in said] == []


def calendar_parts(message: EmailMessage) -> Sequence[bytes]:
    wanted = {"text/calendar", "application/ics"}
    return [
        bytes(part.get_payload(decode=True) or b"")
        for part in message.walk()
        if part.get_content_type() in wanted
    ]


def _decoded(part: object) -> str:
    return bytes(part.get_payload(decode=True) or b"").decode("utf-8", "replace")  # type: ignore[attr-defined]

"""The sink counts what came, keeps what is to be weighed, and says how to get it."""

import shutil
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest

from benchmarks.sink import MissingPeerError, open_sink, percentile, program, weigh

SEARCHED = "/usr/sbin:/usr/local/sbin"
needs_postfix = pytest.mark.skipif(
    not shutil.which("smtp-sink", path=SEARCHED), reason="smtp-sink is not installed (Debian: postfix)"
)


def letter(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "secretariat@conference.example", f"delegate-{number}@delegation.example"
    message.set_content("A line.\n" * 100)
    message.add_alternative("<p>A line.</p>\n", subtype="html")
    return message


@needs_postfix
def test_what_came_is_counted_and_weighed(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(0o755)
    with open_sink(folder, keep=True) as sink:
        with smtplib.SMTP("127.0.0.1", sink.port) as line:
            for number in range(3):
                line.send_message(letter(number))
        assert sink.received() == 3
    weight = weigh(folder)
    assert (weight.letters, weight.readers) == (3, 3)
    assert weight.parts == {"multipart/alternative", "text/plain", "text/html"}
    raw = letter(0).as_bytes()
    assert weight.average_bytes == len(raw) + raw.count(b"\n")


def test_what_is_missing_comes_with_the_way_to_get_it() -> None:
    with pytest.raises(MissingPeerError, match="apt-get install"):
        program("smtp-nothing")


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_the_nearest_rank(share: float, value: int) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value

"""What other people's calendar programs refuse, and the answers they write to our requests."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import pytest

from mailer.composition.ical import write
from mailer.composition.invitation import Entry, Method
from tests.judges import PROGRAMS, horde, kcalendarcore, libical
from tests.judges.reading import Program
from tests.judges.test_judges import CANCEL, EVENT, PUBLISHED, REQUEST, UID
from tests.scenes.calendar import scenes

ASKED = {name: message for name, message in scenes().items() if message.method is Method.REQUEST}
PARTSTATS = ("ACCEPTED", "DECLINED", "TENTATIVE")


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Program:
    found = PROGRAMS[request.param]
    if sentence := found.missing():
        pytest.skip(sentence)
    return found


def answered(program: Program, entry: Entry, request: bytes, partstat: str) -> bytes:
    assert entry.attendee
    return program.reply(request, address=entry.attendee.address, name=entry.attendee.name, partstat=partstat)


def event_of(raw: bytes) -> Any:
    (event,) = icalendar.Calendar.from_ical(raw).walk("VEVENT")
    return event


@pytest.mark.parametrize("partstat", PARTSTATS)
def test_a_program_answers_a_request_to_the_point(program: Program, partstat: str) -> None:
    message = ASKED["session-request"]
    (entry,) = message.entries
    reply = answered(program, entry, write(message), partstat)
    event = event_of(reply)
    assert icalendar.Calendar.from_ical(reply)["METHOD"] == "REPLY"
    assert event["UID"] == entry.uid
    assert int(event.get("SEQUENCE", 0)) == entry.sequence
    assert event["ATTENDEE"].lower() == "mailto:ana.novak@prosecution.example"
    assert event["ATTENDEE"].params["PARTSTAT"] == partstat
    assert abs(event["DTSTAMP"].dt - datetime.now(UTC)) < timedelta(hours=1)


@pytest.mark.parametrize("name", ASKED)
def test_a_reply_to_every_scene_keeps_its_uid_and_number(program: Program, name: str) -> None:
    (entry,) = ASKED[name].entries
    if program is horde and entry.ends_at == entry.starts_at:  # it cannot answer what has no end
        with pytest.raises(ValueError, match="REQUEST"):
            answered(program, entry, write(ASKED[name]), "ACCEPTED")
        return
    reply = answered(program, entry, write(ASKED[name]), "ACCEPTED")
    event = event_of(reply)
    assert (event["UID"], int(event.get("SEQUENCE", 0))) == (entry.uid, entry.sequence)
    if not libical.missing():
        assert libical.judge([reply]) == [[]]


@pytest.mark.parametrize("raw", [PUBLISHED, CANCEL, b"no calendar at all"])
def test_only_a_request_is_answered(program: Program, raw: bytes) -> None:
    with pytest.raises(ValueError, match="REQUEST"):
        program.reply(raw, address="ana.novak@prosecution.example", name="Ana Novak", partstat="ACCEPTED")


def test_a_reply_of_horde_tells_a_wrong_hour_and_one_of_kcalendarcore_the_right_one() -> None:
    """Which is why an answer's times are never read."""
    (entry,) = ASKED["session-request"].entries
    hours = {name: set(_starts(name, entry)) for name in PROGRAMS if not PROGRAMS[name].missing()}
    if len(hours) < len(PROGRAMS):
        pytest.skip("; ".join(filter(None, (each.missing() for each in PROGRAMS.values()))))
    assert hours == {"KCalendarCore": {"20270310T090000Z"}, "Horde": {"20270310T090000"}}
    assert entry.starts_at.astimezone(UTC).hour == 9


def _starts(name: str, entry: Entry) -> Iterator[str]:
    reply = answered(PROGRAMS[name], entry, write(ASKED["session-request"]), "ACCEPTED")
    yield from re.findall(r"^DTSTART[^:]*:(\w+)", reply.decode(), re.MULTILINE)


KCALENDARCORE = [
    (b"METHOD:REQUEST\r\n", b""),
    (b"VERSION:2.0\r\n", b""),
    (b"VERSION:2.0", b"VERSION:1.0"),
    (b"END:VEVENT\r\n", b""),
    (EVENT, b""),
    (REQUEST, REQUEST + REQUEST),
    (REQUEST, b"no calendar at all"),
]
HORDE = [(UID + b"\r\n", b""), (REQUEST, b"no calendar at all")]


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [*(("KCalendarCore", *each) for each in KCALENDARCORE), *(("Horde", *each) for each in HORDE)],
)
def test_a_program_refuses(name: str, before: bytes, after: bytes) -> None:
    if sentence := PROGRAMS[name].missing():
        pytest.skip(sentence)
    assert before in REQUEST
    broken = REQUEST.replace(before, after)
    assert [bool(faults) for faults in PROGRAMS[name].judge([REQUEST, broken])] == [False, True]


@pytest.mark.skipif(bool(kcalendarcore.missing()), reason=str(kcalendarcore.missing()))
def test_the_program_is_compiled_anew_when_its_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kcalendarcore, "_BUILT", tmp_path)
    first = kcalendarcore.built(kcalendarcore.SOURCE)
    other = tmp_path / "other.cpp"
    other.write_text(f"// another\n{kcalendarcore.SOURCE.read_text('utf-8')}", "utf-8")
    modified = first.stat().st_mtime_ns
    assert kcalendarcore.built(kcalendarcore.SOURCE) == first
    assert first.stat().st_mtime_ns == modified
    assert kcalendarcore.built(other) != first
    assert len(list(tmp_path.glob("kcalendarcore-*"))) == 2

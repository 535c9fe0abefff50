"""Mail that almost is what it should be: real shapes of answers, reports and notes, broken at random from a seed."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.inbox import mails
from tests.inbox.dialects import DIALECTS, Asked, Said

ASKED = Asked(
    uid="0123456789abcdef0123456789abcdef@conference.example",
    sequence=1,
    organiser="secretariat@conference.example",
    attendee="ana.novak@prosecution.example",
    name="Ána Novak",
    summary="Größenwahn\\, Kommas\\; 会議 🎉",
)
RETURN_PATH = "returns+1-aaaaaaaaaaaaaaaa@conference.example"
REPLIES = Path(__file__).parent.parent / "inbox" / "replies"

SPLICES = (
    b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n", b"BEGIN:VTIMEZONE\r\n", b"END:VCALENDAR\r\n", b"RRULE:FREQ=SECONDLY\r\n",
    b"DTSTAMP:99999999T999999Z\r\n", b"SEQUENCE:-99999999999999999999\r\n", b'ATTENDEE;CN="\r\n', b"\r\n ", b"\0",
    b"\xff\xfe", b"\xed\xa0\x80", b"=?utf-8?b?/////?=", b"=?x-none?q?=FF?=", b"--", b"\r\n\r\n", b"Content-Type: ",
    b"Content-Transfer-Encoding: base64\r\n", b"; charset=utf-7", b'; boundary=""', b"message/rfc822", b"(((((((((((",
    b"Content-Type: message/delivery-status\r\n\r\n", b"METHOD:CANCEL\r\n", b"begin 666 a.dat\r\n", b"\xe2\x80\xae",
    b"Final-Recipient: rfc822;", b"Status: 5.1.1\r\n", b"RECURRENCE-ID;RANGE=THISANDFUTURE:20270310T074500Z\r\n",
)  # fmt: skip
"""What is put in where it does not belong."""


def sources() -> list[bytes]:
    """Sound mails of every kind."""
    at = datetime(2027, 1, 14, 8, tzinfo=UTC)
    said = [
        Said(partstat="ACCEPTED", at=at, comment="With pleasure"),
        Said(partstat="DELEGATED", at=at, delegated_to="deputy@prosecution.example"),
        Said(partstat="TENTATIVE", at=at, method="COUNTER"),
    ]
    found = [dialect(ASKED, each) for dialect in DIALECTS for each in said]
    found += [
        mails.report(RETURN_PATH, ASKED.attendee, action=each) for each in ("failed", "delayed", "delivered")
    ]
    found += [server(RETURN_PATH, ASKED.attendee) for server in mails.SERVERS.values()]
    found += [machine(ASKED.attendee, RETURN_PATH) for _, machine in mails.MACHINES.values()]
    found += [file.read_bytes() for file in sorted(REPLIES.iterdir())]
    return [*found, mails.written(ASKED.attendee, RETURN_PATH, "A question", "Where is the entrance?")]


class Mutator:
    """The mails of one seed: the same numbers give the same mails on every machine."""

    def __init__(self, seed: int) -> None:
        self._seed, self._sources = seed, sources()

    def mail(self, number: int) -> bytes:
        """One mail, broken in one to eight places."""
        chance = random.Random(f"{self._seed}:{number}")  # noqa: S311 - to be repeated, not to be secret
        raw = bytearray(chance.choice(self._sources))
        for _ in range(chance.randint(1, 8)):
            chance.choice(MUTATIONS)(raw, chance, self._sources)
        return bytes(raw)


Mutation = Callable[[bytearray, random.Random, list[bytes]], None]


def _place(raw: bytearray, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(raw) + 1)
    return start, min(len(raw), start + int(chance.paretovariate(0.7)))


def _flip(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    for _number in range(chance.randint(1, 20)):
        if raw:
            raw[chance.randrange(len(raw))] = chance.randrange(256)


def _cut(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    start, end = _place(raw, chance)
    del raw[start:end]


def _end(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    del raw[chance.randrange(len(raw) + 1) :]


def _repeat(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    start, end = _place(raw, chance)
    times = min(int(chance.paretovariate(0.4)), 200_000 // max(end - start, 1) + 1)
    raw[end:end] = raw[start:end] * times


def _inflate(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    """Now and then to megabytes."""
    if chance.random() < 0.02:
        start, end = _place(raw, chance)
        piece = bytes(raw[start : min(end, start + 2_000)]) or b"\r\n"
        raw[end:end] = piece * (chance.randrange(6_000_000) // len(piece))


def _nest(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    """Now and then deep within others."""
    if chance.random() < 0.1:
        for depth in range(min(int(chance.paretovariate(0.3)), 1_500)):
            raw[0:0] = b'Content-Type: multipart/mixed; boundary="n%d"\r\n\r\n--n%d\r\n' % (depth, depth)


def _splice(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    start, _end = _place(raw, chance)
    raw[start:start] = chance.choice(SPLICES) * min(int(chance.paretovariate(0.5)), 5_000)


def _move(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    lines = raw.split(b"\n")
    chance.shuffle(lines) if chance.random() < 0.1 else lines.insert(
        0, lines.pop(chance.randrange(len(lines)))
    )
    raw[:] = b"\n".join(lines)


def _graft(raw: bytearray, chance: random.Random, others: list[bytes]) -> None:
    start, end = _place(raw, chance)
    other = chance.choice(others)
    cut = chance.randrange(len(other))
    raw[start:end] = other[cut : cut + 4_000]


def _unfold(raw: bytearray, chance: random.Random, _: list[bytes]) -> None:
    old, new = chance.choice([(b"\r\n", b"\n"), (b"\r\n", b"\r"), (b"\r\n ", b""), (b":", b";"), (b'"', b"")])
    raw[:] = raw.replace(old, new)


MUTATIONS: tuple[Mutation, ...] = (
    _flip,
    _cut,
    _end,
    _repeat,
    _splice,
    _move,
    _graft,
    _unfold,
    _inflate,
    _nest,
)

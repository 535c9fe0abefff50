"""Where a letter's time goes: each of its parts by itself, in microseconds of CPU.

The parts are the program's own, called as desk and carrier call them; what is left of the time of a whole run is the
event loop, the sockets, the kernel, and processes that share a core's caches.
"""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import mean
from typing import TypeVar

from benchmarks.convenor import BASE_URL, EVENT, Roster, event
from benchmarks.stage import WORDS
from benchmarks.started import ROOT
from mailer import wallclock
from mailer.composition import wording
from mailer.composition.casting import Reader
from mailer.composition.composing import Composed, Composer, Sender
from mailer.composition.links import Signer
from mailer.delivery.conversation import Conversation
from mailer.delivery.envelope import Offer, Parcel, offer_of
from mailer.delivery.relay import Relay
from mailer.dispatch.carrier import COMPOSED_TOGETHER
from mailer.dispatch.orders import Order, Report
from mailer.outbox import agendas, claims
from mailer.outbox.claimed import Change, ClaimedLetter
from mailer.outbox.database import Database, open_database
from mailer.outbox.letter import Happening
from mailer.parts import utc_now
from mailer.service import Service

T = TypeVar("T")

LETTERS = 2_000
TOGETHER = 64
"""Letters to a commit, and to a message between desk and carrier."""

_ROUNDS = 5
_PATIENCE_FOR = 120
_LEASE_FOR = timedelta(minutes=10)
_REPLIES = b"250 2.0.0 Ok: queued as 4XyZ\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go on\r\n"
_ADMITTED = (b"220 mx.example\r\n", b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is done for every letter, and the microseconds of CPU it takes by itself, and while every core
    does the same.
    """

    name: str
    alone: float
    in_company: float


def dissect(folder: Path, letters: int = LETTERS) -> tuple[Part, ...]:
    """In processes of their own: first one, then one for each core at a time."""
    cores = len(os.sched_getaffinity(0))
    (alone,), company = _dissected(folder, 1, letters), _dissected(folder, cores, letters)
    return tuple(
        Part(name=name, alone=took, in_company=mean(each[name] for each in company))
        for name, took in alone.items()
    )


def _dissected(folder: Path, count: int, letters: int) -> list[dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks.anatomy", str(letters)]
    places = [tempfile.mkdtemp(dir=folder) for _ in range(count)]
    running = [subprocess.Popen([*command, place], cwd=ROOT, stdout=subprocess.PIPE) for place in places]
    return [json.loads(each.communicate(timeout=_PATIENCE_FOR)[0]) for each in running]


def parts(folder: Path, count: int) -> dict[str, float]:
    """`folder` is for the database, on a disk whose commits cost what they cost; `count` letters are written."""
    database = open_database(f"sqlite:///{folder}/convenor.db")
    service = _published(database, count)
    planned, _ = _timed(lambda: service.plan(utc_now()), count)
    writing, letters = _timed(lambda: _written_down(database), count)
    with database.reading() as transaction:
        version = agendas.version(transaction, EVENT, letters[0].version)
    database.close()
    composer, conversation = Composer(service.sender), _admitted()

    def compose(some: Sequence[ClaimedLetter]) -> list[Composed]:
        readers = [Reader(letter.recipient, letter.dated_at, letter.handle) for letter in some]
        return composer.together(
            readers, version=version, mailing=version.event.mailing(some[0].mailing), anchor=some[0].anchor,
            due_at=some[0].due_at, texts=service.texts,
        )  # fmt: skip

    def offer(parcel: Parcel) -> Offer:
        offered = offer_of(parcel, conversation.can)
        if not isinstance(offered, Offer):
            raise TypeError(offered.reply)
        return offered

    def converse(each: Offer) -> None:
        conversation.finish(each)
        conversation.receive(_REPLIES)

    batches = [letters[start : start + COMPOSED_TOGETHER] for start in range(0, count, COMPOSED_TOGETHER)]
    composed = [each for batch in batches for each in compose(batch)]
    parcels = [
        Parcel(letter.key, each.return_path, letter.address, each.raw)
        for letter, each in zip(letters, composed, strict=True)
    ]
    offers = [offer(parcel) for parcel in parcels]
    conversation.offer(offers[0])
    conversation.receive(_REPLIES.partition(b"\n")[2])
    return {
        "Written down: one reader judged, one row": planned,
        "Claimed, intended and sent: SQLite, a commit for many": writing,
        "Told to the carrier, and told of by it": _messages(letters, composed),
        "Composed": _each(compose, batches) * len(batches) / count,
        "Hashed (SHA-256)": _each(lambda each: hashlib.sha256(each.raw).hexdigest(), composed),
        "Read through for bare line ends and dots": _each(offer, parcels),
        "Conversed about, without a socket": _each(converse, offers),
    }


def _timed(act: Callable[[], T], count: int) -> tuple[float, T]:
    """What can be done only once: microseconds for each letter, and what came of it."""
    began = time.process_time()
    done = act()
    return (time.process_time() - began) / count * 1e6, done


def _each(act: Callable[[T], object], of: Sequence[T]) -> float:
    return _best(lambda: [act(each) for each in of]) / len(of) * 1e6


def _best(act: Callable[[], object]) -> float:
    took = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        act()
        took.append(time.process_time() - began)
    return min(took)


def _messages(letters: Sequence[ClaimedLetter], composed: Sequence[Composed]) -> float:
    """An order with letters, the reports of their content and of their end, and the word to go, as they are sent."""
    keys = [letter.key for letter in letters[:TOGETHER]]
    said = (
        Order(letters=tuple(letters[:TOGETHER])),
        Report(asked=tuple((key, "0" * 64) for key in keys)),
        Order(go=tuple(keys)),
        Report(
            accepted=tuple((key, "250 Ok", each.entries) for key, each in zip(keys, composed, strict=False))
        ),
    )

    def say() -> None:
        for each in said:
            pickle.loads(pickle.dumps(each, pickle.HIGHEST_PROTOCOL))  # noqa: S301 - our own

    return _best(say) / TOGETHER * 1e6


def _published(database: Database, count: int) -> Service:
    now = utc_now() - timedelta(minutes=1)
    sender = Sender(signer=Signer(b"a secret key for the bench alone, nothing else"), base_url=BASE_URL)
    service = Service(database=database, event=EVENT, sender=sender, texts=wording.load(WORDS))
    service.publish(event(EVENT, now, (0,)), Roster(count), now)
    return service


def _written_down(database: Database) -> list[ClaimedLetter]:
    """Every letter claimed in one commit, intended in the next and accepted in the one after, as at the desk."""
    letters, claimed, leaving = list[ClaimedLetter](), list[ClaimedLetter](), list[ClaimedLetter]()
    now = utc_now()
    while True:
        told = [
            *(_change(each, Happening.ACCEPTED, "250 2.0.0 Ok: queued as 4XyZ") for each in leaving),
            *(_change(each, Happening.INTENDED, "smtp://mx.example:25") for each in claimed),
        ]
        with database.writing() as transaction:
            claims.happen(transaction, told, now)
            leaving, claimed = claimed, claims.claim(transaction, "bench", now, TOGETHER, _LEASE_FOR)
        letters += claimed
        if not (claimed or leaving):
            return letters


def _change(letter: ClaimedLetter, happening: Happening, reply: str) -> Change:
    entries = (("event", f"{letter.id:032x}@conference.example", 0, True, False, letter.due_at),)
    return Change(
        letter.id, letter.fence, letter.owner, happening, reply, None, "0" * 64, letter.written_from, entries
    )


def _admitted() -> Conversation:
    conversation = Conversation(Relay(host="mx.example", port=25), name="bench.example")
    conversation.begin()
    for said in _ADMITTED:
        conversation.receive(said)
    return conversation


if __name__ == "__main__":
    wallclock.use_packaged_tzdata()
    print(json.dumps(parts(Path(sys.argv[2]), int(sys.argv[1]))))

"""Mail is taken apart by a process that may die of it: whatever it does, the next mail is read."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailer.inbox.bounded import LARGEST, BoundedReader, Poison
from mailer.inbox.sorting import Kind, Mail
from tests.inbox import mails

QUESTION = mails.written("ana.novak@prosecution.example", "x@conference.example", "Where", "is it?")
MEGABYTE = 1024 * 1024


@pytest.fixture
def reader() -> Iterator[BoundedReader]:
    reader = BoundedReader(answers_within=10)
    yield reader
    reader.close()


def kind(found: Mail | Poison) -> object:
    return found.kind if isinstance(found, Mail) else found


def test_many_mails_are_read_by_one_process(reader: BoundedReader) -> None:
    assert kind(reader.read(QUESTION)) is Kind.QUESTION
    first = reader._process
    assert kind(reader.read(QUESTION)) is Kind.QUESTION
    assert reader._process is first


@pytest.mark.parametrize("poison", mails.POISONS)
def test_whatever_comes_takes_little_room_and_the_next_is_read(reader: BoundedReader, poison: str) -> None:
    """B40."""
    found = reader.read(mails.POISONS[poison]())
    assert isinstance(found, Mail | Poison)
    assert peak(reader) < 128 * MEGABYTE
    assert kind(reader.read(QUESTION)) is Kind.QUESTION


def peak(reader: BoundedReader) -> int:
    """The most bytes the process ever had at once (proc(5))."""
    assert reader._process
    lines = Path(f"/proc/{reader._process.pid}/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


def test_the_kernel_gives_it_no_more_room(reader: BoundedReader) -> None:
    reader.read(QUESTION)
    assert reader._process
    assert 0 < resource.prlimit(reader._process.pid, resource.RLIMIT_AS)[1] < 128 * MEGABYTE


def test_a_process_that_dies_between_two_mails_costs_none(reader: BoundedReader) -> None:
    reader.read(QUESTION)
    assert reader._process
    reader._process.kill()
    assert kind(reader.read(QUESTION)) is Kind.QUESTION


def test_a_process_that_hangs_is_ended(reader: BoundedReader) -> None:
    reader.read(QUESTION)
    hanging = reader._process
    assert hanging
    os.kill(hanging.pid, signal.SIGSTOP)
    reader._answers_within = 2
    assert kind(reader.read(QUESTION)) is Kind.QUESTION
    assert hanging.returncode == -signal.SIGKILL


def test_a_mail_that_takes_too_much_computing_is_laid_aside_and_the_next_is_read() -> None:
    with closing(BoundedReader(computes_for=0.05)) as reader:
        reader.read(QUESTION)
        deep = mails.POISONS["depth 2,000"]()
        assert reader.read(deep) == Poison(reason="it takes too long to read, or ends whoever reads it")
        assert kind(reader.read(QUESTION)) is Kind.QUESTION


def test_after_so_many_mails_a_fresh_process_takes_its_place() -> None:
    reader = BoundedReader(mails=2)
    processes = []
    for _ in range(4):
        reader.read(QUESTION)
        processes.append(reader._process)
    assert processes[0] is processes[1] is not processes[2]
    reader.close()
    assert reader._process is None


def test_a_mail_too_large_is_not_even_handed_over(reader: BoundedReader) -> None:
    assert reader.read(b"x" * (LARGEST + 1)) == Poison(reason="it is larger than 8 MB")
    assert reader._process is None

"""What a process uses is seen from outside, its children's share included."""

import os
import subprocess
import sys

from benchmarks.measuring import PeakMemory, cpu_seconds, memory, tree

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
HOLD = "import sys; held = bytearray(b'x' * 50_000_000); print(len(held), flush=True); sys.stdin.read()"
CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"


def test_the_work_of_an_ended_child_is_counted() -> None:
    before = cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert cpu_seconds(os.getpid()) - before >= 0.25


def test_a_child_of_a_child_belongs_to_the_tree_and_its_memory_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD.format(program=HOLD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        with PeakMemory(process.pid) as watched:
            process.stdout.readline()
            assert len(list(tree(process.pid))) == 2
            assert memory(process.pid) > 50_000_000
        process.stdin.close()
    assert watched.peak > 50_000_000


def test_who_has_ended_uses_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert (cpu_seconds(process.pid), memory(process.pid)) == (0.0, 0)

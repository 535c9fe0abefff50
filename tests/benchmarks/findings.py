"""Figures that were never measured, for the tests of what is made of them."""

from benchmarks.alone import Answering, Beginnings, Size
from benchmarks.anatomy import Part
from benchmarks.contest import CONTENDERS, Contender, Run, Standing
from benchmarks.report import Findings, Machine

MACHINE = Machine(cores=2, processor="A processor", python="3.11.7", system="Linux 6.1", date="18 May 2027")


def contender(key: str) -> Contender:
    return next(each for each in CONTENDERS if each.key == key)


def run(rate: float, *, letters: int = 1_000, **other: float) -> Run:
    return Run(
        letters=letters, seconds=letters / rate, cpu_seconds=0.5, memory_bytes=30_000_000, first_after=0.01, told=other
    )  # fmt: skip


def standing(key: str, rate: float, ratio: float) -> Standing:
    return Standing(
        key=key, name=contender(key).name, lines=8, letters=20_000, stopped=False, letter_bytes=10_012,
        rate=rate, ratio=ratio, cpu_per_thousand=0.1234, memory_bytes=61_500_000,
    )  # fmt: skip


def size(letters: int, *, megabytes: int, expanded: float | None, stopped: bool = False) -> Size:
    return Size(
        asked=letters, letters=letters, stopped=stopped, published=1.5, expanded=expanded, first_after=0.25,
        seconds=letters / 5_000, rate=5_000.0, memory_bytes=megabytes * 1_000_000,
    )  # fmt: skip


FOUND = Findings(
    quick=False,
    rounds=3,
    machine=MACHINE,
    round_trip_ms=20.62,
    near=(standing("source", 10_000.0, 1.0), standing("convenor", 10_500.0, 1.05), standing("plain", 210.0, 0.021)),
    far=(standing("source", 120.0, 1.0), standing("convenor", 480.0, 4.0), standing("aiosmtplib", 120.0, 1.0)),
    sizes=(
        size(100_000, megabytes=200, expanded=5.0),
        size(1_000_000, megabytes=230, expanded=50.0),
    ),
    beginnings=Beginnings(mailings=100, letters_each=20, p50=0.5, p99=1.25, worst=1.5, never=0),
    answering=Answering(letters=100_000, asked=400, p50_ms=12.5, p99_ms=101.0, worst_ms=140.0, failed=0),
    anatomy=(Part(name="Composed", alone=50.04, in_company=60.0), Part(name="Hashed", alone=5.0, in_company=6.0)),
    missing={"nodemailer": "Node is missing"},
)  # fmt: skip

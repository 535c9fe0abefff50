"""What the bench found, as it is shown: tables for the terminal and the document, targets, one line of JSON.

Every number comes from a `Findings`; nothing is measured here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table as Drawn
from rich.text import Text

from benchmarks.alone import Answering, Beginnings, Size
from benchmarks.anatomy import Part
from benchmarks.contest import Standing

TRIED = """## What was tried

The mail server of this bench takes its share of the same cores: what a contender may use of them is what the
server leaves. What no part accounts for is the event loop, the kernel, and caches: a letter goes through more
code than the first cache of a processor holds, and between the others each part takes longer than by itself.

What helped, and stayed: composing letters of one occasion together, column by column; filling a letter in one
piece; breaking lines where the room ends instead of word by word. In the database: one connection that writes,
whose statements stay prepared, for a `PRAGMA` before each transaction made SQLite prepare every one anew;
conditions of indexes and checks spelt out, without an `IN`; no line of history for an intent that all goes well
with; telling the driver how a truth value is kept. On the line: letting content wait for its dot, so that the
server wakes once; asking for the socket once; reading a letter through as text, which is searched faster than
bytes. And a Python that was built for speed.

Nothing could be told from the machine's own unevenness for: uvloop in place of asyncio's loop; fewer garbage
collections, or frozen objects; a larger page cache, rarer checkpoints of the WAL; waiting a little so that more
letters share a commit; one carrier instead of two; twice as many lines; no index for the counts of the pages, or
one without what is leaving; tables without row ids; leaving out checks and foreign keys; writing past asyncio to
the socket, with `MSG_MORE` in place of `TCP_CORK`; content and dot in one write; another scheduling class for
carriers; memory that they keep for the next letters; HMAC in one call, which is slower than the two hashes that
are begun ahead; claiming without a look at flags and approvals; a channel of our own between desk and carriers.
Compiling the composing modules to C (mypyc) took a fifth off them before they were rewritten, and would ask
every user for a compiler.

What is left, the largest first: the look-ups and joins of some thirty pieces that are a reader's own; the index of
calendar UIDs, which are hashes, so that each letter touches a page of its own; the three states of a letter, each a
row written anew; asyncio's transport.

Pages waited longest for nothing: without its protocol named, asyncio left Nagle's algorithm on for them, and
the second piece of a page waited until the browser confirmed the first. What else helped: counting the
letters of long lists beside the pages, a moment before they are asked for; shorter turns for threads; carriers
that give way, wherever something else is busy on the machine; remembering how a moment is written."""
"""How the figures came to be what they are; no number stands in it."""

MEGABYTE = 1_000_000
MOST_LETTERS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where it was measured; nothing that names it."""

    cores: int
    processor: str
    python: str
    system: str
    date: str


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All figures of one run of the bench. `missing` says which contender could not come, and why."""

    quick: bool
    rounds: int
    machine: Machine
    round_trip_ms: float = 0.0
    near: tuple[Standing, ...] = ()
    far: tuple[Standing, ...] = ()
    sizes: tuple[Size, ...] = ()
    beginnings: Beginnings | None = None
    answering: Answering | None = None
    anatomy: tuple[Part, ...] = ()
    missing: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is aimed at and what was found; `met` is None where this run could not tell."""

    name: str
    wanted: str
    found: str
    met: bool | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A title, what to know about it, a heading and rows, all of them text. Columns but the first are numbers."""

    title: str
    note: str
    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


# ── targets ──────────────────────────────────────────────────────────────────────────────────────────────────


def targets(found: Findings) -> list[Target]:
    """Every target with its figure."""
    near, far = ({row.key: row for row in rows} for rows in (found.near, found.far))
    return [
        _times("Near: against `smtp-source -d -s 8`", near, "source", 1.0),
        _times("Near: against nodemailer", near, "nodemailer", 15.0),
        _times("Near: against the plain way", near, "plain", 40.0),
        _at_most("CPU for 1,000 letters", 0.15, _of(near.get("convenor"), "cpu_per_thousand"), "{:.3f} s"),
        _times("Far: against aiosmtplib", far, "aiosmtplib", 3.5),
        *_of_the_largest(found.sizes),
        _at_most("First dot after due, p99", 5.0, _of(found.beginnings, "p99"), "{:.2f} s"),
        _at_most("Pages during a run, p99", 100.0, _of(found.answering, "p99_ms"), "{:.1f} ms"),
    ]


def _of_the_largest(sizes: Sequence[Size]) -> list[Target]:
    whole = {size.asked: size for size in sizes if not size.stopped}
    largest, tenth = whole.get(MOST_LETTERS), whole.get(MOST_LETTERS // 10)
    megabytes = largest.memory_bytes / MEGABYTE if largest else None
    grown = 100 * (largest.memory_bytes / tenth.memory_bytes - 1) if largest and tenth else None
    return [
        _at_most("Peak memory at 1,000,000 letters", 250.0, megabytes, "{:.0f} MB"),
        _at_most("Memory at 1,000,000 above that at 100,000", 10.0, grown, "{:.1f} %"),
        _at_most("1,000,000 letters written down", 60.0, _of(largest, "expanded"), "{:.1f} s"),
    ]


def _times(name: str, rows: Mapping[str, Standing], other: str, wanted: float) -> Target:
    ours, theirs = rows.get("convenor"), rows.get(other)
    times = ours.ratio / theirs.ratio if ours and theirs and theirs.ratio else None
    return Target(
        name=name,
        wanted=f"at least {wanted:g} ×",
        found="not measured" if times is None else f"{times:.2f} ×",
        met=None if times is None else times >= wanted,
    )


def _at_most(name: str, wanted: float, figure: float | None, form: str) -> Target:
    return Target(
        name=name,
        wanted=f"at most {form.format(wanted)}",
        found="not measured" if figure is None else form.format(figure),
        met=None if figure is None else figure <= wanted,
    )


def _of(found: object, name: str) -> float | None:
    figure = getattr(found, name, None)
    return None if figure is None else float(figure)


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────


def tables(found: Findings) -> list[Table]:
    """Everything that was measured, in the order of the document."""
    rounds = "one run" if found.rounds == 1 else f"medians of {found.rounds} runs"
    shown = [
        _standings(
            "Side by side",
            f"One `smtp-sink` on the same machine; {rounds}, the contenders in turn. CPU and memory are those of all "
            "processes of a contender, not the sink's; memory is PSS. Bytes are a letter's as it arrived.",
            found.near,
        ),
        _standings(
            f"Over a line with round trips of {found.round_trip_ms:.1f} ms",
            "The same through a proxy that holds each direction back by half the round trip.",
            found.far,
        ),
        _sizes(found.sizes),
    ]
    if found.beginnings:
        shown.append(_beginnings(found.beginnings))
    if found.answering:
        shown.append(_answering(found.answering))
    shown.append(_anatomy(found))
    return [table for table in shown if table.rows]


def _standings(title: str, note: str, rows: Sequence[Standing]) -> Table:
    return Table(
        title=title,
        note=note,
        heading=("", "Lines", "Letters", "Bytes", "Letters/s", "CPU s/1,000", "Memory MB", "Ratio"),
        rows=tuple(
            (
                row.name,
                str(row.lines),
                f"{row.letters:,}{' (stopped)' if row.stopped else ''}",
                f"{row.letter_bytes:,}",
                f"{row.rate:,.0f}",
                f"{row.cpu_per_thousand:.3f}",
                f"{row.memory_bytes / MEGABYTE:.1f}",
                f"{row.ratio:.3f}",
            )
            for row in rows
        ),
    )


def _sizes(sizes: Sequence[Size]) -> Table:
    return Table(
        title="Convenor alone",
        note="One mailing, from due to the last reply. Keeping the list of people is done before, once.",
        heading=(
            "Letters", "Arrived", "List kept s", "Written down s", "First dot s", "In all s", "Letters/s", "Memory MB",
        ),
        rows=tuple(
            (
                f"{size.asked:,}",
                f"{size.letters:,}{' (stopped)' if size.stopped else ''}",
                f"{size.published:.1f}",
                _seconds(size.expanded),
                _seconds(size.first_after),
                f"{size.seconds:.1f}",
                f"{size.rate:,.0f}",
                f"{size.memory_bytes / MEGABYTE:.1f}",
            )
            for size in sizes
        ),
    )  # fmt: skip


def _seconds(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.2f}"


def _beginnings(found: Beginnings) -> Table:
    return Table(
        title="From due to first dot",
        note="The running service, one mailing falling due each second.",
        heading=("Mailings", "Letters each", "p50 s", "p99 s", "Worst s", "Never began"),
        rows=(
            (
                str(found.mailings), str(found.letters_each), f"{found.p50:.2f}", f"{found.p99:.2f}",
                f"{found.worst:.2f}", str(found.never),
            ),
        ),
    )  # fmt: skip


def _answering(found: Answering) -> Table:
    return Table(
        title="The organiser's pages while letters leave",
        note="GETs of the timetable, its living part and the status, one after another.",
        heading=("Letters", "Asked", "p50 ms", "p99 ms", "Worst ms", "Failed"),
        rows=(
            (
                f"{found.letters:,}", str(found.asked), f"{found.p50_ms:.1f}", f"{found.p99_ms:.1f}",
                f"{found.worst_ms:.1f}", str(found.failed),
            ),
        ),
    )  # fmt: skip


def _anatomy(found: Findings) -> Table:
    """The parts of a letter, and what of the whole run's time is in none of them."""
    whole = next((1000 * row.cpu_per_thousand for row in found.near if row.key == "convenor"), None)
    rows = [(part.name, f"{part.alone:.1f}", f"{part.in_company:.1f}") for part in found.anatomy]
    if rows and whole:
        rest = whole - sum(part.in_company for part in found.anatomy)
        rows += [
            ("The rest: event loop, sockets, the kernel", "", f"{rest:.1f}"),
            ("All, side by side with the server", "", f"{whole:.1f}"),
        ]
    return Table(
        title="Where the time of a letter goes",
        note="Microseconds of CPU: each part by itself on an idle machine, and while every core does the same.",
        heading=("", "Alone", "In company"),
        rows=tuple(rows),
    )


# ── where it is shown ────────────────────────────────────────────────────────────────────────────────────────


def show(found: Findings, console: Console) -> None:
    """Everything, in colour where there is some."""
    console.print(Text(_measured_on(found.machine), style="dim"))
    for table in tables(found):
        console.print(_drawn(table))
    for name, why in (found.missing or {}).items():
        console.print(Text(f"{name} did not take part: {why}", style="yellow"))
    aims = Drawn("Target", "Wanted", "Found", "", title="Targets", title_justify="left", title_style="bold")
    for target in targets(found):
        mark, style = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}[target.met]
        aims.add_row(target.name.replace("`", ""), target.wanted, target.found, Text(mark, style=style))
    console.print(aims)


def _drawn(table: Table) -> Drawn:
    drawn = Drawn(
        title=table.title, caption=table.note.replace("`", ""), title_justify="left", title_style="bold"
    )
    for number, name in enumerate(table.heading):
        drawn.add_column(name, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*row, style="bold cyan" if row[0].startswith("Convenor") else "")
    return drawn


def document(found: Findings) -> str:
    """`docs/benchmarks.md`, whole."""
    said = {True: "met", False: "**not met**", None: "not measured"}
    aims = Table(
        title="Targets",
        note="",
        heading=("Target", "Wanted", "Found", "Met"),
        rows=tuple((each.name, each.wanted, each.found, said[each.met]) for each in targets(found)),
    )
    parts = [
        "# Benchmarks",
        "Written by `make bench` from what it measured; nobody edits it.",
        _measured_on(found.machine),
        *map(_marked_down, (aims, *tables(found))),
        *(f"{name} did not take part: {why}" for name, why in (found.missing or {}).items()),
        TRIED,
    ]
    return "\n\n".join(parts) + "\n"


def _measured_on(machine: Machine) -> str:
    return (
        f"Measured on {machine.date}: {machine.processor}, {machine.cores} cores, {machine.system}, "
        f"Python {machine.python}."
    )


def _marked_down(table: Table) -> str:
    numbers = ["---", *("---:" for _ in table.heading[1:])]
    lines = [f"| {' | '.join(row)} |" for row in (table.heading, numbers, *table.rows)]
    return "\n\n".join(filter(None, (f"## {table.title}", table.note, "\n".join(lines))))


def line_of(found: Findings) -> str:
    """Every figure as one line of JSON; `targets` with what was found and whether that is enough."""
    return json.dumps(
        asdict(found) | {"targets": [asdict(each) for each in targets(found)]}, ensure_ascii=False
    )

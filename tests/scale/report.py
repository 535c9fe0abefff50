"""What a campaign found: a table for a terminal, a page of the handbook, and one object for programs."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from textwrap import fill

from rich.console import Console
from rich.table import Table

from tests.scale.asks import NEVER_ENDS
from tests.scale.campaign import LARGEST, SLOWEST_MS, Findings, Page
from tests.scale.congress import Size

HEAD = ("Page", "kB", "p50 ms", "p99 ms", "CPU ms", "First ms", "p50 ms, answers coming in", "Statements")


def facts(found: Findings, size: Size) -> dict[str, object]:
    """The findings, for programs."""
    pages = [each for each in found.pages if not each.ask.why]
    return {
        "people": size.people,
        "sessions": size.sessions,
        "pages": len(pages),
        "downloads": len(found.pages) - len(pages),
        "too_large": [each.ask.path for each in pages if each.is_too_large],
        "too_slow": [each.ask.path for each in found.pages if each.is_too_slow],
        "broken": [each.ask.path for each in found.pages if each.is_broken],
        "largest_bytes": max((each.size for each in pages), default=0),
        "slowest_p99_ms": round(max((each.calm.p99 for each in found.pages), default=0), 1),
        "slowest_first_ms": round(max((each.first_ms for each in found.pages), default=0), 1),
        "load": [round(each, 2) for each in found.load],
        "holds": all(each.holds for each in found.pages),
        "seconds": round(found.seconds, 1),
    }


def show(found: Findings, console: Console) -> None:
    table = Table(*HEAD, title="What each page costs the server")
    for page in sorted(found.pages, key=lambda each: -each.calm.p99):
        table.add_row(*_row(page), style="" if page.holds else "bold red")
    console.print(table)


def line(page: Page) -> str:
    """One page in one line, while the others are still asked for."""
    return "  ".join((*_row(page)[1:], page.ask.path, *_faults(page)))


def _row(page: Page) -> tuple[str, ...]:
    return (
        page.ask.path,
        f"{page.size / 1000:.1f}",
        f"{page.calm.p50:.1f}",
        f"{page.calm.p99:.1f}",
        f"{page.calm.cpu:.1f}",
        f"{page.first_ms:.0f}",
        f"{page.busy.p50:.1f}",
        str(page.statements),
    )


def _faults(page: Page) -> Iterator[str]:
    if page.is_too_large:
        yield "TOO LARGE"
    if page.is_too_slow:
        yield "TOO SLOW"
    if page.is_broken:
        yield f"ANSWERED {page.status}"


def document(found: Findings, size: Size) -> str:
    """The page that says what a whole campaign found."""
    pages = [each for each in found.pages if not each.ask.why]
    files = [each for each in found.pages if each.ask.why]
    broken = [each for each in found.pages if not each.holds]
    prose = f"""
        `make scale` lays out a congress of {size.people:,} people and {size.sessions:,} sessions over {size.days} days,
        with its letters sent, answered, bounced and in doubt, a draft in hand and the whole list handed in; then it
        asks for every page that Convenor has. The pages are found from the program itself, so that none is left out
        but {", ".join(f"`{each}`" for each in sorted(NEVER_ENDS))}, which never ends. This page is what it wrote on
        {datetime.now(UTC):%-d %B %Y}.

        Each page was asked for {found.times} times in {found.rounds} rounds, and once more so often while answers
        came in. The times are milliseconds on the server, of half of all answers and of all but one in a hundred, in
        the round in which the machine was the quickest: others used it too (load {found.load[0]:.1f} to
        {found.load[1]:.1f}). CPU is what an answer had of the processor. First is the first time that anybody asked,
        when nothing had been counted.

        {_verdict(pages, broken)}"""
    return "\n".join(
        [
            "# A hundred thousand people, five hundred sessions",
            "",
            *(line for each in prose.split("\n\n") for line in (fill(" ".join(each.split()), 118), "")),
            *_table(HEAD, [_row(each) for each in sorted(pages, key=lambda each: -each.calm.p99)]),
            "",
            "Files are as long as what is in them; their times are those of the first byte.",
            "",
            *_table(("File", *HEAD[1:]), [_row(each) for each in files]),
            "",
        ]
    )


def _verdict(pages: Sequence[Page], broken: Sequence[Page]) -> str:
    largest, slowest = max(each.size for each in pages), max(each.calm.p99 for each in pages)
    told = (
        f"The largest of {len(pages)} answers has {largest / 1000:.0f} kB ({LARGEST / 1000:.0f} are the most), the "
        f"slowest takes {slowest:.0f} ms (of {SLOWEST_MS:.0f})."
    )
    if not broken:
        return told
    return f"{told} Beyond that: {', '.join(f'`{each.ask.path}`' for each in broken)}."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---", *["---:"] * (len(head) - 1)]
    named = [(f"`{_short(row[0])}`", *row[1:]) for row in rows]
    return [f"| {' | '.join(row)} |" for row in (head, marks, *named)]


def _short(path: str) -> str:
    """Tokens are long, and nobody's to read."""
    parts = path.split("/")
    return "/".join("…" if len(each.partition(".")[0]) > 30 and "?" not in each else each for each in parts)

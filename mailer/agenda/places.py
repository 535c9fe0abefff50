"""Where a key stands in a TOML file. `tomllib` reads values but forgets their lines; this remembers only those."""

import re

_TABLE = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*=\s*(.*)$")


def lines_of(text: str) -> dict[str, int]:
    """Dotted path -> line, counted from 1: `event.date`, `session[2].start`, `mailing[0]` (from 0 in a list).

    Approximate by design (bare keys only, as agenda files use them): a path not found here has no line.
    """
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, quote = "", None
    for number, line in enumerate(text.splitlines(), start=1):
        if quote:
            quote = None if quote in line else quote
            continue
        if found := _TABLE.match(line):
            table = found[2]
            if found[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{counts[table]}]"
            places.setdefault(table, number)
        elif found := _KEY.match(line):
            places.setdefault(f"{table}.{found[1]}" if table else found[1], number)
            opened = next((q for q in ('"""', "'''") if q in found[2]), None)
            quote = opened if opened and found[2].count(opened) == 1 else None
    return places


def line_of(path: str, places: dict[str, int]) -> int | None:
    """The line of a path, or of the nearest table around it."""
    while path:
        if path in places:
            return places[path]
        path = path.rpartition(".")[0] if not path.endswith("]") else path.rpartition("[")[0]
    return None

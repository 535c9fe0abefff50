"""Where a key stands in a TOML file. `tomllib` reads values but forgets their lines; this remembers only those."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailer.errors import Problem

_QUOTED = re.compile(
    "|".join(
        (
            r'"""(?:\\.|[^\\])*?"{3,5}',
            r"'''.*?'{3,5}",
            r'"(?:\\.|[^"\\\n])*"',
            r"'[^'\n]*'",
            r"#[^\n]*",
        )
    ),
    re.DOTALL,
)
_TABLE = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]\]?\s*")
_KEY = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=(.*)")


@dataclass(frozen=True, kw_only=True)
class Places:
    """A file's name and the lines of its keys, to tell problems with."""

    file: str
    lines: Mapping[str, int]

    def problem(self, path: str, message: str, *, warning: bool = False) -> Problem:
        """A problem with a key, at its line or that of the nearest table around it."""
        return Problem(
            file=self.file, row=line_of(path, self.lines), field=path, message=message, warning=warning
        )


def lines_of(text: str) -> dict[str, int]:
    """Dotted path -> line, counted from 1: `event.date`, `session[2].start`, `mailing[0]` (from 0 in a list).

    The text is sound TOML, with bare keys as agenda files have them: a quoted key has no line.
    """
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, depth = "", 0
    for number, line in enumerate(_QUOTED.sub(_blank, text).split("\n"), start=1):
        value = line
        if not depth and (found := _TABLE.fullmatch(line)):
            table = _counted(found[2], counts) if found[1] == "[[" else found[2]
            places.setdefault(table, number)
            continue
        if not depth and (found := _KEY.fullmatch(line)):
            places.setdefault(f"{table}.{found[1]}" if table else found[1], number)
            value = found[2]
        depth += sum(map(value.count, "[{")) - sum(map(value.count, "]}"))
    return places


def line_of(path: str, places: Mapping[str, int]) -> int | None:
    """The line of a path (a list stands where its first table does), or of the nearest table around it."""
    while path:
        if line := places.get(path) or places.get(f"{path}[0]"):
            return line
        path = path.rpartition("[")[0] if path.endswith("]") else path.rpartition(".")[0]
    return None


def _blank(quoted: re.Match[str]) -> str:
    """Neither a string nor a comment holds keys, only line breaks."""
    return "\n" * quoted[0].count("\n")


def _counted(table: str, counts: dict[str, int]) -> str:
    counts[table] = counts.get(table, -1) + 1
    return f"{table}[{counts[table]}]"

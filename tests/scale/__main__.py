"""`make scale`: the campaign from the command line. A table, one line of JSON last, and 1 where a promise is broken.

A whole one writes what it found to `docs/operator/scale.md`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from rich.console import Console

from mailer import wallclock
from mailer.settings import ROOT
from tests.scale import campaign, report
from tests.scale.congress import Size
from tests.scale.stage import open_stage

DOCUMENT = ROOT / "docs" / "operator" / "scale.md"
WHOLE, SESSIONS = 100_000, 500

_console = Console(width=None if sys.stdout.isatty() else 200)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make scale", description=__doc__)
    parser.add_argument("--people", type=int, default=WHOLE)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument(
        "--folder", type=Path, help="where the congress stands already, or is to stand and stay"
    )
    parser.add_argument("--only", default="", help="only pages whose path holds this")
    chosen = parser.parse_args(arguments)
    wallclock.use_packaged_tzdata()
    size = Size(
        people=chosen.people, sessions=chosen.sessions, mails=chosen.people // 20, versions=30,
        tray=chosen.people, deeds=chosen.people // 10,
    )  # fmt: skip
    with _folder(chosen.folder) as folder:
        began = perf_counter()
        with open_stage(folder, size) as stage:
            _console.print(f"  the congress stands ({perf_counter() - began:.0f} s)", style="dim")
            found = campaign.run(
                stage, rounds=chosen.rounds, times=chosen.times, only=chosen.only, told=_tell
            )
    report.show(found, _console)
    if not chosen.only and size.people >= WHOLE and size.sessions >= SESSIONS:
        DOCUMENT.write_text(report.document(found, size), "utf-8")
        _console.print(f"Written: {DOCUMENT.relative_to(ROOT)}")
    print(json.dumps(report.facts(found, size)), flush=True)
    return 0 if all(each.holds for each in found.pages) else 1


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="convenor-scale-") as folder:
        yield Path(folder)


def _tell(page: campaign.Page) -> None:
    _console.print(f"  {report.line(page)}", style="dim" if page.holds else "red", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

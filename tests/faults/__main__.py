"""`make faults`: the campaign from the command line. Tables, one line of JSON last, and 1 where a promise is broken.

A whole one writes what it found to `docs/operator/faults-campaign.md`.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from mailer import wallclock
from mailer.settings import ROOT
from tests.faults import report
from tests.faults.campaign import Campaign, Tally
from tests.faults.receiver import open_receiver
from tests.faults.stage import build

DOCUMENT = ROOT / "docs" / "operator" / "faults-campaign.md"
WHOLE = 1000
"""Kills of a whole campaign: one of so many, or more, is worth a page."""

READERS = 150
_TOLD_EVERY = 25

_console = Console(width=None if sys.stdout.isatty() else 120)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=WHOLE)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    wallclock.use_packaged_tzdata()
    folder = Path(tempfile.mkdtemp(prefix="convenor-faults-"))
    with open_receiver() as receiver:
        stage = build(folder / "stage", READERS)
        tally = Campaign(stage, receiver, folder, chosen.seed).run(chosen.kills, _telling())
    report.show(tally, _console)
    if tally.holds:
        shutil.rmtree(folder)
    else:
        _console.print(f"The databases and logs of those plays: {folder}")
    if chosen.kills >= WHOLE:
        DOCUMENT.write_text(report.document(tally, chosen.seed), "utf-8")
        _console.print(f"Written: {DOCUMENT.relative_to(ROOT)}")
    print(json.dumps(report.facts(tally)), flush=True)
    return 0 if tally.holds else 1


def _telling() -> Callable[[Tally], None]:
    """Says now and then how far it is."""
    told = 0

    def tell(tally: Tally) -> None:
        nonlocal told
        if tally.kills // _TOLD_EVERY > told:
            told = tally.kills // _TOLD_EVERY
            found = f"{len(tally.broken)} promises broken" if tally.broken else "all promises hold"
            _console.print(
                f"  {tally.kills} kills in {tally.took_for:.0f} s: {found}", style="dim", highlight=False
            )

    return tell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

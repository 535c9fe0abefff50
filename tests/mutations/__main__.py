"""`make mutations`: a hundred thousand broken mails are read. A table, one line of JSON, and 1 for a broken promise.

A whole campaign writes what it found to `docs/operator/mail-campaign.md`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from mailer.settings import ROOT
from tests.mutations.campaign import MOST_MEGABYTES, MOST_SECONDS, Tally, run

DOCUMENT = ROOT / "docs" / "operator" / "mail-campaign.md"
WHOLE = 100_000
_TOLD_EVERY = 5_000


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make mutations", description=__doc__)
    parser.add_argument("--mails", type=int, default=WHOLE)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    tally = run(chosen.seed, chosen.mails, _tell)
    page = document(tally, chosen.seed)
    print(page)
    for number, why in tally.broken[:20]:
        print(f"mail {number} of seed {chosen.seed}: {why}")
    if chosen.mails >= WHOLE:
        DOCUMENT.write_text(page, "utf-8")
        print(f"Written: {DOCUMENT.relative_to(ROOT)}")
    print(json.dumps(facts(tally)), flush=True)
    return 0 if holds(tally) else 1


def holds(tally: Tally) -> bool:
    return not tally.broken and tally.largest <= MOST_MEGABYTES


def facts(tally: Tally) -> dict[str, object]:
    return {
        "mails": tally.mails,
        "kinds": dict(sorted(tally.kinds.items())),
        "laid_aside": sum(tally.laid_aside.values()),
        "slowest_seconds": round(tally.slowest, 2),
        "largest_megabytes": round(tally.largest, 1),
        "broken": len(tally.broken),
        "seconds": round(tally.took_for, 1),
    }


def _tell(tally: Tally) -> None:
    if tally.mails % _TOLD_EVERY == 0:
        print(f"  {tally.mails:,} mails: {len(tally.broken)} promises broken", flush=True)


def document(tally: Tally, seed: int) -> str:
    """The page that says what a whole campaign found."""
    kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in tally.kinds.most_common())
    aside = sum(tally.laid_aside.values())
    ended = sum(count for reason, count in tally.laid_aside.items() if "too long" in reason)
    rows = [
        (
            "every mail is read or laid aside; none ends the service",
            f"{aside:,} laid aside, {ended} of them for taking too long",
            not tally.broken,
        ),
        (
            "each takes 2 seconds of computing at most",
            f"the slowest took {tally.slowest:.2f} s",
            tally.slowest <= MOST_SECONDS,
        ),
        ("reading them takes 128 MB at most", f"{tally.largest:.0f} MB", tally.largest <= MOST_MEGABYTES),
        (
            "without a sign of ours nobody is unsubscribed and no address flagged",
            f"{len(tally.broken)} were",
            not tally.broken,
        ),
    ]
    return "\n".join(
        [
            "# A campaign of broken mail",
            "",
            "`make mutations` takes answers of eight calendars, reports of many servers and notes of machines, breaks",
            "each in one to eight places at random, and has them read as if they had come. This page is what it wrote",
            f"on {datetime.now(UTC):%-d %B %Y}, with seed {seed}, after {tally.took_for / 60:.0f} minutes.",
            "",
            f"{tally.mails:,} mails. What they were taken for: {kinds}.",
            "",
            "| Promise | Found | Holds |",
            "| --- | --- | --- |",
            *(f"| {said} | {found} | {'yes' if true else '**no**'} |" for said, found, true in rows),
            "",
            "What is read, and what follows from it, is told in [The mailbox](inbox.md).",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

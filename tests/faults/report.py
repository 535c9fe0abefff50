"""What a campaign is told as: tables for a terminal, a page of the handbook, and one object for programs."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from mailer.outbox.letter import LetterState
from tests.faults.campaign import CONNECTIONS, TEMPERS, Deed, Tally
from tests.faults.invariants import PROMISES
from tests.faults.stage import HELD, MAILINGS

_SHOWN = 10

ONE_PER_LINE = "doubts"
_PROMISES = PROMISES | {ONE_PER_LINE: "a death leaves one letter in doubt at most for each connection"}


def facts(tally: Tally) -> dict[str, object]:
    """The findings, for programs."""
    return {
        "kills": tally.kills,
        "freezes": tally.deeds[Deed.FREEZE],
        "letters": tally.letters,
        "lost": tally.lost,
        "duplicates_of_held_kinds": tally.held_twice,
        "duplicates_byte_identical": tally.repeated,
        "duplicates_altered": tally.altered,
        "in_doubt_per_kill_max": tally.doubts_at_once,
        "connections": CONNECTIONS,
        "integrity": f"{tally.unsound} damaged" if tally.unsound else "ok",
        "strangers_data": tally.strangers,
        "holds": tally.holds,
        "seconds": round(tally.took_for, 1),
    }


def show(tally: Tally, console: Console) -> None:
    promises = Table("", "Promise", "Found", title="What must hold whatever happens")
    for key, said, found, holds in _verdicts(tally):
        promises.add_row(key, said, found, style="" if holds else "bold red")
    deeds = Table("Befell", "times", title=f"{tally.plays} plays of two mailings, {tally.letters:,} letters")
    for deed in Deed:
        deeds.add_row(deed.value, f"{tally.deeds[deed]:,}")
    console.print(deeds, promises)
    for promise, said in tally.broken[:_SHOWN]:
        console.print(f"{promise}  {said}", style="red", highlight=False)


def _verdicts(tally: Tally) -> Iterator[tuple[str, str, str, bool]]:
    broken = {promise for promise, _ in tally.broken}
    found = {
        "I1": _states(tally),
        "I2": f"{tally.lost} lost",
        "I3": f"{tally.held_twice} held came twice; {tally.repeated} were repeated, {tally.altered} of them altered",
        "I4": f"{tally.unsound} damaged",
        "I5": f"{tally.strangers} with another's data",
        ONE_PER_LINE: f"{tally.doubts_at_once} at once at most, over {CONNECTIONS} connections; {tally.doubts} in all",
    }
    for promise, said in _PROMISES.items():
        yield (
            promise,
            said,
            found.get(promise, "none came" if promise not in broken else "some came"),
            promise not in broken,
        )


def _states(tally: Tally) -> str:
    counted = sorted(tally.states.items(), key=lambda each: -each[1])
    return ", ".join(f"{count:,} {_word(state)}" for state, count in counted)


def _word(state: LetterState) -> str:
    return state.value.replace("_", " ")


def document(tally: Tally, seed: int) -> str:
    """The page that says what a whole campaign found."""
    kinds = ", ".join(
        f"{mailing.title} ({'held' if mailing.key in HELD else 'repeated once'})" for mailing in MAILINGS
    )
    return "\n".join(
        [
            "# A campaign of kills",
            "",
            "`make faults` starts Convenor, kills it at random, starts it again until all is settled, and lays its",
            "database beside the log of the mail server that received the letters. This page is what it wrote",
            f"on {datetime.now(UTC):%-d %B %Y}, with seed {seed}, after {tally.took_for / 60:.0f} minutes.",
            "",
            f"{tally.plays:,} plays, {tally.letters:,} letters of two mailings: {kinds}.",
            f"The mail server is {_listed(tuple(TEMPERS))} in turn. `kill -9`, but for the last row:",
            "",
            *_table(("Befell", "Times"), [(deed.value, f"{tally.deeds[deed]:,}") for deed in Deed]),
            "",
            f"{tally.kills:,} kills in all. What must hold:",
            "",
            *_table(
                ("", "Promise", "Found", "Holds"),
                [
                    (key, said, found, "yes" if holds else "**no**")
                    for key, said, found, holds in _verdicts(tally)
                ],
            ),
            "",
            "Why a letter can be in doubt, and what is done about it, is told in [What can go wrong](faults.md).",
            "",
        ]
    )


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]

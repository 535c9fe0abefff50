"""`convenor ledger`: whether every calendar is right, and what makes it so.

A part of the command line, in a module of its own. What is right is decided in planning.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from rich.table import Table

    from mailer.calendars import Overview
    from mailer.mending import HeldEntry

MOST_SHOWN = 20


def ledger(
    file: Annotated[Path | None, typer.Argument(help="The agenda file, if not the usual one.")] = None,
    heal: Annotated[
        bool, typer.Option("--heal", help="Send once more what makes calendars right that are not.")
    ] = False,
    correct: Annotated[
        str, typer.Option("--correct", help="Tell this address, or everyone, anew all they hold.")
    ] = "",
    of: Annotated[
        str, typer.Option("--of", help="What this person's calendar was told, entry by entry.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Whether every calendar shows what the agenda says."""
    from mailer.errand import errand
    from mailer.errors import ConvenorError

    if heal and correct:
        raise ConvenorError("--heal or --correct, not both")
    with errand(file) as this:
        mending, event = this.mending(), this.event_key()
        if of:
            _show_person(mending.held_by(event, of), this.zone(), json=json)
            return
        seen = mending.overview(event)
        letters = 0
        if not json:
            _show(seen)
        if correct and (
            yes
            or _asked(f"Tell {correct} anew all they hold, as a correction? Whoever accepted is asked again.")
        ):
            letters = mending.correct(event, correct)
        elif heal and (seen.stale or seen.moved_by_rules) and (yes or _asked("Make these right?")):
            letters = mending.heal(event, seen)
    if json:
        from pydantic_core import to_json

        print(to_json(_told(seen, letters), indent=2).decode())
    elif letters:
        print(f"{letters} letter{'' if letters == 1 else 's'} will leave at once.")
    elif heal and seen.moved_by_rules:
        print("Published at the hours that were agreed; those concerned will be told.")
    elif heal and seen.stale:
        print("Somebody else has seen to them meanwhile: look at the ledger again.")
    elif heal:
        print("There is nothing to heal.")


def _show(seen: "Overview") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    event = seen.version.event
    titles = {session.key: session.title for session in event.sessions}
    begins = {
        session.key: f"{session.starts_at.astimezone(event.zone):%-d %b %H:%M}" for session in event.sessions
    }
    table = _table("about", "begins", "in calendars>", "right>")
    for anchor, (held, right) in sorted(seen.counted.items(), key=lambda item: _place(seen, item[0])):
        style = "" if held == right else "bold yellow"
        name = event.title if anchor == "event" else titles.get(anchor, anchor)
        table.add_row(Text(name), begins.get(anchor, ""), str(held), Text(str(right), style=style))
    console.print(table)
    console.print()
    if seen.to_come:
        console.print(
            f"{seen.to_come} letter{'' if seen.to_come == 1 else 's'} about changes will leave by themselves."
        )
    for each in seen.stale[:MOST_SHOWN]:
        what = ", ".join(step.told.anchor for step in each.letter.steps)
        console.print(Text.assemble((f"{each.address}", "bold"), f"  {what}  ", (each.why, "dim")))
    if len(seen.stale) > MOST_SHOWN:
        console.print(f"and {len(seen.stale) - MOST_SHOWN} more")
    for key in seen.moved_by_rules:
        console.print(f"The rules of {event.timezone} have changed: {titles[key]} is at another instant.")
    if seen.untold:
        console.print("Not told of changes, for they have unsubscribed:", style="yellow")
        console.print(
            Text(", ".join(seen.untold[:MOST_SHOWN]) + (" ..." if len(seen.untold) > MOST_SHOWN else ""))
        )
    if not (seen.to_come or seen.stale or seen.untold or seen.moved_by_rules):
        console.print("Every calendar is right.", style="green")


def _show_person(rows: "Sequence[HeldEntry]", zone: "tzinfo", *, json: bool) -> None:
    from pydantic_core import to_json
    from rich.console import Console
    from rich.text import Text

    if json:
        print(to_json(rows, indent=2).decode())
        return
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    table = _table("about", "told (venue time)", "as", "version", "SEQUENCE", "answer")
    names = _table("about", "DTSTAMP (UTC)", "UID")
    for row in rows:
        answer = (
            f"{row.answer}, {row.answered_at.astimezone(zone):%-d %b %H:%M}, {row.answered_by}"
            if row.answered_at
            else ""
        )
        earlier = " (an earlier version)" if answer and not row.answer_holds else ""
        how = "taken back" if row.cancelled else "asked" if row.asked else "shown"
        table.add_row(
            Text(row.anchor), f"{row.sent_at.astimezone(zone):%Y-%m-%d %H:%M}", how, str(row.version),
            str(row.sequence), Text(answer + earlier),
        )  # fmt: skip
        names.add_row(Text(row.anchor), f"{row.stamped_at:%Y-%m-%d %H:%M:%S}", Text(row.uid))
    console.print(table)
    console.print()
    console.print(names, style="dim")


def _table(*columns: str) -> "Table":
    """A plain table; a column whose name ends in `>` is set to the right."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in columns:
        right = name.endswith(">")
        table.add_column(name.rstrip(">"), justify="right" if right else "left", overflow="fold")
    return table


def _place(seen: "Overview", anchor: str) -> tuple[int, str]:
    keys = ["event", *(session.key for session in seen.version.event.sessions)]
    return (keys.index(anchor) if anchor in keys else len(keys), anchor)


def _told(seen: "Overview", letters: int) -> dict[str, object]:
    return {
        "version": seen.version.number,
        "entries": [
            {"anchor": anchor, "held": held, "right": right}
            for anchor, (held, right) in sorted(seen.counted.items(), key=lambda item: _place(seen, item[0]))
        ],
        "to_come": seen.to_come,
        "stale": [
            {
                "address": each.address,
                "why": each.why,
                "entries": [{"anchor": s.told.anchor, "effect": s.effect} for s in each.letter.steps],
            }
            for each in seen.stale
        ],
        "untold": seen.untold,
        "moved_by_rules": seen.moved_by_rules,
        "letters": letters,
    }


def _asked(question: str) -> bool:
    """Have a person agree, or end here."""
    from mailer.errors import ConvenorError

    if not sys.stdin.isatty():
        raise ConvenorError("nothing was changed: there is nobody here to ask; --yes does it without asking")
    if not typer.confirm(question):
        raise typer.Exit(1)
    return True

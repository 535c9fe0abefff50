"""What a person sees in the terminal while the service runs: the mailings, their letters, and how far they are.

On a screen it is one table that keeps itself up to date; into a file or a pipe it is a line for each change.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event as Signal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mailer.outbox.letter import LetterState
from mailer.standing import MailingStanding, Stage, Standing

S = LetterState
_MARKS = {
    Stage.PLANNED: ("·", "dim"),
    Stage.RUNNING: ("▸", "bold cyan"),
    Stage.DONE: ("✓", "green"),
    Stage.MISSED: ("!", "yellow"),
    Stage.WITHDRAWN: ("–", "dim"),
}


def watch(
    look: Callable[[datetime], Standing | None],
    clock: Callable[[], datetime],
    stop: Signal,
    *,
    address: str,
    trouble: Callable[[], str],
) -> None:
    """Show how things stand until `stop` is set."""
    console = Console()
    if not console.is_terminal:
        return _tell(console, look, clock, stop)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while not stop.is_set():
            if now_standing := look(clock()):
                live.update(_screen(now_standing, clock(), address, trouble()), refresh=True)
            stop.wait(0.5)


def _tell(
    console: Console, look: Callable[[datetime], Standing | None], clock: Callable[[], datetime], stop: Signal
) -> None:
    told: dict[str, str] = {}
    while not stop.is_set():
        standing = look(clock())
        for mailing in standing.mailings if standing else ():
            line = f"{mailing.mailing}: {mailing.counts.get(S.SENT, 0)} of {mailing.letters} sent"
            if bad := _bad(mailing):
                line += f", {bad}"
            if mailing.letters and told.get(mailing.mailing) != line:
                console.print(f"{clock():%H:%M:%S} {line}", highlight=False, soft_wrap=True)
                told[mailing.mailing] = line
        stop.wait(1)


def _screen(standing: Standing, now: datetime, address: str, trouble: str) -> RenderableType:
    event = standing.version.event
    lines: list[RenderableType] = [
        Text.assemble((event.title, "bold")),
        Text(
            f"{event.starts_at.astimezone(event.zone):%A, %-d %B %Y, %H:%M} · {event.venue.city} · version {standing.version.number}",
            style="dim",
        ),
        Text(),
        timetable(standing, now),
        Text(),
        Text.assemble(
            "Look at it: ", (address, "bold cyan underline"), ("    Ctrl-C ends; nothing is lost.", "dim")
        ),
    ]
    if trouble:
        lines.append(Text(trouble, style="bold red"))
    return Group(*lines)


def timetable(standing: Standing, now: datetime) -> Table:
    """The mailings of an event with their letters: for the live screen and for `convenor status`."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    table.add_column("")
    table.add_column("mailing", no_wrap=True)
    table.add_column("due", no_wrap=True)
    for name in ("letters", "sent", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", min_width=16)
    zone = standing.version.event.zone
    for mailing in standing.mailings:
        mark, style = _MARKS[mailing.stage]
        sent, letters = mailing.counts.get(S.SENT, 0), mailing.letters
        planned = mailing.stage is Stage.PLANNED and not letters
        table.add_row(
            Text(mark, style=style),
            Text(mailing.mailing),
            Text(
                f"{mailing.due_at.astimezone(zone):%a %-d %b %Y %H:%M}  {_in_words(mailing.due_at - now)}",
                style="dim" if planned else "",
            ),
            Text(f"~{mailing.expected}" if planned else str(letters), style="dim" if planned else ""),
            Text(str(sent) if letters else "", style="green" if sent and sent == letters else ""),
            Text(
                str(mailing.counts.get(S.FAILED, 0)) if letters else "",
                style="red" if mailing.counts.get(S.FAILED) else "",
            ),
            ProgressBar(total=letters, completed=sent, width=16)
            if letters
            else Text(_bad(mailing), style="yellow"),
        )
    return table


def _bad(mailing: MailingStanding) -> str:
    wanted = (S.FAILED, S.IN_DOUBT, S.DEFERRED, S.SUPPRESSED, S.WITHDRAWN, S.MISSED)
    return ", ".join(f"{n} {s.replace('_', ' ')}" for s in wanted if (n := mailing.counts.get(s, 0)))


def _in_words(away: timedelta) -> str:
    """`in 3 days`, `in 12 s`, `` for what is past."""
    seconds = int(away.total_seconds())
    for size, name in ((86400, "days"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= 2 * size or (size == 1 and seconds > 0):
            return f"in {seconds // size} {name}"
    return ""

"""What a person sees in the terminal: the live timetable of the service, and what the commands print.

On a screen the timetable keeps itself up to date; into a file or a pipe it is a line for each change.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mailer.agenda.changes import Change
from mailer.agenda.model import Event
from mailer.composition.composing import Composed
from mailer.delivery.retrying import NOTICES
from mailer.delivery.tray import CaughtLetter
from mailer.dossier import Dossier
from mailer.errors import Problem, StoreError
from mailer.outbox.flags import REPORTED_WRONG
from mailer.outbox.letter import UNSENT, LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.pauses import EVERYTHING, Pause
from mailer.outbox.schema import PausedBy
from mailer.outlook import Outlook
from mailer.planned import Planned
from mailer.planning.entries import Effect
from mailer.publishing import Course, Difference, Foreseen, ToCome
from mailer.rehearsal import Heard, Rehearsal
from mailer.releasing import Sight
from mailer.standing import MailingStanding, Stage, Standing

S = LetterState
_MARKS = {
    Stage.PLANNED: ("·", "dim"),
    Stage.RUNNING: ("▸", "bold cyan"),
    Stage.DONE: ("✓", "green"),
    Stage.MISSED: ("!", "yellow"),
    Stage.WITHDRAWN: ("–", "dim"),
}
_HELD = ("‖", "bold yellow")
_BY = {
    PausedBy.PERSON: "paused by a person",
    PausedBy.CONTENT: "paused, for the mail server refuses its letters,",
    PausedBy.AUTH: "paused, for the mail server does not know us,",
}
_AHEAD = {Stage.PLANNED, Stage.RUNNING}
_FIELDS = {"starts_at": "starts", "ends_at": "ends", "end_assumed": "end is assumed"}
_MOMENT = "%a %-d %b %Y %H:%M"

Look = Callable[[datetime], Standing | None]
Further = Callable[[Standing, datetime], Outlook]
"""How it looks further, for what stands now."""


def _nothing_further(_stands: Standing, _now: datetime) -> Outlook:
    return Outlook()


def watch(
    look: Look,
    clock: Callable[[], datetime],
    stop: Signal,
    *,
    address: str,
    trouble: Callable[[], str],
    further: Further = _nothing_further,
) -> None:
    """Show how things stand until `stop` is set."""

    def both(now: datetime) -> tuple[Standing, Outlook] | None:
        """Nothing while the database is away: the heartbeat says so."""
        try:
            stands = look(now)
            return (stands, further(stands, now)) if stands else None
        except StoreError:
            return None

    console = Console()
    if console.is_terminal:
        _draw(console, both, clock, stop, address, trouble)
    else:
        _tell(console, both, clock, stop, trouble)


_Looked = Callable[[datetime], tuple[Standing, Outlook] | None]


def _draw(
    console: Console,
    look: _Looked,
    clock: Callable[[], datetime],
    stop: Signal,
    address: str,
    trouble: Callable[[], str],
) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while not stop.is_set():
            if looked := look(clock()):
                live.update(_screen(*looked, clock(), address, trouble()), refresh=True)
            stop.wait(0.5)


def _tell(
    console: Console, look: _Looked, clock: Callable[[], datetime], stop: Signal, trouble: Callable[[], str]
) -> None:
    told: dict[str, str] = {}
    while not stop.is_set():
        lines = {"trouble": trouble()}
        if looked := look(clock()):
            stands, looks = looked
            lines |= {m.mailing: _line(m) for m in stands.mailings}
            lines["held up"] = "; ".join(line.plain for line in _held_up(looks, stands.version.event.zone))
        for name, line in lines.items():
            if line and told.get(name) != line:
                console.print(f"{clock():%H:%M:%S} {line}", highlight=False, markup=False, soft_wrap=True)
            told[name] = line
        stop.wait(1)


def _line(mailing: MailingStanding) -> str:
    if not mailing.letters:
        return ""
    sent = f"{mailing.mailing}: {mailing.counts.get(S.SENT, 0)} of {mailing.letters} sent"
    return ", ".join(filter(None, (sent, _unsent(mailing))))


def _screen(standing: Standing, looks: Outlook, now: datetime, address: str, trouble: str) -> RenderableType:
    lines: list[RenderableType] = [*_heading(standing), timetable(standing, now, looks), Text()]
    lines += [*_held_up(looks, standing.version.event.zone)]
    lines.append(
        Text.assemble(
            "Look at it: ",
            (address, "bold cyan underline"),
            ("    Ctrl-C ends; nothing is lost.", "dim"),
        )
    )
    if trouble:
        lines.append(Text(trouble, style="bold red"))
    return Group(*lines)


def _heading(standing: Standing) -> list[RenderableType]:
    event = standing.version.event
    begins = f"{event.starts_at.astimezone(event.zone):%A, %-d %B %Y, %H:%M}"
    facts = f"{begins} · {event.venue.city} · version {standing.version.number} · {standing.recipients} recipients"
    return [Text(event.title, style="bold"), Text(facts, style="dim"), Text()]


def _held_up(looks: Outlook, zone: ZoneInfo) -> Iterator[Text]:
    """What keeps letters from leaving, a line for each."""
    for each in looks.pauses:
        yield Text(
            _pause_line(each, zone), style="yellow" if each.caused_by is PausedBy.PERSON else "bold red"
        )
    for waiting in looks.unapproved:
        since = f"{waiting.fell_due_at.astimezone(zone):{_MOMENT}}"
        words = (
            f"{waiting.mailing}: due since {since}, waits for approval: `convenor approve {waiting.mailing}`"
        )
        yield Text(words, style="bold yellow")
    for slowed in looks.slowdowns:
        words = f"{slowed.relay} asked for fewer letters: {slowed.per_minute:.0f} a minute. {slowed.reason}"
        yield Text(words.strip(), style="yellow")
    for time, letters in zip(NOTICES, looks.put_off, strict=True):
        if letters:
            words = f"{letters} letter{'' if letters == 1 else 's'} put off for more than {_hours(time)}"
            yield Text(words, style="yellow")
    if looks.held:
        words = f"{looks.held} letter{' waits' if looks.held == 1 else 's wait'}: {REPORTED_WRONG}"
        yield Text(f"{words}; `convenor inbox` says whose", style="yellow")


def _pause_line(each: Pause, zone: ZoneInfo) -> str:
    what = "the event" if each.mailing == EVERYTHING else each.mailing
    since = f"{each.paused_at.astimezone(zone):{_MOMENT}}"
    return f"{what}: {_BY[each.caused_by]} since {since}{f': {each.reason}' if each.reason else ''}"


def _hours(time: timedelta) -> str:
    return f"{time / timedelta(hours=1):.0f} hours"


def timetable(standing: Standing, now: datetime, looks: Outlook | None = None) -> Table:
    """The mailings of an event with their letters."""
    table = _table("", "mailing", "due (venue time)", "", "letters>", "sent>", "failed>", "")
    zone = standing.version.event.zone
    for mailing in standing.mailings:
        is_held = bool(looks and looks.holds(mailing.mailing) and mailing.stage in _AHEAD)
        mark, style = _HELD if is_held else _MARKS[mailing.stage]
        sent, letters, failed = (
            mailing.counts.get(S.SENT, 0),
            mailing.letters,
            mailing.counts.get(S.FAILED, 0),
        )
        quiet = "" if letters else "dim"
        table.add_row(
            Text(mark, style=style),
            Text(mailing.mailing),
            Text(f"{mailing.due_at.astimezone(zone):{_MOMENT}}", style=quiet),
            Text(_when(mailing, now, looks, is_held=is_held), style=quiet),
            Text(str(letters) if letters else f"~{mailing.expected}", style=quiet),
            Text(str(sent) if letters else "", style="green" if sent == letters else ""),
            Text(str(failed) if letters else "", style="bold red" if failed else ""),
            _how_far(mailing, sent),
        )
    return table


def _when(mailing: MailingStanding, now: datetime, looks: Outlook | None, *, is_held: bool) -> str:
    """`in 3 days`, `paused`, or when what is leaving will be through."""
    if is_held:
        return "paused"
    if looks and (end := looks.ends_at.get(mailing.mailing)):
        return f"through {_in_words(end - now) or 'now'}"
    return _in_words(mailing.due_at - now)


def _how_far(mailing: MailingStanding, sent: int) -> RenderableType:
    if unsent := _unsent(mailing):
        return Text(unsent, style="yellow")
    return ProgressBar(total=mailing.letters, completed=sent, width=20) if mailing.letters else Text()


def _unsent(mailing: MailingStanding) -> str:
    """What did not leave, in words: `2 in doubt, 1 missed`."""
    wanted = (S.FAILED, S.IN_DOUBT, S.DEFERRED, S.SUPPRESSED, S.WITHDRAWN, S.MISSED)
    return ", ".join(f"{n} {s.replace('_', ' ')}" for s in wanted if (n := mailing.counts.get(s, 0)))


def _in_words(away: timedelta) -> str:
    """`in 3 days`, `in 12 s`; nothing for what is past."""
    seconds = int(away.total_seconds())
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"in {seconds // size} {name}"
    return f"in {seconds} s" if seconds > 0 else ""


# ── what the commands print ──────────────────────────────────────────────────────────────────────────────────


def print_standing(standing: Standing, looks: Outlook, now: datetime) -> None:
    held_up = list(_held_up(looks, standing.version.event.zone))
    _print(*_heading(standing), timetable(standing, now, looks), *([Text(), *held_up] if held_up else []))


def print_pauses(paused: Sequence[Pause], zone: ZoneInfo) -> None:
    for each in paused:
        _print(Text(_pause_line(each, zone)))
    _print(Text("Nothing of it leaves until it is resumed: `convenor resume`.", style="dim"))


def print_resumed(ended: Sequence[Pause], paused: Sequence[Pause], zone: ZoneInfo) -> None:
    for each in ended:
        _print(Text(f"Resumed. {_pause_line(each, zone)}"))
    if not ended:
        _print(Text("That was not paused."))
    for each in paused:
        _print(Text(f"Still held: {_pause_line(each, zone)}", style="yellow"))


def print_sights(sights: Sequence[Sight], zone: ZoneInfo) -> None:
    """Each mailing with its approval."""
    for each in sights:
        key, last = each.mailing.key, each.last
        if not each.is_asked:
            _print(Text(f"{key}: leaves by itself; this event asks for no approval"))
        elif each.is_approved and last:
            by = f"{last.by}, {last.at.astimezone(zone):%-d %b %Y, %H:%M}"
            _print(Text(f"{key}: approved by {by} ({each.matter.digest[:12]})", style="green"))
        else:
            why = f" again: {' and '.join(each.changed)} changed" if each.changed else ""
            since = (
                f", due since {each.fell_due_at.astimezone(zone):%-d %b, %H:%M}" if each.fell_due_at else ""
            )
            _print(Text(f"{key}: to be approved{why}{since}", style="yellow"))


def print_dossier(found: Dossier) -> None:
    """A sound event in a few lines, after what its organiser should know all the same."""
    event = found.event
    print_problems(found.warnings)
    begins = f"{event.starts_at.astimezone(event.zone):%A, %-d %B %Y, %H:%M}"
    counts = (
        f"{len(event.sessions)} items, {len(event.mailings)} mailings, {len(found.recipients)} recipients"
    )
    _print(Text(event.title, style="bold"), Text(f"{begins}, {event.venue.one_line}"), Text(counts))
    for session in event.sessions:
        if session.end_assumed:
            ends = f"{session.ends_at.astimezone(event.zone):%H:%M}"
            _print(Text(f"{session.title}: the end, {ends}, is assumed", style="dim"))
    _print(Text("Everything is in order.", style="green"))


def print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems:
        _print(Text(f"{'note: ' if problem.warning else ''}{problem}", style="yellow"))


def print_foreseen(foreseen: Foreseen, found: Dossier, now: datetime) -> None:
    difference, event = foreseen.difference, found.event
    if not difference.anything:
        _print(Text(f"{event.title}: nothing differs from version {difference.version}."))
        return
    _print(Text(f"{event.title}: this would be version {difference.version}", style="bold"), Text())
    for change in difference.changes:
        _print(_changed(change))
    for what, addresses in (
        ("added", difference.added), ("changed", difference.changed), ("removed", difference.left)
    ):  # fmt: skip
        if addresses:
            _print(Text(f"  people {what}: {len(addresses)}  ({_few(addresses)})"))
    if difference.left:
        words = "  The list in force has them: `convenor export --lists .` writes it to the files."
        _print(Text(words, style="dim"))
    if difference.wording:
        _print(Text(f"  wording changed: {len(difference.wording)}  ({_few(difference.wording)})"))
    _print(Text())
    for mailing, letters in difference.due_at_once.items():
        words = f"  Leaves at once: {mailing}, {_counted(letters)}"
        _print(Text(words, style="bold yellow"))
    _print_courses(foreseen.courses, event.zone, now)
    _print_consequences(difference, event)


def _print_courses(courses: Sequence[Course], zone: ZoneInfo, now: datetime) -> None:
    """What becomes of mailings whose letters are still to come."""
    if not courses:
        return
    _print(Text("  In the timetable:", style="bold"))
    table = _table("mailing", "to come, as it was", "to come, as it becomes", "")
    for each in courses:
        withdrawn = f"{_counted(each.withdrawn)} written already withdrawn" if each.withdrawn else ""
        table.add_row(
            each.mailing, _to_come(each.was, zone, now), _to_come(each.becomes, zone, now), withdrawn
        )
    _print(Padding(table, (0, 0, 1, 2)))


def _to_come(told: ToCome | None, zone: ZoneInfo, now: datetime) -> str:
    if told is None:
        return "nothing"
    hours = f", at {told.hours} hours from" if told.hours > 1 else ","
    when = "at once" if told.first_at <= now else f"{told.first_at.astimezone(zone):{_MOMENT}}"
    return f"{_counted(told.letters)}{hours} {when}"


_EFFECTS = {
    Effect.REQUEST: ("sent anew, asked", "bold"),
    Effect.CANCEL: ("taken back", "bold red"),
    Effect.REWORD: ("reworded, not asked", ""),
    Effect.CHANGE: ("sent anew, not asked", ""),
}


def _print_consequences(difference: Difference, event: Event) -> None:
    """What it does to calendars, entry by entry: to how many, and to whom."""
    found = difference.consequences
    if found.untold:
        _print(Text(f"  Not told, for they have unsubscribed: {_few(found.untold)}"))
    if not found.letters:
        return
    titles = {each.anchor: each.before for each in difference.changes if each.what == "session"}
    titles |= {
        session.key: f"{session.title}, {session.starts_at.astimezone(event.zone):%-d %b %H:%M}"
        for session in event.sessions
    }
    _print(Text("  In calendars:", style="bold"))
    for each in found.changes:
        words, style = _EFFECTS[each.effect]
        title = (
            "the conference as a whole" if each.anchor == "event" else titles.get(each.anchor, each.anchor)
        )
        few = (_few(each.addresses), "dim")
        _print(Text.assemble(f"  {len(each.addresses):>6}  ", (f"{words:20}", style), f"  {title}  ", few))
    when = f" from {found.due_at.astimezone(event.zone):%H:%M} on" if found.due_at else ""
    _print(Text(f"  {_counted(found.letters)} will tell of it,{when} (venue time). This is one of them:"))


def _counted(letters: int) -> str:
    return f"{letters:,} letter{'' if letters == 1 else 's'}"


def _few(addresses: Sequence[str]) -> str:
    return ", ".join(addresses[:3]) + (", ..." if len(addresses) > 3 else "")


def print_letter(letter: Composed) -> None:
    """A letter as its reader sees it in plain text."""
    _print(Text(), Text(f"  Subject: {letter.subject}", style="bold"), Text())
    for line in letter.text.splitlines():
        _print(Text(f"  │ {line}", style="dim"))
    _print(Text())


def _changed(change: Change) -> Text:
    what = change.anchor if change.what == change.anchor else f"{change.what} {change.anchor}"
    line = Text.assemble("  ", (f"{change.kind:9}", "bold"), f" {what}")
    if change.field == "cancelled":
        return line
    if change.field:
        line.append(f" {_FIELDS.get(change.field, change.field)}: ", style="dim")
        line.append(change.before or "(nothing)", style="strike dim")
        line.append(" → ")
        line.append(change.after or "(nothing)")
    elif change.before or change.after:
        line.append(f"  {change.after or change.before}", style="dim")
    return line


def print_plan(planned: Sequence[Planned], zone: ZoneInfo, now: datetime) -> None:
    table = _table(
        "mailing", "about", "due (venue time)", "UTC", "letters>", "through", "useful until", "audience"
    )
    for row in planned:
        table.add_row(
            row.mailing, "" if row.anchor == "event" else row.anchor,
            f"{row.due_at.astimezone(zone):{_MOMENT}}", f"{row.due_at:%d %H:%M}Z", str(row.letters),
            Text(_through(row, zone), style="bold red" if row.trouble else ""),
            f"{row.useful_until.astimezone(zone):{_MOMENT}}", row.audience,
            style="dim" if row.due_at < now else "",
        )  # fmt: skip
    _print(table)


def _through(row: Planned, zone: ZoneInfo) -> str:
    """The hour, and the day if it is another than that on which it falls due."""
    if row.ends_at is None:
        return "never" if row.trouble else ""
    end, due = row.ends_at.astimezone(zone), row.due_at.astimezone(zone)
    return f"{end:%H:%M}" if end.date() == due.date() else f"{end:{_MOMENT}}"


@contextmanager
def rehearsing() -> Iterator[Heard]:
    """How far a rehearsal is, on a screen; nothing into a pipe."""
    with Console(stderr=True).status("Rehearsing ...") as status:
        yield lambda moment, letters: status.update(
            f"Rehearsing: {moment:%-d %b %Y %H:%M}Z, {letters} letters"
        )


def print_rehearsal(played: Rehearsal, address: str | None, out: Path | None) -> None:
    """The timetable as it went; for one person, their letters."""
    event = played.version.event
    _print(Text(f"Rehearsal: {event.title}", style="bold"), Text())
    table = _table("due (venue time)", "UTC", "mailing", "about", "letters>", "sent>", "subject")
    for row in played.occasions:
        if address and not row.letters:
            continue
        about = "" if row.anchor == "event" else row.anchor
        table.add_row(
            f"{row.due_at.astimezone(event.zone):{_MOMENT}}", f"{row.due_at:%d %H:%M}Z", row.mailing, about,
            str(row.letters), str(row.sent), Text(row.sample_subject, overflow="ellipsis", no_wrap=True),
        )  # fmt: skip
        for why, count in row.unsent.items():
            table.add_row("", "", "", "", str(count), "", Text(why, style="yellow"))
    _print(table, Text())
    whose = f"for {address}" if address else f"to {len({each.address for each in played.letters})} people"
    _print(Text(f"{len(played.letters)} letters {whose}; nothing left this machine."))
    if out:
        _print(Text(f"They are in {out}/"))


def print_letters(rows: Sequence[LetterRow]) -> None:
    table = _table("letter>", "mailing", "about", "to", "state", "due (UTC)", "the server's words")
    for row in rows:
        about = "" if row.anchor == "event" else row.anchor
        table.add_row(
            str(row.id), row.mailing, about, row.recipient.address, row.state.replace("_", " "),
            f"{row.due_at:%Y-%m-%d %H:%M}", Text(_why(row)),
        )  # fmt: skip
    _print(table if rows else Text("No such letters."))


def _why(row: LetterRow) -> str:
    """What the server said of it last, or why it stays here."""
    if row.flagged_at and row.state in UNSENT:
        return f"waits: {REPORTED_WRONG}"
    return row.reply or row.reason


def letter_facts(row: LetterRow) -> dict[str, object]:
    """A letter for machines, without the rest of its reader's data."""
    names = (
        "id",
        "mailing",
        "anchor",
        "due_at",
        "state",
        "reason",
        "attempts",
        "settled_at",
        "reply",
        "flagged_at",
    )
    return {"to": row.recipient.address} | {name: getattr(row, name) for name in names}


def print_tray(rows: Sequence[CaughtLetter], held: int) -> None:
    table = _table("letter>", "received (UTC)", "to", "subject")
    for row in rows:
        table.add_row(str(row.id), f"{row.received_at:%Y-%m-%d %H:%M:%S}", row.recipient, Text(row.subject))
    _print(table, Text(f"{len(rows)} of {held} letters in the tray", style="dim"))


def _table(*columns: str) -> Table:
    """A plain table; a column whose name ends in `>` is set to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in columns:
        table.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left")
    return table


def _print(*lines: RenderableType) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=200)
    console.print(*lines, sep="\n")

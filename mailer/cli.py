"""`convenor`: what an organiser does by hand. Each command reads the clock and the settings once, and prints.

Exit codes: 0 done; 1 refused, with the reason; 2 the command was written wrongly. `--json` answers machines.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer import accounts_cli, inbox_cli, ledger_cli, letters_cli, links_cli
from mailer.replies_cli import By

if TYPE_CHECKING:
    from mailer.errors import Problem

app = typer.Typer(
    name="convenor",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The conference secretariat's calendar clerk: invitations, calendar entries and reminders, each at its hour.",
    epilog="A first look: convenor check, convenor rehearse, convenor run",
)

File = Annotated[
    Path | None,
    typer.Argument(
        help="The agenda file. Without it: the only one of your own in agenda/, else the example.",
        show_default=False,
    ),
]
EventOption = Annotated[Path | None, typer.Option("--event", help="The agenda file, if not the usual one.")]
MailingKey = Annotated[
    str | None,
    typer.Argument(
        help="The mailing's key, such as invitation. Without it: all of the event.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def main() -> None:
    """The command line's front door: every expected refusal is one clear message and exit code 1."""
    from mailer.errors import ConvenorError

    try:
        app()
    except ConvenorError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)


@app.command(epilog="Example: convenor check agenda/mine.toml")
def check(file: File = None, json: Json = False) -> None:
    """Read the agenda, the lists and the templates; show every problem with its place."""
    from mailer import terminal
    from mailer.errand import errand
    from mailer.errors import BadInput

    with errand(file) as this:
        try:
            found, latest = this.read()
            noted = _refuse(this.too_late(found, latest))
        except BadInput as error:
            if not json:
                raise
            _print_json({"ok": False, "problems": _problems(error.problems)})
            raise typer.Exit(1) from None
    event = found.event
    if json:
        facts = {"event": event.key, "starts": event.starts_at, "ends": event.ends_at}
        counts = {"sessions": event.sessions, "mailings": event.mailings, "recipients": found.recipients}
        counted = {name: len(items) for name, items in counts.items()}
        _print_json({"ok": True, **facts, **counted, "problems": _problems([*found.warnings, *noted])})
    else:
        terminal.print_problems(noted)
        terminal.print_dossier(found)


@app.command(epilog="Example: convenor apply agenda/mine.toml")
def apply(
    file: File = None,
    json: Json = False,
    yes: Annotated[bool, typer.Option("--yes", help="Publish without asking.")] = False,
) -> None:
    """Show what the files change, ask, and publish it."""
    from mailer import terminal
    from mailer.errand import errand
    from mailer.opening import shown

    with errand(file) as this:
        found, latest = this.read()
        foreseen = this.foresee(found, latest)
        noted, difference = _refuse(foreseen.problems), foreseen.difference
        if json:
            published = yes and difference.anything
            _print_json({"published": published, "difference": difference, "courses": foreseen.courses})
        else:
            terminal.print_problems([*found.warnings, *noted])
            terminal.print_foreseen(foreseen, found, this.now)
            if letter := this.sample(found, latest, difference):
                terminal.print_letter(letter)
        if not difference.anything or (json and not yes):
            return
        if not yes:
            _ask("Publish this?", "published", "publishes")
        version = this.publish(found, difference.seen)
    if not json:
        print(
            f"Published as version {version.number}. `make run EVENT={shown(this.file)}` sends what is due."
        )


@app.command(epilog="Example: convenor export --agenda .")
def export(
    folder: Annotated[
        Path, typer.Argument(help="Where to: agenda/, recipients/ and templates/ are made in it.")
    ],
    agenda: Annotated[bool, typer.Option("--agenda", help="The agenda alone.")] = False,
    lists: Annotated[bool, typer.Option("--lists", help="The lists of people alone.")] = False,
    templates: Annotated[bool, typer.Option("--templates", help="The templates alone.")] = False,
    draft: Annotated[
        bool, typer.Option("--draft", help="As it was changed on the desk, not published yet.")
    ] = False,
    event: EventOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write over files without asking.")] = False,
    json: Json = False,
) -> None:
    """Write what is in force back as files, which `convenor check` and `convenor apply` read to the same."""
    from mailer import exporting
    from mailer.errand import errand

    every = not (agenda or lists or templates)
    parts = exporting.Parts(agenda=agenda or every, lists=lists or every, templates=templates or every)
    with errand(event) as this:
        written = exporting.files(this.in_force(draft=draft), this.file.name, parts)
        if there := exporting.in_the_way(folder, written):
            if not json:
                print("\n".join(f"{folder / path} says something else" for path in there))
            if not yes:
                _ask("Write over what is there?", "written", "writes over it")
        this.export(folder, written)
    if json:
        _print_json({"files": sorted(written), "written_over": there})
    else:
        print("\n".join(str(folder / path) for path in written))


@app.command(epilog="Example: convenor plan --json")
def plan(file: File = None, json: Json = False) -> None:
    """The timetable of mailings: what falls due when, for how many, when it is through, until when it is useful."""
    from mailer import terminal
    from mailer.errand import errand

    with errand(file) as this:
        planned, zone, problems = this.plan()
        if json:
            _print_json(planned)
        else:
            terminal.print_plan(planned, zone, this.now)
    noted = _refuse(problems)
    if not json:
        terminal.print_problems(noted)


@app.command(epilog="Example: convenor preview invitation --to a.petrosyan@armenia-mission.example --eml")
def preview(
    mailing: Annotated[str, typer.Argument(help="The mailing's key, such as invitation.")],
    to: Annotated[str, typer.Option("--to", help="The recipient's address.")],
    event: EventOption = None,
    session: Annotated[
        str | None, typer.Option(help="The session, for a mailing about each session.")
    ] = None,
    eml: Annotated[bool, typer.Option("--eml", help="The whole message, byte for byte.")] = False,
    html: Annotated[bool, typer.Option("--html", help="The HTML part.")] = False,
    ics: Annotated[bool, typer.Option("--ics", help="The calendar part.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Show the HTML part in the browser.")] = False,
    json: Json = False,
) -> None:
    """The letter one person gets of one mailing, exactly as it will be sent."""
    from mailer.errand import errand
    from mailer.errors import ConvenorError

    with errand(event) as this:
        composed = this.letter(mailing, to, session)
    calendar = composed.calendar.content if composed.calendar else b""
    if json:
        facts = {
            name: getattr(composed, name) for name in ("subject", "language", "message_id", "text", "html")
        }
        _print_json({**facts, "calendar": calendar.decode() or None})
    elif eml:
        _print_bytes(composed.raw)
    elif ics and not calendar:
        raise ConvenorError(f"'{mailing}' carries nothing for the calendar")
    elif ics:
        _print_bytes(calendar)
    elif html:
        print(composed.html)
    elif open_:
        _open_in_browser(composed.html)
    else:
        print(f"Subject: {composed.subject}\n\n{composed.text}")


@app.command(epilog="Example: convenor rehearse --for a.petrosyan@armenia-mission.example --out rehearsal")
def rehearse(
    file: File = None,
    json: Json = False,
    for_: Annotated[str | None, typer.Option("--for", help="One person's whole experience.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write every letter into this folder, as .eml files.")
    ] = None,
) -> None:
    """Play the whole timetable in virtual time against a tray of its own. Nothing leaves, nothing is kept."""
    from mailer import rehearsal, terminal
    from mailer.errand import errand
    from mailer.errors import ConvenorError

    with errand(file) as this:
        found, version = this.rehearsal_version()
        players = [r for r in found.recipients if not for_ or r.address.lower() == for_.lower()]
        if for_ and not players:
            raise ConvenorError(f"{for_} is on no list of this event")
        with terminal.rehearsing() as heard:
            seen = version if for_ or out else rehearsal.without_files(version)
            played = rehearsal.rehearse(
                seen, players, sender=this.sender, texts=found.texts, heard=heard, contents=found.contents
            )
    if out:
        rehearsal.write(played, out)
    if json:
        letters = [letter.described() for letter in played.letters] if for_ else None
        _print_json({"event": version.event.key, "version": version.number, "occasions": played.occasions,
                     **({"letters": letters} if for_ else {})})  # fmt: skip
    else:
        terminal.print_rehearsal(played, for_, out)


@app.command(epilog="Example: convenor run agenda/mine.toml")
def run(file: File = None) -> None:
    """Start the service, as `make run` does."""
    import schedule
    from mailer.errand import usual

    raise typer.Exit(schedule.main([str(usual(file))]))


@app.command("take-over", epilog="Example: convenor take-over")
def take_over(
    event: EventOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take over without asking.")] = False,
    json: Json = False,
) -> None:
    """Let letters leave from here, though the database is a copy, or others send from it."""
    from mailer.errand import errand
    from mailer.errors import ConvenorError
    from mailer.parts import installation_of, utc_now

    with errand(event) as this:
        here = installation_of(this.settings, this.database)
        found = here.beat(this.now)
        if json:
            _print_json(
                {"verdict": found.verdict, "told": found.told, "taken_over": yes and not found.may_send}
            )
        elif not found.may_send:
            print(found.told)
        if not found.may_send:
            if not yes:
                if json or not sys.stdin.isatty():
                    raise ConvenorError(
                        "not taken over: there is nobody here to ask; --yes does it without asking"
                    )
                if not typer.confirm("Let letters leave from here?"):
                    raise typer.Exit(1)
            here.take_over(utc_now())
    if not json:
        print("Letters may leave from here.")


@app.command(epilog="Example: convenor status --json")
def status(event: EventOption = None, json: Json = False) -> None:
    """Where everything stands: each mailing with its letters counted."""
    from mailer import terminal
    from mailer.errand import errand

    with errand(event) as this:
        stands = this.standing()
        looks = this.outlook(stands)
    if json:
        from mailer.web.organiser.status import status_of

        print(status_of(stands, looks, this.now).model_dump_json(indent=2))
    else:
        terminal.print_standing(stands, looks, this.now)


@app.command(epilog="Example: convenor replies --by delegation --names")
def replies(
    by: Annotated[By, typer.Option(help="What the answers are counted by.")] = By.AUDIENCE,
    names: Annotated[bool, typer.Option("--names", help="Say who, too.")] = False,
    event: EventOption = None,
    json: Json = False,
) -> None:
    """How people answered, counted: by audience, delegation, session or day."""
    from mailer import replies_cli
    from mailer.errand import errand
    from mailer.replies import named

    with errand(event) as this:
        found = this.replies()
        persons = named(this.database, found.version.event.key) if names else []
    if json:
        from mailer.web.organiser.replies import replies_of

        people = {"people": [replies_cli.facts(each) for each in persons]} if names else {}
        _print_json({**replies_of(found, this.now).model_dump(), **people})
    else:
        replies_cli.print_replies(found, by, persons)


@app.command(epilog="Example: convenor pause invitation --reason 'the venue is not certain'")
def pause(
    mailing: MailingKey = None,
    reason: Annotated[str, typer.Option(help="Why; the page shows it.")] = "",
    event: EventOption = None,
    json: Json = False,
) -> None:
    """Hold letters back. What is written waits, and whatever falls due is written and waits as well."""
    from mailer import terminal
    from mailer.errand import errand

    with errand(event) as this:
        paused, zone = this.hold().pause(mailing, reason, this.now), this.zone()
    if json:
        _print_json({"paused": paused})
    else:
        terminal.print_pauses(paused, zone)


@app.command(epilog="Example: convenor resume invitation")
def resume(mailing: MailingKey = None, event: EventOption = None, json: Json = False) -> None:
    """Let letters go on that were held back, by a person or because of a server's words."""
    from mailer import terminal
    from mailer.errand import errand

    with errand(event) as this:
        (ended, paused), zone = this.hold().resume(mailing, this.now), this.zone()
    if json:
        _print_json({"resumed": ended, "paused": paused})
    else:
        terminal.print_resumed(ended, paused, zone)


@app.command(epilog="Example: convenor stop invitation --yes")
def stop(
    mailing: MailingKey = None,
    event: EventOption = None,
    json: Json = False,
    yes: Annotated[bool, typer.Option("--yes", help="Stop without asking.")] = False,
) -> None:
    """Withdraw the letters that are written and unsent, for good. What is planned for later is not touched."""
    from mailer.errand import errand

    with errand(event) as this:
        hold = this.hold()
        unsent = hold.unsent(mailing)
        what = f"{unsent} letter{'' if unsent == 1 else 's'} of {mailing or 'the event'}"
        if not yes:
            _ask(f"{what} will never be sent. Stop them?", "stopped", "stops")
        stopped = hold.stop(mailing, this.now)
    if json:
        _print_json({"stopped": stopped})
    else:
        print(f"Stopped: {stopped} unsent letter{'' if stopped == 1 else 's'} of {mailing or 'the event'}.")


@app.command(epilog="Example: convenor approve invitation")
def approve(
    mailing: MailingKey = None,
    event: EventOption = None,
    json: Json = False,
    take_back: Annotated[bool, typer.Option("--take-back", help="End the approval instead.")] = False,
) -> None:
    """Approve a mailing as it is now, where the event asks for it; without a mailing, show what is approved."""
    from mailer import terminal
    from mailer.errand import by_hand, errand

    with errand(event) as this:
        releasing, zone = this.releasing(), this.zone()
        if mailing and take_back:
            releasing.take_back(mailing, by_hand(), this.now)
        elif mailing:
            releasing.approve(mailing, by_hand(), this.now)
        sights = [each for each in releasing.sights(this.now) if mailing in {None, each.mailing.key}]
    if json:
        _print_json({"mailings": [{"mailing": s.mailing.key, "approved": s.is_approved, "asked": s.is_asked,
                                   "digest": s.matter.digest, "changed": s.changed} for s in sights]})  # fmt: skip
    else:
        terminal.print_sights(sights, zone)


@app.command("wording", epilog="Example: convenor wording --export")
def wording_in_force(
    event: EventOption = None,
    export: Annotated[bool, typer.Option("--export", help="Write the desk's into templates/.")] = False,
    take: Annotated[bool, typer.Option("--take", help="Put that of templates/ in force.")] = False,
    json: Json = False,
) -> None:
    """How the wording that letters are sent in differs from templates/; bring the two together."""
    from mailer.errand import errand
    from mailer.errors import ConvenorError

    if export and take:
        raise ConvenorError("--export and --take are two ways: name one")
    with errand(event) as this:
        if export:
            did, paths = "Written", this.export_wording()
        elif take:
            did, paths = "Taken", this.take_wording()
        else:
            did, paths = "Another at the desk", this.wording_differs()
    if json:
        _print_json({"did": did.lower(), "files": paths})
    else:
        print(
            "\n".join(f"{did}: templates/{path}" for path in paths) or "The desk and templates/ say the same."
        )


app.add_typer(letters_cli.app, name="letters")
app.add_typer(inbox_cli.app, name="inbox")
app.add_typer(links_cli.app, name="links")
app.add_typer(accounts_cli.app, name="account")
app.command(name="audit", epilog="Example: convenor audit --verify")(accounts_cli.audit)
app.command(name="ledger", epilog="Example: convenor ledger --heal")(ledger_cli.ledger)


@app.command(epilog="Example: convenor tray Petrosyan")
def tray(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words to look for, or a letter's number.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 20,
    json: Json = False,
) -> None:
    """What the tray caught, newest first; with a number, that letter as it came."""
    from mailer import settings, terminal
    from mailer.errors import ConvenorError
    from mailer.parts import open_tray

    kept = open_tray(settings.load())
    if words and len(words) == 1 and words[0].isdigit():
        found = kept.letter(int(words[0]))
        if not found:
            raise ConvenorError(f"there is no letter {words[0]} in the tray; it holds {kept.count()}")
        if json:
            _print_json({"letter": found[0], "raw": found[1].decode("utf-8", "replace")})
        else:
            _print_bytes(found[1])
        return
    rows = kept.search(" ".join(words or ()), limit=limit)
    if json:
        _print_json(rows)
    else:
        terminal.print_tray(rows, kept.count())


@app.command("send-test", epilog="Example: convenor send-test me@ministry.example")
def send_test(
    address: Annotated[str, typer.Argument(help="Where to send it: your own address.")],
    event: EventOption = None,
    json: Json = False,
) -> None:
    """Send the first mailing's letter to yourself through the mail server, and show the server's words."""
    from mailer.errand import errand
    from mailer.outbox.letter import Happening
    from mailer.witnesses import THE_TRAY

    with errand(event) as this:
        outcome, through = this.send_test(address)
    accepted = outcome.happening is Happening.ACCEPTED
    if json:
        _print_json({"accepted": accepted, "reply": outcome.reply, "through": through})
    else:
        if through == THE_TRAY:
            print("No mail server is set (CONVENOR_SMTP_URL): the letter is in the tray of this machine.")
        print(f"{through}: {outcome.reply}")
    if not accepted:
        raise typer.Exit(1)


def _ask(question: str, done: str, does: str) -> None:
    """Have a person agree, or end here."""
    from mailer.errors import ConvenorError

    if not sys.stdin.isatty():
        raise ConvenorError(f"not {done}: there is nobody here to ask; --yes {does} without asking")
    if not typer.confirm(question):
        raise typer.Exit(1)


def _refuse(problems: "Sequence[Problem]") -> "Sequence[Problem]":
    """Those that are only doubtful. Raises BadInput when any is more than that."""
    from mailer.errors import BadInput

    if not all(problem.warning for problem in problems):
        raise BadInput(problems)
    return problems


def _print_json(value: object) -> None:
    from pydantic_core import to_json

    print(to_json(value, indent=2).decode())


def _print_bytes(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _problems(problems: "Sequence[Problem]") -> list[dict[str, object]]:
    return [vars(problem) for problem in problems]


def _open_in_browser(html: str) -> None:
    import tempfile
    import webbrowser

    with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False, encoding="utf-8") as file:
        file.write(html)
    if not webbrowser.open(Path(file.name).as_uri()):
        print(f"No browser to open; the letter is in {file.name}")

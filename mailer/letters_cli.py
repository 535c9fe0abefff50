"""`convenor letters`: what became of each letter, and what a person says of those in doubt, or that failed.

A part of the command line, in a module of its own. What may be done about a doubt is decided in `settling`, what may be
sent again in `resending`.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.text import Text

    from mailer.errand import Errand
    from mailer.outbox.letter import Happening
    from mailer.resending import Prospect
    from mailer.settling import Compose, OpenDoubt

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    epilog="Example: convenor letters --state in_doubt",
    help="The letters that are written down, each with its state and the server's last words.",
)

EventOption = Annotated[Path | None, typer.Option("--event", help="The agenda file, if not the usual one.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]

ANSWERS = {"s": "sent", "n": "not sent", "r": "repeat", "l": "leave it", "q": "quit"}
"""What a person is asked about each letter, and the key that says it."""


@app.callback()
def letters(
    context: typer.Context,
    event: EventOption = None,
    mailing: Annotated[str | None, typer.Option(help="Only this mailing's.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those waiting, sent, failed, in_doubt ...")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Only to addresses that hold this.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    json: Json = False,
) -> None:
    """The letters that are written down, each with its state and the server's last words."""
    if context.invoked_subcommand:
        return
    from mailer import terminal
    from mailer.errand import errand
    from mailer.errors import ConvenorError
    from mailer.outbox import letters as outbox
    from mailer.outbox.letter import LetterState

    if state is not None and state not in set(LetterState):
        raise ConvenorError(f"'{state}' is no state; there are {', '.join(LetterState)}")
    wanted = LetterState(state) if state else None
    with errand(event) as this, this.database.reading() as transaction:
        rows = outbox.search(
            transaction, this.event_key(), mailing=mailing, state=wanted, address=to, limit=limit
        )
    if json:
        _print_json([terminal.letter_facts(row) for row in rows])
    else:
        terminal.print_letters(rows)


@app.command(epilog="Example: convenor letters settle --sent 12 --sent 14 --not-sent 17")
def settle(
    event: EventOption = None,
    sent: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="The mail server has this letter: it counts as sent."),
    ] = None,
    not_sent: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="The mail server never had it: it waits to be sent."),
    ] = None,
    repeat: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Nobody knows: it leaves once more, byte for byte.")
    ] = None,
    all_sent: Annotated[
        bool, typer.Option("--all-sent", help="The server has all that are not named.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the letters in doubt and ask what is known of each, or take it from the options.

    Look in the mail server's log for the Message-ID. It may be used while the service runs.
    """
    from mailer.errand import errand
    from mailer.outbox.letter import Happening
    from mailer.settling import settle_by_hand

    with errand(event) as this:
        shown = _open_doubts(this)
        said = _said(
            {Happening.FOUND: sent, Happening.NOT_FOUND: not_sent, Happening.REPEATED: repeat},
            shown,
            all_sent,
        )
        if not json and not said:
            said = _ask(shown)
        settle_by_hand(this.database, this.event_key(), _compose(this), said, this.now)
        left = _open_doubts(this) if said else shown
    if json:
        settled = {str(letter_id): _STATES[happening] for letter_id, happening in said.items()}
        _print_json({"settled": settled, "in_doubt": [_facts(each) for each in left]})
    else:
        _print_settled(said, left)


@app.command(epilog='Example: convenor letters retry --mailing invitation --cause "550 5.7.1 spam"')
def retry(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="These letters.")] = None,
    event: EventOption = None,
    mailing: Annotated[str | None, typer.Option(help="All of this mailing that failed.")] = None,
    cause: Annotated[
        str | None, typer.Option(help="Of them only those that failed of this, in the server's words.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    json: Json = False,
) -> None:
    """Send letters that failed again, to the same addresses, when what they were refused for is mended.

    Nobody has a letter that failed. One that may have arrived is never sent again.
    """
    from mailer import resending
    from mailer.errand import errand
    from mailer.errors import ConvenorError
    from mailer.outbox.pauses import words_of

    ids = list(_ids(numbers or ()))
    if bool(ids) == bool(mailing) or (cause and not mailing):
        raise ConvenorError(
            "name letters by their numbers, or a mailing by --mailing, with --cause if you like"
        )
    with errand(event) as this:
        database, key, now = this.database, this.event_key(), this.now
        if not mailing:
            done = resending.Prospect(ids=tuple(ids))
            resending.resend(database, key, ids, now)
        else:
            of = words_of(cause) if cause else None
            found = resending.prospect(database, key, mailing, now, cause=of)
            if not json:
                _print_prospect(found)
            if found.ids and not yes:
                _confirm(found.letters)
            done = resending.resend_all(database, key, mailing, now, cause=of) if found.ids else found
    if json:
        _print_json({"sent_again": done.ids, "left": done.left})
    elif done.ids:
        _print_sent_again(done.letters)


def _confirm(letters: int) -> None:
    """Raises ConvenorError: there is nobody to ask. Raises typer.Exit: they said no."""
    from mailer.errors import ConvenorError

    if not sys.stdin.isatty():
        raise ConvenorError(
            "nothing was sent again: there is nobody here to ask; --yes does it without asking"
        )
    if not typer.confirm(f"Send {'it' if letters == 1 else 'them'} again?"):
        raise typer.Exit(1)


def _print_prospect(found: "Prospect") -> None:
    from rich.text import Text

    count = found.letters
    _print(Text(f"{count:,} letter{'' if count == 1 else 's'} that failed may be sent again."))
    for why, letters in found.left.items():
        _print(Text(f"{letters:,} not: {why}.", style="dim"))


def _print_sent_again(letters: int) -> None:
    from rich.text import Text

    _print(Text(f"{letters:,} letter{' waits' if letters == 1 else 's wait'} to be sent.", style="green"))


def _compose(this: "Errand") -> "Compose":
    """Letters are composed from the wordings that are kept with them."""
    from mailer.service import Service

    return Service.of_what_is_kept(this.database, this.event_key(), this.sender).compose


def _open_doubts(this: "Errand") -> "list[OpenDoubt]":
    from mailer.settling import open_doubts

    return open_doubts(this.database, this.event_key(), _compose(this), this.now)


def _said(
    named: "Mapping[Happening, Sequence[str] | None]", shown: "Sequence[OpenDoubt]", all_sent: bool
) -> "dict[int, Happening]":
    """What the options say of each letter."""
    from mailer.errors import ConvenorError
    from mailer.outbox.letter import Happening

    said: dict[int, Happening] = {}
    for happening, texts in named.items():
        for letter_id in _ids(texts or ()):
            if said.setdefault(letter_id, happening) is not happening:
                raise ConvenorError(
                    f"letter {letter_id} is named twice, for different things; nothing was changed"
                )
    if all_sent:
        said = {each.doubt.letter.id: Happening.FOUND for each in shown} | said
    return said


def _ids(texts: Sequence[str]) -> Iterator[int]:
    """The numbers of letters, one to a word or with commas between them."""
    from mailer.errors import ConvenorError

    for text in (part for each in texts for part in each.split(",")):
        if not (text.strip().isdecimal() and text.isascii()):
            raise ConvenorError(f"'{text}' is no letter's number; `convenor letters` shows them")
        yield int(text)


def _ask(shown: "Sequence[OpenDoubt]") -> "dict[int, Happening]":
    """Show each letter and ask what is known of it."""
    from mailer.errors import ConvenorError
    from mailer.outbox.letter import Happening

    happenings = {"s": Happening.FOUND, "n": Happening.NOT_FOUND, "r": Happening.REPEATED}
    said: dict[int, Happening] = {}
    is_a_person = sys.stdin.isatty()
    for each in shown:
        _print(_card(each))
        key = typer.prompt(_QUESTION, default="l", value_proc=_key) if is_a_person else "l"
        if key == "q":
            break
        if key in happenings:
            said[each.doubt.letter.id] = happenings[key]
    if shown and not is_a_person:
        raise ConvenorError(
            "nothing was settled: there is nobody here to ask; --sent, --not-sent and --repeat say what is known"
        )
    return said


_QUESTION = "Has the mail server got it? " + ", ".join(f"[{key}] {words}" for key, words in ANSWERS.items())


def _key(text: str) -> str:
    key = text.strip().lower()[:1]
    if key not in ANSWERS:
        raise typer.BadParameter(f"one of {', '.join(ANSWERS)}")
    return key


# ── what is printed ──────────────────────────────────────────────────────────────────────────────────────────


def _card(each: "OpenDoubt") -> "Text":
    """One letter in doubt, as a person looks for it in a log."""
    from rich.text import Text

    doubt, letter = each.doubt, each.doubt.letter
    about = "" if letter.anchor == "event" else f" about {letter.anchor}"
    return Text.assemble(
        (f"Letter {letter.id}", "bold"), f"  {letter.mailing}{about} to ", (letter.recipient.address, "cyan"),
        ("\n  in doubt since  ", "dim"), f"{doubt.doubted_at:%Y-%m-%d %H:%M:%S} UTC",
        ("\n  was to leave    ", "dim"), f"{letter.intent_at:%Y-%m-%d %H:%M:%S} UTC through {doubt.through}",
        ("\n  Message-ID      ", "dim"), each.message_id or "unknown",
        ("\n  useful until    ", "dim"), f"{doubt.useful_until:%Y-%m-%d %H:%M} UTC",
        ("\n  by itself       ", "dim"), _BY_ITSELF.get(each.decision.verdict, "it is settled:"),
        f" {each.decision.reason}\n",
    )  # fmt: skip


_BY_ITSELF = {"wait": "it waits:", "hold": "it is held:", "repeat": "it is repeated soon:"}
_NOW_IS = {
    "found": "counts as sent",
    "not_found": "waits to be sent",
    "repeated": "waits to be sent once more",
}
_STATES = {"found": "sent", "not_found": "waiting", "repeated": "waiting"}


def _print_settled(said: "Mapping[int, Happening]", left: "Sequence[OpenDoubt]") -> None:
    from rich.text import Text

    for letter_id, happening in said.items():
        _print(Text(f"Letter {letter_id} {_NOW_IS[happening]}."))
    if not left:
        _print(Text("No letter is in doubt.", style="green"))
    elif said:
        _print(Text(f"{len(left)} still in doubt.", style="yellow"))


def _facts(each: "OpenDoubt") -> dict[str, object]:
    """A letter in doubt for machines, without the rest of its reader's data."""
    doubt, letter = each.doubt, each.doubt.letter
    names = ("id", "mailing", "anchor", "due_at", "intent_at", "repeated_at")
    return {
        "to": letter.recipient.address,
        **{name: getattr(letter, name) for name in names},
        "in_doubt_since": doubt.doubted_at,
        "through": doubt.through,
        "message_id": each.message_id,
        "useful_until": doubt.useful_until,
        "by_itself": each.decision.verdict,
        "reason": each.decision.reason,
    }


def _print(text: "Text") -> None:
    from rich.console import Console

    Console(highlight=False, markup=False, soft_wrap=True).print(text)


def _print_json(value: object) -> None:
    from pydantic_core import to_json

    print(to_json(value, indent=2).decode())

"""`convenor inbox`: what came back, what of it needs a person, and what a person decides.

A part of the command line, in a module of its own. What a mail is and what follows from it is decided elsewhere.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mailer.collecting import Collected
    from mailer.errand import Errand
    from mailer.outbox.incoming import Incoming, TroubledAddress

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    epilog="Example: convenor inbox --kind question",
    help="What came back: answers, bounces, questions; and what of it needs a person.",
)

EventOption = Annotated[Path | None, typer.Option("--event", help="The agenda file, if not the usual one.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Number = Annotated[int, typer.Argument(metavar="ID", help="The mail's number.")]

KINDS = {
    "answer": "answers",
    "bounce": "bounces",
    "out_of_office": "out of office",
    "automatic": "other automatic mail",
    "unsubscribe": "wishes to be left alone",
    "question": "questions",
    "unknown": "unknown",
    "": "not read",
}
"""What comes, in the order in which it is shown."""

_ONE = {
    "answer": "an answer",
    "bounce": "a bounce",
    "unsubscribe": "a wish to be left alone",
    "question": "a question",
}
"""What one of a kind is called, where that is not the kind's name."""


@app.callback()
def inbox(
    context: typer.Context,
    event: EventOption = None,
    kind: Annotated[str | None, typer.Option(help="Show the mails of this kind: answer, bounce ...")] = None,
    limit: Annotated[int, typer.Option(help="At most so many mails.", min=1)] = 50,
    json: Json = False,
) -> None:
    """What came back, counted; the mails that need a person; the addresses that have trouble."""
    if context.invoked_subcommand:
        return
    from mailer.errand import errand
    from mailer.errors import ConvenorError
    from mailer.outbox import incoming

    if kind is not None and kind not in KINDS:
        raise ConvenorError(f"'{kind}' is no kind; there are {', '.join(filter(None, KINDS))}")
    with errand(event) as this, this.database.reading() as transaction:
        key = this.event_key()
        counted: dict[str, dict[str, int]] = {}
        for (what, state), mails in incoming.counts(transaction, key).items():
            counted.setdefault(what, {})[state.value] = mails
        states = () if kind else incoming.NEEDS_A_PERSON
        rows = incoming.search(transaction, key, kind=kind, states=states, limit=limit)
        troubled = incoming.troubled(transaction, key)
    if json:
        addresses = [vars(each) for each in troubled]
        _print_json({"counts": counted, "mails": [_facts(row) for row in rows], "addresses": addresses})
        return
    _print_counts(counted)
    _print_mails(rows, kind)
    _print_troubled(troubled)


@app.command(epilog="Example: convenor inbox collect")
def collect(event: EventOption = None, json: Json = False) -> None:
    """Look into the mailbox now, once. The service does the same by itself."""
    from mailer.errand import errand
    from mailer.errors import ConvenorError

    with errand(event) as this:
        found = _collected(this)
    if json:
        _print_json(vars(found))
    else:
        kinds = ", ".join(f"{KINDS.get(kind, kind)} {count}" for kind, count in found.kinds.items())
        print(f"New: {found.new}. Looked into: {kinds or 'nothing'}.")
    if found.troubles:
        raise ConvenorError("\n".join(found.troubles))


@app.command(epilog="Example: convenor inbox show 12 --raw")
def show(
    number: Number,
    event: EventOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="The mail as it came, byte for byte.")] = False,
    json: Json = False,
) -> None:
    """One mail: what it is, what it says, what followed."""
    import sys

    from mailer.errand import errand
    from mailer.errors import ConvenorError
    from mailer.outbox import incoming

    with errand(event) as this, this.database.reading() as transaction:
        found = incoming.one(transaction, number)
    if found is None:
        raise ConvenorError(f"there is no mail {number}; `convenor inbox` shows what came")
    mail, octets = found
    if raw:
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
    elif json:
        _print_json({**_facts(mail), "said": mail.said})
    else:
        _print_one(mail)


@app.command(epilog="Example: convenor inbox decide 12 --accept-as a.petrosyan@armenia-mission.example")
def decide(
    number: Number,
    event: EventOption = None,
    accept_as: Annotated[
        str,
        typer.Option("--accept-as", metavar="ADDRESS", help="It is this person's: let it count for them."),
    ] = "",
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Nothing is to follow from it.")] = False,
    json: Json = False,
) -> None:
    """Decide about a mail that needs a person. It may be used while the service runs."""
    from mailer import collecting
    from mailer.errand import errand
    from mailer.errors import ConvenorError

    if bool(accept_as) == dismiss:
        raise ConvenorError("say either --accept-as ADDRESS or --dismiss")
    with errand(event) as this:
        mail = collecting.decide(this.database, this.event_key(), number, this.now, accept_as=accept_as)
    if json:
        _print_json(_facts(mail))
    else:
        print(f"Mail {mail.id}: {mail.outcome}.")


@app.command(epilog="Example: convenor inbox clear a.petrosyan@armenia-mission.example")
def clear(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address that is right.")],
    event: EventOption = None,
    json: Json = False,
) -> None:
    """An address that was reported as wrong is right: what waits for it may leave."""
    from mailer.errand import errand
    from mailer.errors import ConvenorError
    from mailer.outbox import flags

    with errand(event) as this, this.database.writing() as transaction:
        if not flags.clear(transaction, this.event_key(), address):
            raise ConvenorError(
                f"{address} was not reported as wrong; `convenor inbox` names the addresses that were"
            )
    if json:
        _print_json({"cleared": address})
    else:
        print(f"Letters go to {address} again.")


def _collected(this: "Errand") -> "Collected":
    from mailer.composition.wording import Wording
    from mailer.errors import ConvenorError
    from mailer.parts import open_collector, token_source, utc_now
    from mailer.service import Service

    kept_alone = Wording(texts={})
    service = Service(database=this.database, event=this.event_key(), sender=this.sender, texts=kept_alone)
    with open_collector(this.settings, service, token_source(this.settings, utc_now)) as collector:
        if collector is None:
            raise ConvenorError("no mailbox is set: CONVENOR_INBOX_URL names it")
        return collector.collect(this.now)


# ── what is printed ──────────────────────────────────────────────────────────────────────────────────────────


def _facts(mail: "Incoming") -> dict[str, object]:
    """A mail for machines; what it says at length is `show`'s."""
    names = ("id", "received_at", "state", "kind", "outcome", "sender", "subject", "forward", "letter_id")
    reply = mail.said.get("reply") or {}
    return {
        **{name: getattr(mail, name) for name in names},
        "answer": reply.get("partstat", ""),
        "attendee": reply.get("attendee", ""),
        "comment": reply.get("comment", ""),
    }


def _print_counts(counted: dict[str, dict[str, int]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not counted:
        _print(Text("Nothing has come back."))
        return
    table = Table("What came", "Mails", "Need a person", box=None, pad_edge=False)
    for kind, words in KINDS.items():
        states = counted.get(kind, {})
        if states:
            needs = states.get("open", 0) + states.get("quarantined", 0)
            table.add_row(words, str(sum(states.values())), str(needs or ""))
    _print(table)


def _print_mails(rows: "Sequence[Incoming]", kind: str | None) -> None:
    from rich.text import Text

    if not rows:
        _print(Text("There are no such mails.") if kind else Text("Nothing needs a person.", style="green"))
        return
    _print(Text(f"\n{KINDS[kind].capitalize() if kind else 'These need a person'}:", style="bold"))
    for row in rows:
        said = row.said.get("reply") or {}
        _print(
            Text.assemble(
                (f"{row.id:>5}", "bold"), f"  {row.received_at:%Y-%m-%d %H:%M}  ", (row.sender or "nobody", "cyan"),
                f"  {row.subject[:80]}\n       {row.outcome}",
                f" ({said['partstat'].lower()})" if said.get("partstat") and said["partstat"].lower() not in row.outcome
                else "",
                f"\n       “{' '.join(said['comment'].split())[:200]}”" if said.get("comment") else "",
            )
        )  # fmt: skip
    if not kind:
        _print(Text("\nconvenor inbox show ID, then decide ID --accept-as ADDRESS or --dismiss", style="dim"))


def _print_troubled(troubled: "Sequence[TroubledAddress]") -> None:
    from rich.text import Text

    if not troubled:
        return
    _print(Text("\nAddresses with trouble:", style="bold"))
    for each in troubled:
        what = "wrong, letters wait" if each.hard_at else f"{each.soft} times undelivered"
        others = f"\n       instead perhaps {', '.join(each.others)}" if each.others else ""
        words = " ".join(filter(None, (each.status, each.words)))
        _print(Text.assemble("  ", (each.address, "cyan"), f"  {what}: {words[:160]}{others}"))
    if any(each.hard_at for each in troubled):
        _print(
            Text("\nCorrect the list; or convenor inbox clear ADDRESS, if it is right after all", style="dim")
        )


def _print_one(mail: "Incoming") -> None:
    from rich.text import Text

    said, reply = mail.said, mail.said.get("reply") or {}
    lines = {
        "came": f"{mail.received_at:%Y-%m-%d %H:%M:%S} UTC",
        "from": f"{said.get('sender_name', '')} <{mail.sender}>".strip(),
        "subject": mail.subject,
        "is": _ONE.get(mail.kind, KINDS.get(mail.kind, mail.kind)),
        "state": f"{mail.state.value}: {mail.outcome}",
        "answer": reply.get("partstat", "").lower(),
        "of": reply.get("attendee", ""),
        "delegated": reply.get("delegated_to", ""),
        "comment": " ".join(reply.get("comment", "").split()),
        "letter": str(mail.letter_id or ""),
    }
    reports = [
        " ".join(filter(None, (r["address"], r["action"], r["status"], r["words"])))
        for r in said.get("reports", ())
    ]
    shown = [(name, value) for name, value in lines.items() if value] + [("report", each) for each in reports]
    _print(Text(f"Mail {mail.id}", style="bold"))
    for name, value in shown:
        _print(Text.assemble((f"  {name:<10}", "dim"), value))
    _print(Text(f"\n{said.get('text', '')}"))


def _print(what: object) -> None:
    from rich.console import Console

    Console(highlight=False, markup=False, soft_wrap=True).print(what)


def _print_json(value: object) -> None:
    from pydantic_core import to_json

    print(to_json(value, indent=2).decode())

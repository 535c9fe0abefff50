"""What `convenor replies` prints: tables of counts, and names if they are asked for.

A part of the command line, in a module of its own. What is counted, and how, is decided in `replies`.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

    from mailer.outbox.responses import PersonalResponse
    from mailer.replies import Replies, Tally


class By(StrEnum):
    """What answers are counted by."""

    AUDIENCE = "audience"
    DELEGATION = "delegation"
    SESSION = "session"
    DAY = "day"


WORDS = {
    "accepted": "will attend",
    "tentative": "perhaps",
    "delegated": "sends another",
    "declined": "declined",
    "silent": "no answer",
}
"""The categories, as they head the columns."""

ROLES = {
    "focal_point": "Focal points",
    "practitioner": "Practitioners",
    "expert": "Experts",
    "speaker": "Speakers",
}


def facts(each: "PersonalResponse") -> dict[str, object]:
    """One person for machines."""
    said = each.member.recipient
    return {
        "address": said.address,
        "name": said.full_name,
        "role": said.role,
        "state": said.state,
        "response": each.response,
        "at": each.at,
        "unsubscribed": each.member.unsubscribed,
        "troubled": each.troubled,
    }


def print_replies(found: "Replies", by: By, persons: "Sequence[PersonalResponse]") -> None:
    """The event in a few lines, a table, and whoever is to be named under each row of it."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=200)
    whole = found.event
    console.print(Text(found.version.event.title, style="bold"))
    console.print(Text(f"{whole.answered:,} of {whole.asked:,} people have answered."))
    for remark in _remarks(whole):
        console.print(Text(f"  {remark}", style="dim"))
    console.print()
    if by is By.DELEGATION and found.silent_delegations:
        silent = ", ".join(found.silent_delegations)
        console.print(Text(f"Nobody has answered of {silent}.\n", style="yellow"))
    rows = list(_rows(found, by))
    console.print(_table(found, by, rows))
    for name, line in _named(found, by, persons):
        console.print(Text(f"\n{name}", style="bold") if line is None else line, soft_wrap=True)


def _remarks(tally: "Tally") -> Iterator[str]:
    if tally.earlier:
        yield f"{tally.earlier:,} of the silent answered an earlier version of the invitation"
    if tally.unsubscribed:
        yield f"{tally.unsubscribed:,} unsubscribed"
    if tally.troubled:
        yield f"{tally.troubled:,} addresses are wrong: `convenor inbox` names them"


def _rows(found: "Replies", by: By) -> "Iterator[tuple[str, Tally, tuple[int, ...]]]":
    """What each row is called, its counts, and further numbers."""
    match by:
        case By.AUDIENCE:
            yield from ((ROLES.get(each.key or "", each.key or ""), each.tally, ()) for each in found.roles)
            yield from ((f"tag {each.key}", each.tally, ()) for each in found.tags)
        case By.DELEGATION:
            yield from ((each.key or "no State", each.tally, ()) for each in found.delegations)
        case By.SESSION:
            yield from ((each.title[:48], each.tally, (each.listed, each.coming)) for each in found.sessions)
        case By.DAY:
            yield from ((_day(each.on), each.tally, (each.so_far,)) for each in found.days)


_MORE = {By.SESSION: ("in their list", "coming"), By.DAY: ("so far",)}


def _table(found: "Replies", by: By, rows: "Sequence[tuple[str, Tally, tuple[int, ...]]]") -> object:
    from rich.table import Table

    from mailer.replies import CATEGORIES

    shown = [each for each in CATEGORIES if by is not By.DAY or each != "silent"]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column(by.value)
    for name in ("given" if by is By.DAY else "asked", *(WORDS[each] for each in shown), *_MORE.get(by, ())):
        table.add_column(name, justify="right")
    for name, tally, further in rows:
        counts = (tally.asked, *(getattr(tally, each) for each in shown), *further)
        table.add_row(name, *(f"{number:,}" if number else "·" for number in counts))
    if by in {By.AUDIENCE, By.DELEGATION}:
        whole = found.event
        table.add_row(
            "Everybody", *(f"{number:,}" for number in (whole.asked, *(getattr(whole, each) for each in shown))),
            style="bold",
        )  # fmt: skip
    return table


def _named(
    found: "Replies", by: By, persons: "Sequence[PersonalResponse]"
) -> "Iterator[tuple[str, Text | None]]":
    """(a row's name, nothing) before those under it, (a row's name, one person) for each of them."""
    from rich.text import Text

    groups: dict[str, list[tuple[str, PersonalResponse]]] = {}
    for each in persons:
        for name, response in _places(found, by, each):
            groups.setdefault(name, []).append((response, each))
    for name in sorted(groups):
        yield name, None
        for response, each in groups[name]:
            said = each.member.recipient
            marks = [
                *(["unsubscribed"] if each.member.unsubscribed else []),
                *(["address is wrong"] if each.troubled else []),
            ]
            line = Text.assemble(
                (f"  {response:<16}", "dim"), said.full_name, " ", (said.address, "cyan"),
                (f"  {', '.join(marks)}" if marks else "", "yellow"),
            )  # fmt: skip
            yield name, line


def _places(found: "Replies", by: By, each: "PersonalResponse") -> Iterator[tuple[str, str]]:
    """Under which rows somebody is named, and with what answer."""
    said, response = each.member.recipient, _response(each.response.value)
    match by:
        case By.AUDIENCE:
            yield ROLES.get(said.role, said.role), response
        case By.DELEGATION:
            yield said.state or "no State", response
        case By.SESSION:
            for session in found.sessions:
                answer = each.member.answers.get(session.key)
                if answer or session.key in said.sessions:
                    yield session.title, _response(answer) if answer else "in their list"
        case By.DAY:
            if each.at:
                yield each.at.astimezone(found.version.event.zone).date().isoformat(), response


def _response(word: str) -> str:
    return "earlier version" if word == "earlier" else WORDS[word]


def _day(on: date) -> str:
    return f"{on:%a} {on.day} {on:%b %Y}"

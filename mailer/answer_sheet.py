"""Everybody on the list with what they answered last, as the lines of a CSV file (RFC 4180) for a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Sequence

from mailer.agenda.model import AgendaVersion
from mailer.agenda.rules import EVENT
from mailer.outbox import agendas, people
from mailer.outbox.database import Database
from mailer.planning.due import Member
from mailer.recipients.cells import for_a_sheet

HEADS = ("email", "name", "role", "state", "institution", "answer", "unsubscribed")
"""The columns before those of the sessions."""


def lines(database: Database, event: str) -> Iterator[str]:
    """The head, then a line for each person; a thousand are read at a time. Nothing where nothing is published.

    A column for each session has the person's own answer to it. Cells that a spreadsheet would compute are text.
    """
    with database.reading() as transaction:
        version = agendas.latest(transaction, event)
    if version is None:
        return
    sessions = [each.key for each in version.event.sessions if _is_asked_about(version, each.key)]
    yield _line([*HEADS, *sessions])
    after = 0
    while True:
        with database.reading() as transaction:
            members = people.some(transaction, event, after)
        if not members:
            return
        for member in members:
            yield _line(_row(member, sessions))
        after = members[-1].id


def _is_asked_about(version: AgendaVersion, key: str) -> bool:
    return version.event.session(key).kind == "session"


def _row(member: Member, sessions: Sequence[str]) -> list[str]:
    said = member.recipient
    return [
        said.address,
        said.full_name,
        said.role,
        said.state or "",
        said.institution,
        member.answers.get(EVENT, ""),
        "yes" if member.unsubscribed else "",
        *(member.answers.get(key, "") for key in sessions),
    ]


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([for_a_sheet(each) for each in cells])
    return line.getvalue()

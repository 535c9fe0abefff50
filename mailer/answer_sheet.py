"""Everybody on the list with what they answered last, as a table for a spreadsheet."""

from collections.abc import Iterator, Sequence

from mailer.agenda.model import AgendaVersion
from mailer.agenda.rules import EVENT
from mailer.listing import everybody
from mailer.outbox import agendas
from mailer.outbox.database import Database
from mailer.planning.due import Member
from mailer.recipients import writing

HEADS = ("email", "name", "role", "state", "institution", "answer", "unsubscribed")
"""The columns before those of the sessions."""


def answer_sheet(database: Database, event: str) -> Iterator[str]:
    """Its text, piece by piece: the head, then a line for each person. Empty where nothing is published.

    A column for each session has the person's own answer to it.
    """
    return writing.table(_rows(database, event))


def _rows(database: Database, event: str) -> Iterator[list[str]]:
    with database.reading() as transaction:
        version = agendas.latest(transaction, event)
    if version is None:
        return
    sessions = [each.key for each in version.event.sessions if _is_asked_about(version, each.key)]
    yield [*HEADS, *sessions]
    for member in everybody(database, event):
        yield _row(member, sessions)


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

"""What an agenda must satisfy beyond the shape of its file. Pure: gives problems as (path, sentence)."""

import difflib
from collections.abc import Iterator, Sequence
from itertools import pairwise

from babel import Locale, UnknownLocaleError

from mailer.agenda import rules, wallclock
from mailer.agenda.document import MailingTable, SessionTable
from mailer.agenda.model import CalendarPart, Session, SessionKind
from mailer.recipients import audience

Found = Iterator[tuple[str, str]]


def of_zone(name: str) -> Iterator[str]:
    """Problems of a time zone's name: only IANA names with a region are understood."""
    if name not in wallclock.zone_names():
        near = difflib.get_close_matches(name, sorted(wallclock.zone_names()), n=1, cutoff=0.7)
        hint = f"did you mean {near[0]}?" if near else "write one like Europe/Vienna"
        yield f"{name!r} is not a time zone; {hint}"


def of_language(code: str) -> Iterator[str]:
    try:
        Locale.parse(code, sep="-")
    except (UnknownLocaleError, ValueError):
        yield f"{code!r} is not a language; write one like en, fr or ar"


def doubled(tables: Sequence[tuple[str, SessionTable]] | Sequence[tuple[str, MailingTable]]) -> Found:
    """Keys that stand twice, each with the place of the first."""
    first: dict[str, str] = {}
    for path, table in tables:
        if table.key in first:
            yield f"{path}.key", f"'{table.key}' is already the key of {first[table.key]}"
        first.setdefault(table.key, path)


def overlaps(sessions: Sequence[tuple[str, Session]]) -> Found:
    """Sessions that run at the same time in the same room."""
    in_order = sorted(sessions, key=lambda pair: pair[1].starts_at)
    for (_, earlier), (path, later) in pairwise(in_order):
        if later.starts_at < earlier.ends_at and later.room == earlier.room:
            yield path, f"overlaps with {earlier.key}, in the same room"


def of_mailings(mailings: Sequence[tuple[str, MailingTable]], sessions: Sequence[SessionTable]) -> Found:
    keys = [session.key for session in sessions]
    yield from doubled(mailings)
    for path, mailing in mailings:
        per_session = False
        for name in ("when", "useful_until"):
            try:
                rule = rules.parse(getattr(mailing, name))
            except ValueError as error:
                yield f"{path}.{name}", str(error)
                continue
            per_session = per_session or (name == "when" and rule.per_session)
            if rule.instant is None and rule.anchor not in {*keys, *rules.ANCHORS}:
                near = difflib.get_close_matches(rule.anchor, [*keys, *rules.ANCHORS], n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                yield f"{path}.{name}", f"there is no session '{rule.anchor}'{hint}"
            if name == "useful_until" and rule.per_session and not per_session:
                yield f"{path}.{name}", "'each session' needs a 'when' that hangs on each session"
        for problem in audience.check(mailing.audience, sessions=keys, per_session=per_session):
            yield f"{path}.audience", problem
        if mailing.calendar is CalendarPart.SESSION and not per_session:
            yield f"{path}.calendar", "'session' needs a 'when' that hangs on each session"
        if per_session and not any(session.kind is SessionKind.SESSION for session in sessions):
            yield f"{path}.when", "no item of the agenda is of kind 'session'"

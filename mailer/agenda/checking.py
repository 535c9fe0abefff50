"""What an agenda must satisfy beyond the shape of its file. Pure: gives problems as (path, sentence)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from mailer import wallclock
from mailer.agenda import rules
from mailer.agenda.document import MailingTable, SessionTable
from mailer.agenda.model import UNASKED, CalendarPart, MailingKind, Session, SessionKind
from mailer.agenda.rules import Clock, Rule
from mailer.recipients import audience
from mailer.recipients.audience import nearest

Found = Iterator[tuple[str, str]]

TAKEN = (rules.EVENT, rules.PUBLICATION)
"""Words that mean something else where a session's key may stand."""

NEW = "new"
"""No mailing's key: on the desk that is the page on which one is begun."""


def of_zone(name: str) -> Iterator[str]:
    """Problems of a time zone's name: only IANA names with a region are understood."""
    if name not in wallclock.zone_names():
        hint = nearest(name, sorted(wallclock.zone_names())) or "; write one like Europe/Vienna"
        yield f"{name[:60]!r} is not a time zone{hint}"


def of_language(code: str) -> Iterator[str]:
    if not audience.is_language(code):
        yield f"{code[:60]!r} is not a language; write one like en, fr or ar"


def of_wall_clock(local: datetime, zone: ZoneInfo) -> Iterator[str]:
    """Whether a naive time in a zone means exactly one instant; when it does not, that is asked."""
    possible = wallclock.instants(local, zone)
    said = f"{local:%H:%M} on {local:%Y-%m-%d}"
    if not possible:
        yield f"{said} does not exist in {zone.key}: the clocks skip it"
    if len(possible) > 1:
        offsets = " or ".join(_offset(instant, zone) for instant in possible)
        yield f"{said} comes twice in {zone.key}, where the clocks change; add which is meant, {offsets}"


def of_keys(sessions: Sequence[tuple[str, SessionTable]]) -> Found:
    yield from _doubled(sessions)
    for path, session in sessions:
        if session.key in TAKEN:
            yield f"{path}.key", f"'{session.key}' has a meaning of its own; choose another key"


def overlaps(sessions: Sequence[tuple[str, Session]]) -> Found:
    """Sessions that run at the same time in the same room."""
    last: dict[str | None, Session] = {}
    for path, later in sorted(sessions, key=lambda pair: pair[1].starts_at):
        earlier = last.get(later.room)
        if earlier and later.starts_at < earlier.ends_at:
            yield path, f"overlaps with {earlier.key}, in the same room"
        if not earlier or later.ends_at > earlier.ends_at:
            last[later.room] = later


def of_mailings(
    mailings: Sequence[tuple[str, MailingTable]], kinds: Mapping[str, str], zone: ZoneInfo | None
) -> Found:
    """Problems of the mailings. `kinds`: session key -> kind; `zone`: the venue's, if it is known."""
    yield from _doubled(mailings)
    for path, mailing in mailings:
        if mailing.key in UNASKED:
            yield (
                f"{path}.key",
                f"'{mailing.key}' is what Convenor calls letters of its own; choose another key",
            )
        if mailing.key == NEW:
            yield f"{path}.key", f"'{NEW}' has a meaning of its own on the desk; choose another key"
        for name, problem in _of_mailing(mailing, kinds, zone):
            yield f"{path}.{name}", problem


def _of_mailing(mailing: MailingTable, kinds: Mapping[str, str], zone: ZoneInfo | None) -> Found:
    parsed: dict[str, Rule] = {}
    for name in ("when", "useful_until"):
        try:
            parsed[name] = rules.parse(getattr(mailing, name))
        except ValueError as error:
            yield name, str(error)
        else:
            yield from ((name, problem) for problem in _of_rule(parsed[name], kinds, zone))
    when, useful_until = parsed.get("when"), parsed.get("useful_until")
    # Of a `when` that is not understood nothing more is said than that.
    per_session = when is None or when.per_session
    for problem in audience.check(mailing.audience, sessions=kinds, per_session=per_session):
        yield "audience", problem
    if useful_until and useful_until.clock is Clock.RECIPIENT:
        yield "useful_until", "goes by the venue's clock, for everybody alike"
    if not per_session:
        yield from _without_a_session(mailing, useful_until)
    elif when and SessionKind.SESSION not in kinds.values():
        yield "when", "no item of the agenda is of kind 'session'"


def _of_rule(rule: Rule, kinds: Mapping[str, str], zone: ZoneInfo | None) -> Iterator[str]:
    if rule.instant is None:
        if rule.anchor not in kinds and rule.anchor not in rules.ANCHORS:
            yield f"there is no session '{rule.anchor[:60]}'{nearest(rule.anchor, [*kinds, rules.EVENT])}"
    elif rule.instant.tzinfo is None and zone:
        yield from of_wall_clock(rule.instant, zone)


def _without_a_session(mailing: MailingTable, useful_until: Rule | None) -> Found:
    """What asks for a session where the occasion hangs on none."""
    needs = "needs a 'when' that hangs on each session"
    if useful_until and useful_until.per_session:
        yield "useful_until", f"'each session' {needs}"
    if mailing.calendar is CalendarPart.SESSION:
        yield "calendar", f"'session' {needs}"
    if mailing.kind is MailingKind.SESSION_REMINDER:
        yield "kind", f"'session-reminder' {needs}"


def _doubled(tables: Sequence[tuple[str, SessionTable]] | Sequence[tuple[str, MailingTable]]) -> Found:
    """Keys that stand twice, each with the place of the first."""
    first: dict[str, str] = {}
    for path, table in tables:
        if table.key in first:
            yield f"{path}.key", f"'{table.key}' is already the key of {first[table.key]}"
        first.setdefault(table.key, path)


def _offset(instant: datetime, zone: ZoneInfo) -> str:
    """As ISO 8601 writes it: `+01:00`."""
    return instant.astimezone(zone).isoformat()[-6:]

"""From a rule to an instant. The two awkward hours are decided here and nowhere else:

a wall-clock time in the hour that clocks skip is shifted forward; in the hour that comes twice, the first is meant.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mailer import wallclock
from mailer.agenda.model import AgendaVersion
from mailer.agenda.rules import EACH_SESSION, EVENT, PUBLICATION, Clock, Edge, Rule
from mailer.keyed import Keyed, itself

SATURDAY = 5

Rules = frozenset[Keyed[ZoneInfo]]


def instant(rule: Rule, version: AgendaVersion, anchor: str, recipient_zone: str | None) -> datetime:
    """The UTC instant at which `rule` falls for a reader in `recipient_zone` (None: the venue's).

    `anchor` is the session's key for a rule that hangs on each session; it is ignored by the others. Days are
    counted on the venue's calendar, and so are weekdays; only the hour may be the reader's own.

    Raises:
        KeyError: the rule names a session the agenda does not hold.
    """
    venue = version.event.zone
    if rule.instant is not None:
        return rule.instant.astimezone(UTC) if rule.instant.tzinfo else resolve(rule.instant, venue)
    moment = _origin(rule, version, anchor) + rule.elapsed
    local = wallclock.same_clock(moment, rule.days, venue)
    on_weekend = rule.weekdays_only and local.weekday() >= SATURDAY
    if not (rule.days or rule.at or on_weekend):
        return moment  # that very instant, also in an hour that comes twice
    if on_weekend:
        local = _weekday(local, backwards=rule.days < 0 or rule.elapsed < timedelta())
    if rule.at is None:
        return resolve(local, venue)
    zone = ZoneInfo(recipient_zone) if rule.clock is Clock.RECIPIENT and recipient_zone else venue
    return resolve(datetime.combine(local, rule.at), zone)


def resolve(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant meant by a naive wall-clock time: gap -> shifted forward, fold -> the first."""
    return next(iter(wallclock.instants(local, zone)), None) or wallclock.after_gap(local, zone)


def rules(version: AgendaVersion, zones: Iterable[str | None]) -> Rules:
    """The rules of the venue's zone and of these, as they are known now: others are another value."""
    return frozenset(map(itself, (version.event.zone, *map(ZoneInfo, filter(None, zones)))))


def depends_on_reader(rule: Rule) -> bool:
    """Whether readers in different zones get it at different instants."""
    return rule.at is not None and rule.clock is Clock.RECIPIENT


def _origin(rule: Rule, version: AgendaVersion, anchor: str) -> datetime:
    if rule.anchor == PUBLICATION:
        return version.first_published_at
    if rule.anchor == EVENT:
        return version.event.starts_at if rule.edge is Edge.START else version.event.ends_at
    session = version.event.session(anchor if rule.anchor == EACH_SESSION else rule.anchor)
    return session.starts_at if rule.edge is Edge.START else session.ends_at


def _weekday(local: datetime, *, backwards: bool) -> datetime:
    """The nearest weekday, away from the anchor: earlier for what comes before it, later for what follows."""
    while local.weekday() >= SATURDAY:
        local += timedelta(days=-1 if backwards else 1)
    return local

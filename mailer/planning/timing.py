"""From a rule to an instant. The two awkward hours are decided here and nowhere else:

a wall-clock time in the hour that clocks skip is shifted forward; in the hour that comes twice, the first is meant.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mailer.agenda import wallclock
from mailer.agenda.model import AgendaVersion, Event
from mailer.agenda.rules import EACH_SESSION, EVENT, PUBLICATION, Clock, Edge, Rule


def instant(rule: Rule, version: AgendaVersion, anchor: str, recipient_zone: str | None) -> datetime:
    """The UTC instant at which `rule` falls for a reader in `recipient_zone` (None: the venue's).

    `anchor` is the session's key for a rule that hangs on each session; it is ignored by the others.

    Raises:
        KeyError: the rule names a session the agenda does not hold.
    """
    event = version.event
    if rule.instant is not None:
        return rule.instant.astimezone(UTC) if rule.instant.tzinfo else resolve(rule.instant, event.zone)
    origin = _origin(rule, version, anchor)
    if rule.elapsed:
        moment = origin + rule.elapsed
        return _weekday_instant(moment, rule, event) if rule.weekdays_only else moment
    if not (rule.days or rule.at):
        return _weekday_instant(origin, rule, event) if rule.weekdays_only else origin
    # The day is counted on the venue's calendar; only the hour may be the reader's own.
    local = wallclock.same_clock(origin, rule.days, event.zone)
    zone = event.zone
    if rule.at is not None:
        local = datetime.combine(local.date(), rule.at)
        zone = ZoneInfo(recipient_zone) if rule.clock is Clock.RECIPIENT and recipient_zone else zone
    return resolve(_weekday(local, rule) if rule.weekdays_only else local, zone)


def resolve(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant meant by a naive wall-clock time: gap -> shifted forward, fold -> the first."""
    return next(iter(wallclock.instants(local, zone)), None) or wallclock.after_gap(local, zone)


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


def _weekday(local: datetime, rule: Rule) -> datetime:
    """The nearest weekday, away from the anchor: earlier for what comes before it, later for what follows."""
    step = timedelta(days=-1 if rule.days < 0 or rule.elapsed < timedelta() else 1)
    while local.weekday() >= 5:
        local += step
    return local


def _weekday_instant(moment: datetime, rule: Rule, event: Event) -> datetime:
    return resolve(_weekday(wallclock.same_clock(moment, 0, event.zone), rule), event.zone)

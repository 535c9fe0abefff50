"""The timetable as it would go: each occasion with its letters, when they will be through, and which come too late.

Joins planning with what is written down and what the mail server bears; nothing is kept and nothing sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mailer import feasibility
from mailer.agenda.model import AgendaVersion
from mailer.delivery.profiles import Profile
from mailer.feasibility import Prospect, Undertaking
from mailer.outbox import letters, tallies
from mailer.outbox.database import Transaction
from mailer.outbox.letter import UNSENT
from mailer.outbox.letters import OccasionProgress
from mailer.planning.due import Occasion


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One occasion to come or past, with the letters it would bring for the lists and answers of now.

    `ends_at`: when those still to be sent will be through, if there are any. `trouble` says so when that is too
    late; `is_refused` when it is certain, and the occasion has not begun.
    """

    mailing: str
    title: str
    anchor: str
    due_at: datetime
    useful_until: datetime
    audience: str
    letters: int
    ends_at: datetime | None = None
    trouble: str = ""
    is_refused: bool = False


def planned(
    transaction: Transaction,
    profile: Profile,
    version: AgendaVersion,
    expected: Mapping[Occasion, int],
    now: datetime,
) -> list[Planned]:
    """Every occasion of the timetable, in the order of time, with the letters that are expected of it."""
    opened = {each.occasion.identity: each for each in letters.progress(transaction, version.event.key)}
    undertakings = [
        Undertaking(
            due_at=occasion.due_at,
            useful_until=occasion.useful_until,
            letters=_to_be_sent(opened.get(occasion.identity), occasion, count, now),
        )
        for occasion, count in expected.items()
    ]
    sent = tallies.sent_lately(transaction, now) if profile.per_day else []
    prospects = feasibility.prospects(profile, undertakings, now, version.event.zone, sent=sent)
    return [
        _row(version, occasion, count, prospect, has_begun=occasion.identity in opened)
        for (occasion, count), prospect in zip(expected.items(), prospects, strict=True)
    ]


def _row(
    version: AgendaVersion, occasion: Occasion, count: int, prospect: Prospect, *, has_begun: bool
) -> Planned:
    mailing = version.event.mailing(occasion.mailing)
    return Planned(
        mailing=mailing.key,
        title=mailing.title,
        anchor=occasion.anchor,
        due_at=occasion.due_at,
        useful_until=occasion.useful_until,
        audience=mailing.audience,
        letters=count,
        ends_at=prospect.ends_at,
        trouble=prospect.trouble,
        is_refused=prospect.is_certain and not has_begun,
    )


def _to_be_sent(opened: OccasionProgress | None, occasion: Occasion, expected: int, now: datetime) -> int:
    """Letters that are still to leave: those written down, or those there would be."""
    if occasion.useful_until <= now:
        return 0
    return sum(opened.counts.get(state, 0) for state in UNSENT) if opened else expected

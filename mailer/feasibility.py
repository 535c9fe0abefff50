"""Whether a timetable can be kept through the mail server that is set: when each mailing is through, and which is late.

Joins what planning says is due with what delivery says a server bears. Pure; which letters there are, and what is
done about those that come too late, is for those who ask.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from mailer.delivery import forecast
from mailer.delivery.forecast import Run
from mailer.delivery.profiles import Profile

_MOMENT = "%a %-d %b %Y %H:%M"


@dataclass(frozen=True, kw_only=True)
class Undertaking:
    """Letters of one occasion that are still to be sent."""

    due_at: datetime
    useful_until: datetime
    letters: int


@dataclass(frozen=True, kw_only=True)
class Prospect:
    """When an undertaking will be through; None while it has no letters, or where it takes a century.

    `trouble` is a sentence when that is too late; `is_certain` when the server's limits alone make it so, and not
    how quickly it is reckoned to answer.
    """

    ends_at: datetime | None = None
    trouble: str = ""
    is_certain: bool = False


def prospects(
    profile: Profile,
    undertakings: Sequence[Undertaking],
    now: datetime,
    zone: tzinfo,
    *,
    sent: Iterable[tuple[datetime, int]] = (),
) -> list[Prospect]:
    """What is to be expected of each undertaking, in the order given; they share the server's rate and quota.

    Args:
        zone: the venue's, in which moments are told.
        sent: (moment by which they had left, letters) of the last 24 hours, the earliest first.
    """
    runs = [Run(due_at=each.due_at, letters=each.letters) for each in undertakings]
    known = list(sent)
    reckoned = forecast.ends(profile, runs, now, sent=known)
    at_best = forecast.ends(profile, runs, now, sent=known, at_best=True)
    return [
        _prospect(profile, each, end, best, zone)
        for each, end, best in zip(undertakings, reckoned, at_best, strict=True)
    ]


def _prospect(
    profile: Profile, each: Undertaking, end: datetime | None, best: datetime | None, zone: tzinfo
) -> Prospect:
    if not each.letters:
        return Prospect()
    if end and end <= each.useful_until:
        return Prospect(ends_at=end)
    through = f"on {end.astimezone(zone):{_MOMENT}}" if end else "never"
    trouble = (
        f"{_letters(each.letters)} due {each.due_at.astimezone(zone):{_MOMENT}} would be through {through}, "
        f"and are useful until {each.useful_until.astimezone(zone):{_MOMENT}}: {_bears(profile)}"
    )
    is_certain = best is None or best > each.useful_until
    return Prospect(ends_at=end, trouble=trouble, is_certain=is_certain)


def _bears(profile: Profile) -> str:
    """`the mail server (microsoft365) takes 30 letters a minute and 10,000 letters a day`."""
    takes = []
    if profile.rate:
        takes.append(f"{_letters(profile.rate.per_second * 60)} a minute")
    if profile.per_day:
        takes.append(f"{_letters(profile.per_day)} a day")
    if not takes:
        takes.append(f"some {_letters(profile.reckoned_rate * 60)} a minute, by guess")
    return f"the mail server ({profile.name}) takes {' and '.join(takes)}"


def _letters(count: float) -> str:
    return f"{count:,.0f} letter{'' if round(count) == 1 else 's'}"

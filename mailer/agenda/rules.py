"""When a mailing falls due, as the organiser writes it. Turning a rule into an instant is planning's work.

The sentence has three parts, the last two optional:

    30 days before the event starts, at 09:00 recipient time, weekdays only
    └──────── the moment ─────────┘  └── wall clock ───────┘  └─ weekdays ─┘

The moment is one of `2027-03-10 09:00` (the venue's time; an offset such as `+01:00` may follow),
`as soon as published`, `5 minutes after publication`, `15 minutes before each session starts`,
`the event ends`, `2 hours after session-2 ends`.
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache

EVENT = "event"
EACH_SESSION = "each session"
PUBLICATION = "publication"
ANCHORS = (EVENT, EACH_SESSION, PUBLICATION)


class Edge(StrEnum):
    START = "starts"
    END = "ends"


class Clock(StrEnum):
    """Whose wall clock an `at HH:MM` means."""

    VENUE = "venue"
    RECIPIENT = "recipient"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A parsed rule.

    Either `instant` is set (aware, or naive in the venue's zone), or the rule hangs on `anchor`: `event`,
    `each session`, `publication` or a session's key, at its `edge`. `days` are calendar days (the wall clock
    stays), `elapsed` is exact time; both are negative for "before".
    """

    anchor: str = EVENT
    edge: Edge = Edge.START
    days: int = 0
    elapsed: timedelta = timedelta()
    at: time | None = None
    clock: Clock = Clock.VENUE
    weekdays_only: bool = False
    instant: datetime | None = None

    @property
    def per_session(self) -> bool:
        return self.instant is None and self.anchor == EACH_SESSION


_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_FARTHEST = timedelta(days=3 * 366)

_INSTANT = re.compile(
    r"(?P<date>20[0-9]{2}-[0-9]{2}-[0-9]{2})[ t]"
    r"(?P<time>(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?) ?(?P<offset>z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)
_OFFSET = r"(?:(?P<count>[0-9]{1,6}) (?P<unit>second|minute|hour|day|week)s? (?P<side>before|after) )"
_MOMENT = re.compile(
    rf"{_OFFSET}?(?:(?P<publication>publication)"
    r"|(?:the )?(?P<anchor>each session|[a-z0-9][a-z0-9-]*) (?P<edge>starts|ends))"
)
_WALL_CLOCK = re.compile(
    r"at (?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?: (?P<clock>venue|recipient)(?: time)?)?"
)
_FORM = (
    "write it like '30 days before the event starts, at 09:00', '15 minutes before each session starts', "
    "'as soon as published' or '2027-03-10 09:00'"
)


@lru_cache(maxsize=1024)
def parse(text: str) -> Rule:
    """The rule a sentence states.

    Raises:
        ValueError: the sentence is not one of the forms; the message says which part, and shows the form.
    """
    moment, *rest = [part.strip() for part in " ".join(text.split()).lower().split(",")]
    fields = _moment(moment)
    for part in rest:
        added = _refinement(part)
        if fields.keys() & added.keys():
            raise ValueError(f"{_quoted(part)}: that has been said before")
        fields |= added
    rule = Rule(**fields)  # type: ignore[arg-type]
    if rule.instant and rest:
        raise ValueError(f"{_quoted(rest[0])}: a date and time stands alone")
    if rule.at and (rule.elapsed or rule.anchor == PUBLICATION):
        raise ValueError("'at HH:MM' goes with days or weeks before or after the event or a session")
    return rule


def _moment(text: str) -> dict[str, object]:
    if re.match(r"[0-9]{4}-[0-9]", text):
        return {"instant": _instant(text)}
    if text == "as soon as published":
        return {"anchor": PUBLICATION}
    found = _MOMENT.fullmatch(text)
    if not found:
        raise ValueError(f"{_quoted(text)} is not understood; {_FORM}")
    if not found["publication"]:
        return {"anchor": found["anchor"], "edge": Edge(found["edge"]), **_offset(found)}
    if found["side"] != "after":
        raise ValueError(
            f"{_quoted(text)}: publication has no before; write 'as soon as published' or '5 minutes after publication'"
        )
    return {"anchor": PUBLICATION, **_offset(found)}


def _instant(text: str) -> datetime:
    found = _INSTANT.fullmatch(text)
    why = ""
    if found:
        try:
            return datetime.fromisoformat(f"{found['date']}T{found['time']}{found['offset'] or ''}".upper())
        except ValueError as error:
            why = f" ({error})"
    raise ValueError(f"{_quoted(text)} is not a date and time{why}; write it like 2027-03-10 09:00")


def _offset(found: re.Match[str]) -> dict[str, object]:
    if not found["count"]:
        return {}
    offset = int(found["count"]) * _UNITS[found["unit"]]
    if not offset:
        raise ValueError(f"{_quoted(found[0])}: count from 1, or leave '{found['count']} …' out")
    if offset > _FARTHEST:
        raise ValueError(f"{_quoted(found[0])} lies more than three years away")
    signed = -offset if found["side"] == "before" else offset
    return {"days": signed.days} if found["unit"] in {"day", "week"} else {"elapsed": signed}


def _refinement(part: str) -> dict[str, object]:
    """What stands after a comma."""
    if part in {"weekdays only", "on weekdays"}:
        return {"weekdays_only": True}
    found = _WALL_CLOCK.fullmatch(part)
    if not found:
        raise ValueError(
            f"{_quoted(part)} is not understood; after the comma comes 'at HH:MM venue time', "
            "'at HH:MM recipient time' or 'weekdays only'"
        )
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour > 23 or minute > 59:
        raise ValueError(f"{_quoted(part)} is not a time of day (00:00 to 23:59)")
    return {"at": time(hour, minute), "clock": Clock(found["clock"] or "venue")}


def _quoted(text: str) -> str:
    return repr(text[:80])

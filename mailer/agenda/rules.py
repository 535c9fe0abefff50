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


_UNITS = {"second": 1, "minute": 60, "hour": 3600}
_OFFSET = r"(?:(?P<count>\d{1,6}) (?P<unit>second|minute|hour|day|week)s? (?P<side>before|after) )"
_MOMENT = re.compile(
    rf"{_OFFSET}?(?:(?P<publication>publication)|(?:the )?(?P<anchor>each session|[a-z0-9][a-z0-9-]*) (?P<edge>starts|ends))"
)
_WALL_CLOCK = re.compile(r"at (?P<hour>\d{1,2}):(?P<minute>\d{2})(?: (?P<clock>venue|recipient)(?: time)?)?")
_FORM = "write it like '30 days before the event starts, at 09:00', '15 minutes before each session starts', 'as soon as published' or '2027-03-10 09:00'"


@lru_cache(maxsize=1024)
def parse(text: str) -> Rule:
    """The rule a sentence states.

    Raises:
        ValueError: the sentence is not one of the forms; the message says which part, and shows the form.
    """
    moment, *rest = [part.strip() for part in " ".join(text.split()).split(",")]
    fields = _moment(moment)
    for part in rest:
        if part.lower() in {"weekdays only", "on weekdays"}:
            fields["weekdays_only"] = True
        elif wall_clock := _WALL_CLOCK.fullmatch(part.lower()):
            fields |= _wall_clock(wall_clock)
        else:
            raise ValueError(
                f"'{part}' is not understood; after the comma comes 'at HH:MM venue time', 'at HH:MM recipient time' or 'weekdays only'"
            )
    rule = Rule(**fields)  # type: ignore[arg-type]
    if rule.at and (rule.elapsed or rule.instant or rule.anchor == PUBLICATION):
        raise ValueError("'at HH:MM' goes with days or weeks before or after the event or a session")
    return rule


def _moment(text: str) -> dict[str, object]:
    if re.match(r"\d{4}-\d", text):
        try:
            return {"instant": datetime.fromisoformat(text)}
        except ValueError as error:
            raise ValueError(
                f"'{text}' is not a date and time ({error}); write it like 2027-03-10 09:00"
            ) from None
    if text.lower() == "as soon as published":
        return {"anchor": PUBLICATION}
    found = _MOMENT.fullmatch(text.lower())
    if not found:
        raise ValueError(f"'{text}' is not understood; {_FORM}")
    fields: dict[str, object] = {"anchor": PUBLICATION}
    if not found["publication"]:
        fields = {"anchor": found["anchor"], "edge": Edge(found["edge"])}
    elif not found["count"] or found["side"] == "before":
        raise ValueError(
            f"'{text}': publication has no before; write 'as soon as published' or '5 minutes after publication'"
        )
    if found["count"]:
        amount = int(found["count"]) * (-1 if found["side"] == "before" else 1)
        if found["unit"] in {"day", "week"}:
            fields["days"] = amount * (7 if found["unit"] == "week" else 1)
        else:
            fields["elapsed"] = timedelta(seconds=amount * _UNITS[found["unit"]])
        if abs(amount) * (_UNITS.get(found["unit"], 86400 * 7)) > 86400 * 366 * 3:
            raise ValueError(f"'{text}' lies more than three years away")
    return fields


def _wall_clock(found: re.Match[str]) -> dict[str, object]:
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour > 23 or minute > 59:
        raise ValueError(f"'{found[0]}' is not a time of day (00:00 to 23:59)")
    return {"at": time(hour, minute), "clock": Clock(found["clock"] or "venue")}

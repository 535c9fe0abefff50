"""The timetable of mailings as a drawing: marks on the axis of time, sized by their letters, and labels.

Gives numbers to a template that draws them as inline SVG, once lying (`lying`) and once upright, for narrow
screens (`standing_up`). Labels hang on their marks like flags, so placed that no pole crosses a flag.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from mailer.agenda.model import Session
from mailer.standing import MailingStanding, OccasionStanding, Stage, Standing
from mailer.web import moments
from mailer.web.organiser import axis as axes
from mailer.web.organiser.axis import Axis, Tick

_TITLE_WIDTH, _SMALL_WIDTH = 8.2, 6.6
_LEVEL = 46
_SMALLEST, _LARGEST = 4.0, 15.0
_SAME_PLACE = 9.0


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Occasions of one mailing that fall together. `x` is along the axis, in pixels; so is the radius."""

    x: float
    radius: float
    look: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Label:
    """`x` is its pole's foot; `level` counts rows away from the axis, `y` pixels across it."""

    x: float
    marks: tuple[Mark, ...]
    title: str
    small: str
    level: int = 0
    y: float = 0.0
    flies_left: bool = False


@dataclass(frozen=True, kw_only=True)
class Block:
    """One session on the axis."""

    x: float
    width: float
    is_break: bool
    title: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Everything drawn, in pixels: `length` along time, `depth` across it; the axis lies at `line`."""

    length: float
    depth: float
    line: float
    labels: tuple[Label, ...]
    blocks: tuple[Block, ...]
    ticks: tuple[Tick, ...]
    band: tuple[float, float]
    band_words: str
    now: float | None
    summary: str


def lying(standing: Standing, now: datetime, *, length: float) -> Picture:
    """Time runs from left to right; labels are flags above it."""
    span = _span(standing, now)
    start, end = 14.0, length * 0.78
    labels = _flags(_labels(standing, span, start, end), length)
    line = 30.0 + _LEVEL * (1 + max((label.level for label in labels), default=0)) + _LARGEST
    hung = tuple(replace(label, y=line - _LARGEST - 12 - _LEVEL * label.level - 26) for label in labels)
    return _picture(standing, span, now, start, end, length=length, depth=line + 74, line=line, labels=hung)


def standing_up(standing: Standing, now: datetime, *, length: float, depth: float) -> Picture:
    """Time runs downwards; labels stand beside it, one under the other."""
    span = _span(standing, now)
    start, end = 20.0, length - 30.0
    labels: list[Label] = []
    for label in sorted(_labels(standing, span, start, end), key=lambda each: each.x):
        below = labels[-1].y + _LEVEL if labels else 16.0
        labels.append(replace(label, y=max(label.x, below), title=_shortened(label.title, 28)))
    needed = max(length, labels[-1].y + 40 if labels else 0)
    hung = tuple(labels)
    return _picture(standing, span, now, start, end, length=needed, depth=depth, line=74, labels=hung)


def _span(standing: Standing, now: datetime) -> Axis:
    due = [occasion.due_at for mailing in standing.mailings for occasion in _drawn(mailing)]
    return axes.axis(standing.version.event, due, now)


def _drawn(mailing: MailingStanding) -> list[OccasionStanding]:
    """What was withdrawn is told in the table; drawn, it would look like something to come."""
    return [occasion for occasion in mailing.occasions if occasion.stage is not Stage.WITHDRAWN]


def _picture(
    standing: Standing,
    span: Axis,
    now: datetime,
    start: float,
    end: float,
    *,
    length: float,
    depth: float,
    line: float,
    labels: tuple[Label, ...],
) -> Picture:
    event = standing.version.event

    def at(place: float) -> float:
        return round(start + (end - start) * place, 1)

    first, last = span.knots[0][0], span.knots[-1][0]
    return Picture(
        length=length,
        depth=depth,
        line=line,
        labels=labels,
        blocks=tuple(_blocks(event.sessions, event.zone, lambda moment: at(span.place(moment)))),
        ticks=tuple(_apart([replace(tick, place=at(tick.place)) for tick in span.ticks()])),
        band=(at(span.band[0]), at(span.band[1])),
        band_words=moments.short_day(event.starts_at, event.zone),
        now=at(span.place(now)) if first <= now <= last else None,
        summary=_summary(standing, now),
    )


def _blocks(sessions: Sequence[Session], zone: tzinfo, place: Callable[[datetime], float]) -> Iterator[Block]:
    """The sessions on the axis; those that run into each other there are drawn as one, however many they are."""
    together: list[Session] = []
    begins = ends = 0.0

    def drawn() -> Block:
        first = together[0]
        words = first.title if len(together) == 1 else f"{len(together)} sessions"
        return Block(
            x=begins,
            width=max(2.0, round(ends - begins - 1.5, 1)),
            is_break=not any(each.blocks for each in together),
            title=f"{moments.hour(first.starts_at, zone)} {words}",
        )

    for session in sorted(sessions, key=lambda each: each.starts_at):
        starts, until = place(session.starts_at), place(session.ends_at)
        if together and starts < max(ends, begins + 2.0):
            together.append(session)
            ends = max(ends, until)
            continue
        if together:
            yield drawn()
        together, begins, ends = [session], starts, until
    if together:
        yield drawn()


def _apart(ticks: Sequence[Tick]) -> list[Tick]:
    """Ticks whose words do not run into one another; at a seam of scales the later one stays."""
    kept: list[Tick] = []
    for tick in sorted(ticks, key=lambda each: -each.place):
        if not kept or kept[-1].place - tick.place >= 46:
            kept.append(tick)
    return kept[::-1]


def _labels(standing: Standing, span: Axis, start: float, end: float) -> list[Label]:
    zone = standing.version.event.zone
    most = max((_size(o) for m in standing.mailings for o in m.occasions), default=0)
    labels = []
    for mailing in standing.mailings:
        marks = _marks(mailing, span, start, end, most)
        if marks:
            count = "…" if _is_uncounted(standing, mailing) else f"{mailing.letters or mailing.expected:,}"
            when = moments.short_day(mailing.due_at, zone) + ", " + moments.hour(mailing.due_at, zone)
            small = f"{count} · {when}" if len(marks) == 1 else f"{count} · {len(_drawn(mailing))} occasions"
            labels.append(Label(x=marks[0].x, marks=marks, title=_shortened(mailing.title, 32), small=small))
    return labels


def _marks(mailing: MailingStanding, span: Axis, start: float, end: float, most: int) -> tuple[Mark, ...]:
    """One mark for each place at which something of it falls; what falls together is added up."""
    groups: list[tuple[float, list[OccasionStanding]]] = []
    for occasion in _drawn(mailing):
        x = round(start + (end - start) * span.place(occasion.due_at), 1)
        if groups and x - groups[-1][0] < _SAME_PLACE:
            groups[-1][1].append(occasion)
        else:
            groups.append((x, [occasion]))
    return tuple(
        Mark(
            x=x,
            radius=_radius(sum(map(_size, together)), most),
            look=_look(together),
            words=f"{mailing.title}: {moments.short(together[0].due_at, span.zone)}, "
            f"{sum(map(_size, together)):,} letters, {_look(together)}",
        )
        for x, together in groups
    )


def _size(occasion: OccasionStanding) -> int:
    return occasion.letters or occasion.expected


def _radius(letters: int, most: int) -> float:
    """The area tells the letters."""
    share = math.sqrt(min(1.0, letters / most)) if most else 0.0
    return round(_SMALLEST + (_LARGEST - _SMALLEST) * share, 1)


def _look(together: Sequence[OccasionStanding]) -> str:
    stages = {occasion.stage for occasion in together}
    order = (Stage.RUNNING, Stage.MISSED, Stage.PLANNED, Stage.DONE)
    return next(stage for stage in order if stage in stages).value


def _shortened(title: str, most: int) -> str:
    return title if len(title) <= most else f"{title[: most - 2].rstrip(' …')}…"


def _flags(labels: Sequence[Label], length: float) -> list[Label]:
    """Give each flag the lowest level that is free, and at which no pole of another goes through it.

    A flag flies to the right of its pole, unless it would leave the drawing there.
    """
    placed: list[Label] = []
    for label in sorted(labels, key=lambda each: (each.x + _width(each) > length, -each.x)):
        turned = replace(label, flies_left=label.x + _width(label) > length)
        left, right = _extent(turned)
        in_the_way = [
            other.level
            for other in placed
            if any(left <= mark.x <= right for mark in other.marks)
            or (_extent(other)[0] < right and left < _extent(other)[1])
        ]
        placed.append(replace(turned, level=max(in_the_way) + 1 if in_the_way else 0))
    return sorted(placed, key=lambda each: each.x)


def _width(label: Label) -> float:
    """About as wide as it is drawn, with a little air."""
    return max(_TITLE_WIDTH * len(label.title), _SMALL_WIDTH * len(label.small)) + 14


def _extent(label: Label) -> tuple[float, float]:
    left = label.x - _width(label) if label.flies_left else label.x
    return left, left + _width(label)


def _is_uncounted(standing: Standing, mailing: MailingStanding) -> bool:
    return not (standing.is_foretold or mailing.letters)


def _letters(standing: Standing, mailing: MailingStanding) -> str:
    if _is_uncounted(standing, mailing):
        return "letters being counted"
    return f"{mailing.letters or mailing.expected} letters"


def _summary(standing: Standing, now: datetime) -> str:
    """The drawing in words, for those who cannot see it."""
    zone = standing.version.event.zone
    told = "; ".join(
        f"{mailing.title}, {moments.short(mailing.due_at, zone)}, "
        f"{_letters(standing, mailing)}, {mailing.stage.value}"
        for mailing in standing.mailings
    )
    return f"It is {moments.short(now, zone)}. {told}"

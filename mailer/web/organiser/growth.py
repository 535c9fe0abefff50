"""Answers over time as a drawing: how many there were at the end of each day. Numbers for a template's inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from mailer.replies import CATEGORIES, Day

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 12.0, 26.0
_TICK_EVERY = 78
_FEW, _ROUND = 10, (10, 12, 16, 20, 30, 40, 50, 60, 80, 100)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One kind of answer as an area; `path` is SVG's, `look` its class in the style sheet."""

    look: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Everything drawn, in pixels: the layers from below, and (place, words) of the ticks along both sides."""

    width: float
    height: float
    layers: tuple[Layer, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    summary: str


def drawn(days: Sequence[Day], *, width: float, height: float) -> Growth | None:
    """The kinds of answers stacked on one another, day by day; None while nobody has answered."""
    if not days:
        return None
    first, last = days[0].on - timedelta(days=1), days[-1].on
    span = (last - first).days
    top = _round_up(days[-1].so_far)

    def x(on: date) -> float:
        return round(_LEFT + (width - _LEFT - _RIGHT) * ((on - first).days / span), 1)

    def y(count: int) -> float:
        return round(height - _BOTTOM - (height - _TOP - _BOTTOM) * count / top, 1)

    bounds: list[list[int]] = [[0] * (len(days) + 1)]
    layers = []
    for category in CATEGORIES[:-1]:
        counts, so_far = [0], 0
        for day in days:
            so_far += int(getattr(day.tally, category))
            counts.append(so_far)
        bounds.append([below + count for below, count in zip(bounds[-1], counts, strict=True)])
        if so_far:
            places = [x(first), *(x(day.on) for day in days)]
            over = _steps(places, [y(count) for count in bounds[-1]])
            under = _steps(places, [y(count) for count in bounds[-2]])[::-1]
            path = "M" + "L".join(f"{a} {b}" for a, b in [*over, *under]) + "Z"
            layers.append(Layer(look=category, path=path))
    return Growth(
        width=width,
        height=height,
        layers=tuple(layers),
        across=tuple((x(on), f"{on.day} {on:%b}") for on in _marked(first, last, width)),
        up=tuple((y(count), f"{count:,}") for count in (0, top // 2, top)),
        summary=f"{days[0].so_far:,} answers by {_said(days[0].on)}, {days[-1].so_far:,} by {_said(last)}",
    )


def _steps(places: Sequence[float], heights: Sequence[float]) -> list[tuple[float, float]]:
    """A line that stays as it is while nobody answers, and rises within the day on which somebody does."""
    day = min((b - a for a, b in pairwise(places)), default=0.0)
    line = [(places[0], heights[0])]
    for place, height in zip(places[1:], heights[1:], strict=True):
        line += [(round(max(line[-1][0], place - day), 1), line[-1][1]), (place, height)]
    return line


def _round_up(count: int) -> int:
    """A round number that is not much larger, so that the half of it is worth a mark."""
    if count < _FEW:
        return count + count % 2
    power = int(10 ** (len(str(count)) - 2))
    return next(step * power for step in _ROUND if step * power >= count)


def _marked(first: date, last: date, width: float) -> list[date]:
    """Days to be named, the last one always."""
    most = max(1, int((width - _LEFT) // _TICK_EVERY))
    every = max(1, -(-(last - first).days // most))
    return [last - timedelta(days=back) for back in range(0, (last - first).days + 1, every)][::-1]


def _said(on: date) -> str:
    return f"{on.day} {on:%B %Y}"

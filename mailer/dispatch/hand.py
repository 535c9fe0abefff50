"""A carrier as the desk knows it: what it holds, what it was told, when it was last heard of."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from mailer.dispatch.crew import Hired
from mailer.dispatch.orders import Key, Order, Report, hear, tell
from mailer.outbox.claimed import ClaimedLetter


@dataclass(kw_only=True, eq=False)
class Hand:
    """`owner` is its name on the letters it holds; `wants` is how many more it has room for.

    One that `is_gone` holds nothing any more as soon as the desk has written that down, and `is_buried`.
    """

    hired: Hired
    owner: str
    heard_at: datetime
    wants: int
    holds: dict[Key, ClaimedLetter] = field(default_factory=dict)
    asked: set[Key] = field(default_factory=set)
    told_of: set[object] = field(default_factory=set)
    has_spoken: bool = False
    is_gone: bool = False
    is_buried: bool = False

    def hear(self, now: datetime) -> list[Report]:
        """All it has to say by now; waits for the first of it."""
        self.heard_at = now
        reports: list[Report] = []
        try:
            while True:
                report: Report = hear(self.hired.channel)
                self.wants, self.has_spoken = report.wants or self.wants, True
                reports.append(report)
                if not self.hired.channel.poll():
                    return reports
        except (EOFError, OSError):
            self.is_gone = True
            return reports

    def tell(self, order: Order) -> None:
        """Give it letters and answers. One that has ended is found out when its last words have been heard."""
        for letter in order.letters:
            self.holds[letter.key] = letter
            self.told_of.add(letter.of_mailing)
        self.wants -= len(order.letters)
        self.told_of |= set(order.versions) | set(order.wordings) | set(order.upkeeps) | set(order.contents)
        if not self.is_gone:
            with suppress(OSError):
                tell(self.hired.channel, order)

    def let(self, key: Key) -> tuple[ClaimedLetter | None, bool]:
        """What it held under this key, which it holds no longer, and whether the intent may have been kept."""
        may_be_intended = key in self.asked
        self.asked.discard(key)
        return self.holds.pop(key, None), may_be_intended

    def bury(self, within: float) -> None:
        """It is gone; what is left of it is ended if it does not end within these seconds."""
        self.is_buried = True
        self.holds.clear()
        self.hired.end(within)

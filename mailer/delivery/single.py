"""One letter over a line of its own, for what is sent by hand: it is in no outbox, so no intent is recorded.

How a line is opened and a letter carried is `line`'s; what to make of the outcome is the caller's.
"""

import asyncio

from mailer.delivery.envelope import Parcel
from mailer.delivery.line import Line, Timeouts
from mailer.delivery.outcome import Outcome, given_back
from mailer.delivery.relay import Relay


def send_one(relay: Relay, parcel: Parcel, *, token: str = "", timeouts: Timeouts | None = None) -> Outcome:
    """Open a line, with `token` by XOAUTH2, carry the one letter, say goodbye; not to be called in an event loop.

    Raises:
        RelayUnreachable: no line could be opened.
    """
    return asyncio.run(_send(relay, parcel, token, timeouts or Timeouts()))


async def _send(relay: Relay, parcel: Parcel, token: str, timeouts: Timeouts) -> Outcome:
    post = _Single(parcel)
    line = await Line.open(relay, post, timeouts=timeouts, token=token)
    try:
        return await post.outcome
    finally:
        await line.close(within=0)


class _Single:
    """The post of a line that gets one letter, and may always send its dot."""

    def __init__(self, parcel: Parcel) -> None:
        self._parcel: Parcel | None = parcel
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def take(self, line: Line, /) -> Parcel | None:
        parcel, self._parcel = self._parcel, None
        return parcel

    def intend(self, line: Line, parcel: Parcel, /) -> None:
        line.go(parcel.key)

    def ended(self, line: Line, parcel: Parcel, outcome: Outcome, /) -> None:
        self.outcome.set_result(outcome)

    def closed(self, line: Line, reason: Outcome | None, /) -> None:
        """Before the letter was taken, if nothing is known of it yet."""
        if not self.outcome.done():
            self.outcome.set_result(reason or given_back("the line was closed"))
